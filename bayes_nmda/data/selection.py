"""Which outcome records a selection keeps: pure work on frames, no files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from bayes_nmda.errors import UsageError

_COMPARED = ["trial", "outcome", "timepoint", "stratum"]


def _values(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _check(name: str, wanted: tuple[str, ...], present: Iterable[str]) -> None:
    words = sorted(set(present) - {""})
    unknown = [word for word in wanted if word and word not in words]
    if unknown:
        found = ", ".join(map(repr, unknown))
        message = f"{name}: found {found}; allowed: {', '.join(words) or 'nothing is left'}"
        raise UsageError(message)


def _with_partners(records: pd.DataFrame, chosen: pd.Series[bool], role: str) -> pd.DataFrame:
    """Keep the chosen arms of one role, and the arms of the other role compared with them."""
    keys = pd.MultiIndex.from_frame(records[_COMPARED])
    wanted = keys[(chosen & (records["role"] == role)).to_numpy()]
    partner = keys.isin(wanted) & (records["role"] != role).to_numpy()
    return records[(chosen & (records["role"] == role)).to_numpy() | partner]


def select_records(
    outcomes: pd.DataFrame,
    arms: pd.DataFrame,
    trials: pd.DataFrame,
    wanted: Mapping[str, str | Iterable[str] | None],
) -> pd.DataFrame:
    """Return the outcome records that fit all selectors, with the arms they are compared with.

    Raises
    ------
    UsageError
        If a value does not occur in the records; the message lists those that do.
    """
    about = ["role", "drug", "route", "comparator", "stratum"]
    records = outcomes.merge(arms[["trial", "arm", *about]], on=["trial", "arm"], how="left")
    records.index = outcomes.index
    labels = dict(zip(trials["label"], trials["trial"], strict=True))
    for name, given in wanted.items():
        if given is None:
            continue
        values = _values(given)
        if name == "trial":
            values = tuple(labels.get(value, value) for value in values)
        if name in ("drug", "route", "comparator"):
            role = "control" if name == "comparator" else "treatment"
            _check(name, values, records.loc[records["role"] == role, name])
            records = _with_partners(records, records[name].isin(values), role)
        else:
            _check(name, values, records[name])
            records = records[records[name].isin(values)]
    return outcomes.loc[records.index]
