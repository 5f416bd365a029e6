"""The difference of two independent quantities, by all pairs of what is known of each.

Each posterior is a set of weighted values: the draws of NUTS, or places in the normal distributions
of an exact fit, whose cumulative probability is known without counting. Independent quantities go
with each other in every combination, so every value of one is paired with every value of the other.
Nothing is drawn and no pair depends on the order of draws; sorted values make millions of pairs as
cheap as a few look-ups.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist
from typing import Final, Protocol

import numpy as np

from bayes_nmda.inference.exact.normal_mixture import mixture_error
from bayes_nmda.query.distribution import Counted, Distribution, Estimate, Normals
from bayes_nmda.query.draws import Floats
from bayes_nmda.query.mcse import RULE_OF_THREE, mcse_mean, tail_ess
from bayes_nmda.query.scales import Rescaled

#: Values that stand for an exact posterior where its error is told, and for each of its points.
_NODES: Final = 1 << 16
_FEWEST: Final = 4
#: Knots of a cumulative curve, and how many SDs it reaches either way.
_KNOTS: Final = 256
_REACH: Final = 10.0
#: Fractional part of the golden ratio, whose multiples fill an interval most evenly.
_GOLDEN: Final = (math.sqrt(5.0) - 1.0) / 2.0
_STANDARD: Final = NormalDist()
#: Halvings of the bracket of a quantile: to a hundred-thousandth of an SD.
_HALVINGS: Final = 20
#: Half the width, in SDs, of the difference quotient for the density at a quantile.
_WIDTH: Final = 0.1


class Cumulative(Protocol):
    """The probability below a number."""

    def up_to(self, points: Floats) -> Floats:
        """Return the probability at or below each point."""

    def under(self, points: Floats) -> Floats:
        """Return the probability below each point."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Cumulative probability of weighted values in order."""

    values: Floats
    below: Floats

    @classmethod
    def of(cls, values: Floats, weights: Floats) -> Steps:
        """Return that of values in any order."""
        order = np.argsort(values, axis=None, kind="stable")
        below = np.concatenate([[0.0], np.cumsum(weights.ravel()[order])])
        return cls(values.ravel()[order], np.minimum(below / below[-1], 1.0))

    def up_to(self, points: Floats) -> Floats:
        """Return the weight of values at or below each point."""
        return np.asarray(self.below[np.searchsorted(self.values, points, side="right")])

    def under(self, points: Floats) -> Floats:
        """Return the weight of values below each point."""
        return np.asarray(self.below[np.searchsorted(self.values, points, side="left")])


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Cumulative probability of a weighted sum of normals, cubic between knots."""

    knots: Floats
    below: Floats
    density: Floats

    @classmethod
    def of(cls, normals: Normals, factor: float) -> Curve:
        """Return that of ``factor`` times a sum of normals.

        Density and slope are exact at the knots, and the probability between two of them follows by
        the trapezoidal rule with its end correction (Euler-Maclaurin, to the fourth order).
        """
        centre, sd = factor * normals.mean().value, abs(factor) * normals.sd()
        knots = centre + sd * np.linspace(-_REACH, _REACH, _KNOTS)
        sds = abs(factor) * normals.sds[:, None]
        score = (knots - factor * normals.means[:, None]) / sds
        heights = normals.weight[:, None] * np.exp(-0.5 * score**2) / (math.sqrt(2 * math.pi) * sds)
        density, slope = heights.sum(axis=0), -(heights * score / sds).sum(axis=0)
        step = knots[1] - knots[0]
        between = 0.5 * step * (density[1:] + density[:-1]) - step**2 / 12 * np.diff(slope)
        return cls(knots, np.concatenate([[0.0], np.cumsum(between)]), density)

    def up_to(self, points: Floats) -> Floats:
        """Return the probability below each point."""
        step = self.knots[1] - self.knots[0]
        place = np.clip((points - self.knots[0]) / step, 0.0, len(self.knots) - 1.0)
        left = np.minimum(place.astype(np.intp), len(self.knots) - 2)
        t = place - left
        rise = self.below[left + 1] - self.below[left]
        first, last = step * self.density[left], step * self.density[left + 1]
        bend = t * (1 - t) * ((first - rise) * (1 - t) + (rise - last) * t)
        return np.asarray(np.clip(self.below[left] + rise * t + bend, 0.0, 1.0))

    def under(self, points: Floats) -> Floats:
        """Return the probability below each point."""
        return self.up_to(points)


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """A distribution as weighted values.

    Attributes
    ----------
    values, weights
        One shape; weights sum to 1.
    mean, sd, cumulative
        Of the distribution itself.
    error
        Standard error of the mean of a function, from the function at each value.
    bound
        Standard error of an event that all values agree on: a bound.
    """

    values: Floats
    weights: Floats
    mean: Estimate
    sd: float
    cumulative: Cumulative
    error: Callable[[Floats], float]
    bound: float


def values_of(distribution: Distribution) -> Values:
    """Return the weighted values of a distribution.

    Parameters
    ----------
    distribution
        Counted draws, or a weighted sum of normal distributions, each then replaced by values that
        slice it into equal probabilities; also in other units.
    """
    base, factor = _unscaled(distribution)
    mean, sd = distribution.mean(), distribution.sd()
    match base:
        case Counted(draws=draws):
            values = factor * draws
            weights = np.full(draws.shape, 1.0 / draws.size)
            bound = RULE_OF_THREE / tail_ess(draws)
            steps = Steps.of(values, weights)
            return Values(values, weights, mean, sd, steps, mcse_mean, bound)
        case Normals(weight=weight, replicate=replicate, means=means, sds=sds):
            scores = _scores(len(means))
            n = scores.shape[1]

            def error(by_value: Floats) -> float:
                return float(mixture_error(weight, by_value.mean(axis=1), replicate))

            values = factor * (means[:, None] + sds[:, None] * scores)
            weights = np.repeat(weight[:, None] / n, n, axis=1)
            return Values(values, weights, mean, sd, Curve.of(base, factor), error, 0.0)
    message = f"{type(base).__name__} is neither counted nor a sum of normals"
    raise TypeError(message)


def pooled_values(draws: Floats) -> Values:
    """Return independent draws of several cells as one distribution, shape (draw, cell).

    The cells of one draw hang together: errors are those of its mean over cells.
    """
    flat = draws.reshape(len(draws), -1)
    size = len(flat)

    def error(by_value: Floats) -> float:
        return float(by_value.mean(axis=1).std(ddof=1) / math.sqrt(size))

    mean = Estimate(float(flat.mean()), error(flat), size)
    weights = np.full(flat.shape, 1.0 / flat.size)
    sd, steps = float(flat.std(ddof=1)), Steps.of(flat, weights)
    return Values(flat, weights, mean, sd, steps, error, RULE_OF_THREE / size)


def _unscaled(distribution: Distribution) -> tuple[Distribution, float]:
    """Return a distribution in its own units, and what it is multiplied by."""
    if not isinstance(distribution, Rescaled):
        return distribution, 1.0
    base, factor = _unscaled(distribution.base)
    return base, factor * distribution.factor


@lru_cache(maxsize=4)
def _scores(points: int) -> Floats:
    """Return standard normal values for each point, shape (point, slice).

    Slices have equal probability, and the place within them moves on from point to point by the
    golden ratio, so that all points together are even and no step is seen where they are alike.
    """
    slices = max(_FEWEST, -(-_NODES // points))
    place = ((np.arange(points) + 0.5) * _GOLDEN) % 1.0
    below = (np.arange(slices) + place[:, None]) / slices
    inverse = _STANDARD.inv_cdf
    return np.array([inverse(p) for p in below.ravel().tolist()]).reshape(below.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """First minus ``rate`` times second, two independent quantities; ``rate`` is 0 or above.

    The error of a probability has a part from each side: that of the mean, over the one, of what
    the other makes of each of its values.

    References
    ----------
    Hoeffding 1948, Ann Math Stat 19:293, doi:10.1214/aoms/1177730196: the variance of an average
    over all pairs, to first order.
    """

    first: Values
    second: Values
    rate: float

    def at(self, rate: float) -> Difference:
        """Return the difference at another rate."""
        return replace(self, rate=rate)

    def above(self, x: float) -> Estimate:
        """Return the probability of lying above a number."""
        one, other = self.first, self.second
        by_other = 1.0 - one.cumulative.up_to(x + self.rate * other.values)
        value = float(np.sum(other.weights * by_other))
        if not self.rate:
            by_one = (one.values > x).astype(np.float64)
        else:
            by_one = other.cumulative.under((one.values - x) / self.rate)
        size = min(one.mean.ess, other.mean.ess)
        if np.ptp(by_one) == 0.0 and np.ptp(by_other) == 0.0:
            return Estimate(round(value), max(one.bound, other.bound), size, bound=True)
        value = min(max(value, 0.0), 1.0)
        return Estimate(value, math.hypot(one.error(by_one), other.error(by_other)), size)

    def mean(self) -> Estimate:
        """Return the mean, which needs no pairs."""
        one, other = self.first.mean, self.second.mean
        value = one.value - self.rate * other.value
        return Estimate(
            value, math.hypot(one.mcse, self.rate * other.mcse), min(one.ess, other.ess)
        )

    def sd(self) -> float:
        """Return the SD, which needs no pairs."""
        return math.hypot(self.first.sd, self.rate * self.second.sd)

    def quantile(self, p: float) -> Estimate:
        """Return a quantile by halving its bracket, which is known from mean and SD (Cantelli)."""
        centre, sd = self.mean(), self.sd()
        low = centre.value - sd * math.sqrt((1.0 - p) / p)
        high = centre.value + sd * math.sqrt(p / (1.0 - p))
        order = np.argsort(self.second.values, axis=None)  # look-ups in order are quick
        values = self.rate * self.second.values.ravel()[order]
        weights = self.second.weights.ravel()[order]

        def up_to(x: float) -> float:
            return float(weights @ self.first.cumulative.up_to(x + values))

        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if up_to(middle) < p else (low, middle)
        value, half = 0.5 * (low + high), _WIDTH * sd
        rise = up_to(value + half) - up_to(value - half)
        error = self.above(value).mcse * 2.0 * half / rise if rise > 0 else math.inf
        return Estimate(value, error, centre.ess)
