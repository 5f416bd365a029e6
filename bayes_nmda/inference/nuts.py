"""The one place that runs NUTS.

A compiled model is kept for the life of the process: another prior of the same family, another
correlation or other effects are sampled without compiling again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayes_nmda.errors import FitError
from bayes_nmda.inference.baseline import baseline_log_odds, prior_baseline_log_odds
from bayes_nmda.inference.counts import count_constants, count_groups
from bayes_nmda.inference.labels import constants, with_labels
from bayes_nmda.inference.log_prior import log_prior
from bayes_nmda.inference.origin import attributes
from bayes_nmda.inference.predictive import difference_groups, new_trial
from bayes_nmda.model.counts import Counts
from bayes_nmda.model.structure import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pymc as pm
    from numpy.typing import NDArray

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

_compiled: dict[str, Any] = {}


def fit_nuts(
    spec: ModelSpec,
    effects: EffectTable,
    seed: int,
    draws: int | None,
    chains: int | None,
    say: Callable[[str], None],
) -> xr.DataTree:
    """Return the posterior of an analysis by NUTS, its groups and its root attributes.

    Parameters
    ----------
    spec, effects
        The analysis and its contrasts.
    seed, draws, chains
        All randomness; draws of a chain that are kept and chains, or None for the model file's.
    say
        Called with a short text at each step.

    Raises
    ------
    FitError
        If the sampler cannot start.
    """
    # here, because an exact fit needs no PyMC, which takes seconds to import
    from bayes_nmda.model.build import build_model

    model = build_model(spec, effects)
    raw = sampled(model, spec, effects, seed, draws, chains, say)
    say("prior and predictive draws")
    return _assemble(raw, model, spec, effects, seed)


def sampled(
    model: pm.Model,
    spec: ModelSpec,
    effects: EffectTable,
    seed: int,
    draws: int | None = None,
    chains: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> xr.DataTree:
    """Return draws of the variables of ``model`` and what the sampler says of itself.

    Arguments as in `fit_nuts`, and ``model``, which is ``build_model(spec, effects)``.
    """
    from bayes_nmda.model.build import build_model

    say("compiling")
    compiled = _compile(build_model(spec, effects, spare=True), spec)
    say("sampling")
    places, statistics = _sample(compiled, spec, seed, draws, chains)
    posterior = _at_places(places, compiled, model)
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": statistics})


def _signature(model: pm.Model, spec: ModelSpec) -> str:
    """Return what makes two models compile to the same code: priors' families, sizes, terms."""
    families = [(n, p.distribution, p.upper is None) for n, p in spec.priors]
    structure = (spec.structure.pooling, spec.structure.trial_effects, spec.likelihood.family)
    sizes = {name: len(labels or ()) for name, labels in model.coords.items()}
    # numbers that another model lacks, or places elsewhere, would keep that model's
    parts = [families, structure, model.named_vars_to_dims, sizes, model.places]
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _compile(model: pm.Model, spec: ModelSpec) -> Any:
    import nutpie
    import pytensor

    key = _signature(model, spec)
    if key not in _compiled:
        # With fast math, code from the disk cache rounds otherwise than code compiled just now, and
        # one seed gives two posteriors. Variables are worked out without compiling (`_at_places`).
        with pytensor.config.change_flags(numba__fastmath=False), _no_garbage_collection():
            _compiled[key] = nutpie.compile_pymc_model(model, var_names=[])
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
) -> tuple[xr.DataArray, xr.Dataset]:
    """Return where the sampler was, in unconstrained coordinates, and what it says of itself."""
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
            store_unconstrained=True,
            progress_bar=False,
        )
    except RuntimeError as error:
        raise FitError(f"model {spec.name}: the sampler stopped: {error}") from error
    # What the sampler says of itself stays whole: a divergence counts, and the energy changes from
    # one draw to the next, whether a draw is kept or not.
    stats = tree["sample_stats"].to_dataset()
    places = stats["unconstrained_draw"].thin(draw=spec.sampling.thin)
    return places, stats.drop_vars(["unconstrained_draw", "unconstrained_parameter"])


def _at_places(places: xr.DataArray, compiled: Any, model: pm.Model) -> xr.Dataset:
    """Return draws of every variable of ``model``, which has no spare places.

    The sampler moved in the same variables with spare places behind the others.
    """
    from bayes_nmda.inference.prior_draws import at_all_draws

    places = places.transpose("chain", "draw", ...)
    shape = places.shape[:2]
    flat = places.to_numpy().reshape(shape[0] * shape[1], -1)
    dims = {rv.name: model.named_vars_to_dims.get(rv.name) or () for rv in model.unobserved_RVs}
    names, where, shapes = compiled.shape_info
    parts = {
        name: flat[:, part].reshape(-1, *filled)
        for name, part, filled in zip(names, where, shapes, strict=True)
    }
    given = {}
    for rv in model.free_RVs:
        value = model.rvs_to_values[rv]
        real = tuple(slice(len(model.coords[dim] or ())) for dim in dims[rv.name])
        given[value] = parts[value.name][:, *real]
    named = [*model.free_RVs, *model.deterministics]
    arrays = at_all_draws(model.replace_rvs_by_values(named), given)
    used = {dim for rv in named for dim in dims[rv.name]}
    return xr.Dataset(
        {
            rv.name: (("chain", "draw", *dims[rv.name]), array.reshape(*shape, *array.shape[1:]))
            for rv, array in zip(named, arrays, strict=True)
        },
        {name: places[name] for name in ("chain", "draw")}
        | {dim: list(model.coords[dim] or ()) for dim in used},
    )


def _assemble(
    raw: xr.DataTree, model: pm.Model, spec: ModelSpec, effects: EffectTable, seed: int
) -> xr.DataTree:
    layout = Layout.of(effects.frame)
    rng_new, rng_rep, rng_prior_new, rng_prior_rep = np.random.default_rng(seed).spawn(4)

    from bayes_nmda.inference.prior_draws import prior_draws

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
