"""Mean difference and standardised mean difference: values, properties, wrong input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gamma

from bayes_nmda.effects.continuous import (
    hedges_factor,
    mean_difference,
    pooled_sd,
    smd,
    smd_revman,
)
from bayes_nmda.errors import UsageError

means = st.floats(-100, 100)
sds = st.floats(0.5, 60)
sizes = st.integers(2, 400)
arms = st.tuples(means, sds, sizes)
MEASURES = [mean_difference, smd, smd_revman]


@pytest.mark.parametrize("measure", MEASURES)
@given(treatment=arms, control=arms)
def test_swapping_arms_flips_the_sign(measure, treatment, control) -> None:
    yi, vi = measure(*treatment, *control)
    back, back_vi = measure(*control, *treatment)
    assert yi == pytest.approx(-back, abs=1e-9)
    assert vi == pytest.approx(back_vi, rel=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
@given(treatment=arms, control=arms, shift=st.floats(-50, 50))
def test_shifting_both_arms_does_nothing(measure, treatment, control, shift) -> None:
    (m1, s1, n1), (m2, s2, n2) = treatment, control
    yi, vi = measure(m1, s1, n1, m2, s2, n2)
    moved, moved_vi = measure(m1 + shift, s1, n1, m2 + shift, s2, n2)
    assert moved == pytest.approx(yi, abs=1e-9)
    assert moved_vi == pytest.approx(vi, rel=1e-9)


@given(treatment=arms, control=arms, factor=st.floats(0.01, 100))
def test_another_unit_rescales_a_mean_difference_and_its_variance_quadratically(
    treatment, control, factor
) -> None:
    (m1, s1, n1), (m2, s2, n2) = treatment, control
    yi, vi = mean_difference(m1, s1, n1, m2, s2, n2)
    scaled, scaled_vi = mean_difference(m1 * factor, s1 * factor, n1, m2 * factor, s2 * factor, n2)
    assert scaled == pytest.approx(yi * factor, abs=1e-9 * factor)
    assert scaled_vi == pytest.approx(vi * factor**2, rel=1e-9)


@pytest.mark.parametrize("measure", [smd, smd_revman])
@given(treatment=arms, control=arms, factor=st.floats(0.01, 100))
def test_another_unit_leaves_a_standardised_difference_alone(
    measure, treatment, control, factor
) -> None:
    (m1, s1, n1), (m2, s2, n2) = treatment, control
    yi, vi = measure(m1, s1, n1, m2, s2, n2)
    scaled, scaled_vi = measure(m1 * factor, s1 * factor, n1, m2 * factor, s2 * factor, n2)
    assert scaled == pytest.approx(yi, rel=1e-9, abs=1e-9)
    assert scaled_vi == pytest.approx(vi, rel=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
@given(treatment=arms, control=arms, more=st.integers(1, 200))
def test_more_people_never_widen_the_error(measure, treatment, control, more) -> None:
    if measure is not mean_difference:
        # Equal means: otherwise the small-sample factor grows with n, and the effect with it.
        treatment = (control[0], *treatment[1:])
    m1, s1, n1 = treatment
    before = measure(m1, s1, n1, *control)[1]
    assert measure(m1, s1, n1 + more, *control)[1] <= before


@given(treatment=arms, control=arms, wider=st.floats(1, 5))
def test_a_wider_spread_never_narrows_the_error(treatment, control, wider) -> None:
    m1, s1, n1 = treatment
    before = mean_difference(m1, s1, n1, *control)[1]
    assert mean_difference(m1, s1 * wider, n1, *control)[1] >= before


def test_large_samples_make_all_standardised_differences_agree() -> None:
    arm = (12.0, 20.0, 10**7, 20.0, 20.0, 10**7)
    assert smd(*arm)[0] == pytest.approx(-0.4, abs=1e-6)
    assert smd_revman(*arm)[0] == pytest.approx(-0.4, abs=1e-6)


@given(st.integers(2, 300))
def test_the_exact_factor_is_the_ratio_of_gamma_functions(m) -> None:
    exact = gamma(m / 2) / (math.sqrt(m / 2) * gamma((m - 1) / 2))
    assert hedges_factor(m) == pytest.approx(exact, rel=1e-10)


def test_the_approximate_factor_is_not_the_exact_one() -> None:
    arm = (6, 5.375872, 10, 18, 9.170605, 10)
    assert smd_revman(*arm)[0] == pytest.approx(-1.529, abs=5e-7)
    assert smd(*arm)[0] == pytest.approx(-1.528841, abs=5e-7)


def test_arrays_give_one_effect_an_element() -> None:
    yi, vi = mean_difference([1, 2], [2, 2], [4, 4], 0, [2, 4], 4)
    np.testing.assert_allclose(yi, [1, 2])
    np.testing.assert_allclose(vi, [2, 5])


def test_a_pooled_variance_weighs_by_degrees_of_freedom() -> None:
    assert pooled_sd(3, 11, 5, 11) == pytest.approx(math.sqrt(17))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("arm", "message"),
    [
        (([1, 1], [2, 0], 5, 0, 2, 5), r"sd_t\[1\] is 0; it must be greater than 0"),
        (([1, 1], [2, 2], [5, 1], 0, 2, 5), r"n_t\[1\] is 1; it must be at least 2"),
        ((1, 2, 5, 0, -2, 5), "sd_c is -2; it must be greater than 0"),
        ((float("nan"), 2, 5, 0, 2, 5), "mean_t is nan; it must be a finite number"),
        (([1, 2], 2, 5, [0, 1, 2], 2, 5), "shapes do not fit"),
    ],
)
def test_an_impossible_arm_is_refused_and_its_element_named(measure, arm, message) -> None:
    with pytest.raises(UsageError, match=message):
        measure(*arm)
