"""Classical pooling of independent effects: the review's method, and the usual estimators of tau.

In come effects and variances, out comes a `Pooled` value. The review used DerSimonian-Laird with
a Wald interval; the other estimators are here because published examples are checked with them.
I-squared is not reported for fewer than three trials: it says nothing there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm

from bayes_nmda.effects.inputs import Floats, check_positive, floats
from bayes_nmda.errors import UsageError

Estimator = Literal["FE", "DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM"]
ESTIMATORS: Final = get_args(Estimator)

#: I-squared needs at least this many trials to mean anything.
LEAST_TRIALS_FOR_I_SQUARED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """A pooled effect with what it was made of.

    Attributes
    ----------
    estimate, se, ci_low, ci_high
        Pooled effect, its standard error and Wald interval, in the units of the effects.
    tau_squared
        Variance between trials, squared units.
    q
        Cochran's Q, under common-effect weights.
    i_squared
        Share of variation between trials, 0 to 1; None for fewer than three trials.
    weights
        Shape (contrast,), percent, summing to 100.
    trials
        Number of effects pooled.
    estimator
        Estimator of tau squared.
    """

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    tau_squared: float
    q: float
    i_squared: float | None
    weights: Floats
    trials: int
    estimator: Estimator


def _clean(yi: ArrayLike, vi: ArrayLike) -> tuple[Floats, Floats]:
    y, v = floats(yi=np.atleast_1d(yi), vi=np.atleast_1d(vi))
    check_positive("vi", v)
    if y.ndim != 1 or y.size == 0:
        raise UsageError(f"yi has shape {y.shape}; it must be a list of one effect or more")
    return y, v


def _mean(y: Floats, w: Floats) -> float:
    return float(np.sum(w * y) / np.sum(w))


def _residual_sum(y: Floats, w: Floats) -> float:
    return float(np.sum(w * (y - _mean(y, w)) ** 2))


def _moment(y: Floats, v: Floats) -> float:
    w = 1 / v
    scale = np.sum(w) - np.sum(w**2) / np.sum(w)
    return float((_residual_sum(y, w) - (y.size - 1)) / scale)


def _hunter_schmidt(y: Floats, v: Floats) -> float:
    return float((_residual_sum(y, 1 / v) - y.size) / np.sum(1 / v))


def _hedges(y: Floats, v: Floats) -> float:
    return float(np.var(y, ddof=1) - np.mean(v))


def _sidik_jonkman(y: Floats, v: Floats) -> float:
    start = float(np.var(y))
    return start * _residual_sum(y, 1 / (v + start)) / (y.size - 1) if start > 0 else 0.0


def _upper(y: Floats, v: Floats) -> float:
    """Return a tau-squared at which the generalised Q lies below its expectation."""
    return float(np.sum((y - np.mean(y)) ** 2) + np.max(v))


def _paule_mandel(y: Floats, v: Floats) -> float:
    def excess(t: float) -> float:
        return _residual_sum(y, 1 / (v + t)) - (y.size - 1)

    return 0.0 if excess(0.0) <= 0 else float(brentq(excess, 0.0, _upper(y, v), xtol=1e-14))


def _likelihood(y: Floats, v: Floats, *, restricted: bool) -> float:
    def loss(t: float) -> float:
        w = 1 / (v + t)
        value = -np.sum(np.log(w)) + _residual_sum(y, w)
        return float(value + np.log(np.sum(w))) if restricted else float(value)

    upper = _upper(y, v)
    # A grid finds the right basin; the bounded search then refines it.
    grid = np.concatenate([[0.0], np.geomspace(upper * 1e-6, upper, 60)])
    best = int(np.argmin([loss(t) for t in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
    found = minimize_scalar(
        loss, bounds=(float(low), float(high)), method="bounded", options={"xatol": upper * 1e-12}
    )
    return float(found.x) if loss(float(found.x)) < loss(0.0) else 0.0


def _maximum_likelihood(y: Floats, v: Floats) -> float:
    return _likelihood(y, v, restricted=False)


def _restricted_likelihood(y: Floats, v: Floats) -> float:
    return _likelihood(y, v, restricted=True)


_TAU_SQUARED: Final[dict[str, Callable[[Floats, Floats], float]]] = {
    "DL": _moment,
    "HE": _hedges,
    "HS": _hunter_schmidt,
    "SJ": _sidik_jonkman,
    "ML": _maximum_likelihood,
    "REML": _restricted_likelihood,
    # The empirical Bayes estimator solves the same equation as that of Paule and Mandel.
    "EB": _paule_mandel,
    "PM": _paule_mandel,
}


def tau_squared(yi: ArrayLike, vi: ArrayLike, *, estimator: Estimator = "DL") -> float:
    """Return the between-trial variance by a classical estimator, cut off at 0.

    Parameters
    ----------
    yi, vi
        Effects and their variances, shape (contrast,).
    estimator
        ``DL`` DerSimonian-Laird, ``HE`` Hedges, ``HS`` Hunter-Schmidt, ``SJ`` Sidik-Jonkman,
        ``ML``, ``REML``, ``EB`` empirical Bayes, ``PM`` Paule-Mandel; ``FE`` is 0.

    Returns
    -------
    float
        Variance in squared units of `yi`; 0 for a single effect.

    Raises
    ------
    UsageError
        If a variance is not positive, or the estimator is unknown.

    References
    ----------
    Viechtbauer W (2005). J Educ Behav Stat 30:261-293, doi:10.3102/10769986030003261.
    DerSimonian R, Laird N (1986). Control Clin Trials 7:177-188,
    doi:10.1016/0197-2456(86)90046-2.
    """
    y, v = _clean(yi, vi)
    if estimator not in ESTIMATORS:
        raise UsageError(f"estimator is {estimator!r}; it must be one of {', '.join(ESTIMATORS)}")
    if estimator == "FE" or y.size == 1:
        return 0.0
    return max(0.0, _TAU_SQUARED[estimator](y, v))


def pool(
    yi: ArrayLike, vi: ArrayLike, *, estimator: Estimator = "DL", level: float = 0.95
) -> Pooled:
    """Return the inverse-variance weighted mean of independent effects, with a Wald interval.

    Weights are ``1 / (vi + tau^2)``; the variance of the mean is the inverse of their sum.

    Parameters
    ----------
    yi, vi
        Effects and their variances, shape (contrast,).
    estimator
        Estimator of tau squared; ``DL`` is the review's, ``FE`` is the common-effect model.
    level
        Coverage of the interval.

    Returns
    -------
    Pooled
        Estimate and interval in the units of `yi`; weights in percent.

    Raises
    ------
    UsageError
        If a variance is not positive, or the estimator is unknown.

    References
    ----------
    DerSimonian R, Laird N (1986). Control Clin Trials 7:177-188,
    doi:10.1016/0197-2456(86)90046-2.

    Examples
    --------
    >>> pooled = pool([-1.266, -18.0, -27.7], [60.16, 90.0, 49.05])
    >>> round(pooled.estimate, 1)
    -15.8
    """
    y, v = _clean(yi, vi)
    if not 0 < level < 1:
        raise UsageError(f"level is {level:g}; it must be between 0 and 1, both excluded")
    t = tau_squared(y, v, estimator=estimator)
    w = 1 / (v + t)
    q = _residual_sum(y, 1 / v)
    mean, se = _mean(y, w), float(np.sum(w) ** -0.5)
    reach = float(norm.ppf((1 + level) / 2)) * se
    i_squared = None
    if y.size >= LEAST_TRIALS_FOR_I_SQUARED:
        i_squared = max(0.0, 1 - (y.size - 1) / q) if q > 0 else 0.0
    return Pooled(
        estimate=mean,
        se=se,
        ci_low=mean - reach,
        ci_high=mean + reach,
        tau_squared=t,
        q=q,
        i_squared=i_squared,
        weights=100 * w / np.sum(w),
        trials=y.size,
        estimator=estimator,
    )


def shrunken(yi: ArrayLike, vi: ArrayLike, pooled: Pooled) -> Floats:
    """Return each trial's best linear unbiased prediction, drawn towards the pooled effect.

    ``(tau^2 yi + vi mu) / (tau^2 + vi)``.

    Parameters
    ----------
    yi, vi
        Effects and their variances, shape (contrast,).
    pooled
        What `pool` made of them.

    Returns
    -------
    ndarray
        Shape (contrast,), in the units of `yi`.

    References
    ----------
    Raudenbush SW, Bryk AS (1985). J Educ Stat 10:75-98, doi:10.3102/10769986010002075.
    """
    y, v = _clean(yi, vi)
    t = pooled.tau_squared
    return (t * y + v * pooled.estimate) / (t + v)
