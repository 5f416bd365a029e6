import math

import pytest

from bayes_nmda.query.number_needed import needed, needed_interval, needed_words


def test_the_example_of_altman_1998_passes_through_infinity():
    # BMJ 317:1309: absolute risk reduction 5 %, 95 % interval -2.5 % to 12.5 %: NNTB 20
    assert needed(0.05) == ("NNTB", pytest.approx(20))
    assert needed_interval(-0.025, 0.125) == "NNTH 40 to \N{INFINITY} to NNTB 8.0"


def test_an_interval_on_one_side_runs_from_the_stronger_to_the_weaker_end():
    assert needed_interval(0.02, 0.1) == "NNTB 10 to NNTB 50"
    assert needed_interval(-0.1, -0.02) == "NNTH 10 to NNTH 50"


@pytest.mark.parametrize(
    ("difference", "error", "words"),
    [
        (0.2, 0.0017, "NNTB 5.0"),  # error of the number 0.04
        (0.1145, 0.002, "NNTB 9"),  # 8.7, error 0.15
        (0.0299, 0.0015, "NNTB 35"),  # 33.4, error 1.7
        (-0.0012, 0.0001, "NNTH 800"),  # 833, error 69
        (0.0001, 0.0, "NNTB > 1000"),
    ],
)
def test_a_number_needed_has_no_digit_finer_than_its_error(difference, error, words):
    assert needed_words(difference, error) == words


def test_the_ends_of_an_interval_each_follow_their_own_error():
    words = needed_interval(-0.02, 0.1, error_low=0.001, error_high=0.002)
    assert words == "NNTH 50 to \N{INFINITY} to NNTB 10"
    assert needed_interval(0.027, 0.376, error_low=0.003) == "NNTB 2.7 to NNTB 35"


def test_no_difference_needs_infinitely_many():
    assert needed_words(0.0) == "\N{INFINITY}"


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.0, 0.125, "NNTB 8.0 to \N{INFINITY}"),
        (-0.025, 0.0, "NNTH 40 to \N{INFINITY}"),
        (0.0, 0.0, "\N{INFINITY} to \N{INFINITY}"),
    ],
)
def test_an_end_at_exactly_no_difference_is_infinity_on_one_side(low, high, words):
    assert needed_interval(low, high) == words
    assert needed(0.0) == ("", math.inf)
