"""Simulation-based calibration: right models are flat, a wrong one shows."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayes_nmda import calibration, effect_table, load_model, load_trials
from bayes_nmda.effects import EffectTable
from bayes_nmda.errors import UsageError
from bayes_nmda.query import calibration as module
from bayes_nmda.query.calibration import _between, _place, coverage, flatness, reliability
from bayes_nmda.spec.spec import ModelSpec

#: Of so many quantities in one run, the smallest p-value that a right model may show: a test of
#: all of them together errs once in a thousand runs.
ERRS = 1e-3


def of(name: str) -> tuple[ModelSpec, EffectTable]:
    spec = load_model(name)
    return spec, effect_table(load_trials(), spec)


def test_a_few_sets_have_every_quantity_and_the_seed_decides() -> None:
    spec, effects = of("pain_intensity_complete")
    table = calibration(spec, effects, sets=3, seed=5)
    cells = effects.frame["cell"].nunique()
    assert len(table) == 3 * (2 * cells + 2)
    assert table["below"].between(0, 1).all()
    again = calibration(spec, effects, sets=3, seed=5)
    np.testing.assert_array_equal(table["below"], again["below"])


def test_what_always_happens_as_it_should_is_no_surprise() -> None:
    spec = load_model("pain_intensity_complete")
    sets = pd.DataFrame({"set": range(40), "variable": "effect", "truth": -20.0})
    row = reliability(sets.assign(benefit=0.98, harm=0.01), spec).iloc[0]
    assert row["happened"] - row["said"] == pytest.approx(0.02)
    assert row["error"] == pytest.approx(np.sqrt(0.98 * 0.02 / 40))
    # fifteen cells of a set may be one and the same
    many = pd.concat([sets] * 15).assign(benefit=0.98, harm=0.01)
    assert reliability(many, spec).iloc[0]["error"] == pytest.approx(row["error"])


def test_what_is_no_number_of_sets_or_engine_is_refused() -> None:
    spec, effects = of("pain_intensity")
    with pytest.raises(UsageError, match="from 1 to 2,048"):
        calibration(spec, effects, sets=0)
    with pytest.raises(UsageError, match="'exact' and 'nuts'"):
        calibration(spec, effects, sets=1, engine="stan")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "sets"),
    [("pain_intensity", 200), ("pain_intensity_year", 100), ("any_adverse_event", 100)],
)
def test_places_of_the_truth_are_uniform_and_probabilities_come_true(name: str, sets: int) -> None:
    spec, effects = of(name)
    table = calibration(spec, effects, sets=sets, seed=3)
    flat = flatness(table)
    assert flat["p"].min() > ERRS / len(flat)
    shares = coverage(table).query("variable == 'effect'")
    assert ((shares["share"] - shares["level"]).abs() < 4 * shares["error"]).all()
    for direction in ("benefit", "harm"):
        tenths = reliability(table, spec, of=direction)
        tenths = tenths[tenths["sets"] >= 40]
        assert ((tenths["happened"] - tenths["said"]).abs() < 4 * tenths["error"]).all()


@pytest.mark.slow
def test_a_likelihood_that_thinks_errors_are_half_as_large_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec, effects = of("pain_intensity_complete")
    right = module._with_results

    def halved(table: EffectTable, *rest: object) -> EffectTable:
        found = right(table, *rest)
        return dataclasses.replace(
            found,
            frame=found.frame.assign(sei=found.frame["sei"] / 2),
            covariance=found.covariance / 4,
        )

    monkeypatch.setattr(module, "_with_results", halved)
    flat = flatness(calibration(spec, effects, sets=200, seed=3))
    assert not flat["inside"].all()
    assert flat["p"].min() < ERRS / len(flat)


def test_places_between_points_of_a_grid_are_those_of_the_distribution():
    rng = np.random.default_rng(5)
    points = np.linspace(-4, 4, 21)
    weight = np.diff(stats.norm.cdf(np.linspace(-4.2, 4.2, 22)))
    truths = rng.normal(size=4000)
    places = np.array([_between(weight / weight.sum(), points, truth) for truth in truths])
    assert np.abs(places - stats.norm.cdf(truths)).max() < 0.01
    assert stats.kstest(places, "uniform").pvalue > 0.001
    bare = [weight @ (points < truth) for truth in truths]
    assert stats.kstest(bare, "uniform").pvalue < 1e-6  # what it was: heaps
    assert _between(np.array([1.0]), np.array([2.0]), 3.0) == 1.0


def test_places_among_few_points_are_uniform():
    """A truth drawn like the points is anywhere among them, beyond all of them, too."""
    rng = np.random.default_rng(3)
    places = []
    for _ in range(4000):
        values, truth = rng.normal(size=20), rng.normal()
        places.append(_place(np.full(40, 1 / 40), np.repeat(values, 2), truth, rng))
    assert stats.kstest(places, "uniform").pvalue > 0.001
    assert 0 < min(places) < max(places) < 1
