"""Compiled quadrature rule for the posterior of tau in one random-effects meta-analysis.

Goes in: standardised data, priors. Comes out: panels of Gauss-Legendre nodes that carry the mass
of the posterior of tau, with mean and variance of mu at each node. Panels are laid from each mode
outwards, as wide as leaves their highest Legendre coefficients negligible and as their share of
the posterior lets them be, so a peak of any width and a tail of any length are resolved. What lies
beyond the panels is added in closed form as an *atom*: near zero where the likelihood no longer
changes, and far out where the posterior is a power of tau.
"""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.meta.atoms import (
    ATOM_ABOVE,
    ATOM_BELOW,
    add_atom,
    add_token,
    moment_exists,
    posterior_exponent,
    powered_beyond,
)
from bayes_nmda.meta.compiled import compiled, zero
from bayes_nmda.meta.likelihood import conditional
from bayes_nmda.meta.modes import data_scale, find_modes
from bayes_nmda.meta.nodes import REF_MEAN, REF_TAU, REF_X, scratch
from bayes_nmda.meta.panels import (
    END,
    MASS,
    ORDER,
    PANEL_MASS,
    START,
    TAU,
    TAU_START,
    fill_panel,
    is_flat,
    log_change_at,
    reference_at,
    tau_at,
)
from bayes_nmda.meta.prior_densities import (
    FIXED,
    KIND,
    LOG_STUDENT_T,
    UPPER,
    Array,
    finite_at_zero,
    mass_below,
)
from bayes_nmda.meta.student_t import MU_KIND, NORMAL, SCALE, STUDENT_T

_WIDEST = 3.0  # conditional means and SDs vary on a scale of 1 on the axis
_LEAST = -17.3  # the log of a share so small that nothing that varies within it can matter
_RESOLVED = 1e-9
_NEGLIGIBLE = 1e-12
_NEGLIGIBLE_MOMENT = 1e-10
_POWER = 1e5  # this far above the data their likelihood is a power of tau to 1e-10
_CONSTANT = 3e-5  # of the scale of the likelihood: below that it changes by its square
_REACH, _BEYOND = 345.0, 8.0
_HALVINGS = 45
_MOST_PANELS = 5000


@compiled
def stretches(effects: Array, variances: Array, mu_prior: Array) -> tuple[float, float]:
    """Return below which tau a density is smooth in tau itself, and below which it is constant."""
    kind = int(mu_prior[MU_KIND])
    if kind < NORMAL:
        return 0.0, 0.0
    mean, precision, _ = conditional(0.0, effects, variances, mu_prior)
    if kind == STUDENT_T:
        precision += 4.0 / (mu_prior[SCALE] * mu_prior[SCALE])
    slope = 0.0
    for i in range(effects.size):
        w = 1.0 / variances[i]
        slope += w + (w * (effects[i] - mean)) ** 2
    smooth = 1.0 / math.sqrt(precision)
    return 1.5 * smooth, _CONSTANT * min(smooth, 1.0 / math.sqrt(slope))


@compiled
def better_width(rest: float, total: float, most: float) -> float:
    """Return by what to multiply a panel's width: its last coefficients go as width^ORDER."""
    if not rest > 0.0:
        return most if rest == 0.0 else 0.5
    factor = 0.9 * math.pow(_RESOLVED * total / rest, 1.0 / ORDER)
    return min(max(factor, 0.25), most)


@compiled
def widest(share: float) -> float:
    """Return how wide a panel with that share of the posterior may be, whatever its density is.

    A distribution function of mu is a sum over nodes of normal ones whose SDs grow as tau. Over a
    panel 3 wide that sum is off by 1.5e-9 of its mass, over one 4, 6, 9 or 15 wide by 7e-8, 4e-6,
    7e-5 or 7e-4, so that with these widths no panel adds an error above 2e-9.
    """
    log_share = math.log(share) if share > 0.0 else -math.inf
    return _WIDEST * _LEAST / (_LEAST - log_share) if log_share > _LEAST else math.inf


