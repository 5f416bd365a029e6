"""Results printed in abstracts, as contrasts beside those of the review.

In come rows of ``abstract_outcomes.csv`` that a model file names, each with the timepoint and the
kind of error that the file states; out come differences on the scale of the model. Nothing is
guessed: a row that lacks a number, is on another scale, or is about people whom the model already
counts is refused by name, all at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.effects.contrasts import labelled
from bayes_nmda.effects.conversions import p_values, se_from_ci, se_from_p, se_from_sd
from bayes_nmda.effects.inputs import Floats
from bayes_nmda.errors import DataError, SpecError, UsageError
from bayes_nmda.terms import ABSTRACT, PAIRED

if TYPE_CHECKING:
    from bayes_nmda.data import TrialData
    from bayes_nmda.spec.settings import Abstract
    from bayes_nmda.spec.settings import Supplement as SupplementSpec
    from bayes_nmda.spec.spec import ModelSpec


#: Flag of a timepoint that a model file assigns, and of where an error comes from.
ASSIGNED: Final = "timepoint_assigned"
_FLAG_OF: Final = {
    "arm_intervals": "sd_from_interval",
    "arm_ses": "sd_from_se",
    "interval": "se_from_interval",
    "p_value": "se_from_p",
}
#: Columns that a kind of error needs, of each arm or of the difference.
OF_ARMS: Final = {
    "arm_sds": ("sd_t", "sd_c"),
    "arm_ses": ("se_t", "se_c"),
    "arm_intervals": ("ci_low_t", "ci_high_t", "ci_low_c", "ci_high_c", "level"),
}
OF_DIFFERENCES: Final = {
    "se": ("se",),
    "interval": ("ci_low", "ci_high", "level"),
    "p_value": ("p_value",),
}
Record = Mapping[str, Any]
Rows = Mapping[tuple[str, ...], Record]
_POINTS: Final = ("final", "change", "change_ancova")


@dataclass(frozen=True, slots=True, eq=False)
class Supplement:
    """Contrasts of abstracts, in the order of the model file.

    Attributes
    ----------
    frame
        The columns of an effect table without ``yi`` and ``sei``, and ``abstract_id`` and
        ``locator``, where the result was printed.
    yi
        Treatment minus control on the scale of the model.
    se
        Standard error of the difference; not a number where it depends on an unknown correlation
        within people.
    se_t, se_c
        Standard errors of both means where it does, else not a number.
    """

    frame: pd.DataFrame
    yi: Floats
    se: Floats
    se_t: Floats
    se_c: Floats

    @property
    def correlated(self) -> NDArray[np.bool_]:
        """True where the error depends on the correlation within people."""
        return np.isnan(self.se)


def supplement_rows(trials: TrialData, spec: ModelSpec, *, taken: Collection[str]) -> Supplement:
    """Return the results of abstracts that a model file adds, as contrasts.

    Parameters
    ----------
    trials
        Validated tables.
    spec
        A model file with a table ``[supplement]``; its effects are mean differences.
    taken
        Keys of the trials that the model has already: their people must not count twice.

    Returns
    -------
    Supplement
        One contrast a row; each trial once.

    Raises
    ------
    SpecError
        If the model's effects are no mean differences, or it names no results.
    DataError
        If a row does not exist or cannot be used; all reasons are listed.
    """
    if spec.supplement is None or spec.measure != "MD":
        raise SpecError(
            f"supplement: found measure {spec.measure!r}; results of abstracts are added to mean "
            "differences, 'MD', of a model file with a table [supplement]"
        )
    found = _by(trials.abstract_outcomes, "id")
    arms, labels = _by(trials.arms, "trial", "arm"), _by(trials.trials, "trial")
    wanted = spec.supplement.rows
    _refuse(f"{row.id}: there is no such row" for row in wanted if (row.id,) not in found)
    results = [found[row.id,] for row in wanted]
    _refuse(
        f"{row.id} ({result['trial']}): {reason}"
        for row, result in zip(wanted, results, strict=True)
        for reason in _obstacles(row, result, spec, arms, labels, taken)
    )
    people = Counter(str(result["trial"]) for result in results)
    _refuse(
        f"{name}: two of its results are named; people count once, and what their errors share "
        "is not known"
        for name, times in people.items()
        if times > 1
    )
    numbers = [
        _numbers_on_scale(row, result, spec.supplement)
        for row, result in zip(wanted, results, strict=True)
    ]
    sign = 1 if spec.benefit == "negative" else -1
    turned = [sign * _direction(result) for result in results]
    records = [
        _record(row, result, number, turn, arms, labels)
        for row, result, number, turn in zip(wanted, results, numbers, turned, strict=True)
    ]
    columns = {name: [number[name] for number in numbers] for name in ("yi", "se", "se_t", "se_c")}
    values = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
    values["yi"] = values["yi"] * np.asarray(turned, dtype=np.float64)
    return Supplement(labelled(pd.DataFrame(records), trials.vocabulary), **values)


def _by(table: pd.DataFrame, *names: str) -> dict[tuple[str, ...], Record]:
    """Return the rows of a table by their key."""
    return {
        tuple(str(row[name]) for name in names): {str(k): value for k, value in row.items()}
        for row in table.to_dict("records")
    }


def _refuse(reasons: Iterable[str]) -> None:
    lines = list(reasons)
    if lines:
        raise DataError(
            "abstract_outcomes.csv: results that the model file adds cannot be used:\n  "
            + "\n  ".join(lines)
        )


def _obstacles(
    row: Abstract,
    result: Record,
    spec: ModelSpec,
    arms: Rows,
    trials: Rows,
    taken: Collection[str],
) -> Iterable[str]:
    """Yield every reason for which a result is no contrast of the model."""
    trial, outcome, against = str(result["trial"]), spec.select.outcome, spec.select.comparator
    if result["outcome"] != outcome:
        yield f"found the outcome {result['outcome']!r}; the model is about {outcome!r}"
    if trial in taken:
        yield "the trial is among the model's rows already, and its people would count twice"
    keys = [(trial, str(result[name])) for name in ("treatment_arm", "control_arm")]
    if (trial,) not in trials or any(key not in arms for key in keys):
        yield "its trial or arms are not in trials.csv and arms.csv, or were left out by select()"
        return
    treated, control = (arms[key] for key in keys)
    words = load_vocabulary()
    named = treated["drug"] in words.treatments if words.treatments else treated["drug"]
    if treated["role"] != "treatment" or not named or not treated["route"]:
        yield f"arm {keys[0][1]} has no drug of the vocabulary, or no route"
    comparator = str(control["comparator"])
    if control["role"] != "control" or (
        comparator in {words.reference, ""} if against == words.others else comparator != against
    ):
        yield f"arm {keys[1][1]} counts as {comparator!r}; the model compares with {against!r}"
    design = {"paired": "paired", "na": "parallel"}.get(str(result["crossover_analysis"]), "")
    if design != row.design:
        yield (
            f"found crossover_analysis {result['crossover_analysis']!r}; design = {row.design!r} "
            f"needs {'paired' if row.design == 'paired' else 'na'!r}"
        )
    yield from _lacks(row, result)


def _lacks(row: Abstract, result: Record) -> Iterable[str]:
    """Yield what a result lacks to be a difference on a scale, with an error."""
    of_arms = result["kind"] == "arm_continuous"
    allowed = {**OF_DIFFERENCES, **(OF_ARMS if of_arms else {})}
    needed = ["scale_min", "scale_max", "n_t", "n_c"]
    needed += ["higher_is_worse", *(["mean_t", "mean_c"] if of_arms else ["estimate"])]
    if not of_arms and (result["kind"] != "contrast" or result["measure"] != "MD"):
        yield f"found {result['kind']!r}, measure {result['measure']!r}; allowed are means or an MD"
    if not of_arms and _given(result["higher_is_worse"]) and not result["higher_is_worse"]:
        yield "a higher value is better; which way its printed difference is turned is not known"
    if result["value_type"] not in _POINTS:
        found = result["value_type"]
        yield f"found value_type {found!r}; on the scale are {', '.join(_POINTS)}"
    if row.error not in allowed:
        names = ", ".join(allowed)
        yield f"error = {row.error!r} needs the means of both arms; allowed are {names}"
    absent = [name for name in [*needed, *allowed.get(row.error, ())] if not _given(result[name])]
    if absent:
        yield f"lacks {', '.join(absent)}"
    elif row.design == "paired" and result["n_t"] != result["n_c"]:
        yield f"found n_t {result['n_t']} and n_c {result['n_c']}; pairs have the same people"
    if row.error == "p_value" and _given(result["p_value"]):
        try:
            p_values(str(result["p_value"]), name="p_value")
        except UsageError as error:
            yield str(error)


def _direction(result: Record) -> int:
    """Return 1 where a higher value is worse, and a positive difference therefore is."""
    return 1 if bool(result["higher_is_worse"]) else -1


def _given(value: object) -> bool:
    return value is not pd.NA and value == value and value not in {None, ""}


def _record(
    row: Abstract,
    result: Record,
    numbers: dict[str, float],
    turn: int,
    arms: Rows,
    trials: Rows,
) -> dict[str, object]:
    """Return what an effect table says of the contrast beside its effect."""
    trial = str(result["trial"])
    treated = arms[trial, str(result["treatment_arm"])]
    control = arms[trial, str(result["control_arm"])]
    holds = {
        ABSTRACT: True,
        ASSIGNED: True,
        PAIRED: row.design == "paired",
        _FLAG_OF.get(row.error, ""): row.error in _FLAG_OF,
        "change_score": result["value_type"] != "final",
        "route_inferred": treated["route_basis"] == "inferred",
        "reversed": turn < 0,
    }
    return {
        "label": trials[trial,]["label"],
        "trial": trial,
        "drug_t": treated["drug"],
        "route_t": treated["route"],
        "comparator_c": control["comparator"],
        "outcome": result["outcome"],
        "timepoint": row.timepoint,
        "instrument": result["instrument"],
        "stratum": "",
        "arm_t": result["treatment_arm"],
        "arm_c": result["control_arm"],
        **{name: numbers[name] for name in ("n_t", "n_c", "mean_t", "sd_t", "mean_c", "sd_c")},
        "rob_randomisation": trials[trial,]["rob_randomisation"],
        "route_basis_t": treated["route_basis"],
        "flags": ";".join(sorted(name for name, hold in holds.items() if hold)),
        "abstract_id": row.id,
        "locator": f"{result['source_locator']}, {result['source_url']}",
    }


def _numbers_on_scale(
    row: Abstract, result: Mapping[str, Any], scale: SupplementSpec
) -> dict[str, float]:
    """Return effect, errors, means and SDs of one result on the scale of the model.

    Parameters
    ----------
    row
        How the model file takes it.
    result
        Row of ``abstract_outcomes.csv`` that has the numbers asked for.
    scale
        Ends of the scale of the model.

    Returns
    -------
    dict
        ``yi`` and ``se``; ``se`` is not a number, and ``se_t`` and ``se_c`` are those of the two
        means, where it depends on an unknown correlation within people. ``mean_t``, ``sd_t``,
        ``n_t`` and those of the control are what a table shows; not a number where not printed.

    References
    ----------
    Cochrane Handbook, sections 6.5.2.2 and 6.5.2.3: t quantiles for small samples.
    """
    low, high = float(result["scale_min"]), float(result["scale_max"])
    unit = (scale.scale_max - scale.scale_min) / (high - low)
    n_t, n_c = float(result["n_t"]), float(result["n_c"])
    found = dict.fromkeys(("mean_t", "mean_c", "sd_t", "sd_c", "se", "se_t", "se_c"), np.nan)
    found |= {"n_t": n_t, "n_c": n_c}
    if result["kind"] == "arm_continuous":
        start = (scale.scale_min, low) if result["value_type"] == "final" else (0.0, 0.0)
        for name in ("mean_t", "mean_c"):
            found[name] = start[0] + unit * (float(result[name]) - start[1])
        found["yi"] = found["mean_t"] - found["mean_c"]
    else:
        found["yi"] = unit * float(result["estimate"])
    if row.error in OF_DIFFERENCES:
        df = n_t - 1 if row.design == "paired" else n_t + n_c - 2
        found["se"] = _difference_error(row.error, result, found["yi"], unit, df)
        return found
    for arm, n in (("t", n_t), ("c", n_c)):
        found[f"se_{arm}"] = unit * _arm_error(row.error, result, arm, n)
        found[f"sd_{arm}"] = found[f"se_{arm}"] * np.sqrt(n)
    if row.design == "parallel":
        found["se"] = float(np.hypot(found.pop("se_t"), found.pop("se_c")))
        found |= {"se_t": np.nan, "se_c": np.nan}
    return found


def _difference_error(
    error: str, result: Mapping[str, Any], yi: float, unit: float, df: float
) -> float:
    if error == "se":
        return unit * float(result["se"])
    if error == "p_value":
        return float(se_from_p(yi, str(result["p_value"]), df=df))
    level = float(result["level"])
    return unit * float(se_from_ci(result["ci_low"], result["ci_high"], level=level, df=df))


def _arm_error(error: str, result: Mapping[str, Any], arm: str, n: float) -> float:
    if error == "arm_sds":
        return float(se_from_sd(result[f"sd_{arm}"], n))
    if error == "arm_ses":
        return float(result[f"se_{arm}"])
    ends = (result[f"ci_low_{arm}"], result[f"ci_high_{arm}"])
    return float(se_from_ci(*ends, level=float(result["level"]), df=n - 1))
