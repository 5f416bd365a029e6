"""A plain DataFrame as `TrialData`: rows by arm, wide rows of two arms, or contrasts.

Which of the three a frame is, its columns say. Columns `drug`, `route` and `timepoint` partition
the trials where they are there; without them there is one cell. Nothing is filled in: every number
comes from the frame, and every row that cannot be used is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from bayes_nmda.data.descriptor import read_package
from bayes_nmda.data.tables import TrialData
from bayes_nmda.errors import DataError, UsageError
from bayes_nmda.terms import AGAINST, SEPARATOR

#: What stands for the drug where the frame has one cell.
TREATMENT: Final = "treatment"
#: How a route is known in a frame that has none.
NO_ROUTE: Final = "none"
_PARTITIONS: Final = ("drug", "route", "timepoint")
_NUMBERS: Final = {"continuous": ("mean", "sd", "n"), "binary": ("events", "n")}
_MEASURES: Final = ("MD", "SMD", "log_or", "log_rr", "RD")
_TEXT_OF_ARM: Final = ("stratum", "merged_from")


def trials_from(
    frame: pd.DataFrame,
    *,
    outcome: str = "outcome",
    higher_is_better: bool | None = None,
    unit: str = "",
    measure: str | None = None,
    control: str | Iterable[str] = ("control", "placebo"),
) -> TrialData:
    """Return the trials of a DataFrame as `load_trials` returns those of a folder.

    Parameters
    ----------
    frame
        One of three shapes. *By arm*: `trial`, `arm`, and `mean`, `sd`, `n` or `events`, `n`; any
        further column of ``outcomes.csv`` is kept. *Wide*: `trial`, `events_t`, `n_t`, `events_c`,
        `n_c`, or `mean_t`, `sd_t`, `n_t`, `mean_c`, `sd_c`, `n_c`. *Contrasts*: `trial`, `yi`, and
        `sei` (a standard error) or `vi` (a variance), perhaps `n_t`, `n_c`; a row a trial and
        timepoint. `drug`, `route`, `timepoint` partition the trials where present. A further
        column with one value a trial, or one an arm, is kept as theirs, for covariates.
    outcome
        What was measured, one word for queries such as ``"pain"``.
    higher_is_better
        Direction of the scale; of counts, whether the event is good. None: not known, and a
        negative effect counts as a benefit.
    unit
        Unit of means and of mean differences, ``"points"``.
    measure
        Of contrasts, which their numbers do not say: ``"MD"``, ``"SMD"``, ``"log_or"``,
        ``"log_rr"`` or ``"RD"``.
    control
        Names of control arms in rows by arm; all other arms are compared with them. Where the
        frame has a column `role`, that says it.

    Returns
    -------
    TrialData
        `digests` is empty: a fit of it is not looked for in the store.

    Raises
    ------
    UsageError
        If the columns are of none of the three shapes, or an argument is missing.
    DataError
        If a row cannot be used; every one is listed, by its place in the frame.
    """
    rows = _plain(frame)
    names = set(rows.columns)
    if "yi" in names:
        return _contrasts(rows, outcome, higher_is_better, unit, measure)
    if measure is not None:
        raise UsageError(
            f"trials_from: found measure={measure!r} with numbers of arms; the model file says "
            "the measure of those, leave it out"
        )
    kind = "binary" if {"events", "events_t"} & names else "continuous"
    if {f"{_NUMBERS[kind][0]}_t", "n_t"} <= names:
        rows = _by_arm(rows, kind)
        control = ("control",)
    missing = [name for name in ("trial", "arm", *_NUMBERS[kind]) if name not in rows]
    if missing:
        raise UsageError(
            f"trials_from: found the columns {', '.join(map(str, frame.columns))}; missing are "
            f"{', '.join(missing)}. Allowed are rows by arm (trial, arm, and mean, sd, n or "
            "events, n), wide rows (trial and mean_t, sd_t, n_t, mean_c, sd_c, n_c, or events_t, "
            "n_t, events_c, n_c), or contrasts (trial, yi, and sei or vi)"
        )
    controls = {control} if isinstance(control, str) else set(control)
    if "role" not in rows:
        rows["role"] = np.where(rows["arm"].isin(controls), "control", "treatment")
    if not (rows["role"] == "control").any():
        raise UsageError(
            f"trials_from: found the arms {', '.join(dict.fromkeys(rows['arm']))}, none of them a "
            f"control arm; allowed are the names of control={sorted(controls)}, or a column role"
        )
    _check_numbers(rows, kind)
    return _tables(rows, kind, outcome, higher_is_better, unit)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy with a plain index, labels as text and no column twice."""
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        raise UsageError(
            f"trials_from: found {type(frame).__name__} without rows; allowed is a DataFrame with "
            "a row an arm, a trial or a contrast"
        )
    twice = frame.columns[frame.columns.duplicated()].tolist()
    if twice:
        raise UsageError(f"trials_from: found the columns {', '.join(twice)} twice; keep one")
    rows = frame.reset_index(drop=True)
    if "trial" not in rows:
        raise UsageError(
            f"trials_from: found the columns {', '.join(map(str, frame.columns))}; missing is "
            "trial, the name of each trial"
        )
    text = [name for name in ("trial", "arm", "role", *_PARTITIONS, *_TEXT_OF_ARM) if name in rows]
    for name in text:
        values = rows[name].astype("object")
        rows[name] = values.where(values.notna(), "").astype(str).str.strip()
    bad = [
        f"row {place}, {name}: found {value!r}; allowed is text without {SEPARATOR!r}"
        for name in _PARTITIONS
        if name in rows
        for place, value in rows[name].items()
        if SEPARATOR in value or AGAINST.strip() in value.split()
    ]
    bad += [f"row {place}, trial: found nothing" for place in np.flatnonzero(rows["trial"] == "")]
    _refuse(bad)
    return rows


