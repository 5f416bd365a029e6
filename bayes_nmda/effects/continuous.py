"""Mean difference and standardised mean difference of two parallel arms, with variances.

Group 1 is the treatment arm, group 2 the control arm; every effect is treatment minus control.
The review's SMD uses the approximate small-sample factor and its own variance; the models use the
exact factor. Both are here, told apart by name: `smd` and `smd_revman`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from bayes_nmda.effects.inputs import Floats, check_positive, check_sample_size, floats


def _arms(
    mean_t: ArrayLike,
    sd_t: ArrayLike,
    n_t: ArrayLike,
    mean_c: ArrayLike,
    sd_c: ArrayLike,
    n_c: ArrayLike,
) -> tuple[Floats, ...]:
    arms = floats(mean_t=mean_t, sd_t=sd_t, n_t=n_t, mean_c=mean_c, sd_c=sd_c, n_c=n_c)
    check_positive("sd_t", arms[1])
    check_sample_size("n_t", arms[2])
    check_positive("sd_c", arms[4])
    check_sample_size("n_c", arms[5])
    return arms


def mean_difference(
    mean_t: ArrayLike,
    sd_t: ArrayLike,
    n_t: ArrayLike,
    mean_c: ArrayLike,
    sd_c: ArrayLike,
    n_c: ArrayLike,
    *,
    pooled: bool = False,
) -> tuple[Floats, Floats]:
    """Return mean differences and their variances.

    ``yi = mean_t - mean_c``; ``vi = sd_t^2/n_t + sd_c^2/n_c``, or with one pooled variance
    ``vi = sp^2 (1/n_t + 1/n_c)``.

    Parameters
    ----------
    mean_t, sd_t, n_t
        Treatment arm: mean and standard deviation in the outcome's units, people analysed.
    mean_c, sd_c, n_c
        Control arm, likewise.
    pooled
        Assume one variance in both arms.

    Returns
    -------
    yi, vi : ndarray
        Difference in the outcome's units (negative: lower under treatment) and its variance.

    Raises
    ------
    UsageError
        If an SD is not positive or an arm has fewer than two people.

    References
    ----------
    Deeks JJ, Higgins JPT (2010). Statistical algorithms in Review Manager 5, section 5.1.
    Normand SLT (1999). Stat Med 18:321-359,
    doi:10.1002/(SICI)1097-0258(19990215)18:3<321::AID-SIM28>3.0.CO;2-P.

    Examples
    --------
    >>> yi, vi = mean_difference(26.8, 27.93385, 30, 54.5, 26.290683, 30)
    >>> round(float(yi), 1), round(float(vi) ** 0.5, 4)
    (-27.7, 7.0036)
    """
    m1, s1, n1, m2, s2, n2 = _arms(mean_t, sd_t, n_t, mean_c, sd_c, n_c)
    if pooled:
        return m1 - m2, pooled_sd(s1, n1, s2, n2) ** 2 * (1 / n1 + 1 / n2)
    return m1 - m2, s1**2 / n1 + s2**2 / n2


def pooled_sd(sd_t: ArrayLike, n_t: ArrayLike, sd_c: ArrayLike, n_c: ArrayLike) -> Floats:
    """Return the standard deviation pooled over two arms, in the outcome's units.

    ``sp^2 = ((n_t - 1) sd_t^2 + (n_c - 1) sd_c^2) / (n_t + n_c - 2)``.

    Parameters
    ----------
    sd_t, n_t, sd_c, n_c
        Standard deviations and numbers of people of the two arms.

    Returns
    -------
    ndarray
        Pooled standard deviation.
    """
    s1, n1, s2, n2 = floats(sd_t=sd_t, n_t=n_t, sd_c=sd_c, n_c=n_c)
    check_positive("sd_t", s1)
    check_sample_size("n_t", n1)
    check_positive("sd_c", s2)
    check_sample_size("n_c", n2)
    return np.asarray(np.sqrt(((n1 - 1) * s1**2 + (n2 - 1) * s2**2) / (n1 + n2 - 2)))


def hedges_factor(degrees_of_freedom: ArrayLike) -> Floats:
    """Return the exact small-sample factor of Hedges, which makes a standardised effect unbiased.

    ``J(m) = Gamma(m/2) / (sqrt(m/2) Gamma((m - 1)/2))``.

    Parameters
    ----------
    degrees_of_freedom
        Degrees of freedom m of the standard deviation, at least 2.

    Returns
    -------
    ndarray
        Factor between 0 and 1, rising to 1 with m.

    References
    ----------
    Hedges LV (1981). J Educ Stat 6:107-128, eq. 6e, doi:10.3102/10769986006002107.

    Examples
    --------
    >>> round(float(hedges_factor(18)), 6)
    0.957646
    """
    (m,) = floats(degrees_of_freedom=degrees_of_freedom)
    check_sample_size("degrees_of_freedom", m)
    return np.asarray(np.exp(gammaln(m / 2) - gammaln((m - 1) / 2)) / np.sqrt(m / 2))


def smd(
    mean_t: ArrayLike,
    sd_t: ArrayLike,
    n_t: ArrayLike,
    mean_c: ArrayLike,
    sd_c: ArrayLike,
    n_c: ArrayLike,
) -> tuple[Floats, Floats]:
    """Return standardised mean differences (Hedges g, exact correction) and their variances.

    ``g = J(N - 2) (mean_t - mean_c) / sp`` and ``vi = 1/n_t + 1/n_c + g^2 / (2 N)`` with
    N = n_t + n_c.

    Parameters
    ----------
    mean_t, sd_t, n_t
        Treatment arm: mean and standard deviation in the outcome's units, people analysed.
    mean_c, sd_c, n_c
        Control arm, likewise.

    Returns
    -------
    yi, vi : ndarray
        Difference in standard deviations (negative: lower under treatment) and its variance.

    Raises
    ------
    UsageError
        If an SD is not positive or an arm has fewer than two people.

    References
    ----------
    Hedges LV (1981). J Educ Stat 6:107-128, doi:10.3102/10769986006002107; the large-sample
    variance: Hedges LV (1982). Psychol Bull 92:490-499, doi:10.1037/0033-2909.92.2.490.
    """
    m1, s1, n1, m2, s2, n2 = _arms(mean_t, sd_t, n_t, mean_c, sd_c, n_c)
    total = n1 + n2
    g = hedges_factor(total - 2) * (m1 - m2) / pooled_sd(s1, n1, s2, n2)
    return g, 1 / n1 + 1 / n2 + g**2 / (2 * total)


def smd_revman(
    mean_t: ArrayLike,
    sd_t: ArrayLike,
    n_t: ArrayLike,
    mean_c: ArrayLike,
    sd_c: ArrayLike,
    n_c: ArrayLike,
) -> tuple[Floats, Floats]:
    """Return standardised mean differences and variances as Review Manager computes them.

    ``g = (1 - 3 / (4 N - 9)) (mean_t - mean_c) / sp`` and
    ``vi = N / (n_t n_c) + g^2 / (2 (N - 3.94))``. This variant, and not the exact factor,
    gives the six decimals that the review printed; it serves replication only.

    Parameters
    ----------
    mean_t, sd_t, n_t
        Treatment arm: mean and standard deviation in the outcome's units, people analysed.
    mean_c, sd_c, n_c
        Control arm, likewise.

    Returns
    -------
    yi, vi : ndarray
        Difference in standard deviations (negative: lower under treatment) and its variance.

    Raises
    ------
    UsageError
        If an SD is not positive or an arm has fewer than two people.

    References
    ----------
    Deeks JJ, Higgins JPT (2010). Statistical algorithms in Review Manager 5, section 5.2.

    Examples
    --------
    >>> yi, vi = smd_revman(22, 12, 18, 31, 18, 18)
    >>> round(float(yi), 6)
    -0.575274
    """
    m1, s1, n1, m2, s2, n2 = _arms(mean_t, sd_t, n_t, mean_c, sd_c, n_c)
    total = n1 + n2
    g = (1 - 3 / (4 * total - 9)) * (m1 - m2) / pooled_sd(s1, n1, s2, n2)
    return g, total / (n1 * n2) + g**2 / (2 * (total - 3.94))
