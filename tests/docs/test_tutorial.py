"""The tutorial has its outputs, and runs from top to bottom."""

import re

import nbformat
import pytest

import bayes_nmda as nmda

IV = {"drug": "ketamine", "route": "intravenous", "timepoint": "immediate"}


@pytest.fixture
def notebook(run_tutorial):
    return nbformat.read(run_tutorial.TUTORIAL, as_version=4)


def _text(notebook):
    return "\n".join(
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )


def test_the_committed_notebook_was_run_from_top_to_bottom(notebook):
    counts = [cell["execution_count"] for cell in notebook.cells if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_its_outputs_hold_no_warning_no_path_and_few_bytes(run_tutorial, notebook):
    assert run_tutorial.complaints(notebook) == []
    assert "Warning" not in _text(notebook)


def test_a_warning_and_a_path_in_an_output_are_found(run_tutorial):
    cell = nbformat.v4.new_code_cell("1", id="cell")
    cell["outputs"] = [
        nbformat.v4.new_output("stream", name="stderr", text="UserWarning: no"),
        nbformat.v4.new_output("stream", name="stdout", text=f"{run_tutorial.TUTORIAL}"),
    ]
    found = run_tutorial.complaints(nbformat.v4.new_notebook(cells=[cell]))
    assert [words.split(":")[0] for words in found] == [
        "cell",
        "a path of this machine is in an output",
    ]


def test_its_probability_is_that_of_the_posterior(notebook):
    # the notebook samples by NUTS and prints the error; the posterior is exact
    row = nmda.prob_benefit(nmda.posterior("pain_intensity"), **IV, at_least=10).records[0]
    printed = re.search(r"10\.000\s+(0\.\d+)\s+(0\.\d+)", _text(notebook))
    probability, error = map(float, printed.groups())
    # half of the last digit of both, and four standard errors
    allowed = 0.0005 + 4 * (error + 0.0005)
    assert abs(probability - row["probability"]) <= allowed
    assert f"is {100 * probability:.0f} %" in _text(notebook)


@pytest.mark.slow
def test_it_runs_from_top_to_bottom_without_a_warning(run_tutorial):
    assert run_tutorial.complaints(run_tutorial.execute()) == []
