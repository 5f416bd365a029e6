"""The PyMC model against densities and covariances worked out by hand from words."""

from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import pytest
from scipy import integrate, stats

from bayes_nmda.data import load_trials
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.errors import SpecError
from bayes_nmda.model.build import build_model
from bayes_nmda.spec.spec import ModelSpec, load_model
from tests.model.densities import log_density, natural_point

STRUCTURES = ["", "_unpooled", "_complete", "_robust", "_weak", "_rho_09"]
#: The two comparisons of the one multi-arm trial.
MARTIN = "Martin 2019"


def deviations(
    own: np.ndarray, sd: float | np.ndarray, shared: np.ndarray, members: np.ndarray, within: float
) -> np.ndarray:
    return own + np.where(members, np.sqrt(within) * sd * shared[0], 0.0)


def hand_theta(spec: ModelSpec, frame: pd.DataFrame, v: dict[str, np.ndarray]) -> np.ndarray:
    """Return the contrasts' true effects indexed by words and not by positions."""
    cells = list(dict.fromkeys(frame["cell"]))
    partitions = list(dict.fromkeys(frame["partition"]))
    drugs = list(dict.fromkeys(frame["drug"]))
    comparisons = list(dict.fromkeys(frame["comparison"]))
    if spec.structure.pooling == "none":
        return v["effect"][frame["cell"].map(cells.index).to_numpy()] + v["deviation"]
    a = v.get("drug_deviation", np.zeros(len(drugs)))
    b = v.get("route_deviation", np.zeros(len(partitions)))
    c = v.get("timepoint_deviation", np.zeros(len(cells)))
    u = deviations(
        v["deviation"],
        v["tau"] * hand_widths(frame, v),
        v["z_comparison_shared"],
        np.array([name.startswith(MARTIN) for name in comparisons]),
        0.5,
    )
    w = deviations(
        v["visit_deviation"],
        v["sd_trial_timepoint"],
        v["z_visit_shared"],
        (frame["trial"] == MARTIN).to_numpy(),
        0.5,
    )
    return np.array(
        [
            v["overall"]
            + a[drugs.index(row.drug)]
            + b[partitions.index(row.partition)]
            + c[cells.index(row.cell)]
            + u[comparisons.index(row.comparison)]
            + w[i]
            for i, row in enumerate(frame.itertuples())
        ]
    )  # fmt: skip


def hand_widths(frame: pd.DataFrame, v: dict[str, np.ndarray]) -> np.ndarray:
    """Return by what deviations of comparisons are wider than tau: much, in a trial that is odd."""
    first = frame.drop_duplicates("comparison")
    if "trial_precision" not in v:
        return np.ones(len(first))
    trials = list(dict.fromkeys(frame["trial"]))
    width = dict(zip(trials, 1 / np.sqrt(v["trial_precision"]), strict=True))
    return np.array([width[trial] for trial in first["trial"]])


def hand_sd(spec: ModelSpec, name: str, frame: pd.DataFrame, v: dict[str, np.ndarray]) -> Any:
    """Return the standard deviation of a deviation's own part."""
    if spec.structure.pooling == "none":
        cells = list(dict.fromkeys(frame["cell"]))
        return v["tau"][frame["cell"].map(cells.index).to_numpy()]
    in_martin = {
        "deviation": frame.drop_duplicates("comparison")["trial"] == MARTIN,
        "visit_deviation": frame["trial"] == MARTIN,
    }
    if name == "deviation":
        sd = v["tau"] * hand_widths(frame, v)
    else:
        sd = v["sd_trial_timepoint" if name == "visit_deviation" else f"sd_{name.split('_')[0]}"]
    return sd * np.sqrt(np.where(in_martin[name], 0.5, 1.0)) if name in in_martin else sd


def hand_prior(
    spec: ModelSpec, name: str, frame: pd.DataFrame, values: dict[str, np.ndarray]
) -> float:
    value = values[name]
    if name.endswith("deviation"):
        sd = hand_sd(spec, name, frame, values)
        return float(stats.norm(scale=sd).logpdf(value).sum())
    if name.startswith("z_"):
        return float(stats.norm.logpdf(value).sum())
    if name == "trial_precision":
        return float(stats.gamma.logpdf(value, 2, scale=1 / 2).sum())
    if name in {"overall", "effect"}:
        weak = spec.name.endswith("weak")
        density = stats.norm(0, 25) if weak else stats.t(5, 0, 10.75)
        return float(density.logpdf(value).sum())
    if spec.name.endswith("weak"):
        return float(stats.halfnorm.logpdf(value, scale=10).sum())
    if name == "tau":
        published = stats.invgamma(1.69, scale=10.5)
        return float((published.logpdf(value) - published.logcdf(50)).sum())
    return float(stats.halfnorm.logpdf(value, scale=5).sum())


