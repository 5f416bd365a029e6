"""Priors of the mean effect mu."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayes_nmda.meta import named_priors, student_t
from bayes_nmda.meta.prior_densities import Array
from bayes_nmda.meta.prior_syntax import Family, Prior, positive_scale, read_prior

MU_FAMILIES: dict[str, Family] = {
    "fixed": Family(("value",)),
    "normal": Family(("location", "scale")),
    "flat": Family(()),
    "student_t": Family(("df", "location", "scale")),
}
_NORMAL_FROM_DF = 1e9  # Student's t with more degrees of freedom is the normal to rounding


@dataclass(frozen=True, slots=True)
class MuPrior:
    """The prior of the mean effect."""

    family: str
    parameters: tuple[float, ...]
    name: str = ""
    citation: str = ""
    note: str = ""

    def code(self) -> Array:
        """Return what compiled code reads: kind, df, location, scale."""
        kinds = {
            "fixed": student_t.FIXED_MU,
            "normal": student_t.NORMAL,
            "flat": student_t.FLAT,
            "student_t": student_t.STUDENT_T,
        }
        p = self.parameters
        if self.family == "student_t" and p[0] >= _NORMAL_FROM_DF:
            return np.array([student_t.NORMAL, 0.0, p[1], p[2]])
        df, location, scale = {0: (0.0, 0.0, 1.0), 1: (0.0, *p, 1.0), 2: (0.0, *p), 3: p}[len(p)]
        return np.array([kinds[self.family], df, location, scale])

    def __str__(self) -> str:
        """Return family and parameters in one line."""
        text = f"{self.family}({', '.join(f'{value:.6g}' for value in self.parameters)})"
        return f"{self.name}: {text}" if self.name else text


def mu_prior(spec: Prior | MuPrior, *, scale: float = 1.0) -> MuPrior:
    """Return a prior of mu from a tuple, a number (mu is known) or the name of a published prior.

    Parameters
    ----------
    spec
        ``("normal", m, s)``, ``("flat",)``, ``("student_t", df, m, s)``, ``("fixed", m)``, a
        number, or a name such as ``"bartos2021:pain"``.
    scale
        What one unit of the prior is in units of the effects.

    Raises
    ------
    UsageError
        The prior does not exist or its numbers are out of range.

    Examples
    --------
    >>> str(mu_prior("bartos2021:pain", scale=25))
    'bartos2021:pain_palliative_and_supportive_care/smd: student_t(5, 0, 10.75)'
    """
    name = citation = note = ""
    if isinstance(spec, MuPrior):
        family, values = spec.family, spec.parameters
        name, citation, note = spec.name, spec.citation, spec.note
    elif isinstance(spec, str):
        published = named_priors.published_prior(spec, "mu")
        family, values = published.family, published.parameters
        name, citation, note = published.name, published.citation, published.note
    else:
        family, values = read_prior("mu", spec, MU_FAMILIES, signed=True)
    if positive_scale(scale) != 1.0:
        values = tuple(
            v if len(values) == 3 and i == 0 else v * scale for i, v in enumerate(values)
        )
    return MuPrior(family, values, name, citation, note)
