"""Posteriors on disk: found by what went in, checked by what came out, never half written.

A file is named after the model, the key of its inputs and the digest of its own bytes:
``pain_intensity.<key>.<digest>.nc``. The key covers rows, model file, seed, numbers of draws and
chains, versions and the code that samples. So a file is either the answer to a question or to
another one, and a byte that changed since shows. Draws are rounded (see `stored`) before anything
is reported from them.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_nmda import paths
from bayes_nmda.errors import StaleError, StoreError
from bayes_nmda.model.spec import load_model, model_inputs
from bayes_nmda.posterior.stored import Stored, bundle, content, put, read, rounded, write

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    import xarray as xr

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.model.spec import ModelSpec, Sampling
    from bayes_nmda.terms import Engine

__all__ = [
    "KEPT",
    "Stored",
    "bundle",
    "code_digest",
    "find",
    "fit_key",
    "folder",
    "load",
    "obtain",
    "posterior",
    "read",
    "rounded",
    "save",
    "write",
]

#: Files kept for one model, the newest first; beside them the newest that follows its model file.
KEPT = 3
#: Seconds after which a file that was never finished belongs to a process that was killed.
ABANDONED = 3600.0
_KEY = 16
#: Modules of the exact engine.
_EXACT = (
    *("exact", "exact_family", "exact_tree", "gaussian", "gaussian_kernel", "gaussian_moments"),
    *("grid", "importance", "matrices", "normal_mixture"),
)
#: The modules that turn effects and a model file into draws and gates; others can change without a
#: refit.
_SAMPLING_CODE = (
    "model/build.py",
    "model/counts.py",
    "model/likelihoods.py",
    "model/priors.py",
    "model/structure.py",
    "posterior/absolute.py",
    "posterior/counts.py",
    "posterior/diagnostics.py",
    "posterior/labels.py",
    "posterior/log_prior.py",
    "posterior/predictive.py",
    "posterior/prior_draws.py",
    "posterior/sample.py",
)
_PACKAGE = Path(__file__).resolve().parents[1]
_REQUIRED = frozenset(
    {"model", "engine", "seed", "draws", "chains", "spec", "spec_hash", "rows_hash"}
    | {"model_files", "versions", "key", "inputs"}
)


def folder() -> Path:
    """Return the folder of stored posteriors; it need not exist yet."""
    return paths.output() / "posteriors"


def code_digest() -> str:
    """Return the SHA-256 of the source that turns effects and a model file into draws."""
    digest = hashlib.sha256()
    for name in _SAMPLING_CODE:
        digest.update(name.encode() + b"\0" + (_PACKAGE / name).read_bytes())
    return digest.hexdigest()


def exact_digest() -> str:
    """Return the SHA-256 of the source of the exact engine."""
    digest = hashlib.sha256()
    for name in _EXACT:
        digest.update((_PACKAGE / "posterior" / f"{name}.py").read_bytes())
    return digest.hexdigest()


def _key(rows: str, spec: str, numbers: Mapping[str, int], engine: str, used: object) -> str:
    parts = [rows, spec, dict(numbers), engine, used, code_digest()]
    parts += [exact_digest()] if engine == "exact" else []
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_KEY]


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
    from bayes_nmda.posterior.exact import chosen_engine
    from bayes_nmda.posterior.sample import versions

    numbers = {
        "seed": spec.sampling.seed if seed is None else seed,
        "draws": draws or spec.sampling.draws,
        "chains": chains or spec.sampling.chains,
    }
    used = chosen_engine(spec, engine)
    return _key(effects.hash, spec.hash, numbers, used, versions())


def save(tree: xr.DataTree, *, inputs: Mapping[str, str] | None = None) -> Path:
    """Write a fit to the store and return its file; older files of the model give way.

    Parameters
    ----------
    tree
        A fit.
    inputs
        SHA-256 by name of the data tables it was made from (`TrialData.digests`). With them a
        later question can see that nothing moved without reading the tables.

    Raises
    ------
    StoreError
        If the file cannot be written; what was stored before is still there.
    """
    return _keep(rounded(tree), inputs or {})


def _keep(tree: xr.DataTree, inputs: Mapping[str, str]) -> Path:
    attrs = tree.attrs
    numbers = {name: int(attrs[name]) for name in ("seed", "draws", "chains")}
    used = json.loads(attrs["versions"])
    key = _key(attrs["rows_hash"], attrs["spec_hash"], numbers, attrs["engine"], used)
    final = tree.copy()
    final.attrs = {**attrs, "key": key, "inputs": json.dumps(dict(inputs))}
    packed = content(final)
    digest = hashlib.sha256(packed).hexdigest()
    path = folder() / f"{attrs['model']}.{key}.{digest[:_KEY]}.nc"
    put(path, packed)
    _tidy(attrs["model"])
    return path


def _tidy(name: str) -> None:
    """Delete older files of a model, and what a process that was killed left behind."""
    files = _files(name)
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
        attrs = _attributes(path)
    except StoreError:
        return ""
    sampling = json.loads(attrs["spec"])["sampling"]
    same = all(int(attrs[name]) == sampling[name] for name in ("seed", "draws", "chains"))
    return str(attrs["engine"]) if same else ""


def load(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    engine: Engine = "nuts",
    seed: int | None = None,
    draws: int | None = None,
    chains: int | None = None,
    inputs: Mapping[str, str] | None = None,
) -> xr.DataTree | None:
    """Return the stored fit of exactly this analysis, or None where there is none.

    Parameters
    ----------
    spec, effects
        The analysis and its contrasts.
    engine
        As in `bayes_nmda.fit`.
    seed, draws, chains
        Instead of the numbers in the model file.
    inputs
        `TrialData.digests` of the data. With them a fit whose draws still hold, although words of
        its model file or other rows of the tables changed, is stored again with the new words and
        digests.

    Raises
    ------
    StoreError
        If the file is there but its bytes changed since it was written.
    """
    key = fit_key(spec, effects, engine=engine, seed=seed, draws=draws, chains=chains)
    for path in _files(spec.name):
        if path.name.rsplit(".", 3)[1] == key:
            return _open(path if inputs is None else _renewed(path, spec, inputs))
    return None


def _renewed(path: Path, spec: ModelSpec, inputs: Mapping[str, str]) -> Path:
    """Return the file, stored again if its words or digests are not those of today."""
    from bayes_nmda.posterior.sample import words

    now = {**words(spec), "inputs": json.dumps(dict(inputs))}
    attrs = _attributes(_verified(path))
    if all(attrs[name] == value for name, value in now.items()):
        return path
    tree = _open(path)
    tree.attrs |= now
    return _keep(tree, inputs)


def obtain(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    inputs: Mapping[str, str],
    engine: Engine = "nuts",
    progress: Callable[[str], None] | None = None,
    force: bool = False,
) -> tuple[xr.DataTree, pd.DataFrame]:
    """Return the fit of an analysis and its table of gates: stored, or sampled, gated and stored.

    Parameters
    ----------
    spec, effects
        The analysis and its contrasts.
    inputs
        `TrialData.digests` of the data.
    engine
        As in `bayes_nmda.fit`.
    progress
        Called with a short text at each step.
    force
        Sample even if the fit is stored.

    Raises
    ------
    FitError
        If a gate failed; nothing was stored.
    """
    from bayes_nmda.posterior.diagnostics import recorded_gates, require_gates
    from bayes_nmda.posterior.sample import fit

    say = progress or (lambda _: None)
    try:
        stored = None if force else load(spec, effects, engine=engine, inputs=inputs)
    except StoreError as error:
        say(f"{error} It is sampled again.")
        stored = None
    if stored is None:
        tree = fit(spec, effects, engine=engine, progress=progress)
        require_gates(tree, recorded_gates(tree))
        stored = _open(save(tree, inputs=inputs))
    return stored, require_gates(stored, recorded_gates(stored))


def posterior(name: str) -> xr.DataTree:
    """Return the posterior of a model, stored or shipped with the package; it never samples.

    Parameters
    ----------
    name
        A model in ``models/``.

    Returns
    -------
    xarray.DataTree
        All groups where it was fitted here; a shipped one has posterior, prior, observed_data and
        constant_data. Where both engines answer it is the fit by NUTS; where only the exact engine
        does, it is that one. The attribute ``engine`` tells which, and so does every answer.

    Raises
    ------
    StaleError
        If data or model file moved on since it was made; the message says which.
    StoreError
        If there is none, or its bytes changed since it was written.
    """
    return _open(find(name))


def find(name: str) -> Path:
    """Return the file that answers for a model now; see `posterior`.

    Digests of the data tables and model files are compared first, which needs no table to be read;
    only if one moved are the rows and the model themselves compared. A fit by NUTS goes before one
    by the exact engine, whichever was stored last.
    """
    from bayes_nmda.data import table_digests

    files, sampling = model_inputs(name)
    now = table_digests() | {f"models/{file}": digest for file, digest in files}
    older: list[Path] = []
    exact = None
    for path in _candidates(Path(name).stem):
        try:
            attrs = _attributes(_verified(path))
        except StoreError:
            if exact is None:
                raise
            continue
        if not _sampled_as(attrs, sampling):
            continue
        if _inputs(attrs) != now:
            older.append(path)
        elif attrs["engine"] == "nuts":
            return path
        else:
            exact = exact or path
    if exact is not None:
        return exact
    if not older:
        raise StoreError(
            f"found no posterior of {name} with the seed, draws and chains of its model file; run "
            f"`bayes-nmda fit {name}` (or `bayes-nmda report`)"
        )
    return _by_rows(name, older, now)


def _by_rows(name: str, candidates: list[Path], now: Mapping[str, str]) -> Path:
    """Return the candidate with the present rows and model, although some file's bytes moved."""
    from bayes_nmda.data import load_trials
    from bayes_nmda.effects import effect_table

    spec = load_model(name)
    effects = effect_table(load_trials(), spec)
    for path in sorted(candidates, key=lambda path: _attributes(path)["engine"] != "nuts"):
        attrs = _attributes(path)
        if (attrs["rows_hash"], attrs["spec_hash"]) == (effects.hash, spec.hash):
            return path
    attrs = _attributes(candidates[0])
    moved = [what for what, old, new in (
        ("the model file", attrs["spec_hash"], spec.hash),
        ("the rows that it selects from data/", attrs["rows_hash"], effects.hash),
    ) if old != new]  # fmt: skip
    was = _inputs(attrs)
    changed = sorted(file for file in now if now[file] != was.get(file))
    raise StaleError(
        f"the posterior of {name} is older than {' and '.join(moved)} (changed: "
        f"{', '.join(changed)}); run `bayes-nmda fit {name}` (or `bayes-nmda report`)"
    )


