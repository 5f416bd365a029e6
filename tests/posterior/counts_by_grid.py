"""One trial of two arms by summing over a grid: another way to the same posterior.

For the model of one effect for all trials: effect ~ Student-t(7, 0, 1), theta ~ N(effect, tau²),
tau ~ Inverse-Gamma(1.5, 0.4) cut at 5, log odds of the control arm ~ Logistic(0, 1), events
binomial. Nothing is shared with the package: no sampling, no likelihood of its own.
"""

from __future__ import annotations

import numpy as np
from scipy import stats


class OneTrial:
    """Posterior of one trial's effect and control risk on a grid."""

    def __init__(self, events_t: int, n_t: int, events_c: int, n_c: int) -> None:
        self.effect = np.linspace(-14, 14, 561)
        self.theta = np.linspace(-34, 34, 1361)
        # a uniform risk is a logistic log odds; the grid is even in the log odds
        self.base = np.linspace(-16, 16, 641)
        step = self.theta[1] - self.theta[0]
        published = stats.invgamma(1.5, scale=0.4)
        taus = published.ppf((np.arange(4000) + 0.5) / 4000 * published.cdf(5.0))
        distance = self.theta[None, :] - self.effect[:, None]
        # probability of each cell of theta given the effect, averaged over tau
        edges = np.arange(-1000, 1001) * step + step / 2
        cumulative = np.zeros_like(edges)
        for tau in taus:
            cumulative += stats.norm.cdf(edges, 0, tau)
        cell = np.diff(cumulative / len(taus), prepend=0.0)
        kernel = cell[np.rint(distance / step).astype(int) + 1000]
        risk_t = 1 / (1 + np.exp(-(self.base[:, None] + self.theta[None, :])))
        of_theta = stats.binom.pmf(events_t, n_t, risk_t)
        risk_c = 1 / (1 + np.exp(-self.base))
        of_base = stats.binom.pmf(events_c, n_c, risk_c) * stats.logistic.pdf(self.base)
        joint = stats.t.pdf(self.effect, 7)[:, None] * (kernel @ of_theta.T) * of_base[None, :]
        self.weight = joint / joint.sum()

    def quantile(self, values: np.ndarray, place: float) -> float:
        """Return a quantile of values of shape (effect, base)."""
        flat, weight = np.broadcast_to(values, self.weight.shape).ravel(), self.weight.ravel()
        order = np.argsort(flat)
        return float(np.interp(place, np.cumsum(weight[order]) - weight[order] / 2, flat[order]))

    @property
    def log_or(self) -> np.ndarray:
        """Log odds ratio, shape (effect, base)."""
        return np.broadcast_to(self.effect[:, None], self.weight.shape)

    @property
    def risks(self) -> tuple[np.ndarray, np.ndarray]:
        """Risk without and with the drug, each of shape (effect, base)."""
        control = 1 / (1 + np.exp(-self.base))[None, :]
        treated = 1 / (1 + np.exp(-(self.base[None, :] + self.effect[:, None])))
        return np.broadcast_to(control, treated.shape), treated
