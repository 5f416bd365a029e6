"""How probable it is that a drug helps enough and harms little enough, both at once.

Two fits go in, of a benefit and of a harm. Fitted separately, they say nothing about how their
errors hang together: the joint probability is the product of the two. It is not the share of
patients who are helped and not harmed, which no trial here reports.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bayes_nmda.errors import UsageError
from bayes_nmda.query.answer import Answer
from bayes_nmda.query.benefit_harm.sides import Pair, Sides, flags_of, sides_of
from bayes_nmda.query.distribution import Estimate
from bayes_nmda.query.draws import Posterior
from bayes_nmda.query.scales import scale_thresholds
from bayes_nmda.query.selection import Selector, Thresholds, check_target, numbers_from_zero
from bayes_nmda.query.words import margin, percent, subject
from bayes_nmda.terms import Target

if TYPE_CHECKING:
    import xarray as xr


def tradeoff(
    benefit_tree: xr.DataTree | Posterior,
    harm_tree: xr.DataTree | Posterior,
    *,
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
    at_least: Thresholds = None,
    at_most: Thresholds = None,
    target: Target = "mean",
    control_risk: float | None = None,
) -> Answer:
    """Return the probability that a drug helps by at least so much and harms at most so many.

    Parameters
    ----------
    benefit_tree
        A fit of a benefit, such as ``posterior("pain_intensity")``.
    harm_tree
        A fit to counts of a harm, such as ``posterior("any_adverse_event")``.
    drug, route, timepoint
        A word or several; left out means all with trials on both sides. The timepoint is that of
        the benefit where the harm has none.
    at_least
        A number or several, 0 or above, in units of the benefit: 10 asks for pain lower by 10
        points or more; of a benefit that is counted, a difference of risks. By default the
        thresholds of its model.
    at_most
        A difference of risks or several, 0 to 1: 0.05 allows 50 more people in 1000 with the
        harm. By default the thresholds of its model.
    target
        ``"mean"``, effects averaged over trials like these, or ``"new_trial"``.
    control_risk
        Risk of the harm without the drug, 0 to 1. By default that of the baseline model.

    Returns
    -------
    Answer
        A row a cell and pair of thresholds: ``drug``, ``route``, ``timepoint``, ``control_risk``,
        ``at_least``, ``at_most``, ``target``, ``probability`` (of both at once: the product of the
        next two, which takes the errors of the two fits as independent), ``mcse``,
        ``prior_probability``, ``probability_benefit`` and ``probability_harm_at_most`` with
        ``mcse_benefit`` and ``mcse_harm``; ``trials`` and ``participants`` (different trials and
        people behind either side, an arm counts once), ``benefit_trials``,
        ``benefit_participants``, ``harm_trials``, ``harm_participants``, ``trials_on_both``,
        ``engine``. ``.about["assumes"]`` states the independence.

    Raises
    ------
    QueryError
        If a word is unknown, a combination lacks trials on one side (those with both are named),
        or the harm is not a model of counts.
    UsageError
        If a threshold is negative, not a number, or a difference of risks above 1.

    References
    ----------
    Variance of a product of two independent estimates: Goodman 1960, J Am Stat Assoc 55:708,
    doi:10.1080/01621459.1960.10483369, equation 2.
    """
    check_target(target)
    sides = sides_of(
        benefit_tree,
        harm_tree,
        drug=drug,
        route=route,
        timepoint=timepoint,
        control_risk=control_risk,
    )
    wanted = scale_thresholds(sides.benefit.draws, sides.benefit.scale, at_least, "benefit")
    allowed = _allowed(sides, at_most)
    benefits, harms = sides.posteriors(target)
    before = {b: _share(sides.benefit.prior(target) >= b) for b in wanted}
    before_harm = {h: _share(sides.harm.prior(target) <= h) for h in allowed}
    harmed = {
        (label, h): posterior.probability(-h, -1.0)
        for label, posterior in harms.items()
        for h in allowed
    }
    records: list[dict[str, Any]] = []
    sentences = []
    for pair in sides.pairs:
        name, behind = sides.named(pair), sides.behind(pair)
        for b in wanted:
            helped = benefits[pair.benefit.label].probability(b, 1.0)
            for h in allowed:
                spared = harmed[pair.harm.label, h]
                both, prior = _product(helped, spared), _product(before[b], before_harm[h])
                record = {
                    **name,
                    "at_least": b,
                    "at_most": h,
                    "target": target,
                    "probability": both.value,
                    "mcse": both.mcse,
                    "prior_probability": prior.value,
                    "probability_benefit": helped.value,
                    "probability_harm_at_most": spared.value,
                    **behind,
                    "ess": both.ess,
                    "prior_mcse": prior.mcse,
                    "mcse_benefit": helped.mcse,
                    "mcse_harm": spared.mcse,
                    "flags": ";".join(flags_of(pair) + ["mcse_is_bound"] * both.bound),
                }
                records.append(record)
                sentences.append(_sentence(sides, pair, record))
    return sides.answer(
        "tradeoff",
        records,
        sentences,
        value="probability",
        direction=f"at_least counts in the direction of benefit, in {sides.benefit.scale.unit}; "
        "at_most is a risk difference in the direction of harm",
    )


def _allowed(sides: Sides, at_most: Thresholds) -> tuple[float, ...]:
    """Return the differences of risks that a question allows."""
    if at_most is None:
        return scale_thresholds(sides.harm.draws, sides.harm.scale, None, "harm")
    words = "differences of risks from 0 to 1, such as 0.05 for 50 more people in 1000"
    values = numbers_from_zero("at_most", at_most, words)
    for value in values:
        if value > 1.0:
            raise UsageError(f"at_most: found {value:g}; allowed are {words}")
    return values


def _share(reached: NDArray[np.bool_]) -> Estimate:
    """Return the prior's probability over all cells, which are exchangeable before the data."""
    per_draw = reached.reshape(len(reached), -1).mean(axis=1)
    size = len(per_draw)
    return Estimate(float(per_draw.mean()), float(per_draw.std(ddof=1) / np.sqrt(size)), size)


def _product(first: Estimate, second: Estimate) -> Estimate:
    """Return the product of two independent estimates, with its standard error.

    To first order this is the delta method; the last term, the product of the two errors, matters
    where both are bounds.
    """
    error = math.hypot(
        second.value * first.mcse, first.value * second.mcse, first.mcse * second.mcse
    )
    return Estimate(
        first.value * second.value,
        error,
        min(first.ess, second.ess),
        first.bound or second.bound,
    )


def _sentence(sides: Sides, pair: Pair, row: dict[str, Any]) -> str:
    benefit, harm = sides.benefit, sides.harm
    helps = "lowers" if benefit.sign < 0 else "raises"
    harms = "raise" if harm.sign > 0 else "lower"
    limit = (
        f"{harms}s {sides.harmed()} by at most {1000 * row['at_most']:g} in 1000"
        if row["at_most"] > 0
        else f"does not {harms} {sides.harmed()}"
    )
    return (
        f"The probability that {sides.drug(pair)} {helps} {subject(benefit.draws, benefit.scale)}"
        f"{margin(benefit.draws, benefit.scale, row['at_least'])} and {limit}, "
        f"{sides.where(pair, row)} is {percent(row['probability'], row['mcse'])} (before the data: "
        f"{percent(row['prior_probability'], row['prior_mcse'])}): "
        f"{percent(row['probability_benefit'], row['mcse_benefit'])} for the benefit, "
        f"{percent(row['probability_harm_at_most'], row['mcse_harm'])} for the limit on harm. "
        f"{sides.evidence(pair)}"
    )
