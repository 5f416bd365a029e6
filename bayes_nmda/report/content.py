"""What a report tells: one value with every number in it, each taken from an Answer.

Nothing is estimated here. The numbers come from the query functions of the package, the review's
own pooling and the tables of data; this module only puts them side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_nmda.report.definition import ReportDefinition
from bayes_nmda.terms import cell_label

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_nmda.data import TrialData
    from bayes_nmda.effects import EffectTable
    from bayes_nmda.model.spec import ModelSpec
    from bayes_nmda.query import Answer

Record = Mapping[str, Any]
#: The threshold at which scenarios are compared: the smallest above any benefit.
FIRST = 1


@dataclass(frozen=True, slots=True)
class Fit:
    """One model of the report: its file, its posterior and its gates."""

    spec: ModelSpec
    label: str
    tree: xr.DataTree
    gates: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Review:
    """The review's method on the rows of one cell; ``printed`` if the review shows this number."""

    estimate: float
    low: float
    high: float
    printed: bool


@dataclass(frozen=True, slots=True)
class Contrast:
    """One trial in one cell: what it found and what the model makes of it, in the model's unit."""

    cell: str
    trial: str
    n_t: int
    n_c: int
    rob: str
    flags: str
    answer: Record


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell with its Answers: mean effect, new trial, and probabilities by target and size."""

    label: str
    drug: str
    route: str
    timepoint: str
    flags: tuple[str, ...]
    mean: Record
    new: Record
    chances: Mapping[tuple[str, float], Record]
    review: Review
    sentences: tuple[str, ...]

    @property
    def partition(self) -> str:
        """Drug and route, joined."""
        return cell_label(self.drug, self.route)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One model beside the primary one: its estimates and probabilities by cell."""

    model: str
    label: str
    means: Mapping[str, Record]
    chances: Mapping[str, Record]


@dataclass(frozen=True, slots=True)
class Content:
    """Everything a report tells."""

    definition: ReportDefinition
    primary: Fit
    fits: tuple[Fit, ...]
    trials: TrialData
    effects: EffectTable
    cells: tuple[Cell, ...]
    contrasts: tuple[Contrast, ...]
    scenarios: tuple[Scenario, ...]
    answers: Mapping[str, Answer]
    replication: pd.DataFrame
    engines: pd.DataFrame
    influence: pd.DataFrame | None

    @property
    def partitions(self) -> list[str]:
        """Partitions in the order of their cells."""
        return list(dict.fromkeys(cell.partition for cell in self.cells))

    def cells_of(self, partition: str) -> list[Cell]:
        """Return the cells of one partition, in order of time."""
        return [cell for cell in self.cells if cell.partition == partition]

    def contrasts_of(self, partition: str) -> list[Contrast]:
        """Return the contrasts of one partition."""
        cells = {cell.label for cell in self.cells_of(partition)}
        return [row for row in self.contrasts if row.cell in cells]


def gather(
    definition: ReportDefinition,
    fits: Sequence[Fit],
    trials: TrialData,
    effects: EffectTable,
    replication: pd.DataFrame,
    engines: pd.DataFrame,
    influence: pd.DataFrame | None,
) -> Content:
    """Return the content of a report: every question asked, every answer in its place."""
    answers = _ask(fits[0].tree, fits[0].spec.thresholds.benefit, definition.curve, trials)
    return Content(
        definition=definition,
        primary=fits[0],
        fits=tuple(fits),
        trials=trials,
        effects=effects,
        cells=tuple(_cells(answers, effects, trials)),
        contrasts=tuple(_contrasts(answers["shrinkage"], effects)),
        scenarios=tuple(_scenario(fit) for fit in fits),
        answers=answers,
        replication=replication,
        engines=engines,
        influence=influence,
    )


