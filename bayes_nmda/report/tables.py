"""Tables of a report as CSV, each under the name of the query that gives it; Answers as JSON, too.

On the page they are plain HTML tables made by templates rather than great_tables: a cell knows
the heading of its column, so that a narrow screen can stack what a wide one sets side by side.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Literal

import pandas as pd

from bayes_nmda.report import findings, history
from bayes_nmda.report.checklists import checklists
from bayes_nmda.report.computation import LeaveOneOut, predicted
from bayes_nmda.report.findings import headline_column, line_row
from bayes_nmda.report.further import further_trials, printed_results
from bayes_nmda.report.graded import graded
from bayes_nmda.report.limitations import flag_counts
from bayes_nmda.report.sections import KINDS
from bayes_nmda.report.trials import Trial, trial_rows

if TYPE_CHECKING:
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.definition import Section
    from bayes_nmda.report.history import Told
    from bayes_nmda.report.sections.uncertainty import Uncertainty

#: Significant digits of a CSV file: more than any Monte Carlo error supports.
_FLOAT: Final = "%.6g"
#: Numbers of a model that the table of engines shows, of some hundred that are compared.
_FARTHEST: Final = 5
#: Answers of more rows are a grid of questions: as CSV alone.
_GRID: Final = 30
#: Text that a spreadsheet would compute; a number is none.
_FORMULA: Final = re.compile(r"[=@\t\r]|[+-](?![\d.]+$)")


def scenarios(content: Content) -> pd.DataFrame:
    """Return one row a cell and scenario: mean effect and the probability of the first benefit."""
    rows = []
    for scenario in content.scenarios:
        for label, mean in scenario.means.items():
            chance = scenario.chances[label]
            rows.append(
                {"model": scenario.model, "scenario": scenario.label}
                | {key: mean[key] for key in ("drug", "route", "timepoint")}
                | {key: mean[key] for key in ("estimate", "lower", "upper", "mcse")}
                | {"at_least": chance["at_least"], "probability": chance["probability"]}
                | {"probability_mcse": chance["mcse"]}
                | {"prior_probability": chance["prior_probability"]}
            )
    return pd.DataFrame(rows)


def engines(content: Content) -> list[dict[str, Any]]:
    """Return one row a model: numbers compared, the largest differences, or why there are none."""
    rows: list[dict[str, Any]] = []
    fits = {fit.spec.name: fit for fit in content.fits}
    for model, table in content.engines.groupby("model", sort=False):
        fit = fits[str(model)]
        row: dict[str, Any] = {
            "model": str(model),
            "counts": fit.counts,
            "unit": fit.spec.unit,
            "why": table["not_compared"].iloc[0],
        }
        if not row["why"]:
            apart = (table["nuts"] - table["exact"]).abs()
            chance = table["quantity"].str.startswith("P(")
            row |= {
                "numbers": len(table),
                "difference": float(table["difference"].max()),
                "chance": float(apart[chance].max()),
                "mean": float(apart[table["quantity"] == "mean"].max()),
            }
        rows.append(row)
    return rows


def farthest(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of each model in which two engines are farthest apart, in their order."""
    largest = compared.sort_values("difference", ascending=False).groupby("model").head(_FARTHEST)
    return compared.loc[compared.index.isin(largest.index)]


def lines(content: Content, section: Section) -> pd.DataFrame:
    """Return every line of a section with all digits, with those of models told beside it."""
    models = (*section.models, *section.beside)
    rows = [line_row(line) for model in models for line in content.outcomes[model].lines]
    return pd.DataFrame(rows)


def gates(content: Content) -> pd.DataFrame:
    """Return every gate of every model, a row a quantity, a column a gate.

    All of them passed, or there were no report; what a model allows stands in its file.
    """
    tables = [fit.gates.assign(model=fit.spec.name) for fit in content.fits]
    joined = pd.concat(tables, ignore_index=True)
    wide = joined.pivot_table("value", ["model", "quantity"], "gate", sort=False)
    counted = [gate for gate in wide if "ESS" in str(gate)]  # numbers of draws, to whole ones
    return wide.round(dict.fromkeys(counted, 0)).reset_index()


