"""Covariates in both engines: closed forms, symmetries, a published regression, brute force."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from bayes_nmda.data import TrialData, load_trials, trials_from
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.gates import fit
from bayes_nmda.gates.agreement import compare_engines
from bayes_nmda.inference.exact.cells import exact_cells
from bayes_nmda.inference.exact.engine import exact_posterior
from bayes_nmda.inference.exact.normal_mixture import mixture_error
from bayes_nmda.spec.default import default_model
from bayes_nmda.spec.spec import ModelSpec, load_model

#: Berkey 1995 by way of metafor's dat.bcg: degrees of latitude, events and people of both arms.
BCG = pd.DataFrame(
    [
        (44, 4, 123, 11, 139), (55, 6, 306, 29, 303), (42, 3, 231, 11, 220),
        (52, 62, 13598, 248, 12867), (13, 33, 5069, 47, 5808), (44, 180, 1541, 372, 1451),
        (19, 8, 2545, 10, 629), (13, 505, 88391, 499, 88391), (27, 29, 7499, 45, 7277),
        (42, 17, 1716, 65, 1665), (18, 186, 50634, 141, 27338), (33, 5, 2498, 3, 2341),
        (33, 27, 16913, 29, 17854),
    ],
    columns=["latitude", "events_t", "n_t", "events_c", "n_c"],
).assign(trial=[f"trial {number}" for number in range(1, 14)])  # fmt: skip


def log_risk_ratios() -> TrialData:
    yi = np.log(BCG["events_t"] / BCG["n_t"]) - np.log(BCG["events_c"] / BCG["n_c"])
    vi = 1 / BCG["events_t"] - 1 / BCG["n_t"] + 1 / BCG["events_c"] - 1 / BCG["n_c"]
    frame = BCG[["trial", "latitude"]].assign(yi=yi, vi=vi)
    return trials_from(frame, outcome="tuberculosis", measure="log_rr")


def flat(spec: ModelSpec, centre: float = 0.0, per: float = 1.0) -> ModelSpec:
    """Return a model whose priors say next to nothing of mean and coefficient."""
    return spec.with_prior(overall=("normal", 0, 100)).with_covariate(
        "latitude", prior=("normal", 0, 100 * per), centre=centre, per=per
    )


def coefficient(spec: ModelSpec, effects: EffectTable) -> tuple[float, float]:
    """Return mean and SD of the only coefficient by the exact engine."""
    return coefficient_with_error(spec, effects)[:2]


def coefficient_with_error(spec: ModelSpec, effects: EffectTable) -> tuple[float, float, float]:
    """Return them, and the numerical error of the mean."""
    (mixture,) = exact_posterior(spec, effects).mixtures
    values = mixture.gaussian.coefficients(mixture.scales)[:, 0]
    mean = float(mixture.weight @ values)
    sd = float(np.sqrt(mixture.weight @ (values - mean) ** 2))
    return mean, sd, float(mixture_error(mixture.weight, values, mixture.replicate))


def restricted_tau(frame: pd.DataFrame) -> float:
    """Return tau of the regression on latitude by restricted maximum likelihood."""
    y, v = frame["yi"].to_numpy(), frame["sei"].to_numpy() ** 2
    x = np.column_stack([np.ones(len(y)), frame["value_latitude"]])

    def loss(tau: float) -> float:
        weight = 1 / (v + tau**2)
        information = (x.T * weight) @ x
        beta = np.linalg.solve(information, (x.T * weight) @ y)
        residual = y - x @ beta
        half = -np.log(weight).sum() + np.linalg.slogdet(information)[1]
        return float(half + weight @ residual**2)

    found = optimize.minimize_scalar(
        loss, bounds=(0, 2), method="bounded", options={"xatol": 1e-10}
    )
    return float(found.x)


def test_bcg_by_latitude_is_the_published_regression() -> None:
    # Berkey 1995 and metafor's dat.bcg by REML: log RR 0.2515 - 0.0291 latitude, standard errors
    # 0.2491 and 0.0072, tau² 0.0764
    trials = log_risk_ratios()
    spec = flat(default_model(trials))
    tau = restricted_tau(effect_table(trials, spec).frame)
    assert tau**2 == pytest.approx(0.0764, abs=1e-4)
    spec = spec.with_prior(tau=("uniform", 0.9999 * tau, 1.0001 * tau))
    effects = effect_table(trials, spec)
    mean, sd = coefficient(spec, effects)
    assert (mean, sd) == (pytest.approx(-0.0291, abs=1e-4), pytest.approx(0.0072, abs=1e-4))
    cells = exact_cells(spec, effects)
    assert float(cells.mean()[0]) == pytest.approx(0.2515, abs=1e-4)
    assert float(cells.sd("mean")[0]) == pytest.approx(0.2491, abs=1e-4)


def test_a_regression_is_that_of_generalised_least_squares_over_a_grid_of_tau() -> None:
    trials = log_risk_ratios()
    spec = default_model(trials).with_prior(overall=("normal", 0.1, 0.7), tau=("half_normal", 0.4))
    spec = spec.with_covariate("latitude", prior=("normal", -0.1, 0.3), centre=30, per=10)
    effects = effect_table(trials, spec)
    x = np.column_stack([np.ones(13), (BCG["latitude"] - 30) / 10])
    y, v = effects.frame["yi"].to_numpy(), effects.frame["sei"].to_numpy() ** 2
    order = [int(name.split()[1]) - 1 for name in effects.frame["trial"]]
    x = x[order]
    prior_mean, prior = np.array([0.1, -0.1]), np.diag([0.7, 0.3]) ** 2
    taus = np.linspace(0, 2.5, 4001)[1:]
    log_weight, means, variances = [], [], []
    for tau in taus:
        errors = np.diag(v + tau**2)
        total = errors + x @ prior @ x.T
        gain = prior @ x.T @ np.linalg.inv(total)
        residual = y - x @ prior_mean
        means.append(prior_mean + gain @ residual)
        variances.append(np.diag(prior - gain @ x @ prior))
        log_weight.append(
            -0.5 * residual @ np.linalg.solve(total, residual)
            - 0.5 * np.linalg.slogdet(total)[1] - 0.5 * (tau / 0.4) ** 2
        )  # fmt: skip
    weight = np.exp(np.array(log_weight) - max(log_weight))
    weight /= weight.sum()
    mean = weight @ np.array(means)
    sd = np.sqrt(weight @ (np.array(variances) + (np.array(means) - mean) ** 2))
    found = coefficient(spec, effects)
    np.testing.assert_allclose(found, (mean[1], sd[1]), rtol=2e-4)
    cells = exact_cells(spec, effects)
    np.testing.assert_allclose((cells.mean()[0], cells.sd("mean")[0]), (mean[0], sd[0]), rtol=2e-4)


@pytest.fixture(scope="module")
def trials() -> TrialData:
    return load_trials()


YEAR = {"prior": ("normal", -1.0, 8.0), "centre": 2010, "per": 10, "unit": "decade"}


def test_the_other_sign_and_another_unit_say_the_same(trials: TrialData) -> None:
    spec = load_model("pain_intensity").with_covariate("year", **YEAR)
    effects = effect_table(trials, spec)
    mean, sd, error = coefficient_with_error(spec, effects)
    turned = spec.with_prior(coefficient_year=("normal", 1.0, 8.0))
    flipped = dataclasses.replace(effects, frame=effects.frame.assign(yi=-effects.frame["yi"]))
    found = coefficient_with_error(turned, flipped)
    assert abs(found[0] + mean) < 4 * np.hypot(error, found[2])
    assert found[1] == pytest.approx(sd, rel=0.03)
    # years instead of decades, with the same prior in the new unit
    in_years = load_model("pain_intensity").with_covariate(
        "year", **(YEAR | {"prior": ("normal", -0.1, 0.8), "per": 1, "unit": "year"})
    )
    other = coefficient(in_years, effect_table(trials, in_years))
    np.testing.assert_allclose(other, (mean / 10, sd / 10), rtol=1e-9)


def test_a_coefficient_that_is_0_changes_nothing(trials: TrialData) -> None:
    for name in ("pain_intensity", "any_adverse_event"):
        plain = load_model(name)
        none = plain.with_covariate("year", prior=("normal", 0, 1e-6), centre=2010, per=10)
        with_none = exact_cells(none, effect_table(trials, none))
        without = exact_cells(plain, effect_table(trials, plain))
        np.testing.assert_allclose(with_none.mean(), without.mean(), atol=0.06)
        assert with_none.log_marginal == pytest.approx(without.log_marginal, abs=0.05)


def test_an_unknown_value_is_integrated_over_its_distribution() -> None:
    rng = np.random.default_rng(5)
    x = np.array([1.0, 2.0, 4.0, 5.0, 7.0, np.nan])
    frame = pd.DataFrame(
        {
            "trial": list("abcdef"),
            "x": x,
            "yi": 0.5 * np.nan_to_num(x, nan=3.5) + rng.normal(size=6),
            "sei": np.full(6, 0.4),
        }
    )

    def spec_of(trials: TrialData, missing: str) -> ModelSpec:
        return default_model(trials, reference_sd=2.0).with_prior(
            overall=("normal", 0, 2), tau=("half_normal", 0.5)
        ).with_covariate("x", prior=("normal", 0, 1), missing=missing, centre=0)  # fmt: skip

    trials = trials_from(frame, measure="MD")
    spec = spec_of(trials, "normal")
    found = exact_posterior(spec, effect_table(trials, spec))
    # the same value known at each node of a trapezoidal rule, weighted by what the data say
    known = x[:-1]
    nodes = np.linspace(-5, 5, 81)
    weights = np.exp(-0.5 * nodes**2)
    log_marginal = []
    for node in nodes:
        at = frame.assign(x=np.append(known, known.mean() + known.std(ddof=1) * node))
        given = trials_from(at, measure="MD")
        one = spec_of(given, "refuse")
        log_marginal.append(exact_posterior(one, effect_table(given, one)).log_marginal)
    total = np.logaddexp.reduce(np.log(weights / weights.sum()) + log_marginal)
    assert found.log_marginal == pytest.approx(total, abs=0.01)


@pytest.mark.parametrize("name", ["pain_intensity_year", "any_adverse_event_small_studies"])
def test_a_fit_tells_the_coefficient_and_true_effects_that_it_moves(
    trials: TrialData, name: str
) -> None:
    spec = load_model(name)
    effects = effect_table(trials, spec)
    tree = fit(spec, effects, engine="exact")
    coefficient_name = spec.covariates[0].coefficient
    for group in ("posterior", "prior"):
        draws = tree[group].to_dataset()
        cells = draws["effect"].sel(cell=list(effects.frame["cell"]))
        x = effects.frame[f"covariate_{spec.covariates[0].name}"].to_numpy()
        moved = draws[coefficient_name].to_numpy()[..., None] * x
        left = draws["theta"].to_numpy() - cells.to_numpy() - moved
        # what is left is the trial's own deviation, which knows nothing of the covariate
        pairs = np.corrcoef(draws[coefficient_name].to_numpy().ravel(), left.reshape(-1, len(x)).T)
        limit = 0.08 if group == "prior" else 0.75
        assert np.abs(pairs[0, 1:]).max() < limit
    for group in ("log_prior", "log_likelihood"):
        for values in tree[group].to_dataset().values():
            assert bool(np.isfinite(values).all())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pain_intensity_year", "any_adverse_event_small_studies"])
def test_both_engines_agree_with_a_covariate(trials: TrialData, name: str) -> None:
    spec = load_model(name)
    effects = effect_table(trials, spec)
    table = compare_engines(fit(spec, effects, engine="exact"), fit(spec, effects, engine="nuts"))
    assert set(table["variable"]) >= {"effect", spec.covariates[0].coefficient}
    assert table["passed"].all(), table[~table["passed"]]


@pytest.mark.slow
def test_both_engines_agree_with_unknown_values(trials: TrialData) -> None:
    spec = load_model("pain_intensity").with_covariate(
        "size", column="n_randomised", missing="normal", per=50, prior=("normal", 0, 5)
    )
    effects = effect_table(trials, spec)
    assert effects.frame["covariate_size"].isna().any()
    table = compare_engines(fit(spec, effects, engine="exact"), fit(spec, effects, engine="nuts"))
    assert table["passed"].all(), table[~table["passed"]]


@pytest.mark.slow
def test_pet_and_peese_find_the_bias_that_was_simulated() -> None:
    rng = np.random.default_rng(2026)
    inside = {"pet": 0, "peese": 0}
    estimates: dict[str, list[float]] = {"pet": [], "peese": [], "plain": []}
    repeats, effect = 60, -0.2
    for _ in range(repeats):
        sei = rng.uniform(0.1, 0.5, 30)
        for name, x in (("pet", sei), ("peese", sei**2)):
            slope = -1.0 if name == "pet" else -2.0
            yi = effect + slope * x + 0.1 * rng.normal(size=30) + sei * rng.normal(size=30)
            frame = pd.DataFrame({"trial": [f"t{i}" for i in range(30)], "yi": yi, "sei": sei})
            trials = trials_from(frame, measure="SMD")
            spec = default_model(trials).with_prior(
                overall=("normal", 0, 1), tau=("half_normal", 0.2)
            )
            plain = exact_cells(spec, effect_table(trials, spec))
            biased = spec.with_covariate(
                "bias", column="sei", level="contrast", centre=0,
                transform="identity" if name == "pet" else "square", prior=("normal", 0, 3),
            )  # fmt: skip
            cells = exact_cells(biased, effect_table(trials, biased))
            middle, sd = float(cells.mean()[0]), float(cells.sd("mean")[0])
            inside[name] += abs(middle - effect) < 1.96 * sd
            estimates[name].append(middle)
            estimates["plain"].append(float(plain.mean()[0]))
    for name in ("pet", "peese"):
        # coverage of 95 % within four binomial standard errors, no bias within four of the mean
        assert abs(inside[name] / repeats - 0.95) < 4 * np.sqrt(0.95 * 0.05 / repeats)
        spread = np.std(estimates[name]) / np.sqrt(repeats)
        assert abs(np.mean(estimates[name]) - effect) < 4 * spread
    assert np.mean(estimates["plain"]) < effect - 0.1
