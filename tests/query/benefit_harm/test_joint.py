"""Benefit and harm at once, from draws whose answer can be worked out."""

import numpy as np
import pytest

from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.query import prob_benefit, prob_harm, tradeoff
from bayes_nmda.query.benefit_harm.joint import _product
from bayes_nmda.query.distribution import Estimate
from tests.query.handmade import counts, differences, log_or_of

PAIN_CELLS = ["ketamine/intravenous/immediate", "ketamine/topical/short", "memantine/oral/short"]
HARM_CELLS = ["ketamine/intravenous", "memantine/oral", "magnesium/oral"]
#: Each cell of the benefit has the same draws; of the harm too.
PAIN = np.array([[-25.0, -15.0, -5.0, 5.0]] * 2)[..., None] * np.ones(3)
RISK = np.array([[-0.1, 0.02, 0.04, 0.2]] * 2)


@pytest.fixture
def pain():
    return differences(PAIN_CELLS, PAIN, [["Alder", "Birch"], ["Cedar"], ["Dogwood"]])


@pytest.fixture
def harm():
    draws = log_or_of(RISK)[..., None] * np.ones(3)
    return counts(HARM_CELLS, draws, [["Birch", "Elm"], ["Dogwood"], ["Fir"]])


def test_the_probability_of_both_is_the_product_of_the_two(pain, harm):
    row = tradeoff(pain, harm, drug="ketamine", at_least=10, at_most=0.05).records[0]
    assert row["probability_benefit"] == 2 / 4  # -25 and -15 are falls of 10 or more
    assert row["probability_harm_at_most"] == 3 / 4  # all but 0.2
    assert row["probability"] == 3 / 8
    assert row["prior_probability"] == 3 / 8  # here the prior has the same draws


def test_the_two_factors_are_those_of_the_single_questions(pain, harm):
    row = tradeoff(pain, harm, drug="memantine", at_least=10, at_most=0.03).records[0]
    assert row["probability_benefit"] == float(prob_benefit(pain, drug="memantine", at_least=10))
    more = float(prob_harm(harm, drug="memantine", measure="RD", at_least=0.03))
    assert row["probability_harm_at_most"] == 1 - more


def test_at_the_limits_the_answer_is_one_side_alone(pain, harm):
    anything = tradeoff(pain, harm, drug="memantine", at_least=10, at_most=1).records[0]
    assert anything["probability"] == anything["probability_benefit"]
    harmless = tradeoff(pain, harm, drug="memantine", at_least=0, at_most=0).records[0]
    assert harmless["probability_harm_at_most"] == 1 / 4


def test_by_default_there_is_a_row_a_cell_with_both_sides_and_pair_of_thresholds(pain, harm):
    answer = tradeoff(pain, harm)
    asked = [(r["drug"], r["timepoint"], r["at_least"], r["at_most"]) for r in answer.records]
    assert asked == [
        (drug, timepoint, at_least, at_most)
        for drug, timepoint in (("ketamine", "immediate"), ("memantine", "short"))
        for at_least in (0, 10)
        for at_most in (0, 0.05)
    ]
    assert "ketamine/topical/short" in answer.about["left_out"]


def test_people_of_both_sides_are_counted_once(pain, harm):
    row = tradeoff(pain, harm, drug="ketamine", at_least=0, at_most=0).records[0]
    # Alder and Birch on pain, Birch and Elm on harm, 40 people each
    assert (row["trials"], row["participants"], row["trials_on_both"]) == (3, 120, 1)
    assert (row["benefit_trials"], row["benefit_participants"]) == (2, 80)
    assert (row["harm_trials"], row["harm_participants"]) == (2, 80)


def test_a_cell_without_trials_on_one_side_is_refused_and_those_with_both_are_named(pain, harm):
    with pytest.raises(QueryError, match=r"no trial behind topical .* both: .*memantine/oral"):
        tradeoff(pain, harm, route="topical")
    with pytest.raises(QueryError, match="no trial behind magnesium"):
        tradeoff(pain, harm, drug="magnesium")
    with pytest.raises(QueryError, match="Did you mean 'ketamine'"):
        tradeoff(pain, harm, drug="ketamin")


