"""Gleser & Olkin 2009: trials whose treatments share one control arm.

Numbers as in metafor's test_analysis_example_gleser2009.r; tolerance half the last printed digit.
"""

from __future__ import annotations

import numpy as np
import pytest

from bayes_nmda.effects.binary import arm_standard_error, log_or, risk_difference
from bayes_nmda.effects.covariance import ArmErrors, shared_arm_covariance

PUBLISHED = {
    "RD": {
        "coefficients": ([0.0200, 0.0043, 0.0211], 5.1e-5),
        "covariance": (
            [[24.612, 19.954, 13.323], [19.954, 28.538, 13.255], [13.323, 13.255, 69.806]],
            5.1e-10,
        ),
        "scale": 1e-6,
        "heterogeneity": 7.1907,
    },
    "log_or": {
        "coefficients": ([0.5099, 0.0044, 0.4301], 5.1e-5),
        "covariance": (
            [[0.01412, 0.00712, 0.00425], [0.00712, 0.01178, 0.00455], [0.00425, 0.00455, 0.02703]],
            5.1e-6,
        ),
        "scale": 1.0,
        "heterogeneity": 2.0563,
    },
}


@pytest.mark.parametrize("measure", ["RD", "log_or"])
def test_least_squares_with_the_shared_control_give_the_published_effects(
    published_data, measure
) -> None:
    d = published_data("gleser2009_multiarm.csv")
    counts = (d["treat_events"], d["treat_n"], d["control_events"], d["control_n"])
    # They take control minus treatment.
    yi, vi = (risk_difference if measure == "RD" else log_or)(*counts)
    trial = d["study"].astype(str)
    arms = ArmErrors(
        treatment=(trial + "|" + d["trt"].astype(str)).to_numpy(dtype=str),
        control=(trial + "|control").to_numpy(dtype=str),
        occasion=np.full(len(d), "end"),
        se_t=arm_standard_error(counts[0], counts[1], measure=measure),
        se_c=arm_standard_error(counts[2], counts[3], measure=measure),
        sign=np.ones(len(d)),
    )
    inverse = np.linalg.inv(shared_arm_covariance(vi, arms, timepoint_correlation=0.6))
    design = np.equal.outer(d["trt"].to_numpy(), [1, 2, 3]).astype(float)
    covariance = np.linalg.inv(design.T @ inverse @ design)
    effects = covariance @ design.T @ inverse @ -yi
    residual = -yi - design @ effects

    printed = PUBLISHED[measure]
    np.testing.assert_allclose(effects, printed["coefficients"][0], atol=printed["coefficients"][1])
    expected = np.array(printed["covariance"][0]) * printed["scale"]
    np.testing.assert_allclose(covariance, expected, atol=printed["covariance"][1], rtol=0)
    assert residual @ inverse @ residual == pytest.approx(printed["heterogeneity"], abs=5.1e-5)
