"""From validated tables and a model file to the table of effects.

Read are the settings of a model that matter here. Every effect is treatment minus control, turned
so that its sign means the same in all rows: negative favours the drug where the outcome's benefit
is negative. Results printed in abstracts join the review's rows only where a model file names them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import block_diag

from bayes_nmda.data.crossover import same_people
from bayes_nmda.data.tables import given_as_effects
from bayes_nmda.effects.contrasts import arm_records, in_order, pairs
from bayes_nmda.effects.covariance import check_positive_definite
from bayes_nmda.effects.covariates import with_covariates
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
from bayes_nmda.effects.supplement import Supplement, supplement_rows
from bayes_nmda.effects.table import EffectTable, locked
from bayes_nmda.effects.within_person import WithinPerson
from bayes_nmda.errors import QueryError, SpecError
from bayes_nmda.terms import AGAINST, AS_PARALLEL, COUNTED_ONCE, PAIRED, Measure, cell_label

if TYPE_CHECKING:
    from collections.abc import Hashable

    from bayes_nmda.data import TrialData, Vocabulary
    from bayes_nmda.spec.spec import ModelSpec


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


def _crossed(rows: pd.DataFrame, spec: ModelSpec) -> NDArray[np.bool_]:
    """Return which contrasts may be of the same people, if the model says how to take them.

    Raises
    ------
    SpecError
        If it does not, or takes them as pairs and their numbers cannot be.
    """
    crossed = rows["crossed"].to_numpy(dtype=bool)
    names = ", ".join(dict.fromkeys(rows["label"][crossed]))
    how = spec.covariance.crossover
    if not crossed.any() or how == "as_parallel":
        return crossed
    if how is None:
        raise SpecError(
            f"covariance.crossover: found nothing, while {names} had a crossover design and the "
            'numbers are not marked as of its first period; allowed are "as_parallel" (two groups '
            'of people, which overstates the error of pairs) and "paired" with '
            "crossover_correlation; both with crossover_source"
        )
    counts = rows["n_t"].to_numpy(dtype=float), rows["n_c"].to_numpy(dtype=float)
    uneven = crossed & (counts[0] != counts[1])
    if uneven.any():
        found = "; ".join(
            f"{row.label} {row.n_t} and {row.n_c}" for row in rows[uneven].itertuples()
        )
        raise SpecError(
            f'covariance.crossover: found "paired", while the arms have different numbers of '
            f"people: {found}; pairs are of the same people: give both arms of those with both "
            'values, or set crossover to "as_parallel"'
        )
    return crossed


def _joined_flags(
    rows: pd.DataFrame,
    effects: Effects,
    sign: Floats,
    as_parallel: NDArray[np.bool_],
    paired: NDArray[np.bool_],
) -> list[str]:
    extra = {
        AS_PARALLEL: as_parallel,
        COUNTED_ONCE: as_parallel & same_people(rows, "n_t", "n_c"),
        PAIRED: paired,
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


def effect_table(trials: TrialData, spec: ModelSpec) -> EffectTable:
    """Return the effects of all contrasts that a model is about, with their covariance.

    Parameters
    ----------
    trials
        Validated tables, from `load_trials`.
    spec
        A model file; read are `select.outcome`, `select.comparator`, `measure`, `benefit`,
        `unit`, `covariance`, `supplement`, `reference_correlation` and `covariates`.

    Returns
    -------
    EffectTable
        `frame` has a row a contrast: labels, `yi` and `sei` on the scale of the measure
        (treatment minus control, turned so that the sign of a benefit is the same in all rows),
        the numbers of both arms as reported, risk of bias of the randomisation, flags. For
        counts, `yi` uses 0.5 in tables with an empty cell (flag `zero_cell`) and is missing
        where a ratio is not estimable (flag `double_zero`). A crossover trial whose numbers are
        not of its first period has the flag `crossover_as_parallel` or `paired_crossover`, and
        `people_counted_once` where both arms must be taken for the same people. Where the model
        file adds results of abstracts, these rows have the flag `abstract`, and `abstract_id` and
        `locator` say where they come from. Each covariate is a column `covariate_<name>`, centred
        and scaled as the model file says.

    Raises
    ------
    QueryError
        If no trial reports the outcome against the comparator.
    DataError
        If a record or an added result cannot be used, people would count twice, or the covariance
        is singular.
    SpecError
        If the model's sign of benefit contradicts a binary outcome, its mean differences would
        mix instruments, or it does not say how crossover trials enter.
    """
    return EffectTables(trials).of(spec)


class EffectTables:
    """Effect tables of the same trials: models that differ in their priors alone share one.

    Parameters
    ----------
    trials
        Validated tables, which stay as they are.
    """

    def __init__(self, trials: TrialData) -> None:
        self._trials = trials
        self._made: dict[Hashable, EffectTable] = {}

    def of(self, spec: ModelSpec) -> EffectTable:
        """Return what `effect_table` returns, and raise what it raises."""
        key = (
            spec.select, spec.measure, spec.benefit, spec.unit, spec.likelihood, spec.covariance,
            spec.supplement, spec.reference_correlation,
        )  # fmt: skip
        if key not in self._made:
            self._made[key] = _without_covariates(self._trials, spec)
        table = self._made[key]
        return replace(table, frame=with_covariates(table.frame, self._trials, spec))


def _without_covariates(trials: TrialData, spec: ModelSpec) -> EffectTable:
    measure = known_measure(spec.measure)
    if given_as_effects(trials, spec.select.outcome):
        return _given(trials, spec, measure)
    kind = KINDS[measure]
    records = arm_records(trials, outcome=spec.select.outcome, kind=kind)
    rows = pairs(records, comparator=spec.select.comparator, words=trials.vocabulary)
    check_one_scale(rows, measure)
    effects = contrast_effects(rows, measure)
    sign = orientation(rows, measure, spec.benefit)
    crossed = _crossed(rows, spec)
    paired = crossed & (spec.covariance.crossover == "paired")
    matrix = contrast_covariance(
        rows,
        effects,
        sign,
        measure,
        timepoint_correlation=spec.covariance.timepoint_correlation,
        paired=paired,
        within_person=spec.covariance.crossover_correlation or 0.0,
    )
    known = np.isfinite(effects.vi)
    check_positive_definite(matrix[np.ix_(known, known)], list(rows["contrast"][known]))
    frame = _in_words(rows, kind).assign(
        yi=sign * effects.yi,
        sei=np.sqrt(np.diag(matrix)),
        flags=_joined_flags(rows, effects, sign, crossed & ~paired, paired),
    )
    columns = [*_LABELS, "yi", "sei", *_NUMBERS[kind], *_REMARKS]
    table = EffectTable(frame[columns], locked(matrix), measure, spec.unit)
    if spec.supplement is None:
        return table
    added = supplement_rows(trials, spec, taken=set(table.frame["trial_id"]))
    return _joined(table, added, spec, trials.vocabulary)


def _given(trials: TrialData, spec: ModelSpec, measure: Measure) -> EffectTable:
    """Return the table of effects that were given as such, without arms.

    Errors of a trial's two timepoints correlate as the model says: its two arms are the same, so
    the sum over shared arms is ``r sei_i sei_j`` where both errors changed in one proportion. Those
    of two strata are of different people.
    """
    words = trials.vocabulary
    rows = _of_comparator(_effects_of(trials, spec), spec, words)
    if (other := str(rows["measure"].iloc[0])) != measure or spec.likelihood.family != "normal":
        raise SpecError(
            f"measure is {measure!r} with likelihood {spec.likelihood.family!r}, but the contrasts "
            f"are of {other!r} and have errors and no counts; set the measure to {other!r} and the "
            "likelihood to 'normal'"
        )
    named = rows["comparator"].map(lambda word: "" if word == words.reference else AGAINST + word)
    places = list(zip(rows["drug"], rows["route"], rows["timepoint"], strict=True))
    cell = [cell_label(*place) for place in places] + named
    partition = [cell_label(*place[:2]) for place in places] + named
    stratum = rows["stratum"].map(lambda text: f" ({text})" if text else "")
    label = rows["trial"].map(
        dict(zip(trials.trials["trial"], trials.trials["label"], strict=True))
    )
    people = {name: rows[name].fillna(0).astype("int64") for name in ("n_t", "n_c")}
    frame = rows.assign(
        trial_id=rows["trial"].astype(str),
        trial=label,
        partition=partition,
        cell=cell,
        contrast=label + ": " + cell + stratum,
        comparison=label + ": " + partition + stratum,
        treatment_arm="treatment",
        control_arm="control" + stratum,
        instrument=rows["unit"],
        **people,
        **dict.fromkeys(["rob", "route_basis", "flags"], ""),
        **dict.fromkeys(["mean_t", "sd_t", "mean_c", "sd_c"], np.nan),
    )
    frame = frame.iloc[in_order(frame, "drug", "route", "trial", words=words)].reset_index(
        drop=True
    )
    columns = [*_LABELS, "yi", "sei", *_NUMBERS["continuous"], *_REMARKS]
    sei = frame["sei"].to_numpy(dtype=float)
    name = (frame["trial_id"] + "|" + frame["stratum"]).to_numpy(dtype=str)
    correlation = np.where(name[:, None] == name, spec.covariance.timepoint_correlation, 0.0)
    np.fill_diagonal(correlation, 1.0)
    matrix = correlation * np.outer(sei, sei)
    check_positive_definite(matrix, list(frame["contrast"]))
    return EffectTable(frame[columns], locked(matrix), measure, spec.unit)


def _effects_of(trials: TrialData, spec: ModelSpec) -> pd.DataFrame:
    """Return the effects of an outcome that were given as such, with comparator and stratum."""
    given = trials.contrasts
    assert given is not None
    rows = given[given["outcome"] == spec.select.outcome]
    if rows.empty:
        known = ", ".join(dict.fromkeys(given["outcome"]))
        raise QueryError(
            f"no trial reports the outcome {spec.select.outcome!r}; reported are {known}"
        )
    usual = {"comparator": spec.select.comparator, "stratum": ""}
    return rows.assign(**{name: word for name, word in usual.items() if name not in rows})


def _of_comparator(rows: pd.DataFrame, spec: ModelSpec, words: Vocabulary) -> pd.DataFrame:
    wanted = rows["comparator"] == spec.select.comparator
    if spec.select.comparator == words.others:
        wanted = ~rows["comparator"].isin([words.reference, ""])
    if not wanted.any():
        known = ", ".join(sorted(set(rows["comparator"])))
        raise QueryError(
            f"no contrast against {spec.select.comparator!r}; comparators there are {known}"
        )
    return rows[wanted]


def _in_words(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return contrasts with the columns of an effect table, but for the effects."""
    renamed = rows.assign(
        trial_id=rows["trial"],
        trial=rows["label"],
        drug=rows["drug_t"],
        route=rows["route_t"],
        comparator=rows["comparator_c"],
        treatment_arm=rows["arm_t"],
        control_arm=rows["arm_c"],
        rob=rows["rob_randomisation"],
        route_basis=rows["route_basis_t"],
    )
    counts = [name for name in _NUMBERS[kind] if not name.startswith(("mean", "sd"))]
    return renamed.astype(dict.fromkeys(counts, "int64")).astype(
        {name: "float64" for name in _NUMBERS[kind] if name not in counts}
    )


