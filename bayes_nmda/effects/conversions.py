"""From what a paper prints to a mean, a standard deviation or a standard error.

Standard errors, intervals and p-values become standard errors; medians, quartiles and ranges
become means and standard deviations; two baselines become a change. Converted numbers are
estimates: whoever uses them flags the row.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, t

from bayes_nmda.effects.inputs import (
    Floats,
    check_correlation,
    check_positive,
    check_probability,
    check_sample_size,
    floats,
    refuse,
)
from bayes_nmda.errors import UsageError

#: Standard deviations of the logistic distribution per unit of log odds ratio (Chinn 2000).
LOG_OR_TO_SMD = float(np.sqrt(3) / np.pi)


def sd_from_se(se: ArrayLike, n: ArrayLike) -> Floats:
    """Return standard deviations from standard errors of a mean: ``se sqrt(n)``.

    Parameters
    ----------
    se
        Standard error of a mean, in the outcome's units.
    n
        People behind the mean.

    Returns
    -------
    ndarray
        Standard deviation, in the outcome's units.

    References
    ----------
    Cochrane Handbook, section 6.5.2.2.

    Examples
    --------
    >>> round(float(sd_from_se(9, 12)), 6)
    31.176915
    """
    se, n = floats(se=se, n=n)
    check_positive("se", se)
    check_sample_size("n", n)
    return se * np.sqrt(n)


def se_from_sd(sd: ArrayLike, n: ArrayLike) -> Floats:
    """Return standard errors of a mean from standard deviations: ``sd / sqrt(n)``.

    Parameters
    ----------
    sd
        Standard deviation, in the outcome's units.
    n
        People behind the mean.

    Returns
    -------
    ndarray
        Standard error, in the outcome's units.
    """
    sd, n = floats(sd=sd, n=n)
    check_positive("sd", sd)
    check_sample_size("n", n)
    return sd / np.sqrt(n)


def _upper_quantile(tail: Floats, df: ArrayLike | None) -> Floats:
    """Return the quantile above which so much probability lies; of the tail, digits stay."""
    if df is None:
        return cast("Floats", np.asarray(norm.isf(tail)))
    (degrees,) = floats(df=df)
    check_positive("df", degrees)
    return cast("Floats", np.asarray(t.isf(tail, degrees)))


def se_from_ci(
    ci_low: ArrayLike, ci_high: ArrayLike, *, level: float = 0.95, df: ArrayLike | None = None
) -> Floats:
    """Return standard errors from confidence intervals: half the width over the quantile.

    Parameters
    ----------
    ci_low, ci_high
        Limits, in the units of the effect; of a ratio, their logarithms.
    level
        Coverage of the interval.
    df
        Degrees of freedom of the t distribution; left out, the normal quantile is used.

    Returns
    -------
    ndarray
        Standard error, in the units of the limits.

    Raises
    ------
    UsageError
        If an upper limit is not above its lower limit.

    References
    ----------
    Cochrane Handbook, section 6.5.2.2: normal for large samples, t below 60 an arm.

    Examples
    --------
    >>> round(float(se_from_ci(-41.426746, -13.973254)), 3)
    7.004
    """
    low, high = floats(ci_low=ci_low, ci_high=ci_high)
    refuse("ci_high", high, high <= low, "above ci_low")
    (coverage,) = floats(level=level)
    check_probability("level", coverage)
    return (high - low) / (2 * _upper_quantile((1 - coverage) / 2, df))


def se_from_p(estimate: ArrayLike, p: ArrayLike, *, df: ArrayLike | None = None) -> Floats:
    """Return standard errors from two-sided p-values: ``|estimate|`` over the upper p/2 quantile.

    Parameters
    ----------
    estimate
        Effect that was tested against 0; not 0 itself.
    p
        Two-sided p-value, between 0 and 1: a number, or as printed (``"0.029"``, ``"1e-6"``). A
        bound (``"<0.001"``) and a printed zero are refused: an error made of either is invented.
    df
        Degrees of freedom of a t test; left out, the normal quantile is used.

    Returns
    -------
    ndarray
        Standard error, in the units of the estimate.

    Raises
    ------
    UsageError
        If a p-value is no number between 0 and 1, or an estimate is 0.

    References
    ----------
    Cochrane Handbook, section 6.5.2.3.

    Examples
    --------
    >>> round(float(se_from_p(3.8, "1e-6")), 6)
    0.776836
    """
    effect, p_value = floats(estimate=estimate, p=p_values(p))
    refuse("estimate", effect, effect == 0, "different from 0; at 0 a p-value says nothing")
    quantile = _upper_quantile(p_value / 2, df)
    refuse("p", p_value, ~np.isfinite(quantile), "large enough for its quantile to be a number")
    return np.abs(effect) / quantile


def p_values(p: ArrayLike, *, name: str = "p") -> Floats:
    """Return two-sided p-values as numbers, from numbers or from what papers print.

    Parameters
    ----------
    p
        Numbers, or texts such as ``"0.029"``.
    name
        What a message calls them.

    Returns
    -------
    ndarray
        Of the shape of `p`, above 0 and below 1.

    Raises
    ------
    UsageError
        If one is a bound, a printed zero, no number, or outside (0, 1); its place is named.
    """
    given = np.asarray(p, dtype=object)
    numbers = np.empty(given.shape, dtype=np.float64)
    for place in np.ndindex(given.shape):
        where = f"{name}[{', '.join(map(str, place))}]" if place else name
        numbers[place] = _p_value(where, given[place])
    return numbers


def _p_value(where: str, value: object) -> float:
    text = str(value).strip()
    if text[:1] in {"<", ">", "≤", "≥", "~"}:
        gives = {"<": "largest", "≤": "largest", ">": "smallest", "≥": "smallest"}.get(text[0])
        means = f", which gives the {gives} error that fits and no estimate of it" if gives else ""
        raise UsageError(
            f"{where} is {text!r}, a bound{means}; it must be a number between 0 and 1: look for "
            "the exact p-value, an interval or standard deviations"
        )
    try:
        number = float(text)
    except ValueError:
        raise UsageError(
            f"{where} is {text!r}; it must be a number between 0 and 1, with a decimal point"
        ) from None
    if number == 0:
        raise UsageError(
            f"{where} is {text}; it must be between 0 and 1, both excluded: a p-value printed as "
            "zero was rounded; look for the exact p-value, an interval or standard deviations"
        )
    if not 0 < number < 1:
        raise UsageError(f"{where} is {text}; it must be between 0 and 1, both excluded")
    return number


def change_sd(sd_baseline: ArrayLike, sd_final: ArrayLike, *, correlation: ArrayLike) -> Floats:
    """Return the standard deviation of a change, or of a paired difference.

    ``sqrt(sd_b^2 + sd_f^2 - 2 r sd_b sd_f)``.

    Parameters
    ----------
    sd_baseline, sd_final
        Standard deviations of the two occasions (or of the two crossover periods).
    correlation
        Correlation within people between them.

    Returns
    -------
    ndarray
        Standard deviation of the difference, in the outcome's units.

    References
    ----------
    Cochrane Handbook, section 6.5.2.8.

    Examples
    --------
    >>> round(float(change_sd(2.38, 2.21, correlation=0.68)), 4)
    1.8426
    """
    first, second, r = floats(sd_baseline=sd_baseline, sd_final=sd_final, correlation=correlation)
    check_positive("sd_baseline", first)
    check_positive("sd_final", second)
    check_correlation("correlation", r)
    return np.asarray(np.sqrt(first**2 + second**2 - 2 * r * first * second))


def correlation_from_sds(
    sd_baseline: ArrayLike, sd_final: ArrayLike, sd_change: ArrayLike
) -> Floats:
    """Return the within-person correlation that three standard deviations imply.

    Parameters
    ----------
    sd_baseline, sd_final, sd_change
        Standard deviations of the two occasions and of their difference.

    Returns
    -------
    ndarray
        Correlation between -1 and 1.

    Raises
    ------
    UsageError
        If no correlation gives these standard deviations.

    References
    ----------
    Cochrane Handbook, section 6.5.2.8.
    """
    first, second, change = floats(sd_baseline=sd_baseline, sd_final=sd_final, sd_change=sd_change)
    for name, values in (("sd_baseline", first), ("sd_final", second), ("sd_change", change)):
        check_positive(name, values)
    r = (first**2 + second**2 - change**2) / (2 * first * second)
    refuse("sd_change", change, np.abs(r) > 1, "one that a correlation between -1 and 1 gives")
    return r


def combined_arms(mean: ArrayLike, sd: ArrayLike, n: ArrayLike) -> tuple[float, float, float]:
    """Return mean, standard deviation and size of several arms merged into one.

    The standard deviation is that of all people together: the variance within arms and that
    between their means.

    Parameters
    ----------
    mean, sd, n
        Of each arm, shape (arm,).

    Returns
    -------
    mean, sd, n : float
        Of the merged arm.

    References
    ----------
    Cochrane Handbook, table 6.5.a.

    Examples
    --------
    >>> combined_arms([10, 20], [5, 5], [10, 10])[0]
    15.0
    """
    means, sds, sizes = floats(mean=mean, sd=sd, n=n)
    check_positive("sd", sds)
    check_sample_size("n", sizes)
    total = float(np.sum(sizes))
    centre = float(np.sum(sizes * means)) / total
    squares = np.sum((sizes - 1) * sds**2) + np.sum(sizes * (means - centre) ** 2)
    return centre, float(np.sqrt(squares / (total - 1))), total


def smd_from_log_or(log_or: ArrayLike, se: ArrayLike) -> tuple[Floats, Floats]:
    """Return standardised mean differences and standard errors from log odds ratios.

    Parameters
    ----------
    log_or, se
        Log odds ratio and its standard error.

    Returns
    -------
    smd, se : ndarray
        Both multiplied by ``sqrt(3) / pi``; exact for logistic errors.

    References
    ----------
    Chinn S (2000). Stat Med 19:3127-3131,
    doi:10.1002/1097-0258(20001130)19:22<3127::AID-SIM784>3.0.CO;2-M.
    """
    effect, error = floats(log_or=log_or, se=se)
    check_positive("se", error)
    return effect * LOG_OR_TO_SMD, error * LOG_OR_TO_SMD


def log_or_from_smd(smd: ArrayLike, se: ArrayLike) -> tuple[Floats, Floats]:
    """Return log odds ratios and standard errors from standardised mean differences.

    Parameters
    ----------
    smd, se
        Standardised mean difference and its standard error.

    Returns
    -------
    log_or, se : ndarray
        Both divided by ``sqrt(3) / pi``; the inverse of `smd_from_log_or`.
    """
    effect, error = floats(smd=smd, se=se)
    check_positive("se", error)
    return effect / LOG_OR_TO_SMD, error / LOG_OR_TO_SMD
