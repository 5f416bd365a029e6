"""The data package of a Cochrane review → a `Source`.

Read are the data rows, the settings and overall estimates, the subgroup estimates, the study
information and the risk of bias, whichever are there. Data rows alone, as collections of reviews
keep them, are enough: what the other files say is then left to the mapping.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from bayes_nmda.errors import DataError
from bayes_nmda.importing.container import named, table_of
from bayes_nmda.importing.printed import printed_of
from bayes_nmda.importing.rows import (
    Arm,
    Contrast,
    Pooled,
    Printed,
    Row,
    Settings,
    Source,
    clean,
    number,
)

_NEEDED: Final = ("Analysis group", "Analysis number", "Study")
#: How packages call effect measures, in small letters.
MEASURES: Final = {
    "risk ratio": "RR", "rr": "RR", "odds ratio": "OR", "or": "OR", "risk difference": "RD",
    "rd": "RD", "peto odds ratio": "Peto OR", "peto_or": "Peto OR", "mean difference": "MD",
    "md": "MD", "std. mean difference": "SMD", "standardised mean difference": "SMD",
    "standardized mean difference": "SMD", "smd": "SMD",
}  # fmt: skip
METHODS: Final = {
    "mantel-haenszel": "MH", "mh": "MH", "inverse variance": "IV", "iv": "IV", "peto": "Peto",
    "exp[(o-e) / var]": "Peto", "exp_o_e_var": "Peto",
}  # fmt: skip
JUDGEMENTS: Final = {
    "low risk": "low", "low risk of bias": "low", "low": "low", "some concerns": "some_concerns",
    "unclear risk": "some_concerns", "high risk": "high", "high risk of bias": "high",
    "high": "high",
}  # fmt: skip
_DOI: Final = re.compile(r"(10\.1002/14651858\.)?(CD\d{6})([._]pub(\d+))?", re.IGNORECASE)


def is_data_rows(header: Mapping[str, str]) -> bool:
    """Tell whether a table has the columns of data rows."""
    return set(_NEEDED) <= set(header)


def read_cochrane(files: Mapping[str, bytes]) -> Source | None:
    """Return the review in a data package, None where there are no data rows.

    Raises
    ------
    DataError
        If a table cannot be read, or a cell is no number.
    """
    name = named(files, "data-rows.csv") or _only_rows(files)
    if not name:
        return None
    short = PurePosixPath(name).name
    table = [_spaced(row) for row in table_of(files[name], short)]
    if not table or not any(map(is_data_rows, table)):
        raise DataError(
            f"{short}: found no columns {', '.join(_NEEDED)}; allowed are the data rows of a "
            "Cochrane data package"
        )
    settings = _settings(files)
    bias = _judgements(files)
    rows = tuple(
        _row(cells, short, place, bias)
        for place, cells in enumerate(table, start=2)
        if any(cell.strip() for cell in cells.values())
    )
    if not rows:
        raise DataError(f"{short}: found no row; allowed are the data rows of a review")
    doi = _doi(name, table)
    return Source(
        title="", doi=doi, kind="cochrane", rows=rows, settings=settings,
        pooled=tuple(_pooled(files)), studies=_studies(files),
    )  # fmt: skip


def _spaced(cells: Mapping[str, str]) -> dict[str, str]:
    """Return a row with the names of the package, where R has put points between their words."""
    if "Analysis.group" not in cells:
        return dict(cells)
    return {"O-E" if key == "O.E" else key.replace(".", " "): text for key, text in cells.items()}


def _only_rows(files: Mapping[str, bytes]) -> str:
    """Return the one CSV file whose columns are those of data rows, whatever its name."""
    found = []
    for name, content in files.items():
        head = content[:4000].replace(b".", b" ")
        if name.lower().endswith(".csv") and b"Analysis group" in head:
            table = [_spaced(row) for row in table_of(content, PurePosixPath(name).name)[:1]]
            if table and is_data_rows(table[0]) and "Study" in table[0]:
                found.append(name)
    if len(found) > 1:
        raise DataError(f"import: found {', '.join(found[:4])}; allowed is one review at a time")
    return found[0] if found else ""


def _doi(name: str, table: list[dict[str, str]]) -> str:
    told = next((row["review_doi"] for row in table if row.get("review_doi")), "")
    found = _DOI.search(told or name)
    if not found:
        return ""
    version = f".pub{found[4]}" if found[4] else ""
    return f"10.1002/14651858.{found[2].upper()}{version}"


def _row(
    cells: Mapping[str, str], file: str, place: int, bias: Mapping[str, Mapping[str, str]]
) -> Row:
    where = f"{file}, row {place}"

    def get(column: str) -> float | None:
        return number(cells.get(column, ""), f"{where}, {column}")

    def side(name: str) -> Arm:
        mean, sd = get(f"{name} mean"), get(f"{name} SD")
        unused = not sd and not mean  # both are 0 or blank where they belong to another kind
        return Arm(None if unused else mean, None if unused else sd, get(f"{name} cases"),
                   get(f"{name} N"))  # fmt: skip

    treatment, control = _one_kind(side("Experimental"), side("Control"))
    mean, se = get("GIV Mean"), get("GIV SE")
    observed, variance = get("O-E"), get("Variance")
    # packages write the SE of what they computed from arms with a mean of 0: that is no effect
    given = Contrast(mean, se) if mean is not None and se and (mean or not treatment.n) else None
    less = (observed, variance) if observed is not None and variance and observed else None
    texts = (cells.get("Mean", ""), cells.get("CI start", ""), cells.get("CI end", ""))
    study = clean(cells["Study"], where)
    if not study:
        raise DataError(f"{where}, Study: found no name; every row is of a trial")
    analysis = [_counting(cells[name], f"{where}, {name}") for name in _NEEDED[:2]]
    return Row(
        file=file,
        row=place,
        analysis=".".join(analysis),
        name=clean(cells.get("Analysis name", ""), where),
        subgroup=clean(cells.get("Subgroup", ""), where),
        study=study,
        year=_year(cells.get("Study year", "")),
        treatment=treatment,
        control=control,
        given=given,
        observed=less,
        printed=printed_of(texts, (get("Mean"), get("CI start"), get("CI end"))),
        judgements={**bias.get(study, {}), **_own_judgements(cells)},
        note=cells.get("Footnotes", "").strip()[:1000],
    )


def _one_kind(t: Arm, c: Arm) -> tuple[Arm, Arm]:
    """Return the arms without the zeros that stand for the kind of data that they are not."""
    if t.sd or c.sd:
        mean_t, mean_c = t.mean or 0.0, c.mean or 0.0  # a mean of 0 beside an SD is a mean
        return (
            Arm(mean_t, t.sd, None if not t.events else t.events, t.n),
            Arm(mean_c, c.sd, None if not c.events else c.events, c.n),
        )
    return Arm(None, None, t.events, t.n), Arm(None, None, c.events, c.n)


def _counting(text: str, where: str) -> str:
    """Return the number of a comparison or an analysis, which counts from 1."""
    digits = text.strip().removesuffix(".0")
    if not digits.isascii() or not digits.isdigit() or not int(digits[:9]) >= 1 or len(digits) > 9:
        raise DataError(f"{where}: found {text[:40]!r}; allowed is a whole number from 1 upwards")
    return str(int(digits))


def _year(text: str) -> str:
    digits = text.strip().removesuffix(".0")
    return digits if digits.isdigit() and 1900 <= int(digits) <= 2100 else ""


def _own_judgements(cells: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for column, text in cells.items():
        if column.endswith("(judgement)") and text.strip():
            found[column.removesuffix("(judgement)").strip().lower()] = _judged(text)
    return found


def _judged(text: str) -> str:
    return JUDGEMENTS.get(text.strip().lower(), "")


def _judgements(files: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    """Return the judgements of each trial, from the table of risk of bias."""
    name = named(files, "risk-of-bias.csv")
    found: dict[str, dict[str, str]] = {}
    if not name:
        return found
    for place, cells in enumerate(table_of(files[name], PurePosixPath(name).name), start=2):
        study = clean(cells.get("Study", ""), f"{PurePosixPath(name).name}, row {place}")
        for column, text in cells.items():
            if "judgement" in column.lower() and text.strip() and study:
                domain = re.sub(r"\(?judgement\)?:?", "", column, flags=re.IGNORECASE)
                found.setdefault(study, {})[domain.strip().lower()] = _judged(text)
    return found


def _settings(files: Mapping[str, bytes]) -> dict[str, Settings]:
    name = named(files, "overall-estimates-and-settings.csv")
    found: dict[str, Settings] = {}
    if not name:
        return found
    short = PurePosixPath(name).name
    for place, cells in enumerate(table_of(files[name], short), start=2):
        if not cells:
            continue
        where = f"{short}, row {place}"

        def told(column: str, where: str = where, cells: Mapping[str, str] = cells) -> str:
            text = clean(cells.get(column, ""), f"{where}, {column}")
            return "" if text.lower() in ("#n/a", "n/a") else text

        measure = told("Effect measure").lower()
        log = told("Log-scale data").lower() == "true"
        data = told("Data type").lower()
        known = MEASURES.get(measure, "")
        if "contrast" in data:
            known = "given ratio" if log else "given"
        elif "o-e" in data:
            known = "observed"
        model = told("Analysis model").lower()
        found[f"{told('Analysis group')}.{told('Analysis number')}"] = Settings(
            measure=known,
            method=METHODS.get(told("Statistical method").lower(), ""),
            random=None if not model else "random" in model,
            log=log,
            level=_level(told("Study CI"), where),
            pooled_level=_level(told("Estimate CI"), where),
            treatment=told("Experimental intervention") or told("Experimental group label"),
            control=told("Control intervention") or told("Control group label"),
            swapped=told("Swap event and non-event").lower() in ("true", "yes"),
            comparison=told("Analysis group name"),
            unit=told("Unit of effect measure"),
        )
    return found


def _level(text: str, where: str) -> float:
    value = number(text.replace("%", ""), where)
    return 0.95 if value is None else value / 100 if value > 1 else value


def _pooled(files: Mapping[str, bytes]) -> list[Pooled]:
    found = []
    for ending in ("overall-estimates-and-settings.csv", "subgroup-estimates.csv"):
        name = named(files, ending)
        if not name:
            continue
        short = PurePosixPath(name).name
        for place, cells in enumerate(table_of(files[name], short), start=2):
            if not cells:
                continue
            where = f"{short}, row {place}"
            texts = (cells.get("Mean", ""), cells.get("CI start", ""), cells.get("CI end", ""))
            numbers = tuple(number(text, where) for text in texts)
            printed: Printed | None = printed_of(texts, numbers)
            if printed is not None:
                group, own = cells["Analysis group"].strip(), cells["Analysis number"].strip()
                found.append(
                    Pooled(f"{group}.{own}", clean(cells.get("Subgroup", ""), where), printed)
                )
    return found


def _studies(files: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    """Return what is said of each trial: any column of the study information."""
    name = named(files, "study-information.csv")
    found: dict[str, dict[str, str]] = {}
    if not name:
        return found
    short = PurePosixPath(name).name
    for place, cells in enumerate(table_of(files[name], short), start=2):
        study = clean(cells.get("Study", cells.get("Study ID", "")), f"{short}, row {place}")
        if study:
            found[study] = {key: value.strip() for key, value in cells.items() if value.strip()}
    return found
