"""What if trials were selected, or effects lean with their errors? One cell under such models.

`selection_model` is one model; `robust_meta_analysis` averages over effect or none, heterogeneity
or none, bias or none by marginal likelihoods, with inclusion Bayes factors. What the data cannot
identify is said in the answer: a weight of a step in which no trial lies is the prior's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_nmda.errors import SpecError, UsageError
from bayes_nmda.inference.exact.engine import (
    beyond_by_point,
    exact_posterior,
    mixture_mean,
)
from bayes_nmda.inference.exact.importance import pareto_k
from bayes_nmda.inference.exact.publication_bias import (
    Bias,
    OneCell,
    OneModel,
    Side,
    Slope,
    Steps,
    weights_rule,
)
from bayes_nmda.meta.named_priors import published_prior
from bayes_nmda.query.exactly import Question
from bayes_nmda.spec.priors import Prior
from bayes_nmda.terms import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

Floats = NDArray[np.float64]
PriorLike = Prior | tuple[str, float] | tuple[str, float, float] | tuple[str, float, float, float]
Target = Literal["mean", "new_trial"]
#: Of a weight's prior SD, above which the data say next to nothing of it.
_UNMOVED: Final = 0.8
#: Weight functions and slopes of RoBMA-PSMA with their shares of the prior probability of bias.
_TWO, _ONE = ((0.05,), (0.05, 0.1)), ((0.05,), (0.025, 0.05), (0.05, 0.5), (0.025, 0.05, 0.5))
#: Least number of joint draws of effects, the same number at each point of the scales.
_DRAWS: Final = 32_768
#: Shape of the tail of weights above which they are not to be trusted.
_PARETO_K_MAX: Final = 0.7
#: Halvings of a bracket of a quantile.
_HALVINGS: Final = 80


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One model with its name, its prior probability and its posterior."""

    effect: bool
    heterogeneity: bool
    bias: Bias
    prior: float
    found: OneModel

    @property
    def words(self) -> str:
        """What it says of bias."""
        if self.bias is None:
            return "none"
        if isinstance(self.bias, Slope):
            return "PET" if self.bias.power == 1 else "PEESE"
        cuts = ", ".join(f"{cut:g}" for cut in self.bias.cuts)
        sided = "two-sided" if self.bias.side == "two" else "one-sided"
        return f"selection, {sided} p {cuts}"


