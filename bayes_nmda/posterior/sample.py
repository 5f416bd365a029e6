"""The one place that runs NUTS.

Out comes an `xarray.DataTree` with the groups of ArviZ: posterior, prior, posterior_predictive,
prior_predictive, log_likelihood, log_prior, sample_stats, observed_data and constant_data, and
everything that says where it came from in the attributes of the root. A compiled model is kept for
the life of the process: another prior of the same family, another correlation or other effects are
sampled without compiling again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import json
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import xarray as xr

from bayes_nmda.errors import FitError, QueryError, UsageError
from bayes_nmda.model.counts import Counts
from bayes_nmda.model.structure import Layout
from bayes_nmda.posterior.baseline import baseline_log_odds, prior_baseline_log_odds
from bayes_nmda.posterior.code import versions
from bayes_nmda.posterior.counts import count_constants, count_groups
from bayes_nmda.posterior.diagnostics import record_gates
from bayes_nmda.posterior.exact import chosen_engine, obstacle
from bayes_nmda.posterior.labels import constants, with_labels
from bayes_nmda.posterior.log_prior import log_prior
from bayes_nmda.posterior.predictive import difference_groups, new_trial
from bayes_nmda.terms import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pymc as pm
    from numpy.typing import NDArray

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.model.spec import ModelSpec

_compiled: dict[str, Any] = {}


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
    for name, value, least in (("seed", seed, 0), ("draws", draws, 1), ("chains", chains, 1)):
        if value is not None and value < least:
            raise UsageError(f"fit: found {name}={value}; allowed is an integer from {least} up")
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
        tree = _fit_nuts(spec, used, seed, draws, chains, say)
    elif spec.likelihood.family != "normal":
        tree = _fit_exact_counts(spec, used, seed, draws, chains, say)
    else:
        from bayes_nmda.posterior.exact_tree import fit_exact

        tree = fit_exact(spec, effects, seed, draws, chains, say)
    tree.attrs |= {"rows_hash": effects.hash, "refused_cells": json.dumps(refused)}
    record_gates(tree)
    return tree


def with_information(spec: ModelSpec, effects: EffectTable) -> tuple[EffectTable, dict[str, int]]:
    """Return the contrasts that an analysis of counts can speak of, and the cells that it refuses.

    Parameters
    ----------
    spec
        The analysis.
    effects
        Its contrasts.

    Returns
    -------
    tuple
        All contrasts, but where cells are analysed alone only those of cells with a trial in which
        somebody had an event and somebody had none; and the number of trials of each cell refused.

    Raises
    ------
    QueryError
        If no trial says anything about a ratio.
    """
    layout = Layout.of(effects.frame)
    counts = Counts.of(effects.frame, layout, spec.structure.pooling)
    says = counts.informative[counts.table_of_contrast]
    if not says.any():
        raise QueryError(
            f"model {spec.name}: found no trial in which somebody had an event and somebody had "
            f"none, among {len(layout.trials)}; counts say nothing about a ratio then. Look at "
            "nmda.evidence_map(trials), or ask about another outcome"
        )
    if spec.structure.pooling != "none":
        return effects, {}
    cell = effects.frame["cell"].to_numpy()
    kept = np.isin(cell, cell[says])
    trials = effects.trials
    refused = {str(name): trials[name] for name in dict.fromkeys(cell[~kept])}
    return (effects.subset(kept) if refused else effects), refused


def _fit_exact_counts(
    spec: ModelSpec,
    effects: EffectTable,
    seed: int,
    draws: int | None,
    chains: int | None,
    say: Callable[[str], None],
) -> xr.DataTree:
    from bayes_nmda.posterior.exact_counts_tree import fit_exact_counts

    shape = (chains or spec.sampling.chains, draws or spec.sampling.draws)
    groups, quality = fit_exact_counts(spec, effects, seed, shape, say)
    tree = xr.DataTree.from_dict(groups)
    sizes = {"chains": shape[0], "draws": shape[1]}
    tree.attrs = attributes(spec, effects, seed, "exact") | sizes | quality
    return tree


def _fit_nuts(
    spec: ModelSpec,
    effects: EffectTable,
    seed: int,
    draws: int | None,
    chains: int | None,
    say: Callable[[str], None],
) -> xr.DataTree:
    # here, because an exact fit needs no PyMC, which takes seconds to import
    from bayes_nmda.model.build import build_model

    model = build_model(spec, effects)
    say("compiling")
    compiled = _compile(build_model(spec, effects, spare=True), spec)
    say("sampling")
    raw = _without_spares(_sample(compiled, spec, seed, draws, chains), model)
    say("prior and predictive draws")
    return _assemble(raw, model, spec, effects, seed)


def _signature(model: pm.Model, spec: ModelSpec) -> str:
    """Return what makes two models compile to the same code: priors' families, sizes, terms."""
    families = [(n, p.distribution, p.upper is None) for n, p in spec.priors]
    structure = (spec.structure.pooling, spec.structure.trial_effects, spec.likelihood.family)
    sizes = {name: len(labels or ()) for name, labels in model.coords.items()}
    # a container that another model lacks would keep that model's numbers
    data = {container.name: container.get_value().shape for container in model.data_vars}
    parts = [families, structure, model.named_vars_to_dims, sizes, data]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _compile(model: pm.Model, spec: ModelSpec) -> Any:
    import nutpie
    import pytensor

    key = _signature(model, spec)
    if key not in _compiled:
        # With fast math, code from the disk cache rounds otherwise than code compiled just now, and
        # one seed gives two posteriors.
        with pytensor.config.change_flags(numba__fastmath=False), _no_garbage_collection():
            _compiled[key] = nutpie.compile_pymc_model(model)
    numbers = {data.name: data.get_value() for data in model.data_vars}
    compiled = _compiled[key].with_data(**numbers)

    def start(seed: int | None = None) -> NDArray[np.float64]:
        return np.asarray(np.random.default_rng(seed).uniform(-1, 1, compiled.n_dim))

    # By default chains start near values that belong to the model that was compiled first; draws
    # must not depend on what a process did before. Uniform on the unconstrained scale, as in Stan.
    return dataclasses.replace(compiled, initial_point_func=start)


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Leave cycles alone: looking for them takes a tenth of the time of compiling."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _sample(
    compiled: Any,
    spec: ModelSpec,
    seed: int,
    draws: int | None,
    chains: int | None,
) -> xr.DataTree:
    import nutpie

    try:
        tree: xr.DataTree = nutpie.sample(
            compiled,
            draws=(draws or spec.sampling.draws) * spec.sampling.thin,
            tune=spec.sampling.tune,
            chains=chains or spec.sampling.chains,
            seed=seed,
            target_accept=spec.sampling.target_accept,
            save_warmup=False,
            progress_bar=False,
        )
    except RuntimeError as error:
        raise FitError(f"model {spec.name}: the sampler stopped: {error}") from error
    # What the sampler says of itself stays whole: a divergence counts, and the energy changes from
    # one draw to the next, whether a draw is kept or not.
    tree["posterior"] = tree["posterior"].to_dataset().thin(draw=spec.sampling.thin)
    return tree


