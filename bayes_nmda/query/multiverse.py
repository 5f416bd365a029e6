"""The same question under every combination of stated choices: how far an answer depends on them.

Each universe is one analysis, done by the exact engine; one that differs from another only in what
its structure does not use is done once. The table is the answer; `Universes.ranges` says how far a
probability moves, `Universes.shares` which choices move it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import numpy as np

from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.query.exactly import KEY, NUMBERS, Direction, Question, rows_with
from bayes_nmda.query.words import percent
from bayes_nmda.spec.model_file import WITHIN_PERSON
from bayes_nmda.spec.multiverse import Multiverse, load_multiverse
from bayes_nmda.spec.spec import ModelSpec
from bayes_nmda.terms import TARGETS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from bayes_nmda.data import TrialData
    from bayes_nmda.effects import EffectTable

_PLACE: Final = ("drug", "route", "timepoint")
#: Of how many points of a fit a universe uses one, by likelihood; mostly errors stay below a
#: percentage point.
_COARSER: Final = {"normal": 4, "binomial": 2, "beta_binomial": 2}
#: Universes that a process is handed at a time.
_BATCH: Final = 20
#: Of ranges, what sentences tell.
_TOLD: Final = ("as_it_is", "lowest", "lower", "upper", "highest")
_ANSWER: Final = (*NUMBERS, "trials")


@dataclass(frozen=True, slots=True, eq=False)
class Universes:
    """The answers of a multiverse.

    Attributes
    ----------
    multiverse
        The choices, and what was asked.
    table
        A row for each universe, cell and size. ``universe`` counts from 0, the model as it is; a
        column for each choice holds the name of its option; ``drug``, ``route``, ``timepoint``;
        ``at_least``; ``probability`` and its numerical ``error``; ``mean`` and ``sd`` in the unit
        of the effect; ``trials`` behind the cell; ``reliable``. Probabilities of cells without a
        trial, or of counts without one that says anything, are missing.
    distinct
        Analyses that were done; universes that differ in nothing that matters share one.
    """

    multiverse: Multiverse
    table: pd.DataFrame
    distinct: int

    @property
    def universes(self) -> int:
        """Number of universes."""
        return int(self.table["universe"].max()) + 1

    def of(self, *, at_least: float | None = None, **cell: str | None) -> Universes:
        """Return the answers of some cells: ``drug=``, ``route=``, ``timepoint=``, ``at_least=``.

        Raises
        ------
        QueryError
            If there is no such cell or size; the message names those that there are.
        """
        if unknown := cell.keys() - set(_PLACE):
            raise UsageError(f"found {sorted(unknown)[0]!r}; allowed are {', '.join(_PLACE)}")
        table = _chosen(self.table, cell)
        if at_least is not None:
            sizes = table["at_least"].unique()
            table = table[table["at_least"] == at_least]
            if table.empty:
                raise QueryError(
                    f"at_least: found {at_least:g}; sizes that were asked for are "
                    f"{', '.join(f'{size:g}' for size in sizes)}"
                )
        return Universes(self.multiverse, table.reset_index(drop=True), self.distinct)

    def ranges(self) -> pd.DataFrame:
        """Return how far each probability moves, a row for each cell and size.

        ``as_it_is`` is the model's own; ``lowest``, ``lower`` (quartile), ``median``, ``upper``,
        ``highest`` are over the ``universes`` in which the cell has an answer; ``above_half`` is
        the share of these in which the probability exceeds one half.
        """
        import pandas as pd

        rows = []
        for (cell, size), part in self._by_cell():
            found = part["probability"].dropna()
            usual = part.loc[part["universe"] == 0, "probability"]
            quantiles = found.quantile([0, 0.25, 0.5, 0.75, 1]).to_numpy()
            names = ("lowest", "lower", "median", "upper", "highest")
            rows.append(
                {"cell": cell, **_place(part), "at_least": size, "as_it_is": float(usual.iloc[0]),
                 **dict(zip(names, map(float, quantiles), strict=True)),
                 "above_half": float((found > 0.5).mean()), "universes": len(found)}
            )  # fmt: skip
        return pd.DataFrame(rows)

    def shares(self) -> pd.DataFrame:
        """Return how much of the variance over universes each choice makes alone.

        A row for each cell, size and choice, the largest first: ``share`` (first order, 0 to 1) and
        the mean probability under the options with the ``lowest`` and ``highest`` one, with their
        names. What shares leave to 1 is how choices act together.

        Notes
        -----
        Main effects are estimated by least squares. Where only a part of the combinations was
        computed, what chance alone would give a choice is taken off.

        References
        ----------
        Saltelli et al. 2008, Global Sensitivity Analysis, section 1.2 (first-order index).
        """
        import pandas as pd

        rows = []
        for (cell, size), part in self._by_cell():
            known = part.dropna(subset=["probability"])
            found = _first_order(self.multiverse, known) if len(known) > 2 else {}
            one = []
            for choice in self.multiverse.choices:
                means = known.groupby(choice.name, sort=False)["probability"].mean()
                if len(means) < 2:
                    continue
                one.append(
                    {"cell": cell, **_place(part), "at_least": size, "choice": choice.name,
                     "title": choice.title, "share": found.get(choice.name, 0.0),
                     "lowest": float(means.min()), "option_lowest": str(means.idxmin()),
                     "highest": float(means.max()), "option_highest": str(means.idxmax())}
                )  # fmt: skip
            rows += sorted(one, key=lambda row: -cast("float", row["share"]))
        return pd.DataFrame(rows)

    def specification_curve(self) -> pd.DataFrame:
        """Return the universes of one cell and size in the order of their probability.

        Raises
        ------
        UsageError
            If there are several cells or sizes; take one with `of`.
        """
        keys = [key for key, _ in self._by_cell()]
        if len(keys) > 1:
            raise UsageError(
                f"found {len(keys)} cells and sizes; allowed is one: of(drug=…, at_least=…)"
            )
        known = self.table.dropna(subset=["probability"])
        known = known.sort_values(["probability", "universe"]).reset_index(drop=True)
        known.insert(0, "rank", np.arange(len(known)))
        return known

    def to_xarray(self) -> xr.Dataset:
        """Return the table as arrays (universe, cell, at_least), choices as coordinates."""
        import xarray as xr

        shape = (self.universes, self.table["cell"].nunique(), self.table["at_least"].nunique())
        index = ["universe", "cell", "at_least"]
        values = {
            name: (index, self.table[name].to_numpy(float).reshape(shape)) for name in _ANSWER
        }
        first = self.table.drop_duplicates("universe")
        cells = self.table.drop_duplicates("cell")
        coords: dict[str, Any] = {
            "universe": first["universe"].to_numpy(),
            "cell": cells["cell"].to_numpy(dtype=str),
            "at_least": self.table["at_least"].unique(),
            **{name: ("cell", cells[name].to_numpy(dtype=str)) for name in _PLACE},
            **{
                choice.name: ("universe", first[choice.name].to_numpy(dtype=str))
                for choice in self.multiverse.choices
            },
        }
        return xr.Dataset(values, coords, {"multiverse": self.multiverse.name})

    @property
    def sentence(self) -> str:
        """What the ranges say, a sentence for each cell and size."""
        ranges, shares = self.ranges(), self.shares()
        said = []
        for row in ranges.to_dict("records"):
            if not row["universes"]:
                continue
            mine = shares[(shares["cell"] == row["cell"]) & (shares["at_least"] == row["at_least"])]
            most = [
                f"{one['title'][0].lower()}{one['title'][1:]} ({100 * one['share']:.0f} %)"
                for one in mine.head(3).to_dict("records")
                if one["share"] >= 0.01
            ]
            size = _size(self.multiverse, row["at_least"])
            said_of = {name: percent(row[name], self._error) for name in _TOLD if row[name] >= 0}
            usual = said_of.get("as_it_is", "not answered")
            said.append(
                f"{row['cell']}: the probability of a {self.multiverse.direction} of {size} is "
                f"{usual} in the model as it is, and {said_of['lowest']} to {said_of['highest']} "
                f"over {row['universes']:,} analyses (middle half {said_of['lower']} to "
                f"{said_of['upper']})"
                + (f"; it moves most with {', '.join(most)}." if most else ".")
            )
        return "\n".join(said)

    def to_rows(self, *, brief: bool = False) -> list[dict[str, Any]]:
        """Return ranges as plain values, each with what was done and its ``choices``.

        ``brief`` ones are the ranges alone, without the parts of a cell's name.
        """
        if brief:
            return _plain(self.ranges().drop(columns=list(_PLACE)))
        found, shares = self.multiverse, self.shares()
        about = {
            "multiverse": found.name, "model": found.model, "direction": found.direction,
            "target": found.target, "combinations": found.combinations, "distinct": self.distinct,
            "unreliable": int((~self.table.drop_duplicates("universe")["reliable"]).sum()),
        }  # fmt: skip
        rows = []
        for row in _plain(self.ranges()):
            mine = shares[(shares["cell"] == row["cell"]) & (shares["at_least"] == row["at_least"])]
            own = mine.drop(columns=["cell", *_PLACE, "at_least"])
            rows.append({**row, **about, "choices": _plain(own)})
        return rows

    def __repr__(self) -> str:
        """Return the sentences."""
        return self.sentence

    def _repr_html_(self) -> str:
        html = self.ranges().to_html(index=False, float_format="{:.3f}".format, border=0)
        return f"<p>{escape(self.multiverse.title)}</p>{html}"

    @property
    def _error(self) -> float:
        """Numerical error of a probability in a universe, the median."""
        return float(self.table["error"].median())

    def _by_cell(self) -> Any:
        return self.table.groupby(["cell", "at_least"], sort=False)


def multiverse(
    universe: str | Path | Multiverse,
    at_least: float | Iterable[float] | None = None,
    *,
    drug: str | None = None,
    route: str | None = None,
    timepoint: str | None = None,
    direction: Direction | None = None,
    target: str | None = None,
    trials: TrialData | None = None,
    jobs: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Universes:
    """Return a probability under every combination of stated choices.

    Parameters
    ----------
    universe
        A name in ``models/multiverse/``, the path of such a file, or what `load_multiverse` made.
    at_least
        Sizes, differences in the unit of the effect or odds ratios; by default those of the file.
    drug, route, timepoint
        Only these cells; all by default.
    direction, target
        ``"benefit"`` or ``"harm"``, ``"mean"`` or ``"new_trial"``, instead of those of the file.
    trials
        Instead of those of the project.
    jobs
        Processes, by joblib; −1 is one for each core, or within `bayes_nmda.cluster` one for each
        of its workers. The numbers are the same.
    progress
        Called with a short text at each step.

    Returns
    -------
    Universes
        The table, ranges, shares of choices, specification curve.

    Raises
    ------
    SpecError
        If the file breaks a rule, or options do not make a valid analysis together.
    UsageError
        If an argument is not allowed.
    QueryError
        If there is no such cell; said before anything is computed.

    References
    ----------
    Steegen et al. 2016, Perspect Psychol Sci 11:702 (multiverse analysis); Simonsohn et al. 2020,
    Nat Hum Behav 4:1208 (specification curves).
    """
    from dataclasses import replace

    from joblib import Parallel, delayed

    from bayes_nmda.data import load_trials

    say = progress or (lambda _: None)
    found = universe if isinstance(universe, Multiverse) else load_multiverse(universe)
    if target is not None and target not in TARGETS:
        raise UsageError(f"target: found {target!r}; allowed are {', '.join(map(repr, TARGETS))}")
    if jobs != -1 and jobs < 1:
        raise UsageError(f"jobs: found {jobs}; allowed are −1, one a core, and numbers from 1")
    found = replace(found, target=target or found.target, direction=direction or found.direction)
    universes = found.universes()
    base = found.spec(universes[0])
    question = Question.of(
        base, found.at_least if at_least is None else at_least, cast("Direction", found.direction)
    )
    found = replace(found, at_least=question.at_least)
    tables = _Tables(load_trials() if trials is None else trials)
    asked = {"drug": drug, "route": route, "timepoint": timepoint}
    everything = tables.of(base).frame.drop_duplicates("cell")[["cell", *_PLACE]]
    cells = _chosen(everything, asked)
    say(f"{len(universes):,} of {found.combinations:,} combinations")
    work: dict[str, _Analysis] = {}
    keys = []
    for one in universes:
        analyses = tables.analyses(found, one)
        work |= {key: analysis for key, analysis in analyses.items() if key not in work}
        keys.append(list(analyses))
    say(f"{len(work):,} distinct analyses")
    items = list(work.items())
    batches = [items[i : i + _BATCH] for i in range(0, len(items), _BATCH)]
    done: dict[str, _Answers] = {}
    for batch in Parallel(n_jobs=jobs, return_as="generator")(
        delayed(_asked)(question, found.target, batch, frozenset(keys[0])) for batch in batches
    ):
        done |= batch
        say(f"{len(done):,} of {len(work):,} done")
    answers = [[done[key] for key in mine] for mine in keys]
    return Universes(found, _table(found, universes, answers, cells), len(work))


@dataclass(frozen=True, slots=True, eq=False)
class _Analysis:
    """One analysis that is to be done: tables of a model file, and contrasts."""

    name: str
    tables: Mapping[str, Any]
    effects: EffectTable


class _Answers(NamedTuple):
    """What one analysis says: `_ANSWER` by cell and size, and whether it may be trusted."""

    numbers: dict[tuple[str, float], tuple[float, ...]]
    reliable: bool


def _asked(
    question: Question, target: str, batch: list[tuple[str, _Analysis]], whole: frozenset[str]
) -> dict[str, _Answers]:
    """Return the answers of some analyses, by fewer points than a fit has.

    Those of the model as it is, ``whole``, take every point, so that its answer is that of its fit;
    so do those whose few points do not suffice.
    """
    answers, specs, counts = {}, dict[int, ModelSpec](), dict[int, dict[str, int]]()
    for key, one in batch:
        # cells alone of one universe share its tables, universes of the same rows their contrasts
        spec = specs.get(id(one.tables)) or ModelSpec.from_mapping(one.name, one.tables)
        specs[id(one.tables)] = spec
        trials = counts.get(id(one.effects)) or one.effects.trials
        counts[id(one.effects)] = trials
        coarser = 1 if key in whole else _COARSER.get(spec.likelihood.family, 1)
        table = question.answers_if_any(spec, one.effects, coarser=coarser)
        if coarser > 1 and not table.attrs["reliable"]:
            table = question.answers_if_any(spec, one.effects)
        numbers = {
            (cell, size): (*answer, float(trials[cell]))
            for cell, size, of, *answer in table[[*KEY, *NUMBERS]].itertuples(index=False)
            if of == target
        }
        answers[key] = _Answers(numbers, bool(table.attrs["reliable"]))
    return answers


class _Tables:
    """Effect tables of a project's trials: each is made once, and known by its rows."""

    def __init__(self, trials: TrialData) -> None:
        self._trials = trials
        self._made: dict[str, EffectTable] = {}
        self._parts: dict[tuple[str, bytes], dict[str, EffectTable]] = {}

    def of(self, spec: ModelSpec) -> EffectTable:
        """Return the contrasts of an analysis, before any are left out."""
        from bayes_nmda.effects import effect_table

        return self._kept(_rows_of(spec.to_mapping()), lambda: effect_table(self._trials, spec))

    def _kept(self, key: str, make: Callable[[], EffectTable]) -> EffectTable:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def analyses(self, found: Multiverse, universe: tuple[int, ...]) -> dict[str, _Analysis]:
        """Return the analyses of a universe, each by what its answers depend on.

        One, or one for each cell where cells are analysed alone; none where no row is left.
        """
        from bayes_nmda.effects import effect_table

        tables = found.tables_of(universe)
        key = _rows_of(tables)
        effects = self._kept(key, lambda: effect_table(self._trials, found.spec(universe)))
        keep = np.ones(len(effects.frame), dtype=bool)
        for option in found.options(universe):
            for column, values in option.leave_out:
                for value in values:
                    keep &= ~rows_with(effects, column, value)
        alone = tables["structure"]["pooling"] == "none"
        place = (f"{key}{alone}", keep.tobytes())
        if place not in self._parts:
            masks = [keep]
            if alone:
                cells = effects.frame["cell"].to_numpy(dtype=str)
                masks = [keep & (cells == cell) for cell in dict.fromkeys(cells)]
            parts = [effects.subset(mask) for mask in masks if mask.any()]
            self._parts[place] = {part.hash: part for part in parts}
        assumed = _assumed(tables)
        name = f"{found.model}, universe {universe}"
        return {
            rows + assumed: _Analysis(name, tables, part)
            for rows, part in self._parts[place].items()
        }


