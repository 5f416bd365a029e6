"""What the draws of a fit to counts imply: events again, and the likelihood of each trial.

The log-likelihood is that of a whole trial, as it is for differences: the trial's own deviation and
the risks of its control arms are integrated out under their priors, so that leaving out a trial
means to predict it from the others, not to know its control risk beforehand.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy.special import gammaln

from bayes_nmda.model.counts import Counts, arm_labels
from bayes_nmda.posterior.absolute import expit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bayes_nmda.model.spec import ModelSpec
    from bayes_nmda.model.structure import Layout

    Floats = NDArray[np.float64]

#: Points of the trapezoid rule over the log odds of a control arm.
BASELINE_POINTS = 25
#: Points of the Gauss-Hermite rule over a trial's deviation, by how many contrasts it has.
DEVIATION_POINTS = {1: 15, 2: 9}
#: Points for trials with more contrasts than that.
FEWEST_POINTS = 5
#: Factors multiplied before a logarithm is taken; that many of 1e38 do not overflow.
_MULTIPLIED = 8


def count_groups(
    posterior: xr.Dataset,
    prior: xr.Dataset,
    layout: Layout,
    counts: Counts,
    spec: ModelSpec,
    rngs: tuple[np.random.Generator, np.random.Generator],
) -> dict[str, xr.Dataset]:
    """Return the groups of a fit to counts that are about what was observed."""
    arms = list(arm_labels(layout))
    return {
        "posterior_predictive": replicate(posterior, layout, counts, rngs[0]),
        "prior_predictive": replicate(prior, layout, counts, rngs[1]),
        "log_likelihood": trial_log_likelihood(posterior, layout, counts, spec),
        "observed_data": xr.Dataset({"events": ("arm", counts.events)}, {"arm": arms}),
    }


def count_constants(layout: Layout, counts: Counts) -> xr.Dataset:
    """Return what is known of the arms of a fit to counts without a model."""
    coords = {
        "arm": list(arm_labels(layout)),
        "control_arm": list(layout.controls),
        "contrast": list(layout.contrasts),
    }
    return xr.Dataset(
        {
            "n": ("arm", counts.n),
            "treated": ("arm", counts.treated.astype(np.int64)),
            "n_control": ("control_arm", counts.n[: counts.controls]),
            "control_of_contrast": ("contrast", layout.control_of_contrast),
            "cell_of_contrast": ("contrast", layout.cell_of_contrast),
        },
        coords,
    )


def replicate(
    draws: xr.Dataset, layout: Layout, counts: Counts, rng: np.random.Generator
) -> xr.Dataset:
    """Return replicated ``events`` (chain, draw, arm): the same trials, run again.

    Parameters
    ----------
    draws
        A posterior or prior group with ``baseline``, ``theta`` and perhaps ``overdispersion``.
    layout, counts
        The arms.
    rng
        Source of randomness.
    """
    baseline = draws["baseline"].transpose("chain", "draw", "control_arm").to_numpy()
    theta = draws["theta"].transpose("chain", "draw", "contrast").to_numpy()
    treated = baseline[..., layout.control_of_contrast] + theta
    risk = expit(np.concatenate([baseline, treated], axis=-1))
    if "overdispersion" in draws:
        spread = draws["overdispersion"].to_numpy()[..., None]
        tiny = np.finfo(float).tiny
        risk = rng.beta(np.maximum(risk / spread, tiny), np.maximum((1 - risk) / spread, tiny))
    events = rng.binomial(counts.n, risk).astype(np.float64)
    coords = {d: draws[d] for d in ("chain", "draw")} | {"arm": list(arm_labels(layout))}
    return xr.DataArray(events, coords, ("chain", "draw", "arm"), "events").to_dataset()


def trial_log_likelihood(
    draws: xr.Dataset, layout: Layout, counts: Counts, spec: ModelSpec
) -> xr.Dataset:
    """Return the log-likelihood of each trial, ``events`` (chain, draw, trial).

    Parameters
    ----------
    draws
        A posterior group with ``effect``, ``tau``, perhaps ``sd_trial_timepoint`` and
        ``overdispersion``.
    layout, counts
        The arms and where they belong.
    spec
        Prior of the control risks, correlation of multi-arm trials.
    """
    chains, length = draws.sizes["chain"], draws.sizes["draw"]
    size = chains * length
    mean = draws["effect"].transpose("chain", "draw", "cell").to_numpy().reshape(size, -1)
    mean = mean[:, layout.cell_of_contrast]
    tau = np.asarray(draws["tau"].transpose("chain", "draw", ...)).reshape(size, -1)
    tau = np.broadcast_to(tau, (size, tau.shape[1]))
    by_cell = tau.shape[1] > 1
    visit = np.zeros(size)
    if "sd_trial_timepoint" in draws:
        visit = draws["sd_trial_timepoint"].to_numpy().reshape(size)
    spread = draws["overdispersion"].to_numpy().reshape(size) if "overdispersion" in draws else None
    out = np.empty((size, len(layout.trials)))
    for position in range(len(layout.trials)):
        rows = np.flatnonzero(layout.trial_of_contrast == position)
        own = tau[:, layout.cell_of_contrast[rows]] if by_cell else np.repeat(tau, len(rows), 1)
        covariance = _deviation_covariance(rows, own, visit, layout, spec)
        out[:, position] = _trial(mean[:, rows], covariance, rows, layout, counts, spec, spread)
    coords = {d: draws[d] for d in ("chain", "draw")} | {"trial": list(layout.trials)}
    values = out.reshape(chains, length, -1)
    return xr.DataArray(values, coords, ("chain", "draw", "trial"), "events").to_dataset()


def _deviation_covariance(
    rows: NDArray[np.intp], tau: Floats, visit: Floats, layout: Layout, spec: ModelSpec
) -> Floats:
    """Return the covariance of a trial's deviations, shape (draw, contrast, contrast)."""
    within = spec.structure.multi_arm_correlation
    block = np.ix_(rows, rows)
    if spec.structure.pooling == "none":
        trial = np.eye(len(rows))
    else:
        of = layout.comparison_of_contrast
        trial = layout.comparison_groups.correlation(within)[np.ix_(of, of)][block]
    occasion = layout.contrast_groups.correlation(within)[block]
    scale = tau[:, :, None] * tau[:, None, :]
    return np.asarray(scale * trial + visit[:, None, None] ** 2 * occasion)


