"""What the tables may say and is odd all the same, row by row.

A rule refuses what cannot be; here is what can be and seldom is: a standard error typed as a
standard deviation, arms exchanged, a scale of 0 to 10 among those of 0 to 100, one group of people
entered twice. Nothing is changed and nothing is left out. A warning goes away when the rows are
mended, or when ``decisions.csv`` has a row with the action ``confirmed`` that names them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from bayes_nmda.data.decisions import targets
from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.effects.binary import log_or
from bayes_nmda.effects.continuous import mean_difference, smd

if TYPE_CHECKING:
    from bayes_nmda.data import TrialData

#: Columns of the table of warnings.
COLUMNS: Final = ("kind", "trials", "outcome", "timepoint", "records", "found", "advice")
_OCCASION: Final = ["trial", "outcome", "timepoint", "instrument", "stratum"]
#: A standard deviation so many times smaller than others of its instrument is looked at.
_SMALL: Final = 2.5
#: Mean and SD so many times smaller than others of a scale point to another scale.
_SCALE: Final = 5.0
#: An effect so many standard errors from all others is far outside.
_FAR: Final = 3.5
#: A printed effect is the same number with the other sign within such a part of itself.
_ALIKE: Final = 0.1
#: Fewer others than these say nothing about what is usual.
_OTHERS: Final = 3
_RANGE: Final = re.compile(r"(?<![0-9.])([0-9]+(?:\.[0-9]+)?)\s*(?:-|–|to)\s*([0-9]+(?:\.[0-9]+)?)")


@dataclass(frozen=True, slots=True)
class _Oddity:
    kind: str
    trials: tuple[str, ...]
    outcome: str
    timepoint: str
    records: tuple[str, ...]
    found: str
    advice: str


def data_warnings(trials: TrialData) -> pd.DataFrame:
    """Return what is allowed in the tables but odd, a row a warning.

    Parameters
    ----------
    trials
        Tables from `load_trials`.

    Returns
    -------
    DataFrame
        ``kind`` (``same_numbers``, ``same_trial``, ``impossible_sd``, ``outside_scale``,
        ``se_as_sd``, ``other_scale``, ``arms_exchanged``, ``far_outside``,
        ``change_and_final``), ``trials`` and ``records`` (`outcome_id`) joined by semicolons,
        ``outcome``, ``timepoint``, ``found`` in words and ``advice``. Empty if nothing is odd.
        Warnings whose records, or whose trials, a decision with the action ``confirmed`` names
        are left out.
    """
    about = trials.arms.drop_duplicates(["trial", "arm"])
    about = about[["trial", "arm", "role", "drug", "route", "comparator", "stratum"]]
    records = trials.outcomes.merge(about, on=["trial", "arm"], how="left").merge(
        trials.trials[["trial", "label"]], on="trial", how="left"
    )
    measured = records[records["kind"] == "continuous"]
    contrasts = _contrasts(records)
    found = [
        *_same_numbers(records),
        *_same_trial(trials.trials),
        *_outside_scale(measured),
        *_small_spread(measured),
        *_far_outside(contrasts),
        *_change_and_final(measured),
        *_against_printed(contrasts, trials.published),
    ]
    settled = _confirmed(trials.decisions)
    rows = [
        {**asdict(one), "trials": ";".join(one.trials), "records": ";".join(one.records)}
        for one in found
        if not any(
            set(keys) <= names for keys in (one.records, one.trials) if keys for names in settled
        )
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _confirmed(decisions: pd.DataFrame) -> list[set[str]]:
    """Return the keys that each confirming decision names: records, or whole trials."""
    chosen = decisions[decisions["action"] == "confirmed"]
    named = zip(chosen["target"].astype(str), chosen["trial"].astype(str), strict=True)
    return [set(targets(target)) or {trial} for target, trial in named]


def _oddity(
    kind: str, rows: Iterable[pd.Series] | pd.DataFrame, found: str, advice: str
) -> _Oddity:
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    return _Oddity(
        kind,
        tuple(dict.fromkeys(map(str, frame["trial"]))),
        ";".join(dict.fromkeys(map(str, frame["outcome"]))),
        ";".join(filter(None, dict.fromkeys(map(str, frame["timepoint"])))),
        tuple(dict.fromkeys(map(str, frame["outcome_id"]))),
        found,
        advice,
    )


_LINK: Final = (
    "if it is one group of people, enter one trial whose arms share it (arm_links.csv); if they "
    "are different people, confirm it in decisions.csv (action confirmed, target the records)"
)


def _same_numbers(records: pd.DataFrame) -> Iterator[_Oddity]:
    """Yield arms of different trials that have the same numbers, in one warning a group.

    Mean, SD and n to the last digit. Counts agree by chance: of these, all arms and outcomes of a
    trial must agree, two of them or more with an event.
    """
    measured = records[records["kind"] == "continuous"]
    keys = ["outcome", "timepoint", "role", "mean", "sd", "n"]
    for values, group in measured.groupby(keys, sort=False):
        names = list(dict.fromkeys(group["label"]))
        if len(names) > 1:
            _, _, role, mean, sd, n = values
            found = f"{role} arms of {_and(names)}: mean {mean:g}, SD {sd:g}, n {n} in each"
            yield _oddity("same_numbers", group, found, _LINK)
    counted = records[records["kind"] == "binary"]
    sheets: dict[tuple[object, ...], list[str]] = {}
    for trial, of_trial in counted.groupby("trial", sort=False):
        ordered = of_trial.sort_values(["outcome", "timepoint", "role", "events", "n"])
        columns = (ordered[name] for name in ("outcome", "timepoint", "role", "events", "n"))
        sheet = tuple(zip(*columns, strict=True))
        if sum(int(row[3]) > 0 for row in sheet) > 1:
            sheets.setdefault(sheet, []).append(str(trial))
    for names in sheets.values():
        if len(names) > 1:
            group = counted[counted["trial"].isin(names)]
            labels = list(dict.fromkeys(group["label"]))
            found = f"{_and(labels)}: the same events and people in all arms and outcomes"
            yield _oddity("same_numbers", group, found, _LINK)


def _same_trial(trials: pd.DataFrame) -> Iterator[_Oddity]:
    """Yield trials that share a registration, a DOI, a PMID or a title."""
    advice = (
        "if it is one trial, keep one label and add the records of the other to it; if not, "
        "confirm it in decisions.csv (action confirmed, table trials, target the trials)"
    )
    for name in ("doi", "pmid", "registry_id", "title"):
        if name not in trials:
            continue
        values = trials[name].astype("object").where(trials[name].notna(), "").astype(str)
        words = values.str.strip().str.lower()
        for value, group in trials[words != ""].groupby(words[words != ""], sort=False):
            if len(group) > 1:
                found = f"{_and(list(group['label']))} have the same {name}: {value}"
                yield _Oddity(
                    "same_trial", tuple(map(str, group["trial"])), "", "", (), found, advice
                )


def scale_of(instrument: str) -> tuple[float, float] | None:
    """Return the ends of the scale that an instrument's name gives, ``(0.0, 100.0)``."""
    match = _RANGE.search(instrument)
    if match is None:
        return None
    low, high = float(match[1]), float(match[2])
    return (low, high) if low < high else None


