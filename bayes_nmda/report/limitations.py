"""What a reader must know before trusting a number: flags of the data and decisions, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bayes_nmda.report.numbers import FLAGS

if TYPE_CHECKING:
    from bayes_nmda.report.content import Content


@dataclass(frozen=True, slots=True)
class FlagCount:
    """One flag with the contrasts that carry it."""

    words: str
    number: int
    trials: tuple[str, ...]


def flag_counts(content: Content) -> list[FlagCount]:
    """Return every flag of the contrasts in this report, with number and trials that carry it."""
    found: dict[str, list[str]] = {}
    for row in content.contrasts:
        for flag in row.flags.split(";"):
            if flag:
                found.setdefault(flag, []).append(row.trial)
    return [
        FlagCount(FLAGS.get(flag, flag.replace("_", " ")), len(names), _once(names))
        for flag, names in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def bias_counts(content: Content) -> dict[str, int]:
    """Return the number of trials in this report by judgement of the randomisation."""
    judged = {row.trial: row.rob for row in content.contrasts}
    values = list(judged.values())
    return {judgement: values.count(judgement) for judgement in dict.fromkeys(sorted(values))}


def decisions(content: Content) -> pd.DataFrame:
    """Return the decisions on the trials of this report, and on all trials, as they are filed."""
    table = content.trials.decisions
    trials = set(content.effects.frame["trial_id"])
    outcome = content.primary.spec.select.outcome
    about = [
        (not trial and action != "set_aside")
        or (trial in trials and (table_name != "outcomes" or f":{outcome}" in target))
        for trial, table_name, target, action in zip(
            table["trial"], table["table"], table["target"], table["action"], strict=True
        )
    ]
    return table[about].reset_index(drop=True)


def _once(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
