"""The page: every number an Answer's, every link with a target, nothing fetched from elsewhere."""

import re
from html.parser import HTMLParser

import pytest

from bayes_nmda import effect, new_trial, posterior, prob_benefit
from bayes_nmda.report import numbers

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.labels: list[str] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.cells: list[str] = []
        self._table = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if "id" in given:
            self.ids.append(given["id"])
        for name in ("href", "xlink:href", "src"):
            if name in given:
                self.links.append(given[name])
        self.labels += [
            given[name] for name in ("aria-labelledby", "aria-describedby") if name in given
        ]
        if tag == "table":
            self._table = given.get("id") == "sof"
        if tag == "td" and self._table:
            self.cells.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)
        if tag == "table":
            self._table = False

    def handle_data(self, data):
        if self._table and self.cells and "td" in self.open:
            self.cells[-1] += data.replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture(scope="module")
def parsed(page) -> Page:
    return Page(page)


def test_every_tag_is_closed(parsed):
    assert parsed.faults == []
    assert parsed.open == []


def test_identifiers_are_unique_and_every_inner_link_has_its_target(parsed):
    assert len(parsed.ids) == len(set(parsed.ids))
    inner = {link[1:] for link in parsed.links if link.startswith("#")} | set(parsed.labels)
    assert inner <= set(parsed.ids)


def test_clip_paths_and_marks_of_drawings_exist(page, parsed):
    used = set(re.findall(r"url\(#([^)]+)\)", page))
    assert used <= set(parsed.ids)


def test_nothing_is_fetched_and_nothing_runs(page, parsed):
    outside = [link for link in parsed.links if "//" in link]
    assert all(link.startswith("https://doi.org/") for link in outside)
    assert "<script" not in page
    assert "@import" not in page


def test_every_drawing_has_a_caption_and_words_for_who_cannot_see_it(page):
    assert page.count("<figure") == page.count("<figcaption") == page.count('role="img"')
    assert 'aria-label=""' not in page


def test_every_number_of_the_summary_of_findings_is_that_of_an_answer(home, parsed):
    tree = posterior("quick")
    rows = [parsed.cells[i : i + 8] for i in range(0, len(parsed.cells), 8)]
    means, news = effect(tree).records, new_trial(tree).records
    assert len(rows) == len(means)
    for cells, mean, new in zip(rows, means, news, strict=True):
        where = {key: mean[key] for key in ("drug", "route", "timepoint")}
        said = " ".join(cells).split()
        text = " ".join(said)
        assert f"{mean['trials']} ({mean['participants']})" in text
        assert f"{numbers.estimate(mean)} ({numbers.limits(mean)})" in text
        assert numbers.limits(new) in cells[5]
        for position, x in enumerate((0, 10, 20), start=2):
            record = prob_benefit(tree, **where, at_least=x).records[0]
            words = f"{numbers.chance(record)} prior {numbers.prior_chance(record)}"
            assert " ".join(cells[position].split()) == words
        record = prob_benefit(tree, **where, at_least=10, target="new_trial").records[0]
        assert numbers.chance(record) in cells[5]


def test_single_trials_are_flagged(page):
    assert 'class="flag strong">single trial' in page


def test_the_mass_cut_from_the_prior_of_tau_is_printed(page):
    assert "4.1\N{NO-BREAK SPACE}% above 50 points" in page


def test_markdown_and_tables_stand_beside_the_page(built_home):
    latest = built_home / "reports" / "latest"
    assert (latest / "report.md").read_text(encoding="utf-8").startswith("# A small report")
    for name in ("summary_of_findings", "prob_benefit", "replication", "gates", "scenarios"):
        assert (latest / "tables" / f"{name}.csv").is_file()
        assert (latest / "tables" / f"{name}.json").is_file()
    assert (latest / "posteriors" / "quick.nc").is_file()
