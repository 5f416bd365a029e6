"""17,500 meta-analyses of 86,000 trials in one call, as many as in the Cochrane Database."""

from __future__ import annotations

import numpy as np
import pandas as pd
from record import cpu_seconds, machine, seconds, write_section

from bayes_nmda.meta.analysis import meta_analysis
from bayes_nmda.meta.batch import meta_analyses

ANALYSES, ROWS, LARGEST = 17_500, 86_000, 180
TAUS = {
    "half-normal": ("half_normal", 0.5),
    "half-Cauchy": ("half_cauchy", 0.5),
    "uniform": ("uniform", 3.0),
    "inverse-gamma": ("inverse_gamma", 1.69, 0.42),
    "log-normal": ("log_normal", -0.915, 0.76),
    "log-t": ("log_student_t", 5.0, -1.58, 1.25),
}


def simulated() -> pd.DataFrame:
    """Return trials in groups whose sizes are skewed from 1 to 180, median 2."""
    rng = np.random.default_rng(0)
    sizes = np.round(rng.lognormal(0.95, 1.12, ANALYSES)).astype(int)
    sizes = np.clip(sizes, 1, LARGEST)
    while sizes.sum() != ROWS:  # the last few trials to the total
        sizes[rng.integers(ANALYSES)] += 1 if sizes.sum() < ROWS else 0
        at = rng.integers(ANALYSES)
        sizes[at] -= 1 if sizes.sum() > ROWS and sizes[at] > 1 else 0
    group = np.repeat(np.arange(ANALYSES), sizes)
    tau = np.abs(rng.normal(0, 0.4, ANALYSES))[group]
    sei = np.exp(rng.normal(-1.2, 0.7, ROWS))
    yi = rng.normal(0, 0.4, ANALYSES)[group] + rng.normal(0, 1, ROWS) * np.hypot(sei, tau)
    return pd.DataFrame({"analysis": group, "yi": yi, "sei": sei})


def main() -> None:
    """Measure and write the section."""
    where, frame = machine(), simulated()
    lines = [
        "## Many meta-analyses (`meta_analyses.py`)", "", where, "",
        f"{ANALYSES:,} analyses, {ROWS:,} trials, k 1 to {frame.groupby('analysis').size().max()};"
        " mean, SD, median and 95 % interval of mu, tau and a new trial, and two probabilities of"
        " mu and of a new trial each. Seconds a call after compilation, median of 5: by the clock,"
        " and of the processor over all threads (by the clock on idle cores: that over the"
        " cores).", "",
        "| prior of tau | prior of mu | clock | processor | failures |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for mu_name, mu in (("normal", ("normal", 0, 2)), ("flat", ("flat",))):
        for name, tau in TAUS.items():

            def run(mu: tuple = mu, tau: tuple = tau) -> pd.DataFrame:
                return meta_analyses(
                    frame, by="analysis", mu=mu, tau=tau, prob_below=[0.0], prob_above=[0.5]
                )

            failures = int((run()["error"] != "").sum())
            clock, processor = seconds(run, 5), cpu_seconds(run, 5)
            lines.append(f"| {name} | {mu_name} | {clock:.2f} | {processor:.2f} | {failures} |")
    some = [group for _, group in frame[frame["analysis"] < 500].groupby("analysis")]

    def one_by_one() -> None:
        for group in some:
            result = meta_analysis(
                group["yi"], group["sei"], mu=("normal", 0, 2), tau=("half_normal", 0.5)
            )
            _ = result.mu.interval(), result.prob_below(0.0), result.prob_above(0.5)

    single = seconds(one_by_one, 3) / len(some)
    lines += ["", f"One at a time in Python: {1e6 * single:.0f} µs an analysis."]
    write_section("meta_analyses", "\n".join(lines))


if __name__ == "__main__":
    main()
