"""A model file and an effect table in, a PyMC model out.

The model is built and not sampled: a reader can draw it, sample from its prior, add a term, or hand
it to another sampler. All deviations are non-centred, because there are few trials and standard
deviations near zero are plausible. Numbers of priors, observations and positions are data
containers, and dimensions have spare places on request: analyses of one structure and one family
of priors, whatever their outcome, are one compiled model.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm

from bayes_nmda.errors import SpecError
from bayes_nmda.model.counts import Counts, arm_labels
from bayes_nmda.model.files import WITHIN_PERSON
from bayes_nmda.model.likelihoods import Errors, error_scale, log_density, replicated
from bayes_nmda.model.structure import Groups, Layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.model.priors import Prior
    from bayes_nmda.model.spec import ModelSpec


#: Dimensions of a model with spare places are filled up to multiples of these.
_NARROW = {"cells": 8, "partitions": 8, "drugs": 8}
PLACES = {
    "differences": {
        **_NARROW, "cells": 16, "comparisons": 24, "contrasts": 32, "trials": 24, "controls": 32,
    },
    "counts": _NARROW | dict.fromkeys(("comparisons", "contrasts", "trials", "controls"), 16),
}  # fmt: skip
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
        For sampling: fill up the dimensions with places without data, whose variables keep their
        priors and touch nothing else (`Layout.padded`), and leave out the checks of parameters,
        because the numbers of priors were checked when they were read.

    Returns
    -------
    pymc.Model
        Dimensions ``cell``, ``partition``, ``drug_name``, ``comparison``, ``contrast``, ``trial``.
        Variables ``overall``, ``tau``, ``sd_drug``, ``sd_route``, ``sd_timepoint``,
        ``sd_trial_timepoint``, ``partition_effect``, ``effect`` (cell), ``theta`` (contrast) and
        the observed ``yi`` (contrast), all in the unit and with the sign of the effect measure;
        ``z_…`` are standard normal deviations, but where trial effects are Student-t, those of
        comparisons are normal with the variance 1 / ``trial_precision``.
        ``within_person_correlation`` stands there where the error of a paired result depends on it.
        For counts, ``baseline`` (control_arm) are the log odds of an event in each control arm, and
        the observed are ``events`` (arm): each arm stands there once.

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
    if spec.likelihood.family == "normal":
        return _difference_model(spec, layout, effects, spare=spare)
    return _count_model(spec, layout, Counts.of(effects.frame, layout), spare=spare)


def _difference_model(
    spec: ModelSpec, layout: Layout, effects: EffectTable, *, spare: bool
) -> pm.Model:
    _require_effects(spec, effects)
    _require_pairs(spec, effects)
    errors = Errors.of(effects.covariance, layout, spec.structure.pooling)
    if spare:
        layout = layout.padded(PLACES["differences"])
    size = len(layout.contrasts)
    added = (0, size - len(effects.frame))
    observed = np.pad(effects.frame["yi"].to_numpy(float), added)
    with pm.Model(coords=layout.coords(), check_bounds=not spare) as model:
        pm.CustomDist(
            "yi",
            _true_effects(spec, layout),
            _error_scale(spec, effects, added),
            _data("error_whitening", np.pad(errors.whitening, added)),
            _data("error_log_constant", errors.log_constant),
            logp=log_density,
            random=replicated,
            signature="(n),(n),(n,n),()->(n)",
            observed=_data("yi_observed", observed, dims="contrast"),
            dims="contrast",
        )
    return model


def _count_model(spec: ModelSpec, layout: Layout, counts: Counts, *, spare: bool) -> pm.Model:
    if spare:
        layout = layout.padded(PLACES["counts"])
        counts = counts.padded(len(layout.controls), len(layout.contrasts))
    arms = {"control_arm": layout.controls, "arm": arm_labels(layout)}
    with pm.Model(coords=layout.coords() | arms, check_bounds=not spare) as model:
        theta = _true_effects(spec, layout)
        baseline = _prior(spec, "baseline", dims="control_arm")
        control = baseline[_data("control_of_contrast", layout.control_of_contrast)]
        log_odds = pm.math.concatenate([baseline, control + theta])
        n = _data("n", counts.n, dims="arm")
        events = _data("events_observed", counts.events, dims="arm")
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


def _error_scale(spec: ModelSpec, effects: EffectTable, added: tuple[int, int]) -> Any:
    """Return by what errors exceed those of the table: 1, unless the correlation is unknown."""
    within = effects.within_person
    if within is None:
        return np.ones(len(effects.frame) + sum(added))
    numbers = (
        _data("paired_independent", np.pad(within.independent, added, constant_values=1.0)),
        _data("paired_shared", np.pad(within.shared, added)),
        _data("paired_reference", np.float64(within.reference)),
    )
    return error_scale(*numbers, _prior(spec, WITHIN_PERSON))


def prior_of(spec: ModelSpec, variable: str) -> Prior | None:
    """Return the prior of a free variable of the model; None for a deviation of unit scale."""
    if spec.structure.pooling == "none" and variable == "effect":
        return spec.prior("overall")
    return dict(spec.priors).get(variable)


def _prior(spec: ModelSpec, name: str, *, rename: str = "", dims: str | None = None) -> Any:
    prior = spec.prior(name)
    numbers = _data(f"prior_{name}", np.array(prior.numbers()))
    with warnings.catch_warnings():
        # PyMC derives the quantile function of an inverse gamma from a fresh gamma and warns of it.
        warnings.filterwarnings("ignore", message="RandomVariables .* were found in the derived")
        return prior.random_variable(rename or name, numbers, dims=dims)


def _data(name: str, values: Any, *, dims: str | None = None) -> Any:
    """Return a data container whose numbers can change and whose shape cannot."""
    return pm.Data(name, values, dims=dims, shape=np.shape(values))


def _deviations(name: str, groups: Groups, within: float, own_sd: Any, common_sd: Any) -> Any:
    """Return deviations, one a ``name``; members of a group correlate ``within``."""
    own = pm.Normal(f"z_{name}", sigma=own_sd, dims=_DIMS[name])
    if not groups.labels:
        return own
    common = pm.Normal(f"z_{name}_shared", sigma=common_sd, dims=f"{_DIMS[name]}_group")
    apart, together = groups.weights(within)
    mixed = _data(f"{name}_together", together) * common[None, :]
    return _data(f"{name}_apart", apart) * own + mixed.sum(axis=1)


def _true_effects(spec: ModelSpec, layout: Layout) -> Any:
    """Return ``theta``, the true effect of each contrast: that of its cell and its deviation."""
    cell = _data("cell_of_contrast", layout.cell_of_contrast)
    spread = _trial_spread(spec)
    if spec.structure.pooling == "none":
        effect = _prior(spec, "overall", rename="effect", dims="cell")
        tau = _prior(spec, "tau", dims="cell")[cell]
        own = spread("trial_of_contrast", layout.trial_of_contrast)
        trial = pm.Normal("z_comparison", sigma=own, dims="contrast")
    else:
        effect, tau = _pooled(spec, layout), _prior(spec, "tau")
        groups, within = layout.comparison_groups, spec.structure.multi_arm_correlation
        of_group = layout.trial_of_comparison[groups.first_members()]
        own = spread("trial_of_comparison", layout.trial_of_comparison)
        common = spread("trial_of_group", of_group)
        deviations = _deviations("comparison", groups, within, own, common)
        trial = deviations[_data("comparison_of", layout.comparison_of_contrast)]
    theta = effect[cell] + tau * trial
    if spec.structure.pooling != "none" and spec.structure.timepoints:
        visit = _deviations("trial_timepoint", layout.contrast_groups, within, 1.0, 1.0)
        theta = theta + _prior(spec, "sd_trial_timepoint") * visit
    return pm.Deterministic("theta", theta, dims="contrast")


def _pooled(spec: ModelSpec, layout: Layout) -> Any:
    """Return the effect of each cell, where cells share what they have in common."""
    mean: Any = _prior(spec, "overall")
    partial = spec.structure.pooling == "partial"
    if partial:
        drug = _prior(spec, "sd_drug") * pm.Normal("z_drug", dims="drug_name")
        route = _prior(spec, "sd_route") * pm.Normal("z_route", dims="partition")
        mean = mean + drug[_data("drug_of", layout.drug_of_partition)] + route
    else:
        mean = mean + np.zeros(len(layout.partitions))
    partition = pm.Deterministic("partition_effect", mean, dims="partition")
    effect = partition[_data("partition_of", layout.partition_of_cell)]
    if partial and spec.structure.timepoints:
        effect = effect + _prior(spec, "sd_timepoint") * pm.Normal("z_timepoint", dims="cell")
    return pm.Deterministic("effect", effect, dims="cell")


def _trial_spread(spec: ModelSpec) -> Callable[[str, NDArray[np.intp]], Any]:
    """Return the function from trials to the standard deviations of what trials scatter by.

    They are 1, or where the model file asks for Student-t tails, those of a normal whose precision
    is a gamma variable, one for each trial: comparisons of one trial are odd together. Deviations
    are drawn at their own width, because a step that is right for a deviation of unit scale
    is far too long for one that is then divided by the root of a small precision.
    """
    if spec.structure.trial_effects == "normal":
        return lambda _name, _trials: 1.0
    half = _data("degrees_of_freedom", np.float64(spec.structure.degrees_of_freedom or 0)) / 2
    spread = pm.math.sqrt(1 / pm.Gamma("trial_precision", alpha=half, beta=half, dims="trial"))
    return lambda name, trials: spread[_data(name, trials)]
