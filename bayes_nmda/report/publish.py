"""From a finished build to ``reports/latest``: all of it, or nothing.

A build is written to its own folder, its manifest last. Publishing copies it and exchanges the
copy with the last good report in one step of the file system; a process that is killed leaves the
old report or the new one, never a mixture.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bayes_nmda import paths
from bayes_nmda.errors import ReportError
from bayes_nmda.report.provenance import digest_of

#: Builds that are kept beside the published one.
KEPT: Final = 3
_PREFIX: Final = "build-"
_STAGED: Final = ".publishing"
_REPLACED: Final = ".replaced"
#: renameat2(2): both paths are relative to the working directory; exchange them atomically.
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2


def build_folder(key: str) -> Path:
    """Return an empty folder for the build of this key; what a killed build left there is gone."""
    folder = paths.output() / f"{_PREFIX}{key}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def published() -> Path:
    """Return the folder that reports are published to; it need not exist yet."""
    return paths.output().parent / "latest"


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts below a folder, by their path in it.

    Raises
    ------
    ReportError
        If the disk is full or the folder cannot be written to.
    """
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ReportError(_unwritten(folder, error)) from error


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a build, by path."""
    return digest_of(folder, "*")


def recover() -> None:
    """Put back the last good report if a process died between taking it away and replacing it."""
    replaced = paths.output() / _REPLACED
    if replaced.is_dir() and not published().is_dir():
        os.replace(replaced, published())


def publish(folder: Path) -> Path:
    """Make a finished build the last good report and return its folder.

    Raises
    ------
    ReportError
        If the file system refuses; the last good report is then still there.
    """
    staged, target = paths.output() / _STAGED, published()
    try:
        shutil.rmtree(staged, ignore_errors=True)
        shutil.copytree(folder, staged)
        _flush(staged)
        if not target.exists():
            os.replace(staged, target)
        elif not _exchange(staged, target):
            replaced = paths.output() / _REPLACED
            shutil.rmtree(replaced, ignore_errors=True)
            os.replace(target, replaced)
            os.replace(staged, target)
            shutil.rmtree(replaced, ignore_errors=True)
    except OSError as error:
        recover()
        raise ReportError(_unwritten(target, error)) from error
    shutil.rmtree(staged, ignore_errors=True)
    _prune(folder)
    return target


def _flush(folder: Path) -> None:
    """Force every file to the disk, so that a power cut cannot publish empty files."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; return whether this system can."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        return False
    done = library.renameat2(
        _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE
    )
    if done == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(number, os.strerror(number))


def _prune(newest: Path) -> None:
    """Delete all but the newest builds."""
    builds = sorted(
        (path for path in paths.output().glob(f"{_PREFIX}*") if path != newest),
        key=lambda path: path.stat().st_mtime_ns,
        reverse=True,
    )
    for old in builds[KEPT - 1 :]:
        shutil.rmtree(old, ignore_errors=True)


def _unwritten(folder: Path, error: OSError) -> str:
    return (
        f"{folder.name}/: it could not be written: {error.strerror or error}. The last good report "
        "is untouched; make room or mend the permissions and run again."
    )
