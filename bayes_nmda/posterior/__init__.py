"""Posteriors: by NUTS and by the exact engine; their gates and their store.

The folder and the function `store.posterior` share a name, and Python binds a folder to its parent
on import. So that ``nmda.posterior("pain_intensity")`` works whatever was imported before, the
folder can be called and passes the call on.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr


class _Posterior(ModuleType):
    """The folder as a module that can be called."""

    def __call__(self, name: str) -> xr.DataTree:
        """Return the posterior of a model; see `store.posterior`."""
        from bayes_nmda.posterior.store import posterior

        return posterior(name)


sys.modules[__name__].__class__ = _Posterior
