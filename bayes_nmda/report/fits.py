"""One model of a report, ready to be asked, and its answers sorted by cell.

A cell is named with what the drug was compared with, so that a comparison with ketorolac is never
taken for one with placebo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bayes_nmda.terms import AGAINST

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.query import Answer
    from bayes_nmda.query.draws import Cell, Draws
    from bayes_nmda.spec.spec import ModelSpec

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """One model of the report: its file, its rows, its posterior and its gates.

    Attributes
    ----------
    label
        What the model is called beside others about the same outcome.
    tree
        The fit by NUTS, of which the diagnostics speak.
    draws
        The posterior that answers, as queries read it: that of the exact engine where it can do the
        model. Read once.
    """

    spec: ModelSpec
    label: str
    effects: EffectTable
    tree: xr.DataTree
    gates: pd.DataFrame
    draws: Draws

    @property
    def counts(self) -> bool:
        """Whether the outcome is counted in people."""
        return self.spec.likelihood.family != "normal"


def fit_of(
    spec: ModelSpec,
    label: str,
    effects: EffectTable,
    *,
    tree: xr.DataTree,
    answering: xr.DataTree,
    gates: pd.DataFrame,
) -> Fit:
    """Return a model of a report, its draws ready to be asked."""
    from bayes_nmda.query.draws import draws_of

    return Fit(spec, label, effects, tree, gates, draws_of(answering))


def by_cell(fit: Fit, answer: Answer) -> dict[str, list[Record]]:
    """Return the records of an answer about all cells, by label of the cell.

    Answers have the cells in the order of the model, each with the same number of records.
    """
    cells = fit.draws.cells
    each = len(answer.records) // len(cells)
    found: dict[str, list[Record]] = {
        cell.label: list(answer.records[each * place : each * (place + 1)])
        for place, cell in enumerate(cells)
    }
    for cell in cells:
        about = {(r["drug"], r["route"], r["timepoint"]) for r in found[cell.label]}
        if about != {(cell.drug, cell.route, cell.timepoint)}:
            raise AssertionError(f"records of {answer.query} are not in the order of the cells")
    return found


def flags_of(cell: Cell) -> tuple[str, ...]:
    """Return what a reader must know of a cell, the most important first."""
    first = ("single_trial",) if cell.trials == 1 else ()
    inferred = tuple(flag for flag in cell.flags if flag == "route_inferred")
    return (*first, *inferred, *(flag for flag in cell.flags if flag not in inferred))


def partition_of(label: str) -> str:
    """Return drug and route of the label of a cell, ``"ketamine/intravenous"``."""
    return "/".join(label.partition(AGAINST)[0].split("/")[:2]).rstrip("/")
