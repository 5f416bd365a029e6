"""The explorer: what it shows is what Python answers, to the shown digits."""

from functools import cache
from urllib.parse import urlencode

import pytest

import bayes_nmda as nmda
from bayes_nmda.query.words import percent
from bayes_nmda.report.definition import load_definition
from bayes_nmda.report.numbers import estimate, limits, short

SIZES = [0, 3, 10, 17, 30, 40]
EXTRA = [0, 50, 120, 300]
NBSP = "\N{NO-BREAK SPACE}"

#: Sets every control and reads what is shown. Those that decide what others offer, and the last,
#: tell the page; that each control does is tested below.
SHOWN = """(states) => {
  const all = JSON.parse(document.getElementById('explorer-data').textContent);
  const place = (list, value) => String(list.indexOf(value));
  const set = (id, value, kind) => {
    const one = document.getElementById('ex-' + id);
    one.value = value;
    if (kind) one.dispatchEvent(new Event(kind, {bubbles: true}));
  };
  const text = (id) => document.getElementById('ex-' + id).textContent;
  return states.map((state) => {
    set('scenario', String(all.scenarios.findIndex((one) => one.name === state.s)));
    set('target', state.e);
    set('size', place(all.sizes, state.b));
    set('treatment', state.d, 'change');
    set('time', state.t);
    set('extra', place(all.extra, state.h), 'input');
    return [text('chance'), text('harm'), text('sentence'), text('caption')];
  });
}"""


posterior = cache(nmda.posterior)  # each fit is read, or computed, once


def words(probability, mcse):
    return short(percent(probability, mcse)).replace(" %", f"{NBSP}%")


@pytest.fixture(scope="module")
def definition():
    return load_definition("evidence")


@pytest.fixture(scope="module")
def pairs(definition):
    """Models of benefit and harm by the name of their scenario, as the page pairs them."""
    section = definition.section("explorer")
    own, other = definition.section("primary"), definition.section("harms")
    alike = dict(
        zip((section.models[0], *own.pooling), (section.models[1], *other.pooling), strict=True)
    )
    found = {
        definition.label(model): ((model,), (alike.get(model, section.models[1]),))
        for model in section.scenarios
    }
    return found | {"Averaged over pooling": (tuple(alike), tuple(alike.values()))}


def asked(models, direction, target, sizes):
    """Return what Python answers, by cell and size, in the words of the page."""
    trees = {model: posterior(model) for model in models}
    more = {"measure": "RD"} if direction == "harm" else {}
    if len(models) > 1:
        answer = nmda.average_models(
            trees, direction=direction, at_least=sizes, target=target, **more
        )
        table = answer.table[answer.table["model"] == "average"]
    else:
        ask = nmda.prob_benefit if direction == "benefit" else nmda.prob_harm
        table = ask(trees[models[0]], at_least=sizes, target=target, **more).table
    return {
        (row.drug, row.route, row.timepoint or "", row.at_least): words(row.probability, row.mcse)
        for row in table.itertuples()
        if row.probability == row.probability
    }


def test_every_number_it_shows_is_what_python_answers(visit, pairs):
    page = visit()
    states, expected = [], []
    for name, (benefits, harms) in pairs.items():
        for target in ("mean", "new_trial"):
            good = asked(benefits, "benefit", target, SIZES)
            bad = asked(harms, "harm", target, [x / 1000 for x in EXTRA])
            for number, (drug, route, timepoint, size) in enumerate(good):
                extra = EXTRA[number % len(EXTRA)]
                states.append(
                    {"d": f"{drug}/{route}", "t": timepoint, "s": name, "e": target,
                     "b": size, "h": extra}
                )  # fmt: skip
                expected.append(
                    [good[drug, route, timepoint, size],
                     bad.get((drug, route, "", extra / 1000), "–")]
                )  # fmt: skip
    shown = [both[:2] for both in page.evaluate(SHOWN, states)]
    wrong = [
        (s, got, want) for s, got, want in zip(states, shown, expected, strict=True) if got != want
    ]
    assert len(states) > 1000
    assert wrong == []
    assert page.faults == []


def test_intervals_and_the_picture_are_those_of_python(visit, pairs):
    page = visit()
    states, expected = [], []
    for name, (benefits, harms) in pairs.items():
        if len(benefits) > 1:
            continue  # an average has no interval and no picture
        tree = posterior(benefits[0])
        risks = {
            (row["drug"], row["route"]): [
                row["control_risk"],
                row["control_risk"] + row["estimate"],
            ]
            for row in nmda.effect(posterior(harms[0]), measure="RD").records
        }
        for target, ask in (("mean", nmda.effect), ("new_trial", nmda.new_trial)):
            for row in ask(tree).records:
                place = row["drug"], row["route"]
                states.append({"d": "/".join(place), "t": row["timepoint"], "s": name,
                               "e": target, "b": 10, "h": 50})  # fmt: skip
                people = [round(100 * risk) for risk in risks.get(place, [])]
                expected.append((f"The difference is {estimate(row)} ({limits(row)}) ", people))
    for (_, _, sentence, caption), (words, people) in zip(
        page.evaluate(SHOWN, states), expected, strict=True
    ):
        assert words in sentence
        if people:
            gain = people[1] - people[0]
            assert f"Of 100 people {min(people)} have" in caption
            assert (f" {abs(gain)} {'more' if gain > 0 else 'fewer'} with" in caption) == bool(gain)
        else:
            assert caption.startswith("No picture")


def test_its_state_is_in_the_address_and_comes_back(visit):
    page = visit()
    page.locator("#ex-size-number").fill("20")
    page.locator("#ex-size-number").press("Enter")
    page.locator("#ex-scenario").select_option(label="Sceptical prior")
    before = page.locator("#ex-sentence").inner_text()
    assert "at least 20 points" in before
    address = page.evaluate("location.hash")
    again = visit(at=address)
    assert again.locator("#ex-sentence").inner_text() == before
    assert again.evaluate("document.activeElement !== null && scrollY > 0")


def test_every_control_changes_what_is_shown(visit):
    page = visit()

    def shown():
        return page.locator(".result").inner_text(), page.evaluate("location.hash")

    before = shown()
    for name in ("treatment", "time", "scenario", "target"):
        page.locator(f"#ex-{name}").select_option(index=1)
        assert shown() != before, name
        before = shown()
    for name in ("size", "extra"):
        page.locator(f"#ex-{name}").press("ArrowRight")
        assert shown() != before, name
        before = shown()
        page.locator(f"#ex-{name}-number").fill("20")
        page.locator(f"#ex-{name}-number").press("Enter")
        assert shown() != before, name
        before = shown()


def test_an_address_of_nonsense_shows_the_first_choice(visit):
    odd = {"b": "NaN", "h": "1e99", "d": "<b>", "t": "never", "s": "none", "e": "x"}
    page = visit(at="#explore:" + urlencode(odd))
    assert "at least" in page.locator("#ex-sentence").inner_text()
    assert page.faults == []


def test_it_can_be_used_by_keyboard_and_read_aloud(visit):
    page = visit()
    page.locator("#ex-size").focus()
    before = page.locator("#ex-sentence").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator("#ex-sentence").inner_text() != before
    assert page.locator(".result[aria-live=polite]").count() == 1
    picture = page.locator("#ex-picture svg").get_attribute("aria-label")
    assert picture.startswith("Of 100 people")
    dots = page.locator("#ex-picture circle").count()
    assert dots == 100


def test_it_says_that_benefit_and_harm_are_separate_fits(visit):
    page = visit()
    assert "separate fits" in page.locator("section[aria-labelledby=explorer]").inner_text()
