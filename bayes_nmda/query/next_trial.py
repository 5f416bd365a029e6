"""What one more trial would tell: simulated from the posterior, and added to it without a refit.

Given the standard deviations of the model, an effect is normal, and so is what a new trial of a
cell finds; a posterior of weighted points is therefore updated exactly, by new weights and normal
updates of each point. Counts reweight the points by what their table says given its total. A trial
is worth its cost if it would move a decision: `NextTrial` tells how often it ends beyond doubt, how
narrow the interval becomes, and what knowing it is worth.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.inference.exact.normal_mixture import beyond_by_point
from bayes_nmda.query.distribution import Counted, Normals, Weighted, distributions
from bayes_nmda.query.draws import Cell, Draws, Floats, Posterior, draws_of
from bayes_nmda.query.selection import SELECTORS, choose_one
from bayes_nmda.query.words import percent
from bayes_nmda.terms import PAIRED

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Design = Literal["parallel", "crossover"]
Flags = NDArray[np.bool_]
#: People in a new trial, where nobody says how many.
SIZES: Final = (50, 100, 200, 400, 800)

#: Independent sets of simulated trials, whose scatter is the numerical error.
_REPLICATES: Final = 8
#: Simulated trials whose interval is worked out, and places of the grid that it is read from.
_WIDTHS, _GRID = 64, 49
#: Points that a table of counts is weighed at, and deviations at each.
_POINTS, _DEVIATIONS = 2048, 8
#: Places of the log odds ratio at which the sum over tables with one total is worked out.
_PLACES = 401
#: Elements of a temporary array, and of one that stays in the cache of a processor.
_CHUNK: Final = 500_000
_CACHED: Final = 40_000
#: Sizes that are told one by one; of more only the smallest and the largest.
_TOLD: Final = 3
#: Most people in a trial, of differences and of counts.
_MOST: Final = 1_000_000
_MOST_OF_COUNTS: Final = 4_000
_TINY: Final = 1e-12
#: Normal scores of the ends of an interval.
_ENDS: Final = (-1.959963984540054, 1.959963984540054)


@dataclass(frozen=True, slots=True, eq=False)
class _Points:
    """A cell's posterior as normal distributions at weighted points, shape (point,).

    ``scatter`` is the SD of the true effect of a new trial around the mean effect.
    """

    weight: Floats
    mean: Floats
    sd: Floats
    scatter: Floats

    @classmethod
    def of(cls, draws: Draws, cell: Cell) -> _Points:
        effect = distributions(draws, "effect")(cell)
        if isinstance(effect, Counted):
            if draws.spec.get("structure", {}).get("trial_effects") == "student_t":
                raise UsageError(
                    f"model {draws.model}: found Student-t trial effects in a fit by NUTS, whose "
                    "draws do not say how wide a new trial's is; take fit(..., engine='exact')"
                )
            mean = effect.draws.ravel()
            visit = "sd_trial_timepoint"
            scales = [draws.of_cell(s, cell).ravel() for s in ("tau", visit) if draws.has(s)]
            scatter = np.sqrt(sum(scale**2 for scale in scales))
            return cls(np.full(len(mean), 1 / len(mean)), mean, np.zeros(len(mean)), scatter)
        new = distributions(draws, "new_trial")(cell)
        wide = new.sds if isinstance(new, Normals) else 0.0
        if isinstance(effect, Normals):
            mean, sd = effect.means, effect.sds
        elif isinstance(effect, Weighted):
            mean, sd = effect.values, np.zeros_like(effect.values)
        else:
            raise QueryError(f"model {draws.model}: its effects have no points; fit it again")
        return cls(effect.weight, mean, sd, np.sqrt(np.maximum(wide**2 - sd**2, 0.0)))

    def some(self, size: int) -> _Points:
        """Return as many points or fewer, of equal weight, evenly spread over all of them."""
        if len(self.weight) <= size:
            return self
        order = np.argsort(self.mean, kind="stable")
        below = np.cumsum(self.weight[order])
        at = order[np.searchsorted(below, (np.arange(size) + 0.5) / size * below[-1])]
        return _Points(np.full(size, 1 / size), self.mean[at], self.sd[at], self.scatter[at])


@dataclass(frozen=True, slots=True, eq=False)
class _Updated:
    """Posteriors after simulated trials: weights and means (simulation, point), SDs (point,)."""

    weight: Floats
    mean: Floats
    sd: Floats


@dataclass(frozen=True, slots=True, eq=False)
class NextTrial:
    """What more trials of a cell would tell.

    Attributes
    ----------
    question
        In words.
    probability
        Probability of the benefit or harm as it stands, 0 to 1.
    width
        Width of the 95 % interval of the mean effect as it stands, in the unit of the model.
    table
        A row a size: ``n`` (people in each new trial), ``assurance`` (probability that the updated
        probability ends at ``success`` or above, or at its complement or below), its parts
        ``above`` and ``below``, ``error`` (standard error of the assurance), ``expected_width`` (of
        the updated interval), ``value`` (expected value of sample information) and ``value_error``.
    limit
        The same of trials without end, whose own effects would be known: a row of numbers.
    perfect
        Value of knowing the mean effect.
    smallest
        Fewest people in a trial for the assurance asked for; None where no size has it.
    asked
        What was asked: ``cell``, ``at_least``, ``direction``, ``success``, ``design``, ``trials``,
        ``assurance``, ``sd``, ``correlation``, ``control_risk``, ``unit``.
    """

    question: str
    probability: float
    width: float
    table: pd.DataFrame
    limit: Mapping[str, float]
    perfect: float
    smallest: int | None
    asked: Mapping[str, Any]

    @property
    def sentence(self) -> str:
        """What the numbers say."""
        asked, success = self.asked, float(self.asked["success"])
        share = f"{100 * float(asked['assurance']):g} %"
        many = int(asked["trials"])
        one = "one trial" if many == 1 else f"each of {many} trials"
        said = [f"{self.question} is {percent(self.probability, 0.005)} now."]
        told = self.table.iloc[[0, -1]] if len(self.table) > _TOLD else self.table
        for row in told.to_dict("records"):
            said.append(
                f"With {row['n']:,} people in {one}, it ends at {100 * success:g} % or above with "
                f"probability {percent(row['above'], row['error'])} and at "
                f"{100 * (1 - success):g} % or below with probability "
                f"{percent(row['below'], row['error'])}."
            )
        most = percent(self.limit["assurance"], self.limit["error"])
        if self.smallest is not None:
            said.append(f"Such an end has a probability of {share} from {self.smallest:,} people.")
        elif self.limit["assurance"] < float(asked["assurance"]):
            said.append(
                f"No size is enough for {share}: even trials without end would settle it with a "
                f"probability of {most} only, because trials differ, and one trial's own effect is "
                "not the mean effect."
            )
        else:
            said.append(
                f"{asked['most']:,} people are not enough for {share}; trials without end: {most}."
            )
        return " ".join(said)

    def to_rows(self, *, brief: bool = False) -> list[dict[str, Any]]:
        """Return the rows of the table as plain values, each with what was asked.

        ``brief`` ones are the table alone.
        """
        rows = [{str(k): v for k, v in row.items()} for row in self.table.to_dict("records")]
        if brief:
            return rows
        about = {
            **self.asked,
            "probability": self.probability,
            "width": self.width,
            "assurance_without_end": self.limit["assurance"],
            "value_of_perfect_information": self.perfect,
            "smallest": self.smallest,
        }
        about["assurance_asked"] = about.pop("assurance")
        return [{**row, **about} for row in rows]

    def __repr__(self) -> str:
        """Return the sentence."""
        return self.sentence

    def _repr_html_(self) -> str:
        html = self.table.to_html(index=False, float_format="{:.3g}".format, border=0)
        return f"<p>{escape(self.sentence)}</p>{html}"


def next_trial(
    tree: xr.DataTree | Posterior,
    *,
    drug: str | None = None,
    route: str | None = None,
    timepoint: str | None = None,
    n: int | Iterable[int] = SIZES,
    design: Design = "parallel",
    at_least: float | None = None,
    direction: Literal["benefit", "harm"] | None = None,
    success: float = 0.95,
    trials: int = 1,
    assurance: float = 0.8,
    sd: float | None = None,
    correlation: float | None = None,
    control_risk: float | None = None,
    design_prior: xr.DataTree | Posterior | float | None = None,
    simulations: int = 1024,
    seed: int = 1,
) -> NextTrial:
    """Return what one or more further trials of a cell would tell, before they are run.

    Parameters
    ----------
    tree
        A fit, from `fit` or `posterior`: what is known when the new trial is analysed.
    drug, route, timepoint
        Of one cell.
    n
        People in each new trial, a number or several, half of them with the drug; in a crossover
        all have both.
    design
        ``"parallel"`` or, of differences, ``"crossover"``, analysed as paired.
    at_least
        Size of the benefit or harm, in the unit of the outcome, of counts an odds ratio; by default
        the first of the model file that is more than none.
    direction
        ``"benefit"`` or ``"harm"``; by default harm of counts of harms, else benefit.
    success
        The updated probability counts as settled at this or above, or at its complement or below.
    trials
        New trials of the same size, each with a true effect of its own.
    assurance
        Probability of such an end that the smallest trial is sought for.
    sd
        Of one person's result, in the unit of the outcome; by default what the standard errors of
        the cell's parallel trials imply, the median. Of differences alone.
    correlation
        Of one person's two results in a crossover; by default that of the model file.
    control_risk
        Risk without the drug in the new trial, 0 to 1; by default drawn from the baseline model.
        Of counts alone.
    design_prior
        What true effects are simulated from instead: another fit with the same cell, or one mean
        effect on the scale of the model. The analysis remains that of ``tree``.
    simulations
        Simulated trials of each size, a power of 2 from 64.
    seed
        Of the simulation.

    Returns
    -------
    NextTrial
        Table, limit, smallest size, sentence.

    Raises
    ------
    QueryError
        If there is no such cell, or the fit lacks what is needed.
    UsageError
        If an argument is not allowed, or the model's likelihood or trial effects are not.

    Notes
    -----
    The value of a trial is that of the better decision after it: people are given the drug if its
    expected benefit exceeds ``at_least``, or its expected harm stays below. It is in units of the
    outcome (of counts, of risk at ``control_risk`` or the median risk) for each person decided
    about. A new trial's deviation from the mean effect is that of the model; numerical errors are
    the scatter between eight sets of simulated trials.

    References
    ----------
    O'Hagan et al. 2005, Pharm Stat 4:187 (assurance); Roloff et al. 2013, Stat Med 32:11 (trials
    for a meta-analysis); Ades et al. 2004, Med Decis Making 24:207 (value of sample information).
    """
    import pandas as pd

    draws = draws_of(tree)
    cell = choose_one(draws, "next_trial", _selected(draws, drug, route, timepoint))
    most = _MOST_OF_COUNTS if draws.counted else _MOST
    sizes = _sizes(n, most)
    _check(design, success, trials, assurance, simulations)
    towards, threshold, size, side = _asked(draws, direction, at_least)
    points = _Points.of(draws, cell)
    truth = _truth(design_prior, points, cell)
    counted = draws.counted
    if counted:
        if sd is not None or correlation is not None or design != "parallel":
            raise UsageError("next_trial: counts take no sd, correlation or crossover design")
        kind = draws.spec.get("likelihood", {}).get("family")
        if kind != "conditional":
            raise UsageError(
                f"model {draws.model}: found likelihood {kind!r}; allowed are differences and "
                "counts given their total, 'conditional'"
            )
        risks = _risks(draws, cell, control_risk)
        simulate: _Simulation = _Tables(points.some(_POINTS), truth, risks, trials, seed)
    else:
        if control_risk is not None:
            raise UsageError("next_trial: control_risk is of counts; this model has differences")
        sd = _usual_sd(draws, cell) if sd is None else sd
        if not (math.isfinite(sd) and sd > 0):
            raise UsageError(f"sd: found {sd}; allowed is a number above 0")
        variance = _variance(draws, design, sd, correlation)
        simulate = _Differences(points, truth, variance, trials)
    decision = _Decision.of(towards, threshold, side, _median(risks) if counted else None)
    uniform = _uniform(simulate.dimension, simulations, seed)
    now = float(decision.value(_before(simulate.points))[0])

    def settled(people: float) -> tuple[_Updated, Flags, Flags]:
        after = simulate.after(uniform, people)
        probability = _beyond(after, towards, threshold)
        return after, probability >= success, probability <= 1 - success

    def row(people: float) -> dict[str, float]:
        after, above, below = settled(people)
        value = decision.value(after)
        return {
            "assurance": float((above | below).mean()),
            "above": float(above.mean()),
            "below": float(below.mean()),
            "error": _scatter(above | below),
            "expected_width": float(_widths(after).mean()),
            "value": float(value.mean()) - now,
            "value_error": _scatter(value),
        }

    def share(people: int) -> float:
        _, above, below = settled(people)
        return float((above | below).mean())

    limit = row(math.inf)
    before = _before(simulate.points)
    return NextTrial(
        question=(
            f"{cell.label.replace('/', ', ')}: the probability of a {side} of "
            f"{_size_words(size, draws)}"
        ),
        probability=float(_beyond(before, towards, threshold)[0]),
        width=float(_widths(before)[0]),
        table=pd.DataFrame([{"n": people, **row(people)} for people in sizes]),
        limit=limit,
        perfect=decision.perfect(simulate.points),
        smallest=_smallest(share, assurance, most) if limit["assurance"] >= assurance else None,
        asked={
            "cell": cell.label, "at_least": size, "direction": side, "success": success,
            "design": design, "trials": trials, "assurance": assurance, "most": most, "sd": sd,
            "correlation": correlation, "control_risk": control_risk,
            "unit": "odds ratio" if counted else draws.unit,
        },
    )  # fmt: skip


def _size_words(size: float, draws: Draws) -> str:
    if size == (1.0 if draws.counted else 0.0):
        return "any size"
    return (
        f"an odds ratio of {size:g} or more" if draws.counted else f"{size:g} {draws.unit} or more"
    )


def _selected(
    draws: Draws, drug: str | None, route: str | None, timepoint: str | None
) -> dict[str, str]:
    given = dict(zip(SELECTORS, (drug, route, timepoint), strict=True))
    chosen = {name: word for name, word in given.items() if word is not None}
    if not chosen and len(draws.cells) == 1:
        only = draws.cells[0]
        chosen = {name: getattr(only, name) for name in SELECTORS if getattr(only, name)}
    return chosen


def _sizes(n: int | Iterable[int], most: int) -> list[int]:
    sizes = list(n) if isinstance(n, Iterable) else [n]
    wrong = [x for x in sizes if not (isinstance(x, int | np.integer) and 4 <= x <= most)]
    if wrong or not sizes:
        raise UsageError(
            f"n: found {wrong[0] if wrong else 'nothing'}; allowed are whole numbers of people "
            f"from 4 to {most:,}"
        )
    return sorted({int(x) for x in sizes})


def _check(design: str, success: float, trials: int, assurance: float, simulations: int) -> None:
    if design not in ("parallel", "crossover"):
        raise UsageError(f"design: found {design!r}; allowed are 'parallel' and 'crossover'")
    for name, value, low in (("success", success, 0.5), ("assurance", assurance, 0.0)):
        if not low < value < 1:
            raise UsageError(f"{name}: found {value}; allowed is a number between {low:g} and 1")
    if not (isinstance(trials, int) and 1 <= trials <= 100):
        raise UsageError(f"trials: found {trials!r}; allowed are 1 to 100")
    if simulations < 64 or simulations & (simulations - 1):
        raise UsageError(f"simulations: found {simulations}; allowed is a power of 2 from 64")


def _asked(
    draws: Draws, direction: str | None, at_least: float | None
) -> tuple[float, float, float, Literal["benefit", "harm"]]:
    """Return sign of the effect, threshold on the model's scale, size as asked, and direction."""
    counted = draws.counted
    if direction is None:
        direction = "harm" if counted and draws.benefit_sign < 0 else "benefit"
    if direction not in ("benefit", "harm"):
        raise UsageError(f"direction: found {direction!r}; allowed are 'benefit' and 'harm'")
    least = 1.0 if counted else 0.0
    if at_least is None:
        known = draws.spec.get("thresholds", {})
        listed = known.get("odds_ratio" if counted else "benefit", [])
        at_least = next((float(x) for x in listed if x > least), least)
    if not (math.isfinite(at_least) and at_least >= least):
        raise UsageError(f"at_least: found {at_least}; allowed is a number from {least:g} upwards")
    towards = draws.benefit_sign if direction == "benefit" else -draws.benefit_sign
    side = cast("Literal['benefit', 'harm']", direction)
    return towards, math.log(at_least) if counted else at_least, at_least, side


