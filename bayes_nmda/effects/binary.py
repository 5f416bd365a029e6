"""Log risk ratio, log odds ratio and risk difference of two arms, with variances.

The models use the counts themselves; these effects are for display, for plots and to replicate
the review. Review Manager adds 0.5 to all four cells of a table with an empty cell. An arm in
which everybody has the event has an empty cell as well: the review's row 2.3 of Niesters 2013
(3/3 against 1/3, printed RR 2.333333) shows it. With no event in either arm, or with everybody
having one in both, a ratio is not estimable and the result is missing.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_nmda.effects.inputs import Floats, check_sample_size, floats, refuse

BinaryMeasure = Literal["log_rr", "log_or", "RD"]

#: Added to every cell of a table with an empty one (Deeks & Higgins 2010, section 4).
ZERO_CELL_CORRECTION = 0.5


def _arms(
    events_t: ArrayLike, n_t: ArrayLike, events_c: ArrayLike, n_c: ArrayLike
) -> tuple[Floats, ...]:
    a, n1, c, n2 = floats(events_t=events_t, n_t=n_t, events_c=events_c, n_c=n_c)
    for suffix, events, n in (("t", a, n1), ("c", c, n2)):
        check_sample_size(f"n_{suffix}", n, least=1)
        refuse(f"events_{suffix}", events, events < 0, "0 or more")
        refuse(f"events_{suffix}", events, events > n, f"no more than n_{suffix}")
    return a, n1, c, n2


def zero_cells(
    events_t: ArrayLike, n_t: ArrayLike, events_c: ArrayLike, n_c: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which tables have an empty cell, and which allow no ratio at all.

    Parameters
    ----------
    events_t, n_t, events_c, n_c
        People with the event and people analysed, treatment and control arm.

    Returns
    -------
    empty_cell, not_estimable : ndarray of bool
        A table with at least one empty cell; a table with no event in either arm, or with no
        person without one.

    Examples
    --------
    >>> empty_cell, not_estimable = zero_cells([3, 0, 5], [3, 9, 9], [1, 0, 2], [3, 10, 9])
    >>> empty_cell.tolist(), not_estimable.tolist()
    ([True, True, False], [False, True, False])
    """
    a, n1, c, n2 = _arms(events_t, n_t, events_c, n_c)
    empty = (a == 0) | (c == 0) | (a == n1) | (c == n2)
    return empty, ((a == 0) & (c == 0)) | ((a == n1) & (c == n2))


