"""The review beside ours: what it printed comes from the published table, all else is labelled."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from bayes_nmda.data import load_trials
from bayes_nmda.effects import effect_table
from bayes_nmda.report.review import reviewed
from bayes_nmda.spec.spec import load_model


@pytest.fixture(scope="module")
def trials():
    return load_trials()


def review_of(model, trials):
    spec = load_model(model)
    return reviewed(SimpleNamespace(spec=spec, effects=effect_table(trials, spec)), trials)


def with_a_trial_more(trials, like, outcome):
    """Return the tables with a copy of one trial, as a user may add it, its events turned round."""

    def copy(name):
        table = getattr(trials, name)
        rows = table[table["trial"] == like].assign(trial="added2026")
        return rows.assign(label="Added 2026") if "label" in rows else rows

    rows = copy("outcomes")
    rows = rows[rows["outcome"] == outcome]
    if "events" in rows and rows["events"].notna().any():
        rows = rows.assign(events=rows["events"].iloc[::-1].to_numpy())
    else:
        rows = rows.assign(mean=rows["mean"] + 5.0 * (rows["arm"] == rows["arm"].iloc[0]))
    added = {"trials": copy("trials"), "arms": copy("arms"), "outcomes": rows}
    return replace(
        trials,
        **{
            name: pd.concat([getattr(trials, name), more], ignore_index=True)
            for name, more in added.items()
        },
    )


def test_the_printed_risk_ratio_of_any_adverse_event_stands_with_its_certainty(trials):
    found = review_of("any_adverse_event", trials)["ketamine/intravenous"]
    assert (found.printed.estimate, found.printed.low, found.printed.high) == (3.26, 1.05, 10.09)
    assert found.certainty == "low"
    assert found.computed.near(found.printed, 2)
    assert found.moved is None


def test_the_printed_mean_differences_of_pain_stand_with_their_certainty(trials):
    found = review_of("pain_intensity", trials)
    immediate = found["ketamine/intravenous/immediate"]
    assert immediate.printed.estimate == -15.79
    assert immediate.certainty == "very low"
    assert found["ketamine/intravenous/short"].certainty == "low"


def test_a_number_that_the_review_did_not_print_is_not_credited_to_it(trials):
    found = review_of("pain_intensity", trials)["memantine/oral/short"]
    assert found.printed is None
    assert found.computed is not None
    assert found.shown == found.computed


def test_no_certainty_is_made_up(trials):
    judged = trials.published[trials.published["certainty"] != ""]
    given = {
        (model, label): review.certainty
        for model in ("pain_intensity", "any_adverse_event", "psychotomimetic", "disability")
        for label, review in review_of(model, trials).items()
        if review.certainty
    }
    assert len(given) == len(judged) == 3


@pytest.mark.parametrize(
    ("model", "cell", "like"),
    [
        ("pain_intensity", "ketamine/intravenous/immediate", "sigtermans2009"),
        ("any_adverse_event", "ketamine/intravenous", "schwartzman2009"),
        ("any_adverse_event", "ketamine/topical", "lynch2005"),
    ],
)
def test_a_trial_that_a_user_adds_does_not_change_what_the_review_printed(
    trials, model, cell, like
):
    outcome = load_model(model).select.outcome
    before = review_of(model, trials)[cell]
    more = with_a_trial_more(trials, like, outcome)
    spec = load_model(model)
    rows = effect_table(more, spec).frame
    assert (rows.loc[rows["cell"] == cell, "trial_id"] == "added2026").any()
    after = review_of(model, more)[cell]
    assert before.printed is not None
    assert after.printed == before.printed
    assert after.certainty == before.certainty
    assert after.computed != before.computed
    assert after.moved == after.computed  # told beside it, as the method on these rows


def test_a_trial_added_where_the_review_printed_nothing_stays_uncredited(trials):
    more = with_a_trial_more(trials, "martin2019", "pain_intensity")
    assert review_of("pain_intensity", more)["memantine/oral/short"].printed is None


def test_an_analysis_of_one_row_prints_that_row(trials):
    found = review_of("any_adverse_event", trials)["amantadine/oral"]
    rows = trials.published
    row = rows[(rows["drug"] == "amantadine") & (rows["outcome"] == "any_adverse_event")]
    assert found.printed.estimate == row["estimate"].item()


def test_a_cell_without_any_event_has_no_estimate(trials):
    assert "magnesium/intravenous" not in review_of("any_adverse_event", trials)


def test_a_comparison_with_another_medicine_keeps_its_name(trials):
    assert "ketamine/oral/short vs methadone" in review_of("pain_intensity_active", trials)
