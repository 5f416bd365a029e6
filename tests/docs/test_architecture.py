"""The module map names what exists."""

import re

import pytest


@pytest.fixture
def text(root):
    return (root / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_every_stage_and_every_module_at_the_top_is_on_the_map(root, text):
    package = root / "bayes_nmda"
    stages = [f"`bayes_nmda/{path.parent.name}/`" for path in package.glob("*/__init__.py")]
    modules = [path.name for path in package.glob("*.py")]
    assert [name for name in [*stages, *modules] if name not in text] == []


def test_every_module_on_the_map_exists(root, text):
    named = re.findall(r"`(?:bayes_nmda/)?((?:\w+/)?\w+\.py)`", text)
    assert named
    assert [name for name in named if not (root / "bayes_nmda" / name).is_file()] == []


def test_it_is_a_page_or_two(text):
    assert len(text.split()) < 1300
