"""The table of effects: one row a contrast, and the covariance of contrasts that share people.

`EffectTable` is a value: it says which trials and people stand behind a cell, and what it was made
of, as a digest. `assembly.effect_table` makes it.
"""

from __future__ import annotations

import hashlib
import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayes_nmda.effects.inputs import Floats
from bayes_nmda.effects.within_person import WithinPerson
from bayes_nmda.errors import UsageError
from bayes_nmda.terms import COUNTED_ONCE, PAIRED, Measure

if TYPE_CHECKING:
    import xarray as xr

_BRIEF: Final = ["contrast", "comparator", "yi", "sei", "n_t", "n_c", "rob", "flags"]


@dataclass(frozen=True, slots=True, eq=False)
class EffectTable:
    """Effects of contrasts and their covariance.

    Attributes
    ----------
    frame
        One row a contrast, in the order of the glossary, then of trials.
    covariance
        Shape (contrast, contrast), squared units of the effect; missing where a ratio is not
        estimable.
    measure
        Measure of effect.
    unit
        Its unit, in words.
    within_person
        How the errors of paired contrasts depend on an unknown correlation within people; None
        where no error does. Standard errors and covariance are those at its reference.
    """

    frame: pd.DataFrame
    covariance: Floats
    measure: Measure
    unit: str
    within_person: WithinPerson | None = None

    @property
    def hash(self) -> str:
        """SHA-256 of labels, numbers and covariance; the order of the input does not matter."""
        digest = hashlib.sha256(f"{self.measure}\n{self.unit}\n".encode())
        digest.update(self.frame.to_csv(index=False, float_format="%.10g").encode())
        matrix = pd.DataFrame(self.covariance)
        digest.update(matrix.to_csv(index=False, float_format="%.10g").encode())
        if self.within_person is not None:
            digest.update(self.within_person.hash.encode())
        return digest.hexdigest()

    @property
    def participants(self) -> dict[str, int]:
        """Different people behind each cell; a shared arm, or a crossover, counts once."""
        return self._people("cell")

    @property
    def partition_participants(self) -> dict[str, int]:
        """Different people behind each partition; an arm counts once over its timepoints."""
        return self._people("partition")

    @property
    def trials(self) -> dict[str, int]:
        """Number of trials behind each cell."""
        return self._trials("cell")

    @property
    def partition_trials(self) -> dict[str, int]:
        """Number of trials behind each partition."""
        return self._trials("partition")

    def _people(self, by: str) -> dict[str, int]:
        frame = self.frame
        once = frame["flags"].map(
            lambda text: not {PAIRED, COUNTED_ONCE}.isdisjoint(text.split(";"))
        )
        same = once.astype(bool)
        frame = frame.assign(n_t=frame["n_t"].where(~same, frame[["n_t", "n_c"]].max(axis=1)))
        sides = ((frame, "treatment_arm", "n_t"), (frame[~same], "control_arm", "n_c"))
        arms = pd.concat(
            [
                rows[[by, "trial_id", arm, n]].set_axis([by, "trial", "arm", "n"], axis=1)
                for rows, arm, n in sides
            ]
        )
        largest = arms.groupby([by, "trial", "arm"], sort=False)["n"].max()
        total = largest.groupby(level=0).sum()
        return {name: int(total[name]) for name in self.frame[by].unique()}

    def _trials(self, by: str) -> dict[str, int]:
        trials: dict[str, set[str]] = {}
        for name, trial in zip(self.frame[by], self.frame["trial_id"], strict=True):
            trials.setdefault(name, set()).add(trial)
        return {name: len(found) for name, found in trials.items()}

    def subset(self, keep: ArrayLike) -> EffectTable:
        """Return the table of some contrasts, with their part of the covariance.

        Parameters
        ----------
        keep
            Shape (contrast,), true for the rows to keep.

        Returns
        -------
        EffectTable
            A new table, rows in the same order.

        Raises
        ------
        UsageError
            If `keep` does not have one value a row, or keeps nothing.
        """
        mask = np.asarray(keep, dtype=bool)
        if mask.shape != (len(self.frame),):
            message = f"keep has shape {mask.shape}; it must be ({len(self.frame)},)"
            raise UsageError(f"{message}, one value a contrast")
        if not mask.any():
            raise UsageError("keep leaves no contrast; keep at least one")
        return EffectTable(
            frame=self.frame[mask].reset_index(drop=True),
            covariance=locked(self.covariance[np.ix_(mask, mask)]),
            measure=self.measure,
            unit=self.unit,
            within_person=None if self.within_person is None else self.within_person.subset(mask),
        )

    def to_dataset(self) -> xr.Dataset:
        """Return the table as an xarray Dataset with dim `contrast`, labels as coordinates."""
        import xarray as xr

        names = self.frame["contrast"].to_numpy(dtype=str)
        coords: dict[str, object] = {"contrast": names, "other_contrast": names}
        values: dict[str, object] = {
            "covariance": (("contrast", "other_contrast"), self.covariance),
        }
        for name in self.frame.columns.drop("contrast"):
            column = self.frame[name]
            if pd.api.types.is_numeric_dtype(column):
                values[name] = ("contrast", column.to_numpy())
            else:
                coords[name] = ("contrast", column.to_numpy(dtype=str))
        attrs = {"measure": self.measure, "unit": self.unit, "hash": self.hash}
        return xr.Dataset(values, coords=coords, attrs=attrs)

    def _headline(self) -> str:
        frame = self.frame
        return (
            f"EffectTable: {len(frame)} contrasts of {frame['trial_id'].nunique()} trials in "
            f"{frame['cell'].nunique()} cells, {self.measure} ({self.unit})"
        )

    def __repr__(self) -> str:
        """Return what the table holds, then its rows."""
        rows = self.frame[_BRIEF].to_string(index=False, float_format="{:.2f}".format)
        return f"{self._headline()}\n{rows}"

    def _repr_html_(self) -> str:
        rows = self.frame[_BRIEF].to_html(index=False, float_format="{:.2f}".format, border=0)
        return f"<p>{html.escape(self._headline())}</p>\n{rows}"


def locked(matrix: Floats) -> Floats:
    """Return the matrix, no longer to be written to."""
    matrix.setflags(write=False)
    return matrix
