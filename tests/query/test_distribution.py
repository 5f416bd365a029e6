"""Answers from the weighted points of an exact fit: no counting, and the same as counting."""

import json
import math

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import bayes_nmda as nmda
from bayes_nmda.data import load_trials
from bayes_nmda.effects import effect_table
from bayes_nmda.errors import QueryError
from bayes_nmda.inference.exact import tree as exact_tree
from bayes_nmda.query.distribution import ROUNDING, Counted, Normals, Weighted
from bayes_nmda.spec.spec import load_model
from bayes_nmda.store import file, fits

STANDARD_ERRORS = 4.0  # of Monte Carlo: house tolerance
POINTS, REPLICATES, CELLS = 320, 8, 3
CELL = "ketamine/intravenous/immediate"


@pytest.fixture
def exact(tree):
    """Return the small posterior as if the exact engine had made it, with other numbers."""
    rng = np.random.default_rng(2)
    means = np.array([-12.0, -4.0, 2.0]) + rng.normal(0, 0.5, (POINTS, CELLS))
    sds = rng.uniform(4, 6, (POINTS, CELLS))
    tau = rng.uniform(2, 8, POINTS)
    tree.attrs["engine"] = "exact"
    tree["mixture"] = xr.DataTree(
        xr.Dataset(
            {
                "weight": ("point", rng.dirichlet(np.full(POINTS, 5.0))),
                "replicate": ("point", np.arange(POINTS) % REPLICATES),
                "tau": ("point", tau),
                "sd_drug": ("point", tau / 2),
                "effect_mean": (("point", "cell"), means),
                "effect_sd": (("point", "cell"), sds),
                "new_trial_mean": (("point", "cell"), means),
                "new_trial_sd": (("point", "cell"), np.hypot(sds, tau[:, None])),
            }
        )
    )
    return tree


def test_a_probability_is_the_weighted_sum_of_normal_probabilities(exact):
    mixture = exact["mixture"]
    by_point = stats.norm.cdf(-10, mixture["effect_mean"], mixture["effect_sd"])
    expected = mixture["weight"].to_numpy() @ by_point
    table = nmda.prob_benefit(exact, at_least=10).table
    assert np.allclose(table["probability"], expected, rtol=1e-13)
    assert set(table["engine"]) == {"exact"}


def test_a_familiar_instrument_takes_the_sums_in_its_own_units(exact):
    own = nmda.new_trial(exact).records
    benefit = nmda.prob_benefit(exact, at_least=0.5).table["probability"]
    familiar = {"instrument": "a scale", "unit": "points", "sd": 15.0, "better": "higher"}
    exact.attrs["spec"] = json.dumps(
        json.loads(exact.attrs["spec"]) | {"effect": {"familiar": familiar}}
    )
    exact.attrs["measure"] = "SMD"
    for one, other in zip(nmda.new_trial(exact, measure="MD").records, own, strict=True):
        # a negative difference favours the drug here, and higher is better on the instrument
        for turned, name in (("estimate",) * 2, ("lower", "upper"), ("upper", "lower")):
            assert one[turned] == pytest.approx(-15 * other[name], rel=1e-9)
        assert one["sd"] == pytest.approx(15 * other["sd"])
        assert one["mcse"] == pytest.approx(15 * other["mcse"])
    again = nmda.prob_benefit(exact, measure="MD", at_least=7.5).table["probability"]
    assert np.allclose(again, benefit, rtol=1e-12)


def test_an_effect_is_the_mean_of_means_with_the_quantiles_of_the_sum(exact):
    mixture = exact["mixture"]
    weight = mixture["weight"].to_numpy()
    for row, j in zip(nmda.new_trial(exact).records, range(CELLS), strict=True):
        mean, sd = (mixture[f"new_trial_{part}"].to_numpy()[:, j] for part in ("mean", "sd"))
        assert row["estimate"] == pytest.approx(weight @ mean, rel=1e-12)
        variance = weight @ (sd**2 + mean**2) - (weight @ mean) ** 2
        assert row["sd"] == pytest.approx(math.sqrt(variance), rel=1e-12)
        for name, p in (("lower", 0.025), ("median", 0.5), ("upper", 0.975)):
            assert weight @ stats.norm.cdf(row[name], mean, sd) == pytest.approx(p, abs=1e-9)


