"""A copy of the project in other words: the same numbers come out."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

import bayes_nmda as nmda
from bayes_nmda import paths

#: The first makes room for the second: the data know lidocaine as a comparator.
_WORDS = (("lidocaine", "lignocaine"), ("ketamine", "lidocaine"), ("intravenous", "infused"))
_SMALL = """
title = "Pain and harm"
subtitle = "In other words"
columns = ["any_adverse_event"]
[[section]]
kind = "primary"
title = "Pain"
models = ["pain_intensity"]
curve = [0, 40, 10]
[section.labels]
pain_intensity = "Primary"
[[section]]
kind = "harms"
title = "Harms"
models = ["any_adverse_event"]
"""


def in_other_words(content: bytes) -> bytes:
    for old, new in _WORDS:
        for way in (str, str.capitalize, str.upper):
            content = content.replace(way(old).encode(), way(new).encode())
    return content


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("renamed")
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in (paths.data(), paths.models()):
        shutil.copytree(folder, home / folder.name, ignore=ignored)
    (home / "reports").mkdir()
    shutil.copy(paths.reports() / "evidence.toml", home / "reports")
    for file in home.rglob("*"):
        if file.is_file():
            file.write_bytes(in_other_words(file.read_bytes()))
    raw = home / "data" / "raw"
    files = [f for f in sorted(raw.iterdir()) if f.suffix == ".csv"]
    sums = "".join(f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in files)
    (raw / "checksums.txt").write_text(sums, encoding="utf-8")
    return home


def test_other_words_pass_the_check(run, renamed):
    done = run("check", home=renamed)
    assert done.returncode == 0, done.stderr
    assert "the tables are what they make" in done.stdout


def test_other_words_give_the_same_probability(renamed):
    asked = {"timepoint": "immediate", "at_least": 10}
    own = nmda.fit(
        spec := nmda.load_model("pain_intensity"),
        nmda.effect_table(nmda.load_trials(), spec),
        engine="exact",
    )
    other = nmda.project(renamed).posterior("pain_intensity")
    first = nmda.prob_benefit(own, drug="ketamine", route="intravenous", **asked)
    second = nmda.prob_benefit(other, drug="lidocaine", route="infused", **asked)
    assert float(first) == float(second)
    assert in_other_words(first.sentence.encode()).decode() == second.sentence


@pytest.mark.slow
def test_other_words_build_the_report(run, renamed):
    (renamed / "reports" / "small.toml").write_text(_SMALL, encoding="utf-8")
    done = run("report", "small", home=renamed)
    assert done.returncode == 0, done.stderr
    page = (renamed / "reports" / "latest" / "index.html").read_text(encoding="utf-8")
    assert "Lidocaine, infused" in page
    assert "ketamine" not in page.lower()
    assert "intravenous" not in page.lower()
