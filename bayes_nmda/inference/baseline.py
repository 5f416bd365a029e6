"""How often an event happens without the drug: a model of control arms, apart from that of effects.

A ratio says nothing of how many people are affected until it is applied to a risk. That risk is a
model of its own (Dias et al. 2013, Med Decis Making 33:657, doi:10.1177/0272989X13485155): the log
odds of an event in a control arm are normal around the mean of its cell, cells are normal around a
common mean, and what ratios are applied to is the risk of a new population like those of a cell. It
is integrated exactly (`exact_counts`), and its draws are independent of those of the effects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bayes_nmda.inference.exact.count_likelihood import Curve, log_pmf
from bayes_nmda.inference.exact.counts import Hierarchy, Parameters, Single, Weighted, integrate
from bayes_nmda.model.counts import Counts
from bayes_nmda.model.covariates import Covariates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.model.structure import Layout
    from bayes_nmda.spec.spec import ModelSpec

    Floats = NDArray[np.float64]

_SDS = ("baseline_sd_cell", "baseline_sd_trial")
_INTERVAL, _FLAT = 0.02, 30.0
#: Points of a replicate: a risk is needed to fewer digits than an effect.
_POINTS = 16


def baseline_posterior(
    spec: ModelSpec, effects: EffectTable, layout: Layout, seed: int
) -> Weighted:
    """Return the posterior of the mean log odds of an event in control arms of each cell.

    Parameters
    ----------
    spec
        Its priors ``baseline``, ``baseline_sd_cell`` and ``baseline_sd_trial``, on the log-odds
        scale.
    effects, layout
        Control arms, each once: one that two cells share lies around the mean of both.
    seed
        Of the scrambled points.
    """
    counts = Counts.of(effects.frame, layout, "partial")
    cells = len(layout.cells)
    arms = []
    for table in range(len(counts.labels)):
        rows = counts.rows(table)
        events, n = float(counts.events_c[table]), float(counts.n_c[table])
        of_arm = np.unique(layout.cell_of_contrast[rows])
        trial = int(layout.trial_of_contrast[rows[0]])
        arms.append(Single(_curve(events, n), of_arm, trial, int(rows[0])))
    hierarchy = Hierarchy(
        location=dict(spec.prior("baseline").parameters)["loc"],
        shares={"sd_location": np.ones((cells, cells)), "baseline_sd_cell": np.eye(cells)},
        singles=tuple(arms),
        joints=(),
        scatter=("baseline_sd_trial",),
        covariates=Covariates.none(len(layout.contrasts)),
        coefficients=np.zeros(0),
    )
    return integrate(hierarchy, _parameters(spec), seed, points=_POINTS)


def _parameters(spec: ModelSpec) -> Parameters:
    return Parameters(_SDS, tuple(spec.prior(name) for name in _SDS), spec.prior("baseline"))


def _curve(events: float, n: float) -> Curve:
    """Return the binomial log likelihood of one arm by its log odds."""
    end = _FLAT + np.log(n + 1.0)
    log_odds = np.linspace(-end, end, 2 * int(np.ceil(end / _INTERVAL)) + 1)
    value = log_pmf(np.asarray(events), np.asarray(n), log_odds)
    slope = events - n / (1 + np.exp(-log_odds))
    return Curve.through(end, log_odds[1] - log_odds[0], value[None], slope[None])


def baseline_log_odds(
    spec: ModelSpec,
    effects: EffectTable,
    layout: Layout,
    shape: tuple[int, int],
    seed: int,
) -> xr.DataArray:
    """Return posterior draws of the log odds of an event without the drug in a new population.

    Parameters
    ----------
    spec, effects, layout
        As in `baseline_posterior`.
    shape
        Chains and draws.
    seed
        For all randomness.

    Returns
    -------
    xarray.DataArray
        Dims ``chain``, ``draw``, ``cell``.
    """
    found = baseline_posterior(spec, effects, layout, seed)
    rng = np.random.default_rng((seed, 3))
    size = shape[0] * shape[1]
    edges = np.cumsum(found.points.weight)
    points = np.searchsorted(edges, (np.arange(size) + 0.5) / size * edges[-1])
    points = rng.permutation(points)
    sd = found.scales["baseline_sd_trial"][points]
    return _drawn(found.level[points], sd, layout, shape, rng)


def prior_baseline_log_odds(
    spec: ModelSpec, layout: Layout, shape: tuple[int, int], seed: int
) -> xr.DataArray:
    """Return prior draws of the same, dims ``chain``, ``draw``, ``cell``."""
    rng = np.random.default_rng((seed, 4))
    size, cells = shape[0] * shape[1], len(layout.cells)
    scales = _parameters(spec).at(rng.standard_normal((size, _parameters(spec).dimension)))
    location = dict(spec.prior("baseline").parameters)["loc"]
    mean = location + scales["sd_location"] * rng.standard_normal(size)
    apart = scales["baseline_sd_cell"][:, None] * rng.standard_normal((size, cells))
    return _drawn(mean[:, None] + apart, scales["baseline_sd_trial"], layout, shape, rng)


def _drawn(
    mean: Floats, sd: Floats, layout: Layout, shape: tuple[int, int], rng: np.random.Generator
) -> xr.DataArray:
    values = mean + sd[:, None] * rng.standard_normal(mean.shape)
    dims = ("chain", "draw", "cell")
    return xr.DataArray(values.reshape(*shape, -1), {"cell": list(layout.cells)}, dims)
