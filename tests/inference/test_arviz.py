"""What `nmda.posterior` returns has what ArviZ needs: leaving out trials, moving prior and data."""

from __future__ import annotations

import warnings

import arviz as az
import numpy as np
import pytest

from bayes_nmda.data import load_trials
from bayes_nmda.effects import effect_table
from bayes_nmda.gates import fit
from bayes_nmda.spec.spec import load_model
from tests.recovery.test_gates import STRUCTURES


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTURES)
def test_leaving_out_and_power_scaling_work_on_every_structure(name: str) -> None:
    spec = load_model(name)
    effects = effect_table(load_trials(), spec)
    tree = fit(spec, effects, engine="exact")
    assert {"log_likelihood", "log_prior", "prior", "posterior_predictive"} <= set(tree.children)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few trials: Pareto k above 0.7 is theirs
        left = az.loo(tree)
        moved = az.psense(tree, var_names=["tau"])
    assert np.isfinite(left.elpd)
    assert np.isfinite(left.pareto_k).all()
    assert 1 <= left.n_data_points <= effects.frame["trial_id"].nunique()
    assert np.isfinite(moved["tau"]).all()
