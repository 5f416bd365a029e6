"""A plain table of somebody's own → a `Source`: CSV, XLSX or Parquet, in the shapes of other tools.

Which shape a table has, its columns say: two arms a row (2×2 counts, or means), an effect a row, or
an arm a row; by the names that metafor, meta, netmeta, multinma and gemtc use, and our own.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from bayes_nmda.errors import DataError, UsageError
from bayes_nmda.importing.container import LONGEST_CELL, MOST_ROWS, table_of
from bayes_nmda.importing.rows import (
    Arm,
    Contrast,
    Row,
    Settings,
    Source,
    clean,
    number,
    words_of,
)

#: Names of one column in other tools, in small letters without dots, spaces and low lines.
_ALIASES: Final = {
    "study": ("study", "studlab", "studyid", "studyc", "trial", "author", "slab", "studyname"),
    "year": ("year", "studyyear", "pubyear"),
    "treatment": ("treatment", "trt", "trtc", "treat", "arm", "t"),
    "treatment_1": ("treat1", "treatment1", "t1"),
    "treatment_2": ("treat2", "treatment2", "t2"),
    "outcome": ("outcome",),
    "timepoint": ("timepoint", "time"),
    "subgroup": ("subgroup",),
    "note": ("note", "footnotes"),
    "events": ("events", "event", "r", "responders"),
    "n": ("n", "samplesize", "total"),
    "mean": ("mean",),
    "sd": ("sd", "stddev"),
    "se": ("se", "stderr"),
    "y": ("y", "diff"),
    "events_t": ("eventst", "ai", "evente", "tpos", "event1", "eventstreatment"),
    "none_t": ("bi", "tneg"),
    "n_t": ("nt", "n1i", "ne", "n1"),
    "events_c": ("eventsc", "ci", "eventc", "cpos", "event2", "eventscontrol"),
    "none_c": ("di", "cneg"),
    "n_c": ("nc", "n2i", "n2"),
    "mean_t": ("meant", "m1i", "meane", "mean1"),
    "sd_t": ("sdt", "sd1i", "sde", "sd1"),
    "mean_c": ("meanc", "m2i", "mean2"),
    "sd_c": ("sdc", "sd2i", "sd2"),
    "yi": ("yi", "te"),
    "sei": ("sei", "sete"),
    "vi": ("vi",),
}  # fmt: skip
_OURS: Final = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}
#: What an effect a row may be, and how a review would call it.
OF_EFFECTS: Final = {"MD": "given", "SMD": "given", "RD": "given", "log_or": "given ratio",
                     "log_rr": "given ratio"}  # fmt: skip


def read_table(content: bytes, name: str, *, outcome: str, measure: str, control: str) -> Source:
    """Return the trials of a table.

    Parameters
    ----------
    content, name
        Bytes and name of a CSV, XLSX or Parquet file.
    outcome
        What was measured, where no column says it.
    measure
        What effects a row are, one of `OF_EFFECTS`.
    control
        Name of the control arm in rows by arm; by default placebo, control, or the commonest.

    Raises
    ------
    DataError
        If the file is no table, or a cell is no number.
    UsageError
        If its columns are of no known shape.
    """
    short = PurePosixPath(name).name
    table = _cells(content, short)
    columns = {key: _named(key) for row in table[:1] for key in row}
    known = [word for word in columns.values() if word]
    twice = sorted(word for word, times in Counter(known).items() if times > 1)
    if twice:
        found = [key for key, word in columns.items() if word == twice[0]]
        raise UsageError(f"{short}: found {' and '.join(found)}, which mean the same; keep one")
    rows = [
        (place, {columns[key]: str(cell).strip() for key, cell in cells.items() if columns[key]})
        for place, cells in enumerate(table, start=2)
        if any(str(cell).strip() for cell in cells.values())
    ]
    if not rows:
        raise DataError(f"{short}: found no row; allowed are a header and rows")
    if "study" not in known:
        raise UsageError(
            f"{short}: found the columns {', '.join(columns)}; none names the trial: allowed are "
            f"{', '.join(_ALIASES['study'])}"
        )
    shape = _shape(set(known), short, columns)
    made = (
        _by_arm(rows, short, shape, outcome, control)
        if shape.startswith("arm")
        else [_two_sided(cells, place, short, shape, outcome) for place, cells in rows]
    )
    return _numbered(made, short, shape, measure)


def _named(column: str) -> str:
    word = column.strip().lower()
    for sign in "._ -":
        word = word.replace(sign, "")
    return _OURS.get(word, "")


def _shape(known: set[str], short: str, columns: Iterable[str]) -> str:
    if {"events_t", "events_c"} <= known and (
        {"n_t", "n_c"} <= known or {"none_t", "none_c"} <= known
    ):
        return "counts"
    if {"mean_t", "sd_t", "n_t", "mean_c", "sd_c", "n_c"} <= known:
        return "means"
    if "yi" in known and known & {"sei", "vi"}:
        return "effects"
    if {"treatment", "events", "n"} <= known:
        return "arm counts"
    if {"treatment", "mean", "n"} <= known and known & {"sd", "se"}:
        return "arm means"
    if {"treatment", "y", "se"} <= known:
        return "arm effects"
    raise UsageError(
        f"{short}: found the columns {', '.join(columns)}; allowed are two arms a row (study and "
        "events_t, n_t, events_c, n_c, or mean_t, sd_t, n_t, mean_c, sd_c, n_c), an effect a row "
        "(study, yi, and sei or vi), or an arm a row (study, treatment, and events, n, or mean, "
        "sd, n); also by the names of metafor, meta, netmeta, multinma and gemtc"
    )


def _two_sided(cells: Mapping[str, str], place: int, short: str, shape: str, outcome: str) -> Row:
    where = f"{short}, row {place}"

    def get(name: str) -> float | None:
        return number(cells.get(name, ""), f"{where}, {name}")

    def total(side: str) -> float | None:
        n, events, none = get(f"n_{side}"), get(f"events_{side}"), get(f"none_{side}")
        return n if n is not None or events is None or none is None else events + none

    first, second = cells.get("treatment_1", ""), cells.get("treatment_2", "")
    arms = [
        Arm(get(f"mean_{s}"), get(f"sd_{s}"), get(f"events_{s}"), total(s), clean(label, where))
        for s, label in (("t", first), ("c", second))
    ]
    given = None
    if shape == "effects":
        value, se, variance = get("yi"), get("sei"), get("vi")
        if se is None and variance is not None and variance > 0:
            se = math.sqrt(variance)
        given = Contrast(value, se) if value is not None and se else None
    return _row(cells, place, short, outcome, arms[0], arms[1], given)


def _row(
    cells: Mapping[str, str],
    place: int,
    short: str,
    outcome: str,
    treatment: Arm,
    control: Arm,
    given: Contrast | None = None,
    beside: int = 0,
) -> Row:
    where = f"{short}, row {place}"
    study = clean(cells.get("study", ""), where)
    if not study:
        raise DataError(f"{where}: found no name of the trial; every row has one")
    year = cells.get("year", "").removesuffix(".0")
    if year and not study.endswith(year):
        study = f"{study} {year}"
    return Row(
        short, place, "", clean(cells.get("outcome", ""), where) or outcome,
        clean(cells.get("subgroup", ""), where), study, year if year.isdigit() else "", treatment,
        control, given, note=clean(cells.get("note", ""), where),
        timepoint=clean(cells.get("timepoint", ""), where), beside=beside,
    )  # fmt: skip


def _by_arm(
    rows: list[tuple[int, dict[str, str]]], short: str, shape: str, outcome: str, control: str
) -> list[Row]:
    """Return a row a comparison: each arm with the control arm of its trial and occasion."""
    trials: dict[tuple[str, ...], list[tuple[int, dict[str, str]]]] = {}
    for place, cells in rows:
        key = tuple(cells.get(name, "") for name in ("study", "outcome", "timepoint", "subgroup"))
        trials.setdefault(key, []).append((place, cells))
    reference = _reference([cells["treatment"] for _, cells in rows], control, short)
    found = []
    for arms in trials.values():
        first = next((a for a in arms if a[1]["treatment"] == reference), arms[0])
        if shape == "arm effects":
            first = next((a for a in arms if not a[1]["y"] or a[1]["y"].upper() == "NA"), first)
        if len(arms) == 1:  # nothing to compare it with: told later, with the reason
            found.append(_row(arms[0][1], arms[0][0], short, outcome,
                              _arm(*arms[0], short, shape), Arm()))  # fmt: skip
        for place, cells in arms:
            if place == first[0]:
                continue
            given = None
            if shape == "arm effects":
                value = number(cells["y"], f"{short}, row {place}, y")
                se = number(cells["se"], f"{short}, row {place}, se")
                given = Contrast(value, se) if value is not None and se else None
            found.append(
                _row(cells, place, short, outcome, _arm(place, cells, short, shape),
                     _arm(*first, short, shape), given, beside=first[0])
            )  # fmt: skip
    return found


def _reference(names: list[str], control: str, short: str) -> str:
    if control:
        if control not in names:
            raise UsageError(
                f"--control: found {control!r}; {short} has {', '.join(dict.fromkeys(names))}"
            )
        return control
    known = words_of("arms")["controls"]
    usual = [name for word in known for name in names if name.lower() == word]
    return usual[0] if usual else Counter(names).most_common(1)[0][0]


def _arm(place: int, cells: Mapping[str, str], short: str, shape: str) -> Arm:
    where = f"{short}, row {place}"

    def get(name: str) -> float | None:
        return number(cells.get(name, ""), f"{where}, {name}")

    n, sd, se = get("n"), get("sd"), get("se")
    if shape == "arm means" and sd is None and se is not None and n is not None:
        sd = se * math.sqrt(n)
    name = clean(cells["treatment"], where)
    if not name:
        raise DataError(f"{where}: found an arm without a name; allowed is what it received")
    return Arm(get("mean"), sd, get("events"), n, name)


def _numbered(rows: list[Row], short: str, shape: str, measure: str) -> Source:
    """Give comparisons and outcomes numbers, as a review has them."""
    from dataclasses import replace

    if shape.endswith("effects") and measure not in OF_EFFECTS:
        raise UsageError(
            f"--measure: found {measure or 'none'!r}; {short} has an effect a row: say what it is, "
            f"{', '.join(OF_EFFECTS)}"
        )
    pairs = list(dict.fromkeys((row.treatment.name, row.control.name) for row in rows))
    outcomes = list(dict.fromkeys(row.name for row in rows))
    numbered, settings = [], {}
    for row in rows:
        pair = (row.treatment.name, row.control.name)
        analysis = f"{pairs.index(pair) + 1}.{outcomes.index(row.name) + 1}"
        numbered.append(replace(row, analysis=analysis))
        settings[analysis] = Settings(
            measure=OF_EFFECTS.get(measure, "") if shape.endswith("effects") else "",
            treatment=pair[0],
            control=pair[1],
            log=measure in ("log_or", "log_rr"),
        )
    return Source("", "", "table", tuple(numbered), settings)


def _cells(content: bytes, short: str) -> list[dict[str, str]]:
    suffix = PurePosixPath(short).suffix.lower()
    if suffix == ".csv":
        return table_of(content, short)
    if suffix == ".xlsx":
        return _workbook(content, short)
    if suffix == ".parquet":
        return _parquet(content, short)
    raise UsageError(f"import table: found {short!r}; allowed are .csv, .xlsx and .parquet")


def _workbook(content: bytes, short: str) -> list[dict[str, str]]:
    """Return the first sheet of a workbook; a formula is refused, since only a program knows it."""
    import zipfile

    from bayes_nmda.importing.container import check_archive

    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise UsageError(
            "import table: reading XLSX needs openpyxl; install bayes_nmda[tables], or save as CSV"
        ) from error
    check_archive(content, short)
    try:
        sheet = load_workbook(io.BytesIO(content), read_only=True).worksheets[0]
        rows = list(sheet.iter_rows(values_only=True, max_row=MOST_ROWS + 1))
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, IndexError) as error:
        raise DataError(f"{short}: this is no XLSX workbook: {error}") from error
    if not rows:
        raise DataError(f"{short}: found an empty sheet; allowed are a header and rows")
    header = [_text(cell, short, 1) for cell in rows[0]]
    named = [i for i, text in enumerate(header) if text]
    return [
        {header[i]: _text(cells[i], short, place) for i in named if i < len(cells)}
        for place, cells in enumerate(rows[1:], start=2)
    ]


def _parquet(content: bytes, short: str) -> list[dict[str, str]]:
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise UsageError(
            "import table: reading Parquet needs pyarrow; install bayes_nmda[tables], or save as "
            "CSV"
        ) from error
    try:
        file = ParquetFile(pa.BufferReader(content))
        if file.metadata.num_rows > MOST_ROWS:
            raise DataError(f"{short}: found {file.metadata.num_rows:,} rows; allowed are "
                            f"{MOST_ROWS:,}")  # fmt: skip
        found = file.read().to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{short}: this is no Parquet table: {error}") from error
    return [
        {str(key): _text(value, short, place) for key, value in row.items()}
        for place, row in enumerate(found, start=2)
    ]


def _text(cell: Any, short: str, place: int) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return repr(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    text = str(cell)
    if text.startswith("="):
        raise DataError(
            f"{short}, row {place}: found the formula {text[:40]!r}; allowed are numbers and "
            "words: save the values alone"
        )
    if len(text) > LONGEST_CELL:
        raise DataError(f"{short}, row {place}: found a cell of {len(text):,} characters")
    return text
