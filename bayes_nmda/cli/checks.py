"""What ``check`` and ``status`` look at: everything a report rests on, before anything is run.

`check_all` stops at the first kind of input that breaks a rule, with the error of that stage;
`status_all` raises nothing about staleness, it lists it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bayes_nmda import paths
from bayes_nmda.errors import DataError, StaleError, StoreError

if TYPE_CHECKING:
    from bayes_nmda.data import TrialData

Row = dict[str, Any]
#: Reasons of a stale report that are printed; the rest is counted.
_SHOWN = 5


def check_all(say: Callable[[str], None]) -> list[Row]:
    """Return what was found valid, a row a kind of input.

    Raises
    ------
    DataError
        If a table breaks a rule, differs from what the raw files make, or leaves out an analysis
        of the review without a decision.
    SpecError
        If a model file breaks a rule.
    QueryError
        If a model selects no trial.
    ReportError
        If a report definition breaks a rule.
    """
    from bayes_nmda.data import load_trials

    say("data")
    trials = load_trials()
    rows = [
        _valid("data", _counted(trials)),
        *_raw(trials),
        _analyses(trials),
        *_odd(trials),
    ]
    say("models")
    rows += [*_models(trials), _modelled(trials), *_multiverses()]
    say("reports")
    rows += _reports()
    return rows


def _counted(trials: TrialData) -> str:
    told = f"{len(trials.trials)} trials, {len(trials.outcomes)} outcome records"
    given = 0 if trials.contrasts is None else len(trials.contrasts)
    return f"{told}, {given} effects without arms" if given else told


def _valid(what: str, found: str) -> Row:
    return {"what": what, "found": found, "valid": True}


def _raw(trials: TrialData) -> list[Row]:
    """Compare the tables with what the raw files make, where a project has any."""
    from bayes_nmda.data.raw import added_rows, build_tables, differing_files

    if not (trials.path / "raw").is_dir():
        return []
    files = build_tables(trials.path)
    stale = differing_files(trials.path, files)
    if stale:
        raise DataError(
            f"data: found {', '.join(stale)} other than raw/ and the hand-written tables make "
            "them; run `python -m bayes_nmda.data.raw`"
        )
    added = sum(map(len, added_rows(trials.path, files).values()))
    and_rows = f", and {added} {'row' if added == 1 else 'rows'} that somebody added"
    return [_valid("raw files", f"the tables are what they make{and_rows if added else ''}")]


def _multiverses() -> list[Row]:
    """Every multiverse: its file, and each of its options, makes a valid analysis."""
    from bayes_nmda.spec.multiverse import load_multiverse, multiverse_names

    return [
        _valid(f"multiverse {found.name}", f"{found.combinations:,} combinations of "
               f"{len(found.choices)} choices about {found.model}")
        for found in map(load_multiverse, multiverse_names())
    ]  # fmt: skip


def _odd(trials: TrialData) -> list[Row]:
    """What is allowed and odd: it stops nothing, and is said with what to do."""
    from bayes_nmda.effects.oddities import data_warnings

    return [
        _valid(f"warning {row.kind}", f"{row.found}; {row.advice}")
        for row in data_warnings(trials).itertuples()
    ]


def _analyses(trials: TrialData) -> Row:
    """Every analysis of the review must be used by a record, or named in a decision."""
    from bayes_nmda.data.decisions import targets

    used = {part for text in trials.outcomes["analyses"] for part in targets(str(text))}
    decided = _decided(trials)
    published = dict.fromkeys(map(str, trials.published["analysis"]))
    listed = dict.fromkeys(map(str, trials.analyses["analysis"]))
    known = [name for name in {**listed, **published} if name]
    missing = [name for name in known if name not in used | decided]
    if missing:
        raise DataError(
            f"analyses of the review that no record uses and no decision names: "
            f"{', '.join(missing)}; add records to outcomes.csv, or the reason to decisions.csv"
        )
    return _valid("analyses of the review", f"{len(known)}, each used or named in a decision")


def _decided(trials: TrialData) -> set[str]:
    """Return the analyses of the review that a decision names."""
    from bayes_nmda.data.decisions import targets

    decisions = trials.decisions[trials.decisions["table"] == "analyses"]
    return {part for text in decisions["target"] for part in targets(str(text))}


def _models(trials: TrialData) -> list[Row]:
    from bayes_nmda.effects import EffectTables
    from bayes_nmda.spec.spec import load_model, model_names

    rows, tables = [], EffectTables(trials)
    for name in model_names():
        spec = load_model(name)
        frame = tables.of(spec).frame
        rows.append(
            _valid(
                f"model {name}",
                f"{len(frame)} contrasts of {frame['trial_id'].nunique()} trials in "
                f"{frame['cell'].nunique()} cells",
            )
        )
    return rows


def _modelled(trials: TrialData) -> Row:
    """Every analysis of the review must have a model of its outcome and kind of comparator.

    Subgroups and analyses that a decision names are left out with the reason that it gives.
    """
    from bayes_nmda.data import load_vocabulary
    from bayes_nmda.spec.spec import load_model, model_names

    words = load_vocabulary()
    selected = {(s.outcome, s.comparator) for s in (load_model(n).select for n in model_names())}
    decided = _decided(trials)
    columns = (trials.analyses[name] for name in ("analysis", "outcome", "comparator"))
    missing = [
        f"{analysis} ({outcome} against {comparator})"
        for analysis, outcome, comparator in zip(*columns, strict=True)
        if (outcome, words.reference if comparator == words.reference else words.others)
        not in selected
        and analysis not in decided
    ]
    if missing:
        raise DataError(
            f"analyses of the review without a model or a decision: {', '.join(missing)}; add a "
            "file to models/, or the reason to decisions.csv"
        )
    found = f"{len(trials.analyses)}, in {len(selected)} pairs of outcome and comparator"
    return _valid("analyses with a model", found)


def _reports() -> list[Row]:
    from bayes_nmda.report.definition import load_definition, report_names

    rows = []
    for name in report_names():
        definition = load_definition(name)
        rows.append(_valid(f"report {name}", f"tells {len(definition.models)} models"))
    return rows


def status_all() -> list[Row]:
    """Return, for each model and report, whether it answers for the present inputs, and if not why.

    Raises
    ------
    DataError
        If a table breaks a rule, so that nothing can be said.
    SpecError
        If a model file does.
    ReportError
        If a report definition does.
    """
    from bayes_nmda.report.definition import report_names
    from bayes_nmda.spec.model_file import model_names

    models = [_model_status(name) for name in model_names()]
    reports = [_report_status(name) for name in report_names()]
    return [*models, *reports]


def _model_status(name: str) -> Row:
    from bayes_nmda.store.fits import find

    try:
        path = find(name)
    except StaleError as error:
        return _state(f"model {name}", "stale", str(error))
    except StoreError as error:
        return _state(f"model {name}", "missing", str(error))
    return _state(f"model {name}", "fresh", f"stored as {path.name}")


def _report_status(name: str) -> Row:
    """Say whether the last good report is that of today's files, as a build decides it."""
    from bayes_nmda.report.history import entries
    from bayes_nmda.report.provenance import command
    from bayes_nmda.report.staleness import read_manifest, what_is_stale

    last = read_manifest(paths.latest())
    if last is None:
        return _state(f"report {name}", "missing", f"never built; run `{command(name)}`")
    if last.get("report") != name:
        why = f"the last good report is {last.get('report')!r}; run `{command(name)}`"
        return _state(f"report {name}", "missing", why)
    reasons = what_is_stale(name)
    if reasons:
        more = f" and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
        why = f"{'; '.join(reasons[:_SHOWN])}{more}; run `{command(name)}`"
        return _state(f"report {name}", "stale", why)
    published = entries(name)
    said = f". {' '.join(published[-1].said)}" if published and published[-1].said else ""
    why = f"that of today's data, models, code and templates{said}"
    return _state(f"report {name}", "fresh", why)


def _state(what: str, state: str, why: str) -> Row:
    return {"what": what, "state": state, "why": why}
