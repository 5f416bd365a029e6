"""Which arm is compared with which: from records of arms to one row a contrast.

Within one trial, outcome, timepoint, instrument and stratum each arm of a drug is compared with
each control arm of the selected comparator. People must not count twice: an arm entered under two
names, or two records of one arm, are refused here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_nmda.data.agreement import contradictions
from bayes_nmda.data.crossover import FIRST_PERIOD, RANDOMISED, crossed
from bayes_nmda.data.plain import NO_ROUTE
from bayes_nmda.data.vocabulary import Vocabulary, load_vocabulary
from bayes_nmda.errors import DataError, QueryError
from bayes_nmda.terms import AGAINST, cell_label

if TYPE_CHECKING:
    from bayes_nmda.data import TrialData

#: What must agree for two arms to be compared.
OCCASION: Final = ["trial", "timepoint", "instrument", "stratum"]
_TEXT: Final = ["timepoint", "instrument"]
_TRIAL_TEXT: Final = ["label", "rob_randomisation", "design"]
_ARM_TEXT: Final = ["role", "drug", "route", "route_basis", "comparator", "stratum", "merged_from"]
_NUMBERS: Final = {"continuous": ["mean", "sd", "n"], "binary": ["events", "n"]}


def _text(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    filled = {
        name: frame[name].astype("object").where(frame[name].notna(), "").astype(str)
        for name in columns
        if name in frame
    }
    return frame.assign(**filled)


def _flags(records: pd.DataFrame) -> pd.Series:
    """Return the true-or-false columns that hold, joined by semicolons."""
    names = sorted(
        name
        for name in records.columns
        if pd.api.types.is_bool_dtype(records[name]) and name != "higher_is_better"
    )
    values = records[names].astype("boolean").fillna(False).to_numpy(dtype=bool)
    joined = [
        ";".join(name for name, holds in zip(names, row, strict=True) if holds) for row in values
    ]
    return pd.Series(joined, index=records.index, dtype="object")


def arm_records(tables: TrialData, *, outcome: str, kind: str) -> pd.DataFrame:
    """Return the records of one outcome, each with what is known of its arm and trial.

    Parameters
    ----------
    tables
        Validated tables.
    outcome
        Key of the outcome, such as ``"pain_intensity"``.
    kind
        ``"continuous"`` or ``"binary"``.

    Returns
    -------
    DataFrame
        One row a record; missing text is the empty string, `flags` joins what is true of it.

    Raises
    ------
    QueryError
        If no trial reports the outcome.
    DataError
        If a record has no arm, lacks a number, contradicts another, or counts people twice.
    """
    chosen = tables.outcomes[tables.outcomes["outcome"] == outcome]
    if chosen.empty:
        known = ", ".join(sorted(set(tables.outcomes["outcome"])))
        raise QueryError(f"no trial reports the outcome {outcome!r}; reported are {known}")
    records = _text(chosen, _TEXT).assign(flags=_flags(chosen))
    arm_columns = ["trial", "arm", *(name for name in _ARM_TEXT if name in tables.arms)]
    arms = _text(tables.arms[arm_columns], _ARM_TEXT)
    about = ["trial", *(name for name in (*_TRIAL_TEXT, RANDOMISED) if name in tables.trials)]
    records = records.merge(arms, on=["trial", "arm"], how="left").merge(
        _text(tables.trials[about], _TRIAL_TEXT), on="trial", how="left"
    )
    _refuse(records, records["role"].isna(), "has no arm of that name in arms.csv")
    _refuse(records, records["label"].isna(), "belongs to no trial in trials.csv")
    _refuse(records, records["kind"] != kind, f"is not {kind}, as the measure asks")
    numbers = records[_NUMBERS[kind]]
    _refuse(records, numbers.isna().any(axis=1), f"lacks {', '.join(_NUMBERS[kind])}")
    if kind == "continuous":
        _refuse(
            records, (records["sd"] <= 0) | (records["n"] < 2), "needs sd > 0 and n of 2 or more"
        )
    else:
        wrong = (records["events"] < 0) | (records["events"] > records["n"]) | (records["n"] < 1)
        _refuse(records, wrong, "needs 0 <= events <= n and n of 1 or more")
    _refuse_contradictions(records)
    check_people_count_once(records, kind=kind)
    return records


def _refuse_contradictions(records: pd.DataFrame) -> None:
    lines = []
    for one in contradictions(records):
        names = (
            " ".join(map(str, records.iloc[row][["trial", "arm", "outcome", "timepoint"]])).rstrip()
            for row in (one.first, one.second)
        )
        lines.append(f"{' and '.join(names)}: found {one.column} {one.found}; allowed: {one.why}")
    if lines:
        raise DataError(
            "outcomes.csv: two rows contradict each other:\n  "
            + "\n  ".join(lines)
            + "\nCorrect the row that is wrong, or enter both arms alike."
        )


def _refuse(records: pd.DataFrame, bad: pd.Series, reason: str) -> None:
    if bad.any():
        lines = [
            f"trial {row.trial}, arm {row.arm}, {row.outcome} {row.timepoint}".rstrip()
            for row in records[bad].itertuples()
        ]
        raise DataError(f"outcomes.csv: a record {reason}:\n  " + "\n  ".join(sorted(lines)))


def check_people_count_once(records: pd.DataFrame, *, kind: str) -> None:
    """Refuse two records of one arm, and one arm entered under two names.

    Two arms of one trial, stratum and role are the same people when mean and SD agree to the
    last digit (whatever their n: a shared arm is sometimes split by halving it). Counts agree by
    chance more often: there only control arms of one comparator with the same n are refused.

    Parameters
    ----------
    records
        Records of one outcome, from `arm_records`.
    kind
        ``"continuous"`` or ``"binary"``.

    Raises
    ------
    DataError
        If people would count twice; all places are listed.
    """
    again = records.duplicated([*OCCASION, "arm"], keep=False)
    _refuse(records, again, "of the same arm, timepoint and instrument stands there twice")
    if kind == "continuous":
        numbers, compared = ["drug", "mean", "sd"], records
    else:
        numbers, compared = ["comparator", "events", "n"], records[records["role"] == "control"]
    twins = compared[compared.duplicated([*OCCASION, "role", *numbers], keep=False)]
    if twins.empty:
        return
    lines = [
        f"trial {key[0]}, {group['outcome'].iloc[0]} {key[1]}".rstrip()
        + f": arms {', '.join(sorted(group['arm']))}, "
        + ", ".join(f"{name} {group[name].iloc[0]}" for name in numbers)
        for key, group in twins.groupby([*OCCASION, "role", *numbers], sort=True)
    ]
    raise DataError(
        "outcomes.csv: one arm seems to stand there under two names, so that its people would "
        "count twice:\n  " + "\n  ".join(lines) + "\n"
        "Enter a shared arm once, it is compared with every other arm; if these are different "
        "people, give their arms different strata."
    )


def pairs(
    records: pd.DataFrame, *, comparator: str, words: Vocabulary | None = None
) -> pd.DataFrame:
    """Return one row a contrast: a treatment arm beside its control arm, in canonical order.

    Parameters
    ----------
    records
        Records of one outcome, from `arm_records`.
    comparator
        By name, ``"placebo"``; the word of the vocabulary for all but its reference, ``"active"``.
    words
        Vocabulary of the records; that of the project by default.

    Returns
    -------
    DataFrame
        Columns of the treatment arm end in ``_t``, of the control arm in ``_c``; `crossed` is true
        where the trial is a crossover and the numbers are not of its first period; labels are
        `contrast`, `comparison`, `cell` and `partition`. A comparator other than the reference ends
        the labels of cell and partition, ``"ketamine/oral/short vs methadone"``: no cell mixes two.

    Raises
    ------
    QueryError
        If no contrast has that comparator.
    DataError
        If an arm of a contrast has no known drug or no route.
    """
    controls = records[records["role"] == "control"]
    wanted = controls["comparator"] == comparator
    words = load_vocabulary() if words is None else words
    if comparator == words.others:
        wanted = ~controls["comparator"].isin([words.reference, ""])
    treated = records[records["role"] == "treatment"]
    shared = [*OCCASION, "outcome", *_TRIAL_TEXT, RANDOMISED]
    shared = [name for name in shared if name in records]
    rows = treated.merge(controls[wanted], on=shared, suffixes=("_t", "_c"))
    if rows.empty:
        known = ", ".join(sorted(set(controls["comparator"]) - {""})) or "none"
        raise QueryError(f"no contrast against {comparator!r}; comparators there are {known}")
    no_route = (rows["route_t"] == "") & (rows["route_basis_t"] != NO_ROUTE)
    nameless = (rows["drug_t"] == "") | no_route
    if nameless.any():
        arms = sorted(set(rows.loc[nameless, "trial"] + " " + rows.loc[nameless, "arm_t"]))
        raise DataError(f"arms.csv: {', '.join(arms)}: a treatment arm needs a drug and a route")
    rows = labelled(rows.assign(crossed=crossed(rows, _first_period(rows))), words)
    return rows.iloc[in_order(rows, "drug_t", "route_t", words=words)].reset_index(drop=True)


def _first_period(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which contrasts have both arms from the first period of a crossover trial."""
    sides = [f"{FIRST_PERIOD}_t", f"{FIRST_PERIOD}_c"]
    if not set(sides) <= set(rows):
        return np.zeros(len(rows), dtype=bool)
    marks = rows[sides].astype("boolean").fillna(False).to_numpy(dtype=bool)
    return np.asarray(marks.all(axis=1))


