"""Add a trial to the tables of a project: validated whole before a byte is written, rows alone.

A file, or answers to prompts, has a row a comparison: both arms side by side. From it come one row
of ``trials.csv``, one a new arm and two records of ``outcomes.csv``, at the end of each table;
no other row is touched. What was added is undone with git; what is wrong later gets a decision row.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bayes_nmda import paths
from bayes_nmda.data.vocabulary import Vocabulary, load_vocabulary
from bayes_nmda.errors import DataError, SpecError, UsageError, WriteError
from bayes_nmda.files import content_of, text_of

#: Columns of a trial, of an arm (each with _t and _c), and of a result.
_TRIAL: Final = (
    "trial", "label", "citation", "title", "year", "doi", "pmid", "registry_id", "country",
    "condition", "condition_class", "design", "n_randomised", "blinding", "funding",
    "rob_randomisation", "rob_overall", "rob_source",
)  # fmt: skip
_OF_TREATMENT: Final = ("drug", "route", "dose", "duration")
_RESULT: Final = (
    "outcome", "timepoint", "instrument", "higher_is_better", "value_type", "first_phase",
    "digitised", "note",
)  # fmt: skip
_ARMS: Final = ("arm_t", "arm_c", "comparator", "stratum")
_NUMBERS: Final = tuple(f"{name}_{side}" for side in "tc" for name in ("mean", "sd", "events", "n"))
_PROVENANCE: Final = ("source", "locator")
COLUMNS: Final = (*_TRIAL, *_OF_TREATMENT, *_ARMS, *_RESULT, *_NUMBERS, *_PROVENANCE)
_NEEDED: Final = ("trial", "label", "drug", "outcome", "n_t", "n_c", "source")
#: What is asked on a terminal, in this order; an empty answer leaves it out.
_PROMPTS: Final = {
    "trial": "key, small letters and digits, like doe2026",
    "label": "as a reader knows it, like Doe 2026",
    "citation": "reference",
    "year": "year",
    "doi": "DOI, 10.…",
    "design": "parallel or crossover",
    "n_randomised": "people randomised",
    "rob_randomisation": "risk of bias of the randomisation: low, some_concerns, high",
    "source": "where the numbers stand: address or file",
    "locator": "place in the source, like Table 2",
    "drug": "drug",
    "route": "route",
    "comparator": "compared with",
    "outcome": "outcome",
    "timepoint": "timepoint",
    "instrument": "instrument",
    "higher_is_better": "true where a higher value is better, else false",
}
_KEY: Final = re.compile(r"[^a-z0-9]+")
_LARGEST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Added:
    """What was added.

    Attributes
    ----------
    trial
        Its key.
    rows
        Number of rows by file.
    warnings
        What is odd about it, in words.
    stale
        Models whose rows changed.
    """

    trial: str
    rows: Mapping[str, int]
    warnings: tuple[str, ...]
    stale: tuple[str, ...]


def add_trial(file: Path | None, *, ask: Callable[[str], str] | None = None) -> Added:
    """Add one trial to the project's tables.

    Parameters
    ----------
    file
        CSV in UTF-8 with columns of `COLUMNS`, a row a comparison; None asks on a terminal.
    ask
        What asks.

    Raises
    ------
    DataError
        If a value is not allowed, the trial is there already, or a model cannot take its rows;
        nothing is written.
    UsageError
        If there is neither a file nor a terminal, or a column is unknown.
    WriteError
        If the tables cannot be written; they stay as they were.
    """
    if file is None and ask is None:
        raise UsageError("add trial: found no file and no terminal; give --from FILE.csv")
    words = load_vocabulary()
    given = _prompted(ask, words) if file is None and ask is not None else _read(file)
    folder = paths.data()
    added = _rows(given, words, folder)
    trial = given[0]["trial"]
    content = {name: _appended(folder / name, rows) for name, rows in added.items() if rows}
    warnings, stale = _checked(folder, content, trial, {row["outcome"] for row in given})
    _write(folder, content)
    counts = {name: len(rows) for name, rows in added.items() if rows}
    return Added(trial, counts, tuple(warnings), tuple(stale))


def _read(file: Path | None) -> list[dict[str, str]]:
    """Return the rows of a file, every value stripped."""
    path = Path(file or "")
    if path.is_file() and path.stat().st_size > _LARGEST:
        raise DataError(
            f"{path.name}: found {path.stat().st_size:,} bytes; allowed are {_LARGEST:,}: one trial"
        )
    text = text_of(path, DataError).removeprefix("\ufeff")
    table = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = list(table)
    except csv.Error as error:
        raise DataError(f"{path.name}: this is not a CSV table: {error}") from error
    unknown = [name for name in table.fieldnames or () if name not in COLUMNS]
    if unknown:
        raise UsageError(
            f"{path.name}: found the column {unknown[0]!r}; allowed are {', '.join(COLUMNS)}"
        )
    return [_whole(path.name, number, row) for number, row in enumerate(rows, start=2)] or _none(
        path.name
    )


def _none(name: str) -> list[dict[str, str]]:
    raise DataError(f"{name}: found no row; allowed is a row a comparison")


def _whole(name: str, number: int, row: Mapping[str | None, Any]) -> dict[str, str]:
    if None in row or None in row.values():
        raise DataError(
            f"{name}: row {number}: found another number of values than columns; put values with "
            "a comma into quotation marks"
        )
    return {str(key): str(value).strip() for key, value in row.items()}


def _prompted(ask: Callable[[str], str], words: Vocabulary) -> list[dict[str, str]]:
    """Return what somebody answers: one trial, one or more results."""
    rows: list[dict[str, str]] = []
    while True:
        row: dict[str, str] = {}
        for name, said in _PROMPTS.items():
            if rows and name in (*_TRIAL, *_PROVENANCE):
                row[name] = rows[0].get(name, "")
                continue
            row[name] = ask(f"{said}: ").strip()
        known = words.outcomes.get(row["outcome"])
        counted = known is not None and known.kind == "binary"
        for side, who in (("t", "with the drug"), ("c", "without")):
            for number in ("events", "n") if counted else ("mean", "sd", "n"):
                row[f"{number}_{side}"] = ask(f"{number} {who}: ").strip()
        rows.append(row)
        if ask("another result of this trial? y or n: ").strip().lower() not in ("y", "yes"):
            return rows


def _rows(
    given: list[dict[str, str]], words: Vocabulary, folder: Path
) -> dict[str, list[dict[str, str]]]:
    """Return the rows of each table."""
    for number, row in enumerate(given, start=1):
        missing = [name for name in _NEEDED if not row.get(name)]
        if missing:
            raise DataError(
                f"add trial: comparison {number}: found no {', '.join(missing)}; every number "
                "needs its trial, drug, outcome, people and source"
            )
        other = [name for name in _TRIAL if row.get(name, "") != given[0].get(name, "")]
        if other:
            raise DataError(
                f"add trial: comparison {number}: found another {other[0]} than in the first; "
                "allowed is one trial"
            )
    first = given[0]
    if first["trial"] in {row["trial"] for row in _table(folder / "trials.csv")}:
        raise DataError(
            f"trials.csv: found {first['trial']!r} already; allowed is a new key. Rows of a trial "
            "that is there are changed by hand, and a decision says why"
        )
    source = "; ".join(dict.fromkeys(row["source"] for row in given))
    trial = {name: first.get(name, "") for name in _TRIAL} | {
        "design": first.get("design") or "parallel",
        "in_review": "unknown",
        "biblio_status": "unconfirmed",
        "source_urls": source,
    }
    arms: dict[str, dict[str, str]] = {}
    records: dict[str, dict[str, str]] = {}
    for row in given:
        for arm, record in _sides(row, words):
            before = arms.setdefault(arm["arm"], arm)
            if before != arm:
                raise DataError(
                    f"add trial: arm {arm['arm']!r}: found two descriptions; give arm_t and arm_c "
                    "of their own to arms that differ"
                )
            same = records.setdefault(record["outcome_id"], record)
            if same != record:
                raise DataError(
                    f"add trial: {record['outcome_id']}: found two results; allowed is one for "
                    "each arm, outcome and timepoint"
                )
    return {
        "trials.csv": [trial],
        "arms.csv": list(arms.values()),
        "outcomes.csv": list(records.values()),
    }


def _sides(
    row: Mapping[str, str], words: Vocabulary
) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Return arm and record of both sides of a comparison."""
    comparator = row.get("comparator") or words.reference
    names = {
        "t": row.get("arm_t") or _word("_".join(filter(None, (row["drug"], row.get("route", ""))))),
        "c": row.get("arm_c") or _word(comparator),
    }
    known = words.outcomes.get(row["outcome"])
    continuous = bool(row.get("mean_t") or row.get("mean_c"))
    kind = (known.kind if known else "") or ("continuous" if continuous else "binary")
    better = row.get("higher_is_better", "").lower()
    if not better and known is not None:
        better = {"higher": "true", "lower": "false"}.get(known.better, "")
    if not better and kind == "continuous":
        raise DataError(
            f"add trial: {row['outcome']}: found no higher_is_better; instruments of it differ: "
            "give true where a higher value is better, else false"
        )
    change = row.get("value_type") == "change"
    for side in "tc":
        treated = side == "t"
        arm = {
            "trial": row["trial"],
            "arm": names[side],
            "role": "treatment" if treated else "control",
            "drug": row["drug"] if treated else comparator,
            "route": row.get("route", ""),
            "route_basis": "confirmed" if row.get("route") else "",
            "comparator": "" if treated else comparator,
            "stratum": row.get("stratum", ""),
            "n_arm": row[f"n_{side}"],
            "source_urls": row["source"],
        } | {name: row.get(name, "") if treated else "" for name in ("dose", "duration")}
        parts = (row["trial"], names[side], row["outcome"], row.get("timepoint", ""))
        record = {
            "outcome_id": ":".join(filter(None, parts)),
            "trial": row["trial"],
            "arm": names[side],
            "higher_is_better": better or "false",
            "kind": kind,
            "value_type": row.get("value_type") or ("final" if kind == "continuous" else ""),
            "change_score": str(change).lower(),
            **{name: row.get(name, "") for name in ("outcome", "timepoint", "instrument", "note")},
            **{name: row.get(f"{name}_{side}", "") for name in ("mean", "sd", "events", "n")},
            **{name: row.get(name, "").lower() or "false" for name in ("digitised", "first_phase")},
            **dict.fromkeys(
                ("sd_from_se", "slight_events_only", "route_inferred", "merged_arm", "shared_arm"),
                "false",
            ),
            "source": row["source"],
            "locator": row.get("locator", ""),
        }
        yield arm, record


