"""Differences in words: the direction is in the word, never in a sign."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_nmda.errors import QueryError
from bayes_nmda.report import amounts
from bayes_nmda.report.review import Interval, Review


def difference(estimate, low, high, error=0.001):
    errors = dict.fromkeys(("mcse", "mcse_lower", "mcse_upper"), error)
    return {"estimate": estimate, "lower": low, "upper": high, **errors}


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.028, 0.376, "28 to 376 more"),
        (-0.376, -0.028, "28 to 376 fewer"),
        (-0.116, 0.347, "116 fewer to 347 more"),
        (0.0001, 0.2, "0 to 200 more"),
        (-0.0001, 0.0002, "0 to 0"),
    ],
)
def test_an_interval_of_people_names_its_direction_once_where_it_has_one(low, high, words):
    assert amounts.more_range(difference(0.0, low, high)) == words


@given(st.floats(-1, 1))
def test_the_word_agrees_with_the_sign_of_the_difference(value):
    words = amounts.more(difference(value, value, value))
    people = int(words.split()[0].replace(",", ""))
    assert people == abs(round(1000 * value))
    assert ("more" in words) == (value > 0 and people > 0)
    assert ("fewer" in words) == (value < 0 and people > 0)


def test_the_risk_with_the_drug_is_the_risk_without_it_plus_the_difference():
    record = difference(0.2, 0.1, 0.3) | {"control_risk": 0.15}
    assert amounts.risk_with(record) == "350"


@pytest.mark.parametrize(
    ("error", "words", "range_words", "risk"),
    [
        (0.0004, "198 more", "27 to 376 more", "379"),
        (0.0017, "200 more", "25 to 375 more", "380"),
        (0.006, "200 more", "30 to 380 more", "380"),
        (0.06, "200 more", "0 to 400 more", "400"),
    ],
)
def test_people_are_told_in_steps_no_finer_than_the_error(error, words, range_words, risk):
    record = difference(0.1984, 0.0271, 0.376, error) | {"control_risk": 0.1802}
    assert amounts.more(record) == words
    assert amounts.more_range(record) == range_words
    assert amounts.risk_with(record) == risk


@pytest.mark.parametrize("towards", [-1.0, 1.0])
def test_better_means_the_same_on_scales_that_run_either_way(towards):
    low, high = sorted((-0.3 * towards, 0.8 * towards))
    record = difference(0.25 * towards, low, high)
    assert amounts.better(record, towards) == "0.250 better"
    assert amounts.better_range(record, towards) == "0.300 worse to 0.800 better"


def test_an_interval_on_one_side_says_so_once():
    assert amounts.better_range(difference(0.4, 0.1, 0.7, 0.05), 1.0) == "0.1 to 0.7 better"
    assert amounts.better_review(1.0, 1)(Interval(-2.4, -8.0, -1.0)) == (
        "2.4 worse (8.0 to 1.0 worse)"
    )


PRINTED, OTHER = Interval(3.26, 1.05, 10.09), Interval(2.9, 1.1, 7.5)


@pytest.mark.parametrize(
    ("review", "told"),
    [
        (Review(PRINTED, Interval(3.2575, 1.0518, 10.0889)), [("3.26 (1.05 to 10.09)", False)]),
        (Review(PRINTED, OTHER), [("3.26 (1.05 to 10.09)", False), ("2.90 (1.10 to 7.50)", True)]),
        (Review(None, OTHER), [("2.90 (1.10 to 7.50)", True)]),
        (None, []),
    ],
)
def test_what_the_review_printed_is_told_apart_from_what_its_method_makes_of_these_rows(
    review, told
):
    assert amounts.review_parts(review, amounts.review_ratio) == told


def test_a_risk_is_told_with_its_interval_and_what_the_control_arms_showed():
    record = {
        "control_risk": 0.11,
        "control_risk_lower": 0.03,
        "control_risk_upper": 0.31,
        "control_events": 5,
        "control_people": 52,
    }
    assert amounts.without(record) == "110 in 1000 (95 % 30 to 310)"
    assert amounts.showed(record) == "5 of 52"


@pytest.mark.parametrize("lost", ["control_risk", "control_risk_lower", "control_risk_upper"])
def test_a_risk_that_an_answer_does_not_tell_leaves_no_hole(lost):
    record = {"control_risk": 0.1, "control_risk_lower": 0.0, "control_risk_upper": 0.3}
    with pytest.raises(QueryError, match=f"without '{lost}'"):
        amounts.without({name: value for name, value in record.items() if name != lost})
    with pytest.raises(QueryError, match="without 'control_events'"):
        amounts.showed(record)


@pytest.mark.parametrize(
    ("number", "words"), [(5.04, "NNTH 5.0"), (36.2, "NNTH 36"), (58048, "NNTH > 1000")]
)  # fmt: skip
def test_a_number_needed_beyond_a_thousand_is_only_said_to_be_more(number, words):
    said = amounts.needed({"rd": 1 / number, "rd_mcse": 0.0, "kind": "NNTH"})
    assert said.replace("\N{NO-BREAK SPACE}", " ") == words
