"""Rows and sentences of probabilities and estimates, on whichever scale was asked for.

`effects` asks the questions; this is how the distribution of one cell, counted or exact, becomes a
row with its error, the evidence behind it and what the prior alone said.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from bayes_nmda.errors import QueryError
from bayes_nmda.query.answer import Answer, answer_of
from bayes_nmda.query.distribution import Estimate
from bayes_nmda.query.draws import Cell, Draws, Floats
from bayes_nmda.query.intervals import USUAL, Interval
from bayes_nmda.query.number_needed import needed, needed_interval
from bayes_nmda.query.scales import ABSOLUTE, Scale, baseline_risk
from bayes_nmda.query.selection import VARIABLE, check_target
from bayes_nmda.query.words import estimate_sentence, favours, probability_sentence

#: Names in the row of a number needed of what is about the risk difference behind it.
_OF_DIFFERENCE: Final = {
    "median": "rd",
    **{
        name: f"rd_{name}"
        for name in (
            *("lower", "upper", "mcse", "prior_lower", "prior_upper"),
            *("mcse_lower", "mcse_upper"),
        )
    },
}


def named(cell: Cell) -> dict[str, Any]:
    """Return the columns that name a cell; what it was compared with where that is not placebo."""
    columns = {"drug": cell.drug, "route": cell.route, "timepoint": cell.timepoint}
    return (
        columns
        if cell.comparator == cell.words.reference
        else columns | {"comparator": cell.comparator}
    )


def behind(draws: Draws, cell: Cell) -> dict[str, Any]:
    """Return the columns that say what stands behind a number."""
    found: dict[str, Any] = {"trials": cell.trials, "participants": cell.participants}
    if draws.counted:
        found |= {name: draws.of_counts(name, cell) for name in ("trials_informative", "events")}
    return found | {"engine": draws.engine}


def about(draws: Draws, scale: Scale, cell: Cell, interval: Interval = USUAL) -> dict[str, Any]:
    """Return the columns that name a scale other than the model's own."""
    if scale.own:
        return {}
    columns: dict[str, Any] = {"measure": scale.measure}
    if scale.measure in ABSOLUTE:
        named_risk = scale.control_risk is not None
        risk, low, high = baseline_risk(draws, scale, cell, interval)
        columns |= {
            "control_risk": risk,
            "control_risk_lower": low,
            "control_risk_upper": high,
            "control_risk_from": "question" if named_risk else "baseline model",
            "control_events": draws.of_counts("control_events", cell),
            "control_people": draws.of_counts("control_people", cell),
        }
    return columns


def _pooled_prior(prior: Floats, at_least: float, sign: float) -> tuple[float, float]:
    """Return the prior's probability over all cells, and its Monte Carlo error."""
    per_draw = (sign * prior.reshape(len(prior), -1) >= at_least).mean(axis=1)
    return float(per_draw.mean()), float(per_draw.std(ddof=1) / np.sqrt(len(per_draw)))


def probability(
    draws: Draws,
    query: str,
    scale: Scale,
    cells: tuple[Cell, ...],
    thresholds: tuple[float, ...],
    target: str,
) -> Answer:
    """Return the probabilities of benefit or harm, a row a cell and threshold."""
    if scale.measure == "NNT":
        raise QueryError(
            "measure: found 'NNT'; a probability is about a difference of risks: ask for 'RD' with "
            "one over the number needed"
        )
    variable = VARIABLE[check_target(target)]
    sign = scale.towards if query == "prob_benefit" else -scale.towards
    prior = scale.prior(draws, variable)
    records: list[dict[str, Any]] = []
    sentences = []
    before = {x: _pooled_prior(prior, scale.cut(x), sign) for x in thresholds}
    of_cell = scale.posteriors(draws, variable)
    for cell in cells:
        posterior = of_cell(cell)
        for at_least in thresholds:
            found = posterior.probability(scale.cut(at_least), sign)
            prior_probability, prior_mcse = before[at_least]
            record = {
                **named(cell),
                **about(draws, scale, cell),
                "at_least": at_least,
                "target": target,
                "probability": found.value,
                "mcse": found.mcse,
                "prior_probability": prior_probability,
                **behind(draws, cell),
                "ess": found.ess,
                "prior_mcse": prior_mcse,
                "flags": ";".join([*cell.flags, *(["mcse_is_bound"] if found.bound else [])]),
            }
            sentences.append(probability_sentence(draws, scale, cell, record, sign))
            records.append(record)
    return answer_of(
        draws,
        query,
        records,
        sentences,
        value="probability",
        unit=scale.unit,
        direction=f"{favours(scale.towards, ratio=scale.ratio)}; at_least counts in the direction "
        f"of {'benefit' if query == 'prob_benefit' else 'harm'}, in {scale.unit}",
    )


