"""Compiled log probabilities of arms and their derivatives, against SciPy and plain sums."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special, stats

from bayes_nmda.inference.exact.arm_counts import TINY, add_log_density, slopes
from bayes_nmda.inference.exact.count_likelihood import log_ways

EVENTS = np.array([0.0, 3.0, 40.0, 2990.0, 7.0])
PEOPLE = np.array([20.0, 35.0, 40.0, 3000.0, 8.0])
MIDDLE = np.linspace(-25.0, 25.0, 101)[None].repeat(4, axis=0)
APART = np.random.default_rng(1).normal(0.0, 2.0, (4, 5))
SPREADS = np.array([1e-6, 1e-3, 0.2, 30.0])
LOG_ODDS = MIDDLE[:, :, None] + APART[:, None, :]
RISK, REST = special.expit(LOG_ODDS), special.expit(-LOG_ODDS)
ALPHA = np.maximum(RISK / SPREADS[:, None, None], TINY)
BETA = np.maximum(REST / SPREADS[:, None, None], TINY)


def density(spread: np.ndarray) -> np.ndarray:
    out = np.full(MIDDLE.shape, log_ways(EVENTS, PEOPLE).sum())
    add_log_density(EVENTS, PEOPLE, APART, MIDDLE, spread, out)
    return out


def added(term: Callable[[np.ndarray], np.ndarray], x: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return the sum of ``term`` at x, x + 1, … x + k - 1 for each arm."""
    sums = [
        term(x[..., [arm]] + np.arange(number)).sum(axis=-1)
        for arm, number in enumerate(k.astype(int))
    ]
    return np.stack(sums, axis=-1)


def test_binomial_arms_have_the_probability_that_scipy_gives():
    ways = log_ways(EVENTS, PEOPLE)
    expected = (ways + EVENTS * LOG_ODDS - PEOPLE * np.logaddexp(0.0, LOG_ODDS)).sum(axis=2)
    np.testing.assert_allclose(density(np.zeros(0)), expected, rtol=1e-13, atol=1e-11)


def test_beta_binomial_arms_have_the_probability_that_scipy_gives():
    expected = stats.betabinom.logpmf(EVENTS, PEOPLE, ALPHA, BETA).sum(axis=2)
    # SciPy's last digits are lost in differences of logarithms of gamma functions near 1e4
    np.testing.assert_allclose(density(SPREADS)[1:], expected[1:], rtol=1e-9, atol=1e-8)


def test_beta_binomial_arms_have_the_probability_that_plain_sums_give():
    whole = np.broadcast_to(1 / SPREADS[:, None, None], ALPHA.shape)
    expected = log_ways(EVENTS, PEOPLE) - added(np.log, whole, PEOPLE)
    expected = expected + added(np.log, ALPHA, EVENTS) + added(np.log, BETA, PEOPLE - EVENTS)
    np.testing.assert_allclose(density(SPREADS), expected.sum(axis=2), rtol=1e-12, atol=2e-9)


@pytest.mark.parametrize("spread", [np.zeros(0), SPREADS])
def test_slopes_are_those_of_the_density(spread):
    first, second = np.empty((*MIDDLE.shape, 5)), np.empty((*MIDDLE.shape, 5))
    slopes(EVENTS, PEOPLE, APART, MIDDLE, spread, True, first, second)
    others = PEOPLE - EVENTS
    if not spread.size:
        np.testing.assert_allclose(first, EVENTS - PEOPLE * RISK, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(second, -PEOPLE * RISK * REST, rtol=1e-12, atol=1e-12)
        return
    score = added(np.reciprocal, ALPHA, EVENTS) - added(np.reciprocal, BETA, others)
    change = -added(lambda x: x**-2.0, ALPHA, EVENTS) - added(lambda x: x**-2.0, BETA, others)
    rise = RISK * REST / spread[:, None, None]
    np.testing.assert_allclose(first, score * rise, rtol=1e-11, atol=1e-8)
    expected = change * rise**2 + score * rise * (REST - RISK)
    np.testing.assert_allclose(second, expected, rtol=1e-9, atol=1e-6)
