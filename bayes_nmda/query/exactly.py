"""One question to one analysis, answered exactly as a table, and which rows share a property.

What `leave_one_out` and `multiverse` ask again and again, of other rows or under other assumptions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.inference.exact.cells import exact_cells
from bayes_nmda.terms import TARGETS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

Direction = Literal["benefit", "harm"]
#: What tells the rows of a table of answers apart, and what they say.
KEY: Final = ["cell", "at_least", "target"]
NUMBERS: Final = ["probability", "error", "mean", "sd"]


@dataclass(frozen=True, slots=True)
class Question:
    """The probability of an effect of at least some sizes, in a direction.

    Attributes
    ----------
    direction
        ``"benefit"`` or ``"harm"``.
    at_least
        Sizes: differences from 0 upwards, in the unit of the effect; of counts ratios of odds from
        1 upwards.
    """

    direction: Direction
    at_least: tuple[float, ...]

    @classmethod
    def of(
        cls,
        spec: ModelSpec,
        at_least: float | Iterable[float] | None = None,
        direction: Direction | None = None,
    ) -> Question:
        """Return a question to an analysis; what is not given is as its model file has it.

        Raises
        ------
        UsageError
            If a size or the direction is not allowed.
        """
        counted = spec.likelihood.family != "normal"
        if direction is None:
            # of counts the model file lists sizes of an increase in events
            direction = "harm" if counted and spec.benefit == "negative" else "benefit"
        if direction not in ("benefit", "harm"):
            raise UsageError(f"direction: found {direction!r}; allowed are 'benefit' and 'harm'")
        if at_least is None:
            sizes = spec.thresholds.odds_ratio if counted else spec.thresholds.benefit
        else:
            given = at_least if isinstance(at_least, Iterable) else (at_least,)
            sizes = tuple(float(size) for size in given)
        least = 1.0 if counted else 0.0
        wrong = [size for size in sizes if not (math.isfinite(size) and size >= least)]
        if wrong or not sizes:
            unit = "an odds ratio" if counted else spec.unit
            raise UsageError(
                f"at_least: found {wrong[0] if wrong else 'nothing'}; allowed are numbers from "
                f"{least:g} upwards, {unit}"
            )
        return cls(direction, tuple(dict.fromkeys(sizes)))

    def sign(self, spec: ModelSpec) -> float:
        """Return the sign of an effect in the direction asked for, −1 or 1."""
        towards = -1.0 if spec.benefit == "negative" else 1.0
        return towards if self.direction == "benefit" else -towards

    def threshold(self, spec: ModelSpec, size: float) -> float:
        """Return a size on the scale of the model: of counts the logarithm of a ratio."""
        return math.log(size) if spec.likelihood.family != "normal" else size

    def first_real(self, spec: ModelSpec) -> float:
        """Return the first size that is larger than no effect, else none: 0, or a ratio of 1."""
        none = 1.0 if spec.likelihood.family != "normal" else 0.0
        return next((size for size in self.at_least if size > none), none)

    def answers(
        self, spec: ModelSpec, effects: EffectTable, *, seed: int | None = None, coarser: int = 1
    ) -> pd.DataFrame:
        """Return probability, error, mean and SD by cell, size and target; `KEY` comes first.

        The attributes of the table hold ``log_marginal`` and whether the integration is
        ``reliable``. A cell of counts that nothing informs has no row.
        """
        import pandas as pd

        exact = exact_cells(spec, effects, seed=seed, coarser=coarser)
        sign, sizes = self.sign(spec), self.at_least
        found = [
            exact.probability(target, self.threshold(spec, size), sign)
            for target in TARGETS
            for size in sizes
        ]
        probability, error = (np.concatenate(part) for part in zip(*found, strict=True))
        cells, blocks = len(exact.cells), len(found)
        table = pd.DataFrame(
            {
                "cell": exact.cells * blocks,
                "at_least": np.tile(np.repeat(sizes, cells), len(TARGETS)),
                "target": np.repeat(TARGETS, cells * len(sizes)),
                "probability": probability,
                "error": error,
                "mean": np.tile(exact.mean(), blocks),
                "sd": np.concatenate([np.tile(exact.sd(t), len(sizes)) for t in TARGETS]),
            }
        )
        table.attrs |= {"log_marginal": exact.log_marginal, "reliable": exact.reliable}
        return table

    def answers_if_any(
        self, spec: ModelSpec, effects: EffectTable, *, seed: int | None = None, coarser: int = 1
    ) -> pd.DataFrame:
        """Return the same, without a row where no trial that is left says anything."""
        import pandas as pd

        try:
            return self.answers(spec, effects, seed=seed, coarser=coarser)
        except QueryError:  # counts without a single informative trial
            table = pd.DataFrame(columns=[*KEY, *NUMBERS])
            table.attrs |= {"log_marginal": 0.0, "reliable": True}
            return table


def rows_with(effects: EffectTable, column: str, value: str) -> NDArray[np.bool_]:
    """Return which contrasts have a value in a column; of flags, which have that flag."""
    values = _text(effects, column)
    if column == "flags":
        return np.array([value in text.split(";") for text in values], dtype=bool)
    return np.asarray(values == value)


def values_of(effects: EffectTable, column: str) -> list[str]:
    """Return the values of a column in their order, of flags each flag; none is empty text."""
    values = [str(value) for value in _text(effects, column)]
    if column == "flags":
        values = [flag for text in values for flag in text.split(";")]
    return [value for value in dict.fromkeys(values) if value]


def _text(effects: EffectTable, column: str) -> NDArray[np.str_]:
    frame = effects.frame
    allowed = [str(name) for name in frame if frame[name].dtype.kind not in "fiu"]
    if column not in allowed:
        raise UsageError(
            f"found the column {column!r}; allowed are columns of the effect table that hold text: "
            f"{', '.join(allowed)}"
        )
    return frame[column].to_numpy(dtype=str)
