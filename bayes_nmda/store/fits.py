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
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bayes_nmda import paths
from bayes_nmda.errors import StaleError, StoreError, WriteError
from bayes_nmda.inference.origin import series, versions
from bayes_nmda.spec.model_file import locate
from bayes_nmda.spec.spec import load_model, model_inputs
from bayes_nmda.store import fresh
from bayes_nmda.store.file import Stored, content, put, read, rounded
from bayes_nmda.store.folder import (
    attributes,
    files_of,
    folder,
    open_tree,
    tidy,
    verified,
)
from bayes_nmda.store.fresh import fit_key, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    import xarray as xr

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec, Sampling
    from bayes_nmda.terms import Engine

__all__ = [
    "Stored",
    "find",
    "fit_key",
    "folder",
    "load",
    "obtain",
    "posterior",
    "read",
    "rounded",
    "save",
]


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
    WriteError
        If the file cannot be written; what was stored before is still there.
    """
    return _put(_signed(rounded(tree), inputs or {}))


def _signed(tree: xr.DataTree, inputs: Mapping[str, str]) -> xr.DataTree:
    """Return a fit with its key and the digests of what it was made from."""
    attrs = tree.attrs
    numbers = {name: int(attrs[name]) for name in ("seed", "draws", "chains")}
    used = json.loads(attrs["versions"])
    key = key_of(attrs["rows_hash"], attrs["spec_hash"], numbers, attrs["engine"], used)
    final = tree.copy()
    says = fresh.digests()
    final.attrs = {
        **attrs,
        "key": key,
        "inputs": json.dumps(dict(inputs)),
        "code": json.dumps(says),
        "code_bytes": json.dumps(fresh.bytes_of(says)),
    }
    return final


def _put(signed: xr.DataTree) -> Path:
    packed = content(signed)
    digest = hashlib.sha256(packed).hexdigest()
    name = signed.attrs["model"]
    path = folder() / f"{name}.{signed.attrs['key']}.{digest}.nc"
    put(path, packed)
    tidy(name)
    return path


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
    for path in files_of(spec.name):
        if path.name.rsplit(".", 3)[1] == key:
            return open_tree(path if inputs is None else _renewed(path, spec, inputs))
    return None


def _renewed(path: Path, spec: ModelSpec, inputs: Mapping[str, str]) -> Path:
    """Return the file, stored again if its words or digests are not those of today."""
    from bayes_nmda.inference.origin import words

    now = {**words(spec), "inputs": json.dumps(dict(inputs))}
    attrs = attributes(verified(path))
    if all(attrs[name] == value for name, value in now.items()):
        return path
    tree = open_tree(path)
    tree.attrs |= now
    return _put(_signed(tree, inputs))


class Obtained(NamedTuple):
    """A fit, its table of gates, and its file if it was written now, None if stored before."""

    tree: xr.DataTree
    gates: pd.DataFrame
    file: Path | None


def obtain(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    inputs: Mapping[str, str],
    engine: Engine = "nuts",
    seed: int | None = None,
    draws: int | None = None,
    chains: int | None = None,
    progress: Callable[[str], None] | None = None,
    force: bool = False,
) -> Obtained:
    """Return the fit of an analysis with its gates: stored, or sampled, gated and stored.

    Parameters
    ----------
    spec, effects
        The analysis and its contrasts.
    inputs
        `TrialData.digests` of the data.
    engine, seed, draws, chains
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
    from bayes_nmda.gates.convergence import recorded_gates, require_gates
    from bayes_nmda.gates.gated import fit

    say = progress or (lambda _: None)
    how: Any = {"engine": engine, "seed": seed, "draws": draws, "chains": chains}
    try:
        stored = None if force else load(spec, effects, inputs=inputs, **how)
    except StoreError as error:
        say(f"{error}. Sampling it again now")
        stored = None
    file = None
    if stored is None:
        tree = fit(spec, effects, progress=progress, **how)
        require_gates(tree, recorded_gates(tree))
        stored = _signed(rounded(tree), inputs)
        file = _put(stored)
    return Obtained(stored, require_gates(stored, recorded_gates(stored)), file)


def posterior(name: str, *, say: Callable[[str], None] | None = None) -> xr.DataTree:
    """Return the posterior of a model: the stored fit if it is fresh, else the exact one, made now.

    Parameters
    ----------
    name
        A model in ``models/``.
    say
        Called with a short text if something has to be computed; by default standard error.

    Returns
    -------
    xarray.DataTree
        The groups of `bayes_nmda.fit`. Where both engines are stored it is the exact fit, which
        the report tells, too. The attribute ``engine`` tells which, and so does every answer.
        Nothing is sampled by MCMC.

    Raises
    ------
    FitError
        If the exact fit does not pass its gates.
    """
    try:
        return open_tree(find(name))
    except (StaleError, StoreError) as error:
        why = str(error)
    return made_now(name, why, say or (lambda text: print(text, file=sys.stderr)))


