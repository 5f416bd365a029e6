"""Pooling is a choice: headline probabilities with each cell alone, pooled, and averaged.

For the primary analysis and the first harm the same question goes to three models of the same
rows; their average weighs them by their marginal likelihoods, which the exact engine computes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from bayes_nmda.report.numbers import chance
from bayes_nmda.terms import cell_label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bayes_nmda.query import Answer
    from bayes_nmda.report.fits import Fit, Record

Direction = Literal["benefit", "harm"]
#: What each model is called: the one that the report tells, then those of ``pooling`` in a section.
NAMES: Final = ("partial pooling", "each cell alone", "complete pooling")
AVERAGE: Final = "average"
#: Probabilities that differ by more than this hang on pooling.
_APART: Final = 0.1


@dataclass(frozen=True, slots=True)
class Pooled:
    """Some sizes of effect asked of three ways to pool.

    Attributes
    ----------
    answer
        From `average_models`.
    sizes
        Sizes of effect, each with its words, the headline last.
    """

    answer: Answer
    sizes: Mapping[float, str]

    @property
    def rows(self) -> dict[str, dict[float, dict[str, Record]]]:
        """Records by label of the cell, then by size, then by model; the last is the average."""
        found: dict[str, dict[float, dict[str, Record]]] = {}
        for record in self.answer.records:
            label = cell_label(record["drug"], record["route"], record["timepoint"])
            size, model = float(record["at_least"]), str(record["model"])
            found.setdefault(label, {}).setdefault(size, {})[model] = record
        return found

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each model after the data; all were equal before."""
        named = {str(record["model"]): float(record["weight"]) for record in self.answer.records}
        return {name: named[name] for name in NAMES}

    @property
    def weight_words(self) -> str:
        """The weights in words, ``"27 % partial pooling, 3 % each cell alone, …"``."""
        return ", ".join(f"{100 * weight:.0f} % {name}" for name, weight in self.weights.items())

    def sentence(self, label: str) -> str:
        """Return how the headline probability of one cell hangs on pooling, and why."""
        row = self.rows[label][list(self.sizes)[-1]]
        known = {name: record for name, record in row.items() if not refused(record)}
        alone, complete = (
            chance(row[name]) if name in known else "not to be had" for name in NAMES[1:]
        )
        average = (
            f"; averaged over the three by their marginal likelihoods it is {chance(row[AVERAGE])} "
            f"(equal weights before the data; after them {self.weight_words})"
            if AVERAGE in known
            else ""
        )
        return (
            "That number rests on pooling, which is a choice: with each combination alone it is "
            f"{alone}, with complete pooling {complete}{average}. {self._why(row)}"
        )

    def _why(self, row: Mapping[str, Record]) -> str:
        values = [float(row[name]["probability"]) for name in NAMES if not refused(row[name])]
        trials = [int(record["trials"]) for record in self.answer.records]
        few = f"{min(trials)} to {max(trials)}" if min(trials) < max(trials) else f"{min(trials)}"
        noun = "trial" if max(trials) == 1 else "trials"
        if max(values) - min(values) > _APART:
            return (
                f"They differ because there are only {few} small {noun} a combination: how much "
                "combinations borrow from one another decides as much as the trials do."
            )
        return (
            f"With {few} {noun} a combination that need not be so; here it hardly matters how much "
            "combinations borrow."
        )


def refused(record: Record) -> bool:
    """Return whether a model gives no number, because counts of the cell alone say nothing."""
    return bool(record["flags"] == "refused")


def pooled(
    fits: Sequence[Fit],
    *,
    direction: Direction,
    measure: str | None,
    sizes: Mapping[float, str],
) -> Pooled:
    """Return some sizes of effect under three ways to pool.

    Parameters
    ----------
    fits
        Partial pooling, each cell alone, complete pooling.
    direction, measure, sizes
        The question; each size with its words.
    """
    from bayes_nmda.query import average_models

    answer = average_models(
        {name: one.draws for name, one in zip(NAMES, fits, strict=True)},
        direction=direction,
        at_least=list(sizes),
        measure=measure,
    )
    return Pooled(answer, sizes)
