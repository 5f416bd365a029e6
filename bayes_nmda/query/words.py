"""Answers in plain clinical language, with as many digits as Monte Carlo error allows.

A printed digit is a claim: it appears only if the last one's unit is no smaller than the Monte
Carlo standard error, so that another run of the same model would print the same, give or take one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda.query.draws import Cell, Draws
from bayes_nmda.query.number_needed import needed_words
from bayes_nmda.terms import ABSTRACT, AS_PARALLEL

if TYPE_CHECKING:
    from bayes_nmda.query.intervals import Interval
    from bayes_nmda.query.scales import Scale

#: Steps in which a probability is printed, in per cent.
_PERCENT_STEPS: Final = (1, 5, 10)
#: Steps in which people in 1000 are printed.
_PEOPLE_STEPS: Final = (1, 5, 10, 50, 100)
#: More digits than these are never printed in a sentence, however small the error.
_SIGNIFICANT: Final = 3
#: Steps into which an interval is cut where rounding it is a matter of reading, not of error.
_INTERVAL_STEPS: Final = 50
_MINUS: Final = "\N{MINUS SIGN}"


def percent(probability: float, mcse: float) -> str:
    """Return a probability in per cent, ``"41 %"``, in steps no finer than its error."""
    error = 100.0 * mcse
    step = next((step for step in _PERCENT_STEPS if step >= error), _PERCENT_STEPS[-1])
    rounded = step * round(100.0 * probability / step)
    if rounded == 0:
        return f"less than {step} %"
    if rounded == 100:
        return f"more than {100 - step} %"
    return f"{rounded} %"


def number(value: float, mcse: float) -> str:
    """Return a number with as many decimals as its error allows, with a proper minus sign."""
    size = max(abs(value), mcse)
    most = _SIGNIFICANT - 1 - math.floor(math.log10(size)) if size > 0 else 0
    allowed = math.floor(-math.log10(mcse)) if mcse > 0 else most
    decimals = max(0, min(allowed, most))
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", _MINUS)


def people_in_1000(difference: float, mcse: float) -> int:
    """Return a difference of risks as people in 1000, in steps no finer than its error."""
    error = 1000.0 * mcse
    step = next((step for step in _PEOPLE_STEPS if step >= error), _PEOPLE_STEPS[-1])
    return step * round(1000.0 * difference / step)


def people(difference: float, mcse: float) -> str:
    """Return the same in words, with a proper minus sign."""
    return f"{people_in_1000(difference, mcse):,}".replace("-", _MINUS)


def interval(low: float, high: float) -> str:
    """Return ``"2 to 37"``, rounded to about a fiftieth of its width."""
    error = (high - low) / _INTERVAL_STEPS
    return f"{number(low, error)} to {number(high, error)}"


def outcome(draws: Draws) -> str:
    """Return the outcome as it stands in a sentence, ``"pain"``."""
    return draws.vocabulary.outcome(str(draws.attrs.get("outcome", ""))).said


def alternatives(words: Sequence[str]) -> str:
    """Return ``"depressive symptoms or opioid use"``, ``"a, b or c"``."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def versus(cell: Cell) -> str:
    """Return the comparison, ``"compared with placebo"``."""
    return f"compared with {cell.comparator}"


def drug(cell: Cell) -> str:
    """Return the drug by its route, ``"intravenous ketamine"``."""
    return f"{cell.route} {cell.drug}".strip()


def moment(cell: Cell) -> str:
    """Return when, ``'at the review's "immediate" timepoint'``; empty without timepoint."""
    when = cell.words.when(cell.timepoint)
    return f" {when}" if when else ""


def place(target: str) -> str:
    """Return what the quantity is about: the mean over trials, or a new trial."""
    if target == "new_trial":
        return "in a new trial like these"
    return "on average over trials like these"


def threshold(at_least: float, unit: str) -> str:
    """Return ``" by at least 10 points"``; ``" at all"`` for 0."""
    return f" by at least {at_least:g} {unit}" if at_least > 0 else " at all"


def evidence(trials: int, participants: int) -> str:
    """Return ``"3 trials, 173 participants"``."""
    people = f"{participants:,} participants" if participants else "participants not given"
    return f"{trials} {'trial' if trials == 1 else 'trials'}, {people}"


def remarks(draws: Draws, cell: Cell) -> str:
    """Return what else belongs to a sentence about a cell, such as an inferred route."""
    words = _silent_trials(draws, cell)
    if "route_inferred" in cell.flags:
        words += "; the route of at least one trial is inferred, not confirmed"
    if AS_PARALLEL in cell.flags:
        words += "; a crossover trial is counted as two groups of people"
    if ABSTRACT in cell.flags:
        words += "; a result printed in an abstract, not among the review's rows, is counted"
        return words + _gates(draws)
    return words + reliability(draws)


def _silent_trials(draws: Draws, cell: Cell) -> str:
    """Return how many trials of a cell say nothing about a ratio of counts."""
    informative = draws.of_counts("trials_informative", cell)
    if informative is None or informative >= cell.trials:
        return ""
    silent = cell.trials - informative
    if informative == 0:
        which = "its trial" if silent == 1 else f"all {silent} trials"
        return (
            f"; in {which} nobody, or everybody, had an event: that says nothing about a ratio, "
            f"and "
            "this number rests on the other cells and the prior"
        )
    which = "1 trial" if silent == 1 else f"{silent} trials"
    return f"; {which} of these, where nobody or everybody had an event, says nothing about a ratio"


