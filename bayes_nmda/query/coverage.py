"""Where there is evidence, and where there is none.

`evidence_map` counts trials and people for every drug and route, outcome and timepoint, holes
included. It reads the tables alone, no model: a hole is a finding about the trials.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda.errors import UsageError
from bayes_nmda.query.answer import Answer
from bayes_nmda.terms import DRUGS, OUTCOMES, glossary_order

if TYPE_CHECKING:
    import pandas as pd

    from bayes_nmda.data import TrialData

_COMPARATORS: Final = ("placebo", "active")
#: Columns that name one comparison of arms.
_COMPARED: Final = ("trial", "outcome", "timepoint", "stratum")


def evidence_map(
    trials: TrialData,
    *,
    drug: str | Iterable[str] | None = None,
    outcome: str | Iterable[str] | None = None,
    comparator: str | None = None,
) -> Answer:
    """Return how many trials and people stand behind each drug, route, outcome and timepoint.

    Parameters
    ----------
    trials
        Tables, from `load_trials`.
    drug, outcome
        A word or several; left out means all.
    comparator
        ``"placebo"``, or ``"active"`` for another medicine; left out means any.

    Returns
    -------
    Answer
        A row a drug and route, outcome and timepoint, with ``trials`` and ``participants`` (an arm
        counts once); 0 where no trial of the review gives a usable number. Timepoints are those
        at which any trial reports the outcome; empty where the review has none. ``route_basis`` is
        ``inferred`` if a trial's route is. ``trials_without_numbers`` counts known trials of the
        drug and route that give no usable number on anything, ``abstract_results`` results on the
        outcome printed in abstracts or registries, which are never pooled.

    Raises
    ------
    UsageError
        If a word is unknown.
    """
    if comparator not in (None, *_COMPARATORS):
        allowed = ", ".join(_COMPARATORS)
        raise UsageError(f"comparator: found {comparator!r}; allowed are {allowed}, or none")
    drugs = _wanted("drug", drug, DRUGS)
    outcomes = _wanted("outcome", outcome, tuple(OUTCOMES))
    treatments = trials.arms[trials.arms["role"] == "treatment"]
    records = _treatment_records(trials, comparator)
    routes = treatments[["trial", "drug", "route", "route_basis"]]
    pairs = sorted(
        {(d, r) for d, r in zip(routes["drug"], routes["route"], strict=True) if d in drugs},
        key=lambda pair: (glossary_order(pair[0]), glossary_order(pair[1])),
    )
    times = {name: _timepoints(trials, name) for name in outcomes}
    rows: list[dict[str, Any]] = []
    for (d, r), name in product(pairs, outcomes):
        arms = routes[(routes["drug"] == d) & (routes["route"] == r)]
        known = _without_numbers(trials, arms)
        printed = _printed(trials, treatments, d, r, name)
        for timepoint in times[name]:
            of_cell = records[
                (records["drug"] == d)
                & (records["route"] == r)
                & (records["outcome"] == name)
                & (records["timepoint"] == timepoint)
            ]
            basis = arms[arms["trial"].isin(of_cell["trial"])]["route_basis"]
            rows.append(
                {
                    "drug": d,
                    "route": r,
                    "outcome": name,
                    "timepoint": timepoint,
                    "trials": int(of_cell["trial"].nunique()),
                    "participants": _people(trials, of_cell),
                    "route_basis": _basis(basis),
                    "trials_without_numbers": known,
                    "abstract_results": printed,
                }
            )
    return Answer(
        query="evidence_map",
        records=tuple(rows),
        sentences=tuple(_holes(rows, drugs, outcomes, comparator)),
        value="trials",
        unit="trials",
        direction="a count, 0 means that no trial gives a usable number",
        about={"comparator": comparator or "any"},
        provenance={"inputs": dict(trials.digests)},
    )


def _wanted(name: str, given: str | Iterable[str] | None, known: tuple[str, ...]) -> list[str]:
    if given is None:
        return list(known)
    words = [given] if isinstance(given, str) else list(given)
    unknown = [word for word in words if word not in known]
    if unknown or not words:
        found = repr(unknown[0]) if unknown else "nothing"
        raise UsageError(f"{name}: found {found}; allowed are {', '.join(known)}")
    return words


def _treatment_records(trials: TrialData, comparator: str | None) -> pd.DataFrame:
    """Return the outcome records of treatment arms, with what they were compared with."""
    about = ["trial", "arm", "role", "drug", "route", "comparator", "stratum"]
    records = trials.outcomes.merge(trials.arms[about], on=["trial", "arm"], how="left")
    treated = records[records["role"] == "treatment"]
    controls = records[records["role"] == "control"]
    if comparator is not None:
        is_placebo = controls["comparator"] == "placebo"
        controls = controls[is_placebo if comparator == "placebo" else ~is_placebo]
    keys = [*_COMPARED, "arm", "n"]
    joined = treated.merge(
        controls[keys].rename(columns={"arm": "control_arm", "n": "n_control"}),
        on=list(_COMPARED),
        how="inner",
    )
    return joined


def _people(trials: TrialData, records: pd.DataFrame) -> int:
    """Return the different people in the arms of these records; an arm counts once."""
    arms: dict[tuple[str, str], int] = {}
    for arm, count in (("arm", "n"), ("control_arm", "n_control")):
        for trial, name, n in zip(records["trial"], records[arm], records[count], strict=True):
            arms[trial, name] = max(arms.get((trial, name), 0), int(n))
    return sum(arms.values())


def _timepoints(trials: TrialData, outcome: str) -> list[str]:
    found = trials.outcomes.loc[trials.outcomes["outcome"] == outcome, "timepoint"].unique()
    return sorted(map(str, found), key=glossary_order) or [""]


def _without_numbers(trials: TrialData, arms: pd.DataFrame) -> int:
    with_numbers = set(trials.outcomes["trial"])
    return len(set(arms["trial"]) - with_numbers)


def _printed(
    trials: TrialData, treatments: pd.DataFrame, drug: str, route: str, outcome: str
) -> int:
    """Return the number of abstract or registry results on one outcome of one drug and route."""
    of_pair = treatments[(treatments["drug"] == drug) & (treatments["route"] == route)]
    arms = set(zip(of_pair["trial"], of_pair["arm"], strict=True))
    printed = trials.abstract_outcomes
    results = printed[printed["outcome"] == outcome]
    return sum(
        pair in arms for pair in zip(results["trial"], results["treatment_arm"], strict=True)
    )


def _basis(values: pd.Series[str]) -> str:
    if values.empty:
        return ""
    return "inferred" if (values == "inferred").any() else "confirmed"


def _holes(
    rows: list[dict[str, Any]], drugs: list[str], outcomes: list[str], comparator: str | None
) -> list[str]:
    """Return a sentence a drug on the outcomes that none of its trials gives a number on."""
    against = {None: "", "placebo": " against placebo", "active": " against another medicine"}
    sentences = []
    for drug in drugs:
        own = [row for row in rows if row["drug"] == drug]
        seen = {row["outcome"] for row in own if row["trials"] > 0}
        missing = [OUTCOMES[name].lower() for name in outcomes if name not in seen]
        if own and missing:
            sentences.append(
                f"No trial of {drug} by any route{against[comparator]} gives a usable number on "
                f"{', '.join(missing)}."
            )
    return sentences
