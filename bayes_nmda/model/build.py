"""A model file and an effect table in, a PyMC model out.

The model is built and not sampled: a reader can draw it, sample from its prior, add a term, or hand
it to another sampler. All deviations are non-centred, because there are few trials and standard
deviations near zero are plausible. Numbers of priors and data are data containers: another prior
of the same family, another correlation or other effects of the same shape need no new compilation.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm

from bayes_nmda.errors import SpecError
from bayes_nmda.model.likelihoods import error_covariance
from bayes_nmda.model.structure import Groups, Layout

if TYPE_CHECKING:
    from bayes_nmda.effects import EffectTable
    from bayes_nmda.model.priors import Prior
    from bayes_nmda.model.spec import ModelSpec


def build_model(spec: ModelSpec, effects: EffectTable) -> pm.Model:
    """Return the PyMC model of one analysis.

    Parameters
    ----------
    spec
        The analysis.
    effects
        Its contrasts, from `bayes_nmda.effect_table`.

    Returns
    -------
    pymc.Model
        Dimensions ``cell``, ``partition``, ``drug_name``, ``comparison``, ``contrast``, ``trial``.
        Variables ``overall``, ``tau``, ``sd_drug``, ``sd_route``, ``sd_timepoint``,
        ``sd_trial_timepoint``, ``partition_effect``, ``effect`` (cell), ``theta`` (contrast) and
        the observed ``yi`` (contrast), all in the unit and with the sign of the effect measure;
        ``z_…`` are standard normal deviations.

    Raises
    ------
    SpecError
        If a contrast has no finite effect in the measure of the model.

    References
    ----------
    Higgins & Whitehead 1996, Stat Med 15:2733; Lu & Ades 2004, Stat Med 23:3105 (multi-arm trials).
    """
    _require_effects(spec, effects)
    layout = Layout.of(effects.frame)
    errors = error_covariance(effects.covariance, layout, spec.structure.pooling)
    with pm.Model(coords=layout.coords()) as model:
        effect, spread = _effects(spec, layout)
        theta = pm.Deterministic("theta", effect[layout.cell_of_contrast] + spread, dims="contrast")
        pm.MvNormal(
            "yi",
            mu=theta,
            chol=pm.Data("error_cholesky", np.linalg.cholesky(errors)),
            observed=pm.Data("yi_observed", effects.frame["yi"].to_numpy(float), dims="contrast"),
            dims="contrast",
        )
    return model


def _require_effects(spec: ModelSpec, effects: EffectTable) -> None:
    known = np.isfinite(effects.frame["yi"].to_numpy(float))
    if not known.all():
        raise SpecError(
            f"model {spec.name}: effect.measure: found no {spec.measure} for "
            f"{', '.join(effects.frame['contrast'][~known])}: nobody, or everybody, had an event; "
            "allowed are contrasts with a finite effect: take another measure, or "
            "effects.subset(numpy.isfinite(effects.frame['yi']))"
        )


def prior_of(spec: ModelSpec, variable: str) -> Prior | None:
    """Return the prior of a free variable of the model; None for a deviation of unit scale."""
    if spec.structure.pooling == "none" and variable == "effect":
        return spec.prior("overall")
    return dict(spec.priors).get(variable)


def _prior(spec: ModelSpec, name: str, *, rename: str = "", dims: str | None = None) -> Any:
    prior = spec.prior(name)
    numbers = {
        parameter: pm.Data(f"prior_{name}_{parameter}", np.float64(value))
        for parameter, value in prior.parameters
    }
    with warnings.catch_warnings():
        # PyMC derives the quantile function of an inverse gamma from a fresh gamma and warns of it.
        warnings.filterwarnings("ignore", message="RandomVariables .* were found in the derived")
        return prior.random_variable(rename or name, numbers, dims=dims)


def _deviations(name: str, dims: str, groups: Groups, group_dims: str, within: float) -> Any:
    """Return standard deviations of unit scale; members of a group correlate by ``within``."""
    own = pm.Normal(f"z_{name}", dims=dims)
    if not groups.labels:
        return own
    common = pm.Normal(f"z_{name}_shared", dims=group_dims)
    weight = np.where(groups.shared, within, 0.0)
    return np.sqrt(1 - weight) * own + np.sqrt(weight) * common[groups.of_member]


def _effects(spec: ModelSpec, layout: Layout) -> tuple[Any, Any]:
    """Return the cell effects and the deviations of contrasts from them."""
    pooling, within = spec.structure.pooling, spec.structure.multi_arm_correlation
    if pooling == "none":
        effect = _prior(spec, "overall", rename="effect", dims="cell")
        tau = _prior(spec, "tau", dims="cell")
        z = pm.Normal("z_comparison", dims="contrast")
        return effect, tau[layout.cell_of_contrast] * _heavy(spec, layout, z)
    overall = _prior(spec, "overall")
    if pooling == "complete":
        partition_effect = overall + np.zeros(len(layout.partitions))
        timepoint: Any = np.zeros(len(layout.cells))
    else:
        sd_drug, sd_route = _prior(spec, "sd_drug"), _prior(spec, "sd_route")
        drug = sd_drug * pm.Normal("z_drug", dims="drug_name")
        route = sd_route * pm.Normal("z_route", dims="partition")
        partition_effect = overall + drug[layout.drug_of_partition] + route
        timepoint = _prior(spec, "sd_timepoint") * pm.Normal("z_timepoint", dims="cell")
    partition = pm.Deterministic("partition_effect", partition_effect, dims="partition")
    effect = pm.Deterministic(
        "effect", partition[layout.partition_of_cell] + timepoint, dims="cell"
    )
    u = _deviations(
        "comparison", "comparison", layout.comparison_groups, "comparison_group", within
    )
    w = _deviations("trial_timepoint", "contrast", layout.contrast_groups, "contrast_group", within)
    trial = _heavy(spec, layout, u[layout.comparison_of_contrast])
    return effect, _prior(spec, "tau") * trial + _prior(spec, "sd_trial_timepoint") * w


def _heavy(spec: ModelSpec, layout: Layout, z: Any) -> Any:
    """Return trial deviations with Student-t tails where the model file asks for them.

    A Student-t is a normal whose precision is a gamma variable, one for each trial: comparisons of
    one trial are odd together.
    """
    if spec.structure.trial_effects == "normal":
        return z
    degrees = np.float64(spec.structure.degrees_of_freedom or 0)
    half = pm.Data("degrees_of_freedom", degrees) / 2
    precision = pm.Gamma("trial_precision", alpha=half, beta=half, dims="trial")
    return z / pm.math.sqrt(precision[layout.trial_of_contrast])
