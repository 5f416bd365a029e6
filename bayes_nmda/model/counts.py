"""Events and people of each arm, as tables of one control arm and the arms compared with it.

What a table says about odds ratios is what it says given its total number of events: Fisher's
noncentral hypergeometric distribution, with more arms the multivariate one. Nothing is assumed of
the control risk, nothing is added to empty cells, and a table in which nobody or everybody has an
event says nothing. Its support, every way in which the events could have fallen on the arms, is
enumerated here, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_nmda.errors import DataError, QueryError
from bayes_nmda.model.structure import Layout

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

    Floats = NDArray[np.float64]
    Integers = NDArray[np.intp]

#: A way to place the events that is less probable than e to minus this, relative to the most
#: probable one, at every odds ratio under which the data are no less probable than that relative
#: to their best, is left out: 2e-16.
NEGLIGIBLE = 36.0
#: Ways to place the events of one table; more would not fit into memory.
MOST_WAYS = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Counts of one analysis.

    Attributes
    ----------
    labels
        A name for each table: that of its control arm.
    table_of_contrast
        Shape (contrast,): positions.
    events_t, n_t
        Shape (contrast,): people with an event, and people, in the treatment arm.
    events_c, n_c
        Shape (table,): those in the control arm.
    """

    labels: tuple[str, ...]
    table_of_contrast: Integers
    events_t: NDArray[np.int64]
    n_t: NDArray[np.int64]
    events_c: NDArray[np.int64]
    n_c: NDArray[np.int64]

    @classmethod
    def of(cls, frame: pd.DataFrame, layout: Layout, pooling: str) -> Counts:
        """Return the counts of the rows of an effect table.

        Parameters
        ----------
        frame
            The rows.
        layout
            Their labels.
        pooling
            Where it is ``"none"``, each cell is analysed alone, so that a control arm that two
            cells share makes a table in each.

        Raises
        ------
        DataError
            If a treatment arm would be counted twice, because its trial has two control arms of
            the selected comparator.
        """
        arms = ["trial", "treatment_arm", "timepoint"]
        again = frame[frame.duplicated(arms, keep=False)]
        if len(again):
            named = sorted(set(again["trial"] + ": " + again["treatment_arm"]))
            raise DataError(
                f"outcomes.csv: found one treatment arm against several control arms: "
                f"{'; '.join(named)}; its people would count twice. Merge the control arms, or "
                "select one of them"
            )
        names = [layout.controls[position] for position in layout.control_of_contrast]
        if pooling == "none":
            cells = np.asarray(layout.cells)[layout.cell_of_contrast]
            shared = {name for name in names if len(set(cells[np.equal(names, name)])) > 1}
            names = [
                f"{name} ({cell})" if name in shared else name
                for name, cell in zip(names, cells, strict=True)
            ]
        labels = tuple(dict.fromkeys(names))
        table = np.array([labels.index(name) for name in names], dtype=np.intp)
        first = np.array([names.index(label) for label in labels], dtype=np.intp)
        control = frame.iloc[first]
        return cls(
            labels,
            table,
            *(frame[name].to_numpy(np.int64) for name in ("events_t", "n_t")),
            *(control[name].to_numpy(np.int64) for name in ("events_c", "n_c")),
        )

    @property
    def events(self) -> NDArray[np.int64]:
        """Shape (arm,): control arms in the order of ``labels``.

        Then a treatment arm a contrast.
        """
        return np.concatenate([self.events_c, self.events_t])

    @property
    def n(self) -> NDArray[np.int64]:
        """Shape (arm,): people, in the order of `events`."""
        return np.concatenate([self.n_c, self.n_t])

    @property
    def treated(self) -> NDArray[np.bool_]:
        """Shape (arm,): whether the arm received the drug."""
        return np.arange(len(self.n)) >= len(self.n_c)

    def rows(self, table: int) -> Integers:
        """Return the positions of the contrasts of a table.

        A spare one, without people, is none.
        """
        return np.flatnonzero((self.table_of_contrast == table) & (self.n_t > 0))

    @property
    def informative(self) -> NDArray[np.bool_]:
        """Shape (table,): whether somebody had an event and somebody had none."""
        events = self.events_c + np.bincount(
            self.table_of_contrast, self.events_t, len(self.labels)
        ).astype(np.int64)
        people = self.n_c + np.bincount(self.table_of_contrast, self.n_t, len(self.labels)).astype(
            np.int64
        )
        return (events > 0) & (events < people)

    def padded(self, tables: int, contrasts: int) -> Counts:
        """Return the counts among ``tables`` tables and ``contrasts`` contrasts.

        The added arms have no people, so that their likelihood is 1 whatever their risk.
        """

        def fill(values: NDArray[np.int64], size: int) -> NDArray[np.int64]:
            return np.pad(values, (0, size - len(values)))

        spare = range(len(self.labels), tables)
        return Counts(
            (*self.labels, *(f"(spare {position})" for position in spare)),
            # a spare contrast belongs to a spare table, where there is one
            np.pad(
                self.table_of_contrast,
                (0, contrasts - len(self.table_of_contrast)),
                constant_values=tables - 1,
            ),
            fill(self.events_t, contrasts),
            fill(self.n_t, contrasts),
            fill(self.events_c, tables),
            fill(self.n_c, tables),
        )

    def support(self, table: int) -> tuple[Floats, Floats]:
        """Return every way in which the events of a table could have fallen on its arms.

        Returns
        -------
        tuple of ndarray
            Events of each treatment arm, shape (way, contrast of the table), and the logarithm of
            the number of choices of people behind a way, shape (way,).

        Raises
        ------
        DataError
            If there are more ways than `MOST_WAYS`.
        """
        rows = self.rows(table)
        if not len(rows):
            return np.zeros((1, 0)), np.zeros(1)
        control, total = int(self.n_c[table]), int(self.events_c[table])
        total += int(self.events_t[rows].sum())
        ranges = [
            _range(
                int(self.events_t[row]),
                int(self.n_t[row]),
                total,
                control + int(self.n_t[rows].sum()) - int(self.n_t[row]),
                int(self.events_t[rows].sum() - self.events_t[row] + self.events_c[table]),
            )
            for row in rows
        ]
        size = float(np.prod([last - first + 1.0 for first, last in ranges]))
        if size > MOST_WAYS:
            raise DataError(
                f"outcomes.csv: {self.labels[table]}: found {size:.3g} ways in which its {total} "
                f"events could have fallen on {len(rows) + 1} arms; allowed are {MOST_WAYS}. Merge "
                "arms, or analyse log odds ratios with their standard errors"
            )
        axes = [np.arange(first, last + 1) for first, last in ranges]
        ways = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
        rest = total - ways.sum(axis=1)
        possible = (rest >= 0) & (rest <= control)
        ways, rest = ways[possible], rest[possible]
        log_ways = _log_choose(control, rest)
        for column, row in enumerate(rows):
            log_ways = log_ways + _log_choose(int(self.n_t[row]), ways[:, column])
        return ways.astype(np.float64), log_ways


