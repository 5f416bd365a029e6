"""The hierarchical pain model by the exact engine and by NUTS, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any

import arviz_stats as az
from record import cpu_seconds, machine, seconds, write_section

from bayes_nmda import gates
from bayes_nmda.data import load_trials
from bayes_nmda.effects import effect_table
from bayes_nmda.gates.agreement import compare_engines
from bayes_nmda.inference import nuts as sampler
from bayes_nmda.inference.exact.engine import exact_posterior
from bayes_nmda.model.build import build_model
from bayes_nmda.model.structure import Layout
from bayes_nmda.query.without_one import leave_one_out
from bayes_nmda.spec.spec import ModelSpec, load_model

MODEL = "pain_intensity"
#: Scales of the prior of tau: scenarios of one family, which need no other compilation.
SCALES = (6.0, 10.5, 15.0, 20.0, 25.0)
REPORTED = ("overall", "partition_effect", "effect", "new_trial")


def scenarios() -> list[ModelSpec]:
    """Return the analysis with other priors of the standard deviation between trials."""
    spec = load_model(MODEL)
    tau = spec.prior("tau")
    numbers = [{**dict(tau.parameters), "scale": scale} for scale in SCALES]
    priors = [replace(tau, parameters=tuple(each.items())) for each in numbers]
    return [spec.with_prior(tau=prior) for prior in priors]


def cycled(function: Callable[[ModelSpec], object], specs: list[ModelSpec]) -> Callable[[], object]:
    """Return a function without arguments that takes the next analysis at each call."""
    state = {"call": 0}

    def call() -> object:
        state["call"] += 1
        return function(specs[state["call"] % len(specs)])

    return call


def once(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return how long a call took, and what it returned."""
    start = time.perf_counter()
    found = function()
    return time.perf_counter() - start, found


def row(what: str, clock: float, processor: float | None = None) -> str:
    """Return a row of the table of times."""
    cell = "" if processor is None else f"{processor:.2f}"
    return f"| {what} | {clock:.2f} | {cell} |"


def main() -> None:
    """Measure and write the section."""
    where = machine("pymc", "nutpie")
    specs, effects = scenarios(), effect_table(load_trials(), load_model(MODEL))
    spec, layout = load_model(MODEL), Layout.of(effects.frame)
    lines = [
        "## The hierarchical pain model by two engines (`exact_engine.py`)", "", where, "",
        f"{len(effects.frame)} contrasts of {effects.frame['trial'].nunique()} trials in"
        f" {len(layout.cells)} cells, the model file `{MODEL}`. Seconds by the clock and of the"
        " processor over all threads; medians of calls that cycle through five scales of the prior"
        " of tau. First calls compile, or load what an earlier process compiled.", "",
        "| work | clock | processor |", "|---|---|---|",
    ]  # fmt: skip

    first, _ = once(lambda: exact_posterior(spec, effects))
    lines.append(row("exact: first call", first))
    integrate = cycled(lambda s: exact_posterior(s, effects), specs)
    exact_clock, exact_cpu = seconds(integrate, 25), cpu_seconds(integrate, 25)
    lines.append(row("exact: a fit (weighted points)", exact_clock, exact_cpu))
    whole = cycled(lambda s: gates.fit(s, effects, engine="exact"), specs)
    lines.append(
        row("exact: `fit`, with draws and all groups", seconds(whole, 5), cpu_seconds(whole, 5))
    )
    out = seconds(lambda: leave_one_out(spec, effects), 3)
    lines.append(row("exact: leaving out each of 20 trials, all probabilities", out))

    def prepared(scenario: ModelSpec) -> Any:
        return sampler._compile(build_model(scenario, effects, spare=True), scenario)

    model = build_model(spec, effects)
    start = time.perf_counter()
    prepared(specs[0])
    lines.append(row("NUTS: build and compile", time.perf_counter() - start))
    before = len(sampler._compiled)
    building, clocks, rates, of_cpu, slowest, processor = [], [], [], [], [], []
    for scenario in specs:
        preparing, compiled = once(lambda s=scenario: prepared(s))
        building.append(preparing)
        began = time.process_time()
        clock, raw = once(
            lambda s=scenario, c=compiled: sampler._sample(c, s, s.sampling.seed, None, None)
        )
        processor.append(time.process_time() - began)
        drawn = sampler._without_spares(raw, model)["posterior"].to_dataset()
        ess = az.ess(drawn, method="bulk")
        reported = [name for name in REPORTED if name in ess]
        clocks.append(clock)
        worst = min(float(ess[name].min()) for name in reported)
        rates.append(worst / clock)
        of_cpu.append(worst / processor[-1])
        slowest.append(min(float(values.min()) for values in ess.data_vars.values()) / clock)
    assert len(sampler._compiled) == before, "a prior scenario was compiled again"
    nuts_clock, nuts_cpu = median(clocks), median(processor)
    lines.append(row("NUTS: build a scenario for what is compiled", median(building)))
    lines.append(row("NUTS: sample a scenario, draws alone", nuts_clock, nuts_cpu))
    nuts_whole, nuts = once(lambda: gates.fit(spec, effects))
    lines.append(row("NUTS: `fit`, compiled, with all groups", nuts_whole))

    table = compare_engines(gates.fit(spec, effects, engine="exact"), nuts)
    failed = int((~table["passed"]).sum())
    beyond = float((table["difference"] > 2).mean())
    drawn_each = spec.sampling.draws * spec.sampling.thin
    kept = "" if spec.sampling.thin == 1 else f", of which {spec.sampling.draws:,} are kept,"
    lines += [
        "",
        f"A thousand scenarios at these medians: exact {1000 * exact_clock / 60:.1f} min by the"
        f" clock ({1000 * exact_cpu / 60:.1f} of the processor), NUTS"
        f" {1000 * nuts_clock / 60:.1f} min ({1000 * nuts_cpu / 60:.1f}); extrapolated, not run."
        f" Ratio of a fit {nuts_clock / exact_clock:.1f} by the clock, {nuts_cpu / exact_cpu:.1f}"
        " of the processor.",
        "",
        f"NUTS, {spec.sampling.chains} chains of {drawn_each:,} draws{kept} after"
        f" {spec.sampling.tune:,} of tuning: smallest bulk"
        " effective sample size per second of sampling with tuning, median of five scenarios: over"
        f" effects {median(rates):,.0f} by the clock and {median(of_cpu):,.0f} by the processor;"
        f" over every variable {median(slowest):,.0f} by the clock.",
        "",
        f"Agreement of means, SDs and probabilities, {len(table)} numbers: largest difference"
        f" {table['difference'].max():.1f} standard errors (of both together), {beyond:.1%} beyond"
        f" 2, {failed} beyond 4.",
    ]  # fmt: skip
    write_section("exact_engine", "\n".join(lines))


if __name__ == "__main__":
    main()
