"""How the observed contrasts scatter around the true ones.

Contrasts are normal with a known covariance: arms and patients that occur in several contrasts make
their errors correlate. Where every cell is analysed alone, covariances between cells are left out,
because no other cell is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bayes_nmda.model.structure import Layout


def error_covariance(
    covariance: NDArray[np.float64], layout: Layout, pooling: str
) -> NDArray[np.float64]:
    """Return the covariance of errors that the analysis uses, shape (contrast, contrast).

    Parameters
    ----------
    covariance
        Shape (contrast, contrast), squared units of the effect.
    layout
        Says which contrasts lie in one cell.
    pooling
        ``"none"`` keeps only covariances within a cell.
    """
    if pooling != "none":
        return covariance
    cell = layout.cell_of_contrast
    return np.where(cell[:, None] == cell[None, :], covariance, 0.0)
