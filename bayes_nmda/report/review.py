"""What the review printed of each cell, and what its own method makes of today's rows.

The two are never taken for one another. What the review is credited with stands in
``published.csv``: a pooled result, or the one row of an analysis that has only one; no row that
somebody adds can change it. What this project computes from the rows of today by the review's
method (DerSimonian-Laird with a Wald interval; risk ratios with 0.5 added where an arm is empty,
trials without any event left out) is labelled as that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bayes_nmda.effects.binary import log_rr

if TYPE_CHECKING:
    import pandas as pd

    from bayes_nmda.data import TrialData
    from bayes_nmda.report.fits import Fit

#: What the review calls the measure that stands beside ours.
_MEASURES: Final = {"MD": "MD", "SMD": "SMD", "log_or": "RR"}
#: Measures whose printed numbers stand on our scale; its SMDs run the way each instrument does.
_COMPARABLE: Final = ("MD", "RR")
_KEYS: Final = ["drug", "route", "outcome", "timepoint", "comparator"]
#: Decimals to which a printed number and a computed one are compared, as they are shown.
_DECIMALS: Final = 2


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % confidence interval; a ratio as such, not its logarithm."""

    estimate: float
    low: float
    high: float

    def near(self, other: Interval, decimals: int) -> bool:
        """Return whether both are the same where they are printed with so many decimals."""
        pairs = zip(
            (self.estimate, self.low, self.high),
            (other.estimate, other.low, other.high),
            strict=True,
        )
        return all(abs(a - b) <= (0.5 + 1e-6) * 10.0**-decimals for a, b in pairs)


@dataclass(frozen=True, slots=True)
class Review:
    """The review beside one cell.

    Attributes
    ----------
    printed
        What the review printed, from ``published.csv``; None where no number of it is known.
    computed
        The review's method on the rows of today; None where it cannot be computed.
    certainty
        GRADE certainty that the review gave its own estimate; empty where our sources hold none.
    """

    printed: Interval | None
    computed: Interval | None
    certainty: str = ""

    @property
    def shown(self) -> Interval:
        """What stands beside our number: printed if there is any, else computed."""
        found = self.printed or self.computed
        if found is None:
            raise AssertionError("a cell without a number of the review has no Review")
        return found

    @property
    def moved(self) -> Interval | None:
        """What its method makes of today's rows, where that is not what was printed."""
        if self.printed is None or self.computed is None:
            return None
        return None if self.computed.near(self.printed, _DECIMALS) else self.computed


def reviewed(fit: Fit, trials: TrialData) -> dict[str, Review]:
    """Return what is known of the review for each cell of a model, by label of the cell."""
    measure = _MEASURES.get(fit.spec.measure, "")
    if not measure or (measure == "RR" and "events_t" not in fit.effects.frame):
        return {}  # effects without arms: their review pooled something that is not known here
    frame = fit.effects.frame.assign(vi=lambda rows: rows["sei"] ** 2)
    if measure == "RR":
        yi, vi = log_rr(*(frame[name] for name in ("events_t", "n_t", "events_c", "n_c")))
        frame = frame.assign(yi=yi, vi=vi)
    table = trials.published
    published = table[(table["measure"] == measure) & (table["subgroup"] == "")]
    found = {}
    for label, rows in frame.groupby("cell", sort=False):
        same = published[(published[_KEYS] == rows.iloc[0][_KEYS].to_numpy()).all(axis=1)]
        printed, certainty = _printed(same) if measure in _COMPARABLE else (None, "")
        computed = _computed(rows, ratio=measure == "RR")
        if printed is not None or computed is not None:
            found[str(label)] = Review(printed, computed, certainty)
    return found


def _computed(rows: pd.DataFrame, *, ratio: bool) -> Interval | None:
    """Return the review's method on some rows; ratios are pooled on the log scale."""
    from bayes_nmda.effects.pooling import pool

    known = rows.dropna(subset=["yi", "vi"])
    if known.empty:
        return None
    pooled = pool(known["yi"], known["vi"])
    show = math.exp if ratio else float
    return Interval(show(pooled.estimate), show(pooled.ci_low), show(pooled.ci_high))


def _printed(same: pd.DataFrame) -> tuple[Interval | None, str]:
    """Return the printed result of one cell and its certainty, from rows of ``published.csv``."""
    pooled = same[same["kind"] == "pooled"]
    rows = same[same["kind"] == "row_effect"]
    one = pooled if len(pooled) == 1 else rows if len(rows) == 1 and pooled.empty else None
    if one is None:
        return None, ""
    row = one.iloc[0]
    values = tuple(float(row[name]) for name in ("estimate", "ci_low", "ci_high"))
    found = Interval(*values) if all(map(math.isfinite, values)) else None
    return found, str(row["certainty"])
