"""``bayes-nmda cumulative`` from outside."""

import json

CELL = ["--drug", "ketamine", "--route", "intravenous"]


def test_it_says_what_was_known_in_each_year_and_draws_it(run, tmp_path):
    figure = tmp_path / "grown.svg"
    done = run("cumulative", "small", *CELL, "--at-least", "10", "--figure", figure)
    assert done.returncode == 0, done.stderr
    assert "benefit of 10 points or more" in done.stdout
    assert "2009" in figure.read_text(encoding="utf-8")
    rows = json.loads(run("cumulative", "small", *CELL, "--json").stdout)["rows"]
    assert {row["cell"].split("/")[1] for row in rows} == {"intravenous"}
    assert "Sigtermans 2009" in next(row["added"] for row in rows if row["until"] == 2009)
    last = [row for row in rows if row["cell"] == "ketamine/intravenous/immediate"][-1]
    assert last["trials"] == 3


def test_a_cell_without_evidence_is_refused(run):
    assert run("cumulative", "small", "--drug", "aspirin").returncode == 13
