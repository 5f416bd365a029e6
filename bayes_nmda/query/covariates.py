"""What covariates do to effects: their coefficients, and effects where a covariate has a value.

A fit with covariates tells effects at the centre of each. `at_covariates` returns the same fit at
other values, so that every query answers there; `predicted` asks along a covariate.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.query.answer import Answer, answer_of
from bayes_nmda.query.distribution import distributions
from bayes_nmda.query.draws import Draws, Posterior, draws_of
from bayes_nmda.query.effects import effect, new_trial, prob_benefit
from bayes_nmda.query.intervals import Kind, choose_interval
from bayes_nmda.query.selection import Selector
from bayes_nmda.query.source import Source
from bayes_nmda.query.words import evidence, number, percent, reliability
from bayes_nmda.query.words import interval as range_of
from bayes_nmda.spec.covariate import COEFFICIENT, transformed, untransformed
from bayes_nmda.terms import Target

if TYPE_CHECKING:
    import xarray as xr

#: What moves with a covariate.
_MOVED: Final = ("effect", "new_trial", "partition_effect", "overall")
#: Places along a covariate.
_STEPS: Final = 21


def coefficients(
    tree: xr.DataTree | Posterior, *, level: float = 0.95, interval: Kind = "eti"
) -> Answer:
    """Return how much effects change with each covariate of a model.

    Parameters
    ----------
    tree
        A fit of a model with covariates.
    level, interval
        Probability of the intervals, and ``"eti"`` or ``"hdi"``.

    Returns
    -------
    Answer
        A row a covariate: ``covariate``, ``per`` (what one unit of it is), ``estimate`` (posterior
        mean), ``sd``, ``median``, ``lower``, ``upper``, ``mcse``, ``probability_above_0`` and its
        ``mcse_probability``, ``prior_lower``, ``prior_upper``, ``trials``, ``participants``,
        ``engine``. In the unit of the effect for one unit of the covariate; above 0 an effect is
        the more positive the higher the covariate.

    Raises
    ------
    QueryError
        If the model has no covariate.
    """
    draws, chosen = draws_of(tree), choose_interval(level, interval)
    trials, people = draws.people(draws.cells)
    records, sentences = [], []
    for place in _places(draws):
        name = COEFFICIENT + place["name"]
        found = distributions(draws, name)(None)
        mean, above = found.mean(), found.probability(0.0, 1.0)
        low, high = chosen.ends(found)
        before = chosen.of(draws.prior(name))
        records.append(
            {
                "covariate": place["name"],
                "per": place["unit"],
                "estimate": mean.value,
                "sd": found.sd(),
                "median": found.quantile(0.5).value,
                "lower": low.value,
                "upper": high.value,
                "mcse": mean.mcse,
                "probability_above_0": above.value,
                "mcse_probability": above.mcse,
                "prior_lower": before[0],
                "prior_upper": before[1],
                "trials": trials,
                "participants": people,
                "engine": draws.engine,
            }
        )
        error = max(low.mcse, high.mcse)
        sentences.append(
            f"With each {place['unit']} of {place['name'].replace('_', ' ')} the effect changes "
            f"by {number(mean.value, mean.mcse)} {draws.unit} ({chosen.said()} "
            f"{number(low.value, error)} to {number(high.value, error)}; before the data: "
            f"{range_of(*before)}); the probability that it is above 0 is "
            f"{percent(above.value, above.mcse)}; trials were not randomised to it; "
            f"{evidence(trials, people)}{reliability(draws)}."
        )
    return answer_of(
        draws,
        "coefficients",
        records,
        sentences,
        value="estimate",
        direction="above 0: the effect is more positive where the covariate is higher",
        interval=chosen,
    )


def at_covariates(tree: xr.DataTree | Posterior, **values: float | str) -> Draws:
    """Return a fit with effects where covariates have other values than their centres.

    Parameters
    ----------
    tree
        A fit of a model with covariates.
    **values
        Covariate and value, in the unit of its column before any transform: ``year=2020``; a word
        where the column has words: ``risk="low"``. A covariate left out stays at its centre.

    Returns
    -------
    Draws
        What every query takes: `prob_benefit`, `effect`, `new_trial`, `rank` and so on then answer
        there. Deviations of trials and coefficients are those of the fit.

    Raises
    ------
    QueryError
        If the model has no such covariate.
    UsageError
        If a value is none.

    Examples
    --------
    >>> import bayes_nmda as nmda
    >>> spec = nmda.load_model("pain_intensity").with_covariate("year", prior=("normal", 0, 10))
    >>> tree = nmda.fit(spec, nmda.effect_table(nmda.load_trials(), spec), engine="exact")
    >>> later = nmda.at_covariates(tree, year=2015)
    >>> answer = nmda.prob_benefit(later, drug="memantine", timepoint="medium", at_least=10)
    """
    draws = draws_of(tree)
    places = {place["name"]: place for place in _places(draws)}
    unknown = sorted(set(values) - set(places))
    if unknown:
        raise QueryError(
            f"model {draws.model}: found the covariate {unknown[0]!r}; allowed are "
            f"{', '.join(places)}"
        )
    moved = {name: _moved(places[name], value) for name, value in values.items()}
    outside = {
        name: f"extrapolated: {name} {values[name]} lies outside what trials had" if beyond else ""
        for name, (_, beyond) in moved.items()
    }
    attrs = dict(draws.attrs)
    added: tuple[tuple[str, Mapping[str, Any]], ...]
    added = (("at_covariates", values), ("extrapolated", outside))
    for name, of in added:
        attrs[name] = json.dumps({**json.loads(str(attrs.get(name, "{}"))), **of})
    steps = {COEFFICIENT + name: step for name, (step, _) in moved.items()}
    source = draws.source
    if isinstance(source, _Shifted):  # steps are from the centre, not from where it was moved to
        steps, source = {**source.steps, **steps}, source.source
    return replace(draws, source=_Shifted(source, steps, attrs), attrs=attrs, _read={})


def predicted(
    tree: xr.DataTree | Posterior,
    covariate: str,
    values: Iterable[float | str] | None = None,
    *,
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
    at_least: float = 0.0,
    target: Target = "mean",
    level: float = 0.95,
    interval: Kind = "eti",
) -> Answer:
    """Return effects and probabilities of benefit along a covariate, for a curve.

    Parameters
    ----------
    tree
        A fit of a model with covariates.
    covariate
        The one that moves; others stay where they are.
    values
        Its values, as `at_covariates` takes them; by default 21 from the lowest to the highest of
        the trials, or its words.
    drug, route, timepoint
        A word or several; left out means all.
    at_least
        A size of benefit, 0 or above.
    target
        ``"mean"`` or ``"new_trial"``.
    level, interval
        Of the intervals.

    Returns
    -------
    Answer
        A row a value and cell: the covariate, ``drug``, ``route``, ``timepoint``, ``estimate``,
        ``sd``, ``lower``, ``upper``, ``mcse``, ``at_least``, ``probability``,
        ``mcse_probability``, ``trials``, ``participants``, ``engine``.

    Raises
    ------
    QueryError, UsageError
        As `at_covariates`, `effect` and `prob_benefit`.
    """
    draws = draws_of(tree)
    places = {place["name"]: place for place in _places(draws)}
    if covariate not in places:
        raise QueryError(
            f"model {draws.model}: found the covariate {covariate!r}; allowed are "
            f"{', '.join(places)}"
        )
    asked = _usual_values(places[covariate]) if values is None else list(values)
    chosen = choose_interval(level, interval)
    records: list[dict[str, Any]] = []
    answer: Answer | None = None
    for value in asked:
        there = at_covariates(draws, **{covariate: value})
        estimates = (effect if target == "mean" else new_trial)(
            there, drug=drug, route=route, timepoint=timepoint, level=level, interval=interval
        )
        answer = prob_benefit(
            there, drug=drug, route=route, timepoint=timepoint, at_least=at_least, target=target
        )
        for row, other in zip(estimates.records, answer.records, strict=True):
            kept = ("drug", "route", "timepoint", "estimate", "sd", "lower", "upper", "mcse")
            records.append(
                {covariate: value, **{name: row[name] for name in kept if name in row}}
                | {"at_least": at_least, "target": target, "probability": other["probability"]}
                | {"mcse_probability": other["mcse"]}
                | {name: other[name] for name in ("trials", "participants", "engine")}
            )
    if answer is None:
        raise UsageError("predicted: found no value; allowed is at least one")
    first, last = records[0], records[-1]
    said = (
        f"From {covariate} {_said(first[covariate])} to {_said(last[covariate])} the probability "
        f"of a benefit of at least {at_least:g} {draws.unit} goes from "
        f"{percent(first['probability'], first['mcse_probability'])} to "
        f"{percent(last['probability'], last['mcse_probability'])} "
        f"({first['drug']}, the first row and the last); trials were not randomised to it."
    )
    return answer_of(
        draws,
        "predicted",
        records,
        [said],
        value="estimate",
        direction=answer.direction,
        interval=chosen,
    )


def _said(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _places(draws: Draws) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(str(draws.attrs.get("covariates", "[]")))
    if not found:
        raise QueryError(
            f"model {draws.model} has no covariate; allowed is a fit of a model file with "
            "[[covariate]], or of spec.with_covariate(...)"
        )
    return found


def _usual_values(place: Mapping[str, Any]) -> list[float | str]:
    if place["words"]:
        return list(place["words"])
    ends = (place["lowest"], place["highest"])
    low, high = sorted(untransformed(end, place["transform"]) for end in ends)
    return [float(value) for value in np.linspace(low, high, _STEPS)]


def _moved(place: Mapping[str, Any], value: float | str) -> tuple[float, bool]:
    """Return how many units a value lies from the centre, and whether beyond all trials."""
    name = place["name"]
    if place["words"]:
        if value not in place["words"]:
            raise UsageError(
                f"{name}: found {value!r}; allowed are {', '.join(map(repr, place['words']))}"
            )
        value = place["words"][value]
    try:
        x = float(transformed(float(value), place["transform"]))
    except (TypeError, ValueError):
        x = math.nan
    if not math.isfinite(x):
        raise UsageError(
            f"{name}: found {value!r}; allowed is a number that {place['transform']!r} takes"
        )
    slack = 1e-9 * max(abs(place["lowest"]), abs(place["highest"]))
    beyond = not place["lowest"] - slack <= x <= place["highest"] + slack
    return (x - place["centre"]) / place["per"], beyond


class _Shifted:
    """A fit whose effects are moved by coefficients times steps, behind the interface `Source`."""

    def __init__(
        self, source: Source, steps: Mapping[str, float], attrs: Mapping[str, Any]
    ) -> None:
        self.source, self.steps, self._attrs = source, steps, attrs

    @property
    def attrs(self) -> Mapping[str, Any]:
        return self._attrs

    def has(self, group: str, variable: str) -> bool:
        return self.source.has(group, variable)

    def labels(self, group: str, name: str) -> list[str]:
        return self.source.labels(group, name)

    def array(self, group: str, variable: str) -> NDArray[Any]:
        values: NDArray[Any] = self.source.array(group, variable)
        stem = variable.removesuffix("_mean") if group == "mixture" else variable
        if stem not in _MOVED or group not in {"posterior", "prior", "mixture"}:
            return values
        if group == "mixture" and not variable.endswith("_mean"):
            return values
        for name, step in self.steps.items():
            shift = step * np.asarray(self.source.array(group, name), dtype=np.float64)
            values = values + shift.reshape(shift.shape + (1,) * (values.ndim - shift.ndim))
        return values
