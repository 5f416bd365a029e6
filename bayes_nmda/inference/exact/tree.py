"""The exact posterior as the DataTree that every fit is: the same groups, dims and variables.

Draws are an even resample of the weighted points with a joint normal draw at each, so plots and
queries that count draws work as they do after NUTS. The group ``mixture`` keeps the weighted points
themselves, from which probabilities, means and SDs follow without counting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayes_nmda.inference.exact.counts_tree import exact_counts, mixture_of
from bayes_nmda.inference.exact.engine import ExactPosterior, Mixture, exact_posterior
from bayes_nmda.inference.exact.gaussian import SCALES
from bayes_nmda.inference.exact.matrices import Floats
from bayes_nmda.inference.labels import PRIOR_DRAWS, constants, with_labels
from bayes_nmda.inference.log_prior import log_prior
from bayes_nmda.inference.origin import attributes
from bayes_nmda.inference.predictive import difference_groups, new_trial
from bayes_nmda.model.counts import with_information
from bayes_nmda.model.structure import Layout
from bayes_nmda.spec.model_file import WITHIN_PERSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

#: Dimension of each variable of a draw, None for a number.
DIMS = {
    "overall": None,
    "partition_effect": "partition",
    "effect": "cell",
    "new_trial": "cell",
    "theta": "contrast",
}
#: Variables that the group ``mixture`` keeps; what is said of a single trial comes from draws.
IN_MIXTURE = ("overall", "partition_effect", "effect", "new_trial")
ALONE = ("effect", "new_trial")
#: Binary digits of a mean or SD in the group ``mixture``: those of a 32-bit float.
DIGITS = 24


def fit_exact(
    spec: ModelSpec,
    effects: EffectTable,
    seed: int,
    draws: int | None,
    chains: int | None,
    say: Callable[[str], None],
) -> xr.DataTree:
    """Return the exact posterior of a Gaussian analysis as a DataTree with ArviZ groups.

    Parameters
    ----------
    spec
        The analysis.
    effects
        Its contrasts.
    seed
        For all randomness.
    draws, chains
        Independent draws are dealt to so many chains; None takes the numbers in the model file.
    say
        Called with a short text at each step.

    Returns
    -------
    xarray.DataTree
        The groups of `bayes_nmda.fit`, and ``mixture``: ``weight`` of each ``point``, the
        ``replicate`` it belongs to (the scatter between replicates is the numerical error), its
        SDs, and ``…_mean`` and ``…_sd`` of effects. Where cells are analysed alone all of these
        have a dimension ``cell``.

    Raises
    ------
    UsageError
        If the analysis is not Gaussian; the message names NUTS.
    FitError
        If the data cannot be integrated over.
    """
    draws, chains = draws or spec.sampling.draws, chains or spec.sampling.chains
    say("integrating")
    exact = exact_posterior(spec, effects, seed=seed)
    say("draws")
    rngs = np.random.default_rng(seed).spawn(6)
    posterior, statistics = _posterior(exact, spec, chains, draws, rngs[0])
    prior = _prior(exact, spec, effects, seed)
    # Variables, not arrays with coordinates: nothing has to be aligned.
    posterior["new_trial"] = new_trial(posterior, spec, rngs[1]).variable
    prior["new_trial"] = new_trial(prior, spec, rngs[2]).variable
    tree = xr.DataTree.from_dict(
        {
            "posterior": with_labels(posterior),
            "prior": with_labels(prior),
            **difference_groups(posterior, prior, effects, spec, (rngs[3], rngs[4])),
            "log_prior": log_prior(posterior, spec),
            "sample_stats": statistics,
            "constant_data": constants(effects),
            "mixture": _mixture(exact, spec),
        }
    )
    tree.attrs = attributes(spec, effects, seed, "exact") | {
        "chains": chains,
        "draws": draws,
        "log_marginal": exact.log_marginal,
        "log_marginal_error": exact.log_marginal_error,
        "pareto_k": exact.pareto_k,
        "effective_points": exact.effective,
    }
    return tree


def mixture_alone(spec: ModelSpec, effects: EffectTable) -> xr.DataTree:
    """Return the group ``mixture`` of `fit_exact` without draws, which cost most of its time.

    Parameters
    ----------
    spec, effects
        The analysis, whose seed is used, and its contrasts.

    Returns
    -------
    xarray.DataTree
        What probabilities, means and SDs are computed from; the same to the last bit.
    """
    if spec.likelihood.family == "normal":
        mixture = _mixture(exact_posterior(spec, effects), spec)
    else:
        used, _ = with_information(spec, effects)
        layout = Layout.of(used.frame)
        mixture = mixture_of(exact_counts(spec, used, layout, spec.sampling.seed), spec, layout)
    tree = xr.DataTree.from_dict({"mixture": mixture})
    tree.attrs = attributes(spec, effects, spec.sampling.seed, "exact")
    return tree


def _drawn(mixture: Mixture, size: int, rng: np.random.Generator) -> tuple[Any, dict[str, Floats]]:
    """Return the point behind each draw, points evenly by weight, and a joint draw at each.

    They are drawn in the order of points, so that a point that comes twice is factorised once, and
    then shuffled.
    """
    edges = np.cumsum(mixture.weight)
    points = np.searchsorted(edges, (np.arange(size) + 0.5) / size * edges[-1])
    values = mixture.gaussian.draws(mixture.scales[points], rng)
    order = rng.permutation(size)
    return points[order], {name: part[order] for name, part in values.items()}


def _dataset(
    values: dict[str, Floats], exact: ExactPosterior, shape: tuple[int, int]
) -> xr.Dataset:
    """Return draws (chain · draw, …) as a Dataset with chains, draws and labels."""
    labels = {
        "chain": np.arange(shape[0]),
        "draw": np.arange(shape[1]),
        "partition": list(exact.layout.partitions),
        "cell": list(exact.layout.cells),
        "contrast": list(exact.layout.contrasts),
    }
    variables = {}
    for name, array in values.items():
        dim = DIMS.get(name, "cell" if array.ndim == 2 else None)
        dims = ("chain", "draw") if dim is None else ("chain", "draw", dim)
        variables[name] = (dims, array.reshape(*shape, *array.shape[1:]))
    used = {dim for dims, _ in variables.values() for dim in dims}
    return xr.Dataset(variables, {name: v for name, v in labels.items() if name in used})


def _alone(spec: ModelSpec) -> bool:
    return spec.structure.pooling == "none"


def _posterior(
    exact: ExactPosterior, spec: ModelSpec, chains: int, draws: int, rng: np.random.Generator
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return joint posterior draws, and the point and log weight behind each."""
    size = chains * draws
    pairs = [_drawn(mixture, size, rng) for mixture in exact.mixtures]
    chosen, drawn = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    columns = [
        mixture.scales[points] for mixture, points in zip(exact.mixtures, chosen, strict=True)
    ]
    weights = [
        np.log(mixture.weight[points])
        for mixture, points in zip(exact.mixtures, chosen, strict=True)
    ]
    shape = (chains, draws)
    if not _alone(spec):
        values = _named_scales(exact, columns[0]) | drawn[0]
        statistics = {"point": chosen[0], "log_weight": weights[0]}
        return _dataset(values, exact, shape), _dataset(statistics, exact, shape)
    values = {
        "effect": np.hstack([part["effect"] for part in drawn]),
        "theta": _by_contrast(exact, [part["theta"] for part in drawn]),
        "tau": np.stack([column[:, 0] for column in columns], axis=1),
        **_coefficients(exact, columns[0]),
    }
    statistics = {"point": np.stack(chosen, axis=1), "log_weight": np.stack(weights, axis=1)}
    return _dataset(values, exact, shape), _dataset(statistics, exact, shape)


