"""The review's data export as values: one `ExportRow` a row of a Cochrane data package.

In go the export, the list of analyses and the hand-written links from comparisons to arms; out
come rows whose arms, analysis and risk of bias are named in our words. Numbers stay the text of
the export, so that nothing is rounded on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bayes_nmda.data.descriptor import read_package
from bayes_nmda.data.problems import Problem, quoted, raise_for
from bayes_nmda.data.reading import Row, read_sheet

EXPORT = "CD015373-data-rows.csv"
LINKS = "arm_links.csv"
_LINK_KEY = ("group", "study", "footnote")

_JUDGEMENTS = {
    "": "",
    "Low risk": "low",
    "Some concerns": "some_concerns",
    "High risk": "high",
}
_RANDOMISATION = "Bias arising from the randomization process (judgement)"
_OVERALL = "Overall bias (judgement)"
#: Columns of a Cochrane data package that are read here.
_COLUMNS = (
    *("Analysis group", "Analysis number", "Analysis name", "Subgroup", "Study", "Footnotes"),
    *(f"Experimental {name}" for name in ("mean", "SD", "cases", "N")),
    *(f"Control {name}" for name in ("mean", "SD", "cases", "N")),
    *("Mean", "CI start", "CI end", "Weight", _RANDOMISATION, _OVERALL),
)


@dataclass(frozen=True, slots=True)
class ArmNumbers:
    """What the export gives for one arm: mean and sd, or events; n always."""

    arm: str
    mean: str
    sd: str
    events: str
    n: str


@dataclass(frozen=True, slots=True)
class ExportRow:
    """A row of the export; ``row`` counts as in the file, its header being row 1."""

    row: int
    analysis: str
    main: Row
    trial: str
    link: Row
    subgroup_kind: str
    subgroup: str
    footnotes: tuple[str, ...]
    treatment: ArmNumbers
    control: ArmNumbers
    estimate: str
    ci_low: str
    ci_high: str
    weight: str
    rob_randomisation: str
    rob_overall: str


def read_raw(folder: Path, name: str) -> list[Row]:
    """Return the rows of a raw file as text.

    Raises
    ------
    DataError
        If the file is missing, empty, not UTF-8 or not CSV.
    """
    columns = _COLUMNS if name == EXPORT else ()
    sheet = read_sheet(folder / "raw" / name, columns, name=f"raw/{name}", extra=True)
    raise_for(sheet.problems)
    return list(sheet.rows)


def read_links(folder: Path) -> list[Row]:
    """Return the hand-written links from comparisons to arms.

    Raises
    ------
    DataError
        If the file is missing, empty, not UTF-8 or not CSV, or links a comparison twice.
    """
    sheet = read_sheet(folder / LINKS, read_package().table("arm_links").columns)
    problems = list(sheet.problems)
    keys = [tuple(row.get(name, "") for name in _LINK_KEY) for row in sheet.rows]
    for number, key in enumerate(keys, start=2):
        if key in keys[: number - 2]:
            found, allowed = " ".join(key), f"each {', '.join(_LINK_KEY)} once"
            problems.append(Problem(LINKS, number, "study", found, allowed, "remove one row"))
    raise_for(problems)
    return list(sheet.rows)


def whole(text: str) -> str:
    """Return a whole number as the export's ``"29.0"`` prints it without its ``.0``."""
    return text.removesuffix(".0")


def analysis_of(row: Row) -> str:
    """Return the number of an analysis, ``"1.4"``, from a row of ``analyses.csv``."""
    return f"{row['analysis_group']}.{row['analysis_number']}"


