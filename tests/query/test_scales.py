"""Odds ratios, risks and numbers needed, from draws that can be checked by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.query import effect, new_trial, prob_benefit, prob_harm
from tests.query.handmade import counts, log_or_of

LOG_OR = np.log(
    [[0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0], [0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0]]
)
BASE = np.log(0.25)  # a risk of 0.2


@dataclass
class Counted:
    """A fit to counts with one cell whose control risk is 0.2 in every draw."""

    benefit: str = "negative"
    values: dict[tuple[str, str], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        draws = LOG_OR[..., None]
        for group in ("posterior", "prior"):
            self.values |= {
                (group, "cell"): ["ketamine/oral"], (group, "drug"): ["ketamine"],
                (group, "route"): ["oral"], (group, "effect"): draws, (group, "new_trial"): draws,
                (group, "theta"): draws, (group, "tau"): np.ones(LOG_OR.shape),
                (group, "baseline_log_odds"): np.full((*LOG_OR.shape, 1), BASE),
            }  # fmt: skip
        known = {
            "trials": [2], "participants": [80], "trials_informative": [1], "events": [9],
            "control_events": [8], "control_people": [40],
        }  # fmt: skip
        self.values |= {("constant_data", name): value for name, value in known.items()}

    @property
    def attrs(self) -> dict[str, str]:
        thresholds = {"odds_ratio": [1, 2], "risk_ratio": [1, 2], "risk_difference": [0, 0.05]}
        return {
            "model": "harm", "measure": "log_or", "unit": "log odds ratio", "engine": "nuts",
            "benefit": self.benefit, "outcome": "nausea", "comparator": "placebo",
            "spec": json.dumps({"thresholds": thresholds}),
        }  # fmt: skip

    def has(self, group: str, variable: str) -> bool:
        return (group, variable) in self.values

    def array(self, group: str, variable: str) -> np.ndarray:
        return np.asarray(self.values[group, variable])

    def labels(self, group: str, name: str) -> list[str]:
        return list(self.values[group, name])


@pytest.fixture
def harm() -> Counted:
    return Counted()


def test_harm_is_asked_in_odds_ratios_unless_another_scale_is_named(harm):
    answer = prob_harm(harm)
    assert [row["at_least"] for row in answer.records] == [1, 2]
    assert [row["probability"] for row in answer.records] == [7 / 8, 6 / 8]
    assert answer.unit == "odds ratio"


def test_a_benefit_of_two_is_half_the_odds(harm):
    assert float(prob_benefit(harm, at_least=2)) == pytest.approx(1 / 8)


def test_for_responders_more_events_are_the_benefit():
    assert float(prob_benefit(Counted("positive"), at_least=2)) == pytest.approx(6 / 8)


def test_a_risk_difference_is_counted_at_the_control_risks_of_the_trials(harm):
    treated = 0.25 * np.exp(LOG_OR) / (1 + 0.25 * np.exp(LOG_OR))
    answer = prob_harm(harm, measure="RD", at_least=0.05)
    assert float(answer) == np.mean(treated - 0.2 >= 0.05)
    assert answer.records[0]["control_risk"] == pytest.approx(0.2)
    assert "by at least 50 in 1000" in answer.sentence


def test_an_absolute_answer_says_which_risk_it_used_and_what_the_control_arms_showed(harm):
    answer = prob_harm(harm, measure="RD", at_least=0.05)
    row = answer.records[0]
    assert row["control_risk_from"] == "baseline model"
    assert row["control_risk_lower"] == pytest.approx(0.2) == row["control_risk_upper"]
    assert (row["control_events"], row["control_people"]) == (8, 40)
    assert (row["trials_informative"], row["events"]) == (1, 9)
    assert "200 in 1000 (95 % 200 to 200; its control arms: 8 of 40)" in answer.sentence
    assert "1 trial of these, where nobody or everybody had an event" in answer.sentence


def test_an_exact_fit_at_a_named_risk_is_the_odds_ratio_at_another_place():
    fit = Counted()
    size = LOG_OR.shape[1]
    points = {"weight": np.full(size, 1 / size), "replicate": np.arange(size) % 2}
    points |= {"effect_mean": LOG_OR[0][:, None], "effect_sd": np.zeros((size, 1))}
    fit.values |= {("mixture", name): values for name, values in points.items()}

    class Exact(Counted):
        @property
        def attrs(self) -> dict[str, str]:
            return super().attrs | {"engine": "exact"}

    exact = Exact(values=dict(fit.values))
    for measure, at_least in (("RD", 0.1), ("RR", 1.5), ("RD", 0.0), ("RD", 0.9)):
        question = {"measure": measure, "at_least": at_least, "control_risk": 0.3}
        for ask in (prob_harm, prob_benefit):
            assert float(ask(exact, **question)) == pytest.approx(float(ask(fit, **question)))


def test_a_control_risk_that_is_named_takes_the_place_of_the_trials(harm):
    odds = np.exp(LOG_OR) * 0.3 / 0.7
    rd = odds / (1 + odds) - 0.3
    row = effect(harm, measure="RD", control_risk=0.3).records[0]
    assert row["median"] == pytest.approx(np.median(rd))
    assert (row["control_risk"], row["control_risk_from"]) == (0.3, "question")


def test_ratios_are_told_by_their_median_never_their_mean(harm):
    row = effect(harm, measure="OR").records[0]
    assert row["estimate"] == pytest.approx(np.sqrt(12), rel=1e-6)  # between 3 and 4 on the log
    assert "sd" not in row
    rr = effect(harm, measure="RR").records[0]
    assert 1 < rr["estimate"] < row["estimate"]


def test_a_number_needed_passes_through_infinity_where_the_difference_holds_zero(harm):
    row = effect(harm, measure="NNT").records[0]
    assert row["through_infinity"]
    assert row["kind"] == "NNTH"
    assert row["interval"].startswith("NNTH")
    assert "\N{INFINITY} to NNTB" in row["interval"]
    assert row["estimate"] == pytest.approx(1 / row["rd"])


def test_no_column_of_a_number_needed_holds_a_difference_of_risks_under_another_name(harm):
    row = effect(harm, measure="NNT").records[0]
    difference = effect(harm, measure="RD").records[0]
    for name in ("lower", "upper", "mcse", "prior_lower", "prior_upper", "mcse_lower"):
        assert row[f"rd_{name}"] == difference[name]
        assert name not in row
    assert row["rd"] == difference["median"]
    assert row["nnt_lower"] == pytest.approx(-1 / difference["upper"])  # a harm: signs turn
    assert row["nnt_upper"] == pytest.approx(-1 / difference["lower"])


def test_the_effect_is_on_the_scale_of_the_model_by_default(harm):
    row = effect(harm).records[0]
    assert row["estimate"] == pytest.approx(LOG_OR.mean())
    assert "measure" not in row
    assert new_trial(harm, measure="OR").records[0]["target"] == "new_trial"


@pytest.mark.parametrize(
    ("question", "error", "words"),
    [
        ({"measure": "OR", "at_least": 0.5}, UsageError, "a ratio of 1 or more"),
        ({"measure": "RD", "at_least": 50}, UsageError, "below 1"),
        ({"measure": "RD", "control_risk": 30}, UsageError, "a risk between 0 and 1"),
        ({"measure": "OR", "control_risk": 0.3}, UsageError, "leave it out"),
        ({"measure": "MD"}, QueryError, "allowed are 'log_or', 'OR', 'RR', 'RD', 'NNT'"),
        ({"measure": "NNT"}, QueryError, "ask for 'RD'"),
        ({"measure": "log_or"}, QueryError, "give at_least"),
    ],
)
def test_questions_that_have_no_meaning_are_refused(harm, question, error, words):
    with pytest.raises(error, match=words):
        prob_harm(harm, **question)


def test_a_standardised_difference_is_also_told_on_a_familiar_instrument(harm):
    class Standardised(Counted):
        @property
        def attrs(self) -> dict[str, str]:
            familiar = {
                "instrument": "EQ-5D visual analogue scale", "unit": "points (0 to 100)",
                "sd": 15.0, "better": "higher", "source": "a test",
            }  # fmt: skip
            spec = {"thresholds": {"benefit": [0]}, "effect": {"familiar": familiar}}
            return super().attrs | {"measure": "SMD", "unit": "SD", "spec": json.dumps(spec)}

    row = effect(Standardised("positive"), measure="MD")
    assert row.records[0]["estimate"] == pytest.approx(15 * LOG_OR.mean())
    assert "assuming that one standard deviation there is 15" in row.sentence
    lower_is_better = effect(Standardised("negative"), measure="MD").records[0]
    assert lower_is_better["estimate"] == pytest.approx(-15 * LOG_OR.mean())
    assert float(prob_benefit(Standardised("positive"), measure="MD", at_least=15)) == np.mean(
        15 * LOG_OR >= 15
    )


RD = np.array([[-0.1, 0.02, 0.05, 0.3]] * 2)


@pytest.mark.parametrize(
    ("benefit", "outcome"),
    [("negative", "nausea"), ("negative", "tolerability"), ("positive", "responder_50")],
)
@pytest.mark.parametrize("comparator", ["", " vs morphine"])
def test_every_question_to_a_model_of_counts_has_the_answer_worked_out_by_hand(
    benefit, outcome, comparator
):
    label = f"ketamine/oral{comparator}"
    draws = log_or_of(RD)[..., None]
    fit = counts([label], draws, [["Alder"]], benefit=benefit, outcome=outcome)
    helps, hurts = (prob_benefit, prob_harm) if benefit == "positive" else (prob_harm, prob_benefit)
    more = {"measure": "RD", "at_least": 0.04}
    assert float(helps(fit, **more)) == 2 / 4  # more events: 0.05 and 0.3
    assert float(hurts(fit, **more)) == 1 / 4  # fewer: -0.1
    # the control risk is 0.2, so a risk ratio of 1.25 is a difference of 0.05, give or take a bit
    assert float(helps(fit, measure="RR", at_least=1.2)) == 2 / 4
    assert float(hurts(fit, measure="RR", at_least=1.9)) == 1 / 4  # 0.2 / 0.1
    assert float(helps(fit, at_least=2)) == 1 / 4  # odds 0.25 against 1 at 0.5
    assert float(helps(fit, measure="OR", at_least=3.9)) == 1 / 4
    row = effect(fit, measure="RD").records[0]
    assert row["median"] == pytest.approx(0.035)
    against = comparator.removeprefix(" vs ") or "placebo"
    assert f"compared with {against}" in effect(fit, measure="RR").sentence


@pytest.mark.parametrize("benefit", ["negative", "positive"])
def test_numbers_needed_tell_benefit_from_harm_by_the_direction_of_the_outcome(benefit):
    draws = log_or_of(np.array([[0.1, 0.2, 0.25, 0.5]] * 2))[..., None]
    row = effect(counts(["ketamine/oral"], draws, [["A"]], benefit=benefit), measure="NNT").records
    assert row[0]["kind"] == ("NNTB" if benefit == "positive" else "NNTH")
    assert row[0]["estimate"] == pytest.approx(1 / 0.225)
    assert not row[0]["through_infinity"]
    assert "\N{INFINITY}" not in row[0]["interval"]


def test_no_difference_at_all_needs_infinitely_many_and_json_has_no_such_number():
    fit = counts(["ketamine/oral"], np.zeros((2, 4, 1)), [["A"]])
    answer = effect(fit, measure="NNT")
    assert np.isinf(answer.records[0]["estimate"])
    assert answer.to_dict()["rows"][0]["estimate"] is None
    assert "NaN" not in json.dumps(answer.to_dict(), allow_nan=False)


def test_a_placebo_cell_and_an_active_one_of_the_same_drug_are_not_one():
    draws = np.concatenate([log_or_of(RD)[..., None], log_or_of(-RD / 2)[..., None]], axis=2)
    fit = counts(["ketamine/oral", "ketamine/oral vs morphine"], draws, [["A"], ["A"]])
    placebo, active = prob_harm(fit, measure="RD", at_least=0.04).records
    assert (placebo["probability"], active["probability"]) == (2 / 4, 1 / 4)
    assert "comparator" not in placebo
    assert active["comparator"] == "morphine"
