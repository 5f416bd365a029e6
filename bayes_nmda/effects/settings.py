"""The part of a model file that the effects stage reads, as protocols.

`model.ModelSpec` fits them without being imported here: effects come before models.
"""

from __future__ import annotations

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
