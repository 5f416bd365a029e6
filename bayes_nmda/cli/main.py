"""The command line: arguments in, exit codes out; no statistics.

stdout carries data, stderr messages and progress. Exit codes: 0 done, also nothing to do; 1 a bug,
with its traceback; 2 usage; 10 data; 11 model file; 12 a diagnostic gate failed; 13 no such
quantity or no evidence; 14 report; 15 another build holds the lock. Each command imports what it
needs and nothing more, so that ``ask`` and ``--help`` answer at once.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import App, CycloptsError, Parameter

from bayes_nmda import __version__, paths
from bayes_nmda.cli.ask_options import AsJson, Model, known_model, print_json
from bayes_nmda.errors import (
    BayesNmdaError,
    DataError,
    SpecError,
    UsageError,
    WriteError,
)
from bayes_nmda.paths import HOME_VARIABLE
from bayes_nmda.projects import project
from bayes_nmda.query.display import text_table

_INTERRUPTED: Final = 130
_BROKEN_PIPE: Final = 141
_PROJECT: Final = "--project"
#: Answers of a multiverse that are told in sentences.
_SENTENCES: Final = 4
#: Characters of a message about what was typed, and of its two ends where it is longer.
_LONGEST, _KEPT = 2000, 400
#: Options that take numbers.
_NUMBERS: Final = frozenset(
    {"--at-least", "--at-most", "--worth", "--control-risk", "--level", "--seed", "--draws"}
    | {"--chains", "--n", "--success", "--trials", "--assurance", "--sd", "--correlation"}
)

OnlyDrug = Annotated[str | None, Parameter(help="Only cells of this drug.")]
OnlyRoute = Annotated[str | None, Parameter(help="Only cells of this route.")]
OnlyTimepoint = Annotated[str | None, Parameter(help="Only cells of this timepoint.")]
OneSize = Annotated[
    float | None,
    Parameter(
        help="A change in units of the outcome, of counts an odds ratio. Default: the first size "
        "of the model file that is more than none."
    ),
]

app = App(
    name="bayes-nmda",
    help="Bayesian evidence synthesis: how probable are benefits and harms that matter?",
    version=__version__,
    help_format="plaintext",
    help_epilogue="--project DIR, before or after a command: take data/, models/ and reports/ of "
    "that folder, as BAYES_NMDA_HOME does. Exit codes: 0 done or nothing to do, 1 bug, 2 usage, "
    "10 data, 11 model file, 12 a diagnostic gate failed, 13 no such quantity or no evidence, "
    "14 report, 15 another build holds the lock.",
    suppress_keyboard_interrupt=False,
)
app.command("bayes_nmda.cli.ask:app", name="ask")  # read when --project is known


@app.command
def check(*, as_json: AsJson = False) -> None:
    """Check that data, models and report definitions are valid; write nothing."""
    from bayes_nmda.cli.checks import check_all

    with _progress() as say:
        rows = check_all(say)
    _print_rows("check", rows, as_json=as_json)


@app.command
def status(*, as_json: AsJson = False) -> None:
    """Say what is stale and why; run nothing."""
    from bayes_nmda.cli.checks import status_all

    _print_rows("status", status_all(), as_json=as_json)


@app.command
def fit(
    model: Model,
    *,
    engine: Literal["nuts", "exact", "auto"] = "nuts",
    seed: int | None = None,
    draws: int | None = None,
    chains: int | None = None,
    force: Annotated[bool, Parameter(negative="")] = False,
    as_json: AsJson = False,
) -> None:
    """Sample a model, check its gates and store it; a stored fit of the same inputs is kept.

    Parameters
    ----------
    engine
        NUTS, whose answer goes first if both are stored; exact, for Gaussian models; or auto.
    seed
        Instead of the seed in the model file.
    draws
        Draws a chain, instead of the number in the model file.
    chains
        Chains, instead of the number in the model file.
    force
        Sample even if the fit is stored.
    """
    from bayes_nmda.data import load_trials
    from bayes_nmda.effects import effect_table
    from bayes_nmda.spec import load_model
    from bayes_nmda.store.fits import obtain

    with _progress() as say:
        spec = load_model(known_model(model))
        say("reading data")
        trials = load_trials()
        found = obtain(
            spec,
            effect_table(trials, spec),
            inputs=trials.digests,
            engine=engine,
            seed=seed,
            draws=draws,
            chains=chains,
            progress=say,
            force=force,
        )
    passed, name = len(found.gates), found.file.name if found.file else ""
    if as_json:
        about = {"model": spec.name, "stored_before": found.file is None, "file": name}
        about |= {"gates": passed, "engine": found.tree.attrs["engine"]}
        _print_rows("fit", [about], as_json=True)
    elif found.file is None:
        print(f"{spec.name}: nothing to do, a fit of these inputs is stored", file=sys.stderr)
    else:
        print(f"{spec.name}: {passed} gates passed; stored as {name}")


@app.command
def report(
    name: Annotated[str, Parameter(show_default=False)] = "",
    *,
    force: Annotated[bool, Parameter(negative="")] = False,
    as_json: AsJson = False,
) -> None:
    """Build what is stale of a report and publish it if every gate passes.

    Parameters
    ----------
    name
        A report in reports/; by default the only one there.
    force
        Build even if nothing is stale.
    """
    from bayes_nmda.report.build import build_report
    from bayes_nmda.report.definition import the_only_report

    name = name or the_only_report()
    with _progress() as say:
        built = build_report(name, force=force, progress=say)
    print(built.message, file=sys.stderr)
    for moved in built.changes:
        print(f"changed: {moved}", file=sys.stderr)
    if as_json:
        row = {
            "report": name, "path": str(built.path), "built": built.built,
            "message": built.message, "seconds": round(built.seconds, 1),
            "reasons": list(built.reasons), "changes": list(built.changes),
            "since_last": list(built.said), "log": str(built.log) if built.log else None,
        }  # fmt: skip
        _print_rows("report", [row], as_json=True)
    else:
        print(built.path)


@app.command
def multiverse(
    name: Annotated[
        str,
        Parameter(
            help="A file in models/multiverse/; by default that of the project's question.",
            show_default=False,
        ),
    ] = "",
    *,
    drug: OnlyDrug = None,
    route: OnlyRoute = None,
    timepoint: OnlyTimepoint = None,
    at_least: Annotated[
        list[float] | None,
        Parameter(
            negative="",
            help="A change in units of the outcome, of counts an odds ratio; may be repeated. "
            "Default: the sizes in the file.",
        ),
    ] = None,
    target: Annotated[
        Literal["mean", "new_trial"] | None,
        Parameter(help="Trials like these, or one new trial. Default: as the file says."),
    ] = None,
    jobs: Annotated[int, Parameter(help="Processes; -1 is one for each core.")] = -1,
    on: Annotated[
        str | None,
        Parameter(
            name="--cluster",
            help="Address of a Dask scheduler, tcp://host:port, whose workers do the work instead.",
        ),
    ] = None,
    figure: Annotated[
        Path | None, Parameter(help="Write the specification curve of one cell and size, as SVG.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask one question under every combination of stated choices."""
    from bayes_nmda.query.display import text_table
    from bayes_nmda.query.multiverse import multiverse as universes_of
    from bayes_nmda.spec.multiverse import usual_multiverse

    with ExitStack() as stack:
        if on is not None:
            from bayes_nmda.query.workers import cluster

            stack.enter_context(cluster(on))
        say = stack.enter_context(_progress())
        found = universes_of(
            name or usual_multiverse(),
            at_least,
            drug=drug,
            route=route,
            timepoint=timepoint,
            target=target,
            jobs=jobs if on is None else -1,
            progress=say,
        )
    if figure is not None:
        from bayes_nmda.report.specification_curve import specification_curve

        text = specification_curve(found).svg
        figure.write_text(text, encoding="utf-8")
    if as_json:
        _print_rows("multiverse", found.to_rows(), as_json=True)
        return
    rows = found.to_rows(brief=True)
    if len(rows) <= _SENTENCES:
        print(f"{found.sentence}\n")
    print(text_table(rows))


