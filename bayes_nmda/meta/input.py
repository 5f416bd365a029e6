"""Checks of a meta-analysis before it is made: usable numbers, a posterior that is proper."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bayes_nmda.errors import UsageError
from bayes_nmda.meta.atoms import posterior_exponent
from bayes_nmda.meta.prior_densities import KIND, UNIFORM, Array
from bayes_nmda.meta.prior_syntax import LARGEST, SMALLEST


def checked_trials(yi: ArrayLike, sei: ArrayLike) -> tuple[Array, Array]:
    """Return effects and standard errors as arrays, or say what is wrong with them."""
    try:
        effects = np.atleast_1d(np.array(yi, dtype=float))
        errors = np.atleast_1d(np.array(sei, dtype=float))
    except (TypeError, ValueError) as cause:
        raise UsageError(f"yi and sei must be numbers: {cause}") from None
    if effects.ndim != 1 or effects.shape != errors.shape:
        raise UsageError(
            f"yi and sei must be of one length, found shapes {effects.shape} and {errors.shape}"
        )
    if effects.size == 0:
        raise UsageError("there is no trial: yi and sei are empty")
    wrong = fault(effects, errors)
    if wrong:
        raise UsageError(wrong)
    return effects, errors


def fault(effects: Array, errors: Array) -> str:
    """Return what is wrong with the numbers, with positions; empty if nothing is."""
    rules = (
        (np.isfinite(effects), "yi must be finite", effects),
        (np.isfinite(errors), "sei must be finite", errors),
        (~(errors <= 0.0), "sei must be positive", errors),
        (~(np.abs(effects) > LARGEST), f"yi must be below {LARGEST:g} in size", effects),
        (~((errors > 0) & (errors < SMALLEST)), f"sei must be at least {SMALLEST:g}", errors),
        (~(errors > LARGEST) | np.isinf(errors), f"sei must be at most {LARGEST:g}", errors),
    )
    found = []
    for holds, rule, values in rules:
        if not holds.all():
            rows = np.flatnonzero(~holds)
            shown = ", ".join(f"{values[row]:g} in place {row}" for row in rows[:5])
            found.append(f"{rule}, found {shown}{', …' if rows.size > 5 else ''}")
    return "; ".join(found)


def impropriety(k: int, mu_code: Array, tau_code: Array) -> str:
    """Return why the posterior of k trials cannot be normalised; empty if it can."""
    uniform = int(tau_code[KIND]) == UNIFORM
    if uniform and not posterior_exponent(k, mu_code, tau_code) > 0.0:
        return (
            f"the posterior is improper: with tau uniform without a bound, {k} trial"
            f"{'s' if k > 1 else ''} cannot bound tau (a flat mu needs 3, another prior of mu 2); "
            "give tau an upper bound or a proper prior"
        )
    return ""
