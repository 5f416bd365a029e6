"""Draws from the prior of a model, spread evenly.

The draws are a scrambled Sobol sequence pushed through the quantile function of each free
variable, so that a prior probability comes out near its exact value: a prior that is symmetric
about zero gives 0.50 to any benefit, not 0.49 or 0.51 by chance. Deterministic quantities follow
from the model itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayes_nmda.inference.labels import PRIOR_DRAWS
from bayes_nmda.model.build import DEVIATIONS, prior_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pymc as pm
    from numpy.typing import NDArray
    from pytensor.tensor.variable import TensorVariable

    from bayes_nmda.spec.spec import ModelSpec

#: Draws at which variables are worked out at once.
_AT_ONCE = 4096


def prior_draws(model: pm.Model, spec: ModelSpec, seed: int) -> xr.Dataset:
    """Return draws of every free and deterministic variable from the prior.

    Parameters
    ----------
    model
        The model of the analysis. A free variable may depend on those before it.
    spec
        The analysis: the quantile functions of its priors.
    seed
        Scrambles the sequence.

    Returns
    -------
    xarray.Dataset
        Dims ``chain`` (1), ``draw`` (2,048) and those of each variable.

    References
    ----------
    Owen 1998, J Complexity 14:466 (scrambled nets).
    """
    from scipy.stats import qmc

    # scalars first: the first coordinates of a Sobol sequence are the most even
    free = sorted(model.free_RVs, key=lambda rv: rv.ndim)
    dims = {rv.name: tuple(model.named_vars_to_dims.get(rv.name) or ()) for rv in free}
    shapes = {
        name: tuple(len(model.coords[d] or ()) for d in named) for name, named in dims.items()
    }
    sizes = [math.prod(shapes[rv.name]) for rv in free]
    unit = qmc.Sobol(sum(sizes), scramble=True, rng=np.random.default_rng(seed))
    points = np.clip(unit.random(PRIOR_DRAWS), 1e-12, 1 - 1e-12)
    columns = np.split(points, np.cumsum(sizes)[:-1], axis=1)
    values: dict[str, Any] = {}
    drawn: dict[TensorVariable, NDArray[np.float64]] = {}
    for rv, part in zip(free, columns, strict=True):
        prior = prior_of(spec, rv.name)
        uniform = part.reshape(PRIOR_DRAWS, *shapes[rv.name])
        drawn[rv] = _quantile(rv, uniform, drawn) if prior is None else prior.quantile(uniform)
        values[rv.name] = (("chain", "draw", *dims[rv.name]), drawn[rv][None])
    coords = {name: list(labels) for name, labels in model.coords.items() if labels is not None}
    return xr.Dataset(values | _deterministics(model, drawn), coords)


def _deterministics(
    model: pm.Model, drawn: Mapping[TensorVariable, NDArray[np.float64]]
) -> dict[str, Any]:
    """Return what follows from draws of the free variables, all draws at once."""
    named = list(model.deterministics)
    arrays = at_all_draws(named, drawn)
    return {
        variable.name: (("chain", "draw", *(model.named_vars_to_dims[variable.name])), array[None])
        for variable, array in zip(named, arrays, strict=True)
    }


def at_all_draws(
    wanted: Sequence[TensorVariable], drawn: Mapping[TensorVariable, NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """Return variables at draws, shape (draw, …), of the variables that they depend on.

    Without compiling; some thousand draws at a time, which is what memory holds.
    """
    import pytensor
    import pytensor.tensor as pt
    from pytensor.graph.replace import vectorize_graph

    batches = {
        given: pt.tensor(given.name, dtype=given.dtype, shape=(None, *given.type.shape))
        for given in drawn
    }
    function = pytensor.function(
        list(batches.values()),
        vectorize_graph(list(wanted), batches),
        mode="FAST_COMPILE",
        on_unused_input="ignore",
    )
    number = len(next(iter(drawn.values())))
    parts = [
        function(*(array[first : first + _AT_ONCE] for array in drawn.values()))
        for first in range(0, number, _AT_ONCE)
    ]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _quantile(
    rv: pm.Distribution,
    uniform: NDArray[np.float64],
    drawn: Mapping[TensorVariable, NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return quantiles of a deviation given draws of the variables before it."""
    import pymc as pm
    import pytensor.tensor as pt

    if _standard_normal(rv):  # nearly all are: without a graph, by the formula of PyMC
        from scipy.special import erfcinv

        return np.asarray(-np.sqrt(2.0) * erfcinv(2 * uniform))
    if rv.name in DEVIATIONS:  # normal around 0, the centre first and then the SD
        from scipy.special import ndtri

        (sd,) = at_all_draws([rv.owner.op.dist_params(rv.owner)[1]], drawn)
        return np.asarray(sd * ndtri(uniform))
    p = pt.tensor("p", dtype="float64", shape=uniform.shape[1:])
    (quantiles,) = at_all_draws([pm.icdf(rv, p)], {p: uniform, **drawn})
    return np.asarray(quantiles)


def _standard_normal(rv: pm.Distribution) -> bool:
    """Return whether a variable is normal with the constants 0 and 1."""
    import pymc as pm
    from pytensor.tensor import get_underlying_scalar_constant_value as constant

    if not isinstance(rv.owner.op, pm.Normal.rv_type):
        return False
    mean, sd = (
        constant(number, raise_not_constant=False) for number in rv.owner.op.dist_params(rv.owner)
    )
    known = isinstance(mean, np.ndarray) and isinstance(sd, np.ndarray)
    return known and bool(mean == 0.0 and sd == 1.0)
