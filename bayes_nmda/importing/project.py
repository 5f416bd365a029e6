"""A review and its mapping → a whole project: tables, words, models, a report definition.

Everything is made and checked in a folder of its own before a file of the project is touched. What
was written here carries its digest in its first line, so that a second import, after the mapping
was edited, replaces what nobody changed and keeps what somebody did.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import tomli_w

from bayes_nmda import paths
from bayes_nmda.data.descriptor import DESCRIPTOR, read_package
from bayes_nmda.data.dictionary import dictionary
from bayes_nmda.data.raw import CHECKSUMS
from bayes_nmda.data.reading import csv_text
from bayes_nmda.data.vocabulary import VOCABULARY
from bayes_nmda.errors import BayesNmdaError, DataError, SpecError, UsageError, WriteError
from bayes_nmda.importing import read_source
from bayes_nmda.importing.container import files_of
from bayes_nmda.importing.mapping import (
    CONTRASTS,
    NAME,
    OF_LIST,
    ReviewMapping,
    propose,
    split_time,
    to_table,
)
from bayes_nmda.importing.printed import OF_COUNTS, OF_MEANS, measure_of, pooled_met
from bayes_nmda.importing.rows import Row, Settings, Source, slug, words_of
from bayes_nmda.importing.tables import SetAside, Tables, make_tables, read_mapping
from bayes_nmda.spec.parameters import in_words

if TYPE_CHECKING:
    from bayes_nmda.spec.spec import ModelSpec

_MARK: Final = re.compile(r"\A# Written by `bayes-nmda import`[^\n]*sha256 ([0-9a-f]{64})\n")
#: How the descriptor describes effects without arms.
_CONTRASTS: Final = Path(__file__).with_name("contrasts.json")
_SCRIPT: Final = '''"""The tables of this project: what ../mapping.toml makes of the files here."""

import sys

from bayes_nmda.importing.tables import main

sys.exit(main(*sys.argv[1:3]))
'''
_README: Final = """# Data: what a review reported

`raw/` holds its files as they came, `mapping.toml` what their names mean, the tables what both make
together. After the mapping was edited: `bayes-nmda import`, as before.
"""
#: Models that a report tells of each kind; further ones are there and can be asked.
_MOST: Final = {"function": 8, "responders": 6, "harms": 12, "active": 12}
#: Lines of a list that are printed; all are in the document.
_SHOWN: Final = 12
_DAYS: Final = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1, "week": 7, "month": 30.4, "year": 365}
_TERMS: Final = tuple(words_of("times")["order"])


@dataclass(slots=True)
class Imported:
    """What came of an import.

    Attributes
    ----------
    rows, used
        Rows of the file, and those that stand in the tables.
    set_aside
        The others, each with its reason.
    effects_printed, effects_reproduced
        Printed effects of rows, and those that the imported numbers give again.
    not_reproduced
        The others: file, row, analysis, how far off.
    effects_blank
        Rows of which the review prints no effect: file, row, analysis, trial.
    pooled_printed, pooled_reproduced, pooled_methods
        Pooled results, where the file prints them, and by which method they come out.
    measures
        Of each analysis.
    to_settle
        What a person should settle in the mapping: where, which word, what is proposed.
    models, models_left_out
        Model files, and outcomes without one, with the reason.
    kept
        Files that somebody changed, and that were left as they are.
    """

    project: str
    mapping: str
    rows: int
    used: int
    set_aside: list[SetAside]
    effects_printed: int
    effects_reproduced: int
    not_reproduced: list[dict[str, Any]]
    pooled_printed: int = 0
    pooled_reproduced: int = 0
    pooled_methods: dict[str, str] = field(default_factory=dict)
    measures: dict[str, str] = field(default_factory=dict)
    to_settle: list[dict[str, str]] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    models_left_out: list[dict[str, str]] = field(default_factory=list)
    effects_blank: list[dict[str, Any]] = field(default_factory=list)
    report: str = ""
    kept: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return everything as one document for ``--json``."""
        return {"schema_version": 1, "command": "import", **asdict(self)}

    def told(self) -> str:
        """Return what a person should know, in sentences."""
        lines = [
            f"{self.project}: {self.used} of {self.rows} rows used, {len(self.set_aside)} set "
            f"aside; {self.effects_reproduced} of {self.effects_printed} printed effects come out "
            "again"
        ]
        if self.pooled_printed:
            lines.append(
                f"{self.pooled_reproduced} of {self.pooled_printed} pooled results come out again"
            )
        reasons: dict[str, int] = {}
        for one in self.set_aside:
            reason = re.sub(r"\brow \d+", "a row", one.reason)
            reasons[reason] = reasons.get(reason, 0) + 1
        lines += [f"  set aside: {count}: {reason}" for reason, count in reasons.items()]
        if self.effects_blank:
            blank = ", ".join(f"{one['row']} ({one['study']})" for one in self.effects_blank)
            lines.append(f"  without a printed effect: rows {blank}")
        lines += [
            f"  not reproduced: {one['file']} row {one['row']} ({one['study']}): {one['reason']}"
            for one in self.not_reproduced[:_SHOWN]
        ]
        lines += [
            f"  no model {one['model']}: {one['reason']}" for one in self.models_left_out[:_SHOWN]
        ]
        if self.to_settle:
            lines.append(f"{len(self.to_settle)} names to settle in {self.mapping}:")
            lines += [
                f"  {one['where'] or 'review'}: {one['what']}, proposed {one['proposed']!r}"
                for one in self.to_settle[:_SHOWN]
            ]
            if len(self.to_settle) > _SHOWN:
                lines.append(f"  and {len(self.to_settle) - _SHOWN} more")
        lines += [f"kept as it was changed: {name}" for name in self.kept]
        lines.append(f"next: bayes-nmda check --project {self.project}")
        return "\n".join(lines)


