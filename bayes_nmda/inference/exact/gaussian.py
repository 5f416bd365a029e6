"""A Gaussian analysis given its standard deviations: likelihood, conditional means and SDs, draws.

Given the SDs, contrasts, true contrasts, effects of cells and partitions and the overall mean are
jointly normal, so what the data say follows in closed form, at all points at once. Errors and
deviations of trials are block-diagonal by trial, so each block is inverted alone; with S their
covariance, X the incidence of cells and K the prior covariance of cell effects, the data reduce to
M = X'S⁻¹X and g = X'S⁻¹r, and one system I + MK of the size of the cells remains. Nothing is
divided by an SD: all of them may be zero.

Three things may differ from point to point beside the SDs: errors that depend on the correlation
within people, coefficients of covariates, and in Student-t trial effects the width of each trial.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_nmda.inference.exact.matrices import Floats, Integers, blocks, check_errors, root
from bayes_nmda.model.covariates import Covariates
from bayes_nmda.model.likelihoods import error_covariance, error_scale
from bayes_nmda.model.structure import Layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.effects.within_person import WithinPerson
    from bayes_nmda.spec.spec import ModelSpec


#: First columns of an array of scales; the last is the SD of the prior of the overall mean. A
#: column with the correlation within people may follow, then one for each covariate with its
#: coefficient, then one for each trial with its width squared.
SCALES = ("tau", "sd_drug", "sd_route", "sd_timepoint", "sd_trial_timepoint", "sd_overall")
_LOG_2PI = float(np.log(2 * np.pi))
#: Points whose matrices fit into the cache of a processor.
_CHUNK = 512


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """What follows from each vector of scales, shape (point, …), in the unit of the effect.

    Attributes
    ----------
    log_likelihood
        Log density of the observed contrasts, shape (point,).
    mean, sd
        Conditional mean and SD of ``overall`` (point, 1), ``partition_effect`` (point, partition),
        ``effect`` (point, cell) and, on request, ``theta`` (point, contrast).
    """

    log_likelihood: Floats
    mean: dict[str, Floats]
    sd: dict[str, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Gaussian:
    """Observed contrasts and how they hang together, rows ordered by block.

    Attributes
    ----------
    yi
        Observed effects, shape (contrast,).
    errors
        Covariance of their errors, shape (contrast, contrast).
    trial_correlation, visit_correlation
        Correlation by contrast of the deviations of comparisons, and of those at a timepoint.
    cell
        Cell of each contrast, shape (contrast,).
    partition, drug
        Partition and drug of each cell, shape (cell,).
    loc
        Prior mean of the overall effect.
    order
        Position in the effect table of each row here, shape (contrast,).
    block_starts
        Where each set of rows that share nothing with others begins, and the number of rows.
    trial
        Trial of each contrast, shape (contrast,).
    covariates
        What true effects depend on beside their cell, rows as here.
    within
        What the errors owe to the correlation within people; None where it is known.
    """

    yi: Floats
    errors: Floats
    trial_correlation: Floats
    visit_correlation: Floats
    cell: Integers
    partition: Integers
    drug: Integers
    loc: float
    order: Integers
    block_starts: Integers
    trial: Integers
    covariates: Covariates
    within: WithinPerson | None = None

    @classmethod
    def of(cls, spec: ModelSpec, effects: EffectTable, layout: Layout) -> Gaussian:
        """Return the Gaussian analysis of an effect table.

        Raises
        ------
        FitError
            If an effect is not a number, or the covariance of the errors is not positive definite.
        """
        yi = effects.frame["yi"].to_numpy(float)
        errors = error_covariance(effects.covariance, layout, spec.structure.pooling)
        check_errors(spec.name, layout, yi, errors)
        within = spec.structure.multi_arm_correlation
        if spec.structure.pooling == "none":
            trial, visit = np.eye(len(yi)), np.zeros((len(yi), len(yi)))
        else:
            of = layout.comparison_of_contrast
            trial = layout.comparison_groups.correlation(within)[np.ix_(of, of)]
            visit = layout.contrast_groups.correlation(within)
        covariates = Covariates.of(spec, effects.frame)
        linked = (errors != 0) | (trial != 0) | (visit != 0)
        for column in range(len(covariates.names)):
            linked = linked | (covariates.shared(column) != 0)
        order, starts = blocks(linked)
        square = np.ix_(order, order)
        return cls(
            yi=yi[order],
            errors=np.ascontiguousarray(errors[square]),
            trial_correlation=np.ascontiguousarray(trial[square]),
            visit_correlation=np.ascontiguousarray(visit[square]),
            cell=layout.cell_of_contrast[order],
            partition=layout.partition_of_cell,
            drug=layout.drug_of_partition[layout.partition_of_cell],
            loc=dict(spec.prior("overall").parameters)["loc"],
            order=order,
            block_starts=starts,
            trial=layout.trial_of_contrast[order],
            covariates=covariates.subset(order),
            within=None if effects.within_person is None else effects.within_person.subset(order),
        )

    def only_cell(self, position: int) -> Gaussian:
        """Return the analysis of one cell alone."""
        rows = np.flatnonzero(self.cell == position)
        square = np.ix_(rows, rows)
        linked = self.errors[square] != 0
        for column in range(len(self.covariates.names)):
            linked = linked | (self.covariates.shared(column)[square] != 0)
        within, starts = blocks(linked)
        rows = rows[within]
        square = np.ix_(rows, rows)
        zero = np.zeros(1, dtype=np.intp)
        return Gaussian(
            yi=self.yi[rows],
            errors=np.ascontiguousarray(self.errors[square]),
            trial_correlation=np.ascontiguousarray(self.trial_correlation[square]),
            visit_correlation=np.ascontiguousarray(self.visit_correlation[square]),
            cell=np.zeros(len(rows), dtype=np.intp),
            partition=zero,
            drug=zero,
            loc=self.loc,
            order=self.order[rows],
            block_starts=starts,
            trial=self.trial[rows],
            covariates=self.covariates.subset(rows),
            within=None if self.within is None else self.within.subset(rows),
        )

    def log_likelihood(self, scales: Floats) -> Floats:
        """Return the log density of the data at each vector of scales (point, scale)."""
        parts = [scales[first : first + _CHUNK] for first in range(0, len(scales), _CHUNK)]
        return np.concatenate(
            [self._given(part).log_likelihood(self.residual(part)) for part in parts]
        )

    def residual(self, scales: Floats) -> Floats:
        """Return effects less prior mean and what covariates add, (contrast,) or (point, …)."""
        if not self.covariates:
            return self.yi - self.loc
        return self.yi - self.loc - self._shift(scales)

    def _shift(self, scales: Floats) -> Floats:
        """Return what covariates add to each contrast, shape (point or 1, contrast)."""
        if not self.covariates:
            return np.zeros((1, len(self.yi)))
        return self.covariates.shift(self.coefficients(scales))

    def coefficients(self, scales: Floats) -> Floats:
        """Return the coefficients of covariates, shape (point, covariate)."""
        first = len(SCALES) + (self.within is not None)
        return scales[:, first : first + len(self.covariates.names)]

    def moments(self, scales: Floats, *, contrasts: bool = False) -> Moments:
        """Return likelihood and conditional moments at each vector of scales (point, scale).

        Parameters
        ----------
        scales
            Shape (point, 6 or more), columns `SCALES`, in the unit of the effect, zero where
            absent.
        contrasts
            Also return those of ``theta``.

        References
        ----------
        Lindley & Smith 1972, J R Stat Soc B 34:1 (normal hierarchies given their variances).
        """
        parts = [
            self._moments(scales[first : first + _CHUNK], contrasts=contrasts)
            for first in range(0, len(scales), _CHUNK)
        ]
        names = parts[0].mean
        return Moments(
            np.concatenate([part.log_likelihood for part in parts]),
            {name: np.concatenate([part.mean[name] for part in parts]) for name in names},
            {name: np.concatenate([part.sd[name] for part in parts]) for name in names},
        )

    def _moments(self, scales: Floats, *, contrasts: bool) -> Moments:
        given = self._given(scales)
        residual = self.residual(scales)
        levels = given.shared_with_cells(self)
        weight = given.weight_of(residual)
        mean = self.loc + np.einsum("plc,pc->pl", levels, weight)
        mean[:, -len(self.partition) :] = self.loc + np.einsum("pij,pj->pi", given.prior, weight)
        explained = np.einsum("plc,pcd,pld->pl", levels, given.gain, levels, optimize=True)
        sd = np.sqrt(np.maximum(self._level_variances(scales) - explained, 0.0))
        parts = {
            "overall": slice(0, 1),
            "partition_effect": slice(1, 1 + self._partitions),
            "effect": slice(1 + self._partitions, None),
        }
        means = {name: mean[:, part] for name, part in parts.items()}
        sds = {name: sd[:, part] for name, part in parts.items()}
        if contrasts:
            back = np.argsort(self.order)
            theta, variance = given.contrasts(residual, weight)
            means["theta"] = self.loc + (theta + self._shift(scales))[:, back]
            sds["theta"] = np.sqrt(np.maximum(variance, 0.0))[:, back]
        return Moments(given.log_likelihood(residual), means, sds)

    def _level_variances(self, scales: Floats) -> Floats:
        """Return prior variances of overall mean, partitions and cells, shape (point, level)."""
        _, drug, route, timepoint, _, overall = (scales[:, :6] ** 2).T
        partition = (overall + drug + route)[:, None]
        parts = [overall[:, None], np.tile(partition, self._partitions)]
        return np.hstack([*parts, np.tile(partition + timepoint[:, None], len(self.partition))])

    def _given(self, scales: Floats) -> _Given:
        return _Given.of(self, np.asarray(scales, dtype=np.float64))

    def draws(self, scales: Floats, rng: np.random.Generator) -> dict[str, Floats]:
        """Return one joint posterior draw at each vector of scales: Matheron's rule.

        Parameters, data and errors are drawn from the prior, and moved by what the observed data
        say against the drawn data. No covariance is factorised, so SDs may be zero.

        Parameters
        ----------
        scales
            Shape (draw, 6), columns `SCALES`.
        rng
            Source of randomness.

        Returns
        -------
        dict
            ``overall`` (draw,), ``partition_effect`` (draw, partition), ``effect`` (draw, cell) and
            ``theta`` (draw, contrast), rows of the effect table.

        References
        ----------
        Wilson et al. 2021, J Mach Learn Res 22:105, section 3 (Matheron's rule).
        """
        size = len(scales)

        def unit(width: int) -> Floats:
            return rng.standard_normal((size, width))

        levels, deviation = self._prior_levels(scales, unit)
        noise = unit(len(self.yi)) @ np.linalg.cholesky(self.errors).T * self._error_scale(scales)
        effect = levels[:, 1 + self._partitions :]
        shift = self._shift(scales)
        residual = self.yi - shift - effect[:, self.cell] - deviation - noise
        # points with the same scales stand together: nothing is factorised twice
        first = np.ones(size, dtype=bool)
        first[1:] = (scales[1:] != scales[:-1]).any(axis=1)
        given = self._given(scales[first]).some(np.cumsum(first) - 1)
        weight = given.weight_of(residual)
        change = np.einsum("plc,pc->pl", given.shared_with_cells(self), weight)
        cells = np.einsum("pij,pj->pi", given.prior, weight)
        change[:, 1 + self._partitions :] = cells
        left = given.solve(residual - cells[:, self.cell])
        levels = levels + change
        effect = levels[:, 1 + self._partitions :]
        theta = shift + effect[:, self.cell] + deviation + given.deviations(left)
        return self._named(levels, theta)

    def prior_draws(self, scales: Floats, scores: Floats) -> dict[str, Floats]:
        """Return one joint prior draw at each vector of scales; names and shapes as `draws`.

        Parameters
        ----------
        scales
            Shape (draw, 6), columns `SCALES`.
        scores
            Standard normal numbers, shape (draw, `prior_width`).
        """
        used = 0

        def unit(width: int) -> Floats:
            nonlocal used
            used += width
            return scores[:, used - width : used]

        levels, deviation = self._prior_levels(scales, unit)
        effect = levels[:, 1 + self._partitions :]
        shift = self._shift(scales)
        return self._named(levels, shift + effect[:, self.cell] + deviation)

    @property
    def prior_width(self) -> int:
        """Number of standard normal numbers behind one prior draw."""
        drugs = int(self.drug.max()) + 1
        unknown = int(sum(part.shape[1] for part in self.covariates.unknown))
        return 1 + drugs + self._partitions + len(self.partition) + 2 * len(self.yi) + unknown

    @property
    def _partitions(self) -> int:
        return int(self.partition.max()) + 1

    def _named(self, levels: Floats, theta: Floats) -> dict[str, Floats]:
        return {
            "overall": levels[:, 0],
            "partition_effect": levels[:, 1 : 1 + self._partitions],
            "effect": levels[:, 1 + self._partitions :],
            "theta": theta[:, np.argsort(self.order)],
        }

    def _prior_levels(self, scales: Floats, unit: Callable[[int], Floats]) -> tuple[Floats, Floats]:
        """Return overall, partition and cell effects side by side, and deviations of contrasts."""
        tau, sd_drug, sd_route, sd_timepoint, sd_visit, sd_overall = scales[:, :6].T[:, :, None]
        drug_of_partition = np.empty(self._partitions, dtype=np.intp)
        drug_of_partition[self.partition] = self.drug
        overall = self.loc + sd_overall * unit(1)
        drug = sd_drug * unit(int(self.drug.max()) + 1)
        partition = overall + drug[:, drug_of_partition] + sd_route * unit(self._partitions)
        effect = partition[:, self.partition] + sd_timepoint * unit(len(self.partition))
        n = len(self.yi)
        trial = unit(n) @ root(self.trial_correlation).T
        visit = unit(n) @ root(self.visit_correlation).T
        trial = trial * np.sqrt(self.widths(scales))
        deviation = tau * trial + sd_visit * visit
        for column, part in enumerate(self.covariates.unknown):
            if part.shape[1]:
                own = self.coefficients(scales)[:, [column]]
                deviation = deviation + own * (unit(part.shape[1]) @ part.T)
        return np.hstack([overall, partition, effect]), deviation

    def widths(self, scales: Floats) -> Floats:
        """Return by what the variance of each contrast's trial exceeds tau squared: 1, mostly."""
        first = len(SCALES) + (self.within is not None) + len(self.covariates.names)
        if scales.shape[1] == first:
            return np.ones((1, len(self.yi)))
        return scales[:, first + self.trial]

    def _error_scale(self, scales: Floats) -> Floats:
        """Return by what errors exceed those of the table, shape (point or 1, contrast)."""
        within = self.within
        if within is None:
            return np.ones((1, len(self.yi)))
        correlation = scales[:, [len(SCALES)]]
        return np.asarray(
            error_scale(within.independent, within.shared, within.reference, correlation)
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Trials of one size: their rows (block, row), precision and spread (point, block, row, row).

    ``spread`` is the covariance of deviations alone, ``errors`` that of the errors.
    """

    rows: Integers
    precision: Floats
    spread: Floats
    errors: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """An analysis at P vectors of scales; notation as in the module.

    Attributes
    ----------
    scales
        Shape (point, scale).
    blocks
        S⁻¹ in parts.
    log_det
        log det S + log det (I + MK), shape (point,).
    m, prior
        M and K, shape (point, cell, cell).
    inverse, gain
        (I + MK)⁻¹, and that times M.
    cell
        Cell of each contrast.
    """

    scales: Floats
    blocks: tuple[_Block, ...]
    log_det: Floats
    m: Floats
    prior: Floats
    inverse: Floats
    gain: Floats
    cell: Integers

    @classmethod
    def of(cls, gaussian: Gaussian, scales: Floats) -> _Given:
        points, cells = len(scales), len(gaussian.partition)
        tau2, visit2 = scales[:, 0] ** 2, scales[:, 4] ** 2
        width, scale = np.sqrt(gaussian.widths(scales)), gaussian._error_scale(scales)
        sizes = np.diff(gaussian.block_starts)
        log_det = np.zeros(points)
        m = np.zeros((points, cells * cells))
        blocks = []
        for size in np.unique(sizes):
            rows = gaussian.block_starts[:-1][sizes == size][:, None] + np.arange(size)
            pick = (rows[:, :, None], rows[:, None, :])
            loose, own = width[:, rows], scale[:, rows]
            spread = (
                tau2[:, None, None, None]
                * (gaussian.trial_correlation[pick] * (loose[..., :, None] * loose[..., None, :]))
                + visit2[:, None, None, None] * gaussian.visit_correlation[pick]
            )
            if gaussian.covariates.any_unknown:
                coefficients = gaussian.coefficients(scales)
                for column in range(coefficients.shape[1]):
                    squared = coefficients[:, column, None, None, None] ** 2
                    spread = spread + squared * gaussian.covariates.shared(column)[pick]
            errors = gaussian.errors[pick] * (own[..., :, None] * own[..., None, :])
            precision, log_of = _inverse(spread + errors)
            log_det += log_of.sum(axis=1)
            at = gaussian.cell[rows]
            place = (at[:, :, None] * cells + at[:, None, :]).reshape(-1)
            order = np.argsort(place, kind="stable")
            pairs, starts = np.unique(place[order], return_index=True)
            by_pair = precision.reshape(points, -1)[:, order]
            m[:, pairs] += np.add.reduceat(by_pair, starts, axis=1)
            blocks.append(_Block(rows, precision, spread, errors))
        square: Floats = m.reshape(points, cells, cells)
        prior = _prior_covariance(gaussian, scales)
        system = np.eye(cells) + square @ prior
        inverse: Floats = np.linalg.inv(system)
        log_det += np.linalg.slogdet(system)[1]
        gain: Floats = inverse @ square
        return cls(scales, tuple(blocks), log_det, square, prior, inverse, gain, gaussian.cell)

    def some(self, points: Integers) -> _Given:
        """Return the same at chosen points, which may repeat."""

        def of(values: Floats) -> Floats:
            return values if len(values) < len(self.scales) else values[points]

        blocks = tuple(
            _Block(b.rows, of(b.precision), of(b.spread), of(b.errors)) for b in self.blocks
        )
        return _Given(
            scales=self.scales[points],
            blocks=blocks,
            log_det=of(self.log_det),
            m=of(self.m),
            prior=of(self.prior),
            inverse=of(self.inverse),
            gain=of(self.gain),
            cell=self.cell,
        )

    def solve(self, residual: Floats) -> Floats:
        """Return S⁻¹ r, shape (point, contrast)."""
        r = np.atleast_2d(residual)
        out = np.empty((len(self.scales), r.shape[1]))
        for block in self.blocks:
            out[:, block.rows] = np.einsum("pbij,pbj->pbi", block.precision, r[:, block.rows])
        return out

    def weight_of(self, residual: Floats) -> Floats:
        """Return what cells' prior covariance is multiplied by to change them: (I + MK)⁻¹ g."""
        g = self._by_cell(self.solve(residual))
        return np.asarray(np.einsum("pij,pj->pi", self.inverse, g))

    def _by_cell(self, values: Floats) -> Floats:
        belongs = (self.cell[:, None] == np.arange(self.m.shape[1])).astype(np.float64)
        return np.asarray(values @ belongs)

    def log_likelihood(self, residual: Floats) -> Floats:
        """Return the log density of residuals, shape (point,)."""
        solved = self.solve(residual)
        g = self._by_cell(solved)
        change = np.einsum("pij,pj->pi", self.prior, np.einsum("pij,pj->pi", self.inverse, g))
        quadratic = (solved * residual).sum(axis=1) - (g * change).sum(axis=1)
        return np.asarray(-0.5 * (quadratic + self.log_det + solved.shape[1] * _LOG_2PI))

    def shared_with_cells(self, gaussian: Gaussian) -> Floats:
        """Return prior covariances of overall mean, partitions and cells with cells."""
        overall2 = self.scales[:, 5] ** 2
        partitions = int(gaussian.partition.max()) + 1
        drug = np.empty(partitions, dtype=np.intp)
        drug[gaussian.partition] = gaussian.drug
        same_drug = (drug[:, None] == gaussian.drug).astype(float)
        same = (np.arange(partitions)[:, None] == gaussian.partition).astype(float)
        first = np.broadcast_to(
            overall2[:, None, None], (len(overall2), 1, len(gaussian.partition))
        )
        middle = (
            overall2[:, None, None]
            + (self.scales[:, 1] ** 2)[:, None, None] * same_drug
            + (self.scales[:, 2] ** 2)[:, None, None] * same
        )
        return np.concatenate([first, middle, self.prior], axis=1)

    def deviations(self, solved: Floats) -> Floats:
        """Return the deviations that S⁻¹ r implies, shape (point, contrast)."""
        out = np.empty_like(solved)
        for block in self.blocks:
            out[:, block.rows] = np.einsum("pbij,pbj->pbi", block.spread, solved[:, block.rows])
        return out

    def contrasts(self, residual: Floats, weight: Floats) -> tuple[Floats, Floats]:
        """Return means and variances of true contrasts, less the prior mean.

        With F = V S⁻¹ they are X effect + (I − F)(r − X effect), with covariance V − F V and what
        the effects leave open of F X effect.
        """
        change = np.einsum("pij,pj->pi", self.prior, weight)
        cells = self.prior - np.einsum(
            "pij,pjk,pkl->pil", self.prior, self.gain, self.prior, optimize=True
        )
        left = residual - change[:, self.cell]
        mean, variance = np.empty_like(left), np.empty_like(left)
        for block in self.blocks:
            kept = block.errors @ block.precision
            mean[:, block.rows] = residual[block.rows] - np.einsum(
                "pbij,pbj->pbi", kept, left[:, block.rows]
            )
            at = self.cell[block.rows]
            open_ = cells[:, at[:, :, None], at[:, None, :]]
            own = np.einsum("pbii->pbi", block.errors) - np.einsum(
                "pbij,pbji->pbi", kept, np.broadcast_to(block.errors, kept.shape)
            )
            variance[:, block.rows] = own + np.einsum(
                "pbij,pbjk,pbik->pbi", kept, open_, kept, optimize=True
            )
        return mean, variance


def _inverse(s: Floats) -> tuple[Floats, Floats]:
    """Return inverses and log determinants of small matrices, those of up to 2 rows by hand."""
    if s.shape[-1] == 1:
        return 1 / s, np.log(s[..., 0, 0])
    if s.shape[-1] == 2:
        a, b, d = s[..., 0, 0], s[..., 0, 1], s[..., 1, 1]
        det = a * d - b * b
        inverse = np.stack([d, -b, -b, a], axis=-1) / det[..., None]
        return inverse.reshape(s.shape), np.log(det)
    return np.linalg.inv(s), np.linalg.slogdet(s)[1]


def _prior_covariance(gaussian: Gaussian, scales: Floats) -> Floats:
    """Return the prior covariance of cell effects, shape (point, cell, cell)."""
    _, drug, route, timepoint, _, overall = (scales[:, :6] ** 2).T[:, :, None, None]
    same_drug = np.equal.outer(gaussian.drug, gaussian.drug)
    same_partition = np.equal.outer(gaussian.partition, gaussian.partition)
    return np.asarray(
        overall + drug * same_drug + route * same_partition
        + timepoint * np.eye(len(gaussian.partition))
    )  # fmt: skip
