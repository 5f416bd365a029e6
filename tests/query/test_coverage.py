"""Where the review's trials give numbers; what is said here comes out of the tables."""

from collections import Counter
from dataclasses import replace

import pandas as pd
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


def test_a_ketamine_trial_that_gave_such_a_number_would_be_seen(trials):
    memantine = trials.outcomes[trials.outcomes["outcome"] == "depressive_symptoms"]
    trial = memantine["trial"].iloc[0]
    arms = trials.arms[trials.arms["trial"] == trial]
    given = arms["arm"][arms["role"] == "treatment"].iloc[0]
    changed = trials.arms.copy()
    row = (changed["trial"] == trial) & (changed["arm"] == given)
    changed.loc[row, ["drug", "route"]] = ["ketamine", "oral"]
    answer = nmda.evidence_map(
        replace(trials, arms=changed),
        drug="ketamine",
        outcome=["depressive_symptoms", "opioid_use"],
    )
    assert sum(row["trials"] for row in answer.records) > 0
    assert "depressive symptoms" not in answer.sentence
    assert "opioid use" in answer.sentence


def test_the_depressive_symptoms_of_the_review_are_those_of_memantine(table):
    rows = table[(table["outcome"] == "depressive_symptoms") & (table["trials"] > 0)]
    assert set(rows["drug"]) == {"memantine"}


def test_the_finding_is_said_in_words(trials):
    outcomes = ["depressive_symptoms", "opioid_use"]
    sentence = nmda.evidence_map(trials, drug="ketamine", outcome=outcomes).sentence
    assert sentence == (
        "None of the 28 trials with numbers gives one on depressive symptoms or opioid use with "
        "ketamine, by any route."
    )


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


def test_every_known_trial_without_a_usable_number_is_counted_where_it_belongs(trials, table):
    unusable = set(trials.trials.loc[trials.trials["in_review"] != "yes", "trial"])
    assert len(unusable) == 41  # NOTES of the extraction: 69 known trials, 28 with numbers
    arms = trials.arms[(trials.arms["role"] == "treatment") & trials.arms["trial"].isin(unusable)]
    assert set(arms["trial"]) == unusable  # none has only arms that the map leaves out
    given = arms.drop_duplicates(["trial", "drug", "route"])
    expected = Counter(zip(given["drug"], given["route"], strict=True))
    found = table.drop_duplicates(["drug", "route"]).set_index(["drug", "route"])
    counted = found["trials_without_numbers"]
    assert {pair: n for pair, n in counted.items() if n} == dict(expected)


def test_trials_whose_route_is_not_stated_have_rows_of_their_own(table):
    rows = table[table["route"] == ""].drop_duplicates(["drug", "trials_without_numbers"])
    assert dict(zip(rows["drug"], rows["trials_without_numbers"], strict=True)) == {
        "ketamine": 1,
        "memantine": 1,
    }
    assert set(rows["route_basis"]) == {"not stated"}


def test_trials_without_numbers_are_said_in_words_over_all_outcomes_only(trials):
    sentence = nmda.evidence_map(trials).sentences[-1]
    assert sentence.startswith("41 of 69 known trials give no usable number on any outcome")
    assert "intravenous ketamine 16" in sentence
    assert "memantine by a route not stated 1" in sentence
    one = nmda.evidence_map(trials, drug="amantadine").sentences[-1]
    assert one.endswith("intravenous amantadine 2.")
    assert "known trials" not in nmda.evidence_map(trials, outcome="opioid_use").sentence


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


def test_people_of_a_crossover_count_once_where_both_arms_may_be_the_same(trials):
    def people(outcome, comparator, drug, route):
        found = nmda.evidence_map(trials, drug=drug, outcome=outcome, comparator=comparator)
        return sum(row["participants"] for row in found.records if row["route"] == route)

    # Niesters 2013, 3 against 3, and how many were randomised is not known
    assert people("any_adverse_event", "active", "ketamine", "intravenous") == 3
    # Carlsson 2004 and Gilron 2000: 7 + 8 of 15 and 9 + 10 of 19, with Martin 2019
    table = nmda.effect_table(trials, nmda.load_model("tolerability"))
    same = table.participants["dextromethorphan/oral"]
    assert people("tolerability", "placebo", "dextromethorphan", "oral") == same == 74


def given_effect(trial, **changed):
    """Return one effect without arms, of topical ketamine on depressive symptoms."""
    row = {"trial": trial, "drug": "ketamine", "route": "topical", "comparator": "placebo"}
    row |= {"outcome": "depressive_symptoms", "timepoint": "short", "n_t": 20, "n_c": 21}
    return pd.DataFrame([row | {"measure": "SMD", "yi": -0.2, "sei": 0.3} | changed])


def test_an_effect_without_arms_counts_as_a_trial_with_a_number(trials, table):
    unusable = trials.trials.loc[trials.trials["in_review"] != "yes", "trial"].iloc[0]

    def topical(answer):
        rows = answer.table
        kept = (rows["drug"] == "ketamine") & (rows["outcome"] == "depressive_symptoms")
        return rows[kept & (rows["route"] == "topical") & (rows["timepoint"] == "short")].iloc[0]

    known = replace(trials, contrasts=given_effect(unusable))
    found = topical(nmda.evidence_map(known))
    assert (found["trials"], found["participants"]) == (1, 41)
    assert "40 of 69 known trials" in nmda.evidence_map(known).sentence
    against = nmda.evidence_map(known, comparator="active")
    assert topical(against)["trials"] == 0
    kept = ["drug", "route", "outcome", "timepoint"]
    before = table.set_index(kept)["participants"].sum()
    assert nmda.evidence_map(known).table["participants"].sum() == before + 41


def test_people_of_an_effect_that_gives_no_numbers_are_not_guessed(trials):
    unusable = trials.trials.loc[trials.trials["in_review"] != "yes", "trial"].iloc[0]
    known = replace(trials, contrasts=given_effect(unusable, n_t=None, n_c=None))
    rows = nmda.evidence_map(known, drug="ketamine", outcome="depressive_symptoms").table
    assert (rows["trials"].sum(), rows["participants"].sum()) == (1, 0)


def test_a_plain_table_is_refused_with_a_reason():
    frame = pd.DataFrame({"trial": ["a", "b"], "yi": [1.0, 2.0], "sei": [1.0, 1.0]})
    plain = nmda.trials_from(frame, outcome="pain", higher_is_better=False, measure="MD")
    with pytest.raises(UsageError, match="project's tables"):
        nmda.evidence_map(plain)
