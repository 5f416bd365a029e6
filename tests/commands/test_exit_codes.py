import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from bayes_nmda import paths


@pytest.mark.parametrize(
    ("code", "words", "arguments"),
    [
        (2, "Unknown command", ["bogus"]),
        (2, "Unknown command", ["ask", "bogus"]),
        (2, "requires an argument", ["ask", "benefit"]),
        (2, "--bogus", ["ask", "benefit", "small", "--bogus", "1"]),
        (2, "float", ["ask", "benefit", "small", "--at-least", "much"]),
        (2, "0 upwards", ["ask", "benefit", "small", "--at-least", "-1"]),
        (2, "0 upwards", ["ask", "benefit", "small", "--at-least", "nan", "--json"]),
        (2, "new_trial", ["ask", "benefit", "small", "--target", "median"]),
        (2, "drug/route", ["ask", "compare", "small", "--first", "a//b", "--second", "c/d"]),
        (2, "found 'None'", ["ask", "benefit", "small", "--at-least", "None"]),
        (2, "found 'null'", ["ask", "benefit", "small", "--at-least=null", "--json"]),
        (2, "found 'none'", ["fit", "small", "--seed", "none"]),
        (2, "xxx … xxx", ["ask", "benefit", "small", *["x" * 5000] * 3]),
        (2, "level: found 1.5", ["ask", "effect", "small", "--level", "1.5"]),
        (11, "xxx...xxx", ["ask", "benefit", "x" * 5000]),
        (11, "xxx...xxx", ["ask", "benefit", f"{'x' * 300}.toml"]),
        (11, "../models/small", ["ask", "benefit", "../models/small"]),
        (11, "small", ["ask", "benefit", "bogus"]),
        (11, "small", ["fit", "bogus"]),
        (11, "any_adverse_event, pain_intensity, small", ["multiverse", "bogus"]),
        (11, "xxx", ["multiverse", "x" * 5000, "--json"]),
        (2, "from 0 upwards", ["multiverse", "small", "--at-least", "-1", "--jobs", "1"]),
        (2, "jobs: found 0", ["multiverse", "small", "--jobs", "0"]),
        (13, "cells with evidence", ["multiverse", "small", "--drug", "bogus", "--jobs", "1"]),
        (13, "Did you mean 'ketamine'", ["ask", "benefit", "small", "--drug", "ketamin", "--json"]),
        (13, "evidence", ["ask", "benefit", "small", "--drug", "amantadine"]),
        (13, "'MD'", ["ask", "harm", "small", "--measure", "RR"]),
        (14, "allowed are", ["report", "../reports/evidence"]),
        (14, "allowed are", ["report", "/tmp/evidence"]),
        (14, "xxx...xxx", ["report", "x" * 5000]),
    ],
)
def test_a_mistake_has_its_exit_code_and_no_traceback(run, code, words, arguments):
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    if "--json" in arguments:
        error = json.loads(done.stdout)["error"]
        assert error["code"] == code
        assert f"error: {error['message']}\n" == done.stderr
    else:
        assert done.stdout == ""


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (2, ["ask", "benefit", "small", "--at-least", "much"]),
        (11, ["ask", "benefit", "bogus"]),
        (13, ["ask", "benefit", "small", "--drug", "amantadine"]),
    ],
)
def test_the_process_ends_with_that_code(run_outside, code, arguments):
    done = run_outside(*arguments)
    assert done.returncode == code
    assert (done.stdout, done.stderr[:7]) == ("", "error: ")


@pytest.fixture
def home(stored_home, tmp_path):
    """Return a copy of the home, free to be spoilt."""
    copy = tmp_path / "home"
    shutil.copytree(stored_home, copy)
    return copy


def test_a_changed_number_makes_the_posterior_stale(run, home):
    table = home / "data" / "outcomes.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",26.8,", ",27.8,", 1), "utf-8")
    done = run("ask", "effect", "small", home=home)
    assert done.returncode == 0
    assert "computing it exactly, because the posterior of small is older" in done.stderr
    assert "outcomes.csv" in done.stderr


def test_a_corrupt_posterior_is_not_read(run, home):
    (stored,) = (home / "reports" / "output" / "posteriors").glob("small.*.nc")
    stored.write_bytes(stored.read_bytes()[:-1] + b"\0\0")
    done = run("ask", "effect", "small", home=home)
    assert done.returncode == 0
    assert "computing it exactly, because small" in done.stderr
    assert "corrupt" in done.stderr


def test_a_broken_model_file_names_the_key(run, home):
    (home / "models" / "small.toml").write_text("extends = 'pain_intensity'\ncolour = 1\n", "utf-8")
    for command in (["check"], ["fit", "small"]):
        done = run(*command, home=home)
        assert done.returncode == 11
        assert "colour" in done.stderr


def test_a_broken_table_names_file_and_row(run, home):
    table = home / "data" / "outcomes.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",26.8,", ",high,", 1), "utf-8")
    done = run("check", home=home)
    assert done.returncode == 10
    assert "outcomes.csv" in done.stderr
    assert "'high'" in done.stderr


def test_help_and_version_go_to_stdout(run_outside):
    for arguments in (["--help"], ["ask", "benefit", "--help"], ["--version"]):
        done = run_outside(*arguments)
        assert done.returncode == 0
        assert done.stdout
        assert done.stderr == ""


def test_a_closed_pipe_is_no_error(stored_home):
    process = subprocess.Popen(
        [sys.executable, "-m", "bayes_nmda", "ask", "shrinkage", "small"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, paths.HOME_VARIABLE: str(stored_home)},
    )
    process.stdout.close()
    stderr = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 128 + signal.SIGPIPE
    assert stderr == b""


def test_an_interrupt_ends_quietly(stored_home):
    code = (
        "import signal, time, bayes_nmda.query as q, bayes_nmda.cli.main as c\n"
        # a shell that starts a job in the background has it ignore interrupts
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def wait(*_, **__):\n print('ready', flush=True)\n time.sleep(60)\n"
        "q.effect = wait\nc.main(['ask', 'effect', 'small'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, paths.HOME_VARIABLE: str(stored_home)},
    )
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr == b"error: interrupted\n"


def test_a_bug_keeps_its_traceback(stored_home):
    code = (
        "import bayes_nmda.query as q, bayes_nmda.cli.main as c\n"
        "q.effect = None\nc.main(['ask', 'effect', 'small'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, paths.HOME_VARIABLE: str(stored_home)},
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.slow
def test_a_failed_gate_stores_nothing(run_outside, home):
    folder = home / "reports" / "output" / "posteriors"
    before = sorted(folder.iterdir())
    few = ("--draws", 20, "--chains", 2, "--seed", 1)
    done = run_outside("fit", "pain_intensity_unpooled", *few, home=home)
    assert done.returncode == 12
    assert "bulk ESS" in done.stderr
    assert sorted(folder.iterdir()) == before
