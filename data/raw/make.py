"""The review's data export and the tables around it → the tables of ``data/``.

``python data/raw/make.py DATA OUT`` reads ``DATA/raw/`` and ``DATA/arm_links.csv``, and writes into
the folder OUT; ``python -m bayes_nmda.data.raw`` calls it, checks what comes out and puts it in
place.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bayes_nmda.data.descriptor import read_package
from bayes_nmda.data.reading import Row, csv_text
from bayes_nmda.errors import DataError
from cochrane.bibliography import abstract_rows, arm_rows, trial_rows
from cochrane.export import read_export, read_links, read_raw
from cochrane.printed import RESULTS, analysis_rows, published_rows
from cochrane.records import outcome_rows


def tables(folder: Path) -> dict[str, list[Row]]:
    """Return the rows of every table that the raw files make, by name.

    Raises
    ------
    DataError
        If the raw files contradict each other.
    """
    export, links = read_export(folder), read_links(folder)
    trials = trial_rows(read_raw(folder, "trials.csv"), export)
    arms = arm_rows(read_raw(folder, "arms.csv"), links, export)
    analyses = analysis_rows(read_raw(folder, "analyses.csv"), read_raw(folder, "comparisons.csv"))
    return {
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


def main(folder: str, out: str) -> int:
    """Write the tables; return the exit code: 0 done, 10 a `DataError`."""
    try:
        made = tables(Path(folder))
    except DataError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for table in read_package().tables:
        if table.name in made:
            text = csv_text(table.columns, made[table.name])
            (Path(out) / table.path).write_bytes(text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
