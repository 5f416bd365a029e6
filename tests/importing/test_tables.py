"""No row is unaccounted for, and people count once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bayes_nmda.importing import read_source
from bayes_nmda.importing.mapping import Subgroup, propose
from bayes_nmda.importing.tables import make_tables
from tests.importing.conftest import counted, measured, of_rows, proposed


def made(*rows, mapping=None):
    source = of_rows(*rows)
    return make_tables(source, mapping or proposed(source))


@pytest.mark.parametrize(
    ("name", "rows", "aside"),
    [
        ("CD002122_pub3", 367, 0),
        ("CD004871_pub5", 117, 56),
        ("CD008469_pub3", 50, 2),
        ("CD013042_pub2", 312, 133),
        ("CD013331_pub2", 40, 0),
        ("CD015584_pub2", 115, 12),
    ],
)
def test_every_row_of_a_review_is_used_or_set_aside_with_a_reason(reviews, name, rows, aside):
    file = f"{name}-data-rows.csv"
    source = read_source({file: reviews[file]})
    tables = make_tables(source, propose(source, files=[file], date="2026-11-30", options={}))
    gone = {(one.file, one.row) for one in tables.set_aside}
    assert tables.used.isdisjoint(gone)
    assert tables.used | gone == {(row.file, row.row) for row in source.rows}
    assert (len(source.rows), len(gone)) == (rows, aside)
    assert all(one.reason for one in tables.set_aside)
    named = ";".join(one["target"] for one in tables.decisions).split(";")
    assert sorted(named) == sorted(f"{file} row {row}" for _, row in gone) or not gone


def test_the_numbers_of_a_row_stand_in_the_tables_as_they_were():
    tables = made(measured("Alder", (48.7, 10.8, 20), (55.25, 10.5, 21)))
    t, c = tables.outcomes
    assert (t["mean"], t["sd"], t["n"]) == ("48.7", "10.8", "20")
    assert (c["mean"], c["sd"], c["n"]) == ("55.25", "10.5", "21")
    assert (t["locator"], c["locator"]) == ("2T", "2C")
    assert {t["source"]} == {"raw/CD000001_pub2-data-rows.csv"}


def test_a_control_arm_with_the_same_numbers_is_one_arm():
    tables = made(
        measured("Alder", (3, 1, 20), (5, 2, 20), subgroup="Low dose"),
        measured("Alder", (2, 1, 21), (5, 2, 20), subgroup="High dose"),
    )
    controls = [arm for arm in tables.arms if arm["role"] == "control"]
    assert len(controls) == 1
    assert [arm["arm"] for arm in tables.arms if arm["role"] == "treatment"] == [
        "treatment",
        "treatment_high_dose",
    ]
    shared = next(one for one in tables.outcomes if one["arm"] == "control")
    assert shared["shared_arm"] == "true"


def test_parts_of_a_divided_control_group_are_other_people():
    tables = made(
        measured("Alder", (3, 1, 83), (5, 2, 41)), measured("Alder", (2, 1, 84), (5, 2, 42))
    )
    strata = {arm["arm"]: arm["stratum"] for arm in tables.arms}
    assert strata == {
        "treatment": "", "control": "", "treatment_part_2": "part_2", "control_part_2": "part_2"
    }  # fmt: skip
    assert not tables.set_aside


def test_as_many_people_with_other_numbers_seem_to_be_the_same_people():
    tables = made(
        measured("Alder", (3, 1, 20), (5, 2, 20)), measured("Alder", (2, 1, 20), (4, 2, 20))
    )
    assert [one.row for one in tables.set_aside] == [3]
    assert "the same people again" in tables.set_aside[0].reason
    assert len(tables.outcomes) == 2


def test_the_mapping_can_say_that_they_are_two_outcomes():
    rows = (
        measured("Alder", (3, 1, 20), (5, 2, 20), subgroup="Rest"),
        measured("Alder", (2, 1, 20), (4, 2, 20), subgroup="Movement"),
    )
    source = of_rows(*rows)
    mapping = proposed(source)
    parts = (Subgroup("Rest", "pain_at_rest"), Subgroup("Movement", "pain_on_movement"))
    one = replace(mapping.analyses[0], subgroups=parts)
    tables = make_tables(source, replace(mapping, analyses=(one,)))
    assert {record["outcome"] for record in tables.outcomes} == {"pain_at_rest", "pain_on_movement"}
    assert not tables.set_aside


def test_the_same_row_twice_counts_once():
    tables = made(
        measured("Alder", (3, 1, 20), (5, 2, 20)), measured("Alder", (3, 1, 20), (5, 2, 20))
    )
    assert [one.reason for one in tables.set_aside] == ["it repeats row 2 of analysis 1.1"]


def test_arms_of_other_comparators_are_not_compared_crosswise():
    tables = made(
        measured("Alder", (3, 1, 20), (5, 2, 20)),
        measured("Alder", (3, 1, 20), (4, 2, 22), analysis="2,1"),
    )
    strata = {arm["comparator"]: arm["stratum"] for arm in tables.arms if arm["role"] == "control"}
    assert strata == {"control 1": "", "control 2": "vs_control_2"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (measured("Birch", (3, 0, 20), (4, 1, 20)), "a standard deviation of 0"),
        (measured("Birch", (3, 1, 1), (4, 1, 20)), "fewer than 2 people"),
        (measured("Birch", ("", "", 20), ("", "", 20)), "no mean and standard deviation"),
    ],
)
def test_what_no_model_can_take_is_set_aside(row, reason):
    tables = made(measured("Alder", (3, 1, 20), (4, 1, 20)), row)
    assert [one.study for one in tables.set_aside] == ["Birch"]
    assert reason in tables.set_aside[0].reason
    assert [one["why"] for one in tables.decisions] == [tables.set_aside[0].reason]


def test_more_events_than_people_are_set_aside():
    tables = made(counted("Alder", 3, 20, 4, 20), counted("Birch", 25, 20, 3, 20))
    assert [one.reason for one in tables.set_aside] == [
        "it has more events than people, or nobody in an arm"
    ]


def test_trials_without_events_stay():
    tables = made(counted("Alder", 0, 20, 0, 20), counted("Birch", 1, 20, 3, 20))
    assert not tables.set_aside
    assert [one["events"] for one in tables.outcomes] == ["0", "0", "1", "3"]


def test_names_that_differ_in_signs_alone_are_trials_of_their_own():
    tables = made(counted("Alder 2001", 1, 20, 2, 20), counted("Alder-2001", 1, 20, 3, 20))
    assert [one["trial"] for one in tables.trials] == ["alder2001", "alder2001x2"]
