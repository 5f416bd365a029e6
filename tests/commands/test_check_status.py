import json
import shutil

from bayes_nmda import paths


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


def test_status_names_the_models_that_a_report_waits_for(run, stored_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(stored_home, home)
    shutil.copy(paths.reports() / "evidence.toml", home / "reports")
    reports = {}
    for built in (False, True):
        if built:
            (home / "reports" / "latest").mkdir()
            (home / "reports" / "latest" / "manifest.json").write_text("{}", encoding="utf-8")
        rows = json.loads(run("status", "--json", home=home).stdout)["rows"]
        reports[built] = next(row for row in rows if row["what"] == "report evidence")
    assert reports[False]["state"] == "missing"
    assert reports[True]["state"] == "stale"
    assert "model pain_intensity" in reports[True]["why"]
