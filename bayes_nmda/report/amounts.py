"""Differences, ratios and numbers needed in words that carry their own direction.

"134 more in 1000 (20 more to 310 more)" needs no sign, and "0.25 better" means the same on every
instrument. Digits are those that the Monte Carlo error allows; people are whole, in steps of 5 or
10 where the error is larger than one person.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bayes_nmda.errors import QueryError
from bayes_nmda.query import words
from bayes_nmda.query.number_needed import needed_words
from bayes_nmda.report.fits import Record
from bayes_nmda.report.numbers import error_of, interval, signed
from bayes_nmda.report.review import Interval, Review

#: People among whom absolute effects are told.
AMONG: Final = 1000


def thousand(risk: float) -> str:
    """Return a risk as people in 1000, ``"116"``."""
    return f"{AMONG * risk:,.0f}"


def more(record: Record) -> str:
    """Return a risk difference, ``"134 more"`` or ``"30 fewer"``, in 1000."""
    return _words_of(_people(record, "estimate"))


def more_range(record: Record) -> str:
    """Return the interval of a risk difference, ``"20 to 310 more"``."""
    low, high = _people(record, "lower"), _people(record, "upper")
    if low * high > 0:
        first, last = sorted((low, high), key=abs)
        return f"{abs(first):,} to {_words_of(last)}"
    return f"{_words_of(low)} to {_words_of(high)}"


def _people(record: Record, name: str) -> int:
    error = record["mcse" if name == "estimate" else f"mcse_{name}"]
    return words.people_in_1000(record[name], error)


def _words_of(people: int) -> str:
    direction = "more" if people > 0 else "fewer" if people < 0 else ""
    return f"{abs(people):,} {direction}".rstrip()


def risk_with(record: Record) -> str:
    """Return the risk with the drug in 1000: the risk without it plus the difference, as told."""
    risk = record["control_risk"] + record["estimate"]
    return f"{words.people_in_1000(risk, record['mcse']):,}"


def ratio(record: Record) -> str:
    """Return a ratio, ``"2.2"``, each end to the digits of its own error."""
    return words.number(record["estimate"], record["mcse"])


def ratio_range(record: Record) -> str:
    """Return the interval of a ratio, ``"1.05 to 5.1"``."""
    return (
        f"{words.number(record['lower'], record['mcse_lower'])} to "
        f"{words.number(record['upper'], record['mcse_upper'])}"
    )


def review_ratio(found: Interval) -> str:
    """Return a ratio of the review with its interval, ``"3.26 (1.05 to 10.09)"``."""
    return f"{found.estimate:.2f} ({found.low:.2f} to {found.high:.2f})"


def review_difference(found: Interval) -> str:
    """Return a difference of the review with its interval, ``"−15.8 (−32.1 to 0.5)"``."""
    return f"{signed(found.estimate)} ({interval(found.low, found.high)})"


def review_parts(review: Review | None, say: Callable[[Interval], str]) -> list[tuple[str, bool]]:
    """Return what stands beside our number, each with whether it was computed here.

    First what the review printed; then, or instead, its method on these rows, which is told beside
    a printed number only where it is another one.
    """
    if review is None:
        return []
    if review.printed is None:
        return [(say(review.shown), True)]
    moved = [(say(review.moved), True)] if review.moved is not None else []
    return [(say(review.printed), False), *moved]


def without(record: Record) -> str:
    """Return the risk without the drug, ``"110 in 1000 (95 % 30 to 310)"``.

    Raises
    ------
    QueryError
        If the answer does not say which risk it used.
    """
    low, high = thousand(_of(record, "control_risk_lower")), _of(record, "control_risk_upper")
    return f"{thousand(_of(record, 'control_risk'))} in {AMONG} (95 % {low} to {thousand(high)})"


def showed(record: Record) -> str:
    """Return what the control arms showed, ``"5 of 52"``."""
    return f"{int(_of(record, 'control_events')):,} of {int(_of(record, 'control_people')):,}"


def _of(record: Record, name: str) -> float:
    if record.get(name) is None:
        raise QueryError(
            f"found an absolute effect without {name!r}; no risk is told without it: fit the model "
            "again"
        )
    return float(record[name])


def needed(record: Record) -> str:
    """Return a number needed, ``"NNTH 7.5"``, beyond 1000 only that it is more."""
    sign = 1.0 if record["kind"] == "NNTB" else -1.0
    said = needed_words(sign * abs(record["rd"]), record["rd_mcse"])
    return said.replace(" > ", "\N{NO-BREAK SPACE}>\N{NO-BREAK SPACE}")


def needed_range(record: Record) -> str:
    """Return its interval, through infinity where the difference may be none."""
    return str(record["interval"])


def better(record: Record, towards: float) -> str:
    """Return a measured difference, ``"0.25 better"``; ``towards`` is the sign of a benefit."""
    return _better(record["estimate"], error_of(record), towards)


def better_range(record: Record, towards: float) -> str:
    """Return its interval from the worse end to the better, ``"0.3 worse to 0.8 better"``."""
    error = error_of(record)
    ends = sorted((record["lower"], record["upper"]), key=lambda value: towards * value)
    first, last = (_better(end, error, towards) for end in ends)
    if first.split()[-1] == last.split()[-1] and " " in first:
        return f"{first.split()[0]} to {last}"
    return f"{first} to {last}"


def _better(value: float, error: float, towards: float) -> str:
    return _direction(words.number(abs(value), error), towards * value)


def _direction(text: str, gain: float) -> str:
    return text if float(text) == 0 else f"{text} {'better' if gain > 0 else 'worse'}"


def better_review(towards: float, decimals: int = 2) -> Callable[[Interval], str]:
    """Return what tells a difference of the review in the same words, worse end first."""

    def say(found: Interval) -> str:
        ends = sorted((found.low, found.high), key=lambda value: towards * value)
        middle, first, last = (
            _direction(f"{abs(value):.{decimals}f}", towards * value)
            for value in (found.estimate, *ends)
        )
        if " " in first and first.split()[-1] == last.split()[-1]:
            first = first.split()[0]
        return f"{middle} ({first} to {last})"

    return say


def net_chance(record: Record) -> str:
    """Return the probability of a net benefit, ``"62 %"``."""
    return words.percent(record["probability"], record["mcse_probability"])
