"""What a fit is known by: 16 hexadecimal digits that cover everything that moves a draw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayes_nmda.effects import EffectTable
    from bayes_nmda.model.spec import ModelSpec
    from bayes_nmda.terms import Engine

#: Length of a key.
DIGITS = 16
#: Modules of the exact engine.
_EXACT = (
    *("exact", "exact_family", "exact_tree", "gaussian"),
    *("grid", "importance", "matrices", "normal_mixture"),
)
#: The modules that turn effects and a model file into draws and gates; others can change without a
#: refit.
_SAMPLING_CODE = (
    "model/build.py",
    "model/counts.py",
    "model/likelihoods.py",
    "model/priors.py",
    "model/structure.py",
    "posterior/absolute.py",
    "posterior/counts.py",
    "posterior/diagnostics.py",
    "posterior/labels.py",
    "posterior/log_prior.py",
    "posterior/predictive.py",
    "posterior/prior_draws.py",
    "posterior/sample.py",
)
_PACKAGE = Path(__file__).resolve().parents[1]


def code_digest() -> str:
    """Return the SHA-256 of the source that turns effects and a model file into draws."""
    digest = hashlib.sha256()
    for name in _SAMPLING_CODE:
        digest.update(name.encode() + b"\0" + (_PACKAGE / name).read_bytes())
    return digest.hexdigest()


def exact_digest() -> str:
    """Return the SHA-256 of the source of the exact engine."""
    digest = hashlib.sha256()
    for name in _EXACT:
        digest.update((_PACKAGE / "posterior" / f"{name}.py").read_bytes())
    return digest.hexdigest()


def key_of(rows: str, spec: str, numbers: Mapping[str, int], engine: str, used: object) -> str:
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
        Versions of the packages that may move a draw.
    """
    parts = [rows, spec, dict(numbers), engine, used, code_digest()]
    parts += [exact_digest()] if engine == "exact" else []
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
    from bayes_nmda.posterior.sample import versions

    numbers = {
        "seed": spec.sampling.seed if seed is None else seed,
        "draws": draws or spec.sampling.draws,
        "chains": chains or spec.sampling.chains,
    }
    used = chosen_engine(spec, engine)
    return key_of(effects.hash, spec.hash, numbers, used, versions())
