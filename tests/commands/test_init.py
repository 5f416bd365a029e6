"""A project that somebody starts from, asked by the command line and as a value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bayes_nmda as nmda
from bayes_nmda.errors import UsageError


@pytest.fixture
def example(run, tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    done = run("init", folder)
    assert done.returncode == 0
    assert "next: bayes-nmda check --project" in done.stdout
    return folder


def test_a_new_project_passes_its_check_and_says_that_it_is_invented(run, example):
    done = run("check", "--json", home=example)
    assert done.returncode == 0
    found = {row["what"]: row["found"] for row in json.loads(done.stdout)["rows"]}
    assert found["data"] == "3 trials, 12 outcome records"
    assert found["report example"] == "tells 2 models"
    for name in ("trials", "arms", "outcomes"):
        rows = (example / "data" / f"{name}.csv").read_text(encoding="utf-8").splitlines()[1:]
        assert all("invented as an example; replace" in row for row in rows)


def test_a_new_project_answers_in_its_own_words(example):
    mine = nmda.project(example)
    assert mine.model_names == ["nausea", "pain"]
    assert mine.vocabulary.treatments == ("examplamide", "placeholdine")
    assert mine.load_model("pain").select.outcome == "pain"
    assert len(mine.trials.trials) == 3
    answer = nmda.prob_benefit(mine.posterior("pain"), drug="examplamide", at_least=10)
    assert "oral examplamide lowers pain by at least 10 points" in answer.sentence
    assert "in the short term" in answer.sentence
    assert 0.05 < float(answer) < 0.3
    assert nmda.load_trials().path != mine.trials.path


def test_one_project_leaves_the_other_as_it_is(example):
    names = nmda.model_names()
    assert nmda.project(example).model_names != names
    assert nmda.model_names() == names
    spec, effects = (mine := nmda.project(example)).load_model("pain"), None
    effects = nmda.effect_table(mine.trials, spec)
    assert set(effects.frame["cell"]) == {"examplamide/oral/short", "placeholdine/oral/short"}


def test_a_folder_with_something_in_it_is_left_alone(run, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep", encoding="utf-8")
    done = run("init", tmp_path / "mine")
    assert done.returncode == 2
    assert "which is not empty; allowed is a new or an empty folder" in done.stderr
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="lacks data and models/; allowed is a folder"):
        nmda.project(tmp_path)


@pytest.mark.slow
def test_a_new_project_reports_at_once(run, example):
    done = run("report", home=example)
    assert done.returncode == 0, done.stderr
    page = (example / "reports" / "latest" / "index.html").read_text(encoding="utf-8")
    assert "Three invented trials: replace them" in page
    assert "Every number on this page is invented." in page
    assert "the review’s own method" not in page
