"""Analyses of counts without MCMC: given the standard deviations, effects have one mode.

A trial with two arms speaks of one effect, and its own deviation is averaged out of its likelihood
(`count_likelihood`). The true effects of a trial with more contrasts stay, beside those of the
cells. All of them are written as products of standard normal coordinates with roots of their prior
covariances, so that nothing is divided by a standard deviation. In these coordinates the
posterior given the scales is log-concave: Newton's method finds the mode at all points at once,
and a multivariate t distribution around it proposes coordinates in antithetic pairs, so that a
swap of the arms of every trial swaps the answers exactly.

One effect alone (each cell by itself, or complete pooling) needs no importance sampling: it is
integrated on an even grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayes_nmda.errors import FitError
from bayes_nmda.inference.exact.count_likelihood import (
    FINE,
    Arms,
    Curve,
    Sheet,
    Table,
    log_average,
    table_of,
)
from bayes_nmda.inference.exact.importance import Points, matched_proposal, pareto_k
from bayes_nmda.model.counts import Counts
from bayes_nmda.model.covariates import Covariates
from bayes_nmda.spec.covariate import COEFFICIENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.model.structure import Layout
    from bayes_nmda.spec.priors import Prior
    from bayes_nmda.spec.spec import ModelSpec

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

#: Points of a replicate, replicates, and pairs of coordinates at a point.
POINTS, REPLICATES, PAIRS = 32, 16, 8
#: Points of a step that adapts the proposal of the scales.
ADAPTATION = 128
#: Degrees of freedom of the proposal.
_DF = 6.0
_NEWTON, _HALVINGS = 40, 12
#: A step, in coordinates of unit scale, that is as good as none for the centre of a proposal.
_CLOSE = 1e-3
#: A fall of the log posterior that is none: the averages over deviations err by a part of it.
_LEVEL = 1e-3
#: Relative to the overall variance: keeps a covariance of equal effects positive definite.
_JITTER = 1e-12
#: Points over the normal scores of tau, of an effect an SD, and how far its grid goes.
_TAUS, _PER_SD, _LOWEST = 40, 5, 26.0
_MOST_PLACES = 4000
#: Weights fewer than these have no tail whose shape could be told.
_TAIL = 25


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters that are integrated numerically, on the scale of normal scores.

    Attributes
    ----------
    names, priors
        Standard deviations, the overdispersion where there is one.
    location
        Prior of the location: normal, or Student-t, which is a normal whose precision is one
        more parameter.
    coefficients
        Names and priors of the coefficients of covariates, of the same two kinds.
    """

    names: tuple[str, ...]
    priors: tuple[Prior, ...]
    location: Prior
    coefficients: tuple[tuple[str, Prior], ...] = ()

    @property
    def dimension(self) -> int:
        """Number of parameters."""
        means = (self.location, *(prior for _, prior in self.coefficients))
        return len(self.names) + sum(prior.distribution == "student_t" for prior in means)

    def at(self, z: Floats) -> dict[str, Floats]:
        """Return each parameter at normal scores (point, parameter), and SDs of means.

        These are ``sd_location`` and, of each coefficient, ``sd_`` and its name.
        """
        from scipy.special import gammaincinv, ndtr

        u = np.clip(ndtr(z), 1e-300, 1 - 1e-15)
        found = {
            name: np.asarray(prior.quantile(u[:, column]))
            for column, (name, prior) in enumerate(zip(self.names, self.priors, strict=True))
        }
        used = len(self.names)
        for name, prior in (("location", self.location), *self.coefficients):
            numbers = dict(prior.parameters)
            scale = np.full(len(z), numbers["scale"])
            if prior.distribution == "student_t":
                half = numbers["df"] / 2
                scale = scale / np.sqrt(gammaincinv(half, u[:, used]) / half)
                used += 1
            found[f"sd_{name}"] = scale
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Single:
    """A trial with one contrast: its likelihood by the mean effect, a mean of levels.

    Attributes
    ----------
    curve
        Log likelihood of its true effect.
    levels
        Positions of the levels whose mean is the trial's expected effect: its cell.
    trial, row
        Position of the trial, and of its contrast in the effect table.
    """

    curve: Curve | Sheet
    levels: Integers
    trial: int
    row: int


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """A trial with more contrasts, whose true effects are coordinates of their own.

    Attributes
    ----------
    tables
        Likelihood of each table, with the positions of its contrasts in the trial.
    cells
        Cell of each contrast.
    comparison, visit
        Correlations of the deviations of comparisons, and of those at a timepoint.
    trial, rows
        Position of the trial, and of its contrasts in the effect table.
    """

    tables: tuple[tuple[Table, Integers], ...]
    cells: Integers
    comparison: Floats
    visit: Floats
    trial: int
    rows: Integers

    def root(self, tau: Floats, visit: Floats, unknown: Floats | None = None) -> Floats:
        """Return the root of the covariance of its deviations, shape (P, d, d).

        That of what ``unknown`` values of covariates add is part of it.
        """
        covariance = (
            tau[:, None, None] ** 2 * self.comparison + visit[:, None, None] ** 2 * self.visit
        )
        if unknown is not None:
            covariance = covariance + unknown
        size = len(self.cells)
        trace = np.trace(covariance, axis1=1, axis2=2)[:, None, None]
        return np.linalg.cholesky(covariance + _JITTER * trace * np.eye(size))


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """Levels with a normal prior, and trials that scatter around them.

    Attributes
    ----------
    location
        Prior location of every level.
    shares
        Covariance of levels: by name of a standard deviation, the matrix that its square
        multiplies, shape (level, level).
    singles, joints
        The trials.
    scatter
        Names of the standard deviations of a trial: between trials, and between its timepoints.
    covariates
        What true effects depend on beside their level, by contrast of the effect table.
    coefficients
        Prior means of their coefficients, shape (covariate,).
    most_spread
        Upper end of the overdispersion; 0 where there is none.
    """

    location: float
    shares: dict[str, Floats]
    singles: tuple[Single, ...]
    joints: tuple[Joint, ...]
    scatter: tuple[str, ...]
    covariates: Covariates
    coefficients: Floats
    most_spread: float = 0.0

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.shares["sd_location"])

    def covariance(self, scales: dict[str, Floats]) -> Floats:
        """Return the prior covariance of levels at each point, shape (P, level, level)."""
        total = sum(scales[name][:, None, None] ** 2 * share for name, share in self.shares.items())
        jitter = _JITTER * scales["sd_location"][:, None, None] ** 2
        return np.asarray(total + jitter * np.eye(self.levels))

    def deviation(self, scales: dict[str, Floats], row: int | None = None) -> Floats:
        """Return the variance of the deviation of a trial with one contrast, shape (P,).

        With the row of the contrast, what an unknown value of a covariate adds is part of it.
        """
        total = np.asarray(sum(scales[name] ** 2 for name in self.scatter))
        if row is None or not self.covariates.any_unknown:
            return total
        own = self.covariates.subset(np.array([row])).covariance(self._coefficients(scales))
        return np.asarray(total + own[:, 0, 0])

    def shift(self, scales: dict[str, Floats]) -> Floats:
        """Return what covariates add to each contrast, shape (P, contrast)."""
        return self.covariates.shift(self._coefficients(scales))

    def joint_root(self, joint: Joint, scales: dict[str, Floats]) -> Floats:
        """Return the root of the covariance of the deviations of a trial, shape (P, d, d)."""
        tau = scales[self.scatter[0]]
        visit = scales[self.scatter[1]] if len(self.scatter) > 1 else np.zeros(len(tau))
        unknown = None
        if self.covariates.any_unknown:
            of = self.covariates.subset(joint.rows)
            unknown = of.covariance(self._coefficients(scales))
        return joint.root(tau, visit, unknown)

    def _coefficients(self, scales: dict[str, Floats]) -> Floats:
        columns = [scales[name] for name in self.covariates.names]
        return np.stack(columns, axis=1) if columns else np.zeros((len(scales[self.scatter[0]]), 0))

    def curves(self, scales: dict[str, Floats]) -> list[Curve]:
        """Return the curve of each trial with one contrast, at the overdispersion of each point."""
        return [
            single.curve
            if isinstance(single.curve, Curve)
            else single.curve.at_spread(scales["overdispersion"], self.most_spread)
            for single in self.singles
        ]


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """A hierarchy at P points: roots of covariances and curves, in coordinates of unit scale.

    ``lift[i]`` takes coordinates to the mean effect of a trial with one contrast, shape (P, q);
    ``joint[i]`` to the true effects of one with more, shape (P, d, q). ``place`` is where they
    are at coordinates of zero, shape (P,) and (P, d), and ``variance[i]`` that of the deviation of
    a trial with one contrast, shape (P,).
    """

    root: Floats
    lift: list[Floats]
    joint: list[Floats]
    place: list[Floats]
    joint_place: list[Floats]
    curves: list[Curve]
    variance: list[Floats]
    spread: Floats | None

    @classmethod
    def of(cls, hierarchy: Hierarchy, scales: dict[str, Floats]) -> _Given:
        points, levels = len(scales["sd_location"]), hierarchy.levels
        root = np.linalg.cholesky(hierarchy.covariance(scales))
        covariates = hierarchy.covariates
        first = levels + len(covariates.names)
        size = first + sum(len(joint.cells) for joint in hierarchy.joints)
        # what covariates add to each contrast for a coordinate of 1, shape (P, contrast, covariate)
        slope = np.zeros((points, *covariates.values.shape))
        for column, name in enumerate(covariates.names):
            slope[:, :, column] = scales[f"sd_{name}"][:, None] * covariates.values[:, column]
        lift = []
        for single in hierarchy.singles:
            row = np.zeros((points, size))
            row[:, :levels] = root[:, single.levels].mean(axis=1)
            row[:, levels : levels + slope.shape[2]] = slope[:, single.row]
            lift.append(row)
        joints = []
        for joint in hierarchy.joints:
            rows = np.zeros((points, len(joint.cells), size))
            rows[:, :, :levels] = root[:, joint.cells]
            rows[:, :, levels : levels + slope.shape[2]] = slope[:, joint.rows]
            last = first + len(joint.cells)
            rows[:, :, first:last] = hierarchy.joint_root(joint, scales)
            joints.append(rows)
            first = last
        place = hierarchy.location + covariates.shift(
            np.broadcast_to(hierarchy.coefficients, (points, len(covariates.names)))
        )
        return cls(
            root,
            lift,
            joints,
            [place[:, single.row] for single in hierarchy.singles],
            [place[:, joint.rows] for joint in hierarchy.joints],
            hierarchy.curves(scales),
            [hierarchy.deviation(scales, single.row) for single in hierarchy.singles],
            scales.get("overdispersion"),
        )

    def some(self, points: Integers) -> _Given:
        """Return the same at some points, which may repeat."""
        from bayes_nmda.inference.exact.count_likelihood import _some

        return _Given(
            self.root[points],
            [lift[points] for lift in self.lift],
            [rows[points] for rows in self.joint],
            [place[points] for place in self.place],
            [place[points] for place in self.joint_place],
            [c if c.curves == 1 else _some(c, points) for c in self.curves],
            [variance[points] for variance in self.variance],
            None if self.spread is None else self.spread[points],
        )

    @property
    def size(self) -> int:
        return int(self.lift[0].shape[1] if self.lift else self.joint[0].shape[2])

    def log_density(self, hierarchy: Hierarchy, w: Floats) -> Floats:
        """Return the log likelihood at coordinates (P, D, q), shape (P, D)."""
        points, draws, _ = w.shape
        total = np.zeros((points, draws))
        for lift, place, curve, variance in self._single():
            mean = place[:, None] + np.einsum("pdq,pq->pd", w, lift)
            total += log_average(curve, mean, variance)[0]
        for joint, rows, at in zip(hierarchy.joints, self.joint, self.joint_place, strict=True):
            theta = at[:, None] + np.einsum("pdq,pkq->pdk", w, rows)
            flat = theta.reshape(points * draws, -1)
            spread = None if self.spread is None else np.repeat(self.spread, draws)
            for table, places in joint.tables:
                total += table.value(flat[:, places], spread).reshape(points, draws)
        return total

    def _single(self) -> Iterator[tuple[Floats, Floats, Curve, Floats]]:
        """Return lift, place, curve and variance of each trial with one contrast."""
        return zip(self.lift, self.place, self.curves, self.variance, strict=True)

    def newton(self, hierarchy: Hierarchy, w: Floats) -> tuple[Floats, Floats, Floats]:
        """Return log posterior, gradient and negative Hessian at coordinates (P, q)."""
        value = -0.5 * (w**2).sum(axis=1)
        gradient, precision = -w, np.tile(np.eye(self.size), (len(w), 1, 1))
        for lift, place, curve, variance in self._single():
            mean = place + (w * lift).sum(axis=1)
            found = [x[:, 0] for x in log_average(curve, mean[:, None], variance, slopes=True)]
            value = value + found[0]
            gradient = gradient + found[1][:, None] * lift
            # a beta-binomial is not log-concave far out: never let it add negative precision
            bend = np.maximum(-found[2], 0.0)
            precision += bend[:, None, None] * lift[:, :, None] * lift[:, None, :]
        for joint, rows, centre in zip(hierarchy.joints, self.joint, self.joint_place, strict=True):
            theta = centre + np.einsum("pq,pkq->pk", w, rows)
            for table, places in joint.tables:
                at = table.at(theta[:, places], self.spread)
                some = rows[:, places]
                value = value + at.value
                gradient = gradient + np.einsum("pk,pkq->pq", at.gradient, some)
                inner = np.einsum("pjq,pjk->pqk", some, _bend(at.hessian))
                precision += np.einsum("pqk,pkr->pqr", inner, some)
        return value, gradient, precision


