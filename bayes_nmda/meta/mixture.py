"""Compiled mixtures of normal distributions: distribution function, density, quantiles.

The posterior of mu, of a new trial's effect and of each trial's own effect is such a mixture, with
a component at every node of the rule for tau. A component of SD 0 is a point; where there are none,
`ready` lays the components out so that many are evaluated at a time.
"""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.meta.compiled import compiled, normal_cdf, normal_pdf
from bayes_nmda.meta.normal_tails import FARTHEST, exponential, scaled_tail
from bayes_nmda.meta.prior_densities import Array

_INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
_CLOSE = 1e-3  # a step of Halley's method this small leaves an error of its cube
_BEYOND = 322.0  # in logs: an atom far out stands for everything beyond it
_LANES = 4
# Rows of a mixture made ready: components, then numbers about the whole. Rows of scratch.
_WEIGHT, _PLACE, _INVERSE, _WHOLE = range(4)
_TAILS, _DENSITIES, _SLOPES = range(3)
_MIDDLE, _UNIT, _GUESS, _LEFTMOST, _RIGHTMOST, _NARROWEST, _WIDEST, _LOG_SD = range(8)


@compiled
def has_point(sds: Array) -> bool:
    """Tell whether a component has SD 0."""
    return bool((sds == 0.0).any())


@compiled
def ready(weights: Array, means: Array, sds: Array) -> Array:
    """Return a mixture of components with SDs above 0, laid out for `tail_sums`."""
    size = max(-(-weights.size // _LANES) * _LANES, 2 * _LANES)
    parts = np.zeros((4, size))
    middle = 0.0
    reciprocal = 0.0
    log_sd = 0.0
    for i in range(weights.size):
        middle += weights[i] * means[i]
    left, right, narrow, wide = math.inf, -math.inf, math.inf, 0.0
    spread = 0.0
    for i in range(weights.size):
        place = means[i] - middle
        inverse = 1.0 / sds[i]
        parts[_WEIGHT, i], parts[_PLACE, i], parts[_INVERSE, i] = weights[i], place, inverse
        reciprocal += weights[i] * inverse
        spread += weights[i] * (sds[i] * sds[i] + place * place)
        left, right = min(left, place), max(right, place)
        narrow, wide = min(narrow, sds[i]), max(wide, sds[i])
    unit = 1.0 / reciprocal
    whole = parts[_WHOLE]
    whole[_MIDDLE], whole[_UNIT] = middle, unit
    # The SD is the better first guess, except where it is blown up by a heavy tail.
    whole[_GUESS] = min(math.sqrt(spread), 2.0 * unit)
    whole[_LEFTMOST], whole[_RIGHTMOST] = left, right
    whole[_NARROWEST], whole[_WIDEST] = narrow, wide
    if not wide < 1e50 * unit:
        for i in range(weights.size):
            log_sd += weights[i] * math.log(sds[i])
    whole[_LOG_SD] = log_sd
    return parts


@compiled
def tail_sums(x: float, above: bool, parts: Array, work: Array) -> tuple[float, float, float]:
    """Return P(X < x) or P(X > x), the density at x and its slope; x reckoned from the middle."""
    sign = -1.0 if above else 1.0
    weights, places, inverses = parts[_WEIGHT], parts[_PLACE], parts[_INVERSE]
    tails, densities, slopes = work[_TAILS], work[_DENSITIES], work[_SLOPES]
    size = weights.size
    for i in range(size):
        d = (x - places[i]) * inverses[i]
        a = abs(d)
        near = a if a < FARTHEST else FARTHEST
        bell = exponential(-0.5 * near * near)
        bell = bell if a < FARTHEST else 0.0
        rest = bell * scaled_tail(near)
        tails[i] = weights[i] * (rest if sign * d < 0.0 else 1.0 - rest)
        density = weights[i] * inverses[i] * bell
        densities[i] = density
        slopes[i] = density * inverses[i] * d
    # Four sums at a time: one alone would wait for each addition.
    t_0 = t_1 = t_2 = t_3 = d_0 = d_1 = d_2 = d_3 = s_0 = s_1 = s_2 = s_3 = 0.0
    for i in range(0, size, _LANES):
        t_0 += tails[i]
        t_1 += tails[i + 1]
        t_2 += tails[i + 2]
        t_3 += tails[i + 3]
        d_0 += densities[i]
        d_1 += densities[i + 1]
        d_2 += densities[i + 2]
        d_3 += densities[i + 3]
        s_0 += slopes[i]
        s_1 += slopes[i + 1]
        s_2 += slopes[i + 2]
        s_3 += slopes[i + 3]
    tail = (t_0 + t_1) + (t_2 + t_3)
    density = _INV_SQRT_2PI * ((d_0 + d_1) + (d_2 + d_3))
    return tail, density, -_INV_SQRT_2PI * ((s_0 + s_1) + (s_2 + s_3))


@compiled
def ready_tail(x: float, above: bool, parts: Array) -> float:
    """Return P(X > x) if ``above``, else P(X < x), of a mixture made ready."""
    work = np.empty((3, parts.shape[1]))
    return tail_sums(x - parts[_WHOLE, _MIDDLE], above, parts, work)[0]


@compiled
def mixture_tail(x: float, above: bool, weights: Array, means: Array, sds: Array) -> float:
    """Return P(X > x) if ``above``, else P(X < x) (a point at x counts as below)."""
    if not has_point(sds):
        return ready_tail(x, above, ready(weights, means, sds))
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
def mixture_quantile(p: float, z: float, parts: Array) -> float:
    """Return the p-quantile of a mixture made ready; ``z`` is that of the standard normal.

    Halley's method on the log of the smaller tail, kept inside the extreme component quantiles.
    """
    whole = parts[_WHOLE]
    middle, unit = whole[_MIDDLE], whole[_UNIT]
    narrow, wide = whole[_NARROWEST], whole[_WIDEST]
    low = whole[_LEFTMOST] + z * (wide if z < 0.0 else narrow)
    high = whole[_RIGHTMOST] + z * (narrow if z < 0.0 else wide)
    margin = 1e-9 * max(high - low, unit)  # well above the rounding of a tail
    low, high = low - margin, high + margin
    above = p > 0.5
    wanted = 1.0 - p if above else p
    sign = -1.0 if above else 1.0
    x = min(max(z * whole[_GUESS], low), high)  # all places are reckoned from the middle
    work = np.empty((3, parts.shape[1]))
    for turn in range(300):
        tail, density, slope = tail_sums(x, above, parts, work)
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
        return float(middle + x)
    far = math.log(abs(x)) - whole[_LOG_SD] >= _BEYOND
    return math.copysign(math.inf, x) if far else float(middle + x)
