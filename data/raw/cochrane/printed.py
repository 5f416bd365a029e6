"""``published.csv`` and ``analyses.csv``: what the review printed, to be reproduced."""

from __future__ import annotations

from bayes_nmda.data.reading import Row
from cochrane.export import EXPORT, ExportRow, analysis_of, whole

RESULTS = "review_results.csv"
_REVIEW = "Ferraro et al. 2025, Cochrane CD015373.pub2"
#: The export rounds to six decimals and drops trailing zeros.
_EXPORT_DECIMALS = "6"
#: Words of the collected results that mean no restriction.
_ALL = frozenset({"any", "all", "all five", "review size"})


def analysis_rows(raw: list[Row], comparisons: list[Row]) -> list[Row]:
    """Return the rows of ``analyses.csv`` with drug and route of their comparison group."""
    groups = {row["analysis_group"]: row for row in comparisons}
    return [
        {
            "analysis": analysis_of(row),
            "group": row["analysis_group"],
            "number": row["analysis_number"],
            "drug": groups[row["analysis_group"]]["drug"],
            "route": groups[row["analysis_group"]]["route"],
            "route_basis": groups[row["analysis_group"]]["basis"],
            "measure": row["review_measure"],
            "higher_is_better": row["higher_is_better"].lower(),
            **{
                name: row[name]
                for name in ("outcome", "timepoint", "comparator", "kind", "instrument", "n_rows")
            },
        }
        for row in raw
    ]


def published_rows(export: list[ExportRow], results: list[Row], analyses: list[Row]) -> list[Row]:
    """Return the rows of ``published.csv``: every row of the export, then the printed results."""
    return [_effect(row, analyses) for row in export] + [
        _result(number, row, analyses) for number, row in enumerate(results, start=2)
    ]


def _effect(row: ExportRow, analyses: list[Row]) -> Row:
    main = next(entry for entry in analyses if entry["analysis"] == analysis_of(row.main))
    return {
        "id": f"effect:{row.row}",
        "kind": "row_effect",
        "analysis": row.analysis,
        "main_analysis": main["analysis"],
        "subgroup": row.subgroup,
        "trial": row.trial,
        "treatment_arm": row.treatment.arm,
        "control_arm": row.control.arm,
        "estimate": row.estimate,
        "ci_low": row.ci_low,
        "ci_high": row.ci_high,
        "weight": row.weight,
        "decimals": _EXPORT_DECIMALS,
        "citation": f"{_REVIEW}, data export",
        "locator": f"raw/{EXPORT} row {row.row}",
        **{
            name: main[name]
            for name in ("drug", "route", "comparator", "outcome", "timepoint", "measure")
        },
    }


def _decimals(*numbers: str) -> str:
    return str(max(len(number.partition(".")[2]) for number in numbers))


def _result(number: int, row: Row, analyses: list[Row]) -> Row:
    about = {
        name: "" if row[name] in _ALL else row[name]
        for name in ("drug", "route", "comparator", "outcome", "timepoint")
    }
    printed = [row["estimate"], row["ci_low"], row["ci_high"]]
    pooled = all(printed)
    same = [
        entry["analysis"]
        for entry in analyses
        if all(entry[name] == text for name, text in about.items())
    ]
    analysis = same[0] if len(same) == 1 else ""
    return {
        "id": f"{'pooled' if pooled else 'context'}:{number}",
        "kind": "pooled" if pooled else "context",
        "analysis": analysis,
        "main_analysis": analysis,
        **about,
        "measure": row["measure"],
        "estimate": row["estimate"],
        "ci_low": row["ci_low"],
        "ci_high": row["ci_high"],
        "decimals": _decimals(*printed) if pooled else "",
        "n_trials": whole(row["n_studies"]),
        "n_participants": whole(row["n_participants"]),
        "certainty": row["certainty"],
        "citation": f"{_REVIEW}, as quoted by the pages that the raw row names",
        "locator": f"raw/{RESULTS} row {number}",
    }