def _outside_scale(measured: pd.DataFrame) -> Iterator[_Oddity]:
    """Yield means outside their scale, and SDs that no scores on it have."""
    advice = "compare the row with its source: the scale, the mean, or an SD of something else"
    for _, row in measured.iterrows():
        ends = scale_of(str(row["instrument"]))
        if ends is None:
            continue
        low, high = ends
        mean, sd, n = float(row["mean"]), float(row["sd"]), float(row["n"])
        where = f"{row['label']}, {row['arm']}"
        if row["value_type"] == "change":
            low, high = low - high, high - low
        if not low <= mean <= high:
            found = f"{where}: mean {mean:g} on a scale from {ends[0]:g} to {ends[1]:g}"
            yield _oddity("outside_scale", [row], found, advice)
            continue
        # of all scores on a scale with this mean, those at its two ends are spread most
        most = math.sqrt((mean - low) * (high - mean) * n / (n - 1))
        if sd > most * (1 + 1e-9):
            found = (
                f"{where}: SD {sd:g} with mean {mean:g} and n {n:g}; scores from {low:g} to "
                f"{high:g} have at most {most:.3g}"
            )
            yield _oddity("impossible_sd", [row], found, advice)


def _small_spread(measured: pd.DataFrame) -> Iterator[_Oddity]:
    """Yield trials whose SD looks like an SE, or whose numbers are those of a shorter scale."""
    for _, group in measured.groupby(["outcome", "instrument"], sort=False):
        if not str(group["instrument"].iloc[0]) or group["trial"].nunique() <= _OTHERS:
            continue
        for _, own in group.groupby(["trial", "timepoint", "stratum"], sort=False):
            others = group[group["trial"] != own["trial"].iloc[0]]
            usual = float(others["sd"].median())
            middle = float(others["mean"].abs().median())
            spread = float(own["sd"].median())
            size = float(own["mean"].abs().max())
            label = own["label"].iloc[0]
            if spread * _SCALE < usual and size * 2 < middle:
                found = (
                    f"{label}: means up to {size:g} and SD {spread:.3g}, where other trials of "
                    f"this instrument have {middle:.3g} and {usual:.3g}"
                )
                advice = "is it a shorter scale, 0 to 10 among 0 to 100? bring it to the scale"
                yield _oddity("other_scale", own, found, advice)
            elif spread * _SMALL < usual and 0.5 * usual < float(
                (own["sd"] * np.sqrt(own["n"].astype(float))).median()
            ) < 2 * usual:  # fmt: skip
                found = (
                    f"{label}: SD {spread:.3g} where other trials of this instrument have "
                    f"{usual:.3g}; as a standard error it would be an SD of "
                    f"{float((own['sd'] * np.sqrt(own['n'].astype(float))).median()):.3g}"
                )
                advice = "look whether the source prints a standard error; SD = SE * sqrt(n)"
                yield _oddity("se_as_sd", own, found, advice)


