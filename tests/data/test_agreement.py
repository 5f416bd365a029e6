"""Rows that contradict each other are refused, whichever stage meets them first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bayes_nmda.data import load_trials
from bayes_nmda.data.agreement import contradictions
from bayes_nmda.errors import DataError


def pair(**second: object) -> pd.DataFrame:
    first = {
        "trial": "a1",
        "arm": "t",
        "outcome": "pain_intensity",
        "timepoint": "short",
        "instrument": "PDI",
        "stratum": "",
        "higher_is_better": True,
        "value_type": "final",
    }
    return pd.DataFrame([first, {**first, "arm": "c", **second}])


def test_two_arms_that_agree_contradict_nothing():
    assert contradictions(pair()) == []
    assert contradictions(pair(higher_is_better=None, value_type="")) == []


@pytest.mark.parametrize("order", [1, -1])
def test_two_directions_of_one_contrast_are_found_in_either_order(order):
    rows = pair(higher_is_better=False).iloc[::order]
    (one,) = contradictions(rows)
    assert (one.first, one.second, one.column) == (0, 1, "higher_is_better")
    assert one.found == ("true and false" if order == 1 else "false and true")


def test_change_and_final_values_of_one_contrast_are_found():
    (one,) = contradictions(pair(value_type="change"))
    assert (one.column, one.found) == ("value_type", "final and change")


def test_one_instrument_has_one_direction_in_all_trials():
    (one,) = contradictions(pair(trial="b2", higher_is_better=False))
    assert "one direction in all trials" in one.why
    assert contradictions(pair(trial="b2", instrument="SF-36", higher_is_better=False)) == []
    assert contradictions(pair(trial="b2", value_type="change")) == []


@pytest.mark.parametrize("column", ["higher_is_better", "value_type"])
def test_a_folder_with_a_contradiction_is_refused_with_both_rows(
    folder: Path, edit: Callable[..., None], column: str
) -> None:
    edit("outcomes.csv", 2, column, "true" if column == "higher_is_better" else "change")
    if column == "value_type":
        edit("outcomes.csv", 2, "change_score", "true")
    with pytest.raises(DataError) as caught:
        load_trials(folder)
    assert f"column {column}" in str(caught.value)
    assert "in rows 2 and 3" in str(caught.value)
    assert "sigtermans2009 ketamine_iv pain_intensity immediate" in str(caught.value)
