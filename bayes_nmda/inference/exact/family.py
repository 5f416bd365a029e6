"""The parameters that the exact engine integrates numerically, on the scale of normal scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_nmda.inference.exact.gaussian import SCALES
from bayes_nmda.inference.exact.matrices import Floats
from bayes_nmda.spec.covariate import COEFFICIENT
from bayes_nmda.spec.model_file import WITHIN_PERSON

if TYPE_CHECKING:
    from bayes_nmda.spec.priors import Prior
    from bayes_nmda.spec.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Family:
    """The parameters that are integrated numerically, on the scale of normal scores.

    Attributes
    ----------
    names
        Priors of SDs that the model has, in the order of `SCALES`.
    priors
        Their priors.
    overall
        Prior of the mean: a Student-t one is a normal whose precision is one more parameter.
    within
        Prior of the correlation within people; None where no error depends on it.
    coefficients
        Priors of the coefficients of covariates.
    degrees_of_freedom
        Of Student-t trial effects; None where they are normal.
    trials
        Number of trials whose width is a parameter, one more being that of a new trial; 0 where
        trial effects are normal.
    """

    names: tuple[str, ...]
    priors: tuple[Prior, ...]
    overall: Prior
    within: Prior | None = None
    coefficients: tuple[tuple[str, Prior], ...] = ()
    degrees_of_freedom: float | None = None
    trials: int = 0

    @classmethod
    def of(cls, spec: ModelSpec, trials: int) -> Family:
        """Return the parameters of an analysis of so many trials."""
        names = tuple(name for name, _ in spec.priors if name in SCALES)
        odd = spec.structure.trial_effects == "student_t"
        return cls(
            names,
            tuple(spec.prior(name) for name in names),
            spec.prior("overall"),
            dict(spec.priors).get(WITHIN_PERSON),
            tuple((name, prior) for name, prior in spec.priors if name.startswith(COEFFICIENT)),
            spec.structure.degrees_of_freedom if odd else None,
            trials if odd else 0,
        )

    @property
    def common(self) -> int:
        """Number of parameters that are not those of one trial; they come first."""
        means = self.overall.distribution == "student_t"
        return len(self.names) + means + (self.within is not None) + len(self.coefficients)

    @property
    def dimension(self) -> int:
        """Number of parameters."""
        return self.common + self.trials + (self.trials > 0)

    def scales(self, z: Floats) -> Floats:
        """Return scales (point, column) at normal scores (point, parameter).

        Columns `SCALES`; then, where the model has them, the correlation within people, the
        coefficient of each covariate, and the squared width of each trial and of a new one.
        """
        from scipy.special import gammaincinv, ndtr

        u = np.clip(ndtr(z), 1e-300, 1 - 1e-15)
        scales = np.zeros((len(z), len(SCALES)))
        for column, (name, prior) in enumerate(zip(self.names, self.priors, strict=True)):
            scales[:, SCALES.index(name)] = prior.quantile(u[:, column])
        used = len(self.names)
        numbers = dict(self.overall.parameters)
        scales[:, -1] = numbers["scale"]
        if self.overall.distribution == "student_t":
            half = numbers["df"] / 2
            scales[:, -1] /= np.sqrt(gammaincinv(half, u[:, used]) / half)
            used += 1
        columns = [scales]
        if self.within is not None:
            columns.append(self.within.quantile(u[:, [used]]))
            used += 1
        for _, prior in self.coefficients:
            columns.append(np.asarray(prior.quantile(u[:, [used]])))
            used += 1
        if self.degrees_of_freedom is not None:
            half = self.degrees_of_freedom / 2
            columns.append(half / gammaincinv(half, u[:, used:]))
        return np.hstack(columns)