def _contrasts(records: pd.DataFrame) -> pd.DataFrame:
    """Return treatment beside control, with the effect in SDs or as log odds and its error."""
    numbers = ["mean", "sd", "n", "events", "outcome_id", "arm", "value_type"]
    keys = [*_OCCASION, "label", "kind", "higher_is_better"]
    treated = records[records["role"] == "treatment"]
    controls = records[records["role"] == "control"]
    rows = treated[[*keys, *numbers, "drug", "route"]].merge(
        controls[[*keys, *numbers, "comparator"]], on=keys, suffixes=("_t", "_c")
    )
    effects, variances = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for kind in ("continuous", "binary"):
        chosen = (rows["kind"] == kind).to_numpy(dtype=bool)
        if not chosen.any():
            continue
        names = ("mean", "sd", "n") if kind == "continuous" else ("events", "n")
        columns = [
            rows.loc[chosen, f"{name}_{side}"].astype("Float64").to_numpy(dtype=float)
            for side in ("t", "c")
            for name in names
        ]
        if kind == "continuous":
            one_instrument = rows.loc[chosen].groupby("outcome")["instrument"].transform("nunique")
            plain = mean_difference(*columns)
            standard = smd(*columns)
            take = (one_instrument == 1).to_numpy()
            effects[chosen], variances[chosen] = (
                np.where(take, a, b) for a, b in zip(plain, standard, strict=True)
            )
        else:
            effects[chosen], variances[chosen] = log_or(*columns)
    better = rows["higher_is_better"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    turned = np.where(better & (rows["kind"] == "continuous").to_numpy(), -effects, effects)
    return rows.assign(effect=turned, variance=variances)


def _far_outside(contrasts: pd.DataFrame) -> Iterator[_Oddity]:
    """Yield contrasts far from all others of their outcome, comparator and drug.

    The others' middle and spread are medians, so that one bad row does not hide itself. Where the
    same effect with the other sign would not be odd, the arms may have been exchanged.
    """
    known = contrasts[np.isfinite(contrasts["effect"]) & np.isfinite(contrasts["variance"])]
    known = known.assign(reference=known["comparator"] == load_vocabulary().reference)
    for _, group in known.groupby(["outcome", "reference"], sort=False):
        for _, row in group.iterrows():
            others = group[(group["trial"] != row["trial"])]
            if others["trial"].nunique() < _OTHERS:
                continue
            middle = float(others["effect"].median())
            spread = 1.4826 * float((others["effect"] - middle).abs().median())
            error = math.sqrt(spread**2 + float(row["variance"]))
            distance = (float(row["effect"]) - middle) / error
            mirrored = (-float(row["effect"]) - middle) / error
            if abs(distance) <= _FAR:
                continue
            kind, advice = "far_outside", "compare the row with its source: SDs, units, direction"
            if abs(mirrored) < 1:
                kind = "arms_exchanged"
                advice = "look whether treatment and control were exchanged, or the direction"
            found = (
                f"{row['label']}, {row['arm_t']} against {row['arm_c']}: effect {row['effect']:.3g}"
                f", {abs(distance):.1f} standard errors from the middle of the others, {middle:.3g}"
            )
            yield _of_contrast(kind, row, found, advice)


def _change_and_final(measured: pd.DataFrame) -> Iterator[_Oddity]:
    """Yield outcomes that must be standardised and mix changes with final values."""
    for outcome, group in measured.groupby("outcome", sort=False):
        changes = group[group["value_type"] == "change"]
        mixed = 0 < len(changes) < len(group)
        if mixed and group["instrument"].nunique() > 1:
            labels = list(dict.fromkeys(changes["label"]))
            found = (
                f"{outcome} is measured with several instruments, so that it is standardised, and "
                f"{_and(labels)} give changes, others final values: their SDs are not alike"
            )
            advice = "give final values for all, or look at a model without the changes"
            yield _oddity("change_and_final", changes, found, advice)


def _against_printed(contrasts: pd.DataFrame, published: pd.DataFrame) -> Iterator[_Oddity]:
    """Yield contrasts whose printed effect has the same size and the other sign."""
    printed = published[published["kind"] == "row_effect"].rename(
        columns={"treatment_arm": "arm_t", "control_arm": "arm_c"}
    )
    keys = ["trial", "arm_t", "arm_c", "outcome", "timepoint"]
    rows = contrasts.merge(printed[[*keys, "measure", "estimate"]], on=keys)
    for _, row in rows.drop_duplicates(["outcome_id_t", "outcome_id_c"]).iterrows():
        ours, theirs = _as_printed(row), float(row["estimate"])
        if row["measure"] == "RR":
            theirs = math.log(theirs) if theirs > 0 else math.nan
        if ours * theirs < 0 and abs(ours + theirs) < _ALIKE * abs(theirs):
            found = (
                f"{row['label']}, {row['arm_t']} against {row['arm_c']}: the rows give {ours:.3g}, "
                f"published.csv {theirs:.3g}"
            )
            advice = "look whether the arms were exchanged in outcomes.csv"
            yield _of_contrast("arms_exchanged", row, found, advice)


def _as_printed(row: pd.Series) -> float:
    """Return a contrast on the scale of the printed effect; of ratios the logarithm."""
    if row["measure"] == "RR":
        events, others = (float(row[f"events_{arm}"]) / float(row[f"n_{arm}"]) for arm in "tc")
        return math.log(events / others) if events > 0 and others > 0 else math.nan
    if row["measure"] not in ("MD", "SMD"):
        return math.nan
    numbers = [float(row[f"{name}_{arm}"]) for arm in "tc" for name in ("mean", "sd", "n")]
    effect, _ = (mean_difference if row["measure"] == "MD" else smd)(*numbers)
    return float(effect)


def _of_contrast(kind: str, row: pd.Series, found: str, advice: str) -> _Oddity:
    return _Oddity(
        kind,
        (str(row["trial"]),),
        str(row["outcome"]),
        str(row["timepoint"]),
        (str(row["outcome_id_t"]), str(row["outcome_id_c"])),
        found,
        advice,
    )


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
