"""``bayes-nmda add trial``: rows at the end of the tables, or nothing."""

import json
import os
import shutil
import subprocess

import pandas as pd
import pytest

from bayes_nmda import paths
from bayes_nmda.cli import add
from bayes_nmda.data import load_trials
from bayes_nmda.data.vocabulary import Vocabulary
from bayes_nmda.effects import effect_table
from bayes_nmda.errors import DataError
from bayes_nmda.gates import fit
from bayes_nmda.query import effect
from bayes_nmda.spec import load_model

HEAD = (
    "trial,label,citation,year,doi,design,n_randomised,rob_randomisation,source,locator,drug,route,"
    "outcome,timepoint,instrument,mean_t,sd_t,n_t,mean_c,sd_c,n_c,events_t,events_c\n"
)
PAIN = (
    'doe2026,Doe 2026,"Doe J. J Pain 2026;1:1",2026,10.1000/x,parallel,60,low,'
    "https://example.org/doe,Table 2,ketamine,intravenous,pain_intensity,immediate,"
    "pain scale rescaled to 0-100,31.5,22.0,30,47.0,24.5,30,,\n"
)
HARM = (
    'doe2026,Doe 2026,"Doe J. J Pain 2026;1:1",2026,10.1000/x,parallel,60,low,'
    "https://example.org/doe,Table 3,ketamine,intravenous,any_adverse_event,,"
    ",,,30,,,30,14,6\n"
)
TABLES = ("trials.csv", "arms.csv", "outcomes.csv")


@pytest.fixture
def home(stored_home, tmp_path):
    copy = tmp_path / "home"
    shutil.copytree(stored_home, copy)
    return copy


@pytest.fixture
def row(tmp_path):
    def write(text, name="row.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8"))
        return path

    return write


def contents(home):
    return {name: (home / "data" / name).read_bytes() for name in TABLES}


def test_a_trial_stands_at_the_end_and_nothing_else_changes(run, home, row):
    before = contents(home)
    done = run("add", "trial", "--from", row(HEAD + PAIN + HARM), "--json", home=home)
    assert done.returncode == 0, done.stderr
    (told,) = json.loads(done.stdout)["rows"]
    assert told["rows"] == {"trials.csv": 1, "arms.csv": 2, "outcomes.csv": 4}
    assert {"pain_intensity", "any_adverse_event"} <= set(told["stale"])
    assert "nausea" not in told["stale"]
    after = contents(home)
    for name in TABLES:
        assert after[name].startswith(before[name])
        assert after[name][len(before[name]) :].count(b"\n") == told["rows"][name]
    assert sorted(path.name for path in (home / "data").iterdir()) == sorted(
        path.name for path in paths.data().iterdir()
    )
    rows = json.loads(run("check", "--json", home=home).stdout)["rows"]
    assert any("7 rows that somebody added" in row["found"] for row in rows)


def test_status_says_what_it_makes_stale(run, home, row):
    rows = json.loads(run("status", "--json", home=home).stdout)["rows"]
    assert next(r["state"] for r in rows if r["what"] == "model small") == "fresh"
    assert run("add", "trial", "--from", row(HEAD + PAIN), home=home).returncode == 0
    rows = json.loads(run("status", "--json", home=home).stdout)["rows"]
    found = next(r for r in rows if r["what"] == "model small")
    assert found["state"] == "stale"
    assert "outcomes.csv" in found["why"] or "rows" in found["why"]


