"""Compiled likelihood of tau, with the mean mu integrated out, and mu given tau.

Data come standardised: effects less a centre, and everything over the smallest standard error.
Given tau, mu is normal (or, under a Student-t prior, a mixture of normals over the prior's
precision factor lambda). The log likelihood is computed twice: plainly, to find the modes, and as
a change from a reference tau in which nothing large cancels, so that contradictory data, whose
log likelihood is of order -1e12, keep all their digits.

References
----------
Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., eq. 5.20-5.21: mu and tau marginally.
"""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.posterior.compiled import compiled
from bayes_nmda.posterior.meta.prior_densities import Array

FIXED_MU, NORMAL, FLAT, STUDENT_T = range(4)
MU_KIND, DF, LOC, SCALE = range(4)
_LOG_2PI = math.log(2.0 * math.pi)
_NEGLIGIBLE = 37.0  # exp(-37) is below the rounding error of 1


@compiled
def conditional(
    tau: float, effects: Array, variances: Array, mu_prior: Array
) -> tuple[float, float, float]:
    """Return mean and precision of mu given tau and data, and the absolute log likelihood of tau.

    Under a Student-t prior mean and precision are those from the data alone.
    """
    kind = int(mu_prior[MU_KIND])
    k = effects.size
    square = tau * tau
    precision = 0.0
    moment = 0.0
    log_weights = 0.0
    for i in range(k):
        w = 1.0 / (variances[i] + square)
        precision += w
        moment += w * effects[i]
        log_weights -= math.log(variances[i] + square)
    value = 0.5 * log_weights - 0.5 * k * _LOG_2PI
    if kind == FIXED_MU:
        mean, precision = mu_prior[LOC], math.inf
        misfit = 0.0
    else:
        misfit = 0.0
        if kind == NORMAL:
            own = 1.0 / (mu_prior[SCALE] * mu_prior[SCALE])
            precision += own
            moment += own * mu_prior[LOC]
            value -= math.log(mu_prior[SCALE])
        else:
            value += 0.5 * _LOG_2PI
        mean = moment / precision
        value -= 0.5 * math.log(precision)
        if kind == NORMAL:
            misfit = ((mu_prior[LOC] - mean) / mu_prior[SCALE]) ** 2
    for i in range(k):
        misfit += (effects[i] - mean) ** 2 / (variances[i] + square)
    value -= 0.5 * misfit
    if kind == STUDENT_T:
        value += log_predictive(mean, precision, mu_prior)
    return mean, precision, value


@compiled
def change(
    tau: float, squares: float, residuals: Array, variances: Array, weights: Array,
    own: float, own_residual: float, reference_precision: float, fixed: bool,
) -> tuple[float, float, float]:  # fmt: skip
    """Return the log likelihood less its value at the reference, the shift of mu, its precision.

    ``squares`` is tau² - reference²; ``residuals`` are effects less the mean of mu there,
    ``weights`` 1 / (variance + reference²), ``own`` the precision of mu's normal prior, else 0,
    ``own_residual`` the prior's mean less that mean.
    """
    square = tau * tau
    product = 1.0
    logs = 0.0
    precision = own
    near = 0.0
    far = own * own_residual
    second = 0.0
    heaviest = 0.0
    for i in range(residuals.size):
        total = variances[i] + square
        w = 1.0 / total
        ratio = total * weights[i]
        if ratio > 1e100 or ratio < 1e-100:
            logs += math.log(ratio)
        else:
            product *= ratio
            if product > 1e150 or product < 1e-150:
                logs += math.log(product)
                product = 1.0
        both = w * weights[i] * residuals[i]
        precision += w
        near += both
        far += w * residuals[i]
        second += both * residuals[i]
        heaviest = max(heaviest, weights[i])
    if fixed:
        return 0.5 * (squares * second - logs - math.log(product)), 0.0, math.inf
    logs += math.log(product * (precision / reference_precision))
    # Weighted residuals sum to 0 at the reference, so near it only the change of weights counts.
    shift = (-squares * near if abs(squares) * heaviest < 1.0 else far) / precision
    value = 0.5 * (squares * second - logs + precision * shift * shift)
    return value, shift, precision


@compiled
def lambda_step(df: float) -> float:
    """Return the step of the rule on log lambda: well below the width of its density."""
    return min(0.3, 0.6 * math.sqrt(2.0 / (df + 1.0)))


@compiled
def lambda_log_weight(u: float, gap: float, variance: float, df: float, scale: float) -> float:
    """Return log gamma(lambda) lambda N(gap; 0, variance + scale²/lambda) at lambda = exp(u)."""
    total = variance + scale * scale * math.exp(-u)
    value = 0.5 * df * (u - math.expm1(u)) - 0.5 * math.log(total) - 0.5 * gap * gap / total
    return value


@compiled
def lambda_bounds(gap: float, variance: float, df: float, scale: float) -> tuple[int, int, float]:
    """Return first and last index of the rule on log lambda, and its highest log weight.

    The prior of lambda is Gamma(df/2, df/2). The rule starts where that prior has ended and goes
    down until neither the prior nor any gain in fit can bring back what is negligible.
    """
    step = lambda_step(df)
    last = 1
    while 0.5 * df * (math.expm1(last * step) - last * step) < 2.0 * _NEGLIGIBLE:
        last += 1
    highest = -math.inf
    j = last
    while True:
        u = j * step
        value = lambda_log_weight(u, gap, variance, df, scale)
        highest = max(highest, value)
        spread = scale * scale * math.exp(-u)
        gain = 0.5 * gap * gap / (variance + spread)
        if u < 0.0 and value + gain < highest - _NEGLIGIBLE:
            break
        j -= 1
    return j, last, highest


@compiled
def log_predictive(mean: float, precision: float, mu_prior: Array) -> float:
    """Return log of the integral of N(mu; mean, 1/precision) over the Student-t prior of mu."""
    df, scale = mu_prior[DF], mu_prior[SCALE]
    gap = mean - mu_prior[LOC]
    variance = 1.0 / precision
    first, last, highest = lambda_bounds(gap, variance, df, scale)
    step = lambda_step(df)
    total = 0.0
    for j in range(first, last + 1):
        value = lambda_log_weight(j * step, gap, variance, df, scale)
        total += math.exp(value - highest)
    half = 0.5 * df
    if half > 1e3:  # Stirling's series, DLMF 5.11.1; the difference below would cancel
        constant = 0.5 * math.log(half) - 1.0 / (12.0 * half) - _LOG_2PI
    else:
        constant = half * math.log(half) - half - math.lgamma(half) - 0.5 * _LOG_2PI
    return float(constant + highest + math.log(total * step))


@compiled
def standardise(yi: Array, sei: Array, mu_prior: Array) -> tuple[float, float, Array, Array, Array]:
    """Return centre, scale, and on that scale effects, variances and the prior of mu."""
    most_precise = int(np.argmin(sei))
    scale = sei[most_precise]
    centre = mu_prior[LOC] if int(mu_prior[MU_KIND]) == FIXED_MU else yi[most_precise]
    prior = mu_prior.copy()
    prior[LOC] = (mu_prior[LOC] - centre) / scale
    prior[SCALE] = mu_prior[SCALE] / scale
    return centre, scale, (yi - centre) / scale, (sei / scale) ** 2, prior
