"""What each published report said, what changed since, and which change moved what."""

import json
import re
import shutil
import subprocess

import pytest

from bayes_nmda import paths
from bayes_nmda.data import load_trials
from bayes_nmda.effects import effect_table
from bayes_nmda.errors import ReportError
from bayes_nmda.report import build_report, history, staleness
from bayes_nmda.report.definition import load_definition
from bayes_nmda.report.staleness import read_manifest
from bayes_nmda.spec.spec import load_model

TABLE = (
    "drug,route,outcome,comparator,timepoint,trials,participants,effect,effect_lower,effect_mcse,"
    "prob_benefit_10,prob_benefit_10_mcse,prob_benefit_10_prior,flags\n"
    "ketamine,oral,pain,placebo,short,3,170,-8.7,-12,0.06,0.37,0.006,0.2,digitised\n"
)


def entry(key, *, day="2026-01-01", table=TABLE, commit=""):
    manifest = {
        "report": "small", "version": "1", "key": key, "commit": commit,
        "inputs": {"data/trials.csv": "a" * 64, "templates/style.css": "b" * 64},
        "code": {"x.py": "c"}, "versions": {"numpy": "2.3.1"},
    }  # fmt: skip
    return history.entry_of(manifest, table, day, ["it began"])


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path))
    return tmp_path


def test_an_entry_comes_back_as_it_was_kept(project):
    one = entry("k1")
    path = history.keep(one)
    assert history.entries("small") == [one]
    assert path.stat().st_size < 4000
    assert one.rows["pain", "ketamine", "oral", "short", "placebo"]["prob_benefit_10"] == "0.37"
    assert "effect_lower" not in one.summary
    assert [*one.inputs] == ["data/trials.csv"]


def test_the_same_report_is_kept_once_and_two_of_a_day_in_order(project):
    assert history.keep(entry("k1")) is not None
    assert history.keep(entry("k1")) is None
    history.keep(entry("k0"))
    assert [one.key for one in history.entries("small")] == ["k1", "k0"]
    assert history.entries("other") == []


def test_old_reports_give_way(project, monkeypatch):
    monkeypatch.setattr(history, "RETAINED", 3)
    for number in range(5):
        history.keep(entry(f"k{number}"))
    assert [one.key for one in history.entries("small")] == ["k2", "k3", "k4"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": 1}', "\x00"])
def test_a_damaged_entry_is_named_with_what_to_do(project, text):
    path = history.keep(entry("k1"))
    path.write_text(text, "utf-8")
    with pytest.raises(ReportError, match=rf"{path.name}.*git checkout"):
        history.entries("small")


def test_a_disk_that_refuses_leaves_no_half_entry(project):
    history.folder().parent.mkdir(parents=True, exist_ok=True)
    history.folder().write_text("in the way", "utf-8")
    with pytest.raises(ReportError, match="The report is published"):
        history.keep(entry("k1"))


def test_a_build_is_kept_and_the_next_tells_what_changed(home):
    first = history.entries("quick")
    assert len(first) == 1
    assert first[0].said == ("No report was published before this one.",)
    model = home / "models" / "quick.toml"
    model.write_text(model.read_text("utf-8").replace("few rows", "very few rows"), "utf-8")
    built = build_report("quick")
    assert "models/quick.toml" in built.said[0]
    assert built.said[1] == "No headline number moved by more than its Monte Carlo error allows."
    assert "it names no commit" in built.said[-1]
    second = history.entries("quick")
    assert [one.key for one in second] == [first[0].key, read_manifest(paths.latest())["key"]]
    page = (home / "reports" / "latest" / "index.html").read_text("utf-8")
    assert "Since " in page
    assert 'id="history-headline"' in page
    again = build_report("quick", force=True)
    assert (home / "reports" / "latest" / "index.html").read_text("utf-8") == page
    assert again.said == built.said
    assert len(history.entries("quick")) == 2


def test_each_change_is_told_with_what_it_moves_by_itself(home):
    def git(*words):
        subprocess.run(
            ["git", "-C", str(home), "-c", "user.name=a", "-c", "user.email=a@example.org", *words],
            check=True, capture_output=True,
        )  # fmt: skip

    git("init", "-q")
    git("add", "data", "models", "reports/quick.toml")
    git("commit", "-qm", "all")
    shutil.rmtree(home / "reports" / "history")
    build_report("quick", force=True)
    definition = load_definition("quick")
    told = home / "reports" / "latest" / "tables" / "summary_of_findings.csv"
    summary = told.read_text("utf-8")
    used = effect_table(load_trials(), load_model("quick")).frame.iloc[0]
    table = home / "data" / "outcomes.csv"
    rows = table.read_text("utf-8").splitlines()
    arm = f"{used['trial_id']}:{used['treatment_arm']}:quality_of_life:{used['timepoint']},"
    place = next(n for n, row in enumerate(rows) if row.startswith(arm))
    fields = rows[place].split(",")
    assert fields[7] == "continuous"
    fields[8] = str(float(fields[8]) + 30)
    rows[place] = ",".join(fields)
    table.write_text("\n".join(rows) + "\n", "utf-8")
    model = home / "models" / "quick.toml"
    model.write_text(model.read_text("utf-8").replace("few rows", "very few rows"), "utf-8")
    said = history.told(definition, "another", staleness.inputs(definition), summary).sentences()
    alone = dict(line.split(" alone: ") for line in said if " alone: " in line)
    assert re.search(
        r"quality of life, .*, any benefit: [\d.]+ % → [\d.]+ %",
        alone["Data (outcomes.csv: 1 row new, 1 gone)"],
    )
    assert alone["Models/quick.toml"] == "no headline probability moves by half a per cent."


def test_the_record_of_a_build_has_its_log(home):
    built = build_report("quick", force=True)
    lines = built.log.read_text("utf-8").splitlines()
    assert lines[-1].startswith("published in ")
    assert any("checking models and data" in line for line in lines)
    (home / "models" / "quick.toml").write_text("nonsense", "utf-8")
    with pytest.raises(Exception, match=r"quick\.toml"):
        build_report("quick", force=True)


def test_the_shipped_history_is_of_reports_that_were_published():
    kept = history.entries("evidence")
    assert len(kept) > 10
    assert [one.date for one in kept] == sorted(one.date for one in kept)
    manifest = json.loads((paths.latest() / "manifest.json").read_text("utf-8"))
    assert kept[-1].key == manifest["key"]
