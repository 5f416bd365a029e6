"""The table of effects: one row a contrast, and the covariance of contrasts that share people.

In come validated tables and the five settings of a model that matter here; out comes an
`EffectTable`. Every effect is treatment minus control, turned so that its sign means the same in
all rows: negative favours the drug where the outcome's benefit is negative.
"""

from __future__ import annotations

import hashlib
import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayes_nmda.effects.contrasts import TrialTables, arm_records, pairs
from bayes_nmda.effects.covariance import check_positive_definite
from bayes_nmda.effects.inputs import Floats
from bayes_nmda.effects.measures import (
    KINDS,
    Effects,
    check_one_scale,
    contrast_covariance,
    contrast_effects,
    known_measure,
    orientation,
)
from bayes_nmda.effects.settings import EffectSettings
from bayes_nmda.errors import UsageError
from bayes_nmda.terms import Measure

if TYPE_CHECKING:
    import xarray as xr

_LABELS: Final = [
    "contrast",
    "trial",
    "trial_id",
    "comparison",
    "drug",
    "route",
    "comparator",
    "outcome",
    "timepoint",
    "instrument",
    "partition",
    "cell",
]
_NUMBERS: Final = {
    "continuous": ["n_t", "n_c", "mean_t", "sd_t", "mean_c", "sd_c"],
    "binary": ["n_t", "n_c", "events_t", "events_c"],
}
_REMARKS: Final = ["treatment_arm", "control_arm", "stratum", "rob", "flags", "route_basis"]
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
    """

    frame: pd.DataFrame
    covariance: Floats
    measure: Measure
    unit: str

    @property
    def hash(self) -> str:
        """SHA-256 of labels, numbers and covariance; the order of the input does not matter."""
        digest = hashlib.sha256(f"{self.measure}\n{self.unit}\n".encode())
        digest.update(self.frame.to_csv(index=False, float_format="%.10g").encode())
        matrix = pd.DataFrame(self.covariance)
        digest.update(matrix.to_csv(index=False, float_format="%.10g").encode())
        return digest.hexdigest()

    @property
    def participants(self) -> dict[str, int]:
        """Different people behind each cell; a shared arm counts once."""
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
        arms = pd.concat(
            [
                self.frame[[by, "trial_id", arm, n]].set_axis([by, "trial", "arm", "n"], axis=1)
                for arm, n in (("treatment_arm", "n_t"), ("control_arm", "n_c"))
            ]
        )
        once = arms.groupby([by, "trial", "arm"], sort=False)["n"].max()
        total = once.groupby(level=0).sum()
        return {name: int(total[name]) for name in self.frame[by].unique()}

    def _trials(self, by: str) -> dict[str, int]:
        count = self.frame.groupby(by)["trial_id"].nunique()
        return {name: int(count[name]) for name in self.frame[by].unique()}

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
            covariance=_locked(self.covariance[np.ix_(mask, mask)]),
            measure=self.measure,
            unit=self.unit,
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


def _locked(matrix: Floats) -> Floats:
    matrix.setflags(write=False)
    return matrix


def _joined_flags(rows: pd.DataFrame, effects: Effects, sign: Floats) -> list[str]:
    extra = {
        "double_zero": effects.double_zero,
        "route_inferred": (rows["route_basis_t"] == "inferred").to_numpy(),
        "merged_arm": ((rows["merged_from_t"] != "") | (rows["merged_from_c"] != "")).to_numpy(),
        "reversed": sign < 0,
        "zero_cell": effects.zero_cell,
    }
    joined = []
    for i, (first, second) in enumerate(zip(rows["flags_t"], rows["flags_c"], strict=True)):
        flags = {*first.split(";"), *second.split(";")} - {""}
        flags |= {name for name, holds in extra.items() if holds[i]}
        joined.append(";".join(sorted(flags)))
    return joined


def effect_table(trials: TrialTables, spec: EffectSettings) -> EffectTable:
    """Return the effects of all contrasts that a model is about, with their covariance.

    Parameters
    ----------
    trials
        Validated tables, from `load_trials`.
    spec
        A model file; read are `select.outcome`, `select.comparator`, `measure`, `benefit`,
        `unit` and `covariance.timepoint_correlation`.

    Returns
    -------
    EffectTable
        `frame` has a row a contrast: labels, `yi` and `sei` on the scale of the measure
        (treatment minus control, turned so that the sign of a benefit is the same in all rows),
        the numbers of both arms as reported, risk of bias of the randomisation, flags. For
        counts, `yi` uses 0.5 in tables with an empty cell (flag `zero_cell`) and is missing
        where a ratio is not estimable (flag `double_zero`).

    Raises
    ------
    QueryError
        If no trial reports the outcome against the comparator.
    DataError
        If a record cannot be used, people would count twice, or the covariance is singular.
    SpecError
        If the model's sign of benefit contradicts a binary outcome, or its mean differences
        would mix instruments.
    """
    measure = known_measure(spec.measure)
    kind = KINDS[measure]
    records = arm_records(trials, outcome=spec.select.outcome, kind=kind)
    rows = pairs(records, comparator=spec.select.comparator)
    check_one_scale(rows, measure)
    effects = contrast_effects(rows, measure)
    sign = orientation(rows, measure, spec.benefit)
    matrix = contrast_covariance(
        rows,
        effects,
        sign,
        measure,
        timepoint_correlation=spec.covariance.timepoint_correlation,
    )
    known = np.isfinite(effects.vi)
    check_positive_definite(matrix[np.ix_(known, known)], list(rows["contrast"][known]))
    frame = rows.assign(
        trial_id=rows["trial"],
        trial=rows["label"],
        drug=rows["drug_t"],
        route=rows["route_t"],
        comparator=rows["comparator_c"],
        yi=sign * effects.yi,
        sei=np.sqrt(effects.vi),
        treatment_arm=rows["arm_t"],
        control_arm=rows["arm_c"],
        rob=rows["rob_randomisation"],
        route_basis=rows["route_basis_t"],
        flags=_joined_flags(rows, effects, sign),
    )
    counts = [name for name in _NUMBERS[kind] if not name.startswith(("mean", "sd"))]
    frame = frame.astype(dict.fromkeys(counts, "int64")).astype(
        {name: "float64" for name in _NUMBERS[kind] if name not in counts}
    )
    return EffectTable(
        frame=frame[[*_LABELS, "yi", "sei", *_NUMBERS[kind], *_REMARKS]],
        covariance=_locked(matrix),
        measure=measure,
        unit=spec.unit,
    )
