"""Effects of contrasts on the scale of a measure: yi, its variance, and the errors of both arms.

One place says what each measure needs of a row; the formulas are in `continuous` and `binary`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_nmda.effects import binary, continuous
from bayes_nmda.effects.covariance import (
    ArmErrors,
    paired_variance,
    shared_arm_covariance,
    shared_scale_covariance,
)
from bayes_nmda.effects.inputs import Floats
from bayes_nmda.errors import SpecError
from bayes_nmda.terms import Measure

#: Kind of record that each measure is computed from.
KINDS: Final[dict[str, str]] = {
    "MD": "continuous",
    "SMD": "continuous",
    "log_rr": "binary",
    "log_or": "binary",
    "RD": "binary",
}
_RATIOS: Final = {"log_rr": binary.log_rr, "log_or": binary.log_or, "RD": binary.risk_difference}


def known_measure(name: str) -> Measure:
    """Return the name as a measure.

    Parameters
    ----------
    name
        What a model file says.

    Returns
    -------
    str
        The same name.

    Raises
    ------
    SpecError
        If it is no measure of `terms.MEASURES`.
    """
    if name not in KINDS:
        raise SpecError(f"measure is {name!r}; it must be one of {', '.join(KINDS)}")
    return cast("Measure", name)


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """Effects of contrasts, with a variance and two arm errors each; shape (contrast,).

    `zero_cell` and `double_zero` say where a table of counts has an empty cell, and where it has
    no event in either arm (or everybody has one); a ratio is missing there.
    """

    yi: Floats
    vi: Floats
    se_t: Floats
    se_c: Floats
    zero_cell: NDArray[np.bool_]
    double_zero: NDArray[np.bool_]


def _column(rows: pd.DataFrame, name: str) -> Floats:
    return rows[name].to_numpy(dtype=np.float64)


def contrast_effects(rows: pd.DataFrame, measure: Measure) -> Effects:
    """Return treatment minus control on the scale of a measure.

    Parameters
    ----------
    rows
        Contrasts with `mean_t`, `sd_t`, `n_t`, `mean_c`, `sd_c`, `n_c`, or with `events_t`,
        `n_t`, `events_c`, `n_c`.
    measure
        ``"MD"``, ``"SMD"``, ``"log_rr"``, ``"log_or"`` or ``"RD"``.

    Returns
    -------
    Effects
        One element a row.

    Raises
    ------
    UsageError
        If a number is impossible.
    """
    none = np.zeros(len(rows), dtype=bool)
    n_t, n_c = _column(rows, "n_t"), _column(rows, "n_c")
    if KINDS[measure] == "continuous":
        sd_t, sd_c = _column(rows, "sd_t"), _column(rows, "sd_c")
        arms = (_column(rows, "mean_t"), sd_t, n_t, _column(rows, "mean_c"), sd_c, n_c)
        if measure == "MD":
            yi, vi = continuous.mean_difference(*arms)
            return Effects(yi, vi, sd_t / np.sqrt(n_t), sd_c / np.sqrt(n_c), none, none)
        yi, vi = continuous.smd(*arms)
        return Effects(yi, vi, 1 / np.sqrt(n_t), 1 / np.sqrt(n_c), none, none)
    counts = (_column(rows, "events_t"), n_t, _column(rows, "events_c"), n_c)
    yi, vi = _RATIOS[measure](*counts)
    a, n1, c, n2 = binary.corrected(*counts)
    zero_cell, double_zero = binary.zero_cells(*counts)
    binary_measure = cast("binary.BinaryMeasure", measure)
    return Effects(
        yi,
        vi,
        binary.arm_standard_error(a, n1, measure=binary_measure),
        binary.arm_standard_error(c, n2, measure=binary_measure),
        np.atleast_1d(zero_cell),
        np.atleast_1d(double_zero),
    )


def check_one_scale(rows: pd.DataFrame, measure: Measure) -> None:
    """Refuse mean differences on several instruments: their units do not compare.

    Parameters
    ----------
    rows
        Contrasts with `instrument`; the empty string counts as one of its own.
    measure
        Measure of the model.

    Raises
    ------
    SpecError
        If the measure is the mean difference and there is more than one instrument.
    """
    instruments = sorted(set(rows["instrument"]))
    if measure == "MD" and len(instruments) > 1:
        names = "; ".join(name or "(not named)" for name in instruments)
        raise SpecError(
            f"measure is 'MD', but {rows['outcome'].iloc[0]} was measured with several "
            f"instruments: {names}; set measure to 'SMD'"
        )


def orientation(rows: pd.DataFrame, measure: Measure, benefit: str) -> Floats:
    """Return -1 where an effect must change its sign so that all rows mean the same.

    An instrument on which higher is better is reversed where the outcome's benefit is negative,
    and one on which lower is better where it is positive. Counts are never reversed.

    Parameters
    ----------
    rows
        Contrasts with `higher_is_better_t`; a missing value leaves the sign alone.
    measure
        Measure of the model.
    benefit
        ``"negative"`` or ``"positive"``: the sign of an effect that is good for people.

    Returns
    -------
    ndarray
        1 or -1, shape (contrast,).

    Raises
    ------
    SpecError
        If the benefit contradicts the direction of a binary outcome.
    """
    better = rows["higher_is_better_t"].astype("boolean")
    wrong = (better if benefit == "negative" else ~better).fillna(False).to_numpy(dtype=bool)
    if KINDS[measure] == "binary" and wrong.any():
        direction = "more" if benefit == "negative" else "fewer"
        raise SpecError(
            f"benefit is {benefit!r}, but for {rows['outcome'].iloc[0]} {direction} events are "
            "better (higher_is_better in outcomes.csv); set benefit to the other sign"
        )
    return np.where(wrong, -1.0, 1.0)


def contrast_covariance(
    rows: pd.DataFrame,
    effects: Effects,
    sign: Floats,
    measure: Measure,
    *,
    timepoint_correlation: float,
    paired: NDArray[np.bool_],
    within_person: float,
) -> Floats:
    """Return the covariance of contrasts; rows and columns of missing effects are missing.

    Parameters
    ----------
    rows
        Contrasts with `trial`, `arm_t`, `arm_c`, `timepoint`, `instrument`, `n_t`, `n_c`.
    effects
        What `contrast_effects` made of them, before any change of sign.
    sign
        What `orientation` made of them.
    measure
        Measure of the model.
    timepoint_correlation
        Correlation of one arm's errors between two timepoints, and between two instruments.
    paired
        True where the same people had both treatments, shape (contrast,).
    within_person
        Correlation of their two values.

    Returns
    -------
    ndarray
        Shape (contrast, contrast), squared units of the measure.
    """
    known = np.isfinite(effects.vi)

    def label(*names: str) -> NDArray[np.str_]:
        joined = ["|".join(parts) for parts in rows.loc[known, list(names)].to_numpy(dtype=str)]
        return np.asarray(joined, dtype=np.str_)

    arms = ArmErrors(
        treatment=label("trial", "arm_t"),
        control=label("trial", "arm_c"),
        occasion=label("timepoint", "instrument"),
        se_t=effects.se_t[known],
        se_c=effects.se_c[known],
        sign=sign[known],
        people=np.where(paired[known], label("trial", "stratum"), ""),
        within_person=within_person,
    )
    g = (sign * effects.yi)[known]
    n_t, n_c = (_column(rows, name)[known] for name in ("n_t", "n_c"))
    of_scale = g**2 / (2 * (n_t + n_c)) if measure == "SMD" else 0.0
    vi = paired_variance(effects.vi[known], arms, of_scale=of_scale)
    part = shared_arm_covariance(vi, arms, timepoint_correlation=timepoint_correlation)
    if measure == "SMD":
        part = part + shared_scale_covariance(
            g, n_t, n_c, arms, timepoint_correlation=timepoint_correlation
        )
    whole = np.full((len(rows), len(rows)), np.nan)
    whole[np.ix_(known, known)] = part
    return whole
