"""From odds ratios to risks: what a log odds ratio means where events are rare or common.

An odds ratio says nothing about how many people are affected until a control risk is given: draws
of the baseline model, or one risk that somebody names. NumPy is enough.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def risks(log_odds: ArrayLike, log_or: ArrayLike) -> tuple[Floats, Floats]:
    """Return the risk without and with the drug, draw by draw.

    Parameters
    ----------
    log_odds
        Log odds of an event without the drug.
    log_or
        Log odds ratio, same shape.
    """
    base = np.asarray(log_odds, float)
    return expit(base), expit(base + np.asarray(log_or, float))


def risk_at(control_risk: float, log_or: ArrayLike) -> Floats:
    """Return the risk with the drug where the risk without it is ``control_risk``, same shape."""
    log_odds = np.log(control_risk) - np.log1p(-control_risk)
    return expit(log_odds + np.asarray(log_or, float))


def expit(log_odds: ArrayLike) -> Floats:
    """Return probabilities from log odds, same shape."""
    values = np.asarray(log_odds, dtype=np.float64)
    small = np.exp(-np.abs(values))
    result: Floats = np.where(values >= 0, 1.0, small) / (1.0 + small)
    return result
