"""Grids of fields, drawn alike: harms, evidence, influence and trade-offs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from bayes_nmda.report.style import GREY, PALE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Width and height of a field that stands apart from its neighbours, and of one that touches them.
APART: Final = (0.94, 0.92)
TOUCHING: Final = (1.0, 1.0)


#: Letters of a line in the name of a row and of a column, and lines of a name.
_ROW, _COLUMN, _LINES = 36, 36, 2


def lay_out(
    axes: Axes, columns: Sequence[str], rows: Sequence[str], *, rotation: float = 40.0
) -> None:
    """Name columns above and rows on the left, the first row on top; no spines, no ticks.

    Parameters
    ----------
    axes
        Where the grid is drawn; the field of column x and row y has its middle at (x, y).
    columns, rows
        Names.
    rotation
        Of the names of columns, in degrees.
    """
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    above = [shortened(name, _COLUMN) for name in columns]
    axes.set_xticks(
        range(len(columns)), above, rotation=rotation, ha="left", rotation_mode="anchor"
    )
    axes.set_yticks(range(len(rows)), [shortened(name, _ROW) for name in rows])
    axes.tick_params(length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
    bare(axes)


def shortened(name: str, width: int) -> str:
    """Return a name in two lines of so many letters at most; more is left out, and shown so."""
    lines = [line for part in name.split("\n") for line in textwrap.wrap(part, width)]
    if len(lines) <= _LINES:
        return "\n".join(lines)
    return "\n".join([*lines[: _LINES - 1], f"{lines[_LINES - 1][: width - 1].rstrip()}…"])


def bare(axes: Axes) -> None:
    """Take away the lines of both axes."""
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def shade(
    axes: Axes,
    x: int,
    y: int,
    colour: str,
    strength: float,
    words: str = "",
    *,
    size: tuple[float, float] = APART,
    text_size: float | None = None,
) -> None:
    """Draw one field: its colour at a strength from 0 to 1, and words that can be read on it."""
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle(_corner(x, y, size), *size, fc=(colour, strength), ec=PALE, lw=0.6))
    if words:
        axes.text(
            x, y, words, ha="center", va="center", color=readable(colour, strength),
            linespacing=1.0, size=text_size,
        )  # fmt: skip


def readable(colour: str, strength: float) -> str:
    """Return black or white, whichever stands out more on a colour of some strength on white.

    Its contrast is at least 4.5 on every colour.

    References
    ----------
    W3C, WCAG 2.2, relative luminance and success criterion 1.4.3.
    """
    from matplotlib.colors import to_rgb

    mixed = (strength * part + 1 - strength for part in to_rgb(colour))
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in mixed]
    luminance = sum(w * x for w, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "white" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 else "black"


def hole(axes: Axes, x: int, y: int, mark: str = "") -> None:
    """Draw a field about which nothing is known: hatched, with a mark."""
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle(_corner(x, y, APART), *APART, fc="none", ec=PALE, hatch="////", lw=0.6)
    )
    if mark:
        axes.text(x, y, mark, ha="center", va="center", color=GREY)


def _corner(x: int, y: int, size: tuple[float, float]) -> tuple[float, float]:
    return x - size[0] / 2, y - size[1] / 2
