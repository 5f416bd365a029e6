"""The first screen: one line a treatment, with what a reader needs before any other number.

The timepoint of a line is that of the earliest timepoint of the vocabulary at which a trial of the
treatment reports the primary outcome: a rule, so that nobody picks the best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bayes_nmda.report.certainty import Certainty, certainty
from bayes_nmda.report.numbers import count
from bayes_nmda.report.sections.outcomes import size_of
from bayes_nmda.report.trials import dose_words, text
from bayes_nmda.terms import cell_label

if TYPE_CHECKING:
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.fits import Fit
    from bayes_nmda.report.sections.outcomes import Line, Outcome


@dataclass(frozen=True, slots=True)
class Glance:
    """One treatment at a glance.

    Attributes
    ----------
    cell
        Its first cell of the primary outcome, None where no trial reports it.
    harm
        Its line of the first harm.
    people
        Its line of the harm that is told in people.
    trials, participants
        Behind the benefit where there is one, else behind the harm.
    certainty
        Of the benefit, else of the harm.
    conditions, doses, designs
        Of the trials behind any number of it, in words.
    """

    partition: str
    cell: Line | None
    harm: Line | None
    people: Line | None
    trials: int
    participants: int
    certainty: Certainty
    conditions: tuple[str, ...]
    doses: tuple[str, ...]
    designs: tuple[str, ...]


def glances(content: Content) -> list[Glance]:
    """Return the lines of the first screen: treatments with a number of the benefit or a harm."""
    harm, people = first_harm(content), headline(content)
    found = []
    for partition in content.partitions:
        cell = next(iter(content.cells_of(partition)), None)
        lines = [None if one is None else one.line(partition) for one in (harm, people)]
        if cell is not None or lines[0] is not None:
            found.append(_glance(content, partition, cell, *lines))
    return found


def first_harm(content: Content) -> Outcome | None:
    """Return the harm whose probability stands beside the benefit."""
    told = content.told("harms")
    return told[0] if told else None


def headline(content: Content) -> Outcome | None:
    """Return the harm that is told in people on the first screen."""
    name = content.definition.headline_harm
    return content.outcomes[name] if name else None


def _glance(
    content: Content, partition: str, cell: Line | None, harm: Line | None, people: Line | None
) -> Glance:
    told = cell or harm
    if told is None:
        raise AssertionError(f"{partition} has neither a benefit nor a harm")
    names = _trials(content, partition)
    rows = content.trials.trials[content.trials.trials["trial"].isin(names)]
    arms = content.trials.arms
    mine = arms[arms["trial"].isin(names) & (arms["role"] == "treatment")]
    labels = dict(zip(rows["trial"], rows["label"], strict=True))
    doses = [
        f"{labels[arm['trial']]}: {dose_words(arm).partition(': ')[2]}"
        for arm in mine.to_dict("records")
        if cell_label(text(arm["drug"]), text(arm["route"])) == partition
    ]
    return Glance(
        partition,
        cell,
        harm,
        people,
        told.trials,
        told.participants,
        certainty(content, told),
        _counted(rows["condition"]),
        tuple(dict.fromkeys(doses)),
        _counted(rows["design"]),
    )


def _trials(content: Content, partition: str) -> list[str]:
    """Return the trials that compare a treatment with the reference in any model of the report."""
    fits: list[Fit] = [content.primary]
    fits += [content.outcomes[line.model].fit for line in content.lines_of(partition)]
    frames = [fit.effects.frame for fit in fits]
    mine = [frame.loc[frame["partition"] == partition, "trial_id"] for frame in frames]
    return list(dict.fromkeys(pd.concat(mine)))


def _counted(values: pd.Series) -> tuple[str, ...]:
    """Return each value with the number of trials that have it, ``"CRPS (2 trials)"``."""
    known = [text(value) or "not stated" for value in values]
    return tuple(
        f"{value} ({count(known.count(value), 'trial')})" for value in dict.fromkeys(known)
    )


def size_of_harm(content: Content) -> float:
    """Return the size of harm that the first screen speaks of, in people of one."""
    harm = first_harm(content)
    return 0.0 if harm is None else size_of(harm)
