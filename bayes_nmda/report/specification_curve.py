"""The specification curve: a probability in every universe, and where each option stands on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from bayes_nmda.report.numbers import title
from bayes_nmda.report.style import BLUE, GREY, INK, PAGE, PALE, VERMILION, Figure, canvas, drawing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from bayes_nmda.query.multiverse import Universes
    from bayes_nmda.spec.multiverse import Choice

#: Inches of an option, and of the curve above.
_ROW, _CURVE = 0.175, 2.1
#: Places along the curve at which options are counted.
_BINS: Final = 40


def specification_curve(universes: Universes, name: str = "specification-curve") -> Figure:
    """Return the figure of one cell and size.

    Above, universes in the order of their probability, the model as it is marked. Below, for each
    option, how often it stands at each place of that order, as strips of grey: a choice that does
    not matter is even from left to right.

    Parameters
    ----------
    universes
        Answers of one cell and one size: `Universes.of`.
    name
        Of the file, and of what is in it.
    """
    curve, found = universes.specification_curve(), universes.multiverse
    shares = {row["choice"]: row["share"] for row in universes.to_rows()[0]["choices"]}
    row = universes.ranges().iloc[0]
    choices = [c for c in found.choices if c.name in shares]
    choices.sort(key=lambda choice: -shares[choice.name])
    lines = sum(len(choice.options) + 1 for choice in choices)
    alt = (
        f"{title(row['cell'].replace('/', ', '))}: probability of a {found.direction} in "
        f"{len(curve):,} analyses, from {row['lowest']:.2f} to {row['highest']:.2f}, median "
        f"{row['median']:.2f}; {row['as_it_is']:.2f} in the model as it is. Below, which "
        "options stand where."
    )
    places, probability = curve["rank"].to_numpy(), curve["probability"].to_numpy(float)
    with canvas(PAGE, _CURVE + _ROW * lines + 0.6) as figure:
        top, below = figure.subplots(2, 1, sharex=True, height_ratios=(_CURVE, _ROW * lines))
        top.fill_between(places, probability, color=PALE, lw=0)
        top.plot(places, probability, color=BLUE, lw=1.6)
        usual = curve.index[curve["universe"] == 0]
        if len(usual):
            at = int(usual[0])
            top.plot(at, probability[at], "o", color=VERMILION, ms=6)
            late = at > len(curve) / 2
            top.annotate(
                "the model as it is",
                (at, probability[at]),
                xytext=(-8 if late else 8, 7),
                textcoords="offset points",
                ha="right" if late else "left",
                color=VERMILION,
            )
        top.set_ylim(0, 1)
        top.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        top.set_ylabel("probability")
        top.tick_params(axis="x", length=0)
        _strips(below, curve, choices, shares)
        below.set_xlabel(f"{len(curve):,} analyses in the order of their probability")
        svg = drawing(figure, name, alt)
    caption = (
        f"{alt} In per cent: the share of the variance that a choice makes alone. A strip is dark "
        "where an option is met often."
    )
    return Figure(name, svg, caption, alt)


def _strips(
    axes: Axes, curve: pd.DataFrame, choices: Sequence[Choice], shares: Mapping[str, float]
) -> None:
    """Draw a strip for each option: how often it is met along the curve."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    edges = np.linspace(0, len(curve), min(_BINS, len(curve)) + 1)
    whole, _ = np.histogram(np.arange(len(curve)) + 0.5, edges)
    labels, y = [], 0
    by_depth: dict[int, list[Path]] = {}
    for choice in choices:
        heading = f"{choice.title} ({100 * shares[choice.name]:.0f} %)"
        axes.text(0, y + 0.1, heading, color=GREY, va="center", weight="bold")
        y += 1
        for option in choice.options:
            mine = (curve[choice.name] == option.name).to_numpy()
            met, _ = np.histogram(np.flatnonzero(mine) + 0.5, edges)
            share = met / np.maximum(whole, 1)
            for left, right, value in zip(edges[:-1], edges[1:], share, strict=True):
                # as often as by chance is a middle grey, twice as often black
                depth = min(10, round(5 * value * len(choice.options)))
                corners = [(left, y - 0.36), (right, y - 0.36), (right, y + 0.36), (left, y + 0.36)]
                by_depth.setdefault(depth, []).append(Path(corners, closed=False))
            labels.append((y, option.name))
            y += 1
    for depth, boxes in sorted(by_depth.items()):  # one path for each grey keeps the file small
        if depth:
            whole_path = Path.make_compound_path(*boxes)
            axes.add_patch(PathPatch(whole_path, color=INK, alpha=depth / 10, lw=0))
    axes.set_ylim(y - 0.4, -0.6)
    axes.set_yticks([place for place, _ in labels], [text for _, text in labels])
    axes.set_xlim(0, len(curve))
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
