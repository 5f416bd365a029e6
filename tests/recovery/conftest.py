"""The committed analysis, and quick fits of it that share one compiled model."""

import dataclasses
from collections.abc import Callable

import pytest
import xarray as xr

from bayes_nmda.effects import EffectTable
from bayes_nmda.inference import nuts
from bayes_nmda.model.build import build_model
from bayes_nmda.spec.spec import ModelSpec

Sampled = Callable[..., xr.DataTree]


@pytest.fixture(scope="session")
def sampled() -> Sampled:
    """Return draws of NUTS and its statistics only: no prior, no predictive draws."""

    def _sampled(
        spec: ModelSpec, effects: EffectTable, *, seed: int, draws: int | None = None
    ) -> xr.DataTree:
        return nuts.sampled(build_model(spec, effects), spec, effects, seed, draws)

    return _sampled


@pytest.fixture(scope="session")
def with_yi() -> Callable[[EffectTable, object], EffectTable]:
    """Return an effect table with other observed effects."""

    def _with_yi(effects: EffectTable, yi: object) -> EffectTable:
        return dataclasses.replace(effects, frame=effects.frame.assign(yi=yi))

    return _with_yi
