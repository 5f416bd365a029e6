"""Compiled likelihood and conditional moments of a Gaussian analysis, at many vectors of scales.

Notation as in `gaussian_kernel`: M, K, C, A and D by cell, S by contrast.
"""

from __future__ import annotations

import math

import numpy as np

from bayes_nmda.posterior.compiled import compiled
from bayes_nmda.posterior.gaussian_kernel import (
    Floats,
    Integers,
    halve,
    level_changes,
    precisions,
    prior_covariance,
    system,
    update,
)

_LOG_2PI = math.log(2.0 * math.pi)


@compiled
def _level_variances(
    scale: Floats,
    partition: Integers,
    drug: Integers,
    k: Floats,
    c: Floats,
    a: Floats,
    b: Floats,
    unit: Floats,
    v: Floats,
    out: Floats,
) -> None:
    """Fill the posterior variances of the overall mean, of partitions and of cells."""
    size = partition.size
    groups = out.size - 1 - size
    drug2, route2, overall2 = scale[1] * scale[1], scale[2] * scale[2], scale[5] * scale[5]
    for i in range(size):
        total = k[i, i]
        for h in range(size):
            total -= b[h, i] * b[h, i]
        out[1 + groups + i] = total
    for p in range(-1, groups):
        of_drug = -1
        for i in range(size):
            if partition[i] == p:
                of_drug = drug[i]
        # covariance of this level with the cells
        for i in range(size):
            unit[i] = overall2
            if drug[i] == of_drug:
                unit[i] += drug2
            if partition[i] == p:
                unit[i] += route2
        # what the data explain: unit' C A⁻¹ C' unit = |U'⁻¹ C' unit|²
        explained = 0.0
        for i in range(size):
            total = 0.0
            for j in range(i, size):
                total += c[i, j] * unit[j]
            for h in range(i):
                total -= a[h, i] * v[h]
            v[i] = total / a[i, i]
            explained += v[i] * v[i]
        prior = overall2 if p < 0 else overall2 + drug2 + route2
        out[1 + p] = prior - explained


@compiled
def summarise(
    scales: Floats,
    errors: Floats,
    trial: Floats,
    visit: Floats,
    cell: Integers,
    partition: Integers,
    drug: Integers,
    starts: Integers,
    residual: Floats,
    loc: float,
    moments: bool,
    contrasts: bool,
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return log likelihoods and, on request, means and variances of levels and contrasts."""
    n = cell.size
    size = partition.size
    groups = partition.max() + 1
    points = scales.shape[0]
    kept = points if moments else 0
    rows = points if contrasts else 0
    log_likelihood = np.empty(points)
    mean, variance = np.empty((kept, 1 + groups + size)), np.empty((kept, 1 + groups + size))
    theta_mean, theta_variance = np.empty((rows, n)), np.empty((rows, n))
    s, inverse, precision = np.empty((n, n)), np.empty((n, n)), np.zeros((n, n))
    m, k, c = np.empty((size, size)), np.empty((size, size)), np.empty((size, size))
    a, d = np.empty((size, size)), np.empty((size, size))
    g, change, v = np.empty(size), np.empty(size), np.empty(size)
    for point in range(points):
        scale = scales[point]
        log_det = precisions(scale, errors, trial, visit, cell, starts, s, inverse, precision, m)
        prior_covariance(scale, partition, drug, k)
        log_det += system(m, k, c, a, d)
        quadratic = update(residual, precision, cell, starts, m, k, a, d, g, change, v)
        log_likelihood[point] = -0.5 * (quadratic + log_det + n * _LOG_2PI)
        if not moments:
            continue
        level_changes(scale, partition, drug, v, change, mean[point])
        for i in range(mean.shape[1]):
            mean[point, i] += loc
        halve(a, d)
        _level_variances(scale, partition, drug, k, c, a, d, g, v, variance[point])
        if not contrasts:
            continue
        for i in range(size):  # c := posterior covariance of cells
            for j in range(size):
                c[i, j] = k[i, j]
        for h in range(size):
            for i in range(size):
                for j in range(size):
                    c[i, j] -= d[h, i] * d[h, j]
        for block in range(starts.size - 1):
            _contrasts(
                starts[block], starts[block + 1], scale, errors, cell, precision, residual,
                change, c, loc, s, inverse, theta_mean[point], theta_variance[point],
            )  # fmt: skip
    return log_likelihood, mean, variance, theta_mean, theta_variance


@compiled
def _contrasts(
    first: int,
    last: int,
    scale: Floats,
    errors: Floats,
    cell: Integers,
    precision: Floats,
    residual: Floats,
    change: Floats,
    covariance: Floats,
    loc: float,
    kept: Floats,
    work: Floats,
    mean: Floats,
    variance: Floats,
) -> None:
    """Fill means and variances of true contrasts of a block: y − V S⁻¹ (y − X effect), and so on.

    With F = V S⁻¹ the true contrasts are X effect + (I − F)(y − X effect) with covariance V − F V.
    """
    size = last - first
    for i in range(size):
        for j in range(size):
            total = 0.0
            for h in range(size):
                total += errors[first + i, first + h] * precision[first + h, first + j]
            kept[i, j] = total
    for i in range(size):
        total = residual[first + i]
        spread = errors[first + i, first + i]
        for j in range(size):
            total -= kept[i, j] * (residual[first + j] - change[cell[first + j]])
            spread -= kept[i, j] * errors[first + j, first + i]
            for h in range(size):
                between = covariance[cell[first + j], cell[first + h]]
                spread += kept[i, j] * between * kept[i, h]
        mean[first + i] = loc + total
        variance[first + i] = spread
