"""Two published analyses of counts, with the binomial likelihood of this package, which has the
prior of the nuisance at the midpoint of the arms; with many events its place says next to nothing.

The published numbers come from other programs (MetaStan, multinma); numerical integration of the
same models agrees with both.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bayes_nmda.data import load_vocabulary
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.gates import fit
from bayes_nmda.gates.convergence import diagnose
from bayes_nmda.query.mcse import mcse_mean, mcse_quantile
from bayes_nmda.spec.spec import ModelSpec, load_model

DATA = Path(__file__).with_name("data")

RANDOM_EFFECTS = """
extends = "any_adverse_event_binomial"
title = "Published example"

[structure]
pooling = "complete"

[priors.overall]
distribution = "normal"
loc = 0.0
scale = {overall}
source = "as published"
reading = "{reading}"

[priors.midpoint]
distribution = "normal"
loc = 0.0
scale = {midpoint}
source = "as published"
reading = "{risk}"

[priors.tau]
distribution = "half_normal"
scale = {tau}
source = "as published"
reading = "{spread}"
"""


def arms_of(counts: pd.DataFrame) -> EffectTable:
    """Return the effects of trials with columns trial, events_t, n_t, events_c, n_c."""
    names = [f"trial{i}" for i in range(len(counts))]
    trials = pd.DataFrame(
        {"trial": names, "label": counts["trial"].astype(str), "rob_randomisation": ""}
    )
    both = [("drug", "t", "treatment", "ketamine"), ("placebo", "c", "control", "placebo")]
    arms = pd.concat(
        pd.DataFrame(
            {"trial": names, "arm": arm, "role": role, "drug": drug, "route": "oral",
             "route_basis": "", "comparator": "placebo" if role == "control" else "",
             "stratum": "", "merged_from": ""}
        )
        for arm, _, role, drug in both
    )  # fmt: skip
    outcomes = pd.concat(
        pd.DataFrame(
            {"trial": names, "arm": arm, "outcome": "any_adverse_event", "timepoint": "",
             "instrument": "", "kind": "binary", "higher_is_better": False,
             "events": counts[f"events_{side}"].to_numpy(float),
             "n": counts[f"n_{side}"].to_numpy(float)}
        )
        for arm, side, _, _ in both
    )  # fmt: skip
    tables = SimpleNamespace(
        trials=trials, arms=arms, outcomes=outcomes, contrasts=None, vocabulary=load_vocabulary()
    )
    return effect_table(tables, load_model("any_adverse_event"))


def model(folder: Path, **numbers: float) -> ModelSpec:
    """Return a model of one effect for all trials with vague priors."""
    from bayes_nmda.spec.priors import LOG_ODDS_RATIO, Prior

    path = folder / "published_example.toml"
    words = {
        "reading": Prior.of("normal", 0, numbers["overall"]).describe(LOG_ODDS_RATIO),
        "risk": Prior.of("normal", 0, numbers["midpoint"]).describe("(log odds)"),
        "spread": Prior.of("half_normal", numbers["tau"]).describe(LOG_ODDS_RATIO),
    }
    path.write_text(RANDOM_EFFECTS.format(**numbers, **words), encoding="utf-8")
    return load_model(path)


def check(draws, published: dict[str, float], rounding: float) -> None:
    """Compare mean and quantiles: half the last printed digit and four Monte Carlo errors."""
    for name, value in published.items():
        if name == "mean":
            found, error = float(draws.mean()), mcse_mean(draws)
        else:
            place = {"q025": 0.025, "median": 0.5, "q975": 0.975}[name]
            found, error = float(np.quantile(draws, place)), mcse_quantile(draws, place)
        assert abs(found - value) <= rounding + 4 * error, (name, found, value, error)


@pytest.mark.slow
def test_bcg_vaccine_with_exact_binomial_arms(tmp_path) -> None:
    # MetaStan vignette (MetaStan_BNHM), data of Berkey 1995; numbers by quadrature, 4 decimals
    raw = pd.read_csv(DATA / "bcg_metastan_berkey1995.csv")
    counts = pd.DataFrame(
        {"trial": raw["publication"], "events_t": raw["r2"], "n_t": raw["n2"],
         "events_c": raw["r1"], "n_c": raw["n1"]}
    )  # fmt: skip
    tree = fit(model(tmp_path, overall=100.0, midpoint=10.0, tau=0.5), arms_of(counts))
    assert diagnose(tree).query("gate in ('R-hat', 'divergences')")["passed"].all()
    posterior = tree["posterior"]
    theta = {"mean": -0.7554, "q025": -1.1509, "median": -0.7487, "q975": -0.3613}
    check(posterior["overall"].to_numpy(), theta, 0.00005 + 0.005)
    tau = {"mean": 0.6021, "q025": 0.3663, "median": 0.5824, "q975": 0.9283}
    check(posterior["tau"].to_numpy(), tau, 0.00005 + 0.005)
    # printed by MetaStan from about 950 effective draws: 0.03
    check(posterior["overall"].to_numpy(), {"mean": -0.76, "q025": -1.16, "q975": -0.38}, 0.03)


@pytest.mark.slow
def test_beta_blockers_after_myocardial_infarction(tmp_path) -> None:
    # multinma vignette (example_blocker), data of NICE DSU TSD 2; printed to two decimals
    raw = pd.read_csv(DATA / "blocker.csv")
    control, drug = (raw[raw["trtn"] == code].reset_index() for code in (1, 2))
    counts = pd.DataFrame(
        {"trial": control["studyn"], "events_t": drug["r"], "n_t": drug["n"],
         "events_c": control["r"], "n_c": control["n"]}
    )  # fmt: skip
    tree = fit(model(tmp_path, overall=100.0, midpoint=100.0, tau=5.0), arms_of(counts))
    assert diagnose(tree).query("gate in ('R-hat', 'divergences')")["passed"].all()
    posterior = tree["posterior"]
    published = {"mean": -0.25, "q025": -0.38, "q975": -0.12}
    check(posterior["overall"].to_numpy(), published, 0.005 + 0.005)
    check(posterior["tau"].to_numpy(), {"mean": 0.13, "median": 0.12, "q025": 0.01}, 0.005 + 0.01)
    assert float(posterior["overall"].std()) == pytest.approx(0.0655, abs=0.005)
