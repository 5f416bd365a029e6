import json
import shutil

import pytest

import bayes_nmda as nmda
from bayes_nmda import paths

IMMEDIATE = ("--drug", "ketamine", "--route", "intravenous", "--timepoint", "immediate")


@pytest.mark.parametrize(
    ("command", "query"),
    [
        (("benefit",), nmda.prob_benefit),
        (("harm", "--target", "new_trial"), lambda tree: nmda.prob_harm(tree, target="new_trial")),
        (("effect",), nmda.effect),
        (("new-trial",), nmda.new_trial),
        (("heterogeneity",), nmda.heterogeneity),
        (("shrinkage",), nmda.shrinkage),
        (("rank", "--timepoint", "short"), lambda tree: nmda.rank(tree, timepoint="short")),
    ],
)
def test_a_command_and_its_function_give_the_same_document(
    run, stored_home, monkeypatch, command, query
):
    done = run("ask", command[0], "small", *command[1:], "--json")
    assert (done.returncode, done.stderr) == (0, "")
    monkeypatch.setenv(paths.HOME_VARIABLE, str(stored_home))
    assert json.loads(done.stdout) == query(nmda.posterior("small")).to_dict()


def test_one_answer_is_a_sentence_and_a_table(run_outside):
    done = run_outside("ask", "benefit", "small", *IMMEDIATE, "--at-least", 10)
    sentence, _, header, row = done.stdout.splitlines()
    assert sentence.startswith("The probability that intravenous ketamine lowers pain by at least")
    assert header.startswith("drug")
    assert row.startswith("ketamine")


def test_options_may_be_repeated(run):
    done = run(
        *("ask", "benefit", "small", "--drug", "ketamine", "--drug", "memantine"),
        *("--at-least", 5, "--at-least", 10, "--json"),
    )
    assert len(json.loads(done.stdout)["rows"]) == 3 * 2


def test_cells_are_compared_by_their_labels(run):
    done = run(
        *("ask", "compare", "small", "--first", "ketamine/intravenous/immediate"),
        *("--second", "memantine/oral", "--at-least", 5, "--json"),
    )
    row = json.loads(done.stdout)["rows"][0]
    assert (row["first"], row["second"]) == (
        "ketamine/intravenous/immediate",
        "memantine/oral/short",
    )


def test_the_evidence_map_needs_no_model(run):
    done = run("ask", "evidence-map", "--drug", "ketamine", "--outcome", "opioid_use", "--json")
    assert {row["trials"] for row in json.loads(done.stdout)["rows"]} == {0}


def test_asking_imports_nothing_heavy(run_outside):
    done = run_outside("ask", "benefit", "small", "--json", python=("-X", "importtime"))
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "h5py" in imported
    assert imported.isdisjoint({"pandas", "xarray", "scipy", "arviz_stats", "pymc", "pandera"})


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["exact", "auto"])
def test_an_exact_fit_is_stored_once_and_answers_where_there_is_no_other(
    run, run_outside, stored_home, tmp_path, engine
):
    home = tmp_path / "home"
    shutil.copytree(stored_home, home)
    fit = ("fit", "pain_intensity_weak", "--engine", engine)
    done = run(*fit, home=home)
    assert (done.returncode, done.stdout.count("stored as")) == (0, 1)
    again = run(*fit, home=home)
    assert (again.returncode, again.stdout) == (0, "")
    assert "nothing to do" in again.stderr
    asked = ("ask", "benefit", "pain_intensity_weak", *IMMEDIATE, "--at-least", 10, "--json")
    done = run_outside(*asked, home=home, python=("-X", "importtime"))
    answer = json.loads(done.stdout)
    assert answer["engine"] == "exact"
    assert 0 < answer["rows"][0]["mcse"] < 0.005
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert imported.isdisjoint({"pandas", "xarray", "scipy", "arviz_stats", "pymc", "pandera"})