def _word(text: str) -> str:
    return _KEY.sub("_", text.lower()).strip("_")


def _table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(path, DataError), newline="")))


def _appended(path: Path, rows: Iterable[Mapping[str, str]]) -> bytes:
    """Return the bytes of a table with rows at its end, what was there as it was."""
    before = content_of(path, DataError)
    header = next(csv.reader(io.StringIO(before.decode("utf-8"), newline="")))
    end = "\r\n" if b"\r\n" in before else "\n"
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, header, lineterminator=end, extrasaction="ignore")
    writer.writerows({name: row.get(name, "") for name in header} for row in rows)
    joint = b"" if before.endswith(b"\n") else end.encode()
    return before + joint + out.getvalue().encode("utf-8")


def _checked(
    folder: Path, content: Mapping[str, bytes], trial: str, outcomes: set[str]
) -> tuple[list[str], list[str]]:
    """Return what is odd about the trial, and the models that take it, from tables in a scratch.

    Raises `DataError` if the tables would break a rule, or a model could not take its rows.
    """
    from bayes_nmda.data import load_trials
    from bayes_nmda.effects import EffectTables
    from bayes_nmda.effects.oddities import data_warnings
    from bayes_nmda.spec.spec import load_model, model_names

    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch)
        for path in folder.iterdir():
            if path.is_file():
                shutil.copy(path, copy / path.name)
        for name, text in content.items():
            (copy / name).write_bytes(text)
        trials = load_trials(copy)
        stale, tables = [], EffectTables(trials)
        for name in model_names():
            spec = load_model(name)
            if spec.select.outcome not in outcomes:
                continue
            try:
                frame = tables.of(spec).frame
            except (DataError, SpecError) as error:
                raise DataError(f"model {name} cannot take it: {error}") from error
            if (frame["trial_id"] == trial).any():
                stale.append(name)
        odd = data_warnings(trials)
        mine = [trial in str(names).split(";") for names in odd["trials"]]
        rows = odd[mine].to_dict("records")
    return [f"{row['kind']}: {row['found']}; {row['advice']}" for row in rows], stale


def _write(folder: Path, content: Mapping[str, bytes]) -> None:
    """Write all tables: each whole under another name first, then put in place one by one.

    Records come last, so that a kill in between leaves a trial without results, which is allowed.
    """
    parts: list[tuple[Path, Path]] = []
    try:
        for name, text in content.items():
            part = folder / f".{name}.{os.getpid()}"
            parts.append((part, folder / name))
            part.write_bytes(text)
        for part, path in parts:
            os.replace(part, path)
    except OSError as error:
        raise WriteError(
            f"{folder.name}: cannot be written: {error.strerror}; nothing of it was lost. Make "
            "room, or mend its permissions"
        ) from error
    finally:
        for part, _ in parts:
            part.unlink(missing_ok=True)
