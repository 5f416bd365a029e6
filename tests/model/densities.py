"""The log density of a PyMC model at values of its variables, whatever coordinates it moves in."""

from collections.abc import Callable

import numpy as np
import pymc as pm
import pytensor

Values = dict[str, np.ndarray]
_WIDE = ("tau", "sd_", "trial_precision", "overdispersion")


def log_density(model: pm.Model) -> Callable[[Values], float]:
    """Return the joint log density as a function of the free variables by name."""
    terms, given, names = [], [], []
    for rv in model.free_RVs:
        value = rv.type()
        terms.append(pm.logp(rv, value).sum())
        given += [rv, value]
        names.append(rv.name)
    terms += [pm.logp(rv, model.rvs_to_values[rv]).sum() for rv in model.observed_RVs]
    function = pytensor.function(given, sum(terms), mode="FAST_COMPILE", on_unused_input="ignore")
    return lambda values: float(function(*(values[name] for name in names for _ in range(2))))


def natural_point(model: pm.Model, rng: np.random.Generator, scale: float = 1.0) -> Values:
    """Return a value of every free variable, positive where it is a scale."""
    point = {}
    for rv in model.free_RVs:
        value = np.asarray(rng.normal(0, 1, rv.shape.eval(mode="FAST_COMPILE")))
        point[rv.name] = scale * (np.abs(value) + 0.1 if rv.name.startswith(_WIDE) else value)
    return point