def labelled(rows: pd.DataFrame, words: Vocabulary) -> pd.DataFrame:
    """Return the rows with the names of partition, cell, comparison and contrast."""
    columns = [rows[name] for name in ("drug_t", "route_t", "timepoint")]
    keys = list(zip(*columns, strict=True))
    cell = pd.Series([cell_label(*key) for key in keys], index=rows.index)
    partition = pd.Series([cell_label(*key[:2]) for key in keys], index=rows.index)
    against = AGAINST + rows["comparator_c"]
    named = against.where(rows["comparator_c"] != words.reference, "")
    comparison = rows["label"] + ": " + partition + against
    partition, cell = partition + named, cell + named
    stratum = rows["stratum"].map(lambda text: f" ({text})" if text else "")
    comparison = comparison + stratum
    arms = " [" + rows["arm_t"] + ", " + rows["arm_c"] + "]"
    ambiguous = arms.groupby(comparison).transform("nunique") > 1
    contrast = rows["label"] + ": " + cell + stratum
    rows = rows.assign(
        partition=partition,
        cell=cell,
        comparison=comparison.where(~ambiguous, comparison + arms),
        contrast=contrast.where(~ambiguous, contrast + arms),
    )
    again = rows["contrast"].duplicated(keep=False)
    named = rows["contrast"] + ", " + rows["instrument"]
    return rows.assign(contrast=rows["contrast"].where(~again, named))


def in_order(
    rows: pd.DataFrame, drug: str, route: str, label: str = "label", *, words: Vocabulary
) -> list[int]:
    """Return the positions of rows in the order of the vocabulary, then of trials.

    Parameters
    ----------
    rows
        Contrasts with `timepoint` and `contrast`.
    drug, route, label
        Names of the columns of drug, route and trial.
    words
        Their vocabulary.
    """
    places = zip(rows[drug], rows[route], rows["timepoint"], strict=True)
    keys = [
        (*(words.order(str(part)) for part in place), trial, contrast)
        for place, trial, contrast in zip(places, rows[label], rows["contrast"], strict=True)
    ]
    return sorted(range(len(keys)), key=keys.__getitem__)
