"""The numbers of covariates: a column for each in the table of effects, centred and scaled.

A value stands in the tables or nowhere: one that is missing is refused, or, where the model file
says so, stays missing here and is a parameter of the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_nmda.errors import DataError, SpecError
from bayes_nmda.spec.covariate import transformed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bayes_nmda.data import TrialData
    from bayes_nmda.spec.covariate import Covariate
    from bayes_nmda.spec.spec import ModelSpec

#: What a covariate's columns in the table of effects are called: one of these and its name. The
#: first has what the model uses, centred and scaled, the second the number that this is made of.
PREFIX, VALUE = "covariate_", "value_"
_PEOPLE = "people"
#: Decimals of a centre; a difference of two numbers has no more.
_DIGITS = 9


def with_covariates(frame: pd.DataFrame, trials: TrialData, spec: ModelSpec) -> pd.DataFrame:
    """Return the rows of an effect table with a column for each covariate of a model.

    Parameters
    ----------
    frame
        Rows with the columns of an effect table.
    trials
        The tables that covariates of trials and arms stand in.
    spec
        The model.

    Returns
    -------
    pandas.DataFrame
        Columns ``covariate_<name>``: ``(x - centre) / per``, missing where a value is not known
        and the model takes it as a parameter; and ``value_<name>``: ``x``, after its transform.

    Raises
    ------
    SpecError
        If there is no such column, a word has no number, or cells are analysed alone.
    DataError
        If a value is missing and the model refuses that, or a transform of it is not a number.
    """
    if not spec.covariates:
        return frame
    if spec.structure.pooling == "none" and frame["cell"].nunique() > 1:
        raise SpecError(
            f"model {spec.name}: covariate: found structure.pooling 'none' with "
            f"{frame['cell'].nunique()} cells, which share no coefficient; allowed are 'partial', "
            "'complete', or one cell"
        )
    found = {}
    for covariate in spec.covariates:
        where = f"model {spec.name}: covariate {covariate.name}"
        values = _transformed(_column(frame, trials, covariate, where), frame, covariate, where)
        known = np.isfinite(values)
        if covariate.missing == "refuse" and not known.all():
            names = ", ".join(dict.fromkeys(frame["trial"][~known]))
            raise DataError(
                f"{where}: found no {covariate.column} of {names}; enter it with its source, or "
                'take missing = "normal", which makes it a parameter; nothing is dropped or filled '
                "in"
            )
        if known.sum() < 2 or np.ptp(values[known]) == 0:
            raise DataError(
                f"{where}: found {np.unique(values[known])} as the values of "
                f"{covariate.column}; a coefficient needs two that differ"
            )
        centre = values[known].mean() if covariate.centre == "mean" else float(covariate.centre)
        found[PREFIX + covariate.name] = (values - centre) / covariate.per
        found[VALUE + covariate.name] = values
    return frame.assign(**found)


def places(frame: pd.DataFrame, spec: ModelSpec) -> list[dict[str, Any]]:
    """Return where each covariate of a model has its centre, and its lowest and highest value.

    All after the transform; ``words`` are the numbers of words where its column has words.
    """
    found = []
    for covariate in spec.covariates:
        scaled = frame[PREFIX + covariate.name].to_numpy(dtype=float, na_value=np.nan)
        values = frame[VALUE + covariate.name].to_numpy(dtype=float, na_value=np.nan)
        known = np.flatnonzero(np.isfinite(values))
        # the centre of all rows that the table was made of, whichever of them are left
        centre = float(values[known[0]] - covariate.per * scaled[known[0]])
        found.append(
            {
                "name": covariate.name,
                "column": covariate.column,
                "unit": covariate.unit,
                "transform": covariate.transform,
                "words": dict(covariate.values),
                "centre": round(centre, _DIGITS),
                "per": covariate.per,
                "lowest": float(values[known].min()),
                "highest": float(values[known].max()),
            }
        )
    return found


def _column(
    frame: pd.DataFrame, trials: TrialData, covariate: Covariate, where: str
) -> NDArray[np.float64]:
    """Return the column of a covariate by contrast, words as their numbers."""
    name = covariate.column
    if covariate.level == "contrast" and name == _PEOPLE:
        return np.asarray(frame["n_t"] + frame["n_c"], dtype=np.float64)
    keys, table = {
        "trial": (["trial_id"], trials.trials.rename(columns={"trial": "trial_id"})),
        "arm": (
            ["trial_id", "treatment_arm"],
            trials.arms.rename(columns={"trial": "trial_id", "arm": "treatment_arm"}),
        ),
        "contrast": ([], frame),
    }[covariate.level]
    if name not in table:
        raise SpecError(
            f"{where}.column: found {name!r}; the columns of each {covariate.level} are "
            f"{', '.join(map(str, table.columns))}"
        )
    column = (
        frame[name]
        if not keys
        else frame[keys].merge(table[[*keys, name]], on=keys, how="left", validate="many_to_one")[
            name
        ]
    )
    if covariate.values:
        words = column.fillna("").astype(str)
        numbers = dict(covariate.values)
        unknown = sorted(set(words) - set(numbers) - {""})
        if unknown:
            raise SpecError(
                f"{where}.values: found the words {', '.join(map(repr, unknown))} in "
                f"{name} without a number; give each one"
            )
        return np.array([numbers.get(word, np.nan) for word in words])
    values = pd.to_numeric(column, errors="coerce")
    text = column[values.isna() & column.notna() & (column.astype(str) != "")]
    if len(text):
        raise SpecError(
            f"{where}.column: found {str(text.iloc[0])!r} in {name}, which is not a number; words "
            "take numbers with values = { ... }"
        )
    return values.to_numpy(dtype=float, na_value=np.nan)


def _transformed(
    values: NDArray[np.float64], frame: pd.DataFrame, covariate: Covariate, where: str
) -> NDArray[np.float64]:
    found = transformed(values, covariate.transform)
    wrong = np.isfinite(values) & ~np.isfinite(found)
    if wrong.any():
        raise DataError(
            f"{where}: found {covariate.column} {values[wrong][0]:g} of "
            f"{frame['trial'][wrong].iloc[0]}; {covariate.transform!r} takes numbers above 0"
        )
    return found


def missing_groups(frame: pd.DataFrame, covariate: Covariate) -> list[str]:
    """Return what each row's value of a covariate is the value of: the same trial, or arm."""
    columns = {
        "trial": ["trial_id"],
        "arm": ["trial_id", "treatment_arm"],
        "contrast": ["contrast"],
    }[covariate.level]
    return list(frame[columns].astype(str).agg(" / ".join, axis=1))
