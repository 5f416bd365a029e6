"""What the draws of a fit imply: a new trial, replicated data, the likelihood of each trial.

All of it is arithmetic on draws, so that NUTS and the exact engine fill the same groups. The
log-likelihood is that of a whole trial, given the mean effect of its cells and the spread between
trials, with the trial's own deviation integrated out: leaving out a trial then means what a reader
thinks it means, and Pareto-smoothed importance sampling stays reliable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bayes_nmda.model.covariates import Covariates
from bayes_nmda.model.likelihoods import error_covariance, error_scale
from bayes_nmda.model.structure import Layout
from bayes_nmda.spec.model_file import WITHIN_PERSON

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

#: Points at which a Student-t trial effect is averaged over its gamma precision.
MIXTURE_POINTS = 48
_MIXTURE_TAIL = 1e-12


def new_trial(draws: xr.Dataset, spec: ModelSpec, rng: np.random.Generator) -> xr.DataArray:
    """Return draws of the true effect in a new trial of each cell, dims of ``effect``.

    Parameters
    ----------
    draws
        A posterior or prior group with ``effect``, ``tau`` and, where the model has it,
        ``sd_trial_timepoint``.
    spec
        Says whether trials scatter as a normal or a Student-t distribution.
    rng
        Source of randomness.
    """
    effect = draws["effect"]
    if spec.structure.trial_effects == "student_t":
        unit = rng.standard_t(float(spec.structure.degrees_of_freedom or 0), effect.shape)
    else:
        unit = rng.standard_normal(effect.shape)
    trial = draws["tau"] * xr.DataArray(unit, dims=effect.dims)
    if "sd_trial_timepoint" in draws:
        visit = xr.DataArray(rng.standard_normal(effect.shape), dims=effect.dims)
        trial = trial + draws["sd_trial_timepoint"] * visit
    return (effect + trial).transpose(*effect.dims).rename("new_trial")


def difference_groups(
    posterior: xr.Dataset,
    prior: xr.Dataset,
    effects: EffectTable,
    spec: ModelSpec,
    rngs: tuple[np.random.Generator, np.random.Generator],
) -> dict[str, xr.Dataset]:
    """Return the groups of a fit to differences that are about what was observed."""
    layout = Layout.of(effects.frame)
    errors = error_covariance(effects.covariance, layout, spec.structure.pooling)
    yi = effects.frame["yi"].to_numpy(float)
    scale, before = (drawn_error_scale(draws, effects) for draws in (posterior, prior))
    likelihood = trial_log_likelihood(posterior, effects, errors, layout, spec, scale=scale)
    return {
        "posterior_predictive": replicate(posterior, errors, rngs[0], scale=scale).to_dataset(),
        "prior_predictive": replicate(prior, errors, rngs[1], scale=before).to_dataset(),
        "log_likelihood": likelihood.to_dataset(),
        "observed_data": xr.Dataset({"yi": ("contrast", yi)}, {"contrast": list(layout.contrasts)}),
    }


def drawn_error_scale(draws: xr.Dataset, effects: EffectTable) -> xr.DataArray | None:
    """Return by what each draw's errors exceed those of the table, dims (…, contrast).

    None where no error depends on the correlation within people.
    """
    within = effects.within_person
    if within is None:
        return None
    contrasts = list(effects.frame["contrast"])
    independent, shared = (
        xr.DataArray(values, dims="contrast", coords={"contrast": contrasts})
        for values in (within.independent, within.shared)
    )
    scale = error_scale(independent, shared, within.reference, draws[WITHIN_PERSON])
    return xr.DataArray(scale).transpose(..., "contrast")


def replicate(
    draws: xr.Dataset,
    errors: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    scale: xr.DataArray | None = None,
) -> xr.DataArray:
    """Return replicated observations ``yi``, dims of ``theta``: the same trials, run again.

    Parameters
    ----------
    draws
        A posterior or prior group with ``theta``.
    errors
        Covariance of the errors, shape (contrast, contrast).
    rng
        Source of randomness.
    scale
        What `drawn_error_scale` returns.
    """
    theta = draws["theta"].transpose(..., "contrast")
    noise = rng.standard_normal(theta.shape) @ np.linalg.cholesky(errors).T
    if scale is not None:
        noise = noise * scale.transpose(*theta.dims).to_numpy()
    return (theta + noise).transpose(*draws["theta"].dims).rename("yi")


def _coefficients(
    draws: xr.Dataset, covariates: Covariates, sample: list[str]
) -> NDArray[np.float64]:
    """Return the coefficients of covariates, shape (all draws, covariate)."""
    columns = [draws[name].transpose(*sample).to_numpy().ravel() for name in covariates.names]
    return np.stack(columns, axis=1)


def trial_log_likelihood(
    draws: xr.Dataset,
    effects: EffectTable,
    errors: NDArray[np.float64],
    layout: Layout,
    spec: ModelSpec,
    *,
    scale: xr.DataArray | None = None,
) -> xr.DataArray:
    """Return the log-likelihood of each trial, dims (…, trial), its own deviation integrated out.

    Parameters
    ----------
    draws
        A posterior or prior group with ``effect``, ``tau`` and perhaps ``sd_trial_timepoint``.
    effects
        The contrasts.
    errors
        Covariance of the errors, shape (contrast, contrast).
    layout
        Which contrast belongs to which cell, comparison and trial.
    spec
        Correlation of multi-arm trials and the distribution of trial effects.
    scale
        What `drawn_error_scale` returns.
    """
    yi = effects.frame["yi"].to_numpy(float)
    sample = [str(d) for d in draws["effect"].dims if d != "cell"]
    shape = tuple(draws.sizes[d] for d in sample)
    mean = draws["effect"].transpose(*sample, "cell").to_numpy().reshape(-1, len(layout.cells))
    tau = draws["tau"].transpose(*sample, ...).to_numpy()
    # tau belongs to the whole model, or to each cell where cells are analysed alone
    tau = np.broadcast_to(tau.reshape(mean.shape[0], -1), mean.shape)[:, layout.cell_of_contrast]
    visit = np.zeros(mean.shape[0])
    if "sd_trial_timepoint" in draws:
        visit = draws["sd_trial_timepoint"].transpose(*sample).to_numpy().ravel()
    within = spec.structure.multi_arm_correlation
    of = layout.comparison_of_contrast
    trial_correlation = layout.comparison_groups.correlation(within)[np.ix_(of, of)]
    if spec.structure.pooling == "none":
        trial_correlation = np.eye(len(yi))
    visit_correlation = layout.contrast_groups.correlation(within)
    own = np.ones((1, len(yi)))
    if scale is not None:
        own = scale.transpose(*sample, "contrast").to_numpy().reshape(-1, len(yi))
    covariates = Covariates.of(spec, effects.frame)
    coefficients = np.zeros((mean.shape[0], 0))
    if covariates:
        coefficients = _coefficients(draws, covariates, sample)
    shift = covariates.shift(coefficients)
    precisions, log_weights = _precision_points(spec)
    out = np.empty((mean.shape[0], len(layout.trials)))
    for position in range(len(layout.trials)):
        rows = np.flatnonzero(layout.trial_of_contrast == position)
        block = np.ix_(rows, rows)
        residual = yi[rows] - mean[:, layout.cell_of_contrast[rows]] - shift[:, rows]
        trial = tau[:, rows][:, :, None] * tau[:, rows][:, None, :] * trial_correlation[block]
        drawn = errors[block] * own[:, rows][:, :, None] * own[:, rows][:, None, :]
        rest = drawn + visit[:, None, None] ** 2 * visit_correlation[block]
        if covariates.any_unknown:
            rest = rest + covariates.subset(rows).covariance(coefficients)
        densities = [
            log_weight + _normal_logpdf(residual, rest + trial / precision)
            for precision, log_weight in zip(precisions, log_weights, strict=True)
        ]
        out[:, position] = np.logaddexp.reduce(densities, axis=0)
    coords = {d: draws[d] for d in sample} | {"trial": list(layout.trials)}
    return xr.DataArray(out.reshape(*shape, -1), dims=[*sample, "trial"], coords=coords, name="yi")


def _precision_points(spec: ModelSpec) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return precisions of trial effects and the logarithms of their weights.

    The trapezoidal rule on the log precision: an odd trial owes its density to precisions far out
    in the tail, which points of equal probability would miss.
    """
    if spec.structure.trial_effects == "normal":
        return np.ones(1), np.zeros(1)
    from scipy import stats

    half = float(spec.structure.degrees_of_freedom or 0) / 2
    gamma = stats.gamma(half, scale=1 / half)
    first, last = np.log([gamma.ppf(_MIXTURE_TAIL), gamma.isf(_MIXTURE_TAIL)])
    log_precision = np.linspace(first, last, MIXTURE_POINTS)
    precision = np.exp(log_precision)
    log_weights = gamma.logpdf(precision) + log_precision
    return precision, log_weights - np.logaddexp.reduce(log_weights)


def _normal_logpdf(
    residual: NDArray[np.float64], covariance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return log densities, shape (draw,), of residuals (draw, n) with covariances (draw, n, n)."""
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, residual[..., None])[..., 0]
    log_det = np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)
    size = residual.shape[-1]
    return np.asarray(-0.5 * (white**2).sum(-1) - log_det - 0.5 * size * np.log(2 * np.pi))
