"""A Cochrane data package and the tables around it → the tables of ``data/``.

``python -m bayes_nmda.data.cochrane`` rewrites ``data/*.csv`` and ``data/README.md`` from
``data/raw/``, ``data/arm_links.csv`` and ``data/datapackage.json``; with ``--check`` it only says
whether they are what it would write. ``decisions.csv`` and ``arm_links.csv`` are written by hand.
Everything is built and validated in a folder of its own before a file of ``data/`` is touched.
"""

from __future__ import annotations

import argparse
import hashlib
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
from bayes_nmda.data.reading import Row, csv_text
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


def write_tables(folder: Path, files: dict[str, str]) -> list[str]:
    """Write the files that changed, once all tables together are valid; return their names.

    Raises
    ------
    DataError
        If a table breaks a rule; every bad row is listed and no file is touched.
    """
    from bayes_nmda.data.tables import load_trials

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
