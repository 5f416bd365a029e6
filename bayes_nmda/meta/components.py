"""Compiled posterior of one meta-analysis: a mixture of normals, its moments, log marginal.

This is the one place where the rule for tau becomes the posterior of everything else; a single
analysis and a batch of thousands both come through here.
"""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.meta.atoms import ATOM_ABOVE, moment_exists, posterior_exponent
from bayes_nmda.meta.compiled import compiled, zero
from bayes_nmda.meta.joining import (
    MEAN,
    RUN_LENGTH,
    SD,
    TAU_VALUE,
    WEIGHT,
    add_component,
    end_run,
    panel_joins,
)
from bayes_nmda.meta.likelihood import standardise
from bayes_nmda.meta.nodes import REF_LOG, REF_MEAN, REF_TAU
from bayes_nmda.meta.panels import (
    LINEAR,
    MASS,
    MU_SHIFT,
    MU_VARIANCE,
    ORDER,
    TAU,
    TAU_SHIFT,
)
from bayes_nmda.meta.prior_densities import FIXED, KIND, LOG_STUDENT_T, Array, rescale
from bayes_nmda.meta.quadrature import tau_rule
from bayes_nmda.meta.student_t import (
    DF,
    FIXED_MU,
    FLAT,
    LOC,
    MU_KIND,
    STUDENT_T,
    rule_size,
    rule_variances,
    rule_weights,
)

# Places in the summary of an analysis.
LOG_MARGINAL, MU_MEAN, MU_SD, TAU_MEAN, TAU_SD, NEW_SD, CENTRE, UNIT = range(8)
_JOINED = 10.0  # neighbours that become one component may change this many times the pruned share


@compiled
def mu_moment_exists(order: float, k: int, mu_prior: Array, tau_prior: Array) -> bool:
    """Tell whether the posterior mean of mu^order is finite.

    Given a large tau, mu has its prior's tails: a flat prior's grow as tau^order, a Student t's as
    tau^(order - df).
    """
    kind = int(mu_prior[MU_KIND])
    if kind == FLAT:
        return moment_exists(order, k, mu_prior, tau_prior)
    if kind == STUDENT_T and order > mu_prior[DF]:
        return moment_exists(order - mu_prior[DF], k, mu_prior, tau_prior)
    return True


@compiled
def tail_factor(order: float, k: int, mu_prior: Array, tau_prior: Array) -> float:
    """Return the mean of (tau / edge)^order in a power tail that begins at the edge."""
    q = posterior_exponent(k, mu_prior, tau_prior)
    if int(tau_prior[KIND]) == LOG_STUDENT_T or q == math.inf or q <= order:
        return 1.0
    return q / (q - order)


@compiled
def split_by_lambda(
    node: Array, mean: float, mass: float, cut: float, most: float, mu_prior: Array, work: Array,
    run: Array, out: Array, count: int,
) -> tuple[int, float, float]:  # fmt: skip
    """Write a node's components under a Student-t prior; return their count and two moments of mu.

    The node's mean and variance of mu are those from the data alone.
    """
    variance = node[MU_VARIANCE]
    gap = mean - mu_prior[LOC]
    total, _ = rule_weights(gap, variance, mu_prior, work)
    spreads = rule_variances(mu_prior)
    mean_1 = 0.0
    mean_2 = 0.0
    for j in range(spreads.size):
        share = work[j] / total
        # Precision-weighted mean of data and prior, written so that neither may overflow.
        towards_prior = variance / (variance + spreads[j])
        shift = -gap * towards_prior
        own = spreads[j] * towards_prior
        mean_1 += share * shift
        mean_2 += share * (own + shift * shift)
        if share * mass > cut:
            count = add_component(share * mass, mean + shift, own, node[TAU], most, run, out, count)
    return count, mean_1, mean_2