def _ask(
    tree: xr.DataTree,
    thresholds: Sequence[float],
    curve: tuple[float, float, float],
    trials: TrialData,
) -> dict[str, Answer]:
    """Return the answers of the primary analysis, each under the name of its table."""
    from bayes_nmda import query

    first, last, step = curve
    sizes = [float(x) for x in np.arange(first, last + step / 2, step)]
    sizes = sorted({*sizes, *thresholds})
    return {
        "effect": query.effect(tree),
        "new_trial": query.new_trial(tree),
        "prob_benefit": query.prob_benefit(tree, at_least=list(thresholds), target="mean"),
        "prob_benefit_new_trial": query.prob_benefit(
            tree, at_least=list(thresholds), target="new_trial"
        ),
        "prob_benefit_curve": query.prob_benefit(tree, at_least=sizes, target="mean"),
        "prob_benefit_curve_new_trial": query.prob_benefit(
            tree, at_least=sizes, target="new_trial"
        ),
        "heterogeneity": query.heterogeneity(tree),
        "shrinkage": query.shrinkage(tree),
        "rank": query.rank(tree),
        "evidence_map": query.evidence_map(trials, comparator="placebo"),
    }


def label_of(record: Record) -> str:
    """Return the cell that a record of an Answer is about."""
    return cell_label(record["drug"], record["route"], record["timepoint"])


def _cells(answers: Mapping[str, Answer], effects: EffectTable, trials: TrialData) -> list[Cell]:
    new = {label_of(record): record for record in answers["new_trial"].records}
    chances: dict[str, dict[tuple[str, float], Record]] = {}
    words: dict[str, list[str]] = {}
    for name in ("prob_benefit", "prob_benefit_new_trial"):
        answer = answers[name]
        for record, sentence in zip(answer.records, answer.sentences, strict=True):
            label = label_of(record)
            chances.setdefault(label, {})[record["target"], record["at_least"]] = record
            if name == "prob_benefit":
                words.setdefault(label, []).append(sentence)
    cells = []
    for record, sentence in zip(
        answers["effect"].records, answers["effect"].sentences, strict=True
    ):
        label = label_of(record)
        flags = [flag for flag in record["flags"].split(";") if flag]
        single = ["single_trial"] if record["trials"] == 1 else []
        cells.append(
            Cell(
                label, record["drug"], record["route"], record["timepoint"],
                (*single, *flags), record, new[label], chances[label],
                _review(label, effects, trials), (sentence, *words[label]),
            )
        )  # fmt: skip
    return cells


def _review(label: str, effects: EffectTable, trials: TrialData) -> Review:
    from bayes_nmda.effects.pooling import pool

    rows = effects.frame[effects.frame["cell"] == label]
    pooled = pool(rows["yi"], rows["sei"] ** 2)
    first = rows.iloc[0]
    named = trials.published[trials.published["kind"] == "pooled"]
    keys = ["drug", "route", "outcome", "timepoint", "comparator"]
    same = (named[keys] == first[keys].to_numpy()).all(axis=1)
    printed = len(rows) == 1 or bool(same.any())
    return Review(pooled.estimate, pooled.ci_low, pooled.ci_high, printed)


def _contrasts(answer: Answer, effects: EffectTable) -> list[Contrast]:
    rows = effects.frame.set_index("contrast")
    found = []
    for record in answer.records:
        row = rows.loc[record["contrast"]]
        sizes = int(row["n_t"]), int(row["n_c"])
        found.append(
            Contrast(
                row["cell"], record["trial"], *sizes, row["rob"], record["flags"], record
            )
        )  # fmt: skip
    return found


def _scenario(fit: Fit) -> Scenario:
    from bayes_nmda import query

    at_least = fit.spec.thresholds.benefit[FIRST]
    return Scenario(
        fit.spec.name,
        fit.label,
        {label_of(record): record for record in query.effect(fit.tree).records},
        {
            label_of(record): record
            for record in query.prob_benefit(fit.tree, at_least=at_least).records
        },
    )
