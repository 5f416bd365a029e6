"""Whether a fit is fresh: its key, and the code that computed it.

A key covers everything that moves a draw. For the code nobody keeps a list: from the entry points
of data, effects and fitting the imports are followed through the syntax trees, those inside
functions too, and each module counts by its tree without docstrings, comments, positions and types
of arguments. A changed statement makes what it computed stale, a comment does not. Reading the
bytes of the same files is enough to see that nothing moved, which costs a millisecond; trees are
made only where bytes did.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bayes_nmda.inference.origin import series, versions

if TYPE_CHECKING:
    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec
    from bayes_nmda.terms import Engine

#: Where rows, effects and fits begin.
FITTING: Final = ("data/tables.py", "effects/assembly.py", "gates/gated.py")
_PACKAGE: Final = Path(__file__).resolve().parents[1]
_NAME: Final = _PACKAGE.name
#: Length of a digest and of a key.
DIGITS: Final = 16


def digests(entries: tuple[str, ...] = FITTING, package: Path = _PACKAGE) -> dict[str, str]:
    """Return a digest of what each module says that the entry points reach, by path.

    Parameters
    ----------
    entries
        Modules, relative to the package.
    package
        Folder of the package.
    """
    return dict(_digests(entries, package, _stamp(package)))


def _stamp(package: Path) -> tuple[tuple[str, int], ...]:
    """Return when each file was written, so that nothing is remembered that has changed."""
    return tuple((str(path), path.stat().st_mtime_ns) for path in sorted(package.rglob("*.py")))


@cache
def _digests(entries: tuple[str, ...], package: Path, stamp: object) -> tuple[tuple[str, str], ...]:
    del stamp
    found: dict[str, str] = {}
    waiting = [package / entry for entry in entries]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(package).as_posix()
        if name in found:
            continue
        tree = ast.parse(path.read_bytes(), filename=name)
        waiting += [file for module in _imported(tree) for file in _files(module, package)]
        found[name] = _short(ast.dump(_bare(tree)).encode())
    return tuple(sorted(found.items()))


def _imported(tree: ast.AST) -> Iterator[str]:
    """Yield the modules of this package that a tree imports when it runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for other in node.orelse:
                yield from _imported(other)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith(_NAME))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_NAME):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from _imported(node)


def _files(module: str, package: Path) -> Iterator[Path]:
    """Yield the files of a module: a folder's own, and the module's; none for a mere name."""
    parts = module.split(".")[1:]
    for depth in range(1, len(parts) + 1):
        base = package.joinpath(*parts[:depth])
        if base.is_dir() and (base / "__init__.py").is_file():
            yield base / "__init__.py"
        elif base.with_suffix(".py").is_file():
            yield base.with_suffix(".py")


def _bare(tree: ast.AST) -> ast.AST:
    """Return a tree without docstrings; comments and positions are not in its dump."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
    return tree


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def bytes_of(
    names: Mapping[str, str] | tuple[str, ...], package: Path = _PACKAGE
) -> dict[str, str]:
    """Return a digest of the bytes of some modules, empty for one that is gone."""
    return {
        name: _short((package / name).read_bytes()) if (package / name).is_file() else ""
        for name in names
    }


def moved(was: Mapping[str, str], raw: Mapping[str, str], package: Path = _PACKAGE) -> list[str]:
    """Return the modules that say something else than when a number was computed.

    Parameters
    ----------
    was, raw
        What `digests` and `bytes_of` returned then.
    package
        Folder of the package.
    """
    if bytes_of(tuple(raw), package) == dict(raw):
        return []
    now = digests(FITTING, package)
    return sorted(name for name in {*was, *now} if was.get(name) != now.get(name))


def key_of(
    rows: str, spec: str, numbers: Mapping[str, int], engine: str, used: Mapping[str, str]
) -> str:
    """Return the key of a fit.

    Parameters
    ----------
    rows, spec
        Hashes of the contrasts and of the model file.
    numbers
        Seed, draws and chains.
    engine
        ``"nuts"`` or ``"exact"``.
    used
        Versions of the packages that may move a draw, of which the series counts.
    """
    parts = [rows, spec, dict(numbers), engine, series(used), digests()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:DIGITS]


def fit_key(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    engine: Engine = "nuts",
    seed: int | None = None,
    draws: int | None = None,
    chains: int | None = None,
) -> str:
    """Return the key of a fit: 16 hexadecimal digits that cover all that moves a draw."""
    from bayes_nmda.inference.exact.engine import chosen_engine

    numbers = {
        "seed": spec.sampling.seed if seed is None else seed,
        "draws": draws or spec.sampling.draws,
        "chains": chains or spec.sampling.chains,
    }
    used = chosen_engine(spec, engine)
    return key_of(effects.hash, spec.hash, numbers, used, versions())
