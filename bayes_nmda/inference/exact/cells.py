"""What the exact engine says of every cell, without a draw: differences and counts alike.

For whoever asks many analyses the same question, and needs no tree of each: leaving out trials,
other assumptions, simulated data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayes_nmda.errors import UsageError
from bayes_nmda.inference.exact import counts
from bayes_nmda.inference.exact.engine import (
    POINTS,
    beyond_by_point,
    exact_posterior,
    mixture_error,
    mixture_mean,
    mixture_sd,
    obstacle,
)
from bayes_nmda.model.counts import with_information
from bayes_nmda.model.structure import Layout

if TYPE_CHECKING:
    from bayes_nmda.effects import EffectTable
    from bayes_nmda.inference.exact.importance import Points
    from bayes_nmda.spec.spec import ModelSpec

    Floats = NDArray[np.float64]

#: Effective points below which, and Pareto k-hat above which, weights are not to be trusted.
_FEWEST, _PARETO_K_MAX = 100.0, 0.7


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Some cells as normal distributions at weighted points: means and SDs (point, cell)."""

    points: Points
    weight: Floats
    replicate: NDArray[np.int64]
    mean: Floats
    sd: dict[str, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class ExactCells:
    """Posterior of every cell as a mixture of normal distributions.

    Attributes
    ----------
    cells
        Their labels. A cell of counts that is refused, because nothing informs it, is not there.
    parts
        One, or one for each cell where cells are analysed alone.
    """

    cells: tuple[str, ...]
    parts: tuple[_Part, ...]

    def probability(self, target: str, threshold: float, sign: float) -> tuple[Floats, Floats]:
        """Return the probability of an effect at or beyond a threshold by cell, and its error.

        Parameters
        ----------
        target
            ``"mean"``, of trials like these, or ``"new_trial"``.
        threshold
            In the direction of ``sign``, in the unit of the effect.
        sign
            −1 where negative effects count, 1 where positive ones do.
        """
        found = []
        for part in self.parts:
            beyond = beyond_by_point(part.mean, part.sd[target], threshold, sign)
            found.append(
                (
                    mixture_mean(part.weight, beyond),
                    mixture_error(part.weight, beyond, part.replicate),
                )
            )
        value, error = (np.concatenate(part) for part in zip(*found, strict=True))
        return value, error

    def mean(self) -> Floats:
        """Return posterior means by cell, those of a new trial too, in the unit of the effect."""
        return np.concatenate([mixture_mean(part.weight, part.mean) for part in self.parts])

    def sd(self, target: str) -> Floats:
        """Return posterior SDs of a target by cell."""
        return np.concatenate(
            [mixture_sd(part.weight, part.mean, part.sd[target]) for part in self.parts]
        )

    @property
    def log_marginal(self) -> float:
        """Log marginal likelihood of the data."""
        return sum(part.points.log_marginal for part in self.parts)

    @property
    def reliable(self) -> bool:
        """Whether the weights of every part may be trusted; a grid has none that are random."""
        return all(
            np.isnan(part.points.pareto_k)
            or (part.points.pareto_k <= _PARETO_K_MAX and part.points.effective >= _FEWEST)
            for part in self.parts
        )


def exact_cells(
    spec: ModelSpec, effects: EffectTable, *, seed: int | None = None, coarser: int = 1
) -> ExactCells:
    """Return the posterior of every cell of an analysis.

    Parameters
    ----------
    spec, effects
        The analysis, and its contrasts.
    seed
        Instead of the seed in the model file.
    coarser
        Of how many points of a fit one is used: 1, 2, 4 or 8. Errors grow by its root.

    Raises
    ------
    UsageError
        If the exact engine cannot do this analysis.
    QueryError
        If no trial says anything about a ratio of counts.
    FitError
        If the data cannot be integrated over.
    """
    if (reason := obstacle(spec)) is not None:
        raise UsageError(f"model {spec.name}: the exact engine cannot do this analysis: {reason}")
    seed = spec.sampling.seed if seed is None else seed
    if spec.likelihood.family == "normal":
        found = exact_posterior(spec, effects, seed=seed, points=max(POINTS // coarser, 1))
        parts = tuple(
            _Part(
                m.points,
                m.weight,
                m.replicate,
                m.mean["effect"],
                {"mean": m.sd["effect"], "new_trial": m.sd["new_trial"]},
            )
            for m in found.mixtures
        )
        return ExactCells(found.layout.cells, parts)
    used, _ = with_information(spec, effects)
    layout = Layout.of(used.frame)
    parameters = counts.parameters_of(spec)
    points = max(counts.POINTS // coarser, 1)
    return ExactCells(
        layout.cells,
        tuple(
            _of_counts(counts.integrate(hierarchy, parameters, seed, points=points), len(cells))
            for hierarchy, cells in counts.hierarchies(spec, used, layout)
        ),
    )


def _of_counts(weighted: counts.Weighted, cells: int) -> _Part:
    """Return cells as normal distributions; where all have one effect there is one level."""
    level = np.broadcast_to(weighted.level, (len(weighted.level), cells))
    width = np.broadcast_to(weighted.width[:, None], level.shape)
    visit = weighted.scales.get("sd_trial_timepoint", np.zeros(len(level)))
    scatter = weighted.scales["tau"] ** 2 + visit**2
    sds = {"mean": width, "new_trial": np.sqrt(width**2 + scatter[:, None])}
    return _Part(weighted.points, weighted.points.weight, weighted.points.replicate, level, sds)
