"""Ferraro et al. 2025 (Cochrane CD015373.pub2): every printed row, weight and pooled result.

The printed numbers stand in ``data/published.csv`` with their source. A number is met within half
its last printed digit.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from bayes_nmda.data import TrialData
from bayes_nmda.effects import replication

QUANTITIES = ("estimate", "ci_low", "ci_high", "weight")


@pytest.fixture(scope="module")
def replicated(trials: TrialData) -> pd.DataFrame:
    return replication(trials)


def test_every_row_and_every_pooled_result_is_there_once(replicated) -> None:
    assert replicated["kind"].value_counts().to_dict() == {"row_effect": 176, "pooled": 3}
    assert replicated["id"].is_unique


def test_every_printed_number_is_reproduced_or_a_decision_says_why(replicated) -> None:
    missed = replicated[~replicated["reproduced"] & (replicated["decision"] == "")]
    assert missed.empty, missed.to_string()


def test_no_row_needs_a_decision_to_explain_it(replicated) -> None:
    """All 176 rows are consistent with their own arm numbers."""
    assert replicated["reproduced"].all()


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_each_quantity_lies_within_half_its_last_printed_digit(replicated, quantity) -> None:
    rows = replicated[replicated["kind"] == "row_effect"]
    printed, ours = rows[f"printed_{quantity}"], rows[f"ours_{quantity}"]
    assert (printed.isna() == ours.isna()).all()
    assert (printed - ours).abs().max() <= 0.5e-6 * (1 + 1e-6)


def test_weights_of_every_analysis_with_two_rows_or_more_are_reproduced(replicated) -> None:
    rows = replicated[(replicated["kind"] == "row_effect") & replicated["printed_weight"].notna()]
    several = rows[rows.groupby("analysis")["id"].transform("size") >= 2]
    assert several["analysis"].nunique() == 36
    np.testing.assert_allclose(
        several["ours_weight"], several["printed_weight"], atol=5.1e-7, rtol=0
    )


@pytest.mark.parametrize(
    ("analysis", "printed"),
    [
        ("1.1", (-15.79, -32.09, 0.51)),
        ("1.4", (-5.32, -15.51, 4.87)),
        ("1.9", (3.26, 1.05, 10.09)),
    ],
)
def test_published_pooled_results_come_out_to_two_decimals(replicated, analysis, printed) -> None:
    row = replicated[(replicated["kind"] == "pooled") & (replicated["analysis"] == analysis)].iloc[
        0
    ]
    assert tuple(round(row[f"ours_{name}"], 2) for name in QUANTITIES[:3]) == printed
    assert tuple(row[f"printed_{name}"] for name in QUANTITIES[:3]) == printed


def test_what_the_review_could_not_estimate_is_missing_in_ours(replicated) -> None:
    rows = replicated[(replicated["kind"] == "row_effect") & replicated["printed_estimate"].isna()]
    assert len(rows) == 7
    assert rows["ours_estimate"].isna().all()


def test_a_wrong_number_is_not_reproduced(trials) -> None:
    outcomes = trials.outcomes.copy()
    row = (outcomes["trial"] == "sigtermans2009") & (outcomes["outcome"] == "pain_intensity")
    first = outcomes.index[row & (outcomes["timepoint"] == "immediate")][0]
    outcomes.loc[first, "mean"] += 0.00001
    table = replication(dataclasses.replace(trials, outcomes=outcomes))
    missed = table[~table["reproduced"]]
    assert set(missed["analysis"]) == {"1.1", "1.2"}
    assert (missed["difference"] > missed["tolerance"]).all()


def test_a_missing_record_is_not_reproduced(trials) -> None:
    outcomes = trials.outcomes[trials.outcomes["trial"] != "macian2022"]
    table = replication(dataclasses.replace(trials, outcomes=outcomes))
    assert set(table.loc[~table["reproduced"], "trial"]) == {"macian2022", "schrader1999"}


def test_a_decision_on_a_printed_row_is_shown_beside_it(trials) -> None:
    first = trials.published["id"].iloc[0]
    decision = trials.decisions.iloc[[0]].assign(id="D999", table="published", target=f"{first};x")
    table = replication(dataclasses.replace(trials, decisions=decision))
    assert table["decision"].tolist()[0] == "D999"
    assert set(table["decision"].tolist()[1:]) == {""}
