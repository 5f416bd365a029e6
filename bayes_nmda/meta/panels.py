"""Compiled panels: the posterior density of tau at Gauss-Legendre nodes of one stretch of an axis.

The axis is log tau, or log(tau / (upper - tau)) where tau has an upper bound: on either the
likelihood varies on a scale of 1 or of its own peak, whatever the units. A *linear* panel has its
nodes on tau itself and closes the rule at tau = 0 or at the bound, where the density is smooth.
"""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.meta.compiled import compiled
from bayes_nmda.meta.likelihood import conditional
from bayes_nmda.meta.nodes import (
    AT_CHANGE,
    AT_DENSITY,
    AT_DIFFERENCE,
    AT_JACOBIAN,
    AT_LOG_RATIO,
    AT_PRECISION,
    AT_SHIFT,
    AT_SQUARES,
    AT_TAU,
    REF_HEAVIEST,
    REF_LOG,
    REF_MEAN,
    REF_PRECISION,
    REF_PREDICTIVE,
    REF_TAU,
    REF_X,
    WIDTH,
    density_changes,
)
from bayes_nmda.meta.normal_tails import exponential, exponential_less_one
from bayes_nmda.meta.prior_densities import UPPER, Array, log_density
from bayes_nmda.meta.student_t import FLAT, MU_KIND, STUDENT_T, log_predictive

ORDER = WIDTH
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(ORDER)
#: Row j turns the density at the nodes into its j-th Legendre coefficient.
COEFFICIENTS = (np.polynomial.legendre.legvander(NODES, ORDER - 1) * NODE_WEIGHTS[:, None]).T * (
    np.arange(ORDER) + 0.5
)[:, None]
#: The same series at the ends -1 and 1 of a panel.
AT_START = ((-1.0) ** np.arange(ORDER)) @ COEFFICIENTS
AT_END = np.ones(ORDER) @ COEFFICIENTS
_UNDERFLOW = 700.0
# Columns of a node and of the head that precedes a panel's nodes.
TAU, TAU_SHIFT, MASS, MU_SHIFT, MU_VARIANCE = range(5)
LINEAR, START, END, TAU_START, PANEL_MASS = range(5)


@compiled
def tau_at(x: float, upper: float) -> float:
    """Return tau at a place of the axis."""
    return math.exp(x) if upper == math.inf else upper / (1.0 + math.exp(-x))


@compiled
def axis_at(tau: float, upper: float) -> float:
    """Return the place of tau on the axis."""
    return math.log(tau) if upper == math.inf else math.log(tau / (upper - tau))


@compiled
def log_slope(tau: float, upper: float) -> float:
    """Return the log of d tau / d axis."""
    slope = math.log(tau)
    return slope if upper == math.inf else slope + math.log1p(-tau / upper)


@compiled
def log_height(
    x: float, effects: Array, variances: Array, mu_prior: Array, tau_prior: Array
) -> float:
    """Return the log posterior density on the axis, not normalised: to look for modes."""
    upper = tau_prior[UPPER]
    tau = tau_at(x, upper)
    if tau <= 0.0 or tau >= upper:
        return -math.inf
    value = conditional(tau, effects, variances, mu_prior)[2] + log_density(tau_prior, tau)
    return value + log_slope(tau, upper)


@compiled
def reference_at(
    x: float, effects: Array, variances: Array, mu_prior: Array, tau_prior: Array
) -> Array:
    """Return the point from which all changes are reckoned; REF_LOG makes panel masses absolute."""
    ref = np.empty(7)
    tau = tau_at(x, tau_prior[UPPER])
    mean, precision, value = conditional(tau, effects, variances, mu_prior)
    ref[REF_TAU], ref[REF_X], ref[REF_MEAN], ref[REF_PRECISION] = tau, x, mean, precision
    ref[REF_LOG] = value + log_density(tau_prior, tau) + math.log(tau)
    ref[REF_PREDICTIVE] = (
        log_predictive(mean, precision, mu_prior) if int(mu_prior[MU_KIND]) == STUDENT_T else 0.0
    )
    ref[REF_HEAVIEST] = 1.0 / (variances.min() + tau * tau)
    return ref


@compiled
def log_change_at(
    place: float, ref: Array, residuals: Array, variances: Array, weights: Array,
    mu_prior: Array, tau_prior: Array, work: Array,
) -> float:  # fmt: skip
    """Return the change of the log posterior density of tau at an offset from the reference."""
    upper, tau_0, x_0 = tau_prior[UPPER], ref[REF_TAU], ref[REF_X]
    tau = tau_at(x_0 + place, upper)
    if upper == math.inf:
        squares, log_ratio = tau_0 * tau_0 * math.expm1(2.0 * place), place
    else:
        difference = -tau * math.expm1(-place) / (1.0 + math.exp(x_0))
        squares, log_ratio = difference * (tau + tau_0), math.log(tau / tau_0)
    work[AT_TAU], work[AT_SQUARES], work[AT_LOG_RATIO] = tau, squares, log_ratio
    density_changes(work, 1, ref, residuals, variances, weights, mu_prior, tau_prior)
    return float(work[AT_CHANGE])


