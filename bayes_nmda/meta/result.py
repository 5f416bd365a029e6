"""The result of one meta-analysis: three posteriors, and what can be asked of them."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bayes_nmda.errors import UsageError
from bayes_nmda.meta.marginals import Marginal, NormalMixture, TauMarginal
from bayes_nmda.meta.mu_priors import MuPrior
from bayes_nmda.meta.prior_densities import Array
from bayes_nmda.meta.tau_priors import TauPrior

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_NORMAL_975 = 1.959963984540054  # half-width of a 95 % interval in standard errors

type MetaTarget = Literal["mean", "new_trial", "tau"]


@dataclass(frozen=True, slots=True, repr=False)
class MetaAnalysis:
    """The exact posterior of one random-effects meta-analysis.

    Attributes
    ----------
    mu
        Posterior of the mean effect.
    tau
        Posterior of the SD between trials.
    new_trial
        Posterior of the true effect of a new, exchangeable trial.
    log_marginal
        Log of the marginal likelihood of the data; differences between models are log Bayes
        factors. Under an improper prior (flat mu, uniform tau without a bound) its density is
        taken as 1, and only models that share that prior can be compared.
    trials, yi, sei
        Labels, effects and standard errors of the trials, shape (k,).
    """

    mu: NormalMixture
    tau: TauMarginal
    new_trial: NormalMixture
    log_marginal: float
    mu_prior: MuPrior
    tau_prior: TauPrior
    trials: tuple[str, ...]
    yi: Array = field(compare=False)
    sei: Array = field(compare=False)
    node_taus: Array = field(compare=False)

    def _target(self, target: MetaTarget) -> Marginal:
        targets: dict[str, Marginal] = {
            "mean": self.mu, "new_trial": self.new_trial, "tau": self.tau
        }  # fmt: skip
        if target not in targets:
            raise UsageError(f"target={target!r}: expected one of {', '.join(targets)}")
        return targets[target]

    def prob_below(self, x: ArrayLike, target: MetaTarget = "mean") -> float | Array:
        """Return the posterior probability that the target lies below x."""
        return self._target(target).prob_below(x)

    def prob_above(self, x: ArrayLike, target: MetaTarget = "mean") -> float | Array:
        """Return the posterior probability that the target lies above x."""
        return self._target(target).prob_above(x)

    def density(self, x: ArrayLike, target: MetaTarget = "mean") -> float | Array:
        """Return the posterior density of the target on a grid x, in 1 / units of the effects."""
        return self._target(target).density(x)

    def trial_effect(self, index: int) -> NormalMixture:
        """Return the posterior of one trial's own true effect, by position."""
        tau2, vi = self.node_taus**2, self.sei[index] ** 2
        towards_mean = vi / (vi + tau2)
        mu = self.mu
        means = self.yi[index] + towards_mean * (mu.means - self.yi[index])
        variances = towards_mean * tau2 + (towards_mean * mu.sds) ** 2
        mean = float(mu.weights @ means)
        variance = float(mu.weights @ (variances + (means - mean) ** 2))
        return NormalMixture(
            self.trials[index], mean, float(np.sqrt(variance)), mu.weights, means,
            np.sqrt(variances),
        )  # fmt: skip

    @property
    def theta(self) -> pd.DataFrame:
        """Return each trial's shrunken effect: one row a trial, mean, SD, median, 95 % interval."""
        rows = []
        for index, trial in enumerate(self.trials):
            effect = self.trial_effect(index)
            lower, upper = effect.interval()
            rows.append(
                (trial, self.yi[index], self.sei[index], effect.mean, effect.sd, effect.median,
                 lower, upper)
            )  # fmt: skip
        columns = ["trial", "yi", "sei", "mean", "sd", "median", "lower", "upper"]
        return pd.DataFrame(rows, columns=columns).set_index("trial")

    @property
    def summary(self) -> pd.DataFrame:
        """Return mean, SD, median and 95 % interval of mu, tau and a new trial's effect."""
        rows = []
        for marginal in (self.mu, self.tau, self.new_trial):
            lower, upper = marginal.interval()
            rows.append((marginal.mean, marginal.sd, marginal.median, lower, upper))
        columns = ["mean", "sd", "median", "lower", "upper"]
        return pd.DataFrame(np.array(rows), index=["mu", "tau", "new_trial"], columns=columns)

    def draws(self, n: int = 4000, *, seed: int = 0, chains: int = 4) -> xr.DataTree:
        """Return independent posterior draws as a DataTree with ArviZ groups.

        Parameters
        ----------
        n
            Number of draws in all; a multiple of ``chains``.
        seed
            Seed of the random numbers; the same seed gives the same draws.
        chains
            Number of chains that the draws are laid out in, for tools that expect several.
        """
        from bayes_nmda.meta.draws import draw_tree

        return draw_tree(self, n, seed=seed, chains=chains)

    def plot_forest(self, ax: Axes | None = None) -> Axes:
        """Draw trials, their shrunken effects, the mean and a new trial; return the axes."""
        return _plot_forest(self, ax)

    def _heading(self) -> list[str]:
        k = len(self.trials)
        lines = [
            f"Random-effects meta-analysis of {k} trial{'s' if k > 1 else ''}, exact",
            f"prior of mu: {self.mu_prior}",
            f"prior of tau: {self.tau_prior}",
        ]
        return lines + [note for note in (self.mu_prior.note, self.tau_prior.note) if note]

    def __repr__(self) -> str:
        """Return priors, summary and log marginal likelihood as text."""
        table = self.summary.to_string(float_format=lambda value: f"{value:.4g}")
        return "\n".join(
            [*self._heading(), table, f"log marginal likelihood {self.log_marginal:.4f}"]
        )

    def _repr_html_(self) -> str:
        heading = "<br>".join(html.escape(line) for line in self._heading())
        table = self.summary.to_html(float_format=lambda value: f"{value:.4g}", border=0)
        trials = self.theta.to_html(float_format=lambda value: f"{value:.4g}", border=0)
        return (
            f"<p>{heading}</p>{table}<p>log marginal likelihood {self.log_marginal:.4f}</p>"
            f"<details><summary>Trials, shrunken</summary>{trials}</details>"
        )


