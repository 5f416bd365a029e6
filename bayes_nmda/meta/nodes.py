"""Compiled change of the posterior density of tau from a reference, at several tau at once.

The nodes of a panel lie side by side in one flat array of scratch, a stretch of `WIDTH` numbers a
quantity, so that loops over nodes run in vector instructions and the data are read once a panel.
"""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.meta.compiled import compiled
from bayes_nmda.meta.normal_tails import logarithm
from bayes_nmda.meta.prior_densities import (
    HALF_CAUCHY,
    HALF_NORMAL,
    INVERSE_GAMMA,
    KIND,
    LOG_NORMAL,
    LOG_STUDENT_T,
    UNIFORM,
    A,
    Array,
    B,
    C,
)
from bayes_nmda.meta.student_t import (
    LOC,
    MU_KIND,
    NORMAL,
    SCALE,
    STUDENT_T,
    log_predictive,
)

WIDTH = 16
# Stretches of the scratch: what is given, what is found, and sums over trials.
(
    AT_TAU, AT_SQUARES, AT_LOG_RATIO, AT_DIFFERENCE, AT_JACOBIAN,
    AT_CHANGE, AT_SHIFT, AT_PRECISION, _SQUARE, _PRODUCT, _LOGS, _NEAR, _FAR, _SECOND,
    AT_DENSITY,
) = (WIDTH * i for i in range(15))  # fmt: skip
_LENGTH = WIDTH * 15
# Places in the description of the reference point.
(
    REF_TAU, REF_X, REF_MEAN, REF_PRECISION, REF_LOG, REF_PREDICTIVE, REF_HEAVIEST,
) = range(7)  # fmt: skip
_LARGEST_LOG = 600.0  # a product of ratios with a log below this is a double


@compiled
def scratch() -> Array:
    """Return room for the nodes of one panel."""
    return np.empty(_LENGTH)


@compiled
def likelihood_changes(
    work: Array, count: int, ref: Array, residuals: Array, variances: Array, weights: Array,
    own: float, own_residual: float, fixed: bool,
) -> None:  # fmt: skip
    """Write the log likelihood less its value at the reference, the shift of mu, its precision.

    Squares are tau² - reference²; ``residuals`` are effects less the mean of mu at the reference,
    ``weights`` 1 / (variance + reference²), ``own`` the precision of mu's normal prior, else 0,
    ``own_residual`` the prior's mean less the mean of mu.
    """
    k = residuals.size
    widest = 0.0
    for j in range(count):
        tau = work[AT_TAU + j]
        work[_SQUARE + j] = tau * tau
        work[_PRODUCT + j] = 1.0
        work[_LOGS + j] = 0.0
        work[AT_PRECISION + j] = own
        work[_NEAR + j] = 0.0
        work[_FAR + j] = own * own_residual
        work[_SECOND + j] = 0.0
        widest = max(widest, abs(work[AT_LOG_RATIO + j]))
    # A ratio of variances lies between 1 and (tau / reference)².
    simple = 2.0 * widest * (k + 1.0) < _LARGEST_LOG
    at_once = k if simple else max(int(0.5 * _LARGEST_LOG / widest), 1)
    since = 0
    for i in range(k):
        variance, weight, residual = variances[i], weights[i], residuals[i]
        weighted = weight * residual
        for j in range(count):
            total = variance + work[_SQUARE + j]
            w = 1.0 / total
            both = w * weighted
            work[_PRODUCT + j] *= total * weight
            work[AT_PRECISION + j] += w
            work[_NEAR + j] += both
            work[_FAR + j] += w * residual
            work[_SECOND + j] += both * residual
        since += 1
        if since == at_once and i < k - 1:
            for j in range(count):
                work[_LOGS + j] += math.log(work[_PRODUCT + j])
                work[_PRODUCT + j] = 1.0
            since = 0
    if fixed:
        for j in range(count):
            logs = work[_LOGS + j] + math.log(work[_PRODUCT + j])
            work[AT_CHANGE + j] = 0.5 * (work[AT_SQUARES + j] * work[_SECOND + j] - logs)
            work[AT_SHIFT + j], work[AT_PRECISION + j] = 0.0, math.inf
        return
    heaviest, precision_0 = ref[REF_HEAVIEST], ref[REF_PRECISION]
    for j in range(count):
        if simple:
            ratio = work[AT_PRECISION + j] / precision_0
            work[_LOGS + j] = logarithm(work[_PRODUCT + j] * ratio)
        else:
            work[_LOGS + j] += math.log(work[_PRODUCT + j])
            work[_LOGS + j] += math.log(work[AT_PRECISION + j] / precision_0)
    for j in range(count):
        squares, precision = work[AT_SQUARES + j], work[AT_PRECISION + j]
        # Weighted residuals sum to 0 at the reference, so near it only the change of weights
        # counts.
        near = abs(squares) * heaviest < 1.0
        shift = (-squares * work[_NEAR + j] if near else work[_FAR + j]) / precision
        work[AT_SHIFT + j] = shift
        work[AT_CHANGE + j] = 0.5 * (
            squares * work[_SECOND + j] - work[_LOGS + j] + precision * shift * shift
        )


