"""What draws imply where errors depend on the correlation within people, and what answers say."""

import dataclasses
import json

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import bayes_nmda as nmda
from bayes_nmda.data import TrialData
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.inference.labels import constants, with_labels
from bayes_nmda.inference.nuts import _signature
from bayes_nmda.inference.origin import attributes
from bayes_nmda.inference.predictive import drawn_error_scale, replicate, trial_log_likelihood
from bayes_nmda.model.build import build_model
from bayes_nmda.model.structure import Layout
from bayes_nmda.spec.spec import ModelSpec, load_model

R = np.array([0.1, 0.5, 0.9])
CHAINS, DRAWS = 2, 200
CELL = {"drug": "amantadine", "route": "intravenous", "timepoint": "immediate"}


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return load_model("pain_intensity_with_abstracts")


@pytest.fixture(scope="module")
def added(spec: ModelSpec, trials: TrialData) -> EffectTable:
    return effect_table(trials, spec)


@pytest.fixture(scope="module")
def position(added: EffectTable) -> int:
    return int(np.flatnonzero(added.frame["abstract_id"] != "")[0])


def variance(added: EffectTable, position: int, r: np.ndarray) -> np.ndarray:
    row = added.frame.iloc[position]
    return (row["sd_t"] ** 2 + row["sd_c"] ** 2 - 2 * r * row["sd_t"] * row["sd_c"]) / row["n_t"]


def at_correlations(added: EffectTable, draws: int = 1) -> xr.Dataset:
    """Return draws at three correlations, one a chain, with no effect and a known spread."""
    layout = Layout.of(added.frame)
    shape, dims = (len(R), draws), ("chain", "draw")
    return xr.Dataset(
        {
            "within_person_correlation": (dims, np.repeat(R[:, None], draws, axis=1)),
            "effect": ((*dims, "cell"), np.zeros((*shape, len(layout.cells)))),
            "theta": ((*dims, "contrast"), np.zeros((*shape, len(layout.contrasts)))),
            "tau": (dims, np.full(shape, 3.0)),
            "sd_trial_timepoint": (dims, np.full(shape, 4.0)),
        },
        {"cell": list(layout.cells), "contrast": list(layout.contrasts)},
    )


def test_the_error_of_each_draw_is_that_at_its_correlation(
    added: EffectTable, position: int
) -> None:
    scale = drawn_error_scale(at_correlations(added), added)
    assert scale is not None
    assert scale.dims[-1] == "contrast"
    values = scale.isel(draw=0).to_numpy()
    expected = variance(added, position, R) ** 0.5 / added.frame["sei"][position]
    np.testing.assert_allclose(values[:, position], expected)
    np.testing.assert_array_equal(np.delete(values, position, axis=1), 1.0)


def test_without_an_unknown_correlation_there_is_nothing_to_scale(
    pain: EffectTable, added: EffectTable
) -> None:
    assert drawn_error_scale(at_correlations(added), pain) is None


def test_replicated_results_scatter_by_the_error_of_their_draw(
    added: EffectTable, position: int
) -> None:
    size = 4000
    draws = at_correlations(added, size)
    scale = drawn_error_scale(draws, added)
    again = replicate(draws, added.covariance, np.random.default_rng(1), scale=scale)
    found = again.var("draw").to_numpy()
    expected = np.tile(np.diag(added.covariance), (len(R), 1))
    expected[:, position] = variance(added, position, R)
    # a variance of n normal values has the relative standard error sqrt(2 / n)
    assert np.abs(found / expected - 1).max() < 5 * (2 / size) ** 0.5


def test_the_likelihood_of_the_paired_trial_has_the_error_of_each_draw(
    added: EffectTable, spec: ModelSpec, position: int
) -> None:
    layout = Layout.of(added.frame)
    draws = at_correlations(added)
    yi = added.frame["yi"].to_numpy()
    found = trial_log_likelihood(
        draws, added, added.covariance, layout, spec, scale=drawn_error_scale(draws, added)
    )
    total = variance(added, position, R) + 3.0**2 + 4.0**2
    own = found.sel(trial="Amin 2003").to_numpy()[:, 0]
    np.testing.assert_allclose(own, stats.norm(0, total**0.5).logpdf(yi[position]))
    plain = trial_log_likelihood(draws, added, added.covariance, layout, spec)
    others = [trial for trial in layout.trials if trial != "Amin 2003"]
    np.testing.assert_array_equal(found.sel(trial=others), plain.sel(trial=others))


