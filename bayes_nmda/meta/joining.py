"""Compiled joining of neighbouring components of a mixture of normals, where it changes nothing.

Far below the standard errors mu given tau hardly depends on tau, and far out a node has hardly any
mass; there a run of components becomes one with their weight, mean and variances, and every
question to the mixture is answered sooner.
"""

from __future__ import annotations

import math

from bayes_nmda.meta.compiled import compiled
from bayes_nmda.meta.panels import MASS, MU_SHIFT, MU_VARIANCE, ORDER, TAU
from bayes_nmda.meta.prior_densities import Array

# Columns of a component.
WEIGHT, MEAN, SD, TAU_VALUE = range(4)
# A run of components that are about to become one: its weight, its first component's mean,
# variance and tau², reciprocals of the variances of mu and of a new trial there, and weighted sums
# of what the mean is off, of mu's and of tau's squares.
(
    _RUN, _MEAN, _VARIANCE, _SQUARE, _PRECISION, _PRECISION_NEW, _SHIFT, _WITHIN, _BETWEEN,
    RUN_LENGTH,
) = range(10)  # fmt: skip
_MIDDLE = ORDER // 2


@compiled
def panel_joins(block: Array, most: float) -> bool:
    """Tell whether the two middle nodes of a panel could become one component."""
    node, following = block[_MIDDLE], block[_MIDDLE + 1]
    square = node[TAU] * node[TAU]
    wider = (following[MU_VARIANCE] - node[MU_VARIANCE]) / node[MU_VARIANCE]
    wider_new = (following[TAU] * following[TAU] - square) / (node[MU_VARIANCE] + square)
    apart = wider * wider + wider_new * wider_new
    apart += (following[MU_SHIFT] - node[MU_SHIFT]) ** 2 / node[MU_VARIANCE]
    return bool((node[MASS] + following[MASS]) * apart <= most)


@compiled
def end_run(run: Array, out: Array, count: int) -> int:
    """Write a run as one component of its weight, means and variances; return their count."""
    weight = run[_RUN]
    if weight == 0.0:
        return count
    per_weight = 1.0 / weight
    shift = run[_SHIFT] * per_weight
    variance = max(run[_WITHIN] * per_weight - shift * shift, 0.0)
    out[count, WEIGHT], out[count, MEAN] = weight, run[_MEAN] + shift
    out[count, SD] = math.sqrt(variance)
    out[count, TAU_VALUE] = math.sqrt(run[_BETWEEN] * per_weight)
    run[_RUN] = 0.0
    return count + 1


@compiled
def add_component(
    weight: float, mean: float, variance: float, tau: float, most: float, run: Array, out: Array,
    count: int,
) -> int:  # fmt: skip
    """Add a component to the run, or where the two differ too much end the run and begin anew.

    Normals that become one with their mean and variance change a distribution function by less
    than their weight times the square of how far, in SDs, they are apart; ``most`` bounds that.
    """
    square = tau * tau
    shift = mean - run[_MEAN]
    if run[_RUN] > 0.0:
        wider = (variance - run[_VARIANCE]) * run[_PRECISION]
        wider_new = (square - run[_SQUARE]) * run[_PRECISION_NEW]
        apart = wider * wider + wider_new * wider_new + shift * shift * run[_PRECISION]
        # Written so that a point, whose variance is 0, is never joined.
        if not (apart <= 1.0 and (run[_RUN] + weight) * apart <= most):
            count = end_run(run, out, count)
    if run[_RUN] == 0.0:
        run[_MEAN], run[_VARIANCE], run[_SQUARE] = mean, variance, square
        run[_PRECISION], run[_PRECISION_NEW] = 1.0 / variance, 1.0 / (variance + square)
        run[_SHIFT] = run[_WITHIN] = run[_BETWEEN] = shift = 0.0
    run[_RUN] += weight
    run[_SHIFT] += weight * shift
    run[_WITHIN] += weight * (variance + shift * shift)
    run[_BETWEEN] += weight * square
    return count