def _main_analyses(export: list[Row], analyses: list[Row]) -> dict[str, Row]:
    """Return the main analysis of every analysis; a subgroup repeat begins with its name."""
    known = {analysis_of(row): row for row in analyses}
    names: dict[str, tuple[str, str]] = {}
    for row in export:
        group, number = row["Analysis group"], row["Analysis number"]
        names[f"{group}.{number}"] = (group, row["Analysis name"])
    result = dict(known)
    for analysis, (group, name) in names.items():
        if analysis in known:
            continue
        parents = [
            other
            for other, (its_group, its_name) in names.items()
            if other in known and its_group == group and name.startswith(f"{its_name}: ")
        ]
        if len(parents) == 1:
            result[analysis] = known[parents[0]]
    return result


def _arm(row: Row, side: str, arm: str, kind: str) -> ArmNumbers:
    """Take the columns of one side; the export fills those of the other kind with zeros."""
    binary = kind == "binary"
    return ArmNumbers(
        arm=arm,
        mean="" if binary else row[f"{side} mean"],
        sd="" if binary else row[f"{side} SD"],
        events=whole(row[f"{side} cases"]) if binary else "",
        n=whole(row[f"{side} N"]),
    )


def _subgroup_kind(name: str) -> str:
    for word in ("condition", "duration", "dose"):
        if name.endswith("subgroup analysis") and word in name.rpartition(": ")[2]:
            return f"{word}_subgroup"
    return ""


def read_export(folder: Path) -> list[ExportRow]:
    """Return the rows of the export in their order.

    Raises
    ------
    DataError
        If a row belongs to no known analysis or to no known arms, or has an unknown judgement.
    """
    export = read_raw(folder, EXPORT)
    groups = {row["analysis_group"]: row for row in read_raw(folder, "comparisons.csv")}
    analyses = [
        row | {"route": groups[row["analysis_group"]]["route"]}
        for row in read_raw(folder, "analyses.csv")
    ]
    mains = _main_analyses(export, analyses)
    links = {(row["group"], row["study"], row["footnote"]): row for row in read_links(folder)}
    apart = {footnote for _, _, footnote in links if footnote}
    problems: list[Problem] = []
    rows: list[ExportRow] = []

    def wrong(number: int, column: str, found: str, allowed: str, advice: str) -> None:
        problems.append(Problem(f"raw/{EXPORT}", number, column, found, allowed, advice))

    for number, row in enumerate(export, start=2):
        analysis = f"{row['Analysis group']}.{row['Analysis number']}"
        footnotes = tuple(note for note in row["Footnotes"].split(";") if note)
        mark = "".join(note for note in footnotes if note in apart)
        link = links.get((row["Analysis group"], row["Study"], mark))
        if analysis not in mains:
            wrong(number, "Analysis number", analysis, "an analysis of raw/analyses.csv", "add it")
        if link is None:
            found = f"{quoted(row['Study'])} in group {row['Analysis group']}"
            wrong(number, "Study", found, f"a trial of {LINKS}", f"add a row to {LINKS}")
        for column in (_RANDOMISATION, _OVERALL):
            if row[column] not in _JUDGEMENTS:
                allowed = ", ".join(filter(None, _JUDGEMENTS))
                wrong(number, column, quoted(row[column]), allowed, "correct the judgement")
        if link is None or analysis not in mains:
            continue
        main = mains[analysis]
        rows.append(
            ExportRow(
                row=number,
                analysis=analysis,
                main=main,
                trial=link["trial"],
                link=link,
                subgroup_kind=_subgroup_kind(row["Analysis name"]),
                subgroup=row["Subgroup"],
                footnotes=tuple(note for note in footnotes if note not in apart),
                treatment=_arm(row, "Experimental", link["treatment_arm"], main["kind"]),
                control=_arm(row, "Control", link["control_arm"], main["kind"]),
                estimate=row["Mean"],
                ci_low=row["CI start"],
                ci_high=row["CI end"],
                weight=row["Weight"],
                rob_randomisation=_JUDGEMENTS.get(row[_RANDOMISATION], ""),
                rob_overall=_JUDGEMENTS.get(row[_OVERALL], ""),
            )
        )
    raise_for(problems)
    return rows