def import_review(
    given: Path | None,
    folder: Path,
    *,
    kind: str = "",
    options: Mapping[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Imported:
    """Write, or write anew, a project from the files of a review.

    Parameters
    ----------
    given
        A file, a folder or a zip archive; None reads those that the project keeps.
    folder
        A new or an empty folder, one that ``init`` wrote and nobody changed, or one that an import
        wrote: its mapping is then kept and used.
    kind
        ``"table"`` for a plain table.
    options
        Of a plain table: ``outcome``, ``measure``, ``control``.
    say
        Called at each step.

    Raises
    ------
    UsageError
        If the folder holds another project, or there is no file.
    DataError
        If the file cannot be read, or the tables would break a rule; nothing is written.
    WriteError
        If the folder cannot be written.
    """
    target = folder.expanduser().resolve()
    before = _mapping_there(target, given)
    if given is None and before is None:
        raise UsageError("import: found no file and no project that was imported; give a file")
    say("reading")
    if given is None:
        assert before is not None
        files = {name: (target / "data" / "raw" / name).read_bytes() for name in before.files}
        source = read_source(files, before.kind, before.options)
    else:
        whole = files_of(given)
        source = read_source(whole, kind, options)
        files = _kept(whole, source, given)
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    names = tuple(sorted(files))
    mapping = before or propose(source, files=names, date=today, options=dict(options or {}))
    if before is not None and set(before.files) != set(names):
        raise UsageError(
            f"import: found {', '.join(names)}; {folder} was made from {', '.join(before.files)}. "
            "Import another review into another folder"
        )
    made = make_tables(source, mapping)
    found = _checked(source, mapping, made, str(folder))
    say("writing tables and models")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".import-"))
    except OSError as error:
        raise WriteError(f"import: cannot write to {target.parent}: {error.strerror}") from error
    try:
        new = scratch / "new"
        _write(new, mapping, made, files, found)
        _put(new, target, before is not None, found)
    except OSError as error:
        raise WriteError(
            f"import: cannot write {folder}: {error.strerror}; nothing that stood there was lost"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return found


def _mapping_there(target: Path, given: Path | None) -> ReviewMapping | None:
    """Return the mapping of a project that was imported; None where there is room for a new one."""
    if (target / "data" / NAME).is_file():
        return read_mapping(target / "data")
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return None
    if _is_example(target):
        return None
    raise UsageError(
        f"import: found {str(target)!r}, which holds something else; allowed is a new or an empty "
        "folder, one that `bayes-nmda init` wrote, or one that was imported before"
        + ("" if given else ". Give a file, too")
    )


def _is_example(target: Path) -> bool:
    """Tell whether a folder is what ``init`` wrote, and nothing more."""
    example = Path(__file__).parent.parent / "cli" / "example"
    known = {p.relative_to(example).as_posix() for p in example.rglob("*") if p.is_file()}
    there = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    made = {f"data/{DESCRIPTOR}", "data/README.md", "models/schema.json"}
    made |= {name for name in there if re.fullmatch(r"data/[a-z_]+\.csv", name)}
    if not known <= there or not there <= known | made:
        return False
    return all((example / name).read_bytes() == (target / name).read_bytes() for name in known)


def _kept(whole: Mapping[str, bytes], source: Source, given: Path) -> dict[str, bytes]:
    """Return the files that a project keeps: those that were read, by their last name."""
    endings = ("data-rows.csv", "settings.csv", "subgroup-estimates.csv", "study-information.csv",
               "risk-of-bias.csv")  # fmt: skip
    read = {PurePosixPath(row.file).name for row in source.rows}
    kept = {
        PurePosixPath(name).name: content
        for name, content in whole.items()
        if PurePosixPath(name).name in read or name.lower().endswith(endings)
    }
    return kept or {given.name: next(iter(whole.values()))}


def _checked(source: Source, mapping: ReviewMapping, made: Tables, folder: str) -> Imported:
    """Compare what was printed with what the numbers give."""
    grouped: dict[str, list[Row]] = {}
    for row in source.rows:
        grouped.setdefault(row.analysis, []).append(row)
    found = Imported(folder, f"{folder}/data/{NAME}", 0, 0, made.set_aside, 0, 0, [])
    places = {(row.file, row.row) for row in source.rows}
    places |= {(row.file, row.beside) for row in source.rows if row.beside}
    found.rows, found.used = len(places), len(made.used)
    for number, rows in grouped.items():
        settings = source.settings.get(number, Settings())
        measure, _, met = measure_of(rows, settings)
        found.measures[number] = measure
        found.effects_blank += [
            {"file": row.file, "row": row.row, "analysis": number, "study": row.study}
            for row in rows
            if row.printed is None
        ]
        for i, one in met.items():
            found.effects_printed += 1
            found.effects_reproduced += one.reproduced
            if not one.reproduced:
                row = rows[i]
                reason = (
                    f"off by {one.difference:.3g} as {one.measure}"
                    if one.measure and one.difference < float("inf")
                    else "no numbers to compute it from"
                )
                found.not_reproduced.append(
                    {"file": row.file, "row": row.row, "analysis": number, "study": row.study,
                     "reason": reason}
                )  # fmt: skip
        for result in (p for p in source.pooled if p.analysis == number):
            own = [r for r in rows if not result.subgroup or r.subgroup == result.subgroup]
            good, method = pooled_met(result, own, measure, settings)
            found.pooled_printed += 1
            found.pooled_reproduced += good
            where = f"{number} {result.subgroup}".strip()
            found.pooled_methods[where] = method if good else "not reproduced"
    for where, word, proposed in mapping.unsettled:
        found.to_settle.append({"where": where, "what": word, "proposed": proposed})
    return found


def _write(
    new: Path,
    mapping: ReviewMapping,
    made: Tables,
    files: Mapping[str, bytes],
    found: Imported,
) -> None:
    """Write the whole project into an empty folder, checked."""
    for name in ("data/raw", "models", "reports"):
        (new / name).mkdir(parents=True)
    shutil.copy(paths.shipped() / "models" / "schema.json", new / "models")
    for name, content in files.items():
        (new / "data" / "raw" / name).write_bytes(content)
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    (new / "data" / "raw" / CHECKSUMS).write_text("".join(lines), encoding="utf-8")
    (new / "data" / "raw" / "make.py").write_text(_SCRIPT, encoding="utf-8")
    (new / "data" / NAME).write_text(_told(to_table(mapping)), encoding="utf-8")
    words = _vocabulary(mapping, made)
    _marked(new / "data" / VOCABULARY, tomli_w.dumps(words))
    descriptor, rows = _descriptor(mapping, words), made.rows_of()
    for table in descriptor["resources"]:
        columns = [column["name"] for column in table["schema"]["fields"]]
        content = csv_text(columns, rows.get(table["name"], [])).encode()
        (new / "data" / table["path"]).write_bytes(content)
        table["hash"] = _hash(content)
    text = json.dumps(descriptor, indent=1, ensure_ascii=False) + "\n"
    (new / "data" / DESCRIPTOR).write_text(text, encoding="utf-8")
    with paths.inside(new):
        package = read_package()
        (new / "data" / "README.md").write_text(dictionary(_README, package), encoding="utf-8")
        _models(new, mapping, made, found)
        _report(new, mapping, made, words, found)


def _told(table: Mapping[str, Any]) -> str:
    head = (
        "# What the names of this review mean here. What its file does not say is proposed and\n"
        "# listed under settle: correct the value, take its name off the list, and import again.\n"
        "# use = false leaves an analysis out; class is benefit, responder, function or harm.\n"
    )
    return head + tomli_w.dumps(table)


def _marked(path: Path, text: str) -> None:
    digest = hashlib.sha256(text.encode()).hexdigest()
    head = f"# Written by `bayes-nmda import`, which keeps it once it is changed: sha256 {digest}\n"
    path.write_text(head + text, encoding="utf-8")


def _unchanged(path: Path) -> bool:
    """Tell whether a file is as an import wrote it."""
    text = path.read_text(encoding="utf-8")
    found = _MARK.match(text)
    if found is None:
        return False
    return hashlib.sha256(text[found.end() :].encode()).hexdigest() == found[1]


def _vocabulary(mapping: ReviewMapping, made: Tables) -> dict[str, Any]:
    rows = [*made.arms, *made.contrasts]
    treated = [r["drug"] for r in rows if r.get("role", "treatment") == "treatment"]
    outcomes: dict[str, dict[str, str]] = {}
    labels = _labels(mapping)
    for record in (*made.outcomes, *made.contrasts):
        word = record["outcome"]
        if word in outcomes:
            continue
        label, outcome_class, unit = labels[word]
        entry = {"label": label, "class": outcome_class}
        if "kind" in record:
            entry["kind"] = record["kind"]
        entry["better"] = "higher" if record["higher_is_better"] == "true" else "lower"
        outcomes[word] = entry | ({"unit": unit} if unit else {})
    times = dict.fromkeys(r["timepoint"] for r in (*made.outcomes, *made.contrasts))
    question = {
        name: word
        for name, word in (
            ("benefit", _first(outcomes, "benefit", "function")),
            ("harm", _first(outcomes, "harm")),
            ("responders", _first(outcomes, "responder")),
        )
        if word and _has_reference(mapping, made, word)
    }
    review = {"name": mapping.name} | ({"doi": mapping.doi} if mapping.doi else {})
    return {
        "title": mapping.title,
        "treatments": list(dict.fromkeys(treated)),
        "routes": list(dict.fromkeys(r["route"] for r in rows if r["route"])),
        "review": review,
        "comparators": {"reference": mapping.reference, "others": "active",
                        "others_said": "another comparator"},
        "question": question,
        "timepoints": {
            word: {"said": f"({word})", "letter": _letter(word)}
            for word in sorted(times, key=_when)
            if word
        },
        "outcomes": outcomes,
    }  # fmt: skip


def _labels(mapping: ReviewMapping) -> dict[str, tuple[str, str, str]]:
    """Return label, class and unit of every outcome; labels differ where keys do."""
    found: dict[str, tuple[str, str, str]] = {}
    taken: set[str] = set()
    for one in mapping.analyses:
        if not one.use:
            continue
        parts = {one.outcome: one.label} | {
            part.outcome: _label_of(one.label, part.name) for part in one.subgroups if part.outcome
        }
        for word, label in parts.items():
            if word in found:
                continue
            plain = label[:1].upper() + label[1:]
            more = one.instrument if one.measure == "MD" else one.measure
            own = plain if plain not in taken else f"{plain} ({more or word.replace('_', ' ')})"
            own = own if own not in taken else word.replace("_", " ").capitalize()
            taken.add(own)
            unit = one.unit or ("SD" if one.measure == "SMD" else "")
            found[word] = own, one.outcome_class, unit
    return found


def _label_of(whole: str, part: str) -> str:
    rest, _ = split_time(part)
    rest = rest or part
    if OF_LIST.search(whole) or rest.lower().startswith(whole.lower()):
        return rest  # the part says enough
    return f"{whole}: {rest}"


def _first(outcomes: Mapping[str, Mapping[str, str]], *classes: str) -> str:
    for one in classes:
        for word, entry in outcomes.items():
            if entry["class"] == one:
                return word
    return ""


def _has_reference(mapping: ReviewMapping, made: Tables, word: str) -> bool:
    arms = {(a["trial"], a["arm"]): a["comparator"] for a in made.arms}
    of = {arms[(r["trial"], r["arm"])] for r in made.outcomes if r["outcome"] == word}
    of |= {r["comparator"] for r in made.contrasts if r["outcome"] == word}
    return mapping.reference in of


def _when(word: str) -> tuple[int, float, str]:
    for i, term in enumerate(_TERMS):
        if word.startswith(term):
            return 0, float(i), word
    found = re.search(r"(\d+) (minute|hour|day|week|month|year)", word)
    return (1, float(found[1]) * _DAYS[found[2]], word) if found else (2, 0.0, word)


def _letter(timepoint: str) -> str:
    """Return a mark of a timepoint for a narrow field: ``"6m"`` of 6 months."""
    parts = re.findall(r"\d+(?:\.\d+)?|[a-z]+", timepoint)
    marks = [part if part[0].isdigit() else part[0] for part in parts]
    return "".join(marks)


def _descriptor(mapping: ReviewMapping, words: Mapping[str, Any]) -> dict[str, Any]:
    """Return the descriptor of the tables: the shipped project's with the words of this one."""
    origin = paths.shipped() / "data" / DESCRIPTOR
    descriptor: dict[str, Any] = json.loads(origin.read_text(encoding="utf-8"))
    controls = {c.control for c in mapping.comparisons}
    controls |= {a.control for a in mapping.analyses if a.control}
    controls |= {p.control for a in mapping.analyses for p in a.subgroups if p.control}
    comparators = [mapping.reference, *sorted(controls - {mapping.reference})]
    allowed = {
        "drug": list(dict.fromkeys([*words["treatments"], *comparators])),
        "route": words["routes"],
        "comparator": comparators,
        "outcome": list(words["outcomes"]),
        "timepoint": list(words["timepoints"]),
        "measure": [*OF_MEANS, *OF_COUNTS],
        "route_basis": ["confirmed", "inferred", "none"],
    }
    tables = [t for t in descriptor["resources"] if t["name"] != "arm_links"]
    tables.append(json.loads(_CONTRASTS.read_text(encoding="utf-8")))
    for table in tables:
        for column in table["schema"]["fields"]:
            limits = column.get("constraints", {})
            if column["name"] == "outcome_id":  # times are words of the review
                limits["pattern"] = "[a-z0-9_]+(:[a-z0-9_]+){2}(:[a-z0-9 .+-]+)?"
            if column["name"] == "year":
                limits["minimum"] = 1900
            if column["name"] == "route":
                limits.pop("required", None)
            if "maximum" in limits and limits["maximum"] == 1000000:
                limits["maximum"] = 1e9
                if limits.get("minimum") == -1000000:
                    limits["minimum"] = -1e9
            if "enum" not in limits:
                continue
            if column["name"] in allowed and table["name"] != "contrasts":
                limits["enum"] = allowed[column["name"]]
                if not limits["enum"]:
                    del limits["enum"]
            elif column["name"] == "condition_class":
                del limits["enum"]
            elif (table["name"], column["name"]) == ("decisions", "table"):
                limits["enum"] = [*limits["enum"], "contrasts"]
    return descriptor | {
        "name": slug(mapping.name) or "imported",
        "title": mapping.title,
        "description": f"Rows of {mapping.name}, as its files give them; the names are those of "
        f"{NAME}, and what is set aside stands in decisions.csv.",
        "sources": [{"title": mapping.title, **({"path": f"https://doi.org/{mapping.doi}"}
                                                 if mapping.doi else {})}],
        "licenses": [{"title": "Those of the review", "name": "other"}],
        "resources": tables,
    }  # fmt: skip


def _models(new: Path, mapping: ReviewMapping, made: Tables, found: Imported) -> None:
    """Write a model for each outcome, against the reference and against all other comparators."""
    from bayes_nmda.data import load_trials
    from bayes_nmda.effects import EffectTables
    from bayes_nmda.spec.default import default_model
    from bayes_nmda.spec.spec import load_model

    trials = load_trials(new / "data")
    tables = EffectTables(trials)
    arms = {(a["trial"], a["arm"]): a["comparator"] for a in made.arms}
    measures = _measures(mapping)
    about = {word: (label, unit) for word, (label, _, unit) in _labels(mapping).items()}
    for word, measure in measures.items():
        against = {arms[(r["trial"], r["arm"])] for r in made.outcomes if r["outcome"] == word}
        against |= {r["comparator"] for r in made.contrasts if r["outcome"] == word}
        against -= {""}
        wanted = [(word, mapping.reference)] if mapping.reference in against else []
        wanted += [(f"{word}_active", "active")] if against - {mapping.reference} else []
        for name, comparator in wanted:
            try:
                spec = default_model(trials, outcome=word, comparator=comparator, measure=measure)
                text = tomli_w.dumps(_in_unit(spec, *about[word]))
                _marked(new / "models" / f"{name}.toml", text)
                tables.of(load_model(name))
                found.models.append(name)
            except (SpecError, DataError, UsageError, BayesNmdaError) as error:
                (new / "models" / f"{name}.toml").unlink(missing_ok=True)
                found.models_left_out.append({"model": name, "reason": str(error)})
    page = (
        "# Models: what is assumed\n\nWritten by `bayes-nmda import` with `default_model`: "
        "published priors of each measure.\n"
    )
    (new / "models" / "README.md").write_text(page, encoding="utf-8")


def _in_unit(spec: ModelSpec, label: str, unit: str) -> dict[str, Any]:
    """Return a model as its file has it, a mean difference in the unit of the mapping."""
    table = spec.to_mapping()
    table["effect"]["scale"] = (
        f"{label[:1].lower() + label[1:]} in {unit or table['effect']['unit']}: a {spec.benefit} "
        "difference favours the treatment"
    )
    if spec.measure == "MD":
        table["effect"]["unit"] = own = unit or "units of the scale"
        for name, prior in spec.priors:
            table["priors"][name]["reading"] = in_words(name, prior, own)
    return table


def _measures(mapping: ReviewMapping) -> dict[str, str | None]:
    """Return the measure of the model of each outcome."""
    found: dict[str, str | None] = {}
    for one in mapping.analyses:
        if one.use:
            measure = one.measure if one.measure in OF_MEANS else "log_or"
            words = {one.outcome, *(part.outcome for part in one.subgroups if part.outcome)}
            for word in sorted(words):
                found.setdefault(word, None if one.measure in CONTRASTS else measure)
    return found


def _report(
    new: Path,
    mapping: ReviewMapping,
    made: Tables,
    words: Mapping[str, Any],
    found: Imported,
) -> None:
    """Write a report definition, where an outcome is measured against the reference."""
    from bayes_nmda.report.definition import load_definition
    from bayes_nmda.spec.spec import load_model

    specs = {name: load_model(name) for name in found.models}
    size = _trials_of(made)
    ordered = sorted(specs, key=lambda name: -size.get(specs[name].select.outcome, 0))
    classes = {word: entry["class"] for word, entry in words["outcomes"].items()}
    kinds: dict[str, list[str]] = {key: [] for key in ("primary", *_MOST)}
    for name in ordered:
        spec = specs[name]
        counted = spec.likelihood.family != "normal"
        if spec.select.comparator == "active":
            kinds["active"].append(name)
        elif counted:
            kinds["harms" if spec.benefit == "negative" else "responders"].append(name)
        elif not kinds["primary"] and classes[spec.select.outcome] in ("benefit", "function"):
            kinds["primary"].append(name)
        else:
            kinds["function"].append(name)
    if not kinds["primary"] and kinds["function"]:
        kinds["primary"].append(kinds["function"].pop(0))
    better = [n for n in kinds["function"] if classes[specs[n].select.outcome] == "benefit"]
    first = kinds["primary"][0] if kinds["primary"] else ""
    if first and classes[specs[first].select.outcome] != "benefit" and better:
        kinds["function"].remove(better[0])
        kinds["function"].insert(0, first)
        kinds["primary"] = [better[0]]
    if not kinds["primary"]:
        found.models_left_out.append(
            {"model": "report", "reason": "no outcome is measured against "
             f"{mapping.reference}, which a report leads with; its models can be asked"}
        )  # fmt: skip
        return
    kinds["harms"].sort(key=lambda name: classes[specs[name].select.outcome] != "harm")
    told, further = _sections(kinds, specs, words)
    limits = _unsettled(mapping)
    if found.set_aside:
        limits.append(
            f"{len(found.set_aside)} rows of the file are not used; decisions.csv says why."
        )
    if further:
        limits.append("With a model and not told here: " + ", ".join(further) + ".")
    harms = _harms(kinds, specs, words)
    table: dict[str, Any] = {
        "title": mapping.title,
        "subtitle": f"A Bayesian reading of the trials in {mapping.name}",
        "columns": harms[:3],
        "limits": list(dict.fromkeys(limits)),
        "section": told,
    }
    found.report = "review"
    _marked(new / "reports" / "review.toml", tomli_w.dumps(table))
    load_definition("review")


def _unsettled(mapping: ReviewMapping) -> list[str]:
    """Say what nobody has settled, in as few sentences as it takes."""
    open_ = mapping.unsettled
    found = []
    names = [where for where, word, _ in open_ if word in ("treatment", "control")]
    if names:
        told = ", ".join(dict.fromkeys(where.removeprefix("comparison ") for where in names))
        found.append(
            f"Names of treatments and comparators are proposals that nobody has confirmed "
            f"(comparisons {told})."
        )
    for words, said in (("better", "which way is better"), ("measure", "the review’s measure"),
                        ("given_as", "what ratio an effect without arms is")):  # fmt: skip
        of = dict.fromkeys(
            f"{mapping.analysis(where.removeprefix('analysis ')).label} ({proposed})"
            for where, word, proposed in open_
            if word == words
        )
        if of:
            found.append(f"Proposed and not confirmed, {said}: {', '.join(of)}.")
    return found


def _sections(
    kinds: Mapping[str, list[str]], specs: Mapping[str, Any], words: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[str]]:
    primary = kinds["primary"][0]
    spec = specs[primary]
    largest = max(spec.thresholds.benefit_sizes)
    step = float(f"{largest / 10:.1g}")
    label = words["outcomes"][spec.select.outcome]["label"]
    curve = [0.0, round(step * 15, 10), step]
    found: list[dict[str, Any]] = [
        {"kind": "primary", "title": label, "models": [primary], "curve": curve,
         "labels": {primary: "Primary"}}
    ]  # fmt: skip
    titles = {"function": "Other outcomes that were measured", "responders": "Good events",
              "harms": "Harms and other events to avoid",
              "active": "Against other comparators"}  # fmt: skip
    further: list[str] = []
    for kind in ("harms", "responders", "function", "active"):
        chosen = kinds[kind][: _MOST[kind]]
        further += kinds[kind][_MOST[kind] :]
        if chosen:
            found.append({"kind": kind, "title": titles[kind], "models": chosen})
    if harms := _harms(kinds, specs, words):
        sizes = [float(x) for x in spec.thresholds.benefit_sizes]
        found.append(
            {"kind": "tradeoff", "title": "Benefit against harm",
             "models": [primary, harms[0]], "at_least": sizes,
             "at_most": [0, 0.05, 0.1, 0.2]}
        )  # fmt: skip
    return found, further


def _harms(
    kinds: Mapping[str, list[str]], specs: Mapping[str, Any], words: Mapping[str, Any]
) -> list[str]:
    """Return the models of what is a harm by its name, and no complaint that stayed."""
    outcomes = words["outcomes"]
    told = kinds["harms"][: _MOST["harms"]]
    return [name for name in told if outcomes[specs[name].select.outcome]["class"] == "harm"]


def _trials_of(made: Tables) -> dict[str, int]:
    found: dict[str, set[str]] = {}
    for record in (*made.outcomes, *made.contrasts):
        found.setdefault(record["outcome"], set()).add(record["trial"])
    return {word: len(names) for word, names in found.items()}


def _put(new: Path, target: Path, again: bool, found: Imported) -> None:
    """Put a project in place: whole where there is none, else what nobody changed."""
    if not again:
        if target.is_dir():
            shutil.rmtree(target)  # empty, or the example that nobody changed
        os.replace(new, target)
        return
    _refuse_changed(target)
    owned = {VOCABULARY: "data", "review.toml": "reports"}
    fresh = {p.relative_to(new).as_posix(): p for p in new.rglob("*") if p.is_file()}
    mine = [f"{folder}/{name}" for name, folder in owned.items()]
    mine += [name for name in fresh if re.fullmatch(r"models/[^/]+\.toml", name)]
    for name in mine:
        there = target / name
        if there.is_file() and not _unchanged(there):
            found.kept.append(name)
            fresh.pop(name, None)
    gone = [
        path
        for path in (target / "models").glob("*.toml")
        if f"models/{path.name}" not in fresh and _unchanged(path)
    ]
    fresh.pop(f"data/{NAME}", None)  # that of the person
    for name in sorted(fresh, key=_last):
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.{os.getpid()}")
        shutil.copyfile(fresh[name], part)
        os.replace(part, place)
    for path in gone:
        path.unlink()


def _last(name: str) -> tuple[bool, str]:
    """Sort tables of data last, so that a kill leaves them as they were."""
    return name.startswith("data/") and name.endswith(".csv"), name


def _refuse_changed(target: Path) -> None:
    """Raise `DataError` if a table is not as an import wrote it, by its hash."""
    descriptor = json.loads((target / "data" / DESCRIPTOR).read_text(encoding="utf-8"))
    changed = [
        table["path"]
        for table in descriptor["resources"]
        if (target / "data" / table["path"]).is_file()
        and _hash((target / "data" / table["path"]).read_bytes()) != table.get("hash")
    ]
    if changed:
        raise DataError(
            f"import: found {', '.join(changed)} changed since they were imported; an import would "
            "lose that. Keep a copy of the rows, restore the tables with git, import, and add the "
            "rows again"
        )


def _hash(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
