"""Run the command line on the small stored posterior: as a process, or quickly within this one."""

import os
import subprocess
import sys
from dataclasses import dataclass

import pytest

from bayes_nmda import cli, paths


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(stored_home, monkeypatch, capsys):
    """Return a function that runs a command within this process."""

    def call(*arguments, home=stored_home):
        monkeypatch.setenv(paths.HOME_VARIABLE, str(home))
        capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def run_outside(stored_home):
    """Return a function that runs ``python -m bayes_nmda`` as a process of its own."""

    def call(*arguments, home=stored_home, python=()):
        done = subprocess.run(
            [sys.executable, *python, "-m", "bayes_nmda", *map(str, arguments)],
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, paths.HOME_VARIABLE: str(home)},
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return call
