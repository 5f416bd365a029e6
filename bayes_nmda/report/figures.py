"""All figures of a report, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.report.computation import energy_figure, predictive_figure, rank_figure
from bayes_nmda.report.curves import prior_and_posterior, threshold_curves
from bayes_nmda.report.engines import influence_figure
from bayes_nmda.report.evidence import evidence_figure
from bayes_nmda.report.forest import forest, limits
from bayes_nmda.report.numbers import comparator_words, partition_words
from bayes_nmda.report.scenarios import scenario_figure
from bayes_nmda.report.sections import KINDS

if TYPE_CHECKING:
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.style import Figure


def figures(content: Content) -> dict[str, Figure]:
    """Return every figure by name, in the order of the report."""
    return {figure.name: figure for figure in _drawn(content)}


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
    yield scenario_figure(content)
    influence = influence_figure(content)
    if influence is not None:
        yield influence
    yield predictive_figure(content)
    yield rank_figure(content.primary.tree)
    yield energy_figure(content.primary.tree)
