"""Compiled densities of the heterogeneity SD's prior.

A prior is six numbers: kind, three parameters, upper bound, log of the mass below that bound.
Densities are on tau, never on tau²; ``tau_priors`` translates published priors that are on tau².
"""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.meta.compiled import compiled, normal_cdf, student_t_cdf

FIXED, HALF_NORMAL, HALF_CAUCHY, UNIFORM, INVERSE_GAMMA, LOG_NORMAL, LOG_STUDENT_T, EXPONENTIAL = (
    range(8)
)
KIND, A, B, C, UPPER, LOG_MASS = range(6)
type Array = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@compiled
def rescale(prior: Array, scale: float) -> Array:
    """Return the prior of tau / scale."""
    out = prior.copy()
    out[UPPER] = prior[UPPER] / scale
    kind = int(prior[KIND])
    if kind in (FIXED, HALF_NORMAL, HALF_CAUCHY):
        out[A] = prior[A] / scale
    elif kind == INVERSE_GAMMA:
        out[B] = prior[B] / scale
    elif kind == LOG_NORMAL:
        out[A] = prior[A] - math.log(scale)
    elif kind == LOG_STUDENT_T:
        out[B] = prior[B] - math.log(scale)
    elif kind == EXPONENTIAL:
        out[A] = prior[A] * scale
    return out


@compiled
def log_density(prior: Array, tau: float) -> float:
    """Return the log prior density at tau > 0, truncation included; improper: 1."""
    kind = int(prior[KIND])
    a, b, c = prior[A], prior[B], prior[C]
    if kind == HALF_NORMAL:
        value = 0.5 * math.log(2.0 / math.pi) - math.log(a) - 0.5 * (tau / a) ** 2
    elif kind == HALF_CAUCHY:
        value = math.log(2.0 / math.pi / a) - math.log1p((tau / a) ** 2)
    elif kind == UNIFORM:
        value = -math.log(prior[UPPER]) if prior[UPPER] < math.inf else 0.0
    elif kind == INVERSE_GAMMA:
        value = a * math.log(b) - math.lgamma(a) - (a + 1.0) * math.log(tau) - b / tau
    elif kind == LOG_NORMAL:
        log_tau = math.log(tau)
        z = (log_tau - a) / b
        value = -0.5 * z * z - math.log(b) - 0.5 * math.log(2.0 * math.pi) - log_tau
    elif kind == LOG_STUDENT_T:
        log_tau = math.log(tau)
        z = (log_tau - b) / c
        value = math.lgamma(0.5 * (a + 1.0)) - math.lgamma(0.5 * a) - 0.5 * math.log(a * math.pi)
        value += -0.5 * (a + 1.0) * math.log1p(z * z / a) - math.log(c) - log_tau
    else:
        value = math.log(a) - a * tau
    return float(value - prior[LOG_MASS])


@compiled
def typical(prior: Array) -> float:
    """Return where the prior of log tau is highest; 0 where it is nowhere."""
    kind = int(prior[KIND])
    if kind in (HALF_NORMAL, HALF_CAUCHY):
        return float(prior[A])
    if kind == UNIFORM:
        return 0.5 * prior[UPPER] if prior[UPPER] < math.inf else 0.0
    if kind == INVERSE_GAMMA:
        return float(prior[B] / prior[A])
    if kind == LOG_NORMAL:
        return math.exp(prior[A])
    if kind == LOG_STUDENT_T:
        return math.exp(prior[B])
    return float(1.0 / prior[A])


@compiled
def finite_at_zero(prior: Array) -> bool:
    """Tell whether the density is finite, positive and smooth at tau = 0."""
    kind = int(prior[KIND])
    return kind in (HALF_NORMAL, HALF_CAUCHY, UNIFORM, EXPONENTIAL)


@compiled
def mass_below(prior: Array, tau: float) -> float:
    """Return P(prior < tau) for the log-normal and log-t priors, 0 for the others."""
    kind = int(prior[KIND])
    if kind == LOG_NORMAL:
        return normal_cdf((math.log(tau) - prior[A]) / prior[B]) / math.exp(prior[LOG_MASS])
    if kind == LOG_STUDENT_T:
        z = (math.log(tau) - prior[B]) / prior[C]
        return student_t_cdf(z, prior[A]) / math.exp(prior[LOG_MASS])
    return 0.0


@compiled
def mass_above(prior: Array, tau: float) -> float:
    """Return P(prior > tau) for the untruncated log-normal and log-t priors, 0 for the others."""
    kind = int(prior[KIND])
    if kind == LOG_NORMAL:
        return normal_cdf(-(math.log(tau) - prior[A]) / prior[B])
    if kind == LOG_STUDENT_T:
        return student_t_cdf(-(math.log(tau) - prior[B]) / prior[C], prior[A])
    return 0.0


@compiled
def tail_exponent(prior: Array) -> float:
    """Return a where the density falls as tau^(-a-1); infinite where it falls faster."""
    kind = int(prior[KIND])
    if kind == FIXED or prior[UPPER] < math.inf:
        return math.inf
    if kind == HALF_CAUCHY:
        return 1.0
    if kind == UNIFORM:
        return -1.0
    if kind == INVERSE_GAMMA:
        return float(prior[A])
    return 0.0 if kind == LOG_STUDENT_T else math.inf
