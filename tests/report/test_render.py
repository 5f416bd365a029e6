"""The page: every number an Answer's, every link with a target, nothing fetched from elsewhere."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pandas as pd
import pytest
from jinja2 import DictLoader

from bayes_nmda import (
    effect,
    load_trials,
    net_benefit,
    new_trial,
    posterior,
    prob_benefit,
    prob_harm,
)
from bayes_nmda.report import amounts, numbers, tables
from bayes_nmda.report.render import environment
from bayes_nmda.report.style import _relative

VOID = {"meta", "br", "link", "img", "hr", "input"}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.labels: list[str] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.fetched: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}
        self._tables: list[str] = []
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
        self.fetched += [given["src"]] if "src" in given else []
        if tag == "table":
            self._tables.append(given.get("id", ""))
        rows = self.rows.setdefault(self._tables[-1] if self._tables else "", [])
        if tag == "tr":
            rows.append([])
        if tag in ("td", "th") and rows:
            rows[-1].append("")
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
            self._tables.pop()

    def handle_data(self, data):
        rows = self.rows.get(self._tables[-1] if self._tables else "")
        if rows and rows[-1] and {"td", "th"} & set(self.open):
            rows[-1][-1] += data.replace("\N{NO-BREAK SPACE}", " ")

    def row(self, table: str, *heads: str) -> str:
        """Return the words of the row of a table that begins with these."""
        for row in self.rows[table]:
            words = " ".join(" ".join(row).split())
            if words.startswith(" ".join(heads)):
                return words
        raise AssertionError(f"no row {heads} in {table}")


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
    sources = set(load_trials().abstract_outcomes["source_url"])
    outside = [link for link in parsed.links if "//" in link]
    assert all(link.startswith("https://doi.org/") or link in sources for link in outside)
    assert all(link.startswith("https://") for link in outside)
    assert parsed.fetched == []
    policy = re.search(r"script-src 'sha256-([^']+)'", page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [b64encode(sha256(script.encode()).digest()).decode() for script in scripts]
    assert digests == [policy[1]]  # the only script is the one that the page itself allows
    assert "default-src 'none'" in page
    assert "@import" not in page


def test_every_drawing_has_a_caption_and_words_for_who_cannot_see_it(page):
    drawn = page.partition('<script type="application/json"')[0]
    for figure in re.findall(r"<figure id=.*?</figure>", drawn, re.DOTALL):
        assert 'class="data"' in figure
    assert drawn.count('class="drawing"') == drawn.count('role="img" aria-label')
    assert drawn.count("<figure") == drawn.count("<figcaption")
    assert 'aria-label=""' not in page


def test_every_table_and_figure_links_to_its_file(page, told):
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    assert len(tables) > 20
    assert all('class="data"' in table.partition("</caption>")[0] for table in tables)
    files = set(re.findall(r'class="data" href="([^"]+)"', page))
    assert all((told / "reports" / "latest" / file).is_file() for file in files)


def test_markdown_begins_with_a_whole_table_of_all_treatments(told):
    text = (told / "reports" / "latest" / "report.md").read_text("utf-8")
    lines = text.partition("## At a glance")[2].partition("\n## ")[0].strip().splitlines()
    table = [line for line in lines if line.startswith("|")]
    first = lines.index(table[0])
    assert lines[first : first + len(table)] == table  # no blank line inside
    assert set(table[1]) == {"|", "-"}
    assert len({line.count("|") for line in table}) == 1


def words_of(rows: list[list[str]]) -> str:
    return " ".join(" ".join(" ".join(row) for row in rows).split())


def test_the_summary_has_one_block_a_drug_and_route_with_benefits_and_harms(page):
    table = page[page.index('id="sof"') : page.index("</table>", page.index('id="sof"'))]
    heads = re.findall(r'<th scope="rowgroup".*?<a href="#drug-([a-z-]+)"', table)
    assert len(heads) == len(set(heads)) == 7
    assert "memantine-oral" in heads
    assert re.search(r"none of the \d+ trials with numbers reports it", table)


def test_every_number_of_pain_in_the_summary_is_that_of_an_answer(told, parsed):
    tree = posterior("quick")
    text = words_of(parsed.rows["sof"])
    for mean, new in zip(effect(tree).records, new_trial(tree).records, strict=True):
        where = {key: mean[key] for key in ("drug", "route", "timepoint")}
        chances = [
            numbers.short_chance(prob_benefit(tree, **where, at_least=x).records[0])
            for x in (0, 10, 20)
        ]
        said = f"{numbers.estimate(mean)} ({numbers.limits(mean)})new trial {numbers.limits(new)} "
        assert said + " ".join(chances) in text


def test_every_number_of_harm_in_the_summary_is_that_of_an_answer(told, parsed):
    tree = posterior("quick_harm")
    text = words_of(parsed.rows["sof"])
    risks, ratios = effect(tree, measure="RD").records, effect(tree, measure="RR").records
    for risk, ratio in zip(risks, ratios, strict=True):
        assert f"{amounts.more(risk)} in 1000 ({amounts.more_range(risk)})" in text
        assert f"RR {amounts.ratio(ratio)} ({amounts.ratio_range(ratio)})" in text
        where = {key: risk[key] for key in ("drug", "route")}
        chances = [
            numbers.short_chance(prob_harm(tree, **where, measure="RD", at_least=x).records[0])
            for x in (0, 0.05)
        ]
        assert f"P(any harm) {chances[0]}, P(≥ 50 in 1000) {chances[1]}" in text


def test_the_prior_alone_stands_once_under_the_summary(told, parsed):
    record = prob_benefit(posterior("quick"), at_least=10).records[0]
    last = " ".join(parsed.rows["sof"][-1]).split("new trial")[1]
    assert numbers.prior_chance(record) in last


def test_harms_stand_beside_the_method_of_the_review(parsed):
    row = parsed.row("harms-table", "Ketamine, intravenous")
    assert "review 3.26 (1.05 to 10.09)" in row
    assert "39 of 88; 5 of 52" in row
    assert "†" not in row  # the review prints it


def test_a_number_needed_passes_through_infinity_where_the_difference_may_be_none(parsed):
    assert re.search(r"NNTH [\d.]+ to ∞ to NNTB [\d.]+", words_of(parsed.rows["harms-table"]))


def test_a_number_needed_is_about_the_event_of_its_table(page):
    for section, words in (
        ("harms", "NNTH people treated for one more with the event, NNTB for one fewer"),
        ("responders", "NNTB people treated for one more response, NNTH for one fewer"),
    ):
        text = page.partition(f'<h2 id="{section}">')[2].partition("</section>")[0]
        assert words in text


def test_on_paper_a_heading_goes_with_its_table(page):
    print_rules = page.partition("@media print")[2].partition("</style>")[0]
    for element in ("h2", "h3", "h4", "caption"):
        assert re.search(rf"\b{element}\b[^{{}}]*\{{ break-after: avoid", print_rules)


def test_a_ratio_that_the_review_cannot_estimate_is_said_to_be_so(parsed):
    assert "review not estimable" in parsed.row("harms-table", "Magnesium, intravenous")


def test_function_is_told_in_a_familiar_instrument_too(parsed):
    row = words_of(parsed.rows["function-table"])
    assert "Pain Disability Index" in row
    assert re.search(r"[\d.]+ (worse|better) to [\d.]+ better", row)


def test_active_comparators_are_named_and_stand_apart_from_placebo(parsed):
    assert "against methadone" in words_of(parsed.rows["active-table"])
    for name in ("sof", "harms-table", "responders-table"):
        assert "methadone" not in words_of(parsed.rows[name])


def test_every_net_benefit_is_that_of_an_answer(told, parsed):
    answer = net_benefit(posterior("quick"), posterior("quick_harm"), points_per_event=[0, 1])
    text = words_of(parsed.rows["net-table"])
    for record in answer.records:
        said = f"{numbers.estimate(record)} ({numbers.limits(record)})"
        assert f"{said}, {amounts.net_chance(record)}" in text


def test_results_printed_in_abstracts_are_all_there_and_said_never_to_be_pooled(page, parsed):
    assert len(parsed.rows["printed-table"]) == 1 + 116
    assert "Never pooled" in page
    assert "41 further trials" in page


def test_gates_have_one_row_a_model(parsed):
    heads = [row[0].strip() for row in parsed.rows["gates-table"][1:]]
    assert heads[0] == "quick"
    assert len(heads) == len(set(heads)) == 6


def test_single_trials_are_flagged(page):
    assert 'class="flag strong">single trial' in page


def test_the_mass_cut_from_the_prior_of_tau_is_printed(page):
    assert "4.1\N{NO-BREAK SPACE}% above 50 SD" in page


def test_markdown_and_tables_stand_beside_the_page_and_no_posterior_does(told, whole_manifest):
    latest = told / "reports" / "latest"
    assert (latest / "report.md").read_text(encoding="utf-8").startswith("# A small report")
    names = ["summary_of_findings", "prob_benefit", "replication", "gates", "scenarios", "harms"]
    names += ["responders", "function", "active", "tradeoff", "net_benefit", "gate_summary"]
    for name in [*names, "abstract_results", "trials_without_numbers"]:
        assert (latest / "tables" / f"{name}.csv").is_file()
    for name in ("prob_benefit", "effect", "shrinkage", "net_benefit"):
        document = json.loads((latest / "tables" / f"{name}.json").read_text(encoding="utf-8"))
        table = pd.read_csv(latest / "tables" / f"{name}.csv")
        assert len(document["rows"]) == len(table)
        assert document["sentence"]
    assert not list(latest.rglob("*.nc"))
    assert len(whole_manifest["models"]) == 6


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)>"),
        ("[here](javascript:alert(1))", r"\[here\](javascript:alert(1))"),
        ("plain & simple", "plain &amp; simple"),
    ],
)
def test_text_of_a_project_is_text_in_html_and_in_markdown(text, markdown):
    made = environment()
    page = made.from_string("{{ x }}|{% if y %}{% endif %}")
    assert page.render(x=text, y=1) == f"{markdown}|"
    made.loader = DictLoader({"a.html.j2": "{{ x }}", "b.md.j2": "{{ x }}"})
    assert "<img" not in made.get_template("a.html.j2").render(x=text)
    assert made.get_template("b.md.j2").render(x=text) == markdown


def test_every_html_template_escapes():
    made = environment()
    names = [name for name in made.list_templates() if name.endswith(".j2")]
    assert any("sections/" in name for name in names)
    for name in names:
        assert made.autoescape(name) is (".html" in name), name


def test_no_cell_of_a_table_is_a_formula():
    frame = pd.DataFrame(
        {"words": ["=1+1", "+x", "-a", "@b", "\tc", "plain", "-1.5", "+3", ""], "number": range(9)}
    )
    inert = tables._inert(frame)
    assert inert["words"].tolist() == [
        "'=1+1", "'+x", "'-a", "'@b", "'\tc", "plain", "-1.5", "+3", ""
    ]  # fmt: skip
    assert inert["number"].tolist() == list(range(9))


def test_a_path_of_steps_leads_through_the_same_points():
    path = "M136.7 -513.7L137.0 -513.7L137.3 -513.8L9.25 0.5zM5 6L6.05 -0.02"
    short = _relative(path)
    assert short == "M136.7-513.7l.3 0 .3-.1-128.05 514.3zM5 6l1.05-6.02"
    curved = "M0 2.25C0.59 2.25 1.16 2.01 1.59 1.59"
    assert _relative(curved) == curved
