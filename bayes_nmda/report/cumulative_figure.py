"""The figure of the evidence as it grew: a probability after each year, and the trials so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayes_nmda.report.numbers import title
from bayes_nmda.report.style import BLUE, GREEN, GREY, INK, OCHRE, PAGE, Figure, canvas, drawing

if TYPE_CHECKING:
    import pandas as pd

_COLOURS = (BLUE, OCHRE, GREEN, INK)


def cumulative_figure(table: pd.DataFrame, question: str, name: str = "cumulative") -> Figure:
    """Return the probability of one size by cell, after the trials up to each year.

    Parameters
    ----------
    table
        Rows of one size and target, from `cumulative`.
    question
        What the probability is of.
    name
        Of the file, and of what is in it.
    """
    cells: dict[str, list[tuple[float, float, int]]] = {}
    for row in table.to_dict("records"):
        point = float(row["until"]), float(row["probability"]), int(row["trials"])
        cells.setdefault(str(row["cell"]), []).append(point)
    times = [time for points in cells.values() for time, _, _ in points]
    ends = [
        f"{title(cell.replace('/', ', '))}: {100 * points[0][1]:.0f} % in {points[0][0]:g}, "
        f"{100 * points[-1][1]:.0f} % in {points[-1][0]:g}"
        for cell, points in cells.items()
    ]
    alt = f"{question}, with the trials up to each year. {'; '.join(ends)}."
    few = len(cells) <= len(_COLOURS)
    with canvas(PAGE, 3.2) as figure:
        axes = figure.subplots()
        for number, (cell, points) in enumerate(cells.items()):
            colour = _COLOURS[number] if few else GREY
            axes.step(
                [time for time, _, _ in points], [value for _, value, _ in points],
                where="post", color=colour, lw=1.6, label=cell.replace("/", ", "),
            )  # fmt: skip
            before = 0
            for time, value, trials in points:
                if trials > before:
                    axes.plot(time, value, "o", ms=4, color=colour)
                    axes.annotate(
                        str(trials), (time, value), xytext=(0, 5), textcoords="offset points",
                        ha="center", color=colour,
                    )  # fmt: skip
                before = trials
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        axes.set_xlim(min(times) - 0.5, max(times) + 0.5)
        axes.set_ylabel("probability")
        if few:
            axes.legend(loc="upper right")
        svg = drawing(figure, name, alt)
    caption = (
        f"{alt} A mark where the cell gained trials, with their number so far; where it moved "
        "without one, it borrows from other cells."
    )
    return Figure(name, svg, caption, alt)
