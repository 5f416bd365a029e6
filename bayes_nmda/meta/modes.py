"""Compiled search for the modes of the posterior of tau on its axis.

The search looks at the *log* density, in which even the narrowest peak is a wide parabola, on a
grid of unit steps that contains the prior's own mode, and then narrows each bracket until the
density inside varies by a factor of a few: enough for panels to start from.
"""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.meta.compiled import compiled
from bayes_nmda.meta.panels import axis_at, log_height
from bayes_nmda.meta.prior_densities import UPPER, Array, typical
from bayes_nmda.meta.student_t import FLAT, LOC, MU_KIND, SCALE

_BRACKET_DROP = 2.0
_GOLDEN = 0.3819660112501051  # golden section, (3 - sqrt 5) / 2
_REACH = 345.0  # exp(2 * 345) is the largest square that a double holds


@compiled
def data_scale(effects: Array, variances: Array, mu_prior: Array) -> float:
    """Return a value of tau above which the likelihood is a power of tau."""
    largest = 1.0
    for i in range(effects.size):
        largest = max(largest, math.sqrt(variances[i]), abs(effects[i]))
    kind = int(mu_prior[MU_KIND])
    if kind != FLAT:
        largest = max(largest, abs(mu_prior[LOC]))
        if kind > 0:
            largest = max(largest, mu_prior[SCALE] * math.sqrt(effects.size))
    return largest


@compiled
def search_range(
    effects: Array, variances: Array, mu_prior: Array, tau_prior: Array
) -> tuple[float, float, float]:
    """Return first and last place of the axis to look at, and the prior's own mode."""
    upper = tau_prior[UPPER]
    low = 0.1 / math.sqrt(effects.size)
    high = 10.0 * data_scale(effects, variances, mu_prior)
    middle = typical(tau_prior)
    if middle > 0.0:
        low, high = min(low, middle), max(high, middle)
    else:
        middle = low
    if upper < math.inf:
        low, high = min(low, 0.5 * upper), min(high, 0.75 * upper)
        middle = min(middle, 0.5 * upper)
    return axis_at(low, upper), axis_at(high, upper), axis_at(middle, upper)


@compiled
def narrow(
    left: float, middle: float, right: float, at_left: float, at_middle: float, at_right: float,
    effects: Array, variances: Array, mu_prior: Array, tau_prior: Array,
) -> tuple[float, float, float]:  # fmt: skip
    """Return peak, log height and width of a bracketed mode."""
    for step in range(200):
        if at_middle - min(at_left, at_right) < _BRACKET_DROP:
            break
        if right - left < 1e-14 * (1.0 + abs(middle)):
            break
        # A parabola through the three points; a golden section where it would not help.
        r = (middle - left) * (at_middle - at_right)
        q = (middle - right) * (at_middle - at_left)
        trial = middle
        if r != q and math.isfinite(r) and math.isfinite(q):
            trial = middle - 0.5 * ((middle - left) * r - (middle - right) * q) / (r - q)
        margin = 0.02 * (right - left)
        useful = left + margin < trial < right - margin and abs(trial - middle) > 1e-3 * margin
        if not useful or step % 3 == 2:
            if right - middle > middle - left:
                trial = middle + _GOLDEN * (right - middle)
            else:
                trial = middle - _GOLDEN * (middle - left)
        height = log_height(trial, effects, variances, mu_prior, tau_prior)
        if height > at_middle:
            if trial > middle:
                left, at_left = middle, at_middle
            else:
                right, at_right = middle, at_middle
            middle, at_middle = trial, height
        elif trial > middle:
            right, at_right = trial, height
        else:
            left, at_left = trial, height
    return middle, at_middle, right - left


@compiled
def find_modes(
    effects: Array, variances: Array, mu_prior: Array, tau_prior: Array
) -> tuple[Array, Array, Array, Array]:
    """Return the modes' places, log heights and widths, and the valleys between them."""
    low, high, origin = search_range(effects, variances, mu_prior, tau_prior)
    first = math.floor(low - origin) - 1.0
    count = int(math.ceil(high - origin) - first) + 2
    x = np.empty(count + 2 * int(_REACH) + 2)
    height = np.empty(x.size)
    for j in range(count):
        x[j] = origin + first + j
        height[j] = log_height(x[j], effects, variances, mu_prior, tau_prior)
    start = 0
    # Beyond the data and the prior the density only falls; go on where it still rises.
    while height[count - 1] > height[count - 2] and x[count - 1] < _REACH and count < x.size:
        x[count] = x[count - 1] + 1.0
        height[count] = log_height(x[count], effects, variances, mu_prior, tau_prior)
        count += 1
    while height[start] >= height[start + 1] and x[start] > -_REACH and count < x.size:
        for j in range(count, 0, -1):
            x[j], height[j] = x[j - 1], height[j - 1]
        x[0] = x[1] - 1.0
        height[0] = log_height(x[0], effects, variances, mu_prior, tau_prior)
        count += 1
    places = np.empty(count)
    heights = np.empty(count)
    widths = np.empty(count)
    valleys = np.empty(count)
    found = 0
    lowest = math.inf
    where = x[0]
    for j in range(1, count - 1):
        if height[j] <= lowest:
            lowest, where = height[j], x[j]
        if height[j] >= height[j - 1] and height[j] > height[j + 1]:
            if found > 0:
                valleys[found - 1] = where
            places[found], heights[found], widths[found] = narrow(
                x[j - 1], x[j], x[j + 1], height[j - 1], height[j], height[j + 1],
                effects, variances, mu_prior, tau_prior,
            )  # fmt: skip
            found += 1
            lowest = math.inf
    if found == 0:  # a plateau between steps, or a peak at the end of what doubles can hold
        best = int(np.argmax(height[:count]))
        places[0], heights[0], widths[0] = x[best], height[best], 1.0
        found = 1
    return places[:found], heights[:found], widths[:found], valleys[:found]
