"""Keys and relations: what must be unique, and what one table says of another."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from bayes_nmda.data.decisions import targets
from bayes_nmda.data.descriptor import ForeignKey, Table
from bayes_nmda.data.problems import Problem, quoted


def _cells(frame: pd.DataFrame, names: Iterable[str]) -> list[tuple[str, ...]]:
    columns = [frame[name].astype(str) for name in names]
    return list(zip(*columns, strict=True))


def _repeats(table: Table, frame: pd.DataFrame, key: tuple[str, ...]) -> list[Problem]:
    first: dict[tuple[str, ...], int] = {}
    problems = []
    for row, cells in enumerate(_cells(frame, key), start=2):
        if cells in first:
            found = f"{quoted('/'.join(cells))} a second time, first in row {first[cells]}"
            allowed = f"one row for each {' and '.join(key)}"
            advice = "remove one of the two rows"
            problems.append(Problem(table.path, row, key[0], found, allowed, advice))
        first.setdefault(cells, row)
    return problems


def _orphans(table: Table, frames: dict[str, pd.DataFrame], key: ForeignKey) -> list[Problem]:
    known = set(_cells(frames[key.table], key.reference))
    return [
        Problem(
            table.path,
            row,
            key.fields[-1],
            quoted("/".join(cells)),
            f"a {'/'.join(key.reference)} of {key.table}.csv",
            f"correct the cell, or add the row to {key.table}.csv",
        )
        for row, cells in enumerate(_cells(frames[table.name], key.fields), start=2)
        if all(cells) and cells not in known
    ]


def key_problems(table: Table, frames: dict[str, pd.DataFrame]) -> list[Problem]:
    """Return rows that repeat a key of a table, or refer to a row that does not exist."""
    frame = frames[table.name]
    problems = [
        problem
        for key in (table.primary_key, *table.unique_keys)
        for problem in _repeats(table, frame, key)
    ]
    for link in table.foreign_keys:
        problems += _orphans(table, frames, link)
    return problems


def _both_sides(frames: dict[str, pd.DataFrame]) -> list[Problem]:
    """Every trial, outcome, timepoint and stratum has a treatment arm and a control arm."""
    arms = {
        (row.trial, row.arm): (str(row.role), str(row.stratum))
        for row in frames["arms"].itertuples()
    }
    roles: dict[tuple[str, ...], set[str]] = {}
    rows: dict[tuple[str, ...], int] = {}
    problems = []
    for number, row in enumerate(frames["outcomes"].itertuples(), start=2):
        role, stratum = arms.get((row.trial, row.arm), ("", ""))
        if role == "other":
            allowed = "a treatment or a control arm"
            advice = "correct the arm, or its role in arms.csv"
            problems.append(
                Problem("outcomes.csv", number, "arm", quoted(row.arm), allowed, advice)
            )
        group = (str(row.trial), str(row.outcome), str(row.timepoint), stratum)
        roles.setdefault(group, set()).add(role)
        rows.setdefault(group, number)
    for place, present in roles.items():
        for role in ("treatment", "control"):
            if role not in present and "" not in present:
                found = f"no {role} arm for {', '.join(filter(None, place))}"
                allowed = "at least one treatment and one control arm"
                advice = f"add the record of a {role} arm"
                problems.append(Problem("outcomes.csv", rows[place], "arm", found, allowed, advice))
    return problems


def _unknown_parts(frames: dict[str, pd.DataFrame]) -> list[Problem]:
    """Arms that a merged arm names, and records that a decision names, exist."""
    arms = set(_cells(frames["arms"], ("trial", "arm")))
    problems = [
        Problem("arms.csv", number, "merged_from", quoted(part), "arms of the trial", "correct it")
        for number, row in enumerate(frames["arms"].itertuples(), start=2)
        for part in targets(str(row.merged_from))
        if (row.trial, part) not in arms
    ]
    keys = {
        "outcomes": set(frames["outcomes"]["outcome_id"]),
        "abstract_outcomes": set(frames["abstract_outcomes"]["id"]),
        "published": set(frames["published"]["id"]),
        "trials": set(frames["trials"]["trial"]),
        "analyses": set(frames["published"]["analysis"]),
    }
    for number, row in enumerate(frames["decisions"].itertuples(), start=2):
        for part in targets(str(row.target)):
            known = keys.get(str(row.table))
            if (known is not None and part not in known) or (
                row.table == "arms" and (row.trial, part) not in arms
            ):
                allowed = f"a key of {row.table}"
                problems.append(
                    Problem("decisions.csv", number, "target", quoted(part), allowed, "correct it")
                )
        if row.action == "set_aside" and not row.target and not row.trial:
            advice = "name the rows or the trial"
            problems.append(
                Problem("decisions.csv", number, "target", "nothing", "rows or a trial", advice)
            )
    return problems


def _known_analyses(frames: dict[str, pd.DataFrame]) -> list[Problem]:
    known = set(frames["published"]["analysis"])
    return [
        Problem(
            "outcomes.csv",
            number,
            "analyses",
            quoted(part),
            "an analysis of published.csv",
            "correct it",
        )
        for number, text in enumerate(frames["outcomes"]["analyses"], start=2)
        for part in targets(str(text))
        if part not in known
    ]


def relation_problems(frames: dict[str, pd.DataFrame]) -> list[Problem]:
    """Return what is wrong between the tables beyond their foreign keys."""
    return [*_both_sides(frames), *_unknown_parts(frames), *_known_analyses(frames)]
