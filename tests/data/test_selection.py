"""Selecting records keeps the arms that they are compared with."""

from __future__ import annotations

import pytest

from bayes_nmda.data import TrialData
from bayes_nmda.errors import UsageError


def arms(trials: TrialData) -> set[tuple[str, str]]:
    return set(zip(trials.outcomes["trial"], trials.outcomes["arm"], strict=True))


def test_nothing_selected_keeps_everything(committed: TrialData) -> None:
    assert len(committed.select().outcomes) == len(committed.outcomes)


def test_a_drug_keeps_its_controls_and_drops_its_rivals(committed: TrialData) -> None:
    chosen = committed.select(trial="Martin 2019", drug="memantine")
    assert arms(chosen) == {("martin2019", "memantine"), ("martin2019", "placebo")}


def test_a_comparator_keeps_the_arms_compared_with_it(committed: TrialData) -> None:
    chosen = committed.select(comparator="amitriptyline")
    assert arms(chosen) == {
        ("lynch2005", "ketamine_topical"),
        ("lynch2005", "amitriptyline_topical"),
    }


def test_strata_are_not_partners_of_each_other(committed: TrialData) -> None:
    chosen = committed.select(trial="dadabayev2020", comparator="ketorolac")
    assert len(chosen.outcomes) == 8


def test_selections_follow_one_another(committed: TrialData) -> None:
    once = committed.select(drug="ketamine", route="intravenous", outcome="pain_intensity")
    twice = committed.select(drug="ketamine").select(route="intravenous")
    twice = twice.select(outcome="pain_intensity")
    assert list(once.outcomes["outcome_id"]) == list(twice.outcomes["outcome_id"])
    assert set(once.trials["trial"]) == set(once.outcomes["trial"])


def test_several_values_and_the_empty_timepoint_can_be_chosen(committed: TrialData) -> None:
    assert set(committed.select(timepoint=["short", "medium"]).outcomes["timepoint"]) == {
        "short",
        "medium",
    }
    assert set(committed.select(timepoint="").outcomes["timepoint"]) == {""}


def test_an_unknown_value_is_refused_with_those_there_are(committed: TrialData) -> None:
    with pytest.raises(UsageError, match="drug: found 'ketamin'; allowed: amantadine, dextro"):
        committed.select(drug="ketamin")


def test_the_original_is_not_changed(committed: TrialData) -> None:
    committed.select(outcome="nausea")
    assert len(committed.outcomes) == 256