def _attributes(path: Path) -> dict[str, Any]:
    """Return the root attributes of a posterior, or raise `StoreError` if it is something else."""
    attrs = read(path).attrs
    missing = sorted(_REQUIRED - attrs.keys())
    if missing:
        raise StoreError(
            f"{path.name}: found no attribute {', '.join(missing)}; a posterior of bayes_nmda has "
            "them. Move the file out of the store"
        )
    return attrs


def _inputs(attrs: Mapping[str, Any]) -> dict[str, str]:
    files = {f"models/{name}": digest for name, digest in json.loads(attrs["model_files"])}
    return {**json.loads(attrs["inputs"]), **files}


def _sampled_as(attrs: Mapping[str, Any], sampling: Sampling) -> bool:
    wanted = (sampling.seed, sampling.draws, sampling.chains)
    return (int(attrs["seed"]), int(attrs["draws"]), int(attrs["chains"])) == wanted


def _modified(path: Path) -> float:
    """Return when a file was written, 0 if another process has just deleted it."""
    try:
        return path.stat().st_mtime_ns / 1e9
    except FileNotFoundError:
        return 0.0


def _files(name: str) -> list[Path]:
    """Return the stored files of a model, the newest first."""
    found = folder().glob(f"{escape(name)}.*.*.nc")
    return sorted(
        (path for path in found if path.name.rsplit(".", 3)[0] == name),
        key=lambda path: (_modified(path), path.name),
        reverse=True,
    )


