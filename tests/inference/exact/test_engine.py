"""The exact engine: against brute force, closed forms, symmetries, other programs, long NUTS."""

import dataclasses
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from bayes_nmda.data import load_trials
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.errors import FitError, UsageError
from bayes_nmda.gates import fit
from bayes_nmda.gates.agreement import compare_engines, require_agreement
from bayes_nmda.gates.convergence import diagnose
from bayes_nmda.inference import nuts
from bayes_nmda.inference.exact import engine as engine
from bayes_nmda.inference.exact.engine import Family
from bayes_nmda.inference.exact.gaussian import SCALES, Gaussian
from bayes_nmda.inference.exact.grid import integrate_on_grid
from bayes_nmda.inference.exact.importance import matched_proposal
from bayes_nmda.inference.exact.tree import mixture_alone
from bayes_nmda.meta.analysis import meta_analysis
from bayes_nmda.model.build import build_model
from bayes_nmda.model.structure import Layout
from bayes_nmda.spec.spec import ModelSpec, load_model, model_names

STANDARD_ERRORS = 4.0  # of Monte Carlo: house tolerance
SCALE = st.one_of(st.just(0.0), st.floats(1e-8, 60.0))
THRESHOLDS = (0.0, 10.0, 20.0, 30.0)
STRUCTURES = ("pain_intensity", "pain_intensity_complete", "pain_intensity_unpooled")


@cache
def committed() -> Gaussian:
    """Return the committed analysis; a property test should not print it when it fails."""
    spec = load_model("pain_intensity")
    effects = effect_table(load_trials(), spec)
    return Gaussian.of(spec, effects, Layout.of(effects.frame))


@pytest.fixture(scope="module")
def gaussian(primary: ModelSpec, pain: EffectTable) -> Gaussian:
    return Gaussian.of(primary, pain, Layout.of(pain.frame))


@pytest.fixture(scope="module")
def tree(primary: ModelSpec, pain: EffectTable) -> xr.DataTree:
    return fit(primary, pain, engine="exact")


@pytest.fixture(scope="module")
def complete() -> ModelSpec:
    return load_model("pain_intensity_complete").with_prior(overall=("normal", 0, 10))


