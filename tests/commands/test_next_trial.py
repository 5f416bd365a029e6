"""``bayes-nmda next-trial`` from outside."""

import json

CELL = ["--drug", "ketamine", "--route", "intravenous", "--timepoint", "immediate"]


def test_it_says_what_more_trials_would_tell_and_draws_it(run, tmp_path):
    figure = tmp_path / "trial.svg"
    done = run("next-trial", "small", *CELL, "--n", "60", "--n", "600", "--figure", figure)
    assert done.returncode == 0, done.stderr
    assert "With 60 people in one trial" in done.stdout
    assert "expected width" in done.stdout
    assert "people in each trial" in figure.read_text(encoding="utf-8")
    again = run("next-trial", "small", *CELL, "--n", "60", "--trials", "3", "--json")
    (row,) = json.loads(again.stdout)["rows"]
    assert (row["trials"], row["n"], row["direction"]) == (3, 60, "benefit")
    assert 0 <= row["assurance"] <= row["assurance_without_end"] + 0.05


def test_what_cannot_be_planned_is_refused(run, tmp_path):
    for words, code in (
        (["--drug", "aspirin"], 13),
        ([*CELL, "--n", "2"], 2),
        ([*CELL, "--control-risk", "0.1"], 2),
        ([*CELL, "--design-prior", "nothing"], 11),
        ([*CELL, "--figure", str(tmp_path / "nowhere" / "x.svg")], 14),
    ):
        done = run("next-trial", "small", *words)
        assert done.returncode == code, (words, done.stderr)


def test_a_design_prior_is_a_number_or_a_model(run):
    hopeful = run("next-trial", "small", *CELL, "--n", "200", "--design-prior=-40", "--json")
    same = run("next-trial", "small", *CELL, "--n", "200", "--design-prior", "small", "--json")
    usual = run("next-trial", "small", *CELL, "--n", "200", "--json")
    above = [json.loads(done.stdout)["rows"][0]["above"] for done in (hopeful, same, usual)]
    assert above[0] > above[1] == above[2]
