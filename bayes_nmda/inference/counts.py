"""What the draws of a fit to counts imply: events again, and the likelihood of each trial.

The log-likelihood is that of a whole trial, as it is for differences: the trial's own deviation,
and the midpoint of its arms where the likelihood has one, are integrated out under their priors, so
that leaving out a trial means to predict it from the others. A trial that says nothing about a
ratio has no part in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bayes_nmda.inference.absolute import expit
from bayes_nmda.inference.exact.count_likelihood import FINE, Curve, joint_average, log_average
from bayes_nmda.inference.exact.counts import hierarchies
from bayes_nmda.model.counts import Counts, arm_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.model.structure import Layout
    from bayes_nmda.spec.spec import ModelSpec

    Floats = NDArray[np.float64]

_TINY = np.finfo(float).tiny


def count_groups(
    posterior: xr.Dataset,
    prior: xr.Dataset,
    effects: EffectTable,
    layout: Layout,
    spec: ModelSpec,
    rngs: tuple[np.random.Generator, np.random.Generator],
) -> dict[str, xr.Dataset]:
    """Return the groups of a fit to counts that are about what was observed."""
    counts = Counts.of(effects.frame, layout, spec.structure.pooling)
    arms = list(arm_labels(counts, layout))
    return {
        "posterior_predictive": replicate(posterior, layout, counts, rngs[0]),
        "prior_predictive": replicate(prior, layout, counts, rngs[1]),
        "log_likelihood": trial_log_likelihood(posterior, effects, layout, spec),
        "observed_data": xr.Dataset({"events": ("arm", counts.events)}, {"arm": arms}),
    }


def count_constants(counts: Counts, layout: Layout) -> xr.Dataset:
    """Return what is known of the arms of a fit to counts, and of cells, without a model.

    By ``arm``: people ``n``, and ``treated``, 1 for a treatment arm. By ``cell``: trials in which
    somebody had an event and somebody had none, ``trials_informative``; people with an ``events``,
    and those of control arms, ``control_events`` of ``control_people``; an arm counts once.
    """
    cells = range(len(layout.cells))
    rows = [np.flatnonzero(layout.cell_of_contrast == cell) for cell in cells]
    tables = [np.unique(counts.table_of_contrast[of_cell]) for of_cell in rows]
    trials = [
        {int(layout.trial_of_contrast[r]) for r in of_cell if _says_something(counts, int(r))}
        for of_cell in rows
    ]
    control = [counts.events_c[of_cell].sum() for of_cell in tables]
    by_cell = {
        "trials_informative": [len(found) for found in trials],
        "events": [
            counts.events_t[of_cell].sum() + alone
            for of_cell, alone in zip(rows, control, strict=True)
        ],
        "control_events": control,
        "control_people": [counts.n_c[of_cell].sum() for of_cell in tables],
    }
    return xr.Dataset(
        {
            "n": ("arm", counts.n),
            "treated": ("arm", counts.treated.astype(np.int64)),
            **{
                name: ("cell", np.array(values, dtype=np.int64)) for name, values in by_cell.items()
            },
        },
        {"arm": list(arm_labels(counts, layout)), "cell": list(layout.cells)},
    )


def _says_something(counts: Counts, row: int) -> bool:
    """Return whether somebody had an event and somebody had none in the two arms of a contrast."""
    table = counts.table_of_contrast[row]
    events = counts.events_t[row] + counts.events_c[table]
    return bool(0 < events < counts.n_t[row] + counts.n_c[table])


def replicate(
    draws: xr.Dataset, layout: Layout, counts: Counts, rng: np.random.Generator
) -> xr.Dataset:
    """Return replicated ``events`` (chain, draw, arm): the same trials, run again.

    Parameters
    ----------
    draws
        A posterior or prior group with ``theta``. With ``midpoint``, and perhaps
        ``overdispersion``, arms are drawn; without it they are drawn given each table's total.
    layout, counts
        The arms.
    rng
        Source of randomness.
    """
    theta = draws["theta"].transpose("chain", "draw", "contrast").to_numpy()
    shape = theta.shape[:2]
    flat = theta.reshape(-1, theta.shape[2])
    if "midpoint" in draws:
        events = _arms_again(draws, flat, counts, rng)
    else:
        events = _given_totals(flat, counts, rng)
    coords = {d: draws[d] for d in ("chain", "draw")} | {"arm": list(arm_labels(counts, layout))}
    values = events.reshape(*shape, -1)
    return xr.DataArray(values, coords, ("chain", "draw", "arm"), "events").to_dataset()


def _given_totals(theta: Floats, counts: Counts, rng: np.random.Generator) -> Floats:
    controls = len(counts.labels)
    events = np.empty((len(theta), controls + theta.shape[1]))
    for table in range(controls):
        rows = counts.rows(table)
        ways, log_ways = counts.support(table)
        logits = theta[:, rows] @ ways.T + log_ways
        share = np.cumsum(np.exp(logits - logits.max(axis=1, keepdims=True)), axis=1)
        at = (share < rng.random((len(theta), 1)) * share[:, -1:]).sum(axis=1)
        events[:, controls + rows] = ways[at]
        total = counts.events_c[table] + counts.events_t[rows].sum()
        events[:, table] = total - ways[at].sum(axis=1)
    return events


def _arms_again(
    draws: xr.Dataset, theta: Floats, counts: Counts, rng: np.random.Generator
) -> Floats:
    midpoint = draws["midpoint"].transpose("chain", "draw", "table").to_numpy()
    log_odds = arm_log_odds(midpoint.reshape(len(theta), -1), theta, counts)
    risk = expit(log_odds)
    if "overdispersion" in draws:
        spread = draws["overdispersion"].to_numpy().reshape(-1, 1)
        rest = expit(-log_odds)
        risk = rng.beta(np.maximum(risk / spread, _TINY), np.maximum(rest / spread, _TINY))
    return rng.binomial(counts.n, risk).astype(np.float64)


def arm_log_odds(midpoint: Floats, theta: Floats, counts: Counts) -> Floats:
    """Return the log odds of an event in each arm, shape (draw, arm).

    Parameters
    ----------
    midpoint
        Middle of the log odds of a table's arms, shape (draw, table).
    theta
        True log odds ratios, shape (draw, contrast).
    counts
        The arms.
    """
    table = counts.table_of_contrast
    control = midpoint.copy()
    for position in range(len(counts.labels)):
        rows = counts.rows(position)
        control[:, position] -= theta[:, rows].sum(axis=1) / (len(rows) + 1)
    return np.concatenate([control, control[:, table] + theta], axis=1)


def trial_log_likelihood(
    draws: xr.Dataset, effects: EffectTable, layout: Layout, spec: ModelSpec
) -> xr.Dataset:
    """Return the log-likelihood of each trial that says something, ``events`` (chain, draw, trial).

    Parameters
    ----------
    draws
        A posterior group with ``effect``, ``tau``, perhaps ``sd_trial_timepoint`` and
        ``overdispersion``.
    effects, layout
        The contrasts and where they belong.
    spec
        Likelihood, correlation of multi-arm trials.
    """
    chains, length = draws.sizes["chain"], draws.sizes["draw"]
    size = chains * length
    effect = draws["effect"].transpose("chain", "draw", "cell").to_numpy().reshape(size, -1)
    tau = np.asarray(draws["tau"].transpose("chain", "draw", ...)).reshape(size, -1)
    visit = np.zeros(size)
    if "sd_trial_timepoint" in draws:
        visit = draws["sd_trial_timepoint"].to_numpy().reshape(size)
    spread = draws["overdispersion"].to_numpy().reshape(size) if "overdispersion" in draws else None
    total: dict[int, Floats] = {}
    for hierarchy, cells in hierarchies(spec, effects, layout):
        sd = tau[:, cells[0] if tau.shape[1] > 1 else 0]
        scales = {name: draws[name].to_numpy().reshape(size) for name in hierarchy.covariates.names}
        scales |= {"tau": sd, "sd_trial_timepoint": visit}
        shift = hierarchy.shift(scales)
        for single in hierarchy.singles:
            mean = effect[:, layout.cell_of_contrast[[single.row]]] + shift[:, [single.row]]
            curve = single.curve
            if not isinstance(curve, Curve):
                curve = curve.at_spread(np.asarray(spread), hierarchy.most_spread)
            variance = hierarchy.deviation(scales, single.row)
            value = log_average(curve, mean, variance, rule=FINE)[0][:, 0]
            total[single.trial] = total.get(single.trial, 0.0) + value
        for joint in hierarchy.joints:
            mean = effect[:, layout.cell_of_contrast[joint.rows]] + shift[:, joint.rows]
            root = hierarchy.joint_root(joint, scales)
            value = joint_average(joint.tables, mean, root, spread)
            total[joint.trial] = total.get(joint.trial, 0.0) + value
    trials = sorted(total)
    coords = {d: draws[d] for d in ("chain", "draw")} | {
        "trial": [layout.trials[trial] for trial in trials]
    }
    values = np.stack([total[trial] for trial in trials], axis=1).reshape(chains, length, -1)
    return xr.DataArray(values, coords, ("chain", "draw", "trial"), "events").to_dataset()
