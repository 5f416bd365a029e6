"""What a review gives, whatever file it came in: rows of numbers, printed effects, pooled results.

Readers of file formats return a `Source`; everything after them knows this shape alone. Numbers
that a file leaves out, or fills with zeros because they belong to another kind of data, are None.
"""

from __future__ import annotations

import html
import math
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from bayes_nmda.errors import DataError
from bayes_nmda.files import without_hidden

#: Most that a name or a label may have; the longest of 69 reviews has 400.
LONGEST: Final = 2000
_SPACE: Final = re.compile(r"\s+")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MISSING: Final = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "not estimable", "."})
_NO_LETTER: Final = re.compile(r"[^a-z0-9]+")
_TAG: Final = re.compile(r"<[^<>]{0,200}>")


@cache
def words_of(part: str) -> dict[str, Any]:
    """Return a table of ``words.toml``, by which names of reviews are understood."""
    path = Path(__file__).with_name("words.toml")
    found: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))[part]
    return found


@dataclass(frozen=True, slots=True)
class Arm:
    """The numbers of one side of a comparison, and its name where the row has one."""

    mean: float | None = None
    sd: float | None = None
    events: float | None = None
    n: float | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Contrast:
    """An effect and its standard error on the scale on which it was analysed."""

    value: float
    se: float


@dataclass(frozen=True, slots=True)
class Printed:
    """An effect as printed, a ratio as a ratio; ``decimals`` as far as it is exact."""

    estimate: float
    low: float
    high: float
    decimals: int


@dataclass(frozen=True, slots=True)
class Row:
    """One line of an analysis.

    Attributes
    ----------
    file, row
        Where it stands; the header of a table is row 1.
    analysis, name
        Number, ``"1.4"``, and name of the analysis.
    subgroup
        Its label there, or empty.
    study, year
        Name and year of the trial.
    treatment, control
        The two sides.
    given
        Effect and error that the row has instead of arms (generic inverse variance).
    observed
        Observed less expected events and its variance.
    printed
        What the review made of it; None where it is blank.
    judgements
        Risk of bias by domain, in small letters.
    note
        Its footnotes.
    timepoint
        When, where the row says it apart.
    beside
        Row of the control arm where it is another one, else 0.
    """

    file: str
    row: int
    analysis: str
    name: str
    subgroup: str
    study: str
    year: str
    treatment: Arm
    control: Arm
    given: Contrast | None = None
    observed: tuple[float, float] | None = None
    printed: Printed | None = None
    judgements: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    timepoint: str = ""
    beside: int = 0

    @property
    def group(self) -> str:
        """Number of the comparison."""
        return self.analysis.partition(".")[0]

    @property
    def numbers(self) -> tuple[float | None, ...]:
        """Everything that was counted or measured."""
        sides = (self.treatment, self.control)
        arms = [x for a in sides for x in (a.mean, a.sd, a.events, a.n)]
        given = (self.given.value, self.given.se) if self.given else (None, None)
        return (*arms, *given, *(self.observed or (None, None)))


@dataclass(frozen=True, slots=True)
class Settings:
    """How the review did an analysis, as far as the file says.

    ``measure`` is one of `printed.MEASURES` or empty; ``method`` ``"IV"``, ``"MH"`` or ``"Peto"``;
    ``random`` whether effects of trials were taken to differ; ``log`` whether effects that are
    given stand as logarithms; ``level`` of the intervals of rows and of pooled results.
    """

    measure: str = ""
    method: str = ""
    random: bool | None = None
    log: bool | None = None
    level: float = 0.95
    pooled_level: float = 0.95
    treatment: str = ""
    control: str = ""
    swapped: bool = False
    comparison: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A pooled result as printed, of an analysis or of a subgroup of it."""

    analysis: str
    subgroup: str
    printed: Printed


@dataclass(frozen=True, slots=True)
class Source:
    """A review as one of its files gives it."""

    title: str
    doi: str
    kind: str
    rows: tuple[Row, ...]
    settings: Mapping[str, Settings] = field(default_factory=dict)
    pooled: tuple[Pooled, ...] = ()
    #: What the file says of trials that no row reports: name to citation.
    others: Mapping[str, str] = field(default_factory=dict)
    #: Design, citation, DOI of trials by name.
    studies: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def clean(text: str, where: str) -> str:
    """Return a name as a reader sees it: no markup, no hidden character, single spaces.

    Raises
    ------
    DataError
        If it is far longer than any name.
    """
    if len(text) > LONGEST:
        raise DataError(
            f"{where}: found a name of {len(text):,} characters; allowed are {LONGEST:,}"
        )
    seen = without_hidden(html.unescape(_TAG.sub("", text)).replace("\xa0", " "))
    return _SPACE.sub(" ", unicodedata.normalize("NFC", seen)).strip()


def number(text: str, where: str) -> float | None:
    """Return a cell as a number, None where it has none.

    Raises
    ------
    DataError
        If it is something else, a formula for one.
    """
    word = text.strip()
    if word.lower() in _MISSING:
        return None
    word = word.replace("\u2212", "-")
    if not _NUMBER.fullmatch(word) or not math.isfinite(float(word)):
        kind = "a formula" if word[:1] == "=" else repr(word[:40])
        raise DataError(f"{where}: found {kind}; allowed is a number with a decimal point")
    return float(word)


def decimals(*texts: str) -> int:
    """Return the largest number of decimals that some cells show."""
    return max((len(t.strip().partition(".")[2]) for t in texts if "e" not in t.lower()), default=0)


def slug(text: str, *, longest: int = 60) -> str:
    """Return a name as a key: small letters, digits and low lines."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    key = _NO_LETTER.sub("_", plain).strip("_")
    return key if len(key) <= longest else key[:longest].rpartition("_")[0] or key[:longest]
