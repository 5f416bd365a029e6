"""Which arm is compared with which, and that nobody counts twice."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from bayes_nmda.effects.contrasts import arm_records, pairs
from bayes_nmda.errors import DataError, QueryError


def with_rows(tables, *, arms=(), outcomes=()):
    return replace(
        tables,
        arms=pd.concat([tables.arms, pd.DataFrame(list(arms))], ignore_index=True),
        outcomes=pd.concat([tables.outcomes, pd.DataFrame(list(outcomes))], ignore_index=True),
    )


def pain(tables) -> pd.DataFrame:
    return arm_records(tables, outcome="pain_intensity", kind="continuous")


def nausea(tables) -> pd.DataFrame:
    return arm_records(tables, outcome="nausea", kind="binary")


def test_contrasts_come_in_the_order_of_the_glossary(tables) -> None:
    rows = pairs(pain(tables), comparator="placebo")
    assert rows["contrast"].tolist() == [
        "Abel 2001: ketamine/intravenous/immediate",
        "Abel 2001: ketamine/intravenous/short",
        "Cole 2003: ketamine/topical/short",
        "Bell 2002: memantine/oral/short",
        "Bell 2002: dextromethorphan/oral/short",
    ]


def test_a_comparison_is_the_same_over_timepoints(tables) -> None:
    rows = pairs(pain(tables), comparator="placebo")
    assert (
        rows["comparison"][0]
        == rows["comparison"][1]
        == "Abel 2001: ketamine/intravenous vs placebo"
    )


@pytest.mark.parametrize("comparator", ["active", "amitriptyline"])
def test_an_active_comparator_is_selected_by_kind_or_name(tables, comparator) -> None:
    rows = pairs(pain(tables), comparator=comparator)
    assert rows["contrast"].tolist() == ["Cole 2003: ketamine/topical/short vs amitriptyline"]


def test_people_of_different_strata_are_not_compared(tables, make) -> None:
    arms = [
        make.arm("cole", "ketamine_b", "ketamine", "topical", stratum="b"),
        make.arm("cole", "placebo_b", "placebo", "topical", stratum="b"),
    ]
    outcomes = [
        make.score("cole", "ketamine_b", "short", 44.0, 18.0, 9),
        make.score("cole", "placebo_b", "short", 42.0, 16.0, 16),
    ]
    rows = pairs(pain(with_rows(tables, arms=arms, outcomes=outcomes)), comparator="placebo")
    cole = rows[rows["trial"] == "cole"]
    assert cole["contrast"].tolist() == [
        "Cole 2003: ketamine/topical/short",
        "Cole 2003: ketamine/topical/short (b)",
    ]
    assert list(zip(cole["arm_t"], cole["arm_c"], strict=True)) == [
        ("ketamine", "placebo"),
        ("ketamine_b", "placebo_b"),
    ]


def test_two_doses_of_one_drug_have_different_labels(tables, make) -> None:
    arms = [make.arm("bell", "memantine_high", "memantine")]
    outcomes = [make.score("bell", "memantine_high", "short", 52.0, 11.0, 18)]
    rows = pairs(pain(with_rows(tables, arms=arms, outcomes=outcomes)), comparator="placebo")
    assert rows["contrast"].is_unique
    assert rows["comparison"].nunique() == 5
    assert "Bell 2002: memantine/oral/short [memantine_high, placebo]" in set(rows["contrast"])


@pytest.mark.parametrize("n", [25, 12])
def test_a_shared_arm_split_in_two_is_caught(tables, make, n) -> None:
    """Under a second name it would count twice, whole or halved."""
    double = with_rows(
        tables,
        arms=[make.arm("bell", "placebo_2", "placebo")],
        outcomes=[make.score("bell", "placebo_2", "short", 60.0, 15.0, n)],
    )
    with pytest.raises(
        DataError, match="trial bell, pain_intensity short: arms placebo, placebo_2"
    ):
        pain(double)


def test_a_shared_treatment_arm_split_in_two_is_caught(tables, make) -> None:
    double = with_rows(
        tables,
        arms=[make.arm("cole", "ketamine_2", "ketamine", "topical")],
        outcomes=[make.score("cole", "ketamine_2", "short", 44.0, 18.0, 9)],
    )
    with pytest.raises(DataError, match="arms ketamine, ketamine_2"):
        pain(double)


def test_a_control_arm_with_the_counts_of_another_is_caught(tables, make) -> None:
    double = with_rows(
        tables,
        arms=[make.arm("bell", "placebo_2", "placebo")],
        outcomes=[make.count("bell", "placebo_2", 0, 25)],
    )
    with pytest.raises(DataError, match="arms placebo, placebo_2, comparator placebo, events 0"):
        nausea(double)


def test_different_people_with_the_same_numbers_are_allowed_in_another_stratum(
    tables, make
) -> None:
    double = with_rows(
        tables,
        arms=[make.arm("bell", "placebo_2", "placebo", stratum="second")],
        outcomes=[make.score("bell", "placebo_2", "short", 60.0, 15.0, 25)],
    )
    assert len(pain(double)) == len(pain(tables)) + 1


def test_a_record_entered_twice_is_caught(tables, make) -> None:
    double = with_rows(tables, outcomes=[make.score("bell", "placebo", "short", 61.0, 15.0, 25)])
    with pytest.raises(DataError, match="stands there twice:\n  trial bell, arm placebo"):
        pain(double)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sd": 0.0}, "needs sd > 0 and n of 2 or more"),
        ({"n": 1}, "needs sd > 0 and n of 2 or more"),
        ({"mean": None}, "lacks mean, sd, n"),
        ({"kind": "binary"}, "is not continuous"),
        ({"arm": "nobody"}, "has no arm of that name in arms.csv"),
    ],
)
def test_a_record_that_cannot_be_used_is_named(tables, make, change, message) -> None:
    bad = make.score("abel", "ketamine", "medium", 40.0, 25.0, 25) | change
    with pytest.raises(DataError, match=message) as caught:
        pain(with_rows(tables, outcomes=[bad]))
    assert f"trial abel, arm {bad['arm']}, pain_intensity medium" in str(caught.value)


def test_more_events_than_people_are_refused(tables, make) -> None:
    with pytest.raises(DataError, match="needs 0 <= events <= n"):
        nausea(with_rows(tables, outcomes=[make.count("cole", "ketamine", 10, 9)]))


def test_an_arm_without_a_route_is_refused(tables) -> None:
    arms = tables.arms.assign(
        route=tables.arms["route"].where(tables.arms["trial"] != "bell", None)
    )
    with pytest.raises(DataError, match="bell dextromethorphan, bell memantine"):
        pairs(pain(replace(tables, arms=arms)), comparator="placebo")


def test_an_outcome_without_a_record_says_which_have_one(tables) -> None:
    with pytest.raises(QueryError, match=r"'opioid_use'; reported are nausea, pain_intensity"):
        arm_records(tables, outcome="opioid_use", kind="binary")


def test_a_comparator_without_a_contrast_says_which_have_one(tables) -> None:
    with pytest.raises(QueryError, match="'aspirin'; comparators there are amitriptyline, placebo"):
        pairs(pain(tables), comparator="aspirin")