@compiled
def march(
    blocks: Array, count: int, start: float, stop: float, leftwards: bool, width: float,
    totals: Array, ref: Array, effects: Array, residuals: Array, variances: Array,
    weights: Array, mu_prior: Array, tau_prior: Array, work: Array,
) -> tuple[Array, int]:  # fmt: skip
    """Lay panels from ``start`` until ``stop``, or until nothing is left where that is infinite."""
    upper = tau_prior[UPPER]
    k = effects.size
    smooth, constant = stretches(effects, variances, mu_prior)
    first = moment_exists(1.0, k, mu_prior, tau_prior)
    second = moment_exists(2.0, k, mu_prior, tau_prior)
    # Under a log-t prior the moment of order q converges as the prior does, all too slowly.
    q = posterior_exponent(k, mu_prior, tau_prior)
    heavy = int(tau_prior[KIND]) == LOG_STUDENT_T and upper == math.inf
    slow = q if heavy and (q == 1.0 or q == 2.0) else 0.0
    power = _POWER * data_scale(effects, variances, mu_prior)
    sign = -1.0 if leftwards else 1.0
    place = start
    halvings = 0
    tried = False  # whether one panel to the end of tau's range was looked at from here
    at_edge = log_change_at(place, ref, residuals, variances, weights, mu_prior, tau_prior, work)
    while True:
        if count + 2 >= blocks.shape[0]:
            blocks = first_panels(blocks, count, 2 * blocks.shape[0])
        block = blocks[count]
        tau = tau_at(ref[REF_X] + place, upper)
        # Squares of tau stay within the range of doubles.
        widened = min(width, max(_REACH + _BEYOND - sign * (ref[REF_X] + place), _BEYOND))
        end = place + sign * widened
        last = sign * (stop - end) <= 0.0
        if last:
            end = stop
        to_zero = stop == -math.inf and finite_at_zero(tau_prior) and tau <= smooth
        to_bound = stop == math.inf and tau >= 0.5 * upper
        linear = not tried and (to_zero or to_bound)
        low, high = min(place, end), max(place, end)
        if linear:
            low, high = (0.0, tau) if to_zero else (tau, upper)
        rest = fill_panel(
            block, linear, low, high, leftwards, at_edge, ref, residuals, variances, weights,
            mu_prior, tau_prior, work,
        )  # fmt: skip
        if linear:
            if rest <= _RESOLVED * totals[0]:
                totals[0] += block[0, PANEL_MASS]
                return blocks, count + 1
            tried = True
            continue
        width = widened
        if not rest <= _RESOLVED * totals[0] and halvings < _HALVINGS:
            width *= better_width(rest, totals[0], 0.9)
            halvings += 1
            continue
        mass = block[0, PANEL_MASS]
        moment_1 = 0.0
        moment_2 = 0.0
        for j in range(1, ORDER + 1):
            moment_1 += block[j, MASS] * block[j, TAU]
            moment_2 += block[j, MASS] * block[j, TAU] ** 2
        allowed = widest(mass / (totals[0] + mass))
        # Moments vary half as fast as distribution functions.
        if first:
            allowed = min(allowed, 2.0 * widest(moment_1 / (totals[1] + moment_1)))
        if second:
            allowed = min(allowed, 2.0 * widest(moment_2 / (totals[2] + moment_2)))
        if width > 1.3 * allowed and halvings < _HALVINGS:
            width = allowed
            halvings += 1
            continue
        if halvings == _HALVINGS:
            width *= 4.0
        halvings = 0
        totals[0] += mass
        totals[1] += moment_1
        totals[2] += moment_2
        count += 1
        place = end
        tried = False
        at_edge = log_change_at(
            place, ref, residuals, variances, weights, mu_prior, tau_prior, work
        )
        if last or count > _MOST_PANELS:
            return blocks, count
        near, far = (ORDER, 1) if leftwards else (1, ORDER)
        falls = block[far, MASS] <= block[near, MASS]
        done = falls and mass <= _NEGLIGIBLE * totals[0]
        if done and not leftwards:
            ratio = block[far, TAU] / block[near, TAU]
            fall = block[far, MASS] * ratio
            if first and slow != 1.0:
                done = moment_1 <= _NEGLIGIBLE_MOMENT * totals[1] and fall <= block[near, MASS]
            if done and second and slow != 2.0:
                done = moment_2 <= _NEGLIGIBLE_MOMENT * totals[2]
                done = done and fall * ratio <= block[near, MASS]
            if done and slow > 0.0:
                done = block[near, TAU] > power
        if done:
            if slow > 0.0 and not leftwards:
                moment = powered_beyond(block, slow, ref, tau_prior)
                grows = is_flat(mu_prior)
                add_token(blocks[count], slow, moment, totals[0], block[ORDER], grows)
                count += 1
            return blocks, count
        x = ref[REF_X] + place
        if leftwards:
            edge = tau_at(x, upper)
            if (edge <= constant and not finite_at_zero(tau_prior)) or x < -_REACH:
                share = mass_below(tau_prior, edge)
                # Below the edge posterior and prior are proportional.
                here = mass_below(
                    tau_prior, tau_at(x + abs(block[0, END] - block[0, START]), upper)
                )
                atom = mass * share / max(here - share, 1e-300)
                # Its mass is where the prior puts it, but its moments are those of the edge.
                little = share > 0.0 and atom * edge <= _NEGLIGIBLE_MOMENT * totals[1]
                if share > 0.0 and (little or x < -_REACH):
                    add_atom(blocks[count], ATOM_BELOW, edge, atom, block[1])
                    totals[0] += atom
                    count += 1
                if little or x < -_REACH:
                    return blocks, count
        elif x > _REACH:
            edge = tau_at(x, upper)
            if upper == math.inf and q < math.inf:
                if int(tau_prior[KIND]) == LOG_STUDENT_T:
                    atom = powered_beyond(block, q, ref, tau_prior) / edge**q
                else:
                    atom = mass / max(math.expm1(q * (block[0, END] - block[0, START])), 1e-300)
                add_atom(blocks[count], ATOM_ABOVE, edge, atom, block[ORDER])
                totals[0] += atom
                count += 1
            return blocks, count
        width = min(width * better_width(rest, totals[0], 2.0), allowed)