def _chosen(table: pd.DataFrame, asked: Mapping[str, str | None]) -> pd.DataFrame:
    """Return the rows of the cells that are asked for; None asks for all."""
    chosen = table
    wanted = {name: value for name, value in asked.items() if value is not None}
    for name, value in wanted.items():
        chosen = chosen[chosen[name] == value]
    if chosen.empty:
        words = ", ".join(f"{name} {value!r}" for name, value in wanted.items())
        raise QueryError(
            f"found no cell with {words}; cells with evidence are "
            f"{', '.join(dict.fromkeys(table['cell']))}"
        )
    return chosen


def _rows_of(tables: Mapping[str, Any]) -> str:
    """Return what the contrasts depend on, of the tables of a model file."""
    names = ("select", "effect", "covariance", "supplement", "covariate")
    within = tables["priors"].get(WITHIN_PERSON)
    return json.dumps([*(tables.get(name) for name in names), within], sort_keys=True)


def _assumed(tables: Mapping[str, Any]) -> str:
    """Return what the posterior of effects depends on beside the rows."""
    priors = {k: v for k, v in tables["priors"].items() if not k.startswith("baseline")}
    parts = {"structure": tables["structure"], "likelihood": tables.get("likelihood", {}), **priors}
    parts |= {f"coefficient {c['name']}": c["prior"] for c in tables.get("covariate", ())}
    numbers = {
        name: {k: v for k, v in part.items() if k not in ("source", "reading")}
        for name, part in parts.items()
    }
    return json.dumps(numbers, sort_keys=True)


