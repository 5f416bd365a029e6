"""Tables small enough to check by hand, in the shape of those in ``data/``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import settings

from bayes_nmda.data import Vocabulary, load_vocabulary
from bayes_nmda.terms import Measure

settings.register_profile("short", deadline=None, max_examples=50, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=2000, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))


@dataclass(frozen=True)
class Tables:
    trials: pd.DataFrame
    arms: pd.DataFrame
    outcomes: pd.DataFrame
    abstract_outcomes: pd.DataFrame = field(default_factory=pd.DataFrame)
    contrasts: None = None
    vocabulary: Vocabulary = field(default_factory=load_vocabulary)


@dataclass(frozen=True)
class Selection:
    outcome: str = "pain_intensity"
    comparator: str = "placebo"


@dataclass(frozen=True)
class Repeats:
    timepoint_correlation: float = 0.6
    crossover: str | None = None
    crossover_correlation: float | None = None


@dataclass(frozen=True)
class Settings:
    select: Selection = field(default_factory=Selection)
    measure: Measure = "MD"
    covariance: Repeats = field(default_factory=Repeats)
    unit: str = "points"
    benefit: str = "negative"
    likelihood: str = "normal"
    supplement: None = None
    covariates: tuple[()] = ()
    reference_correlation: None = None


def trial_row(trial: str, label: str) -> dict[str, object]:
    return {"trial": trial, "label": label, "rob_randomisation": "low"}


def arm_row(trial: str, arm: str, drug: str, route: str = "oral", **more: str) -> dict[str, object]:
    role = "treatment" if drug in {"ketamine", "memantine", "dextromethorphan"} else "control"
    row = {
        "trial": trial,
        "arm": arm,
        "role": role,
        "drug": drug,
        "route": route,
        "route_basis": "confirmed" if role == "treatment" else "",
        "comparator": "" if role == "treatment" else drug,
        "stratum": "",
        "merged_from": "",
    }
    return row | more


def score(
    trial: str, arm: str, timepoint: str, mean: float, sd: float, n: int, **more: object
) -> dict[str, object]:
    row: dict[str, object] = {
        "trial": trial,
        "arm": arm,
        "outcome": "pain_intensity",
        "timepoint": timepoint,
        "instrument": "pain scale",
        "higher_is_better": False,
        "kind": "continuous",
        "mean": mean,
        "sd": sd,
        "n": n,
        "events": None,
        "digitised": False,
    }
    return row | more


def count(trial: str, arm: str, events: int, n: int, **more: object) -> dict[str, object]:
    row = score(trial, arm, "", 0.0, 1.0, n, outcome="nausea", kind="binary", instrument="")
    return row | {"mean": None, "sd": None, "events": events} | more


@pytest.fixture
def tables() -> Tables:
    """Three trials: two timepoints, a shared placebo arm, an arm that received an active drug."""
    return Tables(
        trials=pd.DataFrame(
            [
                trial_row("abel", "Abel 2001"),
                trial_row("bell", "Bell 2002"),
                trial_row("cole", "Cole 2003"),
            ]
        ),
        arms=pd.DataFrame(
            [
                arm_row("abel", "ketamine", "ketamine", "intravenous"),
                arm_row("abel", "placebo", "placebo", "intravenous"),
                arm_row("bell", "memantine", "memantine"),
                arm_row("bell", "dextromethorphan", "dextromethorphan"),
                arm_row("bell", "placebo", "placebo"),
                arm_row("cole", "ketamine", "ketamine", "topical"),
                arm_row("cole", "placebo", "placebo", "topical"),
                arm_row("cole", "amitriptyline", "amitriptyline", "topical"),
            ]
        ),
        outcomes=pd.DataFrame(
            [
                score("abel", "ketamine", "immediate", 30.0, 20.0, 25, digitised=True),
                score("abel", "placebo", "immediate", 50.0, 30.0, 36),
                score("abel", "ketamine", "short", 40.0, 25.0, 25),
                score("abel", "placebo", "short", 45.0, 24.0, 36),
                score("bell", "memantine", "short", 55.0, 10.0, 20),
                score("bell", "dextromethorphan", "short", 50.0, 12.0, 16),
                score("bell", "placebo", "short", 60.0, 15.0, 25),
                score("cole", "ketamine", "short", 44.0, 18.0, 9),
                score("cole", "placebo", "short", 42.0, 16.0, 16),
                score("cole", "amitriptyline", "short", 43.0, 17.0, 10),
                count("abel", "ketamine", 5, 25),
                count("abel", "placebo", 0, 36),
                count("bell", "memantine", 0, 20),
                count("bell", "dextromethorphan", 4, 16),
                count("bell", "placebo", 0, 25),
            ]
        ),
    )


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """Makers of rows and settings, to change the tables with."""
    return SimpleNamespace(arm=arm_row, score=score, count=count, settings=make_settings)


def make_settings(
    *, outcome: str = "pain_intensity", comparator: str = "placebo", rho: float = 0.6, **more: str
) -> Settings:
    return Settings(Selection(outcome, comparator), covariance=Repeats(rho), **more)
