"""NUTS against a second method: importance sampling of the scales, all else in closed form.

Given the five standard deviations and the precision of the Student-t mixture of ``overall``, cell
effects and observations are jointly normal. Everything is written anew with NumPy and the
words of each row; nothing is taken from `bayes_nmda.model` or `bayes_nmda.inference`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import arviz_stats as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from bayes_nmda.effects import EffectTable
from bayes_nmda.spec.spec import ModelSpec

pytestmark = pytest.mark.slow
Sampled = Callable[..., xr.DataTree]
SCALES = ("tau", "sd_drug", "sd_route", "sd_timepoint", "sd_trial_timepoint")


@dataclass(frozen=True)
class Weighted:
    """Means and variances of cell effects given each draw of the scales, and the draws' weights."""

    scales: np.ndarray  # (draw, 5)
    means: np.ndarray  # (draw, cell)
    variances: np.ndarray  # (draw, cell)
    weights: np.ndarray  # (draw,), sum 1

    @property
    def ess(self) -> float:
        return float(1 / np.sum(self.weights**2))

    @property
    def pareto_k(self) -> float:
        """Shape of a generalised Pareto fitted to the largest weights (Vehtari et al. 2024)."""
        size = int(min(0.2 * len(self.weights), 3 * np.sqrt(len(self.weights))))
        largest = np.sort(self.weights)[-size - 1 :]
        shape, _, _ = stats.genpareto.fit(largest[1:] - largest[0], floc=0)
        return float(shape)

    def expect(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the weighted mean of values (draw, …) and its standard error."""
        weights = self.weights.reshape(-1, *[1] * (values.ndim - 1))
        mean = (weights * values).sum(0)
        return mean, np.sqrt((weights**2 * (values - mean) ** 2).sum(0))


def same(values: pd.Series) -> np.ndarray:
    array = values.to_numpy()
    return 1.0 * (array[:, None] == array[None, :])


def log_prior(scales: np.ndarray) -> np.ndarray:
    published = stats.invgamma(1.69, scale=10.5)
    found = published.logpdf(scales[:, 0]) - published.logcdf(50.0)
    found = np.where(scales[:, 0] > 50, -np.inf, found)
    return found + stats.halfnorm.logpdf(scales[:, 1:], scale=5).sum(1)


def integrate(frame: pd.DataFrame, errors: np.ndarray, *, size: int, seed: int) -> Weighted:
    """Return cell effects given draws of the scales, weighted by posterior over proposal."""
    rng = np.random.default_rng(seed)
    yi = frame["yi"].to_numpy()
    martin = (frame["trial"] == "Martin 2019").to_numpy()
    arms = 0.5 * np.outer(martin, martin)
    u = np.maximum(same(frame["comparison"]), arms)
    w = np.maximum(np.eye(len(yi)), arms)
    drug, partition, cell = (same(frame[name]) for name in ("drug", "partition", "cell"))
    first = frame.drop_duplicates("cell").index.to_numpy()

    # tau: a log-normal near its posterior, with a wider one against thin tails; the others: prior
    wide = rng.random(size) < 0.3
    log_tau = np.where(wide, rng.normal(2.0, 1.0, size), rng.normal(2.3, 0.4, size))
    proposal = np.logaddexp(
        np.log(0.3) + stats.norm.logpdf(log_tau, 2.0, 1.0),
        np.log(0.7) + stats.norm.logpdf(log_tau, 2.3, 0.4),
    )
    others = np.abs(rng.normal(0, 5, (size, 4)))
    scales = np.column_stack([np.exp(log_tau), others])
    log_ratio = log_prior(scales) - (
        proposal - log_tau + stats.halfnorm.logpdf(others, scale=5).sum(1)
    )
    # t with 5 degrees of freedom: a normal whose precision is gamma(5 / 2, rate 5 / 2)
    overall2 = 10.75**2 / rng.gamma(2.5, 1 / 2.5, size)

    means, variances = np.empty((size, len(first))), np.empty((size, len(first)))
    for i, (tau, sd_drug, sd_route, sd_time, sd_visit) in enumerate(scales):
        between = overall2[i] + sd_drug**2 * drug + sd_route**2 * partition + sd_time**2 * cell
        total = between + tau**2 * u + sd_visit**2 * w + errors
        root = np.linalg.cholesky(total)
        white = np.linalg.solve(root, np.column_stack([yi, between[:, first]]))
        z, gain = white[:, 0], white[:, 1:]
        means[i] = gain.T @ z
        variances[i] = between[first, first] - (gain**2).sum(0)
        log_ratio[i] -= 0.5 * z @ z + np.log(np.diagonal(root)).sum()
    weights = np.exp(log_ratio - log_ratio.max())
    return Weighted(scales, means, variances, weights / weights.sum())


@pytest.fixture(scope="module")
def second(pain: EffectTable) -> Weighted:
    return integrate(pain.frame, pain.covariance, size=40_000, seed=1)


@pytest.fixture(scope="module")
def nuts(primary: ModelSpec, pain: EffectTable, sampled: Sampled) -> xr.Dataset:
    return sampled(primary, pain, seed=primary.sampling.seed)["posterior"].to_dataset()


def within_error(
    what: str,
    first: np.ndarray,
    first_error: np.ndarray,
    other: np.ndarray,
    other_error: np.ndarray,
) -> None:
    """Require two estimates to differ by at most four standard errors of their difference."""
    z = np.abs(first - other) / np.hypot(first_error, other_error)
    at = np.unravel_index(np.nanargmax(z), np.shape(z))
    assert z[at] < 4, (
        f"{what} at {at}: NUTS {first[at]:.4f}, other {other[at]:.4f}, z = {z[at]:.2f}"
    )


def test_the_second_method_is_itself_reliable(second: Weighted) -> None:
    # k-hat below 0.7: Vehtari et al. 2024, J Mach Learn Res 25:72
    assert second.pareto_k < 0.7, second.pareto_k
    assert second.ess > 2000, second.ess


def test_means_and_sds_of_cell_effects_agree(second: Weighted, nuts: xr.Dataset) -> None:
    effect = nuts[["effect"]]
    mean, error = second.expect(second.means)
    nuts_error = az.mcse(effect, method="mean")["effect"].to_numpy()
    nuts_mean = effect["effect"].mean(["chain", "draw"]).to_numpy()
    within_error("mean", nuts_mean, nuts_error, mean, error)

    square, square_error = second.expect(second.variances + (second.means - mean) ** 2)
    sd, sd_error = np.sqrt(square), square_error / (2 * np.sqrt(square))
    nuts_sd = effect["effect"].std(["chain", "draw"]).to_numpy()
    within_error("SD", nuts_sd, az.mcse(effect, method="sd")["effect"].to_numpy(), sd, sd_error)


@pytest.mark.parametrize("threshold", [0, 10, 20])
def test_probabilities_of_benefit_agree(
    second: Weighted, nuts: xr.Dataset, threshold: float
) -> None:
    below = stats.norm.cdf((-threshold - second.means) / np.sqrt(second.variances))
    chance, error = second.expect(below)
    event = (nuts[["effect"]] <= -threshold).astype(float)
    nuts_chance = event["effect"].mean(["chain", "draw"]).to_numpy()
    size = event.sizes["chain"] * event.sizes["draw"]
    # where the estimated error vanishes: that of independent draws at the other method's chance
    floor = np.sqrt(chance * (1 - chance) / size)
    nuts_error = np.fmax(az.mcse(event, method="mean")["effect"].fillna(0).to_numpy(), floor)
    within_error(f"P(benefit of {threshold})", nuts_chance, nuts_error, chance, error)


def test_standard_deviations_agree(second: Weighted, nuts: xr.Dataset) -> None:
    mean, error = second.expect(second.scales)
    errors = az.mcse(nuts[list(SCALES)], method="mean")
    nuts_mean = np.array([float(nuts[name].mean()) for name in SCALES])
    nuts_error = np.array([float(errors[name]) for name in SCALES])
    within_error(f"mean of {SCALES}", nuts_mean, nuts_error, mean, error)
