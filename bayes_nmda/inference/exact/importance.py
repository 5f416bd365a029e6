"""Integration over a few standard deviations by importance sampling with bounded weights.

The target is a likelihood times a standard normal: every SD is put on the normal-score scale of
its own prior, where a half-normal prior that piles up at zero has no edge. The proposal is a normal
distribution matched to the target, mixed with a share of the prior itself, so that no weight can
exceed the largest likelihood ratio divided by that share, whatever the tails are. Points are
scrambled Sobol points in independent replicates: deterministic given the seed, more even than
random ones, and the scatter between replicates is the numerical error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bayes_nmda.errors import FitError

Floats = NDArray[np.float64]

#: Share of points from the prior, and by how much the matched covariance is widened. Defensive
#: mixtures: Hesterberg 1995, Technometrics 37:185.
DEFENSIVE_SHARE = 0.1
WIDENING = 1.3
#: Points of a step of adaptation.
ADAPTATION_POINTS = 512
#: A step raises the power of the likelihood as far as this share of its points stays effective.
EFFECTIVE_SHARE = 0.25
#: Rounds of matching with the whole likelihood.
ROUNDS = 2
_STEPS = 60
#: Normal scores beyond this are taken for this; a prior has 6e-16 of its mass there.
_FARTHEST = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Weighted points of one integration.

    Attributes
    ----------
    z
        Normal scores, shape (point, dimension).
    log_likelihood
        Shape (point,).
    weight
        Shape (point,), sum 1.
    replicate
        Number of the independent replicate of each point, shape (point,).
    log_marginal
        Log of the integral of likelihood times prior.
    log_marginal_error
        Its numerical standard error.
    pareto_k
        Shape of the upper tail of the weights; below 0.7 they may be trusted. Not a number where
        the points are those of a quadrature rule.
    """

    z: Floats
    log_likelihood: Floats
    weight: Floats
    replicate: NDArray[np.int64]
    log_marginal: float
    log_marginal_error: float
    pareto_k: float

    @property
    def effective(self) -> float:
        """Effective number of points, 1 / Σ weight²."""
        return float(1.0 / np.sum(self.weight**2))


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """A mixture of the standard normal prior and of a normal distribution matched to the target.

    Attributes
    ----------
    mean
        Shape (dimension,).
    root
        Lower root of its covariance, shape (dimension, dimension).
    """

    mean: Floats
    root: Floats

    def points(self, points: int, replicates: int, seed: int) -> Floats:
        """Return points, replicate after replicate, shape (points · replicates, dimension)."""
        return np.concatenate(
            [self.place(points, (seed, 1, number)) for number in range(replicates)]
        )

    def place(self, points: int, seed: tuple[int, ...]) -> Floats:
        """Return scrambled Sobol points; a coordinate of its own says which part made a point."""
        score, part = _scores(len(self.mean), points, seed)
        z = np.where(part < DEFENSIVE_SHARE, score, self.mean + score @ self.root.T)
        clipped: Floats = np.clip(z, -_FARTHEST, _FARTHEST)
        return clipped

    def log_ratio(self, z: Floats) -> Floats:
        """Return the log density of the prior minus that of the proposal."""
        white = np.linalg.solve(self.root, (z - self.mean).T).T
        matched = _log_normal(white) - np.log(np.diag(self.root)).sum()
        prior = _log_normal(z)
        both = np.logaddexp(np.log(DEFENSIVE_SHARE) + prior, np.log1p(-DEFENSIVE_SHARE) + matched)
        return np.asarray(prior - both)

    def weigh(self, z: Floats, log_likelihood: Floats, replicates: int) -> Points:
        """Return the points with their weights.

        Parameters
        ----------
        z
            From `points`.
        log_likelihood
            At each of them.
        replicates
            As they were made with.
        """
        log_weight = _finite(log_likelihood) + self.log_ratio(z)
        largest = log_weight.max()
        raw = np.exp(log_weight - largest)
        per_replicate = raw.reshape(replicates, -1).mean(axis=1)
        average = float(per_replicate.mean())
        relative = float(np.std(per_replicate, ddof=1) / np.sqrt(replicates) / average)
        return Points(
            z=z,
            log_likelihood=log_likelihood,
            weight=raw / raw.sum(),
            replicate=np.repeat(np.arange(replicates), len(z) // replicates),
            log_marginal=float(largest + np.log(average)),
            log_marginal_error=relative,
            pareto_k=pareto_k(log_weight),
        )


@lru_cache(maxsize=1024)
def _scores(dimension: int, points: int, seed: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return normal scores (point, dimension) and a uniform number (point, 1), evenly spread.

    Every refit of a model asks for the same ones.
    """
    from scipy.special import ndtri
    from scipy.stats import qmc

    sobol = qmc.Sobol(dimension + 1, scramble=True, rng=np.random.default_rng(seed))
    u = np.clip(sobol.random(points), 1e-15, 1 - 1e-15)
    score, part = ndtri(u[:, :-1]), u[:, -1:]
    score.flags.writeable = part.flags.writeable = False
    return score, part


def matched_proposal(
    log_likelihood: Callable[[Floats], Floats],
    dimension: int,
    seed: int,
    *,
    points: int = ADAPTATION_POINTS,
) -> Proposal:
    """Return a proposal for the posterior whose prior is standard normal.

    The posterior is reached through tempered forms of itself, each close enough to the last for a
    quarter of the points to stay effective.

    Parameters
    ----------
    log_likelihood
        Takes normal scores (point, dimension), returns (point,).
    dimension
        Number of parameters.
    seed
        Of the scrambling.
    points
        Points of a step of adaptation, a power of 2.

    Raises
    ------
    FitError
        If the likelihood is zero or not a number at every point, or too narrow for its prior.

    References
    ----------
    Owen & Zhou 2000, J Am Stat Assoc 95:135 (mixture proposals, bounded weights); Cappé et al.
    2008, Stat Comput 18:447 (adaptation by moments); Owen 1998, ACM TOMACS 8:71 (scrambled nets).
    """
    proposal = Proposal(np.zeros(dimension), np.eye(dimension))
    power, settled = 0.0, 0
    for step in range(_STEPS):
        z = proposal.place(points, (seed, 0, step))
        value = _finite(log_likelihood(z))
        base = proposal.log_ratio(z)
        power = _next_power(value, base, power)
        weight = np.exp(_shifted(power * value + base))
        weight /= weight.sum()
        mean = weight @ z
        centred = z - mean
        covariance = (weight[:, None] * centred).T @ centred
        proposal = Proposal(mean, np.linalg.cholesky(WIDENING * covariance))
        settled += power == 1.0
        if settled == ROUNDS:
            return proposal
    raise FitError(
        "the exact engine did not settle: the likelihood is too narrow for its prior; use "
        "engine='nuts'"
    )


def _next_power(value: Floats, base: Floats, power: float) -> float:
    """Return the largest power of the likelihood, up to 1, that leaves enough effective points."""

    def effective(candidate: float) -> float:
        weight = np.exp(_shifted(candidate * value + base))
        return float(weight.sum() ** 2 / (weight**2).sum() / len(value))

    if effective(1.0) >= EFFECTIVE_SHARE:
        return 1.0
    low, high = power, 1.0
    for _ in range(30):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) >= EFFECTIVE_SHARE else (low, middle)
    return low


def _finite(value: Floats) -> Floats:
    if not np.isfinite(value).any():
        raise FitError(
            "the exact engine found no point of the prior at which the data have a density; look "
            "at the standard errors and the priors"
        )
    return np.where(np.isfinite(value), value, -np.inf)


def _shifted(value: Floats) -> Floats:
    shifted: Floats = value - value.max()
    return shifted


def _log_normal(z: Floats) -> Floats:
    return np.asarray(-0.5 * (z**2).sum(axis=1) - 0.5 * z.shape[1] * np.log(2 * np.pi))


def pareto_k(log_weight: Floats) -> float:
    """Return the shape of the generalised Pareto distribution of the largest weights.

    References
    ----------
    Vehtari et al. 2024, J Mach Learn Res 25:72.
    """
    from arviz_stats.base import array_stats

    _, shape = array_stats.psislw(-log_weight)  # it takes log likelihoods
    return float(shape)
