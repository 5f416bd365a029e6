"""NUTS passes every gate, and says what the exact engine says: one model of each structure.

Models of one structure differ in rows, priors and correlations only; every one that the report
tells passes its gates and agrees with the other engine, or there is no report.
"""

import json

import pytest

from bayes_nmda.data import load_trials
from bayes_nmda.effects import effect_table
from bayes_nmda.gates import fit
from bayes_nmda.gates.agreement import compare_engines
from bayes_nmda.spec.spec import load_model

pytestmark = pytest.mark.slow
#: By how many seeds beside that of its file: a difference and a count with partial pooling, then
#: complete pooling, cell by cell, Student-t trials, results of abstracts, a covariate; counts cell
#: by cell, binomial and beta-binomial arms, timepoints; standardised differences.
STRUCTURES = {
    "pain_intensity": 3,
    "any_adverse_event": 3,
    "pain_intensity_complete": 0,
    "pain_intensity_unpooled": 0,
    "pain_intensity_robust": 1,
    "pain_intensity_with_abstracts": 1,
    "pain_intensity_pet": 1,
    "any_adverse_event_unpooled": 0,
    "any_adverse_event_binomial": 0,
    "any_adverse_event_robust": 1,
    "responder_50": 1,
    "quality_of_life": 0,
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_nuts_passes_every_gate_and_agrees_with_the_exact_engine(name: str) -> None:
    spec = load_model(name)
    effects = effect_table(load_trials(), spec)
    nuts = fit(spec, effects, engine="nuts")
    failed = {spec.sampling.seed: json.loads(str(nuts.attrs["gates_failed"]))}
    for seed in range(1, 1 + STRUCTURES[name]):
        again = fit(spec, effects, engine="nuts", seed=seed)
        failed[seed] = json.loads(str(again.attrs["gates_failed"]))
    assert not any(failed.values()), failed
    compared = compare_engines(fit(spec, effects, engine="exact"), nuts)
    assert compared["passed"].all(), compared.query("~passed")
