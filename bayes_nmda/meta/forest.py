"""Forest plot of one meta-analysis: as observed, as shrunken, the mean and a new trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayes_nmda.meta.analysis import MetaAnalysis

_NORMAL_975 = 1.959963984540054  # half-width of a 95 % interval in standard errors


def plot_forest(result: MetaAnalysis, ax: Axes | None = None) -> Axes:
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
