"""The review's own method on the rows of each cell, to stand beside ours.

DerSimonian-Laird with a Wald interval; risk ratios with 0.5 added where an arm is empty, trials
without any event left out. Where the review prints a pooled number, or a cell has one trial whose
row it prints on the same measure, that number is this one; otherwise it is computed here.
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
_KEYS: Final = ["drug", "route", "outcome", "timepoint", "comparator"]


@dataclass(frozen=True, slots=True)
class Review:
    """The review's method on the rows of one cell; ``printed`` if the review shows this number."""

    estimate: float
    low: float
    high: float
    printed: bool


def reviewed(fit: Fit, trials: TrialData) -> dict[str, Review]:
    """Return the review's estimate for each cell of a model that has one, by label of the cell."""
    from bayes_nmda.effects.pooling import pool

    measure = _MEASURES[fit.spec.measure]
    frame = fit.effects.frame.assign(vi=lambda rows: rows["sei"] ** 2)
    if measure == "RR":
        yi, vi = log_rr(*(frame[name] for name in ("events_t", "n_t", "events_c", "n_c")))
        frame = frame.assign(yi=yi, vi=vi)
    published = trials.published[trials.published["measure"] == measure]
    show = math.exp if measure == "RR" else float
    found = {}
    for label, rows in frame.groupby("cell", sort=False):
        known = rows.dropna(subset=["yi", "vi"])
        if len(known):
            pooled = pool(known["yi"], known["vi"])
            found[str(label)] = Review(
                show(pooled.estimate),
                show(pooled.ci_low),
                show(pooled.ci_high),
                _printed(published, rows),
            )
    return found


def _printed(published: pd.DataFrame, rows: pd.DataFrame) -> bool:
    """Return whether the review prints the estimate of these rows."""
    kind = "row_effect" if len(rows) == 1 else "pooled"
    named = published[published["kind"] == kind]
    return bool((named[_KEYS] == rows.iloc[0][_KEYS].to_numpy()).all(axis=1).any())
