"""NUTS passes every gate with several seeds: one model of each structure.

Models of one structure differ in rows, priors and correlations only; every one that the report
tells passes its gates with the seed of its file, or there is no report.
"""

import json

import pytest

from bayes_nmda.data import load_trials
from bayes_nmda.effects import effect_table
from bayes_nmda.gates import fit
from bayes_nmda.spec.spec import load_model

pytestmark = pytest.mark.slow
#: Differences with partial and complete pooling, cell by cell, with Student-t trials, with results
#: of abstracts, with a covariate, and with the priors that are farthest from the primary ones.
PAIN = (
    "pain_intensity",
    "pain_intensity_complete",
    "pain_intensity_enthusiastic",
    "pain_intensity_pet",
    "pain_intensity_robust",
    "pain_intensity_unpooled",
    "pain_intensity_with_abstracts",
)
#: Counts with partial pooling, with timepoints, with overdispersion, cell by cell and against
#: active comparators; standardised differences.
KINDS = (
    "any_adverse_event",
    "any_adverse_event_active",
    "any_adverse_event_robust",
    "any_adverse_event_unpooled",
    "quality_of_life",
    "responder_50",
    "serious_adverse_event",
)


@pytest.mark.parametrize("name", [*PAIN, *KINDS])
def test_nuts_passes_every_gate_with_the_shipped_seed_and_three_others(name: str) -> None:
    spec = load_model(name)
    effects = effect_table(load_trials(), spec)
    failed = {
        seed: json.loads(str(fit(spec, effects, engine="nuts", seed=seed).attrs["gates_failed"]))
        for seed in (spec.sampling.seed, 1, 2, 3)
    }
    assert not any(failed.values()), failed
