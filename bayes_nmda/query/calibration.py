"""Do probabilities mean what they say? Simulation-based calibration of a model with its own design.

True effects are drawn from the priors, results of the same trials from the true effects, and the
model is fitted to them. The probability that the posterior puts below a truth is then uniform, an
interval of 80 % holds the truth in 80 of 100 sets, and of the benefits that were given a
probability of 0.3 three in ten are there. Whatever the data: an error in likelihood, prior or
computation shows.

References
----------
Talts et al. 2018, arXiv:1804.06788; Säilynoja, Bürkner & Vehtari 2022, Stat Comput 32:32 (bands).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from bayes_nmda.errors import UsageError
from bayes_nmda.gates import fit
from bayes_nmda.inference.exact import counts as exact_counts
from bayes_nmda.inference.exact.engine import POINTS, exact_posterior
from bayes_nmda.inference.exact.gaussian import SCALES
from bayes_nmda.inference.exact.grid import SIDES
from bayes_nmda.inference.labels import PRIOR_DRAWS
from bayes_nmda.model.counts import Counts, with_information
from bayes_nmda.model.structure import Layout
from bayes_nmda.query.exactly import Question
from bayes_nmda.spec.covariate import COEFFICIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

    Floats = NDArray[np.float64]

#: Of how many points of a fit one is used: the place of one truth is needed to two digits.
COARSER: Final = 4
#: Draws of a chain by NUTS, and how many are sampled for each.
_DRAWS, _THIN = 250, 4
LEVELS: Final = (0.5, 0.8, 0.95)
_EFFECTS: Final = ("effect", "new_trial")
_BANDS: Final = 1000


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What a fit says of some cells: weighted points, or draws of equal weight.

    Attributes
    ----------
    cells
        Positions of the cells.
    weight
        Shape (point,).
    mean
        Of effects, shape (point, cell).
    sd
        Of ``effect`` and ``new_trial`` around it, shape (point, cell).
    scales
        Standard deviations and coefficients by name, shape (point,).
    sampled
        Whether the points were drawn, or are those of a grid.
    """

    cells: NDArray[np.intp]
    weight: Floats
    mean: Floats
    sd: dict[str, Floats]
    scales: dict[str, Floats]
    sampled: bool


