"""How much trials, drugs, routes and timepoints differ, and how far that pulls each trial.

`heterogeneity` is about standard deviations between true effects; `shrinkage` sets each trial's
own result beside what the model makes of it. Neither is a standard error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bayes_nmda.errors import QueryError
from bayes_nmda.query.answer import Answer, answer_of
from bayes_nmda.query.distribution import Distribution, distributions
from bayes_nmda.query.draws import Cell, Draws, Floats, Posterior, draws_of
from bayes_nmda.query.intervals import Interval, Kind, choose_interval
from bayes_nmda.query.mcse import mcse_mean
from bayes_nmda.query.rows import behind, named
from bayes_nmda.query.selection import Selector, choose_cells
from bayes_nmda.query.words import evidence, favours, number, reliability, remarks
from bayes_nmda.query.words import interval as range_of

if TYPE_CHECKING:
    import xarray as xr

#: Standard deviations that a model may have, and what differs by each.
QUANTITIES: Final = {
    "tau": "true effects of trials alike in drug, route and timepoint",
    "sd_drug": "drugs",
    "sd_route": "routes of one drug",
    "sd_timepoint": "timepoints of one drug and route",
    "sd_trial_timepoint": "timepoints within one trial, beyond those of its drug and route",
}


def heterogeneity(
    tree: xr.DataTree | Posterior, *, level: float = 0.95, interval: Kind = "eti"
) -> Answer:
    """Return how much true effects differ: tau between trials, and the model's other SDs.

    Parameters
    ----------
    tree
        A fit, from `fit` or `posterior`.
    level, interval
        Probability of the intervals, and ``"eti"``, equal tails, or ``"hdi"``, the shortest on the
        scale of the model.

    Returns
    -------
    Answer
        A row a standard deviation (a row a cell where each cell has its own): ``quantity``,
        ``median``, ``mean``, ``lower`` and ``upper``, ``mcse`` of the mean,
        ``prior_median``, ``prior_lower``, ``prior_upper``, ``trials``, ``participants``,
        ``engine``. Units of the effect; 0 means that they do not differ.

    Raises
    ------
    QueryError
        If the fit has no such standard deviation.
    """
    draws, chosen = draws_of(tree), choose_interval(level, interval)
    found = [name for name in QUANTITIES if draws.has(name)]
    if not found:
        raise QueryError(
            f"model {draws.model} has none of {', '.join(QUANTITIES)}; ask a model with trials "
            "that may differ"
        )
    records: list[dict[str, Any]] = []
    sentences = []
    for name in found:
        of_cell, prior = distributions(draws, name), draws.prior(name)
        by_cell = draws.posterior(name).ndim > 2
        cells: tuple[Cell | None, ...] = draws.cells if by_cell else (None,)
        for cell in cells:
            record = _spread(draws, name, cell, of_cell(cell), prior, chosen)
            records.append(record)
            sentences.append(_spread_sentence(draws, record, chosen))
    return answer_of(
        draws,
        "heterogeneity",
        records,
        sentences,
        value="median",
        direction="a standard deviation, 0 or above; it has no direction",
        interval=chosen,
    )


def _spread(
    draws: Draws,
    name: str,
    cell: Cell | None,
    posterior: Distribution,
    prior: Floats,
    chosen: Interval,
) -> dict[str, Any]:
    mean = posterior.mean()
    (low, high), median = chosen.ends(posterior), posterior.quantile(0.5)
    before = (float(np.quantile(prior, 0.5)), *chosen.of(prior))
    if cell is None:
        trials, people = draws.people(draws.cells)
        where = {"drug": "", "route": "", "timepoint": ""}
        counted = {"trials": trials, "participants": people, "engine": draws.engine}
    else:
        where, counted = named(cell), behind(draws, cell)
    return {
        "quantity": name,
        **where,
        "median": median.value,
        "mean": mean.value,
        "lower": low.value,
        "upper": high.value,
        "mcse": mean.mcse,
        "prior_median": before[0],
        "prior_lower": before[1],
        "prior_upper": before[2],
        **counted,
        "ess": mean.ess,
        "mcse_median": median.mcse,
        "mcse_upper": high.mcse,
        "flags": "" if cell is None else ";".join(cell.flags),
    }


def _spread_sentence(draws: Draws, row: dict[str, Any], chosen: Interval) -> str:
    error = max(row["mcse_median"], row["mcse_upper"])
    middle, low, high = (number(row[name], error) for name in ("median", "lower", "upper"))
    before = range_of(row["prior_lower"], row["prior_upper"])
    parts = [row[name] for name in ("drug", "route", "timepoint") if row[name]]
    where = f" ({'/'.join(parts)})" if parts else ""
    return (
        f"The standard deviation between {QUANTITIES[row['quantity']]}{where} is about {middle} "
        f"{draws.unit} ({chosen.said()} {low} to {high}; before the data: {before}); "
        f"{evidence(row['trials'], row['participants'])}{reliability(draws)}."
    )


def shrinkage(
    tree: xr.DataTree | Posterior,
    *,
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
    level: float = 0.95,
    interval: Kind = "eti",
) -> Answer:
    """Return each trial's own result beside what the model makes of it.

    Parameters
    ----------
    tree
        A fit, from `fit` or `posterior`.
    drug, route, timepoint
        A word or several; left out means all.
    level, interval
        Probability of the intervals, and ``"eti"``, equal tails, or ``"hdi"``, the shortest on the
        scale of the model.

    Returns
    -------
    Answer
        A row a contrast: ``yi`` and ``sei`` as reported with ``yi_lower`` and ``yi_upper``,
        ``estimate`` (posterior mean of its true effect theta) with ``lower`` and ``upper``,
        ``cell_effect``, and ``shrinkage``: the posterior mean of v / (v + variance between
        trials), v the trial's sampling variance. 0 leaves a trial's result as it is, 1 replaces
        it by its cell's. The correlation between rows of one trial, which theta takes into
        account, is left out of that share; where trial effects follow Student's t, tau is its
        scale, and the share is that of a trial that is no outlier.

    Raises
    ------
    QueryError
        If a word is unknown, no trial stands behind a combination, or the fit lacks theta.
    """
    draws, chosen = draws_of(tree), choose_interval(level, interval)
    cells = {
        cell.label: cell
        for cell in choose_cells(draws, drug=drug, route=route, timepoint=timepoint)
    }
    theta, effect_of = draws.posterior("theta"), distributions(draws, "effect")
    yi, sei = draws.constant("yi"), draws.constant("sei")
    sizes = draws.constant("n_t"), draws.constant("n_c")
    crossed = draws.crossed()
    labels, of_cell = draws.words("contrast"), draws.words("contrast_cell")
    trial_names = draws.words("contrast_trial")
    remarks_on = draws.words("contrast_flags")
    records: list[dict[str, Any]] = []
    sentences = []
    for i, label in enumerate(labels):
        cell = cells.get(of_cell[i])
        if cell is None:
            continue
        own = theta[..., i]
        low, high = chosen.of(own)
        record = {
            "contrast": label,
            "trial": trial_names[i],
            **named(cell),
            "yi": float(yi[i]),
            "sei": float(sei[i]),
            "yi_lower": float(yi[i] - chosen.z * sei[i]),
            "yi_upper": float(yi[i] + chosen.z * sei[i]),
            "estimate": float(own.mean()),
            "lower": low,
            "upper": high,
            "mcse": mcse_mean(own),
            "cell_effect": effect_of(cell).mean().value,
            "shrinkage": _share(draws, cell, _error_variance(draws, i, float(sei[i]))),
            "trials": 1,
            "participants": int(sizes[0][i] + (0 if crossed[i] else sizes[1][i])),
            "engine": draws.engine,
            "flags": remarks_on[i],
        }
        records.append(record)
        sentences.append(_shrinkage_sentence(draws, cell, record, chosen))
    return answer_of(
        draws,
        "shrinkage",
        records,
        sentences,
        value="shrinkage",
        direction=favours(draws.benefit_sign),
        interval=chosen,
    )


def _error_variance(draws: Draws, contrast: int, sei: float) -> Floats | float:
    """Return the variance of a contrast's error, by draw where it depends on a correlation."""
    if not draws.has("within_person_correlation"):
        return sei**2
    shared = float(draws.constant("paired_shared")[contrast])
    if shared == 0:
        return sei**2
    independent = float(draws.constant("paired_independent")[contrast])
    return independent - shared * draws.posterior("within_person_correlation")


