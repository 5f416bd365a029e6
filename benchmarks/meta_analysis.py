"""One exact meta-analysis: time of a call, and worst error against a dense grid.

The dense grid is the one of the tests: extended precision, tens of thousands of points, no trick.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from record import machine, seconds, write_section

from bayes_nmda.meta.analysis import MetaAnalysis, meta_analysis
from tests.meta.dense_grid import dense_grid

TAUS = {
    "half-normal": ("half_normal", 0.5),
    "half-Cauchy": ("half_cauchy", 0.5),
    "uniform": ("uniform", 3.0),
    "inverse-gamma": ("inverse_gamma", 1.69, 0.42),
    "log-normal": ("log_normal", -0.915, 0.76),
    "log-t": ("log_student_t", 5.0, -1.58, 1.25),
}


def worst_errors(tau: tuple, cases: int) -> dict[str, float]:
    """Return the worst error in probabilities, and of mean and SD in posterior SDs."""
    worst: dict[str, float] = defaultdict(float)
    rng = np.random.default_rng(1)
    for case in range(cases):
        k = int(rng.choice([1, 2, 3, 5, 10, 20, 60]))
        sei = 10 ** rng.uniform(-1, 1, k) * 10 ** rng.choice([-1.0, 0.0, 1.0])
        yi = rng.normal(0, 1, k) * np.hypot(sei, rng.choice([0.0, 0.3, 3.0]))
        mu = ("flat",) if case % 2 and k > 2 else ("normal", 0.0, 2.0)
        result = meta_analysis(yi, sei, mu=mu, tau=tau)
        log_t = tau[0] == "log_student_t"
        grid = dense_grid(yi, sei, mu, tau, drop=400 if log_t else 160, span=300 if log_t else 130)
        for target, marginal in (
            ("mean", result.mu), ("new_trial", result.new_trial), ("tau", result.tau)
        ):  # fmt: skip
            for p in (0.025, 0.5, 0.975):
                error = abs(grid.below(float(marginal.quantile(p)), target) - p)
                worst["probability"] = max(worst["probability"], error)
            if math.isfinite(marginal.sd) and not (log_t and target != "mean"):
                mean, sd = grid.moments(target)
                worst["mean, SD"] = max(
                    worst["mean, SD"], abs(marginal.mean - mean) / sd, abs(marginal.sd / sd - 1)
                )
    return worst


def main() -> None:
    """Measure and write the section."""
    where = machine()
    rng = np.random.default_rng(0)
    lines = [
        "## One meta-analysis (`meta_analysis.py`)", "", where, "",
        "`call` builds the posterior; `summary` adds mean, SD, median and 95 % interval of mu, tau"
        " and a new trial and two probabilities. Milliseconds. Errors are the worst of 40 random"
        " analyses (k 1 to 60): in probability, and of mean and SD in units of the SD.", "",
        "| prior of tau | call, k=3 | summary, k=3 | call, k=20 | summary, k=20 |"
        " dense grid, k=20 | ratio | error in probability | error of mean, SD |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, tau in TAUS.items():
        cells = []
        for k in (3, 20):
            sei = np.exp(rng.normal(-1.0, 0.6, k))
            yi = rng.normal(-0.3, 1.0, k) * np.hypot(sei, 0.3)

            def call(yi: np.ndarray = yi, sei: np.ndarray = sei, tau: tuple = tau) -> MetaAnalysis:
                return meta_analysis(yi, sei, mu=("normal", 0, 2), tau=tau)

            def summary(call: Callable[[], MetaAnalysis] = call) -> object:
                result = call()
                return result.summary, result.prob_below(0), result.prob_above(0.5)

            summary()
            cells += [seconds(call, 400), seconds(summary, 200)]
        grid = seconds(lambda y=yi, s=sei, t=tau: dense_grid(y, s, ("normal", 0, 2), t), 3)
        errors = worst_errors(tau, 40)
        numbers = " | ".join(f"{1e3 * cell:.2f}" for cell in cells)
        lines.append(
            f"| {name} | {numbers} | {1e3 * grid:.0f} | {grid / cells[2]:.0f} "
            f"| {errors['probability']:.0e} | {errors['mean, SD']:.0e} |"
        )
    sei, yi = np.exp(rng.normal(-1.0, 0.6, 20)), rng.normal(-0.3, 0.5, 20)

    def student() -> MetaAnalysis:
        return meta_analysis(yi, sei, mu=("student_t", 5, 0, 0.43), tau=("half_normal", 0.5))

    def student_summary() -> object:
        result = student()
        return result.summary, result.prob_below(0), result.prob_above(0.5)

    student_summary()
    call_time, summary_time = seconds(student, 200), seconds(student_summary, 200)
    lines += [
        "",
        "With a Student-t prior of mu, half-normal tau, k = 20: call"
        f" {1e3 * call_time:.2f}, summary {1e3 * summary_time:.2f} ms.",
    ]
    write_section("meta_analysis", "\n".join(lines))


if __name__ == "__main__":
    main()
