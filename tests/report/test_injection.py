"""Every text field of a project, hostile: what the report shows of it is text."""

import csv
import json
import re

import pytest

from bayes_nmda import paths
from tests.report.conftest import MODELS, WHOLE, built
from tests.report.test_render import Page

pytestmark = pytest.mark.slow
HOSTILE = "<img src=x onerror=alert(1)>|[a](javascript:b)`'&lt;"
#: Words of tables that other rows or model files go by.
_GONE_BY = frozenset(
    {"trial", "arm", "drug", "route", "outcome", "timepoint", "analyses", "analysis", "target"}
    | {"merged_from", "stratum", "outcome_id", "main_analysis", "subgroup", "population_n"}
)
_TOLD = "label|said|narrow|title|name|citation|others_said|question|scale|source"


def hostile_tables(home):
    """Append hostile text to every free cell and return how many fields had one."""
    fields = 0
    package = json.loads((home / "data" / "datapackage.json").read_text("utf-8"))
    for table in package["resources"]:
        file = home / "data" / table["path"]
        with file.open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
        schema = table["schema"]
        keys = {*schema["primaryKey"], *(k for u in schema.get("uniqueKeys", ()) for k in u)}
        keys |= {k for link in schema.get("foreignKeys", ()) for k in link["fields"]} | _GONE_BY
        for field in schema["fields"]:
            limits = field.get("constraints", {})
            free = field["type"] == "string" and not {"enum", "pattern"} & limits.keys()
            if not free or field["name"] in keys:
                continue
            fields += 1
            for row in rows:
                row[field["name"]] += HOSTILE if row[field["name"]] else ""
        with file.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.DictWriter(opened, rows[0], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return fields


def hostile_words(text):
    """Return TOML whose texts on one line, where they are only told, are hostile."""
    return re.sub(rf'(?m)^(\s*(?:{_TOLD}) = ")([^"\n\\]+)"$', rf'\1\2{HOSTILE}"', text)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    def spoil(home):
        assert hostile_tables(home) > 15
        for file in (home / "data" / "vocabulary.toml", *(home / "models").glob("*.toml")):
            file.write_text(hostile_words(file.read_text("utf-8")), "utf-8")

    definition = hostile_words(WHOLE)
    assert definition.count(HOSTILE) > 5
    home = built(tmp_path_factory.mktemp("hostile"), "whole", definition, MODELS, spoil)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(paths.HOME_VARIABLE, str(home))
        return paths.latest()


def test_no_text_of_a_project_is_part_of_the_page(page):
    text = (page / "index.html").read_text("utf-8")
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "<img" not in text
    parsed = Page(text)
    assert not parsed.faults
    assert not [link for link in parsed.links if link.startswith("javascript")]


def test_no_text_of_a_project_is_part_of_the_markdown(page):
    text = (page / "report.md").read_text("utf-8")
    assert "onerror" in text
    assert "<img" not in text
    assert not re.search(r"(?<!\\)\]\(javascript", text)  # brackets are escaped: no link


def test_no_text_of_a_project_is_part_of_a_drawing(page):
    for file in page.rglob("*.svg"):
        assert "<img" not in file.read_text("utf-8"), file.name
