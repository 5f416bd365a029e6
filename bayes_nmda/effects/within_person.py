"""Errors of paired crossover contrasts, as far as they depend on the correlation within people.

Who gave both values errs less in their difference the more the two agree. Where a report prints
the spread of each period and not that of the difference, the correlation is unknown: the model
estimates with a prior on it, and the table of effects shows the errors at one reference value.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_nmda.effects.inputs import Floats, check_correlation, check_positive, floats


@dataclass(frozen=True, slots=True, eq=False)
class WithinPerson:
    """What the errors of contrasts owe to the correlation within people; shape (contrast,).

    At the correlation ``r`` the variance of a contrast is ``independent - r shared``.

    Attributes
    ----------
    independent
        Variance if the two periods were independent, ``se_t^2 + se_c^2``; 1 where a contrast is
        not paired.
    shared
        ``2 se_t se_c``; 0 where a contrast is not paired, whose error is then what it is.
    reference
        Correlation at which the table of effects gives standard errors and covariance.
    """

    independent: Floats
    shared: Floats
    reference: float

    @classmethod
    def of(
        cls, se_t: ArrayLike, se_c: ArrayLike, paired: NDArray[np.bool_], *, reference: float
    ) -> WithinPerson:
        """Return what the standard errors of both periods make of the correlation.

        Parameters
        ----------
        se_t, se_c
            Standard errors of the two means, shape (contrast,), units of the effect; read where
            ``paired`` is true.
        paired
            True where the same people gave both values and their correlation is unknown.
        reference
            Correlation at which errors are shown.

        Raises
        ------
        UsageError
            If a standard error is not positive, or the reference is no correlation.

        References
        ----------
        Elbourne DR et al. (2002). Int J Epidemiol 31:140-149, doi:10.1093/ije/31.1.140.
        """
        check_correlation("reference", np.asarray(reference))
        first, second = floats(se_t=np.where(paired, se_t, 1.0), se_c=np.where(paired, se_c, 1.0))
        check_positive("se_t", first)
        check_positive("se_c", second)
        independent = np.where(paired, first**2 + second**2, 1.0)
        shared = np.where(paired, 2 * first * second, 0.0)
        for values in (independent, shared):
            values.setflags(write=False)
        return cls(independent, shared, float(reference))

    def variance(self, correlation: float) -> Floats:
        """Return the variance of each contrast at a correlation; 1 where it is not paired."""
        return self.independent - correlation * self.shared

    def subset(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> WithinPerson:
        """Return what concerns some contrasts, chosen by a mask or by positions."""
        return WithinPerson(self.independent[keep], self.shared[keep], self.reference)

    @property
    def hash(self) -> str:
        """SHA-256 of the numbers."""
        numbers = [*self.independent, *self.shared, self.reference]
        return hashlib.sha256(",".join(f"{x:.10g}" for x in numbers).encode()).hexdigest()
