"""Report definitions: every fault names the key, what was found and what is allowed."""

from pathlib import Path

import pytest

from bayes_nmda.data import load_trials
from bayes_nmda.effects import effect_table
from bayes_nmda.errors import QueryError, ReportError
from bayes_nmda.model.counts import with_information
from bayes_nmda.report import sections
from bayes_nmda.report.definition import load_definition, report_names
from bayes_nmda.report.sections import require_kinds
from bayes_nmda.report.staleness import code
from bayes_nmda.spec.model_file import model_names
from bayes_nmda.spec.spec import load_model

_ANY = 'quick_harm_alone = "Alone"'
_JUDGED = """
[[judgement]]
model = "quick"
cell = "ketamine/oral/short"
domain = "indirectness"
judgement = "serious"
reason = "other patients"
by = "a panel"
source = "minutes of 3 May"
"""


def test_the_reports_of_the_project_are_valid():
    assert "evidence" in report_names()
    for name in report_names():
        assert load_definition(name).models


def test_every_model_of_the_project_is_told():
    told = set(load_definition("evidence").models)
    left = {name: load_model(name) for name in set(model_names()) - told}
    trials = load_trials()
    for name, spec in left.items():
        if spec.supplement or spec.covariates:  # examples, and biases that are told beside
            continue
        with pytest.raises(QueryError, match=r"says? nothing about a ratio"):
            with_information(spec, effect_table(trials, spec)), name


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('models = ["quick"]', 'models = ["quack"]', "models: found 'quack'; allowed are"),
        ("curve = [0, 40, 10]", "curve = [40, 0, 10]", "curve: found"),
        ('title = "A small report"', 'heading = "x"', "missing title"),
        ('quick = "Quick"', 'other = "Quick"', "labels: each of quick"),
        ('title = "A small report"', "title = ", "not a TOML file"),
        ('kind = "harms"', 'kind = "harm"', "section 2: kind: found 'harm'; allowed are active"),
        ('kind = "harms"', 'kind = "primary"', r"section 2 \(primary\): missing curve"),
        ('kind = "responders"', 'kind = "active"', "each of active.*at most once"),
        ("curve = [0, 40, 10]", "curve = [0, 40, 10]\nprior = 1", "found prior; it takes kind"),
        ('models = ["quick", "quick_harm"]', 'models = ["quick"]', "found 1; allowed are 2"),
        ("at_most = [0, 0.1]", "at_most = [0.1, 0]", "at_most: found .* increasing numbers"),
        ("at_most = [0, 0.1]", "", r"\(tradeoff\): missing at_most"),
        ("[[section]]", "[section]", "not a TOML file|section"),
        ('harm = "quick_harm"', 'harm = "quick"', "headline_harm: found 'quick'; allowed are mod"),
        (_ANY, f"{_ANY}\n{_JUDGED}".replace("serious", "bad"), "found 'indirectness', 'bad'"),
        (_ANY, f"{_ANY}\n{_JUDGED}".replace('"quick"', '"x"'), "model: found 'x'; allowed are"),
        (_ANY, f"{_ANY}\n{_JUDGED}\n{_JUDGED}", "indirectness twice; allowed is once"),
        (_ANY, f"{_ANY}\n{_JUDGED}".replace("source", "page"), "missing source"),
    ],
)
def test_a_fault_is_named(home, whole, old, new, words):
    assert old in whole
    (home / "reports" / "quick.toml").write_text(whole.replace(old, new))
    with pytest.raises(ReportError, match=words):
        load_definition("quick")


def test_an_unknown_report_is_told_the_known_ones(home):
    with pytest.raises(ReportError, match="allowed are quick"):
        load_definition("quack")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('models = ["quick_harm"]', 'models = ["quick_responder"]', "counts, positive, placebo"),
        ('models = ["quick_function"]', 'models = ["quick_active"]', "counts, negative, active"),
        ('beside = ["quick_harm_alone"]', 'beside = ["nausea"]', "other rows than quick_harm"),
        (
            'models = ["quick", "quick_harm"]',
            'models = ["quick_harm", "quick"]',
            "section tradeoff: model quick is about differences",
        ),
    ],
)
def test_a_model_that_a_section_cannot_tell_is_named(home, whole, old, new, words):
    text = whole.replace(old, new).replace('quick_harm_alone = "Alone"', new_label(new))
    text = text.replace('columns = ["quick_harm", "quick_responder"]', "")
    text = text.replace('headline_harm = "quick_harm"', "")
    (home / "reports" / "quick.toml").write_text(text)
    definition = load_definition("quick")
    with pytest.raises(ReportError, match=words):
        require_kinds(definition, {name: load_model(name) for name in definition.models})


def new_label(new: str) -> str:
    name = "nausea" if "nausea" in new else "quick_harm_alone"
    return f'{name} = "Alone"'


def test_the_definition_of_the_project_tells_models_that_fit_their_sections():
    definition = load_definition("evidence")
    require_kinds(definition, {name: load_model(name) for name in definition.models})


def test_every_kind_of_section_has_a_template_and_every_module_is_seen_to_change():
    folder = Path(sections.__file__).parent
    modules = {path.stem for path in folder.glob("[a-z]*.py")}
    assert set(sections.MODULES) == modules
    told = {name for name, kind in sections.KINDS.items() if not kind.scenarios}
    templates = {path.name for path in (folder.parent / "templates" / "sections").iterdir()}
    assert templates == {f"{name}.html.j2" for name in told}
    assert {f"report/sections/{name}.py" for name in modules} <= set(code())