def _bend(hessian: Floats) -> Floats:
    """Return the precision that tables add, shape (P, k, k): their Hessian turned, never negative.

    A beta-binomial is not log-concave far out; there only the directions that bend count.
    """
    turned = -hessian
    value, vector = np.linalg.eigh(turned)
    out = value.min(axis=1) < 0
    if out.any():
        kept = vector[out] * np.maximum(value[out], 0.0)[:, None]
        turned[out] = kept @ np.swapaxes(vector[out], 1, 2)
    return turned


def _modes(given: _Given, hierarchy: Hierarchy) -> tuple[Floats, Floats, Floats]:
    """Return the mode at each point, the root of the precision there, and the log posterior."""
    points = len(given.root)
    w = np.zeros((points, given.size))
    value, gradient, precision = given.newton(hierarchy, w)
    active = np.arange(points)
    for _ in range(_NEWTON):
        step = np.linalg.solve(precision[active], gradient[active][..., None])[..., 0]
        large = np.abs(step).max(axis=1) > _CLOSE
        active, step = active[large], step[large]
        tried = active
        for _ in range(_HALVINGS):  # as far as the density rises
            if not len(tried):
                break
            found = given.some(tried).newton(hierarchy, w[tried] + step)
            rises = found[0] >= value[tried] - _LEVEL
            moved = tried[rises]
            w[moved] += step[rises]
            value[moved], gradient[moved] = found[0][rises], found[1][rises]
            precision[moved] = found[2][rises]
            tried, step = tried[~rises], 0.5 * step[~rises]
        if not len(active):
            break
    if not np.isfinite(value).any():
        raise FitError(
            "the exact engine found no point of the prior at which the data have a likelihood; "
            "look at the counts and the priors"
        )
    return w, np.linalg.cholesky(precision), value


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """The posterior of a hierarchy as weighted points.

    Attributes
    ----------
    points
        Weights and numerical quality.
    scales
        Each parameter, shape (point,).
    level
        Levels, shape (point, level).
    width
        SD of a level around it, shape (point,): 0 for a draw, the step of the grid where
        levels are points of one.
    theta
        True effects of contrasts that are coordinates of their own: position in the effect
        table and values, shape (point,).
    """

    points: Points
    scales: dict[str, Floats]
    level: Floats
    width: Floats
    theta: dict[int, Floats]

    def some(self, kept: Integers) -> Weighted:
        """Return chosen points; weights are made to sum to 1."""
        weight = self.points.weight[kept]
        points = Points(
            z=self.points.z[kept],
            log_likelihood=self.points.log_likelihood[kept],
            weight=weight / weight.sum(),
            replicate=self.points.replicate[kept],
            log_marginal=self.points.log_marginal,
            log_marginal_error=self.points.log_marginal_error,
            pareto_k=self.points.pareto_k,
        )
        return Weighted(
            points,
            {name: values[kept] for name, values in self.scales.items()},
            self.level[kept],
            self.width[kept],
            {row: values[kept] for row, values in self.theta.items()},
        )