def _named_scales(exact: ExactPosterior, scales: Floats) -> dict[str, Floats]:
    found = {name: scales[:, SCALES.index(name)] for name in exact.family.names}
    if exact.family.within is not None:
        found[WITHIN_PERSON] = scales[:, len(SCALES)]
    return found | _coefficients(exact, scales)


def _coefficients(exact: ExactPosterior, scales: Floats) -> dict[str, Floats]:
    """Return the coefficient of each covariate at points with these scales."""
    columns = exact.mixtures[0].gaussian.coefficients(scales).T
    return dict(zip(exact.mixtures[0].gaussian.covariates.names, columns, strict=True))


def _by_contrast(exact: ExactPosterior, parts: list[Floats]) -> Floats:
    """Return contrasts of cells analysed alone side by side, rows of the effect table."""
    out = np.empty((len(parts[0]), len(exact.layout.contrasts)))
    for mixture, part in zip(exact.mixtures, parts, strict=True):
        out[:, np.sort(mixture.gaussian.order)] = part
    return out


def _prior(exact: ExactPosterior, spec: ModelSpec, effects: EffectTable, seed: int) -> xr.Dataset:
    """Return prior draws from a scrambled Sobol sequence, variables as in the posterior."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    parts = [mixture.gaussian for mixture in exact.mixtures]
    dimension = exact.family.dimension
    widths = [dimension + part.prior_width for part in parts]
    unit = qmc.Sobol(sum(widths), scramble=True, rng=np.random.default_rng(seed))
    scores = ndtri(np.clip(unit.random(PRIOR_DRAWS), 1e-12, 1 - 1e-12))
    blocks = np.split(scores, np.cumsum(widths)[:-1], axis=1)
    scales = [exact.family.scales(block[:, :dimension]) for block in blocks]
    drawn = [
        part.prior_draws(scale, block[:, dimension:])
        for part, scale, block in zip(parts, scales, blocks, strict=True)
    ]
    if not _alone(spec):
        values = _named_scales(exact, scales[0]) | drawn[0]
    else:
        values = {
            "effect": np.hstack([part["effect"] for part in drawn]),
            "theta": _by_contrast(exact, [part["theta"] for part in drawn]),
            "tau": np.stack([scale[:, 0] for scale in scales], axis=1),
            **_coefficients(exact, scales[0]),
        }
    return _dataset(values, exact, (1, PRIOR_DRAWS))


def _mixture(exact: ExactPosterior, spec: ModelSpec) -> xr.Dataset:
    """Return the weighted points, short enough for a file."""
    variables: dict[str, Any] = {}
    if not _alone(spec):
        (mixture,) = exact.mixtures
        variables["weight"] = ("point", mixture.weight)
        variables["replicate"] = ("point", mixture.replicate.astype(np.int16))
        for name, values in _named_scales(exact, mixture.scales).items():
            variables[name] = ("point", _short(values))
        for name in IN_MIXTURE:
            dim = DIMS[name]
            for suffix, part in (("mean", mixture.mean), ("sd", mixture.sd)):
                values = part[name] if dim else part[name][:, 0]
                dims = ("point", dim) if dim else ("point",)
                variables[f"{name}_{suffix}"] = (dims, _short(values))
    else:
        mixtures = exact.mixtures
        variables["weight"] = _columns([m.weight for m in mixtures], 0.0)
        replicates = _columns([m.replicate for m in mixtures], 0)
        variables["replicate"] = (replicates[0], replicates[1].astype(np.int16))
        for name, parts, fill in (
            ("tau", [m.scales[:, 0] for m in mixtures], 1.0),
            *((f"{n}_mean", [m.mean[n][:, 0] for m in mixtures], 0.0) for n in ALONE),
            *((f"{n}_sd", [m.sd[n][:, 0] for m in mixtures], 1.0) for n in ALONE),
        ):
            dims, values = _columns(parts, fill)
            variables[name] = (dims, _short(values))
        for name, values in _coefficients(exact, mixtures[0].scales).items():
            variables[name] = (dims, _short(values[:, None]))
    coords = {"cell": list(exact.layout.cells)}
    if not _alone(spec):
        coords["partition"] = list(exact.layout.partitions)
    return xr.Dataset(variables, coords)


def _columns(parts: list[Any], fill: float) -> tuple[tuple[str, str], Any]:
    """Return points of cells side by side; where a cell has fewer, the rest weighs 0."""
    size = max(len(part) for part in parts)
    padded = [np.pad(part, (0, size - len(part)), constant_values=fill) for part in parts]
    return ("point", "cell"), np.stack(padded, axis=1)


def _short(values: Floats) -> Any:
    """Return 32-bit floats."""
    return values.astype(np.float32)
