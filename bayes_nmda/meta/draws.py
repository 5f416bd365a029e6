"""Independent draws from the exact posterior of a meta-analysis, as a DataTree.

tau by inversion of its distribution function, then mu, the trials' effects and a new trial's
effect from their conditional normals: exact draws, no chain and no burn-in.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bayes_nmda.errors import UsageError
from bayes_nmda.meta.compiled import compiled
from bayes_nmda.meta.likelihood import conditional
from bayes_nmda.meta.prior_densities import Array
from bayes_nmda.meta.student_t import (
    LOC,
    MU_KIND,
    STUDENT_T,
    rule_size,
    rule_variances,
    rule_weights,
)

if TYPE_CHECKING:
    from bayes_nmda.meta.analysis import MetaAnalysis


@compiled
def conditional_draws(
    taus: Array, uniforms: Array, effects: Array, variances: Array, mu_prior: Array
) -> tuple[Array, Array]:
    """Return mean and SD of mu given each tau; under a Student-t prior given a drawn lambda too."""
    means = np.empty(taus.size)
    sds = np.empty(taus.size)
    student = int(mu_prior[MU_KIND]) == STUDENT_T
    work = np.empty(rule_size(mu_prior) if student else 0)
    for i in range(taus.size):
        mean, precision, _ = conditional(taus[i], effects, variances, mu_prior)
        variance = 1.0 / precision
        if student:
            gap = mean - mu_prior[LOC]
            total, _ = rule_weights(gap, variance, mu_prior, work)
            wanted = uniforms[i] * total
            j = 0
            while j < work.size - 1:
                wanted -= work[j]
                if wanted <= 0.0:
                    break
                j += 1
            spread = rule_variances(mu_prior)[j]
            towards_prior = variance / (variance + spread)
            mean -= gap * towards_prior
            variance = spread * towards_prior
        means[i], sds[i] = mean, math.sqrt(variance)
    return means, sds


def draw_tree(result: MetaAnalysis, n: int, *, seed: int, chains: int) -> xr.DataTree:
    """Return n independent draws of mu, tau, theta and new_trial in the ArviZ layout."""
    if chains < 1 or n < 1 or n % chains:
        raise UsageError(f"n={n} must be a positive multiple of chains={chains}")
    rng = np.random.default_rng(seed)
    tau, unit = result.tau, result.tau.unit
    uniforms = rng.random((2, n))
    if tau.known:
        taus = np.full(n, tau.mean)
    else:
        taus = np.asarray(tau.quantile(np.clip(uniforms[0], 1e-300, 1.0 - 1e-16)))
    # The centre of the standardised data: the effects there are (yi - centre) / unit.
    first = int(np.argmin(result.sei))
    centre = result.yi[first] - unit * tau.effects[first]
    means, sds = conditional_draws(
        taus / unit, uniforms[1], tau.effects, tau.variances, tau.mu_prior
    )
    mu = centre + unit * (means + sds * rng.standard_normal(n))
    vi = result.sei**2
    towards_mean = vi / (vi + taus[:, None] ** 2)
    theta = result.yi + towards_mean * (mu[:, None] - result.yi)
    theta = theta + np.sqrt(towards_mean) * taus[:, None] * rng.standard_normal(theta.shape)
    new_trial = mu + taus * rng.standard_normal(n)
    shape, dims = (chains, n // chains), ("chain", "draw")
    posterior = xr.Dataset(
        {
            "mu": (dims, mu.reshape(shape)),
            "tau": (dims, taus.reshape(shape)),
            "new_trial": (dims, new_trial.reshape(shape)),
            "theta": ((*dims, "trial"), theta.reshape(*shape, -1)),
        },
        coords={
            "chain": np.arange(chains),
            "draw": np.arange(n // chains),
            "trial": list(result.trials),
        },
        attrs={"seed": seed, "sampling": "independent draws from the exact posterior"},
    )
    trial = {"trial": list(result.trials)}
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "observed_data": xr.Dataset({"yi": ("trial", result.yi)}, coords=trial),
            "constant_data": xr.Dataset({"sei": ("trial", result.sei)}, coords=trial),
        }
    )
    tree.attrs.update(
        {
            "engine": "exact",
            "seed": str(seed),
            "mu_prior": str(result.mu_prior),
            "tau_prior": str(result.tau_prior),
        }
    )
    return tree
