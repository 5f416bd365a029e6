"""Absolute risks from odds ratios."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_nmda.posterior.absolute import control_weights, expit, risk_at, standardised_risks


def test_control_arms_weigh_by_their_people_and_a_shared_one_serves_both_cells():
    weights = control_weights([0, 0, 1], [0, 1, 1], [10, 30])
    assert weights == pytest.approx(np.array([[0.25, 0.75], [0.0, 1.0]]))


def test_risks_are_averaged_over_control_arms_not_their_log_odds():
    base = np.log([[1.0, 9.0]])  # risks 0.5 and 0.9
    control, treated = standardised_risks(base, np.zeros((1, 1)), [[0.5, 0.5]])
    assert control == pytest.approx(0.7)
    assert treated == pytest.approx(0.7)
    assert standardised_risks(base, np.log([[2.0]]), [[0.5, 0.5]])[1] == pytest.approx(
        (2 / 3 + 18 / 19) / 2
    )


@given(st.floats(0.001, 0.999), st.floats(-20, 20))
def test_the_odds_at_a_given_risk_change_by_the_odds_ratio(risk, log_or):
    treated = float(risk_at(risk, log_or))
    assert 0 <= treated <= 1
    if 1e-9 < treated < 1 - 1e-9:
        ratio = treated / (1 - treated) / (risk / (1 - risk))
        assert np.log(ratio) == pytest.approx(log_or, abs=1e-5)


def test_extreme_log_odds_neither_overflow_nor_leave_the_unit_interval():
    assert expit([-1000.0, 0.0, 1000.0]) == pytest.approx([0.0, 0.5, 1.0])
