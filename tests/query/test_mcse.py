import numpy as np
import pytest
from arviz_stats.base import array_stats
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_nmda.query.mcse import (
    ess,
    mcse_mean,
    mcse_probability,
    mcse_quantile,
    tail_ess,
)

AXES = {"chain_axis": 0, "draw_axis": 1}


def autoregressive(phi, *, chains=4, draws=400, seed=1):
    noise = np.random.default_rng(seed).normal(size=(chains, draws))
    for i in range(1, draws):
        noise[:, i] += phi * noise[:, i - 1]
    return noise


@pytest.mark.parametrize("phi", [-0.6, 0.0, 0.5, 0.95])
@pytest.mark.parametrize("draws", [100, 101, 400])
def test_effective_sample_size_is_that_of_arviz(phi, draws):
    values = autoregressive(phi, draws=draws)
    assert ess(values) == pytest.approx(
        float(array_stats.ess(values, method="mean", **AXES)), rel=1e-8
    )


@pytest.mark.parametrize("variable", ["effect", "new_trial", "theta"])
def test_errors_of_a_posterior_are_those_of_arviz(tree, variable):
    draws = tree["posterior"][variable].to_numpy()
    for i in range(draws.shape[-1]):
        for values in (draws[..., i], draws[..., i] <= -4.0):
            expected = float(array_stats.mcse(values.astype(float), method="mean", **AXES))
            assert mcse_mean(values) == pytest.approx(expected, rel=1e-8)


@given(shift=st.floats(-1e3, 1e3), scale=st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_effective_sample_size_has_no_unit(shift, scale):
    values = autoregressive(0.3, draws=50)
    assert ess(shift + scale * values) == pytest.approx(ess(values), rel=1e-5)


def test_quantile_error_is_near_that_of_arviz():
    values = autoregressive(0.3, draws=2000)
    expected = float(array_stats.mcse(values, method="quantile", prob=0.975, **AXES))
    assert mcse_quantile(values, 0.975) == pytest.approx(expected, rel=0.3)


def test_a_probability_of_zero_has_an_error_above_zero():
    values = autoregressive(0.3)
    never = np.zeros(values.shape, dtype=bool)
    bound = mcse_probability(never, values)
    assert bound == pytest.approx(3.0 / tail_ess(values))
    assert mcse_probability(~never, values) == bound


def test_the_bound_is_never_above_one():
    values = autoregressive(0.999, chains=1, draws=20)
    assert 0 < mcse_probability(np.ones(values.shape), values) <= 1


def test_equal_draws_count_as_they_are():
    assert ess(np.full((4, 100), 3.0)) == 400


@pytest.mark.parametrize("values", [np.zeros((4, 3)), np.full((4, 100), np.nan)])
def test_too_few_or_missing_draws_have_no_effective_sample_size(values):
    assert np.isnan(ess(values))
