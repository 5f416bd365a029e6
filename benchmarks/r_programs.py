"""The same meta-analyses by programs of R, where R and its packages are installed.

``apt-get install r-cran-metafor r-cran-brms`` brings them on Debian. A package that is missing is
skipped, and the section says so; without R the section stays as it was. R bayesmeta, the reference
for exact posteriors, is no Debian package; it is timed where the R library has it.
"""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import tempfile
from pathlib import Path

from other_programs import MU, SIZES, TAU, exact_seconds, trials
from record import machine, write_section

#: Reads a CSV of k, yi, sei; prints a line ``package,version,k,seconds,mu,tau`` for each analysis.
METAFOR = """
suppressPackageStartupMessages(library(metafor))
for (k in unique(rows$k)) {
  one <- rows[rows$k == k, ]
  times <- replicate(20, {
    start <- Sys.time()
    for (i in 1:5) fit <<- rma(yi, sei = sei, data = one, method = "REML")
    as.numeric(Sys.time() - start, units = "secs") / 5
  })
  say("metafor", k, median(times), fit$b[1], sqrt(fit$tau2))
}
"""
BAYESMETA = """
suppressPackageStartupMessages(library(bayesmeta))
for (k in unique(rows$k)) {
  one <- rows[rows$k == k, ]
  times <- replicate(3, {
    start <- Sys.time()
    fit <<- bayesmeta(
      y = one$yi, sigma = one$sei, mu.prior.mean = MU_MEAN, mu.prior.sd = MU_SD,
      tau.prior = function(t) dhalfnormal(t, scale = TAU_SCALE)
    )
    as.numeric(Sys.time() - start, units = "secs")
  })
  say("bayesmeta", k, median(times), fit$summary["mean", "mu"], fit$summary["median", "tau"])
}
"""
BRMS = """
suppressPackageStartupMessages(library(brms))
options(mc.cores = parallel::detectCores())
if (!nzchar(system.file("include", package = "BH"))) {
  # Debian keeps Boost with the headers of the system.
  rstan::rstan_options(boost_lib = "/usr/include", boost_lib2 = "/usr/include")
}
priors <- c(
  set_prior("normal(MU_MEAN, MU_SD)", class = "Intercept"),
  set_prior("normal(0, TAU_SCALE)", class = "sd")
)
built <- NULL
for (k in intersect(unique(rows$k), c(5, 20, 100))) {
  one <- rows[rows$k == k, ]
  one$trial <- seq_len(nrow(one))
  if (is.null(built)) {
    start <- Sys.time()
    built <- brm(
      yi | se(sei) ~ 1 + (1 | trial), data = one, prior = priors, chains = 0, refresh = 0,
      silent = 2
    )
    say("brms (compiling)", k, as.numeric(Sys.time() - start, units = "secs"), NA, NA)
  }
  start <- Sys.time()
  fit <- update(
    built, newdata = one, recompile = FALSE, chains = 4, iter = 2000, warmup = 1000, seed = 1,
    refresh = 0, silent = 2
  )
  spent <- as.numeric(Sys.time() - start, units = "secs")
  say("brms", k, spent, mean(as.matrix(fit)[, "b_Intercept"]),
      median(as.matrix(fit)[, "sd_trial__Intercept"]))
}
"""
PREAMBLE = """
rows <- read.csv(file("stdin"))
say <- function(name, k, seconds, mu, tau) {
  version <- as.character(packageVersion(sub(" .*", "", name)))
  cat("RESULT", paste(name, version, k, seconds, mu, tau, sep = ","), "\\n")
}
"""
PACKAGES = {"metafor": METAFOR, "bayesmeta": BAYESMETA, "brms": BRMS}
WHAT = {
    "metafor": "restricted maximum likelihood (`rma`): one tau, no probability, another, easier"
    " task",
    "bayesmeta": "the exact posterior (`bayesmeta`), the same task",
    "brms": "Stan's NUTS, 4 chains of 1,000 draws after 1,000 of tuning on all cores",
}


def installed() -> tuple[str, list[str]]:
    """Return the version of R, empty without it, and which of the packages its library has."""
    script = shutil.which("Rscript")
    if script is None:
        return "", []
    names = ", ".join(f'"{name}"' for name in PACKAGES)
    code = (
        f"found <- Filter(function(p) nzchar(system.file(package = p)), c({names}));"
        'cat(R.version.string, found, sep = "\\n")'
    )
    done = subprocess.run(
        [script, "-e", code], capture_output=True, encoding="utf-8", check=True
    )  # fmt: skip
    version, *found = done.stdout.split("\n")
    return version, [name for name in found if name]


def measured(package: str) -> tuple[list[list[str]], str]:
    """Return the results of a package by analysis, and why there are none."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["k", "yi", "sei"])
    for k in SIZES:
        writer.writerows([k, yi, sei] for yi, sei in zip(*trials(k), strict=True))
    code = PREAMBLE + PACKAGES[package]
    for name, value in (("MU_MEAN", MU[1]), ("MU_SD", MU[2]), ("TAU_SCALE", TAU[1])):
        code = code.replace(name, str(value))
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "measure.R"
        script.write_text(code, encoding="utf-8")
        done = subprocess.run(
            ["Rscript", str(script)],
            input=text.getvalue(), capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    why = "" if done.returncode == 0 else " ".join(done.stderr.split()[:30])
    return [line.removeprefix("RESULT ").strip().split(",") for line in lines], why


def number(text: str) -> str:
    """Return a number of R to three decimals, or nothing for a missing one."""
    return "" if text in {"NA", "NaN"} else f"{float(text):.3f}"


def main() -> None:
    """Measure and write the section."""
    where = machine()
    version, found = installed()
    if not version:
        print("r_programs: `Rscript` is not installed; its section stays as it was")
        return
    missing = [name for name in PACKAGES if name not in found]
    lines = [
        "## One meta-analysis by programs of R (`r_programs.py`)",
        "",
        where,
        "",
        f"{version}. The trials of `other_programs.py`, milliseconds by the clock; ratios are"
        " to `meta_analysis` with summary and two probabilities in this run. "
        + "; ".join(f"{name}: {WHAT[name]}" for name in found)
        + (f". Not in the R library, so not run: {', '.join(missing)}." if missing else "."),
        "",
        "| program | k | time | `meta_analysis` | ratio | mu | tau | ours: mean of mu, median"
        " of tau |",
        "|---|---|---|---|---|---|---|---|",
    ]
    own = {k: exact_seconds(k) for k in SIZES} if found else {}
    for package in found:
        rows, why = measured(package)
        for name, release, k, spent, mu, tau in rows:
            time, result = own[int(k)]
            lines.append(
                f"| {name.replace(package, f'{package} {release}')} | {k} |"
                f" {1e3 * float(spent):,.1f} | {1e3 * time:.2f} | {float(spent) / time:,.0f} |"
                f" {number(mu)} | {number(tau)} | {result.mu.mean:.3f}, {result.tau.median:.3f} |"
            )
        if why:
            lines.append(f"| {package} | | failed: {why} | | | | | |")
    write_section("r_programs", "\n".join(lines))


if __name__ == "__main__":
    main()
