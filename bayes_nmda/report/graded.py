"""One treatment in the shape that users of GRADE know: outcomes down, what is known of each across.

Relative effect, risk without and with the drug, participants and trials, certainty with its
reasons, and what it means in one sentence. Every number is an Answer's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bayes_nmda.report import amounts
from bayes_nmda.report.certainty import Certainty, certainty
from bayes_nmda.report.numbers import chance, outcome, prior_chance
from bayes_nmda.report.sections.outcomes import size_of

if TYPE_CHECKING:
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.sections.outcomes import Line


@dataclass(frozen=True, slots=True)
class Row:
    """One outcome of one treatment, in words.

    Attributes
    ----------
    relative
        Ratio with its interval, empty for a measured outcome.
    without, with_drug
        People in 1000, empty for a measured outcome.
    difference
        Absolute effect with its interval and unit.
    statement
        What is known, in one sentence, with what the prior alone gave.
    """

    outcome: str
    timepoint: str
    relative: str
    without: str
    with_drug: str
    difference: str
    trials: int
    participants: int
    certainty: Certainty
    statement: str


def graded(content: Content, partition: str) -> list[Row]:
    """Return the rows of one treatment: the primary outcome, counted columns, then function."""
    columns = set(content.definition.columns)
    columns |= {one.fit.spec.name for one in content.told("function")}
    lines = [line for line in content.lines_of(partition) if line.model in columns]
    return [_row(content, line) for line in (*content.cells_of(partition), *lines)]


def _row(content: Content, line: Line) -> Row:
    one = content.outcomes[line.model]
    size = size_of(one)
    any_size, some = line.chances[one.direction, 0.0], line.chances[one.direction, size]
    spec = one.fit.spec
    if line.events is not None:
        ratio = line.estimates["RR"]
        relative = f"RR {amounts.ratio(ratio)} ({amounts.ratio_range(ratio)})"
        without, with_drug = (
            amounts.thousand(line.lead["control_risk"]),
            amounts.risk_with(line.lead),
        )
        difference = f"{amounts.more(line.lead)} ({amounts.more_range(line.lead)}) in 1000"
        limit = f"{amounts.thousand(size)} more in 1000"
    else:
        sign = -1 if spec.benefit == "negative" else 1
        relative = without = with_drug = ""
        better, between = amounts.better(line.lead, sign), amounts.better_range(line.lead, sign)
        difference = f"{better} ({between}) {spec.unit}"
        limit = f"{size:g} {spec.unit}"
    borrowed = " Borrowed: its trials say nothing of a ratio." if line.borrowed else ""
    return Row(
        outcome(line.outcome),
        line.timepoint,
        relative,
        without,
        with_drug,
        difference,
        line.trials,
        line.participants,
        certainty(content, line),
        f"Any {one.direction}: {chance(any_size)} probable (before the data "
        f"{prior_chance(any_size)}). At least {limit}: {chance(some)} ({prior_chance(some)})."
        f"{borrowed}",
    )
