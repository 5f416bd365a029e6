"""Compiled log probabilities of the counts of arms along a midpoint, and their derivatives.

Counts are binomial or beta-binomial; a beta-binomial with overdispersion phi has alpha, the risk
over phi, and beta, one less the risk over phi. What is needed of the gamma function are ratios
Γ(x + k) / Γ(x): eight steps of its recurrence bring an argument to where its series has every
digit, and the steps of both arguments become one logarithm. Loops run over midpoints without a
branch, so that several are evaluated at a time.

References
----------
Abramowitz & Stegun 1964, 6.1.40 (logarithm of the gamma function), 6.3.18 and 6.4.12 (its first and
second derivative), 6.1.15 (recurrence).
"""

from __future__ import annotations

import numpy as np

from bayes_nmda.meta.compiled import compiled
from bayes_nmda.meta.normal_tails import exponential, logarithm
from bayes_nmda.meta.prior_densities import Array

#: Alpha and beta are not smaller, so that nothing is divided by 0.
TINY = 1e-12
#: Log odds farther out have the risk of these to every digit.
_FAR = 700.0
_STEPS = 8


@compiled
def _series(u: float) -> float:
    """Return the rest of Stirling's formula, log Γ(z) - (z - 1/2) log z + z, but for a constant.

    ``u`` is 1 / z.
    """
    v = u * u
    return float(u * (1 / 12 - v * (1 / 360 - v * (1 / 1260 - v * (1 / 1680 - v * (1 / 1188))))))


@compiled
def _log_rise(x: float, k: float) -> float:
    """Return log Γ(x + k) - log Γ(x)."""
    out = np.zeros(1)
    _add_log_rise(np.full(1, x), k, np.empty(1), np.empty(1), out)
    return float(out[0])


@compiled
def add_log_density(
    events: Array, n: Array, apart: Array, middle: Array, spread: Array, out: Array
) -> None:
    """Add the log probability of the counts but for the number of ways, summed over arms.

    Parameters
    ----------
    events, n
        Shape (arm,).
    apart
        Log odds of each arm less the midpoint, shape (N, arm).
    middle
        Midpoints, shape (N, node).
    spread
        Overdispersions, shape (N,), or none for binomial arms.
    out
        Shape (N, node).
    """
    over, nodes = spread.size > 0, middle.shape[1]
    alpha, beta = np.empty(nodes), np.empty(nodes)
    above, below = np.empty(nodes), np.empty(nodes)
    for i in range(middle.shape[0]):
        for a in range(n.size):
            k, rest, shift = events[a], n[a] - events[a], apart[i, a]
            if not over:
                for j in range(nodes):
                    x = middle[i, j] + shift
                    e = exponential(-min(abs(x), _FAR))
                    out[i, j] += k * x - n[a] * (max(x, 0.0) + logarithm(1.0 + e))
                continue
            wide = 1.0 / spread[i]
            whole = _log_rise(wide, n[a])
            for j in range(nodes):
                x = middle[i, j] + shift
                e = exponential(-min(abs(x), _FAR))
                large = wide / (1.0 + e)
                alpha[j] = max(large if x > 0.0 else large * e, TINY)
                beta[j] = max(large * e if x > 0.0 else large, TINY)
            _add_log_rise(alpha, k, above, below, out[i])
            _add_log_rise(beta, rest, above, below, out[i])
            for j in range(nodes):
                out[i, j] -= whole


@compiled
def _add_log_rise(x: Array, k: float, above: Array, below: Array, out: Array) -> None:
    """Add log Γ(x + k) - log Γ(x); short loops are what the compiler can do several at a time."""
    if k == 0.0:
        return
    for j in range(x.size):
        above[j], below[j] = x[j] + k, x[j]
    for step in range(1, _STEPS):
        for j in range(x.size):
            above[j] *= x[j] + k + step
            below[j] *= x[j] + step
    for j in range(x.size):
        low, high = x[j] + _STEPS, x[j] + k + _STEPS
        u, v = 1.0 / low, 1.0 / high
        out[j] += (low - 0.5) * logarithm(high * u) + (k * logarithm(high) - k)
        out[j] += _series(v) - _series(u) - logarithm(above[j] / below[j])


