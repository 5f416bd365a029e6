"""`Source`: where a query finds arrays and labels, a DataTree or a stored file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from numpy.typing import NDArray

from bayes_nmda.errors import UsageError

if TYPE_CHECKING:
    import xarray as xr


class Source(Protocol):
    """What a posterior must offer: attributes, arrays and labels, by group and name."""

    @property
    def attrs(self) -> Mapping[str, Any]:
        """Root attributes."""

    def array(self, group: str, variable: str) -> NDArray[Any]:
        """Return the values of a variable."""

    def labels(self, group: str, name: str) -> list[str]:
        """Return the labels of a coordinate."""

    def has(self, group: str, variable: str) -> bool:
        """Tell whether there is such a variable or coordinate."""


@dataclass(frozen=True, slots=True, eq=False)
class _TreeSource:
    """A DataTree behind the interface of `Source`."""

    tree: xr.DataTree

    @property
    def attrs(self) -> Mapping[str, Any]:
        return {str(name): value for name, value in self.tree.attrs.items()}

    def array(self, group: str, variable: str) -> NDArray[Any]:
        values: NDArray[Any] = self.tree[group][variable].to_numpy()
        return values

    def labels(self, group: str, name: str) -> list[str]:
        return [str(value) for value in self.array(group, name)]

    def has(self, group: str, variable: str) -> bool:
        return group in self.tree.children and variable in self.tree[group]


def source_of(tree: object) -> Source:
    """Return what a query can read, a stored file as it is.

    Raises
    ------
    UsageError
        If it is not a fit at all.
    """
    if hasattr(tree, "array") and hasattr(tree, "labels"):
        return cast("Source", tree)
    if hasattr(tree, "children") and hasattr(tree, "attrs"):
        return _TreeSource(cast("xr.DataTree", tree))
    raise UsageError(
        f"tree: found a {type(tree).__name__}; allowed is the DataTree that fit(...) or "
        "posterior(...) returns"
    )
