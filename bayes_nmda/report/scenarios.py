"""What becomes of each cell under other priors, other pooling and other correlations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bayes_nmda.report.numbers import title
from bayes_nmda.report.sections.primary import FIRST
from bayes_nmda.report.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    PAGE,
    PALE,
    VERMILION,
    Figure,
    canvas,
    drawing,
    plain,
)

if TYPE_CHECKING:
    from bayes_nmda.report.content import Content

_STEP: Final = 0.105
#: Looks of scenarios after the primary one, in the order of the report definition.
_LOOKS: Final = (
    (VERMILION, "v"),
    (VERMILION, "^"),
    (VERMILION, "o"),
    (GREEN, "D"),
    (GREEN, "s"),
    (GREEN, "P"),
    (GREY, "<"),
    (GREY, ">"),
)


def _look(position: int) -> tuple[str, str]:
    return (BLUE, "o") if position == 0 else _LOOKS[(position - 1) % len(_LOOKS)]


def scenario_figure(content: Content) -> Figure:
    """Return effects with intervals and probabilities of a benefit, a block of lines a cell."""
    spec = content.primary.spec
    scenarios, cells = content.scenarios, content.cells
    block = len(scenarios) + 1.5
    at_least = spec.thresholds.benefit_sizes[FIRST]
    alt = (
        f"For each of {len(cells)} cells, mean effect and probability of a benefit of at least "
        f"{at_least:g} {spec.unit} in {len(scenarios)} scenarios. The table of scenarios gives "
        "every number."
    )
    with canvas(PAGE, 1.1 + _STEP * block * len(cells)) as figure:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.7, 1))
        for number, cell in enumerate(cells):
            for position, scenario in enumerate(scenarios):
                y = number * block + position
                colour, marker = _look(position)
                mean = scenario.means[cell.label]
                style = {"color": colour, "marker": marker, "ms": 5 if position == 0 else 3.5}
                left.plot([mean["lower"], mean["upper"]], [y, y], color=colour,
                          lw=2 if position == 0 else 0.9)  # fmt: skip
                left.plot(mean["estimate"], y, **style)
                right.plot(scenario.chances[cell.label]["probability"], y, **style)
            if number:
                for axes in (left, right):
                    axes.axhline(number * block - 1.25, color=PALE, lw=0.6)
        left.axvline(0, color=INK, lw=0.8, zorder=0)
        left.axvline((-1 if spec.benefit == "negative" else 1) * at_least, color=PALE, zorder=0)
        left.set_yticks(
            [n * block + (len(scenarios) - 1) / 2 for n in range(len(cells))],
            [f"{title(c.drug)},\n{c.route}\n{c.timepoint}" for c in cells],
        )
        left.set_ylim(len(cells) * block - 1, -1.2)
        left.tick_params(axis="y", length=0)
        right.tick_params(axis="y", length=0)
        side = "left" if spec.benefit == "negative" else "right"
        left.set_xlabel(f"mean effect, {spec.unit}\n(favours drug: {side})")
        left.xaxis.set_major_formatter(lambda value, _: plain(value))
        right.set_xlabel(f"probability of a benefit\nof at least {at_least:g} {spec.unit}")
        right.set_xlim(0, 1)
        right.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        for position, scenario in enumerate(scenarios):
            colour, marker = _look(position)
            left.plot([], [], color=colour, marker=marker, ms=4, label=scenario.label)
        figure.legend(loc="outside upper center", ncols=3)
        svg = drawing(figure, "scenarios", alt)
    caption = (
        f"Mean effect with 95 % credible interval (left) and probability that it is a benefit of "
        f"at least {at_least:g} {spec.unit} (right), under each scenario. Where the marks of a "
        "cell lie far apart, the answer depends on the assumption more than on the trials."
    )
    return Figure("scenarios", svg, caption, alt)
