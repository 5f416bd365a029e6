"""Compiled distribution of tau from its panels: distribution function, quantiles, moments.

Within a panel the density is its Legendre series, whose integral is exact.
"""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.meta.atoms import ATOM_ABOVE, ATOM_BELOW, TOKEN
from bayes_nmda.meta.compiled import compiled
from bayes_nmda.meta.nodes import REF_X
from bayes_nmda.meta.panels import (
    COEFFICIENTS,
    END,
    LINEAR,
    MASS,
    NODE_WEIGHTS,
    ORDER,
    PANEL_MASS,
    START,
    axis_at,
    tau_at,
)
from bayes_nmda.meta.prior_densities import UPPER, Array, mass_below

#: Column n turns the masses of a panel's nodes into its n-th Legendre coefficient.
OF_MASSES = np.ascontiguousarray((COEFFICIENTS / NODE_WEIGHTS).T)


@compiled
def series_mass(block: Array, t: float) -> float:
    """Return the mass of a panel below the place t of [-1, 1]."""
    previous, current = 1.0, t
    coefficient = 0.0
    for j in range(ORDER):
        coefficient += COEFFICIENTS[0, j] * block[j + 1, MASS] / NODE_WEIGHTS[j]
    total = coefficient * (t + 1.0)
    for n in range(1, ORDER):
        following = ((2 * n + 1.0) * t * current - n * previous) / (n + 1.0)
        coefficient = 0.0
        for j in range(ORDER):
            coefficient += COEFFICIENTS[n, j] * block[j + 1, MASS] / NODE_WEIGHTS[j]
        total += coefficient * (following - previous) / (2 * n + 1.0)
        previous, current = current, following
    return total


@compiled
def mass_in_panel(block: Array, tau: float, ref: Array, tau_prior: Array) -> float:
    """Return the mass of one panel below tau."""
    kind = block[0, LINEAR]
    if kind == ATOM_ABOVE:
        return float(block[0, PANEL_MASS]) if tau >= block[0, START] else 0.0
    if kind == ATOM_BELOW:
        if tau <= 0.0:
            return 0.0
        share = mass_below(tau_prior, tau) / mass_below(tau_prior, block[0, START])
        return float(block[0, PANEL_MASS] * min(share, 1.0))
    upper = tau_prior[UPPER]
    if tau <= 0.0:
        return 0.0
    if tau >= upper:
        return float(block[0, PANEL_MASS])
    place = tau if kind == 1.0 else axis_at(tau, upper) - ref[REF_X]
    t = 2.0 * (place - block[0, START]) / (block[0, END] - block[0, START]) - 1.0
    if t <= -1.0:
        return 0.0
    if t >= 1.0:
        return float(block[0, PANEL_MASS])
    return series_mass(block, t)


@compiled
def tau_below(tau: float, blocks: Array, ref: Array, tau_prior: Array) -> float:
    """Return P(parameter <= tau); tau in standardised units."""
    total = 0.0
    below = 0.0
    for i in range(blocks.shape[0]):
        total += blocks[i, 0, PANEL_MASS]
        below += mass_in_panel(blocks[i], tau, ref, tau_prior)
    return min(max(below / total, 0.0), 1.0)


@compiled
def _quantile_in_atom(p_mass: float, block: Array, tau_prior: Array) -> float:
    # Below the edge posterior and prior are proportional: bisection on log tau.
    low, high = -745.0, math.log(block[0, START])
    for _ in range(200):
        middle = 0.5 * (low + high)
        if mass_in_panel(block, math.exp(middle), block[0], tau_prior) < p_mass:
            low = middle
        else:
            high = middle
        if high - low < 1e-14 * abs(high):
            break
    return math.exp(0.5 * (low + high))


@compiled
def tau_quantile(p: float, blocks: Array, ref: Array, tau_prior: Array) -> float:
    """Return the p-quantile of tau in standardised units."""
    upper = tau_prior[UPPER]
    total = 0.0
    for i in range(blocks.shape[0]):
        total += blocks[i, 0, PANEL_MASS]
    wanted = p * total
    last = blocks.shape[0] - 1
    if last > 0 and blocks[last, 0, PANEL_MASS] <= 2.0 * TOKEN * total:
        last -= 1  # it carries a moment, and would catch the rounding of p
    i = 0
    while i < last and wanted > blocks[i, 0, PANEL_MASS]:
        wanted -= blocks[i, 0, PANEL_MASS]
        i += 1
    block = blocks[i]
    kind = block[0, LINEAR]
    if kind == ATOM_ABOVE:
        return float(block[0, START]) if blocks.shape[0] == 1 else math.inf
    if kind == ATOM_BELOW:
        return _quantile_in_atom(wanted, block, tau_prior)
    start, end = block[0, START], block[0, END]
    low, high = -1.0, 1.0
    t = -1.0 + 2.0 * wanted / block[0, PANEL_MASS]
    t = min(max(t, -1.0), 1.0)
    coefficients = np.zeros(ORDER)
    for j in range(ORDER):
        for n in range(ORDER):
            coefficients[n] += OF_MASSES[j, n] * block[j + 1, MASS]
    for _ in range(100):
        mass = coefficients[0] * (t + 1.0)
        density = coefficients[0]
        previous, current = 1.0, t
        for n in range(1, ORDER):
            following = ((2 * n + 1.0) * t * current - n * previous) / (n + 1.0)
            mass += coefficients[n] * (following - previous) / (2 * n + 1.0)
            density += coefficients[n] * current
            previous, current = current, following
        if mass > wanted:
            high = t
        else:
            low = t
        step = (mass - wanted) / density if density > 0.0 else math.nan
        following = t - step
        if not low <= following <= high:
            following = 0.5 * (low + high)
        moved = abs(following - t)
        t = following
        if moved < 1e-8:  # what is left is its square
            break
    place = start + 0.5 * (end - start) * (1.0 + t)
    return float(place) if kind == 1.0 else tau_at(ref[REF_X] + place, upper)
