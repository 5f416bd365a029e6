"""What the counts of a trial say of its true log odds ratios, its deviation averaged out or not.

A `Table` of two or more arms gives the log likelihood of true log odds ratios with gradient and
Hessian: given the total number of events, or with binomial or beta-binomial arms whose midpoint is
averaged over its prior. For two arms it becomes a `Curve`, piecewise cubic, of which the average
over a normal deviation costs a few dozen look-ups.

A trapezoidal rule around the mode averages over narrow deviations and midpoints: these likelihoods
are analytic in a strip of the complex plane, so that it converges exponentially (Trefethen &
Weideman 2014, SIAM Rev 56:385). Over deviations as wide as a likelihood bends, Gauss-Legendre
panels lie where it bends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bayes_nmda.inference.exact.arm_counts import add_log_density, slopes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bayes_nmda.model.counts import Counts
    from bayes_nmda.spec.priors import Prior
    from bayes_nmda.spec.spec import ModelSpec

Floats = NDArray[np.float64]

#: Width of an interval of a curve: a cubic errs by less than 1e-8 where a table has 100 events.
_INTERVAL = 0.02
#: Beyond so many log odds from the logarithm of the number of people a curve is a straight line.
_FLAT = 30.0
#: Longest panel of a rule over a curve, in SDs of the likelihood or the deviations, and its points.
_LONGEST = 3.0
_LEGENDRE = np.polynomial.legendre.leggauss(8)
#: Elements of a temporary array, which then stays in the cache of a processor.
_CHUNK = 40_000
#: Chebyshev points over the overdispersion.
_SPREADS = 12
#: Points of a look for where the mass of a midpoint lies, and how many looks there are at most; how
#: far a log density falls to where it ends.
_LOOK, _LOOKS = 21, 12
_FALL = 32.0
#: Longest step over a midpoint and fewest points: the log of an average errs by less than 2e-5 for
#: arms that contradict one another, by less than 1e-8 for others.
_STEP, _FEWEST_MIDPOINTS = 0.4, 41
#: Points over a midpoint of which one is drawn, and of a block of points.
_DRAWN = 81
#: Largest logarithm of a product of odds and ways that is formed as a number.
_TAME = 600.0


class Rule(NamedTuple):
    """How finely a deviation is averaged out.

    Attributes
    ----------
    step
        Of the nodes on their stretched scale.
    farthest
        Where the normal density ends, in SDs.
    wide
        SD of deviations above which nodes are those of the curve and not of the product.
    centre
        How far from the mode, in SDs of the product, the nodes may be centred.
    """

    step: float
    farthest: float
    wide: float
    centre: float


#: Errs by less than 3e-5 in a log likelihood: far below what importance weights resolve.
QUICK = Rule(step=0.4, farthest=6.5, wide=1.0, centre=0.1)
#: For one effect alone, which is integrated to eight digits.
FINE = Rule(step=0.25, farthest=8.5, wide=0.5, centre=0.01)


class Derivatives(NamedTuple):
    """A log likelihood at N vectors of d true effects: shapes (N,), (N, d), (N, d, d)."""

    value: Floats
    gradient: Floats
    hessian: Floats


class Table(Protocol):
    """The log likelihood of the true log odds ratios of one table."""

    @property
    def size(self) -> int:
        """Number of log odds ratios."""

    def at(self, theta: Floats, spread: Floats | None = None, *, bend: bool = True) -> Derivatives:
        """Return the log likelihood at true effects, shape (N, d), and overdispersions (N,).

        The Hessian may be zero unless its ``bend`` is wanted.
        """

    def value(self, theta: Floats, spread: Floats | None = None) -> Floats:
        """Return its value alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Conditional:
    """Counts given their total: the noncentral hypergeometric distribution of one table.

    Attributes
    ----------
    ways, log_ways
        As `Counts.support` returns them.
    observed
        Events of the treatment arms, shape (contrast,).

    References
    ----------
    Breslow & Day 1980, Statistical Methods in Cancer Research 1, section 4.2 (two arms); McCullagh
    & Nelder 1989, Generalized Linear Models, section 7.3 (more arms).
    """

    ways: Floats
    log_ways: Floats
    observed: Floats

    @property
    def size(self) -> int:
        """Number of log odds ratios."""
        return int(self.ways.shape[1])

    def at(self, theta: Floats, spread: Floats | None = None, *, bend: bool = True) -> Derivatives:
        """Return the log likelihood: the mean and covariance of the events are its derivatives."""
        del spread, bend
        n, size = theta.shape
        ways, log_ways = self._against_observed()
        value, gradient = np.empty(n), np.empty((n, size))
        hessian = np.empty((n, size, size))
        products = (ways[:, :, None] * ways[:, None, :]).reshape(len(ways), -1)
        block = max(1, 5 * _CHUNK // len(ways))
        tame, lattice = self._lattice(theta)
        for rows in _blocks(np.flatnonzero(~tame), block):
            logits = theta[rows] @ ways.T + log_ways
            top = logits.max(axis=1, keepdims=True)
            share = np.exp(logits - top)
            total = share.sum(axis=1, keepdims=True)
            share /= total
            mean = share @ ways
            value[rows] = -(top + np.log(total))[:, 0]
            gradient[rows] = -mean
            second = (share @ products).reshape(-1, size, size)
            hessian[rows] = mean[:, :, None] * mean[:, None, :] - second
        for rows in _blocks(np.flatnonzero(tame), block):
            a, b, weight = lattice
            odds_a, odds_b = np.exp(theta[rows, :1] * a), np.exp(theta[rows, 1:] * b)
            by_a = [odds_a * ((odds_b * b**power) @ weight.T) for power in range(3)]
            total = by_a[0].sum(axis=1)
            mean = np.stack([by_a[0] @ a, by_a[1].sum(axis=1)], axis=1) / total[:, None]
            value[rows] = -np.log(total)
            gradient[rows] = -mean
            both = by_a[1] @ a
            second = np.stack([by_a[0] @ a**2, both, both, by_a[2].sum(axis=1)], axis=1)
            second = (second / total[:, None]).reshape(-1, 2, 2)
            hessian[rows] = mean[:, :, None] * mean[:, None, :] - second
        return Derivatives(value, gradient, hessian)

    def value(self, theta: Floats, spread: Floats | None = None) -> Floats:
        """Return the log likelihood alone."""
        del spread
        ways, log_ways = self._against_observed()
        value = np.empty(len(theta))
        block = max(1, 2 * _CHUNK // len(ways))
        tame, lattice = self._lattice(theta)
        for rows in _blocks(np.flatnonzero(~tame), block):
            logits = theta[rows] @ ways.T
            logits += log_ways
            top = logits.max(axis=1)
            logits -= top[:, None]
            value[rows] = -top - np.log(np.exp(logits, out=logits).sum(axis=1))
        for rows in _blocks(np.flatnonzero(tame), block):
            a, b, weight = lattice
            odds_a, odds_b = np.exp(theta[rows, :1] * a), np.exp(theta[rows, 1:] * b)
            value[rows] = -np.log((odds_a * (odds_b @ weight.T)).sum(axis=1))
        return value

    def _against_observed(self) -> tuple[Floats, Floats]:
        """Return ways less what was observed, and their log numbers less that of what was."""
        found = int(np.flatnonzero((self.ways == self.observed).all(axis=1))[0])
        return self.ways - self.observed, self.log_ways - self.log_ways[found]

    def _lattice(self, theta: Floats) -> tuple[NDArray[np.bool_], tuple[Floats, Floats, Floats]]:
        """Return where two log odds ratios are tame, and the ways as a matrix.

        A sum over the ways of two arms is then a product of odds, matrix and odds, in which no
        number overflows: as exact, and without an exponential for each way.
        """
        ways, log_ways = self._against_observed()
        if self.size != 2:
            none = np.zeros(0)
            return np.zeros(len(theta), bool), (none, none, none[None])
        (a, place_a), (b, place_b) = (np.unique(axis, return_inverse=True) for axis in ways.T)
        weight = np.zeros((len(a), len(b)))
        weight[place_a, place_b] = np.exp(np.minimum(log_ways, _TAME))
        reach = np.abs(theta) @ np.abs(ways).max(axis=0) + log_ways.max()
        return reach < _TAME, (a, b, weight)


def _blocks(rows: NDArray[np.intp], size: int) -> list[NDArray[np.intp]]:
    return np.split(rows, range(size, len(rows), size)) if len(rows) else []


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """Counts of arms, binomial or beta-binomial, with the midpoint of their log odds averaged out.

    The log odds of the control arm are the midpoint less the mean of (0, theta), those of a
    treatment arm that plus its log odds ratio: no arm is special.

    Attributes
    ----------
    events, n
        Shape (arm,), the control arm first.
    midpoint
        Prior of the midpoint.
    """

    events: Floats
    n: Floats
    midpoint: Prior

    @property
    def size(self) -> int:
        """Number of log odds ratios."""
        return len(self.n) - 1

    @property
    def _lift(self) -> Floats:
        """Return the log odds of each arm, less the midpoint, by log odds ratio: (arm, d)."""
        d = self.size
        return np.vstack([np.zeros(d), np.eye(d)]) - 1.0 / (d + 1)

    def at(self, theta: Floats, spread: Floats | None = None, *, bend: bool = True) -> Derivatives:
        """Return the log likelihood, by a trapezoidal rule over the midpoint."""
        block = max(1, 3 * _CHUNK // _DRAWN)
        parts = []
        for first in range(0, len(theta), block):
            part = slice(first, first + block)
            wide = None if spread is None else spread[part]
            parts.append(self._at(theta[part], wide, bend=bend))
        return Derivatives(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _at(self, theta: Floats, spread: Floats | None, *, bend: bool) -> Derivatives:
        lift = self._lift
        apart = theta @ lift.T  # (N, arm)
        middle, density = self._over_midpoints(apart, spread)
        top = density.max(axis=1, keepdims=True)
        weight = np.exp(density - top)
        total = weight.sum(axis=1, keepdims=True)
        weight /= total
        value = top[:, 0] + np.log(total[:, 0] * (middle[:, 1] - middle[:, 0]))
        first, second = self._slopes(apart, middle, spread, bend=bend)  # (N, node, arm)
        by_effect = first @ lift
        gradient = np.einsum("nk,nkd->nd", weight, by_effect)
        if second is None:
            return Derivatives(value, gradient, np.zeros((*gradient.shape, self.size)))
        centred = by_effect - gradient[:, None, :]
        hessian = np.einsum("nk,nkd,nke->nde", weight, centred, centred)
        hessian += np.einsum("nk,nka,ad,ae->nde", weight, second, lift, lift)
        return Derivatives(value, gradient, hessian)

    def value(self, theta: Floats, spread: Floats | None = None) -> Floats:
        """Return the log likelihood alone."""
        out = np.empty(len(theta))
        block = max(1, 3 * _CHUNK // _DRAWN)
        for first in range(0, len(theta), block):
            part = slice(first, first + block)
            wide = None if spread is None else spread[part]
            middle, density = self._over_midpoints(theta[part] @ self._lift.T, wide)
            top = density.max(axis=1)
            total = np.exp(density - top[:, None]).sum(axis=1)
            out[part] = top + np.log(total * (middle[:, 1] - middle[:, 0]))
        return out

    def _over_midpoints(
        self, apart: Floats, spread: Floats | None, fewest: int = 0
    ) -> tuple[Floats, Floats]:
        """Return midpoints that span the mass, and the log density there, shape (N, node)."""
        low, high = np.asarray(self.midpoint.quantile(np.array([1e-14, 1 - 1e-14])))
        low, high = np.full((len(apart), 1), low), np.full((len(apart), 1), high)
        for _ in range(_LOOKS):
            middle = low + (high - low) * np.linspace(0, 1, _LOOK)
            density = self._density(apart, middle, spread)
            kept = density > density.max(axis=1, keepdims=True) - _FALL
            first = np.maximum(kept.argmax(axis=1) - 1, 0)
            last = np.minimum(_LOOK - kept[:, ::-1].argmax(axis=1), _LOOK - 1)
            settled = (last - first > _LOOK // 2).all()
            low, high = (np.take_along_axis(middle, at[:, None], 1) for at in (first, last))
            if settled:
                break
        nodes = max(int(np.ceil((high - low).max() / _STEP)) + 1, _FEWEST_MIDPOINTS, fewest)
        middle = low + (high - low) * np.linspace(0, 1, nodes)
        return middle, self._density(apart, middle, spread)

    def drawn_midpoints(
        self, theta: Floats, spread: Floats | None, rng: np.random.Generator
    ) -> Floats:
        """Return a draw of the midpoint given true effects (N, d), shape (N,)."""
        out = np.empty(len(theta))
        block = max(1, 3 * _CHUNK // _DRAWN)
        for first in range(0, len(theta), block):
            part = slice(first, first + block)
            wide = None if spread is None else spread[part]
            middle, density = self._over_midpoints(theta[part] @ self._lift.T, wide, _DRAWN)
            share = np.cumsum(np.exp(density - density.max(axis=1, keepdims=True)), axis=1)
            at = (share < rng.random((len(middle), 1)) * share[:, -1:]).sum(axis=1)
            step = middle[:, 1] - middle[:, 0]
            out[part] = middle[np.arange(len(at)), at] + step * (rng.random(len(at)) - 0.5)
        return out

    def _density(self, apart: Floats, middle: Floats, spread: Floats | None) -> Floats:
        value = np.array(self.midpoint.logpdf(middle), dtype=np.float64)
        value += log_ways(self.events, self.n).sum()
        none = np.zeros(0) if spread is None else spread
        add_log_density(self.events, self.n, apart, np.ascontiguousarray(middle), none, value)
        return value

    def _slopes(
        self, apart: Floats, middle: Floats, spread: Floats | None, *, bend: bool
    ) -> tuple[Floats, Floats | None]:
        """Return first and second derivatives of each arm's log likelihood by its log odds."""
        first = np.empty((*middle.shape, len(self.n)))
        second = np.empty_like(first)
        none = np.zeros(0) if spread is None else spread
        middle = np.ascontiguousarray(middle)
        slopes(self.events, self.n, apart, middle, none, bend, first, second)
        return first, second if bend else None


def table_of(counts: Counts, position: int, spec: ModelSpec) -> Table:
    """Return the likelihood of a table of counts under the likelihood of a model file."""
    rows = counts.rows(position)
    if spec.likelihood.family == "conditional":
        return Conditional(*counts.support(position), counts.events_t[rows].astype(float))
    events = np.concatenate([counts.events_c[[position]], counts.events_t[rows]])
    n = np.concatenate([counts.n_c[[position]], counts.n_t[rows]])
    return Arms(events.astype(float), n.astype(float), spec.prior("midpoint"))


def log_pmf(events: Floats, n: Floats, log_odds: Floats) -> Floats:
    """Return log binomial probabilities of events, of shapes that broadcast."""
    return np.asarray(log_ways(events, n) + events * log_odds - n * np.logaddexp(0.0, log_odds))


def log_ways(events: Floats, n: Floats) -> Floats:
    """Return the log number of choices of people with events."""
    from scipy.special import gammaln

    return np.asarray(gammaln(n + 1.0) - gammaln(events + 1.0) - gammaln(n - events + 1.0))


class Panels(NamedTuple):
    """A quadrature rule, and curves at its nodes.

    Attributes
    ----------
    nodes, log_weight
        Shape (node,).
    value, slope, curvature
        Shape (curve, node).
    """

    nodes: Floats
    log_weight: Floats
    value: Floats
    slope: Floats
    curvature: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One log likelihood of one effect, or one at each of P points: piecewise cubic, then straight.

    Attributes
    ----------
    end
        The curve reaches from minus this to this.
    step
        Width of an interval.
    cubic
        Coefficients from the constant up, shape (curve · interval, 4).
    intervals
        Number of intervals of a curve.
    curves
        1, or P.
    slopes
        Slope at the left and right end, shape (curve, 2).
    bend
        Where a curve bends most, shape (curve,).
    sharpest
        Largest negative curvature.
    rules
        Rules over it that were made already, by half octaves of the narrowest deviations.
    """

    end: float
    step: float
    cubic: Floats
    intervals: int
    curves: int
    slopes: Floats
    bend: Floats
    sharpest: float
    rules: dict[int, Panels] = field(default_factory=dict, repr=False)

    @classmethod
    def through(cls, end: float, step: float, value: Floats, slope: Floats) -> Curve:
        """Return curves through values and slopes at even steps, shape (curve, place)."""
        rise = np.diff(value, axis=1)
        left, right = step * slope[:, :-1], step * slope[:, 1:]
        cubic = np.stack(
            [value[:, :-1], left, 3 * rise - 2 * left - right, left + right - 2 * rise], axis=2
        )
        return cls(
            end=end,
            step=step,
            cubic=np.ascontiguousarray(cubic.reshape(-1, 4)),
            intervals=cubic.shape[1],
            curves=len(cubic),
            slopes=slope[:, [0, -1]],
            bend=np.asarray((np.diff(slope, axis=1).argmin(axis=1) + 0.5) * step - end),
            sharpest=float(-np.diff(slope, axis=1).min() / step),
        )

    @classmethod
    def of(cls, table: Table, people: float) -> Curve:
        """Return the curve of a table with one log odds ratio."""
        end = _FLAT + np.log(people + 1.0)
        places = 2 * int(np.ceil(end / _INTERVAL)) + 1
        theta = np.linspace(-end, end, places)
        found = table.at(theta[:, None], bend=False)
        return cls.through(end, theta[1] - theta[0], found.value[None], found.gradient[:, 0][None])

    def panels(self, root: float) -> Panels:
        """Return a composite Gauss-Legendre rule between the ends, and the curves at its nodes.

        A panel is short where a likelihood or the deviations, of SD ``root`` or more, are narrow,
        or where curves begin to bend, and as long as its distance from there elsewhere. Narrowest
        deviations that are alike share a rule, which is made once.
        """
        half_octave = int(np.floor(2 * np.log2(root)))
        if half_octave not in self.rules:
            nodes, log_weight = self.nodes(2.0 ** (0.5 * half_octave))
            values = self.at(np.tile(nodes, (self.curves, 1)), 2)
            self.rules[half_octave] = Panels(nodes, log_weight, *values)
        return self.rules[half_octave]

    def nodes(self, root: float) -> tuple[Floats, Floats]:
        """Return nodes and log weights of the rule of `panels`, shape (node,)."""
        edges = self.step * np.arange(self.intervals) - self.end
        curvature = -2 * self.cubic[:, 2].reshape(self.curves, -1).min(axis=0) / self.step**2
        away = np.abs(edges - np.median(self.bend))
        panels = np.maximum(np.sqrt(np.maximum(curvature, 0.0)), 1 / root) / _LONGEST
        panels = np.cumsum(self.step * np.maximum(panels, 1 / np.maximum(1.0, away)))
        marks = np.linspace(0, panels[-1], int(np.ceil(panels[-1])) + 1)
        places = np.interp(marks, np.append(0.0, panels), np.append(edges, self.end))
        left, right = places[:-1], places[1:]
        x, w = _LEGENDRE
        half = 0.5 * (right - left)[:, None]
        nodes = (0.5 * (left + right)[:, None] + half * x).ravel()
        return nodes, np.log((half * w).ravel())

    def at(self, x: Floats, order: int = 0) -> list[Floats]:
        """Return value and, up to ``order``, slope and curvature; ``x`` is (P, …)."""
        place = x + self.end  # in place from here: arrays are large, and this is most of the work
        place *= 1.0 / self.step
        outside = bool(place.min() < 0.0 or place.max() > self.intervals)
        if outside:
            beyond = (place < 0.0) | (place > self.intervals)
            np.clip(place, 0.0, self.intervals, out=place)
        cell = place.astype(np.intp)
        np.minimum(cell, self.intervals - 1, out=cell)
        u = np.subtract(place, cell, out=place)
        if self.curves > 1:
            offset = np.arange(self.curves) * self.intervals
            cell += offset.reshape(-1, *(1,) * (x.ndim - 1))
        cubic = self.cubic.take(cell, axis=0)
        a, b, c, d = (cubic[..., power] for power in range(4))
        value = d * u
        for coefficient in (c, b):
            value += coefficient
            value *= u
        value += a
        out = [value]
        if order >= 1 or outside:
            slope = 3.0 * d
            slope *= u
            slope += 2.0 * c
            slope *= u
            slope += b
            slope /= self.step
            out.append(slope)
        if outside:
            value[beyond] += (slope * (x - np.clip(x, -self.end, self.end)))[beyond]
        if order >= 2:
            bend = 6.0 * d
            bend *= u
            bend += 2.0 * c
            bend /= self.step**2
            if outside:
                bend[beyond] = 0.0
            out.append(bend)
        return out[: order + 1]


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A log likelihood of one effect that also depends on the overdispersion.

    Attributes
    ----------
    spreads
        Chebyshev points over the overdispersion, shape (spread,).
    curve
        The curves there.
    """

    spreads: Floats
    curve: Curve

    @classmethod
    def of(cls, table: Table, people: float, most: float) -> Sheet:
        """Return the sheet of a table, for overdispersions from 0 to ``most``."""
        angle = (np.arange(_SPREADS) + 0.5) * np.pi / _SPREADS
        # denser near 0, where a beta-binomial becomes a binomial
        spreads = most * (0.5 - 0.5 * np.cos(angle)) ** 2
        end = _FLAT + np.log(people + 1.0)
        places = 2 * int(np.ceil(end / (10 * _INTERVAL))) + 1
        theta = np.linspace(-end, end, places)
        found = table.at(
            np.tile(theta, _SPREADS)[:, None],
            np.repeat(np.maximum(spreads, 1e-6), places),
            bend=False,
        )
        shape = (_SPREADS, places)
        step = theta[1] - theta[0]
        curve = Curve.through(
            end, step, found.value.reshape(shape), found.gradient[:, 0].reshape(shape)
        )
        return cls(np.sqrt(spreads / most), curve)

    def at_spread(self, spread: Floats, most: float) -> Curve:
        """Return the curve at each overdispersion, shape (P,), by polynomial interpolation."""
        x = np.sqrt(spread / most)
        nodes = self.spreads
        weight = np.ones((len(x), len(nodes)))
        for i in range(len(nodes)):
            for j in range(len(nodes)):
                if i != j:
                    weight[:, i] *= (x - nodes[j]) / (nodes[i] - nodes[j])
        cubic = self.curve.cubic.reshape(len(nodes), -1)
        return Curve(
            self.curve.end,
            self.curve.step,
            np.ascontiguousarray((weight @ cubic).reshape(-1, 4)),
            self.curve.intervals,
            len(x),
            weight @ self.curve.slopes,
            self.curve.bend[np.abs(x[:, None] - nodes).argmin(axis=1)],
            self.curve.sharpest,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Averaged:
    """Nodes and weights of the average of a likelihood over a normal deviation, shape (P, D, node).

    Attributes
    ----------
    value
        Log of the average, shape (P, D).
    theta
        True effects at the nodes.
    share
        Their share of the average, sum 1 over the last axis.
    derivatives
        First and second derivative of the log likelihood there, where asked for.
    """

    value: Floats
    theta: Floats
    share: Floats
    derivatives: tuple[Floats, ...]


def averaged(
    curve: Curve, mean: Floats, variance: Floats, rule: Rule = QUICK, order: int = 0
) -> Averaged:
    """Return the average of a likelihood over a normal distribution of its effect.

    Parameters
    ----------
    curve
        One, or one at each point.
    mean
        Means, shape (P, D).
    variance
        Variances, shape (P,); they may be as small as one likes, but not 0.
    rule
        How finely.
    order
        How many derivatives at the nodes are wanted, up to 2.

    Notes
    -----
    The rule is centred at the mode of the product and stretched by a hyperbolic sine: a product
    that is narrow on one side and as wide as the deviations on the other is caught whole, as long
    as deviations are not wide (`averaged_widely`).
    """
    v = variance[:, None]
    root = np.sqrt(v)
    theta = mean.copy()
    low, high = mean + v * curve.slopes[:, [1]], mean + v * curve.slopes[:, [0]]
    low, high = np.minimum(low, high), np.maximum(low, high)
    bend = np.zeros_like(mean)
    for _ in range(25):
        _, slope, bend = curve.at(theta, 2)
        bend = np.minimum(bend, 0.0)
        off = theta - mean - v * slope
        low, high = np.where(off < 0, theta, low), np.where(off > 0, theta, high)
        step = off / (1 - v * bend)
        found = np.abs(step) < rule.centre * root / np.sqrt(1 - v * bend)
        if found.all():
            break
        new = theta - step
        new = np.where((new <= low) | (new >= high), 0.5 * (low + high), new)
        # what is found stays: a step too small to move it would look like one out of its bounds
        theta = np.where(found, theta, new)
    narrow = 1 / np.sqrt(1 - v * bend)  # SD of the product over that of the deviations
    sigma = root * narrow
    half = int(np.ceil(np.arcsinh(rule.farthest / narrow.min()) / rule.step))
    t = rule.step * np.arange(-half, half + 1)
    at = sigma[..., None] * np.sinh(t)
    at += theta[..., None]
    score = at - mean[..., None]
    score *= np.sqrt(0.5) / root[..., None]
    score *= score
    value, *derivatives = curve.at(at, order)
    share = value  # in place, as in `Curve.at`
    share -= score
    share += np.log(np.cosh(t))
    top = share.max(axis=2, keepdims=True)
    share -= top
    np.exp(share, out=share)
    total = share.sum(axis=2, keepdims=True)
    share /= total
    log_average = (top + np.log(total))[..., 0] + np.log(rule.step * narrow / np.sqrt(2 * np.pi))
    return Averaged(log_average, at, share, tuple(derivatives))


def averaged_widely(curve: Curve, mean: Floats, variance: Floats, order: int = 0) -> Averaged:
    """Return the same where deviations are as wide as a likelihood is, or wider.

    Between the ends of the curve nodes lie where it bends, the same for all means and variances;
    beyond them it is straight, and its average over a normal distribution has a closed form. The
    two ends are the first and the last node.
    """
    rule = curve.panels(float(np.sqrt(variance.min())))
    nodes, derivatives = rule.nodes, (rule.slope, rule.curvature)[:order]
    root = np.sqrt(variance[:, None])
    log_share = np.empty((*mean.shape, len(nodes) + 2))
    inner = log_share[..., 1:-1]
    np.subtract(nodes, mean[..., None], out=inner)
    inner *= np.sqrt(0.5) / root[..., None]
    np.multiply(inner, inner, out=inner)
    np.subtract((rule.value + rule.log_weight)[:, None, :], inner, out=inner)
    for side, end in ((0, -curve.end), (1, curve.end)):
        score_of_end, place = _beyond(curve, side, mean, root)
        at_end = curve.at(np.full((curve.curves, 1), end))[0]
        mills = _log_mills(place) + np.log(np.sqrt(2 * np.pi) * root)
        log_share[..., -side] = at_end - 0.5 * score_of_end**2 + mills
    top = log_share.max(axis=2, keepdims=True)
    log_share -= top
    share = np.exp(log_share, out=log_share)
    total = share.sum(axis=2, keepdims=True)
    share /= total
    log_average = (top + np.log(total))[..., 0] - np.log(np.sqrt(2 * np.pi) * root)
    ends = [
        np.concatenate([left, part, right], axis=1)[:, None, :]
        for part, left, right in zip(
            derivatives,
            (curve.slopes[:, [0]], np.zeros((curve.curves, 1))),
            (curve.slopes[:, [1]], np.zeros((curve.curves, 1))),
            strict=False,
        )
    ]
    theta = np.concatenate([[-curve.end], nodes, [curve.end]])
    return Averaged(log_average, theta[None, None], share, tuple(ends))


def _beyond(curve: Curve, side: int, mean: Floats, root: Floats) -> tuple[Floats, Floats]:
    """Return the score of an end of the curve, and its score under what the straight line tilts.

    Both count outwards as negative: the tail beyond the end is that below them.
    """
    sign, end = (1.0, -curve.end) if side == 0 else (-1.0, curve.end)
    score = sign * (end - mean) / root
    return score, score - sign * curve.slopes[:, side].reshape(-1, *(1,) * (mean.ndim - 1)) * root


def _log_mills(place: Floats) -> Floats:
    """Return the log of the normal probability below a score over the root of 2 pi its density.

    Of a steep line far out both are too small for a number; their ratio is not.
    """
    from scipy.special import erfcx, log_ndtr

    near = np.maximum(place, -5.0)
    far = np.minimum(place, -5.0)
    return np.where(
        place > -5.0,
        log_ndtr(near) + 0.5 * near**2,
        np.log(0.5 * erfcx(-far / np.sqrt(2))),
    )


def drawn_effects(curve: Curve, mean: Floats, variance: Floats, rng: np.random.Generator) -> Floats:
    """Return draws of true effects given the counts, their expectations and variances, shape (P,).

    Parameters
    ----------
    curve
        One, or one at each point.
    mean, variance
        Of the true effect before the counts, shape (P,).
    rng
        Source of randomness.
    """
    from scipy.special import log_ndtr, ndtri_exp

    out = np.empty(len(mean))
    for part in _chunks(np.argsort(variance, kind="stable"), variance, 1, curve, FINE):
        at = curve if curve.curves == 1 else _some(curve, part)
        wide = variance[part[0]] > FINE.wide**2
        found = (
            averaged_widely(at, mean[part, None], variance[part])
            if wide
            else averaged(at, mean[part, None], variance[part], FINE)
        )
        below = np.cumsum(found.share[:, 0], axis=1)
        rows = np.arange(len(part))
        theta = np.broadcast_to(found.theta[:, 0], below.shape)
        last = theta.shape[1] - 1
        node = np.minimum((below < rng.random((len(part), 1))).sum(axis=1), last)
        # anywhere between the middles of the intervals on both sides
        left, right = (theta[rows, np.clip(node + by, 0, last)] for by in (-1, 1))
        here = theta[rows, node]
        u = rng.random(len(part))
        drawn = here + (u - 0.5) * np.where(u < 0.5, here - left, right - here)
        if wide:
            root = np.sqrt(variance[part])
            for side, end in ((0, -at.end), (1, at.end)):
                beyond = node == (0 if side == 0 else last)
                place = _beyond(at, side, mean[part], root)[1][beyond]
                below = np.where(
                    place > -5.0,
                    ndtri_exp(np.log(u[beyond]) + log_ndtr(np.maximum(place, -5.0))) - place,
                    -place - np.hypot(place, np.sqrt(-2 * np.log(u[beyond]))),
                )
                drawn[beyond] = end + (1 if side == 0 else -1) * root[beyond] * below
        out[part] = drawn
    return out


def log_average(
    curve: Curve, mean: Floats, variance: Floats, *, slopes: bool = False, rule: Rule = QUICK
) -> tuple[Floats, Floats, Floats]:
    """Return the log average over a deviation, with first and second derivative by the mean.

    Parameters
    ----------
    curve, mean, variance, rule
        As in `averaged`.
    slopes
        Whether derivatives are wanted; else they are zero.
    """
    out = [np.zeros(mean.shape) for _ in range(3)]
    order = np.argsort(variance, kind="stable")
    for part in _chunks(order, variance, mean.shape[1], curve, rule):
        at = curve if curve.curves == 1 else _some(curve, part)
        found = (
            averaged_widely(at, mean[part], variance[part], 2 if slopes else 0)
            if variance[part[0]] > rule.wide**2
            else averaged(at, mean[part], variance[part], rule, 2 if slopes else 0)
        )
        out[0][part] = found.value
        if slopes:
            slope, bend = found.derivatives
            first = (found.share * slope).sum(axis=2)
            out[1][part] = first
            out[2][part] = (found.share * (bend + (slope - first[..., None]) ** 2)).sum(axis=2)
    return out[0], out[1], out[2]


def _chunks(
    order: NDArray[np.intp], variance: Floats, width: int, curve: Curve, rule: Rule = QUICK
) -> list[NDArray[np.intp]]:
    """Return points of like variance together, few enough for the cache."""
    wide = variance[order] > rule.wide**2
    nodes = (
        2 * np.arcsinh(rule.farthest * np.sqrt(1 + variance[order] * curve.sharpest)) / rule.step
    )
    if wide.any():
        nodes[wide] = len(curve.nodes(rule.wide)[0])
    filled = np.cumsum(nodes * width) // _CHUNK + wide  # wide ones apart
    return np.split(order, np.flatnonzero(np.diff(filled)) + 1)


def _some(curve: Curve, part: NDArray[np.intp]) -> Curve:
    """Return the curves of some points."""
    cubic = curve.cubic.reshape(curve.curves, curve.intervals, 4)[part].reshape(-1, 4)
    return Curve(
        curve.end,
        curve.step,
        cubic,
        curve.intervals,
        len(part),
        curve.slopes[part],
        curve.bend[part],
        curve.sharpest,
    )


#: Points of the Gauss-Hermite rule over a trial's deviations, by how many contrasts it has.
_RULE = {1: 9, 2: 5}
_FEWEST = 4


def joint_average(
    tables: Sequence[tuple[Table, NDArray[np.intp]]],
    mean: Floats,
    root: Floats,
    spread: Floats | None = None,
) -> Floats:
    """Return the log likelihood of several contrasts, averaged over their deviations, shape (N,).

    Parameters
    ----------
    tables
        With the positions of their contrasts.
    mean
        Expected effects, shape (N, d).
    root
        Root of the covariance of the deviations, shape (N, d, d).
    spread
        Overdispersion, shape (N,).

    References
    ----------
    Naylor & Smith 1982, Appl Stat 31:214 (Gauss-Hermite rules around the mode).
    """
    size = mean.shape[1]

    def at(e: Floats, *, slopes: bool) -> tuple[Floats, Floats, Floats]:
        theta = mean + np.einsum("nde,ne->nd", root, e)
        value = -0.5 * (e**2).sum(axis=1)
        gradient, precision = -e, np.tile(np.eye(size), (len(e), 1, 1))
        for table, places in tables:
            if not slopes:
                value = value + table.value(theta[:, places], spread)
            else:
                found = table.at(theta[:, places], spread)
                value = value + found.value
                some = root[:, places]
                gradient = gradient + np.einsum("nk,nke->ne", found.gradient, some)
                precision -= np.einsum("nje,njk,nkf->nef", some, found.hessian, some)
        return value, gradient, precision

    e = np.zeros_like(mean)
    value, gradient, precision = at(e, slopes=True)
    for _ in range(20):
        step = np.linalg.solve(precision, gradient[..., None])[..., 0]
        if np.abs(step).max() < 0.01:
            break
        for _ in range(8):  # as far as the density rises
            tried = at(e + step, slopes=True)
            worse = tried[0] < value - 1e-9
            if not worse.any():
                break
            step = np.where(worse[:, None], 0.5 * step, step)
        e = e + step
        value, gradient, precision = tried
    narrow = np.linalg.inv(np.linalg.cholesky(precision))  # its transpose is a root of the inverse
    x, w = np.polynomial.hermite_e.hermegauss(_RULE.get(size, _FEWEST))
    grid = np.stack([part.ravel() for part in np.meshgrid(*[x] * size, indexing="ij")], axis=1)
    weights = np.stack([part.ravel() for part in np.meshgrid(*[w] * size, indexing="ij")], axis=1)
    log_weight = np.log(weights).sum(axis=1) + 0.5 * (grid**2).sum(axis=1)
    log_det = np.log(np.diagonal(narrow, axis1=1, axis2=2)).sum(axis=1)
    values = np.stack(
        [
            at(e + np.einsum("nfe,f->ne", narrow, node), slopes=False)[0] + log
            for node, log in zip(grid, log_weight, strict=True)
        ]
    )
    top = values.max(axis=0)
    total = np.log(np.exp(values - top).sum(axis=0))
    return np.asarray(top + total + log_det - 0.5 * size * np.log(2 * np.pi))