def corrected(
    events_t: ArrayLike, n_t: ArrayLike, events_c: ArrayLike, n_c: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the counts with 0.5 added to all four cells of each table with an empty cell.

    Parameters
    ----------
    events_t, n_t, events_c, n_c
        People with the event and people analysed, treatment and control arm.

    Returns
    -------
    events_t, n_t, events_c, n_c : ndarray
        The counts to compute with.
    """
    a, n1, c, n2 = _arms(events_t, n_t, events_c, n_c)
    add = np.where(zero_cells(a, n1, c, n2)[0], ZERO_CELL_CORRECTION, 0.0)
    return a + add, n1 + 2 * add, c + add, n2 + 2 * add


def arm_standard_error(events: ArrayLike, n: ArrayLike, *, measure: BinaryMeasure) -> Floats:
    """Return what one arm adds to the standard error of an effect, by the delta method.

    Log risk ratio ``sqrt(1/a - 1/n)``, log odds ratio ``sqrt(1/a + 1/(n - a))``, risk difference
    ``sqrt(p (1 - p)/n)``; the squares of both arms sum to the variance of the effect.

    Parameters
    ----------
    events, n
        Counts of the arm, corrected where a cell of its table is empty.
    measure
        ``"log_rr"``, ``"log_or"`` or ``"RD"``.

    Returns
    -------
    ndarray
        Standard error on the scale of the measure.

    Raises
    ------
    UsageError
        If a count is 0 or equals the number of people: correct it first.
    """
    a, size = floats(events=events, n=n)
    refuse("events", a, (a <= 0) | (a >= size), "above 0 and below n; use corrected()")
    if measure == "log_rr":
        return np.asarray(np.sqrt(1 / a - 1 / size))
    if measure == "log_or":
        return np.asarray(np.sqrt(1 / a + 1 / (size - a)))
    return np.asarray(np.sqrt(a * (size - a) / size**3))


def _blank(values: Floats, not_estimable: NDArray[np.bool_]) -> Floats:
    return np.where(not_estimable, np.nan, values)


def log_rr(
    events_t: ArrayLike, n_t: ArrayLike, events_c: ArrayLike, n_c: ArrayLike
) -> tuple[Floats, Floats]:
    """Return log risk ratios and their variances.

    ``yi = log((a/n1) / (c/n2))``, ``vi = 1/a - 1/n1 + 1/c - 1/n2``.

    Parameters
    ----------
    events_t, n_t, events_c, n_c
        People with the event and people analysed, treatment and control arm.

    Returns
    -------
    yi, vi : ndarray
        Log risk ratio (positive: more events under treatment) and its variance; missing where
        neither arm has an event, or everybody has one.

    Raises
    ------
    UsageError
        If a count is negative, or there are more events than people.

    References
    ----------
    Deeks JJ, Higgins JPT (2010). Statistical algorithms in Review Manager 5, section 4.

    Examples
    --------
    >>> yi, vi = log_rr(3, 3, 0, 4)
    >>> round(float(np.exp(yi)), 2)
    8.75
    """
    a, n1, c, n2 = corrected(events_t, n_t, events_c, n_c)
    blank = zero_cells(events_t, n_t, events_c, n_c)[1]
    yi = np.log(a / n1) - np.log(c / n2)
    return _blank(yi, blank), _blank(1 / a - 1 / n1 + 1 / c - 1 / n2, blank)


def log_or(
    events_t: ArrayLike, n_t: ArrayLike, events_c: ArrayLike, n_c: ArrayLike
) -> tuple[Floats, Floats]:
    """Return log odds ratios and their variances.

    ``yi = log(a d / (b c))``, ``vi = 1/a + 1/b + 1/c + 1/d`` with b and d the people without
    the event (Woolf).

    Parameters
    ----------
    events_t, n_t, events_c, n_c
        People with the event and people analysed, treatment and control arm.

    Returns
    -------
    yi, vi : ndarray
        Log odds ratio (positive: more events under treatment) and its variance; missing where
        neither arm has an event, or everybody has one.

    Raises
    ------
    UsageError
        If a count is negative, or there are more events than people.

    References
    ----------
    Woolf B (1955). Ann Hum Genet 19:251-253, doi:10.1111/j.1469-1809.1955.tb01348.x.
    """
    a, n1, c, n2 = corrected(events_t, n_t, events_c, n_c)
    blank = zero_cells(events_t, n_t, events_c, n_c)[1]
    b, d = n1 - a, n2 - c
    yi = np.log(a) - np.log(b) - np.log(c) + np.log(d)
    return _blank(yi, blank), _blank(1 / a + 1 / b + 1 / c + 1 / d, blank)


def risk_difference(
    events_t: ArrayLike, n_t: ArrayLike, events_c: ArrayLike, n_c: ArrayLike
) -> tuple[Floats, Floats]:
    """Return risk differences and their variances.

    ``yi = a/n1 - c/n2``, ``vi = p1 (1 - p1)/n1 + p2 (1 - p2)/n2``. The difference is that of the
    observed risks, always; only the variance of a table with an empty cell uses the corrected
    counts, because it would be too small or 0 otherwise.

    Parameters
    ----------
    events_t, n_t, events_c, n_c
        People with the event and people analysed, treatment and control arm.

    Returns
    -------
    yi, vi : ndarray
        Risk difference (positive: more events under treatment) and its variance.

    Raises
    ------
    UsageError
        If a count is negative, or there are more events than people.

    References
    ----------
    Deeks JJ, Higgins JPT (2010). Statistical algorithms in Review Manager 5, section 4.
    """
    a, n1, c, n2 = _arms(events_t, n_t, events_c, n_c)
    ka, k1, kc, k2 = corrected(a, n1, c, n2)
    p1, p2 = ka / k1, kc / k2
    return a / n1 - c / n2, p1 * (1 - p1) / k1 + p2 * (1 - p2) / k2
