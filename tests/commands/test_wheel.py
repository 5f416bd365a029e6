"""A wheel alone answers: it carries the project, computes exactly and starts others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A folder that holds what a wheel of this checkout holds, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), "."]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def called(wheel: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    start = f"import sys; sys.path.insert(0, {str(wheel)!r})"
    code = f"{start}; from bayes_nmda.cli.main import main; main()"
    kept = {k: v for k, v in os.environ.items() if k not in ("BAYES_NMDA_HOME", "PYTHONPATH")}
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *words],
        cwd=folder, env=kept | {"XDG_CACHE_HOME": str(folder)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_wheel_answers_from_the_project_that_it_carries(wheel, tmp_path):
    assert not (wheel / "pyproject.toml").exists()
    question = ("--drug", "ketamine", "--route", "intravenous", "--timepoint", "immediate")
    asked = ("ask", "benefit", "pain_intensity", *question, "--at-least", "10", "--json")
    done = called(wheel, tmp_path, *asked)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["rows"]
    assert row["engine"] == "exact"
    assert abs(row["probability"] - 0.38) < 0.01  # the review's own rows, as published


@pytest.mark.slow
def test_a_wheel_starts_and_imports_projects(wheel, tmp_path):
    assert called(wheel, tmp_path, "init", "new").returncode == 0
    (tmp_path / "a.csv").write_text(
        "trial,events_t,n_t,events_c,n_c\nAlder,3,20,6,21\nBirch,2,31,5,30\n", encoding="utf-8"
    )
    done = called(wheel, tmp_path, "import", "table", "a.csv", "--project", "new", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["used"] == 2
    assert called(wheel, tmp_path, "check", "--project", "new").returncode == 0
