"""Bayesian evidence synthesis of NMDA-receptor antagonists for chronic pain.

Public names load on first use, so that a question to a stored posterior costs no import of PyMC.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayes_nmda.data import TrialData, load_trials
    from bayes_nmda.effects import EffectTable, effect_table
    from bayes_nmda.effects.oddities import data_warnings
    from bayes_nmda.model.build import build_model
    from bayes_nmda.model.priors import Prior
    from bayes_nmda.model.spec import ModelSpec, load_model, model_names
    from bayes_nmda.posterior.diagnostics import diagnose
    from bayes_nmda.posterior.meta.analysis import MetaAnalysis, meta_analysis
    from bayes_nmda.posterior.meta.batch import meta_analyses
    from bayes_nmda.posterior.sample import fit
    from bayes_nmda.posterior.store import posterior
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

__all__ = [
    "Answer",
    "EffectTable",
    "MetaAnalysis",
    "ModelSpec",
    "Prior",
    "TrialData",
    "average_models",
    "build_model",
    "compare",
    "data_warnings",
    "diagnose",
    "effect",
    "effect_table",
    "evidence_map",
    "fit",
    "heterogeneity",
    "load_model",
    "load_trials",
    "meta_analyses",
    "meta_analysis",
    "model_names",
    "net_benefit",
    "new_trial",
    "posterior",
    "prob_benefit",
    "prob_harm",
    "rank",
    "shrinkage",
    "tradeoff",
]

__version__ = "0.1.0"

_HOMES = {
    "data": ("TrialData", "load_trials"),
    "effects": ("EffectTable", "effect_table"),
    "effects.oddities": ("data_warnings",),
    "model.build": ("build_model",),
    "model.priors": ("Prior",),
    "model.spec": ("ModelSpec", "load_model", "model_names"),
    "posterior.diagnostics": ("diagnose",),
    "posterior.meta.analysis": ("MetaAnalysis", "meta_analysis"),
    "posterior.meta.batch": ("meta_analyses",),
    "posterior.sample": ("fit",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    if name == "posterior":  # a folder that can be called, see there
        return import_module(f"{__name__}.posterior")
    return getattr(import_module(f"{__name__}.{_HOME_OF.get(name, 'query')}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
