"""Priors examined: power scaling, reverse Bayes, elicitation."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from bayes_nmda import (
    default_model,
    effect_table,
    elicited_prior,
    fit,
    load_model,
    load_trials,
    prior_sensitivity,
    reverse_bayes,
    trials_from,
)
from bayes_nmda.effects import EffectTable
from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.query.exactly import Question
from bayes_nmda.spec.spec import ModelSpec


@pytest.fixture(scope="module")
def pain() -> tuple[ModelSpec, EffectTable]:
    spec = load_model("pain_intensity")
    return spec, effect_table(load_trials(), spec)


def test_power_scaling_finds_the_prior_that_was_made_narrow(
    pain: tuple[ModelSpec, EffectTable],
) -> None:
    spec, effects = pain
    table = prior_sensitivity(fit(spec, effects, engine="exact")).set_index(["variable", "label"])
    assert set(table.index.get_level_values(0)) == {
        "effect", "overall", "tau", "sd_drug", "sd_route", "sd_timepoint", "sd_trial_timepoint",
    }  # fmt: skip
    drug = table.loc[("sd_drug", "")]
    assert drug["most"] == "sd_drug"
    assert drug["diagnosis"] == "the prior is strong or the data say little"
    narrow = spec.with_prior(overall=("normal", 20, 1))
    moved = prior_sensitivity(fit(narrow, effects, engine="exact")).set_index("variable")
    assert moved.loc["overall", "diagnosis"] != "as it should be"
    assert moved.loc["overall", "prior"] > 2 * table.loc[("overall", ""), "prior"]


def test_power_scaling_needs_the_densities() -> None:
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"tau": (("chain", "draw"), [[1.0]])})})
    with pytest.raises(QueryError, match="without the group 'log_prior'"):
        prior_sensitivity(tree)


@pytest.fixture(scope="module")
def one_cell() -> tuple[ModelSpec, EffectTable]:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {"trial": [f"t{i}" for i in range(8)], "yi": rng.normal(-0.4, 0.2, 8), "sei": 0.2}
    )
    trials = trials_from(frame, measure="SMD")
    spec = default_model(trials)
    return spec, effect_table(trials, spec)


def test_the_priors_found_do_what_is_said_of_them(
    one_cell: tuple[ModelSpec, EffectTable],
) -> None:
    spec, effects = one_cell
    table = reverse_bayes(
        spec, effects, drug="treatment", at_least=0.5, undone=0.05, reached=0.6
    ).set_index("who")
    assert table["possible"].all()
    for row in table.itertuples():
        prior = ("normal", row.loc if row.Index == "enthusiast" else 0.0, row.scale)
        answers = Question.of(spec, 0.5).answers(spec.with_prior(overall=prior), effects)
        assert answers["probability"].iloc[0] == pytest.approx(row.wanted, abs=2e-3)
        expected = stats.norm(prior[1], prior[2]).cdf(-0.5)
        assert row.before == pytest.approx(expected)
    assert table.loc["sceptic", "scale"] < dict(spec.prior("overall").parameters)["scale"]
    assert table.loc["enthusiast", "loc"] < 0


def test_what_no_prior_can_do_and_what_is_there_already_is_said(
    pain: tuple[ModelSpec, EffectTable], one_cell: tuple[ModelSpec, EffectTable]
) -> None:
    cell = {"drug": "ketamine", "route": "intravenous", "timepoint": "immediate"}
    table = reverse_bayes(*pain, **cell, at_least=10, undone=0.1).set_index("who")
    assert not table["possible"].any()
    assert 0.1 < table.loc["sceptic", "closest"] < table.loc["sceptic", "probability"]
    assert "Even one who knows that the mean over drugs is 0" in table.loc["sceptic", "sentence"]
    there = reverse_bayes(*one_cell, drug="treatment", at_least=0, reached=0.5).set_index("who")
    assert there.loc["enthusiast", "sentence"].endswith("at or above 50 % already.")


def test_a_cell_without_a_trial_and_a_probability_that_is_none_are_refused(
    pain: tuple[ModelSpec, EffectTable],
) -> None:
    with pytest.raises(QueryError, match="found no trial of amantadine, intravenous"):
        reverse_bayes(*pain, drug="amantadine", route="intravenous", at_least=10)
    with pytest.raises(UsageError, match="undone: found 2"):
        reverse_bayes(*pain, drug="ketamine", at_least=10, undone=2)


@pytest.mark.parametrize(
    ("of", "low", "df"), [("mean", -20.0, None), ("mean", -20.0, 5.0), ("sd", 2.0, None)]
)
def test_an_elicited_prior_has_the_interval_that_was_said(
    of: str, low: float, df: float | None
) -> None:
    prior = elicited_prior(low, 12.0, level=0.9, of=of, df=df)
    assert prior.quantile([0.05, 0.95]) == pytest.approx([low, 12.0])
    name = "overall" if of == "mean" else "tau"
    assert load_model("pain_intensity").with_prior(**{name: prior}).prior(name).reading


def test_an_sd_that_may_be_0_is_half_normal() -> None:
    prior = elicited_prior(0, 10, of="sd")
    assert prior.distribution == "half_normal"
    assert prior.quantile(0.95) == pytest.approx(10)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"low": 3, "high": 2}, "low below high"),
        ({"low": 0, "high": 2, "level": 1.0}, "level: found 1.0"),
        ({"low": -1, "high": 2, "of": "sd"}, "a standard deviation is not below 0"),
        ({"low": 0, "high": 2, "of": "median"}, "allowed are 'mean' and 'sd'"),
        ({"low": 0, "high": 2, "of": "sd", "df": 4}, "allowed is a number above 0, of a mean"),
    ],
)
def test_what_is_no_belief_is_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        elicited_prior(**given)
