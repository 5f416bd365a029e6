"""What is known of one quantity: counted from draws, or summed over an exact fit's points.

A fit by NUTS is draws, and a probability is a share of them. A fit by the exact engine is weighted
points, each with a normal distribution, and a probability is the weighted sum of theirs: nothing is
counted, and its error is that of the integration. Both answer the same questions, so that a query
need not know which it has. NumPy alone: importing SciPy would take longer than the answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, NamedTuple, Protocol

import numpy as np

from bayes_nmda.errors import QueryError
from bayes_nmda.inference.exact.normal_mixture import mixture_error, mixture_mean, mixture_sd
from bayes_nmda.query.draws import Cell, Draws, Floats
from bayes_nmda.query.mcse import ess, mcse_probability, mcse_quantile

#: Half a unit in the last of the 24 binary digits that means and SDs of points are kept to, as
#: the SD of a uniform error; relative to the number.
ROUNDING: Final = 2.0**-24 / math.sqrt(3.0)
_STANDARD: Final = NormalDist()
_NEWTON_STEPS: Final = 60
#: Relative to the SD: far below what any error allows to be seen.
_CONVERGED: Final = 1e-9
#: Independent draws that an answer without any error is said to be worth.
_MOST: Final = 1.0 / float(np.finfo(np.float64).eps)


class Estimate(NamedTuple):
    """A number with its Monte Carlo or numerical standard error.

    ``ess`` is the number of independent draws with that error; ``bound`` says that the error is
    only a bound, because every draw said the same.
    """

    value: float
    mcse: float
    ess: float
    bound: bool = False


class Distribution(Protocol):
    """The posterior distribution of one quantity."""

    def probability(self, at_least: float, sign: float) -> Estimate:
        """Return the probability of ``sign`` times the quantity at or beyond a threshold."""

    def mean(self) -> Estimate:
        """Return the mean."""

    def sd(self) -> float:
        """Return the SD."""

    def quantile(self, p: float) -> Estimate:
        """Return a quantile."""


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """A distribution known by draws, shape (chain, draw)."""

    draws: Floats

    def probability(self, at_least: float, sign: float) -> Estimate:
        """Return the share of draws at or beyond a threshold."""
        reached = sign * self.draws >= at_least
        constant = bool(reached.all() or not reached.any())
        error = mcse_probability(reached, self.draws)
        return Estimate(float(reached.mean()), error, ess(reached), constant)

    def mean(self) -> Estimate:
        """Return the mean of the draws."""
        size = ess(self.draws)
        error = float(np.std(self.draws, ddof=1) / np.sqrt(size))
        return Estimate(float(self.draws.mean()), error, size)

    def sd(self) -> float:
        """Return the SD of the draws."""
        return float(self.draws.std(ddof=1))

    def quantile(self, p: float) -> Estimate:
        """Return a quantile of the draws."""
        value = float(np.quantile(self.draws, p))
        return Estimate(value, mcse_quantile(self.draws, p), ess(self.draws <= value))


@dataclass(frozen=True, slots=True, eq=False)
class Normals:
    """A weighted sum of normal distributions, arrays of shape (point,)."""

    weight: Floats
    replicate: Floats
    means: Floats
    sds: Floats

    def probability(self, at_least: float, sign: float) -> Estimate:
        """Return the sum of normal probabilities at or beyond a threshold."""
        score = (sign * self.means - at_least) / self.sds
        beyond = _normal_below(score)
        value = min(max(float(mixture_mean(self.weight, beyond)), 0.0), 1.0)
        error = self._error(beyond, self._rounding(score))
        return Estimate(value, error, _equivalent(value * (1.0 - value), error))

    def mean(self) -> Estimate:
        """Return the weighted mean of means."""
        value = float(mixture_mean(self.weight, self.means))
        error = self._error(self.means, ROUNDING * np.abs(self.means))
        return Estimate(value, error, _equivalent(self.sd() ** 2, error))

    def sd(self) -> float:
        """Return the SD, within and between points."""
        return float(mixture_sd(self.weight, self.means, self.sds))

    def quantile(self, p: float) -> Estimate:
        """Return a quantile, by Newton steps that never leave the bracket."""
        edges = self.means + self.sds * _STANDARD.inv_cdf(p)
        low, high, scale = float(edges.min()), float(edges.max()), self.sd()
        value = float(mixture_mean(self.weight, self.means)) + scale * _STANDARD.inv_cdf(p)
        for _ in range(_NEWTON_STEPS):
            if not low <= value <= high:
                value = 0.5 * (low + high)
            below = float(self.weight @ _normal_below((value - self.means) / self.sds))
            low, high = (value, high) if below < p else (low, value)
            density = self._density(value)
            step = (p - below) / density if density > 0 else math.inf
            value += step
            if abs(step) <= _CONVERGED * scale:
                break
        score = (value - self.means) / self.sds
        error = self._error(_normal_below(score), self._rounding(score)) / self._density(value)
        return Estimate(value, error, _equivalent(p * (1 - p), error * self._density(value)))

    def _density(self, value: float) -> float:
        score = (value - self.means) / self.sds
        return float(self.weight @ (_normal_density(score) / self.sds))

    def _rounding(self, score: Floats) -> Floats:
        """Return by how much rounded means and SDs may move the probability at each point."""
        moved = _normal_density(score) * np.hypot(self.means / self.sds, score)
        return np.asarray(ROUNDING * moved)

    def _error(self, by_point: Floats, rounding: Floats) -> float:
        """Return the error of a weighted mean: of the integration, and of rounded points."""
        error = float(mixture_error(self.weight, by_point, self.replicate))
        return math.hypot(error, float(np.linalg.norm(self.weight * rounding)))


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """A quantity that is known at each point, such as an SD or a draw; shape (point,)."""

    weight: Floats
    replicate: Floats
    values: Floats

    def probability(self, at_least: float, sign: float) -> Estimate:
        """Return the weight of the points at or beyond a threshold."""
        beyond = (sign * self.values >= at_least).astype(np.float64)
        value = float(self.weight @ beyond)
        error = float(mixture_error(self.weight, beyond, self.replicate))
        return Estimate(value, error, _equivalent(value * (1.0 - value), error))

    def mean(self) -> Estimate:
        """Return the weighted mean."""
        value = float(mixture_mean(self.weight, self.values))
        error = float(mixture_error(self.weight, self.values, self.replicate))
        rounding = ROUNDING * float(np.linalg.norm(self.weight * self.values))
        error = math.hypot(error, rounding)
        return Estimate(value, error, _equivalent(self.sd() ** 2, error))

    def sd(self) -> float:
        """Return the weighted SD."""
        return float(mixture_sd(self.weight, self.values, np.zeros_like(self.values)))

    def quantile(self, p: float) -> Estimate:
        """Return a quantile of all points; its error is the scatter between the replicates'."""
        value = _weighted_quantile(self.weight, self.values, p)
        members = [self.replicate == name for name in np.unique(self.replicate)]
        found = [_weighted_quantile(self.weight[m], self.values[m], p) for m in members]
        error = float(np.std(found, ddof=1) / np.sqrt(len(found)))
        error = math.hypot(error, ROUNDING * value)
        return Estimate(value, error, _equivalent(self.sd() ** 2, error))


