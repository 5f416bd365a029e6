"""Pooling is a choice: headline probabilities with each cell alone, pooled, and averaged.

For pain and for the first harm the same question goes to three models of the same rows, each fitted
by the exact engine, which computes the marginal likelihoods that they are averaged by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from bayes_nmda.report.numbers import chance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bayes_nmda.query import Answer
    from bayes_nmda.report.fits import Fit, Record

#: What each model is called: the one that the report tells, then those of ``pooling`` in a section.
NAMES: Final = ("partial pooling", "each cell alone", "complete pooling")


@dataclass(frozen=True, slots=True)
class Pooled:
    """One question under three ways to pool.

    Attributes
    ----------
    answer
        From `bayes_nmda.average_models`.
    direction
        Whether its probabilities are of a benefit or a harm.
    size
        The size of effect asked for, in words.
    """

    answer: Answer
    direction: Literal["benefit", "harm"]
    size: str

    @property
    def rows(self) -> dict[str, dict[str, Record]]:
        """Records by label of the cell, then by model; the last is the average."""
        found: dict[str, dict[str, Record]] = {}
        for record in self.answer.records:
            label = "/".join(filter(None, (record["drug"], record["route"], record["timepoint"])))
            found.setdefault(label, {})[str(record["model"])] = record
        return found

    def sentence(self, label: str) -> str:
        """Return how the probability of one cell hangs on pooling, and why."""
        row = self.rows[label]
        told = [
            f"{chance(record)} with {name}" for name, record in row.items() if name in NAMES[1:]
        ]
        average = row["average"]
        return (
            "Pooling is a choice. That is where cells borrow from one another in part; it is "
            f"{' and '.join(told)}. Averaged over the three by how well they predict the data, "
            f"with equal weights before, it is {chance(average)}. With one to six small trials a "
            "cell, how much cells borrow decides as much as the trials do."
        )


def pooled(
    fits: Sequence[Fit],
    direction: Literal["benefit", "harm"],
    at_least: float,
    measure: str | None,
    size: str,
) -> Pooled:
    """Return a question under three ways to pool.

    Parameters
    ----------
    fits
        Partial pooling, each cell alone, complete pooling.
    direction, at_least, measure
        The question.
    size
        ``at_least`` in words.
    """
    from bayes_nmda.posterior.sample import fit
    from bayes_nmda.query import average_models

    exact: Mapping[str, object] = {
        name: fit(one.spec, one.effects, engine="exact")
        for name, one in zip(NAMES, fits, strict=True)
    }
    answer = average_models(
        exact,  # type: ignore[arg-type]  # DataTrees, which this module does not name
        direction=direction,
        at_least=at_least,
        measure=measure,
    )
    return Pooled(answer, direction, size)
