"""A new project: three invented trials with everything around them, to be replaced.

Words, rows, models and the report definition are copied from ``cli/example``; the descriptor and
the schema of model files are those of the project that the package came with, with the words of
the example in them.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

from bayes_nmda import paths
from bayes_nmda.data.descriptor import read_package
from bayes_nmda.data.dictionary import dictionary
from bayes_nmda.data.vocabulary import Vocabulary, load_vocabulary
from bayes_nmda.errors import UsageError

_EXAMPLE: Final = Path(__file__).parent / "example"
_README: Final = """# Data: what was observed

Three invented trials, to be replaced. `vocabulary.toml` has the words of the project; the tables
are described below.
"""


def start_project(folder: Path) -> list[str]:
    """Write a small project that passes ``check``; return the names of its files.

    Parameters
    ----------
    folder
        A folder that does not exist yet, or is empty.

    Raises
    ------
    UsageError
        If there is something already, or no folder can be made there.
    """
    target = folder.expanduser().resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            f"init: found {str(folder)!r}, which is not empty; allowed is a new or an empty folder"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".init-"))
    except OSError as error:
        raise UsageError(f"init: cannot write to {target.parent}: {error.strerror}") from error
    try:
        _write(scratch / "new")
        if target.is_dir():
            target.rmdir()
        os.replace(scratch / "new", target)
    except OSError as error:
        raise UsageError(f"init: cannot write {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return sorted(p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file())


def _write(new: Path) -> None:
    shutil.copytree(_EXAMPLE, new, ignore=shutil.ignore_patterns("__pycache__"))
    origin = paths.shipped()
    shutil.copy(origin / "models" / "schema.json", new / "models")
    descriptor = json.loads((origin / "data" / "datapackage.json").read_text(encoding="utf-8"))
    words = load_vocabulary(new / "data")
    text = json.dumps(_in_words(descriptor, words), indent=1, ensure_ascii=False) + "\n"
    (new / "data" / "datapackage.json").write_text(text, encoding="utf-8")
    with paths.inside(new):
        package = read_package()
    for table in package.tables:
        file = new / "data" / table.path
        if not file.exists():
            file.write_text(",".join(table.columns) + "\n", encoding="utf-8")
    (new / "data" / "README.md").write_text(dictionary(_README, package), encoding="utf-8")


def _in_words(descriptor: dict[str, Any], words: Vocabulary) -> dict[str, Any]:
    """Return a descriptor whose tables allow the words of a vocabulary."""
    allowed = {
        "drug": [*words.treatments, words.reference],
        "route": list(words.routes),
        "comparator": [words.reference],
        "outcome": list(words.outcomes),
        "timepoint": list(words.timepoints),
    }
    for table in descriptor["resources"]:
        for column in table["schema"]["fields"]:
            limits = column.get("constraints", {})
            if "enum" not in limits:
                continue
            if column["name"] in allowed:
                limits["enum"] = allowed[column["name"]]
            elif column["name"] == "condition_class":
                del limits["enum"]
    return descriptor | {
        "name": "example-data",
        "title": words.title,
        "description": "Three invented trials, to be replaced.",
        "sources": [{"title": "Invented as an example; replace"}],
        "licenses": [{"title": "Those of your sources", "name": "other"}],
    }
