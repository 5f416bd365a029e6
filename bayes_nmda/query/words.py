"""Answers in plain clinical language, with as many digits as Monte Carlo error allows.

A printed digit is a claim: it appears only if the last one's unit is no smaller than the Monte
Carlo standard error, so that another run of the same model would print the same, give or take one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from bayes_nmda.query.draws import Cell, Draws
from bayes_nmda.terms import OUTCOMES

#: Steps in which a probability is printed, in per cent.
_PERCENT_STEPS: Final = (1, 5, 10)
#: More digits than these are never printed in a sentence, however small the error.
_SIGNIFICANT: Final = 3
#: Steps into which an interval is cut where rounding it is a matter of reading, not of error.
_INTERVAL_STEPS: Final = 50
#: Used where a sentence needs a shorter word than the glossary's.
_SHORT: Final = {"pain_intensity": "pain"}
_COMPARATORS: Final = {"placebo": "placebo", "active": "another medicine"}
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


def interval(low: float, high: float) -> str:
    """Return ``"2 to 37"``, rounded to about a fiftieth of its width."""
    error = (high - low) / _INTERVAL_STEPS
    return f"{number(low, error)} to {number(high, error)}"


def outcome(draws: Draws) -> str:
    """Return the outcome as it stands in a sentence, ``"pain"``."""
    name = str(draws.attrs.get("outcome", ""))
    return _SHORT.get(name, OUTCOMES.get(name, name).lower())


def versus(draws: Draws) -> str:
    """Return the comparison, ``"compared with placebo"``."""
    name = str(draws.attrs.get("comparator", "placebo"))
    return f"compared with {_COMPARATORS.get(name, name)}"


def drug(cell: Cell) -> str:
    """Return the drug by its route, ``"intravenous ketamine"``."""
    return f"{cell.route} {cell.drug}"


def moment(cell: Cell) -> str:
    """Return when, ``'at the review's "immediate" timepoint'``; empty without timepoint."""
    return f' at the review\'s "{cell.timepoint}" timepoint' if cell.timepoint else ""


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
    return f"{trials} {'trial' if trials == 1 else 'trials'}, {participants:,} participants"


def remarks(draws: Draws, cell: Cell) -> str:
    """Return what else belongs to a sentence about a cell: an inferred route, a failed gate."""
    words = ""
    if "route_inferred" in cell.flags:
        words += "; the route of at least one trial is inferred, not confirmed"
    return words + reliability(draws)


def reliability(draws: Draws) -> str:
    """Return the words that a sentence of a fit with a failed gate ends with."""
    return ". NOT RELIABLE: a diagnostic gate of this fit failed" if draws.warnings else ""


def probability_sentence(draws: Draws, cell: Cell, row: Mapping[str, Any], verb: str) -> str:
    """Return the sentence of one probability of benefit or harm; ``verb`` is "lowers", "raises"."""
    return (
        f"The probability that {drug(cell)} {verb} {outcome(draws)}"
        f"{threshold(row['at_least'], draws.unit)} {versus(draws)}{moment(cell)}, "
        f"{place(row['target'])}, is {percent(row['probability'], row['mcse'])} (before the data: "
        f"{percent(row['prior_probability'], row['prior_mcse'])}); "
        f"{evidence(cell.trials, cell.participants)}{remarks(draws, cell)}."
    )


def estimate_sentence(draws: Draws, cell: Cell, row: Mapping[str, Any]) -> str:
    """Return the sentence of one estimate with its interval."""
    error = max(row["mcse"], row["mcse_lower"], row["mcse_upper"])
    low, high = (number(row[name], error) for name in ("lower", "upper"))
    before = interval(row["prior_lower"], row["prior_upper"])
    kind = "prediction" if row["target"] == "new_trial" else "credible"
    start = place(row["target"])
    return (
        f"{start[0].upper()}{start[1:]}, {drug(cell)} changes {outcome(draws)} by "
        f"{number(row['estimate'], error)} {draws.unit} (95 % {kind} interval {low} to {high}) "
        f"{versus(draws)}{moment(cell)}; {favours(draws)} (before the data: {before}); "
        f"{evidence(cell.trials, cell.participants)}{remarks(draws, cell)}."
    )


def favours(draws: Draws) -> str:
    """Return which sign is good, ``"negative favours the drug"``."""
    return f"{'negative' if draws.benefit_sign < 0 else 'positive'} favours the drug"
