import json

import numpy as np
import pytest

import bayes_nmda as nmda
from bayes_nmda.errors import QueryError, UsageError

IMMEDIATE = {"drug": "ketamine", "route": "intravenous", "timepoint": "immediate"}
COLUMNS = [
    *("drug", "route", "timepoint", "at_least", "target", "probability", "mcse"),
    *("prior_probability", "trials", "participants", "engine"),
]


def test_benefit_is_the_share_of_draws_at_or_below_minus_the_threshold(tree):
    draws = tree["posterior"]["effect"].sel(cell="ketamine/intravenous/immediate").to_numpy()
    for x in (0, 5, 10):
        answer = nmda.prob_benefit(tree, **IMMEDIATE, at_least=x)
        assert float(answer) == np.mean(draws <= -x)


def test_harm_is_the_share_of_draws_at_or_above_the_threshold(tree):
    draws = tree["posterior"]["effect"].sel(cell="memantine/oral/short").to_numpy()
    answer = nmda.prob_harm(tree, drug="memantine", at_least=3)
    assert float(answer) == np.mean(draws >= 3)


def test_where_more_is_better_benefit_and_harm_change_places(tree):
    harm = nmda.prob_harm(tree, at_least=10).table["probability"]
    tree.attrs["benefit"] = "positive"
    assert list(nmda.prob_benefit(tree, at_least=10).table["probability"]) == list(harm)


def test_benefit_and_harm_at_zero_are_the_whole(tree):
    benefit = nmda.prob_benefit(tree, at_least=0).table["probability"]
    harm = nmda.prob_harm(tree, at_least=0).table["probability"]
    assert np.allclose(benefit + harm, 1)


def test_a_larger_benefit_is_never_more_probable(tree):
    answer = nmda.prob_benefit(tree, **IMMEDIATE, at_least=[0, 5, 10, 20, 30])
    assert list(answer.table["probability"].diff().dropna() <= 0) == [True] * 4


def test_the_table_begins_with_the_columns_of_the_contract(tree):
    assert list(nmda.prob_benefit(tree).table.columns[: len(COLUMNS)]) == COLUMNS


def test_selectors_left_out_mean_all_cells_and_thresholds_left_out_those_of_the_model(tree):
    table = nmda.prob_benefit(tree).table
    assert len(table) == 3 * 2
    assert sorted(table["at_least"].unique()) == [0, 10]


def test_the_prior_probability_is_the_same_in_every_cell(tree):
    table = nmda.prob_benefit(tree, at_least=10).table
    prior = tree["prior"]["effect"].to_numpy()
    assert set(table["prior_probability"]) == {np.mean(prior <= -10)}


def test_a_probability_comes_with_its_trials_and_people(tree):
    row = nmda.prob_benefit(tree, **IMMEDIATE, at_least=10).records[0]
    assert (row["trials"], row["participants"], row["engine"]) == (2, 100, "nuts")
    assert 0 < row["mcse"] < 0.1


def test_a_probability_of_zero_keeps_an_error_and_a_flag(tree):
    row = nmda.prob_benefit(tree, **IMMEDIATE, at_least=1000).records[0]
    assert row["probability"] == 0
    assert row["mcse"] > 0
    assert "mcse_is_bound" in row["flags"].split(";")


def test_a_new_trial_is_less_certain_than_the_mean(tree):
    mean, new = (query(tree).table for query in (nmda.effect, nmda.new_trial))
    assert (new["sd"] > mean["sd"]).all()
    benefit = nmda.prob_benefit(tree, **IMMEDIATE, at_least=0)
    assert float(benefit) > float(
        nmda.prob_benefit(tree, **IMMEDIATE, at_least=0, target="new_trial")
    )


def test_an_effect_is_mean_and_equal_tailed_interval(tree):
    draws = tree["posterior"]["effect"].sel(cell="ketamine/intravenous/immediate").to_numpy()
    row = nmda.effect(tree, **IMMEDIATE).records[0]
    assert row["estimate"] == pytest.approx(draws.mean())
    assert (row["lower"], row["upper"]) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))
    assert nmda.effect(tree).unit == "points"


@pytest.mark.parametrize("measure", ["OR", "RR", "RD", "SMD"])
def test_a_mean_difference_has_no_other_measure(tree, measure):
    with pytest.raises(QueryError, match="'MD'"):
        nmda.prob_harm(tree, measure=measure)


def test_a_mean_difference_may_be_named(tree):
    assert nmda.prob_harm(tree, measure="MD").records == nmda.prob_harm(tree).records


@pytest.mark.parametrize("at_least", [-1, [10, -0.5], float("nan"), float("inf"), "10", True, []])
def test_a_threshold_that_is_no_size_is_refused(tree, at_least):
    with pytest.raises(UsageError, match="at_least"):
        nmda.prob_benefit(tree, at_least=at_least)


@pytest.mark.parametrize("at_least", [np.float64(10), np.int64(10), np.array(10.0), (10,)])
def test_numbers_of_numpy_are_thresholds(tree, at_least):
    assert {row["at_least"] for row in nmda.prob_benefit(tree, at_least=at_least).records} == {10.0}


def test_an_unknown_target_is_refused(tree):
    with pytest.raises(UsageError, match="new_trial"):
        nmda.prob_benefit(tree, target="median")


def test_a_model_without_thresholds_asks_for_one(tree):
    tree.attrs["spec"] = "{}"
    with pytest.raises(QueryError, match="give at_least"):
        nmda.prob_benefit(tree)


def test_the_sentence_says_direction_unit_prior_and_evidence(tree):
    sentence = nmda.prob_benefit(tree, **IMMEDIATE, at_least=10).sentence
    for words in (
        "intravenous ketamine lowers pain by at least 10 points compared with placebo",
        'at the review\'s "immediate" timepoint',
        "before the data: ",
        "2 trials, 100 participants",
    ):
        assert words in sentence


def test_an_inferred_route_is_said(tree):
    assert "inferred, not confirmed" in nmda.effect(tree, drug="memantine").sentence


@pytest.mark.parametrize("attribute", ["gates_failed", "gates"])
def test_a_failed_gate_shows_in_every_answer(tree, attribute):
    tree.attrs.pop("gates_failed")
    tree.attrs[attribute] = json.dumps(
        [{"gate": "R-hat", "quantity": "tau", "value": 1.2, "rule": "<=", "threshold": 1.01}]
        if attribute == "gates_failed"
        else [{"gate": "R-hat", "quantity": "tau", "passed": False}]
    )
    for answer in (
        nmda.prob_benefit(tree),
        nmda.effect(tree),
        nmda.heterogeneity(tree),
        nmda.shrinkage(tree),
        nmda.rank(tree),
    ):
        assert "R-hat of tau" in answer.warnings[0]
        assert all("gates_failed" in row["flags"] for row in answer.records)
        assert "NOT RELIABLE" in answer.sentence
        assert "R-hat of tau" in answer._repr_html_()
