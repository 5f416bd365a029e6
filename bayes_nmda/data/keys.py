"""Keys and relations: what must be unique, and what one table says of another."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from bayes_nmda.data.agreement import contradictions
from bayes_nmda.data.decisions import targets
from bayes_nmda.data.descriptor import ForeignKey, Table
from bayes_nmda.data.problems import Problem, quoted


def _has(frames: dict[str, pd.DataFrame], table: str, *columns: str) -> bool:
    """Tell whether a table has the columns that a check needs; the reader names missing ones."""
    return set(columns) <= set(frames[table].columns)


def _cells(frame: pd.DataFrame, names: Iterable[str]) -> list[tuple[str, ...]]:
    columns = [frame[name].astype(str).fillna("") for name in names]
    return list(zip(*columns, strict=True))


def _repeats(table: Table, frame: pd.DataFrame, key: tuple[str, ...]) -> list[Problem]:
    first: dict[tuple[str, ...], int] = {}
    problems = []
    for row, cells in enumerate(_cells(frame, key), start=2):
        if cells in first:
            found = f"{quoted('/'.join(cells))} a second time, first in row {first[cells]}"
            allowed = f"one row for each {', '.join(key)}"
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
    single = [(field.name,) for field in table.fields if field.unique]
    problems = [
        problem
        for key in dict.fromkeys((table.primary_key, *table.unique_keys, *single))
        if set(key) <= set(frame.columns)
        for problem in _repeats(table, frame, key)
    ]
    for link in table.foreign_keys:
        if _has(frames, table.name, *link.fields) and _has(frames, link.table, *link.reference):
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


def _too_many(frames: dict[str, pd.DataFrame]) -> list[Problem]:
    """No record has more participants than its arm."""
    arms = frames["arms"].drop_duplicates(["trial", "arm"])
    sizes = frames["outcomes"].merge(arms, on=["trial", "arm"], how="left")
    bad = (sizes["n"] > sizes["n_arm"]).fillna(False).astype(bool)
    return [
        Problem(
            "outcomes.csv",
            int(row) + 2,
            "n",
            quoted(sizes.at[row, "n"]),
            f"at most the {sizes.at[row, 'n_arm']!s} participants of the arm",
            "correct n, or n_arm in arms.csv",
        )
        for row in sizes.index[bad]
    ]


def _unknown_parts(frames: dict[str, pd.DataFrame]) -> list[Problem]:
    """Dose arms that a merged arm names exist."""
    arms = set(_cells(frames["arms"], ("trial", "arm")))
    return [
        Problem("arms.csv", number, "merged_from", quoted(part), "arms of the trial", "correct it")
        for number, row in enumerate(frames["arms"].itertuples(), start=2)
        for part in targets(str(row.merged_from))
        if (row.trial, part) not in arms
    ]


def _unknown_targets(frames: dict[str, pd.DataFrame]) -> list[Problem]:
    """Rows that a decision names exist; one that sets records aside names them."""
    known = {
        table: set(frames[table][key])
        for table, key in (
            ("outcomes", "outcome_id"),
            ("abstract_outcomes", "id"),
            ("published", "id"),
            ("trials", "trial"),
            ("contrasts", "contrast_id"),
        )
        if table in frames and _has(frames, table, key)
    }
    if _has(frames, "published", "analysis"):
        known["analyses"] = set(frames["published"]["analysis"])
    if _has(frames, "arms", "trial", "arm"):
        known["arms"] = {
            f"{trial}:{arm}" for trial, arm in _cells(frames["arms"], ("trial", "arm"))
        }
    problems = []
    for number, row in enumerate(frames["decisions"].itertuples(), start=2):
        table = str(row.table)
        for part in targets(str(row.target)):
            key = f"{row.trial}:{part}" if table == "arms" else part
            if table in known and key not in known[table]:
                problems.append(
                    Problem(
                        "decisions.csv",
                        number,
                        "target",
                        quoted(part),
                        f"a key of {table}",
                        "correct the key, or remove the decision",
                    )
                )
        of_records = table in ("outcomes", "contrasts", "trials")
        if row.action == "set_aside" and of_records and not (row.target or row.trial):
            advice = "name the records or the trial"
            problems.append(
                Problem("decisions.csv", number, "target", "nothing", "records", advice)
            )
    return problems


def _contradictions(frames: dict[str, pd.DataFrame]) -> list[Problem]:
    """Arms that are compared, and rows of one instrument, speak of one quantity."""
    strata = frames["arms"].drop_duplicates(["trial", "arm"])[["trial", "arm", "stratum"]]
    records = frames["outcomes"].merge(strata, on=["trial", "arm"], how="left")
    return [
        Problem(
            "outcomes.csv",
            one.second + 2,
            one.column,
            f"{one.found} in rows {one.first + 2} and {one.second + 2}"
            f" ({_name(records, one.first)}; {_name(records, one.second)})",
            one.why,
            "correct the row that is wrong, or enter both arms alike",
        )
        for one in contradictions(records)
    ]


def _name(records: pd.DataFrame, row: int) -> str:
    words = records.iloc[row][["trial", "arm", "outcome", "timepoint"]]
    return " ".join(str(word) for word in words if word)


def _known_analyses(frames: dict[str, pd.DataFrame]) -> list[Problem]:
    known = {name for table in ("published", "analyses") for name in frames[table]["analysis"]}
    return [
        Problem(
            "outcomes.csv",
            number,
            "analyses",
            quoted(part),
            "an analysis of published.csv or analyses.csv",
            "correct it",
        )
        for number, text in enumerate(frames["outcomes"]["analyses"], start=2)
        for part in targets(str(text))
        if part not in known
    ]


def relation_problems(frames: dict[str, pd.DataFrame]) -> list[Problem]:
    """Return what is wrong between the tables beyond their foreign keys."""
    problems: list[Problem] = []
    arms = _has(frames, "arms", "trial", "arm", "role", "stratum", "n_arm")
    if arms and _has(frames, "outcomes", "trial", "arm", "outcome", "timepoint", "n"):
        problems += _both_sides(frames) + _too_many(frames) + _contradictions(frames)
    if _has(frames, "arms", "trial", "arm", "merged_from"):
        problems += _unknown_parts(frames)
    if _has(frames, "decisions", "trial", "table", "target", "action"):
        problems += _unknown_targets(frames)
    if _has(frames, "outcomes", "analyses") and _has(frames, "published", "analysis"):
        problems += _known_analyses(frames)
    return problems
