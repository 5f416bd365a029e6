"""How every figure looks, and how it becomes SVG with the same bytes each time.

The colours are those of Okabe & Ito, told apart with any colour vision and in grey; each also has
its own marker and line, so that nothing depends on colour alone. Text stays text: it can be
searched, read aloud and scaled.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.report.numbers import MINUS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

BLUE: Final = "#0072B2"
VERMILION: Final = "#C44E00"
GREEN: Final = "#00785A"
INK: Final = "#1a1a1a"
GREY: Final = "#6b6b6b"
PALE: Final = "#d9d9d9"
PURPLE: Final = "#8A4A7D"
OCHRE: Final = "#9A6A00"

#: Colour, marker and line of timepoints, in their order; the first is that of cells without one.
_TIMEPOINTS: Final = (
    *((BLUE, "o", "-"), (VERMILION, "s", "--"), (GREEN, "^", "-.")),
    *((PURPLE, "D", ":"), (OCHRE, "v", (0, (5, 1)))),
)
#: Colour of each judgement of bias; the letter beside it says the same.
JUDGEMENT_COLOUR: Final[dict[str, str]] = {
    "low": GREEN,
    "some_concerns": "#B58900",
    "high": "#A4003D",
    "": GREY,
}
#: Widths in inches: a page of A4 with margins, and a telephone.
PAGE: Final = 6.9
COLUMN: Final = 3.3
SMALL: Final = 9.0
#: Pixels of the smallest text of a drawing on any screen; a narrower screen scrolls.
_READABLE: Final = 12.0

#: A look that drawings have no more often stays beside what it is of.
_OFTEN: Final = 3
#: Of all text of a drawing.
_FONT: Final = "font-family:'DejaVu Sans',Verdana,sans-serif;"
_SETTINGS: Final[Any] = {  # Matplotlib types each key apart
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": SMALL,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": SMALL,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "bayes_nmda",
    "text.color": INK,
    "axes.labelcolor": INK,
}


def timepoint_style(timepoint: str) -> tuple[str, str, Any]:
    """Return colour, marker and line of a timepoint, by its place in the vocabulary."""
    known = tuple(load_vocabulary().timepoints)
    place = known.index(timepoint) if timepoint in known else len(known) if timepoint else 0
    return _TIMEPOINTS[place % len(_TIMEPOINTS)]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the report.

    Attributes
    ----------
    name
        File name without ending, and identifier in the page.
    svg
        The drawing; stands alone as a file and inside the page.
    caption
        What is shown, with unit and direction.
    alt
        What a reader who cannot see it needs.
    wide
        Whether it takes the width of the page.
    data
        Name of the table with its numbers; `figures` gives it.
    """

    name: str
    svg: str
    caption: str
    alt: str
    wide: bool = True
    data: str = ""