def distributions(draws: Draws, variable: str) -> Callable[[Cell | None], Distribution]:
    """Return a function that gives the posterior distribution of a variable in a cell.

    Parameters
    ----------
    draws
        A fit.
    variable
        An effect or an SD. Where it is one number for the whole model, any cell gives the same,
        and so does None.

    Raises
    ------
    QueryError
        If the fit has no such variable, or a number of it is missing.
    """
    if not _has_points(draws, variable):
        values = draws.posterior(variable)
        return lambda cell: Counted(
            values if cell is None or values.ndim < 3 else values[..., cell.index]
        )
    known = draws.source.has("mixture", variable)
    names = [variable] if known else [f"{variable}_mean", f"{variable}_sd"]
    columns = [_points(draws, name) for name in ("weight", "replicate", *names)]

    def of_cell(cell: Cell | None) -> Distribution:
        own = [c if cell is None or c.ndim < 2 else c[:, cell.index] for c in columns]
        some = own[0] > 0  # where a cell has fewer points than another, the rest weighs 0
        weight, replicate, *numbers = (column[some] for column in own)
        weight = weight / weight.sum()
        if known or not numbers[1].any():  # no spread around the points: they are draws
            return Weighted(weight, replicate, numbers[0])
        return Normals(weight, replicate, *numbers)

    return of_cell


def _has_points(draws: Draws, variable: str) -> bool:
    has = draws.source.has
    return (
        draws.engine == "exact"
        and has("mixture", "weight")
        and (has("mixture", variable) or has("mixture", f"{variable}_mean"))
    )


def _points(draws: Draws, name: str) -> Floats:
    values = np.asarray(draws.source.array("mixture", name), dtype=np.float64)
    if not np.isfinite(values).all():
        raise QueryError(
            f"model {draws.model}: points of {name!r} are not all numbers; fit the model again"
        )
    return values


def _normal_below(score: Floats) -> Floats:
    """Return the standard normal probability below each score."""
    scaled = (-math.sqrt(0.5) * score).tolist()
    return 0.5 * np.fromiter(map(math.erfc, scaled), np.float64, len(scaled))


def _normal_density(score: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * score**2) / math.sqrt(2.0 * math.pi))


def _equivalent(variance: float, error: float) -> float:
    """Return how many independent draws would have the same standard error."""
    return min(variance / error**2, _MOST) if error**2 > 0 else _MOST


def _weighted_quantile(weight: Floats, values: Floats, p: float) -> float:
    """Return a quantile of weighted points.

    Of points above 0 logarithms, else the points themselves, are interpolated against normal scores
    of the probability below each point: its own weight counts half, less the next term of the
    Euler-Maclaurin formula, which matters where the points are the few of a grid.
    """
    points, position = np.unique(values, return_inverse=True)
    share = np.bincount(position, weights=weight) / weight.sum()
    padded = np.pad(share, 1)
    below = np.cumsum(share) - 0.5 * share - (padded[2:] - padded[:-2]) / 24.0
    below = np.maximum.accumulate(np.clip(below, 1e-15, 1.0 - 1e-15))
    scores = [_STANDARD.inv_cdf(value) for value in below.tolist()]
    if points[0] <= 0:
        return float(np.interp(_STANDARD.inv_cdf(p), scores, points))
    return float(np.exp(np.interp(_STANDARD.inv_cdf(p), scores, np.log(points))))
