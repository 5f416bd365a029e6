"""Run the command line from outside, on the small stored posterior."""

import os
import subprocess
import sys

import pytest

from bayes_nmda import paths


@pytest.fixture(scope="session")
def run(stored_home):
    """Return a function that runs ``bayes-nmda`` with arguments and returns the process."""

    def call(*arguments, home=stored_home, python=()):
        return subprocess.run(
            [sys.executable, *python, "-m", "bayes_nmda", *map(str, arguments)],
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, paths.HOME_VARIABLE: str(home)},
            timeout=120,
        )

    return call
