"""What if one trial, or one cell, were not there? The analysis again without it, and what it says.

Every refit is a full one by the exact engine, with the same scrambled points each time, so that a
change is due to the data and not to the computer. A cell that loses its last trial has no answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda.errors import UsageError
from bayes_nmda.query.exactly import KEY, NUMBERS, Direction, Question, rows_with, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

#: By what the errors of a trial are multiplied that is to say nothing.
_SILENT: Final = 1e4
#: Normal score of a 95 % interval.
_WILSON: Final = 1.959963984540054
_ORDER = ["probability", "error", "probability_all", "change", "mean", "sd", "mean_all", "sd_all"]


def leave_one_out(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    by: str = "trial",
    at_least: float | Iterable[float] | None = None,
    direction: Direction | None = None,
    seed: int | None = None,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Return every probability without each trial, or what else rows share, in turn.

    Parameters
    ----------
    spec
        An analysis that the exact engine can do.
    effects
        Its contrasts.
    by
        A column of the effect table that holds text: a ``"trial"``, for its influence, a
        ``"cell"``, for what the others lend it, ``"rob"``, ``"drug"``, ``"flags"`` (each flag in
        turn) and so on.
    at_least
        Sizes in the direction asked for: differences from 0 upwards in the unit of the effect, of
        counts odds ratios from 1 upwards; by default those of the model file.
    direction
        ``"benefit"`` or ``"harm"``; by default benefit of differences and of good events, and
        harm of bad ones.
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
        of the target in the unit of the effect. A cell without a trial left, or of counts without
        one that says anything, has missing values.

    Raises
    ------
    UsageError
        If there is no such column, or it has only one value.

    References
    ----------
    Viechtbauer & Cheung 2010, Res Synth Methods 1:112 (deletion diagnostics in meta-analysis).
    """
    question = Question.of(spec, at_least, direction)
    return _Refits(spec, effects, question, seed).without_each(by, jobs, progress)


@dataclass(frozen=True, slots=True)
class _Refits:
    """One analysis, what is asked of it, and the seed that every refit shares."""

    spec: ModelSpec
    effects: EffectTable
    question: Question
    seed: int | None

    def without_each(
        self, by: str, jobs: int, progress: Callable[[str], None] | None
    ) -> pd.DataFrame:
        """Return all answers without each value of a column, beside those with everything."""
        import pandas as pd
        from joblib import Parallel, delayed

        say = progress or (lambda _: None)
        names = values_of(self.effects, by)
        if len(names) < 2:
            found = f"one {by}, {names[0]!r}" if names else f"no value of {by}"
            raise UsageError(f"leave_one_out: found {found}; it takes at least two")
        everything = self.answers()
        members = {name: rows_with(self.effects, by, name) for name in names}

        def refits() -> Iterator[Any]:
            for name in names:
                say(f"without {name}")
                yield delayed(self.answers)(without=members[name])

        parts = []
        for name, moved in zip(names, Parallel(n_jobs=jobs)(refits()), strict=True):
            kept = ~members[name]
            remaining = self.effects.subset(kept).trials if kept.any() else {}
            # cells analysed alone do not move when the trial was in another one
            touched = set(self.effects.frame["cell"][members[name]])
            still = everything[~everything["cell"].isin(touched)]
            unmoved = still[~still["cell"].isin(set(moved["cell"]))] if self._alone else still[:0]
            found = pd.concat([part for part in (moved, unmoved) if len(part)] or [moved])
            part = everything[KEY].merge(found, on=KEY, how="left")
            part["trials"] = part["cell"].map(remaining).fillna(0).astype("int64")
            parts.append(part.assign(left_out=name))
        table = pd.concat(parts, ignore_index=True)
        whole = everything[[*KEY, "probability", "mean", "sd"]]
        table = table.merge(whole, on=KEY, how="left", suffixes=("", "_all"))
        table["change"] = table["probability"] - table["probability_all"]
        return table[["left_out", *KEY, "trials", *_ORDER]]

    @property
    def _alone(self) -> bool:
        return self.spec.structure.pooling == "none"

    def answers(self, *, without: NDArray[np.bool_] | None = None) -> pd.DataFrame:
        """Return the answers of what is left, `KEY` first.

        Where cells are analysed alone, only those that lose a contrast are computed.
        """
        import pandas as pd

        effects = self.effects
        if without is not None:
            keep = ~without
            if self._alone:
                cells = effects.frame["cell"]
                keep &= cells.isin(cells[without]).to_numpy()
            if not keep.any():
                return pd.DataFrame(columns=[*KEY, *NUMBERS])
            effects = effects.subset(keep)
        return self.question.answers_if_any(self.spec, effects, seed=self.seed)


