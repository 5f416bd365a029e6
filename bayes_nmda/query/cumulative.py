"""The evidence as it grew: the same analysis with the trials that there were at each time.

Every step is a full analysis by the exact engine with the same scrambled points, so that a change
is due to the trials that came. What a living review shows, and what readers of a year could know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from bayes_nmda.errors import DataError, UsageError
from bayes_nmda.query.exactly import KEY, NUMBERS, Direction, Question
from bayes_nmda.query.multiverse import _chosen

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

    from bayes_nmda.data import TrialData
    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

_ORDER: Final = ["until", "cell", "at_least", "target", "trials", *NUMBERS]


def cumulative(
    spec: ModelSpec,
    effects: EffectTable,
    trials: TrialData,
    *,
    by: str = "year",
    at_least: float | Iterable[float] | None = None,
    direction: Direction | None = None,
    drug: str | None = None,
    route: str | None = None,
    timepoint: str | None = None,
    seed: int | None = None,
    jobs: int = 1,
) -> pd.DataFrame:
    """Return every probability with the trials up to each year, or up to another number.

    Parameters
    ----------
    spec
        An analysis that the exact engine can do.
    effects
        Its contrasts.
    trials
        The tables that say when each trial was.
    by
        A column of ``trials.csv`` that holds numbers.
    at_least, direction
        As in `leave_one_out`.
    drug, route, timepoint
        Only these cells; all by default. Every step is the analysis of all of them.
    seed
        Instead of the seed in the model file.
    jobs
        Analyses at a time, by joblib. The numbers are the same.

    Returns
    -------
    pandas.DataFrame
        A row a step, ``cell``, ``at_least`` and ``target``: ``until`` (the last number that is
        in), ``trials`` in the cell so far, ``probability`` and its numerical ``error``, ``mean``
        and ``sd`` in the unit of the effect. A cell without a trial yet, or of counts without one
        that says anything, has no row. The attribute ``added`` maps each step to the trials that
        came.

    Raises
    ------
    UsageError
        If there is no such column of numbers.
    QueryError
        If there is no such cell; said before anything is computed.
    DataError
        If a trial has no such number.

    References
    ----------
    Lau et al. 1992, N Engl J Med 327:248 (cumulative meta-analysis).
    """
    import pandas as pd
    from joblib import Parallel, delayed

    when = _numbers(effects, trials, by)
    question = Question.of(spec, at_least, direction)
    wanted = {"drug": drug, "route": route, "timepoint": timepoint}
    cells = set(_chosen(effects.frame, wanted)["cell"])
    steps = np.unique(when)
    parts = Parallel(n_jobs=jobs)(
        delayed(_until)(question, spec, effects.subset(when <= step), seed) for step in steps
    )
    table: pd.DataFrame = pd.concat(
        [part.assign(until=step) for step, part in zip(steps, parts, strict=True) if len(part)],
        ignore_index=True,
    )[_ORDER]
    table = table[table["cell"].isin(cells)].reset_index(drop=True)
    if (table["until"] % 1 == 0).all():
        table["until"] = table["until"].astype("int64")
    names = effects.frame["trial"].to_numpy(dtype=str)
    table.attrs["added"] = {
        float(step): list(dict.fromkeys(names[when == step].tolist())) for step in steps
    }
    return table


def _until(
    question: Question, spec: ModelSpec, effects: EffectTable, seed: int | None
) -> pd.DataFrame:
    table = question.answers_if_any(spec, effects, seed=seed)
    return table[[*KEY, *NUMBERS]].assign(trials=table["cell"].map(effects.trials))


def _numbers(effects: EffectTable, trials: TrialData, by: str) -> NDArray[np.float64]:
    """Return the number of each contrast's trial, shape (contrast,)."""
    table = trials.trials
    allowed = [str(name) for name in table if table[name].dtype.kind in "fiu"]
    if by not in allowed:
        raise UsageError(
            f"by: found {by!r}; allowed are columns of numbers of trials.csv: {', '.join(allowed)}"
        )
    known = dict(zip(table["trial"], table[by].astype("float64"), strict=True))
    when = effects.frame["trial_id"].map(known).to_numpy(dtype=float, na_value=np.nan)
    missing = effects.frame["trial"][~np.isfinite(when)]
    if len(missing):
        raise DataError(
            f"trials.csv: found no {by} of {', '.join(dict.fromkeys(missing))}; enter it with its "
            "source"
        )
    return when
