"""The density that the priors of a model file give to its draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from bayes_nmda.spec.model_file import BASELINE

if TYPE_CHECKING:
    from bayes_nmda.spec.spec import ModelSpec


def log_prior(posterior: xr.Dataset, spec: ModelSpec) -> xr.Dataset:
    """Return the log prior density of every parameter that has a prior in the model file.

    Deviations of unit scale are left out: how wide they are is what the priors say, and asking how
    a result depends on its priors (power-scaling) means those.

    Parameters
    ----------
    posterior
        Draws, any shape.
    spec
        The analysis.

    Returns
    -------
    xarray.Dataset
        Each with the shape of its parameter. Where every cell is analysed alone, the prior of
        ``overall`` is that of each ``effect``.

    References
    ----------
    Kallioinen et al. 2024, Stat Comput 34:57 (power-scaling).
    """
    densities = {}
    for name, prior in spec.priors:
        if name in BASELINE:  # a model of its own
            continue
        variable = "effect" if spec.structure.pooling == "none" and name == "overall" else name
        values = posterior[variable]
        densities[variable] = values.copy(data=prior.logpdf(values.to_numpy()))
    return xr.Dataset(densities)
