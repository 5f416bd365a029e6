"""What is stale is built, what is built is checked, and only what passed is published.

Everything that can be wrong without sampling (data, every model file, the definition, the
templates, the replication of the review) is looked at before the first fit.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda import __version__, paths
from bayes_nmda.errors import FitError, LockedError
from bayes_nmda.report import history, provenance, publish, staleness
from bayes_nmda.report.definition import ReportDefinition, load_definition
from bayes_nmda.report.staleness import what_is_stale

if TYPE_CHECKING:
    import pandas as pd

    from bayes_nmda.report.content import Content
    from bayes_nmda.report.history import Entry, Told

__all__ = ["BuildResult", "build_report", "what_is_stale"]

Say = Callable[[str], None]
#: Logs of builds that are kept.
LOGS: Final = 30


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build did.

    Attributes
    ----------
    path
        The page of the last good report.
    built
        Whether anything was built.
    message
        What happened, in words.
    seconds
        How long it took.
    changes
        What it says otherwise than the report before, beyond Monte Carlo error.
    reasons
        Why it was built, empty where nothing was stale.
    said
        What changed since the report before, and which change moved what.
    log
        The file with every step, None where nothing was built.
    """

    path: Path
    built: bool
    message: str
    seconds: float
    changes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    log: Path | None = None


def build_report(
    name: str = "evidence", *, force: bool = False, progress: Say | None = None
) -> BuildResult:
    """Return the last good report, built anew if anything it rests on changed.

    Parameters
    ----------
    name
        A report in ``reports/``.
    force
        Build the pages even if nothing is stale; stored fits are still used.
    progress
        Called with a short text at each step.

    Raises
    ------
    DataError, SpecError
        If data or a model file break a rule; nothing was sampled.
    FitError
        If a gate failed; nothing was published, and the message says which and by how much.
    ReportError
        If the definition breaks a rule, or the report cannot be written.
    LockedError
        If another build is under way.
    """
    started = time.perf_counter()
    say = progress or (lambda _: None)
    definition = load_definition(name)
    publish.require_places(len(definition.models))
    with _lock():
        publish.recover()
        reasons = what_is_stale(name)
        page = publish.published() / "index.html"
        if not reasons and not force:
            page = paths.latest() / "index.html"
            spent = time.perf_counter() - started
            return BuildResult(page, False, f"report {name}: nothing is stale", spent)
        with _logged(name, say) as (log, say):
            for reason in reasons:
                say(reason)
            durations: dict[str, float] = {}
            folder, past, entry = _build(definition, durations, say)
            say("publishing")
            publish.publish(folder)
            history.keep(entry)
    spent = time.perf_counter() - started
    message = f"report {name}: every gate passed; published in {spent:.0f} s"
    return BuildResult(
        page, True, message, spent, past.numbers, tuple(reasons), tuple(past.sentences()), log
    )


@contextmanager
def _logged(name: str, say: Say) -> Iterator[tuple[Path, Say]]:
    """Yield a file that is written to as the build goes on, and what tells it and the caller.

    How it ended stands in its last line. The newest `LOGS` are kept.
    """
    folder = paths.output() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.{os.getpid()}.log"
    for old in sorted(folder.glob(f"{name}.*.log"))[: -LOGS + 1]:
        old.unlink(missing_ok=True)
    begun = time.perf_counter()
    with path.open("w", encoding="utf-8", buffering=1) as file:

        def both(words: str) -> None:
            print(f"{time.perf_counter() - begun:8.1f} s  {words}", file=file)
            say(words)

        try:
            yield path, both
        except BaseException as error:
            print(f"failed: {type(error).__name__}: {error}", file=file)
            raise
        print(f"published in {time.perf_counter() - begun:.1f} s", file=file)


