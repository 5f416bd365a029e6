"""Where the review's trials give numbers; what is said here comes out of the tables."""

import pytest

import bayes_nmda as nmda
from bayes_nmda.errors import UsageError


@pytest.fixture(scope="module")
def trials():
    return nmda.load_trials(validate=False)


@pytest.fixture(scope="module")
def table(trials):
    return nmda.evidence_map(trials).table


@pytest.mark.parametrize("outcome", ["depressive_symptoms", "opioid_use"])
def test_no_ketamine_trial_gives_a_number_on_depression_or_opioid_use(table, outcome):
    rows = table[(table["drug"] == "ketamine") & (table["outcome"] == outcome)]
    assert {"intravenous", "oral", "topical"} <= set(rows["route"])
    assert rows["trials"].sum() == 0


def test_the_depressive_symptoms_of_the_review_are_those_of_memantine(table):
    rows = table[(table["outcome"] == "depressive_symptoms") & (table["trials"] > 0)]
    assert set(rows["drug"]) == {"memantine"}


def test_the_finding_is_said_in_words(trials):
    sentence = nmda.evidence_map(trials, drug="ketamine").sentence
    assert "depressive symptoms or opioid use" in sentence


def test_placebo_comparisons_count_the_people_of_the_review(trials):
    table = nmda.evidence_map(trials, comparator="placebo").table.set_index(
        ["drug", "route", "outcome", "timepoint"]
    )
    # analyses 1.1 and 1.4 of the review, doi:10.1002/14651858.CD015373.pub2
    immediate = table.loc[("ketamine", "intravenous", "pain_intensity", "immediate")]
    short = table.loc[("ketamine", "intravenous", "pain_intensity", "short")]
    assert (immediate["trials"], immediate["participants"]) == (3, 173)
    assert (short["trials"], short["participants"]) == (4, 114)


def test_an_inferred_route_is_marked(table):
    rows = table[(table["drug"] == "amantadine") & (table["trials"] > 0)]
    assert set(rows["route_basis"]) == {"inferred"}


def test_trials_without_a_usable_number_are_counted(table):
    known = table.drop_duplicates(["drug", "route"]).set_index(["drug", "route"])
    assert known.loc[("ketamine", "intravenous"), "trials_without_numbers"] > 0


def test_results_of_abstracts_are_counted_and_not_pooled(table):
    rows = table[(table["outcome"] == "depressive_symptoms") & (table["route"] == "oral")]
    ketamine = rows[rows["drug"] == "ketamine"]
    assert (ketamine["abstract_results"] > 0).all()
    assert ketamine["trials"].sum() == 0


@pytest.mark.parametrize(
    "selector", [{"drug": "ketamin"}, {"outcome": "joy"}, {"comparator": "morphine"}, {"drug": []}]
)
def test_an_unknown_word_is_refused(trials, selector):
    with pytest.raises(UsageError, match="allowed"):
        nmda.evidence_map(trials, **selector)
