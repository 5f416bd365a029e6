"""Harms: all of them at a glance, and some under other assumptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayes_nmda.report.sections import About, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bayes_nmda.report.content import Content
    from bayes_nmda.report.style import Figure


def _figures(content: Content) -> Iterator[Figure]:
    from bayes_nmda.report.harms import harm_map, sensitivity_figure

    yield harm_map(content)
    for models in content.assumptions():
        labels = [content.definition.label(model) or "Primary" for model in models]
        yield sensitivity_figure([content.outcomes[model] for model in models], labels)


KIND = Kind(
    about=(About("counts", "negative"),),
    may=("beside", "pooling", "rare"),
    lines=True,
    column=True,
    figures=_figures,
)
