"""A Cochrane data package and the tables around it → the tables of ``data/``.

``python -m bayes_nmda.data.cochrane`` rewrites ``data/*.csv`` and ``data/README.md`` from
``data/raw/``, ``data/arm_links.csv`` and ``data/datapackage.json``; with ``--check`` it only says
whether they are what it would write. ``decisions.csv`` and ``arm_links.csv`` are written by hand.
Everything is built and validated in a folder of its own before a file of ``data/`` is touched.
Rows that ``raw/`` does not make were added by somebody: they are listed and nothing is written.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bayes_nmda import paths
from bayes_nmda.data.bibliography import abstract_rows, arm_rows, trial_rows
from bayes_nmda.data.descriptor import read_package
from bayes_nmda.data.dictionary import dictionary
from bayes_nmda.data.export import read_export, read_links, read_raw
from bayes_nmda.data.printed import RESULTS, analysis_rows, published_rows
from bayes_nmda.data.problems import Problem, raise_for
from bayes_nmda.data.reading import Row, csv_text, read_sheet
from bayes_nmda.data.records import outcome_rows
from bayes_nmda.errors import DataError

CHECKSUMS = "checksums.txt"
README = "README.md"
_BY_HAND = ("decisions.csv", "arm_links.csv")


def check_raw(folder: Path) -> None:
    """Compare the raw files with ``raw/checksums.txt``.

    Raises
    ------
    DataError
        If a file is missing, unlisted, or not the one that was retrieved.
    """
    raw = folder / "raw"
    listed: dict[str, str] = {}
    for line in (raw / CHECKSUMS).read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        listed[name] = digest
    present = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(raw.glob("*"))
        if file.name != CHECKSUMS
    }
    raise_for(
        Problem(
            f"raw/{name}",
            0,
            "",
            f"SHA-256 {present.get(name, 'of no file')}",
            listed.get(name, f"no file that {CHECKSUMS} does not list"),
            "restore the file as it was retrieved",
        )
        for name in sorted(listed.keys() | present.keys())
        if listed.get(name) != present.get(name)
    )


def build_tables(folder: Path | None = None) -> dict[str, str]:
    """Return the text of every generated file of a data folder, by file name.

    Raises
    ------
    DataError
        If the raw files are not as retrieved or contradict each other.
    """
    folder = paths.data() if folder is None else folder
    check_raw(folder)
    export, links = read_export(folder), read_links(folder)
    trials = trial_rows(read_raw(folder, "trials.csv"), export)
    arms = arm_rows(read_raw(folder, "arms.csv"), links, export)
    analyses = analysis_rows(read_raw(folder, "analyses.csv"), read_raw(folder, "comparisons.csv"))
    rows: dict[str, list[Row]] = {
        "trials": trials,
        "arms": arms,
        "outcomes": outcome_rows(
            export,
            [row["trial"] for row in trials],
            [(row["trial"], row["arm"]) for row in arms],
        ),
        "published": published_rows(export, read_raw(folder, RESULTS), analyses),
        "analyses": analyses,
        "abstract_outcomes": abstract_rows(read_raw(folder, "abstract_outcomes.csv")),
    }
    package = read_package()
    files = {
        table.path: csv_text(table.columns, rows[table.name])
        for table in package.tables
        if table.name in rows
    }
    return {**files, README: dictionary(package)}


def stale_files(folder: Path, files: dict[str, str]) -> list[str]:
    """Return the names of generated files whose bytes differ from what would be written."""
    return [
        name
        for name, text in files.items()
        if not (folder / name).is_file() or (folder / name).read_bytes() != text.encode()
    ]


def added_rows(folder: Path, files: dict[str, str]) -> dict[str, list[tuple[int, Row]]]:
    """Return the rows of each table that ``raw/`` does not make, with their row numbers.

    A row is known by the primary key of its table.

    Raises
    ------
    DataError
        If a table that stands there cannot be read.
    """
    found: dict[str, list[tuple[int, Row]]] = {}
    for table in read_package().tables:
        file = folder / table.path
        if table.path not in files or not file.is_file():
            continue
        sheet = read_sheet(file, table.columns, name=table.path)
        raise_for(sheet.problems)
        made = {
            tuple(row[name] for name in table.primary_key)
            for row in csv.DictReader(io.StringIO(files[table.path]))
        }
        rows = [
            (number, row)
            for number, row in enumerate(sheet.rows, start=2)
            if tuple(row[name] for name in table.primary_key) not in made
        ]
        if rows:
            found[table.path] = rows
    return found


def differing_files(folder: Path, files: dict[str, str]) -> list[str]:
    """Return the names of generated files that differ in more than rows that somebody added."""
    stale = stale_files(folder, files)
    if not stale:
        return []
    added = added_rows(folder, files)
    columns = {table.path: table.columns for table in read_package().tables}
    return [
        name
        for name in stale
        if name not in added or _without(folder / name, added[name], columns[name]) != files[name]
    ]


def _without(file: Path, added: list[tuple[int, Row]], columns: Sequence[str]) -> str:
    """Return the text of a table without some of its rows."""
    numbers = {number for number, _ in added}
    rows = read_sheet(file, columns).rows
    return csv_text(columns, [row for i, row in enumerate(rows, start=2) if i not in numbers])


def _refuse_added(folder: Path, files: dict[str, str]) -> None:
    keys = {table.path: table.primary_key for table in read_package().tables}
    raise_for(
        Problem(
            name,
            number,
            keys[name][0],
            f"{'/'.join(row[part] for part in keys[name])}, a row that raw/ does not make",
            "only rows that raw/ makes, or else the row would be lost",
            "keep a copy and remove the row, or add what it says to raw/; then run this again",
        )
        for name, rows in added_rows(folder, files).items()
        for number, row in rows
    )


def write_tables(folder: Path, files: dict[str, str]) -> list[str]:
    """Write the files that changed, once all tables together are valid; return their names.

    Raises
    ------
    DataError
        If a table breaks a rule, or holds rows that somebody added; every such row is listed and
        no file is touched.
    """
    from bayes_nmda.data.tables import load_trials

    _refuse_added(folder, files)
    with tempfile.TemporaryDirectory() as scratch:
        trial_run = Path(scratch)
        for name in _BY_HAND:
            shutil.copyfile(folder / name, trial_run / name)
        for name, text in files.items():
            (trial_run / name).write_bytes(text.encode())
        load_trials(trial_run)
    changed = stale_files(folder, files)
    for name in changed:
        (folder / name).write_bytes(files[name].encode())
    return changed


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite or check the tables; return the exit code: 0 done, 10 a `DataError`."""
    parser = argparse.ArgumentParser(prog="python -m bayes_nmda.data.cochrane", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what would change")
    options = parser.parse_args(arguments)
    folder = paths.data()
    try:
        files = build_tables(folder)
        if options.check:
            raise_for(
                Problem(
                    name,
                    0,
                    "",
                    "another text than raw/ gives",
                    "the generated text",
                    "run python -m bayes_nmda.data.cochrane",
                )
                for name in stale_files(folder, files)
            )
        else:
            for name in write_tables(folder, files):
                print(f"wrote {folder / name}", file=sys.stderr)
    except DataError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