@contextmanager
def canvas(width: float, height: float) -> Iterator[Canvas]:
    """Yield an empty figure of this size in inches, in the house style."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    with mpl.rc_context(_SETTINGS):
        yield Canvas(figsize=(width, height), layout="constrained")


def drawing(figure: Canvas, name: str, alt: str) -> str:
    """Return the figure as SVG: no date, no fixed size, identifiers that belong to it alone."""
    buffer = io.StringIO()
    silent = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(buffer, format="svg", metadata=silent, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"(\d\.\d\d)\d+", r"\1", text)
    text = _numbered(text, name)
    # what holds for all text need not stand at each
    text = text.replace("<g/>", "")
    text = re.sub(r"; font-family: [^;\"]*|font-family: [^;\"]*; ", "", text)
    text = re.sub(r' transform="rotate\(-?0 [^"]*"', "", text)
    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', text)
    width, height = size.groups() if size else ("", "")
    least = min(map(float, re.findall(r"font-size: ?([\d.]+)px", text)), default=SMALL)
    narrowest = float(width) * _READABLE / least
    head = (
        f'role="img" aria-label="{escape(alt, quote=True)}" '
        f'style="{_FONT}min-width:{narrowest:.0f}px"'
    )
    text = text.replace(f'width="{width}pt" height="{height}pt"', head, 1)
    text = re.sub(r' d="([^"]*)"', lambda found: f' d="{_tight(found[1])}"', text)
    text = re.sub(r' style="([^"]*)"', lambda found: f' style="{_terse(found[1])}"', text)
    # a tenth of a point is finer than any screen; marks are drawn by numbers below 10
    text = re.sub(r"(\d\d\.\d)\d", r"\1", text)
    text = re.sub(r' d="([^"]*)"', lambda found: f' d="{_relative(found[1])}"', text)
    return re.sub(r">\s+<", ">\n<", _without_bare_groups(text)).strip() + "\n"


def looks_once(page: str) -> str:
    """Return a page, or a drawing, in which repeated looks stand once, as rules of style."""
    drawing, look = r"<svg\b.*?</svg>", r' style="([^"]+)"'
    seen = Counter(
        found for one in re.findall(drawing, page, re.DOTALL) for found in re.findall(look, one)
    )
    names = {style: f"s{n}" for n, (style, times) in enumerate(seen.items()) if times > _OFTEN}
    rules = [f".{name}{{{style}}}" for style, name in names.items()]

    def shorter(found: re.Match[str]) -> str:
        text = re.sub(
            look, lambda one: f' class="{names[one[1]]}"' if one[1] in names else one[0], found[0]
        )
        for clip in dict.fromkeys(re.findall(r'clip-path="url\(#([^)]+)\)"', text)):
            rules.append(f".c-{clip}{{clip-path:url(#{clip})}}")
            text = text.replace(f'clip-path="url(#{clip})"', f'class="c-{clip}"')
        return re.sub(r'class="([^"]*)" class="([^"]*)"', r'class="\1 \2"', text)

    page = re.sub(drawing, shorter, page, flags=re.DOTALL)
    return page.replace("</style>", "".join(rules) + "\n</style>", 1)


def _numbered(text: str, name: str) -> str:
    """Return a drawing whose identifiers are its name and a number, of what is referred to."""
    used = dict.fromkeys(re.findall(r'(?:url\(#|href="#)([^")]+)', text))
    short = {old: f"{name}-{number}" for number, old in enumerate(used)}
    text = re.sub(r'\bid="([^"]+)"', lambda found: f'id="{short.get(found[1], "")}"', text)
    text = text.replace(' id=""', "")
    return re.sub(r'(url\(#|href="#)([^")]+)', lambda found: found[1] + short[found[2]], text)


def _tight(path: str) -> str:
    """Return a path without the white space that it does not need."""
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", " ".join(path.split())).strip()


def _relative(path: str) -> str:
    """Return a path of straight lines with each point as a step from the one before.

    Steps are taken between points as they are written, so that nothing adds up.
    """
    if not re.fullmatch(r"[MLz0-9. -]*", path):
        return path
    found: list[str] = []
    x = y = start_x = start_y = Decimal(0)
    for command, numbers in re.findall(r"([MLz])([^MLz]*)", path):
        if command == "z":
            found.append("z")
            x, y = start_x, start_y
            continue
        to_x, to_y = map(Decimal, numbers.split())
        if command == "M":
            found.append(f"M{_short(to_x)} {_short(to_y)}")
            start_x, start_y = to_x, to_y
        else:
            letter = "l" if not found or not found[-1].startswith(("l", " ")) else " "
            found.append(f"{letter}{_short(to_x - x)} {_short(to_y - y)}")
        x, y = to_x, to_y
    return "".join(found).replace(" -", "-")


def _short(number: Decimal) -> str:
    """Return a number without the zeros that say nothing."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return re.sub(r"^(-?)0\.", r"\1.", text) if text not in ("", "-", "-0") else "0"


def _terse(style: str) -> str:
    """Return declarations without the white space that they do not need."""
    return re.sub(r"([:;])\s+", r"\1", style)


def _without_bare_groups(text: str) -> str:
    """Return a drawing without groups that say nothing of what is in them."""
    kept: list[bool] = []

    def part(found: re.Match[str]) -> str:
        if found[0].startswith("</"):
            return found[0] if kept.pop() else ""
        kept.append(found[0] != "<g>")
        return found[0] if kept[-1] else ""

    return re.sub(r"<g>|<g [^>]*[^/>]>|</g>", part, text)


def direction(axes: Axes, *, unit: str, benefit: str, comparator: str) -> None:
    """Label the x axis with unit and direction, "favours drug ← → favours placebo"."""
    sides = ("favours drug", f"favours {comparator}")
    left, right = sides if benefit == "negative" else sides[::-1]
    axes.set_xlabel(f"{left}  ←   difference ({unit})   →  {right}")


def plain(value: float) -> str:
    """Return a tick label with a true minus sign."""
    return f"{value:g}".replace("-", MINUS)
