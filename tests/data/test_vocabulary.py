"""The words of the project come from the project: the package knows none of them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import bayes_nmda
from bayes_nmda import paths
from bayes_nmda.data import load_vocabulary
from bayes_nmda.data.vocabulary import Vocabulary
from bayes_nmda.errors import DataError
from bayes_nmda.report.sections import KINDS

PACKAGE = Path(bayes_nmda.__file__).parent
#: A usual name of control arms, a key of the published priors, and whose priors those are.
#: Reviews are imported in the formats of Cochrane, which the package names as such.
_FORMATS = ("cli/main.py", "importing/__init__.py", "importing/cochrane.py", "importing/mapping.py")
_ALLOWED = (
    ("data/plain.py", "placebo"),
    ("meta/named_priors.py", "pharmacological_vs_placebo"),
    ("spec/default.py", "cochrane"),
)


def words_of_the_project() -> list[str]:
    words = load_vocabulary()
    outcomes = [w for word, said in words.outcomes.items() for w in (word, said.label, said.said)]
    review = [*re.findall(r"[A-Z][a-z]+|CD\d+", words.review.name + words.review.citation)]
    kept = [w for w in review if w in ("Cochrane", "Ferraro") or w.startswith("CD")]
    return [
        *words.treatments, *words.routes, *words.timepoints, *outcomes, words.reference, *kept
    ]  # fmt: skip


def strings(path: Path) -> list[str]:
    """Return the text of a module that is neither a docstring nor a comment."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    ]


@pytest.mark.parametrize(
    "module", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.relative_to(PACKAGE).as_posix()
)
def test_no_string_of_the_package_is_a_word_of_the_project(module: Path) -> None:
    pattern = re.compile(
        "|".join(rf"\b{re.escape(word)}\b" for word in words_of_the_project()), re.IGNORECASE
    )
    here = module.relative_to(PACKAGE).as_posix()
    found = [text for text in strings(module) if pattern.search(text)]
    found = [text for text in found if (here, text) not in _ALLOWED]
    if here in _FORMATS:
        found = [text for text in found if not re.search(r"\bcochrane\b", text, re.IGNORECASE)]
    assert not found


def test_templates_name_no_word_of_the_project() -> None:
    pattern = re.compile(
        "|".join(rf"\b{re.escape(word)}\b" for word in words_of_the_project()), re.IGNORECASE
    )
    templates = [p for p in (PACKAGE / "report" / "templates").rglob("*") if p.is_file()]
    assert len(templates) > len(KINDS)
    for template in templates:
        assert not pattern.findall(template.read_text(encoding="utf-8")), template.name


def test_the_words_of_the_project_are_in_order() -> None:
    words = load_vocabulary()
    assert words.treatments[0] == "ketamine"
    assert sorted(["short", "oral", "zinc", "ketamine"], key=words.order)[-1] == "zinc"
    assert words.outcome("pain_intensity").said == "pain"
    assert words.outcome("walking_speed").label == "Walking speed"
    assert words.when("immediate") == 'at the review\'s "immediate" timepoint'
    assert words.when("late") == 'at the "late" timepoint'
    assert words.when("") == ""
    assert words.of_class("responder") == ("responder_30", "responder_50")


def test_a_folder_without_vocabulary_speaks_in_the_words_of_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_vocabulary(tmp_path) == load_vocabulary()
    monkeypatch.setattr(paths, "data", lambda: tmp_path)
    assert load_vocabulary() == Vocabulary()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("title = 3", "title: found 3; allowed is text"),
        ("treatments = []", "found 'no title'; allowed is title, treatments"),
        ('title = "a"\ntreatments = ["b", "b"]\n[outcomes]', "treatments: found .*different words"),
        ('title = "a"\ntreatments = []\n[outcomes]\nx = 3', "outcomes.x: found 3; allowed is a ta"),
        (
            'title = "a"\ntreatments = []\n[outcomes]\nx = { class = "cure" }',
            "outcomes.x.class: found 'cure'; allowed is benefit or responder or function or harm",
        ),
        ('title = "a"\ntreatments = []\nroute = []\n[outcomes]', "found 'route'; allowed is title"),
        ("title = ", "not a TOML file in UTF-8"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, change: str, words: str) -> None:
    text = change if "title = 3" not in change else f"{change}\ntreatments = []\n[outcomes]"
    (tmp_path / "vocabulary.toml").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        load_vocabulary(tmp_path)