def test_compiled_code_is_not_shared_with_a_model_without_the_correlation(
    added: EffectTable, spec: ModelSpec, trials: TrialData
) -> None:
    by_p = load_model("pain_intensity_with_abstracts_p")
    signatures = [
        _signature(build_model(model, effects, spare=True), model)
        for model, effects in ((spec, added), (by_p, effect_table(trials, by_p)))
    ]
    assert signatures[0] != signatures[1]
    other = spec.with_prior(within_person_correlation=("beta", 2, 2))
    assert signatures[0] == _signature(build_model(other, added, spare=True), other)


@pytest.fixture(scope="module")
def tree(added: EffectTable, spec: ModelSpec) -> xr.DataTree:
    """A tree in the form of a fit, whose draws are noise."""
    rng = np.random.default_rng(2)
    layout = Layout.of(added.frame)
    shape, dims = (CHAINS, DRAWS), ("chain", "draw")
    effect = rng.normal(-8, 5, (*shape, len(layout.cells)))
    draws = xr.Dataset(
        {
            "overall": (dims, rng.normal(-5, 3, shape)),
            "tau": (dims, np.full(shape, 3.0)),
            "sd_trial_timepoint": (dims, np.full(shape, 4.0)),
            "within_person_correlation": (dims, rng.beta(6, 4, shape)),
            "effect": ((*dims, "cell"), effect),
            "new_trial": ((*dims, "cell"), effect),
            "theta": ((*dims, "contrast"), rng.normal(-8, 5, (*shape, len(layout.contrasts)))),
            "partition_effect": (
                (*dims, "partition"),
                rng.normal(-8, 5, (*shape, len(layout.partitions))),
            ),
        },
        {name: list(layout.coords()[name]) for name in ("cell", "contrast", "partition")},
    )
    tree = xr.DataTree.from_dict(
        {
            "posterior": with_labels(draws),
            "prior": with_labels(draws.isel(chain=[0])),
            "constant_data": constants(added),
        }
    )
    tree.attrs = attributes(spec, added, 1, "nuts") | {"gates_failed": "[]"}
    return tree


def test_an_answer_that_counts_the_result_of_an_abstract_says_so(tree: xr.DataTree) -> None:
    answer = nmda.prob_benefit(tree, at_least=10, **CELL)
    (row,) = answer.records
    assert {"abstract", "paired_crossover", "timepoint_assigned", "with_abstracts"} <= set(
        row["flags"].split(";")
    )
    assert (row["trials"], row["participants"]) == (1, 17)
    assert "a result printed in an abstract, not among the review's rows" in answer.sentence


def test_every_other_answer_of_the_model_says_that_it_borrows_from_abstracts(
    tree: xr.DataTree,
) -> None:
    ketamine = nmda.prob_benefit(
        tree, drug="ketamine", route="intravenous", timepoint="immediate", at_least=10
    )
    assert ketamine.records[0]["flags"].endswith("with_abstracts")
    assert "borrows from results printed in abstracts" in ketamine.sentence
    for answer in (nmda.effect(tree), nmda.rank(tree, timepoint="immediate")):
        assert all("with_abstracts" in row["flags"] for row in answer.records)


def test_cells_that_stand_alone_borrow_nothing(tree: xr.DataTree) -> None:
    alone = tree.copy()
    document = json.loads(alone.attrs["spec"])
    document["structure"]["pooling"] = "none"
    alone.attrs = {**tree.attrs, "spec": json.dumps(document)}
    rows = nmda.effect(alone, drug="ketamine").records
    assert not any("with_abstracts" in row["flags"] for row in rows)


def test_people_of_a_crossover_count_once_in_comparisons_and_contrasts(tree: xr.DataTree) -> None:
    (row,) = nmda.shrinkage(tree, **CELL).records
    assert row["participants"] == 17
    pair = nmda.compare(tree, first=CELL, second={**CELL, "route": "oral"}, at_least=0)
    alone = nmda.effect(tree, drug="amantadine", route="oral").records[0]["participants"]
    assert pair.records[0]["participants"] == 17 + alone


def test_shrinkage_takes_the_error_at_each_draws_correlation(
    tree: xr.DataTree, added: EffectTable, position: int
) -> None:
    (row,) = nmda.shrinkage(tree, **CELL).records
    r = tree["posterior"]["within_person_correlation"].to_numpy()
    v = variance(added, position, r)
    assert row["shrinkage"] == pytest.approx(float((v / (v + 3.0**2 + 4.0**2)).mean()))


def test_a_moved_number_of_the_abstract_moves_the_key_of_a_fit(
    added: EffectTable, spec: ModelSpec, trials: TrialData
) -> None:
    from bayes_nmda.store.fits import fit_key

    table = trials.abstract_outcomes.copy()
    table.loc[table["id"] == "abstract:110", "ci_high_t"] = 7.9
    moved = effect_table(dataclasses.replace(trials, abstract_outcomes=table), spec)
    assert fit_key(spec, moved) != fit_key(spec, added)
