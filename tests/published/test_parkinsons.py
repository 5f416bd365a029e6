"""Off-time in Parkinson's disease, NICE DSU TSD 2: seven trials of five treatments, one of 3 arms.

Numbers as in the multinma vignette (example_parkinsons): posterior mean and SD of differences to
treatment 1, printed to two decimals, by NUTS with 4,000 draws. Tolerance: half the last printed
digit and four Monte Carlo standard errors.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayes_nmda.effects.covariance import ArmErrors, shared_arm_covariance

DRAWS = 4000
REFERENCE = 4
COMMON = {4: (-0.52, 0.48), 2: (-1.81, 0.32), 3: (-0.48, 0.49), 5: (-0.82, 0.53)}
RANDOM = {4: (-0.55, 0.66), 2: (-1.86, 0.51), 3: (-0.51, 0.66), 5: (-0.85, 0.79)}


@pytest.fixture
def contrasts(published_data) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return contrasts with the first arm of each trial, their design, their covariance."""
    arms = published_data("parkinsons.csv").rename(columns={"studyn": "trial", "trtn": "arm"})
    first = arms.groupby("trial").first()
    rows = arms[arms["arm"] != arms["trial"].map(first["arm"])].reset_index(drop=True)
    control = first.loc[rows["trial"]].reset_index()
    yi = rows["y"].to_numpy() - control["y"].to_numpy()
    errors = ArmErrors(
        treatment=(rows["trial"].astype(str) + "|" + rows["arm"].astype(str)).to_numpy(dtype=str),
        control=(rows["trial"].astype(str) + "|control").to_numpy(dtype=str),
        occasion=np.full(len(rows), "end"),
        se_t=rows["se"].to_numpy(),
        se_c=control["se"].to_numpy(),
        sign=np.ones(len(rows)),
    )
    vi = rows["se"].to_numpy() ** 2 + control["se"].to_numpy() ** 2
    covariance = shared_arm_covariance(vi, errors, timepoint_correlation=0.6)
    others = [arm for arm in (1, 2, 3, 4, 5) if arm != REFERENCE]
    design = np.stack(
        [(rows["arm"] == arm) * 1.0 - (control["arm"] == arm) * 1.0 for arm in others], axis=1
    )
    return rows.assign(yi=yi), design, covariance


def given_tau(
    rows: pd.DataFrame, design: np.ndarray, covariance: np.ndarray, tau: float, prior_sd: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return mean and covariance of the basic parameters, and the log density of the data."""
    trial = rows["trial"].to_numpy()
    arms = 0.5 * (trial[:, None] == trial[None, :]) + 0.5 * np.eye(len(rows))
    total = covariance + tau**2 * arms + prior_sd**2 * design @ design.T
    gain = prior_sd**2 * design.T @ np.linalg.inv(total)
    density = stats.multivariate_normal(np.zeros(len(rows)), total).logpdf(rows["yi"])
    size = design.shape[1]
    return gain @ rows["yi"].to_numpy(), prior_sd**2 * (np.eye(size) - gain @ design), density


def against_first(mean: np.ndarray, covariance: np.ndarray) -> dict[int, tuple[float, float]]:
    """Return mean and variance of the difference of each treatment to treatment 1."""
    pick = {4: [-1, 0, 0, 0], 2: [-1, 1, 0, 0], 3: [-1, 0, 1, 0], 5: [-1, 0, 0, 1]}
    return {arm: (np.dot(row, mean), np.dot(row, covariance @ row)) for arm, row in pick.items()}


def check(found: dict[int, tuple[float, float]], printed: dict[int, tuple[float, float]]) -> None:
    for arm, (mean, sd) in printed.items():
        ours, spread = found[arm]
        assert ours == pytest.approx(mean, abs=0.005 + 4 * sd / np.sqrt(DRAWS)), arm
        assert spread == pytest.approx(sd, abs=0.005 + 4 * sd / np.sqrt(2 * DRAWS)), arm


def test_a_common_effect_network_with_a_shared_arm(contrasts) -> None:
    mean, covariance, _ = given_tau(*contrasts, tau=0.0, prior_sd=10.0)
    found = against_first(mean, covariance)
    check({arm: (m, v**0.5) for arm, (m, v) in found.items()}, COMMON)


def test_deviations_of_two_comparisons_of_one_trial_correlate_by_half(contrasts) -> None:
    taus = np.linspace(0.0, 12.0, 1201)
    parts = [given_tau(*contrasts, tau=tau, prior_sd=100.0) for tau in taus]
    density = np.array([part[2] for part in parts])
    weight = np.exp(density - density.max()) * stats.halfnorm.pdf(taus, scale=5)
    weight[0] *= 0.5  # the trapezoidal rule
    weight /= weight.sum()
    each = [against_first(mean, covariance) for mean, covariance, _ in parts]
    found = {}
    for arm in RANDOM:
        means, variances = np.array([answer[arm] for answer in each]).T
        centre = weight @ means
        found[arm] = (centre, np.sqrt(weight @ (variances + (means - centre) ** 2)))
    check(found, RANDOM)
    mean_tau = weight @ taus
    sd_tau = np.sqrt(weight @ (taus - mean_tau) ** 2)
    assert mean_tau == pytest.approx(0.40, abs=0.005 + 4 * sd_tau / np.sqrt(DRAWS))
