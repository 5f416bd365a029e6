"""The folder of stored posteriors: which files it holds, and whether their bytes are as written."""

from __future__ import annotations

import hashlib
import json
import time
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_nmda import paths
from bayes_nmda.errors import StoreError
from bayes_nmda.store.file import model_of, read

if TYPE_CHECKING:
    import xarray as xr

#: Files kept for one model, the newest first; beside them the newest that follows its model file.
KEPT = 3
#: Seconds after which a file that was never finished belongs to a process that was killed.
ABANDONED = 3600.0
_REQUIRED = frozenset(
    {"model", "engine", "seed", "draws", "chains", "spec", "spec_hash", "rows_hash"}
    | {"model_files", "versions", "key", "inputs", "code", "code_bytes"}
)


def folder() -> Path:
    """Return the folder of stored posteriors; it need not exist yet."""
    return paths.output() / "posteriors"


def tidy(name: str) -> None:
    """Delete older files of a model, and what a process that was killed left behind."""
    files = files_of(name)
    engines = {path: _answers(path) for path in files}
    newest = {engine: path for path, engine in reversed(engines.items()) if engine}
    for old in files[KEPT:]:
        if old not in newest.values():
            old.unlink(missing_ok=True)
    for part in folder().glob(f".{escape(name)}.*.part"):
        if time.time() - _modified(part) > ABANDONED:
            part.unlink(missing_ok=True)


def _answers(path: Path) -> str:
    """Return the engine, if seed, draws and chains are those of the model file; else nothing."""
    try:
        attrs = attributes(path)
    except StoreError:
        return ""
    sampling = json.loads(attrs["spec"])["sampling"]
    same = all(int(attrs[name]) == sampling[name] for name in ("seed", "draws", "chains"))
    return str(attrs["engine"]) if same else ""


def attributes(path: Path) -> dict[str, Any]:
    """Return the root attributes of a posterior, or raise `StoreError` if it is something else."""
    attrs = read(path).attrs
    missing = sorted(_REQUIRED - attrs.keys())
    if missing:
        raise StoreError(
            f"{path.name}: found no attribute {', '.join(missing)}; a posterior of bayes_nmda has "
            "them. Move the file out of the store"
        )
    return attrs


def _modified(path: Path) -> float:
    """Return when a file was written, 0 if another process has just deleted it."""
    try:
        return path.stat().st_mtime_ns / 1e9
    except FileNotFoundError:
        return 0.0


def files_of(name: str) -> list[Path]:
    """Return the stored files of a model, the newest first."""
    found = folder().glob(f"{escape(name)}.*.*.nc")
    return sorted(
        (path for path in found if path.name.rsplit(".", 3)[0] == name),
        key=lambda path: (_modified(path), path.name),
        reverse=True,
    )


def verified(path: Path) -> Path:
    """Return the path if the file's bytes are those that were written, else raise `StoreError`."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(
            f"{path.name}: it cannot be read: {error.strerror}. Mend its permissions, or run "
            f"`bayes-nmda fit {model_of(path)}`"
        ) from error
    expected = path.name.rsplit(".", 3)[2]
    if digest != expected:
        raise StoreError(
            f"{path.name}: its bytes have the SHA-256 {digest}, its name says another: the file is "
            "corrupt. Move it out of the store, or run `bayes-nmda fit "
            f"{model_of(path)}`"
        )
    return path


def open_tree(path: Path) -> xr.DataTree:
    """Return a posterior whose bytes are as they were written."""
    import xarray as xr

    with xr.open_datatree(verified(path), engine="h5netcdf") as tree:
        return tree.load()
