"""Published reports, a small file each: what it said, what it was made of, and what moved since.

A file in ``reports/history/`` holds the headline numbers of one published report with their Monte
Carlo errors, and the digests of everything it was made of. What changed since the last one is told
with the cause: the headline is computed again by the exact engine with one change at a time, on the
files of that report as git has them. A report is kept once; the same inputs and code add nothing.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda import paths
from bayes_nmda.errors import BayesNmdaError, ReportError
from bayes_nmda.inference.origin import series
from bayes_nmda.report.changes import KEY, Rows, changes, rows_of
from bayes_nmda.report.numbers import count, outcome, title
from bayes_nmda.report.provenance import digest_of, sha256, versions
from bayes_nmda.report.staleness import code
from bayes_nmda.report.style import BLUE, GREY, INK, PAGE, Figure, canvas, drawing
from bayes_nmda.terms import cell_label

if TYPE_CHECKING:
    from bayes_nmda.report.definition import ReportDefinition

#: What an entry keeps of a summary of findings: names, counts, and numbers with their errors.
_COUNTS: Final = ("trials", "participants")
_KEPT: Final = ("effect", "rd", "prob_")
_SKIPPED: Final = ("lower", "upper", "prior", "new_trial")
#: Significant digits of a number that is kept.
_DIGITS: Final = 4
#: Hexadecimal digits of a digest that is kept: enough to see that a file changed.
_SHORT: Final = 6
#: Reports that are kept; older ones give way.
RETAINED: Final = 200
#: Change of a probability that is worth a word.
_LEAST: Final = 0.005
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One published report.

    Attributes
    ----------
    report, date
        Its name, and the day on which it was published (UTC).
    key
        Digest of everything it was made of.
    commit
        Commit of the checkout, empty where there was none.
    inputs, code, series
        SHA-256 of its files by name and of its code, and the series of its packages.
    summary
        Its headline numbers as CSV.
    said
        What it said of the one before.
    """

    report: str
    date: str
    version: str
    key: str
    commit: str
    inputs: Mapping[str, str]
    code: str
    series: Mapping[str, str]
    summary: str
    said: tuple[str, ...] = ()
    schema_version: int = _VERSION

    @property
    def rows(self) -> Rows:
        """Its headline numbers, by outcome, drug, route, timepoint and comparator."""
        return rows_of(self.summary)


