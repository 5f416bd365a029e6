"""Methods in words: every parameter is named, and no sentence says what the model does not do."""

import pandas as pd

from bayes_nmda.report.counted import counted_methods
from bayes_nmda.report.methods import PARAMETERS, methods
from bayes_nmda.report.sections.outcomes import Events, events_of
from bayes_nmda.spec.spec import load_model, model_names


def test_every_parameter_of_every_model_has_words():
    for name in model_names():
        spec = load_model(name)
        own = {covariate.coefficient for covariate in spec.covariates}  # in words of the file
        assert {parameter for parameter, _ in spec.priors} - own <= PARAMETERS.keys(), name


def test_timepoints_borrow_strength_only_where_the_model_has_them():
    for name, timed in (("any_adverse_event", False), ("responder_50", True)):
        steps = {step.heading: step.words for step in counted_methods(load_model(name))}
        borrow = "routes of one drug and timepoints borrow strength" in steps["Mean effects"]
        assert borrow == timed


def test_an_arm_that_two_comparisons_share_counts_once():
    rows = pd.DataFrame(
        {
            "trial_id": ["martin2019"] * 2,
            "stratum": ["", ""],
            "treatment_arm": ["memantine", "dextromethorphan"],
            "control_arm": ["placebo", "placebo"],
            "events_t": [3, 4],
            "n_t": [18, 20],
            "events_c": [2, 2],
            "n_c": [19, 19],
        }
    )
    assert events_of(rows) == Events(7, 38, 2, 19)


def test_counts_and_differences_tell_alike_how_many_draws_were_taken_and_kept():
    for told, name in ((methods, "pain_intensity"), (counted_methods, "any_adverse_event")):
        how = load_model(name).sampling
        words = next(step.words for step in told(load_model(name)) if step.heading == "Computation")
        assert f"{how.chains} chains of {how.draws * how.thin:,} draws" in words
        assert (f"one in {how.thin} kept" in words) == (how.thin > 1)
