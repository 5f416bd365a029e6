"""Every gate fails when it should, and says by how much."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from bayes_nmda.errors import FitError
from bayes_nmda.gates.convergence import diagnose, require_gates
from bayes_nmda.query.mcse import ess
from bayes_nmda.spec.spec import ModelSpec

MakeTree = Callable[..., xr.DataTree]
Spoil = Callable[[xr.DataTree], None]


def with_values(tree: xr.DataTree, group: str, name: str, values: np.ndarray) -> None:
    dataset = tree[group].to_dataset()
    dataset[name] = (dataset[name].dims, values)
    tree[group].dataset = dataset


def shift_a_chain(tree: xr.DataTree) -> None:
    values = tree["posterior"]["tau"].to_numpy().copy()
    values[0] += 10
    with_values(tree, "posterior", "tau", values)


def stick_a_chain(tree: xr.DataTree) -> None:
    values = tree["posterior"]["overall"].to_numpy().copy()
    values[2] = values[2, 0]
    with_values(tree, "posterior", "overall", values)


def repeat_draws(tree: xr.DataTree) -> None:
    values = tree["posterior"]["tau"].to_numpy()
    with_values(tree, "posterior", "tau", np.repeat(values[:, ::8], 8, axis=1))


def repeat_effects(tree: xr.DataTree) -> None:
    values = tree["posterior"]["effect"].to_numpy()
    with_values(tree, "posterior", "effect", np.repeat(values[:, ::8], 8, axis=1))


def lose_a_draw(tree: xr.DataTree) -> None:
    values = tree["posterior"]["effect"].to_numpy().copy()
    values[1, 7, 3] = np.nan
    with_values(tree, "posterior", "effect", values)


def diverge(tree: xr.DataTree) -> None:
    values = tree["sample_stats"]["diverging"].to_numpy().copy()
    values[3, 5] = True
    with_values(tree, "sample_stats", "diverging", values)


def wander_in_energy(tree: xr.DataTree) -> None:
    values = tree["sample_stats"]["energy"].to_numpy().copy()
    values[1] = np.cumsum(values[1])
    with_values(tree, "sample_stats", "energy", values)


def stick_in_energy(tree: xr.DataTree) -> None:
    values = tree["sample_stats"]["energy"].to_numpy().copy()
    values[1] = 1.0
    with_values(tree, "sample_stats", "energy", values)


def predict_too_high(tree: xr.DataTree) -> None:
    values = tree["posterior_predictive"]["yi"].to_numpy()
    with_values(tree, "posterior_predictive", "yi", values + 15)


def predict_too_wide(tree: xr.DataTree) -> None:
    values = tree["posterior_predictive"]["yi"].to_numpy()
    with_values(tree, "posterior_predictive", "yi", values * 4)


def predict_nothing(tree: xr.DataTree) -> None:
    values = tree["posterior_predictive"]["yi"].to_numpy()
    with_values(tree, "posterior_predictive", "yi", values * np.nan)


SPOILT: dict[Spoil, tuple[str, str]] = {
    shift_a_chain: ("R-hat", "tau"),
    stick_a_chain: ("R-hat", "overall"),
    repeat_draws: ("bulk ESS", "tau"),
    repeat_effects: ("ESS of probability", "P(benefit of at least 10), mean"),
    lose_a_draw: ("R-hat", "effect"),
    diverge: ("divergences", "all chains"),
    wander_in_energy: ("E-BFMI", "worst chain"),
    stick_in_energy: ("E-BFMI", "worst chain"),
    predict_too_high: ("posterior predictive p", "mean of contrasts"),
    predict_too_wide: ("posterior predictive p", "SD of contrasts"),
    predict_nothing: ("posterior predictive p", "largest of contrasts"),
}


@pytest.fixture
def good(fake: MakeTree, primary: ModelSpec) -> xr.DataTree:
    return fake(primary)


def test_a_good_fit_passes_every_gate(good: xr.DataTree) -> None:
    table = require_gates(good)
    assert list(table.columns) == ["gate", "quantity", "value", "rule", "threshold", "passed"]
    assert table["passed"].all()
    assert set(table["gate"]) == {gate for gate, _ in SPOILT.values()} | {"tail ESS"}
    gated = set(table.loc[table["gate"] == "R-hat", "quantity"])
    assert gated == set(good["posterior"].data_vars)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_a_spoilt_fit_fails_the_gate_that_is_meant_for_it(good: xr.DataTree, spoil: Spoil) -> None:
    spoil(good)
    gate, quantity = SPOILT[spoil]
    table = diagnose(good).set_index(["gate", "quantity"])
    assert not table.loc[(gate, quantity), "passed"]
    with pytest.raises(FitError) as caught:
        require_gates(good)
    line = next(row for row in str(caught.value).splitlines() if f"{gate} of {quantity}:" in row)
    found = table.loc[(gate, quantity)]
    assert f"found {found['value']:.4g}, allowed {found['rule']} {found['threshold']:g}" in line
    failed = int((~table["passed"]).sum())
    assert f"model pain_intensity: {failed} of {len(table)} gates failed" in str(caught.value)


def test_a_missing_draw_fails_every_probability_of_its_cell(good: xr.DataTree) -> None:
    lose_a_draw(good)
    table = diagnose(good)
    lost = table[(table["gate"] == "ESS of probability") & table["quantity"].str.endswith(", mean")]
    assert len(lost) == 4
    assert not lost["passed"].any()


def test_an_event_that_no_draw_shows_counts_every_draw(good: xr.DataTree) -> None:
    values = good["posterior"]["effect"].to_numpy()
    with_values(good, "posterior", "effect", np.abs(values))  # never a benefit
    table = diagnose(good).set_index("quantity")
    assert table.loc["P(benefit of at least 10), mean", "value"] == 4 * 400


def test_benefit_has_the_direction_of_the_model_file(good: xr.DataTree) -> None:
    values = good["posterior"]["effect"].to_numpy()
    with_values(good, "posterior", "effect", np.abs(values) + 50)
    good.attrs["benefit"] = "positive"
    table = diagnose(good).set_index("quantity")
    assert table.loc["P(benefit of at least 30), mean", "value"] == 4 * 400


def test_thresholds_come_from_the_model_file(good: xr.DataTree) -> None:
    spec = json.loads(good.attrs["spec"])
    spec["gates"] |= {"r_hat_max": 1.000001, "ess_min": 10_000}
    good.attrs["spec"] = json.dumps(spec)
    table = diagnose(good)
    assert not table.loc[table["gate"] == "bulk ESS", "passed"].any()
    assert (table.loc[table["gate"] == "R-hat", "threshold"] == 1.000001).all()


def test_tails_begin_at_the_outer_twentieths(good: xr.DataTree) -> None:
    tau = good["posterior"]["tau"].to_numpy()
    table = diagnose(good)
    row = (table["gate"] == "tail ESS") & (table["quantity"] == "tau")
    (found,) = table.loc[row, "value"]
    beyond = [tau <= quantile for quantile in np.quantile(tau, [0.05, 0.95])]
    assert found == pytest.approx(min(ess(indicator) for indicator in beyond), rel=1e-6)