def _truth(
    design_prior: xr.DataTree | Posterior | float | None, points: _Points, cell: Cell
) -> _Points:
    """Return what true mean effects, and the scatter of trials, are simulated from."""
    if design_prior is None:
        return points
    if isinstance(design_prior, int | float):
        if not math.isfinite(design_prior):
            raise UsageError(f"design_prior: found {design_prior}; allowed is a finite number")
        fixed = np.full_like(points.mean, float(design_prior))
        return _Points(points.weight, fixed, np.zeros_like(fixed), points.scatter)
    other = draws_of(design_prior)
    same = next((c for c in other.cells if c.label == cell.label), None)
    if same is None:
        raise QueryError(
            f"design_prior: model {other.model} has no cell {cell.label!r}; its cells are "
            f"{', '.join(c.label for c in other.cells)}"
        )
    return _Points.of(other, same)


def _usual_sd(draws: Draws, cell: Cell) -> float:
    """Return the SD of one person's result that standard errors imply, the median of contrasts."""
    sei, n_t, n_c = (np.asarray(draws.constant(x), dtype=float) for x in ("sei", "n_t", "n_c"))
    flags = draws.words("contrast_flags")
    paired = np.array([PAIRED in text.split(";") for text in flags])
    mine = np.array(draws.words("contrast_cell")) == cell.label
    implied = sei / np.sqrt(1 / np.maximum(n_t, 1) + 1 / np.maximum(n_c, 1))
    good = ~paired & np.isfinite(implied) & (n_t > 0) & (n_c > 0)
    for some in (good & mine, good):
        if some.any():
            return float(np.median(implied[some]))
    raise UsageError(
        f"model {draws.model}: found no parallel trial with numbers of people; give the sd of one "
        "person's result"
    )


