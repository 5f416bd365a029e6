"""Records as a small table in text, Markdown or HTML, for terminals and notebooks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

#: Columns that repeat the question, and parts of names of columns that need a digit more.
_AS_GIVEN: Final = frozenset({"at_least", "at_most", "points_per_event"})
_FINE: Final = frozenset({"probability", "mcse", "risk", "rd"})
Records = Sequence[Mapping[str, Any]]


def cell_text(column: str, value: object, measure: object = "") -> str:
    """Return a value as it stands in a table: probabilities and risks to 3 decimals, others to 2.

    What was asked for stands as it was given.

    Parameters
    ----------
    column, value
        Name and content.
    measure
        Measure of the row: of a risk difference every number is a risk.
    """
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return ""
    if column in _AS_GIVEN:
        return f"{value:g}"
    if column == "ess":
        return f"{value:.0f}"
    fine = measure == "RD" or _FINE & set(column.split("_"))
    return f"{value:.{3 if fine else 2}f}"


def columns(records: Records) -> list[str]:
    """Return the columns that say something: one that is empty in every row is left out."""
    names = list(records[0]) if records else []
    return [name for name in names if any(record[name] not in ("", None) for record in records)]


def _body(records: Records) -> tuple[list[str], list[list[str]]]:
    names = columns(records)
    return names, [
        [cell_text(name, record[name], record.get("measure")) for name in names]
        for record in records
    ]


def _numeric(records: Records, name: str) -> bool:
    return all(isinstance(record[name], int | float) for record in records)


def text_table(records: Records) -> str:
    """Return aligned columns for a terminal; numbers to the right."""
    names, rows = _body(records)
    lines = [[name.replace("_", " ") for name in names], *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(names))]
    right = [_numeric(records, name) for name in names]
    return "\n".join(
        "  ".join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def markdown_table(records: Records) -> str:
    """Return a Markdown table."""
    names, rows = _body(records)
    marks = ["---:" if _numeric(records, name) else ":---" for name in names]
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, marks, *rows])


def html_table(records: Records, *, caption: str, warnings: Sequence[str] = ()) -> str:
    """Return an HTML table with a caption; every text is escaped."""
    names, rows = _body(records)
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in line) + "</tr>" for line in rows
    )
    notes = "".join(f"<p><strong>{escape(words)}</strong></p>" for words in warnings)
    return (
        f'<div class="bayes-nmda">{notes}<p>{escape(caption)}</p>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