def made_now(name: str, why: str, say: Callable[[str], None]) -> xr.DataTree:
    """Return the exact fit of a model, computed and stored.

    Where it cannot be stored it is returned all the same, and ``say`` is told.
    """
    from bayes_nmda.data import load_trials
    from bayes_nmda.effects import effect_table
    from bayes_nmda.gates.convergence import recorded_gates, require_gates
    from bayes_nmda.gates.gated import fit

    spec, trials = load_model(name), load_trials()
    say(f"{spec.name}: computing it exactly, because {why.split('; run')[0]}")
    tree = fit(spec, effect_table(trials, spec), engine="exact")
    require_gates(tree, recorded_gates(tree))
    signed = _signed(rounded(tree), trials.digests)
    try:
        _put(signed)
    except WriteError as error:
        say(f"{error} The answer holds.")
    return signed


def find(name: str) -> Path:
    """Return the stored file that answers for a model now.

    Digests of the data tables and model files are compared first, which needs no table to be read;
    only if one moved are the rows and the model themselves compared. A fit by the exact engine goes
    before one by NUTS, whichever was stored last: its probabilities carry hardly any error, and one
    question has one answer wherever it is asked.
    """
    from bayes_nmda.data import table_digests

    files, sampling = model_inputs(name)
    now = table_digests() | {f"models/{file}": digest for file, digest in files}
    older: list[Path] = []
    sampled = None
    for path in files_of(locate(name, paths.models()).stem):
        try:
            attrs = attributes(verified(path))
        except StoreError:
            if sampled is None and path.exists():  # else another process has just replaced it
                raise
            continue
        if not _sampled_as(attrs, sampling):
            continue
        if _inputs(attrs) != now or other_code(attrs):
            older.append(path)
        elif attrs["engine"] == "exact":
            return path
        else:
            sampled = sampled or path
    if sampled is not None:
        return sampled
    if not older:
        raise StoreError(
            f"found no posterior of {name} with the seed, draws and chains of its model file; run "
            f"`bayes-nmda fit {name}`"
        )
    return _by_rows(name, older, now)


def _by_rows(name: str, candidates: list[Path], now: Mapping[str, str]) -> Path:
    """Return the candidate with the present rows and model, although some file's bytes moved."""
    from bayes_nmda.data import load_trials
    from bayes_nmda.effects import effect_table

    spec = load_model(name)
    effects = effect_table(load_trials(), spec)
    for path in sorted(candidates, key=lambda path: attributes(path)["engine"] != "exact"):
        attrs = attributes(path)
        same = (attrs["rows_hash"], attrs["spec_hash"]) == (effects.hash, spec.hash)
        if same and not other_code(attrs):
            return path
    attrs = attributes(candidates[0])
    if changed := other_code(attrs):
        raise StaleError(
            f"the posterior of {name} was computed by other code (changed: {', '.join(changed)}); "
            f"run `bayes-nmda fit {name}`"
        )
    moved = [what for what, old, new in (
        ("the model file", attrs["spec_hash"], spec.hash),
        ("the rows that it selects from data/", attrs["rows_hash"], effects.hash),
    ) if old != new]  # fmt: skip
    was = _inputs(attrs)
    changed = sorted(file for file in now if now[file] != was.get(file))
    raise StaleError(
        f"the posterior of {name} is older than {' and '.join(moved)} (changed: "
        f"{', '.join(changed)}); run `bayes-nmda fit {name}`"
    )


def other_code(attrs: Mapping[str, Any]) -> list[str]:
    """Return which modules, and series of packages, are not those that computed a fit."""
    was = series(json.loads(attrs["versions"]))
    now = series(versions())
    packages = [f"{name} {now[name]}" for name in now if was.get(name, now[name]) != now[name]]
    return [*fresh.moved(json.loads(attrs["code"]), json.loads(attrs["code_bytes"])), *packages]


def _sampled_as(attrs: Mapping[str, Any], sampling: Sampling) -> bool:
    wanted = (sampling.seed, sampling.draws, sampling.chains)
    return (int(attrs["seed"]), int(attrs["draws"]), int(attrs["chains"])) == wanted


def _inputs(attrs: Mapping[str, Any]) -> dict[str, str]:
    files = {f"models/{name}": digest for name, digest in json.loads(attrs["model_files"])}
    return {**json.loads(attrs["inputs"]), **files}