def _range(events: int, n: int, total: int, others: int, others_events: int) -> tuple[int, int]:
    """Return the fewest and the most events of one arm against the others that matter.

    All that are possible, unless there are very many: then those within `NEGLIGIBLE` of some odds
    ratio under which the data are within `NEGLIGIBLE` of their best.
    """
    lowest, highest = max(0, total - others), min(n, total)
    if highest - lowest < 500:
        return lowest, highest
    cells = np.array([events, n - events, others_events, others - others_events]) + 0.5
    # of normal distributions: twice the distance at which one has fallen by so much
    reach = 2 * np.sqrt(2 * NEGLIGIBLE) / np.sqrt((1 / cells).sum()) + 20
    return max(lowest, int(events - reach)), min(highest, int(events + reach))


def _log_choose(n: int, k: NDArray[np.int64]) -> Floats:
    from scipy.special import gammaln

    return np.asarray(gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0))


def arm_labels(counts: Counts, layout: Layout) -> tuple[str, ...]:
    """Return the name of each arm, in the order of `Counts.events`."""
    return (*(f"{control}: control" for control in counts.labels), *layout.contrasts)


def with_information(spec: ModelSpec, effects: EffectTable) -> tuple[EffectTable, dict[str, int]]:
    """Return the contrasts that an analysis of counts can speak of, and the cells that it refuses.

    Parameters
    ----------
    spec
        The analysis.
    effects
        Its contrasts.

    Returns
    -------
    tuple
        All contrasts, but where cells are analysed alone only those of cells with a trial in which
        somebody had an event and somebody had none; and the number of trials of each cell refused.

    Raises
    ------
    QueryError
        If no trial says anything about a ratio.
    """
    layout = Layout.of(effects.frame)
    counts = Counts.of(effects.frame, layout, spec.structure.pooling)
    says = counts.informative[counts.table_of_contrast]
    if not says.any():
        raise QueryError(
            f"model {spec.name}: found no trial in which somebody had an event and somebody had "
            f"none, among {len(layout.trials)}; counts say nothing about a ratio then. Look at "
            "nmda.evidence_map(trials), or ask about another outcome"
        )
    if spec.structure.pooling != "none":
        return effects, {}
    cell = effects.frame["cell"].to_numpy()
    kept = np.isin(cell, cell[says])
    trials = effects.trials
    refused = {str(name): trials[name] for name in dict.fromkeys(cell[~kept])}
    return (effects.subset(kept) if refused else effects), refused
