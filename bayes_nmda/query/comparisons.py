"""Drug against drug: which cell is best, and by how much one beats another.

Both use joint draws, so that what two cells share cancels. Hardly any trial compared these drugs
with each other: the comparison goes through the control arms of different trials, and holds only
if their patients are alike in what changes an effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.query.answer import Answer, answer_of
from bayes_nmda.query.draws import Cell, Draws, Floats, Posterior, draws_of
from bayes_nmda.query.intervals import Interval, Kind, choose_interval
from bayes_nmda.query.mcse import ess, mcse_mean, mcse_probability, mcse_quantile
from bayes_nmda.query.rows import behind, named
from bayes_nmda.query.selection import (
    VARIABLE,
    Selector,
    Thresholds,
    check_target,
    choose_cells,
    choose_one,
    choose_thresholds,
)
from bayes_nmda.query.words import (
    drug as drug_words,
)
from bayes_nmda.query.words import (
    evidence,
    moment,
    number,
    outcome,
    percent,
    place,
    reliability,
)
from bayes_nmda.terms import Target

if TYPE_CHECKING:
    import xarray as xr

_INDIRECT: Final = "an indirect comparison through the control arms of different trials"
_MOSTLY: Final = "drugs are compared through control arms, mostly of different trials"


def rank(
    tree: xr.DataTree | Posterior,
    *,
    timepoint: Selector = None,
    drug: Selector = None,
    route: Selector = None,
    target: Target = "mean",
    level: float = 0.95,
    interval: Kind = "eti",
) -> Answer:
    """Return how probably each cell is the best of those asked for, and its rank.

    Parameters
    ----------
    tree
        A fit, from `fit` or `posterior`.
    timepoint, drug, route
        Which cells compete; left out means all.
    target
        ``"mean"`` or ``"new_trial"``.
    level, interval
        Probability of the intervals, and ``"eti"``, equal tails, or ``"hdi"``, the shortest on the
        scale of the model.

    Returns
    -------
    Answer
        A row a cell: ``probability`` that it is the best, with ``mcse`` and ``prior_probability``;
        ``mean_rank`` (1 is best) with ``mean_rank_mcse``; ``rank_lower`` and ``rank_upper``;
        ``of``, the number of cells; ``trials``, ``participants``, ``engine``. Cells
        that tie in a draw share its rank.

    Raises
    ------
    QueryError
        If a word is unknown, fewer than two cells compete, or the model gives all one effect.
    """
    draws, chosen = draws_of(tree), choose_interval(level, interval)
    cells = choose_cells(draws, drug=drug, route=route, timepoint=timepoint)
    if len(cells) < 2:
        raise QueryError(f"rank: found one cell, {cells[0].label}; allowed are two or more")
    _require_one_comparator("rank", cells)
    variable = VARIABLE[check_target(target)]
    index = [cell.index for cell in cells]
    values = draws.benefit_sign * _by_cell(draws, draws.posterior(variable), index)
    prior = draws.benefit_sign * _by_cell(draws, draws.prior(variable), index)
    if np.ptp(values, axis=-1).max() == 0.0:
        raise QueryError(f"model {draws.model} gives all cells one effect: they have no order")
    ranks, best = _ranks(values)
    before = _ranks(prior)[1].mean(axis=0)
    records = []
    sentences = []
    for j, cell in enumerate(cells):
        low, high = chosen.of(ranks[..., j], whole=True)
        record: dict[str, Any] = {
            **named(cell),
            "target": target,
            "probability": float(best[..., j].mean()),
            "mcse": mcse_probability(best[..., j], values[..., j]),
            "prior_probability": float(before[j]),
            "mean_rank": float(ranks[..., j].mean()),
            "mean_rank_mcse": _mcse_rank(ranks[..., j]),
            "rank_lower": low,
            "rank_upper": high,
            "of": len(cells),
            **behind(draws, cell),
            "ess": ess(best[..., j]),
            "flags": ";".join(cell.flags),
        }
        records.append(record)
        sentences.append(
            _rank_sentence(draws, cell, record, _error(prior[..., 0], before[j]), chosen)
        )
    return answer_of(
        draws,
        "rank",
        records,
        sentences,
        value="probability",
        unit="probability and rank",
        direction="rank 1 is the best for patients",
        interval=chosen,
    )


def _require_one_comparator(query: str, cells: tuple[Cell, ...]) -> None:
    """Refuse to set drugs that were compared with different medicines against each other."""
    comparators = dict.fromkeys(cell.comparator for cell in cells)
    if len(comparators) > 1:
        raise QueryError(
            f"{query}: found cells compared with {', '.join(comparators)}; their effects are about "
            "different questions: allowed are cells with one comparator"
        )


def _by_cell(draws: Draws, values: Floats, index: list[int]) -> Floats:
    """Return the draws of some cells, last dimension cells."""
    if values.shape[-1] <= max(index):
        raise QueryError(f"model {draws.model} has no effect by cell; ask a model that has")
    chosen: Floats = values[..., index]
    return chosen


def _ranks(values: Floats) -> tuple[Floats, Floats]:
    """Return ranks (1 for the largest, ties share) and the share of being best, same shape."""
    above = (values[..., None, :] > values[..., :, None]).sum(axis=-1)
    level = (values[..., None, :] == values[..., :, None]).sum(axis=-1)
    first = (above == 0).astype(np.float64)
    return 1.0 + above + (level - 1) / 2.0, first / first.sum(axis=-1, keepdims=True)


def _mcse_rank(ranks: Floats) -> float:
    return mcse_mean(ranks) if np.ptp(ranks) > 0 else 0.0


def _error(prior: Floats, probability: float) -> float:
    """Return the Monte Carlo error of a share of independent prior draws."""
    return float(np.sqrt(max(probability * (1 - probability), 1 / prior.size) / prior.size))


def _rank_sentence(
    draws: Draws, cell: Cell, row: dict[str, Any], prior_error: float, chosen: Interval
) -> str:
    ranks = (number(row[name], 1.0) for name in ("mean_rank", "rank_lower", "rank_upper"))
    mean, low, high = ranks
    return (
        f"The probability that {drug_words(cell)}{moment(cell)} is the best for {outcome(draws)} "
        f"of {row['of']} combinations, {place(row['target'])}, is "
        f"{percent(row['probability'], row['mcse'])} (before the data: "
        f"{percent(row['prior_probability'], prior_error)}); mean rank {mean} of {row['of']}, "
        f"{chosen.percent} from {low} to {high}; {_MOSTLY}; "
        f"{evidence(cell.trials, cell.participants)}{reliability(draws)}."
    )


def compare(
    tree: xr.DataTree | Posterior,
    *,
    first: Mapping[str, str],
    second: Mapping[str, str],
    at_least: Thresholds = 0.0,
    target: Target = "mean",
    level: float = 0.95,
    interval: Kind = "eti",
) -> Answer:
    """Return how probably one cell is better than another by at least so much.

    Parameters
    ----------
    tree
        A fit, from `fit` or `posterior`.
    first, second
        Mappings with ``drug``, ``route`` and ``timepoint``, as many as it takes to name one cell.
    at_least
        A number or several, 0 or above, in units of the outcome; 0 asks for better at all.
    target
        ``"mean"`` or ``"new_trial"``.
    level, interval
        Probability of the intervals, and ``"eti"``, equal tails, or ``"hdi"``, the shortest on the
        scale of the model.

    Returns
    -------
    Answer
        A row a threshold: ``first``, ``second``, ``at_least``, ``target``, ``probability`` that
        the first is better, ``mcse``, ``prior_probability``; ``difference`` (first minus second,
        on the model's scale) with ``sd``, ``lower``, ``upper`` and ``difference_mcse``;
        trials and participants of each and of both, in which a shared arm counts once.

    Raises
    ------
    QueryError
        If a selector names no cell with evidence or several, or the model gives all one effect.
    UsageError
        If a threshold is negative or not a number, or both selectors name one cell.
    """
    draws, chosen = draws_of(tree), choose_interval(level, interval)
    cells = choose_one(draws, "first", first), choose_one(draws, "second", second)
    if cells[0] == cells[1]:
        raise UsageError(f"first and second: found {cells[0].label} twice; allowed are two cells")
    _require_one_comparator("compare", cells)
    thresholds = choose_thresholds(draws, at_least, "benefit")
    variable = VARIABLE[check_target(target)]
    index = [cell.index for cell in cells]
    both = _by_cell(draws, draws.posterior(variable), index)
    before = _by_cell(draws, draws.prior(variable), index)
    values, prior = both[..., 0] - both[..., 1], before[..., 0] - before[..., 1]
    if np.ptp(values) == 0.0:
        raise QueryError(f"model {draws.model} gives all cells one effect: they do not differ")
    low, high = chosen.of(values)
    trials, people = draws.people(cells)
    records = []
    sentences = []
    for x in thresholds:
        better = draws.benefit_sign * values >= x
        better_before = float((draws.benefit_sign * prior >= x).mean())
        record: dict[str, Any] = {
            "first": cells[0].label,
            "second": cells[1].label,
            "at_least": x,
            "target": target,
            "probability": float(better.mean()),
            "mcse": mcse_probability(better, values),
            "prior_probability": better_before,
            "difference": float(values.mean()),
            "sd": float(values.std(ddof=1)),
            "lower": low,
            "upper": high,
            "difference_mcse": mcse_mean(values),
            "trials": trials,
            "participants": people,
            "engine": draws.engine,
            "first_trials": cells[0].trials,
            "first_participants": cells[0].participants,
            "second_trials": cells[1].trials,
            "second_participants": cells[1].participants,
            "ess": ess(better),
            "flags": ";".join(sorted({*cells[0].flags, *cells[1].flags})),
        }
        error = max(
            record["difference_mcse"], *(mcse_quantile(values, p) for p in chosen.tails(values))
        )
        records.append(record)
        sentences.append(
            _compare_sentence(draws, cells, record, error, _error(prior, better_before), chosen)
        )
    return answer_of(
        draws,
        "compare",
        records,
        sentences,
        value="probability",
        direction=f"{'negative' if draws.benefit_sign < 0 else 'positive'} differences favour "
        "the first",
        interval=chosen,
    )


def _compare_sentence(
    draws: Draws,
    cells: tuple[Cell, Cell],
    row: dict[str, Any],
    error: float,
    prior_error: float,
    chosen: Interval,
) -> str:
    first, second = (f"{drug_words(cell)}{moment(cell)}" for cell in cells)
    margin = f" by at least {row['at_least']:g} {draws.unit}" if row["at_least"] > 0 else ""
    middle, low, high = (number(row[name], error) for name in ("difference", "lower", "upper"))
    of_second = draws.trial_names(cells[1])
    both = [trial for trial in draws.trial_names(cells[0]) if trial in of_second]
    within = f"compared within {', '.join(both)}, otherwise through control arms"
    directness = within if both else _INDIRECT
    return (
        f"The probability that {first} is better for {outcome(draws)} than {second}{margin}, "
        f"{place(row['target'])}, is {percent(row['probability'], row['mcse'])} (before the data: "
        f"{percent(row['prior_probability'], prior_error)}); the difference is {middle} "
        f"{draws.unit} ({chosen.said()} {low} to {high}); {directness}; "
        f"{evidence(row['trials'], row['participants'])}{reliability(draws)}."
    )