def joint(gaussian: Gaussian, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the covariance of (levels, contrasts), of those with the data, and of the data."""
    tau, drug, route, timepoint, visit, overall = scale
    partitions = gaussian.partition.max() + 1
    of = np.zeros(partitions, int)
    of[gaussian.partition] = gaussian.drug
    every_drug = np.concatenate([[-1], of, gaussian.drug])
    every_partition = np.concatenate([[-1], np.arange(partitions), gaussian.partition])
    cell = np.concatenate([-np.ones(1 + partitions), np.arange(len(gaussian.partition))])

    def same(labels: np.ndarray) -> np.ndarray:
        return (labels[:, None] == labels[None, :]) & (labels[:, None] >= 0)

    levels = overall**2 + drug**2 * same(every_drug) + route**2 * same(every_partition)
    levels = levels + timepoint**2 * same(cell)
    pick = np.zeros((len(gaussian.yi), len(levels)))
    pick[np.arange(len(gaussian.yi)), 1 + partitions + gaussian.cell] = 1
    spread = tau**2 * gaussian.trial_correlation + visit**2 * gaussian.visit_correlation
    theta = pick @ levels @ pick.T + spread
    prior = np.block([[levels, levels @ pick.T], [pick @ levels, theta]])
    return prior, np.vstack([levels @ pick.T, theta]), theta + gaussian.errors


@settings(max_examples=25, deadline=None)
@given(scale=st.tuples(SCALE, SCALE, SCALE, SCALE, SCALE, st.floats(0.01, 100)))
def test_conditional_moments_are_those_of_the_joint_normal(scale: tuple[float, ...]) -> None:
    gaussian = committed()
    scales = np.array([scale])
    prior, cross, data = joint(gaussian, scales[0])
    gain = np.linalg.solve(data, cross.T).T
    mean = gaussian.loc + gain @ (gaussian.yi - gaussian.loc)
    variance = np.diag(prior - gain @ cross.T)

    found = gaussian.moments(scales, contrasts=True)

    order = ("overall", "partition_effect", "effect")
    theta = found.mean["theta"][0][gaussian.order], found.sd["theta"][0][gaussian.order]
    means = np.concatenate([*(found.mean[n][0] for n in order), theta[0]])
    sds = np.concatenate([*(found.sd[n][0] for n in order), theta[1]])
    size = float(np.diag(prior).max())
    np.testing.assert_allclose(means, mean, atol=1e-8 * max(size, 1))
    np.testing.assert_allclose(sds**2, variance, atol=1e-9 * max(size, 1))
    density = stats.multivariate_normal(np.full(len(data), gaussian.loc), data)
    np.testing.assert_allclose(found.log_likelihood[0], density.logpdf(gaussian.yi), rtol=1e-9)


def test_draws_have_the_conditional_means_and_covariances(gaussian: Gaussian) -> None:
    size = 20_000
    scales = np.tile([6.0, 3.0, 2.0, 0.0, 4.0, 10.0], (size, 1))
    drawn = gaussian.draws(scales, np.random.default_rng(1))
    values = np.column_stack([np.reshape(part, (size, -1)) for part in drawn.values()])
    levels = values.shape[1] - len(gaussian.yi)
    values[:, levels:] = values[:, levels:][:, gaussian.order]
    prior, cross, data = joint(gaussian, scales[0])
    gain = np.linalg.solve(data, cross.T).T
    mean = gaussian.loc + gain @ (gaussian.yi - gaussian.loc)
    covariance = prior - gain @ cross.T
    sd = np.sqrt(np.diag(covariance))
    error = np.abs(values.mean(axis=0) - mean) / (sd / np.sqrt(size))
    assert error.max() < STANDARD_ERRORS + 1, error.max()
    # of about 1,500 correlations, each with a standard error below 1/√size
    apart = np.abs(np.cov(values.T) - covariance) / np.outer(sd, sd) * np.sqrt(size / 2)
    assert apart.max() < STANDARD_ERRORS + 1, apart.max()


def two_standard_deviations(gaussian: Gaussian, spec: ModelSpec) -> dict[str, float]:
    """Return answers of complete pooling by a dense grid over both SDs, on their own scale."""
    tau, visit = spec.prior("tau"), spec.prior("sd_trial_timepoint")
    fine, wide = np.linspace(1e-3, 50, 500), np.linspace(1e-3, 35, 350)
    total = {"mass": 0.0, "mean": 0.0, "below": 0.0, "new": 0.0}
    s0 = dict(spec.prior("overall").parameters)["scale"]
    ones = np.ones(len(gaussian.yi))
    for t, weight_t in zip(fine, np.exp(tau.logpdf(fine)), strict=True):
        base = gaussian.errors + t**2 * gaussian.trial_correlation
        for v, weight_v in zip(wide[::2], np.exp(visit.logpdf(wide[::2])), strict=True):
            covariance = base + v**2 * gaussian.visit_correlation
            chol = np.linalg.cholesky(covariance)
            white = np.linalg.solve(chol, np.column_stack([ones, gaussian.yi]))
            precision = 1 / s0**2 + white[:, 0] @ white[:, 0]
            mean = white[:, 0] @ white[:, 1] / precision
            log_density = -np.log(np.diag(chol)).sum() - 0.5 * np.log(precision)
            log_density += 0.5 * (precision * mean**2 - white[:, 1] @ white[:, 1])
            weight = weight_t * weight_v * np.exp(log_density + 110)
            total["mass"] += weight
            total["mean"] += weight * mean
            total["below"] += weight * stats.norm.cdf(-5, mean, precision**-0.5)
            spread = np.sqrt(1 / precision + t**2 + v**2)
            total["new"] += weight * stats.norm.cdf(-10, mean, spread)
    return {name: value / total["mass"] for name, value in total.items()}


@pytest.mark.slow
def test_two_standard_deviations_agree_with_brute_force(
    complete: ModelSpec, pain: EffectTable
) -> None:
    found = engine.exact_posterior(complete, pain)
    wanted = two_standard_deviations(found.mixtures[0].gaussian, complete)
    # the brute-force rule is of second order with steps of 0.1 and 0.2 points
    assert found.mean("effect")[0] == pytest.approx(wanted["mean"], abs=2e-3)
    assert found.probability("effect", 5, -1)[0][0] == pytest.approx(wanted["below"], abs=2e-4)
    assert found.probability("new_trial", 10, -1)[0][0] == pytest.approx(wanted["new"], abs=2e-4)


def test_importance_sampling_agrees_with_the_grid(complete: ModelSpec, pain: EffectTable) -> None:
    gaussian = Gaussian.of(complete, pain, Layout.of(pain.frame))
    family = Family.of(complete, 20)

    def log_likelihood(z: np.ndarray) -> np.ndarray:
        return gaussian.log_likelihood(family.scales(z))

    grid = integrate_on_grid(log_likelihood, 2)
    proposal = matched_proposal(log_likelihood, 2, seed=1)
    z = proposal.points(256, 16, 1)
    points = proposal.weigh(z, log_likelihood(z), 16)
    assert points.pareto_k < 0.7
    apart = abs(points.log_marginal - grid.log_marginal) / points.log_marginal_error
    assert apart < STANDARD_ERRORS
    for weights in (grid, points):
        assert weights.weight.sum() == pytest.approx(1, abs=1e-12)
    tau = [p.weight @ family.scales(p.z)[:, 0] for p in (grid, points)]
    error = engine.mixture_error(points.weight, family.scales(z)[:, 0], points.replicate)
    assert abs(tau[0] - tau[1]) < STANDARD_ERRORS * error


def test_a_grid_is_exact_to_eight_digits() -> None:
    def log_likelihood(z: np.ndarray) -> np.ndarray:
        return stats.gamma(2.5, scale=0.4).logpdf(np.exp(0.5 * z[:, 0]))

    def density(z: float) -> float:
        return float(np.exp(log_likelihood(np.array([[z]]))[0]) * stats.norm.pdf(z))

    found = integrate_on_grid(log_likelihood, 1)
    mass = integrate.quad(density, -12, 8, epsabs=1e-14, limit=400)[0]
    moment = integrate.quad(lambda z: z * density(z), -12, 8, epsabs=1e-14, limit=400)[0]
    assert found.log_marginal == pytest.approx(np.log(mass), abs=1e-8)
    assert found.weight @ found.z[:, 0] == pytest.approx(moment / mass, abs=1e-8)


def test_without_heterogeneity_the_mean_is_generalised_least_squares(pain: EffectTable) -> None:
    tiny = {"tau": ("half_normal", 1e-6), "sd_trial_timepoint": ("half_normal", 1e-6)}
    spec = load_model("pain_intensity_complete").with_prior(overall=("normal", 2, 10), **tiny)
    found = engine.exact_posterior(spec, pain)
    ones = np.ones(len(pain.frame))
    weights = np.linalg.solve(pain.covariance, ones)
    precision = 1 / 10**2 + weights @ ones
    mean = (2 / 10**2 + weights @ pain.frame["yi"].to_numpy()) / precision
    np.testing.assert_allclose(found.mean("effect"), mean, rtol=1e-9)
    np.testing.assert_allclose(found.sd("effect"), precision**-0.5, rtol=1e-9)


def test_a_cell_alone_is_the_meta_analysis_of_its_trials(pain: EffectTable) -> None:
    spec = load_model("pain_intensity_unpooled").with_prior(tau=("half_normal", 10))
    found = engine.exact_posterior(spec, pain)
    prior = dict(spec.prior("overall").parameters)
    for position, cell in enumerate(found.layout.cells):
        rows = (pain.frame["cell"] == cell).to_numpy()
        block = pain.covariance[np.ix_(rows, rows)]
        if (block != np.diag(np.diag(block))).any():
            continue
        other = meta_analysis(
            pain.frame["yi"][rows].to_numpy(),
            pain.frame["sei"][rows].to_numpy(),
            mu=("student_t", prior["df"], prior["loc"], prior["scale"]),
            tau=("half_normal", 10),
        )
        assert found.mean("effect")[position] == pytest.approx(other.mu.mean, abs=1e-6)
        assert found.sd("effect")[position] == pytest.approx(other.mu.sd, abs=1e-6)
        for target, name in (("mean", "effect"), ("new_trial", "new_trial")):
            value = found.probability(name, 10, -1)[0][position]
            assert value == pytest.approx(other.prob_below(-10, target=target), abs=1e-6)


def altered(effects: EffectTable, frame=None, covariance=None) -> EffectTable:
    return replace(
        effects,
        frame=effects.frame if frame is None else frame,
        covariance=effects.covariance if covariance is None else covariance,
    )


@pytest.mark.parametrize("name", STRUCTURES)
def test_turning_all_signs_turns_benefit_into_harm(name: str, pain: EffectTable) -> None:
    spec = load_model(name)
    turned = altered(pain, pain.frame.assign(yi=-pain.frame["yi"]))
    before, after = (engine.exact_posterior(spec, table) for table in (pain, turned))
    np.testing.assert_allclose(after.mean("effect"), -before.mean("effect"), atol=1e-9)
    for target in ("effect", "new_trial"):
        benefit = before.probability(target, 10, -1)[0]
        np.testing.assert_allclose(after.probability(target, 10, 1)[0], benefit, atol=1e-10)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(factor=st.floats(0.01, 100))
def test_a_change_of_unit_changes_nothing_else(
    primary: ModelSpec, pain: EffectTable, factor: float
) -> None:
    priors = {
        name: replace(
            prior,
            parameters=tuple(
                (key, value * factor if key in ("loc", "scale") else value)
                for key, value in prior.parameters
            ),
            upper=None if prior.upper is None else prior.upper * factor,
        )
        for name, prior in primary.priors
    }
    frame = pain.frame.assign(yi=pain.frame["yi"] * factor)
    scaled = altered(pain, frame, pain.covariance * factor**2)
    before = engine.exact_posterior(primary, pain)
    after = engine.exact_posterior(primary.with_prior(**priors), scaled)
    np.testing.assert_allclose(after.mean("effect"), factor * before.mean("effect"), rtol=1e-7)
    np.testing.assert_allclose(
        after.probability("new_trial", 10 * factor, -1)[0],
        before.probability("new_trial", 10, -1)[0],
        atol=1e-9,
    )


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_order_of_rows_does_not_matter(name: str, pain: EffectTable) -> None:
    spec = load_model(name)
    order = np.random.default_rng(3).permutation(len(pain.frame))
    shuffled = altered(
        pain,
        pain.frame.iloc[order].reset_index(drop=True),
        pain.covariance[np.ix_(order, order)],
    )
    before, after = (engine.exact_posterior(spec, table) for table in (pain, shuffled))
    assert after.layout.cells != before.layout.cells
    back = [after.layout.cells.index(cell) for cell in before.layout.cells]
    np.testing.assert_allclose(after.mean("effect")[back], before.mean("effect"), atol=1e-9)
    np.testing.assert_allclose(after.sd("effect")[back], before.sd("effect"), atol=1e-9)


def test_numerical_errors_are_as_large_as_the_scatter_over_seeds(
    primary: ModelSpec, pain: EffectTable
) -> None:
    fits = [engine.exact_posterior(primary, pain, seed=seed, points=64) for seed in range(12)]
    values, errors = (
        np.array([found.probability("effect", 10, -1)[part] for found in fits]) for part in (0, 1)
    )
    ratio = np.sqrt(values.var(axis=0, ddof=1).mean() / (errors**2).mean())
    assert 0.5 < ratio < 2.0, ratio


@pytest.mark.parametrize("name", STRUCTURES)
def test_an_exact_fit_has_the_groups_dims_and_labels_of_every_fit(
    name: str, pain: EffectTable
) -> None:
    spec = load_model(name)
    tree = fit(spec, pain, engine="exact", draws=100, chains=2)
    groups = "posterior prior posterior_predictive prior_predictive log_likelihood log_prior "
    assert set(tree.children) == {
        *(groups + "sample_stats observed_data constant_data mixture").split()
    }
    variables = {"effect", "theta", "tau", "new_trial"}
    if spec.structure.pooling != "none":
        variables |= {name for name, _ in spec.priors} | {"partition_effect"}
    for group in ("posterior", "prior"):
        assert set(tree[group].data_vars) == variables
        assert tree[group]["effect"].dims == ("chain", "draw", "cell")
        assert tree[group]["theta"].dims == ("chain", "draw", "contrast")
        assert set(tree[group]["effect"].coords) >= {"drug", "route", "timepoint"}
    assert dict(tree["posterior"].sizes)["chain"] == 2
    assert tree["log_likelihood"]["yi"].dims == ("chain", "draw", "trial")
    assert set(tree["log_prior"].data_vars) <= variables
    assert tree.attrs["engine"] == "exact"
    assert (tree.attrs["chains"], tree.attrs["draws"]) == (2, 100)
    assert diagnose(tree)["passed"].all()


def test_draws_agree_with_the_mixture_that_they_come_from(tree: xr.DataTree) -> None:
    mixture = tree["mixture"]
    weight = mixture["weight"].to_numpy()
    size = tree["posterior"].sizes["chain"] * tree["posterior"].sizes["draw"]
    for name in ("overall", "partition_effect", "effect", "new_trial"):
        draws = tree["posterior"][name]
        mean, sd = (mixture[f"{name}_{part}"].to_numpy() for part in ("mean", "sd"))
        spread = engine.mixture_sd(weight, mean, sd)
        error = np.abs(draws.mean(["chain", "draw"]) - engine.mixture_mean(weight, mean))
        assert float((error / spread).max()) < STANDARD_ERRORS / np.sqrt(size)
        wanted = engine.mixture_probability(weight, mean, sd, 5, -1)
        share = (draws <= -5).mean(["chain", "draw"])
        assert float(np.abs(share - wanted).max()) < STANDARD_ERRORS * 0.5 / np.sqrt(size)
    for name in SCALES[:-1]:
        wanted = weight @ mixture[name].to_numpy()
        assert float(tree["posterior"][name].mean()) == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize("name", ["pain_intensity", "pain_intensity_unpooled"])
def test_the_mixture_alone_is_that_of_a_fit_to_the_last_bit(name: str, pain: EffectTable) -> None:
    spec = load_model(name)
    whole, alone = fit(spec, pain, engine="exact", draws=4), mixture_alone(spec, pain)
    assert alone["mixture"].to_dataset().identical(whole["mixture"].to_dataset())
    assert alone.attrs.items() <= whole.attrs.items()


def test_two_exact_fits_are_the_same_to_the_last_bit(primary: ModelSpec, pain: EffectTable) -> None:
    first, second = (fit(primary, pain, engine="exact", draws=50, chains=2) for _ in range(2))
    assert first.identical(second)


def test_student_t_trial_effects_are_those_of_a_grid(pain: EffectTable) -> None:
    """Two trials of one cell: the widths of trials integrated by quadrature, the rest on a grid."""
    spec = load_model("pain_intensity_unpooled")
    spec = replace(
        spec, structure=replace(spec.structure, trial_effects="student_t", degrees_of_freedom=4.0)
    )
    cell = pain.frame["cell"].value_counts()
    label = cell.index[cell == 2][0]
    two = pain.subset((pain.frame["cell"] == label).to_numpy())
    errors = np.diag(two.covariance)
    assert two.covariance[0, 1] == 0
    mu, tau = np.linspace(-60, 60, 241), np.linspace(0.05, 49.95, 200)
    width = stats.invgamma(2, scale=2).ppf((np.arange(400) + 0.5) / 400)
    density = spec.prior("overall").logpdf(mu)[:, None] + spec.prior("tau").logpdf(tau)
    for y, variance in zip(two.frame["yi"], errors, strict=True):
        sd = np.sqrt(variance + tau[:, None] ** 2 * width)
        each = stats.norm.pdf(y, mu[:, None, None], sd).mean(axis=2)
        density = density + np.log(each)
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    mean = float((weight.sum(axis=1) * mu).sum())
    below = float(weight[mu <= -10].sum() - 0.5 * weight[mu == -10].sum())
    found = engine.exact_posterior(spec, two, points=512)
    probability, error = found.probability("effect", 10.0, -1.0)
    assert float(found.mean("effect")[0]) == pytest.approx(mean, abs=0.1)
    assert float(probability[0]) == pytest.approx(below, abs=4 * float(error[0]) + 2e-3)


def test_every_shipped_model_has_an_exact_engine() -> None:
    for name in model_names():
        assert engine.obstacle(load_model(name)) is None, name
        assert engine.chosen_engine(load_model(name), "auto") == "exact"


@pytest.mark.parametrize(("name", "value"), [("points", 100), ("replicates", 1)])
def test_impossible_numbers_of_points_are_refused(
    primary: ModelSpec, pain: EffectTable, name: str, value: int
) -> None:
    with pytest.raises(UsageError, match=f"found {name}={value}; allowed is"):
        engine.exact_posterior(primary, pain, **{name: value})


def test_an_effect_that_is_no_number_is_refused_by_name(
    primary: ModelSpec, pain: EffectTable
) -> None:
    yi = pain.frame["yi"].to_numpy().copy()
    yi[3] = np.nan
    with pytest.raises(FitError, match=pain.frame["contrast"][3]):
        engine.exact_posterior(primary, altered(pain, pain.frame.assign(yi=yi)))


def test_a_heavy_tail_of_weights_fails_its_gate(tree: xr.DataTree) -> None:
    copy = tree.copy()
    copy.attrs = {**tree.attrs, "pareto_k": 0.9, "effective_points": 12.0}
    failed = diagnose(copy).query("~passed")
    assert set(failed["gate"]) == {"Pareto k-hat", "ESS of weights"}


@given(
    mean=st.lists(st.floats(-50, 50), min_size=3, max_size=3),
    sd=st.lists(st.floats(0.1, 20), min_size=3, max_size=3),
    p=st.floats(0.001, 0.999),
)
def test_a_quantile_has_its_probability_below_it(mean: list, sd: list, p: float) -> None:
    weight = np.array([0.2, 0.5, 0.3])
    quantile = float(engine.mixture_quantile(weight, mean, sd, p))
    below = engine.mixture_probability(weight, mean, sd, -quantile, -1)
    assert float(below) == pytest.approx(p, abs=1e-9)


def test_a_mixture_of_points_counts_them() -> None:
    weight, mean = np.full(4, 0.25), np.array([-12.0, -10.0, 0.0, 4.0])
    assert engine.mixture_probability(weight, mean, np.zeros(4), 10, -1) == 0.5
    assert engine.mixture_sd(weight, mean, np.zeros(4)) == pytest.approx(np.std(mean))
    assert engine.mixture_error(weight, np.ones(4), np.array([0, 0, 1, 1])) == 0.0


def as_nuts(tree: xr.DataTree) -> xr.DataTree:
    copy = tree.copy(deep=True)
    copy.attrs = {**tree.attrs, "engine": "nuts"}
    return copy


def test_engines_that_agree_pass(tree: xr.DataTree) -> None:
    table = require_agreement(tree, as_nuts(tree))
    assert table["passed"].all()
    thresholds, cells, targets = 4, 15, 2
    assert table["quantity"].str.startswith("P(").sum() == thresholds * cells * targets
    assert {"effect", "new_trial", "tau", "overall"} <= set(table["variable"])


def test_an_engine_that_is_off_by_a_fifth_of_an_sd_is_found(tree: xr.DataTree) -> None:
    wrong = as_nuts(tree)
    posterior = wrong["posterior"].to_dataset()
    cell = "ketamine/intravenous/immediate"
    shift = 0.2 * float(posterior["effect"].sel(cell=cell).std())
    posterior["effect"] = posterior["effect"] + shift * (posterior["cell"] == cell)
    wrong["posterior"] = xr.DataTree(posterior)
    table = compare_engines(tree, wrong)
    assert set(table[~table["passed"]]["label"]) == {cell}
    with pytest.raises(FitError, match=f"mean of effect {cell}: exact"):
        require_agreement(tree, wrong)


def test_two_fits_by_one_engine_or_of_two_models_are_not_compared(tree: xr.DataTree) -> None:
    with pytest.raises(UsageError, match="'exact' and 'nuts', in this order"):
        compare_engines(tree, tree)
    other = as_nuts(tree)
    other.attrs["spec_hash"] = "another"
    with pytest.raises(UsageError, match="fit the same model to the same rows"):
        compare_engines(tree, other)


def simulated(spec: ModelSpec, pain: EffectTable, seed: int) -> tuple[np.ndarray, EffectTable]:
    """Return true effects of cells drawn from the prior, and effects observed with error."""
    layout = Layout.of(pain.frame)
    gaussian, family = Gaussian.of(spec, pain, layout), Family.of(spec, 20)
    rng = np.random.default_rng(seed)
    scales = family.scales(rng.standard_normal((1, family.dimension)))
    drawn = gaussian.prior_draws(scales, rng.standard_normal((1, gaussian.prior_width)))
    yi = drawn["theta"][0] + np.linalg.cholesky(pain.covariance) @ rng.standard_normal(31)
    return drawn["effect"][0], altered(pain, pain.frame.assign(yi=yi))


@pytest.mark.slow
def test_posterior_probabilities_of_true_effects_are_uniform(
    primary: ModelSpec, pain: EffectTable
) -> None:
    ranks = []
    for seed in range(200):
        truth, table = simulated(primary, pain, seed)
        (mixture,) = engine.exact_posterior(primary, table, points=64).mixtures
        ranks.append(
            [
                float(
                    engine.mixture_probability(
                        mixture.weight, mixture.mean["effect"][:, c], mixture.sd["effect"][:, c],
                        -truth[c], -1,
                    )
                )
                for c in (0, 7, 14)
            ]
        )  # fmt: skip
    for column in np.transpose(ranks):
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    covered = (np.abs(np.array(ranks) - 0.5) < 0.475).mean()
    assert covered == pytest.approx(0.95, abs=STANDARD_ERRORS * np.sqrt(0.95 * 0.05 / 200))


@dataclasses.dataclass
class LongRun:
    """Sums over batches of draws of NUTS: 4 chains of 25,000 draws each."""

    draws: int
    mean: np.ndarray  # (cell,)
    sd: np.ndarray  # (cell,)
    effect: np.ndarray  # (threshold, cell), probabilities of benefit
    new_trial: np.ndarray


def long_run(spec: ModelSpec, pain: EffectTable, batches: int) -> LongRun:
    """Return what NUTS says of effects; a new trial is integrated out at each draw."""
    layout = Layout.of(pain.frame)
    model = build_model(spec, pain)
    sums: dict[str, float | np.ndarray] = {}
    for batch in range(batches):
        raw = nuts.sampled(model, spec, pain, 7_000 + batch, draws=25_000, chains=4)
        drawn = raw["posterior"].to_dataset()
        effect = drawn["effect"].to_numpy().reshape(-1, len(layout.cells))
        variance = drawn["tau"].to_numpy().reshape(len(effect), -1) ** 2
        if "sd_trial_timepoint" in drawn:
            variance = variance + drawn["sd_trial_timepoint"].to_numpy().reshape(-1, 1) ** 2
        found = {
            "draws": len(effect),
            "mean": effect.sum(axis=0),
            "square": (effect**2).sum(axis=0),
            "effect": np.stack([(effect <= -x).sum(axis=0) for x in THRESHOLDS]),
            "new_trial": np.stack(
                [stats.norm.cdf((-x - effect) / np.sqrt(variance)).sum(axis=0) for x in THRESHOLDS]
            ),
        }
        sums = {name: sums.get(name, 0) + value for name, value in found.items()}
    size = sums["draws"]
    mean = sums["mean"] / size
    return LongRun(
        int(size), mean, np.sqrt(sums["square"] / size - mean**2), sums["effect"] / size,
        sums["new_trial"] / size,
    )  # fmt: skip


# Of 40,000 draws the worst of 15 means is off by a hundredth of its SD by chance alone; with ten
# times as many the standard error is a fifth of a hundredth, and that of the exact engine a third.
@pytest.mark.slow
def test_four_hundred_thousand_draws_of_nuts_agree_to_a_hundredth_of_the_sd(
    primary: ModelSpec, pain: EffectTable
) -> None:
    exact = engine.exact_posterior(primary, pain)
    nuts = long_run(primary, pain, batches=4)
    assert nuts.draws == 400_000
    assert np.abs((nuts.mean - exact.mean("effect")) / exact.sd("effect")).max() < 0.01
    assert np.abs(nuts.sd / exact.sd("effect") - 1).max() < 0.01
    for target, found in (("effect", nuts.effect), ("new_trial", nuts.new_trial)):
        value = np.stack([exact.probability(target, x, -1)[0] for x in THRESHOLDS])
        assert np.abs(found - value).max() < 0.005, target


def test_every_field_of_an_exact_posterior_is_frozen(primary: ModelSpec, pain: EffectTable) -> None:
    found = engine.exact_posterior(primary, pain, points=64)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.mixtures = ()
