"""Compiled panels: the posterior density of tau at Gauss-Legendre nodes of one stretch of an axis.

The axis is log tau, or log(tau / (upper - tau)) where tau has an upper bound: on either the
likelihood varies on a scale of 1 or of its own peak, whatever the units. A *linear* panel has its
nodes on tau itself and closes the rule at tau = 0 or at the bound, where the density is smooth.
"""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.posterior.compiled import compiled
from bayes_nmda.posterior.meta.likelihood import (
    FLAT,
    LOC,
    MU_KIND,
    NORMAL,
    SCALE,
    STUDENT_T,
    change,
    conditional,
    log_predictive,
)
from bayes_nmda.posterior.meta.prior_densities import UPPER, Array, log_density, log_density_change

ORDER = 16
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(ORDER)
#: Row j turns the density at the nodes into its j-th Legendre coefficient.
COEFFICIENTS = (np.polynomial.legendre.legvander(NODES, ORDER - 1) * NODE_WEIGHTS[:, None]).T * (
    np.arange(ORDER) + 0.5
)[:, None]
#: The same series at the ends -1 and 1 of a panel.
AT_START = ((-1.0) ** np.arange(ORDER)) @ COEFFICIENTS
AT_END = np.ones(ORDER) @ COEFFICIENTS
# Columns of a node and of the head that precedes a panel's nodes.
TAU, TAU_SHIFT, MASS, MU_SHIFT, MU_VARIANCE = range(5)
LINEAR, START, END, TAU_START, PANEL_MASS = range(5)
# Places in the description of the reference point.
REF_TAU, REF_X, REF_MEAN, REF_PRECISION, REF_LOG, REF_PREDICTIVE = range(6)


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
    ref = np.empty(6)
    tau = tau_at(x, tau_prior[UPPER])
    mean, precision, value = conditional(tau, effects, variances, mu_prior)
    ref[REF_TAU], ref[REF_X], ref[REF_MEAN], ref[REF_PRECISION] = tau, x, mean, precision
    ref[REF_LOG] = value + log_density(tau_prior, tau) + math.log(tau)
    ref[REF_PREDICTIVE] = (
        log_predictive(mean, precision, mu_prior) if int(mu_prior[MU_KIND]) == STUDENT_T else 0.0
    )
    return ref


@compiled
def log_change(
    tau: float, squares: float, log_ratio: float, ref: Array, residuals: Array,
    variances: Array, weights: Array, mu_prior: Array, tau_prior: Array,
) -> tuple[float, float, float]:  # fmt: skip
    """Return the change of the log posterior density of tau, shift and variance of mu."""
    kind = int(mu_prior[MU_KIND])
    own = 1.0 / (mu_prior[SCALE] * mu_prior[SCALE]) if kind == NORMAL else 0.0
    value, shift, precision = change(
        tau, squares, residuals, variances, weights, own, mu_prior[LOC] - ref[REF_MEAN],
        ref[REF_PRECISION], kind < NORMAL,
    )  # fmt: skip
    if kind == STUDENT_T:
        value += log_predictive(ref[REF_MEAN] + shift, precision, mu_prior) - ref[REF_PREDICTIVE]
    value += log_density_change(tau_prior, tau, ref[REF_TAU], squares, log_ratio)
    return value, shift, 1.0 / precision


@compiled
def log_change_at(
    place: float, ref: Array, residuals: Array, variances: Array, weights: Array,
    mu_prior: Array, tau_prior: Array,
) -> float:  # fmt: skip
    """Return the change of the log posterior density of tau at an offset from the reference."""
    upper, tau_0, x_0 = tau_prior[UPPER], ref[REF_TAU], ref[REF_X]
    tau = tau_at(x_0 + place, upper)
    if upper == math.inf:
        squares, log_ratio = tau_0 * tau_0 * math.expm1(2.0 * place), place
    else:
        difference = -tau * math.expm1(-place) / (1.0 + math.exp(x_0))
        squares, log_ratio = difference * (tau + tau_0), math.log(tau / tau_0)
    return log_change(
        tau, squares, log_ratio, ref, residuals, variances, weights, mu_prior, tau_prior
    )[0]


@compiled
def fill_panel(
    out: Array, linear: bool, start: float, end: float, leftwards: bool, at_edge: float,
    ref: Array, residuals: Array, variances: Array, weights: Array, mu_prior: Array,
    tau_prior: Array,
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
    share_0 = 1.0 / (1.0 + math.exp(x_0))
    mass = 0.0
    high = 0.0
    higher = 0.0
    series = 0.0
    edge = end if leftwards else start
    if linear:
        slope = -math.log(tau_0)
    elif upper == math.inf:
        slope = edge
    else:
        # log of tau (1 - tau / upper) / tau_0, tau on the logistic curve
        slope = -math.log1p(math.exp(-x_0 - edge)) - math.log1p(math.exp(x_0 + edge))
        slope += math.log(upper / tau_0)
    edge_density = half * math.exp(at_edge + slope)
    for j in range(ORDER):
        place = start + half * (1.0 + NODES[j])
        if linear:
            tau = place
            difference = tau - tau_0
            squares = difference * (tau + tau_0)
            log_ratio = math.log(tau / tau_0)
            jacobian = -math.log(tau_0)
        elif upper == math.inf:
            tau = tau_0 * math.exp(place)
            difference = tau_0 * math.expm1(place) if abs(place) < 0.5 else tau - tau_0
            squares = difference * (tau + tau_0)
            log_ratio = place
            jacobian = place
        else:
            share = 1.0 / (1.0 + math.exp(-x_0 - place))
            tau = upper * share
            difference = -tau * share_0 * math.expm1(-place)
            squares = difference * (tau + tau_0)
            log_ratio = math.log(tau / tau_0)
            jacobian = log_ratio - math.log1p(math.exp(x_0 + place))
        value, shift, variance = log_change(
            tau, squares, log_ratio, ref, residuals, variances, weights, mu_prior, tau_prior
        )
        density = half * math.exp(value + jacobian)
        node_mass = density * NODE_WEIGHTS[j]
        row = j + 1
        out[row, TAU], out[row, TAU_SHIFT], out[row, MASS] = tau, difference, node_mass
        out[row, MU_SHIFT], out[row, MU_VARIANCE] = shift, variance
        mass += node_mass
        high += density * COEFFICIENTS[ORDER - 1, j]
        higher += density * COEFFICIENTS[ORDER - 2, j]
        series += density * (AT_END[j] if leftwards else AT_START[j])
    out[0, LINEAR], out[0, START], out[0, END] = 1.0 if linear else 0.0, start, end
    out[0, TAU_START] = start if linear else tau_at(x_0 + start, upper)
    out[0, PANEL_MASS] = mass
    return abs(high) + abs(higher) + 0.1 * abs(series - edge_density)


@compiled
def is_flat(mu_prior: Array) -> bool:
    """Tell whether mu has the flat prior."""
    return int(mu_prior[MU_KIND]) == FLAT