def reliability(draws: Draws) -> str:
    """Return how a sentence ends: what the model adds to the review's rows, and a failed gate."""
    borrows = "; the model borrows from results printed in abstracts" if draws.supplemented else ""
    return borrows + _gates(draws)


def _gates(draws: Draws) -> str:
    return ". NOT RELIABLE: a diagnostic gate of this fit failed" if draws.failed_gates else ""


def probability_sentence(
    draws: Draws, scale: Scale, cell: Cell, row: Mapping[str, Any], sign: float
) -> str:
    """Return the sentence of one probability of benefit or harm; ``sign`` is its direction."""
    verb = "lowers" if sign < 0 else "raises"
    return (
        f"The probability that {drug(cell)} {verb} {subject(draws, scale)}"
        f"{margin(draws, scale, row['at_least'])} {versus(cell)}{moment(cell)}, "
        f"{place(row['target'])}{given(scale, row)}, is "
        f"{percent(row['probability'], row['mcse'])} (before the data: "
        f"{percent(row['prior_probability'], row['prior_mcse'])}); "
        f"{evidence(cell.trials, cell.participants)}{remarks(draws, cell)}."
    )


def subject(draws: Draws, scale: Scale) -> str:
    """Return what changes: ``"pain"``, ``"the odds of nausea"``, ``"the risk of nausea"``."""
    noun = {"OR": "the odds of ", "RR": "the risk of ", "RD": "the risk of ", "NNT": "the risk of "}
    return noun.get(scale.measure, "") + outcome(draws)


def margin(draws: Draws, scale: Scale, at_least: float) -> str:
    """Return by how much, on the scale of the question; ``" at all"`` for no margin."""
    if scale.cut(at_least) <= 0:
        return " at all"
    if scale.ratio:
        return f" by a factor of at least {at_least:g}"
    if scale.measure == "RD":
        return f" by at least {1000 * at_least:g} in 1000"
    return threshold(at_least, scale.unit) + scale.note


def given(scale: Scale, row: Mapping[str, Any], percent: str = "95 %") -> str:
    """Return at which control risk, where the answer depends on one."""
    if "control_risk" not in row:
        return ""
    risk = _risk(row["control_risk"])
    showed = f"{row['control_events']} of {row['control_people']:,}"
    if scale.control_risk is not None:
        return f", where {risk} in 1000 have it without the drug (its control arms: {showed})"
    low, high = _risk(row["control_risk_lower"]), _risk(row["control_risk_upper"])
    return (
        f", at the control risk of a new population, {risk} in 1000 ({percent} {low} to {high}; "
        f"its control arms: {showed})"
    )


def _risk(risk: float) -> str:
    """Return a risk as people in 1000, with a decimal below 10."""
    return f"{1000 * risk:,.1f}" if risk < 0.00995 else f"{1000 * risk:,.0f}"


def estimate_sentence(
    draws: Draws, scale: Scale, cell: Cell, row: Mapping[str, Any], interval: Interval
) -> str:
    """Return the sentence of one estimate with its interval."""
    kind = interval.said("prediction" if row["target"] == "new_trial" else "credible")
    start = place(row["target"])
    change, before = _change(scale, row, kind, interval.percent)
    return (
        f"{start[0].upper()}{start[1:]}{given(scale, row, interval.percent)}, {drug(cell)} changes "
        f"{subject(draws, scale)} by {change} {versus(cell)}{moment(cell)}; "
        f"{favours(scale.towards, ratio=scale.ratio)} (before the data: {before}); "
        f"{evidence(cell.trials, cell.participants)}{remarks(draws, cell)}."
    )


def _change(scale: Scale, row: Mapping[str, Any], kind: str, percent: str) -> tuple[str, str]:
    """Return how much, with its interval, and the interval of the prior."""
    if scale.measure == "NNT":
        said = needed_words(scale.towards * row["rd"], row["rd_mcse"])
        words, before = _people(row, kind, "rd", "rd_")
        return f"{words}, {said} ({percent} {row['interval']}),", before
    if scale.measure == "RD":
        return _people(row, kind, "estimate", "")
    error = max(row["mcse"], row["mcse_lower"], row["mcse_upper"])
    names = ("estimate", "lower", "upper")
    if scale.ratio:
        errors = (row["mcse"], row["mcse_lower"], row["mcse_upper"])
        middle, low, high = (
            number(row[name], each) for name, each in zip(names, errors, strict=True)
        )
        words = f"a factor of {middle} ({kind} {low} to {high})"
        return words, f"{row['prior_lower']:.2g} to {row['prior_upper']:.2g}"
    middle, low, high = (number(row[name], error) for name in names)
    before = interval(row["prior_lower"], row["prior_upper"])
    return f"{middle} {scale.unit} ({kind} {low} to {high}){scale.note}", before


def _people(row: Mapping[str, Any], kind: str, middle: str, mark: str) -> tuple[str, str]:
    """Return a difference of risks in 1000 people, and the interval of its prior."""
    said = [
        people(row[name], row[f"{mark}mcse{error}"])
        for name, error in (
            (middle, ""), (f"{mark}lower", "_lower"), (f"{mark}upper", "_upper")
        )
    ]  # fmt: skip
    before = interval(1000 * row[f"{mark}prior_lower"], 1000 * row[f"{mark}prior_upper"])
    change = f"{said[0]} in 1000 ({kind} {said[1]} to {said[2]})"
    return change, f"{before} in 1000"


def favours(sign: float, *, ratio: bool = False) -> str:
    """Return which side is good, ``"negative favours the drug"``."""
    if ratio:
        return f"{'below' if sign < 0 else 'above'} 1 favours the drug"
    return f"{'negative' if sign < 0 else 'positive'} favours the drug"
