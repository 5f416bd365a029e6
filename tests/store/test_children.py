"""Processes that compute for another end when it is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bayes_nmda.store.children import _alive

#: A parent with two children that would compute for minutes, each of which says its number.
_PARENT = """
import os, sys, time
from joblib import Parallel, delayed
from bayes_nmda.store.children import watched
from tests.store.test_children import compute

Parallel(n_jobs=2)(delayed(watched(compute, os.getpid()))() for _ in range(2))
"""


def compute() -> None:
    print(os.getpid(), flush=True)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        sum(range(10_000))


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_children_end_with_their_parent(sent: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert parent.stdout is not None
    children = [int(parent.stdout.readline()) for _ in range(2)]
    assert all(_alive(child) for child in children)
    parent.send_signal(sent)
    parent.wait(timeout=30)
    end = time.monotonic() + 20
    while any(_alive(child) for child in children) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(_alive(child) for child in children)
    parent.stdout.close()
