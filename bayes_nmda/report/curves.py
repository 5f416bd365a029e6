"""Small multiples, one a partition: probability against threshold, and prior against posterior.

Each is as wide as a telephone, so that a page shows them side by side and a small screen one below
the other, at the same size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from bayes_nmda.report.forest import limits, step
from bayes_nmda.report.numbers import chance, identifier, places
from bayes_nmda.report.style import (
    COLUMN,
    GREY,
    PALE,
    Figure,
    canvas,
    drawing,
    plain,
    timepoint_style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayes_nmda.query import Answer
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.sections.outcomes import Line

_HEIGHT: Final = 2.7


def threshold_curves(content: Content, partition: str, words: str) -> Figure:
    """Return the probability of a benefit of at least x, for the mean and for a new trial."""
    spec = content.primary.spec
    cells = content.cells_of(partition)
    name = identifier("threshold", partition)
    mean = content.answers["prob_benefit_curve"]
    new = content.answers["prob_benefit_curve_new_trial"]
    marks = spec.thresholds.benefit_sizes
    alt = f"{words}: " + "; ".join(
        f"{cell.timepoint}, "
        + ", ".join(f"at least {x:g}: {chance(cell.chances['benefit', x])}" for x in marks)
        for cell in cells
    )
    with canvas(COLUMN, _HEIGHT) as figure:
        axes = figure.subplots()
        for x in marks:
            axes.axvline(x, color=PALE, lw=0.8, zorder=0)
        for cell in cells:
            colour, marker, line = timepoint_style(cell.timepoint)
            sizes, chances, prior = _curve(mean, cell)
            if cell is cells[0]:
                axes.plot(sizes, prior, color=GREY, lw=1, label="prior alone")
            axes.plot(*_curve(new, cell)[:2], color=colour, lw=0.9, ls=line, alpha=0.55)
            at = [int(np.flatnonzero(sizes == x)[0]) for x in marks]
            axes.plot(
                sizes, chances, color=colour, lw=2, ls=line, marker=marker, markevery=at, ms=4.5,
                label=cell.timepoint,
            )  # fmt: skip
        axes.set(ylim=(0, 1), xlim=(0, sizes[-1]), title="How probable is a benefit?")
        axes.set_xticks(list(marks) if sizes[-1] in marks else [*marks, sizes[-1]])
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        axes.set(xlabel=f"benefit of at least ({spec.unit})", ylabel="probability")
        axes.legend(loc="upper right", handlelength=2.6)
        svg = drawing(figure, name, alt)
    return Figure(name, svg, words, alt, wide=False)


def _curve(answer: Answer, cell: Line) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = [
        (record["at_least"], record["probability"], record["prior_probability"])
        for record in answer.records
        if all(record[key] == getattr(cell, key) for key in ("drug", "route", "timepoint"))
    ]
    sizes, chances, prior = np.array(rows).T
    return sizes, chances, prior


def prior_and_posterior(content: Content, partition: str, words: str) -> Figure:
    """Return the density of the mean effect before and after the data."""
    spec = content.primary.spec
    cells = content.cells_of(partition)
    draws = content.primary.draws
    at = {cell.label: cell.index for cell in draws.cells}
    low, high = limits(content.contrasts)
    grid = 5 * step(high - low) * np.linspace(-1, 1, 101)
    digits = places(high - low)
    alt = f"{words}: density of the mean effect; " + "; ".join(
        f"{cell.timepoint} 95 % from {cell.lead['lower']:.{digits}f} to "
        f"{cell.lead['upper']:.{digits}f}, prior {cell.lead['prior_lower']:.{digits}f} to "
        f"{cell.lead['prior_upper']:.{digits}f} {spec.unit}"
        for cell in cells
    )
    name = identifier("prior-posterior", partition)
    with canvas(COLUMN, _HEIGHT) as figure:
        axes = figure.subplots()
        prior = draws.prior("effect")[..., at[cells[0].label]]
        axes.fill_between(grid, _density(prior, grid), color=PALE, lw=0, label="prior")
        for cell in cells:
            colour, _, line = timepoint_style(cell.timepoint)
            found = draws.posterior("effect")[..., at[cell.label]]
            axes.plot(
                grid, _density(found, grid), color=colour, lw=2, ls=line, label=cell.timepoint
            )
        _finish(
            axes,
            "Before and after the data", f"mean effect ({spec.unit}); favours drug: left"
                if spec.benefit == "negative"
                else f"mean effect ({spec.unit}); favours drug: right")  # fmt: skip
        svg = drawing(figure, name, alt)
    return Figure(name, svg, words, alt, wide=False)


def _finish(axes: Axes, title: str, label: str) -> None:
    axes.axvline(0, color=GREY, lw=0.8)
    axes.set(title=title, xlabel=label, yticks=[], xlim=(-50, 50))
    axes.set_ylim(bottom=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, _: plain(value))
    axes.legend(loc="upper left", handlelength=2.2)


def _density(draws: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return a Gaussian kernel density with Silverman's width, for the eye only.

    Silverman 1986, Density Estimation, p. 48, equation 3.31.
    """
    values = np.sort(draws.ravel())
    low, high = np.quantile(values, [0.25, 0.75])
    width = 0.9 * min(values.std(), (high - low) / 1.34) * values.size**-0.2
    step = grid[1] - grid[0]
    counts, edges = np.histogram(values, bins=np.arange(grid[0] - 40, grid[-1] + 40, step / 4))
    centres = (edges[1:] + edges[:-1]) / 2
    kernel = np.exp(-0.5 * ((grid[:, None] - centres) / width) ** 2)
    scale = values.size * width * np.sqrt(2 * np.pi)
    density: np.ndarray = kernel @ counts / scale
    return density


def legend_note(content: Content) -> str:
    """Return what the lines of the probability curves mean."""
    return (
        "Thick lines with marks: mean effect over trials like these. Thin lines of the same kind: "
        "effect in a new trial. Grey: what the prior alone gives for the mean effect. Marks stand "
        f"at {', '.join(f'{x:g}' for x in content.primary.spec.thresholds.benefit_sizes)} "
        f"{content.primary.spec.unit}."
    )
