"""Compiled linear algebra of a Gaussian analysis, one vector of scales at a time.

With S the covariance of contrasts around their cells' effects, X the incidence of cells and K the
prior covariance of cell effects, the data reduce to M = X'S⁻¹X = CC' and g = X'S⁻¹r. The posterior
covariance of cell effects is K − D'A⁻¹D with D = C'K and A = I + C'KC = U'U: nothing but A and M is
factorised, and both are well conditioned however small an SD is.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bayes_nmda.posterior.compiled import compiled

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


@compiled
def _factorise(a: Floats, size: int) -> float:
    """Replace the upper triangle of a by U with U'U = a, and return log det a."""
    log_det = 0.0
    for k in range(size):
        pivot = math.sqrt(a[k, k])
        log_det += 2.0 * math.log(pivot)
        inverse = 1.0 / pivot
        for j in range(k, size):
            a[k, j] *= inverse
        for i in range(k + 1, size):
            factor = a[k, i]
            for j in range(i, size):
                a[i, j] -= factor * a[k, j]
    return log_det


@compiled
def _invert_block(s: Floats, size: int, out: Floats) -> float:
    """Fill out with the inverse of s, which is overwritten, and return log det s."""
    log_det = _factorise(s, size)
    for column in range(size):
        for i in range(size):
            total = 1.0 if i == column else 0.0
            for j in range(i):
                total -= s[j, i] * out[j, column]
            out[i, column] = total / s[i, i]
        for i in range(size - 1, -1, -1):
            total = out[i, column]
            for j in range(i + 1, size):
                total -= s[i, j] * out[j, column]
            out[i, column] = total / s[i, i]
    return log_det


@compiled
def precisions(
    scale: Floats,
    errors: Floats,
    trial: Floats,
    visit: Floats,
    cell: Integers,
    starts: Integers,
    s: Floats,
    inverse: Floats,
    precision: Floats,
    m: Floats,
) -> float:
    """Fill the precision of contrasts by block and M by cell, and return log det S."""
    tau2 = scale[0] * scale[0]
    visit2 = scale[4] * scale[4]
    m[:] = 0.0
    log_det = 0.0
    for b in range(starts.size - 1):
        first = starts[b]
        size = starts[b + 1] - first
        for i in range(size):
            for j in range(size):
                s[i, j] = (
                    errors[first + i, first + j]
                    + tau2 * trial[first + i, first + j]
                    + visit2 * visit[first + i, first + j]
                )
        log_det += _invert_block(s, size, inverse)
        for i in range(size):
            for j in range(size):
                precision[first + i, first + j] = inverse[i, j]
                m[cell[first + i], cell[first + j]] += inverse[i, j]
    return log_det


@compiled
def prior_covariance(scale: Floats, partition: Integers, drug: Integers, k: Floats) -> None:
    """Fill k with the prior covariance of cell effects."""
    drug2 = scale[1] * scale[1]
    route2 = scale[2] * scale[2]
    timepoint2 = scale[3] * scale[3]
    overall2 = scale[5] * scale[5]
    for i in range(partition.size):
        for j in range(partition.size):
            value = overall2
            if drug[i] == drug[j]:
                value += drug2
            if partition[i] == partition[j]:
                value += route2
            if i == j:
                value += timepoint2
            k[i, j] = value


@compiled
def system(m: Floats, k: Floats, c: Floats, a: Floats, d: Floats) -> float:
    """Fill c with C' and d with D, a with U (upper triangles), and return log det A."""
    size = m.shape[0]
    for i in range(size):
        for j in range(size):
            c[i, j] = m[i, j]
    _factorise(c, size)
    for i in range(size):
        for j in range(size):
            d[i, j] = 0.0
        for h in range(i, size):
            factor = c[i, h]
            if factor != 0.0:
                for j in range(size):
                    d[i, j] += factor * k[h, j]
    for i in range(size):
        for j in range(i, size):
            total = 1.0 if i == j else 0.0
            for h in range(j, size):
                total += d[i, h] * c[j, h]
            a[i, j] = total
    return _factorise(a, size)


@compiled
def halve(a: Floats, d: Floats) -> None:
    """Replace d by B = U'⁻¹D, so that the posterior covariance of cells is K − B'B."""
    size = a.shape[0]
    for i in range(size):
        for h in range(i):
            factor = a[h, i]
            for j in range(size):
                d[i, j] -= factor * d[h, j]
        inverse = 1.0 / a[i, i]
        for j in range(size):
            d[i, j] *= inverse