@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """Mean effect, SD between trials, or effect of a new trial, averaged over models.

    Attributes
    ----------
    mean, sd
        In the unit of the effects.
    below
        Takes a number, returns the probability that the quantity is below it.
    """

    mean: float
    sd: float
    below: Callable[[float], float]
    _reach: tuple[float, float]

    @property
    def median(self) -> float:
        """The quantile of one half."""
        return self.quantile(0.5)

    def quantile(self, p: float) -> float:
        """Return a quantile; where the distribution has an atom, perhaps the atom."""
        if not 0 < p < 1:
            raise UsageError(f"quantile: found {p!r}; allowed is a number between 0 and 1")
        low, high = self._reach
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self.below(middle) < p else (low, middle)
        return 0.5 * (low + high)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the ends of an interval with equal tails."""
        return self.quantile(0.5 - level / 2), self.quantile(0.5 + level / 2)


@dataclass(frozen=True, slots=True, eq=False)
class BiasModels:
    """A meta-analysis under models of effect, heterogeneity and bias, and their average.

    Attributes
    ----------
    trials
        Number of trials.
    yi, sei
        Their effects and standard errors.
    """

    yi: Floats
    sei: Floats
    parts: tuple[_Part, ...]

    @property
    def trials(self) -> int:
        """Number of trials."""
        return len(self.yi)

    def _probabilities(self) -> Floats:
        log_weight = np.array(
            [np.log(part.prior) + part.found.points.log_marginal for part in self.parts]
        )
        weight = np.exp(log_weight - log_weight.max())
        return np.asarray(weight / weight.sum())

    @property
    def models(self) -> pd.DataFrame:
        """A row a model: what it assumes, its prior and posterior probability, log marginal.

        Columns ``effect``, ``heterogeneity`` (whether it has one), ``bias`` (in words),
        ``prior_probability``, ``log_marginal``, ``error`` (numerical, of that), ``probability``,
        ``mean`` and ``tau`` (posterior means of the mean effect and of the SD between trials).
        """
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "effect": part.effect,
                    "heterogeneity": part.heterogeneity,
                    "bias": part.words,
                    "prior_probability": part.prior,
                    "log_marginal": part.found.points.log_marginal,
                    "error": part.found.points.log_marginal_error,
                    "probability": probability,
                    "mean": float(part.found.points.weight @ part.found.mean),
                    "tau": float(part.found.points.weight @ part.found.tau),
                }
                for part, probability in zip(self.parts, self._probabilities(), strict=True)
            ]
        )

    @property
    def inclusion(self) -> pd.DataFrame:
        """A row for effect, heterogeneity and bias: probability that there is one, Bayes factor.

        Columns ``of``, ``prior_probability``, ``probability``, ``bayes_factor``: posterior over
        prior odds of the models with it against those without; missing where all models agree.
        """
        import pandas as pd

        after = self._probabilities()
        before = np.array([part.prior for part in self.parts])
        before = before / before.sum()
        rows = []
        for name in ("effect", "heterogeneity", "bias"):
            has = np.array([bool(getattr(part, name)) for part in self.parts])
            if has.all() or not has.any():
                factor = math.nan
            else:
                odds = after[has].sum() / after[~has].sum()
                factor = float(odds / (before[has].sum() / before[~has].sum()))
            rows.append(
                {
                    "of": name,
                    "prior_probability": float(before[has].sum()),
                    "probability": float(after[has].sum()),
                    "bayes_factor": factor,
                }
            )
        return pd.DataFrame(rows)

    def given(
        self,
        *,
        effect: bool | None = None,
        heterogeneity: bool | None = None,
        bias: bool | None = None,
    ) -> BiasModels:
        """Return only the models that have an effect, heterogeneity or bias, or that have none.

        Raises
        ------
        UsageError
            If no model is left.
        """
        wanted = {"effect": effect, "heterogeneity": heterogeneity, "bias": bias}
        kept = tuple(
            part
            for part in self.parts
            if all(want is None or bool(getattr(part, n)) == want for n, want in wanted.items())
        )
        if not kept:
            raise UsageError(f"given: found no model with {wanted}; see .models")
        return replace(self, parts=kept)

    @property
    def mu(self) -> Quantity:
        """Mean effect, corrected for what the models take for bias, in the unit of the effects."""
        return self._quantity(lambda m: (m.mean, m.sd), lambda m, x: m.below(x))

    @property
    def new_trial(self) -> Quantity:
        """True effect of a new trial, without bias."""
        return self._quantity(
            lambda m: (m.mean, np.hypot(m.sd, m.tau)), lambda m, x: m.below(x, new_trial=True)
        )

    @property
    def tau(self) -> Quantity:
        """SD between true effects; 0 in models without heterogeneity."""
        return self._quantity(
            lambda m: (m.tau, np.zeros(len(m.tau))),
            lambda m, x: m.tau_below(x),
        )

    def _quantity(
        self,
        numbers: Callable[[OneModel], tuple[Floats, Floats]],
        below: Callable[[OneModel, float], float],
    ) -> Quantity:
        share = self._probabilities()
        found = [(part.found.points.weight, *numbers(part.found)) for part in self.parts]
        mean = float(sum(p * (w @ m) for p, (w, m, _) in zip(share, found, strict=True)))
        square = sum(
            p * (w @ (s**2 + (m - mean) ** 2)) for p, (w, m, s) in zip(share, found, strict=True)
        )
        low = min(float((m - 12 * s).min()) for _, m, s in found) - 1e-9
        high = max(float((m + 12 * s).max()) for _, m, s in found) + 1e-9

        def cumulative(x: float) -> float:
            parts = zip(share, self.parts, strict=True)
            return float(sum(p * below(part.found, x) for p, part in parts))

        return Quantity(mean, math.sqrt(square), cumulative, (low, high))

    def prob_below(self, x: float, target: Target = "mean") -> float:
        """Return the probability that the mean effect, or a new trial's, is below a number."""
        if target not in ("mean", "new_trial"):
            raise UsageError(f"target: found {target!r}; allowed are 'mean' and 'new_trial'")
        return (self.mu if target == "mean" else self.new_trial).below(x)

    def prob_above(self, x: float, target: Target = "mean") -> float:
        """Return one less `prob_below`."""
        return 1.0 - self.prob_below(x, target)

    @property
    def log_marginal(self) -> float:
        """Log marginal likelihood, averaged over the models by their prior probabilities."""
        terms = [np.log(part.prior) + part.found.points.log_marginal for part in self.parts]
        return float(np.logaddexp.reduce(terms) - np.log(sum(part.prior for part in self.parts)))

    @property
    def weights(self) -> pd.DataFrame:
        """A row a step of each selection model: relative probability of publication.

        Columns ``bias``, ``effect``, ``heterogeneity``, ``from_p``, ``to_p``, ``trials`` in the
        step, ``mean``, ``sd``, ``prior_mean``, ``prior_sd``, ``identified``: False where the data
        leave more than four fifths of the prior SD.
        """
        import pandas as pd

        rows = []
        for part in self.parts:
            steps, found = part.bias, part.found
            if not isinstance(steps, Steps) or found.weights is None:
                continue
            weight = found.points.weight
            table = _steps_told(
                steps,
                np.bincount(steps.of(self.yi, self.sei), minlength=steps.count),
                weight @ found.weights,
                weight @ np.asarray(found.squared_weights),
            )
            own = {"effect": part.effect, "heterogeneity": part.heterogeneity}
            rows.append(table.assign(bias=part.words, **own))
        return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()

    @property
    def sentence(self) -> str:
        """The mean effect, what speaks for bias, and what the data cannot tell."""
        low, high = self.mu.interval()
        said = (
            f"The mean effect is {_number(self.mu.mean)} (95 % credible interval {_number(low)} to "
            f"{_number(high)}), from {self.trials} trials"
        )
        if len(self.parts) > 1:
            said += f" and averaged over {len(self.parts)} models"
            for row in self.inclusion.to_dict("records"):
                if math.isfinite(row["bayes_factor"]):
                    said += (
                        f"; the probability of {row['of']} is {row['probability']:.2f} (before the "
                        f"data {row['prior_probability']:.2f}, Bayes factor "
                        f"{row['bayes_factor']:.3g})"
                    )
        return f"{said}. {self.unidentified}".strip()

    @property
    def unidentified(self) -> str:
        """What the data cannot identify, in words; empty where that is nothing."""
        table = self.weights
        if table.empty or table["identified"].all():
            return ""
        steps = table[~table["identified"]].drop_duplicates(["from_p", "to_p", "bias"])
        if len(self.parts) > 1:
            free = table[table["from_p"] > 0].drop_duplicates(["from_p", "to_p", "bias"])
            return (
                f"The data say next to nothing of {len(steps)} of the {len(free)} relative "
                "probabilities of publication in these models, which are the priors' (.weights)."
            )
        return _unidentified(steps)

    def __repr__(self) -> str:
        """Return the sentence."""
        return f"BiasModels: {self.sentence}"


