"""Compiled loop over the groups of a batch; every number a row of the result needs."""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.posterior.compiled import compiled
from bayes_nmda.posterior.meta.components import (
    LOG_MARGINAL,
    MEAN,
    MU_MEAN,
    MU_SD,
    NEW_SD,
    SD,
    TAU_MEAN,
    TAU_SD,
    TAU_VALUE,
    UNIT,
    WEIGHT,
    posterior,
)
from bayes_nmda.posterior.meta.mixture import mixture_quantile, mixture_tail
from bayes_nmda.posterior.meta.prior_densities import FIXED, KIND, UNIFORM, Array
from bayes_nmda.posterior.meta.quadrature import posterior_exponent
from bayes_nmda.posterior.meta.tau_distribution import tau_quantile

type Indices = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
type Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

#: The columns of a row that every batch has, in the order in which the loop writes them.
FIXED_COLUMNS = (
    "log_marginal",
    *(
        f"{quantity}_{number}"
        for quantity in ("mu", "tau", "new_trial")
        for number in ("mean", "sd", "median", "lower", "upper")
    ),
)
DONE, SKIPPED, IMPROPER = range(3)
#: A component of less than this share changes no probability by 1e-9.
_PRUNE = 1e-10


@compiled
def quantiles_of(p: Array, z: Array, weights: Array, means: Array, sds: Array, out: Array) -> None:
    """Write the quantiles of a mixture, or of the point that it is."""
    point = True
    for i in range(sds.size):
        point = point and sds[i] == 0.0
    for j in range(p.size):
        out[j] = means[0] if point else mixture_quantile(p[j], z[j], weights, means, sds)


@compiled
def analyse_groups(
    first: int, last: int, yi: Array, sei: Array, starts: Indices, usable: Flags,
    mu_priors: Array, tau_priors: Array, p: Array, z: Array, below: Array, above: Array,
    out: Array, codes: Indices,
) -> None:  # fmt: skip
    """Analyse the groups from ``first`` to ``last`` and write a row of ``out`` for each."""
    for group in range(first, last):
        if not usable[group]:
            codes[group] = SKIPPED
            continue
        start, stop = starts[group], starts[group + 1]
        mu_prior, tau_prior = mu_priors[group], tau_priors[group]
        q = posterior_exponent(stop - start, mu_prior, tau_prior)
        if int(tau_prior[KIND]) == UNIFORM and not q > 0.0:
            codes[group] = IMPROPER
            continue
        summary, components, blocks, reference, tau_own = posterior(
            yi[start:stop], sei[start:stop], mu_prior, tau_prior, _PRUNE
        )
        weights = components[:, WEIGHT].copy()
        means = components[:, MEAN].copy()
        sds = components[:, SD].copy()
        new_sds = np.empty(sds.size)
        for i in range(sds.size):
            new_sds[i] = math.hypot(sds[i], components[i, TAU_VALUE])
        row = out[group]
        row[0] = summary[LOG_MARGINAL]
        row[1], row[2] = summary[MU_MEAN], summary[MU_SD]
        row[6], row[7] = summary[TAU_MEAN], summary[TAU_SD]
        row[11] = summary[MU_MEAN] if summary[TAU_MEAN] < math.inf else math.nan
        row[12] = summary[NEW_SD]
        quantiles_of(p, z, weights, means, sds, row[3:6])
        for j in range(p.size):
            row[8 + j] = summary[UNIT] * tau_quantile(p[j], blocks, reference, tau_own)
        known = int(tau_prior[KIND]) == FIXED and tau_prior[1] == 0.0
        if known:
            row[13:16] = row[3:6]
        else:
            quantiles_of(p, z, weights, means, new_sds, row[13:16])
        place = 16
        for turn in range(2):
            spread = sds if turn == 0 else new_sds
            for j in range(below.size):
                row[place] = mixture_tail(below[j], False, weights, means, spread)
                place += 1
            for j in range(above.size):
                row[place] = mixture_tail(above[j], True, weights, means, spread)
                place += 1
