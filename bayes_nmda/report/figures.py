"""All figures of a report, by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.report.computation import energy_figure, predictive_figure, rank_figure
from bayes_nmda.report.curves import prior_and_posterior, threshold_curves
from bayes_nmda.report.engines import influence_figure
from bayes_nmda.report.evidence import evidence_figure
from bayes_nmda.report.findings import headline_column
from bayes_nmda.report.forest import forest, limits
from bayes_nmda.report.history import history_figure
from bayes_nmda.report.numbers import comparator_words, partition_words
from bayes_nmda.report.sections import KINDS
from bayes_nmda.report.sections.primary import FIRST

if TYPE_CHECKING:
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.history import Told
    from bayes_nmda.report.style import Figure

#: The table with the numbers of each figure, by how the name of the figure begins.
DATA: Final = {
    "forest": "shrinkage",
    "threshold": "prob_benefit_curve",
    "prior-posterior": "effect",
    "harm": "harms",
    "tradeoff": "tradeoff",
    "specification-curve": "specification_curve",
    "missing-evidence": "missing_evidence",
    "next-trial": "next_trial",
    "evidence-map": "evidence_map",
    "influence": "influence",
    "posterior-predictive": "predicted",
    "ranks": "gates",
    "energy": "gates",
    "history": "history",
}


def figures(content: Content, past: Told) -> dict[str, Figure]:
    """Return every figure by name, in the order of the report and of those before it."""
    return {
        figure.name: replace(figure, data=_data(figure.name))
        for figure in (*_drawn(content), *_past(content, past))
    }


def _past(content: Content, past: Told) -> Iterator[Figure]:
    """Yield the headline probability over time, where there was a report before."""
    spec = content.primary.spec
    words = f"a benefit of at least {spec.thresholds.benefit_sizes[FIRST]:g} {spec.unit}"
    drawn = history_figure(past, headline_column(spec), words)
    if drawn is not None:
        yield drawn


def _data(name: str) -> str:
    """Return the table of a figure; every figure has one."""
    return next(table for start, table in DATA.items() if name.startswith(start))


def _drawn(content: Content) -> Iterator[Figure]:
    spec = content.primary.spec
    span = limits(content.contrasts)
    for partition in dict.fromkeys(cell.partition for cell in content.cells):
        words = partition_words(partition)
        yield forest(
            words,
            content.cells_of(partition),
            content.contrasts_of(partition),
            span=span,
            thresholds=spec.thresholds.benefit_sizes,
            unit=spec.unit,
            benefit=spec.benefit,
            comparator=comparator_words(spec.select.comparator),
            what=load_vocabulary().outcome(spec.select.outcome).said,
        )
        yield threshold_curves(content, partition, words)
        yield prior_and_posterior(content, partition, words)
    for section in content.definition.sections:
        yield from KINDS[section.kind].figures(content)
    yield evidence_figure(content.answers["evidence_map"], content.trials_with_numbers)
    influence = influence_figure(content)
    if influence is not None:
        yield influence
    yield predictive_figure(content)
    yield rank_figure(content.primary.tree)
    yield energy_figure(content.primary.tree)
