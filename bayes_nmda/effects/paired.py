"""Effects of paired data: crossover trials and changes from baseline.

Each person gives both values, so the variance needs the correlation within people. Papers seldom
print it; it is an assumption then, stated by whoever calls. The review's own rows use the first
period of crossover trials only, as parallel arms; nothing there is paired.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bayes_nmda.effects.continuous import hedges_factor
from bayes_nmda.effects.conversions import change_sd
from bayes_nmda.effects.inputs import (
    Floats,
    check_correlation,
    check_positive,
    check_sample_size,
    floats,
)


def _pairs(
    mean_t: ArrayLike,
    sd_t: ArrayLike,
    mean_c: ArrayLike,
    sd_c: ArrayLike,
    n: ArrayLike,
    correlation: ArrayLike,
) -> tuple[Floats, ...]:
    values = floats(
        mean_t=mean_t, sd_t=sd_t, mean_c=mean_c, sd_c=sd_c, n=n, correlation=correlation
    )
    check_positive("sd_t", values[1])
    check_positive("sd_c", values[3])
    check_sample_size("n", values[4])
    check_correlation("correlation", values[5])
    return values


def paired_mean_difference(
    mean_t: ArrayLike,
    sd_t: ArrayLike,
    mean_c: ArrayLike,
    sd_c: ArrayLike,
    n: ArrayLike,
    *,
    correlation: ArrayLike,
) -> tuple[Floats, Floats]:
    """Return mean differences within people and their variances.

    ``yi = mean_t - mean_c``, ``vi = (sd_t^2 + sd_c^2 - 2 r sd_t sd_c) / n``.

    Parameters
    ----------
    mean_t, sd_t, mean_c, sd_c
        Mean and standard deviation under treatment and under control, in the outcome's units.
    n
        People who gave both.
    correlation
        Correlation within people between the two.

    Returns
    -------
    yi, vi : ndarray
        Difference in the outcome's units (negative: lower under treatment) and its variance.

    References
    ----------
    Elbourne DR et al. (2002). Int J Epidemiol 31:140-149, doi:10.1093/ije/31.1.140.

    Examples
    --------
    >>> yi, vi = paired_mean_difference(7.0, 2.38, 6.5, 2.21, 10, correlation=0.68)
    >>> round(float(yi), 3), round(float(vi) ** 0.5, 3)
    (0.5, 0.583)
    """
    m1, s1, m2, s2, size, r = _pairs(mean_t, sd_t, mean_c, sd_c, n, correlation)
    return m1 - m2, change_sd(s1, s2, correlation=r) ** 2 / size


def crossover_smd(
    mean_t: ArrayLike,
    sd_t: ArrayLike,
    mean_c: ArrayLike,
    sd_c: ArrayLike,
    n: ArrayLike,
    *,
    correlation: ArrayLike,
) -> tuple[Floats, Floats]:
    """Return differences within people over the pooled SD between people, and variances.

    ``d = (mean_t - mean_c) / sqrt((sd_t^2 + sd_c^2)/2)``,
    ``vi = (1/n + d^2/(2 n)) 2 (1 - r)``; no small-sample factor.

    Parameters
    ----------
    mean_t, sd_t, mean_c, sd_c
        Mean and standard deviation under treatment and under control, in the outcome's units.
    n
        People who gave both.
    correlation
        Correlation within people between the two.

    Returns
    -------
    yi, vi : ndarray
        Difference in standard deviations and its variance.

    Notes
    -----
    The variance also scales the part that belongs to the standard deviation by 2 (1 - r), which
    a letter (Stat Med 2020, PMID 33165950) calls inconsistent: use `standardised_mean_change`
    for new work.

    References
    ----------
    Cochrane Handbook 5.1, section 16.4.6.4; Elbourne DR et al. (2002), as above.
    """
    m1, s1, m2, s2, size, r = _pairs(mean_t, sd_t, mean_c, sd_c, n, correlation)
    d = (m1 - m2) / np.sqrt((s1**2 + s2**2) / 2)
    return d, (1 / size + d**2 / (2 * size)) * 2 * (1 - r)


def standardised_mean_change(
    mean_t: ArrayLike,
    sd_t: ArrayLike,
    mean_c: ArrayLike,
    sd_c: ArrayLike,
    n: ArrayLike,
    *,
    correlation: ArrayLike,
    equal_variances: bool = False,
) -> tuple[Floats, Floats]:
    """Return standardised mean changes in units of the first SD, and their variances.

    ``g = J(n - 1) (mean_t - mean_c) / sd_t``. With unequal variances (Bonett; metafor's SMCRH)
    ``vi = sd_diff^2 / (sd_t^2 (n - 1)) + g^2 / (2 (n - 1))``, with equal ones (Becker; metafor's
    SMCR) ``vi = 2 (1 - r) / n + g^2 / (2 n)``.

    Parameters
    ----------
    mean_t, sd_t, mean_c, sd_c
        Mean and standard deviation on the two occasions; the first one standardises.
    n
        People who gave both.
    correlation
        Correlation within people between the two.
    equal_variances
        Assume one variance on both occasions.

    Returns
    -------
    yi, vi : ndarray
        Change in standard deviations and its variance.

    References
    ----------
    Becker BJ (1988). Br J Math Stat Psychol 41:257-278,
    doi:10.1111/j.2044-8317.1988.tb00901.x.
    Bonett DG (2008). Psychol Methods 13:99-109, doi:10.1037/1082-989X.13.2.99.
    """
    m1, s1, m2, s2, size, r = _pairs(mean_t, sd_t, mean_c, sd_c, n, correlation)
    check_sample_size("n", size, least=3)
    g = hedges_factor(size - 1) * (m1 - m2) / s1
    if equal_variances:
        return g, 2 * (1 - r) / size + g**2 / (2 * size)
    difference = change_sd(s1, s2, correlation=r)
    return g, difference**2 / (s1**2 * (size - 1)) + g**2 / (2 * (size - 1))
