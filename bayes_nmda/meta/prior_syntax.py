"""How a user writes a prior: a tuple of a family's name and its numbers, or a number alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayes_nmda.errors import UsageError

#: Data and priors outside this range would need more than a double's exponent when squared.
SMALLEST, LARGEST = 1e-60, 1e60
_LARGEST_LOG = 130.0  # of a location on the log scale; exp(130) is about LARGEST

type Prior = str | float | Sequence[str | float]


@dataclass(frozen=True, slots=True)
class Family:
    """A family of priors: the names of its parameters, and whether its location is a logarithm."""

    parameters: tuple[str, ...]
    logarithmic: bool = False


def _allowed(name: str, number: float, *, logarithmic: bool, signed: bool) -> bool:
    if name == "location":
        return abs(number) <= (_LARGEST_LOG if logarithmic else LARGEST)
    if name == "value":
        size = abs(number) if signed else number
        return size == 0.0 or (SMALLEST <= size <= LARGEST)
    if name == "upper" and number == math.inf:
        return True
    return SMALLEST <= number <= LARGEST


def read_prior(
    parameter: str, spec: object, families: dict[str, Family], *, signed: bool
) -> tuple[str, tuple[float, ...]]:
    """Return family and numbers of a prior written as a tuple, or as a number (a known value).

    Raises
    ------
    UsageError
        It is no prior, or a number is missing, not finite or out of range.
    """
    if isinstance(spec, (int, float, np.number)) and not isinstance(spec, bool):
        spec = ("fixed", float(spec))
    if not isinstance(spec, (tuple, list)) or not spec or spec[0] not in families:
        choices = ", ".join(str((key, *each.parameters)) for key, each in families.items())
        raise UsageError(
            f"{parameter}={spec!r} is not a prior: give a number, a published name, or one of "
            + choices
        )
    family, given = str(spec[0]), spec[1:]
    names = families[family].parameters
    shown = f"{parameter}={tuple(spec)!r}"
    if len(given) != len(names):
        raise UsageError(f"{shown}: expected {len(names)} numbers ({', '.join(names)})")
    values = []
    for name, value in zip(names, given, strict=True):
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise UsageError(f"{shown}: {name} must be a number, found {value!r}") from None
        logarithmic = families[family].logarithmic
        if not _allowed(name, number, logarithmic=logarithmic, signed=signed):
            raise UsageError(
                f"{shown}: {name} is out of range, found {number}; all but a location and a known "
                f"mu must be positive, and between {SMALLEST:g} and {LARGEST:g}"
            )
        values.append(number)
    return family, tuple(values)


def positive_scale(scale: float) -> float:
    """Return the scale of a prior if it can be one."""
    if not SMALLEST <= scale <= LARGEST:
        raise UsageError(f"scale must be positive and finite, found {scale}")
    return float(scale)
