"""On which scale a question is asked: the model's own, or another that its draws imply.

A log odds ratio is sampled; odds ratio, risk ratio, risk difference and number needed to treat
follow from it and the control risk: draws of a new population by the baseline model, which control
arms alone inform, or one risk that somebody names. A standardised difference can be told in the
units of a familiar instrument. Draws are converted one by one, so that every scale has a posterior
distribution of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.inference.absolute import expit, risk_at, risks
from bayes_nmda.query.distribution import Counted, Distribution, Estimate, distributions
from bayes_nmda.query.draws import Cell, Draws, Floats
from bayes_nmda.query.intervals import USUAL, Interval
from bayes_nmda.query.selection import Thresholds, choose_thresholds

#: A risk that somebody may name, and one less it: one in a million.
_RAREST: Final = 1e-6
#: Scales that a fit to counts has beside its own, and the list of thresholds of each.
OF_COUNTS: Final = {
    "OR": "odds_ratio",
    "RR": "risk_ratio",
    "RD": "risk_difference",
    "NNT": "risk_difference",
}
RATIOS: Final = frozenset({"OR", "RR"})
#: Scales that depend on the control risk.
ABSOLUTE: Final = frozenset({"RR", "RD", "NNT"})


@dataclass(frozen=True, slots=True)
class Rescaled:
    """A distribution in other units; a negative factor turns it over."""

    base: Distribution
    factor: float

    def probability(self, at_least: float, sign: float) -> Estimate:
        """Return the probability of ``sign`` times the quantity at or beyond a threshold."""
        turned = math.copysign(sign, sign * self.factor)
        return self.base.probability(at_least / abs(self.factor), turned)

    def mean(self) -> Estimate:
        """Return the mean."""
        return self._in_units(self.base.mean())

    def sd(self) -> float:
        """Return the SD."""
        return abs(self.factor) * self.base.sd()

    def quantile(self, p: float) -> Estimate:
        """Return a quantile."""
        return self._in_units(self.base.quantile(p if self.factor > 0 else 1.0 - p))

    def _in_units(self, found: Estimate) -> Estimate:
        value, error = self.factor * found.value, abs(self.factor) * found.mcse
        return found._replace(value=value, mcse=error)


@dataclass(frozen=True, slots=True, eq=False)
class AtRisk:
    """What a log odds ratio does at one known control risk: a ratio or a difference of risks.

    Both rise with the log odds ratio, so that probabilities and quantiles are those of the log odds
    ratio at another place, and no draw is counted where the fit has none.

    Attributes
    ----------
    base
        Distribution of the log odds ratio.
    control_risk
        Risk without the drug, inside 0 to 1.
    ratio
        Whether the quantity is the log risk ratio, else the risk difference.
    draws
        Draws of the quantity, for its mean and SD.
    """

    base: Distribution
    control_risk: float
    ratio: bool
    draws: Floats

    def probability(self, at_least: float, sign: float) -> Estimate:
        """Return the probability of ``sign`` times the quantity at or beyond a threshold."""
        edge = sign * at_least
        treated = self.control_risk * math.exp(edge) if self.ratio else self.control_risk + edge
        if not 0.0 < treated < 1.0:  # further than any drug can move this risk
            return Estimate(0.0, 0.0, float(self.draws.size))
        moved = _log_odds(treated) - _log_odds(self.control_risk)
        return self.base.probability(sign * moved, sign)

    def mean(self) -> Estimate:
        """Return the mean of the draws."""
        return Counted(self.draws).mean()

    def sd(self) -> float:
        """Return the SD of the draws."""
        return Counted(self.draws).sd()

    def quantile(self, p: float) -> Estimate:
        """Return a quantile."""
        found = self.base.quantile(p)
        treated = float(risk_at(self.control_risk, found.value))
        if self.ratio:
            value, slope = math.log(treated / self.control_risk), 1.0 - treated
        else:
            value, slope = treated - self.control_risk, treated * (1.0 - treated)
        return found._replace(value=value, mcse=slope * found.mcse)


def _log_odds(risk: float) -> float:
    return math.log(risk) - math.log1p(-risk)


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale of a question.

    Attributes
    ----------
    measure
        ``"MD"``, ``"SMD"``, ``"log_or"``, ``"OR"``, ``"RR"``, ``"RD"`` or ``"NNT"``.
    unit
        Its unit, as a reader prints it.
    control_risk
        Risk without the drug that was asked for; None for that of the baseline model.
    factor
        What a draw of the model is multiplied by; 1 on its own scale.
    own
        Whether it is the model's own scale.
    towards
        Sign that favours the drug, -1 or 1.
    note
        What the conversion assumes, for a sentence.
    """

    measure: str
    unit: str
    control_risk: float | None = None
    factor: float = 1.0
    own: bool = False
    towards: float = -1.0
    note: str = ""

    @property
    def ratio(self) -> bool:
        """Whether values are logarithms of ratios."""
        return self.measure in RATIOS

    def cut(self, at_least: float) -> float:
        """Return a threshold as a distance from no effect on the additive scale."""
        return math.log(at_least) if self.ratio else at_least

    def posteriors(self, draws: Draws, variable: str) -> Callable[[Cell], Distribution]:
        """Return a function that gives the distribution of a cell; of a ratio its logarithm."""
        if self.measure not in ABSOLUTE:
            of_cell = distributions(draws, variable)
            if self.factor == 1.0:
                return of_cell
            return lambda cell: Rescaled(of_cell(cell), self.factor)
        contrast = self._contrast(*self.risks(draws, "posterior", variable))
        risk, of_cell = self.control_risk, distributions(draws, variable)

        def at(cell: Cell) -> Distribution:
            counted, base = contrast[..., cell.index], of_cell(cell)
            if risk is None or isinstance(base, Counted):
                return Counted(counted)
            return AtRisk(base, risk, self.ratio, counted)

        return at

    def prior(self, draws: Draws, variable: str) -> Floats:
        """Return draws from the prior, shape (draw, cell); of a ratio its logarithm."""
        if self.measure not in ABSOLUTE:
            return self.factor * draws.prior(variable)
        return self._contrast(*self.risks(draws, "prior", variable))

    def risks(self, draws: Draws, group: str, variable: str) -> tuple[Floats, Floats]:
        """Return risks without and with the drug, shape (..., cell)."""
        read = draws.posterior if group == "posterior" else draws.prior
        log_or = read(variable)
        if self.control_risk is not None:
            treated = risk_at(self.control_risk, log_or)
            return np.full_like(treated, self.control_risk), treated
        return risks(read("baseline_log_odds"), log_or)

    def _contrast(self, control: Floats, treated: Floats) -> Floats:
        if self.ratio:
            tiny = np.finfo(np.float64).tiny
            ratio: Floats = np.log(np.maximum(treated, tiny)) - np.log(np.maximum(control, tiny))
            return ratio
        return treated - control