@compiled
def _digamma_rise(x: Array, k: float, out: Array) -> None:
    """Write ψ(x + k) - ψ(x)."""
    for j in range(x.size):
        low, high = x[j] + _STEPS, x[j] + k + _STEPS
        u, v = 1.0 / low, 1.0 / high
        out[j] = logarithm(high * u) + 0.5 * (u - v) + _digamma_rest(u) - _digamma_rest(v)
    for step in range(_STEPS):
        for j in range(x.size):
            out[j] += k / ((x[j] + step) * (x[j] + k + step))


@compiled
def _digamma_rest(u: float) -> float:
    v = u * u
    return float(v * (1 / 12 - v * (1 / 120 - v * (1 / 252 - v * (1 / 240 - v * (1 / 132))))))


@compiled
def _trigamma_rise(x: Array, k: float, out: Array) -> None:
    """Write ψ'(x + k) - ψ'(x)."""
    for j in range(x.size):
        out[j] = _trigamma_series(1.0 / (x[j] + k + _STEPS)) - _trigamma_series(
            1.0 / (x[j] + _STEPS)
        )
    for step in range(_STEPS):
        for j in range(x.size):
            low, high = 1.0 / (x[j] + step), 1.0 / (x[j] + k + step)
            out[j] += (high - low) * (high + low)


@compiled
def _trigamma_series(u: float) -> float:
    v = u * u
    tail = 1 / 6 - v * (1 / 30 - v * (1 / 42 - v * (1 / 30 - v * (5 / 66 - v * (691 / 2730)))))
    return float(u * (1.0 + u / 2.0 + v * tail))


@compiled
def slopes(
    events: Array, n: Array, apart: Array, middle: Array, spread: Array, bend: bool,
    first: Array, second: Array,
) -> None:  # fmt: skip
    """Write the derivatives of each arm's log probability by its log odds, shape (N, node, arm).

    The second is written where ``bend``. Other arguments as in `add_log_density`.
    """
    over, nodes = spread.size > 0, middle.shape[1]
    risk, safe = np.empty(nodes), np.empty(nodes)
    alpha, beta = np.empty(nodes), np.empty(nodes)
    of_alpha, of_beta = np.empty(nodes), np.empty(nodes)
    for i in range(middle.shape[0]):
        for a in range(n.size):
            k, rest, shift = events[a], n[a] - events[a], apart[i, a]
            for j in range(nodes):
                x = middle[i, j] + shift
                e = exponential(-min(abs(x), _FAR))
                large = 1.0 / (1.0 + e)
                risk[j] = large if x > 0.0 else large * e
                safe[j] = large * e if x > 0.0 else large
            if not over:
                for j in range(nodes):
                    first[i, j, a] = k - n[a] * risk[j]
                    second[i, j, a] = -n[a] * risk[j] * safe[j]
                continue
            wide = 1.0 / spread[i]
            for j in range(nodes):
                alpha[j], beta[j] = max(risk[j] * wide, TINY), max(safe[j] * wide, TINY)
            _digamma_rise(alpha, k, of_alpha)
            _digamma_rise(beta, rest, of_beta)
            for j in range(nodes):
                first[i, j, a] = (of_alpha[j] - of_beta[j]) * wide * risk[j] * safe[j]
            if bend:
                _trigamma_rise(alpha, k, of_alpha)
                _trigamma_rise(beta, rest, of_beta)
                for j in range(nodes):
                    rise = wide * risk[j] * safe[j]
                    change = (of_alpha[j] + of_beta[j]) * rise * rise
                    second[i, j, a] = change + first[i, j, a] * (safe[j] - risk[j])
