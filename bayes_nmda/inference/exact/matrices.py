"""Matrices of a Gaussian analysis: checked, cut into blocks, and their roots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayes_nmda.errors import FitError

if TYPE_CHECKING:
    from bayes_nmda.model.structure import Layout

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


def root(correlation: Floats) -> Floats:
    """Return a square root of a correlation matrix that may be singular (one trial, two visits)."""
    values, vectors = np.linalg.eigh(correlation)
    root: Floats = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def blocks(linked: NDArray[np.bool_]) -> tuple[Integers, Integers]:
    """Return rows ordered so that linked rows stand together, and where each block starts."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    count, block = connected_components(csr_array(linked.astype(np.int8)), directed=False)
    order = np.argsort(block, kind="stable").astype(np.intp)
    return order, np.searchsorted(block[order], np.arange(count + 1)).astype(np.intp)


def check_errors(name: str, layout: Layout, yi: Floats, errors: Floats) -> None:
    """Raise `FitError` if an effect or its covariance cannot be used; ``name`` is the model's."""
    bad = [
        label
        for label, y, row in zip(layout.contrasts, yi, errors, strict=True)
        if not (np.isfinite(y) and np.isfinite(row).all())
    ]
    if bad:
        raise FitError(
            f"model {name}: these contrasts have no effect or no standard error: "
            f"{', '.join(bad)}; leave them out with EffectTable.subset"
        )
    smallest = float(np.linalg.eigvalsh(errors).min())
    if smallest <= 0:
        raise FitError(
            f"model {name}: the covariance of the errors is not positive definite (smallest "
            f"eigenvalue {smallest:.3g}); look at EffectTable.covariance"
        )
