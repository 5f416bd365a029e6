"""Pictures of the computation: ranks, energy, posterior predictive, and leave-one-trial-out.

Light on purpose: histograms of ranks rather than traces, so that the page stays small.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from bayes_nmda.report.numbers import comparator_words
from bayes_nmda.report.style import (
    BLUE,
    GREY,
    INK,
    PAGE,
    PALE,
    VERMILION,
    Figure,
    canvas,
    direction,
    drawing,
    plain,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_nmda.report.content import Content

_BINS: Final = 20
#: Cells of a model without a scalar parameter that are shown.
_CELLS: Final = 3
_LINES: Final = ("-", "--", "-.", ":")


def rank_figure(tree: xr.DataTree) -> Figure:
    """Return rank histograms of the scalar parameters, one line a chain.

    A model without any, whose cells are alone, shows effect and SD of its first cells.

    Vehtari et al. 2021, Bayesian Anal 16:667, doi:10.1214/20-BA1221, section 5: chains that agree
    have flat histograms.
    """
    posterior = tree["posterior"].to_dataset()
    scalars = {
        str(name): values.to_numpy()
        for name, values in posterior.data_vars.items()
        if values.dims == ("chain", "draw") and not str(name).startswith("z_")
    } or _of_cells(posterior)
    alt = f"Rank histograms of {', '.join(scalars)} by chain; flat when the chains agree."
    with canvas(PAGE, 1.75 * -(-len(scalars) // 3)) as figure:
        panels = figure.subplots(-(-len(scalars) // 3), min(3, len(scalars)), squeeze=False)
        for axes in panels.flat:
            axes.set_axis_off()
        for axes, (name, draws) in zip(panels.flat, scalars.items(), strict=False):
            axes.set_axis_on()
            ranks = draws.ravel().argsort(kind="stable").argsort(kind="stable")
            for chain, line in zip(ranks.reshape(draws.shape), _cycle(draws.shape[0]), strict=True):
                counts, edges = np.histogram(chain, _BINS, (0, draws.size))
                axes.stairs(counts, edges, ls=line, color=BLUE, lw=1)
            axes.axhline(draws.shape[1] / _BINS, color=INK, lw=0.6)
            axes.set(title=name, xticks=[], yticks=[])
            axes.set_ylim(bottom=0)
        svg = drawing(figure, "ranks", alt)
    return Figure("ranks", svg, f"{alt} The thin line is the expected height.", alt)


def _of_cells(posterior: xr.Dataset) -> dict[str, NDArray[np.float64]]:
    """Return what parameters of the first cells drew, shape (chain, draw), by name."""
    found = {}
    for name in ("effect", "tau"):
        values = posterior[name].transpose("chain", "draw", ...).to_numpy()
        for i in range(min(values.shape[2], _CELLS)):
            found[f"{name}[{i + 1}]" if values.shape[2] > 1 else name] = values[:, :, i]
    return found


def _cycle(chains: int) -> list[str]:
    return [_LINES[i % len(_LINES)] for i in range(chains)]


def energy_figure(tree: xr.DataTree) -> Figure:
    """Return the energy of the sampler: marginal, and its change from draw to draw.

    Betancourt 2016, arXiv:1604.00695.
    """
    energy = tree["sample_stats"]["energy"].to_numpy()
    marginal, change = energy - energy.mean(), np.diff(energy, axis=1)
    reach = float(np.abs(marginal).max())
    alt = "Histograms of marginal energy and of energy transitions; alike when NUTS explores well."
    with canvas(PAGE, 2.2) as figure:
        axes = figure.subplots()
        for values, label, colour, line in (
            (marginal, "marginal energy", BLUE, "-"),
            (change, "energy transition", VERMILION, "--"),
        ):
            counts, edges = np.histogram(values, 40, (-reach, reach), density=True)
            axes.stairs(counts, edges, label=label, color=colour, ls=line, lw=1.5)
        axes.set(yticks=[], xlabel="energy, centred")
        axes.xaxis.set_major_formatter(lambda value, _: plain(value))
        axes.legend()
        svg = drawing(figure, "energy", alt)
    return Figure("energy", svg, alt, alt)


def predicted(content: Content) -> pd.DataFrame:
    """Return each observed effect with the 95 % interval that the model predicts for a repeat."""
    import pandas as pd

    tree = content.primary.tree
    replicated = tree["posterior_predictive"]["yi"].transpose("contrast", ...).to_numpy()
    low, high = np.quantile(replicated.reshape(replicated.shape[0], -1), [0.025, 0.975], axis=1)
    return pd.DataFrame(
        {
            "contrast": tree["observed_data"]["contrast"].to_numpy().astype(str),
            "observed": tree["observed_data"]["yi"].to_numpy(),
            "lower": low,
            "upper": high,
        }
    )


def predictive_figure(content: Content) -> Figure:
    """Return each observed effect in the interval that the model predicts for it."""
    spec = content.primary.spec
    table = predicted(content)
    low, high, observed = (table[name].to_numpy() for name in ("lower", "upper", "observed"))
    names = [name.replace(": ", ", ").replace("/", ", ") for name in table["contrast"]]
    words = comparator_words(spec.select.comparator)
    inside = int(((observed >= low) & (observed <= high)).sum())
    alt = (
        f"{inside} of {observed.size} observed differences lie inside the 95 % interval that the "
        "model predicts for a repeat of the same trial."
    )
    with canvas(PAGE, 0.8 + 0.2 * observed.size) as figure:
        axes = figure.subplots()
        rows = np.arange(observed.size)
        axes.hlines(rows, low, high, color=PALE, lw=4)
        axes.plot(observed, rows, "o", color=INK, ms=4)
        axes.axvline(0, color=GREY, lw=0.8)
        axes.set_yticks(rows, names)
        axes.set_ylim(observed.size - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_formatter(lambda value, _: plain(value))
        direction(axes, unit=spec.unit, benefit=spec.benefit, comparator=words)
        svg = drawing(figure, "posterior-predictive", alt)
    return Figure("posterior-predictive", svg, f"{alt} Dot: observed; bar: predicted.", alt)


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """Predictive accuracy with one trial left out at a time, and how far it can be trusted."""

    elpd: float
    se: float
    p: float
    trials: tuple[str, ...]
    elpd_i: tuple[float, ...]
    pareto_k: tuple[float, ...]
    good_k: float


def leave_one_out(tree: xr.DataTree) -> LeaveOneOut:
    """Return PSIS leave-one-trial-out as ``arviz_stats.loo`` computes it, trial by trial.

    Vehtari, Gelman & Gabry 2017, Stat Comput 27:1413, doi:10.1007/s11222-016-9696-4.
    """
    import arviz_stats as az

    with warnings.catch_warnings():
        # the report prints how many k lie above the limit
        warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto")
        found = az.loo(tree, pointwise=True)
    return LeaveOneOut(
        float(found.elpd),
        float(found.se),
        float(found.p),
        tuple(str(trial) for trial in tree["log_likelihood"]["trial"].to_numpy()),
        tuple(float(x) for x in found.elpd_i.to_numpy()),
        tuple(float(x) for x in found.pareto_k.to_numpy()),
        float(found.good_k),
    )
