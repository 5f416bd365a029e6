"""What one more trial would tell, against closed forms, full refits and brute force."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import bayes_nmda as nmda
from bayes_nmda import next_trial
from bayes_nmda.effects import EffectTable
from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.inference.exact.cells import exact_cells
from bayes_nmda.query import next_trial as module
from bayes_nmda.query.draws import draws_of
from bayes_nmda.spec.spec import ModelSpec

SEARCHED = {"drug": "ketamine", "route": "intravenous", "timepoint": "immediate"}
CELL = "ketamine/intravenous/immediate"
KNOWN = pd.DataFrame(
    {"trial": list("abc"), "yi": [-6.0, -2.0, -5.0], "sei": [3.0, 2.0, 4.0], "n_t": 40, "n_c": 40}
)
COUNTS = pd.DataFrame(
    {"trial": list("abcd"), "events_t": [9, 6, 4, 12], "n_t": [30, 40, 20, 45],
     "events_c": [4, 5, 1, 8], "n_c": [31, 39, 20, 44]}
)  # fmt: skip


@pytest.fixture(scope="module")
def exact(primary: ModelSpec, pain: EffectTable) -> xr.DataTree:
    return nmda.fit(primary, pain, engine="exact")


def analysis(frame: pd.DataFrame, **more: object) -> tuple[ModelSpec, EffectTable]:
    trials = nmda.trials_from(frame, **{"outcome": "pain", "higher_is_better": False, **more})
    spec = nmda.default_model(trials)
    return spec, nmda.effect_table(trials, spec)


@pytest.fixture(scope="module")
def without_scatter() -> xr.DataTree:
    """Return a fit of three trials that hardly differ, with a normal prior of their mean."""
    spec, effects = analysis(KNOWN, measure="MD", unit="points")
    spec = spec.with_prior(overall=("normal", 0.0, 10.0), tau=("half_normal", 1e-4))
    return nmda.fit(spec, effects, engine="exact")


@pytest.fixture(scope="module")
def counted() -> xr.DataTree:
    spec, effects = analysis(COUNTS)
    return nmda.fit(spec, effects, engine="exact")


def test_without_scatter_between_trials_the_assurance_has_a_closed_form(
    without_scatter: xr.DataTree,
) -> None:
    weight = KNOWN["sei"].to_numpy() ** -2.0
    variance = 1 / (weight.sum() + 0.01)
    mean = variance * (weight * KNOWN["yi"]).sum()
    found = next_trial(without_scatter, n=[40, 160, 640], at_least=3, sd=20, simulations=4096)
    for row in found.table.to_dict("records"):
        error = 4 * 20**2 / row["n"]
        gain = variance / (variance + error)
        after = math.sqrt(variance * (1 - gain))
        edge = stats.norm.ppf(0.95) * after
        moves = math.sqrt(gain * variance)
        above = stats.norm.cdf((-mean - 3 - edge) / moves)
        below = stats.norm.cdf((mean + 3 - edge) / moves)
        assert row["above"] == pytest.approx(above, abs=max(4 * row["error"], 2e-3))
        assert row["below"] == pytest.approx(below, abs=max(4 * row["error"], 2e-3))
        assert row["expected_width"] == pytest.approx(2 * 1.959964 * after, rel=2e-3)
        # the value is that of the better choice under a normal expectation
        z = (-mean - 3) / moves
        worth = moves * (stats.norm.pdf(z) + z * stats.norm.cdf(z)) - max(-mean - 3, 0)
        assert row["value"] == pytest.approx(worth, abs=max(4 * row["value_error"], 2e-3))
    assert found.limit["assurance"] == 1.0
    assert found.smallest is not None


def test_the_smallest_trial_has_the_assurance_and_a_smaller_one_has_not(
    without_scatter: xr.DataTree,
) -> None:
    found = next_trial(without_scatter, n=40, at_least=3, sd=20, assurance=0.6)
    assert found.smallest is not None
    sizes = [found.smallest, found.smallest * 9 // 10]
    enough, few = next_trial(without_scatter, n=sizes, at_least=3, sd=20).table["assurance"][::-1]
    assert few < 0.6 <= enough


@pytest.mark.parametrize("y", [-30.0, -8.0, 5.0])
def test_an_updated_posterior_is_that_of_a_full_refit(
    y: float, exact: xr.DataTree, primary: ModelSpec, pain: EffectTable
) -> None:
    frame, error = pain.frame, 9.0
    last = frame[frame["cell"] == CELL].iloc[[0]].assign(
        yi=y, sei=3.0, trial="New", trial_id="new", contrast="New", comparison="New"
    )  # fmt: skip
    wider = np.pad(pain.covariance, (0, 1))
    wider[-1, -1] = error
    refit = exact_cells(
        primary,
        dataclasses.replace(
            pain, frame=pd.concat([frame, last], ignore_index=True), covariance=wider
        ),
    )
    draws = draws_of(exact)
    cell = next(c for c in draws.cells if c.label == CELL)
    after = module._normal_update(module._Points.of(draws, cell), np.array([[y]]), error)
    at = refit.cells.index(CELL)
    for size in (0.0, 10.0, 20.0):
        value, numerical = (part[at] for part in refit.probability("mean", size, -1))
        assert module._beyond(after, -1, size)[0] == pytest.approx(value, abs=5 * numerical + 2e-3)
    assert (after.weight[0] @ after.mean[0]) == pytest.approx(refit.mean()[at], abs=0.1)


def test_updated_counts_are_those_of_a_full_refit(counted: xr.DataTree) -> None:
    draws = draws_of(counted)
    points = module._Points.of(draws, draws.cells[0])
    tables = module._Tables(points, points, np.array([-1.0]), 1, 1)
    for events_t, events_c in ((30, 18), (16, 17), (0, 3)):
        said = tables._log_likelihoods(np.array([[events_t, events_c]]), 50)[0]
        weight = points.weight * np.exp(said - said.max())
        more = {"trial": "e", "events_t": events_t, "n_t": 50, "events_c": events_c, "n_c": 50}
        spec, effects = analysis(pd.concat([COUNTS, pd.DataFrame([more])], ignore_index=True))
        refit = exact_cells(spec, effects)
        mean = float(weight @ points.mean / weight.sum())
        assert mean == pytest.approx(float(refit.mean()[0]), abs=0.02)


@pytest.mark.parametrize("many", [1, 3])
@pytest.mark.parametrize("kind", ["exact", "counted", "tree"])
def test_on_average_nothing_is_learnt_before_it_is_known(
    kind: str, many: int, request: pytest.FixtureRequest
) -> None:
    """The expectation of an updated probability is the probability as it stands."""
    draws = draws_of(request.getfixturevalue(kind))
    cell = draws.cells[0]
    points = module._Points.of(draws, cell)
    if kind == "counted":
        points = points.some(1024)
        simulated: module._Simulation = module._Tables(points, points, np.array([-1.0]), many, 1)
    else:
        simulated = module._Differences(points, points, lambda n: 4 * 25**2 / n, many)
    sign, size = (1.0, 0.2) if kind == "counted" else (-1.0, 10.0)
    now = module._beyond(module._before(points), sign, size)[0]
    uniform = module._uniform(simulated.dimension, 2048, 3)
    for people in (40, 400, math.inf):
        probability = module._beyond(simulated.after(uniform, people), sign, size)
        error = probability.std() / math.sqrt(len(probability))
        assert probability.mean() == pytest.approx(now, abs=4 * error + 1e-3), people


def test_more_people_tell_more_and_never_more_than_trials_without_end(exact: xr.DataTree) -> None:
    found = next_trial(exact, **SEARCHED, n=[40, 160, 640, 100_000], at_least=10)
    table, limit = found.table, found.limit
    assert (np.diff(table["expected_width"]) < 0).all()
    assert (np.diff(table["value"]) > 0).all()
    assert 0 < table["value"].iloc[-1] <= limit["value"] + 1e-3 <= found.perfect
    assert table["expected_width"].iloc[-1] == pytest.approx(limit["expected_width"], rel=0.01)
    assert limit["expected_width"] < found.width
    assert found.smallest is None
    assert "because trials differ" in found.sentence
    several = next_trial(exact, **SEARCHED, n=160, at_least=10, trials=4)
    assert several.table["value"][0] > table["value"][1]


def test_a_trial_of_counts_tells_what_its_events_say(counted: xr.DataTree) -> None:
    found = next_trial(counted, n=[40, 400], control_risk=0.2)
    rare = next_trial(counted, n=[40, 400], control_risk=0.002)
    assert found.asked["direction"] == "harm"
    assert (found.table["expected_width"] < rare.table["expected_width"]).all()
    assert found.table["expected_width"].iloc[-1] < found.width
    assert (found.table["value"] >= -4 * found.table["value_error"]).all()


def test_the_other_sign_gives_the_same_answer() -> None:
    answers = []
    for sign in (1, -1):
        frame = KNOWN.assign(yi=sign * KNOWN["yi"])
        spec, effects = analysis(frame, measure="MD", unit="points", higher_is_better=sign < 0)
        tree = nmda.fit(spec, effects, engine="exact")
        answers.append(next_trial(tree, n=[50, 500], at_least=2, sd=15))
    one, other = answers
    assert one.probability == pytest.approx(other.probability, abs=1e-6)
    np.testing.assert_allclose(
        one.table["expected_width"], other.table["expected_width"], rtol=0.02
    )
    assert np.abs(one.table["assurance"] - other.table["assurance"]).max() < 0.03


def test_a_design_prior_moves_the_truth_and_not_the_analysis(without_scatter: xr.DataTree) -> None:
    usual = next_trial(without_scatter, n=400, at_least=3, sd=20)
    hopeful = next_trial(without_scatter, n=400, at_least=3, sd=20, design_prior=-12.0)
    doubtful = next_trial(without_scatter, n=400, at_least=3, sd=20, design_prior=0.0)
    assert hopeful.probability == usual.probability
    assert hopeful.table["above"][0] > usual.table["above"][0] > doubtful.table["above"][0]
    same = next_trial(without_scatter, n=400, at_least=3, sd=20, design_prior=without_scatter)
    pd.testing.assert_frame_equal(same.table, usual.table)


def test_a_crossover_is_worth_more_people_by_its_correlation(exact: xr.DataTree) -> None:
    parallel = next_trial(exact, **SEARCHED, n=200, at_least=10)
    crossed = next_trial(exact, **SEARCHED, n=50, at_least=10, design="crossover", correlation=0.5)
    pd.testing.assert_frame_equal(parallel.table.drop(columns="n"), crossed.table.drop(columns="n"))


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"drug": "aspirin"}, QueryError, "aspirin"),
        ({"n": 3}, UsageError, "from 4 to 1,000,000"),
        ({"n": []}, UsageError, "found nothing"),
        ({"success": 0.4}, UsageError, "between 0.5 and 1"),
        ({"trials": 0}, UsageError, "1 to 100"),
        ({"design": "cluster"}, UsageError, "'parallel' and 'crossover'"),
        ({"design": "crossover"}, UsageError, "needs that of one person's two results"),
        ({"correlation": 0.5}, UsageError, "of a crossover"),
        ({"sd": 0.0}, UsageError, "above 0"),
        ({"control_risk": 0.1}, UsageError, "of counts"),
        ({"at_least": -1}, UsageError, "from 0 upwards"),
        ({"simulations": 1000}, UsageError, "a power of 2"),
        ({"direction": "good"}, UsageError, "'benefit' and 'harm'"),
        ({"design_prior": math.nan}, UsageError, "finite"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    exact: xr.DataTree, more: dict, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        next_trial(exact, **{**SEARCHED, **more})


def test_a_cell_must_be_named_and_counts_take_no_sd(
    exact: xr.DataTree, counted: xr.DataTree
) -> None:
    with pytest.raises((QueryError, UsageError)):
        next_trial(exact, drug="ketamine")
    with pytest.raises(UsageError, match="counts take no sd"):
        next_trial(counted, sd=3.0)
    with pytest.raises(QueryError, match="has no cell"):
        next_trial(exact, **SEARCHED, design_prior=counted)
