"""One random-effects meta-analysis by this package, by PyMC and by PyMARE; a figure of the cost.

PyMARE is no dependency of this project. Install it elsewhere and name its interpreter:
``PYMARE_PYTHON=/path/to/python python benchmarks/other_programs.py``. Without it those rows are
skipped, which the section says.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import arviz_stats as az
import numpy as np
import pandas as pd
from record import machine, seconds, write_section

from bayes_nmda.meta.analysis import MetaAnalysis, meta_analysis
from bayes_nmda.meta.batch import meta_analyses
from bayes_nmda.report.style import drawing, looks_once

MU, TAU = ("normal", 0.0, 2.0), ("half_normal", 0.5)
SIZES = (3, 5, 10, 20, 50, 100, 200)
SAMPLED = (5, 20, 100)
NUMBERS = (1, 10, 100, 1_000, 17_500)
K = 20
FIGURE = Path(__file__).parent / "cost.svg"
COLOURS = {"meta_analysis": "C0", "meta_analyses": "C4", "PyMC": "C1", "PyMARE": "C2"}
#: Runs in the other interpreter: reads k, yi, sei; prints seconds and estimates by k.
PYMARE = """
import json, statistics, sys, time, warnings
import numpy as np, pymare
from pymare import Dataset
from pymare.estimators import VarianceBasedLikelihoodEstimator
warnings.simplefilter("ignore")
found = {"version": pymare.__version__, "numpy": np.__version__, "rows": {}}
for k, (yi, sei) in json.load(sys.stdin).items():
    yi, vi = np.array(yi), np.array(sei) ** 2
    times = []
    for _ in range(50):
        start = time.perf_counter()
        data = Dataset(y=yi, v=vi)
        result = VarianceBasedLikelihoodEstimator(method="REML").fit_dataset(data).summary()
        stats = result.get_fe_stats()
        times.append(time.perf_counter() - start)
    tau2 = float(np.ravel(result.tau2)[0])
    found["rows"][k] = [statistics.median(times), float(np.ravel(stats["est"])[0]), tau2 ** 0.5]
print(json.dumps(found))
"""


def trials(k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return effects and standard errors of k simulated trials."""
    rng = np.random.default_rng(k)
    sei = np.exp(rng.normal(-1.0, 0.6, k))
    return rng.normal(-0.3, 1.0, k) * np.hypot(sei, 0.3), sei


def exact_seconds(k: int) -> tuple[float, MetaAnalysis]:
    """Return the time of an analysis with its summary and two probabilities."""
    yi, sei = trials(k)

    def call() -> MetaAnalysis:
        result = meta_analysis(yi, sei, mu=MU, tau=TAU)
        _ = result.summary, result.prob_below(0.0), result.prob_above(0.5)
        return result

    return seconds(call, 200), call()


def sampled_seconds(k: int) -> tuple[float, float, Any]:
    """Return seconds of compiling and of sampling by NUTS, and the draws.

    The true effects of trials are integrated out, which helps NUTS most.
    """
    import nutpie
    import pymc as pm

    yi, sei = trials(k)
    start = time.perf_counter()
    with pm.Model() as model:
        mu = pm.Normal("mu", MU[1], MU[2])
        tau = pm.HalfNormal("tau", TAU[1])
        pm.Normal("yi", mu, pm.math.sqrt(tau**2 + sei**2), observed=yi)
    compiled = nutpie.compile_pymc_model(model)
    compiling = time.perf_counter() - start

    def call() -> Any:
        return nutpie.sample(
            compiled, draws=1000, tune=1000, chains=4, seed=1, progress_bar=False,
            save_warmup=False,
        )  # fmt: skip

    return compiling, seconds(call, 3), call()["posterior"].to_dataset()


