"""Integration over one or two standard deviations on a grid of normal scores.

The trapezoidal rule converges exponentially for a smooth density that vanishes at the ends of its
range, so a box is shrunk around the mass and a few dozen points a side are exact to many digits.
Every second point along a side is a rule of its own: the scatter between these coarser rules bounds
the error of the whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from bayes_nmda.errors import FitError
from bayes_nmda.inference.exact.importance import Floats, Points

#: Sides of the grid for one and for two parameters; even, so that its halves are alike.
SIDES = {1: 96, 2: 48}
#: Density that counts, relative to the highest: what lies below is out of the box.
_RELATIVE_DENSITY = 1e-13
#: A normal score beyond this has 6e-16 of the prior.
_FARTHEST = 8.0
_SHRINKS = 40


def integrate_on_grid(log_likelihood: Callable[[Floats], Floats], dimension: int) -> Points:
    """Return weighted points of the posterior whose prior is standard normal.

    Parameters
    ----------
    log_likelihood
        Takes normal scores (point, dimension), returns (point,).
    dimension
        Number of parameters, 1 or 2.

    Raises
    ------
    FitError
        If the likelihood is zero or not a number at every point.

    References
    ----------
    Trefethen & Weideman 2014, SIAM Rev 56:385 (the trapezoidal rule).
    """
    low, high = np.full(dimension, -_FARTHEST), np.full(dimension, _FARTHEST)
    side = SIDES[dimension]
    for _ in range(_SHRINKS):
        z, step = _grid(low, high, side // 2)
        log_density, _ = _density(log_likelihood, z)
        top = log_density.max()
        if not np.isfinite(top):
            raise FitError(
                "the exact engine found no point of the prior at which the data have a density; "
                "look at the standard errors and the priors"
            )
        inside = z[log_density > top + np.log(_RELATIVE_DENSITY)]
        new_low = np.maximum(inside.min(axis=0) - step, low)
        new_high = np.minimum(inside.max(axis=0) + step, high)
        shrunk = (new_high - new_low < 0.8 * (high - low)).any()
        low, high = new_low, new_high
        if not shrunk:
            break
    z, step = _grid(low, high, side)
    log_density, value = _density(log_likelihood, z)
    top = log_density.max()
    raw = np.exp(log_density - top)
    parity = np.array(list(itertools.product(range(side), repeat=dimension))) % 2
    replicate = parity @ (2 ** np.arange(dimension))
    coarse = np.bincount(replicate, weights=raw) * len(np.unique(replicate))
    total = raw.sum()
    error = np.std(coarse, ddof=1) / np.sqrt(len(coarse)) / total
    return Points(
        z=z,
        log_likelihood=value,
        weight=raw / total,
        replicate=replicate,
        log_marginal=float(top + np.log(total * step.prod())),
        log_marginal_error=float(error),
        pareto_k=float("nan"),
    )


def _density(log_likelihood: Callable[[Floats], Floats], z: Floats) -> tuple[Floats, Floats]:
    """Return the log density of the posterior, up to a constant, and the log likelihood."""
    value = log_likelihood(z)
    log_prior = -0.5 * (z**2).sum(axis=1) - 0.5 * z.shape[1] * np.log(2 * np.pi)
    return np.where(np.isfinite(value), value, -np.inf) + log_prior, value


def _grid(low: Floats, high: Floats, side: int) -> tuple[Floats, Floats]:
    """Return the points of a grid, shape (point, dimension), and its steps."""
    axes = [np.linspace(a, b, side) for a, b in zip(low, high, strict=True)]
    z = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    return z, (high - low) / (side - 1)