def integrate(
    hierarchy: Hierarchy,
    parameters: Parameters,
    seed: int,
    *,
    points: int = POINTS,
    replicates: int = REPLICATES,
) -> Weighted:
    """Return the posterior of a hierarchy.

    Parameters
    ----------
    hierarchy
        Levels and trials.
    parameters
        What is integrated numerically.
    seed
        Of the scrambled points.
    points, replicates
        Points of the scales in a replicate, a power of 2, and independent replicates.

    Raises
    ------
    FitError
        If the data have no likelihood anywhere.
    """
    alone = hierarchy.levels == 1 and not hierarchy.joints and not hierarchy.covariates
    if alone and parameters.names == ("tau",):
        return _on_grid(hierarchy, parameters)
    return _sampled(hierarchy, parameters, seed, points, replicates)


def _sampled(
    hierarchy: Hierarchy, parameters: Parameters, seed: int, points: int, replicates: int
) -> Weighted:
    def laplace(z: Floats) -> Floats:
        _, root, value = _modes(_Given.of(hierarchy, parameters.at(z)), hierarchy)
        return np.asarray(value - np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1))

    proposal = matched_proposal(laplace, parameters.dimension, seed, points=ADAPTATION)
    z = proposal.points(points, replicates, seed)
    scales = parameters.at(z)
    given = _Given.of(hierarchy, scales)
    mode, root, _ = _modes(given, hierarchy)
    away, log_proposal = _away(given.size, points, replicates, seed)
    # rows solve root' x = away: coordinates whose precision is root root'
    step = np.linalg.solve(np.swapaxes(root, 1, 2), np.swapaxes(away, 1, 2))
    step = np.swapaxes(step, 1, 2)
    w = np.concatenate([mode[:, None] + step, mode[:, None] - step], axis=1)
    log_likelihood = given.log_density(hierarchy, w)
    log_prior = -0.5 * (w**2).sum(axis=2) - 0.5 * given.size * np.log(2 * np.pi)
    log_det = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    log_q = np.concatenate([log_proposal, log_proposal], axis=1) + log_det[:, None]
    log_weight = log_likelihood + log_prior - log_q + proposal.log_ratio(z)[:, None]
    log_weight = np.where(np.isfinite(log_weight), log_weight, -np.inf)
    draws = w.shape[1]
    found = _weighed(np.repeat(z, draws, axis=0), log_likelihood.ravel(), log_weight, replicates)
    levels = hierarchy.levels
    level = hierarchy.location + np.einsum("pdq,plq->pdl", w[:, :, :levels], given.root)
    theta: dict[int, Floats] = {}
    for joint, rows, place in zip(hierarchy.joints, given.joint, given.joint_place, strict=True):
        values = place[:, None] + np.einsum("pdq,pkq->pdk", w, rows)
        theta |= {int(r): values[:, :, k].ravel() for k, r in enumerate(joint.rows)}
    coefficients = {
        name: (mean + scales[f"sd_{name}"][:, None] * w[:, :, levels + column]).ravel()
        for column, (name, mean) in enumerate(
            zip(hierarchy.covariates.names, hierarchy.coefficients, strict=True)
        )
    }
    return Weighted(
        found,
        {name: np.repeat(values, draws) for name, values in scales.items()} | coefficients,
        level.reshape(-1, levels),
        np.zeros(len(found.weight)),
        theta,
    )