def _trial(
    mean: Floats,
    covariance: Floats,
    rows: NDArray[np.intp],
    layout: Layout,
    counts: Counts,
    spec: ModelSpec,
    spread: Floats | None,
) -> Floats:
    """Return the log-likelihood of one trial at each draw, shape (draw,)."""
    jitter = 1e-12 * np.eye(len(rows))
    factor = np.linalg.cholesky(covariance + jitter)
    of_rows = layout.control_of_contrast[rows]
    controls = [int(control) for control in np.unique(of_rows)]
    grids = {control: _baseline_nodes(control, counts, spec) for control in controls}
    places = {control: np.flatnonzero(of_rows == control) for control in controls}
    alone = {
        control: log_prior[:, None] + _log_pmf(counts, control, points[:, None], spread)
        for control, (points, log_prior) in grids.items()
    }

    # The factor is triangular and the last coordinate of the nodes moves first: most of what a node
    # needs is what the node before it needed.
    @lru_cache(maxsize=len(rows))
    def arm(place: int, node: tuple[float, ...]) -> Floats:
        theta = mean[:, place] + factor[:, place, : place + 1] @ np.array(node)
        points, _ = grids[int(of_rows[place])]
        return _log_pmf(counts, counts.controls + rows[place], points[:, None] + theta, spread)

    @lru_cache(maxsize=len(controls))
    def control_and_arms(control: int, node: tuple[float, ...]) -> Floats:
        arms = (arm(place, node[: place + 1]) for place in places[control].tolist())
        return _log_sum(sum(arms, start=alone[control]))

    values = [
        sum(
            (control_and_arms(c, tuple(node[: places[c][-1] + 1])) for c in controls),
            start=np.full(len(mean), np.log(weight)),
        )
        for node, weight in zip(*_normal_nodes(len(rows)), strict=True)
    ]
    return _log_sum(np.array(values))


def _normal_nodes(dimensions: int) -> tuple[Floats, Floats]:
    """Return points and weights for expectations over standard normal vectors."""
    x, w = np.polynomial.hermite_e.hermegauss(DEVIATION_POINTS.get(dimensions, FEWEST_POINTS))
    grid = np.stack(np.meshgrid(*[x] * dimensions, indexing="ij"), axis=-1)
    weight = np.prod(np.stack(np.meshgrid(*[w / w.sum()] * dimensions, indexing="ij")), axis=0)
    return grid.reshape(-1, dimensions), weight.ravel()


def _baseline_nodes(control: int, counts: Counts, spec: ModelSpec) -> tuple[Floats, Floats]:
    """Return log odds at which a control arm's risk is averaged, and their log prior weights.

    They span the posterior of that arm alone, with its likelihood flattened to the square root, so
    that what the treatment arms say about the control risk lies inside.
    """
    prior = spec.prior("baseline")
    wide = np.asarray(prior.quantile(np.array([1e-8, 1 - 1e-8])))
    fine = np.linspace(wide[0], wide[1], 4001)
    density = np.exp(prior.logpdf(fine) + 0.5 * _log_pmf(counts, control, fine, None))
    mass = np.cumsum(density) / density.sum()
    low, high = np.interp([1e-6, 1 - 1e-6], mass, fine)
    points = np.linspace(low, high, BASELINE_POINTS)
    return points, prior.logpdf(points) + np.log(points[1] - points[0])


def _log_pmf(counts: Counts, arm: int, log_odds: Floats, spread: Floats | None) -> Floats:
    """Return log probabilities of an arm's events; ``spread`` makes them beta-binomial."""
    y, n = int(counts.events[arm]), int(counts.n[arm])
    ways = gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)
    if spread is None:
        # log(1 + exp(x)) in a form that cannot overflow, in place: this is most of the work
        fall = np.exp(-np.abs(log_odds))
        np.log1p(fall, out=fall)
        fall += np.maximum(log_odds, 0.0)
        fall *= -n
        fall += y * log_odds
        fall += ways
        return fall
    events = _log_rising(expit(log_odds) / spread, y)
    others = _log_rising(expit(-log_odds) / spread, n - y)
    return np.asarray(ways + events + others - _log_rising(1 / spread, n))


def _log_rising(start: Floats, factors: int) -> Floats:
    """Return log(x (x + 1) ... (x + factors - 1)): a ratio of gamma functions without them."""
    total = np.zeros_like(start)
    for first in range(0, factors, _MULTIPLIED):
        product = start + first
        for step in range(first + 1, min(first + _MULTIPLIED, factors)):
            product *= start + step
        total += np.log(product)
    return total


def _log_sum(values: Floats) -> Floats:
    """Return the logarithm of the sum of exponentials over the first axis."""
    top = values.max(axis=0)
    less = values - top
    return np.asarray(top + np.log(np.exp(less, out=less).sum(axis=0)))
