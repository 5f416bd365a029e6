"""What a reader must know before trusting a number: flags of the data and of bias, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bayes_nmda.report.numbers import FLAGS

if TYPE_CHECKING:
    import pandas as pd

    from bayes_nmda.report.content import Content


@dataclass(frozen=True, slots=True)
class FlagCount:
    """One flag with the contrasts that carry it."""

    words: str
    number: int
    trials: tuple[str, ...]


def rows(content: Content) -> pd.DataFrame:
    """Return every contrast of this report once: pain, and each other outcome and comparator."""
    import pandas as pd

    frames = [fit.effects.frame for fit in content.fits]
    named = ["trial", "trial_id", "contrast", "outcome", "rob", "flags"]
    joined = pd.concat([frame[named] for frame in frames], ignore_index=True)
    return joined.drop_duplicates(["contrast", "outcome"]).reset_index(drop=True)


def flag_counts(content: Content) -> list[FlagCount]:
    """Return every flag of the contrasts in this report, with number and trials that carry it."""
    found: dict[str, list[str]] = {}
    contrasts = rows(content)
    for trial, flags in zip(contrasts["trial"], contrasts["flags"], strict=True):
        for flag in flags.split(";"):
            if flag:
                found.setdefault(flag, []).append(trial)
    return [
        FlagCount(FLAGS.get(flag, flag.replace("_", " ")), len(names), tuple(dict.fromkeys(names)))
        for flag, names in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def bias_counts(content: Content) -> dict[str, int]:
    """Return the number of trials in this report by judgement of the randomisation."""
    return judgements_of(rows(content))


def judgements_of(contrasts: pd.DataFrame) -> dict[str, int]:
    """Return the number of trials of some contrasts by judgement of the randomisation."""
    judged = dict(zip(contrasts["trial_id"], contrasts["rob"], strict=True))
    values = list(judged.values())
    return {judgement: values.count(judgement) for judgement in dict.fromkeys(sorted(values))}
