"""Mixtures of normal distributions: probability, mean, SD, quantiles and numerical errors.

The exact engine keeps a posterior as weighted points, each with a conditional mean and SD; what is
reported is then a weighted sum of normal probabilities, not a count of draws. Arrays have the
points first; weights may be shared by all columns, or have a column of their own for each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def mixture_probability(
    weight: ArrayLike, mean: ArrayLike, sd: ArrayLike, threshold: float, sign: float = 1.0
) -> Floats:
    """Return the probability that a quantity lies at or beyond a threshold.

    Parameters
    ----------
    weight
        Shape (point,), or that of ``mean``; each column sums to 1.
    mean, sd
        Shape (point, …), in the unit of the quantity.
    threshold
        In the direction of ``sign``: for a benefit that is negative, 10 asks for −10 or below.
    sign
        1 for values above the threshold, −1 for values below minus the threshold.

    Returns
    -------
    numpy.ndarray
        Shape of ``mean`` without its first axis.
    """
    beyond = beyond_by_point(mean, sd, threshold, sign)
    return np.asarray((_aligned(weight, beyond) * beyond).sum(axis=0))


def beyond_by_point(mean: ArrayLike, sd: ArrayLike, threshold: float, sign: float = 1.0) -> Floats:
    """Return the probability at each point that a quantity lies at or beyond a threshold."""
    from scipy.special import ndtr

    centre = sign * np.asarray(mean, dtype=np.float64) - threshold
    spread = np.asarray(sd, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = np.where(spread > 0, centre / spread, np.where(centre >= 0, np.inf, -np.inf))
    return np.asarray(ndtr(score))


def mixture_mean(weight: ArrayLike, mean: ArrayLike) -> Floats:
    """Return the mean of a mixture, shape of ``mean`` without its first axis."""
    values = np.asarray(mean, dtype=np.float64)
    return np.asarray((_aligned(weight, values) * values).sum(axis=0))


def mixture_sd(weight: ArrayLike, mean: ArrayLike, sd: ArrayLike) -> Floats:
    """Return the SD of a mixture, shape of ``mean`` without its first axis."""
    values, spread = np.asarray(mean, dtype=np.float64), np.asarray(sd, dtype=np.float64)
    shares = _aligned(weight, values)
    centre = (shares * values).sum(axis=0)
    return np.asarray(np.sqrt((shares * (spread**2 + (values - centre) ** 2)).sum(axis=0)))


def mixture_quantile(weight: ArrayLike, mean: ArrayLike, sd: ArrayLike, p: float) -> Floats:
    """Return a quantile of a mixture, shape of ``mean`` without its first axis, by bisection.

    Parameters
    ----------
    weight, mean, sd
        As in `mixture_probability`.
    p
        Probability below the quantile, in (0, 1).
    """
    from scipy.special import ndtr, ndtri

    values, spread = np.asarray(mean, dtype=np.float64), np.asarray(sd, dtype=np.float64)
    shares = _aligned(weight, values)
    edges = values + spread * ndtri(p)
    low, high = edges.min(axis=0), edges.max(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(60):
            middle = 0.5 * (low + high)
            score = np.where(
                spread > 0,
                (middle - values) / spread,
                np.where(middle >= values, np.inf, -np.inf),
            )
            below = (shares * ndtr(score)).sum(axis=0)
            low, high = np.where(below < p, middle, low), np.where(below < p, high, middle)
    return np.asarray(0.5 * (low + high))


def mixture_error(weight: ArrayLike, values: ArrayLike, replicate: ArrayLike) -> Floats:
    """Return the numerical standard error of a weighted mean, from independent replicates.

    Parameters
    ----------
    weight
        Shape (point,), or that of ``values``.
    values
        What is averaged, shape (point, …): for a probability, `beyond_by_point`.
    replicate
        Number of the replicate of each point, shape (point,) or that of ``values``.

    Returns
    -------
    numpy.ndarray
        Shape of ``values`` without its first axis: how far the answer would move with other
        points. The error of a ratio of two averages, to first order.
    """
    numbers = np.asarray(values, dtype=np.float64)
    shares = _aligned(weight, numbers)
    centred = shares * (numbers - (shares * numbers).sum(axis=0))
    labels = np.asarray(replicate)
    names = np.unique(labels)
    if labels.ndim == 1:
        members = (labels == names[:, None]).astype(np.float64)
        sums = np.tensordot(members, centred, axes=1)
    else:
        sums = np.stack([np.where(labels == name, centred, 0.0).sum(axis=0) for name in names])
    return np.asarray(np.sqrt((sums**2).sum(axis=0) * len(names) / (len(names) - 1)))


def _aligned(by_point: ArrayLike, values: Floats) -> Floats:
    """Return numbers by point with as many axes as values."""
    shares = np.asarray(by_point, dtype=np.float64)
    return shares.reshape(shares.shape + (1,) * (values.ndim - shares.ndim))
