"""A dense-grid posterior of tau in extended precision: slow, plain, and written independently.

Plain sums on some 30,000 points of log tau (or of its logit, where tau is bounded); no adaptive
rule, no closed-form tail, no cancellation trick. It shares nothing with the product but the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import interpolate, special

WIDE = np.longdouble
POINTS = 10_000


def log_prior(
    family: str, p: tuple[float, ...], tau: np.ndarray, log_tau: np.ndarray
) -> np.ndarray:
    """Return the log prior density at tau, not truncated."""
    if family == "half_normal":
        return 0.5 * math.log(2 / math.pi) - math.log(p[0]) - 0.5 * (tau / p[0]) ** 2
    if family == "half_cauchy":
        return math.log(2 / math.pi / p[0]) - np.log1p((tau / p[0]) ** 2)
    if family == "uniform":
        return np.full(tau.shape, 0.0 if math.isinf(p[0]) else -math.log(p[0]), WIDE)
    if family == "inverse_gamma":
        a, b = p
        return a * math.log(b) - math.lgamma(a) - (a + 1) * log_tau - b / tau
    if family == "log_normal":
        return (
            -0.5 * ((log_tau - p[0]) / p[1]) ** 2
            - math.log(p[1] * math.sqrt(2 * math.pi))
            - log_tau
        )
    if family == "log_student_t":
        df, m, s = p
        constant = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
        z = (log_tau - m) / s
        return constant - math.log(s) - (df + 1) / 2 * np.log1p(z * z / df) - log_tau
    return math.log(p[0]) - p[0] * tau


@dataclass
class DenseGrid:
    """Posterior weights on a grid of tau, and mu given tau."""

    tau: np.ndarray
    x: np.ndarray
    weight: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    log_marginal: float
    upper: float

    def below(self, value: float, target: str) -> float:
        """Return P(target < value)."""
        if target == "tau":
            total = interpolate.CubicSpline(self.x, self.weight).antiderivative()
            at = math.log(value)
            if math.isfinite(self.upper):
                at = math.log(value / (self.upper - value)) if value < self.upper else self.x[-1]
            return float(total(np.clip(at, self.x[0], self.x[-1])) / total(self.x[-1]))
        sd = self.sd if target == "mean" else np.hypot(self.sd, self.tau)
        return float(self.weight @ special.ndtr((value - self.mean) / sd))

    def moments(self, target: str) -> tuple[float, float]:
        """Return mean and SD."""
        if target == "tau":
            mean = self.weight @ self.tau
            return float(mean), float(np.sqrt(self.weight @ (self.tau - mean) ** 2))
        mean = self.weight @ self.mean
        variance = self.sd**2 + (self.tau**2 if target == "new_trial" else 0.0)
        return float(mean), float(np.sqrt(self.weight @ (variance + (self.mean - mean) ** 2)))


def dense_grid(
    yi: np.ndarray, sei: np.ndarray, mu: tuple, tau: tuple, *, upper: float = math.inf,
    span: float = 90.0, drop: float = 60.0,
) -> DenseGrid:  # fmt: skip
    """Return the dense-grid posterior for a normal, flat or fixed prior of mu."""
    y, s = np.asarray(yi, WIDE), np.asarray(sei, WIDE)
    family, p = tau[0], tuple(tau[1:])
    if family == "uniform":
        upper = min(upper, p[0])
    middle = float(np.log(s.min()))
    low, high = middle - span, middle + span
    if math.isfinite(upper):
        low, high = min(low, math.log(upper) - 30) - math.log(upper), 60.0

    def evaluate(x: np.ndarray) -> tuple[np.ndarray, ...]:
        x = x.astype(WIDE)
        if math.isfinite(upper):
            t = WIDE(upper) / (1 + np.exp(-x))
            log_t = math.log(upper) - np.log1p(np.exp(-x))
            slope = log_t - np.log1p(np.exp(x))
        else:
            t, log_t, slope = np.exp(x), x, x
        total = np.zeros(t.shape, WIDE)
        precision, moment = np.zeros(t.shape, WIDE), np.zeros(t.shape, WIDE)
        for yy, ss in zip(y, s, strict=True):
            v = ss * ss + t * t
            total -= 0.5 * np.log(2 * WIDE(math.pi) * v)
            precision += 1 / v
            moment += (yy - y[0]) / v
        if mu[0] == "normal":
            precision += 1 / WIDE(mu[2]) ** 2
            moment += (WIDE(mu[1]) - y[0]) / WIDE(mu[2]) ** 2
            total -= math.log(mu[2])
        mean = moment / precision + y[0]
        if mu[0] == "fixed":
            mean, precision = np.full(t.shape, WIDE(mu[1])), np.full(t.shape, WIDE("inf"))
        else:
            total -= 0.5 * np.log(precision)
        if mu[0] == "flat":
            total += 0.5 * math.log(2 * math.pi)
        for yy, ss in zip(y, s, strict=True):
            total -= 0.5 * (yy - mean) ** 2 / (ss * ss + t * t)
        if mu[0] == "normal":
            total -= 0.5 * ((mean - mu[1]) / mu[2]) ** 2
        return total + log_prior(family, p, t, log_t) + slope, t, mean, 1 / np.sqrt(precision)

    peak = -math.inf
    for _ in range(60):  # zoom in until the region that matters fills the grid
        x = np.linspace(low, high, POINTS)
        value = evaluate(x)[0]
        peak = value.max()
        alive = np.flatnonzero(value > peak - drop)
        first, last = max(alive[0] - 2, 0), min(alive[-1] + 2, POINTS - 1)
        shrunk = x[first], x[last]
        if last - first > 0.5 * POINTS:
            break
        low, high = float(shrunk[0]), float(shrunk[1])
    x = np.linspace(low, high, 3 * POINTS)
    value, t, mean, sd = evaluate(x)
    density = np.exp(value - value.max())
    area = density.sum() * (x[1] - x[0])
    log_marginal = float(value.max() + np.log(area))
    if math.isfinite(upper):  # truncation renormalises the prior
        fine = _prior_mass(family, p, upper)
        log_marginal -= math.log(fine)
    return DenseGrid(
        t.astype(float), x, (density / density.sum()).astype(float), mean.astype(float),
        sd.astype(float), log_marginal, upper,
    )  # fmt: skip


def _prior_mass(family: str, p: tuple[float, ...], upper: float) -> float:
    """Return the prior mass below ``upper`` by the same dense sum."""
    if family == "uniform":
        return upper / p[0] if math.isfinite(p[0]) else 1.0
    x = np.linspace(-120.0, 60.0, 400_000).astype(WIDE)
    t = WIDE(upper) / (1 + np.exp(-x))
    log_t = math.log(upper) - np.log1p(np.exp(-x))
    value = log_prior(family, p, t, log_t) + log_t - np.log1p(np.exp(x))
    return float(np.exp(value).sum() * (x[1] - x[0]))
