"""Conversions of printed numbers: round trips, values, wrong input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from bayes_nmda.effects.conversions import (
    change_sd,
    combined_arms,
    correlation_from_sds,
    log_or_from_smd,
    sd_from_se,
    se_from_ci,
    se_from_p,
    se_from_sd,
    smd_from_log_or,
)
from bayes_nmda.errors import UsageError

positive = st.floats(0.01, 100)
sizes = st.integers(2, 1000)


@given(positive, sizes)
def test_a_standard_error_comes_back_from_its_standard_deviation(se, n) -> None:
    assert se_from_sd(sd_from_se(se, n), n) == pytest.approx(se)


@given(st.floats(-50, 50), positive, st.floats(0.5, 0.999))
def test_a_standard_error_comes_back_from_a_normal_interval(centre, se, level) -> None:
    reach = norm.ppf((1 + level) / 2) * se
    assert se_from_ci(centre - reach, centre + reach, level=level) == pytest.approx(se, rel=1e-6)


@given(st.floats(-50, 50), positive, st.integers(1, 200))
def test_a_standard_error_comes_back_from_a_t_interval(centre, se, df) -> None:
    reach = t.ppf(0.975, df) * se
    assert se_from_ci(centre - reach, centre + reach, df=df) == pytest.approx(se, rel=1e-6)


@given(st.floats(0.5, 5), positive, st.booleans())
def test_a_standard_error_comes_back_from_a_p_value(z, se, negative) -> None:
    estimate = -z * se if negative else z * se
    assert se_from_p(estimate, 2 * norm.sf(z)) == pytest.approx(se, rel=1e-6)
    assert se_from_p(estimate, 2 * t.sf(z, 12), df=12) == pytest.approx(se, rel=1e-6)


@given(positive, positive, st.floats(-0.99, 0.99))
def test_a_correlation_comes_back_from_three_standard_deviations(first, second, r) -> None:
    change = change_sd(first, second, correlation=r)
    assert correlation_from_sds(first, second, change) == pytest.approx(r, abs=1e-6)


@given(st.floats(-5, 5), positive)
def test_a_log_odds_ratio_comes_back_from_a_standardised_difference(effect, se) -> None:
    back, back_se = log_or_from_smd(*smd_from_log_or(effect, se))
    assert back == pytest.approx(effect)
    assert back_se == pytest.approx(se)


def test_a_stronger_correlation_narrows_a_change() -> None:
    sds = change_sd(20, 25, correlation=np.linspace(-1, 1, 21))
    assert (np.diff(sds) < 0).all()
    assert sds[10] == pytest.approx(np.hypot(20, 25))


def test_merged_arms_are_the_people_of_all_arms_together() -> None:
    rng = np.random.default_rng(20250831)
    groups = [rng.normal(loc, 10, size) for loc, size in ((40, 12), (55, 30), (60, 7))]
    mean, sd, n = combined_arms(
        [g.mean() for g in groups], [g.std(ddof=1) for g in groups], [g.size for g in groups]
    )
    together = np.concatenate(groups)
    assert (mean, n) == (pytest.approx(together.mean()), together.size)
    assert sd == pytest.approx(together.std(ddof=1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sd_from_se([1, 0], 9), r"se\[1\] is 0"),
        (lambda: se_from_sd(1, 1), "n is 1; it must be at least 2"),
        (lambda: se_from_ci(2, 1), "ci_high is 1; it must be above ci_low"),
        (lambda: se_from_ci(1, 2, level=1), "level is 1"),
        (lambda: se_from_p(1, 0), "p is 0; it must be between 0 and 1"),
        (lambda: se_from_p(0, 0.5), "estimate is 0"),
        (lambda: change_sd(1, 1, correlation=1.1), "correlation is 1.1"),
        (lambda: correlation_from_sds(1, 1, 3), "sd_change is 3"),
        (lambda: smd_from_log_or(1, 0), "se is 0"),
    ],
)
def test_impossible_numbers_are_refused(call, message) -> None:
    with pytest.raises(UsageError, match=message):
        call()


@pytest.mark.parametrize(
    ("p", "told"),
    [
        ("<0.001", r"p is '<0.001', a bound, which gives the largest error that fits"),
        (">0.05", r"p is '>0.05', a bound, which gives the smallest error that fits"),
        ("0.000", r"p is 0.000; .* printed as zero was rounded"),
        ("ns", r"p is 'ns'; it must be a number"),
        ("0,03", r"p is '0,03'; it must be a number between 0 and 1, with a decimal point"),
        (1.0, r"p is 1.0; it must be between 0 and 1"),
        (["0.03", "<0.01"], r"p\[1\] is '<0.01', a bound"),
    ],
)
def test_a_p_value_that_gives_no_error_is_refused(p, told) -> None:
    with pytest.raises(UsageError, match=told):
        se_from_p(3.8, p)


@pytest.mark.parametrize("p", ["1e-6", 1e-6, "0.029", 1e-18, 1e-300])
def test_a_tiny_p_value_loses_no_digit(p) -> None:
    se = float(se_from_p(3.8, p))
    assert 2 * norm.sf(3.8 / se) == pytest.approx(float(p), rel=1e-9)
    if float(p) == 1e-6:
        assert se == pytest.approx(0.776836, abs=5e-7)
    if float(p) > 1e-100:
        small = float(se_from_p(3.8, p, df=12))
        assert 2 * t.sf(3.8 / small, 12) == pytest.approx(float(p), rel=1e-6)
    else:
        with pytest.raises(UsageError, match="p is 1e-300; it must be large enough"):
            se_from_p(3.8, p, df=12)
