"""From a finished build to ``reports/latest``: all of it, or nothing.

A build is written to its own folder, its manifest last. Publishing copies it beside the last good
report and exchanges the two in one step of the file system; a process that is killed leaves the
old report or the new one, never a mixture. Where ``reports/latest`` is a link, what it leads to is
exchanged, and it stays a link. Places that cannot be published to are refused before the first fit.
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
from bayes_nmda.files import room
from bayes_nmda.report.provenance import digest_of

#: Builds that are kept beside the published one.
KEPT: Final = 3
_PREFIX: Final = "build-"
_STAGED: Final = ".publishing"
_REPLACED: Final = ".replaced"
#: Bytes that a report takes while it is built and published, and a stored fit, at most.
_REPORT: Final = 20_000_000
_FIT: Final = 4_000_000
#: renameat2(2): both paths are relative to the working directory; exchange them atomically.
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2


def require_places(models: int) -> None:
    """Raise `ReportError` if a report of so many models cannot be built or published.

    The message says which place is no folder, cannot be written to, or is too small.
    """
    link = paths.output().parent / "latest"
    target = published()
    if link.is_symlink() and not target.is_dir():
        raise ReportError(
            f"reports/latest: found a link to {os.readlink(link)!r}, where no folder is; allowed "
            "is a folder, or a link to one. Make that folder, or remove the link"
        )
    if target.exists() and not target.is_dir():
        raise ReportError("reports/latest: found a file; allowed is a folder, or a link to one")
    for folder in (paths.output(), target.parent):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".writable-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise ReportError(
                f"{folder.name}/: it cannot be written to: {error.strerror or error}. Mend its "
                "permissions, or name another project with BAYES_NMDA_HOME"
            ) from error
    needed, free = _REPORT + models * _FIT, shutil.disk_usage(paths.output()).free
    if free < needed:
        raise ReportError(
            f"{paths.output().name}/: found {free:,} bytes free; a report of {models} models takes "
            f"up to {needed:,}. Make room and run again"
        )


def build_folder(key: str) -> Path:
    """Return an empty folder for the build of this key; what a killed build left there is gone."""
    folder = paths.output() / f"{_PREFIX}{key}"
    try:
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise ReportError(_unwritten(folder, error)) from error
    return folder


def published() -> Path:
    """Return the folder that reports are published to, links followed; it need not exist yet."""
    return (paths.output().parent / "latest").resolve()


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write texts and bytes below a folder, by their path in it.

    Raises
    ------
    ReportError
        If the disk is full or the folder cannot be written to.
    """
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_bytes(text))
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ReportError(
            _unwritten(folder, error, sum(len(_bytes(text)) for text in files.values()))
        ) from error


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a build, by path."""
    return digest_of(folder, "*")


def recover() -> None:
    """Put back the last good report if a process died between taking it away and replacing it."""
    target = published()
    replaced = _beside(target, _REPLACED)
    if replaced.is_dir() and not target.is_dir():
        os.replace(replaced, target)


def _beside(target: Path, mark: str) -> Path:
    """Return a place on the file system of the published report, out of sight."""
    return target.with_name(f".{target.name}{mark}")


def publish(folder: Path) -> Path:
    """Make a finished build the last good report and return its folder.

    Raises
    ------
    ReportError
        If the file system refuses; the last good report is then still there.
    """
    target = published()
    staged, replaced = _beside(target, _STAGED), _beside(target, _REPLACED)
    needed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    try:
        shutil.rmtree(staged, ignore_errors=True)
        shutil.copytree(folder, staged)
        _flush(staged)
        if not target.exists():
            os.replace(staged, target)
        elif not _exchange(staged, target):
            shutil.rmtree(replaced, ignore_errors=True)
            os.replace(target, replaced)
            os.replace(staged, target)
            shutil.rmtree(replaced, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(staged, ignore_errors=True)
        recover()
        raise ReportError(_unwritten(target, error, needed)) from error
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


def _unwritten(folder: Path, error: OSError, needed: int = 0) -> str:
    """Return in one sentence what could not be written, and how much room it takes."""
    if isinstance(error, shutil.Error):  # of a whole folder: the first that failed says why
        why = str(error.args[0][0][2]) if error.args and error.args[0] else "it failed"
        full = "No space left" in why
    else:
        why, full = error.strerror or str(error), error.errno == errno.ENOSPC
    lacking = f" ({room(folder, needed)})" if full and needed else ""
    return (
        f"{folder.name}/: it could not be written: {why}{lacking}. The last good report is "
        "untouched; make room or mend the permissions and run again."
    )
