"""Compiled rule for a Student-t prior of mu: normals over the prior's precision factor lambda.

Given lambda the prior is normal with SD scale / sqrt(lambda), and lambda is gamma(df / 2, df / 2).
On u = log lambda the density is smooth and the trapezoidal rule converges exponentially. Its points
depend on prior and data, not on tau, so they are laid out once an analysis, behind the four numbers
of the prior.
"""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.meta.compiled import compiled
from bayes_nmda.meta.normal_tails import exponential
from bayes_nmda.meta.prior_densities import Array

FIXED_MU, NORMAL, FLAT, STUDENT_T = range(4)
MU_KIND, DF, LOC, SCALE = range(4)
_STEP, _CONSTANT, _HEADER = 4, 5, 6
_LOG_2PI = math.log(2.0 * math.pi)
_NEGLIGIBLE = 32.0  # exp(-32) is 1e-14


@compiled
def rule_step(df: float) -> float:
    """Return the step of the rule on log lambda: well below the width of its density."""
    return min(0.3, 0.6 * math.sqrt(2.0 / (df + 1.0)))


@compiled
def with_rule(prior: Array, effects: Array) -> Array:
    """Return a Student-t prior followed by its rule: step, constant, log weights, variances.

    The rule ends above where the prior of lambda has ended, and goes down until, from where even
    the effect farthest off is no surprise any more, the prior has fallen to nothing.
    """
    df, loc, scale = prior[DF], prior[LOC], prior[SCALE]
    half, step = 0.5 * df, rule_step(df)
    last = 1
    while half * (math.expm1(last * step) - last * step) < 2.0 * _NEGLIGIBLE:
        last += 1
    farthest = scale
    for i in range(effects.size):
        farthest = max(farthest, abs(effects[i] - loc))
    lowest = -2.0 * (math.log(farthest) - math.log(scale))
    first = math.floor(lowest / step)
    start = first * step - math.expm1(first * step)
    while half * (start - (first * step - math.expm1(first * step))) < _NEGLIGIBLE:
        first -= 1
    count = last - first + 1
    out = np.empty(_HEADER + 2 * count)
    for j in range(SCALE + 1):
        out[j] = prior[j]
    if half > 1e3:  # Stirling's series, DLMF 5.11.1; the difference below would cancel
        constant = 0.5 * math.log(half) - 1.0 / (12.0 * half) - _LOG_2PI
    else:
        constant = half * math.log(half) - half - math.lgamma(half) - 0.5 * _LOG_2PI
    out[_STEP], out[_CONSTANT] = step, constant + math.log(step)
    for j in range(count):
        u = (first + j) * step
        out[_HEADER + j] = half * (u - math.expm1(u))
        out[_HEADER + count + j] = scale * scale * math.exp(-u)
    return out


@compiled
def rule_size(mu_prior: Array) -> int:
    """Return the number of points of the rule."""
    return (mu_prior.size - _HEADER) // 2


@compiled
def rule_variances(mu_prior: Array) -> Array:
    """Return the variance of the prior at each point of the rule."""
    return mu_prior[_HEADER + rule_size(mu_prior) :]


@compiled
def rule_weights(gap: float, variance: float, mu_prior: Array, out: Array) -> tuple[float, float]:
    """Write the weights of the points and return their sum and the log of what they leave out.

    The weight at lambda is that of its prior times N(gap; 0, variance + scale² / lambda).
    """
    count = rule_size(mu_prior)
    logs, spreads = mu_prior[_HEADER : _HEADER + count], rule_variances(mu_prior)
    square = 0.5 * gap * gap
    for j in range(count):
        out[j] = logs[j] - square / (variance + spreads[j])
    highest = -math.inf
    for j in range(count):
        highest = max(highest, out[j])
    for j in range(count):
        fall = out[j] - highest
        near = fall if fall > -700.0 else -700.0
        out[j] = exponential(near) / math.sqrt(variance + spreads[j])
    total = 0.0
    for j in range(count):
        total += out[j]
    return total, highest


@compiled
def log_predictive(mean: float, precision: float, mu_prior: Array) -> float:
    """Return log of the integral of N(mu; mean, 1/precision) over the Student-t prior of mu."""
    work = np.empty(rule_size(mu_prior))
    total, highest = rule_weights(mean - mu_prior[LOC], 1.0 / precision, mu_prior, work)
    return float(mu_prior[_CONSTANT] + highest + math.log(total))
