"""Compiled loop over the groups of a batch; every number a row of the result needs."""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.meta.atoms import posterior_exponent
from bayes_nmda.meta.compiled import compiled
from bayes_nmda.meta.components import (
    LOG_MARGINAL,
    MU_MEAN,
    MU_SD,
    NEW_SD,
    TAU_MEAN,
    TAU_SD,
    UNIT,
    posterior,
)
from bayes_nmda.meta.joining import MEAN, SD, TAU_VALUE, WEIGHT
from bayes_nmda.meta.mixture import (
    has_point,
    mixture_quantile,
    mixture_tail,
    ready,
    ready_tail,
)
from bayes_nmda.meta.prior_densities import KIND, UNIFORM, Array
from bayes_nmda.meta.tau_distribution import tau_quantile

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
def describe(
    p: Array, z: Array, below: Array, above: Array, weights: Array, means: Array, sds: Array,
    quantiles: Array, tails: Array,
) -> None:  # fmt: skip
    """Write quantiles and tail probabilities of a mixture, or of the point that it is."""
    point = has_point(sds)
    parts = ready(weights, means, sds) if not point else np.zeros((1, 1))
    for j in range(p.size):
        quantiles[j] = means[0] if point else mixture_quantile(p[j], z[j], parts)
    for j in range(below.size + above.size):
        upwards = j >= below.size
        x = above[j - below.size] if upwards else below[j]
        if math.isnan(x):
            tails[j] = math.nan
        elif point:
            tails[j] = mixture_tail(x, upwards, weights, means, sds)
        else:
            tails[j] = ready_tail(x, upwards, parts)


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
        asked = below.size + above.size
        describe(p, z, below, above, weights, means, sds, row[3:6], row[16 : 16 + asked])
        for j in range(p.size):
            row[8 + j] = summary[UNIT] * tau_quantile(p[j], blocks, reference, tau_own)
        describe(p, z, below, above, weights, means, new_sds, row[13:16], row[16 + asked :])
