"""Rows of crossover trials that are not of the first period: the same people may stand twice.

Whether they do, tables of arms do not say. Where both arms together have no more people than the
trial randomised, they can be different people, as in a first period that is not marked as such;
where they have more, or the number randomised is not known, people are counted once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

DESIGN = "crossover"
RANDOMISED = "n_randomised"
FIRST_PERIOD = "first_phase"


def crossed(rows: pd.DataFrame, first_period: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which rows are of a crossover trial and not known to be of its first period.

    Parameters
    ----------
    rows
        With the column `design` of the trial; without it none is.
    first_period
        True where all numbers of a row are of the first period; shape (row,).
    """
    if "design" not in rows:
        return np.zeros(len(rows), dtype=bool)
    return (rows["design"] == DESIGN).to_numpy(dtype=bool) & ~first_period


def same_people(rows: pd.DataFrame, n_t: str, n_c: str) -> NDArray[np.bool_]:
    """Tell where two arms of a crossover trial must be taken for the same people.

    Parameters
    ----------
    rows
        Contrasts with the people of both arms and, if known, the number that the trial randomised.
    n_t, n_c
        Names of the columns of the two arms.
    """
    if RANDOMISED not in rows:
        return np.ones(len(rows), dtype=bool)
    numbers: dict[str, Any] = {
        name: rows[name].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        for name in (n_t, n_c, RANDOMISED)
    }
    return np.asarray(~(numbers[n_t] + numbers[n_c] <= numbers[RANDOMISED]))
