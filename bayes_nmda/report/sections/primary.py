"""The primary analysis: its cells and trials, a measured benefit, and its scenarios.

Nothing is estimated here. The numbers come from the query functions of the package, and from what
is known of the review; this module only puts them side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_nmda.report.fits import Fit, Record, by_cell, flags_of
from bayes_nmda.report.sections import About, Kind
from bayes_nmda.terms import cell_label

if TYPE_CHECKING:
    from bayes_nmda.data import TrialData
    from bayes_nmda.query import Answer
    from bayes_nmda.report.review import Review

#: The size at which scenarios are compared: the smallest above any benefit.
FIRST = 1


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
    review: Review | None
    sentences: tuple[str, ...]

    @property
    def partition(self) -> str:
        """Drug and route, joined."""
        return cell_label(self.drug, self.route)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One model beside the primary one: its estimates and probabilities by cell.

    ``chances`` are of a benefit of the first real size, ``any_benefit`` of one of any size.
    """

    model: str
    label: str
    means: Mapping[str, Record]
    chances: Mapping[str, Record]
    any_benefit: Mapping[str, Record]


def ask(fit: Fit, curve: Sequence[float]) -> dict[str, Answer]:
    """Return the answers of the primary analysis, each under the name of its table."""
    from bayes_nmda import query

    draws, thresholds = fit.draws, fit.spec.thresholds.benefit_sizes
    first, last, step = curve
    sizes = [float(x) for x in np.arange(first, last + step / 2, step)]
    sizes = sorted({*sizes, *thresholds})
    return {
        "effect": query.effect(draws),
        "new_trial": query.new_trial(draws),
        "prob_benefit": query.prob_benefit(draws, at_least=list(thresholds), target="mean"),
        "prob_benefit_new_trial": query.prob_benefit(
            draws, at_least=list(thresholds), target="new_trial"
        ),
        "prob_benefit_curve": query.prob_benefit(draws, at_least=sizes, target="mean"),
        "prob_benefit_curve_new_trial": query.prob_benefit(
            draws, at_least=sizes, target="new_trial"
        ),
        "heterogeneity": query.heterogeneity(draws),
        "shrinkage": query.shrinkage(draws),
        **({"rank": query.rank(draws)} if len(draws.cells) > 1 else {}),
    }


def primary_cells(fit: Fit, answers: Mapping[str, Answer], trials: TrialData) -> list[Cell]:
    """Return the cells of the primary analysis in the order of the model."""
    from bayes_nmda.report.review import reviewed

    review = reviewed(fit, trials)
    means, news = (by_cell(fit, answers[name]) for name in ("effect", "new_trial"))
    chances = by_cell(fit, answers["prob_benefit"])
    new_chances = by_cell(fit, answers["prob_benefit_new_trial"])
    said = iter(answers["prob_benefit"].sentences)
    cells = []
    for cell, sentence in zip(fit.draws.cells, answers["effect"].sentences, strict=True):
        label = cell.label
        words = [next(said) for _ in chances[label]]
        cells.append(
            Cell(
                label,
                cell.drug,
                cell.route,
                cell.timepoint,
                flags_of(cell),
                means[label][0],
                news[label][0],
                {(r["target"], r["at_least"]): r for r in (*chances[label], *new_chances[label])},
                review.get(label),
                (sentence, *words),
            )
        )
    return cells


def primary_contrasts(fit: Fit, shrinkage: Answer) -> list[Contrast]:
    """Return one row a trial and cell of the primary analysis."""
    rows = fit.effects.frame.set_index("contrast")
    found = []
    for record in shrinkage.records:
        row = rows.loc[record["contrast"]]
        sizes = int(row["n_t"]), int(row["n_c"])
        found.append(
            Contrast(row["cell"], record["trial"], *sizes, row["rob"], record["flags"], record)
        )
    return found


def scenario(fit: Fit) -> Scenario:
    """Return estimates and probabilities of one model about the primary question."""
    from bayes_nmda import query

    at_least = fit.spec.thresholds.benefit_sizes[FIRST]
    means = by_cell(fit, query.effect(fit.draws))
    chances = by_cell(fit, query.prob_benefit(fit.draws, at_least=at_least))
    whatever = by_cell(fit, query.prob_benefit(fit.draws, at_least=0))
    return Scenario(
        fit.spec.name,
        fit.label,
        {label: records[0] for label, records in means.items()},
        {label: records[0] for label, records in chances.items()},
        {label: records[0] for label, records in whatever.items()},
    )


KINDS = {
    "primary": Kind(
        about=(About("differences"),), needs=("curve",), may=("pooling",), scenarios=True
    )
}
