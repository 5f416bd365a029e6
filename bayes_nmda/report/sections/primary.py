"""The primary analysis: its cells and trials, a measured benefit, and its scenarios.

Nothing is estimated here. The numbers come from the query functions of the package, and from what
is known of the review; this module only puts them side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_nmda.report.fits import Fit, Record, by_cell
from bayes_nmda.report.sections import About, Kind
from bayes_nmda.report.sections.outcomes import Outcome, told

if TYPE_CHECKING:
    from bayes_nmda.data import TrialData
    from bayes_nmda.query import Answer

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


def primary_outcome(fit: Fit, answers: Mapping[str, Answer], trials: TrialData) -> Outcome:
    """Return the answers of the primary analysis by cell, in the order of the model."""
    names = ("new_trial", "prob_benefit", "prob_benefit_new_trial")
    found = {f"effect_{fit.spec.measure}": answers["effect"]}
    return told(fit, trials, "benefit", found | {name: answers[name] for name in names})


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