def _away(size: int, points: int, replicates: int, seed: int) -> tuple[Floats, Floats]:
    """Return multivariate t vectors (point, pair, size) and their log densities (point, pair)."""
    from scipy.special import gammaincinv, gammaln, ndtri
    from scipy.stats import qmc

    blocks = []
    for replicate in range(replicates):
        rng = np.random.default_rng((seed, 2, replicate))
        sobol = qmc.Sobol(size + 1, scramble=True, rng=rng)
        uniform = np.clip(sobol.random(points * PAIRS), 1e-15, 1 - 1e-15)
        # neighbours in the sequence must not all belong to one point of the scales
        blocks.append(uniform.reshape(PAIRS, points, -1).swapaxes(0, 1))
    u = np.concatenate(blocks)
    chi = 2 * gammaincinv(_DF / 2, u[..., -1])
    away = ndtri(u[..., :-1]) / np.sqrt(chi / _DF)[..., None]
    square = (away**2).sum(axis=2)
    constant = gammaln((_DF + size) / 2) - gammaln(_DF / 2) - 0.5 * size * np.log(_DF * np.pi)
    return away, constant - 0.5 * (_DF + size) * np.log1p(square / _DF)


def _weighed(z: Floats, log_likelihood: Floats, log_weight: Floats, replicates: int) -> Points:
    """Return points of (point, draw) with their weights and the scatter between replicates.

    The shape of the tail is that of scales' weights or of draws' weights at a point of the scales,
    whichever is longer: all draws at one point have its weight in common, so that a tail of all
    weights together would consist of a few points that come many times.
    """
    top = log_weight.max()
    raw = np.exp(log_weight - top).ravel()
    with np.errstate(divide="ignore"):
        of_point = np.log(np.exp(log_weight - top).mean(axis=1))
    of_draw = (log_weight - top - of_point[:, None])[np.isfinite(of_point)]
    by_replicate = raw.reshape(replicates, -1).mean(axis=1)
    average = float(by_replicate.mean())
    return Points(
        z=z,
        log_likelihood=log_likelihood,
        weight=raw / raw.sum(),
        replicate=np.repeat(np.arange(replicates), len(raw) // replicates),
        log_marginal=float(top + np.log(average)),
        log_marginal_error=float(np.std(by_replicate, ddof=1) / np.sqrt(replicates) / average),
        pareto_k=max(pareto_k(part) for part in (of_point, of_draw.ravel()) if len(part) >= _TAIL),
    )


def _on_grid(hierarchy: Hierarchy, parameters: Parameters) -> Weighted:
    """Return the posterior of one effect and one SD on an even grid.

    A point of the grid is a normal distribution as wide as a step. Weights are those whose
    mixture is the posterior: its density, sharpened by as much as these distributions blur it.

    References
    ----------
    Trefethen & Weideman 2014, SIAM Rev 56:385 (the trapezoidal rule).
    """
    (prior,) = parameters.priors
    location, log_odds_prior = parameters.location, parameters.location.logpdf
    numbers = dict(location.parameters)

    def log_joint(z: Floats, mu: Floats) -> Floats:
        from scipy.special import ndtr

        tau = np.asarray(prior.quantile(np.clip(ndtr(z), 1e-300, 1 - 1e-15)))
        mean = np.broadcast_to(mu, (len(z), len(mu))).copy()
        total = log_odds_prior(mean) - 0.5 * z[:, None] ** 2 - 0.5 * np.log(2 * np.pi)
        for curve in hierarchy.curves({}):
            total = total + log_average(curve, mean, tau**2, rule=FINE)[0]
        return np.asarray(total)

    # where the mass lies, and how narrow it is: a coarse look, then closer ones
    z = np.linspace(-8.0, 8.0, 33)
    reach = 60.0 * numbers["scale"]
    mu = numbers["loc"] + reach * np.sinh(np.linspace(-6, 6, 241)) / np.sinh(6)
    log_density = log_joint(z, mu)
    stretch = np.log(np.cosh(np.linspace(-6, 6, 241)))
    if not np.isfinite(log_density.max()):
        raise FitError(
            "the exact engine found no effect of the prior at which the data have a likelihood; "
            "look at the counts and the priors"
        )
    for _ in range(4):
        top = log_density.max()
        inside = log_density > top - _LOWEST
        z_in, mu_in = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        low_z, high_z = z[max(z_in[0] - 1, 0)], z[min(z_in[-1] + 1, len(z) - 1)]
        low, high = mu[max(mu_in[0] - 1, 0)], mu[min(mu_in[-1] + 1, len(mu) - 1)]
        z = np.linspace(low_z, high_z, 33)
        middle = 0.5 * (low + high)
        mu = middle + 0.5 * (high - low) * np.sinh(np.linspace(-3, 3, 241)) / np.sinh(3)
        stretch = np.log(np.cosh(np.linspace(-3, 3, 241)))
        log_density = log_joint(z, mu)
    weight = np.exp(log_density - log_density.max() + stretch)
    by_tau = weight.sum(axis=1)
    mean = (weight * mu).sum(axis=1) / by_tau
    sds = np.sqrt((weight * (mu - mean[:, None]) ** 2).sum(axis=1) / by_tau)
    narrowest = float(sds[by_tau > 1e-6 * by_tau.max()].min())
    places = int(np.clip(np.ceil(_PER_SD * (high - low) / narrowest / 2), 32, _MOST_PLACES // 2))
    mu = 0.5 * (low + high) + 0.5 * (high - low) * np.arange(-places, places + 1) / places
    step = mu[1] - mu[0]
    z = np.linspace(low_z, high_z, _TAUS)
    log_density = log_joint(z, mu)
    top = log_density.max()
    density = np.exp(log_density - top)
    total = density.sum()
    sharp = _sharpened(density)
    tau_of = parameters.at(z[:, None] if parameters.dimension == 1 else np.stack([z, z], axis=1))
    shape = density.shape
    weight = np.maximum(sharp, 0.0).ravel()
    halves = np.array([density[parity::2].sum() * 2 for parity in (0, 1)])
    return Weighted(
        Points(
            z=np.repeat(z, shape[1])[:, None],
            log_likelihood=log_density.ravel(),
            weight=weight / weight.sum(),
            replicate=np.repeat(np.arange(shape[0]) % 2, shape[1]),
            log_marginal=float(top + np.log(total * step * (z[1] - z[0]))),
            log_marginal_error=float(np.abs(halves / total - 1).max() / np.sqrt(2)),
            pareto_k=float("nan"),
        ),
        {"tau": np.repeat(tau_of["tau"], shape[1])},
        np.tile(mu, shape[0])[:, None],
        np.full(density.size, step),
        {},
    )


def _sharpened(density: Floats) -> Floats:
    """Return weights of normal distributions one step wide whose mixture has this density.

    Along the last axis. A Fourier transform divides by that of the normal distribution; at the
    highest frequency of the grid by 1/139, so that rounding stays far below what matters.
    """
    size = density.shape[-1]
    padded = np.pad(density, [(0, 0)] * (density.ndim - 1) + [(0, size)])
    frequency = 2 * np.pi * np.fft.rfftfreq(padded.shape[-1])
    spectrum = np.fft.rfft(padded, axis=-1) * np.exp(0.5 * frequency**2)
    return np.asarray(np.fft.irfft(spectrum, padded.shape[-1], axis=-1)[..., :size])


def hierarchies(
    spec: ModelSpec, effects: EffectTable, layout: Layout
) -> list[tuple[Hierarchy, Integers]]:
    """Return the hierarchies of an analysis, each with the positions of its cells.

    One, or one for each cell where cells are analysed alone.
    """
    counts = Counts.of(effects.frame, layout, spec.structure.pooling)
    given = (spec, layout, counts, Covariates.of(spec, effects.frame))
    if spec.structure.pooling != "none":
        return [(_hierarchy(*given, None), np.arange(len(layout.cells)))]
    return [(_hierarchy(*given, cell), np.array([cell])) for cell in range(len(layout.cells))]


def _hierarchy(
    spec: ModelSpec, layout: Layout, counts: Counts, covariates: Covariates, alone: int | None
) -> Hierarchy:
    pooling, structure = spec.structure.pooling, spec.structure
    location = dict(spec.prior("overall").parameters)["loc"]
    priors = dict(spec.priors)
    most = 0.0
    if "overdispersion" in priors:
        most = float(priors["overdispersion"].quantile(1 - 1e-15))
    if pooling == "partial":
        partition, size = layout.partition_of_cell, len(layout.cells)
        drug = layout.drug_of_partition[partition]
        shares = {
            "sd_location": np.ones((size, size)),
            "sd_drug": np.equal.outer(drug, drug).astype(float),
            "sd_route": np.equal.outer(partition, partition).astype(float),
        }
        if structure.timepoints:
            shares["sd_timepoint"] = np.eye(size)
        level_of_cell = np.arange(size)
    else:
        shares = {"sd_location": np.ones((1, 1))}
        level_of_cell = np.zeros(len(layout.cells), dtype=np.intp)
    scatter: tuple[str, ...] = ("tau",)
    if pooling != "none" and structure.timepoints:
        scatter = ("tau", "sd_trial_timepoint")
    within = structure.multi_arm_correlation
    # given its total, a table without events, or of events only, says nothing; binomial arms with a
    # prior of their midpoint say of one that its odds ratio is not far from 1
    given = spec.likelihood.family == "conditional"
    speaks = counts.informative if given else np.ones(len(counts.labels), dtype=bool)
    singles, joints = [], []
    for trial in range(len(layout.trials)):
        rows = np.flatnonzero(layout.trial_of_contrast == trial)
        if alone is not None:
            rows = rows[layout.cell_of_contrast[rows] == alone]
        rows = rows[speaks[counts.table_of_contrast[rows]]]
        if not len(rows):
            continue
        tables = dict.fromkeys(counts.table_of_contrast[rows].tolist())
        found = [
            (table_of(counts, t, spec), np.flatnonzero(counts.table_of_contrast[rows] == t))
            for t in tables
        ]
        cells = level_of_cell[layout.cell_of_contrast[rows]]
        if len(rows) == 1:
            table, people = found[0][0], float(counts.n_t[rows[0]] + counts.n_c[next(iter(tables))])
            curve = (
                _curve_of_arms(tuple(table.events), tuple(table.n), table.midpoint, most)
                if isinstance(table, Arms)
                else Curve.of(table, people)
            )
            singles.append(Single(curve, cells, trial, int(rows[0])))
            continue
        if pooling == "none":
            trial_r, visit_r = np.eye(len(rows)), np.zeros((len(rows), len(rows)))
        else:
            of = layout.comparison_of_contrast[rows]
            trial_r = layout.comparison_groups.correlation(within)[np.ix_(of, of)]
            visit_r = layout.contrast_groups.correlation(within)[np.ix_(rows, rows)]
        joints.append(Joint(tuple(found), cells, trial_r, visit_r, trial, rows))
    means = np.array([dict(priors[name].parameters)["loc"] for name in covariates.names])
    parts = (tuple(singles), tuple(joints))
    return Hierarchy(location, shares, *parts, scatter, covariates, means, most)


@lru_cache(maxsize=512)
def _curve_of_arms(
    events: tuple[float, ...], n: tuple[float, ...], midpoint: Prior, most: float
) -> Curve | Sheet:
    """Return the curve of a trial whose midpoint is averaged out, or its sheet.

    Most of the work on such a trial, and the same whatever the priors of effects are.
    """
    table = Arms(np.array(events), np.array(n), midpoint)
    return Sheet.of(table, sum(n), most) if most else Curve.of(table, sum(n))


def conditional_levels(
    hierarchy: Hierarchy,
    scales: dict[str, Floats],
    effect: Floats,
    layout: Layout,
    spec: ModelSpec,
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return mean and SD of what stands above the cells, given their effects.

    Parameters
    ----------
    hierarchy, scales
        A hierarchy over all cells, and each parameter, shape (point,).
    effect
        Effects of cells, shape (point, cell).
    layout, spec
        Labels, and how effects hang together.

    Returns
    -------
    tuple of dict
        ``overall`` (point, 1) and ``partition_effect`` (point, partition): means, and SDs.
    """
    points, partitions = len(effect), len(layout.partitions)
    first = np.unique(layout.partition_of_cell, return_index=True)[1]
    if spec.structure.pooling == "complete":
        zero = np.zeros((points, partitions))
        one = {"overall": effect[:, :1], "partition_effect": np.tile(effect[:, :1], partitions)}
        return one, {"overall": zero[:, :1], "partition_effect": zero}
    drug = layout.drug_of_partition
    of_cell = drug[layout.partition_of_cell]
    shared = {
        "sd_location": np.ones((1 + partitions, len(layout.cells))),
        "sd_drug": np.vstack([np.zeros(len(of_cell)), np.equal.outer(drug, of_cell)]),
        "sd_route": np.vstack(
            [
                np.zeros(len(of_cell)),
                np.equal.outer(np.arange(partitions), layout.partition_of_cell),
            ]
        ),
    }
    with_cells = np.asarray(
        sum(scales[name][:, None, None] ** 2 * share for name, share in shared.items())
    )
    variance = scales["sd_location"][:, None] ** 2 + np.zeros(1 + partitions)
    variance[:, 1:] += (scales["sd_drug"] ** 2 + scales["sd_route"] ** 2)[:, None]
    gain = np.linalg.solve(hierarchy.covariance(scales), np.swapaxes(with_cells, 1, 2))
    mean = hierarchy.location + np.einsum("pcl,pc->pl", gain, effect - hierarchy.location)
    left = variance - np.einsum("plc,pcl->pl", with_cells, gain)
    sd = np.sqrt(np.maximum(left, 0.0))
    if not spec.structure.timepoints:  # a partition is a cell
        mean[:, 1:], sd[:, 1:] = effect[:, first], 0.0
    return (
        {"overall": mean[:, :1], "partition_effect": mean[:, 1:]},
        {"overall": sd[:, :1], "partition_effect": sd[:, 1:]},
    )


def parameters_of(spec: ModelSpec) -> Parameters:
    """Return what is integrated numerically."""
    skipped = ("overall", "midpoint", "baseline", COEFFICIENT)
    pairs = [(name, prior) for name, prior in spec.priors if not name.startswith(skipped)]
    return Parameters(
        tuple(name for name, _ in pairs),
        tuple(prior for _, prior in pairs),
        spec.prior("overall"),
        tuple((name, prior) for name, prior in spec.priors if name.startswith(COEFFICIENT)),
    )
