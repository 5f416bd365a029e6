"""The tables of a model file as values: selection, structure, thresholds, sampling, gates.

They hold what the file says, checked against ``models/schema.json``; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Select:
    """Which rows are analysed."""

    outcome: str
    comparator: str


@dataclass(frozen=True, slots=True)
class Familiar:
    """An instrument in whose units a standardised difference is also told.

    Attributes
    ----------
    sd
        Standard deviation between patients on that instrument: one standardised unit.
    better
        Which values of the instrument are better: ``"lower"`` or ``"higher"``.
    """

    instrument: str
    unit: str
    sd: float
    better: str
    source: str


@dataclass(frozen=True, slots=True)
class Covariance:
    """What is assumed about errors that are shared.

    Attributes
    ----------
    crossover
        How crossover trials enter whose numbers are not of the first period: ``"as_parallel"``,
        ``"paired"`` with `crossover_correlation` within people, or None, which refuses them.
    crossover_source
        Why that is assumed.
    """

    timepoint_correlation: float
    source: str
    crossover: str | None = None
    crossover_correlation: float | None = None
    crossover_source: str | None = None


@dataclass(frozen=True, slots=True)
class Structure:
    """How effects hang together."""

    pooling: str
    trial_effects: str
    multi_arm_correlation: float
    source: str
    degrees_of_freedom: float | None = None
    timepoints: bool = True


@dataclass(frozen=True, slots=True)
class Abstract:
    """One result printed in an abstract, and how it enters.

    Attributes
    ----------
    id
        Key of the row in ``abstract_outcomes.csv``.
    timepoint
        Class of timepoint; assigned by the model file, not by the review.
    design
        ``"paired"`` where the same people had both treatments, else ``"parallel"``.
    error
        Which printed numbers give its error.
    """

    id: str
    timepoint: str
    design: str
    error: str
    source: str


@dataclass(frozen=True, slots=True)
class Supplement:
    """Results printed in abstracts that are added to the review's rows.

    Attributes
    ----------
    scale_min, scale_max
        Ends of the scale of the model's effects, to which each result is brought.
    """

    scale_min: float
    scale_max: float
    source: str
    rows: tuple[Abstract, ...]

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> Supplement:
        """Return what a table of a model file adds."""
        rows = tuple(Abstract(id=key, **row) for key, row in table["rows"].items())
        ends = (float(table["scale_min"]), float(table["scale_max"]))
        return cls(*ends, source=table["source"], rows=rows)

    def to_mapping(self) -> dict[str, Any]:
        """Return the table of a model file that adds these results."""
        rows = {row.id: asdict(row) for row in self.rows}
        for row in rows.values():
            del row["id"]
        return {**{k: v for k, v in asdict(self).items() if k != "rows"}, "rows": rows}


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How the observed scatters around the true.

    Attributes
    ----------
    family
        ``"normal"`` for differences. Of counts: ``"conditional"``, each trial given its total
        number of events; ``"binomial"`` and ``"beta_binomial"``, arms around a midpoint with a
        prior.
    """

    family: str = "normal"
    source: str = "Mean differences are close to normal; their standard errors are taken as known."


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Effects that a reader is told the probability of, in the direction of the question.

    Attributes
    ----------
    benefit
        Differences, positive, in the unit of the effect.
    odds_ratio, risk_ratio
        Ratios of 1 or more.
    risk_difference
        Differences of risk, 0 to 1.
    """

    source: str
    benefit: tuple[float, ...] = ()
    odds_ratio: tuple[float, ...] = ()
    risk_ratio: tuple[float, ...] = ()
    risk_difference: tuple[float, ...] = ()

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> Thresholds:
        """Return the thresholds that a table of a model file lists."""
        listed = {
            name: tuple(float(value) for value in values)
            for name, values in table.items()
            if name != "source"
        }
        return cls(source=table["source"], **listed)

    @property
    def benefit_sizes(self) -> tuple[float, ...]:
        """Any benefit, which is 0, then the sizes of `benefit` above it, the smallest first."""
        return _sizes(self.benefit)

    @property
    def risk_sizes(self) -> tuple[float, ...]:
        """Any difference, which is 0, then those of `risk_difference` above it."""
        return _sizes(self.risk_difference)

    def to_mapping(self) -> dict[str, Any]:
        """Return the table of a model file that lists these thresholds."""
        lists = (self.benefit, self.odds_ratio, self.risk_ratio, self.risk_difference)
        names = ("benefit", "odds_ratio", "risk_ratio", "risk_difference")
        table: dict[str, Any] = {
            name: list(values) for name, values in zip(names, lists, strict=True) if values
        }
        return table | {"source": self.source}


def _sizes(listed: tuple[float, ...]) -> tuple[float, ...]:
    return (0.0, *sorted({size for size in listed if size > 0}))


#: Least and largest of what a caller may ask for instead of the numbers in the model file.
RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "seed": (0, 2**32 - 1), "draws": (1, 100_000), "chains": (1, 100)
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sampling:
    """How NUTS is run.

    Attributes
    ----------
    seed
        One integer for all randomness.
    chains
        Chains, each tuned on its own.
    tune
        Draws of a chain that are thrown away while the sampler adapts.
    draws
        Draws of a chain that are kept.
    thin
        Draws that are sampled for each one that is kept.
    target_accept
        Average probability of acceptance that the step size is adapted to.
    """

    seed: int
    chains: int
    tune: int
    draws: int
    target_accept: float
    thin: int = 1


@dataclass(frozen=True, slots=True)
class Gates:
    """What a fit must pass before anything is published from it.

    Attributes
    ----------
    engine_errors_max
        How many standard errors the two engines may be apart.
    """

    r_hat_max: float
    ess_min: float
    divergences_max: int
    e_bfmi_min: float
    predictive_p_min: float
    engine_errors_max: float
