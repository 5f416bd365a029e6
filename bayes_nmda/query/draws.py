"""`Draws`: the part of a posterior that queries read, as NumPy arrays.

In goes the DataTree that `fit` and `posterior` return, or a stored file opened by the store; out
come arrays of shape (chain, draw, ...) with the labels of their cells. Neither xarray nor pandas
is imported here, so that the command line answers at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_nmda.data.vocabulary import Vocabulary, load_vocabulary
from bayes_nmda.errors import QueryError
from bayes_nmda.query.source import Source, source_of
from bayes_nmda.spec.covariate import untransformed
from bayes_nmda.terms import AGAINST, COUNTED_ONCE, PAIRED, USUAL_GATES

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]
#: Flag of a cell in none of whose trials somebody had an event and somebody had none.
UNINFORMED: Final = "no_informative_trial"


@dataclass(frozen=True, slots=True)
class Cell:
    """A combination of drug, route and timepoint, with the evidence behind it."""

    index: int
    label: str
    drug: str
    route: str
    timepoint: str
    trials: int
    participants: int
    flags: tuple[str, ...] = ()
    words: Vocabulary = field(default_factory=load_vocabulary, repr=False, compare=False)

    @property
    def comparator(self) -> str:
        """What the drug was compared with: the end of the label, else the project's reference."""
        return self.label.partition(AGAINST)[2] or self.words.reference


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Draws of one fit, the cells with evidence, and where the fit came from."""

    source: Source
    cells: tuple[Cell, ...]
    attrs: Mapping[str, Any]
    spec: Mapping[str, Any] = field(default_factory=dict)
    #: Arrays that were read before; reading one again gives the same.
    _read: dict[tuple[str, str], Floats] = field(default_factory=dict, repr=False)
    _labels: dict[str, list[str]] = field(default_factory=dict, repr=False)

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.attrs.get("model", "unnamed"))

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of its project."""
        return load_vocabulary(self.attrs.get("project"))

    @property
    def engine(self) -> str:
        """How it was fitted: ``"nuts"`` or ``"exact"``."""
        return str(self.attrs.get("engine", ""))

    @property
    def measure(self) -> str:
        """Effect measure."""
        return str(self.attrs.get("measure", ""))

    @property
    def unit(self) -> str:
        """Unit of the effect."""
        return str(self.attrs.get("unit", ""))

    @property
    def benefit_sign(self) -> float:
        """Sign of an effect that favours the drug, -1 or 1."""
        return 1.0 if self.attrs.get("benefit") == "positive" else -1.0

    @property
    def failed_gates(self) -> tuple[str, ...]:
        """Gates that the fit did not pass, in words."""
        return tuple(_failed_gates(self.attrs))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before using any number of this fit."""
        failed = (f"failed gate: {words}" for words in self.failed_gates)
        beyond = json.loads(str(self.attrs.get("extrapolated", "{}"))).values()
        return (*failed, *filter(None, beyond), *_loosened_gates(self.spec.get("gates", {})))

    @property
    def where(self) -> str:
        """Values of the covariates at which effects are told, ``"year 2013"``; empty for none."""
        moved = json.loads(str(self.attrs.get("at_covariates", "{}")))
        parts = []
        for place in json.loads(str(self.attrs.get("covariates", "[]"))):
            name, centre = place["name"], place["centre"]
            words = {number: word for word, number in place["words"].items()}
            usual = words.get(centre, untransformed(centre, place["transform"]))
            value = moved.get(name, usual)
            said = value if isinstance(value, str) else f"{value:.4g}"
            parts.append(f"{name.replace('_', ' ')} {said.replace('_', ' ')}")
        return " and ".join(parts)

    def has(self, variable: str) -> bool:
        """Tell whether the posterior has a variable."""
        return self.source.has("posterior", variable)

    @property
    def refused(self) -> dict[str, int]:
        """Cells that counts say nothing about, and how many trials each has."""
        found: dict[str, int] = json.loads(str(self.attrs.get("refused_cells", "{}")))
        return found

    @property
    def counted(self) -> bool:
        """Tell whether it is a fit to counts of people with an event."""
        return self.measure == "log_or" and self.has("baseline_log_odds")

    def posterior(self, variable: str) -> Floats:
        """Return posterior draws, shape (chain, draw, ...).

        Raises
        ------
        QueryError
            If the fit has no such variable, or a draw of it is not a number.
        """
        return self._draws("posterior", variable)

    def prior(self, variable: str) -> Floats:
        """Return prior draws, shape (draw, ...), chains one after another.

        Raises
        ------
        QueryError
            If the fit has no such variable, or a draw of it is not a number.
        """
        values = self._draws("prior", variable)
        return values.reshape(-1, *values.shape[2:])

    def of_cell(self, variable: str, cell: Cell) -> Floats:
        """Return posterior draws of one cell, shape (chain, draw); a shared variable as it is."""
        values = self.posterior(variable)
        return values[..., cell.index] if values.ndim > 2 else values

    def constant(self, name: str) -> NDArray[Any]:
        """Return something known without a model, from the group ``constant_data``.

        Raises
        ------
        QueryError
            If the fit does not hold it.
        """
        self._require("constant_data", name)
        return self.source.array("constant_data", name)

    def words(self, name: str) -> list[str]:
        """Return labels from the group ``constant_data``.

        Raises
        ------
        QueryError
            If the fit does not hold them.
        """
        if name not in self._labels:
            self._require("constant_data", name)
            self._labels[name] = self.source.labels("constant_data", name)
        return list(self._labels[name])

    def of_counts(self, name: str, cell: Cell) -> int | None:
        """Return a number of people or trials behind a cell of a fit to counts, else None."""
        return int(self.constant(name)[cell.index]) if self.counted else None

    def trial_names(self, cell: Cell) -> tuple[str, ...]:
        """Return the labels of the trials behind a cell."""
        pairs = zip(self.words("contrast_trial"), self.words("contrast_cell"), strict=True)
        return tuple(dict.fromkeys(trial for trial, label in pairs if label == cell.label))

    def people(self, cells: Iterable[Cell]) -> tuple[int, int]:
        """Return the different trials and people behind several cells; see `arms`."""
        arms = self.arms(cells)
        return len({trial for trial, _ in arms}), sum(arms.values())

    def arms(self, cells: Iterable[Cell]) -> dict[tuple[str, str], int]:
        """Return the people in each arm behind several cells, by trial and arm.

        A shared arm counts once, and so do people who had both treatments.
        """
        chosen = {cell.label for cell in cells}
        arms: dict[tuple[str, str], int] = {}
        names = self.words("contrast_trial")
        crossed = self.crossed()
        for side, count, other in (("treatment", "n_t", "n_c"), ("control", "n_c", "n_t")):
            columns = zip(
                names,
                self.words("contrast_cell"),
                self.words(f"contrast_{side}_arm"),
                self.constant(count),
                self.constant(other),
                crossed,
                strict=True,
            )
            for trial, cell, arm, n, n_other, same in columns:
                if cell in chosen and not (same and side == "control"):
                    people = max(int(n), int(n_other)) if same else int(n)
                    arms[trial, arm] = max(arms.get((trial, arm), 0), people)
        return arms

    def crossed(self) -> list[bool]:
        """Return for each contrast whether the same people had both treatments, or may have."""
        if not self.source.has("constant_data", "contrast_flags"):
            return [False] * len(self.words("contrast_trial"))
        marks = {PAIRED, COUNTED_ONCE}
        return [not marks.isdisjoint(flags.split(";")) for flags in self.words("contrast_flags")]

    @property
    def supplemented(self) -> bool:
        """Whether cells borrow from results that were printed in abstracts only."""
        structure = self.spec.get("structure", {})
        return "supplement" in self.spec and structure.get("pooling") != "none"

    def _require(self, group: str, name: str) -> None:
        if not self.source.has(group, name):
            raise QueryError(
                f"model {self.model}: found no {name!r} in the group {group!r}; this question "
                "needs it: fit the model again, or ask a model that has it"
            )

    def _draws(self, group: str, variable: str) -> Floats:
        if (group, variable) in self._read:
            return self._read[group, variable]
        self._require(group, variable)
        values = np.array(self.source.array(group, variable), dtype=np.float64)
        if values.ndim < 2 or not np.isfinite(values).all():
            raise QueryError(
                f"model {self.model}: {group} draws of {variable!r} are not all numbers; fit the "
                "model again"
            )
        values.setflags(write=False)
        self._read[group, variable] = values
        return values


Posterior = Draws | Source


def draws_of(tree: xr.DataTree | Posterior) -> Draws:
    """Return the draws behind a query.

    Raises
    ------
    QueryError
        If the tree has no posterior with cells.
    UsageError
        If it is not a fit at all.
    """
    if isinstance(tree, Draws):
        return tree
    source = source_of(tree)
    for group, name in (("posterior", "cell"), ("posterior", "drug"), ("posterior", "route")):
        if not source.has(group, name):
            raise QueryError(
                f"found a tree without {name!r} in the group {group!r}; allowed is what "
                "fit(...) or posterior(...) returns"
            )
    attrs = dict(source.attrs)
    spec = json.loads(str(attrs.get("spec", "{}")))
    return Draws(
        source=source,
        cells=_cells(source, load_vocabulary(attrs.get("project"))),
        attrs=attrs,
        spec=spec,
    )


def _cells(source: Source, words: Vocabulary) -> tuple[Cell, ...]:
    labels = source.labels("posterior", "cell")
    drugs, routes = (source.labels("posterior", name) for name in ("drug", "route"))
    timed = source.has("posterior", "timepoint")
    timepoints = source.labels("posterior", "timepoint") if timed else [""] * len(labels)
    for name in ("trials", "participants"):
        if not source.has("constant_data", name):
            raise QueryError(
                f"found a tree without {name!r} in the group 'constant_data'; no number is "
                "given without the evidence behind it: fit the model again"
            )
    trials, people = (source.array("constant_data", name) for name in ("trials", "participants"))
    flags = _flags(source)
    if source.has("constant_data", "trials_informative"):
        informative = source.array("constant_data", "trials_informative")
        for label, number in zip(labels, informative, strict=True):
            if number == 0:
                flags[label] = (*flags.get(label, ()), UNINFORMED)
    return tuple(
        Cell(i, label, drug, route, timepoint, int(k), int(n), flags.get(label, ()), words)
        for i, (label, drug, route, timepoint, k, n) in enumerate(
            zip(labels, drugs, routes, timepoints, trials, people, strict=True)
        )
        if k > 0
    )


def _flags(source: Source) -> dict[str, tuple[str, ...]]:
    """Return the remarks on the rows behind each cell, each once."""
    if not source.has("constant_data", "contrast_flags"):
        return {}
    found: dict[str, set[str]] = {}
    cells = source.labels("constant_data", "contrast_cell")
    for cell, flags in zip(cells, source.labels("constant_data", "contrast_flags"), strict=True):
        found.setdefault(cell, set()).update(flag for flag in flags.split(";") if flag)
    return {cell: tuple(sorted(flags)) for cell, flags in found.items()}


def _failed_gates(attrs: Mapping[str, Any]) -> list[str]:
    """Return the gates that this fit did not pass, in words."""
    if "gates_failed" in attrs:
        return [_gate_words(row) for row in json.loads(str(attrs["gates_failed"]))]
    rows = json.loads(str(attrs.get("gates", "[]")))
    return [_gate_words(row) for row in rows if not row["passed"]]


def _loosened_gates(gates: Mapping[str, float]) -> list[str]:
    """Return the gates of a model file that let pass what the usual ones would stop, in words."""
    found = []
    for name, usual in USUAL_GATES.items():
        own = gates.get(name, usual)
        if own > usual if name.endswith("_max") else own < usual:
            found.append(f"loosened gate: {name} is {own:g} in the model file, {usual:g} usually")
    return found


def _gate_words(row: str | Mapping[str, Any]) -> str:
    if isinstance(row, str):
        return row
    words = f"{row['gate']} of {row['quantity']}"
    if {"value", "rule", "threshold"} <= row.keys():
        words += f": found {row['value']:.4g}, allowed {row['rule']} {row['threshold']:g}"
    return words
