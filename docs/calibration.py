"""Simulation-based calibration of every likelihood and structure, with the design of real trials.

``python docs/calibration.py [data sets]`` simulates from each model below, fits what it simulated
by the exact engine (two by NUTS) and writes docs/calibration.json, calibration.csv and
calibration.svg: whether the place of the truth is uniform, how often intervals hold it, and whether
probabilities of benefit and harm are as often right as they say. A model that the JSON file holds
with as many data sets is not done again; without the file, an hour on two cores with 1,000.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from joblib import cpu_count

import bayes_nmda as nmda
from bayes_nmda.query.calibration import calibration, coverage, flatness, reliability
from bayes_nmda.report.style import drawing, looks_once

SETS, NUTS_SETS, SEED = 1000, 200, 20261130
TWENTIETHS = 20
#: Data sets that a share needs to be judged.
FEWEST = 40
#: Model, engine, and what it stands for.
MODELS = (
    ("pain_intensity", "exact", "differences, partial pooling"),
    ("any_adverse_event", "exact", "counts given totals"),
    ("pain_intensity_complete", "exact", "differences, complete pooling"),
    ("pain_intensity_unpooled", "exact", "differences, each cell alone"),
    ("pain_intensity_robust", "exact", "differences, Student-t trials"),
    ("pain_intensity_with_abstracts", "exact", "differences, unknown correlation in people"),
    ("pain_intensity_year", "exact", "differences, covariate"),
    ("quality_of_life", "exact", "standardised differences"),
    ("any_adverse_event_unpooled", "exact", "counts, each cell alone"),
    ("any_adverse_event_small_studies", "exact", "counts, covariate"),
    ("responder_50", "exact", "counts with timepoints"),
    ("any_adverse_event_binomial", "exact", "binomial arms"),
    ("pain_intensity", "nuts", "differences, partial pooling"),
    ("any_adverse_event", "nuts", "counts given totals"),
    ("any_adverse_event_robust", "exact", "beta-binomial arms"),
)
#: Between parts of a line of JSON.
_TIGHT = (",", ":")
FOLDER = Path(__file__).parent


def main() -> None:
    """Run the models that are not done, and write what all of them found."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else SETS
    trials = nmda.load_trials()
    path = FOLDER / "calibration.json"
    done = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for name, engine, words in MODELS:
        size = sets if engine == "exact" else min(sets, NUTS_SETS)
        label = f"{name}/{engine}"
        if done.get(label, {}).get("sets") == size:
            continue
        spec = nmda.load_model(name)
        effects = nmda.effect_table(trials, spec)
        jobs = cpu_count() if engine == "exact" else 1
        table = calibration(spec, effects, sets=size, engine=engine, seed=SEED, jobs=jobs)
        done[label] = {
            "words": f"{words} ({engine})",
            "sets": size,
            "summary": summary(table, spec),
            "places": places(table),
            "reliability": reliability(table, spec).round(4).to_dict("records"),
        }
        path.write_text(one_a_line(done), encoding="utf-8")
        write(done)
        found = done[label]["summary"]
        print(label, f"{found['inside_bands']} of {found['quantities']} inside", flush=True)


def one_a_line(done: dict[str, Any]) -> str:
    """Return JSON with a model a line."""
    lines = (
        f"{json.dumps(label)}: {json.dumps(of, separators=_TIGHT)}" for label, of in done.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write(done: dict[str, Any]) -> None:
    """Write the table and the figure of all models that are done, in the order of `MODELS`."""
    labels = [f"{name}/{engine}" for name, engine, _ in MODELS if f"{name}/{engine}" in done]
    rows = [
        {"model": label.split("/")[0], "engine": label.split("/")[1], "sets": done[label]["sets"]}
        | done[label]["summary"]
        for label in labels
    ]
    frame = pd.DataFrame(rows)
    frame.to_csv(FOLDER / "calibration.csv", index=False, float_format="%.4f")
    draw([done[label] for label in labels])


def places(table: pd.DataFrame) -> dict[str, list[int]]:
    """Return the number of truths in each twentieth of the posterior, by quantity."""
    found = {}
    for (variable, label), some in table.groupby(["variable", "label"], sort=False):
        counted, _ = np.histogram(some["below"], np.linspace(0, 1, TWENTIETHS + 1))
        found[f"{variable} {label}".strip()] = counted.tolist()
    return found


def summary(table: pd.DataFrame, spec: nmda.ModelSpec) -> dict[str, float]:
    """Return one line about a model."""
    flat = flatness(table)
    found: dict[str, float] = {
        "quantities": len(flat),
        "inside_bands": int(flat["inside"].sum()),
        "smallest_p": float(flat["p"].min()),
        "smallest_p_times_quantities": float(min(1.0, flat["p"].min() * len(flat))),
    }
    shares = coverage(table)
    for variable in ("effect", "new_trial", "tau"):
        for row in shares[shares["variable"] == variable].to_dict("records"):
            found[f"{variable}_{100 * row['level']:g}"] = float(row["share"])
    for of in ("benefit", "harm"):
        tenths = reliability(table, spec, of=of)
        apart = (tenths["happened"] - tenths["said"]).abs()
        kept = tenths["sets"] >= FEWEST
        found[f"{of}_largest_gap"] = float(apart[kept].max())
        found[f"{of}_gap_in_errors"] = float((apart / tenths["error"])[kept].max())
    return found


def draw(models: list[dict[str, Any]]) -> None:
    """Write the figure: distribution of places less the uniform one, and reliability."""
    mpl.rcParams.update({"svg.hashsalt": "calibration", "svg.fonttype": "none", "font.size": 9})
    figure, axes = plt.subplots(
        len(models), 2, figsize=(8, 2.0 * len(models)), layout="constrained", squeeze=False,
        sharex=True,
    )  # fmt: skip
    edges = np.linspace(0, 1, TWENTIETHS + 1)
    for model, (left, right) in zip(models, axes, strict=True):
        gaps = (
            np.array([[0, *np.cumsum(n)] for n in model["places"].values()]) / model["sets"] - edges
        )
        left.fill_between(edges, gaps.min(axis=0), gaps.max(axis=0), color="#1f5c99", alpha=0.6)
        # behind all quantities: where a Kolmogorov-Smirnov test of one quantity rejects at 5 %
        half = np.full(len(edges), 1.36 / np.sqrt(model["sets"]))
        left.fill_between(edges, -half, half, color="#bbbbbb", alpha=0.4, linewidth=0)
        left.set(title=model["words"], xlim=(0, 1), ylabel="share below − expected")
        tenths = pd.DataFrame(model["reliability"])
        tenths = tenths[tenths["sets"] >= FEWEST]
        right.plot([0, 1], [0, 1], color="#888888", linewidth=0.8)
        right.errorbar(
            tenths["said"], tenths["happened"], yerr=2 * tenths["error"], fmt="o", markersize=3,
            color="#1f5c99",
        )  # fmt: skip
        right.set(title="probability of benefit", xlim=(0, 1), ylim=(0, 1), ylabel="came true")
        right.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        left.locator_params(axis="y", nbins=5, steps=[1, 2, 5, 10])
        for axis in (left, right):
            axis.spines[["top", "right"]].set_visible(False)
    axes[-1][0].set_xlabel("posterior probability below the truth")
    axes[-1][1].set_xlabel("said")
    alt = "Places of truths less a uniform distribution, and how often probabilities came true."
    (FOLDER / "calibration.svg").write_text(
        looks_once(drawing(figure, "calibration", alt)), encoding="utf-8"
    )
    plt.close(figure)


if __name__ == "__main__":
    main()
