"""The summary of findings: benefits and harms together, one row a drug and route.

The primary outcome has a line a timepoint; beside it stand the counted outcomes that the report
definition names as columns. What the prior alone gave is the same for every drug and stands in one
row at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from bayes_nmda.report.sections.outcomes import size_of
from bayes_nmda.report.sections.primary import FIRST

if TYPE_CHECKING:
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.fits import Record
    from bayes_nmda.report.review import Review
    from bayes_nmda.report.sections.outcomes import Line, Outcome
    from bayes_nmda.spec.spec import ModelSpec

_RISK: Final = (
    *("control_risk", "control_risk_lower", "control_risk_upper"),
    *("control_events", "control_people"),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Everything that stands in the row of one drug and route.

    Attributes
    ----------
    primary
        Cells of the primary outcome in order of time; none where no trial reports it.
    harms
        Line of each harm that has a column, None where no trial reports it.
    responses
        Lines of responders, by outcome and timepoint.
    flags
        Flags that hold for some number of the row, without those of single cells.
    """

    partition: str
    primary: tuple[Line, ...]
    harms: Mapping[str, Line | None]
    responses: tuple[Line, ...]
    flags: tuple[str, ...]

    @property
    def height(self) -> int:
        """Number of lines that the row takes."""
        return max(1, len(self.primary))


@dataclass(frozen=True, slots=True)
class Counted:
    """A counted outcome of the summary: its outcome, and the size told beside any effect."""

    outcome: Outcome
    size: float

    @property
    def direction(self) -> str:
        """Whether its probabilities are of a benefit or a harm."""
        return self.outcome.direction

    @property
    def prior(self) -> tuple[Record, Record]:
        """Records that hold what the prior alone gave: of any effect, and of one of this size."""
        first = self.outcome.lines[0]
        return first.chances[self.direction, 0.0], first.chances[self.direction, self.size]


def counted(content: Content) -> dict[str, Counted]:
    """Return the counted outcomes that have a column, each with the size told beside any effect."""
    columns = (content.outcomes[model] for model in content.definition.columns)
    return {one.fit.spec.select.outcome: Counted(one, size_of(one)) for one in columns}


def findings(content: Content) -> list[Finding]:
    """Return the rows of the summary, in order of the glossary."""
    return [_finding(content, partition) for partition in content.partitions]


def _finding(content: Content, partition: str) -> Finding:
    lines = content.lines_of(partition)
    cells = tuple(content.cells_of(partition))
    flags = {flag for line in lines for flag in line.flags} | {
        flag for cell in cells for flag in cell.flags
    }
    beside = counted(content)
    harms = {
        name: next((line for line in lines if line.outcome == name), None)
        for name, one in beside.items()
        if one.direction == "harm"
    }
    return Finding(
        partition,
        cells,
        harms,
        tuple(
            line
            for line in lines
            if line.outcome in beside and beside[line.outcome].direction == "benefit"
        ),
        tuple(flag for flag in ("route_inferred",) if flag in flags),
    )


def table(content: Content) -> pd.DataFrame:
    """Return the summary with all digits, a row a drug, route, outcome and timepoint."""
    select = content.primary.spec.select
    about = {
        "outcome": select.outcome,
        "comparator": select.comparator,
        "model": content.primary.spec.name,
    }
    rows = [row for finding in findings(content) for row in _rows(finding, about)]
    return pd.DataFrame(rows)


def _rows(finding: Finding, about: Mapping[str, str]) -> list[dict[str, Any]]:
    rows = [_primary_row(cell, about) for cell in finding.primary]
    lines = [line for line in finding.harms.values() if line is not None]
    return rows + [line_row(line) for line in (*finding.responses, *lines)]


def headline_column(spec: ModelSpec) -> str:
    """Return the column of the headline probability: of the smallest benefit that matters."""
    return f"prob_benefit_{spec.thresholds.benefit_sizes[FIRST]:g}"


def _primary_row(cell: Line, about: Mapping[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "drug": cell.drug,
        "route": cell.route,
        **about,
        "timepoint": cell.timepoint,
        "trials": cell.lead["trials"],
        "participants": cell.lead["participants"],
    }
    for name, record in (("effect", cell.lead), ("new_trial", cell.new)):
        row |= _numbers(name, record)
    for (_, at_least), record in cell.chances.items():
        row |= _chance(f"prob_benefit_{at_least:g}", record)
    for at_least, record in cell.new_chances.items():
        row |= _chance(f"prob_benefit_{at_least:g}_new_trial", record)
    return row | _review(cell.review) | {"flags": ";".join(cell.flags)}


def line_row(line: Line) -> dict[str, Any]:
    """Return one line of another outcome with all digits, ready for a table."""
    row: dict[str, Any] = {
        "drug": line.drug,
        "route": line.route,
        "outcome": line.outcome,
        "timepoint": line.timepoint,
        "comparator": line.comparator,
        "model": line.model,
        "trials": line.trials,
        "participants": line.participants,
    }
    if line.events is not None:
        row |= {
            "events_treated": line.events.treated,
            "n_treated": line.events.n_treated,
            "events_control": line.events.control,
            "n_control": line.events.n_control,
            "trials_informative": line.lead["trials_informative"],
            **{name: line.lead[name] for name in _RISK},
        }
    for measure, record in line.estimates.items():
        if measure == "NNT":  # its error is that of the risk difference, which has its own columns
            row |= {"nnt": record["estimate"]}
            row |= {name: record[name] for name in ("nnt_lower", "nnt_upper")}
            row |= {f"nnt_{key}": record[key] for key in ("kind", "interval", "through_infinity")}
        else:
            row |= _numbers(measure.lower(), record)
    row |= _numbers("new_trial", line.new)
    for (direction, size), record in line.chances.items():
        row |= _chance(f"prob_{direction}_{size:g}", record)
    return row | _review(line.review) | {"flags": ";".join(line.flags)}


def _review(review: Review | None) -> dict[str, Any]:
    """Return what the review printed and what its method makes of these rows, apart."""
    if review is None:
        return {}
    found: dict[str, Any] = {}
    for name, values in (("review", review.printed), ("review_method", review.computed)):
        if values is not None:
            found |= {
                f"{name}_estimate": values.estimate,
                f"{name}_lower": values.low,
                f"{name}_upper": values.high,
            }
    return found | {"review_certainty": review.certainty}


def _numbers(name: str, record: Record) -> dict[str, Any]:
    keys = {"estimate": "", "lower": "_lower", "upper": "_upper", "mcse": "_mcse"}
    return {f"{name}{suffix}": record[key] for key, suffix in keys.items()}


def _chance(name: str, record: Record) -> dict[str, Any]:
    return {
        name: record["probability"],
        f"{name}_mcse": record["mcse"],
        f"{name}_prior": record["prior_probability"],
    }
