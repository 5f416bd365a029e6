"""Covariance of contrasts that share people."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_nmda.effects.covariance import (
    ArmErrors,
    check_positive_definite,
    shared_arm_covariance,
    shared_scale_covariance,
)
from bayes_nmda.errors import DataError, UsageError


def errors(treatment, control, occasion, se_t, se_c, sign=1.0) -> ArmErrors:
    k = len(treatment)
    return ArmErrors(
        np.asarray(treatment),
        np.asarray(control),
        np.asarray(occasion),
        np.asarray(se_t, dtype=float),
        np.asarray(se_c, dtype=float),
        np.broadcast_to(np.asarray(sign, dtype=float), (k,)),
    )


@st.composite
def trial(draw):
    """Arms 0 (control), 1, 2, …, each with a standard error at every timepoint; all contrasts."""
    n_arms, n_times = draw(st.integers(2, 4)), draw(st.integers(1, 3))
    se = np.array([[draw(st.floats(0.5, 20)) for _ in range(n_times)] for _ in range(n_arms)])
    return se, draw(st.floats(0, 0.95))


def contrasts_of(se):
    n_arms, n_times = se.shape
    rows = [(arm, time) for time in range(n_times) for arm in range(1, n_arms)]
    return rows, errors(
        [f"arm{arm}" for arm, _ in rows],
        ["arm0"] * len(rows),
        [f"time{time}" for _, time in rows],
        [se[row] for row in rows],
        [se[0, time] for _, time in rows],
    )


@given(trial())
def test_covariance_is_that_of_differences_of_correlated_arm_errors(case) -> None:
    """Built a second way: the covariance of all arm errors, taken through the contrast matrix."""
    se, rho = case
    n_arms, n_times = se.shape
    rows, arms = contrasts_of(se)
    occasions = np.where(np.eye(n_times, dtype=bool), 1.0, rho)
    whole = np.kron(np.eye(n_arms), occasions) * np.outer(se.ravel(), se.ravel())
    design = np.zeros((len(rows), se.size))
    for i, (arm, time) in enumerate(rows):
        design[i, arm * n_times + time], design[i, time] = 1, -1
    vi = np.square(arms.se_t) + np.square(arms.se_c)
    ours = shared_arm_covariance(vi, arms, timepoint_correlation=rho)
    np.testing.assert_allclose(ours, design @ whole @ design.T, atol=1e-9)


@given(trial())
def test_covariance_is_symmetric_and_positive_definite(case) -> None:
    se, rho = case
    rows, arms = contrasts_of(se)
    vi = np.square(arms.se_t) + np.square(arms.se_c)
    matrix = shared_arm_covariance(vi, arms, timepoint_correlation=rho)
    np.testing.assert_array_equal(matrix, matrix.T)
    check_positive_definite(matrix, [str(row) for row in rows])


@given(trial(), st.floats(0.1, 10))
def test_another_unit_rescales_covariance_quadratically(case, factor) -> None:
    se, rho = case
    _, arms = contrasts_of(se)
    _, scaled = contrasts_of(se * factor)
    vi = np.square(arms.se_t) + np.square(arms.se_c)
    before = shared_arm_covariance(vi, arms, timepoint_correlation=rho)
    after = shared_arm_covariance(vi * factor**2, scaled, timepoint_correlation=rho)
    np.testing.assert_allclose(after, before * factor**2, atol=1e-9)


def test_a_shared_control_at_one_timepoint_adds_its_squared_standard_error() -> None:
    arms = errors(["a", "b"], ["c", "c"], ["short", "short"], [2, 3], [1.5, 1.5])
    matrix = shared_arm_covariance([6.25, 11.25], arms, timepoint_correlation=0.6)
    np.testing.assert_allclose(matrix, [[6.25, 2.25], [2.25, 11.25]])


def test_a_repeated_comparison_shares_both_arms_at_the_assumed_correlation() -> None:
    arms = errors(["a", "a"], ["c", "c"], ["short", "medium"], [2, 3], [1, 4])
    matrix = shared_arm_covariance([5, 25], arms, timepoint_correlation=0.5)
    assert matrix[0, 1] == pytest.approx(0.5 * (2 * 3 + 1 * 4))


def test_an_arm_that_changes_its_part_counts_negatively() -> None:
    arms = errors(["a", "c"], ["c", "b"], ["short", "short"], [2, 1.5], [1.5, 3])
    matrix = shared_arm_covariance([6.25, 11.25], arms, timepoint_correlation=0.6)
    assert matrix[0, 1] == pytest.approx(-2.25)


def test_a_reversed_effect_reverses_its_covariance() -> None:
    arms = errors(["a", "b"], ["c", "c"], ["short", "short"], [2, 3], [1, 1], sign=[1, -1])
    assert shared_arm_covariance([5, 10], arms, timepoint_correlation=0.6)[0, 1] == -1


def test_different_people_are_independent() -> None:
    arms = errors(["a", "b"], ["c", "d"], ["short", "short"], [2, 3], [1, 1])
    assert shared_arm_covariance([5, 10], arms, timepoint_correlation=0.6)[0, 1] == 0


@given(st.floats(0, 0.8), st.floats(0.01, 0.19))
def test_a_stronger_correlation_makes_the_change_between_timepoints_more_certain(rho, more) -> None:
    arms = errors(["a", "a"], ["c", "c"], ["short", "medium"], [2, 3], [1, 4])
    change = np.array([-1.0, 1.0])
    weak = shared_arm_covariance([5, 25], arms, timepoint_correlation=rho)
    strong = shared_arm_covariance([5, 25], arms, timepoint_correlation=rho + more)
    assert change @ strong @ change < change @ weak @ change


def test_shared_standard_deviations_add_the_usual_term_to_standardised_differences() -> None:
    """A contrast entered on a second occasion at correlation 1 has the ordinary g^2 / (2 N)."""
    arms = errors(["a", "a"], ["c", "c"], ["short", "medium"], [1, 1], [1, 1])
    matrix = shared_scale_covariance([0.8, 0.8], 20, 30, arms, timepoint_correlation=1.0)
    assert matrix[0, 1] == pytest.approx(0.8**2 / (2 * 50))
    assert matrix[0, 0] == 0


def test_a_singular_covariance_names_the_contrasts() -> None:
    """Two drugs against two controls: the fourth contrast follows from the other three."""
    arms = errors(list("aabb"), list("cdcd"), ["short"] * 4, [2, 2, 3, 3], [1, 4, 1, 4])
    vi = np.square(arms.se_t) + np.square(arms.se_c)
    matrix = shared_arm_covariance(vi, arms, timepoint_correlation=0.6)
    with pytest.raises(DataError, match="not positive definite: a-c; a-d; b-c; b-d"):
        check_positive_definite(matrix, ["a-c", "a-d", "b-c", "b-d"])


@pytest.mark.parametrize(
    ("matrix", "message"),
    [(np.ones((2, 3)), "must be square"), (np.array([[1, 0.5], [0.2, 1]]), "not symmetric")],
)
def test_a_matrix_that_is_no_covariance_is_refused(matrix, message) -> None:
    with pytest.raises(UsageError, match=message):
        check_positive_definite(matrix, ["a", "b"])


def test_a_correlation_above_one_is_refused() -> None:
    arms = errors(["a"], ["c"], ["short"], [2], [1])
    with pytest.raises(UsageError, match=r"timepoint_correlation is 1.5; it must be between"):
        shared_arm_covariance([5], arms, timepoint_correlation=1.5)
