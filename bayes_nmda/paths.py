"""Where ``data/``, ``models/`` and ``reports/`` lie: in a checkout, or inside an installed wheel.

A checkout is recognised by its ``pyproject.toml`` beside the package. An installed wheel carries
the three folders below ``bayes_nmda/_shipped`` and is read-only; what it writes goes to the
user's cache folder. ``BAYES_NMDA_HOME`` names another root with the same three folders, and
`inside` one for a while.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

HOME_VARIABLE = "BAYES_NMDA_HOME"
_PACKAGE = Path(__file__).resolve().parent
_CURRENT: ContextVar[str | None] = ContextVar("project", default=None)


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Let ``data/``, ``models/`` and ``reports/`` of a folder be those that are read meanwhile."""
    token = _CURRENT.set(str(folder))
    try:
        yield
    finally:
        _CURRENT.reset(token)


@cache
def _root(home: str | None) -> tuple[Path, bool]:
    if home:
        return Path(home).expanduser().resolve(), True
    if (_PACKAGE.parent / "pyproject.toml").is_file() and (_PACKAGE.parent / "data").is_dir():
        return _PACKAGE.parent, True
    return _PACKAGE / "_shipped", False


def shipped() -> Path:
    """Return the folder of the project that the package came with."""
    return _root(None)[0]


def root() -> Path:
    """Return the folder that holds ``data/``, ``models/`` and ``reports/``."""
    return _root(_CURRENT.get() or os.environ.get(HOME_VARIABLE))[0]


def data() -> Path:
    """Return the folder of observed data."""
    return root() / "data"


def models() -> Path:
    """Return the folder of model files."""
    return root() / "models"


def reports() -> Path:
    """Return the folder of report definitions and the last good report."""
    return root() / "reports"


def latest() -> Path:
    """Return the folder of the last good report: the newest built here, else the one shipped."""
    written = output().parent / "latest"
    return written if written.is_dir() else reports() / "latest"


def output() -> Path:
    """Return the folder that fits and builds are written to; it need not exist yet."""
    path, writable = _root(_CURRENT.get() or os.environ.get(HOME_VARIABLE))
    if writable:
        return path / "reports" / "output"
    from platformdirs import user_cache_path

    return user_cache_path("bayes_nmda") / "output"
