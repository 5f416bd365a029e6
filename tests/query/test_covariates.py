"""Queries about covariates: coefficients, effects elsewhere, curves, and words."""

import pytest
import xarray as xr

from bayes_nmda import at_covariates, coefficients, effect, fit, predicted, prob_benefit
from bayes_nmda.data import load_trials
from bayes_nmda.effects import effect_table
from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.spec.spec import load_model

CELL = {"drug": "ketamine", "route": "intravenous", "timepoint": "immediate"}


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    spec = load_model("pain_intensity_year")
    return fit(spec, effect_table(load_trials(), spec), engine="exact")


def test_moving_a_covariate_moves_every_effect_by_its_coefficient(tree: xr.DataTree) -> None:
    slope = float(coefficients(tree))
    there = at_covariates(tree, year=2005)
    before, after = effect(tree, **CELL), effect(there, **CELL)
    assert float(after) - float(before) == pytest.approx(-slope, abs=1e-4)
    assert float(effect(at_covariates(there, year=2015), **CELL)) == pytest.approx(
        float(before), abs=1e-6
    )


def test_answers_say_where_they_are(tree: xr.DataTree) -> None:
    assert prob_benefit(tree, **CELL, at_least=10).sentence.startswith("At year 2015: ")
    there = prob_benefit(at_covariates(tree, year=2008), **CELL, at_least=10)
    assert there.sentence.startswith("At year 2008: ")
    assert there.to_dict()["at"] == "year 2008"
    assert there.warnings == ()
    beyond = prob_benefit(at_covariates(tree, year=2040), **CELL, at_least=10)
    assert beyond.warnings == ("extrapolated: year 2040 lies outside what trials had",)


def test_a_curve_is_the_answers_along_it(tree: xr.DataTree) -> None:
    table = predicted(tree, "year", [2000, 2015], **CELL, at_least=10).table
    expected = [
        float(prob_benefit(at_covariates(tree, year=year), **CELL, at_least=10))
        for year in (2000, 2015)
    ]
    assert list(table["probability"]) == expected
    whole = predicted(tree, "year", **CELL)
    years = load_trials().trials.set_index("trial")["year"]
    used = years[effect_table(load_trials(), load_model("pain_intensity")).frame["trial_id"]]
    assert (whole.records[0]["year"], whole.records[-1]["year"]) == (used.min(), used.max())


def test_coefficients_say_sign_prior_and_that_nobody_was_randomised(tree: xr.DataTree) -> None:
    answer = coefficients(tree)
    (row,) = answer.records
    assert row["per"] == "decade"
    assert row["prior_lower"] == pytest.approx(-19.6, abs=0.3)
    assert 0 < row["probability_above_0"] < 1
    assert "trials were not randomised to it" in answer.sentence


def test_what_there_is_not_is_refused_by_name(tree: xr.DataTree) -> None:
    with pytest.raises(QueryError, match="found the covariate 'dose'; allowed are year"):
        at_covariates(tree, dose=1.0)
    with pytest.raises(QueryError, match="found the covariate 'dose'; allowed are year"):
        predicted(tree, "dose")
    with pytest.raises(UsageError, match="year: found 'soon'; allowed is a number"):
        at_covariates(tree, year="soon")
    spec = load_model("pain_intensity")
    plain = fit(spec, effect_table(load_trials(), spec), engine="exact")
    with pytest.raises(QueryError, match="has no covariate"):
        coefficients(plain)


def test_words_are_places_too() -> None:
    spec = load_model("pain_intensity_risk_of_bias")
    tree = fit(spec, effect_table(load_trials(), spec), engine="exact")
    assert prob_benefit(tree, **CELL, at_least=10).sentence.startswith("At some concerns low: ")
    table = predicted(tree, "some_concerns", **CELL).table
    assert list(table["some_concerns"]) == ["low", "some_concerns"]
    with pytest.raises(UsageError, match="allowed are 'low', 'some_concerns'"):
        at_covariates(tree, some_concerns="high")
