"""The part of a model file that the effects stage reads, as protocols.

`model.ModelSpec` fits them without being imported here: effects come before models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Selection(Protocol):
    """Which rows a model is about."""

    @property
    def outcome(self) -> str:
        """Key of the outcome."""
        ...

    @property
    def comparator(self) -> str:
        """Comparator by name, or ``"active"``."""
        ...


class CovarianceSettings(Protocol):
    """What a model assumes of repeated measurements."""

    @property
    def timepoint_correlation(self) -> float:
        """Correlation of one arm's errors between two timepoints."""
        ...

    @property
    def crossover(self) -> str | None:
        """How crossover trials enter that are not of the first period; None refuses them."""
        ...

    @property
    def crossover_correlation(self) -> float | None:
        """Correlation within people between the two treatments, of paired trials."""
        ...


class SupplementaryRow(Protocol):
    """How one result printed in an abstract enters a model."""

    @property
    def id(self) -> str:
        """Key of the row in ``abstract_outcomes.csv``."""
        ...

    @property
    def timepoint(self) -> str:
        """Class of timepoint that the model file assigns to it."""
        ...

    @property
    def design(self) -> str:
        """``"paired"`` or ``"parallel"``."""
        ...

    @property
    def error(self) -> str:
        """Which of the printed numbers gives its error."""
        ...


class SupplementSettings(Protocol):
    """Results printed in abstracts that a model adds to the review's rows."""

    @property
    def scale_min(self) -> float:
        """Lower end of the scale of the model's effects."""
        ...

    @property
    def scale_max(self) -> float:
        """Upper end of that scale."""
        ...

    @property
    def rows(self) -> Sequence[SupplementaryRow]:
        """The results."""
        ...


class EffectSettings(Protocol):
    """The part of a model file that the effects stage reads."""

    @property
    def select(self) -> Selection:
        """Rows of the model."""
        ...

    @property
    def measure(self) -> str:
        """Measure of effect, one of `terms.MEASURES`."""
        ...

    @property
    def covariance(self) -> CovarianceSettings:
        """Assumption on repeated measurements."""
        ...

    @property
    def unit(self) -> str:
        """Unit of the effect, in words."""
        ...

    @property
    def benefit(self) -> str:
        """Sign of an effect that is good for people."""
        ...

    @property
    def supplement(self) -> SupplementSettings | None:
        """Results printed in abstracts to add; None for none."""
        ...

    @property
    def reference_correlation(self) -> float | None:
        """Correlation within people at which errors are shown; None where none is unknown."""
        ...
