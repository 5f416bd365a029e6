"""The tables of a model file as values: selection, structure, thresholds, sampling, gates.

They hold what the file says, checked against ``models/schema.json``; nothing is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Select:
    """Which rows are analysed."""

    outcome: str
    comparator: str


@dataclass(frozen=True, slots=True)
class Covariance:
    """What is assumed about errors that are shared."""

    timepoint_correlation: float
    source: str


@dataclass(frozen=True, slots=True)
class Structure:
    """How effects hang together."""

    pooling: str
    trial_effects: str
    multi_arm_correlation: float
    source: str
    degrees_of_freedom: float | None = None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Effects that a reader is told the probability of; positive, in the direction of benefit."""

    benefit: tuple[float, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How NUTS is run."""

    seed: int
    chains: int
    tune: int
    draws: int
    target_accept: float


@dataclass(frozen=True, slots=True)
class Gates:
    """What a fit must pass before anything is published from it."""

    r_hat_max: float
    ess_min: float
    divergences_max: int
    e_bfmi_min: float
    predictive_p_min: float
    engine_errors_max: float