def _joined(
    table: EffectTable, added: Supplement, spec: ModelSpec, words: Vocabulary
) -> EffectTable:
    """Return the review's contrasts and those of abstracts, whose errors are their own."""
    reference = spec.reference_correlation
    if added.correlated.any() and reference is None:
        raise SpecError(
            "priors: missing within_person_correlation; a paired result without the error of the "
            "difference needs it"
        )
    reference = 0.0 if reference is None else reference
    before = np.full(len(table.frame), np.nan)
    se_t, se_c = (np.append(before, values) for values in (added.se_t, added.se_c))
    correlated = np.append(before == 0, added.correlated)
    within = WithinPerson.of(se_t, se_c, correlated, reference=reference)
    vi = np.where(added.correlated, within.variance(reference)[len(before) :], added.se**2)
    own = _in_words(added.frame, KINDS[table.measure]).assign(yi=added.yi, sei=np.sqrt(vi))
    of_review = table.frame.assign(abstract_id="", locator="")
    frame = pd.concat([of_review, own[of_review.columns]], ignore_index=True)
    order = in_order(frame, "drug", "route", "trial", words=words)
    return EffectTable(
        frame=frame.iloc[order].reset_index(drop=True),
        covariance=locked(block_diag(table.covariance, np.diag(vi))[np.ix_(order, order)]),
        measure=table.measure,
        unit=table.unit,
        within_person=within.subset(np.asarray(order)) if correlated.any() else None,
    )
