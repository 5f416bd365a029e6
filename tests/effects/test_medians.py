"""Means and standard deviations from medians, quartiles and ranges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from bayes_nmda.effects.medians import (
    from_five_numbers,
    from_quartiles,
    from_range,
    skewness_excess,
)
from bayes_nmda.errors import UsageError

sizes = st.integers(5, 500)


@given(st.floats(-50, 50), st.floats(0.5, 30), sizes)
def test_a_symmetric_summary_has_its_median_as_mean(median, half, n) -> None:
    low, high = median - half, median + half
    q1, q3 = median - half / 2, median + half / 2
    assert from_range(low, median, high, n)[0] == pytest.approx(median, abs=1e-9)
    assert from_quartiles(q1, median, q3, n)[0] == pytest.approx(median, abs=1e-9)
    assert from_five_numbers(low, q1, median, q3, high, n)[0] == pytest.approx(median, abs=1e-9)


@given(st.floats(0.01, 100), sizes)
def test_another_unit_rescales_mean_and_standard_deviation(factor, n) -> None:
    five = np.array([10.0, 30.0, 42.0, 60.0, 95.0])
    mean, sd = from_five_numbers(*five, n)
    scaled, scaled_sd = from_five_numbers(*(five * factor), n)
    assert scaled == pytest.approx(mean * factor)
    assert scaled_sd == pytest.approx(sd * factor)


@pytest.mark.parametrize("n", [9, 41, 201])
def test_normal_data_give_back_their_standard_deviation_on_average(n) -> None:
    """Within four Monte Carlo standard errors of 4,000 data sets, and 2 % for the formulas."""
    draws = np.sort(np.random.default_rng(7).normal(50, 10, (4000, n)), axis=1)
    q1, mid, q3 = np.quantile(draws, [0.25, 0.5, 0.75], axis=1)
    low, high = draws[:, 0], draws[:, -1]
    for mean, sd in (
        from_range(low, mid, high, n),
        from_quartiles(q1, mid, q3, n),
        from_five_numbers(low, q1, mid, q3, high, n),
    ):
        assert mean.mean() == pytest.approx(50, abs=4 * mean.std() / 4000**0.5)
        assert sd.mean() == pytest.approx(10, abs=4 * sd.std() / 4000**0.5 + 0.2)


def test_large_samples_put_the_quartiles_at_their_normal_place() -> None:
    q3 = norm.ppf(0.75)
    assert from_quartiles(-q3, 0, q3, 10**7)[1] == pytest.approx(1, abs=1e-6)


def test_a_lopsided_range_looks_skewed() -> None:
    assert skewness_excess(0, 50, 100, 50) == 0
    assert skewness_excess(0, 10, 100, 50) > 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: from_range(3, 2, 5, 10), "median is 2; it must be no less than minimum"),
        (lambda: from_quartiles(2, 2, 2, 10), "q3 is 2; it must be above q1"),
        (lambda: from_quartiles(1, 2, 3, 2), "n is 2; it must be at least 3"),
        (lambda: from_five_numbers(0, 3, 2, 4, 5, 9), "median is 2; it must be no less than q1"),
    ],
)
def test_numbers_out_of_order_are_refused(call, message) -> None:
    with pytest.raises(UsageError, match=message):
        call()
