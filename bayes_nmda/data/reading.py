"""CSV files as text: read strictly, every structural fault named with its row.

Needs only the standard library. Cells stay strings here; `typed_frame` in ``frames.py`` gives
them types. `table_digests` tells whether tables have changed without reading them.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bayes_nmda import paths
from bayes_nmda.data.problems import Problem
from bayes_nmda.errors import DataError
from bayes_nmda.files import content_of, hidden

type Row = dict[str, str]


def table_digests(path: str | Path | None = None) -> dict[str, str]:
    """Return the SHA-256 of every table of a data folder and of its vocabulary, by file name.

    Imports neither pandas nor pandera.

    Parameters
    ----------
    path
        Data folder; the project's own by default.

    Returns
    -------
    dict
        File name, such as ``"arms.csv"``, to 64 hexadecimal digits.
    """
    folder = paths.data() if path is None else Path(path)
    return {
        file.name: hashlib.sha256(content_of(file, DataError)).hexdigest()
        for file in sorted([*folder.glob("*.csv"), *folder.glob("vocabulary.toml")])
    }


def _text(file: Path, name: str) -> tuple[str, list[Problem]]:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return "", [Problem(name, 0, "", "no file", "a CSV file", f"put {name} into its folder")]
    except OSError as error:
        found = f"what cannot be read ({error.strerror})"
        advice = "put the file back, or mend its permissions"
        return "", [Problem(name, 0, "", found, "a CSV file that you may read", advice)]
    if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        found, advice = "UTF-16 text", "save the file as CSV in UTF-8"
        return "", [Problem(name, 0, "", found, "UTF-8 text", advice)]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        found = f"byte 0x{content[error.start]:02x} that is not UTF-8"
        return "", [Problem(name, row, "", found, "UTF-8 text", "save the file as UTF-8")]
    if unseen := hidden(text):
        row = text.count("\n", 0, unseen[0]) + 1
        return "", [
            Problem(name, row, "", unseen[1], "letters, signs and spaces that show", "delete it")
        ]
    if not text.strip():
        return "", [Problem(name, 0, "", "an empty file", "a header and rows", "restore the file")]
    return text.removeprefix("\ufeff"), []


def _separator_problem(header: Sequence[str], name: str) -> list[Problem]:
    """Name the cause where a spreadsheet has parted the cells by something else than commas."""
    for sign, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and sign in header[0]:
            found = f"cells parted by {word}"
            advice = (
                "save the file with commas between cells and a decimal point in numbers; "
                "spreadsheets in a language with a decimal comma save semicolons"
            )
            return [Problem(name, 1, "", found, "cells parted by commas", advice)]
    return []


def _column_problems(
    header: Sequence[str], columns: Sequence[str], name: str, *, extra: bool
) -> list[Problem]:
    problems = []
    for column in columns:
        if column not in header:
            advice = f"add the column {column}"
            problems.append(Problem(name, 1, column, "no such column", "the column", advice))
    for column in dict.fromkeys(header):
        if column not in columns and not extra:
            allowed = ", ".join(columns)
            problems.append(Problem(name, 1, column, "an unknown column", allowed, "remove it"))
        if header.count(column) > 1:
            problems.append(Problem(name, 1, column, "a column twice", "it once", "remove one"))
    return problems


@dataclass(frozen=True, slots=True)
class Sheet:
    """A CSV file as text: its header, its rows, and what is wrong with its structure.

    Row ``i`` of ``rows`` is row ``i + 2`` of the file.
    """

    header: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    problems: tuple[Problem, ...] = ()


def read_sheet(
    file: Path, columns: Sequence[str] = (), *, name: str = "", extra: bool = False
) -> Sheet:
    """Return a CSV file as text with everything that is wrong with its structure.

    With ``columns`` the header must have these names, in any order, and with ``extra`` it may
    have others. ``name`` is what messages call the file.
    """
    name = name or file.name
    text, problems = _text(file, name)
    if problems:
        return Sheet(problems=tuple(problems))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    rows: list[Row] = []
    try:
        header = next(reader)
        if columns and (parted := _separator_problem(header, name)):
            return Sheet(problems=tuple(parted))
        if columns:
            problems += _column_problems(header, columns, name, extra=extra)
        for number, cells in enumerate(reader, start=2):
            if not cells:
                allowed, advice = "a row of cells", "delete the line"
                problems.append(Problem(name, number, "", "an empty line", allowed, advice))
            elif len(cells) != len(header):
                allowed = f"{len(header)} cells, as in the header"
                advice = "quote cells that contain commas"
                problems.append(Problem(name, number, "", f"{len(cells)} cells", allowed, advice))
            padded = cells + [""] * (len(header) - len(cells))
            rows.append(dict(zip(header, padded, strict=False)))
    except csv.Error as error:
        found = f"text that is not CSV ({error})"
        allowed = "comma-separated cells with paired quotes"
        advice = "mend the quotes of this row"
        problems.append(Problem(name, reader.line_num, "", found, allowed, advice))
    return Sheet(tuple(header), tuple(rows), tuple(problems))


def csv_text(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Return rows as the text of a CSV file: UTF-8, Unix line ends, quotes where needed."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
