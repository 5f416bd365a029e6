"""The committed tables, and copies of them that a test may spoil."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bayes_nmda import paths
from bayes_nmda.data import TrialData, load_trials

type Edit = Callable[[str, int, str, str], None]


@pytest.fixture(scope="session")
def committed() -> TrialData:
    """The project's own tables."""
    return load_trials()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of ``data/`` with its raw files."""
    target = tmp_path / "data"
    shutil.copytree(paths.data(), target)
    return target


@pytest.fixture
def edit(folder: Path) -> Edit:
    """Put a text into a cell of a table of the copy; rows count as in the file."""

    def change(table: str, row: int, column: str, text: str) -> None:
        file = folder / table
        with file.open(encoding="utf-8", newline="") as stream:
            lines = list(csv.reader(stream))
        lines[row - 1][lines[0].index(column)] = text
        with file.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows(lines)

    return change


@pytest.fixture
def row_of(folder: Path) -> Callable[[str, str], int]:
    """Find the row, counted as in the file, whose first cell is a given key."""

    def find(table: str, key: str) -> int:
        with (folder / table).open(encoding="utf-8", newline="") as stream:
            return next(i for i, cells in enumerate(csv.reader(stream), 1) if cells[0] == key)

    return find
