"""Every trial with numbers: citation, design, dose, people, risk of bias, and its rows of data.

A trial named anywhere in the page links to its row here. Nothing is pooled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from bayes_nmda.query.coverage import trials_with_numbers
from bayes_nmda.report.numbers import JUDGEMENTS, identifier, outcome

if TYPE_CHECKING:
    from bayes_nmda.data import TrialData

#: Parts of a page in which no trial is linked: links, drawings, code, buttons, captions of folds.
_CLOSED: Final = ("a", "svg", "script", "style", "summary", "head", "button", "code", "h2", "h3")
NOT_STATED: Final = "not stated"


@dataclass(frozen=True)
class Trial:
    """One trial with numbers.

    Attributes
    ----------
    treatments
        Each treatment arm with its drug, route, dose and duration, in words.
    bias
        Judgement by domain of risk of bias.
    rows
        Each reported result: outcome, timepoint, arm, numbers, source.
    """

    name: str
    label: str
    citation: str
    doi: str
    design: str
    condition: str
    country: str
    randomised: str
    treatments: tuple[str, ...]
    comparators: tuple[str, ...]
    bias: Mapping[str, str]
    rows: tuple[Mapping[str, str], ...]

    @cached_property
    def slug(self) -> str:
        """Identifier of its row in the page."""
        return identifier("trial", self.name)


def trial_rows(trials: TrialData) -> list[Trial]:
    """Return every trial that gives a number of any outcome, in the order of their labels."""
    wanted = trials_with_numbers(trials)
    arms = {name: rows for name, rows in trials.arms.groupby("trial")}
    results = {name: rows for name, rows in trials.outcomes.groupby("trial")}
    found = [
        _trial(row, arms.get(row["trial"]), results.get(row["trial"]))
        for row in trials.trials.to_dict("records")
        if row["trial"] in wanted
    ]
    return sorted(found, key=lambda trial: trial.label.casefold())


def _trial(row: Mapping[Any, Any], arms: pd.DataFrame | None, rows: pd.DataFrame | None) -> Trial:
    given = [] if arms is None else arms.to_dict("records")
    results = [] if rows is None else rows.to_dict("records")
    names = {arm["arm"]: _arm(arm) for arm in given}
    bias = {"Randomisation": _judgement(row.get("rob_randomisation"))}
    bias["Overall"] = _judgement(row.get("rob_overall"))
    return Trial(
        row["trial"],
        text(row["label"]),
        text(row.get("citation")),
        text(row.get("doi")),
        " ".join(filter(None, (text(row.get("design")), _blinded(text(row.get("blinding"))))))
        or f"design {NOT_STATED}",
        text(row.get("condition")),
        text(row.get("country")),
        text(row.get("n_randomised")),
        tuple(dict.fromkeys(dose_words(arm) for arm in given if arm["role"] == "treatment")),
        tuple(dict.fromkeys(text(arm["drug"]) for arm in given if arm["role"] == "control")),
        bias,
        tuple(_result(one, names) for one in results),
    )


def _blinded(word: str) -> str:
    return "" if word in ("", "unclear", "none") else f"{word}-blind"


def _judgement(value: Any) -> str:
    word = text(value)
    return JUDGEMENTS.get(word, word.replace("_", " "))


def _arm(arm: Mapping[Any, Any]) -> str:
    drug = text(arm["drug"])
    route = text(arm["route"])
    return f"{drug}, {route}" if route and arm["role"] == "treatment" else drug


def dose_words(arm: Mapping[Any, Any]) -> str:
    """Return what people of an arm were given, ``"ketamine, oral: 0.5 mg/kg, 20 min"``."""
    how = ", ".join(filter(None, (text(arm.get("dose")), text(arm.get("duration")))))
    return f"{_arm(arm)}: {how or f'dose {NOT_STATED}'}"


def _result(row: Mapping[Any, Any], arms: Mapping[str, str]) -> dict[str, str]:
    if pd.notna(row["events"]):
        numbers = f"{row['events']:g} of {row['n']:g}"
    elif pd.notna(row["mean"]):
        numbers = f"{row['mean']:.4g} (SD {row['sd']:.4g}), n = {row['n']:g}"
    else:
        numbers = ""
    return {
        "outcome": outcome(text(row["outcome"])),
        "timepoint": text(row["timepoint"]),
        "arm": arms.get(row["arm"], text(row["arm"]).replace("_", " ")),
        "numbers": numbers,
        "source": " ".join(filter(None, (text(row["source"]), text(row["locator"])))),
    }


def text(value: Any) -> str:
    """Return a field of a table as text, empty where it is missing."""
    return "" if value is None or pd.isna(value) else str(value)


def linked(page: str, trials: Iterable[Trial]) -> str:
    """Return a page in which each trial that is named in its text links to its row.

    Text in links, drawings, code and the words of what folds is left alone.
    """
    targets = {trial.label: trial.slug for trial in trials if trial.label}
    if not targets:
        return page
    named = "|".join(re.escape(label) for label in sorted(targets, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w-])({named})(?![\w-])")
    closed, own = 0, False  # in the table of trials each names itself
    parts = re.split(r"(<[^>]*>)", page)
    for place, part in enumerate(parts):
        tag = re.match(r"<(/?)([a-zA-Z0-9]+)", part)
        if tag is not None and tag[2] == "table":
            own = 'id="trials-table"' in part
        elif tag is not None and tag[2].lower() in _CLOSED:
            closed += -1 if tag[1] else 0 if part.endswith("/>") else 1
        elif tag is None and not closed and not own and part.strip():
            parts[place] = pattern.sub(
                lambda name: f'<a href="#{targets[name[1]]}">{name[1]}</a>', part
            )
    return "".join(parts)
