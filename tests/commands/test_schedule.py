"""The files of docs/schedule, tried as far as one machine can: parsed and run."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCHEDULE = ROOT / "docs" / "schedule"


# systemd is part of most Linux systems, not of a container or a Mac, and no package of Python's
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_understands_its_units(tmp_path):
    for name in ("bayes-nmda.service", "bayes-nmda.timer"):
        text = (SCHEDULE / name).read_text("utf-8")
        # commands and the user that exist on this machine
        text = text.replace("/srv/bayes_nmda/.venv/bin/bayes-nmda", "/bin/true")
        text = text.replace("User=bayes\n", "").replace("/usr/bin/make", "/bin/true")
        (tmp_path / name).write_text(text, "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    mine = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert mine == []
    when = subprocess.run(
        ["systemd-analyze", "calendar", "Mon 04:00"], capture_output=True, text=True, check=False
    )
    assert when.returncode == 0


def _job(folder: Path) -> str:
    line = (SCHEDULE / "crontab").read_text("utf-8").splitlines()[-1]
    minute, hour, day, month, weekday, command = line.split(None, 5)
    assert [minute, hour, day, month, weekday] == ["0", "4", "*", "*", "1"]
    return command.replace("/srv/bayes_nmda", str(folder))


# util-linux brings flock; a Mac has none
@pytest.mark.skipif(shutil.which("flock") is None, reason="no flock here")
def test_the_job_of_cron_runs_and_a_second_one_gives_way(tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    program = tmp_path / ".venv" / "bin" / "bayes-nmda"
    program.write_text('#!/bin/sh\necho "$@" >> called\n', "utf-8")
    program.chmod(0o755)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("git", "make"):
        (tools / name).write_text(f"#!/bin/sh\necho {name} >> called\n", "utf-8")
        (tools / name).chmod(0o755)
    environment = {"PATH": f"{tools}:/usr/bin:/bin"}
    job = _job(tmp_path)
    assert subprocess.run(["sh", "-c", job], env=environment, check=False).returncode == 0
    assert (tmp_path / "called").read_text("utf-8").split() == ["git", "make", "report"]
    with subprocess.Popen(
        ["flock", str(tmp_path / ".git" / "bayes-nmda.lock"), "sleep", "5"]
    ) as other:
        for _ in range(50):
            taken = subprocess.run(
                ["flock", "--nonblock", str(tmp_path / ".git" / "bayes-nmda.lock"), "true"],
                check=False,
            )
            if taken.returncode:
                break
        assert subprocess.run(["sh", "-c", job], env=environment, check=False).returncode == 0
        other.kill()
    assert (tmp_path / "called").read_text("utf-8").split() == ["git", "make", "report"]


def test_the_workflow_calls_what_there_is():
    text = (SCHEDULE / "report.yml").read_text("utf-8")
    assert "make setup" in text
    assert "\t" not in text
    targets = (ROOT / "Makefile").read_text("utf-8")
    assert "\nsetup:" in targets
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert "bayes-nmda" in scripts
