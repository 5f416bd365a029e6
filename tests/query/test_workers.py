"""Dask: a scheduler and two workers as real processes, one of them killed midway."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_nmda import (
    calibration,
    cluster,
    effect_table,
    leave_one_out,
    load_model,
    load_multiverse,
    load_trials,
    multiverse,
)
from bayes_nmda.errors import UsageError


def _started(*command: str, folder: Path, name: str) -> tuple[subprocess.Popen[bytes], Path]:
    log = folder / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli." + command[0], *command[1:]],
            stdout=out, stderr=subprocess.STDOUT, cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
    return process, log


def _waited(log: Path, pattern: str) -> str:
    for _ in range(600):
        found = re.search(pattern, log.read_text(errors="replace"))
        if found:
            return found.group(0)
        time.sleep(0.1)
    raise AssertionError(log.read_text(errors="replace"))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    scheduler, log = _started(
        "dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
        folder=tmp_path, name="scheduler",
    )  # fmt: skip
    processes = [scheduler]
    try:
        address = _waited(log, r"tcp://127\.0\.0\.1:\d+")
        for number in range(2):
            worker, own = _started(
                "dask_worker", address, "--nworkers", "1", "--nthreads", "1", "--no-nanny",
                "--no-dashboard", folder=tmp_path, name=f"worker{number}",
            )  # fmt: skip
            processes.append(worker)
            _waited(own, r"Registered to")
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_worker_that_is_killed_midway_changes_no_number(
    running: tuple[str, list[subprocess.Popen[bytes]]],
) -> None:
    address, workers = running
    some = replace(load_multiverse("pain_intensity"), most=100)
    alone = multiverse(some, at_least=10)
    spec = load_model("pain_intensity")
    effects = effect_table(load_trials(), spec)
    said: list[str] = []

    def progress(words: str) -> None:
        said.append(words)
        if words.endswith("done") and len([w for w in said if w.endswith("done")]) == 2:
            workers[0].send_signal(signal.SIGKILL)

    with cluster(address):
        found = multiverse(some, at_least=10, jobs=-1, progress=progress)
        moved = leave_one_out(spec, effects, at_least=10, jobs=-1)
        places = calibration(spec, effects, sets=8, jobs=-1)
    assert workers[0].wait(timeout=10) == -signal.SIGKILL
    pd.testing.assert_frame_equal(found.table, alone.table)
    pd.testing.assert_frame_equal(moved, leave_one_out(spec, effects, at_least=10))
    pd.testing.assert_frame_equal(places, calibration(spec, effects, sets=8))
    counts = [int(w.split()[0].replace(",", "")) for w in said if w.endswith("done")]
    assert (np.diff(counts) > 0).all()  # what is done is not done again


def test_an_address_at_which_nobody_is_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayes_nmda.query.workers._PATIENCE", 1)
    with (
        pytest.raises(UsageError, match=r"found nobody at 'tcp://127\.0\.0\.1:9'"),
        cluster("tcp://127.0.0.1:9"),
    ):
        pass
