"""``decisions.csv``: what was merged, re-expressed, set aside or flagged, and why.

Exclusions are data: `apply_decisions` leaves out the records that a ``set_aside`` decision on their
table names, and those of a trial that one on the table ``trials`` names, retracted for instance. No
code knows a trial by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from bayes_nmda.data.tables import TrialData


def targets(target: str) -> tuple[str, ...]:
    """Return the keys that a decision names, in the order in which it names them."""
    return tuple(part.strip() for part in target.split(";") if part.strip())


def set_aside(decisions: pd.DataFrame, *, table: str = "outcomes") -> pd.DataFrame:
    """Return the decisions that leave rows of a table out."""
    chosen = (decisions["action"] == "set_aside") & (decisions["table"] == table)
    return decisions[chosen]


def apply_decisions(
    outcomes: pd.DataFrame, decisions: pd.DataFrame, *, table: str = "outcomes"
) -> pd.DataFrame:
    """Return the outcome records without those set aside.

    Parameters
    ----------
    outcomes
        Arm records, with ``outcome_id`` and ``trial``; of contrasts, with ``contrast_id``.
    decisions
        Rows of ``decisions.csv``. One that sets records aside names their ``outcome_id``; one
        with a trial and no target means every record of the trial, and one on the table
        ``trials`` every record of every table.
    table
        ``"outcomes"`` or ``"contrasts"``.

    Returns
    -------
    DataFrame
        The records that stay.
    """
    kept = outcomes
    for row in set_aside(decisions, table=table).itertuples():
        names = targets(str(row.target))
        gone = kept[f"{table[:-1]}_id"].isin(names) if names else kept["trial"] == row.trial
        kept = kept[~gone]
    of_trials = set_aside(decisions, table="trials")
    whole = {
        name for row in of_trials.itertuples() for name in targets(f"{row.target};{row.trial}")
    }
    return kept[~kept["trial"].isin(whole)]


def decisions_for(trials: TrialData, *, trial: str | None = None) -> pd.DataFrame:
    """Return every decision with the number of outcome records it concerns, or those on one trial.

    Parameters
    ----------
    trials
        Tables from `load_trials`.
    trial
        Identifier or label of a trial; all decisions by default.

    Returns
    -------
    DataFrame
        Rows of ``decisions.csv`` with the column ``records``: how many of the named records are
        loaded. It is 0 for records that were set aside.
    """
    frame = trials.decisions
    if trial is not None:
        labels = trials.trials.set_index("label")["trial"]
        frame = frame[frame["trial"] == labels.get(trial, trial)]
    identifiers = set(trials.outcomes["outcome_id"])
    records = [
        sum(name in identifiers for name in targets(str(target))) for target in frame["target"]
    ]
    return frame.assign(records=records)
