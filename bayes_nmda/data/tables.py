"""The tables of ``data/`` as one value with `select`.

In goes a folder of CSV files that the descriptor describes, out comes a `TrialData`. Missing text
is the empty string, so that comparing and grouping never lose a row; a missing number is NaN or
NA. Loading never writes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import pandas as pd

from bayes_nmda import paths
from bayes_nmda.data.decisions import apply_decisions
from bayes_nmda.data.descriptor import read_package
from bayes_nmda.data.frames import typed_frame
from bayes_nmda.data.problems import Problem, raise_for
from bayes_nmda.data.reading import read_sheet, table_digests
from bayes_nmda.data.vocabulary import Vocabulary, load_vocabulary
from bayes_nmda.errors import DataError, UsageError

#: Tables that only the builder reads.
_BUILDER_ONLY = frozenset({"arm_links"})


@dataclass(frozen=True, slots=True, eq=False)
class TrialData:
    """Arm-level results of trials, with the trials, arms and printed numbers around them.

    Every table is a DataFrame with the columns of ``datapackage.json``; ``outcomes`` has one
    record an arm, outcome and timepoint. ``digests`` maps a file name to the SHA-256 of its bytes.
    ``contrasts`` has a row an effect that was given instead of arms, in a DataFrame (`trials_from`)
    or in a table of the project; None where there is no such table.
    """

    trials: pd.DataFrame
    arms: pd.DataFrame
    outcomes: pd.DataFrame
    decisions: pd.DataFrame
    published: pd.DataFrame
    analyses: pd.DataFrame
    abstract_outcomes: pd.DataFrame
    path: Path
    digests: dict[str, str]
    contrasts: pd.DataFrame | None = None

    def select(
        self,
        *,
        outcome: str | Iterable[str] | None = None,
        timepoint: str | Iterable[str] | None = None,
        drug: str | Iterable[str] | None = None,
        route: str | Iterable[str] | None = None,
        comparator: str | Iterable[str] | None = None,
        trial: str | Iterable[str] | None = None,
    ) -> TrialData:
        """Return the same value with fewer outcome records, and the trials and arms they need.

        A selector left out means all. The tables of decisions and printed numbers stay whole.

        Parameters
        ----------
        outcome, timepoint
            One or several words of the glossary; timepoint ``""`` chooses outcomes without one.
        drug, route
            Choose treatment arms; the control arms compared with them stay.
        comparator
            Chooses control arms by what the review counts them as; the treatment arms compared
            with them stay.
        trial
            Identifiers or labels, ``"martin2019"`` or ``"Martin 2019"``.

        Returns
        -------
        TrialData
            The selection; this value is not changed.

        Raises
        ------
        UsageError
            If a value does not occur; the message lists those that do.
        """
        from bayes_nmda.data.selection import select_records

        records = select_records(
            self.outcomes,
            self.arms,
            self.trials,
            {
                "outcome": outcome,
                "timepoint": timepoint,
                "drug": drug,
                "route": route,
                "comparator": comparator,
                "trial": trial,
            },
        )
        used = pd.MultiIndex.from_frame(records[["trial", "arm"]])
        arms = self.arms[pd.MultiIndex.from_frame(self.arms[["trial", "arm"]]).isin(used)]
        trials = self.trials[self.trials["trial"].isin(records["trial"])]
        return replace(self, outcomes=records, arms=arms, trials=trials)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the folder that the tables came from, else those of the project."""
        return load_vocabulary(self.path)

    def _summary(self) -> list[tuple[str, str]]:
        outcomes = self.outcomes
        continuous = int((outcomes["kind"] == "continuous").sum())
        with_rows = outcomes["trial"].nunique()
        return [
            ("trials", f"{len(self.trials)}, {with_rows} of them with outcome records"),
            ("arms", f"{len(self.arms)}"),
            (
                "outcome records",
                f"{len(outcomes)}: {continuous} continuous, {len(outcomes) - continuous} binary",
            ),
            ("outcomes", ", ".join(dict.fromkeys(outcomes["outcome"])) or "none"),
            ("decisions", f"{len(self.decisions)}"),
            ("published numbers", f"{len(self.published)}"),
        ]

    def __repr__(self) -> str:
        """Return what the tables hold, a line a table."""
        return "\n".join(["TrialData", *(f"  {name}: {text}" for name, text in self._summary())])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(text)}</td></tr>"
            for name, text in self._summary()
        )
        return f"<table><caption>TrialData</caption>{rows}</table>"


def given_as_effects(trials: TrialData, outcome: str) -> bool:
    """Tell whether an outcome has effects instead of arms.

    Raises
    ------
    DataError
        If it has both: which of them a model should take is not for a program to guess.
    """
    if trials.contrasts is None:
        return False
    effects = outcome in set(trials.contrasts["outcome"])
    if effects and outcome in set(trials.outcomes["outcome"]):
        raise DataError(
            f"contrasts.csv: found {outcome!r}, which outcomes.csv has too; allowed is one of the "
            "two: give one of them a name of its own"
        )
    return effects or trials.outcomes.empty


def load_trials(path: str | Path | None = None, *, validate: bool = True) -> TrialData:
    """Return the tables of a data folder, checked, with the rows that are set aside left out.

    Parameters
    ----------
    path
        Folder with the tables of ``data/datapackage.json``; the project's own by default.
    validate
        Structure and types are always checked. False skips the rules on values, on keys and on
        columns that belong together, and the import of pandera.

    Returns
    -------
    TrialData
        The tables; nothing is written.

    Raises
    ------
    DataError
        If a table breaks a rule; the first twenty problems are listed, all are counted.
    UsageError
        If ``path`` is not a folder.
    """
    folder = paths.data() if path is None else Path(path)
    if not folder.is_dir():
        message = f"path: found {str(folder)!r}; allowed: a folder with the tables of data/"
        raise UsageError(message)
    tables = [table for table in read_package().tables if table.name not in _BUILDER_ONLY]
    frames: dict[str, pd.DataFrame] = {}
    problems: list[Problem] = []
    for table in tables:
        sheet = read_sheet(folder / table.path, table.columns, name=table.path)
        frames[table.name], bad_cells = typed_frame(table, sheet)
        problems += [*sheet.problems, *bad_cells]
    if validate:
        from bayes_nmda.data.schemas import validation_problems

        known = {(problem.file, problem.row, problem.column) for problem in problems}
        problems += [
            problem
            for problem in validation_problems(tables, frames)
            if (problem.file, problem.row, problem.column) not in known
        ]
    raise_for(problems)
    for name in ("outcomes", "contrasts"):
        if name in frames:
            frames[name] = apply_decisions(frames[name], frames["decisions"], table=name)
    return TrialData(**frames, path=folder, digests=table_digests(folder))