@compiled
def place_nodes(
    work: Array, linear: bool, start: float, end: float, ref: Array, upper: float
) -> None:
    """Write tau at the nodes of a panel, how it differs from the reference, and log d tau."""
    tau_0, x_0 = ref[REF_TAU], ref[REF_X]
    half = 0.5 * (end - start)
    if linear:
        for j in range(ORDER):
            tau = start + half * (1.0 + NODES[j])
            work[AT_TAU + j], work[AT_DIFFERENCE + j] = tau, tau - tau_0
            work[AT_LOG_RATIO + j] = math.log(tau / tau_0)
            work[AT_JACOBIAN + j] = -math.log(tau_0)
    elif upper == math.inf:
        for j in range(ORDER):
            place = start + half * (1.0 + NODES[j])
            # Each to its own last digits: tau is not the reference plus the difference.
            work[AT_TAU + j] = tau_0 * exponential(place)
            work[AT_DIFFERENCE + j] = tau_0 * exponential_less_one(place)
            work[AT_LOG_RATIO + j] = place
            work[AT_JACOBIAN + j] = place
    else:
        share_0 = 1.0 / (1.0 + math.exp(x_0))
        for j in range(ORDER):
            place = start + half * (1.0 + NODES[j])
            tau = upper / (1.0 + math.exp(-x_0 - place))
            log_ratio = math.log(tau / tau_0)
            work[AT_TAU + j] = tau
            work[AT_DIFFERENCE + j] = -tau * share_0 * math.expm1(-place)
            work[AT_LOG_RATIO + j] = log_ratio
            work[AT_JACOBIAN + j] = log_ratio - math.log1p(math.exp(x_0 + place))
    for j in range(ORDER):
        work[AT_SQUARES + j] = work[AT_DIFFERENCE + j] * (work[AT_TAU + j] + tau_0)


@compiled
def fill_panel(
    out: Array, linear: bool, start: float, end: float, leftwards: bool, at_edge: float,
    ref: Array, residuals: Array, variances: Array, weights: Array, mu_prior: Array,
    tau_prior: Array, work: Array,
) -> float:  # fmt: skip
    """Write one panel into ``out`` (head and nodes) and return how far it is from resolved.

    ``start`` and ``end`` are offsets from the reference on the axis, or values of tau if linear.
    Masses are relative to exp(REF_LOG). What is returned is the size of the two highest Legendre
    coefficients and of the series' error at the edge that the march stands on, as a mass;
    ``at_edge`` is the log change there. Without the edge, a panel whose nodes all miss a peak at
    its very end would look resolved.
    """
    upper = tau_prior[UPPER]
    tau_0, x_0 = ref[REF_TAU], ref[REF_X]
    half = 0.5 * (end - start)
    mass = 0.0
    high = 0.0
    higher = 0.0
    series = 0.0
    edge, ends = (end, AT_END) if leftwards else (start, AT_START)
    if linear:
        slope = -math.log(tau_0)
    elif upper == math.inf:
        slope = edge
    else:
        # log of tau (1 - tau / upper) / tau_0, tau on the logistic curve
        slope = -math.log1p(math.exp(-x_0 - edge)) - math.log1p(math.exp(x_0 + edge))
        slope += math.log(upper / tau_0)
    edge_density = half * math.exp(at_edge + slope)
    place_nodes(work, linear, start, end, ref, upper)
    density_changes(work, ORDER, ref, residuals, variances, weights, mu_prior, tau_prior)
    for j in range(ORDER):
        exponent = work[AT_CHANGE + j] + work[AT_JACOBIAN + j]
        near = min(max(exponent, -_UNDERFLOW), _UNDERFLOW)
        work[AT_DENSITY + j] = half * exponential(near) if exponent > -_UNDERFLOW else 0.0
    for j in range(ORDER):
        density = work[AT_DENSITY + j]
        node_mass = density * NODE_WEIGHTS[j]
        row = j + 1
        out[row, TAU], out[row, TAU_SHIFT] = work[AT_TAU + j], work[AT_DIFFERENCE + j]
        out[row, MASS], out[row, MU_SHIFT] = node_mass, work[AT_SHIFT + j]
        out[row, MU_VARIANCE] = 1.0 / work[AT_PRECISION + j]
        mass += node_mass
        high += density * COEFFICIENTS[ORDER - 1, j]
        higher += density * COEFFICIENTS[ORDER - 2, j]
        series += density * ends[j]
    out[0, LINEAR], out[0, START], out[0, END] = 1.0 if linear else 0.0, start, end
    out[0, TAU_START] = start if linear else tau_at(x_0 + start, upper)
    out[0, PANEL_MASS] = mass
    return abs(high) + abs(higher) + 0.1 * abs(series - edge_density)


@compiled
def is_flat(mu_prior: Array) -> bool:
    """Tell whether mu has the flat prior."""
    return int(mu_prior[MU_KIND]) == FLAT
