"""What a review printed beside what its own method makes of our records.

Pooled is by DerSimonian-Laird with Wald intervals, ratios on the log scale with 0.5 in tables with
an empty cell, standardised differences in Review Manager's variant. A printed number is reproduced
if ours differs by no more than half its last digit; a weight that is not printed asks nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from scipy.stats import norm

from bayes_nmda.effects.binary import log_or, log_rr, risk_difference
from bayes_nmda.effects.continuous import mean_difference, smd_revman
from bayes_nmda.effects.inputs import Floats
from bayes_nmda.effects.pooling import pool

if TYPE_CHECKING:
    from bayes_nmda.data import TrialData

#: The review's intervals.
LEVEL: Final = 0.95
#: Room for binary floating point, in units of the last printed digit.
ROUNDING: Final = 1e-6
#: How effects of counts are computed, ratios as logarithms.
_OF_COUNTS: Final = {"RR": log_rr, "OR": log_or, "RD": risk_difference}
_RATIOS: Final = ("RR", "OR")
_QUANTITIES: Final = ["estimate", "ci_low", "ci_high", "weight"]
_KEYS: Final = ["id", "kind", "analysis", "subgroup", "trial", "outcome", "timepoint", "measure"]
_ARM_NUMBERS: Final = ["mean", "sd", "n", "events"]


def _column(rows: pd.DataFrame, name: str) -> Floats:
    return rows[name].to_numpy(dtype=np.float64, na_value=np.nan)


def _with_arms(published: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    rows = published
    keys = ["trial", "outcome", "timepoint"]
    records = outcomes[[*keys, "arm", *_ARM_NUMBERS]]
    for arm, suffix in (("treatment_arm", "_t"), ("control_arm", "_c")):
        side = records.rename(
            columns={"arm": arm, **{name: name + suffix for name in _ARM_NUMBERS}}
        )
        rows = rows.merge(side, on=[*keys, arm], how="left", validate="many_to_one")
    return rows


def _row_effects(rows: pd.DataFrame) -> pd.DataFrame:
    """Return yi and vi of each row on the scale on which the review pooled."""
    yi, vi = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    sizes = (_column(rows, "n_t"), _column(rows, "n_c"))
    events = (_column(rows, "events_t"), _column(rows, "events_c"))
    means = (_column(rows, "mean_t"), _column(rows, "mean_c"))
    sds = (_column(rows, "sd_t"), _column(rows, "sd_c"))
    for measure in sorted(set(rows["measure"])):
        here = (rows["measure"] == measure).to_numpy(dtype=bool) & np.isfinite(sizes).all(axis=0)
        if measure in _OF_COUNTS:
            counts = (events[0], sizes[0], events[1], sizes[1])
            yi[here], vi[here] = _OF_COUNTS[measure](*(values[here] for values in counts))
            continue
        arms = (means[0], sds[0], sizes[0], means[1], sds[1], sizes[1])
        effect = smd_revman if measure == "SMD" else mean_difference
        yi[here], vi[here] = effect(*(values[here] for values in arms))
    return rows.assign(yi=yi, vi=vi)


def _printed_scale(
    measure: str, centre: float, low: float, high: float
) -> tuple[float, float, float]:
    if measure not in _RATIOS:
        return centre, low, high
    return float(np.exp(centre)), float(np.exp(low)), float(np.exp(high))


def _ours(rows: pd.DataFrame) -> pd.DataFrame:
    """Return estimate, interval and weight of each row by the review's method."""
    reach = float(norm.ppf((1 + LEVEL) / 2))
    result = pd.DataFrame(np.nan, index=rows.index, columns=_QUANTITIES, dtype="float64")
    for i, measure, yi, vi in zip(rows.index, rows["measure"], rows["yi"], rows["vi"], strict=True):
        half = reach * vi**0.5
        result.loc[i, _QUANTITIES[:3]] = _printed_scale(measure, yi, yi - half, yi + half)
    for _, group in rows[rows["yi"].notna()].groupby("analysis", sort=False):
        result.loc[group.index, "weight"] = pool(group["yi"], group["vi"], level=LEVEL).weights
    return result


def _ours_pooled(published: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the pooled results of the analyses that `published` names."""
    result = pd.DataFrame(np.nan, index=published.index, columns=_QUANTITIES, dtype="float64")
    for i, analysis in published["analysis"].items():
        group = rows[(rows["analysis"] == analysis) & rows["yi"].notna()]
        if not group.empty:
            pooled = pool(group["yi"], group["vi"], level=LEVEL)
            limits = (pooled.estimate, pooled.ci_low, pooled.ci_high)
            measure = str(group["measure"].iloc[0])
            result.loc[i, _QUANTITIES[:3]] = _printed_scale(measure, *limits)
    return result


def _decisions(published: pd.DataFrame, decisions: pd.DataFrame) -> list[str]:
    """Return the decisions that name each published row, joined by semicolons."""
    about = decisions[decisions["table"] == "published"]
    named: dict[str, list[str]] = {}
    for decision, targets in zip(about["id"], about["target"], strict=True):
        for target in str(targets).split(";"):
            named.setdefault(target.strip(), []).append(str(decision))
    return [";".join(named.get(str(identifier), [])) for identifier in published["id"]]


def replication(trials: TrialData) -> pd.DataFrame:
    """Return every printed row and pooled result of the review beside our own computation.

    Parameters
    ----------
    trials
        Validated tables, from `load_trials`; read are `published`, `outcomes` and `decisions`.

    Returns
    -------
    DataFrame
        One row a printed result. `printed_` and `ours_` columns hold estimate, interval and
        weight (percent); ratios are ratios. `difference` is the largest distance between
        them and `tolerance` half the last printed digit; `reproduced` says whether all printed
        numbers are met, missing ones included: what the review could not estimate must be
        missing in ours. `decision` names the decisions that explain a row.

    References
    ----------
    Ferraro MC et al. (2025). Cochrane Database Syst Rev CD015373.pub2.
    DerSimonian R, Laird N (1986), doi:10.1016/0197-2456(86)90046-2.
    """
    published = trials.published[trials.published["kind"].isin(["row_effect", "pooled"])]
    published = published.reset_index(drop=True)
    is_row = published["kind"] == "row_effect"
    effects = _row_effects(_with_arms(published[is_row], trials.outcomes))
    effects.index = published.index[is_row]
    pooled = _ours_pooled(published[~is_row], effects)
    ours = pd.concat([_ours(effects), pooled]).sort_index()[_QUANTITIES].to_numpy(np.float64)
    printed = np.column_stack([_column(published, name) for name in _QUANTITIES])
    # A pooled result has no weight, and no weight is printed with it.
    distance = np.abs(printed - ours)
    met = np.where(np.isnan(printed), np.isnan(ours), False)
    tolerance = 0.5 * 10.0 ** -_column(published, "decimals")
    met |= distance <= (tolerance * (1 + ROUNDING))[:, None]
    met[:, 3] |= np.isnan(printed[:, 3]) & ~np.isnan(printed[:, 0])
    return published[_KEYS].assign(
        **{f"printed_{name}": printed[:, i] for i, name in enumerate(_QUANTITIES)},
        **{f"ours_{name}": ours[:, i] for i, name in enumerate(_QUANTITIES)},
        difference=np.max(np.nan_to_num(distance, nan=0.0), axis=1, initial=0.0),
        tolerance=tolerance,
        reproduced=met.all(axis=1),
        decision=_decisions(published, trials.decisions),
    )
