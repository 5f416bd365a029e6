"""What goes wrong around the tool: files, disks, other processes. Each try ends with its code."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from bayes_nmda import paths
from bayes_nmda.cli import main as cli
from bayes_nmda.cli.init import start_project
from bayes_nmda.report import staleness
from bayes_nmda.report.provenance import sha256
from bayes_nmda.report.staleness import read_manifest, what_is_stale

HIDDEN = "\u202e"


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """Return the project that ``init`` writes."""
    folder = tmp_path_factory.mktemp("faults") / "example"
    start_project(folder)
    return folder


@pytest.fixture
def home(example, tmp_path):
    """Return a copy of it, free to be spoilt."""
    copy = tmp_path / "home"
    shutil.copytree(example, copy)
    return copy


def _empty_line(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace("\n", "\n\n", 1), "utf-8")


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _gone(path: Path) -> None:
    path.unlink()


def _nul(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\x00\n")


def _turned(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace("a", f"a{HIDDEN}", 1), "utf-8")


def _latin(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"# \xe9\n")


@pytest.mark.parametrize("spoil", [_as_folder, _gone, _nul, _turned, _latin, _empty_line])
@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("data/outcomes.csv", 10),
        ("data/trials.csv", 10),
        ("data/vocabulary.toml", 10),
        ("data/datapackage.json", 10),
        ("models/pain.toml", 11),
        ("models/schema.json", 11),
        ("reports/example.toml", 14),
    ],
)
def test_a_spoilt_file_is_named_with_its_exit_code(run, home, file, code, spoil):
    spoil(home / file)
    done = run("check", home=home)
    harmless = (spoil is _empty_line and not file.endswith(".csv")) or (
        spoil is _gone and file in ("data/vocabulary.toml", "reports/example.toml")
    )
    if harmless:  # TOML and JSON may have empty lines, a project may have no words and no report
        assert done.returncode == 0, done.stderr
        return
    if spoil is _gone and file == "models/pain.toml":
        code = 14  # the report names it
    assert done.returncode == code, done.stderr
    assert Path(file).name.removesuffix(".toml") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_list_of_checksums_is_named(run, stored_home, tmp_path):
    copy = tmp_path / "home"
    shutil.copytree(stored_home, copy)
    for spoil in (_as_folder, lambda path: path.rmdir()):
        spoil(copy / "data" / "raw" / "checksums.txt")
        done = run("check", home=copy)
        assert (done.returncode, "checksums.txt" in done.stderr) == (10, True), done.stderr


def test_many_bad_rows_are_counted_and_the_first_twenty_told(run, home):
    table = home / "data" / "outcomes.csv"
    rows = table.read_text("utf-8").splitlines()
    table.write_text("\n".join([*rows, *[rows[1]] * 20_000]) + "\n", "utf-8")
    done = run("check", home=home)
    assert done.returncode == 10
    assert len(done.stderr.splitlines()) == 1 + 22  # a line of progress, one that counts, …
    assert " more" in done.stderr.splitlines()[-1]
    assert len(done.stderr) < 10_000


@pytest.mark.parametrize("sd", ["1e-300", "1e-7", "1e7", "1e308", "0"])
def test_standard_deviations_beyond_sense_are_refused(run, home, sd):
    table = home / "data" / "outcomes.csv"
    table.write_text(table.read_text("utf-8").replace(",24.0,31,", f",{sd},31,"), "utf-8")
    done = run("check", home=home)
    assert done.returncode == 10
    assert "outcomes.csv, row 2, column sd" in done.stderr


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sampling.seed", 2**64),
        ("sampling.draws", 10**18),
        ("sampling.chains", 10**5),
        ("sampling.thin", 10**8),
        ("sampling.tune", 10**9),
        ("gates.r_hat_max", 1e9),
        ("gates.ess_min", 1),
        ("gates.divergences_max", 10**6),
        ("gates.e_bfmi_min", 1e-300),
        ("gates.predictive_p_min", 0.0),
        ("gates.engine_errors_max", 1e6),
        ("priors.tau.scale", 1e-300),
        ("covariance.timepoint_correlation", 10**400),
    ],
    ids=lambda part: part if isinstance(part, str) else f"{len(str(part))} signs",
)
def test_numbers_of_a_model_beyond_sense_are_refused(run, home, key, value):
    *table, name = key.split(".")
    words = [f'extends = "pain"\n[{".".join(table)}]\n{name} = {value}\n']
    if table[0] == "priors":
        words.append('distribution = "half_normal"\nsource = "here"\nreading = "there"\n')
    (home / "models" / "odd.toml").write_text("".join(words), "utf-8")
    done = run("check", home=home)
    assert done.returncode == 11, done.stderr
    assert key in done.stderr
    assert len(done.stderr) < 3000


def test_a_seed_and_draws_beyond_sense_are_refused_at_the_command_line(run, home):
    for option, value in (("--seed", 2**64), ("--draws", 10**18), ("--chains", 10**5)):
        done = run("fit", "pain", option, value, home=home)
        assert (done.returncode, f"fit: found {option[2:]}=" in done.stderr) == (2, True)


def test_files_that_extend_each_other_without_end_are_refused(run, home):
    for number in range(1500):
        base = f"link{number + 1}" if number < 1499 else "pain"
        (home / "models" / f"link{number}.toml").write_text(f'extends = "{base}"\n', "utf-8")
    done = run("ask", "benefit", "link0", home=home)
    assert done.returncode == 11
    assert "a chain of more than 10 files" in done.stderr


def test_a_loosened_gate_stands_with_every_answer(run, home):
    (home / "models" / "loose.toml").write_text(
        'extends = "pain"\n[gates]\nr_hat_max = 1.05\n', "utf-8"
    )
    done = run("ask", "benefit", "loose", "--json", home=home)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert "gates_failed" not in answer["rows"][0]["flags"]
    assert "NOT RELIABLE" not in answer["sentence"]
    assert answer["warnings"] == [
        "loosened gate: r_hat_max is 1.05 in the model file, 1.01 usually"
    ]
    assert json.loads(run("ask", "benefit", "pain", "--json", home=home).stdout)["warnings"] == []


@pytest.mark.parametrize(
    "content", ["[]", "null", "1", "", "{", '{"files": null}', '{"files": NaN}', '{"report": 1}']
)
def test_a_manifest_of_another_shape_is_no_last_good_report(run, home, content):
    latest = home / "reports" / "latest"
    latest.mkdir()
    (latest / "manifest.json").write_text(content, "utf-8")
    done = run("status", "--json", home=home)
    assert done.returncode == 0, done.stderr
    (row,) = [row for row in json.loads(done.stdout)["rows"] if row["what"] == "report example"]
    assert row["state"] == "missing"
    assert run("ask", "benefit", "pain", home=home).returncode == 0


def test_a_reader_during_publishing_sees_one_report_whole(built_folder, monkeypatch):
    """Between manifest and files another report is published: nothing good is called spoilt."""
    home, other = built_folder
    monkeypatch.setenv(paths.HOME_VARIABLE, str(home))
    latest, once = home / "reports" / "latest", []
    real = staleness.corrupt

    def corrupt(folder, manifest):
        if not once:
            once.append(shutil.rmtree(latest))
            shutil.copytree(other, latest)
        return real(folder, manifest)

    monkeypatch.setattr(staleness, "corrupt", corrupt)
    assert not [why for why in what_is_stale("example") if "not the file" in why]


def test_a_manifest_that_is_not_equal_to_itself_ends_the_look(built_folder, monkeypatch):
    home, _ = built_folder
    monkeypatch.setenv(paths.HOME_VARIABLE, str(home))
    file = home / "reports" / "latest" / "manifest.json"
    file.write_text(file.read_text("utf-8").replace('"report"', '"x": NaN, "report"'), "utf-8")
    assert what_is_stale("example")


@pytest.fixture
def built_folder(home, tmp_path):
    """Return a project with a published report, in form, and another report of the same form."""
    manifest = {"schema_version": 1, "report": "example"}
    manifest |= {key: {"x": "0"} for key in ("inputs", "code", "versions")}
    folders = (home / "reports" / "latest", tmp_path / "other")
    for folder, page in zip(folders, (b"old", b"new"), strict=True):
        folder.mkdir()
        (folder / "index.html").write_bytes(page)
        own = manifest | {"files": {"index.html": sha256(page)}}
        (folder / "manifest.json").write_text(json.dumps(own), "utf-8")
    assert read_manifest(folders[0]) is not None
    return home, folders[1]


def test_draws_under_an_empty_or_another_digest_are_not_answered_from(run, stored_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(stored_home, home)
    (stored,) = (home / "reports" / "output" / "posteriors").iterdir()
    name, key, digest, _ = stored.name.rsplit(".", 3)
    assert len(digest) == 64
    for wrong in ("", digest[:16], "0" * 64):
        stored = stored.rename(stored.with_name(f"{name}.{key}.{wrong}.nc"))
        assert state(run, home) == "missing"
    stored = stored.rename(stored.with_name(f"{name}.{key}.{digest}.nc"))
    assert state(run, home) == "fresh"
    with h5py.File(stored, "r+") as file:
        file["posterior/effect"][...] = np.asarray(file["posterior/effect"]) - 20.0
    assert state(run, home) == "missing"


def state(run, home):
    rows = json.loads(run("status", "--json", home=home).stdout)["rows"]
    (found,) = [row["state"] for row in rows if row["what"] == "model small"]
    return found


def test_a_full_disk_is_told_in_one_sentence_and_the_answer_stands(run, home, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = run("ask", "benefit", "pain", "--json", home=home)
    assert done.returncode == 0
    assert "bytes are needed" in done.stderr
    assert "The answer holds" in done.stderr
    stored = run("fit", "pain", "--engine", "exact", home=home)
    assert stored.returncode == 14
    assert "bytes are needed" in stored.stderr
    assert not list((home / "reports").rglob("*.part"))
    assert not list((home / "reports").rglob("*.nc"))


@pytest.mark.slow
def test_a_process_that_may_write_no_more_stores_nothing_by_halves(home):
    """A quota instead of a full disk: the operating system itself refuses to write on."""

    def quota() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [sys.executable, "-m", "bayes_nmda", "fit", "pain", "--engine", "exact"],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, paths.HOME_VARIABLE: str(home), "NUMBA_DISABLE_CACHING": "1"},
        preexec_fn=quota,
        timeout=600,
    )
    assert done.returncode == 14, done.stderr
    assert "File too large" in done.stderr
    assert not list((home / "reports").rglob("*.nc"))
    assert not list((home / "reports").rglob("*.part"))


def test_folders_that_cannot_be_written_to_stop_a_build_before_any_fit(run, home):
    (home / "reports" / "output").write_text("a file in the place of a folder", "utf-8")
    for arguments in (("report",), ("fit", "pain", "--engine", "exact")):
        done = run(*arguments, home=home)
        assert done.returncode == 14, done.stderr
        assert "output" in done.stderr or "posteriors" in done.stderr
    answered = run("ask", "benefit", "pain", home=home)
    assert answered.returncode == 0
    assert "The answer holds" in answered.stderr


@pytest.mark.parametrize("year", [1970, 2099])
def test_the_clock_is_in_no_answer(run, home, monkeypatch, year):
    assert run("ask", "benefit", "pain", home=home).returncode == 0
    first = run("ask", "benefit", "pain", "--json", home=home).stdout
    (stored,) = (home / "reports" / "output" / "posteriors").iterdir()
    moment = (year - 1970) * 365.25 * 86400.0
    monkeypatch.setattr(time, "time", lambda: moment)
    os.utime(stored, (moment, moment))
    assert run("ask", "benefit", "pain", "--json", home=home).stdout == first


def test_an_error_of_a_file_is_no_bug(run, home, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(home / "data" / "arms.csv"))

    monkeypatch.setattr(cli, "app", refused)
    done = run("check", home=home)
    assert done.returncode == 10
    assert done.stderr.startswith("error: data/arms.csv: it cannot be used: Permission denied")
