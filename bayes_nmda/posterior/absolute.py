"""From odds ratios to risks: what a log odds ratio means where events are rare or common.

An odds ratio says nothing about how many people are affected until a control risk is given. Here
that is the risk in the control arms of a cell's own trials, each weighted by its people, or one
risk that somebody names. Everything is arithmetic on draws, one result a draw; NumPy is enough.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def control_weights(
    cell_of_contrast: ArrayLike, control_of_contrast: ArrayLike, n_control: ArrayLike
) -> Floats:
    """Return the weight of each control arm in each cell, shape (cell, control); rows sum to 1.

    Parameters
    ----------
    cell_of_contrast, control_of_contrast
        Positions, shape (contrast,).
    n_control
        People in each control arm, shape (control,).
    """
    cells = np.asarray(cell_of_contrast, dtype=np.intp)
    controls = np.asarray(control_of_contrast, dtype=np.intp)
    people = np.asarray(n_control, dtype=np.float64)
    weights = np.zeros((int(cells.max()) + 1, len(people)))
    weights[cells, controls] = people[controls]
    total: Floats = weights / weights.sum(axis=1, keepdims=True)
    return total


def standardised_risks(
    baseline: ArrayLike, log_or: ArrayLike, weights: ArrayLike
) -> tuple[Floats, Floats]:
    """Return the risk without and with the drug, averaged over the control arms of each cell.

    Parameters
    ----------
    baseline
        Log odds of an event in each control arm, shape (..., control).
    log_or
        Log odds ratio in each cell, shape (..., cell).
    weights
        Shape (cell, control), from `control_weights`.

    Returns
    -------
    tuple of ndarray
        Two arrays of shape (..., cell), probabilities.
    """
    base, effect = np.asarray(baseline, float), np.asarray(log_or, float)
    shares = np.asarray(weights, float)
    control = expit(base) @ shares.T
    treated = np.empty_like(control)
    for cell, share in enumerate(shares):
        used = share > 0
        risks = expit(base[..., used] + effect[..., cell, None])
        treated[..., cell] = risks @ share[used]
    return control, treated


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