def _variance(
    draws: Draws, design: Design, sd: float, correlation: float | None
) -> Callable[[float], float]:
    """Return the variance of a new trial's result by its number of people."""
    if design == "parallel":
        if correlation is not None:
            raise UsageError("correlation: it is of a crossover; allowed with design='crossover'")
        return lambda people: 4 * sd**2 / people
    if correlation is None:
        correlation = draws.spec.get("covariance", {}).get("crossover_correlation")
    if correlation is None or not -1 < correlation < 1:
        raise UsageError(
            f"correlation: found {correlation}; a crossover needs that of one person's two "
            "results, a number between −1 and 1, which the model file does not have"
        )
    between = 2 * sd**2 * (1 - correlation)
    return lambda people: between / people


def _risks(draws: Draws, cell: Cell, control_risk: float | None) -> Floats:
    """Return log odds of the event without the drug, one or draws of the baseline model."""
    if control_risk is not None:
        if not 0 < control_risk < 1:
            raise UsageError(
                f"control_risk: found {control_risk}; allowed is a number between 0 and 1"
            )
        return np.array([math.log(control_risk / (1 - control_risk))])
    return np.sort(draws.posterior("baseline_log_odds")[..., cell.index].ravel())


def _median(log_odds: Floats) -> float:
    return 1 / (1 + math.exp(-float(np.median(log_odds))))


