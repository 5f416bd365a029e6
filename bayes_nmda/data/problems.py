"""Problems of a table: collected one by one, told all at once.

A reader of a table never stops at the first bad row. Every check adds a `Problem` to a list, and
`raise_for` turns a list that is not empty into one `DataError`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nsmallest

from bayes_nmda.errors import DataError

_LONGEST = 80
#: Problems that one message tells; more are counted.
_TOLD = 20


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong with one cell, row, column or file.

    ``row`` counts as a text editor does: the header is row 1; 0 means the file as a whole.
    """

    file: str
    row: int
    column: str
    found: str
    allowed: str
    advice: str

    def __str__(self) -> str:
        """Return the problem as one line: where, what was found, what is allowed, what to do."""
        where = self.file
        if self.row:
            where += f", row {self.row}"
        if self.column:
            where += f", column {self.column}"
        return f"{where}: found {self.found}; allowed: {self.allowed}; to do: {self.advice}"


def quoted(value: object) -> str:
    """Return a value as a message shows it: in quotes, shortened, "nothing" for an empty cell."""
    text = repr(float(value)).removesuffix(".0") if isinstance(value, float) else str(value)
    if not text or (not isinstance(value, str) and text in ("<NA>", "nan", "None")):
        return "nothing"
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def raise_for(problems: Iterable[Problem]) -> None:
    """Raise one `DataError` that lists the first problems and counts all; return without any.

    Raises
    ------
    DataError
        If there is a problem.
    """
    rows = set(problems)
    if rows:
        count = "1 problem" if len(rows) == 1 else f"{len(rows)} problems"
        more = [f"… and {len(rows) - _TOLD} more"] if len(rows) > _TOLD else []
        told = [
            f"{count} in the data; nothing was changed",
            *map(str, nsmallest(_TOLD, rows)),
            *more,
        ]
        raise DataError("\n".join(told))