def choose_scale(
    draws: Draws, measure: str | None, control_risk: float | None, *, default: str | None = None
) -> Scale:
    """Return the scale of a question.

    Parameters
    ----------
    draws
        The fit.
    measure
        What was asked for; None for ``default``.
    control_risk
        A risk between 0 and 1, or None.
    default
        Scale of a fit to counts where none is named; the model's own otherwise.

    Raises
    ------
    QueryError
        If the model has no such scale.
    UsageError
        If the control risk is not a risk, or the scale does not depend on it.
    """
    counted = draws.counted
    if measure is None:
        measure = default if counted and default else draws.measure
    if control_risk is not None:
        _check_risk(control_risk, measure, counted)
    if measure == draws.measure:
        return Scale(measure, draws.unit, own=True, towards=draws.benefit_sign)
    familiar = draws.spec.get("effect", {}).get("familiar")
    if counted and measure in OF_COUNTS:
        return Scale(measure, _UNITS[measure], control_risk, towards=draws.benefit_sign)
    if draws.measure == "SMD" and measure == "MD" and familiar:
        return _familiar(draws, familiar)
    allowed = [draws.measure, *(OF_COUNTS if counted else [])]
    allowed += ["MD"] if draws.measure == "SMD" and familiar else []
    only = "" if len(allowed) > 1 else "; it is about a difference on its own scale"
    raise QueryError(
        f"measure: found {measure!r}; in model {draws.model} allowed are "
        f"{', '.join(map(repr, allowed))}, or none{only}"
    )