def _steps_told(
    steps: Steps, counted: NDArray[np.intp], mean: Floats, square: Floats
) -> pd.DataFrame:
    """Return a row a step: how many trials it has, and prior and posterior of its weight."""
    import pandas as pd

    edges = (0.0, *steps.cuts, 1.0)
    sd = np.sqrt(np.maximum(square - mean**2, 0.0))
    before = [_prior_of_step(step, steps.count) for step in range(steps.count)]
    prior_sd = np.array([pair[1] for pair in before])
    return pd.DataFrame(
        {
            "from_p": edges[:-1],
            "to_p": edges[1:],
            "trials": counted.astype(int),
            "mean": mean,
            "sd": sd,
            "prior_mean": [pair[0] for pair in before],
            "prior_sd": prior_sd,
            "identified": (prior_sd == 0) | (sd < _UNMOVED * prior_sd),
        }
    )


def _unidentified(steps: pd.DataFrame) -> str:
    words = "; ".join(
        f"p from {row.from_p:g} to {row.to_p:g} ({row.trials} trials)" for row in steps.itertuples()
    )
    return (
        "The data say next to nothing of the relative probability of publication of these steps, "
        f"which is the prior's: {words}."
    )


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


def _prior_of_step(step: int, count: int) -> tuple[float, float]:
    """Return mean and SD of a cumulative sum of a Dirichlet distribution with ones: a beta."""
    if step == 0:
        return 1.0, 0.0
    a, b = count - step, step
    return a / (a + b), math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))


