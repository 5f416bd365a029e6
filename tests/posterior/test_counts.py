"""Counts of events: against a grid, with empty arms, and with spare places."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pymc as pm
import pytest
import xarray as xr
from scipy import special, stats

from bayes_nmda.data import load_trials
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.errors import DataError
from bayes_nmda.model.build import build_model
from bayes_nmda.model.counts import Counts
from bayes_nmda.model.spec import ModelSpec, load_model
from bayes_nmda.model.structure import Layout
from bayes_nmda.posterior.counts import (
    _baseline_nodes,
    _deviation_covariance,
    _log_rising,
    _normal_nodes,
    trial_log_likelihood,
)
from bayes_nmda.posterior.diagnostics import diagnose
from bayes_nmda.posterior.sample import fit
from bayes_nmda.query import effect
from bayes_nmda.query.mcse import mcse_quantile
from tests.posterior.counts_by_grid import OneTrial


def one_trial(events_t: int, n_t: int, events_c: int, n_c: int) -> EffectTable:
    """Return the effects of one trial of two arms."""
    trials = pd.DataFrame({"trial": ["a"], "label": ["Trial A"], "rob_randomisation": [""]})
    arms = pd.DataFrame(
        {"trial": "a", "arm": ["drug", "placebo"], "role": ["treatment", "control"],
         "drug": ["ketamine", "placebo"], "route": ["oral", ""], "route_basis": "",
         "comparator": ["", "placebo"], "stratum": "", "merged_from": ""}
    )  # fmt: skip
    outcomes = pd.DataFrame(
        {"trial": "a", "arm": ["drug", "placebo"], "outcome": "any_adverse_event", "timepoint": "",
         "instrument": "", "kind": "binary", "higher_is_better": False,
         "events": [float(events_t), float(events_c)], "n": [float(n_t), float(n_c)]}
    )  # fmt: skip
    tables = SimpleNamespace(trials=trials, arms=arms, outcomes=outcomes)
    return effect_table(tables, load_model("any_adverse_event"))


@pytest.fixture
def complete(tmp_path) -> ModelSpec:
    """Return the model of harms with one effect for all trials."""
    path = tmp_path / "one_effect.toml"
    path.write_text(
        'extends = "any_adverse_event"\ntitle = "One effect"\n[structure]\npooling = "complete"\n',
        encoding="utf-8",
    )
    return load_model(path)


@pytest.fixture(scope="module")
def harms() -> tuple[ModelSpec, EffectTable]:
    """Return the model of any adverse event and its contrasts."""
    spec = load_model("any_adverse_event")
    return spec, effect_table(load_trials(validate=False), spec)


def test_each_arm_is_counted_once(harms) -> None:
    # Martin 2019 has one placebo arm for memantine and dextromethorphan
    layout = Layout.of(harms[1].frame)
    counts = Counts.of(harms[1].frame, layout)
    assert counts.controls == 10
    assert len(counts.n) == 10 + 11
    assert layout.controls.count("Martin 2019") == 1


def test_a_treatment_arm_against_two_control_arms_is_refused(harms) -> None:
    frame = harms[1].frame
    twice = frame[frame["trial"] == "Lynch 2005"].assign(control_arm="another")
    frame = pd.concat([frame, twice], ignore_index=True)
    with pytest.raises(DataError, match=r"Lynch 2005: .*count twice"):
        Counts.of(frame, Layout.of(frame))


def test_empty_cells_need_no_correction(harms) -> None:
    counts = Counts.of(harms[1].frame, Layout.of(harms[1].frame))
    assert counts.events.dtype == np.int64
    assert (counts.events == 0).sum() >= 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["any_adverse_event", "pain_intensity"])
def test_spare_places_add_their_own_priors_and_nothing_else(name: str) -> None:
    spec = load_model(name)
    effects = effect_table(load_trials(validate=False), spec)
    plain, wide = build_model(spec, effects), build_model(spec, effects, spare=True)
    rng = np.random.default_rng(3)
    for _ in range(3):
        short, long, spares = {}, {}, 0.0
        for rv, other in zip(plain.free_RVs, wide.free_RVs, strict=False):
            value = abs(rng.standard_normal(rv.shape.eval())) + 0.1
            short[rv.name] = value
            assert other.name == rv.name or "shared" in rv.name
        for rv in wide.free_RVs:
            value = short.get(rv.name, np.zeros(0))
            filled = abs(rng.standard_normal(rv.shape.eval())) + 0.1
            filled = np.asarray(filled)
            if filled.ndim:
                filled[: len(value)] = value
                extra = filled[len(value) :]
                prior = stats.logistic if rv.name == "baseline" else stats.norm
                spares += prior.logpdf(extra).sum()
            else:
                filled = value
            long[rv.name] = filled
        assert log_density(wide, long) == pytest.approx(
            log_density(plain, short) + spares, abs=1e-9
        )


def log_density(model: pm.Model, values: dict[str, np.ndarray]) -> float:
    """Return the log density of a model at values of its variables, without Jacobians."""
    point = {}
    for rv in model.free_RVs:
        transform = model.rvs_to_transforms[rv]
        value = values[rv.name]
        name = model.rvs_to_values[rv].name
        point[name] = (
            value if transform is None else transform.forward(value, *rv.owner.inputs).eval()
        )
    function = model.compile_logp(jacobian=False, mode="FAST_COMPILE")
    return float(function(point))


def _by_hand(
    draws: xr.Dataset, layout: Layout, counts: Counts, spec: ModelSpec, trial: int
) -> list[float]:
    """Return the log-likelihood of a trial at each draw, one term after the other, by SciPy."""
    rows = np.flatnonzero(layout.trial_of_contrast == trial)
    found = []
    for draw in range(draws.sizes["draw"]):
        one = draws.isel(chain=0, draw=draw)
        mean = one["effect"].to_numpy()[layout.cell_of_contrast[rows]]
        tau = np.full((1, len(rows)), float(one["tau"]))
        covariance = _deviation_covariance(rows, tau, np.zeros(1), layout, spec)[0]
        factor = np.linalg.cholesky(covariance + 1e-12 * np.eye(len(rows)))

        def log_pmf(arm: int, log_odds: float, one: xr.Dataset = one) -> float:
            y, n, risk = counts.events[arm], counts.n[arm], special.expit(log_odds)
            if "overdispersion" not in one:
                return float(stats.binom.logpmf(y, n, risk))
            spread = float(one["overdispersion"])
            return float(stats.betabinom.logpmf(y, n, risk / spread, (1 - risk) / spread))

        terms = []
        for node, weight in zip(*_normal_nodes(len(rows)), strict=True):
            theta, term = mean + factor @ node, float(np.log(weight))
            for control in np.unique(layout.control_of_contrast[rows]):
                arms = np.flatnonzero(layout.control_of_contrast[rows] == control)
                each = [
                    log_prior
                    + log_pmf(control, point)
                    + sum(log_pmf(counts.controls + rows[a], point + theta[a]) for a in arms)
                    for point, log_prior in zip(
                        *_baseline_nodes(control, counts, spec), strict=True
                    )
                ]
                term += special.logsumexp(each)
            terms.append(term)
        found.append(float(special.logsumexp(terms)))
    return found


@pytest.mark.parametrize(
    ("name", "trial"),
    [
        ("any_adverse_event", "Martin 2019"),  # two treatment arms, one control arm
        ("any_adverse_event_robust", "Lynch 2005"),
        ("responder_50", None),  # a trial with two control arms
    ],
)
def test_the_likelihood_of_a_trial_is_the_sum_of_its_terms(name: str, trial: str | None) -> None:
    spec = load_model(name)
    frame = effect_table(load_trials(validate=False), spec).frame
    layout = Layout.of(frame)
    counts = Counts.of(frame, layout)
    sizes = np.bincount(layout.trial_of_contrast)
    position = layout.trials.index(trial) if trial else int(sizes.argmax())
    assert sizes[position] == (1 if "robust" in name else 2)
    rng = np.random.default_rng(3)
    draws = xr.Dataset(
        {
            "effect": (("chain", "draw", "cell"), rng.normal(0, 1, (1, 3, len(layout.cells)))),
            "tau": (("chain", "draw"), [[0.01, 0.4, 3.0]]),
        },
        coords={"chain": [0], "draw": [0, 1, 2]},
    )
    if spec.likelihood.family == "beta_binomial":
        draws["overdispersion"] = (("chain", "draw"), [[0.01, 0.1, 0.8]])
    found = trial_log_likelihood(draws, layout, counts, spec)["events"].to_numpy()[0, :, position]
    expected = _by_hand(draws, layout, counts, spec, position)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("factors", [0, 1, 7, 8, 9, 68, 200])
def test_a_rising_product_is_a_ratio_of_gamma_functions(factors: int) -> None:
    start = np.array([1e-9, 0.3, 5.0, 200.0])
    expected = special.gammaln(start + factors) - special.gammaln(start)
    np.testing.assert_allclose(_log_rising(start, factors), expected, rtol=1e-9, atol=1e-9)
    assert np.isfinite(_log_rising(np.array([1e-30, 1e30]), factors)).all()


def test_the_likelihood_of_a_trial_is_that_of_a_fine_grid(complete) -> None:
    effects = one_trial(7, 20, 2, 18)
    layout = Layout.of(effects.frame)
    counts = Counts.of(effects.frame, layout)
    tau = np.array([[0.05, 0.4, 1.0]])
    mean = np.array([[[1.2], [-0.5], [2.0]]])
    draws = xr.Dataset(
        {"effect": (("chain", "draw", "cell"), mean), "tau": (("chain", "draw"), tau)},
        {"chain": [0], "draw": [0, 1, 2], "cell": list(layout.cells)},
    )
    found = trial_log_likelihood(draws, layout, counts, complete)["events"].to_numpy()[0, :, 0]
    base, deviation = np.linspace(-14, 14, 1401), np.linspace(-8, 8, 1601)
    weight = stats.norm.pdf(deviation) * (deviation[1] - deviation[0])
    control = stats.binom.pmf(2, 18, 1 / (1 + np.exp(-base))) * stats.logistic.pdf(base) * 0.02
    for position in range(3):
        theta = mean[0, position, 0] + tau[0, position] * deviation
        risk = 1 / (1 + np.exp(-(base[:, None] + theta[None, :])))
        expected = np.log(control @ stats.binom.pmf(7, 20, risk) @ weight)
        assert found[position] == pytest.approx(expected, abs=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "counts",
    [(7, 20, 2, 18), (0, 20, 0, 20), (12, 12, 0, 12), (3, 3, 0, 4), (2, 68, 0, 32)],
    ids=["ordinary", "no event at all", "everybody against nobody", "tiny", "one empty arm"],
)
def test_one_trial_agrees_with_a_grid(complete, counts) -> None:
    tree = fit(complete, one_trial(*counts))
    assert diagnose(tree)["passed"].all(), diagnose(tree).query("~passed")
    grid = OneTrial(*counts)
    control, treated = grid.risks
    baseline = tree["posterior"]["baseline"].to_numpy()[..., 0]
    log_or = tree["posterior"]["effect"].to_numpy()[..., 0]
    p_control, p_treated = (1 / (1 + np.exp(-x)) for x in (baseline, baseline + log_or))
    for draws, exact in (
        (log_or, grid.log_or),
        (p_treated - p_control, treated - control),
        (np.log(p_treated / p_control), np.log(treated / control)),
        (p_control, control),
    ):
        for place in (0.025, 0.25, 0.5, 0.75, 0.975):
            error = mcse_quantile(draws, place)
            found = float(np.quantile(draws, place))
            assert abs(found - grid.quantile(exact, place)) <= 4 * error + 0.004, (place, found)


@pytest.mark.slow
def test_absolute_answers_are_those_of_the_grid(complete) -> None:
    counts = (7, 20, 2, 18)
    tree = fit(complete, one_trial(*counts))
    grid = OneTrial(*counts)
    control, treated = grid.risks
    for measure, exact in (
        ("OR", np.exp(grid.log_or)), ("RR", treated / control), ("RD", treated - control),
    ):  # fmt: skip
        row = effect(tree, measure=measure).records[0]
        for name, place in (("lower", 0.025), ("median", 0.5), ("upper", 0.975)):
            error = row["mcse" if name == "median" else f"mcse_{name}"]
            assert abs(row[name] - grid.quantile(exact, place)) <= 4 * error + 0.02, (measure, name)