@compiled
def add_prior_changes(work: Array, count: int, reference: float, prior: Array) -> None:
    """Add log prior density at each tau less that at the reference, without cancellation."""
    kind = int(prior[KIND])
    a, b, c = prior[A], prior[B], prior[C]
    if kind == HALF_NORMAL:
        factor = -0.5 / (a * a)
        for j in range(count):
            work[AT_CHANGE + j] += factor * work[AT_SQUARES + j]
    elif kind == HALF_CAUCHY:
        whole = a * a + reference * reference
        for j in range(count):
            ratio = (a * a + work[_SQUARE + j]) / whole
            work[AT_CHANGE + j] -= math.log(ratio)
    elif kind == INVERSE_GAMMA:
        for j in range(count):
            tau = work[AT_TAU + j]
            difference = work[AT_SQUARES + j] / (tau + reference)
            change = b * (difference / reference) / tau
            work[AT_CHANGE + j] += change - (a + 1.0) * work[AT_LOG_RATIO + j]
    elif kind == LOG_NORMAL:
        twice = 2.0 * (math.log(reference) - a)
        for j in range(count):
            log_ratio = work[AT_LOG_RATIO + j]
            change = -0.5 * log_ratio * (log_ratio + twice) / (b * b)
            work[AT_CHANGE + j] += change - log_ratio
    elif kind == LOG_STUDENT_T:
        start = (math.log(reference) - b) / c
        whole = a + start * start
        for j in range(count):
            log_ratio = work[AT_LOG_RATIO + j]
            end = start + log_ratio / c
            change = -0.5 * (a + 1.0) * logarithm((a + end * end) / whole)
            work[AT_CHANGE + j] += change - log_ratio
    elif kind != UNIFORM:
        for j in range(count):
            work[AT_CHANGE + j] -= a * work[AT_SQUARES + j] / (work[AT_TAU + j] + reference)


@compiled
def density_changes(
    work: Array, count: int, ref: Array, residuals: Array, variances: Array, weights: Array,
    mu_prior: Array, tau_prior: Array,
) -> None:  # fmt: skip
    """Write the change of the log posterior density of tau, the shift of mu, its precision."""
    kind = int(mu_prior[MU_KIND])
    own = 1.0 / (mu_prior[SCALE] * mu_prior[SCALE]) if kind == NORMAL else 0.0
    likelihood_changes(
        work, count, ref, residuals, variances, weights, own, mu_prior[LOC] - ref[REF_MEAN],
        kind < NORMAL,
    )  # fmt: skip
    add_prior_changes(work, count, ref[REF_TAU], tau_prior)
    if kind == STUDENT_T:
        for j in range(count):
            mean, precision = ref[REF_MEAN] + work[AT_SHIFT + j], work[AT_PRECISION + j]
            work[AT_CHANGE + j] += log_predictive(mean, precision, mu_prior) - ref[REF_PREDICTIVE]