def pymare_rows() -> tuple[dict[str, Any] | None, str]:
    """Return what PyMARE measured by k, or None and why not."""
    python = os.environ.get("PYMARE_PYTHON")
    if not python:
        return None, "PyMARE: skipped, it is no dependency and PYMARE_PYTHON names no interpreter."
    numbers = {k: [part.tolist() for part in trials(k)] for k in SIZES}
    done = subprocess.run(
        [python, "-W", "ignore", "-c", PYMARE],
        input=json.dumps(numbers), capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if done.returncode:
        return None, f"PyMARE: skipped, it failed: {done.stderr.strip().splitlines()[-1]}"
    found: dict[str, Any] = json.loads(done.stdout)
    return found, (
        f"PyMARE {found['version']} (numpy {found['numpy']}, another interpreter): restricted"
        " maximum likelihood with its Wald summary. It gives one tau and no probability: another,"
        " easier task, listed for its time."
    )


def batch_seconds(number: int) -> float:
    """Return the time of one call for so many analyses of `K` trials."""
    rng = np.random.default_rng(number)
    sei = np.exp(rng.normal(-1.0, 0.6, number * K))
    yi = rng.normal(-0.3, 1.0, number * K) * np.hypot(sei, 0.3)
    frame = pd.DataFrame({"analysis": np.repeat(np.arange(number), K), "yi": yi, "sei": sei})

    def call() -> pd.DataFrame:
        return meta_analyses(
            frame, by="analysis", mu=MU, tau=TAU, prob_below=[0.0], prob_above=[0.5]
        )

    call()
    return seconds(call, 3)


def draw(
    by_size: dict[str, dict[int, float]], by_number: dict[str, dict[int, float]], single: float
) -> None:
    """Write the figure: seconds against k, and against the number of analyses."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rc = {"svg.hashsalt": "bayes_nmda", "svg.fonttype": "none", "font.size": 9}
    with mpl.rc_context(rc):
        canvas = Figure(figsize=(9.0, 4.6), layout="constrained")
        left, right = canvas.subplots(1, 2)
        for axes, curves, label in (
            (left, by_size, "trials of one analysis, k"),
            (right, by_number, f"analyses of {K} trials each"),
        ):
            for (name, curve), marker in zip(curves.items(), "osD^", strict=False):
                colour = COLOURS[name.split()[0].strip(",")]
                style = ":" if "compiling" in name else "-"
                axes.plot(
                    list(curve), list(curve.values()),
                    marker=marker, ms=4, ls=style, color=colour, label=name,
                )  # fmt: skip
            axes.set(xscale="log", yscale="log", xlabel=label, ylabel="seconds")
            axes.spines[["top", "right"]].set_visible(False)
        for name, each in (("meta_analysis", single), ("PyMC, NUTS", by_size["PyMC, NUTS"][K])):
            ends = np.array([NUMBERS[0], NUMBERS[-1]])
            colour = COLOURS[name.split(",")[0]]
            words = f"{name}, number × time of one (not run)"
            right.plot(ends, each * ends, ls="--", color=colour, label=words)
        for axes in (left, right):
            axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15))
        words = "Seconds against the number of trials and of analyses."
        FIGURE.write_text(looks_once(drawing(canvas, "cost", words)), encoding="utf-8")


def main() -> None:
    """Measure, draw and write the section."""
    where = machine("pymc", "nutpie")
    exact = {k: exact_seconds(k) for k in SIZES}
    other, remark = pymare_rows()
    sampled_seconds(SAMPLED[0] - 1)  # what nutpie and numba load once is not the model's cost
    sampled = {k: sampled_seconds(k) for k in SAMPLED}
    batch = {number: batch_seconds(number) for number in NUMBERS}
    lines = [
        "## One meta-analysis beside other programs (`other_programs.py`)", "", where, "",
        "Simulated trials, mu ~ normal(0, 2), tau ~ half-normal(0.5), milliseconds. `meta_analysis`"
        " with summary and two probabilities; PyMC with nutpie, 4 chains of 1,000 draws after 1,000"
        " of tuning, true effects integrated out, by the clock without and with compiling, which"
        f" each new k needs (after one analysis that warmed the compiler). {remark}", "",
        "| k | `meta_analysis` | PyMC NUTS | with compiling | ratio without | PyMARE REML |"
        " ratio |", "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for k in SIZES:
        own = exact[k][0]
        cells = [f"{k}", f"{1e3 * own:.2f}", "", "", "", "", ""]
        if k in sampled:
            compiling, once, _ = sampled[k]
            cells[2:5] = [f"{1e3 * once:.0f}", f"{1e3 * (compiling + once):.0f}"]
            cells[4:4] = [f"{once / own:.0f}"]
        if other:
            theirs = other["rows"][str(k)][0]
            cells[5:] = [f"{1e3 * theirs:.2f}", f"{theirs / own:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *_agreement(exact, sampled, other), ""]
    one = batch[NUMBERS[-1]] / NUMBERS[-1]
    lines += [
        f"`meta_analyses`, {NUMBERS[-1]:,} analyses of {K} trials: {batch[NUMBERS[-1]]:.2f} s,"
        f" {1e6 * one:.0f} µs each; {exact[K][0] / one:.0f} times faster than one at a time,"
        f" {sampled[K][1] / one:,.0f} times faster than NUTS at its time for one.", "",
        "![Seconds against the number of trials and of analyses](cost.svg)",
    ]  # fmt: skip
    by_size = {
        "meta_analysis": {k: found[0] for k, found in exact.items()},
        "PyMC, NUTS": {k: found[1] for k, found in sampled.items()},
        "PyMC, compiling and NUTS": {k: found[0] + found[1] for k, found in sampled.items()},
    }
    if other:
        by_size["PyMARE, REML (no posterior)"] = {k: other["rows"][str(k)][0] for k in SIZES}
    draw(by_size, {"meta_analyses, one call": batch}, exact[K][0])
    write_section("other_programs", "\n".join(lines))


def _agreement(exact: Any, sampled: Any, other: Any) -> list[str]:
    apart = []
    for k, (_, _, drawn) in sampled.items():
        result = exact[k][1]
        for name, marginal in (("mu", result.mu), ("tau", result.tau)):
            for method, value in (("mean", marginal.mean), ("sd", marginal.sd)):
                found = float(drawn[name].mean() if method == "mean" else drawn[name].std(ddof=1))
                apart.append(abs(found - value) / float(az.mcse(drawn[name], method=method)))
    words = [
        f"Means and SDs of mu and tau by NUTS and by `meta_analysis`: at most {max(apart):.1f}"
        f" Monte Carlo standard errors apart ({len(apart)} numbers)."
    ]
    if other:
        _, mu, tau = other["rows"][str(K)]
        own = exact[K][1]
        words.append(
            f"Estimates at k = {K}: posterior mean of mu {own.mu.mean:.3f} and median of tau"
            f" {own.tau.median:.3f}; PyMARE {mu:.3f} and {tau:.3f}."
        )
    return words


if __name__ == "__main__":
    main()
