"""Checks on the numbers that enter a formula; each message names the argument and the element.

In come array-likes, out go float arrays of one common shape. A missing value is refused here:
what may be missing is decided by the table that calls a formula, not by the formula.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_nmda.errors import UsageError

Floats = NDArray[np.float64]


def floats(**values: ArrayLike) -> tuple[Floats, ...]:
    """Return the named arguments as finite float arrays, broadcast to one shape.

    Parameters
    ----------
    **values
        The arguments by name; numbers or arrays of shapes that broadcast.

    Returns
    -------
    tuple of ndarray
        Float arrays of one common shape, in the order given.

    Raises
    ------
    UsageError
        If an element is not a finite number, or the shapes do not fit.
    """
    arrays = []
    for name, value in values.items():
        array = np.asarray(value, dtype=np.float64)
        refuse(name, array, ~np.isfinite(array), "a finite number")
        arrays.append(array)
    try:
        return tuple(np.broadcast_arrays(*arrays))
    except ValueError as error:
        shapes = ", ".join(
            f"{name} {array.shape}" for name, array in zip(values, arrays, strict=True)
        )
        message = f"shapes do not fit: {shapes}; give single numbers or arrays of one length"
        raise UsageError(message) from error


def refuse(name: str, values: Floats, bad: NDArray[np.bool_], allowed: str) -> None:
    """Raise an error that names the first bad element, what it is and what is allowed.

    Parameters
    ----------
    name
        Name of the argument.
    values
        Its values.
    bad
        Same shape as `values`; true where the value is not allowed.
    allowed
        What is allowed, in words.

    Raises
    ------
    UsageError
        If any element of `bad` is true.
    """
    if not np.any(bad):
        return
    index = np.argwhere(np.atleast_1d(bad))[0]
    found = np.atleast_1d(values)[tuple(index)]
    place = "" if np.ndim(values) == 0 else f"[{', '.join(str(i) for i in index)}]"
    raise UsageError(f"{name}{place} is {found:g}; it must be {allowed}")


def check_positive(name: str, values: Floats) -> None:
    """Refuse values that are zero or negative."""
    refuse(name, values, values <= 0, "greater than 0")


def check_sample_size(name: str, values: Floats, *, least: int = 2) -> None:
    """Refuse sample sizes below `least`; a standard deviation needs two people."""
    refuse(name, values, values < least, f"at least {least}")


def check_correlation(name: str, values: Floats) -> None:
    """Refuse correlations outside the interval from -1 to 1."""
    refuse(name, values, np.abs(values) > 1, "between -1 and 1")


def check_probability(name: str, values: Floats) -> None:
    """Refuse probabilities outside the open interval from 0 to 1."""
    refuse(name, values, (values <= 0) | (values >= 1), "between 0 and 1, both excluded")