def _by_arm(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return wide rows as two rows each, the treatment arm first."""
    twin = [*(name for name in _PARTITIONS if name in rows), "trial"]
    again = rows.duplicated(twin, keep=False)
    _refuse(
        f"row {place}: found the trial {rows['trial'][place]!r} again; a trial with more arms is "
        "given by arm, so that its control arm stands there once"
        for place in np.flatnonzero(again)
    )
    numbers = _NUMBERS[kind]
    missing = [f"{n}_{side}" for side in "tc" for n in numbers if f"{n}_{side}" not in rows]
    if missing:
        raise UsageError(f"trials_from: wide rows: missing are {', '.join(missing)}")
    shared = rows.drop(columns=[f"{n}_{side}" for side in "tc" for n in numbers])
    sides = []
    for side, arm in (("t", TREATMENT), ("c", "control")):
        own = {n: rows[f"{n}_{side}"] for n in numbers}
        role = "treatment" if side == "t" else "control"
        sides.append(shared.assign(**own, arm=arm, role=role, row=rows.index))
    both = pd.concat(sides).sort_values("row", kind="stable")
    return both.drop(columns="row").reset_index(drop=True)


def _check_numbers(rows: pd.DataFrame, kind: str) -> None:
    bad = []
    for name in _NUMBERS[kind]:
        numbers = pd.to_numeric(rows[name], errors="coerce")
        values = numbers.to_numpy(dtype=float, na_value=np.nan)
        wrong = ~np.isfinite(values)
        if name in {"n", "events"}:
            wrong |= values != np.round(values)
        bad += [
            f"trial {rows['trial'][i]}, arm {rows['arm'][i]}, {name}: found {rows[name][i]}; "
            f"allowed is a {'whole ' if name in {'n', 'events'} else ''}number"
            for i in np.flatnonzero(wrong)
        ]
        rows[name] = values
    _refuse(bad)


def _tables(
    rows: pd.DataFrame, kind: str, outcome: str, higher: bool | None, unit: str
) -> TrialData:
    treated = rows["role"] == "treatment"
    has_route = "route" in rows
    rows = rows.assign(
        drug=rows.get("drug", TREATMENT),
        route=rows.get("route", ""),
        timepoint=rows.get("timepoint", ""),
    )
    unnamed = treated & ((rows["drug"] == "") | (has_route & (rows["route"] == "")))
    _refuse(
        f"trial {rows['trial'][i]}, arm {rows['arm'][i]}: found no drug or no route; a treatment "
        "arm needs both where the frame has the columns"
        for i in np.flatnonzero(unnamed)
    )
    arms = pd.DataFrame(
        {
            "trial": rows["trial"],
            "arm": rows["arm"],
            "role": rows["role"],
            "drug": rows["drug"].where(treated, ""),
            "route": rows["route"].where(treated, ""),
            "route_basis": "" if has_route else NO_ROUTE,
            "comparator": rows["arm"].where(~treated, ""),
            **{name: rows.get(name, "") for name in _TEXT_OF_ARM},
        }
    )
    if "drug" in rows and treated.any():
        several = arms[treated].drop_duplicates(["trial", "arm", "drug", "route"])
        twice = several.duplicated(["trial", "arm"], keep=False)
        if twice.any():  # one name, several treatments: the drug tells the arms apart
            words = rows["arm"] + " " + rows["drug"] + " " + rows["route"]
            arms["arm"] = arms["arm"].where(~treated, words.str.strip())
    outcomes = pd.DataFrame(
        {
            "trial": rows["trial"],
            "arm": arms["arm"],
            "outcome": outcome,
            "kind": kind,
            "timepoint": rows["timepoint"],
            "instrument": unit,
            "higher_is_better": pd.array([higher] * len(rows), dtype="boolean"),
        }
    )
    for name in ("mean", "sd"):
        outcomes[name] = rows[name].astype("float64") if kind == "continuous" else np.nan
    for name in ("events", "n"):
        given = rows[name] if name in _NUMBERS[kind] else pd.Series(np.nan, rows.index)
        outcomes[name] = given.astype("Float64").astype("Int64")
    known = {"role", *_PARTITIONS, *_TEXT_OF_ARM, *outcomes.columns}
    fields = {field.name for field in read_package().table("outcomes").fields}
    for name in rows.columns:
        if name in fields - known:
            outcomes[name] = rows[name]
    taken = known | fields | {"trial", "arm"}
    own = rows[[name for name in rows if name not in taken]]
    of_trial = _further(own, rows["trial"])
    of_arm = _further(own.drop(columns=of_trial.columns), rows["trial"] + "\0" + arms["arm"])
    arms = pd.concat([arms, of_arm], axis=1).drop_duplicates(["trial", "arm"])
    return _whole(arms, outcomes, None, of_trial)


def _contrasts(
    rows: pd.DataFrame, outcome: str, higher: bool | None, unit: str, measure: str | None
) -> TrialData:
    if measure not in _MEASURES:
        raise UsageError(
            f"trials_from: found measure={measure!r} with contrasts; allowed are "
            f"{', '.join(_MEASURES)}: what yi is"
        )
    if ("sei" in rows) == ("vi" in rows):
        raise UsageError("trials_from: contrasts take yi and one of sei (its SE) and vi (its SE²)")
    found = {
        name: pd.to_numeric(rows[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        for name in ("yi", "sei", "vi", "n_t", "n_c")
        if name in rows
    }
    error = found["sei"] if "sei" in rows else np.sqrt(np.maximum(found["vi"], 0.0))
    wrong = ~np.isfinite(found["yi"]) | ~(np.isfinite(error) & (error > 0))
    lines = [
        f"trial {rows['trial'][i]}: found yi {rows['yi'][i]} with an error of {error[i]:g}; "
        "allowed are a number and an error above 0"
        for i in np.flatnonzero(wrong)
    ]
    _refuse([*lines, *_shared(rows)])
    contrasts = pd.DataFrame(
        {
            "trial": rows["trial"],
            "drug": rows.get("drug", TREATMENT),
            "route": rows.get("route", ""),
            "timepoint": rows.get("timepoint", ""),
            "outcome": outcome,
            "measure": measure,
            "unit": unit,
            "higher_is_better": pd.array([higher] * len(rows), dtype="boolean"),
            "yi": found["yi"],
            "sei": error,
            **{
                name: pd.Series(found.get(name, np.nan), rows.index).astype("Float64").round()
                for name in ("n_t", "n_c")
            },
        }
    )
    empty = _empty("arms"), _empty("outcomes")
    own = rows.drop(columns=[n for n in rows if n in {*contrasts.columns, "vi"}])
    return _whole(*empty, contrasts, _further(own, rows["trial"]))


def _further(rows: pd.DataFrame, owner: pd.Series) -> pd.DataFrame:
    """Return the columns that have one value for each owner, a trial or an arm."""
    values = rows.groupby(owner.to_numpy()).nunique(dropna=False)
    return rows[[name for name in rows if (values[name] <= 1).all()]]


def _shared(rows: pd.DataFrame) -> list[str]:
    """Return what is wrong with trials that have several contrasts: these share people.

    Two timepoints of one comparison do so in both arms, by a correlation that the model states;
    what two comparisons share is the error of one arm, which contrasts do not tell.
    """
    places = [name for name in ("drug", "route") if name in rows]
    comparisons = rows.drop_duplicates(["trial", *places])["trial"]
    several = rows["trial"].isin(set(comparisons[comparisons.duplicated()]))
    occasion = ["trial", *(name for name in ("timepoint",) if name in rows)]
    lines = [
        f"trial {rows['trial'][i]}: found two comparisons; they share an arm whose error contrasts "
        "do not tell, so give the trial's arms"
        for i in np.flatnonzero(several)
    ]
    return lines + [
        f"trial {rows['trial'][i]}: found again; allowed is one contrast a trial and timepoint"
        for i in np.flatnonzero(rows.duplicated(occasion, keep=False) & ~several)
    ]


def _empty(name: str) -> pd.DataFrame:
    return pd.DataFrame({column: [] for column in read_package().table(name).columns})


def _whole(
    arms: pd.DataFrame,
    outcomes: pd.DataFrame,
    contrasts: pd.DataFrame | None,
    of_trial: pd.DataFrame,
) -> TrialData:
    rows = outcomes if contrasts is None else contrasts
    names = list(dict.fromkeys(rows["trial"]))
    known = pd.DataFrame({"trial": names, "label": names, "rob_randomisation": ""})
    known = known.assign(design="parallel")
    given = of_trial.assign(trial=rows["trial"].to_numpy()).drop_duplicates("trial")
    kept = known.drop(columns=[name for name in of_trial if name in known])
    return TrialData(
        trials=kept.merge(given, on="trial"),
        arms=arms.reset_index(drop=True),
        outcomes=outcomes,
        decisions=_empty("decisions"),
        published=_empty("published"),
        analyses=_empty("analyses"),
        abstract_outcomes=_empty("abstract_outcomes"),
        path=Path(),
        digests={},
        contrasts=contrasts,
    )


def _refuse(lines: Iterable[str]) -> None:
    found = list(lines)
    if found:
        shown = "\n  ".join(found[:20])
        more = f"\n  and {len(found) - 20} more" if len(found) > 20 else ""
        raise DataError(f"trials_from: the frame has rows that cannot be used:\n  {shown}{more}")
