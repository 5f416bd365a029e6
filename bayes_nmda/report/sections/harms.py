"""Harms at a glance: all of them by drug and route, and one under other assumptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.query.words import people_in_1000
from bayes_nmda.report.grids import hole, lay_out, shade
from bayes_nmda.report.numbers import MINUS, outcome, short_chance, title
from bayes_nmda.report.sections import About, Kind
from bayes_nmda.report.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    OCHRE,
    PAGE,
    PURPLE,
    VERMILION,
    Figure,
    canvas,
    drawing,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

    from bayes_nmda.report.content import Content
    from bayes_nmda.report.sections.outcomes import Line, Outcome

_ROW: Final = 0.42
_STEP: Final = 0.17
#: Looks of the models of one harm, in order of the definition; the review comes last.
_LOOKS: Final = (
    (BLUE, "o"), (VERMILION, "s"), (GREEN, "D"), (INK, "v"), (PURPLE, "P"), (OCHRE, "X"),
)  # fmt: skip
#: Ratios at which the axis of the sensitivity figure is marked.
_TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


def harm_map(content: Content) -> Figure:
    """Return the grid of harms down and drugs and routes across: probability and difference."""
    outcomes = content.told("harms")
    columns = [
        label
        for label in content.partitions
        if any(one.line(label) is not None for one in outcomes)
    ]
    alt = (
        f"Grid of {len(outcomes)} harms by {len(columns)} combinations of drug and route: "
        "probability that the drug raises the risk at all, and the difference in 1000 people. The "
        "table of harms gives every number."
    )
    with canvas(PAGE, 1.0 + _ROW * len(outcomes)) as figure:
        axes = figure.subplots()
        for y, one in enumerate(outcomes):
            for x, label in enumerate(columns):
                _field(axes, x, y, one.line(label))
        lay_out(
            axes,
            [title(label.replace("/", "\n")) for label in columns],
            [outcome(one.fit.spec.select.outcome) for one in outcomes],
        )
        svg = drawing(figure, "harm-map", alt)
    caption = (
        "Above: probability that the drug raises the risk of the harm at all, on average over "
        "trials like these. Below: more (+) or fewer people in 1000 with it, posterior median. "
        f"Darker is more probable. Hatched, ∅: none of the {content.trials_with_numbers} trials "
        f"with numbers gives one against {load_vocabulary().reference}. * no trial says anything "
        "of a ratio; the number is borrowed from other drugs and routes and from the prior."
    )
    return Figure("harm-map", svg, caption, alt)


def _field(axes: Axes, x: int, y: int, line: Line | None) -> None:
    if line is None:
        hole(axes, x, y, "∅")
        return
    chance = line.chances["harm", 0.0]
    strength = max(0.0, 2 * chance["probability"] - 1) * 0.6
    people = people_in_1000(line.lead["estimate"], line.lead["mcse"])
    sign = "+" if people > 0 else MINUS if people < 0 else ""
    star = "*" if line.borrowed else ""
    shade(
        axes, x, y, VERMILION, strength, f"{short_chance(chance)}{star}\n{sign}{abs(people)}",
        text_size=8,
    )  # fmt: skip


def sensitivity_figure(models: Sequence[Outcome], labels: Sequence[str]) -> Figure:
    """Return risk ratios of one harm under several models, and of the review."""
    partitions = [line.partition for line in models[0].lines]
    block = len(models) + 2
    name = outcome(models[0].fit.spec.select.outcome)
    alt = (
        f"{name}: risk ratio of each drug and route under {len(models)} models and by the review. "
        "The table of other assumptions gives every number."
    )
    with canvas(PAGE, 1.0 + _STEP * block * len(partitions)) as figure:
        axes = figure.subplots()
        for number, partition in enumerate(partitions):
            for position, one in enumerate(models):
                line = one.line(partition)
                if line is not None:
                    record = line.estimates["RR"]
                    ends = (record["lower"], record["estimate"], record["upper"])
                    _bar(axes, number * block + position, ends, *_LOOKS[position % len(_LOOKS)])
            first = models[0].line(partition)
            if first is not None and first.review is not None:
                shown = first.review.shown
                ends = (shown.low, shown.estimate, shown.high)
                _bar(axes, number * block + len(models), ends, GREY, "^")
        axes.set(xscale="log", ylim=(block * len(partitions) - 1, -1))
        axes.axvline(1, color=INK, lw=0.8, zorder=0)
        axes.set_xlim(_TICKS[0] / 2, _TICKS[-1] * 2)
        axes.set_xticks(_TICKS, [plain(x) for x in _TICKS], minor=False)
        axes.set_xticks([], minor=True)
        axes.set_yticks(
            [n * block + len(models) / 2 for n in range(len(partitions))],
            [title(label.replace("/", ", ")) for label in partitions],
        )
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("fewer with drug  ←   risk ratio   →  more with drug")
        looks = [*(_LOOKS[i % len(_LOOKS)] for i in range(len(models))), (GREY, "^")]
        for (colour, marker), label in zip(looks, [*labels, "Review"], strict=True):
            axes.plot([], [], color=colour, marker=marker, ms=4.5, label=label)
        figure.legend(loc="outside upper center", ncols=2)
        key = f"harm-sensitivity-{models[0].fit.spec.name.replace('_', '-')}"
        svg = drawing(figure, key, alt)
    caption = (
        f"{name}: risk ratio with 95 % interval. Review: as it printed it, or its method on these "
        "rows where no printed number is known. Where marks lie far apart, the answer depends on "
        "the assumption more than on the trials."
    )
    return Figure(key, svg, caption, alt)


def _bar(axes: Axes, y: float, ends: tuple[float, float, float], colour: str, marker: str) -> None:
    low, middle, high = ends
    axes.plot([low, high], [y, y], color=colour, lw=1.6)
    axes.plot(middle, y, marker, color=colour, ms=5)


def _figures(content: Content) -> Iterator[Figure]:
    yield harm_map(content)
    for models in content.assumptions():
        labels = [content.definition.label(model) or "Primary" for model in models]
        yield sensitivity_figure([content.outcomes[model] for model in models], labels)


KINDS = {
    "harms": Kind(
        about=(About("counts", "negative"),),
        may=("beside", "pooling", "rare"),
        lines=True,
        column=True,
        figures=_figures,
    )
}