@dataclass(frozen=True, slots=True)
class Cause:
    """One change by itself: what, and how the headline moved in words, a sentence a number."""

    what: str
    moved: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What a report says of those before it.

    Attributes
    ----------
    before
        Published reports other than this one, the oldest first.
    rows
        Headline numbers of this one.
    inputs
        What else changed since the last: files of data, models and reports, code, packages.
    numbers
        Numbers that moved by more than their errors allow, in words.
    causes
        One change at a time; empty where nothing but code changed, or the files are not known.
    unknown
        Why causes are not told; empty where they are.
    """

    before: tuple[Entry, ...]
    rows: Rows
    inputs: tuple[str, ...]
    numbers: tuple[str, ...]
    causes: tuple[Cause, ...]
    unknown: str

    def sentences(self) -> list[str]:
        """Return what changed since the last report, a sentence a change."""
        if not self.before:
            return ["No report was published before this one."]
        last = self.before[-1]
        what = ", ".join(self.inputs) or "nothing"
        said = [f"Since {last.date} (version {last.version}) {what} changed."]
        said += [f"{number}." for number in self.numbers] or [
            "No headline number moved by more than its Monte Carlo error allows."
        ]
        for cause in self.causes:
            moved = "; ".join(cause.moved) or "no headline probability moves by half a per cent"
            said.append(f"{title(cause.what)} alone: {moved}.")
        return [*said, *filter(None, [self.unknown])]


def folder() -> Path:
    """Return the folder of published reports; it need not exist yet."""
    return paths.output().parent / "history"


def entries(name: str) -> list[Entry]:
    """Return every published report of a name, the oldest first.

    Raises
    ------
    ReportError
        If a file is no entry; the message names it.
    """
    found = []
    known = {field.name for field in fields(Entry)}
    for path in sorted(folder().glob(f"{name}.*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ReportError(_damaged(path, str(error))) from error
        if not isinstance(document, dict) or set(document) != known:
            raise ReportError(_damaged(path, f"it does not have {', '.join(sorted(known))}"))
        found.append(Entry(**document | {"said": tuple(document["said"])}))
    return found


def _damaged(path: Path, why: str) -> str:
    return (
        f"reports/history/{path.name}: found no published report ({why}); restore it with `git "
        "checkout`, or move it away"
    )


def summary_of(table: str) -> str:
    """Return what is kept of a summary of findings in CSV."""
    rows = list(csv.DictReader(io.StringIO(table)))
    names = [name for name in (rows[0] if rows else {}) if _is_kept(name)]
    kept = [name for name in names if any(row[name] for row in rows)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*KEY, *kept])
    for row in rows:
        writer.writerow(
            [*(row.get(name, "") for name in KEY), *(_short(row[name]) for name in kept)]
        )
    return text.getvalue()


def _short(text: str) -> str:
    """Return a number with the digits that a change is judged by."""
    return f"{float(text):.{_DIGITS}g}" if text else ""


def _is_kept(name: str) -> bool:
    numbers = name.startswith(_KEPT) and not any(part in name for part in _SKIPPED)
    return name in _COUNTS or numbers


def entry_of(manifest: Mapping[str, Any], table: str, day: str, said: Sequence[str] = ()) -> Entry:
    """Return the entry of a published report.

    Parameters
    ----------
    manifest, table
        Its manifest, and its summary of findings as CSV.
    day
        When it was published.
    said
        What it said of the one before.
    """
    return Entry(
        report=manifest["report"],
        date=day,
        version=manifest["version"],
        key=manifest["key"],
        commit=manifest["commit"],
        inputs={k: v[:_SHORT] for k, v in manifest["inputs"].items() if _of_project(k)},
        code=_digest(manifest["code"]),
        series=dict(series(manifest["versions"])),
        summary=summary_of(table),
        said=tuple(said),
    )


def _digest(code: Mapping[str, str]) -> str:
    return sha256(json.dumps(dict(code), sort_keys=True).encode())[:16]


def _of_project(name: str) -> bool:
    """Return whether an input belongs to the project; templates belong to the code."""
    return name.startswith(("data/", "models/", "reports/")) and "/templates/" not in name


def keep(entry: Entry) -> Path | None:
    """Write an entry unless the last one is of the same inputs and code; return its file.

    The whole file is there or none of it. Beyond `RETAINED`, the oldest give way.

    Raises
    ------
    ReportError
        If it cannot be written; the report itself is published.
    """
    known = entries(entry.report)
    if known and known[-1].key == entry.key:
        return None
    same_day = sum(one.date == entry.date for one in known)
    path = folder() / f"{entry.report}.{entry.date}.{same_day:03d}.{entry.key[:8]}.json"
    parts = (f"{json.dumps(k)}: {_line(v)}" for k, v in asdict(entry).items())
    text = "{\n" + ",\n".join(parts) + "\n}\n"
    try:
        folder().mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise ReportError(
            f"reports/history/{path.name}: it could not be written: {error.strerror or error}. The "
            "report is published; make room and run `bayes-nmda report --force` to keep its numbers"
        ) from error
    for old in sorted(folder().glob(f"{entry.report}.*.json"))[:-RETAINED]:
        old.unlink(missing_ok=True)
    return path


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def today() -> str:
    """Return the day of publication; ``SOURCE_DATE_EPOCH`` names another, as builders do."""
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return (date.fromtimestamp(int(given)) if given.isdigit() else date.today()).isoformat()


def told(definition: ReportDefinition, key: str, inputs: Mapping[str, str], table: str) -> Told:
    """Return what a report says of those before it.

    Parameters
    ----------
    definition, key, inputs
        Of the report that is built.
    table
        Its summary of findings as CSV.
    """
    before = tuple(one for one in entries(definition.name) if one.key != key)
    rows = rows_of(summary_of(table))
    if not before:
        return Told((), rows, (), (), (), "")
    last = before[-1]
    moved = _moved_inputs(last, inputs)
    files = [name for name in moved if name.startswith(("data/", "models/"))]
    causes: tuple[Cause, ...] = ()
    unknown = ""
    if files:
        try:
            causes = tuple(_causes(definition, last, files))
        except _UnknownError as error:
            unknown = f"What each change moves by itself is not known: {error}."
    return Told(before, rows, tuple(moved), tuple(changes(last.rows, rows)), causes, unknown)


def _moved_inputs(last: Entry, inputs: Mapping[str, str]) -> list[str]:
    """Return the files, the code and the series of packages that are not those of an entry."""
    mine = {name: digest[:_SHORT] for name, digest in inputs.items() if _of_project(name)}
    now = series(versions())
    return [
        *(name for name in mine if last.inputs.get(name) != mine[name]),
        *(f"{name} (gone)" for name in last.inputs if name not in mine),
        *(["code"] if _digest(code()) != last.code else []),
        *(
            f"{name} {last.series[name]} → {number}"
            for name, number in now.items()
            if last.series.get(name, number) != number
        ),
    ]


class _UnknownError(Exception):
    """Why the headline of an older report cannot be computed again."""


def _causes(definition: ReportDefinition, last: Entry, files: Sequence[str]) -> Iterator[Cause]:
    """Yield what each change moves by itself: all tables of data together, and each model file.

    Tables refer to one another, so that one without the others may be no data at all.
    """
    parts = {"data": [name for name in files if name.startswith("data/")]}
    parts |= {name: [name] for name in files if name.startswith("models/")}
    with _as_it_was(last) as old:
        start = _headline(definition, old)
        for what, changed in parts.items():
            if not changed:
                continue
            with TemporaryDirectory() as place:
                mixed = _mixed(old, Path(place), changed)
                moved = tuple(_differences(start, _headline(definition, mixed)))
            rows = [words for name in changed if (words := _rows_moved(old / name))]
            yield Cause(f"{what} ({'; '.join(rows)})" if rows else what, moved)


def _rows_moved(old: Path) -> str:
    """Return how many rows of a table are new or gone, ``"outcomes.csv: 2 rows new, 1 gone"``.

    A row that changed is one that is new and one that is gone.
    """
    if old.suffix != ".csv":
        return ""
    now = paths.data() / old.name
    was, here = (
        Counter(path.read_text(encoding="utf-8").splitlines()[1:]) if path.is_file() else Counter()
        for path in (old, now)
    )
    new, gone = (here - was).total(), (was - here).total()
    return f"{old.name}: {count(new, 'row')} new, {gone} gone"


@contextmanager
def _as_it_was(last: Entry) -> Iterator[Path]:
    """Yield a folder with data and models as an older report had them, from git."""
    commit = last.commit.rstrip("+")
    if not commit:
        raise _UnknownError("it names no commit")
    try:
        done = subprocess.run(
            ["git", "-C", str(paths.root()), "archive", commit, "data", "models"],
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _UnknownError(f"git does not answer ({error})") from error
    if done.returncode:
        raise _UnknownError(f"git has no commit {commit[:12]} here")
    with TemporaryDirectory() as place:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(place, filter="data")
        old = Path(place)
        known = {f"{kind}/{k}": v for kind in ("data", "models") for k, v in
                 digest_of(old / kind, "*").items()}  # fmt: skip
        other = [n for n, d in last.inputs.items() if n in known and known[n][:_SHORT] != d]
        if other:
            raise _UnknownError(f"{other[0]} of that commit is not the file it was made of")
        (old / "reports").mkdir()
        yield old


def _mixed(old: Path, place: Path, changed: Sequence[str]) -> Path:
    """Return a folder like the old one, but for some files, which are those of today."""
    import shutil

    for kind in ("data", "models", "reports"):
        shutil.copytree(old / kind, place / kind)
    for name in changed:
        source, target = paths.root() / name, place / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        else:
            target.unlink(missing_ok=True)
    return place


def _headline(definition: ReportDefinition, root: Path) -> dict[tuple[str, str], float]:
    """Return the headline probabilities that the exact engine gives for the files of a folder."""
    from bayes_nmda.data import load_trials
    from bayes_nmda.effects import effect_table
    from bayes_nmda.gates.gated import fit
    from bayes_nmda.query import prob_benefit, prob_harm
    from bayes_nmda.query.draws import draws_of
    from bayes_nmda.spec.spec import load_model

    found: dict[tuple[str, str], float] = {}
    harms = definition.section("harms")
    models = [definition.primary, *(harms.models[:1] if harms is not None else ())]
    try:
        with paths.inside(root):
            trials = load_trials()
            for name in models:
                spec = load_model(name)
                draws = draws_of(fit(spec, effect_table(trials, spec), engine="exact"))
                if spec.likelihood.family == "normal":
                    size = spec.thresholds.benefit_sizes[1]
                    answer = prob_benefit(draws, at_least=[0, size])
                    words = "any benefit", f"a benefit of at least {size:g} {spec.unit}"
                else:
                    size = max(spec.thresholds.risk_sizes)
                    answer = prob_harm(draws, measure="RD", at_least=[0, size])
                    words = "any harm", f"at least {1000 * size:g} more in 1000"
                for record in answer.records:
                    label = cell_label(record["drug"], record["route"], record["timepoint"])
                    name = f"{label.replace('/', ', ')}, {words[bool(record['at_least'])]}"
                    found[spec.select.outcome, name] = float(record["probability"])
    except BayesNmdaError as error:
        raise _UnknownError(
            f"today's code cannot compute it ({str(error).splitlines()[0]})"
        ) from error
    return found


def _differences(
    old: Mapping[tuple[str, str], float], new: Mapping[tuple[str, str], float]
) -> Iterator[str]:
    for place in {**old, **new}:
        name = f"{outcome(place[0]).lower()}, {place[1]}"
        was, now = old.get(place), new.get(place)
        if was is None or now is None:
            yield f"{name}: {'no longer there' if now is None else f'new, {100 * now:.0f} %'}"
        elif abs(now - was) >= _LEAST:
            yield f"{name}: {100 * was:.1f} % → {100 * now:.1f} %"


def history_figure(found: Told, column: str, words: str) -> Figure | None:
    """Return each headline probability over time; None where there is one report only.

    Parameters
    ----------
    found
        The reports; of each treatment its first timepoint is drawn.
    column
        Name of the probability in a summary of findings.
    words
        What it is the probability of.
    """
    if not found.before:
        return None
    times = [entry.rows for entry in found.before] + [found.rows]
    labels = [entry.date for entry in found.before] + ["this report"]
    chosen: dict[tuple[str, str], tuple[str, ...]] = {}
    for key, row in found.rows.items():
        if row.get(column):
            chosen.setdefault((key[1], key[2]), key)
    lines = {place: [_value(rows, key, column) for rows in times] for place, key in chosen.items()}
    if not lines:
        return None
    last = {place: values[-1] for place, values in lines.items()}
    lead = max(last, key=lambda place: last[place] or 0.0)
    alt = (
        f"Probability of {words} in {len(times)} published reports, from {labels[0]} to "
        f"{labels[-1]}. {title(', '.join(filter(None, lead)))}: "
        + ", ".join("none" if v is None else f"{100 * v:.0f} %" for v in lines[lead])
        + "."
    )
    with canvas(PAGE, 2.9) as figure:
        axes = figure.subplots()
        at = list(range(len(times)))
        for place, values in lines.items():
            known = [(x, v) for x, v in zip(at, values, strict=True) if v is not None]
            axes.plot(
                [x for x, _ in known], [v for _, v in known], "o-", ms=3.5,
                color=BLUE if place == lead else GREY, lw=2 if place == lead else 0.9,
                alpha=1 if place == lead else 0.6,
                label=title(", ".join(filter(None, place))) if place == lead else None,
            )  # fmt: skip
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        axes.set_xticks(at, labels, rotation=35, ha="right")
        axes.axhline(0.5, color=INK, lw=0.6)
        axes.set_ylabel("probability")
        axes.legend(loc="upper right")
        svg = drawing(figure, "history-headline", alt)
    caption = f"{alt} Grey: the other treatments, each at its first timepoint."
    return Figure("history-headline", svg, caption, alt)


def _value(rows: Rows, key: tuple[str, ...], column: str) -> float | None:
    text = rows.get(key, {}).get(column, "")
    return float(text) if text else None


def table(found: Told, column: str) -> list[dict[str, str]]:
    """Return one probability in every report, with its error, a row a report and combination.

    All numbers of each report stand in its file in ``reports/history/``.
    """
    reports = [(one.date, one.version, one.key, one.rows) for one in found.before]
    kept = (*_COUNTS, column, f"{column}_mcse")
    return [
        {"published": day, "version": version, "key": key}
        | dict(zip(KEY, place, strict=True))
        | {name: row.get(name, "") for name in kept}
        for day, version, key, rows in [*reports, ("this report", "", "", found.rows)]
        for place, row in rows.items()
        if row.get(column)
    ]
