"""Review Manager's own files → a `Source`: the XML of RevMan 5 (``.rm5``), and its CSV export."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final
from xml.etree import ElementTree

from bayes_nmda.errors import DataError
from bayes_nmda.importing.cochrane import MEASURES, METHODS
from bayes_nmda.importing.container import named, table_of, text_in
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

#: Kinds of outcomes in the XML, and what they are analysed from.
_OUTCOMES: Final = {"DICH": "counts", "CONT": "means", "IPD": "observed", "IV": "given"}
_CSV: Final = ("Comparison Number", "Outcome Number", "Subgroup Number")


def read_rm5(files: Mapping[str, bytes]) -> Source | None:
    """Return the review in a RevMan 5 file, None where there is no such file.

    Raises
    ------
    DataError
        If it is no XML of RevMan, declares entities, or a number is none.
    """
    name = named(files, ".rm5")
    if not name:
        return None
    short = PurePosixPath(name).name
    text = text_in(files[name], short)
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise DataError(
            f"{short}: found a DOCTYPE or an ENTITY; allowed is the XML that RevMan writes, which "
            "declares nothing"
        )
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise DataError(f"{short}: this is no XML: {error}; export the review again") from error
    if root.tag != "COCHRANE_REVIEW":
        raise DataError(f"{short}: found <{root.tag}>; allowed is <COCHRANE_REVIEW> of RevMan 5")
    studies = {
        str(study.get("ID")): (clean(study.get("NAME") or _said(study, "NAME"), short),
                               (study.get("YEAR") or "").strip())
        for study in root.iter("STUDY")
    }  # fmt: skip
    bias = _bias(root, {key: label for key, (label, _) in studies.items()})
    rows: list[Row] = []
    settings: dict[str, Settings] = {}
    pooled: list[Pooled] = []
    for comparison in root.iter("COMPARISON"):
        group = (comparison.get("NO") or "").strip()
        for outcome in comparison:  # in the order of the file
            prefix = outcome.tag.removesuffix("_OUTCOME")
            if prefix not in _OUTCOMES:
                continue
            analysis = f"{group}.{(outcome.get('NO') or '').strip()}"
            found = _settings(outcome, prefix, clean(_said(comparison, "NAME"), short), short)
            settings[analysis] = found
            pooled += _pooled(outcome, prefix, analysis, short)
            for subgroup, data in _data(outcome, prefix):
                label, year = studies.get(str(data.get("STUDY_ID")), ("", ""))
                rows.append(
                    _row(data, prefix, analysis, clean(_said(outcome, "NAME"), short),
                         clean(subgroup, short), label, year, short, len(rows) + 1, found, bias)
                )  # fmt: skip
    if not rows:
        raise DataError(f"{short}: found no row of an analysis; allowed is a review with data")
    title = clean(_said(root.find("COVER_SHEET"), "TITLE"), short)
    doi = (root.get("DOI") or "").strip()
    return Source(title, doi, "rm5", tuple(rows), settings, tuple(pooled))


def _said(node: ElementTree.Element | None, tag: str) -> str:
    found = None if node is None else node.find(tag)
    return "" if found is None else "".join(found.itertext())


def _data(outcome: ElementTree.Element, prefix: str) -> Iterator[tuple[str, ElementTree.Element]]:
    for data in outcome.findall(f"{prefix}_DATA"):
        yield "", data
    for subgroup in outcome.findall(f"{prefix}_SUBGROUP"):
        for data in subgroup.findall(f"{prefix}_DATA"):
            yield _said(subgroup, "NAME"), data


def _settings(outcome: ElementTree.Element, prefix: str, comparison: str, short: str) -> Settings:
    said = (outcome.get("EFFECT_MEASURE") or _said(outcome, "EFFECT_MEASURE")).strip().lower()
    log = (outcome.get("LOG_DATA") or "").upper() == "YES"
    measure = MEASURES.get(said, "")
    if prefix == "IV":
        measure = "given ratio" if log else "given"
    elif prefix == "IPD":
        measure = "observed"
    elif said == "peto_or" or (outcome.get("METHOD") or "").upper() == "PETO":
        measure = "Peto OR"
    random = (outcome.get("RANDOM") or "").upper()
    return Settings(
        measure=measure,
        method=METHODS.get((outcome.get("METHOD") or "").strip().lower(), ""),
        random=None if not random else random == "YES",
        log=log,
        level=_level(outcome.get("CI_STUDY"), short),
        pooled_level=_level(outcome.get("CI_TOTAL"), short),
        treatment=clean(_said(outcome, "GROUP_LABEL_1"), short),
        control=clean(_said(outcome, "GROUP_LABEL_2"), short),
        swapped=(outcome.get("SWAP_EVENTS") or "").upper() == "YES",
        comparison=comparison,
        unit=clean(outcome.get("UNITS") or "", short),
    )


def _level(text: str | None, short: str) -> float:
    value = number(text or "", short)
    return 0.95 if value is None else value / 100 if value > 1 else value


def _pooled(
    outcome: ElementTree.Element, prefix: str, analysis: str, short: str
) -> Iterator[Pooled]:
    places = [
        ("", outcome),
        *((_said(s, "NAME"), s) for s in outcome.findall(f"{prefix}_SUBGROUP")),
    ]
    for name, node in places:
        texts = tuple(node.get(key) or "" for key in ("EFFECT_SIZE", "CI_START", "CI_END"))
        shown = (node.get("ESTIMABLE") or "YES").upper() == "YES"
        totals = (outcome.get("TOTALS") or "YES").upper() == "YES" or name
        printed = printed_of(
            (texts[0], texts[1], texts[2]), tuple(number(text, short) for text in texts)
        )
        if printed is not None and shown and totals:
            yield Pooled(analysis, clean(name, short), printed)


def _row(
    data: ElementTree.Element,
    prefix: str,
    analysis: str,
    name: str,
    subgroup: str,
    study: str,
    year: str,
    file: str,
    place: int,
    settings: Settings,
    bias: Mapping[str, Mapping[str, str]],
) -> Row:
    where = f"{file}, row {place} (analysis {analysis}, {study or data.get('STUDY_ID')})"

    def get(key: str) -> float | None:
        return number(data.get(key) or "", f"{where}, {key}")

    if not study:
        raise DataError(f"{where}: found no study of that ID; allowed are those of the file")
    kind = _OUTCOMES[prefix]
    means, counts = kind == "means", kind in ("counts", "observed")
    arms = [
        Arm(
            get(f"MEAN_{i}") if means else None,
            get(f"SD_{i}") if means else None,
            get(f"EVENTS_{i}") if counts else None,
            get(f"TOTAL_{i}"),
        )
        for i in (1, 2)
    ]
    texts = tuple(data.get(key) or "" for key in ("EFFECT_SIZE", "CI_START", "CI_END"))
    estimable = (data.get("ESTIMABLE") or "YES").upper() == "YES"
    printed = printed_of(
        (texts[0], texts[1], texts[2]), tuple(number(text, where) for text in texts)
    )
    given = observed = None
    if kind == "given":
        value, se = get("ESTIMATE"), get("SE")
        if value is None and printed is not None and settings.log is not None:
            value = _log(printed.estimate) if settings.log else printed.estimate
        given = Contrast(value, se) if value is not None and se else None
    if kind == "observed":
        less, variance = get("O_E"), get("VAR")
        observed = (less, variance) if less is not None and variance else None
    return Row(
        file, place, analysis, name, subgroup, study,
        year if year.isdigit() else "", arms[0], arms[1], given, observed,
        printed if estimable else None, bias.get(study, {}),
    )  # fmt: skip


def _log(value: float) -> float | None:
    return math.log(value) if value > 0 else None


def _bias(root: ElementTree.Element, names: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for item in root.iter("QUALITY_ITEM"):
        domain = clean(_said(item, "NAME"), "risk of bias").lower()
        for entry in item.iter("QUALITY_ITEM_DATA_ENTRY"):
            study = names.get(str(entry.get("STUDY_ID")), "")
            words = {"YES": "low", "NO": "high", "UNKNOWN": "some_concerns"}
            if study:
                found.setdefault(study, {})[domain] = words.get(str(entry.get("RESULT")), "")
    return found


def read_revman_csv(files: Mapping[str, bytes]) -> Source | None:
    """Return the review in RevMan 5's export of its analyses, None where there is none.

    Raises
    ------
    DataError
        If a cell is no number.
    """
    found = [
        n
        for n, c in files.items()
        if n.lower().endswith(".csv") and b"Comparison Number" in c[:4000]
    ]
    if len(found) != 1:
        return None
    short = PurePosixPath(found[0]).name
    table = table_of(files[found[0]], short)
    if not table or not set(_CSV) <= set(table[0]):
        return None
    rows: list[Row] = []
    settings: dict[str, Settings] = {}
    pooled: list[Pooled] = []
    comparison = outcome = subgroup = ""
    at: tuple[str, str, str] = ("", "", "")
    for place, cells in enumerate(table, start=2):
        if not cells:
            continue
        where = f"{short}, row {place}"
        key = tuple((cells[name].strip() or "0") for name in _CSV)
        name = clean(cells.get("Name", ""), where)
        analysis = f"{key[0]}.{key[1]}"
        printed = _csv_printed(cells, where)
        if key[1] == "0":
            comparison = name
        elif key[:2] != at[:2]:
            outcome, subgroup = name, ""
            settings[analysis] = _csv_settings(cells, comparison, where)
            if printed is not None:
                pooled.append(Pooled(analysis, "", printed))
        elif key != at and key[2] != "0":
            subgroup = name
            if printed is not None:
                pooled.append(Pooled(analysis, name, printed))
        else:
            rows.append(_csv_row(cells, short, place, analysis, outcome, subgroup, name, printed))
        at = (key[0], key[1], key[2])
    if not rows:
        raise DataError(f"{short}: found no row of a trial; export data and analyses from RevMan")
    return Source("", "", "revman", tuple(rows), settings, tuple(pooled))


def _csv_printed(cells: Mapping[str, str], where: str) -> Printed | None:
    texts = tuple(cells.get(key, "") for key in ("Effect Estimate", "CI Start", "CI End"))
    return printed_of((texts[0], texts[1], texts[2]), tuple(number(text, where) for text in texts))


def _csv_settings(cells: Mapping[str, str], comparison: str, where: str) -> Settings:
    model = cells.get("Analysis Model", "").lower()
    return Settings(
        measure=MEASURES.get(cells.get("Effect Measure", "").strip().lower(), ""),
        method=METHODS.get(cells.get("Statistical Method", "").strip().lower(), ""),
        random=None if not model else "random" in model,
        treatment=clean(cells.get("Group Label 1", ""), where),
        control=clean(cells.get("Group Label 2", ""), where),
        swapped=cells.get("Swap event and non-event", "").strip().lower() in ("yes", "true"),
        comparison=comparison,
    )


def _csv_row(
    cells: Mapping[str, str],
    file: str,
    place: int,
    analysis: str,
    outcome: str,
    subgroup: str,
    study: str,
    printed: Printed | None,
) -> Row:
    where = f"{file}, row {place}"

    def get(*names: str) -> float | None:
        text = next((cells[name] for name in names if cells.get(name, "").strip()), "")
        return number(text, f"{where}, {names[0]}")

    arms = []
    for side in ("1", "2"):
        mean, sd = get(f"Mean {side}"), get(f"SD {side}")
        kept = (mean, sd) if sd else (None, None)
        arms.append(Arm(kept[0], kept[1], get(f"Events {side}"), get(f"Total {side}")))
    if arms[0].sd or arms[1].sd:
        arms = [Arm(a.mean or 0.0, a.sd, None, a.n) for a in arms]
    less, variance = get("O-E"), get("Variance")
    return Row(
        file, place, analysis, outcome, subgroup, study,
        cells.get("Year of study", cells.get("Year", "")).strip(), arms[0], arms[1], None,
        (less, variance) if less is not None and variance else None,
        printed,
    )  # fmt: skip
