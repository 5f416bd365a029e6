"""``trials.csv``, ``arms.csv`` and ``abstract_outcomes.csv`` from the raw tables of the same names.

Adds to them what the export knows: judgements of bias, subgroup labels, the roles of the arms and
the dose arms that the review merged.
"""

from __future__ import annotations

from collections.abc import Iterable

from bayes_nmda.data.problems import Problem, raise_for
from bayes_nmda.data.reading import Row
from bayes_nmda.data.vocabulary import load_vocabulary
from cochrane.export import EXPORT, LINKS, ExportRow, whole

_ACTIVE = "active:"
_WHOLE_COLUMNS = ("year", "pmid", "n_randomised", "n_analysed", "n_arm")
#: Outcomes that the collected abstracts spell otherwise than the glossary.
_SPELLING = {"responder30": "responder_30", "responder50": "responder_50"}


def _tidy(row: Row) -> Row:
    tidied = {name: whole(text) if name in _WHOLE_COLUMNS else text for name, text in row.items()}
    tidied["trial"] = tidied.pop("trial_id")
    if "in_cochrane_2025" in tidied:
        tidied["in_review"] = tidied.pop("in_cochrane_2025")
    return tidied


def _one(values: Iterable[str], what: str, trial: str) -> str:
    """Return the one value that all rows of a trial give; "" if none does."""
    found = sorted(set(values) - {""})
    if len(found) > 1:
        raise_for(
            [
                Problem(
                    f"raw/{EXPORT}",
                    0,
                    what,
                    f"{', '.join(found)} for {trial}",
                    "one value a trial",
                    "tell the rows apart",
                )
            ]
        )
    return found[0] if found else ""


def trial_rows(raw: list[Row], export: list[ExportRow]) -> list[Row]:
    """Return the rows of ``trials.csv`` in the order of the raw file.

    Raises
    ------
    DataError
        If the export gives a trial two judgements on randomisation or two subgroup labels.
    """
    rows = []
    for entry in map(_tidy, raw):
        own = [row for row in export if row.trial == entry["trial"]]
        for kind in ("condition_subgroup", "duration_subgroup", "dose_subgroup"):
            labels = (row.subgroup for row in own if row.subgroup_kind == kind)
            entry[kind] = _one(labels, kind, entry["trial"])
        entry["rob_randomisation"] = _one(
            (row.rob_randomisation for row in own), "rob_randomisation", entry["trial"]
        )
        if entry["rob_randomisation"]:
            numbers = ";".join(str(row.row) for row in own)
            randomisation = f"randomisation: raw/{EXPORT} rows {numbers}"
            overall = f"; overall: {entry['rob_source']}" if entry["rob_source"] else ""
            entry["rob_source"] = randomisation + overall
        rows.append(entry)
    return rows


def _common(values: Iterable[str]) -> str:
    found = set(values)
    return found.pop() if len(found) == 1 else ""


def _merged(link: Row, parts: list[Row]) -> Row:
    """Return the arm that stands for several dose arms; what differs between them stays empty."""
    sizes = [part["n_arm"] for part in parts]
    shared = ("drug", "route", "duration", "cointervention", "enantiomer", "source_urls")
    return {
        "trial": link["trial"],
        "arm": link["treatment_arm"],
        "dose": "; ".join(part["dose"] for part in parts),
        "dose_mg_per_kg_h": "",
        "total_dose_mg": "",
        "n_arm": str(sum(map(int, sizes))) if all(sizes) else "",
        **{name: _common(part[name] for part in parts) for name in shared},
    }


def _check_links(links: list[Row], arms: list[Row]) -> None:
    """Refuse links to arms that do not exist; a merged arm is made from arms that do."""
    known = {(arm["trial"], arm["arm"]) for arm in arms}
    problems = []
    for number, link in enumerate(links, start=2):
        treatments = (link["merged_from"] or link["treatment_arm"]).split(";")
        for name in (*treatments, link["control_arm"]):
            if (link["trial"], name) not in known:
                found, allowed = f"{link['trial']}: {name}", "an arm of raw/arms.csv"
                problems.append(Problem(LINKS, number, "", found, allowed, "correct the link"))
    raise_for(problems)


def arm_rows(raw: list[Row], links: list[Row], export: list[ExportRow]) -> list[Row]:
    """Return the rows of ``arms.csv`` in the order of the raw file, merged arms after their parts.

    Raises
    ------
    DataError
        If a link names an unknown arm, or the review counts an arm as two comparators.
    """
    arms: list[Row] = []
    for entry in map(_tidy, raw):
        entry["arm"] = entry.pop("arm_id")
        entry["source_urls"] = entry.pop("source_url")
        arms.append(entry)
    _check_links(links, arms)
    for link in links:
        if not link["merged_from"]:
            continue
        names = link["merged_from"].split(";")
        places = [
            i for i, a in enumerate(arms) if a["trial"] == link["trial"] and a["arm"] in names
        ]
        merged = _merged(link, [arms[place] for place in places])
        merged["merged_from"] = link["merged_from"]
        arms.insert(places[-1] + 1, merged)
    for arm in arms:
        _describe(arm, links, export)
    return arms


def _describe(arm: Row, links: list[Row], export: list[ExportRow]) -> None:
    """Add role, comparator, stratum and route as the review's comparisons use the arm."""
    own = [link for link in links if link["trial"] == arm["trial"]]
    treats = [link for link in own if link["treatment_arm"] == arm["arm"]]
    controls = [link for link in own if link["control_arm"] == arm["arm"]]
    parts = {name for link in own for name in link["merged_from"].split(";")}
    drug = arm["drug"].removeprefix(_ACTIVE)
    ours = drug in load_vocabulary().treatments
    arm["drug"] = drug
    if treats or arm["arm"] in parts or (not own and ours):
        arm["role"] = "treatment"
    elif controls or not own:
        arm["role"] = "control"
    else:
        arm["role"] = "other"
    used = treats + controls
    arm["comparator"] = ""
    if arm["role"] == "control":
        counted = (
            row.main["comparator"]
            for row in export
            if row.trial == arm["trial"] and row.control.arm == arm["arm"]
        )
        arm["comparator"] = _one(counted, "comparator", arm["trial"]) or drug
    arm["stratum"] = _common(link["stratum"] for link in used)
    if not arm["route"]:
        rows = (row for row in export if row.link in used)
        arm["route"] = _common(row.main["route"] for row in rows)
    bases = {link["route_basis"] for link in used}
    inferred = "inferred" if "inferred" in bases else "confirmed"
    arm["route_basis"] = inferred if arm["route"] else ""


def abstract_rows(raw: list[Row]) -> list[Row]:
    """Return the rows of ``abstract_outcomes.csv`` with the glossary's spelling of outcomes."""
    rows = []
    for number, entry in enumerate(raw, start=2):
        row = {name: text for name, text in entry.items() if name != "trial_id"}
        for name in row:
            if name.startswith(("n_", "events_", "total_")):
                row[name] = whole(row[name])
        row["higher_is_worse"] = row["higher_is_worse"].lower()
        row["outcome"] = _SPELLING.get(row["outcome"], row["outcome"])
        rows.append({"id": f"abstract:{number}", "trial": entry["trial_id"], **row})
    return rows
