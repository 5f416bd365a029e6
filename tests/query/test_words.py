import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_nmda.query.words import number, percent


@pytest.mark.parametrize(
    ("probability", "mcse", "words"),
    [
        (0.414, 0.009, "41 %"),
        (0.414, 0.02, "40 %"),
        (0.414, 0.08, "40 %"),
        (0.0, 0.001, "less than 1 %"),
        (0.004, 0.001, "less than 1 %"),
        (1.0, 0.001, "more than 99 %"),
        (0.02, 0.03, "less than 5 %"),
        (0.5, float("nan"), "50 %"),
    ],
)
def test_a_probability_is_printed_in_steps_no_finer_than_its_error(probability, mcse, words):
    assert percent(probability, mcse) == words


@pytest.mark.parametrize(
    ("value", "mcse", "words"),
    [
        (-8.94, 0.15, "\N{MINUS SIGN}9"),
        (-8.94, 0.05, "\N{MINUS SIGN}8.9"),
        (-0.04, 0.15, "0"),
        (0.1234, 0.001, "0.123"),
        (123.4, 20.0, "123"),
        (2.5, 0.0, "2.50"),
    ],
)
def test_a_number_has_no_more_decimals_than_its_error_allows(value, mcse, words):
    assert number(value, mcse) == words


@given(st.floats(-1e4, 1e4), st.floats(1e-6, 1e3))
def test_the_last_digit_is_never_finer_than_the_error(value, mcse):
    _, _, decimals = number(value, mcse).partition(".")
    assert 10.0 ** -len(decimals) >= mcse * (1 - 1e-9) or not decimals
    assert not math.isnan(float(number(value, mcse).replace("\N{MINUS SIGN}", "-")))
