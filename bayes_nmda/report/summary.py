"""The short, honest summary at the head of a report, put together from sentences of Answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.report import amounts
from bayes_nmda.report.amounts import more, more_range, review_difference, thousand
from bayes_nmda.report.numbers import chance, count, limits, outcome, prior_chance
from bayes_nmda.report.sections.outcomes import events_of, informative_trials, size_of
from bayes_nmda.report.sections.primary import FIRST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bayes_nmda.report.content import Content
    from bayes_nmda.report.fits import Record
    from bayes_nmda.report.review import Review
    from bayes_nmda.report.sections.outcomes import Line, Outcome

#: A probability above it is more probable than not.
_EVEN: Final = 0.5
#: How many harms the summary tells, in the order of their section.
_HARMS: Final = 4
#: Up to so many drugs and routes are told one by one.
_FEW: Final = 3


def leading_cell(content: Content) -> Line:
    """Return the cell with the highest probability of a benefit of the first real size."""
    at_least = content.primary.spec.thresholds.benefit_sizes[FIRST]
    return max(content.cells, key=lambda cell: cell.chances["benefit", at_least]["probability"])


def summary(content: Content) -> list[str]:
    """Return the summary, a paragraph a line."""
    spec = content.primary.spec
    whole = content.answers["heterogeneity"].records[0]
    leader = leading_cell(content)
    single = sum(cell.lead["trials"] == 1 for cell in content.cells)
    return [
        f"{count(whole['trials'], 'trial')} with {whole['participants']:,} participants compare "
        f"one of these drugs with {spec.select.comparator} and give usable numbers on "
        f"{load_vocabulary().outcome(spec.select.outcome).said}. They "
        f"fill {len(content.cells)} combinations of drug, route and timepoint; {single} of those "
        f"{'rests' if single == 1 else 'rest'} on a single trial."
        + (f" The scale is {spec.scale}." if spec.scale else ""),
        _any_benefit(content),
        _leading_benefit(content, leader),
        *(
            [content.pooled["primary"].sentence(leader.label)]
            if "primary" in content.pooled
            else []
        ),
        *_elsewhere(content, leader),
        f"In a new trial of that combination the effect may lie anywhere from "
        f"{limits(leader.new)} {spec.unit} (95 % prediction interval; {spec.benefit} favours the "
        "drug).",
        *harm_sentences(content),
        *_both(content, leader),
    ]


def _any_benefit(content: Content) -> str:
    """Return how probable any benefit is, and what that rests on."""
    at_all = content.primary.spec.thresholds.benefit_sizes[0]
    chances = sorted(
        (cell.chances["benefit", at_all] for cell in content.cells),
        key=lambda record: float(record["probability"]),
    )
    if float(chances[0]["probability"]) <= _EVEN:
        return f"The probability of any benefit on average {_between(chances)}."
    return (
        "Some benefit on average is more probable than none in every combination: its probability "
        f"{_between(chances)}. But the combinations borrow from one another and are not separate "
        f"findings.{_alone(content)}"
    )


def _alone(content: Content) -> str:
    """Return in how many cells a benefit is more probable than none without borrowing, if known."""
    pooling = content.definition.sections[0].pooling
    scenario = next((s for s in content.scenarios if pooling and s.model == pooling[0]), None)
    if scenario is None:
        return ""
    holds = sum(float(record["probability"]) > _EVEN for record in scenario.any_benefit.values())
    every = len(scenario.any_benefit)
    if holds == every:
        return " Each looked at alone, it holds in all of them, too."
    return (
        f" Each looked at alone, it holds in {holds} of {every}; in the other {every - holds} it "
        "rests on what they borrow."
    )


def _leading_benefit(content: Content, leader: Line) -> str:
    """Return the highest probability of a benefit that matters, and the review beside it."""
    at_least = content.primary.spec.thresholds.benefit_sizes[FIRST]
    others = sorted(
        (cell.chances["benefit", at_least] for cell in content.cells if cell is not leader),
        key=lambda record: float(record["probability"]),
    )
    words = f"How large a benefit is another matter. {leader.sentences[FIRST + 1]}"
    if others:
        words += f" That is the highest of all; of the others it {_between(others)}."
    if leader.review is not None and leader.review.printed is not None:
        words += (
            f" The review printed a difference of {review_difference(leader.review.printed)} "
            f"{content.primary.spec.unit}{_certainty(leader.review)}."
        )
    return words


def _certainty(review: Review) -> str:
    """Return the certainty that the review gave its own estimate, as the end of a sentence."""
    return f", certainty {review.certainty} (GRADE)" if review.certainty else ""


def _elsewhere(content: Content, leader: Line) -> list[str]:
    """Return how far the leading probability moves under the other scenarios, if there are any.

    Other ways to pool have a sentence of their own where the definition names them.
    """
    told = content.definition.sections[0].pooling
    others = sorted(
        (
            (scenario.chances[leader.label], scenario.label)
            for scenario in content.scenarios[1:]
            if scenario.model not in told
        ),
        key=lambda pair: float(pair[0]["probability"]),
    )
    if not others:
        return []
    (low, first), (high, last) = others[0], others[-1]
    return [
        "Under other priors and models of the same trials it lies between "
        f"{chance(low)} ({first.lower()}) and {chance(high)} ({last.lower()})."
    ]


def harm_sentences(content: Content) -> list[str]:
    """Return what is known of the first harms of their section, a paragraph each.

    The first is told in full, about the drug and route whose result the review itself published,
    or else the one with the highest probability of harm. The others are told of the same drug and
    route, or of the one with the highest probability where it has no trial; those that the
    definition names as rare, with all there are.
    """
    outcomes = content.told("harms")
    if not outcomes:
        return []
    leader = _leading_line(outcomes[0])
    section = content.definition.section("harms")
    rare = section.rare if section else ()
    said = [_leading_harm(content, outcomes[0], leader)]
    for harm in outcomes[1:_HARMS]:
        if harm.fit.spec.name in rare:
            said.append(_rare_harm(harm))
        else:
            said.append(_harm(harm.line(leader.partition) or _leading_line(harm)))
    return said


def _leading_line(harm: Outcome) -> Line:
    """Return the line whose certainty the review judged, or the one with most to say of harm."""
    judged = [line for line in harm.lines if line.review is not None and line.review.certainty]
    return max(
        judged or harm.lines, key=lambda line: float(line.chances["harm", 0.0]["probability"])
    )


def _leading_harm(content: Content, harm: Outcome, line: Line) -> str:
    size = size_of(harm)
    name, ratio = outcome(line.outcome).lower(), line.estimates["RR"]
    words = (
        f"Harm is the other side. With {_drug(line)}, {more(line.lead)} people in 1000 "
        f"have {name} than with {line.comparator} (95 % interval {more_range(line.lead)}), where "
        f"the risk without the drug is {amounts.without(line.lead)}; control arms showed "
        f"{amounts.showed(line.lead)}. The risk ratio is {amounts.ratio(ratio)} "
        f"({amounts.ratio_range(ratio)}). The probability "
        f"that it raises the risk at all is {chance(line.chances['harm', 0.0])}, and by at "
        f"least {thousand(size)} in 1000 it is {chance(line.chances['harm', size])} "
        f"({count(line.trials, 'trial')}, {line.participants:,} participants)."
    )
    if line.review is not None and line.review.printed is not None:
        words += (
            f" The review printed a risk ratio of {amounts.review_ratio(line.review.printed)}"
            f"{_certainty(line.review)}."
        )
    pooling = content.pooled.get("harms")
    return words + (f" {pooling.sentence(line.label)}" if pooling is not None else "")


def _harm(line: Line) -> str:
    """Return one more harm of one drug and route, in brief."""
    events = line.events
    if events is None:
        raise AssertionError(f"{line.outcome} is told as a harm, and is not counted")
    words = (
        f"{outcome(line.outcome)} with {_drug(line)}: {events.treated} of {events.n_treated:,} "
        f"people with the drug and {events.control} of {events.n_control:,} with "
        f"{line.comparator}; {more(line.lead)} in 1000 ({more_range(line.lead)}), where the risk "
        f"without the drug is {amounts.without(line.lead)}. The probability that it raises the "
        f"risk at all is {chance(line.chances['harm', 0.0])} ({count(line.trials, 'trial')})."
    )
    return words + (f" {_BORROWED}" if line.borrowed else "")


#: What a number says whose trials say nothing of a ratio.
_BORROWED: Final = (
    "Its trials say nothing of a ratio, so that this is borrowed from other drugs and routes and "
    "from the prior."
)


def _rare_harm(harm: Outcome) -> str:
    """Return all events of a rare harm, the trials that say anything, and what they leave open."""
    frame = harm.fit.effects.frame
    events, trials = events_of(frame), frame["trial_id"].nunique()  # two cells may share an arm
    informative = informative_trials(frame)
    words = (
        f"{outcome(harm.lines[0].outcome)}: {events.treated} among {events.n_treated:,} people "
        f"with a drug and {events.control} among {events.n_control:,} with "
        f"{harm.lines[0].comparator}, in {count(trials, 'trial')}; {informative} of them "
        f"{'says' if informative == 1 else 'say'} anything of a ratio, which takes somebody with "
        "an event and somebody without."
    )
    known = [line for line in harm.lines if not line.borrowed]
    if len(known) > _FEW:
        chances = sorted(
            (line.chances["harm", 0.0] for line in known),
            key=lambda record: float(record["probability"]),
        )
        words += f" The probability that a drug raises the risk {_between(chances)}."
    else:
        for line in known:
            ratio = line.estimates["RR"]
            words += (
                f" With {_drug(line)} the probability that it raises the risk is "
                f"{chance(line.chances['harm', 0.0])}; the risk ratio may lie anywhere from "
                f"{amounts.ratio_range(ratio)} (95 % interval)."
            )
    borrowed = [line for line in harm.lines if line.borrowed]
    if borrowed:
        named = ", ".join(_drug(line) for line in borrowed)
        words += f" Of {named} the trials say nothing; what stands in the tables is borrowed."
    return words


def _drug(line: Line) -> str:
    return f"{line.route} {line.drug}".strip()


def _between(chances: Sequence[Record]) -> str:
    low, high = chance(chances[0]), chance(chances[-1])
    return f"is {low}" if low == high else f"lies between {low} and {high}"


def _both(content: Content, leader: Line) -> list[str]:
    """Return the joint probability of benefit and little harm for the leading cell, if known."""
    if content.tradeoffs is None:
        return []
    at_least = content.primary.spec.thresholds.benefit_sizes[FIRST]
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
                f"{prior_chance(record)}; {count(record['benefit_trials'], 'trial')} of the "
                f"benefit, {record['harm_trials']} of the harm). This takes the errors of the two "
                "models as independent."
            ]
    return []


def unreported(content: Content) -> list[str]:
    """Return the sentences of the evidence map on outcomes whose absence is a finding."""
    from bayes_nmda.query import evidence_map

    missing = content.definition.missing
    return list(evidence_map(content.trials, outcome=missing).sentences) if missing else []
