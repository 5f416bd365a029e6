"""The covariance of contrasts that share people: shared arms and repeated timepoints.

The error of a contrast is the error of its treatment arm minus that of its control arm. Two
contrasts are correlated only through an arm that stands in both: with correlation 1 on the same
occasion, with an assumed correlation between two timepoints (or two instruments).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_nmda.effects.inputs import Floats, check_correlation, check_positive, floats
from bayes_nmda.errors import DataError, UsageError

#: Smallest eigenvalue, relative to the largest, at which a matrix still counts as definite.
DEFINITENESS = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class ArmErrors:
    """The arms of contrasts and their errors; every field has shape (contrast,).

    `treatment` and `control` are labels of arms, unique across trials; `occasion` tells apart
    timepoints and instruments; `se_t` and `se_c` are the standard errors of the two arms on the
    scale of the effect, and `sign` is -1 where an effect was multiplied by -1. `people` names
    those who had both treatments, empty where the two arms are different people; `within_person`
    is the correlation of their two errors.
    """

    treatment: NDArray[np.str_]
    control: NDArray[np.str_]
    occasion: NDArray[np.str_]
    se_t: Floats
    se_c: Floats
    sign: Floats
    people: NDArray[np.str_] | None = None
    within_person: float = 0.0


def _links(arms: ArmErrors) -> list[tuple[NDArray[np.str_], NDArray[np.str_], float, str, str]]:
    """Return the four ways in which two contrasts can share an arm, with the sign of each."""
    t, c = arms.treatment, arms.control
    return [(t, t, 1, "t", "t"), (c, c, 1, "c", "c"), (t, c, -1, "t", "c"), (c, t, -1, "c", "t")]


def _agreement(
    arms: ArmErrors, first: NDArray[np.str_], second: NDArray[np.str_]
) -> NDArray[np.float64]:
    """Return how an arm of one contrast goes with one of another: 1 same, 0 other people."""
    shared = np.asarray(first[:, None] == second[None, :], dtype=np.float64)
    if arms.people is None:
        return shared
    same = (arms.people[:, None] == arms.people[None, :]) & (arms.people != "")[:, None]
    return np.asarray(np.where((shared == 0) & same, arms.within_person, shared))


def _occasion_correlation(arms: ArmErrors, timepoint_correlation: float) -> Floats:
    same = arms.occasion[:, None] == arms.occasion[None, :]
    return np.where(same, 1.0, timepoint_correlation)


def shared_arm_covariance(
    vi: ArrayLike, arms: ArmErrors, *, timepoint_correlation: float
) -> Floats:
    """Return the sampling covariance of contrasts, from the errors of the arms they share.

    ``Cov(i, j) = sum over shared arms of s r se_i se_j``: s is 1 where the arm plays the same
    part in both contrasts and -1 otherwise; r is 1 on the same occasion and
    `timepoint_correlation` between occasions. The diagonal is `vi`.

    Parameters
    ----------
    vi
        Ordinary variances of the contrasts, shape (contrast,).
    arms
        The arms of each contrast and their standard errors.
    timepoint_correlation
        Correlation of one arm's errors between two timepoints; an assumption.

    Returns
    -------
    ndarray
        Shape (contrast, contrast), symmetric, squared units of the effect.

    Raises
    ------
    UsageError
        If a variance or a standard error is not positive, or the correlation not in [-1, 1].

    References
    ----------
    Gleser LJ, Olkin I (2009). Stochastically dependent effect sizes. In Cooper, Hedges,
    Valentine (eds), The handbook of research synthesis and meta-analysis, 2nd ed., ch. 19.
    Higgins JPT et al., Cochrane Handbook, section 23.3 (multi-arm trials).
    """
    v, se_t, se_c = floats(vi=vi, se_t=arms.se_t, se_c=arms.se_c)
    for name, values in (("vi", v), ("se_t", se_t), ("se_c", se_c)):
        check_positive(name, values)
    check_correlation("timepoint_correlation", np.asarray(timepoint_correlation))
    se = {"t": se_t, "c": se_c}
    total = np.zeros((v.size, v.size))
    for first, second, sign, i, j in _links(arms):
        total += sign * _agreement(arms, first, second) * np.outer(se[i], se[j])
    total *= _occasion_correlation(arms, timepoint_correlation) * np.outer(arms.sign, arms.sign)
    np.fill_diagonal(total, v)
    return total


def paired_variance(vi: ArrayLike, arms: ArmErrors, *, of_scale: ArrayLike = 0.0) -> Floats:
    """Return the variances of contrasts in which the same people had both treatments.

    ``vi - 2 r se_t se_c + r^2 g^2 / (2 N)``: the last part is that of a standardised difference,
    whose two standard deviations are of the same people too.

    Parameters
    ----------
    vi
        Variances as of different people, shape (contrast,).
    arms
        The arms, with the people who had both and the correlation within them.
    of_scale
        Part of `vi` that the standard deviations give a standardised difference, ``g^2 / (2 N)``.

    Returns
    -------
    ndarray
        Shape (contrast,); as `vi` where the arms are different people.

    References
    ----------
    Elbourne DR et al. (2002). Int J Epidemiol 31:140-149, doi:10.1093/ije/31.1.140.
    """
    (v,) = floats(vi=vi)
    if arms.people is None:
        return v
    r = np.where(arms.people != "", arms.within_person, 0.0)
    (scale,) = floats(of_scale=of_scale)
    return np.asarray(v - 2 * r * arms.se_t * arms.se_c + r**2 * scale)


def shared_scale_covariance(
    smd: ArrayLike,
    n_t: ArrayLike,
    n_c: ArrayLike,
    arms: ArmErrors,
    *,
    timepoint_correlation: float,
) -> Floats:
    """Return what shared standard deviations add to the covariance of standardised differences.

    A standardised difference also errs in its standard deviation. By the delta method
    ``Cov(i, j) = sum over shared arms of r^2 g_i g_j n / (2 N_i N_j)``, n being the arm's size
    and N that of both arms; for a contrast with itself this is the usual ``g^2 / (2 N)``.

    Parameters
    ----------
    smd
        Standardised mean differences, shape (contrast,), after any change of sign.
    n_t, n_c
        People analysed in the two arms.
    arms
        The arms of each contrast.
    timepoint_correlation
        Correlation of one arm's errors between two timepoints; an assumption.

    Returns
    -------
    ndarray
        Shape (contrast, contrast), symmetric, diagonal 0: add it to the covariance of the means.

    References
    ----------
    Gleser LJ, Olkin I (2009), as for `shared_arm_covariance`; theirs is one SD common to all arms.
    """
    g, first_n, second_n = floats(smd=smd, n_t=n_t, n_c=n_c)
    n = {"t": first_n, "c": second_n}
    total = np.zeros((g.size, g.size))
    for first, second, _, i, j in _links(arms):
        total += _agreement(arms, first, second) ** 2 * np.sqrt(np.outer(n[i], n[j]))
    scaled = g / (first_n + second_n)
    total *= np.outer(scaled, scaled) / 2
    total *= _occasion_correlation(arms, timepoint_correlation) ** 2
    np.fill_diagonal(total, 0.0)
    return total


def check_positive_definite(covariance: Floats, labels: Sequence[str]) -> None:
    """Refuse a covariance in which some combination of contrasts carries no error.

    Parameters
    ----------
    covariance
        Shape (contrast, contrast).
    labels
        Names of the contrasts.

    Raises
    ------
    UsageError
        If the matrix is not square, not symmetric or does not fit the labels.
    DataError
        If it is not positive definite; the contrasts of the flat direction are named.
    """
    if covariance.shape != (len(labels), len(labels)):
        message = f"covariance has shape {covariance.shape}; it must be square with {len(labels)}"
        raise UsageError(f"{message} rows, one a contrast")
    if not np.allclose(covariance, covariance.T):
        raise UsageError("covariance is not symmetric")
    if not labels:
        return
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    if values[0] > DEFINITENESS * values[-1]:
        return
    involved = [label for label, part in zip(labels, vectors[:, 0], strict=True) if abs(part) > 0.1]
    raise DataError(
        "the covariance of these contrasts is not positive definite: "
        + "; ".join(involved)
        + f" (smallest eigenvalue of their correlation {values[0]:.3g}, it must be above 0). "
        "The same people stand in them more often than their contrasts can carry: leave out a "
        "contrast that follows from the others, or lower covariance.timepoint_correlation."
    )