def selection_model(
    yi: ArrayLike,
    sei: ArrayLike,
    *,
    mu: PriorLike | str | None,
    tau: PriorLike | str | None,
    steps: Sequence[float] = (0.025, 0.5),
    side: Side = "less",
    seed: int = 0,
) -> BiasModels:
    """Return a meta-analysis of trials that were selected by their p-values.

    Parameters
    ----------
    yi, sei
        Effects and standard errors, shape (trial,).
    mu, tau
        Priors of the mean effect and of the SD between trials before selection:
        ``("student_t", 5, 0, 0.43)``, ``("half_normal", 0.5)``, a named prior such as
        ``"bartos2021:pain"``; None for 0.
    steps
        P-values at which the probability of publication steps, ascending.
    side
        ``"less"`` where negative effects are wanted, ``"greater"`` where positive ones are,
        ``"two"`` for two-sided p-values.
    seed
        Of scrambled points, where a grid has too many dimensions.

    Returns
    -------
    BiasModels
        Of one model: ``.mu``, ``.tau``, ``.new_trial``, ``.weights``, ``.sentence``.

    Raises
    ------
    UsageError
        If effects, errors, steps or priors cannot be used.

    References
    ----------
    Hedges 1992, Stat Sci 7:246; Vevea & Hedges 1995, Psychometrika 60:419; Bartoš et al. 2023, Res
    Synth Methods 14:99 (the prior of weights: uniform over all that never rise).

    Examples
    --------
    >>> found = selection_model(
    ...     [-0.9, -0.6, -0.4, -0.1], [0.3, 0.25, 0.2, 0.1],
    ...     mu=("normal", 0, 1), tau=("half_normal", 0.5), steps=(0.025,),
    ... )
    >>> bool(found.mu.mean > -0.4)
    True
    """
    cell = _cell(yi, sei, seed)
    bias = Steps(tuple(float(cut) for cut in steps if cut != 1), side)
    prior_mu, prior_tau = _priors(mu, tau)
    found = cell.posterior(prior_mu, prior_tau, bias)
    part = _Part(mu is not None, tau is not None, bias, 1.0, found)
    return BiasModels(cell.yi, cell.sei, (part,))


def robust_meta_analysis(
    yi: ArrayLike,
    sei: ArrayLike,
    *,
    mu: PriorLike | str,
    tau: PriorLike | str,
    bias: Literal["none", "psma"] | Iterable[Steps | Slope] = "psma",
    side: Literal["less", "greater"] = "less",
    prob_effect: float = 0.5,
    prob_heterogeneity: float = 0.5,
    prob_bias: float = 0.5,
    seed: int = 0,
) -> BiasModels:
    """Return a meta-analysis averaged over {effect, none} x {heterogeneity, none} x {bias, none}.

    Parameters
    ----------
    yi, sei
        Effects and standard errors, shape (trial,).
    mu, tau
        Priors of the mean effect and of the SD between trials where there are any; named priors
        as in `meta_analysis`.
    bias
        ``"psma"``: six selection models, PET and PEESE with the prior probabilities of RoBMA;
        ``"none"``: no model of bias; or models of one's own, equally probable.
    side
        Whether ``"less"``, negative, or ``"greater"``, positive effects are wanted.
    prob_effect, prob_heterogeneity, prob_bias
        Before the data, that there is one.
    seed
        Of scrambled points, where a grid has too many dimensions.

    Returns
    -------
    BiasModels
        ``.models``, ``.inclusion`` (Bayes factors), ``.mu``, ``.tau``, ``.new_trial`` averaged, and
        ``.given(effect=True)`` for some of the models.

    Raises
    ------
    UsageError
        If effects, errors, priors or probabilities cannot be used.

    References
    ----------
    Gronau et al. 2017, Compr Results Soc Psychol 2:123 (averaging over effect and heterogeneity);
    Bartoš et al. 2023, Res Synth Methods 14:99 (and bias).

    Examples
    --------
    >>> found = robust_meta_analysis(
    ...     [1.33, 0.91, 0.72, 1.77, 1.33], [0.27, 0.27, 0.20, 0.27, 0.36], bias="none",
    ...     mu=("student_t", 5, 0, 0.51), tau=("inverse_gamma", 1.79, 0.28), side="greater",
    ... )
    >>> [row.of for row in found.inclusion.itertuples() if row.bayes_factor > 100]
    ['effect']
    """
    for name, value in (
        ("prob_effect", prob_effect),
        ("prob_heterogeneity", prob_heterogeneity),
        ("prob_bias", prob_bias),
    ):
        if not 0 <= value <= 1:
            raise UsageError(f"{name}: found {value!r}; allowed is a probability, 0 to 1")
    cell = _cell(yi, sei, seed)
    prior_mu, prior_tau = _priors(mu, tau)
    kinds = _kinds(bias, side, prob_bias)
    parts = []
    for has_effect, of_effect in ((False, 1 - prob_effect), (True, prob_effect)):
        for varied, of_tau in ((False, 1 - prob_heterogeneity), (True, prob_heterogeneity)):
            for kind, of_bias in kinds:
                prior = of_effect * of_tau * of_bias
                if prior == 0:
                    continue
                found = cell.posterior(
                    prior_mu if has_effect else None, prior_tau if varied else None, kind
                )
                parts.append(_Part(has_effect, varied, kind, prior, found))
    return BiasModels(cell.yi, cell.sei, tuple(parts))


