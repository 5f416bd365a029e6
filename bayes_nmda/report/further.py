"""Evidence that no model uses: results printed in abstracts, and trials without usable numbers.

Both are shown so that nobody takes their absence from the models for absence of research. They are
told as they are printed; nothing here is pooled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayes_nmda.query.coverage import trials_with_numbers
from bayes_nmda.report.numbers import outcome

if TYPE_CHECKING:
    from bayes_nmda.data import TrialData


@dataclass(frozen=True, slots=True)
class Printed:
    """One result as an abstract, a register or a report about the trial prints it."""

    trial: str
    pooled: bool
    drug: str
    comparator: str
    outcome: str
    when: str
    numbers: str
    source: str
    locator: str
    note: str

    @property
    def link(self) -> str:
        """Address of the source where it is one that a reader can open safely, else nothing."""
        return self.source if self.source.startswith("https://") else ""


@dataclass(frozen=True, slots=True)
class FurtherTrial:
    """One known trial without numbers that a model could use."""

    trial: str
    label: str
    drugs: str
    condition: str
    design: str
    randomised: int | None
    in_review: str
    doi: str
    printed: int


def printed_results(trials: TrialData) -> list[Printed]:
    """Return every result of ``abstract_outcomes.csv``, by drug, trial and outcome."""
    words = trials.vocabulary
    labels = trials.trials.set_index("trial")["label"]
    with_numbers = trials_with_numbers(trials)
    arms = {(row["trial"], row["arm"]): row for row in trials.arms.to_dict("records")}
    found = []
    for row in trials.abstract_outcomes.to_dict("records"):
        treated = arms.get((row["trial"], row["treatment_arm"]))
        control = arms.get((row["trial"], row["control_arm"]))
        drug = treated["drug"] if treated else _words(row["treatment_arm"])
        route = treated["route"] if treated else ""
        order = words.order(drug), words.order(route), labels[row["trial"]]
        found.append(
            (
                order,
                Printed(
                    labels[row["trial"]],
                    row["trial"] in with_numbers,
                    ", ".join(filter(None, (drug, route))),
                    control["drug"] if control else _words(row["control_arm"]),
                    _outcome(row["outcome"]),
                    _text(row["time_text"]),
                    _text(row["verbatim_numbers"]),
                    _text(row["source_url"]),
                    _text(row["source_locator"]),
                    _text(row["note"]),
                ),
            )
        )
    return [result for _, result in sorted(found, key=lambda pair: pair[0])]


def further_trials(trials: TrialData) -> list[FurtherTrial]:
    """Return the known trials that give no usable number, by drug and route."""
    words = trials.vocabulary
    with_numbers = trials_with_numbers(trials)
    results = trials.abstract_outcomes["trial"].value_counts()
    treated = trials.arms[trials.arms["role"] == "treatment"]
    found = []
    for row in trials.trials.to_dict("records"):
        if row["trial"] in with_numbers:
            continue
        arms = treated[treated["trial"] == row["trial"]]
        pairs = sorted(
            {(str(d), str(r)) for d, r in zip(arms["drug"], arms["route"], strict=True)},
            key=lambda pair: [words.order(part) for part in pair],
        )
        size = row["n_randomised"]
        found.append(
            (
                [words.order(part) for part in (pairs[0] if pairs else ("", ""))],
                FurtherTrial(
                    row["trial"],
                    row["label"],
                    "; ".join(", ".join(filter(None, pair)) for pair in pairs),
                    _text(row["condition"]),
                    _text(row["design"]),
                    None if pd.isna(size) else int(size),
                    _text(row["in_review"]),
                    _text(row["doi"]),
                    int(results.get(row["trial"], 0)),
                ),
            )
        )
    return [trial for _, trial in sorted(found, key=lambda pair: (pair[0], pair[1].label))]


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _words(value: Any) -> str:
    return _text(value).replace("_", " ")


def _outcome(name: str) -> str:
    return outcome(name.removeprefix("other:")).replace("_", " ")
