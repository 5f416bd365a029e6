"""Priors of the heterogeneity SD tau.

All families are on the SD, never on the variance. A prior may be truncated above; it is then
renormalised, and ``truncated_mass`` says how much of the published prior was cut off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from bayes_nmda.errors import UsageError
from bayes_nmda.meta import named_priors, prior_densities
from bayes_nmda.meta.prior_densities import Array
from bayes_nmda.meta.prior_syntax import (
    SMALLEST,
    Family,
    Prior,
    positive_scale,
    read_prior,
)

#: In the order of the kinds in ``prior_densities``.
TAU_FAMILIES: dict[str, Family] = {
    "fixed": Family(("value",)),
    "half_normal": Family(("scale",)),
    "half_cauchy": Family(("scale",)),
    "uniform": Family(("upper",)),
    "inverse_gamma": Family(("shape", "scale")),
    "log_normal": Family(("location", "scale"), logarithmic=True),
    "log_student_t": Family(("df", "location", "scale"), logarithmic=True),
    "exponential": Family(("rate",)),
}


@dataclass(frozen=True, slots=True)
class TauPrior:
    """The prior of the heterogeneity SD, in the units of the effects.

    ``upper`` is where it is truncated (infinite if nowhere) and ``truncated_mass`` the mass of the
    untruncated prior above that.
    """

    family: str
    parameters: tuple[float, ...]
    upper: float = math.inf
    name: str = ""
    citation: str = ""
    note: str = ""

    def _whole_cdf(self, tau: float) -> float:
        p = self.parameters
        if tau <= 0.0:
            return 1.0 if self.family == "fixed" and p[0] <= tau else 0.0
        match self.family:
            case "half_normal":
                return float(special.erf(tau / p[0] / math.sqrt(2.0)))
            case "half_cauchy":
                return math.atan(tau / p[0]) * 2.0 / math.pi
            case "uniform":
                return min(tau / p[0], 1.0) if p[0] < math.inf else math.nan
            case "inverse_gamma":
                return float(special.gammaincc(p[0], p[1] / tau))
            case "log_normal":
                return float(special.ndtr((math.log(tau) - p[0]) / p[1]))
            case "log_student_t":
                return float(special.stdtr(p[0], (math.log(tau) - p[1]) / p[2]))
            case "exponential":
                return -math.expm1(-p[0] * tau)
        return 1.0 if p[0] <= tau else 0.0

    @property
    def truncated_mass(self) -> float:
        """Return the mass of the untruncated prior above ``upper``; 0 without truncation."""
        return 1.0 - self._whole_cdf(self.upper) if self.upper < math.inf else 0.0

    def cdf(self, tau: float) -> float:
        """Return the prior probability of heterogeneity of at most tau."""
        if tau >= self.upper:
            return 1.0
        return self._whole_cdf(tau) / (1.0 - self.truncated_mass)

    def quantile(self, p: float) -> float:
        """Return the p-quantile of the (truncated) prior; nan if it is improper."""
        q, a = p * (1.0 - self.truncated_mass), self.parameters
        match self.family:
            case "half_normal":
                return float(a[0] * math.sqrt(2.0) * special.erfinv(q))
            case "half_cauchy":
                return a[0] * math.tan(0.5 * math.pi * q)
            case "uniform":
                return q * a[0] if a[0] < math.inf else math.nan
            case "inverse_gamma":
                return float(a[1] / special.gammainccinv(a[0], q))
            case "log_normal":
                return math.exp(a[0] + a[1] * float(special.ndtri(q)))
            case "log_student_t":
                return math.exp(a[1] + a[2] * float(special.stdtrit(a[0], q)))
            case "exponential":
                return -math.log1p(-q) / a[0]
        return a[0]

    def code(self) -> Array:
        """Return the prior as the six numbers that compiled code reads."""
        families = list(TAU_FAMILIES)
        out = np.zeros(6)
        out[prior_densities.KIND] = families.index(self.family)
        out[1 : 1 + len(self.parameters)] = self.parameters
        out[prior_densities.UPPER] = self.upper
        if self.family == "uniform":
            out[prior_densities.UPPER] = min(self.upper, self.parameters[0])
        elif self.upper < math.inf:
            out[prior_densities.LOG_MASS] = math.log(self._whole_cdf(self.upper))
        return out

    def __str__(self) -> str:
        """Return family, parameters and truncation in one line."""
        text = f"{self.family}({', '.join(f'{value:.6g}' for value in self.parameters)})"
        if self.upper < math.inf:
            text += f" below {self.upper:g}, {100 * self.truncated_mass:.3g} % of its mass cut off"
        return f"{self.name}: {text}" if self.name else text


def tau_prior(spec: Prior | TauPrior, *, upper: float = math.inf, scale: float = 1.0) -> TauPrior:
    """Return a prior of tau from a tuple, a number (tau is known) or the name of a published prior.

    Parameters
    ----------
    spec
        ``("half_normal", s)``, ``("half_cauchy", s)``, ``("uniform", upper)``,
        ``("inverse_gamma", a, b)``, ``("log_normal", m, s)``, ``("log_student_t", df, m, s)``,
        ``("exponential", rate)``, a number, or a name such as ``"turner2015:pain"``.
    upper
        Where the prior is truncated, in the units of the effects.
    scale
        What one unit of the prior is in units of the effects: for a prior published for
        standardised mean differences, the SD of the outcome.

    Raises
    ------
    UsageError
        The prior does not exist, its numbers are out of range, or nothing is left below ``upper``.

    Examples
    --------
    >>> prior = tau_prior("bartos2021:pain", scale=25, upper=50)
    >>> prior.parameters, round(prior.truncated_mass, 3)
    ((1.69, 10.5), 0.041)
    """
    name = citation = note = ""
    if isinstance(spec, TauPrior):
        family, values = spec.family, spec.parameters
        name, citation, note, upper = spec.name, spec.citation, spec.note, min(upper, spec.upper)
    elif isinstance(spec, str):
        published = named_priors.published_prior(spec, "tau")
        family, values = published.family, published.parameters
        name, citation, note = published.name, published.citation, published.note
    else:
        family, values = read_prior("tau", spec, TAU_FAMILIES, signed=False)
    if positive_scale(scale) != 1.0:
        match family:
            case "inverse_gamma":
                values = (values[0], values[1] * scale)
            case "log_normal" | "log_student_t":
                values = (*values[:-2], values[-2] + math.log(scale), values[-1])
            case "exponential":
                values = (values[0] / scale,)
            case _:
                values = (values[0] * scale,)
    if math.isnan(upper) or not upper >= SMALLEST:
        raise UsageError(f"the upper limit of tau must be positive, found {upper}")
    prior = TauPrior(family, values, upper, name, citation, note)
    if family == "fixed":
        if upper < math.inf:
            raise UsageError("a known tau cannot be truncated; leave out the upper limit")
    elif family == "uniform" and upper < values[0] == math.inf:
        prior = TauPrior(family, (upper,), math.inf, name, citation, note)
    elif upper < math.inf and not 1.0 - prior.truncated_mass > 0.0:
        raise UsageError(f"tau: nothing of the prior {family}{values} is left below {upper}")
    return prior
