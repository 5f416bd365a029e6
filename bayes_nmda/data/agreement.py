"""Rows that are compared, or stand on one instrument, must speak of one quantity.

A difference is taken of two rows: if one says that higher is better and the other that lower is,
its sign would hang on the order of rows; if one is a change and the other a final value, it is a
difference of nothing. Both are found here, in tables as they are read and as effects take them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pandas as pd

_OCCASION: Final = ("trial", "outcome", "timepoint", "instrument", "stratum")
_INSTRUMENT: Final = ("outcome", "instrument")


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two rows that contradict each other.

    Attributes
    ----------
    first, second
        Their positions in the table.
    column
        Where they do.
    found
        What each says, in words.
    why
        Why both cannot be true.
    """

    first: int
    second: int
    column: str
    found: str
    why: str


def contradictions(records: pd.DataFrame) -> list[Contradiction]:
    """Return every pair of rows that cannot both be true.

    Parameters
    ----------
    records
        Rows of ``outcomes.csv``; `stratum` may have been joined to them. A missing value
        contradicts nothing.

    Returns
    -------
    list of Contradiction
        One for each row that differs from the first of its group.
    """
    found = [
        *_differing(
            records,
            _OCCASION,
            "higher_is_better",
            "arms that are compared share one direction of the scale",
        ),
        *_differing(
            records,
            _OCCASION,
            "value_type",
            "arms that are compared are both changes from baseline or both final values",
        ),
    ]
    named = records[records["instrument"].astype(str) != ""] if "instrument" in records else None
    if named is not None:
        told = {(one.first, one.second) for one in found}
        rule = "an instrument has one direction in all trials"
        found += [
            one
            for one in _differing(named, _INSTRUMENT, "higher_is_better", rule)
            if (one.first, one.second) not in told
        ]
    return found


def _differing(
    records: pd.DataFrame, keys: tuple[str, ...], column: str, why: str
) -> Iterator[Contradiction]:
    if column not in records:
        return
    said = records[column].astype("object").where(records[column].notna(), "").astype(str)
    words = said.to_numpy()
    place = pd.Series(range(len(records)), index=records.index)[words != ""]
    by = [records[name][words != ""] for name in keys if name in records]
    firsts = place.groupby(by, sort=False, dropna=False).transform("first").to_numpy()
    found = zip(firsts.tolist(), place.tolist(), strict=True)
    # in the order of groups, then of rows, as a reader of the table meets them
    for first, other in sorted(pair for pair in found if words[pair[0]] != words[pair[1]]):
        told = f"{_value(words[first])} and {_value(words[other])}"
        yield Contradiction(first, other, column, told, why)


def _value(text: str) -> str:
    return {"True": "true", "False": "false"}.get(text, text)