def _without_spares(raw: xr.DataTree, model: pm.Model) -> xr.DataTree:
    """Return draws of a model with spare places as draws of ``model``, which has none."""
    posterior = raw["posterior"].to_dataset()
    needed = [variable.name for variable in (*model.free_RVs, *model.deterministics)]
    dims = {
        dim: labels
        for dim, labels in model.coords.items()
        if labels is not None and dim in posterior.dims
    }
    real = posterior[needed].isel({dim: slice(len(labels)) for dim, labels in dims.items()})
    unused = [dim for dim in real.coords if dim not in real.dims]
    real = real.drop_vars(unused).assign_coords({d: list(dims[d]) for d in dims if d in real.dims})
    return xr.DataTree.from_dict(
        {"posterior": real, "sample_stats": raw["sample_stats"].to_dataset()}
    )


def _assemble(
    raw: xr.DataTree, model: pm.Model, spec: ModelSpec, effects: EffectTable, seed: int
) -> xr.DataTree:
    from bayes_nmda.posterior.prior_draws import prior_draws

    layout = Layout.of(effects.frame)
    rng_new, rng_rep, rng_prior_new, rng_prior_rep = np.random.default_rng(seed).spawn(4)

    prior = prior_draws(model, spec, seed)
    posterior = raw["posterior"].to_dataset()
    posterior["new_trial"] = new_trial(posterior, spec, rng_new)
    prior["new_trial"] = new_trial(prior, spec, rng_prior_new)
    known = constants(effects)
    if spec.likelihood.family == "normal":
        observed = difference_groups(posterior, prior, effects, spec, (rng_rep, rng_prior_rep))
    else:
        observed = count_groups(posterior, prior, effects, layout, spec, (rng_rep, rng_prior_rep))
        counts = Counts.of(effects.frame, layout, spec.structure.pooling)
        shapes = [(draws.sizes["chain"], draws.sizes["draw"]) for draws in (posterior, prior)]
        posterior["baseline_log_odds"] = baseline_log_odds(spec, effects, layout, shapes[0], seed)
        prior["baseline_log_odds"] = prior_baseline_log_odds(spec, layout, shapes[1], seed)
        known = known.merge(count_constants(counts, layout))
    tree = xr.DataTree.from_dict(
        {
            "posterior": with_labels(posterior),
            "prior": with_labels(prior),
            **observed,
            "log_prior": log_prior(posterior, spec),
            "sample_stats": _statistics(raw["sample_stats"].to_dataset()),
            "constant_data": known,
        }
    )
    sizes = {"chains": posterior.sizes["chain"], "draws": posterior.sizes["draw"]}
    tree.attrs = attributes(spec, effects, seed, "nuts") | sizes
    return tree


def _statistics(stats: xr.Dataset) -> xr.Dataset:
    """Return the numeric statistics; netCDF cannot hold the messages of divergences."""
    numeric = [name for name, values in stats.items() if values.dtype.kind in "biuf"]
    return stats[numeric].drop_attrs()  # ArviZ writes the time of day there


def attributes(
    spec: ModelSpec, effects: EffectTable, seed: int, engine: str
) -> dict[str, str | int]:
    """Return the root attributes that say where a posterior came from."""
    return {
        **words(spec),
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
