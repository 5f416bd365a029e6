"""Records of Answers as text: the same digits and words as in the Answer's own sentence.

`query.words` decides how many digits a Monte Carlo error allows; nothing is rounded differently
here, so that the report, Python and the command line print one number one way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.query import words
from bayes_nmda.terms import AGAINST

MINUS: Final = "\N{MINUS SIGN}"
MISSING: Final = "not available"

#: Flags of the data in words; the key is the word used in the tables.
FLAGS: Final[dict[str, str]] = {
    "single_trial": "single trial",
    "route_inferred": "route inferred, not confirmed",
    "digitised": "numbers read from a figure",
    "sd_from_se": "SD computed from a standard error",
    "first_phase": "first phase of a crossover trial",
    "change_score": "change from baseline, not final score",
    "merged_arm": "dose arms merged",
    "shared_arm": "arm shared by two comparisons",
    "slight_events_only": "slight events only",
    "reversed": "scale reversed",
    "double_zero": "no event in either arm",
    "zero_cell": "an arm without events",
    "abstract": "result printed in an abstract, not in the review",
    "with_abstracts": "the model borrows from results printed in abstracts",
    "paired_crossover": "the same people had both treatments",
    "crossover_as_parallel": "crossover trial, counted as two groups of people",
    "people_counted_once": "possibly the same people in both arms, counted once",
    "no_informative_trial": "no trial says anything of a ratio",
    "timepoint_assigned": "timepoint assigned by this project",
    "sd_from_interval": "SD computed from an interval",
    "se_from_interval": "error computed from an interval",
    "se_from_p": "error computed from a P value",
}
JUDGEMENTS: Final[dict[str, str]] = {
    "low": "low risk",
    "some_concerns": "some concerns",
    "high": "high risk",
    "": "not judged",
}
LETTERS: Final[dict[str, str]] = {"low": "L", "some_concerns": "S", "high": "H", "": "?"}


def signed(value: float, decimals: int = 1) -> str:
    """Return a number with a true minus sign; no negative zero."""
    if math.isnan(value):
        return MISSING
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def places(width: float) -> int:
    """Return the decimals for numbers on a scale of which so much is shown.

    Whole units where it is tens wide or more, one decimal where it is units wide, and so on.
    """
    if not math.isfinite(width) or width <= 0:
        return 1
    return max(0, round(1.8 - math.log10(width)))


def interval(low: float, high: float, decimals: int = 1) -> str:
    """Return an interval, "−18.8 to 0.0"."""
    return f"{signed(low, decimals)} to {signed(high, decimals)}"


def estimate(record: Mapping[str, Any]) -> str:
    """Return the estimate of a record, to the digits of its sentence."""
    return words.number(record["estimate"], error_of(record))


def limits(record: Mapping[str, Any]) -> str:
    """Return the 95 % interval of a record, "−19 to 0"."""
    error = error_of(record)
    return " to ".join(words.number(record[name], error) for name in ("lower", "upper"))


def prior_limits(record: Mapping[str, Any]) -> str:
    """Return the interval that the prior alone gives, to the digits that its width is worth."""
    low, high = record["prior_lower"], record["prior_upper"]
    return interval(low, high, places(high - low))


def chance(record: Mapping[str, Any]) -> str:
    """Return the probability of a record, "38 %"."""
    return words.percent(record["probability"], record["mcse"])


def short_chance(record: Mapping[str, Any]) -> str:
    """Return the probability for a narrow column, "< 1 %" where the sentence says less than 1 %."""
    return short(chance(record))


def short(words: str) -> str:
    """Return a probability in words for a narrow place, ``"< 1 %"``."""
    return words.replace("less than ", "< ").replace("more than ", "> ")


def prior_chance(record: Mapping[str, Any]) -> str:
    """Return the probability that the prior alone gives."""
    return words.percent(record["prior_probability"], record["prior_mcse"])


def error_of(record: Mapping[str, Any]) -> float:
    """Return the largest Monte Carlo error of an estimate and of the ends of its interval."""
    return float(max(record[name] for name in ("mcse", "mcse_lower", "mcse_upper")))


def comparator_words(comparator: str) -> str:
    """Return what a drug is compared with, "placebo" or "other medicine"."""
    return load_vocabulary().comparator(comparator)


def count(number: int, noun: str) -> str:
    """Return a number with its noun, "1 trial" or "3 trials"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def title(words: str) -> str:
    """Return the words with a capital first letter."""
    return words[:1].upper() + words[1:]


def outcome(name: str) -> str:
    """Return the name of an outcome as it is printed."""
    return load_vocabulary().outcome(name).label


def identifier(*words: str) -> str:
    """Return an identifier for a heading or figure: lower case, hyphens."""
    kept = ["".join(c if c.isalnum() else "-" for c in word.lower()).strip("-") for word in words]
    return "-".join(part for part in kept if part)


def partition_words(partition: str) -> str:
    """Return a partition as a heading, "Memantine, oral"."""
    drug, _, route = partition.partition("/")
    return f"{title(drug)}, {route}" if route else title(drug)


def comparison_words(comparison: str) -> str:
    """Return a partition and its comparator as a heading, "Ketamine, oral, against methadone"."""
    partition, _, comparator = comparison.partition(AGAINST)
    return f"{partition_words(partition)}, against {comparator or load_vocabulary().reference}"
