"""Effect tables of plain 2×2 counts, for one cell or several."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from bayes_nmda.data import load_vocabulary
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.spec.spec import load_model

#: Events and people with the drug, then with the control.
Row = tuple[int, int, int, int]


def counted(
    rows: Sequence[Row],
    *,
    drugs: Sequence[str] = (),
    second: dict[int, tuple[int, int]] | None = None,
) -> EffectTable:
    """Return the contrasts of trials of any adverse event.

    Parameters
    ----------
    rows
        A trial each.
    drugs
        Drug of each trial; by default ketamine.
    second
        By position of a trial, events and people of a second arm, of memantine.
    """
    labels = [f"t{number:03d}" for number in range(len(rows))]
    arms, outcomes = [], []

    def arm(trial: str, name: str, drug: str, events: int, n: int) -> None:
        control = drug == "placebo"
        arms.append(
            {"trial": trial, "arm": name, "role": "control" if control else "treatment",
             "drug": drug, "route": "" if control else "oral", "route_basis": "",
             "comparator": "placebo" if control else "", "stratum": "", "merged_from": ""}
        )  # fmt: skip
        outcomes.append(
            {"trial": trial, "arm": name, "outcome": "any_adverse_event", "timepoint": "",
             "instrument": "", "kind": "binary", "higher_is_better": False,
             "events": float(events), "n": float(n)}
        )  # fmt: skip

    for position, (events_t, n_t, events_c, n_c) in enumerate(rows):
        arm(labels[position], "drug", (drugs or ["ketamine"] * len(rows))[position], events_t, n_t)
        if second and position in second:
            arm(labels[position], "second", "memantine", *second[position])
        arm(labels[position], "placebo", "placebo", events_c, n_c)
    trials = pd.DataFrame({"trial": labels, "label": labels, "rob_randomisation": ""})
    tables = SimpleNamespace(
        trials=trials,
        arms=pd.DataFrame(arms),
        outcomes=pd.DataFrame(outcomes),
        contrasts=None,
        vocabulary=load_vocabulary(),
    )
    return effect_table(tables, load_model("any_adverse_event"))


def swapped(rows: Sequence[Row]) -> list[Row]:
    """Return the trials with drug and control exchanged."""
    return [(events_c, n_c, events_t, n_t) for events_t, n_t, events_c, n_c in rows]


def without(rows: Sequence[Row]) -> list[Row]:
    """Return the trials with those counted who had no event: every log odds ratio turns around."""
    return [(n_t - e_t, n_t, n_c - e_c, n_c) for e_t, n_t, e_c, n_c in rows]


def probability(weighted: Any, cell: int = 0) -> float:
    """Return the probability of more events, from weighted points; a point at 0 counts half."""
    level = weighted.level[:, cell]
    width = weighted.width
    from scipy.special import ndtr

    with np.errstate(divide="ignore", invalid="ignore"):
        above = np.where(width > 0, ndtr(level / width), (level > 0) + 0.5 * (level == 0))
    return float(weighted.points.weight @ above)
