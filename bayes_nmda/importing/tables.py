"""Rows of a review and their mapping → the tables of a project, with no row unaccounted for.

Each row becomes two records of ``outcomes.csv``, or one of ``contrasts.csv`` where it has an effect
and no arms; or it is set aside, with the reason, as a row of ``decisions.csv``. People count once:
a control arm with the same numbers in two rows is one arm; one with other numbers is taken for
other people (a part of a divided control group) and stands in a stratum of its own; and where as
many people have other numbers, they seem to be the same people again, and the row is set aside.

``raw/make.py`` of a project that was imported calls `main`, so that ``check`` compares the tables
with what raw files and mapping make, and ``python -m bayes_nmda.data.raw`` writes them anew.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bayes_nmda.data.descriptor import read_package
from bayes_nmda.data.reading import csv_text
from bayes_nmda.errors import BayesNmdaError, DataError
from bayes_nmda.files import toml_of
from bayes_nmda.importing import read_source
from bayes_nmda.importing.mapping import (
    CONTRASTS,
    NAME,
    Analysis,
    ReviewMapping,
    Subgroup,
    from_table,
    moment,
)
from bayes_nmda.importing.printed import (
    OF_COUNTS,
    OF_MEANS,
    RATIOS,
    Met,
    effect,
    kinds,
    measure_of,
)
from bayes_nmda.importing.rows import Arm, Printed, Row, Settings, Source, slug

#: Measures of which a printed effect can be shown beside ours in a report.
REPORTED: Final = ("MD", "SMD", "RR", "OR", "RD")
_CHANGE: Final = re.compile(r"\bchanges?\b", re.IGNORECASE)
_LEVEL: Final = 0.95
#: Numbers that a table holds: the largest, and the smallest standard deviation.
_LARGEST: Final = 1e9
_SMALLEST: Final = 1e-6
_FEWEST, _MOST_PEOPLE = 2, 10_000_000


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that is not used, and why."""

    file: str
    row: int
    analysis: str
    study: str
    reason: str


