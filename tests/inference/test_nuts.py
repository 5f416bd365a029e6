"""What a fit carries, without a fit: labels, constants, attributes, and what is refused first."""

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import nutpie
import pymc as pm
import pytest
import xarray as xr
from scipy import stats

from bayes_nmda import gates
from bayes_nmda.data import TrialData
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.errors import UsageError
from bayes_nmda.gates import fit
from bayes_nmda.inference import nuts
from bayes_nmda.inference.labels import constants, with_labels
from bayes_nmda.inference.log_prior import log_prior
from bayes_nmda.inference.nuts import _sample, _signature
from bayes_nmda.inference.origin import attributes
from bayes_nmda.inference.prior_draws import prior_draws
from bayes_nmda.model.build import build_model
from bayes_nmda.model.random_variables import distribution_of
from bayes_nmda.spec.priors import Prior
from bayes_nmda.spec.spec import ModelSpec, load_model

MakeTree = Callable[..., xr.DataTree]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"engine": "gibbs"}, "found engine='gibbs'; allowed"),
        ({"draws": 0}, "found draws=0; allowed is an integer from 1 to 100,000"),
        ({"chains": -2}, "found chains=-2; allowed is an integer from 1 to 100"),
        ({"seed": -1}, "found seed=-1; allowed is an integer from 0 to 4,294,967,295"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_compiled(
    primary: ModelSpec, pain: EffectTable, asked: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        fit(primary, pain, **asked)


def test_constants_hold_the_table_of_effects_and_the_evidence_behind_each_cell(
    pain: EffectTable,
) -> None:
    data = constants(pain)
    np.testing.assert_array_equal(data["yi"], pain.frame["yi"])
    np.testing.assert_array_equal(data["contrast_trial"], pain.frame["trial"])
    np.testing.assert_array_equal(data["covariance"], pain.covariance)
    for dim, trials, people in (
        ("cell", "trials", "participants"),
        ("partition", "partition_trials", "partition_participants"),
    ):
        for label in data[dim].to_numpy():
            rows = pain.frame[pain.frame[dim] == label]
            assert int(data[trials].sel({dim: label})) == rows["trial"].nunique()
            arms: dict[tuple[str, str], int] = {}
            for row in rows.itertuples():
                for arm, n in ((row.treatment_arm, row.n_t), (row.control_arm, row.n_c)):
                    arms[row.trial, arm] = max(n, arms.get((row.trial, arm), 0))
            assert int(data[people].sel({dim: label})) == sum(arms.values())


def test_labels_split_cells_into_drug_route_and_timepoint() -> None:
    draws = xr.Dataset(
        {"effect": ("cell", [1.0, 2.0]), "partition_effect": ("partition", [1.0])},
        {"cell": ["ketamine/oral/short", "ketamine/oral"], "partition": ["ketamine/oral"]},
    )
    labelled = with_labels(draws)
    assert labelled["timepoint"].to_numpy().tolist() == ["short", ""]
    assert labelled["route"].to_numpy().tolist() == ["oral", "oral"]
    assert labelled["partition_drug"].to_numpy().tolist() == ["ketamine"]


def test_attributes_say_where_a_posterior_came_from(primary: ModelSpec, pain: EffectTable) -> None:
    attrs = attributes(primary, pain, 3, "nuts")
    assert json.loads(str(attrs["spec"])) == primary.to_mapping()
    assert (attrs["spec_hash"], attrs["rows_hash"]) == (primary.hash, pain.hash)
    assert json.loads(str(attrs["model_files"])) == [list(file) for file in primary.files]
    assert {"python", "pymc", "nutpie"} <= json.loads(str(attrs["versions"])).keys()


def signature(spec: ModelSpec, effects: EffectTable) -> str:
    return _signature(build_model(spec, effects, spare=True), spec)


def test_a_compiled_model_serves_other_numbers_and_positions_but_no_other_code(
    primary: ModelSpec, pain: EffectTable, trials: TrialData
) -> None:
    own = signature(primary, pain)
    numbers = primary.with_prior(sd_drug=("half_normal", 9), overall=("student_t", 3, -5, 4))
    assert signature(numbers, pain) == own
    rho = load_model("pain_intensity_rho_03")
    assert signature(rho, effect_table(trials, rho)) == own
    moved = EffectTable(
        pain.frame.assign(yi=-pain.frame["yi"]), pain.covariance, pain.measure, pain.unit
    )
    assert signature(primary, moved) == own

    lower = primary.with_prior(tau=Prior.of("inverse_gamma", 1.69, 10.5, upper=30))
    within = dataclasses.replace(
        primary, structure=dataclasses.replace(primary.structure, multi_arm_correlation=0.4)
    )
    assert {signature(spec, pain) for spec in (lower, within)} == {own}
    assert signature(primary, pain.subset(np.arange(31) != 5)) == own
    mood = load_model("depressive_symptoms")
    assert signature(mood, effect_table(trials, mood)) == own

    family = primary.with_prior(tau=("half_normal", 10))
    uncut = primary.with_prior(tau=("inverse_gamma", 1.69, 10.5))
    other = {signature(spec, pain) for spec in (family, uncut)}
    files = ("robust", "complete", "unpooled")
    other |= {signature(load_model(f"pain_intensity_{file}"), pain) for file in files}
    assert len({own, *other}) == 6


@pytest.mark.slow
def test_code_compiled_for_another_outcome_draws_the_same(trials: TrialData) -> None:
    spec = load_model("disability")
    effects = effect_table(trials, spec)

    def posterior() -> xr.Dataset:
        return gates.fit(spec, effects, draws=50, chains=1)["posterior"].to_dataset()

    nuts._compiled.clear()
    own = posterior()
    nuts._compiled.clear()
    other = load_model("pain_intensity")
    gates.fit(other, effect_table(trials, other), draws=8, chains=1)
    xr.testing.assert_identical(posterior(), own)
    assert len(nuts._compiled) == 1


def test_draws_from_the_prior_follow_it(primary: ModelSpec, pain: EffectTable) -> None:
    draws = prior_draws(build_model(primary, pain), primary, seed=5)
    assert draws["effect"].dims == ("chain", "draw", "cell")
    for name, prior in primary.priors:
        values = draws[name].to_numpy().ravel()
        for p in (0.05, 0.25, 0.5, 0.75, 0.95):
            # a scrambled net is at least as even as independent draws
            error = np.sqrt(p * (1 - p) / values.size)
            assert (values <= prior.quantile(p)).mean() == pytest.approx(p, abs=4 * error)
    unit = (draws["deviation"] / draws["tau"]).to_numpy()[..., :5].ravel()
    assert stats.kstest(unit, "norm").statistic < np.sqrt(-np.log(1e-4 / 2) / (2 * unit.size))
    again = prior_draws(build_model(primary, pain), primary, seed=5)
    xr.testing.assert_identical(draws, again)


def test_the_deviations_of_the_prior_are_those_of_the_model(pain: EffectTable) -> None:
    spec = load_model("pain_intensity_robust")
    draws = prior_draws(build_model(spec, pain), spec, seed=6)
    precision = draws["trial_precision"].to_numpy().ravel()
    distance = stats.kstest(precision, stats.gamma(2, scale=1 / 2).cdf).statistic
    assert distance < np.sqrt(-np.log(1e-4 / 2) / (2 * precision.size))


@pytest.mark.parametrize("name", ["pain_intensity", "pain_intensity_unpooled", "any_adverse_event"])
def test_the_density_of_the_priors_is_that_of_the_model(name: str, trials: TrialData) -> None:
    spec = load_model(name)
    model = build_model(spec, effect_table(trials, spec))
    draws = prior_draws(model, spec, seed=7).isel(draw=slice(20))
    found = log_prior(draws, spec)
    named = [rv for rv in model.free_RVs if rv.name in found]
    assert set(found) == {rv.name for rv in named}
    assert set(found) >= {"tau"}
    for rv in named:
        at = draws[rv.name].to_numpy()
        if rv.name == "overall":  # its coordinates hang on other variables, its density does not
            prior = spec.prior("overall")
            density = pm.logp(distribution_of(prior, np.array(prior.numbers())), at)
            expected = density.eval(mode="FAST_COMPILE")
        else:
            expected = pm.logp(rv, at).eval(mode="FAST_COMPILE")
        np.testing.assert_allclose(found[rv.name], expected, rtol=1e-9, atol=1e-9)


def test_draws_are_thinned_and_what_the_sampler_says_of_itself_is_not(
    primary: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    def run(compiled: object, **numbers: object) -> xr.DataTree:
        asked.update(numbers)
        draws = {"chain": [0, 1], "draw": np.arange(numbers["draws"])}
        places = np.tile(np.arange(numbers["draws"]), (2, 1))
        dims = ("chain", "draw", "unconstrained_parameter")
        group = xr.Dataset(
            {"unconstrained_draw": (dims, places[..., None]), "energy": (dims[:2], places)},
            {**draws, "unconstrained_parameter": ["x"]},
        )
        return xr.DataTree.from_dict({"sample_stats": group})

    monkeypatch.setattr(nutpie, "sample", run)
    sampling = dataclasses.replace(primary.sampling, draws=200, thin=3)
    settings = dataclasses.replace(primary, sampling=sampling)
    places, statistics = _sample(None, settings, 1, None, None)
    assert asked["draws"] == 600
    assert places.values[1, :, 0].tolist() == list(range(0, 600, 3))
    assert statistics.sizes["draw"] == 600
    assert set(statistics) == {"energy"}