def gate_summary(content: Content) -> pd.DataFrame:
    """Return one row a model: number of gates, how many failed, and the worst value of each kind.

    The worst is that nearest to, or farthest beyond, what the model file allows.
    """
    rows = []
    for fit in content.fits:
        row: dict[str, Any] = {
            "model": fit.spec.name,
            "gates": len(fit.gates),
            "failed": int((~fit.gates["passed"]).sum()),
        }
        for (gate, rule), values in fit.gates.groupby(["gate", "rule"], sort=False)["value"]:
            row[str(gate)] = float(values.max() if rule == "<=" else values.min())
        rows.append(row)
    return pd.DataFrame(rows)


def uncertainty_tables(found: Uncertainty) -> dict[str, pd.DataFrame]:
    """Return the tables of the section about uncertainty, by name."""
    biased = [
        {"model": label, "cell": cell, "at_least": found.size, "probability": value}
        for label, by_cell in found.biased
        for cell, value in by_cell.items()
    ]
    curve, options = _curve(found)
    return {
        "specification_curve": curve,
        "specification_options": options,
        "multiverse_ranges": _together(found, "ranges"),
        "multiverse_shares": _together(found, "shares"),
        "under_bias": pd.DataFrame(biased),
        "under_selection": found.selection,
        "missing_evidence": found.missing,
        "missing_evidence_trials": found.missing.attrs["added"],
        "rob_me": found.missing.attrs["rob_me"],
        "prior_sensitivity": found.sensitivity,
        "predictive_coverage": found.coverage,
        "reverse_bayes": found.reverse,
    }


def _trial(trial: Trial) -> dict[str, str]:
    """Return one trial as a row of a table."""
    return {
        "trial": trial.label,
        "citation": trial.citation,
        "doi": trial.doi,
        "design": trial.design,
        "condition": trial.condition,
        "country": trial.country,
        "randomised": trial.randomised,
        "treatments": "; ".join(trial.treatments),
        "comparators": "; ".join(trial.comparators),
        **{f"bias_{name.lower()}": words for name, words in trial.bias.items()},
    }


def certainties(content: Content) -> pd.DataFrame:
    """Return the certainty of every number of the tables of treatments, a row a domain."""
    rows = [
        {
            "treatment": partition,
            "outcome": row.outcome,
            "timepoint": row.timepoint,
            "certainty": row.certainty.overall,
            "by": row.certainty.by,
            "domain": domain.name,
            "judgement": domain.judgement,
            "reason": domain.reason,
            "domain_by": domain.by,
        }
        for partition in content.partitions
        for row in graded(content, partition)
        for domain in row.certainty.domains
    ]
    return pd.DataFrame(rows)


