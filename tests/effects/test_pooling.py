"""Classical pooling: properties, corner cases, wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_nmda.effects.pooling import ESTIMATORS, pool, shrunken, tau_squared
from bayes_nmda.errors import UsageError

trial = st.tuples(st.floats(-50, 50), st.floats(0.5, 100))
trials = st.lists(trial, min_size=2, max_size=12)
RANDOM = [name for name in ESTIMATORS if name != "FE"]


@given(trials)
def test_pooling_homogeneous_trials_is_the_common_effect_model(rows) -> None:
    vi = [v for _, v in rows]
    same = pool([3.0] * len(vi), vi)
    assert same.estimate == pytest.approx(3.0)
    assert same.tau_squared == 0
    assert same.se == pytest.approx(pool([3.0] * len(vi), vi, estimator="FE").se)


@given(trials, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(rows, random) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    first, second = pool(*zip(*rows, strict=True)), pool(*zip(*shuffled, strict=True))
    assert second.estimate == pytest.approx(first.estimate, abs=1e-9)
    assert second.tau_squared == pytest.approx(first.tau_squared, rel=1e-6, abs=1e-6)


@given(trials)
def test_weights_are_percentages_and_the_estimate_lies_between_the_trials(rows) -> None:
    yi, vi = zip(*rows, strict=True)
    pooled = pool(yi, vi)
    assert pooled.weights.sum() == pytest.approx(100)
    assert min(yi) - 1e-9 <= pooled.estimate <= max(yi) + 1e-9
    assert pooled.se >= pool(yi, vi, estimator="FE").se - 1e-12


@pytest.mark.parametrize("estimator", RANDOM)
@given(rows=trials, factor=st.floats(0.1, 10))
def test_another_unit_rescales_tau_squared_quadratically(estimator, rows, factor) -> None:
    yi, vi = np.array(rows).T
    before = tau_squared(yi, vi, estimator=estimator)
    after = tau_squared(factor * yi, factor**2 * vi, estimator=estimator)
    scale = factor**2 * (np.var(yi) + vi.max())
    assert after == pytest.approx(factor**2 * before, rel=1e-4, abs=1e-5 * scale)


@given(trials, st.floats(0.5, 0.9), st.floats(0.91, 0.999))
def test_a_higher_level_widens_the_interval(rows, low, high) -> None:
    yi, vi = zip(*rows, strict=True)
    narrow, wide = pool(yi, vi, level=low), pool(yi, vi, level=high)
    assert wide.ci_low < narrow.ci_low < narrow.ci_high < wide.ci_high


@given(trials)
def test_shrunken_effects_lie_between_the_trial_and_the_mean(rows) -> None:
    yi, vi = np.array(rows).T
    pooled = pool(yi, vi)
    theta = shrunken(yi, vi, pooled)
    assert (np.abs(theta - pooled.estimate) <= np.abs(yi - pooled.estimate) + 1e-9).all()


def test_a_single_trial_is_its_own_pooled_effect() -> None:
    pooled = pool([-4.0], [9.0])
    assert (pooled.estimate, pooled.se, pooled.tau_squared) == (-4.0, 3.0, 0.0)
    assert pooled.weights.tolist() == [100.0]


def test_i_squared_is_not_reported_for_fewer_than_three_trials() -> None:
    assert pool([1, 9], [1, 1]).i_squared is None
    assert pool([1, 9, 5], [1, 1, 1]).i_squared == pytest.approx(1 - 2 / 32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pool([1, 2], [1, 0]), r"vi\[1\] is 0; it must be greater than 0"),
        (lambda: pool([], []), "a list of one effect or more"),
        (lambda: pool([1], [1], level=1), "level is 1"),
        (lambda: tau_squared([1], [1], estimator="XX"), "estimator is 'XX'"),
    ],
)
def test_impossible_input_is_refused(call, message) -> None:
    with pytest.raises(UsageError, match=message):
        call()
