"""A Gaussian analysis given its standard deviations: likelihood, conditional means and SDs, draws.

Given the SDs, contrasts, true contrasts, effects of cells and partitions and the overall mean are
jointly normal, so what the data say follows in closed form. The work is done in the space of cells:
errors and deviations of trials are block-diagonal by trial, so each block is inverted alone, and
one system of the size of the cells remains. Nothing is divided by an SD: all of them may be zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_nmda.model.likelihoods import error_covariance
from bayes_nmda.model.structure import Layout
from bayes_nmda.posterior.gaussian_kernel import condition
from bayes_nmda.posterior.gaussian_moments import summarise
from bayes_nmda.posterior.matrices import Floats, Integers, blocks, check_errors, root

if TYPE_CHECKING:
    from collections.abc import Callable

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.model.spec import ModelSpec


_Arguments = tuple[Floats, Floats, Floats, Floats, Integers, Integers, Integers, Integers]

#: Columns of an array of scales; the last is the SD of the prior of the overall mean.
SCALES = ("tau", "sd_drug", "sd_route", "sd_timepoint", "sd_trial_timepoint", "sd_overall")


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
        order, starts = blocks((errors != 0) | (trial != 0) | (visit != 0))
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
        )

    def only_cell(self, position: int) -> Gaussian:
        """Return the analysis of one cell alone."""
        rows = np.flatnonzero(self.cell == position)
        square = np.ix_(rows, rows)
        within, starts = blocks(self.errors[square] != 0)
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
        )

    def log_likelihood(self, scales: Floats) -> Floats:
        """Return the log density of the data at each vector of scales (point, scale)."""
        return self._summarise(scales, moments=False, contrasts=False)[0]

    def moments(self, scales: Floats, *, contrasts: bool = False) -> Moments:
        """Return likelihood and conditional moments at each vector of scales (point, scale).

        Parameters
        ----------
        scales
            Shape (point, 6), columns `SCALES`, in the unit of the effect, zero where absent.
        contrasts
            Also return those of ``theta``.

        References
        ----------
        Lindley & Smith 1972, J R Stat Soc B 34:1 (normal hierarchies given their variances).
        """
        found = self._summarise(scales, moments=True, contrasts=contrasts)
        log_likelihood, mean, variance, theta_mean, theta_variance = found
        parts = {
            "overall": slice(0, 1),
            "partition_effect": slice(1, 1 + self._partitions),
            "effect": slice(1 + self._partitions, None),
        }
        sd = np.sqrt(np.maximum(variance, 0.0))
        means = {name: mean[:, part] for name, part in parts.items()}
        sds = {name: sd[:, part] for name, part in parts.items()}
        if contrasts:
            back = np.argsort(self.order)
            means["theta"] = theta_mean[:, back]
            sds["theta"] = np.sqrt(np.maximum(theta_variance, 0.0))[:, back]
        return Moments(log_likelihood, means, sds)

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
        noise = unit(len(self.yi)) @ np.linalg.cholesky(self.errors).T
        effect = levels[:, 1 + self._partitions :]
        residual = self.yi - effect[:, self.cell] - deviation - noise
        change, change_deviation = condition(*self._arguments(scales), residual)
        levels = levels + change
        effect = levels[:, 1 + self._partitions :]
        theta = effect[:, self.cell] + deviation + change_deviation
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
        return self._named(levels, effect[:, self.cell] + deviation)

    @property
    def prior_width(self) -> int:
        """Number of standard normal numbers behind one prior draw."""
        drugs = int(self.drug.max()) + 1
        return 1 + drugs + self._partitions + len(self.partition) + 2 * len(self.yi)

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
        tau, sd_drug, sd_route, sd_timepoint, sd_visit, sd_overall = scales.T[:, :, None]
        drug_of_partition = np.empty(self._partitions, dtype=np.intp)
        drug_of_partition[self.partition] = self.drug
        overall = self.loc + sd_overall * unit(1)
        drug = sd_drug * unit(int(self.drug.max()) + 1)
        partition = overall + drug[:, drug_of_partition] + sd_route * unit(self._partitions)
        effect = partition[:, self.partition] + sd_timepoint * unit(len(self.partition))
        n = len(self.yi)
        trial = unit(n) @ root(self.trial_correlation).T
        visit = unit(n) @ root(self.visit_correlation).T
        return np.hstack([overall, partition, effect]), tau * trial + sd_visit * visit

    def _arguments(self, scales: Floats) -> _Arguments:
        return (
            np.ascontiguousarray(scales, dtype=np.float64),
            self.errors,
            self.trial_correlation,
            self.visit_correlation,
            self.cell,
            self.partition,
            self.drug,
            self.block_starts,
        )

    def _summarise(
        self, scales: Floats, *, moments: bool, contrasts: bool
    ) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        residual = self.yi - self.loc
        return summarise(*self._arguments(scales), residual, self.loc, moments, contrasts)