def test_git_undoes_it(run, home, row):
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", "-C", str(home)]
    for words in (["init", "-q"], ["add", "data"], ["commit", "-qm", "before"]):
        subprocess.run([*git, *words], check=True, env=env)
    before = contents(home)
    assert run("add", "trial", "--from", row(HEAD + PAIN), home=home).returncode == 0
    assert contents(home) != before
    subprocess.run([*git, "checkout", "-q", "data"], check=True, env=env)
    assert contents(home) == before


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (HEAD, 10, "found no row"),
        (HEAD + PAIN.replace(",22.0,", ",0,"), 10, "sd"),
        (HEAD + PAIN.replace("ketamine", "ketamin"), 10, "ketamin"),
        (HEAD + PAIN.replace("https://example.org/doe", ""), 10, "source"),
        (HEAD + PAIN.replace("doe2026", "sigtermans2009"), 10, "already"),
        (HEAD + HARM.replace(",14,6", ",31,6"), 10, "events"),
        (HEAD + PAIN + HARM.replace("2026,10", "2025,10"), 10, "another year"),
        (HEAD + PAIN + PAIN.replace("31.5", "30.5"), 10, "two results"),
        (HEAD.replace("instrument", "colour") + PAIN, 2, "colour"),
        (HEAD + PAIN.replace("Doe 2026", "Doe 2026, second"), 10, "number of values"),
        (HEAD + PAIN.replace("Doe 2026", "Doe\u202e2026"), 10, "row.csv"),
        (HEAD + PAIN.replace("Doe 2026", "x" * 1_100_000), 10, "bytes"),
        (HEAD + PAIN.replace("pain scale rescaled to 0-100", "x\0"), 10, "row.csv"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(run, home, row, text, code, words):
    before = contents(home)
    done = run("add", "trial", "--from", row(text), home=home)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert contents(home) == before


def test_an_outcome_whose_instruments_differ_needs_its_direction():
    given = {"trial": "doe2026", "drug": "x", "outcome": "score", "mean_t": "1", "mean_c": "2"}
    given |= {"n_t": "10", "n_c": "10", "source": "s", "comparator": "y"}
    with pytest.raises(DataError, match="found no higher_is_better"):
        list(add._sides(given, Vocabulary()))
    sides = list(add._sides(given | {"higher_is_better": "true"}, Vocabulary()))
    assert [record["higher_is_better"] for _, record in sides] == ["true", "true"]


def test_tables_that_cannot_be_written_stay_as_they_were(run, home, row, monkeypatch):
    before = contents(home)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(add.os, "replace", full)
    done = run("add", "trial", "--from", row(HEAD + PAIN), home=home)
    assert done.returncode == 14
    assert "No space left" in done.stderr
    assert contents(home) == before
    assert not list((home / "data").glob(".*"))


def test_a_terminal_asks_for_one_value_after_the_other(home, monkeypatch):
    monkeypatch.setenv(paths.HOME_VARIABLE, str(home))
    answers = {
        "key": "doe2026", "as a reader": "Doe 2026", "where the numbers": "https://example.org/doe",
        "drug": "ketamine", "route": "oral", "outcome": "nausea", "events with the drug": "5",
        "n with the drug": "30", "events without": "2", "n without": "31", "another": "n",
    }  # fmt: skip
    asked = []

    def ask(words):
        asked.append(words)
        return next((value for start, value in answers.items() if words.startswith(start)), "")

    found = add.add_trial(None, ask=ask)
    assert found.rows == {"trials.csv": 1, "arms.csv": 2, "outcomes.csv": 2}
    assert "nausea" in found.stale
    assert not any(words.startswith("mean") for words in asked)


def test_without_a_file_and_a_terminal_it_says_what_to_give(run, home):
    done = run("add", "trial", home=home)
    assert done.returncode == 2
    assert "--from" in done.stderr


REPORT = """
title = "Pain alone"
subtitle = "The shipped project"

[[section]]
kind = "primary"
title = "Pain"
models = ["pain_intensity"]
curve = [0, 40, 20]
[section.labels]
pain_intensity = "Primary"
"""


@pytest.mark.slow
def test_the_report_changes_with_an_added_trial_and_goes_back_without_it(run, row, tmp_path):
    home = tmp_path / "home"
    for name in ("data", "models"):
        shutil.copytree(paths.shipped() / name, home / name)
    (home / "reports").mkdir()
    (home / "reports" / "pain.toml").write_text(REPORT, encoding="utf-8")
    page = home / "reports" / "latest"

    def effects():
        table = pd.read_csv(page / "tables" / "effect.csv", keep_default_na=False)
        return table.set_index(["drug", "route", "timepoint"])

    def stale():
        rows = json.loads(run("status", "--json", home=home).stdout)["rows"]
        return {one["what"] for one in rows if one["state"] == "stale"}

    assert run("report", home=home).returncode == 0
    before, tables = effects(), contents(home)
    assert stale() == set()

    assert run("add", "trial", "--from", row(HEAD + PAIN), home=home).returncode == 0
    assert {"model pain_intensity", "report pain"} <= stale()
    done = run("report", "--json", home=home)
    assert done.returncode == 0
    told = json.loads(done.stdout)["rows"][0]["changes"]
    where = "pain_intensity, ketamine/intravenous/immediate against placebo: "
    assert [
        text for text in told if text.startswith(f"{where}trials 3 → 4, participants 173 → 233")
    ]
    assert [text for text in told if "trials" in text] == [told[0]]
    after = effects()
    assert stale() == set()
    cell = ("ketamine", "intravenous", "immediate")
    grown = after["trials"] - before["trials"]
    assert grown[cell] == 1
    assert grown.drop(index=[cell]).eq(0).all()
    assert after.loc[cell, "participants"] == before.loc[cell, "participants"] + 60
    assert "Doe 2026" in (page / "index.html").read_text(encoding="utf-8")
    with paths.inside(home):  # the same numbers as the exact engine has for the same rows
        trials, spec = load_trials(), load_model("pain_intensity")
        exact = effect(fit(spec, effect_table(trials, spec), engine="exact"), drug="ketamine")
    for record in exact.records:
        told = after.loc[("ketamine", record["route"], record["timepoint"])]
        assert abs(told["estimate"] - record["estimate"]) < 5 * told["mcse"] + 0.05

    for name, text in tables.items():  # what git checkout does
        (home / "data" / name).write_bytes(text)
    assert run("report", home=home).returncode == 0
    pd.testing.assert_frame_equal(effects(), before)
    assert "Doe 2026" not in (page / "index.html").read_text(encoding="utf-8")
