"""The second method and the influence of each trial, on the pain trials by the exact engine."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayes_nmda import prob_benefit
from bayes_nmda.data import load_trials
from bayes_nmda.effects import effect_table
from bayes_nmda.errors import FitError
from bayes_nmda.report.engines import agreed, influence
from bayes_nmda.spec.spec import load_model


@pytest.fixture(scope="module")
def trials():
    return load_trials()


def test_a_model_of_one_engine_only_is_named_with_the_reason(trials):
    spec = load_model("any_adverse_event")
    odd = replace(spec.structure, trial_effects="student_t", degrees_of_freedom=4.0)
    rows = effect_table(trials, spec)
    answering, table = agreed(replace(spec, structure=odd), rows, "draws", trials.digests)
    assert answering == "draws"  # those of NUTS, the only engine that can do it
    assert table["model"].tolist() == ["any_adverse_event"]
    assert "student_t" in table["not_compared"].item()
    assert influence(spec, effect_table(trials, spec), 10.0) is None


def test_draws_that_are_not_of_the_posterior_stop_the_report(trials, make_up):
    spec = load_model("pain_intensity")
    effects = effect_table(trials, spec)
    with pytest.raises(FitError, match=r"NUTS and the exact engine disagree in \d+ of \d+ numbers"):
        agreed(spec, effects, make_up(spec, effects), trials.digests)


def test_what_the_report_tells_is_what_python_answers(told):
    from bayes_nmda import posterior

    page = pd.read_csv(told / "reports" / "latest" / "tables" / "prob_benefit.csv")
    asked = prob_benefit(posterior("quick"), at_least=sorted(set(page["at_least"]))).table
    assert set(page["engine"]) == {"exact"}
    assert np.allclose(page["probability"], asked["probability"], atol=1e-6)


def test_influence_has_a_row_for_each_trial_and_cell(trials):
    spec = load_model("pain_intensity")
    effects = effect_table(trials, spec)
    table = influence(spec, effects, 10.0)
    assert len(table) == 20 * 15
    alone = table[table["change"].isna()]
    assert len(alone) == 6  # the cells that rest on a single trial
    assert np.allclose(
        (table["probability"] - table["probability_all"]).dropna(), table["change"].dropna()
    )
