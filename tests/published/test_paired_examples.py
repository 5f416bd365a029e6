"""Worked examples of paired data: metafor's escalc tests and the Cochrane Handbook."""

from __future__ import annotations

import pytest

from bayes_nmda.effects.paired import (
    crossover_smd,
    paired_mean_difference,
    standardised_mean_change,
)

METAFOR = {
    "mean_t": 26,
    "sd_t": 30**0.5,
    "mean_c": 22,
    "sd_c": 20**0.5,
    "n": 60,
    "correlation": 0.7,
}


def test_metafor_mean_change() -> None:
    """Measure MC in metafor's test_misc_escalc.r."""
    yi, vi = paired_mean_difference(**METAFOR)
    assert yi == pytest.approx(4.0)
    assert vi == pytest.approx(0.2618, abs=5e-5)


def test_metafor_standardised_mean_change_with_unequal_variances() -> None:
    """Measure SMCRH in metafor's test_misc_escalc.r."""
    yi, vi = standardised_mean_change(**METAFOR)
    assert yi == pytest.approx(0.721, abs=5e-4)
    assert vi == pytest.approx(0.0133, abs=5e-5)


def test_handbook_crossover_mean_difference_from_an_imputed_correlation() -> None:
    """Cochrane Handbook 5.1, section 16.4.6.4."""
    yi, vi = paired_mean_difference(7.0, 2.38, 6.5, 2.21, 10, correlation=0.68)
    assert yi == pytest.approx(0.5)
    assert vi**0.5 == pytest.approx(0.583, abs=5e-4)


def test_handbook_crossover_standardised_mean_difference() -> None:
    """Cochrane Handbook 5.1, section 16.4.6.4."""
    yi, vi = crossover_smd(7.0, 2.38, 6.5, 2.21, 10, correlation=0.68)
    assert yi == pytest.approx(0.218, abs=5e-4)
    assert vi**0.5 == pytest.approx(0.256, abs=5e-4)


def test_handbook_standard_error_from_the_sd_of_differences() -> None:
    """The same example with SD 2 of the differences: their variance is 2^2 / 10."""
    correlation = (2.38**2 + 2.21**2 - 2**2) / (2 * 2.38 * 2.21)
    _, vi = paired_mean_difference(7.0, 2.38, 6.5, 2.21, 10, correlation=correlation)
    assert vi**0.5 == pytest.approx(0.632, abs=5e-4)