def estimate(
    draws: Draws,
    query: str,
    scale: Scale,
    cells: tuple[Cell, ...],
    target: str,
    interval: Interval,
) -> Answer:
    """Return estimates with intervals, a row a cell.

    A ratio or a risk is told by its median: the mean of a ratio is no middle of its distribution.
    """
    variable = VARIABLE[check_target(target)]
    lower, upper = interval.of(scale.prior(draws, variable))
    records: list[dict[str, Any]] = []
    sentences = []
    of_cell = scale.posteriors(draws, variable)
    for cell in cells:
        posterior = of_cell(cell)
        mean = posterior.mean()
        (low, high), median = interval.ends(posterior), posterior.quantile(0.5)
        told_by_mean = scale.own or scale.measure == "MD"
        record = {
            **named(cell),
            **about(draws, scale, cell, interval),
            "target": target,
            "estimate": mean.value if told_by_mean else _shown(scale, median.value),
            **({"sd": posterior.sd()} if told_by_mean else {}),
            "median": _shown(scale, median.value),
            "lower": _shown(scale, low.value),
            "upper": _shown(scale, high.value),
            "mcse": mean.mcse if told_by_mean else _shown_error(scale, median),
            "prior_lower": _shown(scale, lower),
            "prior_upper": _shown(scale, upper),
            **behind(draws, cell),
            "ess": mean.ess,
            "mcse_lower": _shown_error(scale, low),
            "mcse_upper": _shown_error(scale, high),
            "flags": ";".join(cell.flags),
        }
        if scale.measure == "NNT":
            record = _needed(scale.towards, record)
        sentences.append(estimate_sentence(draws, scale, cell, record, interval))
        records.append(record)
    return answer_of(
        draws,
        query,
        records,
        sentences,
        value="estimate",
        unit=scale.unit,
        direction=favours(scale.towards, ratio=scale.ratio),
        interval=interval,
    )


def _shown(scale: Scale, value: float) -> float:
    """Return a value as a reader sees it: a ratio, not its logarithm."""
    return float(np.exp(value)) if scale.ratio else float(value)


def _shown_error(scale: Scale, found: Estimate) -> float:
    """Return the error of a quantile as a reader sees it."""
    return found.mcse * _shown(scale, found.value) if scale.ratio else found.mcse


def _needed(towards: float, row: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a number needed to treat, from that of the risk difference.

    ``estimate`` becomes the number needed, ``interval`` its interval in words; ``nnt_lower`` and
    ``nnt_upper`` are one over the ends of the difference, negative for harm. All else about the
    difference is kept under a name with ``rd``.
    """
    (low, error_low), (high, error_high) = sorted(
        (towards * row[end], row[f"mcse_{end}"]) for end in ("lower", "upper")
    )
    kind, number = needed(towards * row["median"])
    found: dict[str, Any] = {}
    for name, value in row.items():
        if name == "estimate":
            found |= {
                "estimate": number,
                "kind": kind,
                "interval": needed_interval(low, high, error_low=error_low, error_high=error_high),
                "through_infinity": bool(low < 0 < high),
                "nnt_lower": 1.0 / low if low else math.inf,
                "nnt_upper": 1.0 / high if high else -math.inf,
            }
        else:
            found[_OF_DIFFERENCE.get(name, name)] = value
    return found
