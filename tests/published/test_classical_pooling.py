"""Published classical meta-analyses; the tolerance is half the last printed digit."""

from __future__ import annotations

import numpy as np
import pytest

from bayes_nmda.effects.binary import log_or
from bayes_nmda.effects.continuous import mean_difference
from bayes_nmda.effects.pooling import pool, shrunken, tau_squared


def test_viechtbauer_2005_estimators_of_tau_squared(published_data) -> None:
    """Viechtbauer 2005, first example, as in metafor's test_analysis_example_viechtbauer2005.r."""
    data = published_data("viechtbauer2005_ex1.csv")
    published = {
        "HS": 0.2282,
        "HE": 0.1484,
        "DL": 0.2768,
        "ML": 0.1967,
        "REML": 0.2232,
        "EB": 0.1920,
        "PM": 0.1920,
        "SJ": 0.1992,
    }
    for estimator, printed in published.items():
        ours = tau_squared(data["yi"], data["vi"], estimator=estimator)
        assert ours == pytest.approx(printed, abs=5e-5), estimator


def test_crins_2014_by_restricted_maximum_likelihood(published_data) -> None:
    """Roever 2020, J Stat Softw 93(6): log odds ratios, one table with an empty cell."""
    data = published_data("crins2014_logOR.csv")
    pooled = pool(data["yi"], data["sei"] ** 2, estimator="REML")
    assert pooled.estimate == pytest.approx(-1.591513, abs=5e-6)
    assert pooled.se == pytest.approx(0.3340882, abs=5e-6)
    assert pooled.tau_squared**0.5 == pytest.approx(0.4670268, abs=5e-6)


def test_crins_2014_log_odds_ratios_from_counts(published_data) -> None:
    """The effects that bayesmeta prints, 0.5 added in the table of Gras 2008."""
    data = published_data("crins2014_logOR.csv")
    yi, vi = log_or(
        data["exp_AR_events"], data["exp_total"], data["cont_AR_events"], data["cont_total"]
    )
    np.testing.assert_allclose(yi, data["yi"], rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(vi), data["sei"], rtol=1e-12)


@pytest.mark.parametrize(
    ("estimator", "estimate", "ci_low", "ci_high", "tau2"),
    [
        ("FE", -3.4939, -5.0265, -1.9613, 0.0),
        ("DL", -14.0972, -24.4454, -3.7490, 218.7216),
        ("REML", -15.1217, -32.6716, 2.4282, 685.1965),
    ],
)
def test_normand_1999_length_of_stay(
    published_data, estimator, estimate, ci_low, ci_high, tau2
) -> None:
    """Normand 1999 with pooled SDs, as in metafor's test_analysis_example_normand1999.r."""
    d = published_data("normand1999.csv")
    yi, vi = mean_difference(
        d["m1i"], d["sd1i"], d["n1i"], d["m2i"], d["sd2i"], d["n2i"], pooled=True
    )
    pooled = pool(yi, vi, estimator=estimator)
    ours = (pooled.estimate, pooled.ci_low, pooled.ci_high, pooled.tau_squared)
    np.testing.assert_allclose(ours, (estimate, ci_low, ci_high, tau2), atol=5.1e-5, rtol=0)


def test_raudenbush_1985_shrunken_effects(published_data) -> None:
    """Raudenbush & Bryk 1985, as in metafor's test_analysis_example_raudenbush1985.r.

    The printed effects come from a tau squared whose iteration stops at steps below 1e-5
    (metafor's default): that much of it, times its influence, adds to half the last digit.
    """
    data = published_data("raudenbush1985.csv")
    published = [0.0543, 0.1006, -0.0064, 0.2144, 0.1051, -0.0082, 0.0174, -0.0293, 0.1604, 0.2485]
    published += [0.1618, 0.1102, 0.0646, 0.1105, -0.0288, 0.0258, 0.1905, 0.0744, 0.0248]
    pooled = pool(data["yi"], data["vi"], estimator="REML")
    assert pooled.tau_squared == pytest.approx(0.0188, abs=5e-5)
    assert pooled.estimate == pytest.approx(0.0837, abs=5e-5)
    theta = shrunken(data["yi"], data["vi"], pooled)
    vi, tau2 = data["vi"], pooled.tau_squared
    influence = (data["yi"] - pooled.estimate).abs() * vi / (tau2 + vi) ** 2
    assert (np.abs(theta - published) <= 5e-5 + 1e-5 * influence).all()
