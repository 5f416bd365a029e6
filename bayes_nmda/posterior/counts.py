"""What the draws of a fit to counts imply: events again, and the likelihood of each trial.

The log-likelihood is that of a whole trial, as it is for differences: the trial's own deviation and
the risks of its control arms are integrated out under their priors, so that leaving out a trial
means to predict it from the others, not to know its control risk beforehand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy.special import betaln, gammaln

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
    nodes, weights = _normal_nodes(len(rows))
    controls = np.unique(layout.control_of_contrast[rows])
    grids = {int(c): _baseline_nodes(int(c), counts, spec) for c in controls}
    total = np.full(len(mean), -np.inf)
    for node, weight in zip(nodes, weights, strict=True):
        theta = mean + factor @ node
        value = np.full(len(mean), np.log(weight))
        for control, (points, log_prior) in grids.items():
            arms = np.flatnonzero(layout.control_of_contrast[rows] == control)
            each = log_prior + _log_pmf(counts, control, points[None, :], spread)
            for arm in arms:
                log_odds = points[None, :] + theta[:, arm, None]
                each = each + _log_pmf(counts, counts.controls + rows[arm], log_odds, spread)
            value = value + _log_sum(each)
        total = np.logaddexp(total, value)
    return total


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
    y, n = float(counts.events[arm]), float(counts.n[arm])
    ways = gammaln(n + 1) - gammaln(y + 1) - gammaln(n - y + 1)
    if spread is None:
        return np.asarray(ways + y * log_odds - n * np.logaddexp(0.0, log_odds))
    alpha = expit(log_odds) / spread[:, None]
    beta = expit(-log_odds) / spread[:, None]
    return np.asarray(ways + betaln(y + alpha, n - y + beta) - betaln(alpha, beta))


def _log_sum(values: Floats) -> Floats:
    top = values.max(axis=1)
    return np.asarray(top + np.log(np.exp(values - top[:, None]).sum(axis=1)))