def _shipped(name: str) -> Iterator[Path]:
    path = paths.latest() / "posteriors" / f"{name}.nc"
    if path.is_file():
        yield path


def _candidates(name: str) -> list[Path]:
    return [*_files(name), *_shipped(name)]


def _verified(path: Path) -> Path:
    """Return the path if the file's bytes are those that were written, else raise `StoreError`."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(
            f"{path.name}: it cannot be read: {error.strerror}. Mend its permissions, or run "
            f"`bayes-nmda fit {path.name.split('.')[0]}` (or `bayes-nmda report`)"
        ) from error
    if path.parent == folder():
        expected, by = path.name.rsplit(".", 3)[2], "its name"
    else:
        manifest = paths.latest() / "manifest.json"
        try:
            listed = json.loads(manifest.read_text(encoding="utf-8"))["files"]
            expected, by = str(listed[f"posteriors/{path.name}"]), "manifest.json"
        except (OSError, ValueError, KeyError) as error:
            raise StoreError(
                f"{path.name}: the manifest of the last good report is missing or does not list "
                "it; run `bayes-nmda report --force`"
            ) from error
    if not digest.startswith(expected):
        raise StoreError(
            f"{path.name}: its bytes have the SHA-256 {digest[:_KEY]}…, {by} says "
            f"{expected[:_KEY]}…: the file is corrupt. Delete it and run `bayes-nmda fit "
            f"{path.name.split('.')[0]}` (or `bayes-nmda report`)"
        )
    return path


def _open(path: Path) -> xr.DataTree:
    import xarray as xr

    with xr.open_datatree(_verified(path), engine="h5netcdf") as tree:
        return tree.load()