def hand_errors(spec: ModelSpec, frame: pd.DataFrame) -> np.ndarray:
    """Return the covariance of errors from the SDs and numbers of arms."""
    n = len(frame)
    rho = {"_rho_09": 0.9}.get(spec.name.removeprefix("pain_intensity"), 0.6)
    matrix = np.zeros((n, n))
    rows = list(frame.itertuples())
    for i, one in enumerate(rows):
        for j, two in enumerate(rows):
            if one.trial != two.trial:
                continue
            if spec.structure.pooling == "none" and one.cell != two.cell:
                continue
            r = 1.0 if one.timepoint == two.timepoint else rho
            if one.treatment_arm == two.treatment_arm:
                matrix[i, j] += r * one.sd_t * two.sd_t / np.sqrt(one.n_t * two.n_t)
            if one.control_arm == two.control_arm:
                matrix[i, j] += r * one.sd_c * two.sd_c / np.sqrt(one.n_c * two.n_c)
    return matrix


@pytest.mark.parametrize("ending", STRUCTURES)
def test_the_log_density_of_a_point_is_the_joint_density_worked_out_by_hand(ending: str) -> None:
    spec = load_model(f"pain_intensity{ending}")
    effects = effect_table(load_trials(), spec)
    model = build_model(spec, effects)
    density = log_density(model)
    rng = np.random.default_rng(11)
    for _ in range(3):
        values = natural_point(model, rng)
        expected = sum(hand_prior(spec, name, effects.frame, values) for name in values)
        expected += stats.multivariate_normal.logpdf(
            effects.frame["yi"],
            hand_theta(spec, effects.frame, values),
            hand_errors(spec, effects.frame),
        )
        assert density(values) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "name",
    [
        "pain_intensity_complete",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("pain_intensity", "pain_intensity_robust", "any_adverse_event")
        ),
    ],
)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    spec = load_model(name)
    model = build_model(spec, effect_table(load_trials(), spec))
    start = model.initial_point()
    density = model.compile_fn(model.logp(), mode="FAST_COMPILE")
    gradient = model.compile_fn(model.dlogp(), mode="FAST_COMPILE")
    rng = np.random.default_rng(4)
    point = {key: rng.normal(0, 0.5, np.shape(value)) for key, value in start.items()}
    sizes = [max(1, point[value.name].size) for value in model.continuous_value_vars]
    found = np.split(gradient(point), np.cumsum(sizes)[:-1])
    for value, slopes in zip(model.continuous_value_vars, found, strict=True):
        for place, slope in enumerate(slopes):
            moved = []
            for step in (1e-5, -1e-5):
                flat = np.array(point[value.name], dtype=float).ravel()
                flat[place] += step
                moved.append(density(point | {value.name: flat.reshape(point[value.name].shape)}))
            assert slope == pytest.approx((moved[0] - moved[1]) / 2e-5, rel=1e-5, abs=1e-5)


def test_dimensions_coordinates_and_variables_are_the_contract(
    primary: ModelSpec, pain: EffectTable
) -> None:
    model = build_model(primary, pain)
    sizes = {name: len(labels or ()) for name, labels in model.coords.items()}
    assert sizes == {
        "cell": 15, "partition": 8, "drug_name": 5, "comparison": 21, "contrast": 31,
        "trial": 20, "comparison_group": 1, "contrast_group": 1,
    }  # fmt: skip
    assert list(model.coords["contrast"] or ()) == list(pain.frame["contrast"])
    dims = model.named_vars_to_dims
    assert dims["effect"] == ("cell",)
    assert dims["partition_effect"] == ("partition",)
    assert dims["theta"] == dims["yi"] == ("contrast",)
    assert {rv.name for rv in model.free_RVs if rv.ndim == 0} == {
        name for name, _ in primary.priors
    }


