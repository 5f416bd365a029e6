"""Is the model of counts calibrated? Simulate from its priors, fit, look where the truth lies.

Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788): if true effects are drawn from
the priors and data from the true effects, the probability that the posterior puts below the truth
is uniform, whatever the data. Trials, arms and people are those of ``any_adverse_event``. The model
takes the total of each table as given, so totals are drawn first, without regard to the effects,
and then how they fall on the arms. (Totals that depend on the effects would say something of them,
if one knew how control risks are spread: that is what the model declines to assume.)

``python docs/calibration_of_counts.py [data sets]`` writes docs/calibration_of_counts.svg and
prints the share of each tenth and a test of uniformity.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from scipy import special, stats

import bayes_nmda as nmda
from bayes_nmda.effects import EffectTable
from bayes_nmda.inference.exact.counts import hierarchies, integrate, parameters_of
from bayes_nmda.model.counts import Counts
from bayes_nmda.model.structure import Layout
from bayes_nmda.spec.spec import ModelSpec

MODEL, DATA_SETS, SEED, TENTHS = "any_adverse_event", 2000, 20261125, 10
#: Fewer points than for an answer: the place of one truth is needed to two digits.
POINTS, REPLICATES = 16, 4
QUANTITIES = ("effect", "tau", "new_trial")
FIGURE = Path(__file__).with_suffix(".svg")


def simulated(
    spec: ModelSpec, effects: EffectTable, layout: Layout, rng: np.random.Generator
) -> tuple[EffectTable, dict[str, float]]:
    """Return counts drawn from the model, and the truth behind them for the first cell."""
    parameters = parameters_of(spec)
    at = {
        k: float(v[0]) for k, v in parameters.at(rng.normal(size=(1, parameters.dimension))).items()
    }
    overall = rng.normal(0, at["sd_location"])
    drug = overall + at["sd_drug"] * rng.normal(size=len(layout.drugs))
    partition = drug[layout.drug_of_partition]
    partition = partition + at["sd_route"] * rng.normal(size=len(partition))
    effect = partition[layout.partition_of_cell]
    within = layout.comparison_groups.correlation(spec.structure.multi_arm_correlation)
    deviation = np.linalg.cholesky(within) @ rng.normal(size=len(within))
    theta = effect[layout.cell_of_contrast]
    theta = theta + at["tau"] * deviation[layout.comparison_of_contrast]
    frame = _given_totals(effects.frame, layout, theta, rng)
    truth = {"effect": effect[0], "tau": at["tau"]}
    truth["new_trial"] = effect[0] + at["tau"] * rng.normal()
    table = EffectTable(frame, effects.covariance, effects.measure, effects.unit)
    return table, truth


def _given_totals(
    frame: pd.DataFrame, layout: Layout, theta: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the rows with events drawn anew: totals from wide risks, then their split by theta."""
    risk = special.expit(rng.normal(-1.5, 1.5, len(layout.controls)))
    found = frame.copy()
    counts = Counts.of(found, layout, "partial")
    for table in range(len(counts.labels)):
        rows = counts.rows(table)
        found.loc[rows, "events_t"] = rng.binomial(counts.n_t[rows], risk[table])
        found.loc[rows, "events_c"] = rng.binomial(counts.n_c[table], risk[table])
    counts = Counts.of(found, layout, "partial")
    for table in range(len(counts.labels)):
        rows = counts.rows(table)
        ways, log_ways = counts.support(table)
        share = special.softmax(log_ways + ways @ theta[rows])
        way = ways[rng.choice(len(ways), p=share)]
        total = counts.events_c[table] + counts.events_t[rows].sum()
        found.loc[rows, "events_t"] = way
        found.loc[rows, "events_c"] = total - way.sum()
    return found


def ranks(number: int) -> list[float]:
    """Return the posterior probability below the truth, for each quantity of one data set."""
    spec = nmda.load_model(MODEL)
    effects = nmda.effect_table(nmda.load_trials(), spec)
    layout = Layout.of(effects.frame)
    rng = np.random.default_rng((SEED, number))
    table, truth = simulated(spec, effects, layout, rng)
    ((hierarchy, _),) = hierarchies(spec, table, layout)
    if not (hierarchy.singles or hierarchy.joints):
        return [float("nan")] * len(QUANTITIES)
    found = integrate(hierarchy, parameters_of(spec), number, points=POINTS, replicates=REPLICATES)
    weight, effect, tau = found.points.weight, found.level[:, 0], found.scales["tau"]
    below = {
        "effect": effect <= truth["effect"],
        "tau": tau <= truth["tau"],
        "new_trial": special.ndtr((truth["new_trial"] - effect) / tau),
    }
    return [float(weight @ below[name]) for name in QUANTITIES]


def main(size: int) -> None:
    """Run the simulation, print what it shows and draw it."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = Parallel(n_jobs=cpu_count())(delayed(ranks)(number) for number in range(size))
    found = np.array(rows)
    found = found[np.isfinite(found).all(axis=1)]
    mpl.rcParams |= {"svg.hashsalt": "calibration", "font.size": 10, "svg.fonttype": "none"}
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    expected = len(found) / TENTHS
    band = special.ndtri(0.995) * np.sqrt(expected * (1 - 1 / TENTHS))
    for axes, name, values in zip(figure.subplots(1, 3), QUANTITIES, found.T, strict=True):
        counts, _ = np.histogram(values, TENTHS, (0, 1))
        chi = stats.chisquare(counts)
        uniform = stats.kstest(values, "uniform")
        print(f"{name}: tenths {counts.tolist()}, chi-squared p {chi.pvalue:.2f}, "
              f"Kolmogorov-Smirnov p {uniform.pvalue:.2f}")  # fmt: skip
        axes.axhspan(expected - band, expected + band, color="#d9d9d9", zorder=0)
        axes.axhline(expected, color="#6b6b6b", lw=1)
        axes.bar((np.arange(TENTHS) + 0.5) / TENTHS, counts, 0.9 / TENTHS, color="#0072B2")
        axes.set(title=name.replace("_", " "), xlabel="posterior probability below the truth")
        axes.set(ylim=(0, 1.6 * expected), xlim=(0, 1))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("data sets")
    figure.suptitle(f"{len(found)} simulated data sets; grey: 99 % of what chance allows a bar")
    figure.savefig(FIGURE, metadata={"Date": None})


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DATA_SETS)
