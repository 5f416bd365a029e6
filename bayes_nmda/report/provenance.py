"""Where a report comes from: commit, versions, digests, seeds; no time of day."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda import paths

if TYPE_CHECKING:
    from bayes_nmda.report.content import Content

#: Packages whose version may change a byte of the report.
PACKAGES: Final = (
    "bayes_nmda", "pymc", "pytensor", "nutpie", "numba", "numpy", "scipy", "pandas", "xarray",
    "arviz-stats", "h5netcdf", "matplotlib", "jinja2", "typst", "pikepdf",
)  # fmt: skip
#: The report that `bayes-nmda report` builds where no other is named.
DEFAULT: Final = "evidence"


def command(name: str) -> str:
    """Return the command that builds a report."""
    return "bayes-nmda report" + ("" if name == DEFAULT else f" {name}")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages of a report."""
    found = {package: importlib.metadata.version(package) for package in PACKAGES}
    return {"python": platform.python_version(), **found}


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def commit() -> str:
    """Return the commit of the checkout, with ``+`` after it if files changed since; or nothing."""
    answers = [_git("rev-parse", "HEAD"), _git("status", "--porcelain", "--", "bayes_nmda", "data",
                                               "models")]  # fmt: skip
    if answers[0] is None:
        return ""
    return answers[0] + ("+" if answers[1] else "")


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(paths.root()), *arguments],
            capture_output=True, text=True, check=False, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def models(content: Content) -> list[dict[str, Any]]:
    """Return for each model its label, seed, key and digests."""
    return [
        {
            "model": fit.spec.name,
            "label": fit.label,
            "seed": fit.spec.sampling.seed,
            "engine": str(fit.tree.attrs["engine"]),
            "key": str(fit.tree.attrs.get("key", "")),
            "spec_hash": fit.spec.hash,
            "rows_hash": str(fit.tree.attrs["rows_hash"]),
        }
        for fit in content.fits
    ]


def digest_of(folder: Path, pattern: str) -> dict[str, str]:
    """Return the SHA-256 of every file of a folder that matches, by name below that folder."""
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes())
        for path in sorted(folder.rglob(pattern))
        if path.is_file()
    }
