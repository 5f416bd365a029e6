"""A model file and an effect table in, a PyMC model out.

The model is built and not sampled: a reader can draw it, sample from its prior, add a term, or hand
it to another sampler. All deviations are non-centred, because there are few trials and standard
deviations near zero are plausible. Numbers of priors and data are data containers: another prior
of the same family, another correlation or other effects of the same shape need no new compilation.
Counts of events go further: their positions are data too and their dimensions have spare places on
request, so that all outcomes of one structure are one compiled model.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm

from bayes_nmda.errors import SpecError
from bayes_nmda.model.counts import Counts, arm_labels
from bayes_nmda.model.files import WITHIN_PERSON
from bayes_nmda.model.likelihoods import error_covariance, error_scale
from bayes_nmda.model.structure import Groups, Layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.model.priors import Prior
    from bayes_nmda.model.spec import ModelSpec


#: What deviates, and the dimension along which it does.
_DIMS = {"comparison": "comparison", "trial_timepoint": "contrast"}


def build_model(spec: ModelSpec, effects: EffectTable, *, spare: bool = False) -> pm.Model:
    """Return the PyMC model of one analysis.

    Parameters
    ----------
    spec
        The analysis.
    effects
        Its contrasts, from `bayes_nmda.effect_table`.
    spare
        For counts: fill up the dimensions with places without data. Their variables keep their
        priors and touch nothing else, see `Layout.padded`.

    Returns
    -------
    pymc.Model
        Dimensions ``cell``, ``partition``, ``drug_name``, ``comparison``, ``contrast``, ``trial``.
        Variables ``overall``, ``tau``, ``sd_drug``, ``sd_route``, ``sd_timepoint``,
        ``sd_trial_timepoint``, ``partition_effect``, ``effect`` (cell), ``theta`` (contrast) and
        the observed ``yi`` (contrast), all in the unit and with the sign of the effect measure;
        ``z_…`` are standard normal deviations. ``within_person_correlation`` stands there where
        the error of a paired result depends on it. For counts, ``baseline`` (control_arm) are the
        log odds of an event in each control arm, and the observed are ``events`` (arm): each arm
        stands there once.

    Raises
    ------
    SpecError
        If a contrast has no finite effect in the measure of the model, where the likelihood is
        normal; counts need none. If the effects are not those of the model file's supplement.
    DataError
        If an arm would be counted twice.

    References
    ----------
    Higgins & Whitehead 1996, Stat Med 15:2733; Lu & Ades 2004, Stat Med 23:3105 (multi-arm
    trials); Smith, Spiegelhalter & Thomas 1995, Stat Med 14:2685 (binomial likelihood).
    """
    layout = Layout.of(effects.frame)
    if spec.likelihood.family != "normal":
        return _count_model(spec, layout, Counts.of(effects.frame, layout), spare=spare)
    _require_effects(spec, effects)
    _require_pairs(spec, effects)
    errors = error_covariance(effects.covariance, layout, spec.structure.pooling)
    with pm.Model(coords=layout.coords()) as model:
        effect, spread = _effects(spec, layout, _fixed)
        theta = pm.Deterministic("theta", effect[layout.cell_of_contrast] + spread, dims="contrast")
        pm.MvNormal(
            "yi",
            mu=theta,
            chol=_scaled(spec, effects, pm.Data("error_cholesky", np.linalg.cholesky(errors))),
            observed=pm.Data("yi_observed", effects.frame["yi"].to_numpy(float), dims="contrast"),
            dims="contrast",
        )
    return model


def _count_model(spec: ModelSpec, layout: Layout, counts: Counts, *, spare: bool) -> pm.Model:
    if spare:
        layout = layout.padded()
        counts = counts.padded(len(layout.controls), len(layout.contrasts))
    arms = {"control_arm": layout.controls, "arm": arm_labels(layout)}
    with pm.Model(coords=layout.coords() | arms) as model:
        effect, spread = _effects(spec, layout, pm.Data)
        cell = pm.Data("cell_of_contrast", layout.cell_of_contrast)
        theta = pm.Deterministic("theta", effect[cell] + spread, dims="contrast")
        baseline = _prior(spec, "baseline", dims="control_arm")
        control = pm.Data("control_of_contrast", layout.control_of_contrast)
        log_odds = pm.math.concatenate([baseline, baseline[control] + theta])
        n = pm.Data("n", counts.n, dims="arm")
        events = pm.Data("events_observed", counts.events, dims="arm")
        if spec.likelihood.family == "binomial":
            pm.Binomial("events", n=n, logit_p=log_odds, observed=events, dims="arm")
        else:
            overdispersion = _prior(spec, "overdispersion")
            risk = pm.math.invlogit(log_odds)
            pm.BetaBinomial(
                "events",
                n=n,
                alpha=risk / overdispersion,
                beta=pm.math.invlogit(-log_odds) / overdispersion,
                observed=events,
                dims="arm",
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


def _require_pairs(spec: ModelSpec, effects: EffectTable) -> None:
    asked, given = WITHIN_PERSON in dict(spec.priors), effects.within_person is not None
    if asked != given:
        found = "no paired result" if asked else "a paired result"
        raise SpecError(
            f"model {spec.name}: priors: found {found} whose error depends on the correlation "
            f"within people, {'but' if asked else 'and no'} priors.{WITHIN_PERSON}; allowed are "
            "the effects that effect_table(trials, spec) makes of this model"
        )


def _scaled(spec: ModelSpec, effects: EffectTable, cholesky: Any) -> Any:
    """Return the factor of the errors at the correlation within people, where one is unknown."""
    within = effects.within_person
    if within is None:
        return cholesky
    numbers = (
        pm.Data("paired_independent", within.independent),
        pm.Data("paired_shared", within.shared),
        pm.Data("paired_reference", np.float64(within.reference)),
    )
    return error_scale(*numbers, _prior(spec, WITHIN_PERSON))[:, None] * cholesky


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


def _fixed(name: str, values: Any) -> Any:
    """Return values as they are, part of the compiled model."""
    return values


def _deviations(
    name: str,
    groups: Groups,
    within: float,
    hold: Callable[[str, Any], Any],
) -> Any:
    """Return deviations of unit scale, one a ``name``; members of a group correlate ``within``."""
    own = pm.Normal(f"z_{name}", dims=_DIMS[name])
    if not groups.labels:
        return own
    common = pm.Normal(f"z_{name}_shared", dims=f"{_DIMS[name]}_group")
    weight = np.where(groups.shared, within, 0.0)
    of_member = hold(f"{name}_group_of", groups.of_member)
    apart = hold(f"{name}_apart", np.sqrt(1 - weight))
    together = hold(f"{name}_together", np.sqrt(weight))
    return apart * own + together * common[of_member]


def _effects(spec: ModelSpec, layout: Layout, hold: Callable[[str, Any], Any]) -> tuple[Any, Any]:
    """Return the cell effects and the deviations of contrasts from them.

    ``hold`` makes a constant of the model of an array: `_fixed`, or data that can change.
    """
    timed = spec.structure.timepoints
    pooling, within = spec.structure.pooling, spec.structure.multi_arm_correlation
    if pooling == "none":
        effect = _prior(spec, "overall", rename="effect", dims="cell")
        tau = _prior(spec, "tau", dims="cell")
        z = pm.Normal("z_comparison", dims="contrast")
        cell = hold("tau_of_contrast", layout.cell_of_contrast)
        return effect, tau[cell] * _heavy(spec, layout, z, hold)
    overall = _prior(spec, "overall")
    if pooling == "complete":
        partition_effect = overall + np.zeros(len(layout.partitions))
        timepoint: Any = 0.0
    else:
        sd_drug, sd_route = _prior(spec, "sd_drug"), _prior(spec, "sd_route")
        drug = sd_drug * pm.Normal("z_drug", dims="drug_name")
        route = sd_route * pm.Normal("z_route", dims="partition")
        partition_effect = overall + drug[hold("drug_of", layout.drug_of_partition)] + route
        timepoint = 0.0
        if timed:
            timepoint = _prior(spec, "sd_timepoint") * pm.Normal("z_timepoint", dims="cell")
    partition = pm.Deterministic("partition_effect", partition_effect, dims="partition")
    of_cell = hold("partition_of", layout.partition_of_cell)
    effect = pm.Deterministic("effect", partition[of_cell] + timepoint, dims="cell")
    u = _deviations("comparison", layout.comparison_groups, within, hold)
    of_contrast = hold("comparison_of", layout.comparison_of_contrast)
    if not timed:
        return effect, _prior(spec, "tau") * _heavy(spec, layout, u[of_contrast], hold)
    w = _deviations("trial_timepoint", layout.contrast_groups, within, hold)
    trial = _heavy(spec, layout, u[of_contrast], hold)
    return effect, _prior(spec, "tau") * trial + _prior(spec, "sd_trial_timepoint") * w


def _heavy(spec: ModelSpec, layout: Layout, z: Any, hold: Callable[[str, Any], Any]) -> Any:
    """Return trial deviations with Student-t tails where the model file asks for them.

    A Student-t is a normal whose precision is a gamma variable, one for each trial: comparisons of
    one trial are odd together.
    """
    if spec.structure.trial_effects == "normal":
        return z
    degrees = np.float64(spec.structure.degrees_of_freedom or 0)
    half = pm.Data("degrees_of_freedom", degrees) / 2
    precision = pm.Gamma("trial_precision", alpha=half, beta=half, dims="trial")
    of_contrast = hold("trial_of", layout.trial_of_contrast)
    return z / pm.math.sqrt(precision[of_contrast])
