"""The posterior of one quantity: moments, quantiles, probabilities, density, without draws.

Moments that do not exist are ``inf`` (a spread that is infinite, a mean of tau that is) or ``nan``
(a mean that is undefined), as in scipy.stats; quantiles and probabilities always exist.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import overload

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from bayes_nmda.errors import UsageError
from bayes_nmda.meta.likelihood import conditional
from bayes_nmda.meta.mixture import (
    has_point,
    mixture_density,
    mixture_quantile,
    mixture_tail,
    ready,
    ready_tail,
)
from bayes_nmda.meta.prior_densities import FIXED, KIND, UPPER, Array, log_density
from bayes_nmda.meta.tau_distribution import tau_below, tau_quantile


def probability(p: float, what: str = "p") -> float:
    """Return p if it lies strictly between 0 and 1."""
    if not 0.0 < p < 1.0:
        raise UsageError(f"{what} must lie strictly between 0 and 1, found {p}")
    return float(p)


@overload
def _each(function: Callable[[float], float], values: float) -> float: ...
@overload
def _each(function: Callable[[float], float], values: ArrayLike) -> float | Array: ...
def _each(function: Callable[[float], float], values: ArrayLike) -> float | Array:
    array = np.asarray(values, dtype=float)
    if array.ndim == 0:
        return function(float(array))
    return np.array([function(float(value)) for value in array.ravel()]).reshape(array.shape)


@dataclass(frozen=True, slots=True)
class Marginal(ABC):
    """The posterior of one quantity, in the units of the effects."""

    name: str
    mean: float
    sd: float

    @abstractmethod
    def _quantile(self, p: float) -> float:
        """Return the p-quantile of one probability."""

    @abstractmethod
    def _tail(self, x: float, above: bool) -> float:
        """Return the probability above x, or below it."""

    @abstractmethod
    def _density(self, x: float) -> float:
        """Return the density at one place."""

    @property
    def median(self) -> float:
        """Return the posterior median."""
        return self._quantile(0.5)

    def quantile(self, p: ArrayLike) -> float | Array:
        """Return the p-quantile; for an array of p an array of the same shape."""
        return _each(lambda value: self._quantile(probability(value)), p)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the central (equal-tailed) posterior interval."""
        tail = 0.5 * (1.0 - probability(level, "level"))
        return self._quantile(tail), self._quantile(1.0 - tail)

    def prob_below(self, x: ArrayLike) -> float | Array:
        """Return the posterior probability of a value below x."""
        return _each(lambda value: self._tail(value, above=False), x)

    def prob_above(self, x: ArrayLike) -> float | Array:
        """Return the posterior probability of a value above x."""
        return _each(lambda value: self._tail(value, above=True), x)

    def density(self, x: ArrayLike) -> float | Array:
        """Return the posterior density at x; infinite where the quantity is known to be x."""
        return _each(self._density, x)

    def __repr__(self) -> str:
        """Return mean, SD, median and 95 % interval in one line."""
        low, high = self.interval()
        return (
            f"{self.name}: mean {self.mean:.4g}, SD {self.sd:.4g}, median {self.median:.4g}, "
            f"95 % interval {low:.4g} to {high:.4g}"
        )


@dataclass(frozen=True, slots=True, repr=False)
class NormalMixture(Marginal):
    """A quantity that is normal given tau: mu, a new trial's effect, a trial's own effect."""

    weights: Array = field(compare=False)
    means: Array = field(compare=False)
    sds: Array = field(compare=False)
    parts: Array = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Lay the components out once; a known quantity has none to lay out."""
        known = has_point(self.sds)  # then all components are the same point
        parts = np.empty((0, 0)) if known else ready(self.weights, self.means, self.sds)
        object.__setattr__(self, "parts", parts)

    def _quantile(self, p: float) -> float:
        if not self.parts.size:
            return float(self.means[0])
        return mixture_quantile(p, float(ndtri(p)), self.parts)

    def _tail(self, x: float, above: bool) -> float:
        if math.isnan(x):
            return math.nan
        if not self.parts.size:
            return mixture_tail(x, above, self.weights, self.means, self.sds)
        return min(ready_tail(x, above, self.parts), 1.0)

    def _density(self, x: float) -> float:
        return mixture_density(x, self.weights, self.means, self.sds)


@dataclass(frozen=True, slots=True, repr=False)
class TauMarginal(Marginal):
    """The heterogeneity SD; the arrays are those of the quadrature rule, in units of ``unit``."""

    unit: float
    log_mass: float
    blocks: Array = field(compare=False)
    reference: Array = field(compare=False)
    prior: Array = field(compare=False)
    mu_prior: Array = field(compare=False)
    effects: Array = field(compare=False)
    variances: Array = field(compare=False)

    @property
    def known(self) -> bool:
        """Tell whether tau was fixed."""
        return int(self.prior[KIND]) == FIXED

    def _quantile(self, p: float) -> float:
        return self.unit * tau_quantile(p, self.blocks, self.reference, self.prior)

    def _tail(self, x: float, above: bool) -> float:
        if math.isnan(x):
            return math.nan
        if self.known:
            below = float(x >= self.mean)
        else:
            below = tau_below(x / self.unit, self.blocks, self.reference, self.prior)
        return 1.0 - below if above else below

    def _density(self, x: float) -> float:
        if self.known:
            return math.inf if x == self.mean else 0.0
        tau = x / self.unit
        if not 0.0 <= tau <= self.prior[UPPER]:
            return 0.0
        # At 0 itself log tau has no value; the limit is reached long before the smallest double.
        tau = max(tau, 1e-150)
        value = conditional(tau, self.effects, self.variances, self.mu_prior)[2]
        return math.exp(value + log_density(self.prior, tau) - self.log_mass) / self.unit
