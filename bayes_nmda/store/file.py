"""The file format of a posterior: netCDF-4, packed in memory, written whole or not at all.

Draws are kept as 32-bit floats to one part in 2,048 of their interquartile range, element by
element, which is far below Monte Carlo error and needs no assumption about tails. `Stored` reads
single arrays without xarray or pandas, so that a question costs no import of either.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_nmda.errors import StoreError, WriteError
from bayes_nmda.files import room

if TYPE_CHECKING:
    import xarray as xr

_STEPS = 2**11
#: Arrays below this many bytes stay as they are: the index of a packed one is larger.
_SMALL = 2**11
#: Level 6 of zlib takes four times as long and saves 2 %. A variable is one block, as it is read.
_PACKED: dict[str, Any] = {"zlib": True, "complevel": 1, "shuffle": True}
_DRAWN = ("posterior", "prior", "posterior_predictive", "prior_predictive")


def content(tree: xr.DataTree) -> bytes:
    """Return a tree as the bytes of a netCDF file; equal trees give equal bytes."""
    encoding = {
        group.path: {
            name: _PACKED | {"chunksizes": values.shape}
            for name, values in group.data_vars.items()
            if values.dtype.kind in "fiu" and values.ndim and values.nbytes >= _SMALL
        }
        for group in tree.subtree
    }
    # In memory: HDF5 brings the process down when the disk that it writes to is full.
    return bytes(tree.to_netcdf(engine="h5netcdf", encoding=encoding))


def put(path: Path, packed: bytes) -> None:
    """Write a file, complete or not at all.

    Raises
    ------
    WriteError
        If it cannot be written, for example because the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        full = error.errno == errno.ENOSPC
        lacking = f" ({room(path.parent.absolute(), len(packed))})" if full else ""
        raise WriteError(
            f"{path.name}: it could not be written to {path.parent.name}/: "
            f"{error.strerror or error}{lacking}. What was there before is untouched; make room or "
            "mend the permissions and run again."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # moved into place, or never begun
            temporary.unlink()


def rounded(tree: xr.DataTree) -> xr.DataTree:
    """Return the tree with draws in 32 bits, to 1/2,048 of each element's interquartile range."""
    copy = tree.copy()
    for group in _DRAWN:
        if group in copy:
            dataset = copy[group].to_dataset()
            copy[group].dataset = dataset.map(_round, keep_attrs=True)
    return copy


def _round(values: xr.DataArray) -> xr.DataArray:
    drawn = values.to_numpy()
    axes = tuple(values.dims.index(dim) for dim in ("chain", "draw"))
    # quartiles and not the range: one draw far out in a tail must not make all others coarse
    low, high = np.quantile(drawn, [0.25, 0.75], axis=axes, keepdims=True)
    finest = np.where(high > low, (high - low) / _STEPS, 1.0)
    step = 2.0 ** np.floor(np.log2(finest))
    whole = np.where(high > low, (drawn / step).round() * step, drawn)
    return values.copy(data=whole.astype(np.float32))


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
                f"{path.name}: this is not a posterior that can be read ({error}). Move it "
                f"out of the store, or run `bayes-nmda fit {model_of(path)}`"
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


def model_of(path: Path) -> str:
    """Return the name of the model that a stored posterior is of, by its file name."""
    return re.sub(r"(\.[0-9a-f]+\.[0-9a-f]+)?\.nc$", "", path.name)


def read(path: Path) -> Stored:
    """Return a light reader of a stored posterior.

    Raises
    ------
    StoreError
        If the file is not a netCDF file.
    """
    return Stored(path)
