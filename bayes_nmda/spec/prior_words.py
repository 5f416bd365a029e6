"""What a prior says, in words and in symbols; nothing here moves a draw."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from bayes_nmda.spec.priors import Prior

#: Unit of a log odds ratio; its priors are put in words as odds ratios.
LOG_ODDS_RATIO: Final = "log odds ratio"
#: Unit of the log odds of an event in control arms; its prior is put in words as a risk.
LOG_ODDS: Final = "log odds"
_NAMES: Final = {
    "normal": "Normal",
    "student_t": "Student-t",
    "logistic": "Logistic",
    "half_normal": "Half-Normal",
    "half_cauchy": "Half-Cauchy",
    "inverse_gamma": "Inverse-Gamma",
    "log_normal": "Log-Normal",
    "log_student_t": "Log-Student-t",
    "exponential": "Exponential",
    "uniform": "Uniform",
    "beta": "Beta",
}


def described(prior: Prior, unit: str, one_sided: Container[str]) -> str:
    """Return what a prior says in a unit, "95 % between −27.6 and 27.6 points".

    Parameters
    ----------
    prior
        The prior, after its cut.
    unit
        Unit of the effect, or what the number is, in brackets.
    one_sided
        Distributions told by their median and an upper end.
    """
    spread = prior.distribution in one_sided
    ends = prior.quantile([0.5, 0.95] if spread else [0.025, 0.975])
    first, last = ends
    if unit == LOG_ODDS:
        low, high = 100 / (1 + np.exp(-ends))
        words = f"95 % between control risks of {low:.1f} % and {high:.1f} %"
    elif unit == LOG_ODDS_RATIO and spread:
        words = (
            f"median {first:.2f}, 95 % below {last:.2f}: one standard deviation multiplies an "
            f"odds ratio by {np.exp(first):.2g} or {np.exp(last):.2g}"
        )
    elif unit == LOG_ODDS_RATIO:
        low, high = np.exp(ends)
        words = f"95 % between odds ratios of {low:.2g} and {high:.2g}"
    else:
        digits = 1 if unit == "points" else 2
        numbers = (f"{value:.{digits}f}" for value in ends)
        between = "median {}, 95 % below {}" if spread else "95 % between {} and {}"
        words = f"{between.format(*numbers)} {unit}".replace(" -", " −")
    if prior.upper is not None:
        words += (
            f"; cut at {prior.upper:g}, where {100 * prior.mass_cut:.1f} % of the published "
            "prior is removed"
        )
    return words


def formula(prior: Prior) -> str:
    """Return a prior in symbols, "Student-t(5, 0, 10.75)"."""
    numbers = ", ".join(f"{value:g}" for _, value in prior.parameters).replace("-", "−")
    cut = "" if prior.upper is None else f", truncated to (0, {prior.upper:g})"
    return f"{_NAMES[prior.distribution]}({numbers}){cut}"
