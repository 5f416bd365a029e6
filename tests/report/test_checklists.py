"""Checklists: every answer has its place in the page, and what is not answered is said to be so."""

import re
import tomllib

from bayes_nmda.report.checklists import _NEEDS, FILE, NOT_ANSWERED
from bayes_nmda.report.staleness import TEMPLATE_FOLDER


def test_items_are_numbered_once_and_need_what_reports_may_have():
    lists = tomllib.loads((TEMPLATE_FOLDER / FILE).read_text("utf-8"))
    assert [*lists] == ["BARG", "ROBUST", "WAMBS", "PRISMA"]
    for table in lists.values():
        numbers = [item["number"] for item in table["items"]]
        assert len(numbers) == len(set(numbers))
        assert all(item.get("needs", "") in _NEEDS for item in table["items"])
        assert all(bool(item.get("place")) == bool(item.get("answer")) for item in table["items"])


def test_a_report_without_sensitivity_does_not_claim_one(page):
    section = page.partition('id="checklists"')[2].partition("</section>")[0]
    places = re.findall(r'<a href="#([^"]+)">', section)
    assert places
    assert all(f'id="{place}"' in page for place in places)
    row = re.search(r"<tr><th scope=\"row\">13f</th>.*", section)[0]
    assert NOT_ANSWERED in row  # the small report has no multiverse
    assert NOT_ANSWERED in re.search(r"<tr><th scope=\"row\">24</th>.*", section)[0]
