"""The parameters that the exact engine integrates numerically, on the scale of normal scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_nmda.posterior.gaussian import SCALES
from bayes_nmda.posterior.matrices import Floats

if TYPE_CHECKING:
    from bayes_nmda.model.priors import Prior
    from bayes_nmda.model.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Family:
    """The parameters that are integrated numerically: SDs, and the precision of a Student-t prior.

    Attributes
    ----------
    names
        Priors of SDs that the model has, in the order of `SCALES`.
    priors
        Their priors.
    overall
        Prior of the mean.
    """

    names: tuple[str, ...]
    priors: tuple[Prior, ...]
    overall: Prior

    @classmethod
    def of(cls, spec: ModelSpec) -> Family:
        """Return the parameters of an analysis."""
        names = tuple(name for name, _ in spec.priors if name in SCALES)
        return cls(names, tuple(spec.prior(name) for name in names), spec.prior("overall"))

    @property
    def dimension(self) -> int:
        """Number of parameters."""
        return len(self.names) + (self.overall.distribution == "student_t")

    def scales(self, z: Floats) -> Floats:
        """Return scales (point, `SCALES`) at normal scores (point, parameter)."""
        from scipy.special import ndtr

        u = np.clip(ndtr(z), 1e-300, 1 - 1e-15)
        scales = np.zeros((len(z), len(SCALES)))
        for column, (name, prior) in enumerate(zip(self.names, self.priors, strict=True)):
            quantiles, kept = _quantiles(prior)
            scales[:, SCALES.index(name)] = quantiles(kept * u[:, column])
        numbers = dict(self.overall.parameters)
        scales[:, -1] = numbers["scale"]
        if self.overall.distribution == "student_t":
            from scipy.special import gammaincinv

            half = numbers["df"] / 2
            scales[:, -1] /= np.sqrt(gammaincinv(half, u[:, -1]) / half)
        return scales


@lru_cache(maxsize=64)
def _quantiles(prior: Prior) -> tuple[Any, float]:
    """Return the quantile function of a prior before its cut, and the mass that the cut leaves.

    SciPy takes longer to make a distribution than to evaluate it at a few hundred points.
    """
    return prior.untruncated().ppf, 1 - prior.mass_cut
