"""What is assumed: a model file, checked against its schema, as a `ModelSpec`; no PyMC."""

from bayes_nmda.spec.default import default_model
from bayes_nmda.spec.priors import Prior
from bayes_nmda.spec.spec import ModelSpec, load_model, model_names

__all__ = ["ModelSpec", "Prior", "default_model", "load_model", "model_names"]
