"""Benefit against harm: how probable is enough of the one for little enough of the other?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayes_nmda.report.sections import About, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bayes_nmda.query import Answer
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.style import Figure


def _figures(content: Content) -> Iterator[Figure]:
    from bayes_nmda.report.figures import partition_words
    from bayes_nmda.report.tradeoffs import tradeoff_figure

    found = content.tradeoffs
    if found is None:
        return
    for partition in found.partitions:
        yield tradeoff_figure(found, partition, partition_words(partition))


def _answers(content: Content) -> dict[str, Answer]:
    found = content.tradeoffs
    answers = {} if found is None else {"tradeoff": found.joint, "net_benefit": found.net}
    return {name: answer for name, answer in answers.items() if answer is not None}


KIND = Kind(
    about=(About(), About("counts", "negative")),
    needs=("at_least", "at_most"),
    may=("points_per_event",),
    figures=_figures,
    answers=_answers,
)
