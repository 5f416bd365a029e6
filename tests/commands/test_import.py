"""Import and export from the command line: what is printed, exit codes, one document."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from bayes_nmda import paths
from tests.importing.conftest import HEADER, counted, measured


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "CD000001-data-rows.csv"
    rows = [
        measured("Alder", (48.7, 10.8, 20), (55.2, 10.5, 20), printed="-6.5,-13.101472,0.101472"),
        measured("Birch", (36.0, 0, 20), (29.0, 19.0, 20)),
        counted("Alder", 4, 20, 2, 20, analysis="1,2", name="Any adverse event", printed="9,8,10"),
    ]
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def test_the_document_accounts_for_every_row_and_effect(run, file, tmp_path):
    done = run("import", "cochrane", file, "--project", tmp_path / "mine", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert (found["rows"], found["used"], len(found["set_aside"])) == (3, 2, 1)
    assert found["set_aside"][0]["row"] == 3
    assert found["set_aside"][0]["reason"] == "an arm has a standard deviation of 0"
    assert (found["effects_printed"], found["effects_reproduced"]) == (2, 1)
    assert [one["row"] for one in found["not_reproduced"]] == [4]
    assert [one["row"] for one in found["effects_blank"]] == [3]
    schema = json.loads((paths.shipped() / "docs/answer.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(found, schema)


def test_a_person_reads_what_to_settle_and_what_comes_next(run, file, tmp_path):
    done = run("import", "cochrane", file, "--project", tmp_path / "mine")
    assert done.returncode == 0
    assert "2 of 3 rows used, 1 set aside; 1 of 2 printed effects come out again" in done.stdout
    assert "comparison 1: treatment, proposed 'treatment'" in done.stdout
    assert "next: bayes-nmda check --project" in done.stdout
    assert run("check", "--project", tmp_path / "mine").returncode == 0


def test_a_second_import_needs_no_file(run, file, tmp_path):
    run("import", "cochrane", file, "--project", tmp_path / "mine")
    done = run("import", "cochrane", "--project", tmp_path / "mine", "--json")
    assert json.loads(done.stdout)["used"] == 2


def test_tables_are_imported_with_what_they_do_not_say(run, tmp_path):
    path = tmp_path / "deaths.csv"
    path.write_text("study,yi,sei\nAlder,-0.6,0.3\nBirch,-0.2,0.25\n", encoding="utf-8")
    options = ("--outcome", "deaths", "--measure", "log_or", "--project", tmp_path / "mine")
    assert run("import", "table", path, *options).returncode == 0
    done = run("ask", "effect", "deaths", "--project", tmp_path / "mine", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["rows"][0]["trials"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("cochrane", "FILE"), 2, "found no --project"),
        (("cochrane", "nothing.csv", "--project", "OUT"), 2, "found no file or folder"),
        (("cochrane", "--project", "OUT"), 2, "found no file and no project that was imported"),
        (("table", "FILE", "--project", "OUT"), 2, "none names the trial"),
    ],
)
def test_what_is_missing_is_named(run, tmp_path, file, arguments, code, message):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    given = {"FILE": tmp_path / "x.csv", "OUT": tmp_path / "mine"}
    done = run("import", *(given.get(word, word) for word in arguments))
    assert done.returncode == code
    assert message in done.stderr


def test_a_bad_file_ends_with_the_code_of_data(run, tmp_path):
    path = tmp_path / "a-data-rows.csv"
    path.write_bytes(b"\xff\xfe")
    done = run("import", "cochrane", path, "--project", tmp_path / "mine", "--json")
    assert done.returncode == 10
    assert json.loads(done.stdout)["error"]["code"] == 10
    assert not (tmp_path / "mine").exists()


def test_a_project_goes_out_and_comes_back(run, file, tmp_path):
    run("import", "cochrane", file, "--project", tmp_path / "mine")
    done = run("export", tmp_path / "mine.zip", "--project", tmp_path / "mine")
    assert done.returncode == 0
    done = run("import", "package", tmp_path / "mine.zip", "--project", tmp_path / "back")
    assert done.returncode == 0
    assert run("check", "--project", tmp_path / "back").returncode == 0
    assert (tmp_path / "back/data/outcomes.csv").read_bytes() == (
        tmp_path / "mine/data/outcomes.csv"
    ).read_bytes()
