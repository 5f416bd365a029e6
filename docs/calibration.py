"""Simulation-based calibration of every likelihood and structure, with the design of real trials.

``python docs/calibration.py [data sets]`` simulates from each model below, fits what it simulated
by the exact engine (the last two by NUTS) and writes docs/calibration.csv and docs/calibration.svg:
whether the place of the truth is uniform, how often intervals hold it, and whether probabilities of
benefit and harm are as often right as they say. An hour on two cores with 1,000 sets.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from joblib import cpu_count

import bayes_nmda as nmda
from bayes_nmda.query.calibration import calibration, coverage, flatness, reliability

SETS, NUTS_SETS, SEED = 1000, 200, 20261130
#: Model, engine, and what it stands for.
MODELS = (
    ("pain_intensity", "exact", "differences, partial pooling"),
    ("pain_intensity_complete", "exact", "differences, complete pooling"),
    ("pain_intensity_unpooled", "exact", "differences, each cell alone"),
    ("pain_intensity_robust", "exact", "differences, Student-t trials"),
    ("pain_intensity_with_abstracts", "exact", "differences, unknown correlation in people"),
    ("pain_intensity_year", "exact", "differences, covariate"),
    ("quality_of_life", "exact", "standardised differences"),
    ("any_adverse_event", "exact", "counts given totals"),
    ("any_adverse_event_unpooled", "exact", "counts, each cell alone"),
    ("any_adverse_event_small_studies", "exact", "counts, covariate"),
    ("responder_50", "exact", "counts with timepoints"),
    ("any_adverse_event_binomial", "exact", "binomial arms"),
    ("any_adverse_event_robust", "exact", "beta-binomial arms"),
    ("pain_intensity", "nuts", "differences, partial pooling"),
    ("any_adverse_event", "nuts", "counts given totals"),
)
FOLDER = Path(__file__).parent


def main() -> None:
    """Run all models, write the table and the figure."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else SETS
    trials = nmda.load_trials()
    rows, figures = [], []
    for name, engine, words in MODELS:
        spec = nmda.load_model(name)
        effects = nmda.effect_table(trials, spec)
        size = sets if engine == "exact" else min(sets, NUTS_SETS)
        jobs = cpu_count() if engine == "exact" else 1
        table = calibration(spec, effects, sets=size, engine=engine, seed=SEED, jobs=jobs)
        row = summary(table, spec) | {"model": name, "engine": engine, "sets": size}
        rows.append(row)
        figures.append((f"{words} ({engine})", table, reliability(table, spec)))
        frame = pd.DataFrame(rows)
        first = ["model", "engine", "sets"]
        frame[[*first, *(c for c in frame if c not in first)]].to_csv(
            FOLDER / "calibration.csv", index=False, float_format="%.4f"
        )
        draw(figures)
        print(name, engine, f"{row['inside_bands']} of {row['quantities']} inside", flush=True)


def summary(table: pd.DataFrame, spec: nmda.ModelSpec) -> dict[str, float]:
    """Return one line about a model."""
    flat = flatness(table)
    found: dict[str, float] = {
        "quantities": len(flat),
        "inside_bands": int(flat["inside"].sum()),
        "smallest_p": flat["p"].min(),
        "smallest_p_times_quantities": min(1.0, flat["p"].min() * len(flat)),
    }
    shares = coverage(table)
    for variable in ("effect", "new_trial", "tau"):
        for row in shares[shares["variable"] == variable].to_dict("records"):
            found[f"{variable}_{100 * row['level']:g}"] = row["share"]
    for of in ("benefit", "harm"):
        tenths = reliability(table, spec, of=of)
        apart = (tenths["happened"] - tenths["said"]).abs()
        kept = tenths["cases"] >= 50
        found[f"{of}_largest_gap"] = apart[kept].max()
        found[f"{of}_gap_in_errors"] = (apart / tenths["error"])[kept].max()
    return found


def draw(figures: list[tuple[str, pd.DataFrame, pd.DataFrame]]) -> None:
    """Write the figure: differences of distributions from uniform, and reliability."""
    mpl.rcParams.update({"svg.hashsalt": "calibration", "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(
        len(figures), 2, figsize=(8, 2.1 * len(figures)), layout="constrained", squeeze=False
    )
    for (words, table, tenths), (left, right) in zip(figures, axes, strict=True):
        for _, some in table.groupby(["variable", "label"]):
            places = np.sort(some["below"].to_numpy())
            size = len(places)
            gap = (np.arange(size) + 1) / size - places
            left.plot(places, gap, color="#1f5c99", alpha=0.35, linewidth=0.7)
        grid = np.linspace(0, 1, 101)
        half = 1.36 / np.sqrt(size) + 0 * grid  # where a Kolmogorov-Smirnov test rejects at 5 %
        left.fill_between(grid, -half, half, color="#bbbbbb", alpha=0.4, linewidth=0)
        left.set(title=words, xlim=(0, 1), ylabel="share below − expected")
        right.plot([0, 1], [0, 1], color="#888888", linewidth=0.8)
        right.errorbar(
            tenths["said"], tenths["happened"], yerr=2 * tenths["error"], fmt="o", markersize=3,
            color="#1f5c99",
        )  # fmt: skip
        right.set(title="probability of benefit", xlim=(0, 1), ylim=(0, 1), ylabel="came true")
    axes[-1][0].set_xlabel("posterior probability below the truth")
    axes[-1][1].set_xlabel("said")
    plt.close(figure)
    figure.savefig(FOLDER / "calibration.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
