"""``outcomes.csv`` from the rows of the export: each arm once, with its flags.

A comparison is two arms. An arm that serves two comparisons, or stands in a main analysis and in
its subgroup repeats, must have the same numbers everywhere and becomes one record; footnotes of
any of these rows travel to the record.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from bayes_nmda.data.problems import Problem, raise_for
from bayes_nmda.data.reading import Row
from bayes_nmda.data.vocabulary import load_vocabulary
from cochrane.export import EXPORT, ArmNumbers, ExportRow

#: What a footnote of the export means for a record.
_FOOTNOTES = {
    "digitised_from_figure": "digitised",
    "first_phase_from_author": "first_phase",
    "slight_events_only": "slight_events_only",
}
#: The export rounds to six decimals, so a stored SD is off by at most half of the sixth.
_HALF_UNIT = 5e-7
#: Decimals of a standard error as papers print it; more would match by chance.
_SE_DECIMALS = 2

type Key = tuple[str, str, str, str]


@dataclass(slots=True)
class _Record:
    numbers: ArmNumbers
    rows: list[tuple[ExportRow, str]] = field(default_factory=list)

    @property
    def instruments(self) -> list[str]:
        return list(dict.fromkeys(row.main["instrument"] for row, _ in self.rows))


def _short_se(numbers: ArmNumbers) -> bool:
    """Tell whether SD/√n is a number of at most two decimals."""
    if not numbers.sd:
        return False
    root = math.sqrt(float(numbers.n))
    se = round(float(numbers.sd) / root, _SE_DECIMALS)
    return abs(se * root - float(numbers.sd)) <= _HALF_UNIT


def _long_sd(numbers: ArmNumbers) -> bool:
    """Tell whether the SD has more decimals than a paper prints."""
    return len(numbers.sd.rstrip("0").partition(".")[2]) > _SE_DECIMALS


def sd_from_se(numbers: ArmNumbers, partners: Iterable[ArmNumbers]) -> bool:
    """Tell whether an SD is exactly SE·√n for a standard error of at most two decimals.

    The SD itself must have more decimals, or else any SD of a square n would pass. Where n is a
    square, both are short whatever was done; the arm then goes with the arms it is compared with.
    """
    if not _short_se(numbers):
        return False
    if _long_sd(numbers):
        return True
    square = math.isqrt(int(numbers.n)) ** 2 == int(numbers.n)
    return square and any(_short_se(other) and _long_sd(other) for other in partners)


def _collect(rows: Iterable[ExportRow]) -> dict[Key, _Record]:
    records: dict[Key, _Record] = {}
    problems: list[Problem] = []
    for row in rows:
        for numbers, side in ((row.treatment, "T"), (row.control, "C")):
            key = (row.trial, numbers.arm, row.main["outcome"], row.main["timepoint"])
            record = records.setdefault(key, _Record(numbers))
            record.rows.append((row, side))
            if numbers != record.numbers:
                first = record.rows[0][0].row
                problems.append(
                    Problem(
                        f"raw/{EXPORT}",
                        row.row,
                        "",
                        f"{numbers} for {':'.join(key)}",
                        f"the numbers that row {first} gives for the same arm",
                        "tell the arms apart in arm_links.csv, or correct the row",
                    )
                )
    raise_for(problems)
    return records


def _instruments(records: dict[Key, _Record]) -> tuple[dict[Key, str], dict[Key, str]]:
    """Return the instrument of every record, and a note where another analysis names it.

    An analysis of standardised mean differences names no instrument. Where an arm has the same
    numbers in an analysis that does, that instrument holds for the arms it is compared with.
    """
    names = {key: next(filter(None, record.instruments), "") for key, record in records.items()}
    notes = dict.fromkeys(records, "")
    for key, record in records.items():
        if len(list(filter(None, record.instruments))) > 1:
            found = ", ".join(record.instruments)
            problem = Problem(f"raw/{EXPORT}", 0, "", found, "one instrument", ":".join(key))
            raise_for([problem])
        if "" not in record.instruments or not names[key]:
            continue
        for other in records:
            if (other[0], *other[2:]) == (key[0], *key[2:]) and not names[other]:
                names[other] = names[key]
                where = next(row.analysis for row, _ in record.rows if row.main["instrument"])
                notes[other] = (
                    f"Instrument named by analysis {where}, which has the same numbers "
                    f"for the arm {key[1]} of this comparison."
                )
    return names, notes


def _partners(record: _Record) -> list[ArmNumbers]:
    return [row.control if side == "T" else row.treatment for row, side in record.rows]


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _row(key: Key, record: _Record, instrument: str, note: str) -> Row:
    trial, arm, outcome, timepoint = key
    numbers = record.numbers
    rows = [row for row, _ in record.rows]
    marks = {_FOOTNOTES[note] for row in rows for note in row.footnotes}
    negative = numbers.mean.startswith("-")
    value_type = ("change" if negative else "final") if numbers.mean else ""
    judgements = {row.rob_overall for row in rows}
    return {
        "outcome_id": ":".join(part for part in key if part),
        "trial": trial,
        "arm": arm,
        "outcome": outcome,
        "timepoint": timepoint,
        "instrument": instrument,
        "higher_is_better": rows[0].main["higher_is_better"].lower(),
        "kind": rows[0].main["kind"],
        "mean": numbers.mean,
        "sd": numbers.sd,
        "n": numbers.n,
        "events": numbers.events,
        "value_type": value_type,
        "digitised": _flag("digitised" in marks),
        "first_phase": _flag("first_phase" in marks),
        "change_score": _flag(value_type == "change"),
        "sd_from_se": _flag(sd_from_se(numbers, _partners(record))),
        "slight_events_only": _flag("slight_events_only" in marks),
        "route_inferred": _flag(any(row.link["route_basis"] == "inferred" for row in rows)),
        "merged_arm": _flag(
            any(row.link["merged_from"] and side == "T" for row, side in record.rows)
        ),
        "shared_arm": _flag(
            len({(row.link["treatment_arm"], row.link["control_arm"]) for row in rows}) > 1
        ),
        "rob_overall": judgements.pop() if len(judgements) == 1 else "",
        "analyses": ";".join(dict.fromkeys(row.analysis for row in rows)),
        "source": f"raw/{EXPORT}",
        "locator": ";".join(f"{row.row}{side}" for row, side in record.rows),
        "note": note,
    }


def outcome_rows(
    export: list[ExportRow], trials: list[str], arms: list[tuple[str, str]]
) -> list[Row]:
    """Return the rows of ``outcomes.csv``: by trial, outcome, timepoint and arm in table order.

    Raises
    ------
    DataError
        If two rows give different numbers for one arm, or a footnote is unknown.
    """
    unknown = [
        Problem(
            f"raw/{EXPORT}", row.row, "Footnotes", note, ", ".join(_FOOTNOTES), "name its meaning"
        )
        for row in export
        for note in row.footnotes
        if note not in _FOOTNOTES
    ]
    raise_for(unknown)
    records = _collect(export)
    names, notes = _instruments(records)
    words = load_vocabulary()
    outcomes, times = list(words.outcomes), ["", *words.timepoints]

    def place(key: Key) -> tuple[int, int, int, int]:
        trial, arm, outcome, time = key
        return (
            trials.index(trial),
            outcomes.index(outcome),
            times.index(time),
            arms.index((trial, arm)),
        )

    return [_row(key, records[key], names[key], notes[key]) for key in sorted(records, key=place)]
