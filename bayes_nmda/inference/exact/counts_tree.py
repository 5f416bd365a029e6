"""The exact posterior of counts as the DataTree that every fit is: same groups, dims and variables.

Draws are an even resample of the weighted points. The group ``mixture`` keeps the points, so that
probabilities, means and quantiles are sums over all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayes_nmda.inference.baseline import baseline_log_odds, prior_baseline_log_odds
from bayes_nmda.inference.counts import count_constants, count_groups
from bayes_nmda.inference.exact.count_likelihood import Arms, drawn_effects, table_of
from bayes_nmda.inference.exact.counts import (
    Hierarchy,
    Weighted,
    conditional_levels,
    hierarchies,
    integrate,
    parameters_of,
)
from bayes_nmda.inference.labels import PRIOR_DRAWS, constants, with_labels
from bayes_nmda.inference.log_prior import log_prior
from bayes_nmda.inference.predictive import new_trial
from bayes_nmda.model.counts import Counts
from bayes_nmda.model.structure import Layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

    Floats = NDArray[np.float64]
    Integers = NDArray[np.intp]

#: Points that together carry less than this are left out of the group ``mixture``.
_NEGLIGIBLE = 1e-9
_OF_CELL = ("effect", "new_trial")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One hierarchy of an analysis with its posterior.

    Attributes
    ----------
    cells
        Positions of its cells.
    level_of_cell
        Which level is the effect of each of them.
    """

    hierarchy: Hierarchy
    weighted: Weighted
    cells: Integers
    level_of_cell: Integers

    def effects(self, points: Integers) -> Floats:
        """Return the effects of its cells at chosen points, shape (point, cell)."""
        return self.weighted.level[points][:, self.level_of_cell]


def exact_counts(spec: ModelSpec, effects: EffectTable, layout: Layout, seed: int) -> list[Part]:
    """Return the posterior of an analysis of counts: one part, or one for each cell alone."""
    parameters = parameters_of(spec)
    parts = []
    for hierarchy, cells in hierarchies(spec, effects, layout):
        levels = np.arange(len(cells)) if hierarchy.levels > 1 else np.zeros(len(cells), np.intp)
        parts.append(Part(hierarchy, integrate(hierarchy, parameters, seed), cells, levels))
    return parts


def fit_exact_counts(
    spec: ModelSpec,
    effects: EffectTable,
    seed: int,
    shape: tuple[int, int],
    say: Callable[[str], None],
) -> tuple[dict[str, xr.Dataset], dict[str, float]]:
    """Return the groups of the exact posterior of counts, and what is known of its integration.

    Parameters
    ----------
    spec, effects
        The analysis, and its contrasts.
    seed
        For all randomness.
    shape
        Chains that draws are dealt to, and draws of each.
    say
        Called with a short text at each step.
    """
    say("integrating")
    layout = Layout.of(effects.frame)
    parts = exact_counts(spec, effects, layout, seed)
    say("draws")
    counts = Counts.of(effects.frame, layout, spec.structure.pooling)
    rngs = np.random.default_rng(seed).spawn(6)
    posterior, statistics = _posterior(parts, spec, layout, counts, shape, rngs[0])
    prior = _prior(parts, spec, layout, counts, rngs[1])
    posterior["new_trial"] = new_trial(posterior, spec, rngs[2]).variable
    prior["new_trial"] = new_trial(prior, spec, rngs[3]).variable
    posterior["baseline_log_odds"] = baseline_log_odds(spec, effects, layout, shape, seed).variable
    prior["baseline_log_odds"] = prior_baseline_log_odds(
        spec, layout, (1, PRIOR_DRAWS), seed
    ).variable
    known = constants(effects).merge(count_constants(counts, layout))
    groups = {
        "posterior": with_labels(posterior),
        "prior": with_labels(prior),
        **count_groups(posterior, prior, effects, layout, spec, (rngs[4], rngs[5])),
        "log_prior": log_prior(posterior, spec),
        "sample_stats": statistics,
        "constant_data": known,
        "mixture": mixture_of(parts, spec, layout),
    }
    quality = [part.weighted.points for part in parts]
    return groups, {
        "log_marginal": sum(points.log_marginal for points in quality),
        "log_marginal_error": float(np.sqrt(sum(p.log_marginal_error**2 for p in quality))),
        "pareto_k": max(points.pareto_k for points in quality),
        "effective_points": min(points.effective for points in quality),
    }


