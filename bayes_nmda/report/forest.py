"""Forest plots: what each trial found, what the model makes of it, and what is known of the cell.

One figure a partition. Grey is what was observed, colour what the model believes: raw estimates
with 95 % confidence intervals, shrunken ones with 95 % credible intervals. Below the trials of a
timepoint stand the mean effect (diamond) and the effect to expect in a new trial (open bar).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda.report import numbers
from bayes_nmda.report.numbers import JUDGEMENTS, LETTERS, identifier, interval, signed
from bayes_nmda.report.style import (
    GREY,
    INK,
    JUDGEMENT_COLOUR,
    PAGE,
    PALE,
    Figure,
    canvas,
    direction,
    drawing,
    plain,
    timepoint_style,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from bayes_nmda.report.fits import Record
    from bayes_nmda.report.sections.outcomes import Line
    from bayes_nmda.report.sections.primary import Contrast

#: Inches a row, and above and below the rows.
_ROW: Final = 0.265
_FRAME: Final = 1.0
#: Where the columns of text stand, as fractions of the width of the plot.
_LEFT, _SIZES, _JUDGEMENT, _RAW, _RIGHT = -1.27, -0.36, -0.1, 1.03, 1.72


def limits(contrasts: Sequence[Contrast]) -> tuple[float, float]:
    """Return the range that holds every raw interval, in `step`: one axis for all forest plots."""
    low = min(row.answer["yi_lower"] for row in contrasts)
    high = max(row.answer["yi_upper"] for row in contrasts)
    size = step(high - low)
    return size * (low // size), -size * (-high // size)


def step(width: float) -> float:
    """Return a tenth of what an axis shows, as a power of ten: 10 of about a hundred points."""
    return float(10.0 ** round(math.log10(width) - 1))


def forest(
    partition: str,
    cells: Sequence[Line],
    contrasts: Sequence[Contrast],
    *,
    span: tuple[float, float],
    thresholds: Sequence[float],
    unit: str,
    benefit: str,
    comparator: str,
    what: str,
) -> Figure:
    """Return the forest plot of one partition, its cells in order of time.

    Parameters
    ----------
    partition
        Drug and route in words.
    cells, contrasts
        Of this partition; effects in ``unit``.
    span
        Ends of the x axis, from `limits`.
    thresholds
        Sizes of benefit marked by thin lines; positive.
    unit, benefit
        Unit of the effect, and the sign that favours the drug.
    comparator
        What the drug is compared with, in words.
    """
    name = identifier("forest", partition)
    rows = sum(3 + sum(c.cell == cell.label for c in contrasts) for cell in cells)
    alt = f"Forest plot of {partition}: " + "; ".join(
        f"{cell.timepoint or 'all timepoints'}, mean effect {numbers.estimate(cell.lead)} {unit} "
        f"(95 % interval {numbers.limits(cell.lead)}), "
        f"{numbers.count(cell.lead['trials'], 'trial')}"
        for cell in cells
    )
    with canvas(PAGE, _FRAME + _ROW * rows) as figure:
        figure.set_layout_engine("none")
        height = _FRAME + _ROW * rows
        digits = numbers.places(span[1] - span[0])
        decimals = any("." in _words(cell.lead, digits) for cell in cells)
        left, width, right = _columns(raw=digits > 0, estimates=decimals)
        axes = figure.add_axes((left, 0.5 / height, width, (height - 0.72) / height))
        sign = -1 if benefit == "negative" else 1
        for threshold in thresholds:
            axes.axvline(sign * threshold, color=INK if threshold == 0 else PALE, lw=0.8, zorder=0)
        _heading(axes, right)
        y = 0
        for cell in cells:
            y = _cell(
                axes, y, cell, [row for row in contrasts if row.cell == cell.label], span, right
            )
        axes.set(xlim=span, ylim=(y - 0.3, -1.2), yticks=[])
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(lambda value, _: plain(value))
        apart = (4 if decimals else 2) * step(span[1] - span[0])
        first, last = math.ceil(span[0] / apart), math.floor(span[1] / apart)
        axes.set_xticks([apart * i for i in range(first, last + 1)])
        direction(axes, unit=unit, benefit=benefit, comparator=comparator)
        svg = drawing(figure, name, alt)
    caption = (
        f"{partition}: difference in {what} against {comparator}, in {unit}; {benefit} favours the "
        "drug. Grey: what the trial found, with 95 % confidence interval. Colour: the same trial "
        "as the model sees it in the light of the others, with 95 % credible interval (numbers on "
        "the right). Diamond: mean effect of the cell. Open bar: effect to expect in a new trial. "
        f"n: participants on drug / {comparator}. Bias: the review's judgement of the "
        "randomisation process only, L low risk, S some concerns, H high risk, ? not judged."
    )
    return Figure(name, svg, caption, alt)


def _text(axes: Axes, x: float, y: float, words: str, **style: Any) -> None:
    axes.text(x, y, words, transform=axes.get_yaxis_transform(), va="center", **style)


def _columns(*, raw: bool, estimates: bool) -> tuple[float, float, float]:
    """Return left end and width of the axes, and where estimates stand: decimals need room.

    Of what trials found (``raw``), which makes room for estimates, too, or of estimates alone.
    """
    if raw:
        return 0.335, 0.235, _RAW + 0.19 / 0.235
    return (0.345, 0.25, 1.78) if estimates else (0.345, 0.27, _RIGHT)


def _heading(axes: Axes, right: float) -> None:
    for x, words, side in (
        (_LEFT, "Trial", "left"),
        (_SIZES, "n", "center"),
        (_JUDGEMENT, "Bias", "center"),
        (_RAW, "As found", "left"),
        (right, "Estimate", "left"),
    ):
        _text(axes, x, -0.85, words, ha=side, color=GREY)


def _cell(
    axes: Axes,
    y: int,
    cell: Line,
    contrasts: Sequence[Contrast],
    span: tuple[float, float],
    right: float,
) -> int:
    """Draw one cell from row ``y`` on and return the next free row."""
    colour, marker, _ = timepoint_style(cell.timepoint)
    words = numbers.title(cell.timepoint) or "All"
    digits = numbers.places(span[1] - span[0])
    _text(axes, _LEFT, y, words, ha="left", weight="bold", color=colour)
    y += 1
    for row in contrasts:
        found = row.answer
        axes.plot([found["yi_lower"], found["yi_upper"]], [y - 0.14] * 2, color=GREY, lw=1)
        axes.plot(found["yi"], y - 0.14, "D", color=GREY, ms=3.2, zorder=3)
        axes.plot([found["lower"], found["upper"]], [y + 0.16] * 2, color=colour, lw=2)
        axes.plot(found["estimate"], y + 0.16, marker, color=colour, ms=4.5, zorder=3)
        _text(axes, _LEFT + 0.03, y, row.trial, ha="left")
        _text(axes, _SIZES, y, f"{row.n_t} / {row.n_c}", ha="center")
        _judgement(axes, y, row.rob)
        ends = interval(found["yi_lower"], found["yi_upper"], digits)
        raw = f"{signed(found['yi'], digits)} ({ends})"
        _text(axes, _RAW, y, raw, ha="left", color=GREY)
        _text(axes, right, y, _words(found, digits), ha="left")
        y += 1
    _diamond(axes, y, cell, colour)
    _text(axes, _LEFT + 0.03, y, "Mean effect", ha="left", weight="bold")
    _text(axes, right, y, _words(cell.lead, digits), ha="left", weight="bold")
    y += 1
    whole = [cell.new["lower"], cell.new["upper"]]
    axes.plot(whole, [y - 0.1] * 2, color=colour, lw=4.5, zorder=2)
    axes.plot(whole, [y - 0.1] * 2, color="white", lw=2.5, zorder=3)
    _text(axes, _LEFT + 0.03, y - 0.1, "New trial", ha="left")
    _text(axes, right, y - 0.1, _words(cell.new, digits), ha="left")
    return y + 1


def _words(record: Record, digits: int) -> str:
    if "mcse_lower" in record:
        return f"{numbers.estimate(record)} ({numbers.limits(record)})"
    low, high = (signed(record[name], digits) for name in ("lower", "upper"))
    return f"{signed(record['estimate'], digits)} ({low} to {high})"  # ends without an error


def _judgement(axes: Axes, y: float, rob: str) -> None:
    dot = {"boxstyle": "circle,pad=0.18", "fc": JUDGEMENT_COLOUR[rob], "ec": "none"}
    _text(
        axes, _JUDGEMENT, y, LETTERS[rob], ha="center", color="white", size=7, weight="bold",
        bbox=dot, gid=f"bias-{JUDGEMENTS[rob].replace(' ', '-')}-{y}",
    )  # fmt: skip


def _diamond(axes: Axes, y: float, cell: Line, colour: str) -> None:
    axes.fill(
        [cell.lead["lower"], cell.lead["estimate"], cell.lead["upper"], cell.lead["estimate"]],
        [y, y - 0.28, y, y + 0.28],
        color=colour,
        lw=0,
        zorder=3,
    )