@dataclass(slots=True)
class Tables:
    """What the rows of a review become."""

    trials: list[dict[str, str]] = field(default_factory=list)
    arms: list[dict[str, str]] = field(default_factory=list)
    outcomes: list[dict[str, str]] = field(default_factory=list)
    contrasts: list[dict[str, str]] = field(default_factory=list)
    published: list[dict[str, str]] = field(default_factory=list)
    analyses: list[dict[str, str]] = field(default_factory=list)
    decisions: list[dict[str, str]] = field(default_factory=list)
    used: set[tuple[str, int]] = field(default_factory=set)
    set_aside: list[SetAside] = field(default_factory=list)

    def rows_of(self) -> dict[str, list[dict[str, str]]]:
        """Return the rows of every table by its name in the descriptor."""
        names = ("trials", "arms", "outcomes", "contrasts", "published", "analyses", "decisions")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a row goes: what it is about."""

    outcome: str
    timepoint: str
    treatment: str
    control: str
    route: str
    subgroup: str

    @property
    def occasion(self) -> tuple[str, str]:
        return self.outcome, self.timepoint


@dataclass(slots=True)
class _Trial:
    """The arms and records of one trial, as far as they are made."""

    key: str
    arms: dict[str, dict[str, str]] = field(default_factory=dict)
    records: dict[tuple[str, str, str], tuple[str, ...]] = field(default_factory=dict)
    people: dict[tuple[str, str, str], float] = field(default_factory=dict)
    sources: dict[tuple[str, str, str], list[tuple[Row, str]]] = field(default_factory=dict)


def make_tables(source: Source, mapping: ReviewMapping) -> Tables:
    """Return the tables of a review under a mapping.

    Raises
    ------
    DataError
        If the mapping lacks an analysis or a comparison of the file.
    """
    made = Tables()
    trials: dict[str, _Trial] = {}
    keys = _trial_keys(source)
    found = _met(source, mapping)
    placed: list[tuple[Row, _Place, Analysis, str, str]] = []
    for row in source.rows:
        analysis, part = _of(row, mapping)
        reason = _left_out(row, analysis, part)
        if reason:
            made.set_aside.append(SetAside(row.file, row.row, row.analysis, row.study, reason))
            continue
        comparison = mapping.comparison(row.group)
        place = _Place(
            part.outcome,
            moment(row.timepoint) or part.timepoint,
            part.treatment or comparison.treatment,
            part.control or comparison.control,
            comparison.route,
            slug(row.subgroup, longest=40),
        )
        trial = trials.setdefault(keys[row.study], _Trial(keys[row.study]))
        if analysis.measure in CONTRASTS:
            reason = _add_contrast(made, trial, row, place, analysis)
            names = ("", "")
        else:
            reason, names = _add_arms(trial, row, place, analysis)
        if reason:
            made.set_aside.append(SetAside(row.file, row.row, row.analysis, row.study, reason))
            continue
        made.used |= {(row.file, row.row)} | ({(row.file, row.beside)} if row.beside else set())
        placed.append((row, place, analysis, *names))
    _account(made, source)
    _finish(made, trials, source, mapping, keys, placed, found)
    return made


def _account(made: Tables, source: Source) -> None:
    """Name the rows of control arms, too, that no row uses."""
    reasons = {(one.file, one.row): one.reason for one in made.set_aside}
    for row in source.rows:
        place = (row.file, row.beside)
        if row.beside and place not in made.used and place not in reasons:
            reasons[place] = reason = reasons.get((row.file, row.row), "no row compares with it")
            made.set_aside.append(SetAside(*place, row.analysis, row.study, reason))
    made.set_aside = [one for one in made.set_aside if (one.file, one.row) not in made.used]


def _of(row: Row, mapping: ReviewMapping) -> tuple[Analysis, Subgroup]:
    try:
        analysis = mapping.analysis(row.analysis)
        mapping.comparison(row.group)
    except StopIteration:
        raise DataError(
            f"{NAME}: found no analysis {row.analysis} ({row.file}, row {row.row}); allowed is one "
            "for every analysis of the file, and a comparison for each group: put it back, or "
            "delete the mapping and import again"
        ) from None
    return analysis, analysis.of(row.subgroup)


def _met(source: Source, mapping: ReviewMapping) -> dict[tuple[str, int], Met]:
    """Return how each printed effect fares, by file and row."""
    grouped: dict[str, list[Row]] = {}
    for row in source.rows:
        grouped.setdefault(row.analysis, []).append(row)
    found: dict[tuple[str, int], Met] = {}
    for number, rows in grouped.items():
        _, _, met = measure_of(rows, source.settings.get(number, Settings()))
        found |= {(rows[i].file, rows[i].row): one for i, one in met.items()}
    return found


def _left_out(row: Row, analysis: Analysis, part: Subgroup) -> str:
    """Return why a row cannot be used, or nothing."""
    if not analysis.use:
        if analysis.repeats:
            return f"its analysis repeats rows of analysis {analysis.repeats}"
        return "left out by the mapping"
    if not part.use:
        return "left out by the mapping"
    has, t, c = kinds(row), row.treatment, row.control
    if analysis.measure in CONTRASTS:
        wanted = "observed" if analysis.measure == "observed" else "given"
        return "" if wanted in has else "it has no effect with a standard error above 0"
    if analysis.measure in OF_MEANS:
        if "means" in has:
            numbers = [abs(x) for arm in (t, c) for x in (arm.mean, arm.sd) if x is not None]
            if max(numbers) > _LARGEST or min(t.sd or 0, c.sd or 0) < _SMALLEST:
                return (
                    f"a number is above {_LARGEST:g}, or a standard deviation below {_SMALLEST:g}"
                )
            return _fractions(t, c)
        if None in (t.n, c.n) or min(t.n or 0, c.n or 0) < _FEWEST:
            return "an arm has fewer than 2 people"
        if 0 in (t.sd, c.sd):
            return "an arm has a standard deviation of 0"
        if "given" in has or "observed" in has:
            return "it has an effect and no means, while others of its analysis have means"
        return "it has no mean and standard deviation of both arms"
    if "counts" in has:
        return _fractions(t, c)
    if None not in (t.events, t.n, c.events, c.n):
        return "it has more events than people, or nobody in an arm"
    if "given" in has or "observed" in has:
        return "it has an effect and no counts, while others of its analysis have counts"
    return "it has no events and number of people of both arms"


def _fractions(t: Arm, c: Arm) -> str:
    numbers = [x for arm in (t, c) for x in (arm.events, arm.n) if x is not None]
    if max(numbers) > _MOST_PEOPLE:
        return f"an arm has more than {_MOST_PEOPLE:,} people"
    if all(float(x).is_integer() for x in numbers):
        return ""
    return "a number of people or events is not whole"


def _numbers(arm: Arm, analysis: Analysis) -> tuple[str, ...]:
    """Return mean, sd, n, events as a table holds them."""
    if analysis.measure in OF_MEANS:
        return _plain(arm.mean), _plain(arm.sd), _plain(arm.n), ""
    return "", "", _plain(arm.n), _plain(arm.events)


def _plain(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _add_arms(
    trial: _Trial, row: Row, place: _Place, analysis: Analysis
) -> tuple[str, tuple[str, str]]:
    """Place both arms of a row; return why they cannot be used, or nothing, and their names."""
    mine, theirs = _numbers(row.treatment, analysis), _numbers(row.control, analysis)
    for stratum in _strata(trial, place):
        control = _joined(slug(place.control), stratum)
        treatment = _joined(slug(place.treatment), slug(place.route), stratum)
        there = trial.records.get((control, *place.occasion))
        own = _treated(trial, place, stratum)
        if there is None:
            _record(trial, treatment, "treatment", row.treatment, mine, row, place, stratum)
            _record(trial, control, "control", row.control, theirs, row, place, stratum)
            return "", (treatment, control)
        if there == theirs:
            if again := [arm for arm, numbers in own.items() if numbers == mine]:
                first = trial.sources[(again[0], *place.occasion)][0][0]
                return f"it repeats row {first.row} of analysis {first.analysis}", ("", "")
            names = (treatment, f"{treatment}_{place.subgroup}" if place.subgroup else "",
                     *(f"{treatment}_{i}" for i in range(2, 1000)))  # fmt: skip
            free = next(n for n in names if n and (n, *place.occasion) not in trial.records)
            _record(trial, free, "treatment", row.treatment, mine, row, place, stratum)
            _record(trial, control, "control", row.control, theirs, row, place, stratum)
            return "", (free, control)
        sizes = [trial.people[(arm, *place.occasion)] for arm in own]
        people = trial.people[(control, *place.occasion)]
        if people == row.control.n and row.treatment.n in sizes:
            first = trial.sources[(control, *place.occasion)][0][0]
            return (
                f"as many people as in row {first.row} of analysis {first.analysis} with other "
                "numbers: the same people again? Give its subgroup an outcome or a timepoint of "
                "its own"
            ), ("", "")
    raise AssertionError(trial.key)  # strata do not end


def _strata(trial: _Trial, place: _Place) -> Iterable[str]:
    """Yield the strata that a row may stand in: one a comparator, then others of other people."""
    known = [
        arm["stratum"]
        for arm in trial.arms.values()
        if arm["role"] == "control" and arm["comparator"] == place.control and not arm["part"]
    ]
    others = any(arm["role"] == "control" for arm in trial.arms.values())
    base = known[0] if known else (f"vs_{slug(place.control)}" if others else "")
    yield base
    if place.subgroup:
        yield _joined(base, place.subgroup)
    for i in range(2, 1000):
        yield _joined(base, f"part_{i}")


def _treated(trial: _Trial, place: _Place, stratum: str) -> dict[str, tuple[str, ...]]:
    return {
        arm: numbers
        for (arm, *occasion), numbers in trial.records.items()
        if tuple(occasion) == place.occasion
        and trial.arms[arm]["stratum"] == stratum
        and trial.arms[arm]["role"] == "treatment"
    }


def _joined(*parts: str) -> str:
    return "_".join(part for part in parts if part)


def _record(
    trial: _Trial,
    arm: str,
    role: str,
    numbers_of: Arm,
    numbers: tuple[str, ...],
    row: Row,
    place: _Place,
    stratum: str,
) -> None:
    base = {"trial": trial.key, "arm": arm, "role": role, "stratum": stratum}
    about = trial.arms.setdefault(
        arm,
        base
        | {
            "drug": place.treatment if role == "treatment" else place.control,
            "route": place.route,
            "comparator": "" if role == "treatment" else place.control,
            "part": "yes" if re.search(r"(^|_)part_\d+$", stratum) or
            (place.subgroup and stratum.endswith(place.subgroup)) else "",
            "n_arm": "0",
        },
    )  # fmt: skip
    n = numbers_of.n or 0.0
    about["n_arm"] = _plain(max(float(about["n_arm"]), n))
    key = (arm, *place.occasion)
    trial.records[key] = numbers
    trial.people[key] = n
    trial.sources.setdefault(key, []).append((row, "T" if role == "treatment" else "C"))


def _add_contrast(made: Tables, trial: _Trial, row: Row, place: _Place, analysis: Analysis) -> str:
    """Add a row of effects; return why it cannot be used, or nothing."""
    yi, se = effect(row, analysis.measure)
    if max(abs(yi), se) > _LARGEST:
        return f"its effect or its error is above {_LARGEST:g}"
    mine = [
        one
        for one in made.contrasts
        if (one["trial"], one["outcome"], one["timepoint"]) == (trial.key, *place.occasion)
    ]
    n_t, n_c = _whole(row.treatment.n), _whole(row.control.n)
    if any(one["yi"] == repr(yi) and one["sei"] == repr(se) for one in mine):
        return f"it repeats an effect of {row.study} on the same outcome"
    shares = [one for one in mine if not n_c or one["n_c"] in ("", n_c)]
    if shares:
        return (
            f"a second effect of {row.study} on the same outcome, whose control arm may be the "
            "same people: effects do not tell the error that they share. Give its subgroup an "
            "outcome or a timepoint of its own, or the arms"
        )
    stratum = "" if not mine else f"part_{len(mine) + 1}"
    parts = (trial.key, slug(place.treatment), place.outcome, place.timepoint, stratum)
    higher = analysis.better == "higher"
    made.contrasts.append(
        {
            "contrast_id": ":".join(filter(None, parts)),
            "trial": trial.key, "drug": place.treatment, "route": place.route,
            "comparator": place.control, "stratum": stratum, "timepoint": place.timepoint,
            "outcome": place.outcome, "measure": analysis.given_as, "unit": _unit(analysis),
            "higher_is_better": str(higher).lower(), "yi": repr(yi), "sei": repr(se), "n_t": n_t,
            "n_c": n_c, "source": f"raw/{row.file}", "locator": str(row.row), "note": row.note,
        }
    )  # fmt: skip
    return ""


def _unit(analysis: Analysis) -> str:
    return analysis.unit or (analysis.instrument if analysis.given_as == "MD" else "")


def _whole(value: float | None) -> str:
    known = value is not None and 1 <= value <= _MOST_PEOPLE and float(value).is_integer()
    return _plain(value) if known else ""


def _trial_keys(source: Source) -> dict[str, str]:
    """Return a key for every trial: its name in small letters and digits."""
    taken: dict[str, str] = {}
    for row in source.rows:
        if row.study in taken:
            continue
        base = slug(row.study, longest=50).replace("_", "") or "trial"
        key = base
        for i in range(2, 100_000):
            if key not in taken.values():
                break
            key = f"{base}x{i}"
        taken[row.study] = key
    return taken


def _finish(
    made: Tables,
    trials: Mapping[str, _Trial],
    source: Source,
    mapping: ReviewMapping,
    keys: Mapping[str, str],
    placed: list[tuple[Row, _Place, Analysis, str, str]],
    found: Mapping[tuple[str, int], Met],
) -> None:
    """Fill the tables around the records."""
    link = f"https://doi.org/{mapping.doi}" if mapping.doi else mapping.name
    of_trial: dict[str, list[Row]] = {}
    for row, *_ in placed:
        of_trial.setdefault(row.study, []).append(row)
    labels: set[str] = set()
    for study, rows in of_trial.items():
        one = _trial_row(study, keys[study], rows, source, link)
        if one["label"] in labels:
            one["label"] = f"{one['label']} ({one['trial']})"
        labels.add(one["label"])
        made.trials.append(one)
    better = {(keys[row.study], place.outcome): own for row, place, own, *_ in placed}
    for trial in trials.values():
        _arm_rows(made, trial, link)
        _outcome_rows(made, trial, better)
    for row, place, analysis, treatment, control in placed:
        if treatment:
            _published(made, row, place, analysis, (treatment, control), keys, mapping, found)
    _analysis_rows(made, placed, mapping)
    _decisions(made, mapping)


def _trial_row(study: str, key: str, rows: list[Row], source: Source, link: str) -> dict[str, str]:
    said = source.studies.get(study, {})

    def column(*words: str) -> str:
        return next((v for k, v in said.items() if any(w in k.lower() for w in words)), "")

    judged = {
        name: {row.judgements[k] for row in rows for k in row.judgements if word in k} - {""}
        for name, word in (("rob_randomisation", "randomi"), ("rob_overall", "overall"))
    }
    bias = {name: found.pop() if len(found) == 1 else "" for name, found in judged.items()}
    design = column("design").lower()
    year = next((row.year for row in rows if row.year), "")
    doi = re.search(r"10\.\d{4,}/\S+", column("doi"))
    places = ";".join(dict.fromkeys(str(row.row) for row in rows))
    return {
        "trial": key,
        "label": study if not year or year in study else f"{study} {year}",
        "citation": study,
        "year": year if year and int(year) >= 1900 else "",
        "doi": doi[0].rstrip(".,;") if doi else "",
        "design": "crossover" if "cross" in design else "parallel" if "parallel" in design else "",
        "in_review": "yes",
        **bias,
        "rob_source": f"raw/{rows[0].file}: rows {places}" if any(bias.values()) else "",
        "biblio_status": "unconfirmed",
        "source_urls": link,
    }


def _arm_rows(made: Tables, trial: _Trial, link: str) -> None:
    for arm in trial.arms.values():
        made.arms.append(
            {name: text for name, text in arm.items() if name != "part"}
            | {"route_basis": "confirmed" if arm["route"] else "none", "source_urls": link}
        )


def _outcome_rows(made: Tables, trial: _Trial, better: Mapping[tuple[str, str], Analysis]) -> None:
    changed = _changes(trial)
    for (arm, outcome, timepoint), numbers in trial.records.items():
        analysis = better[(trial.key, outcome)]
        rows = trial.sources[(arm, outcome, timepoint)]
        mean, sd, n, events = numbers
        kind = "continuous" if analysis.measure in OF_MEANS else "binary"
        change = (outcome, timepoint) in changed
        value = ("change" if change else "final") if kind == "continuous" else ""
        bias = {v for row, _ in rows for k, v in row.judgements.items() if "overall" in k} - {""}
        shared = len({row.row for row, _ in rows}) > 1
        notes = list(dict.fromkeys(row.note for row, _ in rows if row.note))
        notes += [f"Subgroup: {s}." for s in dict.fromkeys(row.subgroup for row, _ in rows) if s]
        made.outcomes.append(
            {
                "outcome_id": ":".join(filter(None, (trial.key, arm, outcome, timepoint))),
                "trial": trial.key, "arm": arm, "outcome": outcome, "timepoint": timepoint,
                "instrument": analysis.instrument.replace("0-100", "0 to 100"),
                "higher_is_better": str(analysis.better == "higher").lower(), "kind": kind,
                "mean": mean, "sd": sd, "n": n, "events": events, "value_type": value,
                "digitised": "false", "first_phase": "false",
                "change_score": str(value == "change").lower(), "sd_from_se": "false",
                "slight_events_only": "false", "route_inferred": "false", "merged_arm": "false",
                "shared_arm": str(shared).lower(),
                "rob_overall": bias.pop() if len(bias) == 1 else "",
                "analyses": ";".join(dict.fromkeys(row.analysis for row, _ in rows)),
                "source": f"raw/{rows[0][0].file}",
                "locator": ";".join(f"{_at(row, side)}{side}" for row, side in rows),
                "note": " ".join(notes),
            }
        )  # fmt: skip


def _changes(trial: _Trial) -> set[tuple[str, str]]:
    """Return outcomes and times at which a trial has changes: a mean is below 0, or a name says so.

    All arms of one occasion have the same, or else they could not be compared.
    """
    found = set()
    for (_, *occasion), numbers in trial.records.items():
        if numbers[0].startswith("-"):
            found.add((occasion[0], occasion[1]))
    for (_, *occasion), rows in trial.sources.items():
        if any(_CHANGE.search(row.name) or _CHANGE.search(row.subgroup) for row, _ in rows):
            found.add((occasion[0], occasion[1]))
    return found


def _at(row: Row, side: str) -> int:
    return row.beside if side == "C" and row.beside else row.row


def _published(
    made: Tables,
    row: Row,
    place: _Place,
    analysis: Analysis,
    arms: tuple[str, str],
    keys: Mapping[str, str],
    mapping: ReviewMapping,
    found: Mapping[tuple[str, int], Met],
) -> None:
    """Add a printed effect that our formulas give again, for a report to show."""
    met = found.get((row.file, row.row))
    counts = (row.treatment.events, row.treatment.n, row.control.events, row.control.n)
    everybody = analysis.measure in OF_COUNTS and counts[0] == counts[1] and counts[2] == counts[3]
    shown = met is not None and met.reproduced and met.measure == analysis.measure
    if (
        row.printed is None or met is None or not shown or analysis.measure not in REPORTED
        or met.level != _LEVEL or everybody or _out_of_range(row.printed, analysis.measure)
    ):  # fmt: skip
        return
    made.published.append(
        {
            "id": f"effect:{row.row}", "kind": "row_effect", "analysis": row.analysis,
            "main_analysis": row.analysis, "subgroup": row.subgroup, "trial": keys[row.study],
            "treatment_arm": arms[0], "control_arm": arms[1], "drug": place.treatment,
            "route": place.route, "comparator": place.control, "outcome": place.outcome,
            "timepoint": place.timepoint, "measure": analysis.measure,
            "estimate": _plain(row.printed.estimate), "ci_low": _plain(row.printed.low),
            "ci_high": _plain(row.printed.high), "decimals": str(row.printed.decimals),
            "citation": mapping.title, "locator": f"raw/{row.file} row {row.row}",
        }
    )  # fmt: skip


def _out_of_range(printed: Printed, measure: str) -> bool:
    """Tell whether a printed effect is more than a table holds: a ratio of 0, or a billion."""
    ends = (printed.estimate, printed.low, printed.high)
    below = measure in RATIOS and printed.low <= 0
    return below or max(map(abs, ends)) > _LARGEST or not ends[1] <= ends[0] <= ends[2]


def _analysis_rows(
    made: Tables, placed: list[tuple[Row, _Place, Analysis, str, str]], mapping: ReviewMapping
) -> None:
    counts: dict[str, int] = {}
    first: dict[str, tuple[_Place, Analysis]] = {}
    for row, place, analysis, treatment, _ in placed:
        if treatment:
            counts[row.analysis] = counts.get(row.analysis, 0) + 1
            first.setdefault(row.analysis, (place, analysis))
    for number, (place, analysis) in first.items():
        group, _, own = number.partition(".")
        made.analyses.append(
            {
                "analysis": number, "group": group, "number": own, "outcome": place.outcome,
                "timepoint": place.timepoint, "drug": place.treatment, "route": place.route,
                "route_basis": "given by the mapping" if place.route else "none",
                "comparator": place.control,
                "kind": "continuous" if analysis.measure in OF_MEANS else "binary",
                "measure": analysis.measure, "instrument": analysis.instrument,
                "higher_is_better": str(analysis.better == "higher").lower(),
                "n_rows": str(counts[number]),
            }
        )  # fmt: skip


def _decisions(made: Tables, mapping: ReviewMapping) -> None:
    """Name what is set aside, a decision for each analysis and reason."""
    grouped: dict[tuple[str, str], list[SetAside]] = {}
    for one in made.set_aside:
        grouped.setdefault((one.analysis, one.reason), []).append(one)
    for i, ((analysis, reason), rows) in enumerate(grouped.items(), start=1):
        made.decisions.append(
            {
                "id": f"D{i:03d}",
                "table": "raw",
                "target": ";".join(f"{one.file} row {one.row}" for one in rows),
                "action": "set_aside",
                "what": f"{len(rows)} {'row' if len(rows) == 1 else 'rows'} of analysis {analysis}",
                "why": reason,
                "source": f"raw/{rows[0].file}",
                "date": mapping.date,
            }
        )


def read_mapping(folder: Path) -> ReviewMapping:
    """Return the mapping of a data folder.

    Raises
    ------
    DataError
        If there is none, or it breaks a rule.
    """
    table, _ = toml_of(folder / NAME, DataError)
    return from_table(table)


def tables_in(folder: Path) -> tuple[Source, ReviewMapping, Tables]:
    """Return what the raw files and the mapping of a data folder make."""
    mapping = read_mapping(folder)
    files = {name: (folder / "raw" / name).read_bytes() for name in mapping.files
             if (folder / "raw" / name).is_file()}  # fmt: skip
    source = read_source(files, mapping.kind, mapping.options)
    return source, mapping, make_tables(source, mapping)


def main(folder: str, out: str) -> int:
    """Write the tables into a folder; return the exit code: 0 done, 10 a `DataError`."""
    try:
        _, _, made = tables_in(Path(folder))
    except BayesNmdaError as error:
        print(error, file=sys.stderr)
        return DataError.exit_code
    rows = made.rows_of()
    for table in read_package().tables:
        if table.name in rows:
            text = csv_text(table.columns, rows[table.name])
            (Path(out) / table.path).write_bytes(text.encode())
    return 0
