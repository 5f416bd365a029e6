"""One meta-analysis whose trials may be a selection, or whose effects lean with their errors.

Two kinds of bias. *Selection*: a trial is published with a relative probability that is a step
function of its one-sided or two-sided p-value, so that what is observed has the density of a
normal times its step's weight over the average weight. *Slope*: an effect is off by a coefficient
times its standard error (PET) or its square (PEESE). Every model is integrated without MCMC: on
even grids of normal scores where one or two parameters are left, else over weighted points.

References
----------
Hedges 1992, Stat Sci 7:246; Vevea & Hedges 1995, Psychometrika 60:419 (step functions); Stanley &
Doucouliagos 2014, Res Synth Methods 5:60 (PET, PEESE); Bartoš et al. 2023, Res Synth Methods 14:99
(averaging over them).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_nmda.errors import UsageError
from bayes_nmda.inference.exact.grid import SIDES, integrate_on_grid
from bayes_nmda.inference.exact.importance import Points, matched_proposal

if TYPE_CHECKING:
    from collections.abc import Callable

    from bayes_nmda.spec.priors import Prior

Floats = NDArray[np.float64]
Side = Literal["less", "greater", "two"]
#: Points of a replicate and replicates, where a grid has too many dimensions.
POINTS, REPLICATES = 1024, 16
_LOG_2PI: Final = float(np.log(2 * np.pi))
#: Steps into which one of a grid is cut for a probability.
_FINER: Final = 32
#: Numbers evaluated together.
_MOST_NUMBERS: Final = 2_000_000
#: Nodes of the rule over each weight, by the number of weights that are free.
_NODES: Final = (32, 16, 10, 8)


@dataclass(frozen=True, slots=True)
class Steps:
    """Where the probability of publication steps, and in which direction effects are wanted.

    Attributes
    ----------
    cuts
        P-values between 0 and 1, ascending: n of them make n + 1 steps.
    side
        ``"less"`` if small p-values belong to negative effects, ``"greater"`` if to positive ones,
        ``"two"`` for two-sided p-values.
    """

    cuts: tuple[float, ...]
    side: Side

    def __post_init__(self) -> None:
        """Refuse cuts that are no ascending p-values."""
        inside = all(0 < cut < 1 for cut in self.cuts)
        if not self.cuts or not inside or list(self.cuts) != sorted(set(self.cuts)):
            raise UsageError(
                f"steps: found {self.cuts}; allowed are p-values between 0 and 1, ascending, such "
                "as (0.025, 0.5)"
            )
        if self.side not in ("less", "greater", "two"):
            raise UsageError(
                f"side: found {self.side!r}; allowed are 'less' (negative effects are wanted), "
                "'greater' and 'two'"
            )

    @property
    def count(self) -> int:
        """Number of steps."""
        return len(self.cuts) + 1

    def p_values(self, yi: Floats, sei: Floats) -> Floats:
        """Return the p-value of each trial."""
        from scipy.special import ndtr

        score = yi / sei
        if self.side == "two":
            return np.asarray(2 * ndtr(-np.abs(score)))
        return np.asarray(ndtr(score if self.side == "less" else -score))

    def of(self, yi: Floats, sei: Floats) -> NDArray[np.intp]:
        """Return the step of each trial; a p-value at a cut belongs to the lower step."""
        return np.searchsorted(self.cuts, self.p_values(yi, sei), side="left")

    def probabilities(self, mean: Floats, sd: Floats, sei: Floats) -> Floats:
        """Return the probability of each step before selection, shape (…, step).

        Parameters
        ----------
        mean, sd
            Of the observed effect, shapes that broadcast with ``sei``.
        sei
            Standard error that the p-value is made with.
        """
        from scipy.special import ndtr, ndtri

        edges = np.array(self.cuts)
        far = np.abs(ndtri(edges / 2)) if self.side == "two" else -ndtri(edges)
        at = sei[..., None] * far
        mean, sd = mean[..., None], sd[..., None]
        if self.side == "two":
            above = ndtr((mean - at) / sd) + ndtr((-at - mean) / sd)
        elif self.side == "greater":
            above = ndtr((mean - at) / sd)
        else:
            above = ndtr((-at - mean) / sd)
        ends = np.zeros((*above.shape[:-1], 1))
        cumulative = np.concatenate([ends, above, ends + 1], axis=-1)
        return np.maximum(np.diff(cumulative, axis=-1), 0.0)


@dataclass(frozen=True, slots=True)
class Slope:
    """An effect that is off by a coefficient times its standard error or the square of it.

    Attributes
    ----------
    power
        1 for PET, 2 for PEESE.
    prior
        Of the coefficient, in the direction in which effects are wanted.
    sign
        That direction: −1 or 1.
    """

    power: int
    prior: Prior
    sign: float


Bias = Steps | Slope | None


def selection_log_likelihood(
    yi: ArrayLike,
    sei: ArrayLike,
    *,
    mu: ArrayLike,
    tau: ArrayLike,
    weights: ArrayLike,
    steps: tuple[float, ...],
    side: Side = "greater",
) -> float | Floats:
    """Return the log likelihood of effects that were selected by a step function.

    Parameters
    ----------
    yi, sei
        Observed effects and standard errors, shape (trial,).
    mu, tau
        Mean and SD of true effects before selection, numbers or shape (point,).
    weights
        Relative probability of publication in each step, one more than ``steps``; only their
        ratios matter. Shape (step,) or (point, step).
    steps
        P-values at which it steps, ascending; a last step that ends at 1 may be given.
    side
        ``"greater"``: small one-sided p-values belong to positive effects; ``"less"``, ``"two"``.

    Returns
    -------
    float or ndarray
        One number, or shape (point,).

    Raises
    ------
    UsageError
        If the steps are no p-values, or weights are not as many as steps.

    References
    ----------
    Vevea & Hedges 1995, Psychometrika 60:419.
    """
    found = Steps(tuple(cut for cut in steps if cut != 1), side)
    y, s = np.asarray(yi, dtype=np.float64), np.asarray(sei, dtype=np.float64)
    relative = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    if relative.shape[-1] != found.count or (relative < 0).any():
        raise UsageError(
            f"weights: found {np.asarray(weights).tolist()}; allowed are {found.count} numbers, 0 "
            "or above, one a step"
        )
    alone = np.ndim(mu) == np.ndim(tau) == 0 and np.ndim(weights) == 1
    m, t = np.broadcast_arrays(np.atleast_1d(mu), np.atleast_1d(tau))
    value = _selected(y, s, found, m.astype(float), t.astype(float), relative)
    return float(value[0]) if alone else value


def _selected(y: Floats, s: Floats, steps: Steps, mu: Floats, tau: Floats, w: Floats) -> Floats:
    """Return the log likelihood at points: mu, tau (point,), weights (point or 1, step)."""
    sd = np.sqrt(s**2 + tau[:, None] ** 2)
    mean = np.broadcast_to(mu[:, None], sd.shape)
    normal = -0.5 * (((y - mean) / sd) ** 2 + _LOG_2PI) - np.log(sd)
    place = steps.of(y, s)
    average = np.einsum("pkj,pj->pk", steps.probabilities(mean, sd, s), np.broadcast_to(
        w, (len(mu), w.shape[1])
    ))  # fmt: skip
    with np.errstate(divide="ignore"):
        own = np.log(np.broadcast_to(w, (len(mu), w.shape[1]))[:, place])
        return np.asarray((normal + own - np.log(average)).sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class OneModel:
    """The posterior of one model as weighted points.

    Attributes
    ----------
    points
        Weights and numerical quality.
    mean, sd
        Of mu at each point, shape (point,); SD 0 where mu is a parameter of the points, or fixed.
    tau
        Shape (point,).
    weights, squared_weights
        Means of the relative probabilities of publication and of their squares, shape
        (point, step); None without selection.
    slope
        Coefficient of the error, shape (point,); None without one.
    """

    points: Points
    mean: Floats
    sd: Floats
    tau: Floats
    weights: Floats | None = None
    squared_weights: Floats | None = None
    slope: Floats | None = None

    def below(self, x: float, *, new_trial: bool = False) -> float:
        """Return the probability that mu, or the true effect of a new trial, is below a number."""
        from scipy.special import ndtr

        weight = self.points.weight
        sd = np.hypot(self.sd, self.tau) if new_trial else self.sd
        if (sd > 0).any():
            with np.errstate(divide="ignore", invalid="ignore"):
                score = np.where(sd > 0, (x - self.mean) / sd, np.sign(x - self.mean) * np.inf)
            return float(weight @ ndtr(np.nan_to_num(score, nan=0.0)))
        return _below(self.mean, weight, x)

    def tau_below(self, x: float) -> float:
        """Return the probability that the SD between true effects is below a number."""
        return _below(self.tau, self.points.weight, x)


def _below(values: Floats, weight: Floats, x: float) -> float:
    """Return the probability below a number, of values at weighted points; one alone is an atom.

    The points of a grid are few, and even in normal scores of a prior: the logarithm of their
    weights is smooth, so a spline through them is summed in finer steps.
    """
    places, position = np.unique(values, return_inverse=True)
    if len(places) == 1 or not places[0] <= x <= places[-1]:
        return float(x > places[-1])
    share = np.bincount(position, weights=weight)
    if len(places) <= max(SIDES.values()):
        from scipy.interpolate import CubicSpline

        even = np.arange(len(places))
        fine = np.linspace(0, len(places) - 1, _FINER * (len(places) - 1) + 1)
        share = np.exp(CubicSpline(even, np.log(np.maximum(share, 1e-300)))(fine))
        places = CubicSpline(even, places)(fine)
    below = (np.cumsum(share) - 0.5 * share) / share.sum()
    return float(np.interp(x, places, below))


@dataclass(frozen=True, slots=True, eq=False)
class OneCell:
    """Effects and errors of one cell, and models of them.

    Attributes
    ----------
    yi, sei
        Shape (trial,).
    seed
        Of the scrambled points.
    """

    yi: Floats
    sei: Floats
    seed: int = field(default=0)

    def posterior(self, mu: Prior | None, tau: Prior | None, bias: Bias) -> OneModel:
        """Return the posterior of one model.

        Parameters
        ----------
        mu, tau
            Priors of the mean, normal or Student-t, and of the SD of true effects; None for 0.
        bias
            A selection, a slope, or None.
        """
        if isinstance(bias, Steps):
            return self._by_selection(mu, tau, bias)
        return self._by_slope(mu, tau, bias)

    def _by_slope(self, mu: Prior | None, tau: Prior | None, slope: Slope | None) -> OneModel:
        """Return the posterior with mu integrated analytically."""
        student = mu is not None and mu.distribution == "student_t"
        numbers = {} if mu is None else dict(mu.parameters)

        def at(z: Floats) -> tuple[Floats, Floats, Floats]:
            from scipy.special import gammaincinv

            u = _uniform(z)
            used = 0
            width = np.full(len(z), numbers.get("scale", 0.0))
            if student:
                half = numbers["df"] / 2
                width, used = width / np.sqrt(gammaincinv(half, u[:, 0]) / half), 1
            spread = np.zeros(len(z))
            if tau is not None:
                spread, used = np.asarray(tau.quantile(u[:, used])), used + 1
            off = np.zeros(len(z))
            if slope is not None:
                off = slope.sign * np.asarray(slope.prior.quantile(u[:, used]))
            return width, spread, off

        def moments(z: Floats) -> tuple[Floats, Floats, Floats]:
            width, spread, off = at(z)
            precision = 1 / (self.sei**2 + spread[:, None] ** 2)
            loc = numbers.get("loc", 0.0)
            lean = off[:, None] * self.sei ** (1 if slope is None else slope.power)
            residual = self.yi - loc - lean
            total = precision.sum(axis=1)
            pull = (precision * residual).sum(axis=1)
            shrunk = width**2 / (1 + width**2 * total)
            value = -0.5 * (
                (precision * residual**2).sum(axis=1) - pull**2 * shrunk
                - np.log(precision).sum(axis=1) + np.log1p(width**2 * total)
                + len(self.yi) * _LOG_2PI
            )  # fmt: skip
            return value, loc + pull * shrunk, np.sqrt(shrunk)

        dimension = student + (tau is not None) + (slope is not None)
        points = _integrate(lambda z: moments(z)[0], dimension, self.seed)
        _, mean, sd = moments(points.z)
        _, spread, off = at(points.z)
        return OneModel(points, mean, sd, spread, slope=None if slope is None else off)

    def _by_selection(self, mu: Prior | None, tau: Prior | None, steps: Steps) -> OneModel:
        """Return the posterior with the weights of steps integrated by a product rule."""
        weights, log_rule = weights_rule(steps.count)
        counted = np.bincount(steps.of(self.yi, self.sei), minlength=steps.count)
        with np.errstate(divide="ignore"):
            own = np.log(weights) @ counted + log_rule

        def at(z: Floats) -> tuple[Floats, Floats]:
            u = _uniform(z)
            mean = np.zeros(len(z)) if mu is None else np.asarray(mu.quantile(u[:, 0]))
            spread = np.zeros(len(z)) if tau is None else np.asarray(tau.quantile(u[:, -1]))
            return mean, spread

        def by_node(z: Floats) -> Floats:
            """Return log likelihoods times the rule, shape (point, node of weights)."""
            mean, spread = at(z)
            sd = np.sqrt(self.sei**2 + spread[:, None] ** 2)
            centre = np.broadcast_to(mean[:, None], sd.shape)
            score = (self.yi - centre) / sd
            normal = (-0.5 * (score**2 + _LOG_2PI) - np.log(sd)).sum(axis=1)
            found = steps.probabilities(centre, sd, self.sei)  # (point, trial, step)
            total = np.zeros((len(z), len(weights)))
            for trial in range(len(self.yi)):
                total += np.log(found[:, trial] @ weights.T)
            return np.asarray(normal[:, None] + own - total)

        def log_likelihood(z: Floats) -> Floats:
            return _in_chunks(lambda part: _log_sum(by_node(part)), z, len(weights))

        points = _integrate(log_likelihood, (mu is not None) + (tau is not None), self.seed)

        def moments(z: Floats) -> Floats:
            share = by_node(z)
            share = np.exp(share - share.max(axis=1, keepdims=True))
            share /= share.sum(axis=1, keepdims=True)
            return np.concatenate([share @ weights, share @ weights**2], axis=1)

        mean, spread = at(points.z)
        first_and_second = _in_chunks(moments, points.z, len(weights))
        return OneModel(
            points,
            mean,
            np.zeros(len(mean)),
            spread,
            weights=first_and_second[:, : steps.count],
            squared_weights=first_and_second[:, steps.count :],
        )


def _in_chunks(function: Callable[[Floats], Floats], z: Floats, width: int) -> Floats:
    size = max(1, _MOST_NUMBERS // width)
    parts = [function(z[first : first + size]) for first in range(0, len(z), size)]
    return np.concatenate(parts)


def _log_sum(values: Floats) -> Floats:
    top = values.max(axis=1)
    with np.errstate(divide="ignore"):
        return np.asarray(top + np.log(np.exp(values - top[:, None]).sum(axis=1)))


def weights_rule(count: int) -> tuple[Floats, Floats]:
    """Return weights of steps (node, step) and the log rule over them, (node,).

    The prior is uniform over all weights that never rise and begin with 1: cumulative sums of a
    Dirichlet distribution with all parameters 1, the prior of RoBMA. Each ratio to the weight
    before it is then a beta variable with a polynomial density.
    """
    free = count - 1
    x, rule = np.polynomial.legendre.leggauss(_NODES[min(free, len(_NODES)) - 1])
    x, rule = 0.5 * (x + 1), 0.5 * rule
    ratios = np.stack([g.ravel() for g in np.meshgrid(*[x] * free, indexing="ij")], axis=1)
    log_rule = np.zeros(len(ratios))
    grids = np.stack([g.ravel() for g in np.meshgrid(*[rule] * free, indexing="ij")], axis=1)
    for column in range(free):
        power = free - column  # ratio ~ Beta(power, 1)
        log_rule += np.log(grids[:, column] * power) + (power - 1) * np.log(ratios[:, column])
    weights = np.cumprod(np.concatenate([np.ones((len(ratios), 1)), ratios], axis=1), axis=1)
    return weights, log_rule


def _uniform(z: Floats) -> Floats:
    from scipy.special import ndtr

    return np.clip(np.asarray(ndtr(z)), 1e-300, 1 - 1e-15)


def _integrate(log_likelihood: Callable[[Floats], Floats], dimension: int, seed: int) -> Points:
    """Return weighted points of a posterior whose prior is standard normal, by what suits."""
    if dimension == 0:
        value = log_likelihood(np.zeros((1, 0)))
        return Points(
            z=np.zeros((1, 0)),
            log_likelihood=value,
            weight=np.ones(1),
            replicate=np.zeros(1, dtype=np.int64),
            log_marginal=float(value[0]),
            log_marginal_error=0.0,
            pareto_k=float("nan"),
        )
    if dimension in SIDES:
        return integrate_on_grid(log_likelihood, dimension)
    proposal = matched_proposal(log_likelihood, dimension, seed)
    z = proposal.points(POINTS, REPLICATES, seed)
    return proposal.weigh(z, log_likelihood(z), REPLICATES)