def _share(draws: Draws, cell: Cell, variance: Floats | float) -> float:
    """Return the share of a contrast's estimate that comes from its cell."""
    if not np.isfinite(variance).all():
        return 1.0  # a trial that gives no ratio is moved all the way
    between = draws.of_cell("tau", cell) ** 2
    if draws.has("sd_trial_timepoint"):
        between = between + draws.posterior("sd_trial_timepoint") ** 2
    return float((variance / (variance + between)).mean())


def _shrinkage_sentence(draws: Draws, cell: Cell, row: dict[str, Any], chosen: Interval) -> str:
    alone = "the trial alone gives no ratio (both arms without events, or with events only)"
    coarse = row["mcse"]
    if np.isfinite(row["yi"]):
        coarse = row["sei"] / 10
        alone = (
            f"the trial found {number(row['yi'], coarse)} {draws.unit} ({chosen.percent} "
            f"confidence interval {range_of(row['yi_lower'], row['yi_upper'])})"
        )
    return (
        f"{row['contrast']}: {alone}; in the light of the "
        f"other trials {number(row['estimate'], max(row['mcse'], coarse))} ({chosen.said()} "
        f"{range_of(row['lower'], row['upper'])}); "
        f"{favours(draws.benefit_sign)}; {row['participants']} participants{remarks(draws, cell)}."
    )
