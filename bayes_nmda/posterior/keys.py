"""What a fit is known by: 16 hexadecimal digits that cover everything that moves a draw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bayes_nmda.posterior import code

if TYPE_CHECKING:
    from bayes_nmda.effects import EffectTable
    from bayes_nmda.model.spec import ModelSpec
    from bayes_nmda.terms import Engine

#: Length of a key.
DIGITS = 16


def key_of(
    rows: str, spec: str, numbers: Mapping[str, int], engine: str, used: Mapping[str, str]
) -> str:
    """Return the key of a fit.

    Parameters
    ----------
    rows, spec
        Hashes of the contrasts and of the model file.
    numbers
        Seed, draws and chains.
    engine
        ``"nuts"`` or ``"exact"``.
    used
        Versions of the packages that may move a draw, of which the series counts.
    """
    parts = [rows, spec, dict(numbers), engine, code.series(used), code.digests()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:DIGITS]


def fit_key(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    engine: Engine = "nuts",
    seed: int | None = None,
    draws: int | None = None,
    chains: int | None = None,
) -> str:
    """Return the key of a fit: 16 hexadecimal digits that cover all that moves a draw."""
    from bayes_nmda.posterior.exact import chosen_engine

    numbers = {
        "seed": spec.sampling.seed if seed is None else seed,
        "draws": draws or spec.sampling.draws,
        "chains": chains or spec.sampling.chains,
    }
    used = chosen_engine(spec, engine)
    return key_of(effects.hash, spec.hash, numbers, used, code.versions())