def test_the_light_reader_gives_the_answers_of_the_tree(exact, tmp_path):
    path = tmp_path / "small.nc"
    file.put(path, file.content(exact))
    light, full = fits.read(path), exact
    for query in (nmda.prob_benefit, nmda.effect, nmda.heterogeneity, nmda.shrinkage):
        assert query(light).records == query(full).records


def test_where_cells_are_analysed_alone_each_has_its_own_points(exact):
    whole = exact["mixture"].to_dataset()
    alone = whole[["effect_mean", "effect_sd", "new_trial_mean", "new_trial_sd"]]
    for name in ("weight", "replicate", "tau"):
        alone[name] = whole[name].expand_dims(cell=CELLS).transpose("point", "cell")
    # the last cell has half of the points; what fills its column weighs nothing
    weight = np.array(alone["weight"])
    weight[POINTS // 2 :, -1] = 0.0
    alone["weight"] = (("point", "cell"), weight / weight.sum(axis=0))
    expected = [float(p) for p in nmda.prob_benefit(exact, at_least=10).table["probability"]]
    exact["mixture"] = xr.DataTree(alone)
    table = nmda.prob_benefit(exact, at_least=10).table
    assert list(table["probability"][:2]) == pytest.approx(expected[:2], rel=1e-12)
    half = whole.isel(point=slice(POINTS // 2), cell=-1)
    by_point = stats.norm.cdf(-10, half["effect_mean"], half["effect_sd"])
    assert table["probability"][2] == pytest.approx(
        float(np.average(by_point, weights=half["weight"])), rel=1e-12
    )


def test_standard_deviations_come_from_the_points(exact):
    mixture = exact["mixture"]
    row = nmda.heterogeneity(exact).records[0]
    assert row["mean"] == pytest.approx(float(mixture["weight"] @ mixture["tau"]), rel=1e-12)
    order = np.argsort(mixture["tau"].to_numpy())
    below = np.cumsum(mixture["weight"].to_numpy()[order])
    for name, p in (("lower", 0.025), ("median", 0.5), ("upper", 0.975)):
        place = int(np.searchsorted(below, p))  # the quantile of points; ours lies beside it
        near = mixture["tau"].to_numpy()[order][max(place - 2, 0) : place + 3]
        assert near.min() <= row[name] <= near.max()


def test_an_exact_fit_without_points_is_counted(exact):
    expected = nmda.effect(exact).records
    del exact["mixture"]
    counted = nmda.effect(exact).records
    assert [row["engine"] for row in counted] == ["exact"] * CELLS
    assert counted != expected
    draws = exact["posterior"]["effect"].mean(["chain", "draw"]).to_numpy()
    assert np.allclose([row["estimate"] for row in counted], draws)


def test_a_point_that_is_missing_is_refused(exact):
    exact["mixture"]["effect_sd"][3, 1] = np.nan
    with pytest.raises(QueryError, match="effect_sd"):
        nmda.effect(exact)


def test_only_draws_that_agree_give_a_bound(exact):
    row = nmda.prob_benefit(exact, at_least=1000).records[0]
    assert row["probability"] == 0
    assert "mcse_is_bound" not in row["flags"]


def test_the_error_is_the_scatter_of_independent_replicates():
    rng = np.random.default_rng(3)
    size, runs = 64, 300
    weight, replicate = np.full(size * 16, 1 / (size * 16)), np.repeat(np.arange(16.0), size)
    found: dict[str, list[tuple[float, float]]] = {"P": [], "mean": [], "q": [], "tau": []}
    for _ in range(runs):
        tau = np.exp(rng.normal(1, 0.5, size * 16))
        normals = Normals(weight, replicate, rng.normal(-5, 2, size * 16), tau)
        known = Weighted(weight, replicate, tau)
        found["P"].append(normals.probability(10, -1)[:2])
        found["mean"].append(normals.mean()[:2])
        found["q"].append(normals.quantile(0.975)[:2])
        found["tau"].append(known.quantile(0.975)[:2])
    for name, pairs in found.items():
        values, errors = np.array(pairs).T
        # a standard deviation of 300 numbers is known to 4 %; quantiles of 64 points are biased
        assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.25), name


def test_points_without_scatter_keep_the_error_of_their_rounding():
    assert np.sqrt(3) * ROUNDING == 2.0**-exact_tree.DIGITS
    many, alike = np.full(100, 0.01), np.ones(100)
    normals = Normals(many, np.arange(100.0) % 4, -10 * alike, 5 * alike)
    assert normals.mean().mcse == pytest.approx(10 * ROUNDING / 10, rel=1e-9)
    assert 0 < normals.probability(10, -1).mcse < 1e-4
    assert normals.quantile(0.975).value == pytest.approx(-10 + 5 * 1.959963984540054, rel=1e-12)


def test_counting_answers_as_before(tree):
    draws = tree["posterior"]["effect"].to_numpy()[..., 0]
    counted = Counted(draws)
    assert counted.probability(10, -1).value == np.mean(draws <= -10)
    assert counted.quantile(0.5).value == np.quantile(draws, 0.5)


@pytest.mark.parametrize("name", ["pain_intensity", "pain_intensity_unpooled"])
def test_points_and_draws_of_a_real_fit_agree(name):
    spec = load_model(name)
    tree = exact_tree.fit_exact(
        spec, effect_table(load_trials(), spec), spec.sampling.seed, 2000, 4, lambda _: None
    )
    tree.attrs["gates_failed"] = json.dumps([])
    drawn = tree.copy()
    del drawn["mixture"]
    draws = drawn["posterior"]["effect"].to_numpy()[..., 0].size  # independent ones
    for query in (nmda.prob_benefit, nmda.prob_harm):
        for target in ("mean", "new_trial"):
            summed, counted = (query(t, target=target).table for t in (tree, drawn))
            # of a rare event too few are counted to tell the error from them
            p = summed["probability"]
            error = np.hypot(summed["mcse"], np.sqrt(p * (1 - p) / draws))
            apart = (p - counted["probability"]).abs() / error
            assert apart.max() < STANDARD_ERRORS
            assert (summed["mcse"] < counted["mcse"]).all()
    for query in (nmda.effect, nmda.new_trial):
        summed, counted = (query(t).table for t in (tree, drawn))
        for column, mcse in (
            ("estimate", "mcse"), ("lower", "mcse_lower"), ("upper", "mcse_upper")
        ):  # fmt: skip
            error = np.hypot(summed[mcse], counted[mcse])
            assert ((summed[column] - counted[column]).abs() / error).max() < STANDARD_ERRORS
    summed, counted = (nmda.heterogeneity(t).table for t in (tree, drawn))
    error = np.hypot(summed["mcse"], counted["mcse"])
    assert ((summed["mean"] - counted["mean"]).abs() / error).max() < STANDARD_ERRORS


def test_a_cell_alone_has_the_quantiles_of_an_exact_meta_analysis():
    spec = load_model("pain_intensity_unpooled")
    effects = effect_table(load_trials(), spec)
    tree = exact_tree.fit_exact(spec, effects, 1, 100, 4, lambda _: None)
    tree.attrs["gates_failed"] = json.dumps([])
    drug, route, timepoint = CELL.split("/")
    rows = effects.frame[effects.frame["cell"] == CELL]
    priors = {name: dict(spec.prior(name).parameters) for name in ("overall", "tau")}
    alone = nmda.meta_analysis(
        rows["yi"],
        rows["sei"],
        mu=("student_t", *(priors["overall"][name] for name in ("df", "loc", "scale"))),
        tau=("inverse_gamma", priors["tau"]["shape"], priors["tau"]["scale"]),
        tau_upper=spec.prior("tau").upper,
    )
    effect = nmda.effect(tree, drug=drug, route=route, timepoint=timepoint).records[0]
    spread = next(
        row
        for row in nmda.heterogeneity(tree).records
        if (row["quantity"], row["drug"], row["route"], row["timepoint"])
        == ("tau", drug, route, timepoint)
    )
    # tau is known at the 48 points of a grid and interpolated between them
    for row, marginal, most in ((effect, alone.mu, 0.002), (spread, alone.tau, 0.02)):
        for name, p in (("lower", 0.025), ("median", 0.5), ("upper", 0.975)):
            apart = abs(row[name] - float(marginal.quantile(p))) / marginal.sd
            assert apart < most, (row.get("quantity", "effect"), name, apart)
