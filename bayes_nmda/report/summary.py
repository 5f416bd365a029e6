"""The short, honest summary at the head of a report, put together from sentences of Answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bayes_nmda.report import amounts
from bayes_nmda.report.amounts import more, more_range, thousand
from bayes_nmda.report.findings import size_of
from bayes_nmda.report.numbers import chance, count, interval, limits, outcome, prior_chance, signed
from bayes_nmda.report.outcomes import events_of
from bayes_nmda.report.pain import FIRST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bayes_nmda.report.content import Content
    from bayes_nmda.report.fits import Record
    from bayes_nmda.report.outcomes import Line, Outcome
    from bayes_nmda.report.pain import Cell

#: Outcomes whose absence the review itself names as a finding.
_UNREPORTED: Final = ("depressive_symptoms", "opioid_use")
_SERIOUS: Final = "serious_adverse_event"


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
        "Some benefit on average is more probable than none in every combination, but that rests "
        "on "
        "what combinations borrow from one another, and they are not separate findings: the "
        f"probability lies between {chance(any_benefit[0])} and {chance(any_benefit[-1])}."
        f"{_alone(content)}"
        if float(any_benefit[0]["probability"]) > 0.5
        else "The probability of any benefit on average lies between "
        f"{chance(any_benefit[0])} and {chance(any_benefit[-1])}.",
        f"How large a benefit is another matter. {leader.sentences[FIRST + 1]}"
        + (
            f" That is the highest of all; the others lie between {chance(others[0])} and "
            f"{chance(others[-1])}."
            if others
            else ""
        ),
        *([content.pooled["pain"].sentence(leader.label)] if "pain" in content.pooled else []),
        *_elsewhere(content, leader),
        f"In a new trial of that combination the effect may lie anywhere from "
        f"{limits(leader.new)} {spec.unit} (95 % prediction interval).",
    ]
    return [*lines, *harm_sentences(content), *_both(content, leader)]


def _alone(content: Content) -> str:
    """Return in how many cells a benefit is more probable than none without borrowing, if known."""
    pooling = content.definition.sections[0].pooling
    scenario = next((s for s in content.scenarios if pooling and s.model == pooling[0]), None)
    if scenario is None:
        return ""
    below = sum(float(chances["probability"]) > 0.5 for chances in scenario.any_benefit.values())
    return (
        f" Each looked at alone, {below} of {len(scenario.any_benefit)} combinations have a "
        f"benefit "
        "that is more probable than none."
    )


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


def harm_sentences(content: Content) -> list[str]:
    """Return what is known of harm: the first outcome of its section where most is, and the rarest.

    The first sentence is about the drug and route whose result the review itself published, or
    else the one with the highest probability of harm.
    """
    outcomes = content.told("harms")
    if not outcomes:
        return []
    said = [_leading_harm(content, outcomes[0])]
    serious = next((o for o in outcomes if o.fit.spec.select.outcome == _SERIOUS), None)
    if serious is not None:
        said.append(_rare_harm(serious))
    return said


def _leading_harm(content: Content, harm: Outcome) -> str:
    published = _published(content, harm)
    if published:
        line = published[0]
    else:
        line = max(harm.lines, key=lambda one: float(one.chances["harm", 0.0]["probability"]))
    size = size_of(harm)
    name, ratio = outcome(line.outcome).lower(), line.estimates["RR"]
    words = (
        f"Harm is the other side. With {line.route} {line.drug}, {more(line.lead)} people in 1000 "
        f"have {name} than with {line.comparator} (95 % interval {more_range(line.lead)}); the "
        f"risk ratio is {amounts.ratio(ratio)} ({amounts.ratio_range(ratio)}). The probability "
        f"that it raises the risk at all is {chance(line.chances['harm', 0.0])}, and by at "
        f"least {thousand(size)} in 1000 it is {chance(line.chances['harm', size])} "
        f"({count(line.trials, 'trial')}, {line.participants:,} participants)."
    )
    if published:
        row = published[1]
        digits = int(row["decimals"])
        words += (
            f" The review published a risk ratio of {signed(row['estimate'], digits)} "
            f"({interval(row['ci_low'], row['ci_high'], digits)}), certainty "
            f"{row['certainty'] or 'not stated'}."
        )
    return words


def _published(content: Content, harm: Outcome) -> tuple[Line, Record] | None:
    """Return the line of a harm with a pooled result of the review, and that result."""
    table = content.trials.published
    for pooled in table[table["kind"] == "pooled"].to_dict("records"):
        row = {str(key): value for key, value in pooled.items()}
        keys = ("outcome", "drug", "route", "comparator")
        for line in harm.lines:
            if all(row[key] == getattr(line, key) for key in keys):
                return line, row
    return None


def _rare_harm(harm: Outcome) -> str:
    events = events_of(harm.fit.effects.frame)  # two cells may share an arm
    chances = sorted(
        (line.chances["harm", 0.0] for line in harm.lines),
        key=lambda record: float(record["probability"]),
    )
    informative = sum(int(line.lead["trials_informative"]) for line in harm.lines)
    trials = harm.fit.effects.frame["trial"].nunique()
    return (
        f"{outcome(harm.lines[0].outcome)}: {events.treated} among {events.n_treated:,} people "
        f"with "
        f"a drug and {events.control} among {events.n_control:,} with {harm.lines[0].comparator}; "
        f"{informative} of {count(trials, 'trial')} {'says' if informative == 1 else 'say'} "
        f"anything "
        "about a ratio, because somebody had one and somebody had none. The probability that a "
        "drug "
        f"raises their risk {_between(chances)}."
    )


def _between(chances: Sequence[Record]) -> str:
    low, high = chance(chances[0]), chance(chances[-1])
    return f"is {low}" if low == high else f"lies between {low} and {high}"


def _both(content: Content, leader: Cell) -> list[str]:
    """Return the joint probability of benefit and little harm for the leading cell, if known."""
    if content.tradeoffs is None:
        return []
    at_least = content.primary.spec.thresholds.benefit[FIRST]
    section = content.tradeoffs.section
    limit = section.at_most[len(section.at_most) // 2]
    joint = content.tradeoffs.joint
    event = outcome(content.tradeoffs.harm.spec.select.outcome).lower()
    for record in joint.records:
        place = (record["drug"], record["route"], record["timepoint"])
        if place == (leader.drug, leader.route, leader.timepoint) and (
            record["at_least"],
            record["at_most"],
        ) == (at_least, limit):
            return [
                f"Both at once, with {leader.route} {leader.drug} a benefit of at least "
                f"{at_least:g} {content.primary.spec.unit} and at most {thousand(limit)} more "
                f"people in 1000 with {event}: {chance(record)} (before the data: "
                f"{prior_chance(record)}). This takes the errors of the two models as independent."
            ]
    return []


def unreported(content: Content) -> list[str]:
    """Return the sentences of the evidence map on outcomes that nobody reports."""
    from bayes_nmda.query import evidence_map

    return list(evidence_map(content.trials, outcome=_UNREPORTED).sentences)
