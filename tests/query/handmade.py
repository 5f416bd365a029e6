"""Fits made by hand: draws that somebody can work out, behind the interface of a stored file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr


@dataclass(frozen=True)
class HandMade:
    """Attributes and arrays, by group and name."""

    attrs: dict[str, str]
    values: dict[tuple[str, str], Any] = field(repr=False)

    def has(self, group: str, variable: str) -> bool:
        return (group, variable) in self.values

    def array(self, group: str, variable: str) -> np.ndarray:
        return np.asarray(self.values[group, variable])

    def labels(self, group: str, name: str) -> list[str]:
        return list(self.values[group, name])


def _fit(
    cells: Sequence[str],
    draws: np.ndarray,
    trials: Sequence[Sequence[str]],
    people: int,
    spec: dict[str, Any],
    attrs: dict[str, str],
) -> HandMade:
    """Return a fit with one arm of `people` a side in each trial of each cell."""
    parts = [cell.partition(" vs ")[0].split("/") for cell in cells]
    values: dict[tuple[str, str], Any] = {
        ("posterior", "cell"): list(cells),
        ("posterior", "drug"): [part[0] for part in parts],
        ("posterior", "route"): [part[1] for part in parts],
    }
    if len(parts[0]) > 2:
        values["posterior", "timepoint"] = [part[2] for part in parts]
    for group in ("posterior", "prior"):
        values |= {(group, "effect"): draws, (group, "new_trial"): draws}
    rows = [(cell, trial) for cell, names in zip(cells, trials, strict=True) for trial in names]
    known = {
        "trials": [len(names) for names in trials],
        "participants": [2 * people * len(names) for names in trials],
        "contrast_cell": [cell for cell, _ in rows],
        "contrast_trial": [trial for _, trial in rows],
        "contrast_flags": [""] * len(rows),
        "contrast_treatment_arm": [cell.split("/")[0] for cell, _ in rows],
        "contrast_control_arm": ["control"] * len(rows),
        "n_t": [people] * len(rows),
        "n_c": [people] * len(rows),
    }
    values |= {("constant_data", name): value for name, value in known.items()}
    return HandMade({"engine": "nuts", "spec": json.dumps(spec), **attrs}, values)


def differences(
    cells: Sequence[str], draws: np.ndarray, trials: Sequence[Sequence[str]], *, people: int = 20
) -> HandMade:
    """Return a fit of pain in points; `draws` has shape (chain, draw, cell)."""
    attrs = {
        "model": "pain", "measure": "MD", "unit": "points", "benefit": "negative",
        "outcome": "pain_intensity", "comparator": "placebo",
    }  # fmt: skip
    return _fit(cells, draws, trials, people, {"thresholds": {"benefit": [0, 10]}}, attrs)


def counts(
    cells: Sequence[str],
    log_or: np.ndarray,
    trials: Sequence[Sequence[str]],
    *,
    control_risk: float = 0.2,
    people: int = 20,
    benefit: str = "negative",
    outcome: str = "any_adverse_event",
) -> HandMade:
    """Return a fit to counts in which every control arm has one known risk."""
    spec = {
        "thresholds": {
            "odds_ratio": [1, 2], "risk_ratio": [1, 2], "risk_difference": [0, 0.05],
        }
    }  # fmt: skip
    attrs = {
        "model": "events", "measure": "log_or", "unit": "log odds ratio", "benefit": benefit,
        "outcome": outcome, "comparator": "placebo",
    }  # fmt: skip
    fit = _fit(cells, log_or, trials, people, spec, attrs)
    baseline = np.full((*log_or.shape[:2], len(cells)), np.log(control_risk / (1 - control_risk)))
    arms = [people * len(names) for names in trials]
    events = [round(control_risk * size) for size in arms]
    more = {
        "trials_informative": [len(names) for names in trials],
        "events": [2 * number for number in events],
        "control_events": events,
        "control_people": arms,
    }
    return HandMade(
        fit.attrs,
        fit.values
        | {(group, "baseline_log_odds"): baseline for group in ("posterior", "prior")}
        | {("constant_data", name): value for name, value in more.items()},
    )


def tree_of(fit: HandMade) -> xr.DataTree:
    """Return a fit made by hand as a tree that can be stored."""
    dims = {
        "posterior": ("chain", "draw"), "prior": ("chain", "draw"), "constant_data": (),
    }  # fmt: skip
    last = {
        "effect": "cell", "new_trial": "cell", "baseline_log_odds": "cell", "trials": "cell",
        "participants": "cell", "trials_informative": "cell", "events": "cell",
        "control_events": "cell", "control_people": "cell",
    }  # fmt: skip
    groups: dict[str, dict[str, Any]] = {group: {} for group in dims}
    for (group, name), values in fit.values.items():
        words = not np.issubdtype(np.asarray(values).dtype, np.number)
        axis = "cell" if group == "posterior" and words else last.get(name, "contrast")
        column = np.asarray(values, dtype=object if words else None)
        groups[group][name] = ((axis,) if words else (*dims[group], axis), column)
    coords = {name: groups["posterior"].pop(name) for name in list(groups["posterior"])
              if name in {"cell", "drug", "route", "timepoint"}}  # fmt: skip
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(groups["posterior"], coords),
            "prior": xr.Dataset(groups["prior"]),
            "constant_data": xr.Dataset(groups["constant_data"]),
        }
    )
    tree.attrs = dict(fit.attrs)
    return tree


def log_or_of(risk_difference: np.ndarray, control_risk: float = 0.2) -> np.ndarray:
    """Return the log odds ratios that mean these differences of risks."""
    treated = control_risk + np.asarray(risk_difference, dtype=float)
    odds = treated / (1 - treated) / (control_risk / (1 - control_risk))
    return np.log(odds)
