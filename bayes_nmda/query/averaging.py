"""How much of an answer is pooling: the same question to several models, and their average.

Models of the same rows that differ in how much cells borrow from one another (each cell alone,
partial, complete) are averaged by their log marginal likelihoods, with equal weights before the
data. Only the exact engine computes these, so each fit must be one of its.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.query.answer import Answer, provenance_of
from bayes_nmda.query.draws import Cell, Draws, Posterior, draws_of
from bayes_nmda.query.effects import prob_benefit, prob_harm
from bayes_nmda.query.selection import Selector, Thresholds
from bayes_nmda.query.words import drug as by_route
from bayes_nmda.query.words import moment, percent, versus
from bayes_nmda.terms import Target

if TYPE_CHECKING:
    import xarray as xr

#: Name of the row that holds the average.
AVERAGE = "average"
_ASKED = {"benefit": prob_benefit, "harm": prob_harm}
_NAMES = ("drug", "route", "timepoint", "comparator")


def average_models(
    trees: Mapping[str, xr.DataTree | Posterior],
    *,
    direction: Literal["benefit", "harm"] = "benefit",
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
    at_least: Thresholds = None,
    target: Target = "mean",
    measure: str | None = None,
    control_risk: float | None = None,
) -> Answer:
    """Return a probability under several models of the same rows, and averaged over them.

    Parameters
    ----------
    trees
        Exact fits by a name for each, such as ``{"partial": …, "alone": …, "complete": …}``.
    direction
        Whether the probability is of a benefit or of a harm.
    drug, route, timepoint, at_least, target, measure, control_risk
        As for `prob_benefit` and `prob_harm`.

    Returns
    -------
    Answer
        A row a cell, threshold and model, and one named ``"average"``: ``model``,
        ``probability`` with its ``mcse``, ``weight`` (of the model given the data, 0 to 1) and
        ``log_marginal``. Where a model refuses a cell, because counts say nothing about it alone,
        its probability is missing and no average is given.

    Notes
    -----
    A model without pooling takes its cells for unconnected: its marginal likelihood is the product
    over cells, and what contrasts of one trial in two cells share (a control arm, the same people
    at two timepoints) does not enter it. Where trials have contrasts in several cells, its weight
    is that of this simpler model.

    Raises
    ------
    UsageError
        If there are fewer than two models, or the direction is unknown.
    QueryError
        If a fit is not by the exact engine, or they are not about the same rows.

    References
    ----------
    Hoeting et al. 1999, Stat Sci 14:382 (Bayesian model averaging).
    """
    if direction not in _ASKED:
        raise UsageError(f"direction: found {direction!r}; allowed are 'benefit' and 'harm'")
    if len(trees) < 2:
        raise UsageError(f"trees: found {len(trees)} models; allowed are two or more")
    draws = {name: draws_of(tree) for name, tree in trees.items()}
    _check(draws)
    weights = _weights(draws)
    wanted = {"drug": drug, "route": route, "timepoint": timepoint}
    found = {
        name: _ASKED[direction](
            one,
            # a model that refuses the cell is asked for the others, and has no row for it
            **(wanted if _has(one, **wanted) else {}),
            at_least=at_least,
            target=target,
            measure=measure,
            control_risk=control_risk,
        )
        for name, one in draws.items()
    }
    by_key: dict[str, dict[tuple[Any, ...], Mapping[str, Any]]] = {
        name: {(*(row.get(n, "") for n in _NAMES), row["at_least"]): row for row in answer.records}
        for name, answer in found.items()
    }
    first = next((name for name, one in draws.items() if _has(one, **wanted)), next(iter(draws)))
    records: list[dict[str, Any]] = []
    sentences = []
    for key, lead in by_key[first].items():
        rows = {name: by_key[name].get(key) for name in draws}
        records += [_record(lead, name, row, weights[name]) for name, row in rows.items()]
        average = _average(lead, rows, weights)
        records.append(average)
        sentences.append(_sentence(draws[first], lead, rows, average, direction))
    some = found[first]
    return Answer(
        query="average_models",
        records=tuple(records),
        sentences=tuple(sentences),
        value="probability",
        unit=some.unit,
        direction=some.direction,
        about={
            **{k: v for k, v in some.about.items() if k not in {"model", "title"}},
            "model": ", ".join(one.model for one in draws.values()),
            "assumes": "equal weights of the models before the data",
        },
        provenance={name: provenance_of(one) for name, one in draws.items()},
        warnings=tuple(w for one in draws.values() for w in one.warnings),
    )


def _check(draws: Mapping[str, Draws]) -> None:
    for name, one in draws.items():
        if one.engine != "exact" or "log_marginal" not in one.attrs:
            raise QueryError(
                f"trees[{name!r}]: found a fit by {one.engine or 'no engine'!r}; allowed are "
                f"fits by "
                "the exact engine, which have a marginal likelihood: fit(…, engine='exact')"
            )
    for what in ("rows_hash", "measure", "benefit"):
        values = {name: str(one.attrs.get(what, "")) for name, one in draws.items()}
        if len(set(values.values())) > 1:
            raise QueryError(
                f"trees: found models that differ in {what}; allowed are models of the same rows "
                "and measure, which only assume otherwise"
            )


def _weights(draws: Mapping[str, Draws]) -> dict[str, tuple[float, float, float]]:
    """Return weight, log marginal likelihood and its error of each model."""
    logs = {name: float(one.attrs["log_marginal"]) for name, one in draws.items()}
    errors = {name: float(one.attrs["log_marginal_error"]) for name, one in draws.items()}
    top = max(logs.values())
    raw = {name: math.exp(value - top) for name, value in logs.items()}
    total = sum(raw.values())
    return {name: (raw[name] / total, logs[name], errors[name]) for name in draws}


def _has(draws: Draws, **asked: Selector) -> bool:
    """Return whether a model has a cell that fits the selectors: one that refuses it has none."""

    def fits(cell: Cell) -> bool:
        return all(
            given is None or getattr(cell, name) in ((given,) if isinstance(given, str) else given)
            for name, given in asked.items()
        )

    return any(map(fits, draws.cells))


def _record(
    lead: Mapping[str, Any],
    name: str,
    row: Mapping[str, Any] | None,
    weight: tuple[float, float, float],
) -> dict[str, Any]:
    kept = {key: lead[key] for key in (*_NAMES, "measure", "at_least", "target") if key in lead}
    return {
        **kept,
        "model": name,
        "probability": math.nan if row is None else row["probability"],
        "mcse": math.nan if row is None else row["mcse"],
        "weight": weight[0],
        "log_marginal": weight[1],
        "trials": lead["trials"],
        "participants": lead["participants"],
        "flags": "" if row is not None else "refused",
    }


def _average(
    lead: Mapping[str, Any],
    rows: Mapping[str, Mapping[str, Any] | None],
    weights: Mapping[str, tuple[float, float, float]],
) -> dict[str, Any]:
    """Return the row of the average; its error has that of the weights in it, to first order."""
    empty = _record(lead, AVERAGE, None, (1.0, math.nan, math.nan))
    known = {name: row for name, row in rows.items() if row is not None}
    if len(known) < len(rows):
        return empty
    value = sum(weights[name][0] * row["probability"] for name, row in known.items())
    square = sum(
        (weights[name][0] * row["mcse"]) ** 2
        + (weights[name][0] * (row["probability"] - value) * weights[name][2]) ** 2
        for name, row in known.items()
    )
    return empty | {"probability": value, "mcse": math.sqrt(square), "flags": ""}


def _sentence(
    draws: Draws,
    lead: Mapping[str, Any],
    rows: Mapping[str, Mapping[str, Any] | None],
    average: Mapping[str, Any],
    direction: str,
) -> str:
    cell = next(
        cell for cell in draws.cells if all(lead.get(n, "") == getattr(cell, n) for n in _NAMES[:3])
    )
    told = [
        f"{name} {percent(row['probability'], row['mcse'])}" if row else f"{name}: refused"
        for name, row in rows.items()
    ]
    end = (
        "no average, because a model refuses this cell"
        if math.isnan(average["probability"])
        else "averaged over the models by their marginal likelihoods, with equal weights before "
        f"the data, {percent(average['probability'], average['mcse'])}"
    )
    size = "any size" if lead["at_least"] == 0 else f"at least {lead['at_least']:g} {draws.unit}"
    if draws.counted:
        size = f"at least {lead['at_least']:g} ({lead.get('measure', 'log odds ratio')})"
    return (
        f"The probability of a {direction} of {size} with {by_route(cell)} {versus(cell)}"
        f"{moment(cell)} depends on how much cells borrow from one another: {', '.join(told)}; "
        f"{end}."
    )
