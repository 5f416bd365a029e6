"""What if one trial, or one cell, were not there? The analysis again without it.

Every refit is a full one by the exact engine, with the same scrambled points each time, so that a
change is due to the data and not to the computer. A cell that loses its last trial has no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bayes_nmda.errors import UsageError
from bayes_nmda.inference.exact.engine import exact_posterior
from bayes_nmda.terms import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

_VARIABLE = {"mean": "effect", "new_trial": "new_trial"}
_BY = ("trial", "cell")
_KEY = ["cell", "at_least", "target"]
_NUMBERS = ["probability", "error", "mean", "sd"]
_ORDER = ["probability", "error", "probability_all", "change", "mean", "sd", "mean_all", "sd_all"]


def leave_one_out(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    by: Literal["trial", "cell"] = "trial",
    at_least: Iterable[float] | None = None,
    seed: int | None = None,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Return every probability of benefit without each trial, or each cell, in turn.

    Parameters
    ----------
    spec
        A Gaussian analysis.
    effects
        Its contrasts.
    by
        What is left out: a ``"trial"``, for its influence, or a ``"cell"``, for what the others
        lend it.
    at_least
        Thresholds, positive, in the direction of benefit; by default those of the model file.
    seed
        Instead of the seed in the model file.
    jobs
        Refits at a time, by joblib: 1 is fastest for a handful, and within
        ``joblib.parallel_config(backend="dask")`` they run on a cluster. The numbers are the same.
    progress
        Called with the name of what is left out.

    Returns
    -------
    pandas.DataFrame
        A row for each ``left_out``, ``cell``, ``at_least`` and ``target``: ``trials`` that
        remain in the cell, ``probability`` and its numerical ``error``, ``probability_all`` with
        all trials, ``change`` (without minus with), and ``mean``, ``sd``, ``mean_all``, ``sd_all``
        of the target in the unit of the effect. A cell without a trial left has missing values.

    Raises
    ------
    UsageError
        If the analysis is not Gaussian, or has only one trial or cell.

    References
    ----------
    Viechtbauer & Cheung 2010, Res Synth Methods 1:112 (deletion diagnostics in meta-analysis).
    """
    if by not in _BY:
        raise UsageError(f"by: found {by!r}; allowed are {' and '.join(_BY)}")
    return _Refits.of(spec, effects, at_least, seed).without_each(by, jobs, progress)


@dataclass(frozen=True, slots=True)
class _Refits:
    """One analysis, what is asked of it, and the seed that every refit shares."""

    spec: ModelSpec
    effects: EffectTable
    thresholds: tuple[float, ...]
    seed: int | None

    @classmethod
    def of(
        cls,
        spec: ModelSpec,
        effects: EffectTable,
        at_least: Iterable[float] | None,
        seed: int | None,
    ) -> _Refits:
        """Return the refits of an analysis at thresholds, or at those of its model file."""
        thresholds = spec.thresholds.benefit if at_least is None else tuple(at_least)
        return cls(spec, effects, thresholds, seed)

    def without_each(
        self, by: str, jobs: int, progress: Callable[[str], None] | None
    ) -> pd.DataFrame:
        """Return all answers without each trial, or each cell, beside those with everything."""
        import pandas as pd
        from joblib import Parallel, delayed

        say = progress or (lambda _: None)
        labels = self.effects.frame[by].to_numpy(dtype=str)
        names = list(dict.fromkeys(labels))
        if len(names) < 2:
            raise UsageError(f"leave_one_out: found one {by}, {names[0]!r}; it takes at least two")
        everything = self.answers()

        def refits() -> Iterator[Any]:
            for name in names:
                say(f"without {name}")
                yield delayed(self.answers)(without=labels == name)

        parts = []
        for name, moved in zip(names, Parallel(n_jobs=jobs)(refits()), strict=True):
            remaining = self.effects.subset(labels != name).trials
            # cells analysed alone do not move when the trial was in another one
            still = everything[everything["cell"].isin(set(remaining))]
            unmoved = still[~still["cell"].isin(set(moved["cell"]))]
            found = pd.concat([part for part in (moved, unmoved) if len(part)])
            part = everything[_KEY].merge(found, on=_KEY, how="left")
            part["trials"] = part["cell"].map(remaining).fillna(0).astype("int64")
            parts.append(part.assign(left_out=name))
        table = pd.concat(parts, ignore_index=True)
        whole = everything[[*_KEY, "probability", "mean", "sd"]]
        table = table.merge(whole, on=_KEY, how="left", suffixes=("", "_all"))
        table["change"] = table["probability"] - table["probability_all"]
        return table[["left_out", *_KEY, "trials", *_ORDER]]

    def answers(self, *, without: NDArray[np.bool_] | None = None) -> pd.DataFrame:
        """Return probability, error, mean and SD by cell, threshold and target, `_KEY` first.

        Where cells are analysed alone, only those that lose a contrast are computed.
        """
        import pandas as pd

        effects = self.effects
        if without is not None:
            keep = ~without
            if self.spec.structure.pooling == "none":
                cells = effects.frame["cell"]
                keep &= cells.isin(cells[without]).to_numpy()
            if not keep.any():
                return pd.DataFrame(columns=[*_KEY, *_NUMBERS])
            effects = effects.subset(keep)
        exact = exact_posterior(self.spec, effects, seed=self.seed)
        sign = -1.0 if self.spec.benefit == "negative" else 1.0
        parts = []
        for target in TARGETS:
            variable = _VARIABLE[target]
            mean, sd = exact.mean(variable), exact.sd(variable)
            for threshold in self.thresholds:
                probability, error = exact.probability(variable, float(threshold), sign)
                columns = {"cell": list(exact.layout.cells), "at_least": float(threshold)}
                numbers = dict(zip(_NUMBERS, (probability, error, mean, sd), strict=True))
                parts.append(pd.DataFrame({**columns, "target": target, **numbers}))
        return pd.concat(parts, ignore_index=True)
