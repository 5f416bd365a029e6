"""Likelihoods of trials and draws of new ones against SciPy, by the words of each row."""

import dataclasses

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, stats

from bayes_nmda.effects import EffectTable
from bayes_nmda.inference.predictive import new_trial, replicate, trial_log_likelihood
from bayes_nmda.model.likelihoods import error_covariance
from bayes_nmda.model.structure import Layout
from bayes_nmda.spec.spec import ModelSpec, load_model

MARTIN = "Martin 2019"


@pytest.fixture(scope="module")
def layout(pain: EffectTable) -> Layout:
    return Layout.of(pain.frame)


def draws_of(layout: Layout, size: int = 3) -> xr.Dataset:
    rng = np.random.default_rng(3)
    dims, shape = ("chain", "draw"), (2, size)
    return xr.Dataset(
        {
            "effect": ((*dims, "cell"), rng.normal(-5, 5, (*shape, len(layout.cells)))),
            "tau": (dims, rng.uniform(0.5, 15, shape)),
            "sd_trial_timepoint": (dims, rng.uniform(0, 6, shape)),
        },
        {"cell": list(layout.cells)},
    )


def likelihood(
    draws: xr.Dataset, pain: EffectTable, layout: Layout, spec: ModelSpec
) -> xr.DataArray:
    errors = error_covariance(pain.covariance, layout, spec.structure.pooling)
    return trial_log_likelihood(draws, pain, errors, layout, spec)


def test_the_likelihood_of_a_trial_is_a_multivariate_normal_with_its_deviation_integrated_out(
    pain: EffectTable, layout: Layout, primary: ModelSpec
) -> None:
    draws = draws_of(layout)
    found = likelihood(draws, pain, layout, primary)
    assert found.dims == ("chain", "draw", "trial")
    frame = pain.frame
    for trial in layout.trials:
        rows = np.flatnonzero(frame["trial"] == trial)
        names = frame["comparison"].to_numpy()[rows]
        # Martin 2019 has two comparisons with one placebo arm at one timepoint: correlation 0.5
        between = np.where(names[:, None] == names[None, :], 1.0, 0.5 if trial == MARTIN else 0.0)
        visits = np.where(np.eye(len(rows)) > 0, 1.0, 0.5 if trial == MARTIN else 0.0)
        for chain, draw in np.ndindex(2, 3):
            at = draws.isel(chain=chain, draw=draw)
            covariance = (
                pain.covariance[np.ix_(rows, rows)]
                + float(at["tau"]) ** 2 * between
                + float(at["sd_trial_timepoint"]) ** 2 * visits
            )
            expected = stats.multivariate_normal.logpdf(
                frame["yi"].to_numpy()[rows],
                at["effect"].sel(cell=frame["cell"].to_numpy()[rows]).to_numpy(),
                covariance,
            )
            value = found.isel(chain=chain, draw=draw).sel(trial=trial)
            assert float(value) == pytest.approx(expected, rel=1e-10)


def test_cells_that_stand_alone_have_a_tau_each_and_no_covariance_between_them(
    pain: EffectTable, layout: Layout
) -> None:
    spec = load_model("pain_intensity_unpooled")
    draws = draws_of(layout).drop_vars("sd_trial_timepoint")
    tau = np.random.default_rng(4).uniform(1, 12, (2, 3, 15))
    draws["tau"] = (("chain", "draw", "cell"), tau)
    found = likelihood(draws, pain, layout, spec)
    frame = pain.frame.assign(position=layout.cell_of_contrast)
    for trial in layout.trials:
        expected = sum(
            stats.norm.logpdf(
                row.yi,
                draws["effect"].to_numpy()[1, 2, row.position],
                np.hypot(row.sei, tau[1, 2, row.position]),
            )
            for row in frame[frame["trial"] == trial].itertuples()
        )
        value = found.isel(chain=1, draw=2).sel(trial=trial)
        assert float(value) == pytest.approx(expected, rel=1e-10)


def averaged_over_precision(
    residual: np.ndarray, rest: np.ndarray, between: np.ndarray, degrees: float
) -> float:
    """Return the log density with a gamma precision integrated out, on its logarithm."""
    gamma = stats.gamma(degrees / 2, scale=2 / degrees)

    def log_integrand(t: float) -> float:
        normal = stats.multivariate_normal.logpdf(
            residual, np.zeros(len(residual)), rest + np.exp(-t) * between
        )
        return float(normal + gamma.logpdf(np.exp(t)) + t)

    peak = max(log_integrand(t) for t in np.linspace(-15, 5, 401))
    mass, _ = integrate.quad(
        lambda t: np.exp(log_integrand(t) - peak), -15, 6, points=[-10, -5, 0], limit=400
    )
    return float(peak + np.log(mass))


