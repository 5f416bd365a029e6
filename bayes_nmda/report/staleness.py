"""Is the last good report still the answer to today's files? Digests alone decide.

Nothing heavy is imported: a report that is not stale is recognised in a fraction of a second.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from bayes_nmda import paths
from bayes_nmda.data import table_digests
from bayes_nmda.errors import ReportError
from bayes_nmda.inference.origin import series
from bayes_nmda.report.definition import ReportDefinition, load_definition
from bayes_nmda.report.provenance import digest_of, sha256, versions
from bayes_nmda.report.sections import KINDS, MODULES
from bayes_nmda.spec.model_file import locate, resolve
from bayes_nmda.store.fresh import FITTING, digests

MANIFEST: Final = "manifest.json"
SCHEMA_VERSION: Final = 1
#: What a manifest says, each by name: digests, and versions of packages.
_PARTS: Final = ("inputs", "code", "versions", "files")
TEMPLATES: Final = (
    *("report.html.j2", "glance.html.j2", "findings.html.j2", "all_findings.html.j2"),
    *("outcomes.html.j2", "basis.html.j2", "report.md.j2", "_macros.html.j2", "style.css"),
    *("page.js", "report.typ", "checklists.toml"),
)
TEMPLATE_FOLDER: Final = Path(__file__).parent / "templates"
#: Where a report begins; kinds of section are imported by name.
_REPORT: Final = (
    *FITTING, "report/build.py", *(f"report/sections/{name}.py" for name in MODULES)
)  # fmt: skip


def inputs(definition: ReportDefinition) -> dict[str, str]:
    """Return the SHA-256 of every file a report is made from, by path: data, models, templates."""
    found = {f"data/{name}": digest for name, digest in table_digests().items()}
    found |= _of(paths.data(), "datapackage.json", "data")
    found |= _of(paths.models(), "schema.json", "models")
    for model in definition.models:
        _, files = resolve(locate(model, paths.models()), ())
        found |= {f"models/{name}": digest for name, digest in files}
    if any(part.multiverse or part.biased for part in definition.sections):
        # options of a multiverse may name any model file
        found |= _of(paths.models(), "*.toml", "models")
    found |= _of(paths.reports(), f"{definition.name}.toml", "reports")
    found |= _of(TEMPLATE_FOLDER, "*", "templates")
    return dict(sorted(found.items()))


def _of(folder: Path, pattern: str, prefix: str) -> dict[str, str]:
    return {f"{prefix}/{name}": digest for name, digest in digest_of(folder, pattern).items()}


def code() -> dict[str, str]:
    """Return a digest of what each module says that makes a report, by path."""
    return digests(_REPORT)


def key(found: dict[str, str]) -> str:
    """Return 16 hexadecimal digits that cover inputs, code and series of packages."""
    parts = [found, code(), series(versions())]
    return sha256(json.dumps(parts, sort_keys=True).encode())[:16]


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a published report, or None where there is none to read."""
    return _manifest(_content(folder))


def _content(folder: Path) -> bytes:
    """Return the bytes of a manifest, empty where there is none."""
    try:
        return (folder / MANIFEST).read_bytes()
    except OSError:
        return b""


def _manifest(content: bytes) -> dict[str, Any] | None:
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return manifest if isinstance(manifest, dict) else None


def what_is_stale(name: str = "evidence") -> list[str]:
    """Return why the last good report is not that of today's files, in words; empty if it is.

    Parameters
    ----------
    name
        A report in ``reports/``.

    Raises
    ------
    ReportError
        If there is no such report, or its definition breaks a rule.
    SpecError
        If a model file cannot be read.
    """
    definition = load_definition(name)
    while True:
        folder = paths.latest()
        before = _content(folder)
        reasons = _what_is_stale(definition, folder, _manifest(before))
        if _content(folder) == before:
            return reasons
        # another report was published meanwhile: half of what was looked at is of the old one


def _what_is_stale(
    definition: ReportDefinition, folder: Path, manifest: dict[str, Any] | None
) -> list[str]:
    name = definition.name
    if manifest is None:
        why = "its manifest.json cannot be read" if folder.is_dir() else "there is none"
        return [f"no last good report: {why}"]
    for part in _PARTS:
        if not _mapping(manifest, part):
            return [f"no last good report: its manifest.json does not say {part}"]
    if manifest.get("schema_version") != SCHEMA_VERSION or manifest.get("report") != name:
        return [f"the last good report is {manifest.get('report')!r} of another kind or version"]
    reasons = [*_moved("", inputs(definition), _mapping(manifest, "inputs"))]
    reasons += _moved("code of ", code(), _mapping(manifest, "code"))
    reasons += _moved("series of ", series(versions()), series(_mapping(manifest, "versions")))
    return reasons + corrupt(folder, manifest)


def corrupt(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """Return which files of a published report are not those that its manifest lists."""
    reasons = []
    for file, digest in _mapping(manifest, "files").items():
        path = folder / file
        if not path.is_file():
            reasons.append(f"reports/latest/{file} is missing")
        elif sha256(path.read_bytes()) != digest:
            reasons.append(f"reports/latest/{file} is not the file that was published")
    return reasons


def _mapping(manifest: dict[str, Any], part: str) -> dict[str, str]:
    """Return a part of a manifest; empty where it is no mapping of texts."""
    found = manifest.get(part)
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        return {}
    return found


def _moved(kind: str, now: dict[str, str], was: dict[str, str]) -> list[str]:
    reasons = [f"{kind}{name} changed" for name in now if name in was and now[name] != was[name]]
    reasons += [f"{kind}{name} is new" for name in now if name not in was]
    return reasons + [f"{kind}{name} is gone" for name in was if name not in now]


def require_templates() -> None:
    """Raise `ReportError` if a template is missing, before anything is sampled."""
    sections = (f"sections/{name}.html.j2" for name, kind in KINDS.items() if not kind.scenarios)
    for name in (*TEMPLATES, *sections):
        if not (TEMPLATE_FOLDER / name).is_file():
            raise ReportError(f"templates/{name}: found no such file; install bayes_nmda again")
