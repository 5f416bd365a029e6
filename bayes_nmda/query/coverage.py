"""Where there is evidence, and where there is none.

`evidence_map` counts trials and people for every drug and route, outcome and timepoint, holes
included. It reads the tables alone, no model: a hole is a finding about the trials.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda.data.crossover import FIRST_PERIOD, RANDOMISED, crossed, same_people
from bayes_nmda.errors import UsageError
from bayes_nmda.query.answer import Answer
from bayes_nmda.query.words import alternatives

if TYPE_CHECKING:
    import pandas as pd

    from bayes_nmda.data import TrialData, Vocabulary

#: ``route_basis`` of trials whose route no source gives.
NOT_STATED: Final = "not stated"
#: Columns that say what a trial gave.
_GIVEN: Final = ("trial", "drug", "route")
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
        The project's reference, ``"placebo"``, or its word for all others, ``"active"``; left out
        means any.

    Returns
    -------
    Answer
        A row a drug and route, outcome and timepoint, with ``trials`` and ``participants`` (an arm
        counts once); 0 where no trial of the review gives a usable number. Timepoints are those
        at which any trial reports the outcome; empty where the review has none. ``route_basis`` is
        ``inferred`` if a trial's route is, and ``not stated`` where ``route`` is empty because our
        sources do not say it. ``trials_without_numbers`` counts known trials of the drug and route
        that give no usable number on anything (a trial of two drugs counts under both),
        ``abstract_results`` results on the outcome printed in abstracts or registries, which are
        never pooled. ``.sentence`` names the outcomes without a number and, over all outcomes, the
        trials without one.

    Raises
    ------
    UsageError
        If a word is unknown, or the tables are a plain frame's, which tell nothing of the review.
    """
    if RANDOMISED not in trials.trials:
        raise UsageError(
            "evidence_map: found a plain table of numbers; allowed are a project's tables, which "
            "say what a review looked for and did not find"
        )
    words = trials.vocabulary
    if comparator not in (None, words.reference, words.others):
        allowed = f"{words.reference}, {words.others}"
        raise UsageError(f"comparator: found {comparator!r}; allowed are {allowed}, or none")
    treatments = trials.arms[trials.arms["role"] == "treatment"]
    drugs = _wanted("drug", drug, words.treatments or _found(treatments["drug"]))
    outcomes = _wanted(
        "outcome", outcome, tuple(words.outcomes) or _found(trials.outcomes["outcome"])
    )
    given = _given(trials, comparator)
    records = _treatment_records(trials, comparator)
    named = [*zip(treatments["drug"], treatments["route"], strict=True)]
    named += [(drug, route) for drug, route, *_ in given]
    pairs = sorted(
        {(str(d), str(r)) for d, r in named if d in drugs},
        key=lambda pair: (words.order(pair[0]), words.order(pair[1])),
    )
    times = {name: _timepoints(trials, name, given) for name in outcomes}
    rows: list[dict[str, Any]] = []
    with_numbers = trials_with_numbers(trials)
    printed = _printed(trials, treatments)
    by_cell = dict(list(records.groupby(["drug", "route", "outcome", "timepoint"])))
    by_pair = dict(list(treatments.groupby(["drug", "route"])))
    for pair, name in product(pairs, outcomes):
        arms = by_pair.get(pair, treatments.iloc[:0])
        known = len(set(arms["trial"]) - with_numbers)
        for timepoint in times[name]:
            found = by_cell.get((*pair, name, timepoint))
            trial_names = set() if found is None else set(found["trial"])
            effects = given.get((*pair, name, timepoint), {})
            rows.append(
                {
                    "drug": pair[0],
                    "route": pair[1],
                    "outcome": name,
                    "timepoint": timepoint,
                    "trials": len(trial_names | set(effects)),
                    "participants": (0 if found is None else _people(found))
                    + sum(effects.values()),
                    "route_basis": _basis(arms, pair[1], trial_names),
                    "trials_without_numbers": known,
                    "abstract_results": printed[(*pair, name)],
                }
            )
    return Answer(
        query="evidence_map",
        records=tuple(rows),
        sentences=(
            *_holes(rows, drugs, outcomes, comparator, len(with_numbers), words),
            *([] if outcome is not None else _without_numbers(trials, treatments, drugs, words)),
        ),
        value="trials",
        unit="trials",
        direction="a count, 0 means that no trial gives a usable number",
        about={"comparator": comparator or "any"},
        provenance={"inputs": dict(trials.digests)},
    )


def _given(
    trials: TrialData, comparator: str | None
) -> dict[tuple[str, str, str, str], dict[str, int]]:
    """Return people by trial of effects without arms, by drug, route, outcome and timepoint."""
    table, words = trials.contrasts, trials.vocabulary
    found: dict[tuple[str, str, str, str], dict[str, int]] = {}
    if table is None:
        return found
    against = table["comparator"] if "comparator" in table else [words.reference] * len(table)
    names = ("drug", "route", "outcome", "timepoint", "trial")
    people = table[["n_t", "n_c"]].fillna(0).astype(int).sum(axis=1)
    for *cell, trial, other, n in zip(*(table[x] for x in names), against, people, strict=True):
        if comparator is None or (other == words.reference) == (comparator == words.reference):
            of = found.setdefault((cell[0], cell[1], cell[2], cell[3]), {})
            of[trial] = of.get(trial, 0) + int(n)
    return found


