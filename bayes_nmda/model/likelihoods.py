"""How the observed contrasts scatter around the true ones.

Contrasts are normal with a known covariance: arms and patients that occur in several contrasts make
their errors correlate. Where every cell is analysed alone, covariances between cells are left out,
because no other cell is looked at. The errors of paired results may depend on an unknown
correlation within people, a parameter of the model: they are scaled, draw by draw. The model holds
the errors as the matrix that makes them independent with unit variance: a product with it is a
quarter of the work of solving a triangular system at each step of the sampler.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bayes_nmda.model.counts import Counts
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


@dataclass(frozen=True, slots=True)
class Errors:
    """What the likelihood needs of the covariance of errors.

    Attributes
    ----------
    whitening
        Shape (contrast, contrast), one over the unit of the effect: the inverse of the lower
        Cholesky factor.
    log_constant
        Log density of observations that are exactly the true effects.
    """

    whitening: NDArray[np.float64]
    log_constant: float

    @classmethod
    def of(cls, covariance: NDArray[np.float64], layout: Layout, pooling: str) -> Errors:
        """Return them for the covariance that `error_covariance` makes of these arguments."""
        from scipy import linalg

        factor = np.linalg.cholesky(error_covariance(covariance, layout, pooling))
        size = len(factor)
        whitening = linalg.solve_triangular(factor, np.eye(size), lower=True)
        log_constant = -np.log(np.diag(factor)).sum() - 0.5 * size * np.log(2 * np.pi)
        return cls(whitening, float(log_constant))


def log_density(value: Any, theta: Any, scale: Any, whitening: Any, log_constant: Any) -> Any:
    """Return the log density of observed effects, a PyTensor scalar.

    Parameters
    ----------
    value, theta
        Observed and true effects, shape (contrast,).
    scale
        By what the errors exceed those of ``whitening``, shape (contrast,).
    whitening, log_constant
        As in `Errors`. Contrasts whose row and column of the matrix are zero carry no information.
    """
    import pytensor.tensor as pt

    independent = (whitening * ((value - theta) / scale)[None, :]).sum(axis=1)
    return log_constant - 0.5 * (independent**2).sum() - pt.log(scale).sum()


def replicated(
    theta: NDArray[np.float64],
    scale: NDArray[np.float64],
    whitening: NDArray[np.float64],
    log_constant: float,
    rng: np.random.Generator,
    size: object = None,
) -> NDArray[np.float64]:
    """Return effects that might have been observed, shape of ``theta``; see `log_density`."""
    del log_constant, size
    return theta + scale * (np.linalg.pinv(whitening) @ rng.standard_normal(theta.shape))


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    """Every way in which the events of tables could have fallen on their arms, side by side.

    Attributes
    ----------
    contrasts
        Positions of the contrasts of a table, shape (table, place); 0 where it has fewer.
    ways
        Events of these treatment arms, shape (table, way, place); 0 where there are fewer.
    log_ways
        Log number of choices of people behind each way, shape (table, way); `_NOT_A_WAY` where a
        table has fewer.
    log_observed
        That of the observed ways, summed over tables.
    """

    contrasts: NDArray[np.intp]
    ways: NDArray[np.float64]
    log_ways: NDArray[np.float64]
    log_observed: float

    @classmethod
    def both(cls, counts: Counts, *, spare: bool) -> list[Support]:
        """Return the support of tables with two arms, and that of those with more, if any.

        Parameters
        ----------
        counts
            The tables.
        spare
            Round sizes up, so that models share code.
        """
        arms = np.bincount(counts.table_of_contrast[counts.n_t > 0], minlength=len(counts.labels))
        pairs, larger = np.flatnonzero(arms == 1), np.flatnonzero(arms > 1)
        found = [cls.of(counts, pairs, _TABLES if spare else 1)]
        return found + ([cls.of(counts, larger, _LARGER if spare else 1)] if len(larger) else [])

    @classmethod
    def of(cls, counts: Counts, tables: NDArray[np.intp], multiple: int) -> Support:
        """Return the support of some tables, filled up to a multiple of their number."""
        found = [counts.support(int(table)) for table in tables]
        rows = [counts.rows(int(table)) for table in tables]
        size = multiple * max(1, -(-len(found) // multiple))
        places = max((ways.shape[1] for ways, _ in found), default=1)
        width = max((len(log_ways) for _, log_ways in found), default=1)
        if multiple > 1:
            width = 1 << max(6, (width - 1).bit_length())
        contrasts = np.zeros((size, places), dtype=np.intp)
        ways = np.zeros((size, width, places))
        log_ways = np.full((size, width), _NOT_A_WAY)
        log_ways[len(found) :, 0] = 0.0  # a spare table has one way
        log_observed = 0.0
        for table, ((way, log_way), row) in enumerate(zip(found, rows, strict=True)):
            contrasts[table, : len(row)] = row
            ways[table, : len(way), : len(row)] = way
            log_ways[table, : len(way)] = log_way
            observed = (way == counts.events_t[row]).all(axis=1)
            log_observed += float(log_way[observed][0])
        return cls(contrasts, ways, log_ways, log_observed)


#: The logarithm of next to no ways, small enough for any odds ratio and still a number.
_NOT_A_WAY = -1e9
#: With spare places, numbers of tables with two arms and with more are multiples of these.
_TABLES, _LARGER = 16, 2


def conditional_log_density(value: Any, theta: Any, log_observed: Any, *support: Any) -> Any:
    """Return the log probability of events given the total of each table, a PyTensor scalar.

    Fisher's noncentral hypergeometric distribution; with more than two arms the multivariate one.

    Parameters
    ----------
    value
        Events of treatment arms, shape (contrast,).
    theta
        True log odds ratios, shape (contrast,).
    log_observed
        As in `Support`, of all tables.
    *support
        ``contrasts``, ``ways`` and ``log_ways`` of each `Support`, one after another, because a
        distribution of PyMC takes its parameters by position.

    References
    ----------
    Breslow & Day 1980, Statistical Methods in Cancer Research 1, section 4.2; McCullagh & Nelder
    1989, Generalized Linear Models, section 7.3.
    """
    import pytensor.tensor as pt
    from pytensor.gradient import disconnected_grad

    total = (value * theta).sum() + log_observed
    for contrasts, ways, log_ways in zip(support[::3], support[1::3], support[2::3], strict=True):
        logits = log_ways
        for place in range(ways.type.shape[2]):
            logits = logits + ways[:, :, place] * theta[contrasts[:, place]][:, None]
        top = disconnected_grad(logits.max(axis=1))
        total = total - (top + pt.log(pt.exp(logits - top[:, None]).sum(axis=1))).sum()
    return total


def events_given_totals(
    theta: NDArray[np.float64],
    log_observed: float,
    *support: Any,
    rng: np.random.Generator,
    size: object = None,
) -> NDArray[np.float64]:
    """Return events of treatment arms that might have been, shape of ``theta``."""
    del log_observed, size
    events = np.zeros(theta.shape)
    for tables in zip(support[::3], support[1::3], support[2::3], strict=True):
        for rows, way, log_way in zip(*tables, strict=True):
            logits = log_way + way @ theta[rows]
            share = np.cumsum(np.exp(logits - logits.max()))
            chosen = way[np.searchsorted(share / share[-1], rng.random())]
            np.add.at(events, rows, chosen)  # a place without a contrast has no events
    return events