@compiled
def posterior(
    yi: Array, sei: Array, mu_prior: Array, tau_prior: Array, prune: float
) -> tuple[Array, Array, Array, Array, Array]:
    """Return summary, components, panels, reference point and tau's standardised prior.

    Components of a share below ``prune`` are left out of the mixture, never out of the moments.
    Components and summary are in the units of the data, panels in standardised units.
    """
    k = yi.size
    centre, unit, effects, variances, mu_own = standardise(yi, sei, mu_prior)
    tau_own = rescale(tau_prior, unit)
    blocks, ref = tau_rule(effects, variances, mu_own, tau_own)
    total = 0.0
    for i in range(blocks.shape[0]):
        for j in range(1, ORDER + 1):
            total += blocks[i, j, MASS]
    student = int(mu_own[MU_KIND]) == STUDENT_T
    points = rule_size(mu_own) if student else 1
    cut = prune * total / points
    work = np.empty(points)
    factor_1 = tail_factor(1.0, k, mu_own, tau_own)
    factor_2 = tail_factor(2.0, k, mu_own, tau_own)
    grows = int(mu_own[MU_KIND]) == FLAT
    most = _JOINED * prune * total
    run = np.zeros(RUN_LENGTH)
    out = np.empty((blocks.shape[0] * ORDER * points, 4))
    count = zero()
    shift_1 = 0.0
    shift_2 = 0.0
    within = 0.0
    mu_1 = 0.0
    mu_2 = 0.0
    for i in range(blocks.shape[0]):
        beyond = blocks[i, 0, LINEAR] == ATOM_ABOVE and int(tau_own[KIND]) != FIXED
        joins = student or panel_joins(blocks[i], most)
        if not joins:
            count = end_run(run, out, count)
        for j in range(1, ORDER + 1):
            node = blocks[i, j]
            mass = node[MASS]
            if mass == 0.0:
                continue
            tau, shift = node[TAU], node[TAU_SHIFT]
            share = mass / total
            if beyond:
                tau_0 = ref[REF_TAU]
                shift_1 += share * (tau * factor_1 - tau_0)
                shift_2 += share * ((tau * factor_2 - 2.0 * tau_0 * factor_1) * tau + tau_0**2)
            else:
                shift_1 += share * shift
                shift_2 += share * shift * shift
            delta = node[MU_SHIFT]
            mean = ref[REF_MEAN] + delta
            if student:
                count, first, second = split_by_lambda(
                    node, mean, mass, cut, most, mu_own, work, run, out, count
                )
                mu_1 += share * (delta + first)
                mu_2 += share * (delta * (delta + 2.0 * first))
                within += share * second
            else:
                within += share * node[MU_VARIANCE] * (factor_2 if beyond and grows else 1.0)
                mu_1 += share * delta
                mu_2 += share * delta * delta
                if mass > cut and joins:
                    count = add_component(mass, mean, node[MU_VARIANCE], tau, most, run, out, count)
                elif mass > cut:
                    out[count, WEIGHT], out[count, MEAN] = mass, mean
                    out[count, SD], out[count, TAU_VALUE] = math.sqrt(node[MU_VARIANCE]), tau
                    count += 1
    count = end_run(run, out, count)
    components = out[:count].copy()
    kept = 0.0
    for i in range(count):
        kept += components[i, WEIGHT]
    for i in range(count):
        components[i, WEIGHT] /= kept
        components[i, MEAN] = centre + unit * components[i, MEAN]
        components[i, SD] *= unit
        components[i, TAU_VALUE] *= unit
    summary = np.full(8, math.nan)
    constant = k - (1.0 if int(mu_own[MU_KIND]) == FLAT else 0.0)
    summary[LOG_MARGINAL] = ref[REF_LOG] + math.log(total) - constant * math.log(unit)
    summary[CENTRE], summary[UNIT] = centre, unit
    mu_variance = max(within + mu_2 - mu_1 * mu_1, 0.0)
    if mu_moment_exists(1.0, k, mu_own, tau_own):
        summary[MU_MEAN] = centre + unit * (ref[REF_MEAN] + mu_1)
        exists = mu_moment_exists(2.0, k, mu_own, tau_own)
        summary[MU_SD] = unit * math.sqrt(mu_variance) if exists else math.inf
        if int(mu_own[MU_KIND]) == FIXED_MU:
            summary[MU_MEAN], summary[MU_SD] = mu_prior[LOC], 0.0
    summary[TAU_MEAN] = summary[TAU_SD] = math.inf
    if moment_exists(1.0, k, mu_own, tau_own):
        summary[TAU_MEAN] = unit * (ref[REF_TAU] + shift_1)
        if not math.isnan(summary[MU_MEAN]):
            summary[NEW_SD] = math.inf
        if moment_exists(2.0, k, mu_own, tau_own):
            summary[TAU_SD] = unit * math.sqrt(max(shift_2 - shift_1 * shift_1, 0.0))
            square = summary[TAU_SD] ** 2 + summary[TAU_MEAN] ** 2
            if not math.isnan(summary[MU_SD]):
                summary[NEW_SD] = math.sqrt(summary[MU_SD] ** 2 + square)
    return summary, components, blocks, ref, tau_own
