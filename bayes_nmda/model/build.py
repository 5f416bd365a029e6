"""A model file and an effect table in, a PyMC model out.

The model is built and not sampled: a reader can draw it, sample from its prior, add a term, or hand
it to another sampler. Numbers of priors, observations and positions are data containers, and
dimensions have spare places on request: analyses of one structure and one family of priors,
whatever their outcome, are one compiled model.

Deviations of trials are sampled on a scale of their own. Whether the data or the prior know more of
a deviation differs from trial to trial and with tau, so neither a centred nor a non-centred form
suits all. Here the sampler moves in the deviation's distance from what its own data, taken as
normal, and its prior say, in units of what both leave open: the coordinate is close to standard
normal whatever tau is, also where tau is nearly 0.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm
from pymc.logprob.transforms import Transform

from bayes_nmda.errors import SpecError
from bayes_nmda.model.counts import Counts, arm_labels
from bayes_nmda.model.covariates import Covariates
from bayes_nmda.model.likelihoods import (
    Errors,
    Support,
    conditional_log_density,
    error_scale,
    events_given_totals,
    log_density,
    replicated,
)
from bayes_nmda.model.random_variables import distribution_of, random_variable
from bayes_nmda.model.structure import Layout
from bayes_nmda.spec.covariate import COEFFICIENT
from bayes_nmda.spec.model_file import WITHIN_PERSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.priors import Prior
    from bayes_nmda.spec.spec import ModelSpec


#: Dimensions of a model with spare places are filled up to multiples of these.
_NARROW = {"cells": 8, "partitions": 8, "drugs": 8}
PLACES = {
    "differences": {
        **_NARROW, "cells": 16, "comparisons": 24, "contrasts": 32, "trials": 24,
    },
    "counts": _NARROW | dict.fromkeys(("comparisons", "contrasts", "trials"), 16),
}  # fmt: skip
_PLACES_OF_TABLES = 16
#: An overdispersion below this is taken for this: people of one arm then correlate by so little.
LEAST_OVERDISPERSION = 1e-6
#: Variables that are normal around 0 with a standard deviation of the model.
DEVIATIONS = frozenset(
    f"{level}deviation" for level in ("", "visit_", "drug_", "route_", "timepoint_")
)
#: Added to each cell of a table for a rough log odds ratio, which only helps the sampler to move.
_ROUGH = 0.5


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
        ``sd_trial_timepoint``, ``partition_effect``, ``effect`` (cell), ``theta`` (contrast), all
        in the unit and with the sign of the effect measure. ``deviation`` (comparison) and
        ``visit_deviation`` (contrast) are a trial's own, ``drug_deviation``, ``route_deviation``
        and ``timepoint_deviation`` those of levels from the level above; ``z_…`` are standard
        normal. Where trial effects are Student-t, deviations are normal given ``trial_precision``.
        ``within_person_correlation`` stands there where the error of a paired result depends on it,
        ``coefficient_<name>`` for each covariate, which adds to ``theta``.
        Observed are differences ``yi`` (contrast), or ``events``: of each treatment arm given its
        table's total where the likelihood is conditional (contrast), else of each arm (arm), with
        ``midpoint`` (table), the middle of the log odds of a table's arms.

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
    trials); Breslow & Day 1980, section 4.2 (counts given their total); Papaspiliopoulos, Roberts
    & Sköld 2007, Stat Sci 22:59 (between centred and non-centred).
    """
    layout = Layout.of(effects.frame)
    if spec.likelihood.family == "normal":
        return _difference_model(spec, layout, effects, spare=spare)
    counts = Counts.of(effects.frame, layout, spec.structure.pooling)
    covariates = Covariates.of(spec, effects.frame)
    return _count_model(spec, layout, counts, covariates, spare=spare)


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
    precision = np.pad(1 / np.diag(effects.covariance), added)
    covariates = Covariates.of(spec, effects.frame)
    with _model(layout.coords() | _unknown(covariates), spare=spare) as model:
        pm.CustomDist(
            "yi",
            _true_effects(spec, layout, covariates, observed, precision),
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


def _count_model(
    spec: ModelSpec, layout: Layout, counts: Counts, covariates: Covariates, *, spare: bool
) -> pm.Model:
    if spare:
        layout = layout.padded(PLACES["counts"])
        # at least one is spare, for spare contrasts to belong to
        tables = _PLACES_OF_TABLES * (len(counts.labels) // _PLACES_OF_TABLES + 1)
        counts = counts.padded(tables, len(layout.contrasts))
    coords = layout.coords() | {"table": counts.labels, "arm": arm_labels(counts, layout)}
    with _model(coords | _unknown(covariates), spare=spare) as model:
        theta = _true_effects(spec, layout, covariates, *_rough_log_odds_ratios(counts))
        if spec.likelihood.family == "conditional":
            _given_totals(theta, counts, spare=spare)
        else:
            _arms(spec, theta, counts)
    return model


def _given_totals(theta: Any, counts: Counts, *, spare: bool) -> None:
    """Observe the events of treatment arms, each table given its total."""
    supports = Support.both(counts, spare=spare)
    arrays, core = [], []
    for number, support in enumerate(supports):
        suffix = "" if number == 0 else "_of_larger"
        arrays += [
            _data(f"contrast_of_table{suffix}", support.contrasts),
            _data(f"ways{suffix}", support.ways),
            _data(f"log_ways{suffix}", support.log_ways),
        ]
        core += [
            f"(t{number},d{number})",
            f"(t{number},k{number},d{number})",
            f"(t{number},k{number})",
        ]
    pm.CustomDist(
        "events",
        theta,
        _data("log_ways_observed", sum(support.log_observed for support in supports)),
        *arrays,
        logp=conditional_log_density,
        random=events_given_totals,
        signature=f"(c),(),{','.join(core)}->(c)",
        observed=_data("events_observed", counts.events_t.astype(np.float64), dims="contrast"),
        dims="contrast",
    )


def _arms(spec: ModelSpec, theta: Any, counts: Counts) -> None:
    """Observe the events of each arm, whose log odds lie around the midpoint of their table."""
    midpoint = _prior(spec, "midpoint", dims="table")
    table = counts.table_of_contrast
    arms = 1 + np.bincount(table, minlength=len(counts.labels))
    # the mean over a table's arms of (0, theta), which is what the control arm lies below
    mean = np.zeros((len(counts.labels), len(table)))
    mean[table, np.arange(len(table))] = 1 / arms[table]
    control = midpoint - (_data("mean_of_table", mean) * theta[None, :]).sum(axis=1)
    treated = control[_data("table_of_contrast", table)] + theta
    log_odds = pm.math.concatenate([control, treated])
    n = _data("n", counts.n, dims="arm")
    events = _data("events_observed", counts.events, dims="arm")
    if spec.likelihood.family == "binomial":
        pm.Binomial("events", n=n, logit_p=log_odds, observed=events, dims="arm")
        return
    # below, differences of log gamma functions of its inverse are rounding and nothing else
    overdispersion = pm.math.maximum(_prior(spec, "overdispersion"), LEAST_OVERDISPERSION)
    pm.BetaBinomial(
        "events",
        n=n,
        alpha=pm.math.invlogit(log_odds) / overdispersion,
        beta=pm.math.invlogit(-log_odds) / overdispersion,
        observed=events,
        dims="arm",
    )


def _rough_log_odds_ratios(counts: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return log odds ratios and precisions from cells with a half added, shape (contrast,).

    Only the coordinates of the sampler are made with them; a table without information has none.
    """
    table = counts.table_of_contrast
    cells = _ROUGH + np.array(
        [
            counts.events_t,
            counts.n_t - counts.events_t,
            counts.events_c[table],
            (counts.n_c - counts.events_c)[table],
        ],
        dtype=np.float64,
    )
    log_or = np.log(cells[0] * cells[3] / (cells[1] * cells[2]))
    return log_or, np.where(counts.informative[table], 1 / (1 / cells).sum(axis=0), 0.0)


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
        return random_variable(prior, rename or name, numbers, dims=dims)


def _data(name: str, values: Any, *, dims: str | None = None) -> Any:
    """Return numbers of the model that can change and whose shape cannot."""
    model = pm.modelcontext(None)
    if isinstance(model, _Packed):
        return model.place(np.asarray(values))
    return pm.Data(name, values, dims=dims, shape=np.shape(values))


def _model(coords: dict[str, Any], *, spare: bool) -> pm.Model:
    return _Packed(coords=coords, check_bounds=False) if spare else pm.Model(coords=coords)


# mypy cannot check a class whose base has no types, and PyMC ships none
class _Packed(pm.Model):  # type: ignore[misc]
    """A model for sampling: its numbers lie one behind the other, in two containers.

    nutpie makes code for every container, which took longer than that of many a model.

    Attributes
    ----------
    places
        Shapes of the numbers, in the order in which they lie.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.places: list[tuple[int, ...]] = []
        self._values: dict[str, list[NDArray[Any]]] = {"numbers": [], "positions": []}
        for name, dtype in (("numbers", np.float64), ("positions", np.int64)):
            pm.Data(name, np.zeros(0, dtype), model=self)

    def place(self, values: NDArray[Any]) -> Any:
        """Return the place of some numbers in the model, with their shape."""
        name = "positions" if values.dtype.kind in "iu" else "numbers"
        container, before = self[name], self._values[name]
        start = sum(map(len, before))
        before.append(values.ravel())
        self.places.append(values.shape)
        container.set_value(np.concatenate(before).astype(container.dtype))
        return container[start : start + values.size].reshape(values.shape)


# as above: the base is PyMC's
class _Informed(Transform):  # type: ignore[misc]
    """Moves in units of what its own data and its prior leave open of a deviation.

    It is ``centre + pull · s² + s · coordinate`` with ``s² = sd² / (1 + precision · sd²)``.
    """

    name = "informed"
    ndim_supp = 0

    @staticmethod
    def _place(inputs: tuple[Any, ...]) -> tuple[Any, Any]:
        centre, sd, pull, precision = inputs[-4:]
        variance = sd**2 / (1 + precision * sd**2)
        return centre + pull * variance, pm.math.sqrt(variance)

    def forward(self, value: Any, *inputs: Any) -> Any:
        mean, sd = self._place(inputs)
        return (value - mean) / sd

    def backward(self, value: Any, *inputs: Any) -> Any:
        mean, sd = self._place(inputs)
        return mean + sd * value

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        _, sd = self._place(inputs)
        return pm.math.log(sd) + pm.math.zeros_like(value)


def _deviation(name: str, dim: str, sd: Any, pull: Any, precision: Any) -> Any:
    """Return deviations of a trial's own: normal around 0, in the coordinates of `_Informed`.

    Parameters
    ----------
    name, dim
        Of the variable.
    sd
        Their standard deviations.
    pull
        What the data say, summed: precision times distance from what is otherwise expected.
    precision
        Precision of the data, summed.
    """
    return pm.CustomDist(
        name,
        0.0,
        sd,
        pull,
        precision,
        logp=_centred_log_density,
        random=_centred_draws,
        signature="(),(),(),()->()",
        default_transform=_Informed(),
        dims=dim,
    )


def _centred_log_density(value: Any, centre: Any, sd: Any, pull: Any, precision: Any) -> Any:
    del centre, pull, precision
    return -0.5 * (value / sd) ** 2 - pm.math.log(sd) - 0.5 * np.log(2 * np.pi)


def _centred_draws(
    centre: Any, sd: Any, pull: Any, precision: Any, rng: np.random.Generator, size: Any = None
) -> Any:
    del pull, precision
    return rng.normal(centre, sd, size)


def _overall(spec: ModelSpec, pull: Any, precision: Any) -> Any:
    """Return the overall mean with its prior, in the coordinates of `_Informed`.

    Parameters
    ----------
    spec
        Its prior.
    pull, precision
        Precision times value, and precision, of what the data say of it.
    """
    prior = spec.prior("overall")
    numbers = _data("prior_overall", np.array(prior.numbers()))
    place = {name: numbers[position] for position, (name, _) in enumerate(prior.parameters)}

    def log_density(value: Any, numbers: Any, centre: Any, sd: Any, *said: Any) -> Any:
        del centre, sd, said
        return pm.logp(distribution_of(prior, numbers), value)

    def draws(
        numbers: Any, centre: Any, sd: Any, *said: Any, rng: np.random.Generator, size: Any = None
    ) -> Any:
        del centre, sd, said
        return prior.with_numbers(numbers).untruncated().rvs(size, random_state=rng)

    return pm.CustomDist(
        "overall",
        numbers,
        place["loc"],
        place["scale"],
        pull - precision * place["loc"],
        precision,
        logp=log_density,
        random=draws,
        signature="(p),(),(),(),()->()",
        default_transform=_Informed(),
    )


def _unknown(covariates: Covariates) -> dict[str, tuple[str, ...]]:
    """Return the dimensions of unknown values of covariates, one a trial or arm."""
    return {
        f"unknown_{name.removeprefix(COEFFICIENT)}": tuple(map(str, range(part.shape[1])))
        for name, part in zip(covariates.names, covariates.unknown, strict=True)
        if part.shape[1]
    }


def _shift(spec: ModelSpec, covariates: Covariates, size: int) -> Any:
    """Return what covariates add to each of ``size`` contrasts, spare ones last."""
    total: Any = 0.0
    pad = (0, size - len(covariates.values))
    for column, name in enumerate(covariates.names):
        of = name.removeprefix(COEFFICIENT)
        values: Any = _data(f"covariate_{of}", np.pad(covariates.values[:, column], pad))
        part = covariates.unknown[column]
        if part.shape[1]:
            spread = _data(f"spread_{of}", np.pad(part, (pad, (0, 0))))
            own = pm.Normal(f"z_unknown_{of}", dims=f"unknown_{of}")
            values = values + (spread * own[None, :]).sum(axis=1)
        total = total + _prior(spec, name) * values
    return total


def _true_effects(
    spec: ModelSpec,
    layout: Layout,
    covariates: Covariates,
    observed: NDArray[np.float64],
    precision: NDArray[np.float64],
) -> Any:
    """Return ``theta``, the true effect of each contrast: that of its cell and its deviation.

    Parameters
    ----------
    spec, layout
        The analysis.
    covariates
        What effects depend on beside their cell.
    observed, precision
        What each contrast says of its true effect, roughly, and how precisely; 0 where nothing.
        They choose the coordinates of the sampler and do not enter the posterior.
    """
    cell = _data("cell_of_contrast", layout.cell_of_contrast)
    said = _data("rough_effect", observed)
    known = _data("rough_precision", precision)
    shift = _shift(spec, covariates, len(observed)) if covariates else None
    if shift is not None:
        said = said - shift
    spread = _trial_spread(spec)
    if spec.structure.pooling == "none":
        effect = _prior(spec, "overall", rename="effect", dims="cell")
        sd = _prior(spec, "tau", dims="cell")[cell]
        sd = sd * spread("trial_of_contrast", layout.trial_of_contrast)
        expected = effect[cell]
        pull = known * (said - expected)
        theta = expected + _deviation("deviation", "contrast", sd, pull, known)
        return _theta(theta, shift)
    tau = _prior(spec, "tau")
    visits = _prior(spec, "sd_trial_timepoint") if spec.structure.timepoints else None
    groups, within = layout.comparison_groups, spec.structure.multi_arm_correlation
    sd = tau * spread("trial_of_comparison", layout.trial_of_comparison)
    of = _data("comparison_of", layout.comparison_of_contrast)
    left = _left(known, 0.0 if visits is None else visits)
    expected = _pooled(spec, layout, observed, precision)[cell]
    if groups.labels:
        of_group = layout.trial_of_comparison[groups.first_members()]
        shared = pm.Normal("z_comparison_shared", dims="comparison_group")
        shared = shared * tau * spread("trial_of_group", of_group)
        apart, together = groups.weights(within)
        mixed = (_data("comparison_together", together) * shared[None, :]).sum(axis=1)
        sd, expected = sd * _data("comparison_apart", apart), expected + mixed[of]
    comparisons = (layout.comparison_of_contrast, len(layout.comparisons))
    sums = _sums("contrasts_of_comparison", *comparisons)
    deviation = _deviation(
        "deviation", "comparison", sd, sums(left * (said - expected)), sums(left)
    )
    theta = expected + deviation[of]
    if visits is not None:
        theta = theta + _visits(layout, within, visits, said - theta, known)
    return _theta(theta, shift)


def _theta(theta: Any, shift: Any) -> Any:
    """Return true effects, what covariates add included."""
    return pm.Deterministic("theta", theta if shift is None else theta + shift, dims="contrast")


def _left(amount: Any, sd: Any, precision: Any = None) -> Any:
    """Return what is left of a precision where a deviation with this SD lies in between.

    Or of another amount that is proportional to it, whose ``precision`` is then given.
    """
    return amount / (1 + (amount if precision is None else precision) * sd**2)


def _sums(name: str, of_part: NDArray[np.intp], wholes: int) -> Callable[[Any], Any]:
    """Return the function that sums numbers of parts over the wholes that they belong to."""
    belongs = _data(name, (of_part == np.arange(wholes)[:, None]).astype(np.float64))
    return lambda values: (belongs * values[None, :]).sum(axis=1)


def _visits(layout: Layout, within: float, sd: Any, distance: Any, known: Any) -> Any:
    """Return the deviations of comparisons at timepoints; those that share an arm correlate."""
    groups = layout.contrast_groups
    if not groups.labels:
        own = sd + pm.math.zeros_like(known)
        return _deviation("visit_deviation", "contrast", own, known * distance, known)
    apart, together = groups.weights(within)
    shared = sd * pm.Normal("z_visit_shared", dims="contrast_group")
    mixed = (_data("visit_together", together) * shared[None, :]).sum(axis=1)
    own = _data("visit_apart", apart) * sd
    return mixed + _deviation("visit_deviation", "contrast", own, known * (distance - mixed), known)


def _pooled(
    spec: ModelSpec,
    layout: Layout,
    said: NDArray[np.float64],
    known: NDArray[np.float64],
) -> Any:
    """Return the effect of each cell, where cells share what they have in common.

    What contrasts say of the effect of their cell, with a typical tau, is handed up the tree, from
    cells to routes to drugs, and chooses the coordinates of the deviations on the way down: a cell
    that its trials know well pins the sum of the levels above it and none of them.

    Parameters
    ----------
    spec, layout
        The analysis.
    said, known
        What each contrast says of its true effect, and how precisely; see `_true_effects`.
    """
    blurred = _left(known, float(spec.prior("tau").quantile(0.5)))
    belongs = layout.cell_of_contrast == np.arange(len(layout.cells))[:, None]
    cells = (
        _data("said_of_cell", belongs @ (blurred * said)),
        _data("known_of_cell", belongs @ blurred),
    )
    if spec.structure.pooling == "complete":
        overall = _overall(spec, cells[0].sum(), cells[1].sum())
        mean = overall + np.zeros(len(layout.partitions))
        partition = pm.Deterministic("partition_effect", mean, dims="partition")
        effect = partition[_data("partition_of", layout.partition_of_cell)]
        return pm.Deterministic("effect", effect, dims="cell")
    sd_drug, sd_route = _prior(spec, "sd_drug"), _prior(spec, "sd_route")
    sd_timepoint = _prior(spec, "sd_timepoint") if spec.structure.timepoints else None
    of_cell, of_partition = layout.partition_of_cell, layout.drug_of_partition
    sums = _sums("cells_of_partition", of_cell, len(layout.partitions))
    partitions = _handed_up(cells, 0.0 if sd_timepoint is None else sd_timepoint, sums)
    sums = _sums("partitions_of_drug", of_partition, len(layout.drugs))
    drugs = _handed_up(partitions, sd_route, sums)
    overall = _overall(spec, *_handed_up(drugs, sd_drug, lambda values: values.sum()))
    drug = _level("drug", "drug_name", overall, sd_drug, drugs)
    above = drug[_data("drug_of", of_partition)]
    mean = _level("route", "partition", above, sd_route, partitions)
    partition = pm.Deterministic("partition_effect", mean, dims="partition")
    effect = partition[_data("partition_of", of_cell)]
    if sd_timepoint is not None:
        effect = _level("timepoint", "cell", effect, sd_timepoint, cells)
    return pm.Deterministic("effect", effect, dims="cell")


def _handed_up(said: tuple[Any, Any], sd: Any, sums: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Return precision times value, and precision, of what parts say of the level above them."""
    pull, precision = said
    return sums(_left(pull, sd, precision)), sums(_left(precision, sd))


def _level(name: str, dim: str, above: Any, sd: Any, said: tuple[Any, Any]) -> Any:
    """Return the effects of a level: those above them, and deviations."""
    pull, precision = said
    distance = pull - precision * above
    own = sd + pm.math.zeros_like(precision)
    return above + _deviation(f"{name}_deviation", dim, own, distance, precision)


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