def _plot_forest(result: MetaAnalysis, ax: Axes | None = None) -> Axes:
    """Draw the forest plot on ``ax``, or on a new figure, and return the axes."""
    import matplotlib.pyplot as plt

    theta = result.theta
    k = len(theta)
    if ax is None:
        _, ax = plt.subplots(figsize=(7.0, 1.6 + 0.32 * (k + 2)), layout="constrained")
    rows = np.arange(k, 0, -1) + 1.0
    ax.errorbar(
        theta["yi"], rows + 0.14, xerr=_NORMAL_975 * theta["sei"], fmt="s", markersize=4,
        color="0.55", label="observed",
    )  # fmt: skip
    below, above = theta["median"] - theta["lower"], theta["upper"] - theta["median"]
    ax.errorbar(
        theta["median"], rows - 0.14, xerr=[below, above], fmt="o", markersize=4, color="C0",
        label="shrunken",
    )  # fmt: skip
    for row, marginal, colour in ((1.0, result.mu, "C3"), (0.0, result.new_trial, "C1")):
        lower, upper = marginal.interval()
        middle = marginal.median
        error = [[middle - lower], [upper - middle]]
        ax.errorbar([middle], [row], xerr=error, fmt="D", markersize=6, color=colour)
    ax.axvline(0.0, color="0.8", linewidth=1.0, zorder=0)
    ax.axhline(1.5, color="0.8", linewidth=1.0, zorder=0)
    ax.set_yticks([*rows, 1.0, 0.0], [*theta.index, "mean", "new trial"])
    ax.set_ylim(-0.6, k + 1.6)
    ax.set_xlabel("effect, median and 95 % interval")
    ax.legend(loc="best", frameon=False)
    return ax