def _named(spec: ModelSpec) -> tuple[str, ...]:
    """Return the parameters that stand in a posterior: standard deviations and coefficients."""
    parameters = parameters_of(spec)
    return (*parameters.names, *(name for name, _ in parameters.coefficients))


def _alone(spec: ModelSpec) -> bool:
    return spec.structure.pooling == "none"


def _posterior(
    parts: list[Part],
    spec: ModelSpec,
    layout: Layout,
    counts: Counts,
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return joint posterior draws, and the point and log weight behind each."""
    size = shape[0] * shape[1]
    effect = np.empty((size, len(layout.cells)))
    theta = np.full((size, len(layout.contrasts)), np.nan)
    chosen, scales = [], []
    for part in parts:
        weighted = part.weighted
        edges = np.cumsum(weighted.points.weight)
        points = np.searchsorted(edges, (np.arange(size) + 0.5) / size * edges[-1])
        points = rng.permutation(np.minimum(points, len(edges) - 1))
        blur = weighted.width[points, None] * rng.standard_normal((size, weighted.level.shape[1]))
        level = weighted.level[points] + blur
        effect[:, part.cells] = level[:, part.level_of_cell]
        at = {name: values[points] for name, values in weighted.scales.items()}
        shift = part.hierarchy.shift(at)
        for single, curve in zip(part.hierarchy.singles, part.hierarchy.curves(at), strict=True):
            mean = level[:, single.levels].mean(axis=1) + shift[:, single.row]
            variance = part.hierarchy.deviation(at, single.row)
            theta[:, single.row] = drawn_effects(curve, mean, variance, rng)
        for row, own in weighted.theta.items():
            theta[:, row] = own[points]
        chosen.append(points)
        scales.append(at)
    rest = np.isnan(theta)
    if rest.any():  # contrasts of tables that say nothing: what is expected of any trial
        shift = parts[0].hierarchy.shift(scales[0])
        theta = np.where(rest, shift + _anything(effect, scales, layout, spec, rng), theta)
    values: dict[str, Floats] = {"effect": effect, "theta": theta}
    if _alone(spec):
        values["tau"] = np.stack([at["tau"] for at in scales], axis=1)
        values |= {name: scales[0][name] for name in parts[0].hierarchy.covariates.names}
    else:
        values |= {name: scales[0][name] for name in _named(spec)}
        middle, width = conditional_levels(parts[0].hierarchy, scales[0], effect, layout, spec)
        for name in ("overall", "partition_effect"):
            away = rng.standard_normal(width[name].shape)
            values[name] = middle[name] + width[name] * away
        values["overall"] = values["overall"][:, 0]
    if spec.likelihood.family != "conditional":
        values["midpoint"] = _midpoints(spec, counts, theta, values.get("overdispersion"), rng)
    log_weight = [np.log(p.weighted.points.weight[c]) for p, c in zip(parts, chosen, strict=True)]
    statistics = {"point": np.stack(chosen, axis=1), "log_weight": np.stack(log_weight, axis=1)}
    if not _alone(spec):
        statistics = {name: array[:, 0] for name, array in statistics.items()}
    return _dataset(values, layout, counts, shape), _dataset(statistics, layout, counts, shape)


def _anything(
    effect: Floats,
    scales: list[dict[str, Floats]],
    layout: Layout,
    spec: ModelSpec,
    rng: np.random.Generator,
) -> Floats:
    """Return true effects that trials might have of which the data say nothing."""
    cell = layout.cell_of_contrast
    if _alone(spec):
        tau = np.stack([at["tau"] for at in scales], axis=1)[:, cell]
    else:
        tau = np.sqrt(scales[0]["tau"] ** 2 + scales[0].get("sd_trial_timepoint", 0.0) ** 2)[
            :, None
        ]
    return np.asarray(effect[:, cell] + tau * rng.standard_normal((len(effect), len(cell))))


def _midpoints(
    spec: ModelSpec,
    counts: Counts,
    theta: Floats,
    spread: Floats | None,
    rng: np.random.Generator,
) -> Floats:
    """Return draws of the middle of the log odds of each table's arms, shape (draw, table)."""
    out = np.empty((len(theta), len(counts.labels)))
    for table in range(len(counts.labels)):
        arms = table_of(counts, table, spec)
        assert isinstance(arms, Arms)
        out[:, table] = arms.drawn_midpoints(theta[:, counts.rows(table)], spread, rng)
    return out


def _dataset(
    values: dict[str, Any], layout: Layout, counts: Counts, shape: tuple[int, int]
) -> xr.Dataset:
    """Return draws (chain · draw, …) as a Dataset with chains, draws and labels."""
    labels = {
        "chain": np.arange(shape[0]),
        "draw": np.arange(shape[1]),
        "partition": list(layout.partitions),
        "cell": list(layout.cells),
        "contrast": list(layout.contrasts),
        "table": list(counts.labels),
    }
    named = {"theta": "contrast", "partition_effect": "partition", "midpoint": "table"}
    variables = {}
    for name, array in values.items():
        dims: tuple[str, ...] = ("chain", "draw")
        if array.ndim == 2:
            dims = (*dims, named.get(name, "cell"))
        variables[name] = (dims, array.reshape(*shape, *array.shape[1:]))
    used = {dim for dims, _ in variables.values() for dim in dims}
    return xr.Dataset(variables, {name: v for name, v in labels.items() if name in used})


def _prior(
    parts: list[Part], spec: ModelSpec, layout: Layout, counts: Counts, rng: np.random.Generator
) -> xr.Dataset:
    """Return prior draws, variables as in the posterior, in antithetic pairs.

    A prior that is symmetric about zero then gives exactly one half to either direction.
    """
    from scipy.special import ndtri
    from scipy.stats import qmc

    parameters, half = parameters_of(spec), PRIOR_DRAWS // 2
    covariates, at_mean = parts[0].hierarchy.covariates, parts[0].hierarchy.coefficients
    location = dict(spec.prior("overall").parameters)["loc"]
    cells = len(layout.cells)

    def mirrored(width: int) -> Floats:
        away = rng.standard_normal((half, width))
        return np.concatenate([away, -away])

    def scales_of(column: int) -> dict[str, Floats]:
        sobol = qmc.Sobol(parameters.dimension, scramble=True, rng=rng)
        z = ndtri(np.clip(sobol.random(half), 1e-12, 1 - 1e-12))
        return {name: np.tile(x, 2) for name, x in parameters.at(z).items()}

    values: dict[str, Floats]
    if _alone(spec):
        scales = [scales_of(column) for column in range(cells)]
        location_sd = np.stack([at["sd_location"] for at in scales], axis=1)
        effect = location + location_sd * mirrored(cells)
        tau = np.stack([at["tau"] for at in scales], axis=1)
        deviation = tau[:, layout.cell_of_contrast] * mirrored(len(layout.contrasts))
        values = {"effect": effect, "tau": tau}
        at = scales[0]
    else:
        at = scales_of(0)
        zero = np.zeros(2 * half)
        drug = layout.drug_of_partition
        overall = location + at["sd_location"][:, None] * mirrored(1)
        partition = (
            overall + at.get("sd_drug", zero)[:, None] * mirrored(len(layout.drugs))[:, drug]
        )
        partition = partition + at.get("sd_route", zero)[:, None] * mirrored(len(drug))
        effect = partition[:, layout.partition_of_cell]
        effect = effect + at.get("sd_timepoint", zero)[:, None] * mirrored(cells)
        within = spec.structure.multi_arm_correlation
        own = mirrored(len(layout.comparisons)) @ _root(
            layout.comparison_groups.correlation(within)
        )
        visit = mirrored(len(layout.contrasts)) @ _root(layout.contrast_groups.correlation(within))
        deviation = at["tau"][:, None] * own[:, layout.comparison_of_contrast]
        deviation = deviation + at.get("sd_trial_timepoint", zero)[:, None] * visit
        values = {name: at[name] for name in parameters.names}
        values |= {"overall": overall[:, 0], "partition_effect": partition, "effect": effect}
    values["theta"] = effect[:, layout.cell_of_contrast] + deviation
    if covariates:
        drawn = at_mean + np.stack([at[f"sd_{name}"] for name in covariates.names], axis=1) * (
            mirrored(len(covariates.names))
        )
        values |= dict(zip(covariates.names, drawn.T, strict=True))
        values["theta"] = values["theta"] + covariates.shift(drawn)
    if spec.likelihood.family != "conditional":
        u = rng.random((2 * half, len(counts.labels)))
        values["midpoint"] = np.asarray(spec.prior("midpoint").quantile(u))
    return _dataset(values, layout, counts, (1, 2 * half))


def _root(correlation: Floats) -> Floats:
    """Return the transposed root of a correlation matrix."""
    return np.asarray(np.linalg.cholesky(correlation).T)


def mixture_of(parts: list[Part], spec: ModelSpec, layout: Layout) -> xr.Dataset:
    """Return the weighted points: by ``point``, and where cells are analysed alone by ``cell``."""
    found = [_points(part, spec, layout) for part in parts]
    coords: dict[str, list[str]] = {"cell": list(layout.cells)}
    if not _alone(spec):
        coords["partition"] = list(layout.partitions)
        return xr.Dataset(found[0], coords)
    size = max(len(values["weight"][1]) for values in found)
    variables = {}
    for name in found[0]:
        fill = 1.0 if name.endswith("_sd") or name == "tau" else 0
        columns = [np.ravel(values[name][1]) for values in found]
        padded = [np.pad(c, (0, size - len(c)), constant_values=fill) for c in columns]
        variables[name] = (("point", "cell"), np.stack(padded, axis=1))
    return xr.Dataset(variables, coords)


def _points(part: Part, spec: ModelSpec, layout: Layout) -> dict[str, tuple[Any, Any]]:
    weight = part.weighted.points.weight
    ascending = np.argsort(weight, kind="stable")
    kept = np.sort(ascending[np.cumsum(weight[ascending]) >= _NEGLIGIBLE])
    some = part.weighted.some(kept)
    effect = part.effects(kept)
    width = np.broadcast_to(some.width[:, None], effect.shape)
    spread = np.sqrt(width**2 + part.hierarchy.deviation(some.scales)[:, None])
    out: dict[str, tuple[Any, Any]] = {
        "weight": ("point", some.points.weight),
        "replicate": ("point", some.points.replicate.astype(np.int16)),
        **{name: ("point", some.scales[name].astype(np.float32)) for name in _named(spec)},
    }
    by_cell = {"effect_mean": effect, "effect_sd": width}
    by_cell |= {"new_trial_mean": effect, "new_trial_sd": spread}
    out |= {n: (("point", "cell"), values.astype(np.float32)) for n, values in by_cell.items()}
    if not _alone(spec):
        mean, sd = conditional_levels(part.hierarchy, some.scales, effect, layout, spec)
        for suffix, values in (("mean", mean), ("sd", sd)):
            out[f"overall_{suffix}"] = ("point", values["overall"][:, 0].astype(np.float32))
            out[f"partition_effect_{suffix}"] = (
                ("point", "partition"),
                values["partition_effect"].astype(np.float32),
            )
    return out
