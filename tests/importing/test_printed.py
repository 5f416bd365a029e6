"""Printed effects come out of the imported numbers, and show how they were made."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bayes_nmda.importing import read_source
from bayes_nmda.importing.printed import (
    OF_COUNTS,
    OF_MEANS,
    compare,
    computed,
    effect,
    measure_of,
    pooled_met,
)
from bayes_nmda.importing.rows import Arm, Contrast, Pooled, Printed, Row, Settings
from tests.importing.conftest import counted, measured, of_rows

#: Rows, printed effects and measures of each review, as they were counted by hand from the files.
REVIEWS = {
    "CD002122_pub3": (367, 363, {"MD", "RR", "OR"}),
    "CD004871_pub5": (117, 117, {"MD", "SMD", "RR"}),
    "CD008469_pub3": (50, 50, {"MD", "SMD", "observed"}),
    "CD013042_pub2": (312, 304, {"MD", "SMD", "RR", ""}),
    "CD013331_pub2": (40, 37, {"MD", "OR", ""}),
    "CD015584_pub2": (115, 99, {"MD", "RR", "Peto OR", ""}),
}


def a_row(t: Arm, c: Arm, **more: Any) -> Row:
    return Row("a.csv", 2, "1.1", "Pain", "", "Alder 2001", "2001", t, c, **more)


@pytest.mark.parametrize("name", REVIEWS)
def test_every_printed_effect_of_a_review_is_reproduced(reviews, name):
    source = read_source({f"{name}-data-rows.csv": reviews[f"{name}-data-rows.csv"]})
    grouped: dict[str, list[Row]] = {}
    for row in source.rows:
        grouped.setdefault(row.analysis, []).append(row)
    found = {number: measure_of(rows, Settings()) for number, rows in grouped.items()}
    met = [one for _, _, of_rows_ in found.values() for one in of_rows_.values()]
    rows, printed, measures = REVIEWS[name]
    assert (len(source.rows), len(met)) == (rows, printed)
    assert [one for one in met if not one.reproduced] == []
    assert {measure for measure, _, _ in found.values()} == measures


@pytest.mark.parametrize("measure", [*OF_MEANS, *OF_COUNTS])
@pytest.mark.parametrize("level", [0.95, 0.99])
def test_an_analysis_shows_its_own_measure_and_level(measure, level):
    arms = [
        (Arm(4.0, 2.5, 7, 40), Arm(5.5, 2.0, 12, 38)),
        (Arm(3.0, 2.1, 3, 25), Arm(5.0, 2.9, 4, 31)),
    ]
    only = {"means": ("events",), "counts": ("mean", "sd")}[
        "means" if measure in OF_MEANS else "counts"
    ]
    rows = []
    for t, c in arms:
        kept = [replace(arm, **dict.fromkeys(only)) for arm in (t, c)]
        bare = a_row(*kept)
        shown = [round(x, 6) for x in computed(bare, measure, level=level)]
        rows.append(a_row(*kept, printed=Printed(*shown, 6)))
    found, at, met = measure_of(rows, Settings())
    assert (found, at) == (measure, level)
    assert all(one.reproduced for one in met.values())


def test_exchanged_arms_turn_an_effect_around():
    t, c = Arm(4.0, 2.5, 7, 40), Arm(5.5, 2.0, 12, 38)
    for measure in (*OF_MEANS, *OF_COUNTS):
        one, other = effect(a_row(t, c), measure), effect(a_row(c, t), measure)
        assert one[0] == pytest.approx(-other[0], abs=1e-12)
        assert one[1] == pytest.approx(other[1], rel=1e-12)


def test_a_wrong_digit_is_not_reproduced():
    t, c = Arm(4.0, 2.5, None, 40), Arm(5.5, 2.0, None, 38)
    shown = [round(x, 6) for x in computed(a_row(t, c), "MD")]
    assert compare(a_row(t, c, printed=Printed(*shown, 6)), "MD").reproduced
    wrong = Printed(shown[0] + 2e-6, shown[1], shown[2], 6)
    assert not compare(a_row(t, c, printed=wrong), "MD").reproduced


def test_what_the_decimals_of_an_input_leave_open_counts_as_met():
    exact, rounded = 2.4999996, 2.5  # an SD of more decimals than the file shows
    t, c = Arm(4.0, exact, None, 4), Arm(5.5, 2.123457, None, 4)
    shown = [round(x, 6) for x in computed(a_row(t, c), "MD")]
    kept = a_row(Arm(4.0, rounded, None, 4), c, printed=Printed(*shown, 6))
    found = compare(kept, "MD")
    assert found.difference < 1e-6
    coarse = a_row(Arm(4.0, 2.6, None, 4), c, printed=Printed(*shown, 6))
    assert not compare(coarse, "MD").reproduced


def test_observed_less_expected_is_a_log_ratio():
    row = a_row(Arm(events=61, n=96), Arm(events=50, n=93), observed=(0.4055, 0.2961))
    assert computed(row, "observed") == pytest.approx((3.933265, 0.10727, 144.221001), abs=6e-7)


def test_an_effect_that_is_given_may_be_a_logarithm():
    given = Contrast(-0.3, 0.1)
    shown = [round(math.exp(x), 6) for x in (-0.3, -0.3 - 1.959964 * 0.1, -0.3 + 1.959964 * 0.1)]
    row = a_row(Arm(n=40), Arm(n=40), given=given, printed=Printed(*shown, 6))
    measure, _, met = measure_of([row], Settings())
    assert measure == "given ratio"
    assert met[0].reproduced


def test_everybody_with_the_event_in_both_arms_is_a_risk_ratio_of_one():
    row = a_row(Arm(events=17, n=17), Arm(events=18, n=18))
    assert computed(row, "RR") == pytest.approx((1.0, 0.898053, 1.11352), abs=1e-6)


def test_blank_effects_say_nothing_about_the_measure():
    source = of_rows(counted("Alder", 0, 20, 0, 20))
    assert source.rows[0].printed is None
    measure, _, met = measure_of(list(source.rows), Settings())
    assert (measure, met) == ("", {})


def bcg() -> list[Row]:
    table = pd.read_csv(Path(__file__).parents[1] / "published/data/bcg_metastan_berkey1995.csv")
    return [
        a_row(Arm(events=one.r2, n=one.n2), Arm(events=one.r1, n=one.n1))
        for one in table.itertuples()
    ]


def test_a_pooled_result_comes_out_by_the_stated_method():
    """BCG by Mantel-Haenszel, as Stata and metafor print it: log risk ratio -0.4537."""
    printed = Pooled("1.1", "", Printed(0.635, 0.588, 0.686, 3))
    stated = Settings("RR", "MH", random=False)
    assert pooled_met(printed, bcg(), "RR", stated) == (True, "Mantel-Haenszel")
    assert pooled_met(printed, bcg(), "RR", Settings("RR")) == (True, "Mantel-Haenszel")
    wrong = Pooled("1.1", "", Printed(0.635, 0.588, 0.689, 3))
    assert pooled_met(wrong, bcg(), "RR", stated) == (False, "Mantel-Haenszel")


def test_zero_standard_deviations_and_impossible_counts_are_no_numbers(reviews):
    source = of_rows(
        measured("Alder", (3, 0, 20), (4, 1, 20)), counted("Birch", 25, 20, 3, 20, analysis="1,2")
    )
    from bayes_nmda.importing.printed import kinds

    assert [kinds(row) for row in source.rows] == [(), ()]