@pytest.mark.parametrize("degrees", [2.5, 4, 30])
@pytest.mark.parametrize("tau", [0.5, 5.0, 25.0])
def test_a_student_t_trial_has_the_likelihood_that_numerical_integration_gives(
    degrees: float, tau: float, pain: EffectTable, layout: Layout
) -> None:
    robust = load_model("pain_intensity_robust")
    structure = dataclasses.replace(robust.structure, degrees_of_freedom=degrees)
    spec = dataclasses.replace(robust, structure=structure)
    draws = draws_of(layout, 1)
    draws["tau"] = xr.full_like(draws["tau"], tau)
    found = likelihood(draws, pain, layout, spec).isel(chain=0, draw=0)
    mean = draws["effect"].isel(chain=0, draw=0)
    sd2 = float(draws["sd_trial_timepoint"][0, 0]) ** 2
    # two timepoints; two arms; an odd trial with a small standard error
    for trial in ("Schifitto 2006", MARTIN, "Olivan-Blázquez 2014"):
        rows = np.flatnonzero(pain.frame["trial"] == trial)
        residual = pain.frame["yi"].to_numpy()[rows]
        residual = residual - mean.sel(cell=pain.frame["cell"].to_numpy()[rows]).to_numpy()
        between = np.full((2, 2), 0.5) + 0.5 * np.eye(2) if trial == MARTIN else np.ones((2, 2))
        visits = between if trial == MARTIN else np.eye(2)
        rest = pain.covariance[np.ix_(rows, rows)] + sd2 * visits
        expected = averaged_over_precision(residual, rest, tau**2 * between, degrees)
        # 1e-3 of a log-likelihood moves no weight of a trial by more than a thousandth
        assert float(found.sel(trial=trial)) == pytest.approx(expected, abs=1e-3)


def test_a_new_trial_scatters_by_tau_and_the_deviation_between_timepoints(
    layout: Layout, primary: ModelSpec
) -> None:
    size = 40_000
    draws = draws_of(layout, size).isel(cell=[0, 1])
    draws["tau"] = xr.full_like(draws["tau"], 6.0)
    draws["sd_trial_timepoint"] = xr.full_like(draws["tau"], 8.0)
    found = new_trial(draws, primary, np.random.default_rng(1))
    assert found.dims == draws["effect"].dims
    spread = (found - draws["effect"]).to_numpy().ravel()
    # 6² + 8² = 10²; the standard error of an SD of n normals is sd / sqrt(2 n)
    assert spread.std() == pytest.approx(10, abs=4 * 10 / np.sqrt(2 * spread.size))
    assert spread.mean() == pytest.approx(0, abs=4 * 10 / np.sqrt(spread.size))
    cells = (found - draws["effect"]).to_numpy().reshape(-1, 2)
    assert abs(np.corrcoef(cells.T)[0, 1]) < 4 / np.sqrt(len(cells))


def test_a_new_trial_of_the_robust_model_has_student_t_tails(layout: Layout) -> None:
    draws = draws_of(layout, 20_000).isel(cell=[0]).drop_vars("sd_trial_timepoint")
    draws["tau"] = xr.full_like(draws["tau"], 3.0)
    spec = load_model("pain_intensity_robust")
    found = new_trial(draws, spec, np.random.default_rng(2))
    unit = ((found - draws["effect"]) / 3.0).to_numpy().ravel()
    # Kolmogorov's bound at p = 1e-4
    distance = stats.kstest(unit, stats.t(4).cdf).statistic
    assert distance < np.sqrt(-np.log(1e-4 / 2) / (2 * unit.size))


def test_replicated_trials_have_the_errors_of_the_observed_ones(pain: EffectTable) -> None:
    size = 20_000
    theta = xr.Dataset({"theta": (("chain", "draw", "contrast"), np.zeros((1, size, 31)))})
    found = replicate(theta, pain.covariance, np.random.default_rng(6)).to_numpy()[0]
    products = found[:, :, None] * found[:, None, :]
    error = products.std(0) / np.sqrt(size)
    # 496 pairs: one lies beyond 4.5 standard errors by chance in 300 runs
    assert (np.abs(products.mean(0) - pain.covariance) / error).max() < 4.5