@compiled
def update(
    r: Floats,
    precision: Floats,
    cell: Integers,
    starts: Integers,
    m: Floats,
    k: Floats,
    a: Floats,
    d: Floats,
    g: Floats,
    change: Floats,
    v: Floats,
) -> float:
    """Fill the change of cell effects by residuals r and v = g − M change; return r'G⁻¹r."""
    size = m.shape[0]
    g[:] = 0.0
    quadratic = 0.0
    for block in range(starts.size - 1):
        for i in range(starts[block], starts[block + 1]):
            total = 0.0
            for j in range(starts[block], starts[block + 1]):
                total += precision[i, j] * r[j]
            g[cell[i]] += total
            quadratic += total * r[i]
    for i in range(size):
        total = 0.0
        for j in range(size):
            total += k[i, j] * g[j]
        change[i] = total
        total = 0.0
        for j in range(size):
            total += d[i, j] * g[j]
        v[i] = total
    for i in range(size):  # v := A⁻¹ D g
        for h in range(i):
            v[i] -= a[h, i] * v[h]
        v[i] /= a[i, i]
    for i in range(size - 1, -1, -1):
        for h in range(i + 1, size):
            v[i] -= a[i, h] * v[h]
        v[i] /= a[i, i]
    for h in range(size):
        for i in range(size):
            change[i] -= d[h, i] * v[h]
    for i in range(size):
        total = g[i]
        for j in range(size):
            total -= m[i, j] * change[j]
        v[i] = total
        quadratic -= g[i] * change[i]
    return quadratic


@compiled
def level_changes(
    scale: Floats, partition: Integers, drug: Integers, v: Floats, cells: Floats, out: Floats
) -> None:
    """Fill changes of the overall mean, of partitions and of cells."""
    size = partition.size
    groups = out.size - 1 - size
    overall2 = scale[5] * scale[5]
    total = 0.0
    for i in range(size):
        total += v[i]
    out[0] = overall2 * total
    for p in range(groups):
        out[1 + p] = out[0]
    for p in range(groups):
        of_drug = 0
        for i in range(size):
            if partition[i] == p:
                of_drug = drug[i]
        for i in range(size):
            if drug[i] == of_drug:
                out[1 + p] += scale[1] * scale[1] * v[i]
            if partition[i] == p:
                out[1 + p] += scale[2] * scale[2] * v[i]
    for i in range(size):
        out[1 + groups + i] = cells[i]


@compiled
def condition(
    scales: Floats,
    errors: Floats,
    trial: Floats,
    visit: Floats,
    cell: Integers,
    partition: Integers,
    drug: Integers,
    starts: Integers,
    residual: Floats,
) -> tuple[Floats, Floats]:
    """Return by how much residuals (point, contrast) move the levels and the deviations.

    Points with the same scales should stand together: nothing is then factorised twice.
    """
    n = cell.size
    size = partition.size
    groups = partition.max() + 1
    levels = np.empty((scales.shape[0], 1 + groups + size))
    deviations = np.empty((scales.shape[0], n))
    s, inverse, precision = np.empty((n, n)), np.empty((n, n)), np.zeros((n, n))
    m, k, c = np.empty((size, size)), np.empty((size, size)), np.empty((size, size))
    a, d = np.empty((size, size)), np.empty((size, size))
    g, change, v = np.empty(size), np.empty(size), np.empty(size)
    for point in range(scales.shape[0]):
        scale = scales[point]
        r = residual[point]
        if point == 0 or (scale != scales[point - 1]).any():
            precisions(scale, errors, trial, visit, cell, starts, s, inverse, precision, m)
            prior_covariance(scale, partition, drug, k)
            system(m, k, c, a, d)
        update(r, precision, cell, starts, m, k, a, d, g, change, v)
        level_changes(scale, partition, drug, v, change, levels[point])
        tau2 = scale[0] * scale[0]
        visit2 = scale[4] * scale[4]
        for block in range(starts.size - 1):
            for i in range(starts[block], starts[block + 1]):
                deviations[point, i] = 0.0
            for j in range(starts[block], starts[block + 1]):
                weighted = 0.0
                for h in range(starts[block], starts[block + 1]):
                    weighted += precision[j, h] * (r[h] - change[cell[h]])
                for i in range(starts[block], starts[block + 1]):
                    shared = tau2 * trial[i, j] + visit2 * visit[i, j]
                    deviations[point, i] += shared * weighted
    return levels, deviations
