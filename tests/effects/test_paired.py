"""Effects of paired data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_nmda.effects.continuous import mean_difference
from bayes_nmda.effects.paired import (
    crossover_smd,
    paired_mean_difference,
    standardised_mean_change,
)
from bayes_nmda.errors import UsageError

MEASURES = [paired_mean_difference, crossover_smd, standardised_mean_change]


@given(st.floats(1, 50), st.floats(1, 50), st.integers(3, 200))
def test_without_correlation_pairs_are_two_parallel_arms(sd_t, sd_c, n) -> None:
    yi, vi = paired_mean_difference(10, sd_t, 7, sd_c, n, correlation=0)
    parallel, parallel_vi = mean_difference(10, sd_t, n, 7, sd_c, n)
    assert yi == parallel
    assert vi == pytest.approx(parallel_vi)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_stronger_correlation_narrows_the_error(measure) -> None:
    _, vi = measure(10, 5, 7, 6, 20, correlation=np.linspace(-0.9, 0.9, 7))
    assert (np.diff(vi) < 0).all()


@pytest.mark.parametrize("measure", [paired_mean_difference, crossover_smd])
def test_swapping_the_periods_flips_the_sign(measure) -> None:
    yi, vi = measure(10, 5, 7, 6, 20, correlation=0.5)
    back, back_vi = measure(7, 6, 10, 5, 20, correlation=0.5)
    assert (back, back_vi) == (pytest.approx(-yi), pytest.approx(vi))


def test_equal_variances_are_the_special_case_of_unequal_ones_in_large_samples() -> None:
    arm = {"mean_t": 10, "sd_t": 5, "mean_c": 7, "sd_c": 5, "n": 10**6, "correlation": 0.5}
    _, unequal = standardised_mean_change(**arm)
    _, equal = standardised_mean_change(**arm, equal_variances=True)
    assert unequal == pytest.approx(equal, rel=1e-5)


@pytest.mark.parametrize("measure", MEASURES)
def test_an_impossible_correlation_is_refused(measure) -> None:
    with pytest.raises(UsageError, match=r"correlation\[1\] is 2"):
        measure(10, 5, 7, 6, 20, correlation=[0.5, 2])
