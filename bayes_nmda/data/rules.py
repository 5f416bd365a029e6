"""Rules that tie the columns of one table together, a line a rule.

A rule has a function from the table to a boolean Series, True where a row is good. A missing
number never breaks a rule on its size; whether it may be missing is a rule of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from bayes_nmda.data.vocabulary import load_vocabulary

type Holds = Callable[[pd.DataFrame], pd.Series[bool]]


@dataclass(frozen=True, slots=True)
class Rule:
    """What must hold in every row; the first column is the one that a message names."""

    columns: tuple[str, ...]
    holds: Holds
    allowed: str | Callable[[], str]
    advice: str


def _numbers(frame: pd.DataFrame, name: str) -> pd.Series[float]:
    return frame[name].astype("Float64").astype("float64")


def ordered(low: str, high: str) -> Holds:
    """Return the rule that one column is not above another, unless one of them is missing."""

    def holds(frame: pd.DataFrame) -> pd.Series[bool]:
        return ~(_numbers(frame, low) > _numbers(frame, high))

    return holds


def only_if(
    condition: Holds, *, filled: tuple[str, ...] = (), empty: tuple[str, ...] = ()
) -> Holds:
    """Return the rule that rows which meet a condition have some columns filled, others empty."""

    def holds(frame: pd.DataFrame) -> pd.Series[bool]:
        good = pd.Series(True, index=frame.index)
        for name in filled:
            good &= has_value(frame[name])
        for name in empty:
            good &= ~has_value(frame[name])
        return good | ~condition(frame)

    return holds


def has_value(cells: pd.Series) -> pd.Series[bool]:
    """Tell which cells hold something: text that is not empty, or a number."""
    return cells.notna() & (cells.astype(str) != "")


def equals(name: str, *values: str) -> Holds:
    """Return the condition that a column holds one of some words."""
    return lambda frame: frame[name].isin(values)


def _change_matches(frame: pd.DataFrame) -> pd.Series[bool]:
    said = frame["change_score"].astype("boolean")
    return (said == (frame["value_type"] == "change")).fillna(True).astype(bool)


def _identifier_matches(frame: pd.DataFrame) -> pd.Series[bool]:
    parts = (frame[name].astype(str) for name in ("trial", "arm", "outcome", "timepoint"))
    composed = [":".join(filter(None, row)) for row in zip(*parts, strict=True)]
    return frame["outcome_id"] == pd.Series(composed, index=frame.index, dtype=str)


def _interval_whole(frame: pd.DataFrame) -> pd.Series[bool]:
    count = frame[["estimate", "ci_low", "ci_high"]].notna().sum(axis=1)
    return count.isin([0, 3])


def _ratio_positive(frame: pd.DataFrame) -> pd.Series[bool]:
    return ~((frame["measure"] == "RR") & (frame["ci_low"] <= 0))


def _inside_scale(frame: pd.DataFrame) -> pd.Series[bool]:
    return ~(frame["instrument"].str.contains("0-100") & (frame["mean"].abs() > 100))


def _treatment_drug(frame: pd.DataFrame) -> pd.Series[bool]:
    known = load_vocabulary().treatments
    named = frame["drug"].isin(known) if known else frame["drug"] != ""
    return (frame["role"] != "treatment") | named


def _treatments() -> str:
    known = load_vocabulary().treatments
    return (", ".join(known) or "a drug") + " in treatment arms"


_CONTINUOUS, _BINARY = equals("kind", "continuous"), equals("kind", "binary")
_OF_EFFECT = (
    *("trial", "analysis", "main_analysis", "treatment_arm", "control_arm"),
    *("outcome", "measure", "decimals"),
)
_INTERVAL_ADVICE = "exchange the ends or correct the number; compare with the locator"

RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "trials": (
        Rule(
            ("n_analysed", "n_randomised"),
            ordered("n_analysed", "n_randomised"),
            "no more participants analysed than randomised",
            "correct one of the two",
        ),
    ),
    "arms": (
        Rule(
            ("comparator", "role"),
            only_if(equals("role", "control"), filled=("comparator",)),
            "a comparator for every control arm",
            "say what the arm counts as",
        ),
        Rule(
            ("comparator", "role"),
            only_if(equals("role", "treatment", "other"), empty=("comparator",)),
            "no comparator for an arm that is not a control",
            "empty the cell or correct the role",
        ),
        Rule(
            ("drug", "role"),
            _treatment_drug,
            _treatments,
            "correct the drug or the role, or add the drug to vocabulary.toml",
        ),
    ),
    "outcomes": (
        Rule(
            ("mean", "sd", "value_type", "events", "kind"),
            only_if(_CONTINUOUS, filled=("mean", "sd", "value_type"), empty=("events",)),
            "mean, sd and value_type, and no events, where kind is continuous",
            "fill or empty the cells, or correct the kind",
        ),
        Rule(
            ("events", "mean", "sd", "value_type", "kind"),
            only_if(_BINARY, filled=("events",), empty=("mean", "sd", "value_type")),
            "events, and no mean, sd or value_type, where kind is binary",
            "fill or empty the cells, or correct the kind",
        ),
        Rule(
            ("events", "n"),
            ordered("events", "n"),
            "no more events than participants",
            "correct one of the two; a participant counts once however many events",
        ),
        Rule(
            ("mean", "instrument"),
            _inside_scale,
            "at most 100 in size on a scale of 0 to 100",
            "correct the mean or the instrument",
        ),
        Rule(
            ("change_score", "value_type"),
            _change_matches,
            "true exactly where value_type is change",
            "correct one of the two",
        ),
        Rule(
            ("outcome_id", "trial", "arm", "outcome", "timepoint"),
            _identifier_matches,
            "trial:arm:outcome, and :timepoint where there is one",
            "compose the identifier from the row's own cells",
        ),
    ),
    "published": (
        Rule(
            ("ci_low", "ci_high"),
            ordered("ci_low", "ci_high"),
            "ci_low below ci_high",
            _INTERVAL_ADVICE,
        ),
        Rule(
            ("estimate", "ci_low"),
            ordered("ci_low", "estimate"),
            "an estimate inside its interval",
            _INTERVAL_ADVICE,
        ),
        Rule(
            ("estimate", "ci_high"),
            ordered("estimate", "ci_high"),
            "an estimate inside its interval",
            _INTERVAL_ADVICE,
        ),
        Rule(
            ("estimate", "ci_low", "ci_high"),
            _interval_whole,
            "estimate, ci_low and ci_high together or none of them",
            "complete the interval",
        ),
        Rule(("ci_low", "measure"), _ratio_positive, "a ratio above 0", _INTERVAL_ADVICE),
        Rule(
            (*_OF_EFFECT, "kind"),
            only_if(equals("kind", "row_effect"), filled=_OF_EFFECT),
            "trial, analyses, arms, outcome, measure and decimals in every row_effect",
            "complete the row",
        ),
        Rule(
            ("estimate", "measure", "decimals", "kind"),
            only_if(equals("kind", "pooled"), filled=("estimate", "measure", "decimals")),
            "estimate, measure and decimals in every pooled row",
            "complete the row, or make its kind context",
        ),
    ),
    "abstract_outcomes": (
        *(
            Rule(
                (low, high), ordered(low, high), f"{low} not above {high}", "correct one of the two"
            )
            for low, high in (
                ("events_t", "total_t"),
                ("events_c", "total_c"),
                ("ci_low", "ci_high"),
                ("ci_low", "estimate"),
                ("estimate", "ci_high"),
                ("ci_low_t", "ci_high_t"),
                ("ci_low_c", "ci_high_c"),
                ("iqr_low_t", "iqr_high_t"),
                ("iqr_low_c", "iqr_high_c"),
                ("scale_min", "scale_max"),
            )
        ),
    ),
}
