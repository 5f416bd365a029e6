"""Writes one section of ``benchmarks/README.md``: what was measured, on what machine."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

README = Path(__file__).parent / "README.md"
HEAD = """# Benchmarks

Each section is written by the script that it names (`python benchmarks/<script>.py`; all of them:
`make benchmarks`). Times are medians of one run on one machine; ratios are between numbers of the
same run.
"""


def machine(*others: str) -> str:
    """Return processor, cores, load and versions in one line, with those of other packages."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].partition(": ")[2] if names else processor
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("numpy", "scipy", "numba", "pandas", *others)
    )
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return (
        f"{processor}, {os.cpu_count()} cores, load {load:.1f} at the start; "
        f"Python {platform.python_version()}, {packages}; {datetime.now(UTC):%Y-%m-%d}"
    )


def seconds(function: Callable[[], object], repeats: int) -> float:
    """Return the median wall-clock time of a call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return median(times)


def cpu_seconds(function: Callable[[], object], repeats: int) -> float:
    """Return the median processor time of a call, over all its threads; other load hardly shows."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return median(times)


def write_section(name: str, text: str) -> None:
    """Replace the section of that name in the README, or add it at the end."""
    old = README.read_text(encoding="utf-8") if README.is_file() else HEAD
    start, end = f"<!-- {name} -->\n", f"<!-- end {name} -->\n"
    section = f"{start}{text.strip()}\n{end}"
    if start in old:
        before, _, rest = old.partition(start)
        old = before + section + rest.partition(end)[2]
    else:
        old = f"{old.rstrip()}\n\n{section}"
    README.write_text(old, encoding="utf-8")
