"""Monte Carlo errors: how far an answer would move if the same model were sampled again.

In go draws of shape (chain, draw), out comes an effective sample size (ESS) or a Monte Carlo
standard error (MCSE). Needs NumPy alone, so that a stored posterior answers quickly; the numbers
are those of ArviZ. An MCSE is about the computer's sampling, never about the evidence: the
posterior SD and interval are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: 95 % bound on an event that n independent draws never showed: 3/n. Hanley & Lippman-Hand 1983,
#: JAMA 249:1743, doi:10.1001/jama.1983.03330370053031.
RULE_OF_THREE = 3.0
#: Places at which `tail_ess` looks; the definition of tail ESS in Vehtari et al. 2021, section 4.3.
_TAILS = (0.05, 0.95)


def _split(draws: Floats) -> Floats:
    """Cut each chain in halves, so that a chain that drifts disagrees with itself."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _autocovariance(chains: Floats) -> Floats:
    """Return the autocovariance of each chain at every lag, shape (chain, draw)."""
    n = chains.shape[1]
    size = 1 << (2 * n - 1).bit_length()
    transform = np.fft.rfft(chains - chains.mean(axis=1, keepdims=True), n=size, axis=1)
    power = (transform * transform.conj()).real
    covariance: Floats = np.fft.irfft(power, n=size, axis=1)[:, :n] / n
    return covariance


def ess(draws: ArrayLike) -> float:
    """Return the effective sample size of the mean of draws.

    Parameters
    ----------
    draws
        Shape (chain, draw), at least 4 draws a chain; numbers or truth values.

    Returns
    -------
    float
        Independent draws that would give the mean as precisely: number of draws divided by the
        integrated autocorrelation time, by Geyer's initial monotone sequence over chains split in
        halves. All draws equal: their number. Fewer than 4 draws, or a draw missing: NaN.

    References
    ----------
    Geyer 1992, Stat Sci 7:473, doi:10.1214/ss/1177011137; Vehtari et al. 2021, Bayesian Anal
    16:667, doi:10.1214/20-BA1221, section 3.2 (ESS from split chains).
    """
    values = np.atleast_2d(np.asarray(draws, dtype=np.float64))
    if values.shape[1] < 4 or not np.isfinite(values).all():
        return float("nan")
    chains = _split(values)
    if np.ptp(chains) < np.finfo(np.float64).resolution:
        return float(chains.size)
    n_chain, n = chains.shape
    covariance = _autocovariance(chains).mean(axis=0)
    within = covariance[0] * n / (n - 1)
    total = covariance[0] + (np.var(chains.mean(axis=1), ddof=1) if n_chain > 1 else 0.0)
    correlation = 1.0 - (within - covariance) / total
    correlation[0] = 1.0
    # Sums of neighbouring lags: positive as long as they carry signal, and never rising.
    last = _last_pair(correlation, n)
    pairs = correlation[:last].reshape(-1, 2).sum(axis=1)
    time = -1.0 + 2.0 * float(np.minimum.accumulate(pairs).sum()) + max(correlation[last], 0.0)
    size = n_chain * n
    return float(size / max(time, 1.0 / np.log10(size)))


def _last_pair(correlation: Floats, n: int) -> int:
    """Return the even lag at which the initial positive sequence of pairs has ended."""
    lag, pair = 0, correlation[0] + correlation[1]
    while lag < n - 4 and pair > 0.0:
        lag += 2
        pair = correlation[lag] + correlation[lag + 1]
    return lag


def tail_ess(draws: ArrayLike) -> float:
    """Return the smallest effective sample size of the mean and of the 5 % and 95 % quantiles."""
    values = np.asarray(draws, dtype=np.float64)
    low, high = np.quantile(values, _TAILS)
    return min(ess(values), ess(values <= low), ess(values <= high))


def mcse_mean(draws: ArrayLike) -> float:
    """Return the Monte Carlo standard error of the mean, in the unit of the draws.

    Parameters
    ----------
    draws
        Shape (chain, draw).

    Returns
    -------
    float
        SD of the draws divided by the square root of their `ess`.
    """
    values = np.asarray(draws, dtype=np.float64)
    return float(np.std(values, ddof=1) / np.sqrt(ess(values)))


def mcse_probability(indicator: ArrayLike, draws: ArrayLike) -> float:
    """Return the Monte Carlo standard error of a probability.

    Parameters
    ----------
    indicator
        Shape (chain, draw), whether the event holds.
    draws
        Shape (chain, draw), the quantity that the event is about.

    Returns
    -------
    float
        Standard error of the share of draws. An event that holds in no draw, or in all, has no
        estimate of its error, and 0 would claim certainty: then it is a bound instead, three
        divided by the effective sample size of the draws' centre and tails. With 95 % confidence
        the probability lies no further than that from 0, or from 1.

    References
    ----------
    Hanley & Lippman-Hand 1983, JAMA 249:1743, doi:10.1001/jama.1983.03330370053031.
    """
    values = np.asarray(indicator, dtype=np.float64)
    if np.ptp(values) == 0.0:
        return min(RULE_OF_THREE / tail_ess(draws), 1.0)
    return mcse_mean(values)


def mcse_quantile(draws: ArrayLike, probability: float) -> float:
    """Return the Monte Carlo standard error of a quantile, in the unit of the draws.

    Half the distance between the quantiles one standard error of `probability` below and above.
    """
    values = np.asarray(draws, dtype=np.float64)
    below = values <= np.quantile(values, probability)
    error = np.sqrt(probability * (1.0 - probability) / ess(below))
    places = np.clip([probability - error, probability + error], 0.0, 1.0)
    low, high = np.quantile(values, places)
    return float(high - low) / 2.0
