"""NUTS passes every gate: the models of the report with several seeds, one of each other kind."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from bayes_nmda.data import load_trials
from bayes_nmda.effects import effect_table
from bayes_nmda.model.likelihoods import error_covariance
from bayes_nmda.model.spec import load_model
from bayes_nmda.model.structure import Layout
from bayes_nmda.posterior.diagnostics import diagnose
from bayes_nmda.posterior.predictive import drawn_error_scale, new_trial, replicate
from bayes_nmda.posterior.sample import attributes, fit
from bayes_nmda.report.definition import load_definition

pytestmark = pytest.mark.slow
Sampled = Callable[..., xr.DataTree]
#: Counts with partial pooling, with overdispersion, and cell by cell; standardised differences;
#: active comparators; a paired result with an unknown correlation. Models of the same kind differ
#: in their rows only.
KINDS = (
    "any_adverse_event",
    "any_adverse_event_robust",
    "any_adverse_event_unpooled",
    "disability",
    "pain_intensity_active",
    "pain_intensity_with_abstracts",
)


@pytest.mark.parametrize("name", load_definition("evidence").models)
def test_nuts_passes_every_gate_with_the_shipped_seed_and_three_others(
    name: str, sampled: Sampled
) -> None:
    spec = load_model(name)
    effects = effect_table(load_trials(), spec)
    errors = error_covariance(effects.covariance, Layout.of(effects.frame), spec.structure.pooling)
    failures = []
    for seed in (spec.sampling.seed, 1, 2, 3):
        raw = sampled(spec, effects, seed=seed)
        rng = np.random.default_rng(seed)
        posterior = raw["posterior"].to_dataset()
        posterior["new_trial"] = new_trial(posterior, spec, rng)
        observed = xr.Dataset({"yi": ("contrast", effects.frame["yi"].to_numpy())})
        tree = xr.DataTree.from_dict(
            {
                "posterior": posterior,
                "posterior_predictive": replicate(
                    posterior, errors, rng, scale=drawn_error_scale(posterior, effects)
                ).to_dataset(),
                "sample_stats": raw["sample_stats"].to_dataset(),
                "observed_data": observed,
            }
        )
        tree.attrs = attributes(spec, effects, seed, "nuts")
        table = diagnose(tree)
        failures += [
            f"seed {seed}: {row.gate} of {row.quantity}: {row.value:.4g} {row.rule} {row.threshold}"
            for row in table[~table["passed"]].itertuples()
        ]
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("name", KINDS)
def test_one_model_of_each_other_kind_passes_every_gate_with_the_shipped_seed(name: str) -> None:
    spec = load_model(name)
    tree = fit(spec, effect_table(load_trials(), spec), engine="nuts")
    assert json.loads(tree.attrs["gates_failed"]) == []
