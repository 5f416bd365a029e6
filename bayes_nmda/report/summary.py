"""The short, honest summary at the head of a report, put together from sentences of Answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bayes_nmda.report.content import FIRST
from bayes_nmda.report.numbers import chance, count, interval, limits, outcome, signed

if TYPE_CHECKING:
    from bayes_nmda.report.content import Cell, Content

#: Outcomes whose absence the review itself names as a finding.
_UNREPORTED: Final = ("depressive_symptoms", "opioid_use")


@dataclass(frozen=True, slots=True)
class Harm:
    """What the review published on a harm: a risk ratio with its interval, not analysed anew."""

    words: str
    estimate: str
    interval: str
    certainty: str


def leading_cell(content: Content) -> Cell:
    """Return the cell with the highest probability of a benefit of the first real size."""
    at_least = content.primary.spec.thresholds.benefit[FIRST]
    return max(content.cells, key=lambda cell: cell.chances["mean", at_least]["probability"])


def summary(content: Content) -> list[str]:
    """Return the summary, a sentence a line."""
    spec = content.primary.spec
    at_least = spec.thresholds.benefit[FIRST]
    whole = content.answers["heterogeneity"].records[0]
    leader = leading_cell(content)
    others = sorted(
        (cell.chances["mean", at_least] for cell in content.cells if cell is not leader),
        key=lambda record: float(record["probability"]),
    )
    any_benefit = sorted(
        (cell.chances["mean", spec.thresholds.benefit[0]] for cell in content.cells),
        key=lambda record: float(record["probability"]),
    )
    single = sum(cell.mean["trials"] == 1 for cell in content.cells)
    lines = [
        f"{count(whole['trials'], 'trial')} with {whole['participants']:,} participants compare "
        f"one of these drugs with {spec.select.comparator} and give usable numbers on pain. They "
        f"fill {len(content.cells)} combinations of drug, route and timepoint; {single} of those "
        "rest on a single trial.",
        "Some benefit on average is more probable than none in every combination, but the "
        "combinations borrow from one another and are not separate findings: the probability lies "
        f"between {chance(any_benefit[0])} and {chance(any_benefit[-1])}."
        if float(any_benefit[0]["probability"]) > 0.5
        else "The probability of any benefit on average lies between "
        f"{chance(any_benefit[0])} and {chance(any_benefit[-1])}.",
        f"How large a benefit is another matter. {leader.sentences[FIRST + 1]} "
        f"That is the highest of all; the others lie between {chance(others[0])} and "
        f"{chance(others[-1])}.",
        *_elsewhere(content, leader),
        f"In a new trial of that combination the effect may lie anywhere from "
        f"{limits(leader.new)} {spec.unit} (95 % prediction interval).",
    ]
    harms = published_harms(content)
    if harms:
        said = "; ".join(
            f"{harm.words}: risk ratio {harm.estimate} ({harm.interval}), certainty "
            f"{harm.certainty}"
            for harm in harms
        )
        lines.append(f"Harms are not modelled in this report. The review itself published: {said}.")
    return lines


def _elsewhere(content: Content, leader: Cell) -> list[str]:
    """Return how far the leading probability moves under the other scenarios, if there are any."""
    others = sorted(
        ((scenario.chances[leader.label], scenario.label) for scenario in content.scenarios[1:]),
        key=lambda pair: float(pair[0]["probability"]),
    )
    if not others:
        return []
    (low, first), (high, last) = others[0], others[-1]
    return [
        "It depends on assumptions: under other priors and models it lies between "
        f"{chance(low)} ({first.lower()}) and {chance(high)} ({last.lower()})."
    ]


def published_harms(content: Content) -> list[Harm]:
    """Return the pooled results on harms that the review published, as printed."""
    table = content.trials.published
    rows = table[(table["kind"] == "pooled") & table["outcome"].isin(content.definition.harms)]
    harms = []
    for row in rows.to_dict("records"):
        digits = int(row["decimals"])
        words = f"{outcome(row['outcome']).lower()} with {row['route']} {row['drug']}"
        harms.append(
            Harm(
                f"{words} against {row['comparator']}",
                signed(row["estimate"], digits),
                interval(row["ci_low"], row["ci_high"], digits),
                str(row["certainty"]) or "not stated",
            )
        )
    return harms


def unreported(content: Content) -> list[str]:
    """Return the sentences of the evidence map on outcomes that nobody reports."""
    from bayes_nmda.query import evidence_map

    return list(evidence_map(content.trials, outcome=_UNREPORTED).sentences)