def _kinds(
    bias: str | Iterable[Steps | Slope], side: Literal["less", "greater"], prob_bias: float
) -> list[tuple[Bias, float]]:
    """Return models of bias with their prior probabilities, no bias first."""
    if side not in ("less", "greater"):
        raise UsageError(f"side: found {side!r}; allowed are 'less' and 'greater'")
    if bias == "none":
        return [(None, 1.0)]
    sign = 1.0 if side == "greater" else -1.0
    own: list[tuple[Steps | Slope, float]]
    if bias == "psma":
        own = [(Steps(cuts, "two"), 1 / 12) for cuts in _TWO]
        own += [(Steps(cuts, side), 1 / 12) for cuts in _ONE]
        own += [(Slope(1, Prior.of("half_cauchy", 1), sign), 1 / 4)]
        own += [(Slope(2, Prior.of("half_cauchy", 5), sign), 1 / 4)]
    elif isinstance(bias, str):
        raise UsageError(f"bias: found {bias!r}; allowed are 'none', 'psma' and a list of models")
    else:
        given = list(bias)
        own = [(kind, 1 / len(given)) for kind in given]
    return [(None, 1 - prob_bias), *((kind, prob_bias * share) for kind, share in own)]


def _cell(yi: ArrayLike, sei: ArrayLike, seed: int) -> OneCell:
    effects = np.asarray(yi, dtype=np.float64)
    errors = np.asarray(sei, dtype=np.float64)
    if effects.ndim != 1 or effects.shape != errors.shape or not len(effects):
        raise UsageError(
            f"yi has shape {effects.shape} and sei {errors.shape}; allowed are two lists of one "
            "length, at least one trial"
        )
    wrong = ~(np.isfinite(effects) & np.isfinite(errors) & (errors > 0))
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise UsageError(
            f"trial {place}: found yi {effects[place]:g} with sei {errors[place]:g}; allowed are "
            "a number and a standard error above 0"
        )
    return OneCell(effects, errors, seed)


def _priors(
    mu: PriorLike | str | None, tau: PriorLike | str | None
) -> tuple[Prior | None, Prior | None]:
    found = (_prior("mu", mu), _prior("tau", tau))
    if found[0] is not None and found[0].distribution not in {"normal", "student_t"}:
        raise UsageError(
            f"mu: found {found[0].distribution!r}; allowed are 'normal' and 'student_t'"
        )
    return found


def _prior(parameter: Literal["mu", "tau"], given: PriorLike | str | None) -> Prior | None:
    if given is None or isinstance(given, Prior):
        return given
    try:
        if isinstance(given, str):
            published = published_prior(given, parameter)
            return Prior.of(published.family, *published.parameters, source=published.citation)
        return Prior.of(*given)
    except SpecError as error:
        raise UsageError(f"{parameter}: {error}") from error


