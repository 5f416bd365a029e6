"""The committed analysis, and quick fits of it that share one compiled model."""

import dataclasses
from collections.abc import Callable

import pytest
import xarray as xr

from bayes_nmda.data import load_trials
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.model.build import build_model
from bayes_nmda.model.spec import ModelSpec, load_model
from bayes_nmda.posterior.sample import _compile, _sample

Sampled = Callable[..., xr.DataTree]


@pytest.fixture(scope="session")
def primary() -> ModelSpec:
    return load_model("pain_intensity")


@pytest.fixture(scope="session")
def pain(primary: ModelSpec) -> EffectTable:
    return effect_table(load_trials(), primary)


@pytest.fixture(scope="session")
def sampled() -> Sampled:
    """Return draws of NUTS and its statistics only: no prior, no predictive draws."""

    def _sampled(
        spec: ModelSpec, effects: EffectTable, *, seed: int, draws: int | None = None
    ) -> xr.DataTree:
        compiled = _compile(build_model(spec, effects), spec)
        return _sample(compiled, spec, seed, draws, None)

    return _sampled


@pytest.fixture(scope="session")
def with_yi() -> Callable[[EffectTable, object], EffectTable]:
    """Return an effect table with other observed effects."""

    def _with_yi(effects: EffectTable, yi: object) -> EffectTable:
        return dataclasses.replace(effects, frame=effects.frame.assign(yi=yi))

    return _with_yi
