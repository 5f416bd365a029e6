"""How large an effect is, and how probably it matters.

A probability is that of the posterior beyond a threshold; an estimate is its mean, with an
interval. Both are counted from the draws of NUTS, and computed without counting where
the exact engine made the fit. ``target="mean"`` is the effect averaged over trials like those in a
cell, ``target="new_trial"`` what one more trial would show; the second is always less certain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayes_nmda.query.answer import Answer
from bayes_nmda.query.draws import Posterior, draws_of
from bayes_nmda.query.intervals import Kind, choose_interval
from bayes_nmda.query.rows import estimate, probability
from bayes_nmda.query.scales import choose_scale, scale_thresholds
from bayes_nmda.query.selection import Selector, Thresholds, choose_cells
from bayes_nmda.terms import Target

if TYPE_CHECKING:
    import xarray as xr


def prob_benefit(
    tree: xr.DataTree | Posterior,
    *,
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
    at_least: Thresholds = None,
    target: Target = "mean",
    measure: str | None = None,
    control_risk: float | None = None,
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
    measure, control_risk
        Scale of the question, see `prob_harm`.

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
    scale = choose_scale(draws, measure, control_risk, default="OR")
    thresholds = scale_thresholds(draws, scale, at_least, "benefit")
    return probability(draws, "prob_benefit", scale, cells, thresholds, target)


def prob_harm(
    tree: xr.DataTree | Posterior,
    *,
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
    at_least: Thresholds = None,
    target: Target = "mean",
    measure: str | None = None,
    control_risk: float | None = None,
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
        Scale of the question. A model of counts has ``"OR"`` (the default), ``"RR"`` and ``"RD"``:
        `at_least` is then a ratio of 1 or more, or a difference of risks, 0.05 for 50 in 1000. A
        difference of means has its own scale; a standardised one also ``"MD"``, the units of a
        familiar instrument.
    control_risk
        For ``"RR"`` and ``"RD"``: the risk without the drug, 0 to 1. By default that of a new
        population like those of the cell's control arms, draw by draw, from the baseline model.

    Returns
    -------
    Answer
        The columns of `prob_benefit`; off the model's own scale also ``measure`` and
        ``control_risk``.

    Raises
    ------
    QueryError
        If a word is unknown, no trial stands behind a combination, or the model has no such
        measure.
    UsageError
        If a threshold is negative or not a number.
    """
    draws = draws_of(tree)
    cells = choose_cells(draws, drug=drug, route=route, timepoint=timepoint)
    scale = choose_scale(draws, measure, control_risk, default="OR")
    thresholds = scale_thresholds(draws, scale, at_least, "harm")
    return probability(draws, "prob_harm", scale, cells, thresholds, target)


def effect(
    tree: xr.DataTree | Posterior,
    *,
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
    measure: str | None = None,
    control_risk: float | None = None,
    level: float = 0.95,
    interval: Kind = "eti",
) -> Answer:
    """Return the effect averaged over trials like those behind each cell.

    Parameters
    ----------
    tree
        A fit, from `fit` or `posterior`.
    drug, route, timepoint
        A word or several; left out means all.
    measure
        By default the model's own. A model of counts has also ``"OR"``, ``"RR"``, ``"RD"`` and
        ``"NNT"``, a standardised difference ``"MD"``, see `prob_harm`.
    control_risk
        For ``"RR"``, ``"RD"`` and ``"NNT"``: the risk without the drug, 0 to 1; by default that of
        the baseline model.
    level, interval
        Probability of the intervals, and ``"eti"``, equal tails, or ``"hdi"``, the shortest on the
        scale of the model.

    Returns
    -------
    Answer
        Columns ``estimate`` (posterior mean; of ratios and risks the median), ``sd`` (not of
        those), ``median``, ``lower`` and ``upper``, ``mcse``,
        ``prior_lower``, ``prior_upper``, ``trials``, ``participants``,
        ``engine``, on the scale of the model's measure; ``.direction`` says which sign favours
        the drug. Of a number needed only ``estimate`` is one, with ``kind`` (NNTB or NNTH) and
        ``interval`` in words; the risk difference behind it has columns ``rd``, ``rd_lower``,
        ``rd_upper``, ``rd_mcse``.

    Raises
    ------
    QueryError
        If a word is unknown, or no trial stands behind a combination.
    UsageError
        If the level is no probability, or the interval of no known kind.
    """
    draws, chosen = draws_of(tree), choose_interval(level, interval)
    cells = choose_cells(draws, drug=drug, route=route, timepoint=timepoint)
    scale = choose_scale(draws, measure, control_risk)
    return estimate(draws, "effect", scale, cells, "mean", chosen)


def new_trial(
    tree: xr.DataTree | Posterior,
    *,
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
    measure: str | None = None,
    control_risk: float | None = None,
    level: float = 0.95,
    interval: Kind = "eti",
) -> Answer:
    """Return the effect that one more trial like those behind each cell would have.

    Parameters
    ----------
    tree
        A fit, from `fit` or `posterior`.
    drug, route, timepoint
        A word or several; left out means all.
    measure, control_risk, level, interval
        As for `effect`.

    Returns
    -------
    Answer
        The columns of `effect`; ``lower`` and ``upper`` are the prediction interval of the
        trial's true effect, before its own sampling error.

    Raises
    ------
    QueryError
        If a word is unknown, or no trial stands behind a combination.
    UsageError
        If the level is no probability, or the interval of no known kind.
    """
    draws, chosen = draws_of(tree), choose_interval(level, interval)
    cells = choose_cells(draws, drug=drug, route=route, timepoint=timepoint)
    scale = choose_scale(draws, measure, control_risk)
    return estimate(draws, "new_trial", scale, cells, "new_trial", chosen)
