"""One random-effects meta-analysis, exact: yi ~ N(theta_i, sei²), theta_i ~ N(mu, tau²).

Given tau everything is normal; tau is integrated by quadrature (``quadrature``), so nothing is
sampled and the same input gives the same digits. *tau* is the SD between trials' true effects; the
SD of *mu* says how well their mean is known.

References
----------
Higgins, Thompson & Spiegelhalter (2009), J R Stat Soc A 172:137,
doi:10.1111/j.1467-985X.2008.00552.x
Röver (2020), J Stat Softw 93(6), doi:10.18637/jss.v093.i06
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from bayes_nmda.errors import UsageError
from bayes_nmda.meta.compiled import patient
from bayes_nmda.meta.components import (
    LOG_MARGINAL,
    MU_MEAN,
    MU_SD,
    NEW_SD,
    TAU_MEAN,
    TAU_SD,
    posterior,
)
from bayes_nmda.meta.input import checked_trials, impropriety
from bayes_nmda.meta.joining import MEAN, SD, TAU_VALUE, WEIGHT
from bayes_nmda.meta.likelihood import standardise
from bayes_nmda.meta.marginals import NormalMixture, TauMarginal
from bayes_nmda.meta.mu_priors import MuPrior, mu_prior
from bayes_nmda.meta.nodes import REF_LOG
from bayes_nmda.meta.panels import MASS
from bayes_nmda.meta.prior_syntax import Prior
from bayes_nmda.meta.result import MetaAnalysis
from bayes_nmda.meta.tau_priors import TauPrior, tau_prior

__all__ = ["MetaAnalysis", "meta_analysis"]

#: Nodes of less than this share of the posterior are left out of mixtures.
PRUNE = 1e-13


def meta_analysis(
    yi: ArrayLike,
    sei: ArrayLike,
    *,
    mu: Prior | MuPrior = ("flat",),
    tau: Prior | TauPrior,
    tau_upper: float = np.inf,
    trials: Sequence[str] | None = None,
) -> MetaAnalysis:
    """Return the exact posterior of a random-effects meta-analysis; nothing is sampled.

    Parameters
    ----------
    yi
        Effects of the trials, shape (k,), k ≥ 1, on a scale where they are about normal.
    sei
        Their standard errors, same shape and units; not variances.
    mu
        Prior of the mean effect: ``("normal", m, s)``, ``("flat",)``, ``("student_t", df, m, s)``,
        ``("fixed", m)`` or a number, or a named prior such as ``"bartos2021:pain"``.
    tau
        Prior of the SD between trials: ``("half_normal", s)``, ``("half_cauchy", s)``,
        ``("uniform", upper)``, ``("inverse_gamma", a, b)``, ``("log_normal", m, s)``,
        ``("log_student_t", df, m, s)``, ``("exponential", rate)``, a number (tau is known; 0 is
        the common-effect model), or a named prior such as ``"turner2015:pain"``.
    tau_upper
        Where the prior of tau is cut off, in units of the effects; ``.tau_prior.truncated_mass``
        is the mass lost.
    trials
        Labels of the trials; numbers from 1 if left out.

    Returns
    -------
    MetaAnalysis
        With ``.mu``, ``.tau``, ``.new_trial``, ``.theta``, ``.prob_below``, ``.prob_above``,
        ``.log_marginal``, ``.density``, ``.draws``.

    Raises
    ------
    UsageError
        Effects or standard errors are unusable, a prior does not exist or is out of range, or the
        posterior is improper.

    Notes
    -----
    Proper priors give proper posteriors for every k ≥ 1, also under a flat mu. The uniform prior
    without a bound, ``("uniform", inf)``, needs three trials under a flat mu and two otherwise.
    The likelihood falls as tau^-k (tau^(1-k) under a flat mu), so the mean of tau^r exists where
    r is below that power plus the prior's own (half-Cauchy 1, inverse-gamma a, log-t 0 with
    equality allowed). A moment that does not exist is ``inf`` or ``nan``, never a number.

    Examples
    --------
    >>> result = meta_analysis(
    ...     [-2.3, -1.3], [0.6, 0.64], mu=("normal", 0, 4), tau=("half_normal", 0.5)
    ... )
    >>> round(result.mu.mean, 3), round(result.prob_below(0), 4)
    (-1.79, 0.9977)
    """
    effects, errors = checked_trials(yi, sei)
    if trials is None:
        labels = tuple(str(number) for number in range(1, effects.size + 1))
    else:
        labels = tuple(str(label) for label in trials)
        if len(labels) != effects.size:
            raise UsageError(f"trials has {len(labels)} labels for {effects.size} effects")
    prior_of_mu, prior_of_tau = mu_prior(mu), tau_prior(tau, upper=tau_upper)
    mu_code, tau_code = prior_of_mu.code(), prior_of_tau.code()
    wrong = impropriety(effects.size, mu_code, tau_code)
    if wrong:
        raise UsageError(wrong)
    with patient(posterior):
        summary, components, blocks, reference, tau_own = posterior(
            effects, errors, mu_code, tau_code, PRUNE
        )
    weights, means, sds, taus = (
        np.ascontiguousarray(components[:, column]) for column in (WEIGHT, MEAN, SD, TAU_VALUE)
    )
    _, unit, own_effects, own_variances, mu_own = standardise(effects, errors, mu_code)
    log_mass = float(reference[REF_LOG] + np.log(blocks[:, 1:, MASS].sum()))
    mean, tau_mean = float(summary[MU_MEAN]), float(summary[TAU_MEAN])
    return MetaAnalysis(
        mu=NormalMixture("mu", mean, float(summary[MU_SD]), weights, means, sds),
        tau=TauMarginal(
            "tau", tau_mean, float(summary[TAU_SD]), unit, log_mass, blocks, reference, tau_own,
            mu_own, own_effects, own_variances,
        ),
        new_trial=NormalMixture(
            "new_trial", mean if np.isfinite(tau_mean) else np.nan, float(summary[NEW_SD]),
            weights, means, np.hypot(sds, taus),
        ),
        log_marginal=float(summary[LOG_MARGINAL]),
        mu_prior=prior_of_mu,
        tau_prior=prior_of_tau,
        trials=labels,
        yi=effects,
        sei=errors,
        node_taus=taus,
    )  # fmt: skip