def test_a_benefit_over_one_comparator_is_not_weighed_against_harm_over_another(pain):
    active = counts(["ketamine/intravenous vs morphine"], log_or_of(RISK)[..., None], [["Elm"]])
    with pytest.raises(QueryError, match="share no drug, route and comparator"):
        tradeoff(pain, active)


def test_a_control_risk_that_is_named_takes_the_place_of_the_trials(pain, harm):
    odds = np.exp(log_or_of(RISK)) * 0.5 / 0.5
    allowed = np.mean(odds / (1 + odds) - 0.5 <= 0.03)
    row = tradeoff(pain, harm, drug="ketamine", at_least=0, at_most=0.03, control_risk=0.5)
    assert row.records[0]["probability_harm_at_most"] == allowed
    assert row.records[0]["control_risk_from"] == "question"


def test_a_response_is_a_benefit_told_as_a_difference_of_risks(harm):
    draws = log_or_of(np.array([[-0.1, 0.1, 0.3, 0.4]] * 2))[..., None]
    response = counts(
        ["ketamine/intravenous/short"], draws, [["Gum"]], benefit="positive", outcome="responder_30"
    )
    answer = tradeoff(response, harm, at_least=0.2, at_most=0.05)
    assert float(answer) == 2 / 4 * 3 / 4
    assert "within one patient" in answer.about["estimand"]


def test_independence_is_said_in_the_sentence_and_beside_it(pain, harm):
    answer = tradeoff(pain, harm, drug="ketamine", at_least=10, at_most=0.05)
    assert "independent" in answer.sentence
    assert "independent" in answer.to_dict()["assumes"]
    assert "without a timepoint" in answer.about["assumes"]
    assert "raises the risk of any adverse event by at most 50 in 1000" in answer.sentence
    none = tradeoff(pain, harm, drug="ketamine", at_least=10, at_most=0).sentence
    assert "does not raise the risk of any adverse event" in none
    assert set(answer.provenance) == {"benefit", "harm"}


def test_the_error_of_a_product_is_that_of_products_of_independent_estimates():
    rng = np.random.default_rng(1)
    n, p, q = 400, 0.3, 0.8
    first, second = rng.binomial(n, p, 100_000) / n, rng.binomial(n, q, 100_000) / n
    one = Estimate(p, np.sqrt(p * (1 - p) / n), n)
    other = Estimate(q, np.sqrt(q * (1 - q) / n), n)
    found = _product(one, other)
    assert found.value == p * q
    # an SD of 100,000 numbers has a relative standard error of 1 / sqrt(200,000)
    assert found.mcse == pytest.approx(np.std(first * second), rel=4 / np.sqrt(200_000))


def test_two_bounds_do_not_make_a_certainty():
    found = _product(Estimate(0.0, 0.01, 300, bound=True), Estimate(0.0, 0.02, 150, bound=True))
    assert found.mcse == pytest.approx(0.0002)
    assert found.bound


def test_a_failed_gate_of_either_fit_warns(pain, harm):
    harm.attrs["gates_failed"] = '["R-hat of tau"]'
    answer = tradeoff(pain, harm, drug="ketamine", at_least=10, at_most=0.05)
    assert answer.warnings == ("harm model events: failed gate: R-hat of tau",)
    assert "gates_failed" in answer.records[0]["flags"]
    assert "NOT RELIABLE" in answer.sentence


@pytest.mark.parametrize(
    ("question", "error", "words"),
    [
        ({"at_most": -0.1}, UsageError, "at_most: found -0.1"),
        ({"at_most": 5}, UsageError, "from 0 to 1"),
        ({"at_most": []}, UsageError, "empty"),
        ({"at_most": "few"}, UsageError, "found 'few'"),
        ({"at_least": -10}, UsageError, "at_least: found -10"),
        ({"target": "median"}, UsageError, "target"),
        ({"control_risk": 30}, UsageError, "a risk between 0 and 1"),
    ],
)
def test_questions_that_have_no_meaning_are_refused(pain, harm, question, error, words):
    with pytest.raises(error, match=words):
        tradeoff(pain, harm, **question)


def test_a_harm_must_be_counted(pain):
    with pytest.raises(QueryError, match="allowed is a model of counts"):
        tradeoff(pain, pain)
