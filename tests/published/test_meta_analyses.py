"""Published Bayesian meta-analyses, reproduced without sampling.

bayesmeta (Röver 2020, doi:10.18637/jss.v093.i06) computes on a grid of tau that bounds the
Kullback-Leibler divergence by 0.01 and prunes at 1e-4, and so misses its own model's posterior in
the third to fifth digit. Where that shows, the case is checked twice: against the published number
within bayesmeta's own error, and against a dense grid within 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from bayes_nmda.meta.analysis import MetaAnalysis, meta_analysis
from bayes_nmda.meta.tau_priors import tau_prior
from tests.meta.dense_grid import dense_grid

Reader = Callable[[str], pd.DataFrame]
#: How far bayesmeta's default grid may be from the exact posterior, in posterior SDs.
BAYESMETA_ERROR = 0.003


@pytest.fixture(scope="module")
def rubin(published_data: Reader) -> MetaAnalysis:
    data = published_data("rubin1981.csv")
    return meta_analysis(
        data["y"], data["se"], mu=("normal", 0, 50), tau=("half_cauchy", 25), trials=data["school"]
    )


@pytest.fixture(scope="module")
def crins(published_data: Reader) -> pd.DataFrame:
    return published_data("crins2014_logOR.csv")


def test_rubin_1981_agrees_with_bayesmeta(rubin: MetaAnalysis) -> None:
    mu, new = rubin.mu, rubin.new_trial
    for ours, published, sd in (
        (mu.mean, 7.985729, mu.sd),
        (mu.sd, 4.995762, mu.sd),
        (mu.median, 7.962961, mu.sd),
        (mu.quantile(0.95), 16.11009, mu.sd),
        (new.median, 7.926819, new.sd),
        (new.sd, 9.126767, new.sd),
        (rubin.theta.loc["A", "mean"], 11.095255, rubin.theta.loc["A", "sd"]),
        (rubin.theta.loc["A", "sd"], 7.901084, rubin.theta.loc["A", "sd"]),
        (rubin.theta.loc["G", "mean"], 10.336032, rubin.theta.loc["G", "sd"]),
        (rubin.theta.loc["H", "sd"], 7.456906, rubin.theta.loc["H", "sd"]),
    ):
        assert abs(ours - published) < BAYESMETA_ERROR * sd
    assert rubin.prob_above(0) == pytest.approx(0.9487521, abs=5e-5)


def test_rubin_1981_heterogeneity_agrees_to_the_last_printed_digit(rubin: MetaAnalysis) -> None:
    tau = rubin.tau
    assert tau.mean == pytest.approx(5.884511, abs=6e-7)
    assert tau.sd == pytest.approx(4.869904, abs=6e-7)
    assert tau.median == pytest.approx(4.758539, abs=6e-7)
    assert tau.interval() == pytest.approx((0.2199559, 18.0531718), abs=6e-8 * 20)


def test_rubin_1981_mean_is_nearer_to_the_dense_grid_than_to_bayesmeta(
    rubin: MetaAnalysis,
) -> None:
    grid = dense_grid(rubin.yi, rubin.sei, ("normal", 0, 50), ("half_cauchy", 25), drop=160)
    mean, sd = grid.moments("mean")
    assert rubin.mu.mean == pytest.approx(mean, abs=1e-6 * sd)
    assert rubin.mu.sd == pytest.approx(sd, rel=1e-6)
    assert abs(rubin.mu.mean - 7.985729) > 100 * abs(rubin.mu.mean - mean)


def test_rubin_1981_with_flat_priors(published_data: Reader) -> None:
    data = published_data("rubin1981.csv")
    result = meta_analysis(data["y"], data["se"], mu=("flat",), tau=("uniform", math.inf))
    assert result.tau.mean == pytest.approx(6.585992, abs=1.5e-5)
    assert result.tau.sd == pytest.approx(5.685974, abs=6e-7)
    assert result.tau.median == pytest.approx(5.227732, abs=6e-7)
    for ours, published in ((result.mu.mean, 8.092138), (result.mu.sd, 5.246683)):
        assert abs(ours - published) < BAYESMETA_ERROR * result.mu.sd
    assert abs(result.new_trial.sd - 10.148132) < BAYESMETA_ERROR * result.new_trial.sd


def test_crins_2014_agrees_with_bayesmeta(crins: pd.DataFrame) -> None:
    result = meta_analysis(crins["yi"], crins["sei"], mu=("normal", 0, 4), tau=("half_normal", 0.5))
    assert result.tau.mean == pytest.approx(0.3810562, abs=2e-6)
    assert result.tau.sd == pytest.approx(0.2593672, abs=2e-6)
    assert result.tau.median == pytest.approx(0.3445023, abs=2e-6)
    assert result.tau.quantile(0.99) == pytest.approx(1.109186, abs=2e-5)
    assert result.tau.interval(0.99) == pytest.approx((0.003547657, 1.205400562), abs=2e-5)
    for ours, published in (
        (result.mu.mean, -1.5764365),
        (result.mu.sd, 0.3295301),
        (result.mu.median, -1.5734819),
    ):
        assert abs(ours - published) < BAYESMETA_ERROR * result.mu.sd
    assert abs(result.new_trial.sd - 0.5671855) < BAYESMETA_ERROR * result.new_trial.sd


def test_crins_2014_with_the_two_randomised_trials(crins: pd.DataFrame) -> None:
    two = crins[crins["randomized"] == "yes"]
    result = meta_analysis(two["yi"], two["sei"], mu=("normal", 0, 4), tau=("half_normal", 0.5))
    assert result.mu.mean == pytest.approx(-1.78, abs=0.005)
    assert result.prob_below(0) == pytest.approx(0.9974968, abs=5e-5)
    grid = dense_grid(two["yi"], two["sei"], ("normal", 0, 4), ("half_normal", 0.5))
    assert result.prob_below(0) == pytest.approx(grid.below(0.0, "mean"), abs=1e-6)


def test_turner_2015_prior_has_the_published_quantiles() -> None:
    prior = tau_prior("turner2015:surgical")
    published = (0.06233896, 0.34300852, 1.88734045)
    for p, value in zip((0.025, 0.5, 0.975), published, strict=True):
        assert prior.quantile(p) == pytest.approx(value, abs=3e-8)


def test_eight_schools_agree_with_the_reference_draws_of_posteriordb(
    published_data: Reader,
) -> None:
    data = published_data("eight_schools_posteriordb.csv")
    result = meta_analysis(data["y"], data["se"], mu=("normal", 0, 5), tau=("half_cauchy", 5))
    for ours, published, sd in (
        (result.mu.mean, 4.4105, result.mu.sd),
        (result.tau.mean, 3.6021, result.tau.sd),
        (result.theta["mean"].iloc[0], 6.1505, result.theta["sd"].iloc[0]),
    ):
        assert abs(ours - published) < 4 * sd / math.sqrt(10_000)


def test_poulsen_2006_models_average_to_the_published_bayes_factors(
    published_data: Reader,
) -> None:
    data = published_data("poulsen2006.csv")
    effect, spread = ("student_t", 5, 0, 0.51), ("inverse_gamma", 1.79, 0.28)
    models = {
        (mu, tau): meta_analysis(data["d"], data["se"], mu=mu, tau=tau)
        for mu in (("fixed", 0), effect)
        for tau in (("fixed", 0), spread)
    }
    logs = np.array([model.log_marginal for model in models.values()])
    null_fixed, null_random, effect_fixed, effect_random = weights = np.exp(logs - logs.max())
    weights = weights / weights.sum()
    inclusion = (effect_fixed + effect_random) / (null_fixed + null_random)
    assert inclusion == pytest.approx(218.53, abs=0.005)
    heterogeneity = (null_random + effect_random) / (null_fixed + effect_fixed)
    assert heterogeneity == pytest.approx(3.52, abs=0.005)
    means = np.array([model.mu.mean for model in models.values()])
    assert weights @ means == pytest.approx(1.076, abs=0.0005)
    # Given an effect, and given heterogeneity. RoBMA's vignette prints 1.082 and 0.297, from draws;
    # the dense grid below settles the third decimal.
    given_effect = (effect_random * means[3] + effect_fixed * means[2]) / (
        effect_random + effect_fixed
    )
    assert given_effect == pytest.approx(1.082, abs=0.002)
    taus = [models[mu, spread].tau.mean for mu in (("fixed", 0), effect)]
    given_spread = (null_random * taus[0] + effect_random * taus[1]) / (null_random + effect_random)
    assert given_spread == pytest.approx(0.297, abs=0.003)
    grid = dense_grid(data["d"], data["se"], ("fixed", 0), spread, drop=400)
    assert taus[0] == pytest.approx(grid.moments("tau")[0], abs=1e-6)
    assert given_spread == pytest.approx(0.29928, abs=5e-6)
