"""What a report says otherwise than the one before: numbers, by their Monte Carlo errors.

Read are two summaries of findings as CSV. A number has changed if it moved by more than its error
allows between two runs of the same model; trials and people if they moved at all.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from typing import Final

#: What names one row of a summary of findings.
KEY: Final = ("outcome", "drug", "route", "timepoint", "comparator")
#: Standard errors of a difference beyond which a number has changed.
_FAR: Final = 4.0
_COUNTS: Final = ("trials", "participants")
#: Numbers with an error that are told, by how their names begin.
_TOLD: Final = ("effect", "rd", "prob_benefit", "prob_harm")
_ERROR: Final = "_mcse"

type Rows = dict[tuple[str, ...], dict[str, str]]


def changes(old: Rows, new: Rows) -> list[str]:
    """Return what the later report says otherwise, a sentence a line of its summary."""
    found = []
    for key, row in new.items():
        if key not in old:
            found.append(f"{_named(key)}: new, {row['trials']} trials")
        elif told := list(_moved(old[key], row)):
            found.append(f"{_named(key)}: {', '.join(told)}")
    gone = [key for key in old if key not in new]
    return found + [f"{_named(key)}: no longer told" for key in gone]


def rows_of(table: str) -> Rows:
    """Return the rows of a summary of findings by what names them."""
    found = csv.DictReader(io.StringIO(table))
    return {tuple(row.get(name) or "" for name in KEY): row for row in found}


def _named(key: tuple[str, ...]) -> str:
    outcome, drug, route, timepoint, comparator = key
    place = "/".join(part for part in (drug, route, timepoint) if part)
    return f"{outcome}, {place} against {comparator}"


def _moved(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in _COUNTS:
        if old.get(name, "") != new.get(name, ""):
            yield f"{name} {old.get(name) or 'none'} → {new.get(name) or 'none'}"
    for name in new:
        if not name.startswith(_TOLD) or f"{name}{_ERROR}" not in new or "new_trial" in name:
            continue
        was, now = _number(old.get(name)), _number(new[name])
        errors = [_number(row.get(f"{name}{_ERROR}")) for row in (old, new)]
        if math.isnan(was) or math.isnan(now):
            if math.isnan(was) != math.isnan(now):
                yield f"{name} {old.get(name) or 'none'} → {new[name] or 'none'}"
            continue
        if abs(now - was) > _FAR * math.hypot(*(0.0 if math.isnan(e) else e for e in errors)):
            yield f"{name} {was:.3g} → {now:.3g}"


def _number(text: str | None) -> float:
    return float(text) if text else math.nan