@compiled
def tau_rule(
    effects: Array, variances: Array, mu_prior: Array, tau_prior: Array
) -> tuple[Array, Array]:
    """Return panels in the order of tau, shape (panels, ORDER + 1, 5), and the reference point.

    The first row of a panel is its head, the others its nodes; masses are relative to
    exp(ref[REF_LOG]).
    """
    if int(tau_prior[KIND]) == FIXED:
        return fixed_tau(effects, variances, mu_prior, tau_prior)
    places, heights, widths, valleys = find_modes(effects, variances, mu_prior, tau_prior)
    best = int(np.argmax(heights))
    ref = reference_at(places[best], effects, variances, mu_prior, tau_prior)
    residuals = effects - ref[REF_MEAN]
    weights = 1.0 / (variances + ref[REF_TAU] ** 2)
    blocks: Array = np.empty((24, ORDER + 1, 5))
    count = zero()
    totals = np.zeros(3)
    work = scratch()
    totals[0] = 0.25 * widths[best]
    guess = totals[0]
    # The best mode first, so that the mass found there is the yardstick of all other panels.
    for turn in range(places.size):
        i = best if turn == 0 else (turn - 1 if turn <= best else turn)
        offset = places[i] - ref[REF_X]
        left = valleys[i - 1] - ref[REF_X] if i > 0 else -math.inf
        right = valleys[i] - ref[REF_X] if i < places.size - 1 else math.inf
        width = min(0.7 * widths[i], _WIDEST)
        for side in range(2):
            leftwards = side == 1
            blocks, count = march(
                blocks, count, offset, left if leftwards else right, leftwards, width, totals,
                ref, effects, residuals, variances, weights, mu_prior, tau_prior, work,
            )  # fmt: skip
            totals[0] -= guess
            guess = 0.0
    return in_order(blocks, count), ref


@compiled
def first_panels(blocks: Array, count: int, room: int) -> Array:
    """Return the first panels, with room for more."""
    larger = np.empty((room, ORDER + 1, 5))
    for i in range(count):
        for j in range(ORDER + 1):
            for column in range(5):
                larger[i, j, column] = blocks[i, j, column]
    return larger


@compiled
def in_order(blocks: Array, count: int) -> Array:
    """Return the first panels in the order of tau."""
    places = np.empty(count, np.int64)
    for i in range(count):  # panels come in stretches that are in order, forwards or backwards
        j = i
        while j > 0 and blocks[places[j - 1], 0, TAU_START] > blocks[i, 0, TAU_START]:
            places[j] = places[j - 1]
            j -= 1
        places[j] = i
    out = np.empty((count, ORDER + 1, 5))
    for i in range(count):
        for j in range(ORDER + 1):
            for column in range(5):
                out[i, j, column] = blocks[places[i], j, column]
    return out


@compiled
def fixed_tau(
    effects: Array, variances: Array, mu_prior: Array, tau_prior: Array
) -> tuple[Array, Array]:
    """Return the rule of a known tau: one atom that holds all the mass."""
    tau = tau_prior[1]
    mean, precision, value = conditional(tau, effects, variances, mu_prior)
    ref = np.array([tau, 0.0, mean, precision, value, 0.0, 0.0])
    blocks = np.zeros((1, ORDER + 1, 5))
    source = np.array([tau, 0.0, 1.0, 0.0, 1.0 / precision])
    add_atom(blocks[0], ATOM_ABOVE, tau, 1.0, source)
    return blocks, ref
