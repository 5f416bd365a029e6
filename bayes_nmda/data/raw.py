"""Raw files and what a project's own script makes of them: compared with the tables, or written.

``data/raw/`` holds files as retrieved, ``checksums.txt`` with their SHA-256, and ``make.py``, which
``python make.py DATA OUT`` asks to write the tables of DATA into the folder OUT; it ends with exit
code 10 and a message if it cannot. ``python -m bayes_nmda.data.raw`` rewrites ``data/*.csv`` and
the generated part of ``data/README.md``; with ``--check`` it only says whether they are what it
would write. Everything is built and validated in a folder of its own before a file of ``data/`` is
touched. Rows that ``raw/`` does not make were added by somebody: they are listed and nothing is
written.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bayes_nmda import paths
from bayes_nmda.data.descriptor import read_package
from bayes_nmda.data.dictionary import dictionary
from bayes_nmda.data.problems import Problem, raise_for
from bayes_nmda.data.reading import Row, csv_text, read_sheet
from bayes_nmda.errors import DataError

CHECKSUMS = "checksums.txt"
SCRIPT = "make.py"
README = "README.md"


def check_raw(folder: Path) -> None:
    """Compare the raw files with ``raw/checksums.txt``; scripts are no raw files.

    Raises
    ------
    DataError
        If a file is missing, unlisted, or not the one that was retrieved.
    """
    raw = folder / "raw"
    listed: dict[str, str] = {}
    try:
        lines = (raw / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        message = f"raw/{CHECKSUMS}: found no such file; to do: put it back"
        raise DataError(message) from None
    for line in lines:
        digest, _, name = line.partition("  ")
        listed[name] = digest
    present = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(raw.glob("*"))
        if file.is_file() and file.suffix != ".py" and file.name != CHECKSUMS
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
        If the raw files are not as retrieved, contradict each other, or their script fails.
    """
    folder = paths.data() if folder is None else folder
    check_raw(folder)
    with tempfile.TemporaryDirectory() as scratch:
        _run(folder, Path(scratch))
        made = {file.name: file.read_text(encoding="utf-8") for file in Path(scratch).glob("*.csv")}
    known = [table.path for table in read_package().tables]
    odd = sorted(set(made) - set(known))
    if odd:
        raise DataError(f"raw/{SCRIPT}: made {', '.join(odd)}; allowed are {', '.join(known)}")
    readme = folder / README
    page = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    files = {name: made[name] for name in known if name in made}
    return {**files, README: dictionary(page, read_package())}


def _run(folder: Path, out: Path) -> None:
    """Let the project's script write its tables."""
    script = folder / "raw" / SCRIPT
    if not script.is_file():
        raise DataError(f"raw/{SCRIPT}: found no such file; to do: put the script back")
    done = subprocess.run(
        [sys.executable, str(script), str(folder), str(out)],
        env={**os.environ, paths.HOME_VARIABLE: str(paths.root()), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == DataError.exit_code:
        raise DataError(done.stderr.strip())
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataError(f"raw/{SCRIPT}: ended with exit code {done.returncode}: {last}")


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
        for file in folder.glob("*.csv"):  # those that are written by hand stay as they are
            if file.name not in files:
                shutil.copyfile(file, trial_run / file.name)
        for name, text in files.items():
            (trial_run / name).write_bytes(text.encode())
        load_trials(trial_run)
    changed = stale_files(folder, files)
    for name in changed:
        (folder / name).write_bytes(files[name].encode())
    return changed


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite or check the tables; return the exit code: 0 done, 10 a `DataError`."""
    parser = argparse.ArgumentParser(prog="python -m bayes_nmda.data.raw", description=__doc__)
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
                    "run python -m bayes_nmda.data.raw",
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
