"""Every outcome, counted or measured: a line a drug, route, timepoint and comparator.

A line holds records of Answers on each scale that a reader may want, and the review's own number.
Counted outcomes are told as odds ratio, risk ratio, risk difference and number needed; measured
ones on the model's scale and, where the model file names one, in units of a familiar instrument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from bayes_nmda.report.fits import Fit, Record, by_cell, flags_of, partition_of
from bayes_nmda.report.sections import About, Kind

if TYPE_CHECKING:
    import pandas as pd

    from bayes_nmda.data import TrialData
    from bayes_nmda.query import Answer
    from bayes_nmda.report.review import Review

Direction = Literal["benefit", "harm"]
#: Scales on which a counted outcome is told; the first is the one that tables lead with.
COUNTED: Final = ("RD", "RR", "OR", "NNT")


@dataclass(frozen=True, slots=True)
class Events:
    """People with an event and people at all, with the drug and without; an arm counts once."""

    treated: int
    n_treated: int
    control: int
    n_control: int


@dataclass(frozen=True, slots=True)
class Line:
    """One cell of one model.

    Attributes
    ----------
    label
        Cell with its comparator.
    estimates
        Records of `effect` by measure, the leading one first.
    new
        Record of `new_trial` on the leading measure.
    chances
        Records of `prob_benefit` and `prob_harm` by direction and size, on the leading measure.
    new_chances
        Records of `prob_benefit` in a new trial by size, where they are told.
    events
        Counts of a counted outcome, else None.
    review
        What the review printed, and its method on these rows; None where there is neither.
    sentences
        Of the leading estimate, and of each size in the direction of the outcome.
    """

    model: str
    outcome: str
    label: str
    drug: str
    route: str
    timepoint: str
    comparator: str
    trials: int
    participants: int
    flags: tuple[str, ...]
    estimates: Mapping[str, Record]
    new: Record
    chances: Mapping[tuple[str, float], Record]
    new_chances: Mapping[float, Record]
    events: Events | None
    review: Review | None
    sentences: tuple[str, ...]

    @property
    def partition(self) -> str:
        """Drug and route, joined."""
        return partition_of(self.label)

    @property
    def lead(self) -> Record:
        """The estimate that tables lead with."""
        return next(iter(self.estimates.values()))

    @property
    def informative(self) -> int:
        """Number of trials that say anything of a ratio; of a measured outcome all do."""
        return self.trials if self.events is None else int(self.lead["trials_informative"])

    @property
    def borrowed(self) -> bool:
        """Whether no trial of the cell says anything, so that its numbers are borrowed whole."""
        return self.informative == 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """One model with its lines and the answers they were taken from, by name of their table."""

    fit: Fit
    direction: Direction
    lines: tuple[Line, ...]
    answers: Mapping[str, Answer]

    @property
    def sizes(self) -> tuple[float, ...]:
        """Sizes of effect that probabilities are told of, on the leading scale."""
        limits = self.fit.spec.thresholds
        return limits.risk_sizes if self.fit.counts else limits.benefit_sizes

    def line(self, partition: str) -> Line | None:
        """Return the first line about a drug and route, None where there is none."""
        return next((line for line in self.lines if line.partition == partition), None)


def size_of(outcome: Outcome) -> float:
    """Return the effect whose probability is told beside that of any effect.

    Of a harm it is the largest that its model file lists, of a benefit the smallest above none: 50
    people in 1000 in both, and a small standardised difference.
    """
    sizes = [size for size in outcome.sizes if size > 0]
    return max(sizes) if outcome.direction == "harm" else min(sizes)


def outcome_of(fit: Fit, trials: TrialData) -> Outcome:
    """Return what a model says about its outcome, asked on every scale.

    The direction is that of the outcome: events that favour the drug are a benefit, others a harm.
    """
    direction: Direction = "harm" if fit.counts and fit.spec.benefit == "negative" else "benefit"
    return told(fit, trials, direction, _ask(fit, direction))


def told(
    fit: Fit, trials: TrialData, direction: Direction, answers: Mapping[str, Answer]
) -> Outcome:
    """Return answers about a model sorted by cell.

    Parameters
    ----------
    answers
        ``effect_<measure>``, the leading one first, ``new_trial``, ``prob_benefit`` and
        ``prob_harm``, of which one may be missing, and perhaps ``prob_benefit_new_trial``.
    """
    from bayes_nmda.report.review import reviewed

    estimates = {
        name.removeprefix("effect_"): by_cell(fit, answer)
        for name, answer in answers.items()
        if name.startswith("effect_")
    }
    news = by_cell(fit, answers["new_trial"])
    chances = {
        name: by_cell(fit, answers[f"prob_{name}"])
        for name in ("benefit", "harm")
        if f"prob_{name}" in answers
    }
    beyond = answers.get("prob_benefit_new_trial")
    new_chances = {} if beyond is None else by_cell(fit, beyond)
    lead = answers[f"effect_{next(iter(estimates))}"].sentences
    said = iter(answers[f"prob_{direction}"].sentences)
    review, frame = reviewed(fit, trials), fit.effects.frame
    lines = tuple(
        Line(
            fit.spec.name,
            fit.spec.select.outcome,
            cell.label,
            cell.drug,
            cell.route,
            cell.timepoint,
            cell.comparator,
            cell.trials,
            cell.participants,
            flags_of(cell),
            {measure: found[cell.label][0] for measure, found in estimates.items()},
            news[cell.label][0],
            {
                (name, record["at_least"]): record
                for name, found in chances.items()
                for record in found[cell.label]
            },
            {record["at_least"]: record for record in new_chances.get(cell.label, ())},
            events_of(frame[frame["cell"] == cell.label]) if fit.counts else None,
            review.get(cell.label),
            (sentence, *(next(said) for _ in chances[direction][cell.label])),
        )
        for cell, sentence in zip(fit.draws.cells, lead, strict=True)
    )
    return Outcome(fit, direction, lines, answers)


def _ask(fit: Fit, direction: Direction) -> dict[str, Answer]:
    """Return the answers about one model: all sizes in its own direction, and any the other way."""
    from bayes_nmda import query

    ask = {"benefit": query.prob_benefit, "harm": query.prob_harm}
    other = "benefit" if direction == "harm" else "harm"
    if fit.counts:
        sizes = list(fit.spec.thresholds.risk_sizes)
        measures: tuple[str | None, ...] = COUNTED
        lead: str | None = "RD"
    else:
        sizes = list(fit.spec.thresholds.benefit_sizes)
        measures = (None, "MD") if fit.spec.familiar is not None else (None,)
        lead = None
    found = {
        f"effect_{measure or fit.spec.measure}": query.effect(fit.draws, measure=measure)
        for measure in measures
    }
    found["new_trial"] = query.new_trial(fit.draws, measure=lead)
    found[f"prob_{direction}"] = ask[direction](fit.draws, measure=lead, at_least=sizes)
    found[f"prob_{other}"] = ask[other](fit.draws, measure=lead, at_least=0)
    return found


def informative_trials(rows: pd.DataFrame) -> int:
    """Return how many trials of some contrasts say anything of a ratio.

    Those in which somebody had the event and somebody had not, over the arms that are compared.
    """
    said = 0
    for _, of_trial in rows.groupby("trial_id"):
        strata = (events_of(stratum) for _, stratum in of_trial.groupby("stratum"))
        said += any(
            0 < counts.treated + counts.control < counts.n_treated + counts.n_control
            for counts in strata
        )
    return said


def events_of(rows: pd.DataFrame) -> Events:
    """Return the counts of some contrasts, an arm once."""
    sums = []
    for arm, side in (("treatment_arm", "t"), ("control_arm", "c")):
        once = rows.drop_duplicates(["trial_id", arm, "stratum"])
        sums += [int(once[f"events_{side}"].sum()), int(once[f"n_{side}"].sum())]
    return Events(*sums)


#: Counted benefits, a change within one patient; how people fare; and against other treatments.
KINDS = {
    "responders": Kind(about=(About("counts", "positive"),), lines=True, column=True),
    "function": Kind(about=(About("differences"),), lines=True),
    "active": Kind(about=(About(against="others"),), lines=True),
}
