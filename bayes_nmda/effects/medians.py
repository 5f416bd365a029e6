"""Mean and standard deviation from a median with quartiles, a range, or both.

The formulas assume roughly symmetric data; `skewness_excess` tests that. The sampling error of a
converted mean is larger than its formula suggests (McGrath 2023), so such rows carry a flag.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

from bayes_nmda.effects.inputs import Floats, check_sample_size, floats, refuse


def _ordered(least_n: int, n: ArrayLike, **values: ArrayLike) -> tuple[Floats, ...]:
    arrays = floats(**values, n=n)
    names = list(values)
    for i in range(1, len(names)):
        bad = arrays[i] < arrays[i - 1]
        refuse(names[i], arrays[i], bad, f"no less than {names[i - 1]}")
    refuse(names[-1], arrays[-2], arrays[-2] <= arrays[0], f"above {names[0]}")
    check_sample_size("n", arrays[-1], least=least_n)
    return arrays


def _reach(n: Floats) -> Floats:
    """Return the expected standardised maximum of n draws (Blom's approximation)."""
    return cast("Floats", np.asarray(norm.ppf((n - 0.375) / (n + 0.25))))


def _quartile(n: Floats) -> Floats:
    """Return the expected standardised upper quartile of n draws."""
    return cast("Floats", np.asarray(norm.ppf((0.75 * n - 0.125) / (n + 0.25))))


def from_range(
    minimum: ArrayLike, median: ArrayLike, maximum: ArrayLike, n: ArrayLike
) -> tuple[Floats, Floats]:
    """Return mean and standard deviation from minimum, median and maximum.

    ``mean = w (a + b)/2 + (1 - w) m`` with ``w = 4 / (4 + n^0.75)``;
    ``sd = (b - a) / (2 Phi^-1((n - 0.375) / (n + 0.25)))``.

    Parameters
    ----------
    minimum, median, maximum
        In the outcome's units.
    n
        People, at least 2.

    Returns
    -------
    mean, sd : ndarray
        In the outcome's units.

    Raises
    ------
    UsageError
        If the numbers are not in order.

    References
    ----------
    Luo D et al. (2018). Stat Methods Med Res 27:1785-1805, doi:10.1177/0962280216669183 (mean).
    Wan X et al. (2014). BMC Med Res Methodol 14:135, doi:10.1186/1471-2288-14-135 (SD).
    """
    low, mid, high, size = _ordered(2, n, minimum=minimum, median=median, maximum=maximum)
    w = 4 / (4 + size**0.75)
    return w * (low + high) / 2 + (1 - w) * mid, (high - low) / (2 * _reach(size))


def from_quartiles(
    q1: ArrayLike, median: ArrayLike, q3: ArrayLike, n: ArrayLike
) -> tuple[Floats, Floats]:
    """Return mean and standard deviation from the quartiles.

    ``mean = w (q1 + q3)/2 + (1 - w) m`` with ``w = 0.7 + 0.39/n``;
    ``sd = (q3 - q1) / (2 Phi^-1((0.75 n - 0.125) / (n + 0.25)))``.

    Parameters
    ----------
    q1, median, q3
        In the outcome's units.
    n
        People, at least 3.

    Returns
    -------
    mean, sd : ndarray
        In the outcome's units.

    Raises
    ------
    UsageError
        If the numbers are not in order.

    References
    ----------
    Luo 2018 (mean) and Wan 2014 (SD), as for `from_range`.
    """
    low, mid, high, size = _ordered(3, n, q1=q1, median=median, q3=q3)
    w = 0.7 + 0.39 / size
    return w * (low + high) / 2 + (1 - w) * mid, (high - low) / (2 * _quartile(size))


def from_five_numbers(
    minimum: ArrayLike,
    q1: ArrayLike,
    median: ArrayLike,
    q3: ArrayLike,
    maximum: ArrayLike,
    n: ArrayLike,
) -> tuple[Floats, Floats]:
    """Return mean and standard deviation from range, quartiles and median together.

    The mean weighs mid-range, mid-quartile and median by ``2.2 / (2.2 + n^0.75)``,
    ``0.7 - 0.72 / n^0.55`` and the rest; the SD is ``(b - a)/t1 + (q3 - q1)/t2`` with
    ``t1 = (2 + 0.14 n^0.6) Phi^-1((n - 0.375)/(n + 0.25))`` and
    ``t2 = (2 + 2/(0.07 n^0.6)) Phi^-1((0.75 n - 0.125)/(n + 0.25))``.

    Parameters
    ----------
    minimum, q1, median, q3, maximum
        In the outcome's units.
    n
        People, at least 3.

    Returns
    -------
    mean, sd : ndarray
        In the outcome's units.

    Raises
    ------
    UsageError
        If the numbers are not in order.

    References
    ----------
    Luo 2018, as for `from_range` (mean). Shi J et al. (2020). Res Synth Methods 11:641-654,
    doi:10.1002/jrsm.1429 (SD).
    """
    low, lower, mid, upper, high, size = _ordered(
        3, n, minimum=minimum, q1=q1, median=median, q3=q3, maximum=maximum
    )
    w1, w2 = 2.2 / (2.2 + size**0.75), 0.7 - 0.72 / size**0.55
    mean = w1 * (low + high) / 2 + w2 * (lower + upper) / 2 + (1 - w1 - w2) * mid
    growth = size**0.6
    sd = (high - low) / ((2 + 0.14 * growth) * _reach(size))
    return mean, sd + (upper - lower) / ((2 + 2 / (0.07 * growth)) * _quartile(size))


def skewness_excess(
    minimum: ArrayLike, median: ArrayLike, maximum: ArrayLike, n: ArrayLike
) -> Floats:
    """Return how far a range is from symmetry, over the 5 % critical value.

    ``|a + b - 2 m| / (b - a)`` divided by ``1/log(n + 9) + 2.5/(n + 1)``: above 1 the data look
    skewed and the conversion is doubtful.

    Parameters
    ----------
    minimum, median, maximum
        In the outcome's units.
    n
        People, at least 5.

    Returns
    -------
    ndarray
        Ratio; above 1 means skewed.

    References
    ----------
    Shi J et al. (2023). Detecting the skewness of data from the five-number summary and its
    application in meta-analysis. Stat Methods Med Res 32, doi:10.1177/09622802231172043.
    """
    low, mid, high, size = _ordered(5, n, minimum=minimum, median=median, maximum=maximum)
    critical = 1 / np.log(size + 9) + 2.5 / (size + 1)
    return np.asarray(np.abs(low + high - 2 * mid) / (high - low) / critical)
