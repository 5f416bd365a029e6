"""Where a fit came from: the attributes of its root, and versions of what may move a draw."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

#: Packages whose version may move a draw.
PACKAGES: Final = ("bayes_nmda", "pymc", "pytensor", "nutpie", "numba", "numpy", "scipy", "xarray")


def attributes(
    spec: ModelSpec, effects: EffectTable, seed: int, engine: str
) -> dict[str, str | int]:
    """Return the root attributes that say where a posterior came from."""
    covariates = {}
    if spec.covariates:
        from bayes_nmda.effects.covariates import places  # with pandas, which `ask` does without

        covariates["covariates"] = json.dumps(places(effects.frame, spec), ensure_ascii=False)
    return {
        **words(spec),
        **covariates,
        "model": spec.name,
        "engine": engine,
        "seed": seed,
        "measure": spec.measure,
        "unit": spec.unit,
        "benefit": spec.benefit,
        "outcome": spec.select.outcome,
        "comparator": spec.select.comparator,
        "spec_hash": spec.hash,
        "rows_hash": effects.hash,
        "versions": json.dumps(versions()),
    }


def words(spec: ModelSpec) -> dict[str, str]:
    """Return the root attributes that may change although every draw stays the same."""
    return {
        "title": spec.title,
        "spec": json.dumps(spec.to_mapping(), ensure_ascii=False),
        "model_files": json.dumps(spec.files),
    }


def series(versions: Mapping[str, str]) -> dict[str, str]:
    """Return the series, ``"6.4"``, of each version: a patch release moves no number."""
    return {name: ".".join(version.split(".")[:2]) for name, version in versions.items()}


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    """Return `versions` as pairs; they cannot change while a process runs."""
    found = {package: importlib.metadata.version(package) for package in PACKAGES}
    return tuple({"python": platform.python_version(), **found}.items())


def versions() -> dict[str, str]:
    """Return the versions of Python and of every package that may move a draw."""
    return dict(_versions())
