"""Posteriors on disk: found by what went in, checked by what came out, never half written.

A file is named after the model, the key of its inputs and the digest of its own bytes:
``pain_intensity.<key>.<digest>.nc``. The key covers rows, model file, seed, numbers of draws and
chains, versions and the code that samples. So a file is either the answer to a question or to
another one, and a byte that changed since shows. Draws are kept to one part in 16,384 of the range
of their variable, far below Monte Carlo error, before anything is reported from them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_nmda import paths
from bayes_nmda.errors import StaleError, StoreError
from bayes_nmda.model.spec import load_model, model_inputs

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    import xarray as xr

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.model.spec import ModelSpec, Sampling

#: Files kept for one model, the newest first.
KEPT = 3
_KEY = 16
_LEVELS = 2**14
_PACKAGE = Path(__file__).resolve().parents[1]


def folder() -> Path:
    """Return the folder of stored posteriors; it need not exist yet."""
    return paths.output() / "posteriors"


def code_digest() -> str:
    """Return the SHA-256 of the source that turns effects and a model file into draws."""
    sources = sorted((_PACKAGE / "model").glob("*.py"))
    sources += [_PACKAGE / "posterior" / name for name in ("predictive.py", "sample.py")]
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


def _key(rows: str, spec: str, numbers: Mapping[str, int], engine: str, used: object) -> str:
    parts = [rows, spec, dict(numbers), engine, used, code_digest()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_KEY]


def fit_key(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    seed: int | None = None,
    draws: int | None = None,
    chains: int | None = None,
) -> str:
    """Return the key of a fit by NUTS: 16 hexadecimal digits that cover all that moves a draw."""
    from bayes_nmda.posterior.sample import versions

    numbers = {
        "seed": spec.sampling.seed if seed is None else seed,
        "draws": draws or spec.sampling.draws,
        "chains": chains or spec.sampling.chains,
    }
    return _key(effects.hash, spec.hash, numbers, "nuts", versions())


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
    attrs = tree.attrs
    numbers = {name: int(attrs[name]) for name in ("seed", "draws", "chains")}
    key = _key(
        attrs["rows_hash"],
        attrs["spec_hash"],
        numbers,
        attrs["engine"],
        json.loads(attrs["versions"]),
    )
    stored = rounded(tree)
    stored.attrs = {**attrs, "key": key, "inputs": json.dumps(dict(inputs or {}))}
    home = folder()
    temporary = home / f".{attrs['model']}.{os.getpid()}.tmp"
    digest = write(stored, temporary)
    final = home / f"{attrs['model']}.{key}.{digest[:_KEY]}.nc"
    os.replace(temporary, final)
    for old in _files(attrs["model"])[KEPT:]:
        old.unlink(missing_ok=True)
    return final


def write(tree: xr.DataTree, path: Path) -> str:
    """Write a tree as netCDF, complete or not at all, and return the SHA-256 of the file.

    Raises
    ------
    StoreError
        If the file cannot be written, for example because the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    packed = {"zlib": True, "complevel": 6, "shuffle": True}
    encoding = {
        group.path: {
            name: packed for name, values in group.data_vars.items() if values.dtype.kind in "fiu"
        }
        for group in tree.subtree
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tree.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StoreError(
            f"{path.name}: it could not be written to {path.parent.name}/: "
            f"{error.strerror or error}. What was there before is untouched; make room or mend "
            "the permissions and run again."
        ) from error
    return digest


def rounded(tree: xr.DataTree) -> xr.DataTree:
    """Return the tree with draws to one part in 16,384 of each variable's range, in 32 bits."""
    copy = tree.copy()
    for group in ("posterior", "prior", "posterior_predictive", "prior_predictive"):
        if group in copy:
            dataset = copy[group].to_dataset()
            copy[group].dataset = dataset.map(_round, keep_attrs=True)
    return copy


def _round(values: xr.DataArray) -> xr.DataArray:
    spread = float(values.max() - values.min())
    if not spread > 0:
        return values.astype("float32")
    step = 2.0 ** np.floor(np.log2(spread / _LEVELS))
    whole: xr.DataArray = (values / step).round() * step
    return whole.astype("float32")


def bundle(tree: xr.DataTree) -> xr.DataTree:
    """Return the part of a stored fit that answers questions; it fits into a wheel.

    Left out are the standard normal deviations, predictive draws, likelihoods and statistics of the
    sampler; everything the queries read is the same to the last bit.
    """
    import xarray as xr

    kept = {}
    for group in ("posterior", "prior"):
        dataset = tree[group].to_dataset()
        drop = [n for n in dataset.data_vars if str(n).startswith("z_") or n == "trial_precision"]
        drop += ["theta"] if group == "prior" else []
        dataset = dataset.drop_vars(drop)
        used = {dim for values in dataset.data_vars.values() for dim in values.dims}
        unused = [name for name, values in dataset.coords.items() if not set(values.dims) <= used]
        kept[group] = dataset.drop_vars(unused)
    for group in ("observed_data", "constant_data"):
        kept[group] = tree[group].to_dataset()
    small = xr.DataTree.from_dict(kept)
    small.attrs = {**tree.attrs, "bundled": "true"}
    return small


def load(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    seed: int | None = None,
    draws: int | None = None,
    chains: int | None = None,
) -> xr.DataTree | None:
    """Return the stored fit of exactly this analysis, or None where there is none.

    Raises
    ------
    StoreError
        If the file is there but its bytes changed since it was written.
    """
    key = fit_key(spec, effects, seed=seed, draws=draws, chains=chains)
    for path in _files(spec.name):
        if path.name.split(".")[-3] == key:
            return _open(path)
    return None


def obtain(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    inputs: Mapping[str, str],
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
    progress
        Called with a short text at each step.
    force
        Sample even if the fit is stored.

    Raises
    ------
    FitError
        If a gate failed; nothing was stored.
    """
    from bayes_nmda.posterior.diagnostics import require_gates
    from bayes_nmda.posterior.sample import fit

    say = progress or (lambda _: None)
    try:
        stored = None if force else load(spec, effects)
    except StoreError as error:
        say(f"{error} It is sampled again.")
        stored = None
    if stored is None:
        tree = fit(spec, effects, progress=progress)
        require_gates(tree)
        stored = _open(save(tree, inputs=inputs))
    return stored, require_gates(stored)


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
        constant_data.

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
    only if one moved are the rows and the model themselves compared.
    """
    from bayes_nmda.data import table_digests

    files, sampling = model_inputs(name)
    now = table_digests() | {f"models/{file}": digest for file, digest in files}
    candidates = [path for path in _candidates(Path(name).stem) if _sampled_as(path, sampling)]
    if not candidates:
        raise StoreError(
            f"found no posterior of {name}; run `bayes-nmda fit {name}` (or `bayes-nmda report`)"
        )
    for path in candidates:
        if _inputs(path) == now:
            return _verified(path)
    return _by_rows(name, candidates, now)


def _by_rows(name: str, candidates: list[Path], now: Mapping[str, str]) -> Path:
    """Return the candidate with the present rows and model, although some file's bytes moved."""
    from bayes_nmda.data import load_trials
    from bayes_nmda.effects import effect_table

    spec = load_model(name)
    effects = effect_table(load_trials(), spec)
    for path in candidates:
        attrs = read(path).attrs
        if (attrs["rows_hash"], attrs["spec_hash"]) == (effects.hash, spec.hash):
            return _verified(path)
    attrs = read(candidates[0]).attrs
    moved = [what for what, old, new in (
        ("the model file", attrs["spec_hash"], spec.hash),
        ("the rows that it selects from data/", attrs["rows_hash"], effects.hash),
    ) if old != new]  # fmt: skip
    was = _inputs(candidates[0])
    changed = sorted(file for file in now if now[file] != was.get(file))
    raise StaleError(
        f"the posterior of {name} is older than {' and '.join(moved)} (changed: "
        f"{', '.join(changed)}); run `bayes-nmda fit {name}` (or `bayes-nmda report`)"
    )


def _inputs(path: Path) -> dict[str, str]:
    attrs = read(path).attrs
    files = {f"models/{name}": digest for name, digest in json.loads(attrs["model_files"])}
    return {**json.loads(attrs["inputs"]), **files}


def _sampled_as(path: Path, sampling: Sampling) -> bool:
    attrs = read(path).attrs
    wanted = (sampling.seed, sampling.draws, sampling.chains)
    return (int(attrs["seed"]), int(attrs["draws"]), int(attrs["chains"])) == wanted


def _files(name: str) -> list[Path]:
    """Return the stored files of a model, the newest first."""
    found = [path for path in folder().glob(f"{name}.*.nc") if path.name.count(".") == 3]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _shipped(name: str) -> Iterator[Path]:
    path = paths.latest() / "posteriors" / f"{name}.nc"
    if path.is_file():
        yield path


def _candidates(name: str) -> list[Path]:
    return [*_files(name), *_shipped(name)]


def _verified(path: Path) -> Path:
    """Return the path if the file's bytes are those that were written, else raise `StoreError`."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if path.parent == folder():
        expected, by = path.name.split(".")[-2], "its name"
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


class Stored:
    """A stored posterior, read array by array without xarray or pandas.

    Parameters
    ----------
    path
        File of a stored posterior.
    """

    __slots__ = ("_file", "attrs")

    def __init__(self, path: Path) -> None:
        import h5py

        try:
            self._file = h5py.File(path, "r")
            self.attrs: dict[str, Any] = {
                # netCDF keeps a number as an array of one
                name: value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
                for name, value in self._file.attrs.items()
                if name[0] != "_"
            }
        except OSError as error:
            raise StoreError(
                f"{path.name}: this is not a posterior that can be read ({error}). Delete it and "
                f"run `bayes-nmda fit {path.name.split('.')[0]}`"
            ) from error

    def has(self, group: str, variable: str) -> bool:
        """Return whether the group holds the variable."""
        return group in self._file and variable in self._file[group]

    def array(self, group: str, variable: str) -> np.ndarray[Any, np.dtype[Any]]:
        """Return a variable as an array."""
        return np.asarray(self._file[group][variable][...])

    def labels(self, group: str, name: str) -> list[str]:
        """Return a coordinate or variable of text."""
        return [str(label) for label in self._file[group][name].asstr()[...]]


def read(path: Path) -> Stored:
    """Return a light reader of a stored posterior.

    Raises
    ------
    StoreError
        If the file is not a netCDF file.
    """
    return Stored(path)
