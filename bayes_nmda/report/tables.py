"""The tables of a report as CSV and JSON, each under the name of the query that gives it.

On the page they are plain HTML tables made by templates rather than great_tables: a cell knows
the heading of its column, so that a narrow screen can stack what a wide one sets side by side.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayes_nmda.report.computation import LeaveOneOut

if TYPE_CHECKING:
    from bayes_nmda.report.content import Content

#: Significant digits of a CSV file: more than any Monte Carlo error supports.
_FLOAT = "%.8g"


def summary_of_findings(content: Content) -> pd.DataFrame:
    """Return one row a cell: effects, probabilities, the review's estimate and flags."""
    rows = []
    for cell in content.cells:
        row: dict[str, Any] = {
            "drug": cell.drug,
            "route": cell.route,
            "timepoint": cell.timepoint,
            "trials": cell.mean["trials"],
            "participants": cell.mean["participants"],
        }
        for name, record in (("effect", cell.mean), ("new_trial", cell.new)):
            row |= {
                name: record["estimate"],
                f"{name}_lower": record["lower"],
                f"{name}_upper": record["upper"],
                f"{name}_mcse": record["mcse"],
            }
        for (target, at_least), record in cell.chances.items():
            name = f"prob_benefit_{at_least:g}" + ("" if target == "mean" else f"_{target}")
            row |= {
                name: record["probability"],
                f"{name}_mcse": record["mcse"],
                f"{name}_prior": record["prior_probability"],
            }
        review = cell.review
        row |= {
            "review_estimate": review.estimate,
            "review_lower": review.low,
            "review_upper": review.high,
            "review_printed": review.printed,
            "flags": ";".join(cell.flags),
        }
        rows.append(row)
    return pd.DataFrame(rows)


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


def gates(content: Content) -> pd.DataFrame:
    """Return every gate of every model."""
    tables = [fit.gates.assign(model=fit.spec.name) for fit in content.fits]
    joined = pd.concat(tables, ignore_index=True)
    return joined[["model", *[name for name in joined.columns if name != "model"]]]


def engines(content: Content) -> list[dict[str, Any]]:
    """Return one row a model: numbers compared, the largest differences, or why there are none."""
    rows: list[dict[str, Any]] = []
    labels = {fit.spec.name: fit.label for fit in content.fits}
    for model, table in content.engines.groupby("model", sort=False):
        row: dict[str, Any] = {"label": labels[str(model)], "why": table["not_compared"].iloc[0]}
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


def files(content: Content, loo: LeaveOneOut) -> dict[str, str]:
    """Return the text of every table file by its name below ``tables/``."""
    frames = {
        "summary_of_findings": summary_of_findings(content),
        "scenarios": scenarios(content),
        "gates": gates(content),
        "replication": content.replication,
        "engines": content.engines,
        "decisions": content.trials.decisions,
        "leave_one_out": pd.DataFrame(
            {"trial": loo.trials, "elpd_i": loo.elpd_i, "pareto_k": loo.pareto_k}
        ),
        **{name: answer.table for name, answer in content.answers.items()},
    }
    if content.influence is not None:
        frames["influence"] = content.influence
    documents: dict[str, Mapping[str, Any]] = {
        name: answer.to_dict() for name, answer in content.answers.items()
    }
    documents["leave_one_out"] = asdict(loo)
    written = {}
    for name, frame in frames.items():
        written[f"{name}.csv"] = frame.to_csv(index=False, float_format=_FLOAT, lineterminator="\n")
        document = documents.get(name) or {"schema_version": 1, "query": name, "rows": _rows(frame)}
        written[f"{name}.json"] = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    return written


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as plain values; a missing number is null."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [
        {str(key): getattr(value, "item", lambda v=value: v)() for key, value in row.items()}
        for row in plain.to_dict("records")
    ]
