"""``bayes-nmda multiverse`` from outside."""

import json


def test_it_prints_ranges_and_sentences_and_draws_the_curve(run, tmp_path):
    figure = tmp_path / "curve.svg"
    cell = ["--drug", "ketamine", "--route", "intravenous", "--timepoint", "immediate"]
    done = run("multiverse", "small", *cell, "--jobs", "1", "--figure", figure)
    assert done.returncode == 0, done.stderr
    assert "over 2 analyses" in done.stdout
    assert "lowest" in done.stdout
    assert "complete" in figure.read_text(encoding="utf-8")
    again = run("multiverse", "small", *cell, "--jobs", "1", "--json")
    (row,) = json.loads(again.stdout)["rows"]
    assert row["lowest"] < 0.05 < 0.3 < row["highest"]
    assert row["choices"][0]["option_lowest"] == "complete"


def test_a_figure_of_several_cells_is_refused_before_anything_is_written(run, tmp_path):
    figure = tmp_path / "curve.svg"
    done = run("multiverse", "small", "--jobs", "1", "--figure", figure)
    assert (done.returncode, figure.exists()) == (2, False)
    assert "allowed is one" in done.stderr
    lost = run("multiverse", "small", "--drug", "amantadine", "--jobs", "1", "--figure",
               tmp_path / "nowhere" / "curve.svg")  # fmt: skip
    assert lost.returncode == 14
    assert "nowhere" in lost.stderr