@app.command
def next_trial(
    model: Model,
    *,
    drug: OnlyDrug = None,
    route: OnlyRoute = None,
    timepoint: OnlyTimepoint = None,
    n: Annotated[
        list[int] | None,
        Parameter(
            negative="",
            help="People in each new trial; may be repeated. Default: 50, 100, 200, 400, 800.",
        ),
    ] = None,
    design: Annotated[
        Literal["parallel", "crossover"], Parameter(help="Of the new trial.")
    ] = "parallel",
    at_least: OneSize = None,
    direction: Annotated[
        Literal["benefit", "harm"] | None,
        Parameter(help="Default: harm of counts of harms, else benefit."),
    ] = None,
    success: Annotated[
        float, Parameter(help="Probability from which the question counts as settled.")
    ] = 0.95,
    trials: Annotated[int, Parameter(help="New trials of one size.")] = 1,
    assurance: Annotated[
        float, Parameter(help="Probability of settling it that the smallest trial is sought for.")
    ] = 0.8,
    sd: Annotated[
        float | None, Parameter(help="Of one person's result. Default: as in the cell's trials.")
    ] = None,
    correlation: Annotated[
        float | None, Parameter(help="Of one person's two results in a crossover.")
    ] = None,
    control_risk: Annotated[
        float | None, Parameter(help="Risk without the drug in the new trial, of counts.")
    ] = None,
    design_prior: Annotated[
        str | None,
        Parameter(help="True effects are those of another model, or one number."),
    ] = None,
    figure: Annotated[
        Path | None, Parameter(help="Write the probability of settling it by size, as SVG.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what one or more further trials of a cell would tell, before they are run."""
    from bayes_nmda.query.display import text_table
    from bayes_nmda.query.next_trial import SIZES
    from bayes_nmda.query.next_trial import next_trial as planned
    from bayes_nmda.store.fits import posterior

    tree = posterior(known_model(model))
    truth: Any = None
    if design_prior is not None:
        try:
            truth = float(design_prior)
        except ValueError:
            truth = posterior(known_model(design_prior))
    found = planned(
        tree,
        drug=drug,
        route=route,
        timepoint=timepoint,
        n=SIZES if n is None else n,
        design=design,
        at_least=at_least,
        direction=direction,
        success=success,
        trials=trials,
        assurance=assurance,
        sd=sd,
        correlation=correlation,
        control_risk=control_risk,
        design_prior=truth,
    )
    if figure is not None:
        from bayes_nmda.report.sections.next_trial import assurance_figure

        figure.write_text(assurance_figure([found]).svg, encoding="utf-8")
    if as_json:
        _print_rows("next-trial", found.to_rows(), as_json=True)
        return
    print(f"{found.sentence}\n")
    print(text_table(found.to_rows(brief=True)))


@app.command
def classical(
    model: Model,
    *,
    measure: Annotated[
        Literal["OR", "RR", "RD"] | None, Parameter(help="Of counts. Default: OR.")
    ] = None,
    level: Annotated[float, Parameter(help="Of intervals.")] = 0.95,
    as_json: AsJson = False,
) -> None:
    """Say what the methods of reviews make of a model's rows, the posterior beside them."""
    from bayes_nmda.data import load_trials
    from bayes_nmda.effects import effect_table
    from bayes_nmda.query.classical import classical as pooled
    from bayes_nmda.query.display import text_table
    from bayes_nmda.spec import load_model
    from bayes_nmda.store.fits import posterior

    spec = load_model(known_model(model))
    effects = effect_table(load_trials(), spec)
    table = pooled(effects, measure=measure, level=level, tree=posterior(spec.name))
    rows = [
        {str(k): None if isinstance(v, float) and v != v else v for k, v in row.items()}
        for row in table.to_dict("records")
    ]
    if as_json:
        _print_rows("classical", rows, as_json=True)
        return
    unit = measure or ("OR" if spec.likelihood.family != "normal" else spec.unit)
    print(f"{spec.title}: {unit}, {100 * level:g} % intervals\n")
    shown = ("cell", "method", "trials", "estimate", "lower", "upper", "p")
    print(text_table([{name: row[name] for name in shown} for row in rows]))


@app.command
def cumulative(
    model: Model,
    *,
    drug: OnlyDrug = None,
    route: OnlyRoute = None,
    timepoint: OnlyTimepoint = None,
    at_least: OneSize = None,
    target: Annotated[
        Literal["mean", "new_trial"], Parameter(help="Trials like these, or one new trial.")
    ] = "mean",
    figure: Annotated[
        Path | None, Parameter(help="Write the probability after each year, as SVG.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what was known with the trials up to each year, by the exact engine."""
    from bayes_nmda.data import load_trials
    from bayes_nmda.effects import effect_table
    from bayes_nmda.query.cumulative import cumulative as grown
    from bayes_nmda.query.display import text_table
    from bayes_nmda.query.exactly import Question
    from bayes_nmda.spec import load_model

    spec, trials = load_model(known_model(model)), load_trials()
    effects = effect_table(trials, spec)
    question = Question.of(spec, at_least)
    size = question.first_real(spec)
    table = grown(spec, effects, trials, at_least=size, drug=drug, route=route, timepoint=timepoint)
    added = table.attrs["added"]
    table = table[table["target"] == target]
    words = f"probability of a {question.direction} of {size:g} {spec.unit} or more"
    if spec.likelihood.family != "normal":
        words = f"probability of a {question.direction} of an odds ratio of {size:g} or more"
    if figure is not None:
        from bayes_nmda.report.cumulative_figure import cumulative_figure

        drawn = cumulative_figure(table, words[0].upper() + words[1:])
        figure.write_text(drawn.svg, encoding="utf-8")
    rows = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    if as_json:
        about = {"direction": question.direction}
        rows = [row | about | {"added": added[float(row["until"])]} for row in rows]
        _print_rows("cumulative", rows, as_json=True)
        return
    print(f"{spec.title}: {words}\n")
    shown = ("until", "cell", "trials", "probability", "mean", "sd")
    print(text_table([{name: row[name] for name in shown} for row in rows]))


adding = App(name="add", help="Add to the project's data.", help_format="plaintext")
app.command(adding)


@adding.command(name="trial")
def add_trial(
    *,
    file: Annotated[
        Path | None,
        Parameter(
            name="--from",
            help="CSV with a row a comparison, both arms side by side; without it a terminal asks.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add one trial at the end of the tables, if everything about it is valid; undo with git."""
    from bayes_nmda.cli.add import add_trial as added

    ask = None
    if file is None and sys.stdin.isatty():
        print("an empty answer leaves a value out", file=sys.stderr)
        ask = input
    found = added(file, ask=ask)
    for words in found.warnings:
        print(f"odd: {words}", file=sys.stderr)
    if as_json:
        row = {"trial": found.trial, "rows": dict(found.rows), "warnings": list(found.warnings),
               "stale": list(found.stale)}  # fmt: skip
        _print_rows("add trial", [row], as_json=True)
        return
    told = ", ".join(f"{count} to {name}" for name, count in found.rows.items())
    print(f"{found.trial}: rows added: {told}")
    if found.stale:
        print(f"stale now: {', '.join(found.stale)}; `bayes-nmda report` builds them anew")
    print("undo: git checkout data")


importing = App(
    name="import",
    help="Make a project of another review, or make it anew.",
    help_format="plaintext",
)
app.command(importing)

InFolder = Annotated[
    Path | None,
    Parameter(
        name=_PROJECT,
        help="A new or an empty folder, one that init wrote, or one that was imported before.",
    ),
]


@importing.command(name="cochrane")
def import_cochrane(
    file: Path | None = None, /, *, folder: InFolder = None, as_json: AsJson = False
) -> None:
    """Read a Cochrane data package, a RevMan 5 file or RevMan's CSV, and check what it prints.

    Parameters
    ----------
    file
        A file, a folder or a zip archive; without it the files that the project keeps, under its
        mapping as it is now.
    """
    _import(file, folder, as_json=as_json)


@importing.command(name="table")
def import_table(
    file: Path,
    /,
    *,
    folder: InFolder = None,
    outcome: Annotated[str, Parameter(help="What was measured, where no column says.")] = "outcome",
    measure: Annotated[
        str, Parameter(help="Of effects a row: MD, SMD, RD, log_or or log_rr.")
    ] = "",
    control: Annotated[str, Parameter(help="The control arm, in rows by arm.")] = "",
    as_json: AsJson = False,
) -> None:
    """Read a table: two arms, an effect or an arm a row, as metafor, meta and others have them.

    Parameters
    ----------
    file
        CSV, XLSX or Parquet.
    """
    options = {"outcome": outcome, "measure": measure, "control": control}
    _import(file, folder, kind="table", options=options, as_json=as_json)


@importing.command(name="package")
def import_package(file: Path, /, *, folder: InFolder = None, as_json: AsJson = False) -> None:
    """Read a Data Package that export wrote: the same tables, models and reports.

    Parameters
    ----------
    file
        A zip archive.
    """
    from bayes_nmda.importing.package import import_package as restored

    files = restored(file, _given(folder))
    if as_json:
        _print_rows("import package", [{"file": name} for name in files], as_json=True)
    else:
        print(f"{folder}: {len(files)} files; next: bayes-nmda check --project {folder}")


@app.command
def export(file: Path, /, *, as_json: AsJson = False) -> None:
    """Write the project as a Data Package: tables, words, models and reports, no raw files.

    Parameters
    ----------
    file
        A new zip archive.
    """
    from bayes_nmda.importing.package import export_package

    files = export_package(file)
    if as_json:
        _print_rows("export", [{"file": name} for name in files], as_json=True)
    else:
        print(f"{file}: {len(files)} files")


def _given(folder: Path | None) -> Path:
    if folder is None:
        raise UsageError("import: found no --project; give the folder to write, --project DIR")
    return folder


def _import(
    file: Path | None,
    folder: Path | None,
    *,
    kind: str = "",
    options: dict[str, str] | None = None,
    as_json: bool,
) -> None:
    from bayes_nmda.importing.project import import_review

    with _progress() as say:
        found = import_review(file, _given(folder), kind=kind, options=options, say=say)
    if as_json:
        print_json(found.document())
        return
    print(found.told())


@app.command
def init(folder: Path, /, *, as_json: AsJson = False) -> None:
    """Write a small project to start from: three invented trials, two models and a report.

    Parameters
    ----------
    folder
        A new or an empty folder.
    """
    from bayes_nmda.cli.init import start_project

    files = start_project(folder)
    if as_json:
        _print_rows("init", [{"file": name} for name in files], as_json=True)
    else:
        print(f"{folder}: {len(files)} files; next: bayes-nmda check --project {folder}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a bug is raised, with its traceback.

    Parameters
    ----------
    arguments
        Words after the program's name; by default those that the process was given.

    Returns
    -------
    int
        0 done, or the exit code of the error, which stderr explains.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    try:
        _require_numbers(words)
        with _project(words) as rest:
            app(rest, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        return _fail(_cut(str(error)), UsageError.exit_code, as_json=as_json)
    except BayesNmdaError as error:
        return _fail(str(error), error.exit_code, as_json=as_json)
    except BrokenPipeError:
        # Python flushes stdout at exit; a closed pipe must not make that a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except OSError as error:  # a file of the project, or the place that it is written to
        code, message = _of_a_file(error)
        return _fail(message, code, as_json=as_json)
    except KeyboardInterrupt:
        return _fail("interrupted", _INTERRUPTED, as_json=as_json)
    return 0


def _cut(message: str) -> str:
    """Return a message that repeats what was typed; of a long one the middle is left out."""
    return message if len(message) <= _LONGEST else f"{message[:_KEPT]} … {message[-_KEPT:]}"


def _of_a_file(error: OSError) -> tuple[int, str]:
    """Return the exit code of the folder in which a file cannot be used, and the message."""
    name = Path(str(error.filename or "a file"))
    kinds = ((paths.data(), DataError), (paths.models(), SpecError))
    kind = next((kind for folder, kind in kinds if name.is_relative_to(folder)), WriteError)
    where = name.relative_to(paths.root()) if name.is_relative_to(paths.root()) else name
    return kind.exit_code, (
        f"{where}: it cannot be used: {error.strerror or error}; allowed is a file or folder that "
        "you may read and write. Mend its permissions or make room, and run again"
    )


def _require_numbers(words: list[str]) -> None:
    """Raise `UsageError` if an option of numbers is given the word None, which would be ignored."""
    for option, value in pairwise([*(part for word in words for part in word.split("=", 1)), ""]):
        if option in _NUMBERS and value.lower() in ("none", "null"):
            raise UsageError(f"{option}: found {value!r}; allowed is a number, or no such option")


@contextmanager
def _project(words: list[str]) -> Iterator[list[str]]:
    """Yield the words without ``--project DIR``; meanwhile that folder is the project.

    ``import`` keeps them: its folder need not be there.

    Raises
    ------
    UsageError
        If it is no folder with ``data/`` and ``models/``.
    """
    rest, folders = [], []
    given = iter(words)
    for word in given:
        name, equals, value = word.partition("=")
        if name == _PROJECT:
            folders.append(value if equals else next(given, ""))
        else:
            rest.append(word)
    if not folders:
        yield rest
        return
    if rest[:1] == ["import"]:
        yield [*rest, _PROJECT, folders[-1]]
        return
    before = os.environ.get(HOME_VARIABLE)
    os.environ[HOME_VARIABLE] = str(project(folders[-1]).path)  # processes of a build read it, too
    try:
        yield rest
    finally:
        if before is None:
            del os.environ[HOME_VARIABLE]
        else:
            os.environ[HOME_VARIABLE] = before


def _fail(message: str, code: int, *, as_json: bool) -> int:
    print(f"error: {message}", file=sys.stderr)
    if as_json:
        print_json({"schema_version": 1, "error": {"code": code, **_parts(message)}})
    return code


def _parts(message: str) -> dict[str, str | None]:
    """Return where, what was found, what is allowed and what to do, as far as a message says it."""
    first, *more = message.strip().split("\n")
    where = re.match(r"(?P<it>[^;]*?):? +(?=(?:found|missing)\b)", first)
    found = re.search(r"\b(?:found|missing) (?P<it>.+?)(?=; |, while |\. |: allowed|$)", first)
    allowed = re.search(r"\ballowed(?: are| is|:)? (?P<it>.+?)(?=; |\. |$)", first)
    ends = [part.end() for part in (found, allowed) if part is not None]
    rest = first[max(ends) :].strip(" ;.:,") if ends else ""
    parts = {"where": where, "found": found, "allowed": allowed}
    return {
        **{name: None if part is None else part["it"] for name, part in parts.items()},
        "do": rest or (more[-1].strip() if more else None),
        "message": message,
    }


def _print_rows(command: str, rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json({"schema_version": 1, "command": command, "rows": rows})
    else:
        print(text_table(rows))


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Yield what a long command calls at each step: a line on stderr, a spinner on a terminal."""
    if not sys.stderr.isatty():
        yield lambda text: print(text, file=sys.stderr, flush=True)
        return
    from rich.console import Console

    with Console(stderr=True).status("starting") as spinner:
        yield spinner.update
