"""``bayes-nmda classical`` from outside."""

import json


def test_the_review_s_number_stands_beside_the_posterior(run):
    done = run("classical", "small", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    mine = {row["method"]: row for row in rows if row["cell"] == "ketamine/intravenous/immediate"}
    assert round(mine["DerSimonian-Laird"]["estimate"], 2) == -15.79  # as printed
    assert -20 < mine["posterior"]["estimate"] < -5
    text = run("classical", "small", "--level", "0.8")
    assert "80 % intervals" in text.stdout
    assert "Hartung-Knapp" in text.stdout


def test_a_measure_of_counts_is_none_of_differences(run):
    done = run("classical", "small", "--measure", "RR")
    assert done.returncode == 2
    assert "this is MD" in done.stderr
