"""Quantiles of deviations of unit scale, with and without a graph."""

import numpy as np
import pymc as pm
import pytest
from scipy import stats

from bayes_nmda.inference.prior_draws import _quantile, _standard_normal

UNIFORM = np.concatenate([[1e-12, 0.5, 1 - 1e-12], np.random.default_rng(1).uniform(size=97)])


@pytest.fixture(scope="module")
def model() -> pm.Model:
    with pm.Model(coords={"i": range(5)}) as model:
        pm.Normal("z", dims="i")
        pm.Normal("number")
        pm.Normal("moved", mu=0.5, dims="i")
        pm.Normal("wide", sigma=2.0)
        pm.Normal("open", sigma=pm.Data("sd", 1.0))
        pm.Gamma("precision", alpha=2.0, beta=2.0, dims="i")
    return model


@pytest.mark.parametrize("name", ["z", "number", "moved", "wide", "open", "precision"])
def test_quantiles_are_those_of_pymc_to_the_last_bit(model: pm.Model, name: str) -> None:
    variable = model[name]
    assert _standard_normal(variable) == (name in {"z", "number"})
    uniform = UNIFORM.reshape(20, 5) if variable.ndim else UNIFORM
    expected = pm.icdf(variable, uniform).eval(mode="FAST_COMPILE")
    np.testing.assert_array_equal(_quantile(variable, uniform, {}), expected)


def test_a_deviation_follows_the_width_that_was_drawn(model: pm.Model) -> None:
    with model:
        width = pm.HalfNormal("width", dims="i")
        heavy = pm.Normal("heavy", sigma=width, dims="i")
    uniform = UNIFORM.reshape(20, 5)
    widths = np.random.default_rng(2).uniform(0.1, 3, uniform.shape)
    found = _quantile(heavy, uniform, {width: widths})
    np.testing.assert_allclose(found, stats.norm(scale=widths).ppf(uniform), rtol=1e-9)
