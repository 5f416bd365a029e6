"""Compiled likelihood of tau, with the mean mu integrated out, and mu given tau.

Data come standardised: effects less a centre, and everything over the smallest standard error.
Given tau, mu is normal (or, under a Student-t prior, a mixture of normals over the prior's
precision factor lambda). The log likelihood is computed twice: plainly, to find the modes, and in
`changes` as a change from a reference tau in which nothing large cancels, so that contradictory
data, whose log likelihood is of order -1e12, keep all their digits.

References
----------
Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., eq. 5.20-5.21: mu and tau marginally.
"""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.meta.compiled import compiled
from bayes_nmda.meta.prior_densities import Array
from bayes_nmda.meta.student_t import (
    FIXED_MU,
    LOC,
    MU_KIND,
    NORMAL,
    SCALE,
    STUDENT_T,
    log_predictive,
    with_rule,
)

_LOG_2PI = math.log(2.0 * math.pi)


@compiled
def conditional(
    tau: float, effects: Array, variances: Array, mu_prior: Array
) -> tuple[float, float, float]:
    """Return mean and precision of mu given tau and data, and the absolute log likelihood of tau.

    Under a Student-t prior mean and precision are those from the data alone.
    """
    kind = int(mu_prior[MU_KIND])
    k = effects.size
    square = tau * tau
    precision = 0.0
    moment = 0.0
    log_weights = 0.0
    for i in range(k):
        w = 1.0 / (variances[i] + square)
        precision += w
        moment += w * effects[i]
        log_weights -= math.log(variances[i] + square)
    value = 0.5 * log_weights - 0.5 * k * _LOG_2PI
    if kind == FIXED_MU:
        mean, precision = mu_prior[LOC], math.inf
        misfit = 0.0
    else:
        misfit = 0.0
        if kind == NORMAL:
            own = 1.0 / (mu_prior[SCALE] * mu_prior[SCALE])
            precision += own
            moment += own * mu_prior[LOC]
            value -= math.log(mu_prior[SCALE])
        else:
            value += 0.5 * _LOG_2PI
        mean = moment / precision
        value -= 0.5 * math.log(precision)
        if kind == NORMAL:
            misfit = ((mu_prior[LOC] - mean) / mu_prior[SCALE]) ** 2
    for i in range(k):
        misfit += (effects[i] - mean) ** 2 / (variances[i] + square)
    value -= 0.5 * misfit
    if kind == STUDENT_T:
        value += log_predictive(mean, precision, mu_prior)
    return mean, precision, value


@compiled
def standardise(yi: Array, sei: Array, mu_prior: Array) -> tuple[float, float, Array, Array, Array]:
    """Return centre, scale, and on that scale effects, variances and the prior of mu.

    A Student-t prior then also holds its rule over lambda.
    """
    most_precise = int(np.argmin(sei))
    scale = sei[most_precise]
    centre = mu_prior[LOC] if int(mu_prior[MU_KIND]) == FIXED_MU else yi[most_precise]
    prior = mu_prior.copy()
    prior[LOC] = (mu_prior[LOC] - centre) / scale
    prior[SCALE] = mu_prior[SCALE] / scale
    effects = (yi - centre) / scale
    if int(prior[MU_KIND]) == STUDENT_T:
        prior = with_rule(prior, effects)
    return centre, scale, effects, (sei / scale) ** 2, prior
