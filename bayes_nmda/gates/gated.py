"""A fit by the engine that was asked for, and its gates: whether it may be believed.

Out comes an `xarray.DataTree` with the groups of ArviZ: posterior, prior, posterior_predictive,
prior_predictive, log_likelihood, log_prior, sample_stats, observed_data and constant_data, and
everything that says where it came from in the attributes of the root.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

import xarray as xr

from bayes_nmda.errors import UsageError, shortened
from bayes_nmda.gates.convergence import record_gates
from bayes_nmda.inference.exact.engine import chosen_engine, obstacle
from bayes_nmda.inference.origin import attributes
from bayes_nmda.model.counts import with_information
from bayes_nmda.spec.settings import RANGES
from bayes_nmda.terms import Engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec


def fit(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    engine: Engine = "nuts",
    seed: int | None = None,
    draws: int | None = None,
    chains: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> xr.DataTree:
    """Return the posterior of one analysis as a DataTree with ArviZ groups.

    Parameters
    ----------
    spec
        The analysis.
    effects
        Its contrasts.
    engine
        ``"nuts"``: No-U-Turn sampling by nutpie. ``"exact"``: without MCMC, for every model that
        ships. ``"auto"``: exact where it applies, else NUTS.
    seed, draws, chains
        Instead of the numbers in the model file: one integer for all randomness, draws of a chain
        that are kept after tuning, and chains.
    progress
        Called with a short text at each step.

    Returns
    -------
    xarray.DataTree
        Effects in the unit and with the sign of the measure. Whether it may be trusted is for
        `bayes_nmda.diagnose` to say: a fit is returned even if its diagnostics are bad.

    Raises
    ------
    UsageError
        If the engine is unknown or cannot do this analysis, or a number is not positive.
    FitError
        If the sampler cannot start.
    QueryError
        If no trial says anything about a ratio of counts.

    References
    ----------
    Hoffman & Gelman 2014, J Mach Learn Res 15:1593 (NUTS).
    """
    if engine not in get_args(Engine):
        allowed = ", ".join(map(repr, get_args(Engine)))
        raise UsageError(f"fit: found engine={engine!r}; allowed are {allowed}")
    for name, value in (("seed", seed), ("draws", draws), ("chains", chains)):
        least, most = RANGES[name]
        if value is not None and not least <= value <= most:
            raise UsageError(
                f"fit: found {name}={shortened(value)}; allowed is an integer from {least} to "
                f"{most:,}"
            )
    say = progress or (lambda _: None)
    seed = spec.sampling.seed if seed is None else seed
    reason = obstacle(spec)
    if engine == "exact" and reason is not None:
        raise UsageError(
            f"model {spec.name}: engine='exact' cannot do this analysis: {reason}; use "
            f"engine='nuts'"
        )
    used: EffectTable = effects
    refused: dict[str, int] = {}
    if spec.likelihood.family != "normal":
        used, refused = with_information(spec, effects)
    if chosen_engine(spec, engine) != "exact":
        from bayes_nmda.inference.nuts import fit_nuts

        tree = fit_nuts(spec, used, seed, draws, chains, say)
    elif spec.likelihood.family != "normal":
        tree = _fit_exact_counts(spec, used, seed, draws, chains, say)
    else:
        from bayes_nmda.inference.exact.tree import fit_exact

        tree = fit_exact(spec, effects, seed, draws, chains, say)
    tree.attrs |= {"rows_hash": effects.hash, "refused_cells": json.dumps(refused)}
    record_gates(tree)
    return tree


def _fit_exact_counts(
    spec: ModelSpec,
    effects: EffectTable,
    seed: int,
    draws: int | None,
    chains: int | None,
    say: Callable[[str], None],
) -> xr.DataTree:
    from bayes_nmda.inference.exact.counts_tree import fit_exact_counts

    shape = (chains or spec.sampling.chains, draws or spec.sampling.draws)
    groups, quality = fit_exact_counts(spec, effects, seed, shape, say)
    tree = xr.DataTree.from_dict(groups)
    sizes = {"chains": shape[0], "draws": shape[1]}
    tree.attrs = attributes(spec, effects, seed, "exact") | sizes | quality
    return tree