def predictive_coverage(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    levels: Iterable[float] = (0.5, 0.8, 0.95),
    seed: int | None = None,
) -> pd.DataFrame:
    """Return how well each trial's results are predicted by all others.

    Each trial in turn says nothing: its errors are made ten thousand times as large, so that its
    cell stays even where it is the only one. What the model then expects of it, with its own error,
    is set beside what it found.

    Parameters
    ----------
    spec
        An analysis of differences that the exact engine can do, whose cells share a model.
    effects
        Its contrasts.
    levels
        Probabilities of predictive intervals with equal tails.
    seed
        Instead of the seed in the model file.

    Returns
    -------
    pandas.DataFrame
        A row a contrast: ``trial``, ``cell``, ``yi`` and ``sei``, ``expected`` and ``sd`` of the
        prediction, ``below`` (the predicted probability of less than was found; uniform between
        0 and 1 over trials if the model is right), and ``inside_50`` and so on. The attribute
        ``coverage`` has a row a level: ``level``, ``inside``, ``of``, ``share``, and ``lower``
        and ``upper``, the 95 % interval of Wilson (1927) of independent results, which two results
        of one trial are not.

    Raises
    ------
    UsageError
        If the analysis is one of counts, cells are analysed alone, or a level is none.

    References
    ----------
    Dawid 1984, J R Stat Soc A 147:278 (prequential validity); Gelfand, Dey & Chang 1992, Bayesian
    Statistics 4:147 (leave-one-out predictive checks).
    """
    import numpy as np
    import pandas as pd
    from scipy.special import ndtr

    from bayes_nmda.inference.exact.engine import exact_posterior

    if spec.likelihood.family != "normal" or spec.structure.pooling == "none":
        raise UsageError(
            f"predictive_coverage: found likelihood {spec.likelihood.family!r} and pooling "
            f"{spec.structure.pooling!r}; allowed are differences whose cells share a model"
        )
    asked = tuple(float(level) for level in levels)
    if not asked or not all(0 < level < 1 for level in asked):
        raise UsageError(f"levels: found {asked}; allowed are numbers between 0 and 1")
    frame = effects.frame
    yi, sei = (frame[name].to_numpy(dtype=float) for name in ("yi", "sei"))
    found = {name: np.empty(len(frame)) for name in ("expected", "sd", "below")}
    for trial in dict.fromkeys(frame["trial_id"]):
        rows = np.flatnonzero(frame["trial_id"] == trial)
        silent = np.where(frame["trial_id"] == trial, _SILENT, 1.0)
        without = replace(
            effects,
            frame=frame.assign(sei=sei * silent),
            covariance=effects.covariance * np.outer(silent, silent),
        )
        (mixture,) = exact_posterior(spec, without, seed=seed).mixtures
        theta = mixture.gaussian.moments(mixture.scales, contrasts=True)
        mean, sd = theta.mean["theta"][:, rows], np.hypot(theta.sd["theta"][:, rows], sei[rows])
        found["expected"][rows] = mixture.weight @ mean
        apart = mean - found["expected"][rows]
        found["sd"][rows] = np.sqrt(mixture.weight @ (sd**2 + apart**2))
        found["below"][rows] = mixture.weight @ ndtr((yi[rows] - mean) / sd)
    table = frame[["trial", "cell", "yi", "sei"]].assign(**found)
    coverage = []
    for level in asked:
        inside = (table["below"] - 0.5).abs() <= level / 2
        table[f"inside_{100 * level:g}"] = inside
        share, size = float(inside.mean()), len(inside)
        z2 = _WILSON**2 / size
        centre = (share + z2 / 2) / (1 + z2)
        half = np.sqrt(share * (1 - share) * z2 + z2**2 / 4) / (1 + z2)
        coverage.append(
            {
                "level": level,
                "inside": int(inside.sum()),
                "of": size,
                "share": share,
                "lower": centre - half,
                "upper": centre + half,
            }
        )
    table.attrs["coverage"] = pd.DataFrame(coverage)
    return table