def test_every_number_that_may_change_is_a_data_container(
    primary: ModelSpec, pain: EffectTable
) -> None:
    model = build_model(primary, pain)
    values = {data.name: data.get_value() for data in model.data_vars}
    numbers = {f"prior_{name}": list(prior.numbers()) for name, prior in primary.priors}
    assert numbers["prior_tau"] == [1.69, 10.5, 50]
    assert {name: values[name].tolist() for name in numbers} == numbers
    assert set(values) == {
        *numbers, "yi_observed", "error_whitening", "error_log_constant", "cell_of_contrast",
        "partition_of", "drug_of", "comparison_of", "comparison_apart", "comparison_together",
        "visit_apart", "visit_together", "rough_effect", "rough_precision", "said_of_cell",
        "known_of_cell", "cells_of_partition", "partitions_of_drug", "contrasts_of_comparison",
    }  # fmt: skip
    root = np.linalg.inv(values["error_whitening"])
    np.testing.assert_allclose(root @ root.T, pain.covariance, rtol=1e-10, atol=1e-10)
    np.testing.assert_array_equal(values["yi_observed"], pain.frame["yi"])
    robust = build_model(load_model("pain_intensity_robust"), pain)
    assert float(robust["degrees_of_freedom"].get_value()) == 4


def test_a_model_of_one_trial_and_one_cell_can_be_built(
    primary: ModelSpec, pain: EffectTable
) -> None:
    one = pain.subset(np.arange(31) == 29)
    model = build_model(primary, one)
    assert "z_comparison_shared" not in model.named_vars
    compiled = model.compile_fn(model.logp(), mode="FAST_COMPILE")
    assert np.isfinite(compiled(model.initial_point()))


def test_a_contrast_without_an_effect_is_refused_by_name(primary: ModelSpec) -> None:
    pain = effect_table(load_trials(), primary)
    frame = pain.frame.copy()
    frame.loc[3, "yi"] = np.nan
    holed = EffectTable(frame, pain.covariance, pain.measure, pain.unit)
    with pytest.raises(SpecError, match=r"no MD for Noppers 2011a: ketamine/intravenous/short"):
        build_model(primary, holed)


def second_moment(spec: ModelSpec, name: str) -> float:
    prior = spec.prior(name)
    found, _ = integrate.quad(
        lambda x: x**2 * float(np.exp(prior.logpdf(x))), 0, prior.upper or np.inf, limit=200
    )
    return found


def agree(draws: np.ndarray, expected: np.ndarray) -> None:
    """Require mean products of draws (draw, n) to lie within 4.5 standard errors of a covariance.

    Of 31 · 32 / 2 = 496 pairs, one lies beyond 4.5 by chance in 300 runs; the seed is fixed.
    """
    products = draws[:, :, None] * draws[:, None, :]
    error = products.std(0) / np.sqrt(len(draws))
    z = np.abs(products.mean(0) - expected) / error
    worst = np.unravel_index(z.argmax(), z.shape)
    assert z.max() < 4.5, (worst, z.max(), products.mean(0)[worst], expected[worst])


@pytest.mark.slow
def test_prior_draws_have_the_covariance_that_the_design_writes_down(
    primary: ModelSpec, pain: EffectTable
) -> None:
    frame = pain.frame
    model = build_model(primary, pain)
    theta, effect = pm.draw(
        [model["theta"], model["effect"]], draws=4000, random_seed=5, mode="FAST_COMPILE"
    )
    names = list(dict.fromkeys(frame["cell"]))
    of = frame["cell"].map(names.index).to_numpy()

    def same(column: str) -> np.ndarray:
        values = frame[column].to_numpy()
        return values[:, None] == values[None, :]

    tau2, sd2 = (second_moment(primary, name) for name in ("tau", "sd_trial_timepoint"))
    in_martin = (frame["trial"] == MARTIN).to_numpy()
    martin = in_martin[:, None] & in_martin[None, :]
    u = np.where(same("comparison"), 1.0, np.where(martin, 0.5, 0.0))
    w = np.where(np.eye(31) > 0, 1.0, np.where(martin, 0.5, 0.0))
    agree(theta - effect[:, of], tau2 * u + sd2 * w)

    # t with 5 degrees of freedom has variance 5 / 3 times its squared scale; half-normal(5) has 25
    overall2 = 5 / 3 * 10.75**2
    mean = overall2 + 25 * (same("drug") + 1.0 * same("partition") + same("cell"))
    agree(effect[:, of], mean)