def calibration(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    sets: int = 1000,
    engine: Literal["exact", "nuts"] = "exact",
    seed: int = 1,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Return where the truth lies in posteriors of data that were simulated from a model.

    Parameters
    ----------
    spec, effects
        A model, and the trials whose design is simulated: arms, people, errors; of counts the
        total of each table where the likelihood takes it as given.
    sets
        Data sets, at most 2,048.
    engine
        ``"exact"`` or ``"nuts"``.
    seed
        Of truths, data and fits.
    jobs
        Processes, by joblib; within ``joblib.parallel_config(backend="dask")`` they run on a
        cluster. The numbers are the same.
    progress
        Called with a short text now and then.

    Returns
    -------
    pandas.DataFrame
        A row a set and quantity: ``set``, ``variable`` (``"effect"``, ``"new_trial"``, an SD or a
        coefficient), ``label`` (its cell), ``truth``, ``below`` (posterior probability below the
        truth), and of effects ``benefit`` and ``harm``, the probabilities of at least the model's
        first size of a benefit above none, or of a harm as large. See `coverage` and `flatness`.

    Raises
    ------
    UsageError
        If a number is not allowed, or the engine cannot do the model.
    """
    import pandas as pd
    from joblib import Parallel, delayed

    if not 1 <= sets <= PRIOR_DRAWS:
        raise UsageError(f"sets: found {sets}; allowed is an integer from 1 to {PRIOR_DRAWS:,}")
    if engine not in ("exact", "nuts"):
        raise UsageError(f"engine: found {engine!r}; allowed are 'exact' and 'nuts'")
    say = progress or (lambda _: None)
    tree = fit(spec, effects, engine="exact", seed=seed)
    if spec.likelihood.family != "normal":  # cells that real counts say nothing about have no fit
        effects, _ = with_information(spec, effects)
    chosen = np.random.default_rng(seed).permutation(PRIOR_DRAWS)[:sets]
    truths = {str(n): v.to_numpy()[0] for n, v in tree["prior"].to_dataset().data_vars.items()}
    data = _replicated(tree["prior_predictive"].to_dataset(), spec)
    layout = Layout.of(effects.frame)

    def work() -> Iterator[Any]:
        for number, draw in enumerate(chosen):
            if number % 100 == 0:
                say(f"{number} of {sets} data sets")
            truth = {name: values[draw] for name, values in truths.items()}
            table = _with_results(effects, spec, layout, data[draw])
            yield delayed(_one)(spec, table, truth, engine, seed + number)

    parts = Parallel(n_jobs=jobs)(work())
    numbered = [part.assign(set=number) for number, part in enumerate(parts)]
    table: pd.DataFrame = pd.concat(numbered, ignore_index=True)
    return table[["set", "variable", "label", "truth", "below", "benefit", "harm"]]


def _replicated(predictive: xr.Dataset, spec: ModelSpec) -> Floats:
    """Return results of each draw from the prior, shape (draw, contrast) or of counts (…, arm)."""
    name, dim = ("yi", "contrast") if spec.likelihood.family == "normal" else ("events", "arm")
    results: Floats = predictive[name].transpose("chain", "draw", dim).to_numpy()[0]
    return results


def _with_results(
    effects: EffectTable, spec: ModelSpec, layout: Layout, results: Floats
) -> EffectTable:
    """Return the same trials with other results."""
    if spec.likelihood.family == "normal":
        return replace(effects, frame=effects.frame.assign(yi=results))
    counts = Counts.of(effects.frame, layout, spec.structure.pooling)
    events = results.astype(np.int64)
    tables = len(counts.labels)
    columns = {"events_c": events[:tables][counts.table_of_contrast], "events_t": events[tables:]}
    return replace(effects, frame=effects.frame.assign(**columns))


def _one(
    spec: ModelSpec, table: EffectTable, truth: Mapping[str, Any], engine: str, seed: int
) -> pd.DataFrame:
    """Return one set's rows."""
    import pandas as pd
    from scipy.special import ndtr

    layout, rng = Layout.of(table.frame), np.random.default_rng((seed, 1))
    found = _by_nuts(spec, table, seed) if engine == "nuts" else _exactly(spec, table, seed)
    question = Question.of(spec, direction="benefit")
    threshold = question.threshold(spec, question.first_real(spec))
    towards = question.sign(spec)
    rows: list[dict[str, Any]] = []
    for part in found:
        for variable in _EFFECTS:
            for column, cell in enumerate(part.cells):
                mean, sd = part.mean[:, column], part.sd[variable][:, column]

                def below(x: float, mean: Floats = mean, sd: Floats = sd) -> Floats:
                    with np.errstate(divide="ignore", invalid="ignore"):
                        score = np.where(sd > 0, (x - mean) / sd, np.sign(x - mean) * np.inf)
                    return np.asarray(ndtr(np.nan_to_num(score, nan=0.0)))

                value = float(truth[variable][cell])
                beyond = {
                    sign: float(
                        part.weight @ (below(-threshold) if sign < 0 else 1 - below(threshold))
                    )
                    for sign in (-1.0, 1.0)
                }
                rows.append(
                    {
                        "variable": variable,
                        "label": layout.cells[cell],
                        "truth": value,
                        "below": float(part.weight @ below(value)),
                        "benefit": beyond[towards],
                        "harm": beyond[-towards],
                    }
                )
        for name, values in part.scales.items():
            of = truth[name]
            value = float(of[part.cells[0]] if np.ndim(of) else of)
            label = layout.cells[part.cells[0]] if np.ndim(of) else ""
            under = (
                _place(part.weight, values, value, rng)
                if part.sampled
                else _between(part.weight, values, value)
            )
            rows.append({"variable": name, "label": label, "truth": value, "below": under})
    return pd.DataFrame(rows).reindex(
        columns=["variable", "label", "truth", "below", "benefit", "harm"]
    )


def _place(weight: Floats, values: Floats, truth: float, rng: np.random.Generator) -> float:
    """Return the place of a truth among points: its rank, and within a gap anywhere at random.

    Points of a grid need no chance (see `_between`). Of m points of equal weight the rank is
    uniform on 0 to m, so that the place is uniform on 0 to 1 (Talts et al. 2018); of others m is
    their effective number. Without it a truth beyond all points would have the place 0 or 1, and a
    hundred points would look like a wrong tail.
    """
    _, first = np.unique(values, return_inverse=True)
    mass = np.bincount(first, weights=weight)
    size = 1 / float((mass**2).sum())
    return float((size * (weight @ (values < truth)) + rng.random()) / (size + 1))


def _between(weight: Floats, values: Floats, truth: float) -> float:
    """Return the place of a truth among points of a grid: the distribution between its points.

    A point stands for what is nearer to it than to its neighbours, half of its mass on each side.
    The bare sum of what lies below would put all truths between two points into one place.
    """
    points, first = np.unique(values, return_inverse=True)
    if len(points) == 1:
        return float(truth > points[0])
    mass = np.bincount(first, weights=weight)
    below = np.cumsum(mass) - mass / 2
    ends = 1.5 * points[[0, -1]] - 0.5 * points[[1, -2]]
    return float(np.interp(truth, [ends[0], *points, ends[1]], [0.0, *below, float(mass.sum())]))


def _exactly(spec: ModelSpec, table: EffectTable, seed: int) -> list[_Found]:
    layout = Layout.of(table.frame)
    if spec.likelihood.family == "normal":
        exact = exact_posterior(spec, table, seed=seed, points=POINTS // COARSER)
        alone = len(exact.mixtures) > 1
        found = []
        for number, mixture in enumerate(exact.mixtures):
            cells = np.array([number]) if alone else np.arange(len(layout.cells))
            scales = {n: mixture.scales[:, SCALES.index(n)] for n in exact.family.names}
            gaussian = mixture.gaussian
            names = gaussian.covariates.names
            scales |= dict(zip(names, gaussian.coefficients(mixture.scales).T, strict=True))
            sds = {name: mixture.sd[name] for name in _EFFECTS}
            sampled = exact.family.dimension not in SIDES
            found.append(
                _Found(cells, mixture.weight, mixture.mean["effect"], sds, scales, sampled)
            )
        return found
    parameters = exact_counts.parameters_of(spec)
    points = exact_counts.POINTS // COARSER
    found = []
    for hierarchy, cells in exact_counts.hierarchies(spec, table, layout):
        weighted = exact_counts.integrate(hierarchy, parameters, seed, points=points)
        mean = np.broadcast_to(weighted.level, (len(weighted.level), len(cells)))
        width = np.broadcast_to(weighted.width[:, None], mean.shape)
        scatter = np.sqrt(width**2 + hierarchy.deviation(weighted.scales)[:, None])
        named = (*parameters.names, *(name for name, _ in parameters.coefficients))
        scales = {name: weighted.scales[name] for name in named}
        sds = {"effect": width, "new_trial": scatter}
        sampled = not weighted.width.any()  # points of a grid are as wide as a step
        found.append(_Found(cells, weighted.points.weight, mean, sds, scales, sampled))
    return found


def _by_nuts(spec: ModelSpec, table: EffectTable, seed: int) -> list[_Found]:
    from bayes_nmda.inference import nuts
    from bayes_nmda.model.build import build_model

    thinned = replace(spec, sampling=replace(spec.sampling, thin=_THIN))
    model = build_model(thinned, table)
    draws = nuts.sampled(model, thinned, table, seed, _DRAWS)["posterior"].to_dataset()
    stacked = {
        str(name): values.transpose("chain", "draw", ...).to_numpy().reshape(-1, *values.shape[2:])
        for name, values in draws.data_vars.items()
    }
    effect = stacked["effect"]
    size = len(effect)
    weight, zero = np.full(size, 1 / size), np.zeros(effect.shape)
    tau = stacked["tau"].reshape(size, -1)
    visit = stacked.get("sd_trial_timepoint", np.zeros(size))[:, None]
    sds = {"effect": zero, "new_trial": np.sqrt(tau**2 + visit**2) + zero}
    named = [name for name, _ in spec.priors if name in stacked and stacked[name].ndim == 1]
    named += [name for name in stacked if name.startswith(COEFFICIENT) and name not in named]
    scales = {name: stacked[name] for name in named if name != "overall"}
    return [_Found(np.arange(effect.shape[1]), weight, effect, sds, scales, sampled=True)]


def coverage(table: pd.DataFrame) -> pd.DataFrame:
    """Return how often intervals of 50, 80 and 95 % hold the truth, by variable.

    Parameters
    ----------
    table
        From `calibration`.

    Returns
    -------
    pandas.DataFrame
        A row a variable and level: ``share`` over all sets and cells, and its standard error over
        sets, ``error``: cells of one set are not independent.
    """
    import pandas as pd

    rows = []
    for variable, some in table.groupby("variable", sort=False):
        for level in LEVELS:
            inside = (some["below"] - 0.5).abs() <= level / 2
            by_set = inside.groupby(some["set"]).mean()
            error = float(by_set.std(ddof=1) / np.sqrt(len(by_set))) if len(by_set) > 1 else np.nan
            rows.append(
                {"variable": variable, "level": level, "share": inside.mean(), "error": error}
            )
    return pd.DataFrame(rows)


def flatness(table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Return whether the place of the truth is uniform within simultaneous bands, by quantity.

    Parameters
    ----------
    table
        From `calibration`.
    level
        Probability of the bands, for each quantity.

    Returns
    -------
    pandas.DataFrame
        A row a ``variable`` and ``label``: ``sets``, ``mean`` of the places (0.5 if right),
        ``inside``, whether their distribution stays within the bands everywhere, and ``p``, of a
        Kolmogorov-Smirnov test.
    """
    import pandas as pd
    from arviz_stats.ecdf_utils import ecdf_pit
    from scipy import stats

    rows = []
    for (variable, label), some in table.groupby(["variable", "label"], sort=False):
        places = some["below"].to_numpy()
        _, ecdf, lower, upper = ecdf_pit(
            places, ci_prob=level, n_simulations=_BANDS, rng=np.random.default_rng(0)
        )
        rows.append(
            {
                "variable": variable,
                "label": label,
                "sets": len(places),
                "mean": float(places.mean()),
                "inside": bool(((ecdf >= lower) & (ecdf <= upper)).all()),
                "p": float(stats.kstest(places, "uniform").pvalue),
            }
        )
    return pd.DataFrame(rows)


def reliability(
    table: pd.DataFrame, spec: ModelSpec, *, of: Literal["benefit", "harm"] = "benefit"
) -> pd.DataFrame:
    """Return how often a benefit or harm was there, by the probability that it was given.

    Parameters
    ----------
    table
        From `calibration` of this model.
    spec
        The model, which says how large a benefit or harm is meant.
    of
        ``"benefit"`` or ``"harm"``.

    Returns
    -------
    pandas.DataFrame
        A row a tenth of probability: ``low``, ``high``, ``sets`` and ``cases`` (sets and cells),
        ``said``, the mean probability, ``happened``, the share in which the true effect was that
        large, and its ``error``: the scatter over sets, or what chance alone would give if the
        cells of a set were one, whichever is more. The first vanishes where all or none were there.
    """
    import pandas as pd

    question = Question.of(spec, direction=of)
    threshold, sign = question.threshold(spec, question.first_real(spec)), question.sign(spec)
    some = table[table["variable"] == "effect"]
    there = sign * some["truth"] >= threshold
    tenth = (some[of] * 10).astype(int).clip(upper=9)
    rows = []
    for number in sorted(set(tenth)):
        of_tenth = tenth == number
        gap = (there - some[of])[of_tenth]
        sets = some["set"][of_tenth]
        by_set = gap.groupby(sets).sum()
        said = some[of][of_tenth].groupby(sets)
        chance = said.size() ** 2 * said.mean() * (1 - said.mean())
        square = max(float((by_set**2).sum()), float(chance.sum()))
        rows.append(
            {
                "low": number / 10,
                "high": (number + 1) / 10,
                "sets": len(by_set),
                "cases": int(of_tenth.sum()),
                "said": float(some[of][of_tenth].mean()),
                "happened": float(there[of_tenth].mean()),
                "error": float(np.sqrt(square) / of_tenth.sum()),
            }
        )
    return pd.DataFrame(rows)