@contextmanager
def _lock() -> Iterator[None]:
    from filelock import FileLock, Timeout

    path = paths.output() / "report.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise LockedError(
            f"{path.name}: another build holds the lock; wait until it has finished and run again"
        ) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _timed(durations: dict[str, float], step: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    durations[step] = round(time.perf_counter() - begun, 2)


def _build(
    definition: ReportDefinition, durations: dict[str, float], say: Say
) -> tuple[Path, Told, Entry]:
    """Build a report in its own folder, manifest last.

    Returned are the folder, what it says of the reports before it, and its entry among them.
    """
    from bayes_nmda.report import tables

    staleness.require_templates()
    found = staleness.inputs(definition)
    key = staleness.key(found)
    history.entries(definition.name)  # a damaged one is told before the first fit
    with _timed(durations, "fits"):
        content = _content(definition, say)
    say("looking at what changed")
    summary = tables.summary(content)
    with _timed(durations, "changes"):
        past = history.told(definition, key, found, summary)
    say("figures and pages")
    with _timed(durations, "pages"):
        folder = publish.build_folder(key)
        publish.write_files(folder, _files(content, found, past))
    manifest = _manifest(definition, content, found, key) | {
        "files": publish.digests(folder),
        "durations": durations,
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    publish.write_files(folder, {staleness.MANIFEST: text})
    entry = history.entry_of(manifest, summary, history.today(), past.sentences())
    return folder, past, entry


def _content(definition: ReportDefinition, say: Say) -> Content:
    """Return what is told: everything checked first, then fits that passed their gates."""
    import pandas as pd
    from joblib import Parallel, cpu_count, delayed

    from bayes_nmda.data import load_trials
    from bayes_nmda.effects import EffectTables
    from bayes_nmda.effects.replication import replication
    from bayes_nmda.report.content import gather
    from bayes_nmda.report.engines import agreed, influence
    from bayes_nmda.report.fits import fit_of
    from bayes_nmda.report.sections import require_kinds
    from bayes_nmda.report.sections.explorer import explorer
    from bayes_nmda.report.sections.next_trial import planned
    from bayes_nmda.report.sections.primary import FIRST
    from bayes_nmda.report.sections.uncertainty import uncertainty
    from bayes_nmda.spec.spec import load_model
    from bayes_nmda.store.children import watched
    from bayes_nmda.store.families import obtain_all

    say("checking models and data")
    specs = [load_model(model) for model in definition.models]
    require_kinds(definition, {spec.name: spec for spec in specs})
    trials = load_trials()
    made = EffectTables(trials)
    effects = [made.of(spec) for spec in specs]
    say("replicating the review")
    table = replication(trials)
    require_replication(table)
    say("fitting models")
    found = obtain_all(list(zip(specs, effects, strict=True)), inputs=trials.digests, progress=say)
    say("comparing engines")
    work = delayed(watched(agreed, os.getpid()))
    compared = Parallel(n_jobs=cpu_count())(
        work(spec, rows, one.tree, trials.digests)
        for spec, rows, one in zip(specs, effects, found, strict=True)
    )
    fits = [
        fit_of(
            spec, definition.label(spec.name), rows,
            tree=one.tree, answering=answering, gates=one.gates,
        )
        for spec, rows, one, (answering, _) in zip(specs, effects, found, compared, strict=True)
    ]  # fmt: skip
    say("leaving out each trial")
    moved = influence(specs[0], effects[0], specs[0].thresholds.benefit_sizes[FIRST])
    section = definition.section("uncertainty")
    unsure = None if section is None else uncertainty(section, fits[0], trials, say)
    section = definition.section("next_trial")
    plans = None
    if section is not None:
        fit = next(fit for fit in fits if fit.spec.name == section.models[0])
        plans = planned(section, fit, say)
    section = definition.section("explorer")
    by_name = {fit.spec.name: fit for fit in fits}
    explored = None if section is None else explorer(section, definition, by_name, trials)
    say("asking questions")
    engines = pd.concat([table for _, table in compared], ignore_index=True)
    return gather(definition, fits, trials, table, engines, moved, unsure, plans, explored)


def require_replication(table: pd.DataFrame) -> None:
    """Raise `FitError` unless every printed number is reproduced or explained by a decision."""
    failed = table[~table["reproduced"] & (table["decision"] == "")]
    if len(failed):
        lines = [
            f"  {row.id} (analysis {row.analysis}): differs by {row.difference:.4g}, allowed "
            f"{row.tolerance:.4g}"
            for row in failed.itertuples()
        ]
        raise FitError(
            f"replication: {len(failed)} of {len(table)} printed results are not reproduced:\n"
            + "\n".join(lines)
            + "\nNothing was published. Mend the data, or explain the row in data/decisions.csv."
        )


def _files(content: Content, found: dict[str, str], past: Told) -> dict[str, str | bytes]:
    from bayes_nmda.report import tables
    from bayes_nmda.report.computation import leave_one_out
    from bayes_nmda.report.figures import figures
    from bayes_nmda.report.render import render
    from bayes_nmda.report.style import looks_once

    drawn = figures(content, past)
    loo = leave_one_out(content.primary.tree)
    pages = render(content, drawn, loo, found, past)
    files = {f"figures/{name}.svg": looks_once(figure.svg) for name, figure in drawn.items()}
    return {
        **pages,
        # the HTML page holds every figure itself: files are those that Markdown links to
        **{name: svg for name, svg in files.items() if f"({name})" in str(pages["report.md"])},
        **{f"tables/{name}": text for name, text in tables.files(content, loo, past).items()},
    }


def _manifest(
    definition: ReportDefinition, content: Content, found: dict[str, str], key: str
) -> dict[str, Any]:
    return {
        "schema_version": staleness.SCHEMA_VERSION,
        "report": definition.name,
        "version": __version__,
        "key": key,
        "commit": provenance.commit(),
        "command": provenance.command(definition.name),
        "models": [
            row | {"gates": len(fit.gates), "gates_failed": int((~fit.gates["passed"]).sum())}
            for row, fit in zip(provenance.models(content), content.fits, strict=True)
        ],
        "engines": {
            "numbers_compared": int((content.engines["not_compared"] == "").sum()),
            "largest_difference": float(content.engines["difference"].max()),
        },
        "replication": {
            "printed": len(content.replication),
            "reproduced": int(content.replication["reproduced"].sum()),
        },
        "inputs": found,
        "code": staleness.code(),
        "versions": provenance.versions(),
    }
