"""How large an effect is, and how probably it matters.

A probability is that of the posterior beyond a threshold; an estimate is its mean, with the 2.5 %
and 97.5 % quantiles. Both are counted from the draws of NUTS, and computed without counting where
the exact engine made the fit. ``target="mean"`` is the effect averaged over trials like those in a
cell, ``target="new_trial"`` what one more trial would show; the second is always less certain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_nmda.errors import QueryError
from bayes_nmda.query.answer import Answer, answer_of
from bayes_nmda.query.distribution import distributions
from bayes_nmda.query.draws import Cell, Draws, Floats, Posterior, draws_of
from bayes_nmda.query.selection import (
    VARIABLE,
    Selector,
    Thresholds,
    check_target,
    choose_cells,
    choose_thresholds,
)
from bayes_nmda.query.words import estimate_sentence, favours, probability_sentence
from bayes_nmda.terms import Target

if TYPE_CHECKING:
    import xarray as xr

#: Equal-tailed 95 % interval.
INTERVAL = (0.025, 0.975)


def prob_benefit(
    tree: xr.DataTree | Posterior,
    *,
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
    at_least: Thresholds = None,
    target: Target = "mean",
) -> Answer:
    """Return the probability that a drug helps by at least so much.

    Parameters
    ----------
    tree
        A fit, from `fit` or `posterior`.
    drug, route, timepoint
        A word or several; left out means all. An answer has a row a cell and threshold.
    at_least
        A number or several, 0 or above, in units of the outcome, in the direction of benefit:
        10 asks for pain lower by 10 points or more. By default the thresholds of the model.
    target
        ``"mean"``, the effect averaged over trials like these, or ``"new_trial"``.

    Returns
    -------
    Answer
        Columns ``drug``, ``route``, ``timepoint``, ``at_least``, ``target``, ``probability``,
        ``mcse`` (Monte Carlo standard error; a bound where all draws agree, see flag
        ``mcse_is_bound``; where ``engine`` is "exact" the numerical error of the integration),
        ``prior_probability`` (of the prior alone, pooled over cells, which are exchangeable
        before the data), ``trials``, ``participants``, ``engine``.

    Raises
    ------
    QueryError
        If a word is unknown, or no trial stands behind a combination.
    UsageError
        If a threshold is negative or not a number.
    """
    draws = draws_of(tree)
    cells = choose_cells(draws, drug=drug, route=route, timepoint=timepoint)
    thresholds = choose_thresholds(draws, at_least, "benefit")
    return _probability(draws, "prob_benefit", cells, thresholds, target, draws.benefit_sign)


def prob_harm(
    tree: xr.DataTree | Posterior,
    *,
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
    at_least: Thresholds = None,
    target: Target = "mean",
    measure: str | None = None,
) -> Answer:
    """Return the probability that a drug makes the outcome worse by at least so much.

    Parameters
    ----------
    tree
        A fit, from `fit` or `posterior`.
    drug, route, timepoint
        A word or several; left out means all.
    at_least
        A number or several, 0 or above, in units of the outcome, in the direction of harm: 10
        asks for pain higher by 10 points or more. By default the thresholds of the model.
    target
        ``"mean"`` or ``"new_trial"``.
    measure
        Scale of the question; the model's own is the only one that a difference of means has.

    Returns
    -------
    Answer
        The columns of `prob_benefit`.

    Raises
    ------
    QueryError
        If a word is unknown, no trial stands behind a combination, or the model has no such
        measure.
    UsageError
        If a threshold is negative or not a number.
    """
    draws = draws_of(tree)
    if measure not in (None, draws.measure):
        raise QueryError(
            f"measure: found {measure!r}; model {draws.model} is about a difference on its own "
            f"scale, allowed is {draws.measure!r} or none"
        )
    cells = choose_cells(draws, drug=drug, route=route, timepoint=timepoint)
    thresholds = choose_thresholds(draws, at_least, "harm")
    return _probability(draws, "prob_harm", cells, thresholds, target, -draws.benefit_sign)


def effect(
    tree: xr.DataTree | Posterior,
    *,
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
) -> Answer:
    """Return the effect averaged over trials like those behind each cell.

    Parameters
    ----------
    tree
        A fit, from `fit` or `posterior`.
    drug, route, timepoint
        A word or several; left out means all.

    Returns
    -------
    Answer
        Columns ``estimate`` (posterior mean), ``sd``, ``median``, ``lower`` and ``upper`` (95 %,
        equal tails), ``mcse``, ``prior_lower``, ``prior_upper``, ``trials``, ``participants``,
        ``engine``, on the scale of the model's measure; ``.direction`` says which sign favours
        the drug.

    Raises
    ------
    QueryError
        If a word is unknown, or no trial stands behind a combination.
    """
    draws = draws_of(tree)
    cells = choose_cells(draws, drug=drug, route=route, timepoint=timepoint)
    return _estimate(draws, "effect", cells, "mean")


def new_trial(
    tree: xr.DataTree | Posterior,
    *,
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
) -> Answer:
    """Return the effect that one more trial like those behind each cell would have.

    Parameters
    ----------
    tree
        A fit, from `fit` or `posterior`.
    drug, route, timepoint
        A word or several; left out means all.

    Returns
    -------
    Answer
        The columns of `effect`; ``lower`` and ``upper`` are the 95 % prediction interval of the
        trial's true effect, before its own sampling error.

    Raises
    ------
    QueryError
        If a word is unknown, or no trial stands behind a combination.
    """
    draws = draws_of(tree)
    cells = choose_cells(draws, drug=drug, route=route, timepoint=timepoint)
    return _estimate(draws, "new_trial", cells, "new_trial")


def named(cell: Cell) -> dict[str, Any]:
    """Return the columns that name a cell."""
    return {"drug": cell.drug, "route": cell.route, "timepoint": cell.timepoint}


def behind(draws: Draws, cell: Cell) -> dict[str, Any]:
    """Return the columns that say what stands behind a number."""
    return {
        "trials": cell.trials,
        "participants": cell.participants,
        "engine": draws.engine,
    }


def _pooled_prior(prior: Floats, at_least: float, sign: float) -> tuple[float, float]:
    """Return the prior's probability over all cells, and its Monte Carlo error."""
    per_draw = (sign * prior.reshape(len(prior), -1) >= at_least).mean(axis=1)
    return float(per_draw.mean()), float(per_draw.std(ddof=1) / np.sqrt(len(per_draw)))