def trials_with_numbers(trials: TrialData) -> set[str]:
    """Return the trials that give a usable number, of an arm or an effect."""
    effects = set() if trials.contrasts is None else set(trials.contrasts["trial"])
    return set(trials.outcomes["trial"]) | effects


def _found(words: pd.Series[str]) -> tuple[str, ...]:
    return tuple(sorted(set(words) - {""}))


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
    of_trial = trials.trials[["trial", "design", RANDOMISED]]
    records = records.merge(of_trial, on="trial", how="left")
    treated = records[records["role"] == "treatment"]
    controls = records[records["role"] == "control"]
    if comparator is not None:
        reference = trials.vocabulary.reference
        is_reference = controls["comparator"] == reference
        controls = controls[is_reference if comparator == reference else ~is_reference]
    keys = [*_COMPARED, "arm", "n", FIRST_PERIOD]
    names = {"arm": "control_arm", "n": "n_control", FIRST_PERIOD: "control_first"}
    joined = treated.merge(controls[keys].rename(columns=names), on=list(_COMPARED), how="inner")
    first = joined[[FIRST_PERIOD, "control_first"]].astype(bool).all(axis=1).to_numpy(dtype=bool)
    return joined.assign(same=crossed(joined, first) & same_people(joined, "n", "n_control"))


def _people(records: pd.DataFrame) -> int:
    """Return the different people in the arms of these records.

    An arm counts once, and so do people who had, or may have had, both treatments.
    """
    arms: dict[tuple[str, str], int] = {}

    def add(trial: str, name: str, n: int) -> None:
        arms[trial, name] = max(arms.get((trial, name), 0), n)

    names = ("trial", "arm", "n", "control_arm", "n_control", "same")
    for trial, arm, n, control, n_control, same in zip(
        *(records[name] for name in names), strict=True
    ):
        add(trial, arm, max(int(n), int(n_control)) if same else int(n))
        if not same:
            add(trial, control, int(n_control))
    return sum(arms.values())


def _timepoints(
    trials: TrialData, outcome: str, given: Iterable[tuple[str, str, str, str]]
) -> list[str]:
    found = set(trials.outcomes.loc[trials.outcomes["outcome"] == outcome, "timepoint"])
    found |= {timepoint for _, _, name, timepoint in given if name == outcome}
    return sorted(map(str, found), key=trials.vocabulary.order) or [""]


def _printed(trials: TrialData, arms: pd.DataFrame) -> Counter[tuple[str, str, str]]:
    """Count abstract or registry results by drug, route and outcome."""
    columns = (arms[name] for name in ("trial", "arm", "drug", "route"))
    of_arm = {(trial, arm): (drug, route) for trial, arm, drug, route in zip(*columns, strict=True)}
    results = trials.abstract_outcomes
    columns = (results[name] for name in ("trial", "treatment_arm", "outcome"))
    return Counter(
        (*of_arm[trial, arm], outcome)
        for trial, arm, outcome in zip(*columns, strict=True)
        if (trial, arm) in of_arm
    )


def _basis(arms: pd.DataFrame, route: str, trial_names: set[str]) -> str:
    if not route:
        return NOT_STATED
    if not trial_names:
        return ""
    pairs = zip(arms["trial"], arms["route_basis"], strict=True)
    inferred = any(basis == "inferred" for trial, basis in pairs if trial in trial_names)
    return "inferred" if inferred else "confirmed"


def _holes(
    rows: list[dict[str, Any]],
    drugs: list[str],
    outcomes: list[str],
    comparator: str | None,
    trials: int,
    words: Vocabulary,
) -> list[str]:
    """Return a sentence on the outcomes that no trial gives a number on, one for drugs alike.

    What trials without numbers measured is not known, so that nothing is said of them.
    """
    against = f" against {words.comparator(comparator)}" if comparator else ""
    silent: dict[tuple[str, ...], list[str]] = {}
    for drug in drugs:
        own = [row for row in rows if row["drug"] == drug]
        seen = {row["outcome"] for row in own if row["trials"] > 0}
        missing = tuple(words.outcome(name).label.lower() for name in outcomes if name not in seen)
        if own and missing:
            silent.setdefault(missing, []).append(drug)
    return [
        f"None of the {trials} trials with numbers gives one on {alternatives(missing)} with "
        f"{alternatives(some)}{against}, by any route."
        for missing, some in silent.items()
    ]


def _without_numbers(
    trials: TrialData, arms: pd.DataFrame, drugs: list[str], words: Vocabulary
) -> list[str]:
    """Return a sentence on the known trials that give no usable number on any outcome."""
    unusable = arms[~arms["trial"].isin(trials_with_numbers(trials)) & arms["drug"].isin(drugs)]
    if unusable.empty:
        return []
    counts: Counter[tuple[str, str]] = Counter()
    for _, drug, route in sorted({*zip(*(unusable[n] for n in _GIVEN), strict=True)}):
        counts[drug, route] += 1
    order = words.order
    pairs = sorted(counts, key=lambda pair: (order(pair[0]), order(pair[1])))
    named = [
        f"{route} {drug} {counts[drug, route]}"
        if route
        else f"{drug} by a route {NOT_STATED} {counts[drug, route]}"
        for drug, route in pairs
    ]
    known = arms.loc[arms["drug"].isin(drugs), "trial"].nunique()
    return [
        f"{unusable['trial'].nunique()} of {known} known trials give no usable number on any "
        f"outcome (a trial of two drugs counts under both): {', '.join(named)}."
    ]
