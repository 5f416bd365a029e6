"""Which formula gives the effects that a review printed: so an analysis shows its own measure.

Every row is computed on each scale that its numbers allow, by the formulas of Review Manager. A
printed effect is reproduced if estimate and both ends of its interval are met to half their last
decimal, and to what the decimals of the numbers that went in leave open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.stats import norm

from bayes_nmda.effects.binary import log_or, log_rr, risk_difference
from bayes_nmda.effects.continuous import mean_difference, smd_revman
from bayes_nmda.effects.pooling import pool
from bayes_nmda.importing.rows import Contrast, Pooled, Printed, Row, Settings
from bayes_nmda.query.classical import Estimate, Measure, mantel_haenszel, peto

#: Measures of a review, by the numbers that they are made of.
OF_MEANS: Final = ("MD", "SMD")
OF_COUNTS: Final = ("RR", "OR", "Peto OR", "RD")
#: Effects that rows give: as they are, or as logarithms of what is printed; and O − E with V.
GIVEN: Final = ("given", "given ratio", "observed")
MEASURES: Final = (*OF_MEANS, *OF_COUNTS, *GIVEN)
RATIOS: Final = frozenset({"RR", "OR", "Peto OR", "given ratio", "observed"})
#: Fewest people of an arm with a standard deviation.
_LEAST: Final = 2
#: Decimals to which exports round what they compute; a number with so many may be rounded.
_ROUNDED: Final = 6
#: Room for binary floating point, in units of the last printed digit.
_FLOAT: Final = 1e-4
#: Levels of intervals that reviews print.
LEVELS: Final = (0.95, 0.99, 0.9)


@dataclass(frozen=True, slots=True)
class Met:
    """Whether a printed effect comes out: by which measure and level, and how far it is off."""

    measure: str
    level: float
    difference: float
    reproduced: bool


def kinds(row: Row) -> tuple[str, ...]:
    """Return what a row can be computed from: means, counts, what is given, what is observed."""
    t, c = row.treatment, row.control
    found = []
    means = _whole(t.mean, t.sd, t.n, c.mean, c.sd, c.n)
    if means and min(_n(t.sd), _n(c.sd)) > 0 and min(_n(t.n), _n(c.n)) >= _LEAST:
        found.append("means")
    counts = _whole(t.events, t.n, c.events, c.n) and min(_n(t.n), _n(c.n)) >= 1
    if counts and all(0 <= _n(arm.events) <= _n(arm.n) for arm in (t, c)):
        found.append("counts")
    if row.given is not None and row.given.se > 0:
        found.append("given")
    if row.observed is not None and row.observed[1] > 0:
        found.append("observed")
    return tuple(found)


def measures_of(row: Row) -> tuple[str, ...]:
    """Return the measures that the numbers of a row allow."""
    allowed = {
        "means": OF_MEANS, "counts": OF_COUNTS, "given": ("given", "given ratio"),
        "observed": ("observed",),
    }  # fmt: skip
    return tuple(m for kind in kinds(row) for m in allowed[kind])


def effect(row: Row, measure: str, *, swapped: bool = False) -> tuple[float, float]:
    """Return an effect and its standard error, of a ratio its logarithm; NaN without one."""
    t, c = row.treatment, row.control
    if measure in OF_MEANS:
        formula = mean_difference if measure == "MD" else smd_revman
        y, v = formula(_n(t.mean), _n(t.sd), _n(t.n), _n(c.mean), _n(c.sd), _n(c.n))
        return float(y), math.sqrt(float(v))
    if measure in OF_COUNTS:
        a, n1, b, n2 = (_n(x) for x in (t.events, t.n, c.events, c.n))
        if swapped:
            a, b = n1 - a, n2 - b
        return _of_counts(measure, a, n1, b, n2)
    if measure == "observed" and row.observed is not None:
        return row.observed[0] / row.observed[1], row.observed[1] ** -0.5
    if row.given is not None:
        return row.given.value, row.given.se
    return math.nan, math.nan


def _of_counts(measure: str, a: float, n1: float, c: float, n2: float) -> tuple[float, float]:
    if measure == "Peto OR":
        found = peto([a], [n1], [c], [n2])
        return found.value, found.se
    if a == n1 and c == n2 and measure == "RR" and a > 0:
        # everybody in both arms: Review Manager prints 1, with the error of corrected counts
        return 0.0, math.sqrt(sum(1 / (n + 0.5) - 1 / (n + 1) for n in (n1, n2)))
    formula = {"RR": log_rr, "OR": log_or, "RD": risk_difference}[measure]
    y, v = formula(a, n1, c, n2)
    return float(y), math.sqrt(float(v)) if v >= 0 else math.nan


def computed(
    row: Row, measure: str, *, level: float = 0.95, swapped: bool = False
) -> tuple[float, float, float]:
    """Return estimate and interval as a review prints them."""
    y, se = effect(row, measure, swapped=swapped)
    reach = float(norm.ppf(0.5 + level / 2)) * se
    ends = (y, y - reach, y + reach)
    if measure not in RATIOS:
        return ends
    # exports print 0 and very large numbers where a ratio has no end
    value, low, high = (math.exp(min(x, 700.0)) for x in ends)
    return value, low, high


def compare(row: Row, measure: str, *, level: float = 0.95, swapped: bool = False) -> Met:
    """Return how far one formula is from what a row prints."""
    assert row.printed is not None
    printed = (row.printed.estimate, row.printed.low, row.printed.high)
    ours = computed(row, measure, level=level, swapped=swapped)
    if not np.isfinite(ours).all():
        return Met(measure, level, math.inf, reproduced=False)
    half = 0.5 * 10.0**-row.printed.decimals
    off = [abs(x - y) for x, y in zip(printed, ours, strict=True)]
    room = [half * (1 + _FLOAT) + 4e-16 * abs(y) for y in ours]
    if any(x > y for x, y in zip(off, room, strict=True)):
        open_ = _left_open(row, measure, level=level, swapped=swapped)
        room = [x + y for x, y in zip(room, open_, strict=True)]
    met = all(x <= y for x, y in zip(off, room, strict=True))
    return Met(measure, level, max(off), reproduced=met)


def _left_open(row: Row, measure: str, *, level: float, swapped: bool) -> list[float]:
    """Return how much the rounding of the numbers that go in can move what comes out."""
    whole = np.array(computed(row, measure, level=level, swapped=swapped))
    moved = np.zeros(3)
    for changed in _moved(row):
        other = np.array(computed(changed, measure, level=level, swapped=swapped))
        moved += np.abs(other - whole)
    return [float(x) for x in moved]


def _moved(row: Row) -> Iterable[Row]:
    """Yield the row with each rounded number half a unit of its last decimal away."""
    unit = 0.5 * 10.0**-_ROUNDED
    for name in ("mean", "sd"):
        value = getattr(row.treatment, name)
        if value is not None and _is_rounded(value):
            yield replace(row, treatment=replace(row.treatment, **{name: value + unit}))
        value = getattr(row.control, name)
        if value is not None and _is_rounded(value):
            yield replace(row, control=replace(row.control, **{name: value + unit}))
    if row.given is not None:
        for value, se in ((unit, 0.0), (0.0, unit)):
            if _is_rounded(row.given.value if value else row.given.se):
                moved = Contrast(row.given.value + value, row.given.se + se)
                yield replace(row, given=moved)
    if row.observed is not None:
        for which in (0, 1):
            if _is_rounded(row.observed[which]):
                pair = list(row.observed)
                pair[which] += unit
                yield replace(row, observed=(pair[0], pair[1]))


def _is_rounded(value: float) -> bool:
    return len(repr(value).partition(".")[2]) >= _ROUNDED and "e" not in repr(value)


def measure_of(rows: list[Row], settings: Settings) -> tuple[str, float, dict[int, Met]]:
    """Return the measure of an analysis, the level of its intervals, and how each row fares.

    Parameters
    ----------
    rows
        Those of the analysis; blank effects say nothing.
    settings
        What the file says: its measure is taken if it meets as many rows as any other.

    Returns
    -------
    measure, level
        Empty measure where no effect is printed and none is stated.
    met : dict
        Of each printed effect, by the place of its row: by the measure of the analysis, or by
        another that the row's own numbers give.
    """
    printed = [i for i, row in enumerate(rows) if row.printed is not None]
    allowed = list(dict.fromkeys(m for row in rows for m in measures_of(row)))
    if settings.measure in allowed:
        allowed.sort(key=lambda name: name != settings.measure)
    if not printed:
        return (settings.measure or (allowed[0] if len(allowed) == 1 else "")), settings.level, {}
    best: tuple[int, str, float] = (0, settings.measure, settings.level)
    for level in dict.fromkeys((settings.level, *LEVELS)):
        for measure in allowed:
            hits = sum(
                _met(rows[i], measure, level, settings).reproduced
                for i in printed
                if measure in measures_of(rows[i])
            )
            if hits > best[0]:
                best = (hits, measure, level)
        if best[0] == len(printed):
            break
    _, measure, level = best
    met = {}
    for i in printed:
        tried = [measure, *(m for m in measures_of(rows[i]) if m != measure)]
        found = [_met(rows[i], m, level, settings) for m in tried if m in measures_of(rows[i])]
        good = next((one for one in found if one.reproduced), None)
        met[i] = good or (found[0] if found else Met("", level, math.inf, reproduced=False))
    return measure, level, met


def _met(row: Row, measure: str, level: float, settings: Settings) -> Met:
    return compare(row, measure, level=level, swapped=settings.swapped)


def pooled_met(
    result: Pooled, rows: list[Row], measure: str, settings: Settings
) -> tuple[bool, str]:
    """Tell whether a pooled result comes out, and by which method.

    The method that the file states is tried first; without one, each that reviews use.
    """
    usable = [row for row in rows if measure in measures_of(row)]
    if not usable:
        return False, ""
    methods = _methods(usable, measure, swapped=settings.swapped)
    stated = _stated(settings)
    order = (
        [stated, *(name for name in methods if name != stated)] if stated in methods else methods
    )
    for name in order:
        found = methods[name]()
        low, high = found.interval(settings.pooled_level)
        ends = [found.value, low, high]
        told = [math.exp(x) for x in ends] if measure in RATIOS else ends
        printed = (result.printed.estimate, result.printed.low, result.printed.high)
        room = 0.5 * 10.0**-result.printed.decimals * (1 + _FLOAT)
        off = [abs(x - y) for x, y in zip(printed, told, strict=True)]
        slack = [room + 2e-6 * abs(x) for x in printed]
        if all(np.isfinite(told)) and all(x <= y for x, y in zip(off, slack, strict=True)):
            return True, name
    return False, stated


def _stated(settings: Settings) -> str:
    if settings.method == "Peto":
        return "Peto"
    if settings.method == "MH" and settings.random is False:
        return "Mantel-Haenszel"
    if settings.random is None:
        return ""
    if settings.random:
        return "Mantel-Haenszel, random" if settings.method == "MH" else "DerSimonian-Laird"
    return "inverse variance"


def _methods(
    rows: list[Row], measure: str, *, swapped: bool
) -> Mapping[str, Callable[[], Estimate]]:
    pairs = [effect(row, measure, swapped=swapped) for row in rows]
    known = [i for i, (y, se) in enumerate(pairs) if math.isfinite(y) and se > 0]
    y = np.array([pairs[i][0] for i in known])
    v = np.array([pairs[i][1] ** 2 for i in known])
    counts = [
        [_n(x) for x in column]
        for column in zip(
            *((r.treatment.events, r.treatment.n, r.control.events, r.control.n) for r in rows),
            strict=True,
        )
    ]
    if swapped:
        counts[0] = [n - a for a, n in zip(counts[0], counts[1], strict=True)]
        counts[2] = [n - a for a, n in zip(counts[2], counts[3], strict=True)]

    def fixed() -> Estimate:
        found = pool(y, v, estimator="FE")
        return Estimate(found.estimate, found.se)

    def random() -> Estimate:
        found = pool(y, v, estimator="DL")
        return Estimate(found.estimate, found.se)

    def mixed() -> Estimate:
        """DerSimonian and Laird with Q about the Mantel-Haenszel estimate, as RevMan has it."""
        centre = common().value
        w = 1 / v
        q = float((w * (y - centre) ** 2).sum())
        tau2 = max(0.0, (q - (len(y) - 1)) / float(w.sum() - (w**2).sum() / w.sum()))
        w = 1 / (v + tau2)
        return Estimate(float((w * y).sum() / w.sum()), float(w.sum()) ** -0.5)

    def common() -> Estimate:
        of: Measure = "RD" if measure == "RD" else "OR" if measure == "OR" else "RR"
        return mantel_haenszel(*counts, measure=of)

    found: dict[str, Callable[[], Estimate]] = {}
    if len(y):
        found |= {"inverse variance": fixed, "DerSimonian-Laird": random}
    if measure in ("RR", "OR", "RD"):
        found["Mantel-Haenszel"] = common
        if len(y) > 1:
            found["Mantel-Haenszel, random"] = mixed
    if measure in ("OR", "Peto OR"):
        found["Peto"] = lambda: peto(*counts)
    return found


def printed_of(texts: tuple[str, str, str], numbers: tuple[float | None, ...]) -> Printed | None:
    """Return a printed effect, None where a part of it is blank."""
    if any(x is None for x in numbers):
        return None
    shown = max(len(t.strip().partition(".")[2]) for t in texts)
    estimate, low, high = (_n(x) for x in numbers)
    return Printed(estimate, low, high, shown)


def _whole(*values: float | None) -> bool:
    return all(value is not None for value in values)


def _n(value: float | None) -> float:
    return math.nan if value is None else float(value)
