"""One JSON document a command, errors included, all of one schema; and which project is asked."""

import json

import pytest
from jsonschema import Draft202012Validator

from bayes_nmda import paths
from bayes_nmda.cli.main import _parts


@pytest.fixture(scope="module")
def schema(request):
    path = request.config.rootpath / "docs" / "answer.schema.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "benefit", "small"],
        ["ask", "effect", "small", "--drug", "ketamine"],
        ["ask", "heterogeneity", "small"],
        ["ask", "shrinkage", "small"],
        ["ask", "rank", "small"],
        ["ask", "evidence"],
        ["status"],
        ["multiverse", "small", "--jobs", "1"],
        ["multiverse", "bogus"],
        ["ask", "benefit", "small", "--drug", "ketamin"],
        ["ask", "benefit", "bogus"],
        ["ask", "benefit"],
        ["bogus"],
        ["report", "bogus"],
        ["fit", "bogus"],
        ["check", "--project", "nowhere"],
    ],
)
def test_every_command_prints_a_document_of_the_schema(run, schema, arguments):
    done = run(*arguments, "--json")
    document = json.loads(done.stdout)
    schema.validate(document)
    assert ("error" in document) == (done.returncode != 0)


def test_the_parts_of_an_error_are_those_of_its_message():
    parts = _parts("outcomes.csv, row 3, sd: found '0'; allowed is a number above 0. Correct it.")
    assert parts == {
        "where": "outcomes.csv, row 3, sd",
        "found": "'0'",
        "allowed": "a number above 0",
        "do": "Correct it",
        "message": "outcomes.csv, row 3, sd: found '0'; allowed is a number above 0. Correct it.",
    }
    assert _parts("the disk is full")["where"] is None


@pytest.mark.parametrize("words", [["--project", "{}"], ["--project={}"]])
def test_a_project_is_chosen_for_one_command(run, stored_home, monkeypatch, tmp_path, words):
    elsewhere = tmp_path / "nothing"
    monkeypatch.setenv(paths.HOME_VARIABLE, str(elsewhere))
    given = [word.format(stored_home) for word in words]
    done = run("ask", "benefit", "small", *given, "--at-least", "10", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"] == "small"


def test_a_folder_that_is_no_project_is_refused(run, tmp_path):
    done = run("check", "--project", str(tmp_path))
    assert done.returncode == 2
    assert "lacks data and models/" in done.stderr
