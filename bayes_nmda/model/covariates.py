"""What covariates add to true effects: coefficients times values, known or not.

A true effect is that of its cell, plus for each covariate its coefficient times the value, plus
deviations. An unknown value is normal with mean and standard deviation of the known ones, one of
each trial or arm, so given the coefficients what it adds is normal too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_nmda.effects.covariates import PREFIX, missing_groups

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from bayes_nmda.spec.spec import ModelSpec

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Covariates:
    """Values of the covariates of an analysis.

    Attributes
    ----------
    names
        Names of their coefficients.
    values
        Shape (contrast, covariate), centred and scaled; an unknown one at the mean of the known.
    unknown
        By covariate, shape (contrast, group): what a standard normal number of a trial or arm whose
        value is unknown is multiplied by; no column where all are known.
    """

    names: tuple[str, ...]
    values: Floats
    unknown: tuple[Floats, ...]

    @classmethod
    def of(cls, spec: ModelSpec, frame: pd.DataFrame) -> Covariates:
        """Return the covariates of a model at the rows of an effect table."""
        size = len(frame)
        values = np.zeros((size, len(spec.covariates)))
        unknown = []
        for column, covariate in enumerate(spec.covariates):
            found = frame[PREFIX + covariate.name].to_numpy(dtype=float, na_value=np.nan)
            groups = np.array(missing_groups(frame, covariate))
            missing = np.isnan(found)
            once = np.unique(groups[~missing], return_index=True)[1]
            known = found[~missing][once]
            labels = np.unique(groups[missing])
            spread = float(np.std(known, ddof=1)) if len(labels) else 0.0
            values[:, column] = np.where(missing, known.mean(), found)
            unknown.append(spread * (groups[:, None] == labels))
        return cls(tuple(c.coefficient for c in spec.covariates), values, tuple(unknown))

    @classmethod
    def none(cls, contrasts: int) -> Covariates:
        """Return no covariate, for so many contrasts."""
        return cls((), np.zeros((contrasts, 0)), ())

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self.names)

    def subset(self, rows: NDArray[np.intp]) -> Covariates:
        """Return those of chosen contrasts, in their order."""
        unknown = tuple(part[rows] for part in self.unknown)
        return Covariates(self.names, self.values[rows], unknown)

    def shift(self, coefficients: Floats) -> Floats:
        """Return what covariates add to each contrast, shape (point, contrast).

        Parameters
        ----------
        coefficients
            Shape (point, covariate).
        """
        return np.asarray(coefficients @ self.values.T)

    @property
    def any_unknown(self) -> bool:
        """Whether a value is a parameter."""
        return any(part.shape[1] > 0 for part in self.unknown)

    def shared(self, covariate: int) -> Floats:
        """Return the covariance of what unknown values add for a coefficient of 1.

        Shape (contrast, contrast); the square of the coefficient multiplies it.
        """
        return np.asarray(self.unknown[covariate] @ self.unknown[covariate].T)

    def covariance(self, coefficients: Floats) -> Floats:
        """Return the covariance of what unknown values add, shape (point, contrast, contrast)."""
        parts = [
            coefficients[:, column, None, None] ** 2 * self.shared(column)
            for column in range(len(self.names))
        ]
        return np.asarray(sum(parts))