_UNITS: Final = {
    "OR": "odds ratio",
    "RR": "risk ratio",
    "RD": "risk difference",
    "NNT": "number needed to treat",
}


def _check_risk(control_risk: float, measure: str, counted: bool) -> None:
    if not counted or measure not in ABSOLUTE:
        raise UsageError(
            f"control_risk: found {control_risk!r} with measure {measure!r}; only "
            f"{', '.join(sorted(ABSOLUTE))} of a model of counts depend on the control risk: leave "
            "it out, or name one of them"
        )
    if not _RAREST <= control_risk <= 1.0 - _RAREST:
        raise UsageError(
            f"control_risk: found {control_risk!r}; allowed is a risk between 0 and 1, such as "
            f"0.3, from {_RAREST:g} to {1 - _RAREST:g}"
        )


def _familiar(draws: Draws, familiar: dict[str, Any]) -> Scale:
    """Return the units of a familiar instrument; its sign is that of the instrument."""
    towards = 1.0 if familiar["better"] == "higher" else -1.0
    return Scale(
        "MD",
        familiar["unit"],
        factor=float(familiar["sd"]) * towards * draws.benefit_sign,
        towards=towards,
        note=(
            f" on the {familiar['instrument']} ({familiar['better']} is better), assuming that one "
            f"standard deviation there is {familiar['sd']:g} and means as much as on the trials' "
            "own instruments"
        ),
    )


def scale_thresholds(
    draws: Draws, scale: Scale, at_least: Thresholds, direction: str
) -> tuple[float, ...]:
    """Return the thresholds of a question on its scale, the model's own where none is given.

    Raises
    ------
    UsageError
        If one is not a number, a ratio below 1, or a risk difference of 1 or more.
    QueryError
        If none is given and the model names none on this scale.
    """
    if at_least is None and not scale.own:
        named = draws.spec.get("thresholds", {}).get(OF_COUNTS.get(scale.measure, ""))
        if not named:
            raise QueryError(
                f"model {draws.model} names no thresholds in {scale.unit}; give at_least"
            )
        return tuple(float(value) for value in named)
    if at_least is None and draws.measure == "log_or":
        raise QueryError(f"model {draws.model} names no thresholds in {scale.unit}; give at_least")
    values = choose_thresholds(draws, at_least, direction)
    for value in values:
        if scale.ratio and value < 1.0:
            raise UsageError(
                f"at_least: found {value:g}; allowed is a ratio of 1 or more: the direction of the "
                "question says which way, 2 stands for twice and for half"
            )
        if scale.measure == "RD" and value >= 1.0:
            raise UsageError(
                f"at_least: found {value:g}; allowed is a difference of risks below 1, such as "
                "0.05 for 50 more people in 1000"
            )
    return values


def baseline_risk(
    draws: Draws, scale: Scale, cell: Cell, interval: Interval = USUAL
) -> tuple[float, float, float]:
    """Return the control risk behind an absolute effect: its median and interval."""
    if scale.control_risk is not None:
        return (scale.control_risk,) * 3
    risk = expit(draws.posterior("baseline_log_odds")[..., cell.index])
    return (float(np.quantile(risk, 0.5)), *interval.of(risk))