def _table(
    found: Multiverse,
    universes: list[tuple[int, ...]],
    answers: list[list[_Answers]],
    cells: pd.DataFrame,
) -> pd.DataFrame:
    """Return the answers of all universes under each other, cells as in the model as it is."""
    import pandas as pd

    places = cells.merge(pd.DataFrame({"at_least": found.at_least}), how="cross")
    keys = list(zip(places["cell"], places["at_least"], strict=True))
    absent = (*(np.nan for _ in NUMBERS), 0.0)
    numbers = np.empty((len(universes), len(keys), len(_ANSWER)))
    reliable = np.empty(len(universes), dtype=bool)
    for number, mine in enumerate(answers):
        known = {key: values for one in mine for key, values in one.numbers.items()}
        numbers[number] = [known.get(key, absent) for key in keys]
        reliable[number] = all(one.reliable for one in mine)
    each = len(keys)
    options = {
        choice.name: [choice.options[universe[at]].name for universe in universes]
        for at, choice in enumerate(found.choices)
    }
    columns = dict(zip(_ANSWER, numbers.reshape(-1, len(_ANSWER)).T, strict=True))
    return pd.DataFrame(
        {
            "universe": np.repeat(np.arange(len(universes)), each),
            **{name: np.repeat(names, each) for name, names in options.items()},
            **{str(name): np.tile(column, len(universes)) for name, column in places.items()},
            **columns,
            "trials": columns["trials"].astype("int64"),
            "reliable": np.repeat(reliable, each),
        }
    )