def _curve(found: Uncertainty) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the curve of the leading cell in order, its options by number, and their names."""
    drug, route, timepoint = (found.leader.split("/") + [""] * 2)[:3]
    one = found.universes.of(drug=drug, route=route or None, timepoint=timepoint or None)
    table = one.specification_curve()
    numbers = {
        choice.name: {option.name: n for n, option in enumerate(choice.options)}
        for choice in one.multiverse.choices
    }
    curve = table[["probability"]].assign(
        **{name: table[name].map(known).astype("Int64") for name, known in numbers.items()}
    )
    rows = [(name, n, option) for name, known in numbers.items() for option, n in known.items()]
    return curve.round({"probability": 4}), pd.DataFrame(
        rows, columns=["choice", "number", "option"]
    )


def _together(found: Uncertainty, what: Literal["ranges", "shares"]) -> pd.DataFrame:
    """Return the tables of all multiverses under each other, each with its name."""
    parts = []
    for universes in (found.universes, *(harm.universes for harm in found.harms)):
        table = universes.ranges() if what == "ranges" else universes.shares()
        table.insert(0, "multiverse", universes.multiverse.name)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def priors(content: Content) -> pd.DataFrame:
    """Return every prior with its source, once, and the models that have it."""
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for fit in content.fits:
        for name, prior in fit.spec.priors:
            place = name, prior.formula(), prior.reading, prior.source
            found.setdefault(place, []).append(fit.spec.name)
    rows = [(*place, "; ".join(models)) for place, models in found.items()]
    return pd.DataFrame(rows, columns=["parameter", "prior", "reading", "source", "models"])


def flags(content: Content) -> pd.DataFrame:
    """Return every flag of the data, with the trials that carry it."""
    rows = [
        {"flag": flag.words, "differences": flag.number, "trials": "; ".join(flag.trials)}
        for flag in flag_counts(content)
    ]
    return pd.DataFrame(rows, columns=["flag", "differences", "trials"])


def summary(content: Content) -> str:
    """Return the summary of findings as it is written: CSV with all digits."""
    return _csv(findings.table(content))


def files(content: Content, loo: LeaveOneOut, past: Told) -> dict[str, str]:
    """Return the text of every table file by its name below ``tables/``."""
    answers = dict(content.answers)
    answers |= {f"pooling_{kind}": one.answer for kind, one in content.pooled.items()}
    frames = {
        "summary_of_findings": findings.table(content),
        "scenarios": scenarios(content),
        "predicted": predicted(content),
        "trials": pd.DataFrame(_trial(one) for one in trial_rows(content.trials)),
        "certainty": certainties(content),
        "gates": gates(content),
        "gate_summary": gate_summary(content),
        "replication": content.replication,
        "priors": priors(content),
        "flags": flags(content),
        "checklists": pd.DataFrame(
            {
                "checklist": one.name,
                "item": item.number,
                "asks": item.asks,
                "section": item.place,
                "answer": item.answer,
            }
            for one in checklists(content)
            for item in one.items
        ),
        "history": pd.DataFrame(history.table(past, headline_column(content.primary.spec))),
        "engines": farthest(content.engines),
        "decisions": content.trials.decisions,
        "leave_one_out": pd.DataFrame(
            {"trial": loo.trials, "elpd_i": loo.elpd_i, "pareto_k": loo.pareto_k}
        ),
        "abstract_results": pd.DataFrame(map(asdict, printed_results(content.trials))),
        "trials_without_numbers": pd.DataFrame(map(asdict, further_trials(content.trials))),
    }
    for section in content.definition.sections:
        kind = KINDS[section.kind]
        answers |= kind.answers(content)
        if kind.lines:
            frames[section.kind] = lines(content, section)
    if content.influence is not None:
        frames["influence"] = content.influence
    if content.uncertainty is not None:
        frames |= uncertainty_tables(content.uncertainty)
    if content.planned is not None:
        frames["next_trial"] = content.planned.table()
    frames |= {name: answer.table for name, answer in answers.items()}
    written = {}
    for name, answer in answers.items():
        if len(answer.records) > _GRID:  # what is the same at every size stands elsewhere
            frames[name] = frames[name].drop(columns="flags", errors="ignore")
    for name, frame in frames.items():
        written[f"{name}.csv"] = _csv(frame)
    for name, answer in answers.items():
        if len(answer.records) > _GRID:
            continue
        document = _rounded(answer.to_dict())
        written[f"{name}.json"] = (
            json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"
        )
    return written


def _csv(frame: pd.DataFrame) -> str:
    return _inert(frame).to_csv(index=False, float_format=_FLOAT, lineterminator="\n")


def _inert(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which no text is a formula to a spreadsheet: an apostrophe goes before it.

    References
    ----------
    OWASP, CSV Injection.
    """
    return frame.map(
        lambda value: f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
    )


def _rounded(value: Any) -> Any:
    """Return a document with as many digits as the CSV file has."""
    if isinstance(value, float):
        return float(_FLOAT % value)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value
