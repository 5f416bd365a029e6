"""Gaussian analyses without MCMC: effects integrated analytically, SDs by importance sampling.

In come a model file and its contrasts; out comes a posterior as weighted points, each a vector of
SDs with the conditional mean and SD of every effect. A Student-t prior of a mean is a normal whose
precision is a gamma variable, one more parameter beside the SDs. Where each cell is analysed alone,
it has its own points. `tree.fit_exact` turns the result into the DataTree of every fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayes_nmda.errors import FitError, UsageError
from bayes_nmda.inference.exact.gaussian import SCALES, Gaussian
from bayes_nmda.inference.exact.grid import SIDES, integrate_on_grid
from bayes_nmda.inference.exact.importance import Points, Proposal, matched_proposal
from bayes_nmda.inference.exact.matrices import Floats
from bayes_nmda.inference.exact.normal_mixture import (
    beyond_by_point,
    mixture_error,
    mixture_mean,
    mixture_probability,
    mixture_quantile,
    mixture_sd,
)
from bayes_nmda.model.structure import Layout
from bayes_nmda.spec.covariate import COEFFICIENT
from bayes_nmda.spec.model_file import WITHIN_PERSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.priors import Prior
    from bayes_nmda.spec.spec import ModelSpec
    from bayes_nmda.terms import Engine

__all__ = [
    "ExactPosterior",
    "Family",
    "Mixture",
    "applies",
    "beyond_by_point",
    "chosen_engine",
    "exact_posterior",
    "mixture_error",
    "mixture_mean",
    "mixture_probability",
    "mixture_quantile",
    "mixture_sd",
    "obstacle",
]

#: Points of a replicate and replicates; their scatter is the numerical error that is reported.
POINTS, REPLICATES = 256, 16
#: Points that together carry less than this are left out of a mixture.
NEGLIGIBLE = 1e-9


@dataclass(frozen=True, slots=True)
class Family:
    """The parameters that are integrated numerically, on the scale of normal scores.

    Attributes
    ----------
    names
        Priors of SDs that the model has, in the order of `SCALES`.
    priors
        Their priors.
    overall
        Prior of the mean: a Student-t one is a normal whose precision is one more parameter.
    within
        Prior of the correlation within people; None where no error depends on it.
    coefficients
        Priors of the coefficients of covariates.
    degrees_of_freedom
        Of Student-t trial effects; None where they are normal.
    trials
        Number of trials whose width is a parameter, one more being that of a new trial; 0 where
        trial effects are normal.
    """

    names: tuple[str, ...]
    priors: tuple[Prior, ...]
    overall: Prior
    within: Prior | None = None
    coefficients: tuple[tuple[str, Prior], ...] = ()
    degrees_of_freedom: float | None = None
    trials: int = 0

    @classmethod
    def of(cls, spec: ModelSpec, trials: int) -> Family:
        """Return the parameters of an analysis of so many trials."""
        names = tuple(name for name, _ in spec.priors if name in SCALES)
        odd = spec.structure.trial_effects == "student_t"
        return cls(
            names,
            tuple(spec.prior(name) for name in names),
            spec.prior("overall"),
            dict(spec.priors).get(WITHIN_PERSON),
            tuple((name, prior) for name, prior in spec.priors if name.startswith(COEFFICIENT)),
            spec.structure.degrees_of_freedom if odd else None,
            trials if odd else 0,
        )

    @property
    def common(self) -> int:
        """Number of parameters that are not those of one trial; they come first."""
        means = self.overall.distribution == "student_t"
        return len(self.names) + means + (self.within is not None) + len(self.coefficients)

    @property
    def dimension(self) -> int:
        """Number of parameters."""
        return self.common + self.trials + (self.trials > 0)

    def scales(self, z: Floats) -> Floats:
        """Return scales (point, column) at normal scores (point, parameter).

        Columns `SCALES`; then, where the model has them, the correlation within people, the
        coefficient of each covariate, and the squared width of each trial and of a new one.
        """
        from scipy.special import gammaincinv, ndtr

        u = np.clip(ndtr(z), 1e-300, 1 - 1e-15)
        scales = np.zeros((len(z), len(SCALES)))
        for column, (name, prior) in enumerate(zip(self.names, self.priors, strict=True)):
            scales[:, SCALES.index(name)] = prior.quantile(u[:, column])
        used = len(self.names)
        numbers = dict(self.overall.parameters)
        scales[:, -1] = numbers["scale"]
        if self.overall.distribution == "student_t":
            half = numbers["df"] / 2
            scales[:, -1] /= np.sqrt(gammaincinv(half, u[:, used]) / half)
            used += 1
        columns = [scales]
        if self.within is not None:
            columns.append(self.within.quantile(u[:, [used]]))
            used += 1
        for _, prior in self.coefficients:
            columns.append(np.asarray(prior.quantile(u[:, [used]])))
            used += 1
        if self.degrees_of_freedom is not None:
            half = self.degrees_of_freedom / 2
            columns.append(half / gammaincinv(half, u[:, used:]))
        return np.hstack(columns)


def obstacle(spec: ModelSpec) -> str | None:
    """Return why the exact engine cannot do an analysis, or None if it can."""
    if spec.likelihood.family != "normal" and spec.structure.trial_effects != "normal":
        return (
            f"structure.trial_effects is {spec.structure.trial_effects!r} with counts, whose "
            "deviations are then neither normal nor few"
        )
    unknown = [c.name for c in spec.covariates if c.missing == "normal"]
    if unknown and spec.likelihood.family != "normal":
        return (
            f"unknown values of {', '.join(unknown)} are parameters, whose product with a "
            "coefficient is not normal with counts"
        )
    family = spec.prior("overall").distribution
    if family not in {"normal", "student_t"}:
        return f"the prior of overall is {family!r}; allowed are 'normal' and 'student_t'"
    return None


def applies(spec: ModelSpec) -> bool:
    """Return whether the exact engine can do an analysis."""
    return obstacle(spec) is None


def chosen_engine(spec: ModelSpec, engine: Engine) -> str:
    """Return the engine that a fit uses: ``"auto"`` is exact where it applies, else NUTS."""
    if engine == "auto":
        return "exact" if applies(spec) else "nuts"
    return engine


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """The posterior of some cells as weighted points.

    Attributes
    ----------
    gaussian
        The analysis given its scales.
    points
        Weights and numerical quality of all points, before negligible ones were left out.
    scales
        Shape (point, `SCALES`), without negligible points.
    weight, replicate
        Shape (point,).
    mean, sd
        By variable (``overall``, ``partition_effect``, ``effect``, ``new_trial``), shape
        (point, …), in the unit of the effect.
    """

    gaussian: Gaussian
    points: Points
    scales: Floats
    weight: Floats
    replicate: NDArray[np.int64]
    mean: dict[str, Floats]
    sd: dict[str, Floats]

    @classmethod
    def of(
        cls, gaussian: Gaussian, family: Family, *, points: int, replicates: int, seed: int
    ) -> Mixture:
        """Return the posterior of an analysis: by a grid if it has one or two parameters."""

        def log_likelihood(z: Floats) -> Floats:
            return gaussian.log_likelihood(family.scales(z))

        if family.dimension in SIDES:
            found = integrate_on_grid(log_likelihood, family.dimension)
            scales = family.scales(found.z)
            moments = gaussian.moments(scales)
        else:
            proposal = _proposal(log_likelihood, family, seed)
            z = proposal.points(points, replicates, seed)
            scales = family.scales(z)
            moments = gaussian.moments(scales)
            found = proposal.weigh(z, moments.log_likelihood, replicates)
        ascending = np.argsort(found.weight, kind="stable")
        beneath = np.cumsum(found.weight[ascending]) < NEGLIGIBLE
        kept = np.sort(ascending[~beneath])
        scales, weight = scales[kept], found.weight[kept]
        mean = {name: values[kept] for name, values in moments.mean.items()}
        sd = {name: values[kept] for name, values in moments.sd.items()}
        width = 1.0 if family.degrees_of_freedom is None else scales[:, [-1]]  # of a new trial
        scatter = width * scales[:, [0]] ** 2 + scales[:, [4]] ** 2
        mean["new_trial"] = mean["effect"]
        sd["new_trial"] = np.sqrt(sd["effect"] ** 2 + scatter)
        return cls(
            gaussian=gaussian,
            points=found,
            scales=scales,
            weight=weight / weight.sum(),
            replicate=found.replicate[kept],
            mean=mean,
            sd=sd,
        )

    def probability(self, variable: str, threshold: float, sign: float) -> tuple[Floats, Floats]:
        """Return the probability of a value at or beyond a threshold, and its numerical error."""
        beyond = beyond_by_point(self.mean[variable], self.sd[variable], threshold, sign)
        return mixture_mean(self.weight, beyond), mixture_error(self.weight, beyond, self.replicate)


def _proposal(log_likelihood: Callable[[Floats], Floats], family: Family, seed: int) -> Proposal:
    """Return a proposal that is matched to all parameters but the widths of trials.

    One trial says little of its own width: these come from their prior, and the others are matched
    with every trial at the median width.
    """
    common, dimension = family.common, family.dimension

    def at_median_width(z: Floats) -> Floats:
        return log_likelihood(np.pad(z, [(0, 0), (0, dimension - common)]))

    found = matched_proposal(at_median_width, common, seed)
    mean, root = np.zeros(dimension), np.eye(dimension)
    mean[:common], root[:common, :common] = found.mean, found.root
    return Proposal(mean, root)


@dataclass(frozen=True, slots=True, eq=False)
class ExactPosterior:
    """The posterior of an analysis by the exact engine.

    Attributes
    ----------
    layout
        Labels.
    family
        The parameters integrated numerically.
    mixtures
        One for the whole analysis, or one for each cell where cells are analysed alone.
    """

    layout: Layout
    family: Family
    mixtures: tuple[Mixture, ...]

    def probability(self, target: str, threshold: float, sign: float) -> tuple[Floats, Floats]:
        """Return the probability of an effect at or beyond a threshold, by cell, with its error.

        Parameters
        ----------
        target
            ``"effect"`` or ``"new_trial"``.
        threshold
            In the direction of ``sign``.
        sign
            −1 where negative effects count, 1 where positive ones do.
        """
        pairs = [mixture.probability(target, threshold, sign) for mixture in self.mixtures]
        value, error = (np.concatenate(part) for part in zip(*pairs, strict=True))
        return value, error

    def mean(self, target: str) -> Floats:
        """Return posterior means of ``"effect"`` or ``"new_trial"`` by cell."""
        return np.concatenate([mixture_mean(m.weight, m.mean[target]) for m in self.mixtures])

    def sd(self, target: str) -> Floats:
        """Return posterior SDs of ``"effect"`` or ``"new_trial"`` by cell."""
        return np.concatenate(
            [mixture_sd(m.weight, m.mean[target], m.sd[target]) for m in self.mixtures]
        )

    @property
    def log_marginal(self) -> float:
        """Log marginal likelihood of the data: what Bayes factors compare."""
        return sum(mixture.points.log_marginal for mixture in self.mixtures)

    @property
    def log_marginal_error(self) -> float:
        """Numerical standard error of `log_marginal`."""
        return float(np.sqrt(sum(m.points.log_marginal_error**2 for m in self.mixtures)))

    @property
    def pareto_k(self) -> float:
        """Largest Pareto k-hat of the weights; not a number where a grid needs none."""
        return max(mixture.points.pareto_k for mixture in self.mixtures)

    @property
    def effective(self) -> float:
        """Smallest effective number of points."""
        return min(mixture.points.effective for mixture in self.mixtures)


def exact_posterior(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    seed: int | None = None,
    points: int | None = None,
    replicates: int | None = None,
) -> ExactPosterior:
    """Return the posterior of a Gaussian analysis, without draws.

    Parameters
    ----------
    spec
        The analysis.
    effects
        Its contrasts.
    seed
        Of the scrambled points; by default that of the model file.
    points, replicates
        Points of a replicate, a power of 2, and independent replicates, at least 2.

    Returns
    -------
    ExactPosterior
        Weighted points with conditional means and SDs, in the unit of the effect.

    Raises
    ------
    UsageError
        If the analysis is one of counts.
    FitError
        If the data cannot be integrated over.
    """
    if spec.likelihood.family != "normal":
        raise UsageError(
            f"model {spec.name}: found counts; allowed here are differences, whose effects are "
            "normal given the standard deviations. Counts have fit(..., engine='exact')"
        )
    for name, value, least in (("points", points, 1), ("replicates", replicates, 2)):
        if value is not None and (value < least or (name == "points" and value & (value - 1))):
            rule = "a power of 2" if name == "points" else "2 or more"
            raise UsageError(f"exact_posterior: found {name}={value}; allowed is {rule}")
    layout = Layout.of(effects.frame)
    gaussian = Gaussian.of(spec, effects, layout)
    family = Family.of(spec, len(layout.trials))
    seed = spec.sampling.seed if seed is None else seed
    parts = [gaussian]
    if spec.structure.pooling == "none":
        parts = [gaussian.only_cell(position) for position in range(len(layout.cells))]
    try:
        mixtures = tuple(
            Mixture.of(
                part,
                family,
                points=points or POINTS,
                replicates=replicates or REPLICATES,
                seed=seed,
            )
            for part in parts
        )
    except FitError as error:
        raise FitError(f"model {spec.name}: {error}") from error
    return ExactPosterior(layout, family, mixtures)
