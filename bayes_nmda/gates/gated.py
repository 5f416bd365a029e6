"""A fit and its gates: what runs an engine and writes into the fit whether it may be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayes_nmda.gates.convergence import record_gates
from bayes_nmda.inference.engines import run

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec
    from bayes_nmda.terms import Engine


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
    tree = run(
        spec, effects, engine=engine, seed=seed, draws=draws, chains=chains, progress=progress
    )
    record_gates(tree)
    return tree
