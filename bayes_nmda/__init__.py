"""Bayesian evidence synthesis: how probable are benefits and harms that matter?

Public names load on first use, so that a question to a stored posterior costs no import of PyMC.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayes_nmda.data import TrialData, load_trials, trials_from
    from bayes_nmda.effects import EffectTable, effect_table
    from bayes_nmda.effects.oddities import data_warnings
    from bayes_nmda.gates.convergence import diagnose
    from bayes_nmda.gates.gated import fit
    from bayes_nmda.inference.exact.publication_bias import selection_log_likelihood
    from bayes_nmda.meta.analysis import MetaAnalysis, meta_analysis
    from bayes_nmda.meta.batch import meta_analyses
    from bayes_nmda.model.build import build_model
    from bayes_nmda.projects import Project, project
    from bayes_nmda.query import (
        Answer,
        average_models,
        compare,
        effect,
        evidence_map,
        heterogeneity,
        net_benefit,
        new_trial,
        prob_benefit,
        prob_harm,
        rank,
        shrinkage,
        tradeoff,
    )
    from bayes_nmda.query.calibration import calibration
    from bayes_nmda.query.classical import classical
    from bayes_nmda.query.covariates import at_covariates, coefficients, predicted
    from bayes_nmda.query.cumulative import cumulative
    from bayes_nmda.query.missing_evidence import missing_evidence
    from bayes_nmda.query.multiverse import Universes, multiverse
    from bayes_nmda.query.next_trial import NextTrial, next_trial
    from bayes_nmda.query.priors_examined import (
        elicited_prior,
        prior_sensitivity,
        reverse_bayes,
    )
    from bayes_nmda.query.publication_bias import (
        BiasModels,
        robust_meta_analysis,
        selection_model,
        under_selection,
    )
    from bayes_nmda.query.without_one import leave_one_out, predictive_coverage
    from bayes_nmda.query.workers import cluster
    from bayes_nmda.spec.default import default_model
    from bayes_nmda.spec.multiverse import load_multiverse, multiverse_names
    from bayes_nmda.spec.priors import Prior
    from bayes_nmda.spec.spec import ModelSpec, load_model, model_names
    from bayes_nmda.store.fits import posterior

__all__ = [
    "Answer",
    "BiasModels",
    "EffectTable",
    "MetaAnalysis",
    "ModelSpec",
    "NextTrial",
    "Prior",
    "Project",
    "TrialData",
    "Universes",
    "at_covariates",
    "average_models",
    "build_model",
    "calibration",
    "classical",
    "cluster",
    "coefficients",
    "compare",
    "cumulative",
    "data_warnings",
    "default_model",
    "diagnose",
    "effect",
    "effect_table",
    "elicited_prior",
    "evidence_map",
    "fit",
    "heterogeneity",
    "leave_one_out",
    "load_model",
    "load_multiverse",
    "load_trials",
    "meta_analyses",
    "meta_analysis",
    "missing_evidence",
    "model_names",
    "multiverse",
    "multiverse_names",
    "net_benefit",
    "new_trial",
    "next_trial",
    "posterior",
    "predicted",
    "predictive_coverage",
    "prior_sensitivity",
    "prob_benefit",
    "prob_harm",
    "project",
    "rank",
    "reverse_bayes",
    "robust_meta_analysis",
    "selection_log_likelihood",
    "selection_model",
    "shrinkage",
    "tradeoff",
    "trials_from",
    "under_selection",
]

__version__ = "0.1.0"

_HOMES = {
    "data": ("TrialData", "load_trials", "trials_from"),
    "effects": ("EffectTable", "effect_table"),
    "effects.oddities": ("data_warnings",),
    "gates": ("diagnose", "fit"),
    "inference.exact.publication_bias": ("selection_log_likelihood",),
    "meta.analysis": ("MetaAnalysis", "meta_analysis"),
    "meta.batch": ("meta_analyses",),
    "model.build": ("build_model",),
    "projects": ("Project", "project"),
    "spec": ("ModelSpec", "Prior", "default_model", "load_model", "model_names"),
    "query.calibration": ("calibration",),
    "query.classical": ("classical",),
    "query.covariates": ("at_covariates", "coefficients", "predicted"),
    "query.cumulative": ("cumulative",),
    "query.missing_evidence": ("missing_evidence",),
    "query.multiverse": ("Universes", "multiverse"),
    "query.next_trial": ("NextTrial", "next_trial"),
    "query.publication_bias": (
        "BiasModels",
        "robust_meta_analysis",
        "selection_model",
        "under_selection",
    ),
    "query.priors_examined": ("elicited_prior", "prior_sensitivity", "reverse_bayes"),
    "query.without_one": ("leave_one_out", "predictive_coverage"),
    "query.workers": ("cluster",),
    "spec.multiverse": ("load_multiverse", "multiverse_names"),
    "store.fits": ("posterior",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOME_OF.get(name, 'query')}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
