import pytest

from bayes_nmda.query.needed import needed, needed_interval, needed_words


def test_the_example_of_altman_1998_passes_through_infinity():
    # BMJ 317:1309: absolute risk reduction 5 %, 95 % interval -2.5 % to 12.5 %: NNTB 20
    assert needed(0.05) == ("NNTB", pytest.approx(20))
    assert needed_interval(-0.025, 0.125) == "NNTH 40 to \N{INFINITY} to NNTB 8.0"


def test_an_interval_on_one_side_runs_from_the_stronger_to_the_weaker_end():
    assert needed_interval(0.02, 0.1) == "NNTB 10 to NNTB 50"
    assert needed_interval(-0.1, -0.02) == "NNTH 10 to NNTH 50"


def test_no_difference_needs_infinitely_many():
    assert needed_words(0.0) == "NNTH \N{INFINITY}"
