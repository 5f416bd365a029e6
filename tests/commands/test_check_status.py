import json
import shutil

import pytest

from bayes_nmda import paths
from bayes_nmda.report.definition import load_definition
from bayes_nmda.report.provenance import sha256, versions
from bayes_nmda.report.staleness import SCHEMA_VERSION, code, inputs


def test_check_lists_what_is_valid_and_writes_nothing(run, stored_home):
    before = {path: path.stat().st_mtime_ns for path in stored_home.rglob("*")}
    done = run("check", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert all(row["valid"] for row in rows)
    assert {"data", "raw files", "analyses of the review", "model small"} <= {
        row["what"] for row in rows
    }
    assert {path: path.stat().st_mtime_ns for path in stored_home.rglob("*")} == before


def test_check_finds_tables_that_are_not_what_the_raw_files_make(run, stored_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(stored_home, home)
    table = home / "data" / "trials.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("Netherlands", "Holland"), "utf-8")
    done = run("check", home=home)
    assert done.returncode == 10
    assert "trials.csv" in done.stderr


def test_check_says_what_somebody_added_and_what_is_odd_about_it(run, stored_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(stored_home, home)
    for name in ("trials", "arms", "outcomes"):
        file = home / "data" / f"{name}.csv"
        text = file.read_text(encoding="utf-8")
        rows = [row for row in text.splitlines() if "sigtermans2009" in row]
        again = "\n".join(rows).replace("sigtermans2009", "mine2026")
        file.write_text(text + again.replace("Sigtermans 2009", "Mine 2026") + "\n", "utf-8")
    done = run("check", "--json", home=home)
    assert done.returncode == 0, done.stderr
    rows = {row["what"]: row["found"] for row in json.loads(done.stdout)["rows"]}
    assert "that somebody added" in rows["raw files"]
    assert "Sigtermans 2009 and Mine 2026" in rows["warning same_numbers"]
    assert "confirm it in decisions.csv" in rows["warning same_trial"]


def test_check_finds_a_report_definition_that_breaks_a_rule(run, stored_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(stored_home, home)
    (home / "reports" / "other.toml").write_text('colour = "blue"\n', encoding="utf-8")
    done = run("check", home=home)
    assert done.returncode == 14
    assert "other.toml" in done.stderr


def test_status_says_what_is_missing_and_why_and_runs_nothing(run, stored_home):
    done = run("status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    rows = {row["what"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows["model small"]["state"] == "fresh"
    assert rows["model pain_intensity"]["state"] == "missing"
    assert "bayes-nmda fit pain_intensity" in rows["model pain_intensity"]["why"]


def test_status_names_the_command_that_mends_each_row(run, stored_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(stored_home, home)
    for name in ("evidence", "mine"):
        shutil.copy(paths.reports() / "evidence.toml", home / "reports" / f"{name}.toml")
    rows = json.loads(run("status", "--json", home=home).stdout)["rows"]
    why = {row["what"]: row["why"] for row in rows if row["state"] == "missing"}
    commands = {what: text.partition("run ")[2] for what, text in why.items()}
    models = {what: f"`bayes-nmda fit {what.removeprefix('model ')}`" for what in why}
    models["report evidence"] = "`bayes-nmda report`"
    models["report mine"] = "`bayes-nmda report mine`"
    assert "model pain_intensity_with_abstracts" in commands
    assert commands == models


def test_status_takes_the_last_good_report_of_another_definition_for_no_report(
    run, stored_home, tmp_path
):
    home = tmp_path / "home"
    shutil.copytree(stored_home, home)
    shutil.copy(paths.reports() / "evidence.toml", home / "reports" / "mine.toml")
    (home / "reports" / "latest").mkdir()
    (home / "reports" / "latest" / "manifest.json").write_text('{"report": "evidence"}', "utf-8")
    rows = json.loads(run("status", "--json", home=home).stdout)["rows"]
    row = next(row for row in rows if row["what"] == "report mine")
    assert row["state"] == "missing"
    assert "the last good report is 'evidence'; run `bayes-nmda report mine`" in row["why"]


def test_status_says_of_a_report_what_a_build_would_find(run, stored_home, tmp_path):
    """A report needs no stored fit to be that of today's files."""
    home = tmp_path / "home"
    shutil.copytree(stored_home, home)
    shutil.copy(paths.reports() / "evidence.toml", home / "reports")
    report = {"what": "report evidence"}
    for state, change in (("missing", None), ("fresh", "build"), ("stale", "edit")):
        if change == "build":
            (home / "reports" / "latest").mkdir()
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(paths.HOME_VARIABLE, str(home))
                parts = {
                    "inputs": inputs(load_definition("evidence")),
                    "code": code(),
                    "versions": versions(),
                }
            manifest = {"schema_version": SCHEMA_VERSION, "report": "evidence", **parts}
            page = home / "reports" / "latest" / "index.html"
            page.write_text("told", encoding="utf-8")
            manifest["files"] = {page.name: sha256(page.read_bytes())}
            (home / "reports" / "latest" / "manifest.json").write_text(
                json.dumps(manifest), encoding="utf-8"
            )
        elif change == "edit":
            path = home / "models" / "nausea.toml"
            path.write_text(path.read_text("utf-8") + "# a remark\n", encoding="utf-8")
        rows = json.loads(run("status", "--json", home=home).stdout)["rows"]
        report = next(row for row in rows if row["what"] == "report evidence")
        assert report["state"] == state, report
    assert "models/nausea.toml changed" in report["why"]
    assert "run `bayes-nmda report`" in report["why"]
