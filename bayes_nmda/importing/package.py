"""A project as one archive, and back: a Data Package of its tables, with models and reports.

At the root lie ``datapackage.json`` and the tables that it describes, so that any program that
reads Data Packages reads them; beside them words, models and report definitions. Raw files and the
script that makes tables of them stay where they are: a package is read, never run.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from bayes_nmda import paths
from bayes_nmda.data.descriptor import DESCRIPTOR, read_package
from bayes_nmda.data.vocabulary import VOCABULARY
from bayes_nmda.errors import DataError, UsageError, WriteError
from bayes_nmda.files import content_of
from bayes_nmda.importing.container import parts_of

#: Pages that go with the tables where a project has them.
_PAGES: Final = (VOCABULARY, "README.md", "LICENSE.md")
#: Files of the two other folders.
_KINDS: Final = ("toml", "json", "md")
_MODELS: Final = tuple(f"{at}*.{kind}" for at in ("", "multiverse/") for kind in _KINDS)
_REPORTS: Final = ("*.toml",)
#: A package says nothing of when it was made: two of one project are the same bytes.
_WHEN: Final = (1980, 1, 1, 0, 0, 0)


def export_package(file: Path) -> list[str]:
    """Write the project as a Data Package; return the names of its files.

    Parameters
    ----------
    file
        A zip archive that is not there yet.

    Raises
    ------
    UsageError
        If it is there, or does not end with ``.zip``.
    WriteError
        If it cannot be written; nothing is left of it.
    """
    if file.suffix.lower() != ".zip" or file.exists():
        found = "a file that is there" if file.exists() else repr(file.name)
        raise UsageError(f"export: found {found}; allowed is a new file that ends with .zip")
    parts = _parts()
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, path in parts.items():
                about = zipfile.ZipInfo(name, _WHEN)
                about.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(about, content_of(path, DataError))
        os.replace(part, file)
    except OSError as error:
        raise WriteError(f"export: cannot write {file}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return list(parts)


def _parts() -> dict[str, Path]:
    data = paths.data()
    names = [DESCRIPTOR, *(table.path for table in read_package().tables)]
    names += [name for name in _PAGES if (data / name).is_file()]
    found = {name: data / name for name in names}
    for folder, patterns in ((paths.models(), _MODELS), (paths.reports(), _REPORTS)):
        for pattern in patterns:
            for path in sorted(folder.glob(pattern)):
                found[f"{folder.name}/{path.relative_to(folder).as_posix()}"] = path
    return found


def import_package(file: Path, folder: Path) -> list[str]:
    """Write a project from a Data Package that `export_package` made; return its files.

    Parameters
    ----------
    file
        The archive.
    folder
        A new or an empty folder.

    Raises
    ------
    UsageError
        If the folder holds something, or there is no file.
    DataError
        If it is no such package, or its tables break a rule; nothing is written.
    WriteError
        If the folder cannot be written.
    """
    target = folder.expanduser().resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            f"import package: found {str(folder)!r}, which is not empty; allowed is a new or an "
            "empty folder"
        )
    if not file.is_file():
        raise UsageError(f"import package: found no file {str(file)!r}; give one that is there")
    parts = parts_of(content_of(file, DataError), file.name)
    placed = {_place(name, file.name): content for name, content in parts.items()}
    if f"data/{DESCRIPTOR}" not in placed:
        raise DataError(f"{file.name}: found no {DESCRIPTOR}; allowed is what export writes")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".import-"))
    except OSError as error:
        raise WriteError(f"import: cannot write to {target.parent}: {error.strerror}") from error
    try:
        new = scratch / "new"
        for name in ("data", "models", "reports"):
            (new / name).mkdir(parents=True)
        for name, content in placed.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(content)
        _check(new, file.name)
        if target.is_dir():
            target.rmdir()
        os.replace(new, target)
    except OSError as error:
        raise WriteError(f"import: cannot write {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return sorted(placed)


def _place(name: str, archive: str) -> str:
    """Return where a part of a package goes: pages and tables into ``data/``."""
    folder, _, rest = name.rpartition("/")
    suffix = Path(name).suffix
    if folder in ("models", "models/multiverse", "reports") and suffix in (".toml", ".json", ".md"):
        return name
    if not folder and suffix in (".csv", ".json", ".toml", ".md"):
        return f"data/{rest}"
    raise DataError(
        f"{archive}: found {name[:80]!r}; allowed are tables and pages at the root, models/ and "
        "reports/"
    )


def _check(new: Path, archive: str) -> None:
    """Require that tables and models can be read."""
    from bayes_nmda.data.tables import load_trials
    from bayes_nmda.spec.multiverse import load_multiverse, multiverse_names
    from bayes_nmda.spec.spec import load_model, model_names

    try:
        json.loads((new / "data" / DESCRIPTOR).read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{archive}: {DESCRIPTOR} is no JSON: {error}") from error
    with paths.inside(new):
        listed = {table.path for table in read_package().tables}
        missing = sorted(name for name in listed if not (new / "data" / name).is_file())
        if missing:
            raise DataError(f"{archive}: found no {', '.join(missing)}; allowed is a whole package")
        load_trials()
        for name in model_names():
            load_model(name)
        for name in multiverse_names():
            load_multiverse(name)