def _first_order(found: Multiverse, known: pd.DataFrame) -> dict[str, float]:
    """Return the share of the variance that each choice makes alone."""
    y = known["probability"].to_numpy(float)
    centred = y - y.mean()
    total = float(centred @ centred)
    if total <= 0:
        return {}
    columns: list[NDArray[np.float64]] = []
    spans: dict[str, slice] = {}
    for choice in found.choices:
        values = known[choice.name].to_numpy(dtype=str)
        levels = [option.name for option in choice.options if (values == option.name).any()]
        if len(levels) < 2:
            continue
        dummies = (values[:, None] == np.array(levels)[None, 1:]).astype(float)
        spans[choice.name] = slice(len(columns), len(columns) + dummies.shape[1])
        columns += list((dummies - dummies.mean(axis=0)).T)
    design = np.stack(columns, axis=1)
    weights, *_ = np.linalg.lstsq(design, centred, rcond=None)
    left = centred - design @ weights
    freedom = len(y) - 1 - design.shape[1]
    part_only = found.combinations > found.most
    noise = float(left @ left) / freedom if part_only and freedom > 0 else 0.0
    shares = {}
    for name, span in spans.items():
        alone = design[:, span] @ weights[span]
        sum_of_squares = float(alone @ alone) - noise * (span.stop - span.start)
        shares[name] = min(max(sum_of_squares / total, 0.0), 1.0)
    return shares


def _place(part: pd.DataFrame) -> Mapping[str, str]:
    return {name: str(part[name].iloc[0]) for name in _PLACE}


def _size(found: Multiverse, at_least: float) -> str:
    counted = found.tables.get("likelihood", {}).get("family", "normal") != "normal"
    unit = "(odds ratio)" if counted else str(found.tables["effect"]["unit"])
    if at_least == (1.0 if counted else 0.0):
        return "any size"
    return f"at least {at_least:g} {unit}"


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.to_dict("records")
    return [
        {str(k): None if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()}
        for row in rows
    ]
