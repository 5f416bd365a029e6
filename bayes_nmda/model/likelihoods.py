"""How the observed contrasts scatter around the true ones.

Contrasts are normal with a known covariance: arms and patients that occur in several contrasts make
their errors correlate. Where every cell is analysed alone, covariances between cells are left out,
because no other cell is looked at. The errors of paired results may depend on an unknown
correlation within people, a parameter of the model: they are scaled, draw by draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


def error_scale(independent: Any, shared: Any, reference: Any, correlation: Any) -> Any:
    """Return by what the errors of contrasts at a correlation exceed those at the reference.

    ``sqrt((independent - r shared) / (independent - reference shared))``; 1 where a contrast is
    not paired. NumPy arrays and PyTensor variables alike, shapes that broadcast.

    Parameters
    ----------
    independent, shared, reference
        As in `effects.within_person.WithinPerson`.
    correlation
        Correlation within people.

    References
    ----------
    Elbourne DR et al. (2002). Int J Epidemiol 31:140-149, doi:10.1093/ije/31.1.140.
    """
    return ((independent - correlation * shared) / (independent - reference * shared)) ** 0.5