def _probability(
    draws: Draws,
    query: str,
    cells: tuple[Cell, ...],
    thresholds: tuple[float, ...],
    target: str,
    sign: float,
) -> Answer:
    variable = VARIABLE[check_target(target)]
    prior = draws.prior(variable)
    verb = "lowers" if sign < 0 else "raises"
    records: list[dict[str, Any]] = []
    sentences = []
    before = {x: _pooled_prior(prior, x, sign) for x in thresholds}
    of_cell = distributions(draws, variable)
    for cell in cells:
        posterior = of_cell(cell)
        for at_least in thresholds:
            found = posterior.probability(at_least, sign)
            prior_probability, prior_mcse = before[at_least]
            record = {
                **named(cell),
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
            sentences.append(probability_sentence(draws, cell, record, verb))
            records.append(record)
    return answer_of(
        draws,
        query,
        records,
        sentences,
        value="probability",
        direction=f"{favours(draws)}; at_least counts in the direction of "
        f"{'benefit' if sign == draws.benefit_sign else 'harm'}, in {draws.unit}",
    )


def _estimate(draws: Draws, query: str, cells: tuple[Cell, ...], target: str) -> Answer:
    variable = VARIABLE[check_target(target)]
    prior_lower, prior_upper = (float(q) for q in np.quantile(draws.prior(variable), INTERVAL))
    records: list[dict[str, Any]] = []
    sentences = []
    of_cell = distributions(draws, variable)
    for cell in cells:
        posterior = of_cell(cell)
        mean = posterior.mean()
        low, median, high = (posterior.quantile(p) for p in (INTERVAL[0], 0.5, INTERVAL[1]))
        record = {
            **named(cell),
            "target": target,
            "estimate": mean.value,
            "sd": posterior.sd(),
            "median": median.value,
            "lower": low.value,
            "upper": high.value,
            "mcse": mean.mcse,
            "prior_lower": prior_lower,
            "prior_upper": prior_upper,
            **behind(draws, cell),
            "ess": mean.ess,
            "mcse_lower": low.mcse,
            "mcse_upper": high.mcse,
            "flags": ";".join(cell.flags),
        }
        sentences.append(estimate_sentence(draws, cell, record))
        records.append(record)
    return answer_of(draws, query, records, sentences, value="estimate", direction=favours(draws))