def under_selection(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    steps: Sequence[float] = (0.025, 0.5),
    side: Side | None = None,
    at_least: float | Iterable[float] | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """Return every probability of a hierarchical analysis if trials were selected by p-values.

    A trial is selected by the one-sided p-value of its first contrast in the table of effects; its
    other contrasts come with it. One step function holds for all cells. The joint posterior without
    selection is weighted by what selection makes of it, with the weights of steps integrated out
    under the prior that is uniform over all that never rise.

    Parameters
    ----------
    spec
        An analysis of differences that the exact engine can do.
    effects
        Its contrasts.
    steps
        P-values at which the probability of publication steps, ascending.
    side
        ``"less"`` or ``"greater"``, which effects are wanted; by default those that are a benefit.
    at_least
        Sizes of benefit, in the unit of the effect; by default those of the model file.
    seed
        Instead of the seed in the model file.

    Returns
    -------
    pandas.DataFrame
        A row a ``cell``, ``at_least`` and ``target``: ``probability`` and its numerical ``error``
        with selection, ``probability_all`` without, ``change``, ``mean`` and ``mean_all``. Its
        attributes: ``weights`` (a row a step: ``from_p``, ``to_p``, ``trials``, ``mean``, ``sd``,
        ``prior_mean``, ``prior_sd``, ``identified``), ``bayes_factor`` of selection against none,
        ``pareto_k`` of the weights and whether it lets them be trusted, ``reliable``: where small
        p-values abound, too few draws lie where selection would have it; and ``unidentified``, a
        sentence.

    Raises
    ------
    UsageError
        If the analysis is one of counts, or cells are analysed alone.

    References
    ----------
    Hedges 1992, Stat Sci 7:246; Vevea & Hedges 1995, Psychometrika 60:419.
    """
    import pandas as pd

    if spec.likelihood.family != "normal" or spec.structure.pooling == "none":
        raise UsageError(
            f"model {spec.name}: found likelihood {spec.likelihood.family!r} and pooling "
            f"{spec.structure.pooling!r}; allowed are differences whose cells share a model: "
            "selection_model does one cell"
        )
    question = Question.of(spec, at_least, "benefit")
    usual: Side = "less" if spec.benefit == "negative" else "greater"
    rule = Steps(tuple(float(cut) for cut in steps if cut != 1), side or usual)
    seed = spec.sampling.seed if seed is None else seed
    exact = exact_posterior(spec, effects, seed=seed)
    (mixture,) = exact.mixtures
    gaussian = mixture.gaussian
    each = -(-_DRAWS // len(mixture.weight))
    scales = np.repeat(mixture.scales, each, axis=0)
    effect = gaussian.draws(scales, np.random.default_rng(seed))["effect"]
    scatter2 = scales[:, 0] ** 2 + scales[:, 4] ** 2
    # the first row of each trial in the table of effects, as positions in the analysis
    first = effects.frame.drop_duplicates("trial_id").index.to_numpy()
    rows = np.argsort(gaussian.order)[first]
    sei = np.sqrt(np.diag(gaussian.errors))[rows]
    mean = effect[:, gaussian.cell[rows]]
    if gaussian.covariates:
        mean = mean + gaussian.covariates.shift(gaussian.coefficients(scales))[:, rows]
    found = rule.probabilities(mean, np.sqrt(sei**2 + scatter2[:, None]), sei)
    counted = np.bincount(rule.of(gaussian.yi[rows], sei), minlength=rule.count)
    nodes, log_rule = weights_rule(rule.count)
    by_node = (
        np.log(nodes) @ counted
        + log_rule
        - np.stack([np.log(found[:, trial] @ nodes.T) for trial in range(len(rows))]).sum(axis=0)
    )
    log_ratio = np.logaddexp.reduce(by_node, axis=1)
    base = np.repeat(mixture.weight, each) / each
    ratio = base * np.exp(log_ratio - log_ratio.max())
    weight = ratio / ratio.sum()
    of_node = weight @ np.exp(by_node - log_ratio[:, None])
    towards = question.sign(spec)
    average = mixture_mean(weight, effect)
    parts = []
    for target in TARGETS:
        sd = np.zeros_like(effect) if target == "mean" else np.sqrt(scatter2)[:, None]
        sd = np.broadcast_to(sd, effect.shape)
        for size in question.at_least:
            beyond = beyond_by_point(effect, sd, size, towards)
            variable = "effect" if target == "mean" else "new_trial"
            parts.append(
                pd.DataFrame(
                    {
                        "cell": list(exact.layout.cells),
                        "at_least": size,
                        "target": target,
                        "probability": mixture_mean(weight, beyond),
                        # of independent draws: their points are more even than that
                        "error": np.sqrt(weight**2 @ (beyond - mixture_mean(weight, beyond)) ** 2),
                        "probability_all": exact.probability(variable, size, towards)[0],
                        "mean": average,
                        "mean_all": exact.mean(variable),
                    }
                )
            )
    table = pd.concat(parts, ignore_index=True)
    table.insert(6, "change", table["probability"] - table["probability_all"])
    tail = pareto_k(log_ratio)
    told = _steps_told(rule, counted, of_node @ nodes, of_node @ nodes**2)
    unmoved = told[~told["identified"]]
    table.attrs |= {
        "weights": told,
        "bayes_factor": float(ratio.sum() * np.exp(log_ratio.max())),
        "pareto_k": tail,
        "reliable": tail <= _PARETO_K_MAX,
        "unidentified": "" if unmoved.empty else _unidentified(unmoved),
    }
    return table
