"""A covariate as a model file declares it: which column, what one unit of it is, its centre."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: What a covariate's coefficient is called: this and its name.
COEFFICIENT: Final = "coefficient_"


@dataclass(frozen=True, slots=True)
class Covariate:
    """A number of trials, arms or contrasts on which true effects depend linearly.

    A true effect differs from that of its cell by the coefficient times ``(x - centre) / per``, so
    effects of cells are those at the centre.

    Attributes
    ----------
    level
        Where the column stands: ``"trial"`` (``trials.csv``), ``"arm"`` (the treatment arm in
        ``arms.csv``) or ``"contrast"`` (the table of effects).
    column
        Its name; of contrasts also ``"people"``, those of both arms.
    unit
        What one unit of it is, in words: ``"decade"``.
    transform
        What is done to the column first: ``"identity"``, ``"square"``, ``"log"`` or
        ``"inverse_root"``, one over the square root.
    values
        The number of each word of a column of text; empty for numbers.
    centre
        A number, or ``"mean"``: over the contrasts, of those that are known.
    per
        Size of one unit.
    missing
        ``"refuse"``, or ``"normal"``: a trial's unknown value is a parameter, normal with mean and
        standard deviation of the known ones.
    """

    name: str
    level: str
    column: str
    unit: str
    source: str
    transform: str = "identity"
    values: tuple[tuple[str, float], ...] = ()
    centre: float | str = 0.0
    per: float = 1.0
    missing: str = "refuse"

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> Covariate:
        """Return what a table of a model file declares; its prior is read with the others."""
        told = {key: value for key, value in table.items() if key not in {"prior", "values"}}
        values = tuple((word, float(x)) for word, x in table.get("values", {}).items())
        return cls(**told, values=values)

    def to_mapping(self) -> dict[str, Any]:
        """Return the table of a model file that declares it, without its prior."""
        table = asdict(self) | {"values": dict(self.values)}
        return {key: value for key, value in table.items() if key != "values" or value}

    @property
    def coefficient(self) -> str:
        """Name of its coefficient among priors and in a posterior."""
        return COEFFICIENT + self.name


def transformed(values: ArrayLike, transform: str) -> NDArray[np.float64]:
    """Return a column after a transform; not a number where it has none."""
    numbers = np.asarray(values, dtype=np.float64)
    if transform == "square":
        return np.asarray(numbers**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        if transform == "log":
            return np.where(numbers > 0, np.log(numbers), np.nan)
        if transform == "inverse_root":
            return np.where(numbers > 0, numbers**-0.5, np.nan)
    return numbers


def untransformed(value: float, transform: str) -> float:
    """Return what a transformed number was before."""
    if transform == "square":
        return float(np.sqrt(value))
    if transform == "log":
        return float(np.exp(value))
    if transform == "inverse_root":
        return float(value**-2.0) if value else float("inf")
    return value
