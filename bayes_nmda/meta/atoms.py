"""Compiled tails of the posterior of tau: which moments exist, and atoms for what panels leave out.

Far out the posterior is a power of tau, and near zero it is proportional to the prior. What lies
beyond the panels there is added in closed form as an *atom*, a panel whose mass is at one place.
"""

from __future__ import annotations

import math

from bayes_nmda.meta.compiled import compiled
from bayes_nmda.meta.nodes import REF_X
from bayes_nmda.meta.panels import (
    END,
    LINEAR,
    MASS,
    MU_SHIFT,
    MU_VARIANCE,
    ORDER,
    PANEL_MASS,
    START,
    TAU,
    TAU_SHIFT,
    TAU_START,
    is_flat,
    tau_at,
)
from bayes_nmda.meta.prior_densities import (
    KIND,
    LOG_STUDENT_T,
    Array,
    mass_above,
    tail_exponent,
)

ATOM_BELOW, ATOM_ABOVE = 2.0, 3.0
#: The mass, as a share, of an atom that carries a moment and changes no probability.
TOKEN = 1e-24


@compiled
def posterior_exponent(k: int, mu_prior: Array, tau_prior: Array) -> float:
    """Return q where the posterior density of tau falls as tau^(-q-1); proper needs q > 0.

    The likelihood falls as tau^-k, as tau^(1-k) under a flat mu. A log-t prior has q = k or k - 1
    and is proper, and has its q-th moment, at equality.
    """
    return float(tail_exponent(tau_prior) + k - (1.0 if is_flat(mu_prior) else 0.0))


@compiled
def moment_exists(order: float, k: int, mu_prior: Array, tau_prior: Array) -> bool:
    """Tell whether the posterior mean of tau^order is finite."""
    q = posterior_exponent(k, mu_prior, tau_prior)
    return order < q or (int(tau_prior[KIND]) == LOG_STUDENT_T and order <= q)


@compiled
def add_atom(block: Array, kind: float, tau: float, mass: float, source: Array) -> None:
    """Write an atom at ``tau`` with the conditional moments of the node ``source``."""
    block[:, :] = 0.0
    block[0, LINEAR], block[0, PANEL_MASS] = kind, mass
    block[0, START], block[0, END] = tau, tau
    block[0, TAU_START] = 0.0 if kind == ATOM_BELOW else tau
    for j in range(1, ORDER + 1):
        block[j, TAU] = tau
        block[j, TAU_SHIFT] = source[TAU_SHIFT] + (tau - source[TAU])
        block[j, MU_SHIFT], block[j, MU_VARIANCE] = source[MU_SHIFT], source[MU_VARIANCE]
    block[1, MASS] = mass


@compiled
def powered_beyond(block: Array, q: float, ref: Array, tau_prior: Array) -> float:
    """Return the integral of posterior times tau^q beyond a panel, under a log-t prior.

    There posterior times tau^q and prior are proportional.
    """
    beyond = mass_above(tau_prior, tau_at(ref[REF_X] + block[0, END], math.inf))
    here = mass_above(tau_prior, tau_at(ref[REF_X] + block[0, START], math.inf))
    powered = 0.0
    for j in range(1, ORDER + 1):
        powered += block[j, MASS] * block[j, TAU] ** q
    return powered * beyond / max(here - beyond, 1e-300)


@compiled
def add_token(
    block: Array, order: float, moment: float, total: float, source: Array, grows: bool
) -> None:
    """Write an atom that adds ``moment`` to the moment of that order and next to nothing else."""
    mass = TOKEN * total
    tau = (moment / mass) ** (1.0 / order)
    add_atom(block, ATOM_ABOVE, tau, mass, source)
    if grows:  # under a flat prior the variance of mu grows as tau²
        for j in range(1, ORDER + 1):
            block[j, MU_VARIANCE] *= (tau / source[TAU]) ** 2
