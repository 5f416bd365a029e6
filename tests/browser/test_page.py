"""The published page, seen: what fits a screen, what scrolls, what can be read and reached."""

from itertools import pairwise

import pytest

from tests.browser.conftest import opened

WIDTHS = [320, 390, 768, 1280]

SMALLEST = """() => {
  const found = [];
  for (const svg of document.querySelectorAll('.drawing svg')) {
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    for (const text of svg.querySelectorAll('text, tspan')) {
      if (!text.textContent.trim()) continue;
      const size = parseFloat(getComputedStyle(text).fontSize) * scale;
      if (size < 11.95) found.push([svg.closest('figure').id, text.textContent, size]);
    }
  }
  return found;
}"""


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_every_treatment_stands_on_the_first_screen(visit, width, height):
    page = visit(width, height)
    last = page.locator(".glance > [role=listitem]").last.bounding_box()
    assert last["y"] + last["height"] <= height
    assert page.faults == []


def test_a_line_opens_on_conditions_dose_and_duration(visit):
    page = visit()
    line = page.locator(".glance details").first
    assert not line.locator("dl").is_visible()
    line.locator("summary").click()
    words = line.locator("dl").inner_text()
    assert "Conditions" in words
    assert "Dose and duration" in words


def test_the_main_text_is_within_15000_pixels_and_6000_words(visit):
    page = visit()
    height, words = page.evaluate(
        "[document.documentElement.scrollHeight,"
        " document.querySelector('main').innerText.split(/\\s+/).length]"
    )
    assert height <= 15_000
    assert words <= 6_000


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_screen_when_all_is_open(visit, width):
    page = visit(width)
    opened(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(SMALLEST) == []


def test_figures_fill_their_column(visit):
    page = visit()
    opened(page)
    narrow = page.evaluate(
        """() => [...document.querySelectorAll('figure:not(.small):not(.people)')].filter((one) =>
          one.querySelector('svg').getBoundingClientRect().width <
          0.98 * one.parentElement.clientWidth).map((one) => one.id)"""
    )
    assert narrow == []


def test_a_link_to_something_folded_opens_it(visit):
    page = visit(at="#methods-counts")
    assert page.locator("#methods-counts").is_visible()
    page.wait_for_function(
        "Math.abs(document.getElementById('methods-counts').getBoundingClientRect().top) < 100"
    )


def test_contents_show_where_the_reader_is(visit):
    page = visit()
    page.evaluate("document.getElementById('harms').scrollIntoView()")
    page.wait_for_function("document.querySelector('nav.toc [aria-current]').hash === '#harms'")
    assert page.locator("nav.toc [aria-current]").count() == 1


def test_every_trial_in_the_text_links_to_its_row(visit):
    page = visit()
    opened(page)
    bare = page.evaluate(
        """() => {
          const labels = [...document.querySelectorAll('#trials-table tbody > tr > th')]
            .map((one) => one.firstChild.textContent.trim());
          const main = document.querySelector('main');
          const walk = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
          const found = [];
          while (walk.nextNode()) {
            const holder = walk.currentNode.parentElement;
            if (holder.closest('a, svg, script, summary, #trials-table, figcaption')) continue;
            for (const label of labels)
              if (walk.currentNode.textContent.includes(label)) found.push(label);
          }
          return found;
        }"""
    )
    assert bare == []
    assert page.locator("a[href^='#trial-']").count() > 50


def test_the_focus_can_be_seen_and_reaches_formulas_and_drawings(visit):
    page = visit()
    page.keyboard.press("Tab")
    style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert style == "solid"
    opened(page)
    out_of_reach = page.evaluate(
        "[...document.querySelectorAll('math, .drawing svg')]"
        ".filter((one) => !one.closest('[tabindex=\"0\"]')).length"
    )
    assert out_of_reach == 0
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map((one) => +one.tagName[1])"
    )
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_without_scripts_every_table_can_be_read(visit):
    page = visit(scripts=False)
    assert page.locator("noscript p").count() == 1
    assert not page.locator("#explorer-form").is_visible()
    page.locator("#sof-all").click()
    assert page.locator("#sof").is_visible()


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_axe_finds_no_violation(visit, axe, width, dark):
    page = visit(width, dark=dark)
    opened(page)
    page.evaluate(axe)
    found = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then((all) => all.violations.map("
        "(one) => [one.id, one.nodes.slice(0, 3).map((node) => node.target.join(' '))]))"
    )
    assert found == []
