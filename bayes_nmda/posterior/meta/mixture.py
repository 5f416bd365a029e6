"""Compiled mixtures of normal distributions: distribution function, density, quantiles.

The posterior of mu, of a new trial's effect and of each trial's own effect is such a mixture,
with a component at every node of the rule for tau. A component of SD 0 is a point.
"""

from __future__ import annotations

import math

from bayes_nmda.posterior.compiled import compiled, normal_cdf, normal_pdf
from bayes_nmda.posterior.meta.prior_densities import Array

_SQRT_HALF = math.sqrt(0.5)
_INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
_CLOSE = 1e-3  # a step of Halley's method this small leaves an error of its cube
_BEYOND = 322.0  # in logs: an atom far out stands for everything beyond it


@compiled
def mixture_tail(x: float, above: bool, weights: Array, means: Array, sds: Array) -> float:
    """Return P(X > x) if ``above``, else P(X < x) (a point at x counts as below)."""
    sign = -1.0 if above else 1.0
    total = 0.0
    for i in range(weights.size):
        if sds[i] > 0.0:
            total += weights[i] * normal_cdf(sign * (x - means[i]) / sds[i])
        elif (x < means[i]) if above else (x >= means[i]):
            total += weights[i]
    return total


@compiled
def mixture_density(x: float, weights: Array, means: Array, sds: Array) -> float:
    """Return the density at x; infinite at a point."""
    total = 0.0
    for i in range(weights.size):
        if sds[i] > 0.0:
            total += weights[i] * normal_pdf((x - means[i]) / sds[i]) / sds[i]
        elif x == means[i]:
            return math.inf
    return total


@compiled
def mixture_quantile(p: float, z: float, weights: Array, means: Array, sds: Array) -> float:
    """Return the p-quantile; ``z`` is that of the standard normal distribution.

    Halley's method on the log of the smaller tail, kept inside the extreme component quantiles.
    """
    middle = 0.0
    reciprocal = 0.0
    inverses = 1.0 / sds
    for i in range(weights.size):
        middle += weights[i] * means[i]
        reciprocal += weights[i] * inverses[i]
    unit = 1.0 / reciprocal
    low, high = math.inf, -math.inf
    for i in range(weights.size):
        edge = means[i] - middle + z * sds[i]
        low, high = min(low, edge), max(high, edge)
    margin = 1e-12 * max(high - low, unit)
    low, high = low - margin, high + margin
    above = p > 0.5
    wanted = 1.0 - p if above else p
    sign = -1.0 if above else 1.0
    spread = 0.0
    for i in range(weights.size):
        spread += weights[i] * (sds[i] * sds[i] + (means[i] - middle) ** 2)
    # The SD is the better first guess, except where it is blown up by a heavy tail.
    guess = min(math.sqrt(spread), 2.0 * unit)
    x = min(max(z * guess, low), high)  # all places are reckoned from the middle
    for turn in range(300):
        tail = 0.0
        density = 0.0
        slope = 0.0
        for i in range(weights.size):
            inverse = inverses[i]
            d = (x - (means[i] - middle)) * inverse
            term = weights[i] * inverse * math.exp(-0.5 * d * d)
            tail += weights[i] * math.erfc(-sign * d * _SQRT_HALF)
            density += term
            slope -= term * d * inverse
        tail *= 0.5
        density *= _INV_SQRT_2PI
        slope *= _INV_SQRT_2PI
        if (tail > wanted) != above:
            high = x
        else:
            low = x
        following = math.nan
        if tail > 0.0 and density > 0.0:
            relative = density / tail
            newton = math.log(tail / wanted) / relative
            bend = sign * slope / density - relative
            halley = 1.0 - 0.5 * newton * bend
            step = newton / (halley if 0.5 < halley < 2.0 else 1.0)
            following = x - sign * step
            if abs(step) * relative <= _CLOSE and low <= following <= high:
                x = following
                break
        # A spike or a far tail can make good-looking steps too short: halve now and then.
        if not low < following < high or turn % 8 == 7:
            if high - low <= 1e-14 * max(abs(low), abs(high)):
                break
            # Halve on a scale that is linear near the middle and logarithmic far out.
            a = math.copysign(math.log1p(abs(low) / unit), low)
            b = math.copysign(math.log1p(abs(high) / unit), high)
            following = math.copysign(unit * math.expm1(0.5 * abs(a + b)), a + b)
            if not low < following < high:
                following = 0.5 * (low + high)
        x = following
    if abs(x) < 1e60 * unit:
        return middle + x
    log_sd = 0.0
    for i in range(weights.size):
        log_sd += weights[i] * math.log(sds[i])
    return middle + x if math.log(abs(x)) - log_sd < _BEYOND else math.copysign(math.inf, x)
