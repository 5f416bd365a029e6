"""What a drug is worth once its harms are paid for, at a price that somebody names.

The price says how much average improvement one more person with the harm takes away. No trial
knows it and this project has none: whoever decides must name it. The result is in the units of the
benefit, so that 0 is where benefit and harm balance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bayes_nmda.query.answer import Answer
from bayes_nmda.query.benefit_harm.independent import Difference, pooled_values, values_of
from bayes_nmda.query.benefit_harm.sides import Pair, Sides, flags_of, sides_of
from bayes_nmda.query.distribution import Estimate
from bayes_nmda.query.draws import Floats, Posterior
from bayes_nmda.query.intervals import Interval, Kind, choose_interval
from bayes_nmda.query.selection import Selector, check_target, numbers_from_zero
from bayes_nmda.query.words import number, outcome, percent
from bayes_nmda.terms import Target

if TYPE_CHECKING:
    import xarray as xr


def net_benefit(
    benefit_tree: xr.DataTree | Posterior,
    harm_tree: xr.DataTree | Posterior,
    *,
    points_per_event: float | Iterable[float],
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
    target: Target = "mean",
    control_risk: float | None = None,
    level: float = 0.95,
    interval: Kind = "eti",
) -> Answer:
    """Return the benefit less the harm, each event paid for in units of the benefit.

    Parameters
    ----------
    benefit_tree
        A fit of a benefit, such as ``posterior("pain_intensity")``.
    harm_tree
        A fit to counts of a harm, such as ``posterior("any_adverse_event")``.
    points_per_event
        A number or several, 0 or above: how many units of the benefit, averaged over patients, one
        event a person is worth. At 20 points, a harm that is certain cancels 20 points of pain
        relief, and a risk difference of 0.1 cancels 2.
    drug, route, timepoint
        A word or several; left out means all with trials on both sides.
    target
        ``"mean"``, effects averaged over trials like these, or ``"new_trial"``.
    control_risk
        Risk of the harm without the drug, 0 to 1. By default that of the baseline model.
    level, interval
        Probability of the intervals, and ``"eti"``, equal tails, or ``"hdi"``, the shortest on the
        scale of the model.

    Returns
    -------
    Answer
        A row a cell and price: ``drug``, ``route``, ``timepoint``, ``control_risk``,
        ``points_per_event``, ``target``; ``estimate`` (posterior mean, in units of the benefit,
        positive favours the drug) with ``sd``, ``median``, ``lower`` and ``upper``
        and ``mcse``; ``probability`` (of a net benefit above 0) with ``mcse_probability``
        and ``prior_probability``; ``benefit`` and ``risk_difference``, the two means that are
        weighed; then trials and participants as in `tradeoff`.

    Raises
    ------
    QueryError
        If a word is unknown, a combination lacks trials on one side (those with both are named),
        or the harm is not a model of counts.
    UsageError
        If a price is negative or not a number.

    Notes
    -----
    The two fits are separate, so their posteriors are independent: every draw of one goes with
    every draw of the other. The Monte Carlo error of a share of pairs has a part from each fit, by
    its own effective sample size; pairs are many, and would not make it smaller.
    """
    check_target(target)
    chosen = choose_interval(level, interval)
    allowed = "numbers from 0 upwards, in units of the benefit that one event is worth"
    prices = numbers_from_zero("points_per_event", points_per_event, allowed)
    sides = sides_of(
        benefit_tree,
        harm_tree,
        drug=drug,
        route=route,
        timepoint=timepoint,
        control_risk=control_risk,
    )
    benefits, harms = sides.posteriors(target)
    prior = _before(sides.benefit.prior(target), sides.harm.prior(target), prices)
    records: list[dict[str, Any]] = []
    sentences = []
    for pair in sides.pairs:
        helped, harmed = benefits[pair.benefit.label], harms[pair.harm.label]
        net = Difference(values_of(helped), values_of(harmed), rate=0.0)
        name, behind = sides.named(pair), sides.behind(pair)
        for price in prices:
            record = {
                **name,
                "points_per_event": price,
                "target": target,
                **_weighed(net.at(price), chosen),
                "prior_probability": prior[price].value,
                "benefit": net.first.mean.value,
                "risk_difference": net.second.mean.value,
                **behind,
                "prior_mcse": prior[price].mcse,
            }
            record["flags"] = ";".join(flags_of(pair) + ["mcse_is_bound"] * record.pop("bound"))
            records.append(record)
            sentences.append(_sentence(sides, pair, record, chosen))
    return sides.answer(
        "net_benefit",
        records,
        sentences,
        value="estimate",
        direction="positive favours the drug: what is left of the benefit once harm is paid for",
        interval=chosen,
    )


def _weighed(net: Difference, chosen: Interval) -> dict[str, Any]:
    """Return the columns of a net benefit at one price."""
    mean, positive = net.mean(), net.above(0.0)
    (low, high), median = chosen.ends(net), net.quantile(0.5)
    return {
        "estimate": mean.value,
        "sd": net.sd(),
        "median": median.value,
        "lower": low.value,
        "upper": high.value,
        "mcse": mean.mcse,
        "probability": positive.value,
        "mcse_probability": positive.mcse,
        "ess": mean.ess,
        "mcse_lower": low.mcse,
        "mcse_upper": high.mcse,
        "mcse_median": median.mcse,
        "bound": positive.bound,
    }


def _before(benefit: Floats, harm: Floats, prices: tuple[float, ...]) -> dict[float, Estimate]:
    """Return the prior's probability of a net benefit at each price.

    It is pooled over all cells, which are exchangeable before the data.
    """
    pooled = Difference(pooled_values(benefit), pooled_values(harm), rate=0.0)
    return {price: pooled.at(price).above(0.0) for price in prices}


def _sentence(sides: Sides, pair: Pair, row: dict[str, Any], chosen: Interval) -> str:
    error = max(row["mcse"], row["mcse_lower"], row["mcse_upper"])
    scale, counted = sides.benefit.scale, sides.benefit.scale.measure == "RD"
    per, unit = (1000.0, "in 1000") if counted else (1.0, scale.unit)
    names = ("estimate", "lower", "upper")
    middle, low, high = (number(per * row[name], per * error) for name in names)
    price, wanted = row["points_per_event"], outcome(sides.benefit.draws)
    price_words = (
        f"one person with {outcome(sides.harm.draws)} is worth {price:g} with {wanted}"
        if counted
        else f"{outcome(sides.harm.draws)} in everybody is worth {price:g} {unit} of {wanted}"
    )
    return (
        f"If {price_words}, the net benefit of {sides.drug(pair)} {sides.where(pair, row)} is "
        f"{middle} {unit} ({chosen.said()} {low} to {high}; positive favours the drug). The "
        f"probability of a net benefit is {percent(row['probability'], row['mcse_probability'])} "
        f"(before the data: {percent(row['prior_probability'], row['prior_mcse'])}). "
        f"{sides.evidence(pair)}"
    )