def _uniform(dimension: int, simulations: int, seed: int) -> Floats:
    """Return evenly spread numbers between 0 and 1, replicate after replicate."""
    from scipy.stats import qmc

    parts = []
    for replicate in range(_REPLICATES):
        sobol = qmc.Sobol(dimension, rng=np.random.default_rng((seed, replicate)))
        parts.append(sobol.random(simulations // _REPLICATES))
    return np.clip(np.concatenate(parts), _TINY, 1 - _TINY)


class _Simulation(ABC):
    """New trials of a cell: simulated from one set of points, analysed with another."""

    points: _Points
    truth: _Points
    trials: int

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Uniform numbers that a simulation takes."""

    @abstractmethod
    def after(self, uniform: Floats, people: float) -> _Updated:
        """Return posteriors after trials of so many people."""

    def _effects(self, uniform: Floats) -> Floats:
        """Return true effects of the new trials, shape (simulation, trial)."""
        from scipy.special import ndtri

        truth = self.truth
        order = np.argsort(truth.mean, kind="stable")
        below = np.cumsum(truth.weight[order])
        at = order[np.searchsorted(below, uniform[:, 0] * below[-1]).clip(max=len(order) - 1)]
        mean = truth.mean[at] + truth.sd[at] * ndtri(uniform[:, 1])
        return np.asarray(
            mean[:, None] + truth.scatter[at][:, None] * ndtri(uniform[:, 2 : 2 + self.trials])
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Differences(_Simulation):
    points: _Points
    truth: _Points
    variance: Callable[[float], float]
    trials: int

    @property
    def dimension(self) -> int:
        return 2 + 2 * self.trials

    def after(self, uniform: Floats, people: float) -> _Updated:
        from scipy.special import ndtri

        error = 0.0 if math.isinf(people) else self.variance(people)
        found = self._effects(uniform) + math.sqrt(error) * ndtri(uniform[:, 2 + self.trials :])
        return _normal_update(self.points, found, error)


def _normal_update(points: _Points, found: Floats, error: float) -> _Updated:
    """Return posteriors after results, shape (simulation, trial), of one error variance."""
    k = found.shape[1]
    centre = found.mean(axis=1)[:, None]
    square = ((found - centre) ** 2).sum(axis=1)[:, None]
    # a trial without error of points without scatter would say everything
    floor = (_TINY * max(float(np.abs(points.mean).max()), 1.0)) ** 2
    own = np.maximum(points.scatter**2 + error, floor)
    total = points.sd**2 + own / k
    with np.errstate(divide="ignore"):
        known = np.log(points.weight) - 0.5 * np.log(total) - 0.5 * (k - 1) * np.log(own)
    gain = points.sd**2 / total
    shape = (len(found), len(points.mean))
    weight, mean = np.empty(shape), np.empty(shape)
    for part in _blocks(shape):
        away = np.subtract(centre[part], points.mean, out=mean[part])
        log_weight = np.multiply(away, away, out=weight[part])
        log_weight *= -0.5 / total
        log_weight += known
        if k > 1:
            log_weight -= 0.5 * square[part] / own
        _normalise(log_weight)
        away *= gain
        away += points.mean
    return _Updated(weight, mean, points.sd * np.sqrt(1 - gain))


def _blocks(shape: tuple[int, ...]) -> list[slice]:
    """Return rows of an array that stay in the cache of a processor together."""
    size = max(1, _CACHED // shape[1])
    return [slice(first, first + size) for first in range(0, shape[0], size)]


def _normalise(log_weight: Floats) -> None:
    """Turn logarithms of weights into weights that sum to 1 in each row, in place."""
    log_weight -= log_weight.max(axis=1, keepdims=True)
    np.exp(log_weight, out=log_weight)
    log_weight /= log_weight.sum(axis=1, keepdims=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Tables(_Simulation):
    """Counts of people with an event in two arms of one size."""

    points: _Points
    truth: _Points
    risks: Floats
    trials: int
    seed: int

    @property
    def dimension(self) -> int:
        return 2 + 4 * self.trials

    def after(self, uniform: Floats, people: float) -> _Updated:
        from scipy.special import expit
        from scipy.stats import binom

        theta = self._effects(uniform)
        if math.isinf(people):
            return _normal_update(self.points, theta, 0.0)
        first = 2 + self.trials
        of_risk, of_c, of_t = (
            uniform[:, first + i * self.trials : first + (i + 1) * self.trials] for i in range(3)
        )
        size = max(int(people) // 2, 1)
        odds = self.risks[(of_risk * len(self.risks)).astype(np.intp).clip(max=len(self.risks) - 1)]
        events_c = binom.ppf(of_c, size, expit(odds)).astype(np.int64)
        events_t = binom.ppf(of_t, size, expit(odds + theta)).astype(np.int64)
        tables, of = np.unique(
            np.stack([events_t.ravel(), events_c.ravel()], axis=1), axis=0, return_inverse=True
        )
        said = self._log_likelihoods(tables, size)
        log_weight = np.log(self.points.weight) + said[of.ravel()].reshape(
            len(theta), self.trials, -1
        ).sum(axis=1)
        mean = np.broadcast_to(self.points.mean, log_weight.shape)
        _normalise(log_weight)
        return _Updated(log_weight, mean, self.points.sd)

    def _log_likelihoods(self, tables: Floats, size: int) -> Floats:
        """Return what each table says given its total, averaged over deviations, (table, point)."""
        from scipy.interpolate import CubicHermiteSpline
        from scipy.special import gammaln, ndtri

        rng = np.random.default_rng((self.seed, 7))
        points = self.points
        shape = (len(points.mean), _DEVIATIONS)
        score = ndtri((np.arange(_DEVIATIONS) + rng.random(shape)) / _DEVIATIONS)
        theta = points.mean[:, None] + points.scatter[:, None] * score
        places = np.linspace(theta.min(), theta.max(), _PLACES)
        out = np.empty((len(tables), len(points.mean)))
        for total in np.unique(tables.sum(axis=1)):
            treated = np.arange(max(0, total - size), min(size, total) + 1)
            ways = (
                2 * gammaln(size + 1.0)
                - gammaln(treated + 1.0) - gammaln(size - treated + 1.0)
                - gammaln(total - treated + 1.0) - gammaln(size - total + treated + 1.0)
            )  # fmt: skip
            norm, expected = np.empty(_PLACES), np.empty(_PLACES)
            block = max(1, _CHUNK // len(treated))
            for first in range(0, _PLACES, block):
                part = slice(first, first + block)
                logits = np.outer(places[part], treated) + ways
                top = logits.max(axis=1, keepdims=True)
                each = np.exp(logits - top)
                sums = each.sum(axis=1)
                norm[part], expected[part] = top[:, 0] + np.log(sums), each @ treated / sums
            constant = CubicHermiteSpline(places, norm, expected)(theta)
            for row in np.flatnonzero(tables.sum(axis=1) == total):
                events = tables[row, 0]
                value = events * theta + ways[events - treated[0]] - constant
                top = value.max(axis=1)
                out[row] = top + np.log(np.exp(value - top[:, None]).mean(axis=1))
        return out


@dataclass(frozen=True, slots=True, eq=False)
class _Decision:
    """A drug is given if its expected benefit exceeds a size, or its expected harm does not.

    Attributes
    ----------
    amount
        Takes mean effects to benefit or harm as it is counted, in the direction asked for.
    at
        The size.
    benefit
        Whether it is one.
    """

    amount: Callable[[Floats], Floats]
    at: float
    benefit: bool

    @classmethod
    def of(
        cls, towards: float, threshold: float, side: str, control_risk: float | None
    ) -> _Decision:
        """Return the decision; with a control risk amounts are differences of risks."""
        if control_risk is None:
            return cls(lambda effect: towards * effect, threshold, side == "benefit")
        start = math.log(control_risk / (1 - control_risk))

        def amount(effect: Floats) -> Floats:
            from scipy.special import expit

            return np.asarray(towards * (expit(start + effect) - control_risk))

        at = float(amount(np.array([towards * threshold]))[0])
        return cls(amount, at, side == "benefit")

    def value(self, after: _Updated) -> Floats:
        """Return what the better choice is worth under each posterior, shape (simulation,)."""
        expected = np.empty(len(after.weight))
        for part in _blocks(after.weight.shape):
            amount = self.amount(after.mean[part])
            expected[part] = np.einsum("sp,sp->s", after.weight[part], amount)
        return np.asarray(np.maximum(self._over(expected), 0.0))

    def perfect(self, points: _Points) -> float:
        """Return how much more the better choice is worth if the mean effect is known."""
        score = np.array([-1.7320508, 0.0, 1.7320508])  # exact for the second moment of a point
        share = np.array([1, 4, 1]) / 6
        if points.sd.any():
            score, share = np.polynomial.hermite_e.hermegauss(64)
            share = share / share.sum()
        effect = points.mean[:, None] + points.sd[:, None] * score
        over = np.maximum(self._over(self.amount(effect)), 0.0)
        now = float(self.value(_before(points))[0])
        return max(float(points.weight @ (over @ share)) - now, 0.0)

    def _over(self, amount: Floats) -> Floats:
        return amount - self.at if self.benefit else self.at - amount


def _before(points: _Points) -> _Updated:
    return _Updated(points.weight[None], points.mean[None], points.sd)


def _beyond(after: _Updated, towards: float, threshold: float) -> Floats:
    """Return the probability of an effect at or beyond a threshold, shape (simulation,)."""
    found = np.empty(len(after.weight))
    for part in _blocks(after.weight.shape):
        beyond = beyond_by_point(after.mean[part], after.sd, threshold, towards)
        found[part] = np.einsum("sp,sp->s", after.weight[part], beyond)
    return found


def _widths(after: _Updated) -> Floats:
    """Return widths of the 95 % intervals, of every simulation or of evenly chosen ones."""
    from scipy.special import ndtr, ndtri

    chosen = np.unique(np.linspace(0, len(after.weight) - 1, _WIDTHS).astype(np.intp))
    weight, mean = after.weight[chosen], after.mean[chosen]
    if not after.sd.any():  # points are draws, the same under every posterior
        order = np.argsort(mean[0], kind="stable")
        below = np.cumsum(weight[:, order], axis=1) - 0.5 * weight[:, order]
        ends = [np.interp((0.025, 0.975), row, mean[0][order]) for row in below]
        return np.diff(np.array(ends), axis=1)[:, 0]
    centre = (weight * mean).sum(axis=1)
    spread = np.sqrt((weight * (after.sd**2 + (mean - centre[:, None]) ** 2)).sum(axis=1))
    scores = np.linspace(-5.0, 5.0, _GRID)
    below = np.empty((len(chosen), _GRID))
    for column, score in enumerate(scores):
        value = (centre + score * spread)[:, None]
        below[:, column] = (weight * ndtr((value - mean) / np.maximum(after.sd, _TINY))).sum(axis=1)
    # near a normal distribution scores of probabilities lie on a straight line
    ends = [np.interp(_ENDS, ndtri(np.clip(row, _TINY, 1 - _TINY)), scores) for row in below]
    return np.diff(np.array(ends), axis=1)[:, 0] * spread


def _scatter(values: Floats | Flags) -> float:
    """Return the standard error of a mean of replicates under each other."""
    means = values.reshape(_REPLICATES, -1).mean(axis=1)
    return float(means.std(ddof=1) / math.sqrt(_REPLICATES))


def _smallest(share: Callable[[int], float], wanted: float, most: int) -> int | None:
    """Return the fewest people, an even number, whose assurance is large enough."""
    low, high = 2, 4
    while share(high) < wanted:
        if high >= most:
            return None
        low, high = high, min(4 * high, most)
    while high - low > max(2, low // 50):
        middle = 2 * ((low + high) // 4)
        low, high = (low, middle) if share(middle) >= wanted else (middle, high)
    return high
