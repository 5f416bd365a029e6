"""The errors a user can cause, each with the exit code of the command line.

A message says where (file, row or key path), what was found, what is allowed and what to do.
Bugs are not in this tree: they keep their traceback and end with exit code 1.
"""

from __future__ import annotations

from reprlib import Repr
from typing import ClassVar, Final

#: A word of thousands of letters, or a number of hundreds of digits, fills no message.
_SHORT: Final = Repr(maxstring=80, maxlong=40)


def shortened(value: object) -> str:
    """Return a value as a message repeats it; of a long one the middle is left out."""
    return _SHORT.repr(value)


class BayesNmdaError(Exception):
    """Any error that a user can cause and mend."""

    exit_code: ClassVar[int] = 1


class UsageError(BayesNmdaError, ValueError):
    """An argument lies outside what the function accepts."""

    exit_code: ClassVar[int] = 2


class DataError(BayesNmdaError):
    """A table in ``data/`` breaks a rule; its bad rows are listed or counted."""

    exit_code: ClassVar[int] = 10


class SpecError(BayesNmdaError):
    """A model file breaks a rule; the key path is named."""

    exit_code: ClassVar[int] = 11


class FitError(BayesNmdaError):
    """A fit cannot be made, or one of its diagnostic gates failed."""

    exit_code: ClassVar[int] = 12


class QueryError(BayesNmdaError):
    """There is no such quantity, or no evidence on it."""

    exit_code: ClassVar[int] = 13


class StaleError(QueryError):
    """The stored posterior answers older data or an older model file."""


class StoreError(QueryError):
    """A stored posterior cannot be read: it is missing, cut short or altered."""


class ReportError(BayesNmdaError):
    """A report cannot be built or published."""

    exit_code: ClassVar[int] = 14


class WriteError(ReportError):
    """A fit cannot be stored: the disk is full, or its folder may not be written to."""


class LockedError(BayesNmdaError):
    """Another build holds the lock."""

    exit_code: ClassVar[int] = 15
