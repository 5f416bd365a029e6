"""Heavy tails of tau, wide panels and joined components: against dense grids and exact results."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayes_nmda.meta.analysis import meta_analysis
from bayes_nmda.meta.batch import meta_analyses
from bayes_nmda.meta.components import posterior
from bayes_nmda.meta.joining import MEAN, SD, TAU_VALUE, WEIGHT
from bayes_nmda.meta.mixture import mixture_tail
from bayes_nmda.meta.mu_priors import mu_prior
from bayes_nmda.meta.tau_priors import tau_prior
from tests.meta.dense_grid import dense_grid
from tests.meta.test_analysis import ACCURACY, compare

LOG_T = (5.0, -1.58, 1.25)


def scaled_log_t(unit: float) -> tuple[str, float, float, float]:
    """Return the log-t prior of the tests for effects in other units."""
    return ("log_student_t", LOG_T[0], LOG_T[1] + math.log(unit), LOG_T[2])


@pytest.mark.parametrize(
    ("k", "decades", "between", "unit"),
    [
        (1, 0.0, 0.0, 1.0),
        (1, 0.0, 1.0, 1e-6),
        (2, 0.0, 0.0, 1e6),
        (2, 0.1, 30.0, 1.0),
        (2, 6.0, 1.0, 1.0),
        (3, 0.1, 0.0, 1e-6),
        (3, 1.0, 1000.0, 1e6),
        (3, 6.0, 1.0, 1.0),
        (8, 0.1, 0.3, 1.0),
        (8, 6.0, 0.0, 1e6),
        pytest.param(40, 0.1, 0.0, 1e-6, marks=pytest.mark.slow),
        pytest.param(40, 6.0, 1000.0, 1.0, marks=pytest.mark.slow),
        pytest.param(180, 0.1, 0.0, 1.0, marks=pytest.mark.slow),
        pytest.param(180, 1.0, 0.4, 1e6, marks=pytest.mark.slow),
        (180, 6.0, 30.0, 1e-6),
    ],
)
def test_a_log_t_prior_with_a_flat_mean_agrees_with_a_dense_grid(
    k: int, decades: float, between: float, unit: float
) -> None:
    rng = np.random.default_rng(k)
    sei = unit * 10 ** rng.uniform(-decades / 2, decades / 2, k)
    yi = rng.normal(0.0, 1.0, k) * np.hypot(sei, between * unit)
    yi = yi if between > 0.0 else np.full(k, 0.3 * unit)
    mu, tau = ("flat",), scaled_log_t(unit)
    result = meta_analysis(yi, sei, mu=mu, tau=tau)
    compare(result, yi, sei, mu, tau, math.inf)
    if k >= 8:  # the grid holds all of the first two moments
        grid = dense_grid(yi, sei, mu, tau, drop=400.0, span=300.0)
        for target, marginal in (("mean", result.mu), ("tau", result.tau)):
            mean, sd = grid.moments(target)
            assert abs(marginal.mean - mean) < ACCURACY * sd, target
            assert abs(marginal.sd / sd - 1.0) < ACCURACY, target


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("df", [2.0, 5.0])
def test_one_trial_under_a_flat_mean_leaves_a_heavy_prior_of_tau_as_it_was(
    df: float, scale: float
) -> None:
    tau = ("log_student_t", df, math.log(scale), 0.5 if df == 2.0 else 1.25)
    result = meta_analysis([0.3], [0.4], mu=("flat",), tau=tau)
    assert result.log_marginal == pytest.approx(0.0, abs=1e-9)
    for p in (1e-6, 0.025, 0.5, 0.975, 0.9999):
        expected = tau_prior(tau).quantile(p)
        assert result.tau.prob_below(expected) == pytest.approx(p, abs=1e-9)
        assert tau_prior(tau).cdf(float(result.tau.quantile(p))) == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize("error", [1e4, 1e7])
def test_a_prior_of_tau_far_below_the_standard_errors_is_the_posterior(error: float) -> None:
    yi, sei = np.array([1.0, 2.0]), np.array([error, error])
    result = meta_analysis(yi, sei, mu=("normal", 0, error), tau=("log_normal", 0.0, 0.76))
    prior = stats.lognorm(0.76)
    assert abs(result.tau.mean - prior.mean()) < ACCURACY * prior.std()
    assert result.tau.sd == pytest.approx(prior.std(), rel=ACCURACY)
    assert prior.cdf(result.tau.quantile(0.025)) == pytest.approx(0.025, abs=ACCURACY)


@pytest.mark.parametrize("shape", [0.5, 1.69])
def test_a_prior_of_tau_that_dies_out_near_zero_keeps_its_mass(shape: float) -> None:
    yi, sei = np.array([1e4, -2e4]), np.array([2.7e4, 1.6e4])
    tau = ("inverse_gamma", shape, 1.0)
    for mu in (("flat",), ("normal", 0.0, 1e4)):
        compare(meta_analysis(yi, sei, mu=mu, tau=tau), yi, sei, mu, tau, math.inf)


@pytest.mark.parametrize("mu", [("normal", 0, 2), ("flat",), ("student_t", 5, 0, 0.43)])
@pytest.mark.parametrize(
    "tau", [("half_cauchy", 0.5), ("inverse_gamma", 1.69, 0.42), ("log_student_t", *LOG_T)]
)
@pytest.mark.parametrize("k", [1, 2, 20])
def test_joined_components_change_no_probability(k: int, tau: tuple, mu: tuple) -> None:
    rng = np.random.default_rng(k)
    sei = np.exp(rng.normal(-1.2, 0.7, k))
    yi = rng.normal(0.0, 1.0, k) * np.hypot(sei, 0.3)
    codes = mu_prior(mu).code(), tau_prior(tau).code()
    whole = posterior(yi, sei, *codes, 1e-18)[1]
    short = posterior(yi, sei, *codes, 1e-10)[1]
    assert len(short) < len(whole)

    def columns(parts: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(parts[:, column].copy() for column in (WEIGHT, MEAN, SD, TAU_VALUE))

    (w, m, s, t), (w_0, m_0, s_0, t_0) = columns(short), columns(whole)
    for x in np.concatenate([np.linspace(-3.0, 3.0, 41), [-1e3, -30.0, 30.0, 1e3]]):
        for above in (False, True):
            exact = mixture_tail(x, above, w_0, m_0, s_0)
            assert mixture_tail(x, above, w, m, s) == pytest.approx(exact, abs=1e-8)
            exact = mixture_tail(x, above, w_0, m_0, np.hypot(s_0, t_0))
            assert mixture_tail(x, above, w, m, np.hypot(s, t)) == pytest.approx(exact, abs=1e-8)


def test_a_batch_under_heavy_tails_agrees_with_dense_grids() -> None:
    rng = np.random.default_rng(5)
    sizes = [1, 2, 3, 12]
    group = np.repeat(np.arange(len(sizes)), sizes)
    sei = np.exp(rng.normal(-1.2, 0.7, group.size))
    yi = rng.normal(0.2, 1.0, group.size) * np.hypot(sei, 0.3)
    tau = ("log_student_t", *LOG_T)
    frame = pd.DataFrame({"group": group, "yi": yi, "sei": sei})
    table = meta_analyses(frame, "group", tau=tau, prob_below=[0.0], prob_above=[0.5])
    for row in table.to_dict("records"):
        own = group == row["group"]
        grid = dense_grid(yi[own], sei[own], ("flat",), tau, drop=400.0, span=300.0)
        for name, target in (("mu", "mean"), ("new_trial", "new_trial"), ("tau", "tau")):
            for column, p in (("median", 0.5), ("lower", 0.025), ("upper", 0.975)):
                found = grid.below(row[f"{name}_{column}"], target)
                assert found == pytest.approx(p, abs=ACCURACY), (name, column)
        for prefix, target in (("", "mean"), ("new_trial_", "new_trial")):
            assert abs(row[f"{prefix}prob_below_0"] - grid.below(0.0, target)) < ACCURACY
            assert abs(row[f"{prefix}prob_above_0.5"] - 1 + grid.below(0.5, target)) < ACCURACY
