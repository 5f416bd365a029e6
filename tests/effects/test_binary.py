"""Ratios and differences of risks: values, properties, empty cells, wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_nmda.effects.binary import (
    arm_standard_error,
    corrected,
    log_or,
    log_rr,
    risk_difference,
    zero_cells,
)
from bayes_nmda.errors import UsageError

MEASURES = [log_rr, log_or, risk_difference]
NAMES = {log_rr: "log_rr", log_or: "log_or", risk_difference: "RD"}


@st.composite
def arms(draw) -> tuple[int, int]:
    n = draw(st.integers(1, 300))
    return draw(st.integers(0, n)), n


@pytest.mark.parametrize("measure", MEASURES)
@given(treatment=arms(), control=arms())
def test_swapping_arms_flips_the_sign(measure, treatment, control) -> None:
    yi, vi = measure(*treatment, *control)
    back, back_vi = measure(*control, *treatment)
    np.testing.assert_allclose(yi, -back, atol=1e-12)
    np.testing.assert_allclose(vi, back_vi)


@given(treatment=arms(), control=arms())
def test_counting_people_without_the_event_flips_the_odds_ratio(treatment, control) -> None:
    (a, n1), (c, n2) = treatment, control
    yi, vi = log_or(a, n1, c, n2)
    other, other_vi = log_or(n1 - a, n1, n2 - c, n2)
    np.testing.assert_allclose(yi, -other, atol=1e-12)
    np.testing.assert_allclose(vi, other_vi)


@pytest.mark.parametrize("measure", MEASURES)
@given(treatment=arms(), control=arms())
def test_variance_is_the_sum_of_what_the_arms_add(measure, treatment, control) -> None:
    _, vi = measure(*treatment, *control)
    a, n1, c, n2 = corrected(*treatment, *control)
    name = NAMES[measure]
    parts = (
        arm_standard_error(a, n1, measure=name) ** 2 + arm_standard_error(c, n2, measure=name) ** 2
    )
    if np.isfinite(vi):
        np.testing.assert_allclose(vi, parts)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_hundred_times_the_people_have_a_hundredth_of_the_variance(measure) -> None:
    small, large = measure(3, 10, 2, 10), measure(300, 1000, 200, 1000)
    assert large[0] == pytest.approx(small[0])
    assert large[1] == pytest.approx(small[1] / 100)


def test_rare_events_make_odds_ratio_and_risk_ratio_agree() -> None:
    arm = (30, 10**6, 20, 10**6)
    assert log_or(*arm)[0] == pytest.approx(log_rr(*arm)[0], abs=1e-4)


def test_a_half_is_added_only_to_tables_with_an_empty_cell() -> None:
    a, n1, c, n2 = corrected([3, 0], [9, 9], [2, 2], [9, 9])
    np.testing.assert_allclose(a, [3, 0.5])
    np.testing.assert_allclose(n1, [9, 10])
    np.testing.assert_allclose(c, [2, 2.5])
    np.testing.assert_allclose(n2, [9, 10])


def test_an_arm_in_which_everybody_has_the_event_has_an_empty_cell() -> None:
    """The review prints RR 2.333333 for 3/3 against 1/3: without a correction it would be 3."""
    assert np.exp(log_rr(3, 3, 1, 3)[0]) == pytest.approx(7 / 3)


@pytest.mark.parametrize("measure", [log_rr, log_or])
def test_a_ratio_is_missing_when_no_one_or_everyone_has_the_event(measure) -> None:
    yi, vi = measure([0, 5, 1], [9, 5, 9], [0, 7, 1], [8, 7, 8])
    assert np.isnan(yi).tolist() == [True, True, False]
    assert np.isnan(vi).tolist() == [True, True, False]


def test_a_risk_difference_keeps_the_observed_risks_and_a_positive_variance() -> None:
    yi, vi = risk_difference([0, 3], [9, 9], [0, 0], [8, 9])
    np.testing.assert_allclose(yi, [0, 1 / 3])
    assert (vi > 0).all()


def test_empty_cells_and_tables_without_events_are_told_apart() -> None:
    empty, blank = zero_cells([0, 0, 1], [9, 9, 9], [0, 1, 1], [9, 9, 9])
    assert empty.tolist() == [True, True, False]
    assert blank.tolist() == [True, False, False]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (([3, 10], [9, 9], 2, 9), r"events_t\[1\] is 10; it must be no more than n_t"),
        ((3, 9, -1, 9), "events_c is -1; it must be 0 or more"),
        ((0, 0, 1, 9), "n_t is 0; it must be at least 1"),
    ],
)
def test_impossible_counts_are_refused_and_their_element_named(measure, counts, message) -> None:
    with pytest.raises(UsageError, match=message):
        measure(*counts)


def test_an_uncorrected_zero_has_no_standard_error() -> None:
    with pytest.raises(UsageError, match=r"use corrected\(\)"):
        arm_standard_error(0, 9, measure="log_rr")
