"""Exponential, logarithm and normal tail without branches, against the library's."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from bayes_nmda.meta.normal_tails import (
    FARTHEST,
    exponential,
    exponential_less_one,
    logarithm,
    scaled_tail,
)


@given(st.floats(-700.0, 700.0))
def test_the_exponential_is_that_of_the_library(y: float) -> None:
    assert exponential(y) == pytest.approx(math.exp(y), rel=1e-15)


@given(st.floats(-700.0, 700.0))
def test_the_exponential_less_one_keeps_its_digits_near_zero(y: float) -> None:
    assert exponential_less_one(y) == pytest.approx(math.expm1(y), rel=2e-15)


@given(st.floats(1e-300, 1e300))
def test_the_logarithm_is_that_of_the_library(x: float) -> None:
    assert logarithm(x) == pytest.approx(math.log(x), rel=1e-15, abs=1e-15)


@given(st.floats(-0.25, 0.25))
def test_the_logarithm_keeps_its_digits_near_one(shift: float) -> None:
    x = 1.0 + shift
    assert logarithm(x) == pytest.approx(math.log(x), rel=1e-15)


@given(st.floats(0.0, FARTHEST))
def test_the_tail_of_the_normal_distribution_is_right_to_eleven_digits(a: float) -> None:
    expected = math.exp(special.log_ndtr(-a) + 0.5 * a * a)
    assert scaled_tail(a) == pytest.approx(expected, rel=1e-11)
