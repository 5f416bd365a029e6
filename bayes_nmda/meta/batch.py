"""Thousands of separate meta-analyses in one call, compiled, over all cores.

The same compiled posterior as in ``meta_analysis`` runs once a group; groups are shared out over
threads, which compiled code leaves free to run. A group that cannot be analysed keeps its row and
says why in its column ``error``.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import cast

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bayes_nmda.errors import UsageError
from bayes_nmda.meta.batch_kernel import FIXED_COLUMNS, IMPROPER, Indices, analyse_groups
from bayes_nmda.meta.compiled import patient
from bayes_nmda.meta.input import fault, impropriety
from bayes_nmda.meta.marginals import probability
from bayes_nmda.meta.mu_priors import MuPrior, mu_prior
from bayes_nmda.meta.prior_densities import Array
from bayes_nmda.meta.prior_syntax import LARGEST, SMALLEST, Prior
from bayes_nmda.meta.tau_priors import TauPrior, tau_prior

_BLOCK = 256  # groups that a thread takes at a time
_SECONDS_BEFORE_PROGRESS = 2.0


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _progress(blocks: Iterator[object], total: int) -> None:
    """Wait for all blocks; show a bar on a terminal once two seconds have passed."""
    started, done, bar = time.monotonic(), 0, None
    try:
        for _ in blocks:
            done += 1
            waited = time.monotonic() - started
            if bar is None and waited > _SECONDS_BEFORE_PROGRESS and sys.stderr.isatty():
                from rich.console import Console
                from rich.progress import Progress

                bar = Progress(console=Console(stderr=True), transient=True)
                bar.start()
                task = bar.add_task("meta-analyses", total=total)
            if bar is not None:
                bar.update(task, completed=done)
    finally:
        if bar is not None:
            bar.stop()


def _numbers(frame: pd.DataFrame, column: str) -> Array:
    if column not in frame.columns:
        raise UsageError(f"the frame has no column {column!r}; it has {', '.join(map(str, frame))}")
    return pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _prior_codes(
    frame: pd.DataFrame, spec: object, first_rows: Indices, parameter: str, upper: float
) -> tuple[Array, dict[int, str]]:
    """Return a prior's code for each group, and the groups whose prior is wrong."""

    def encode(value: object) -> Array:
        if parameter == "mu":
            return mu_prior(cast("MuPrior", value)).code()  # what it is, the function checks
        return tau_prior(cast("TauPrior", value), upper=upper).code()

    count = first_rows.size
    if not (isinstance(spec, str) and spec in frame.columns):
        code = encode(spec)
        return np.broadcast_to(code, (count, code.size)), {}
    column = frame[spec].to_numpy(dtype=object)
    known: dict[object, Array | str] = {}
    codes, wrong = np.zeros((count, 4 if parameter == "mu" else 6)), {}
    for group, row in enumerate(first_rows):
        value = column[int(row)]
        key = tuple(value) if isinstance(value, list) else value
        if key not in known:
            try:
                known[key] = encode(value)
            except UsageError as cause:
                known[key] = str(cause)
        found = known[key]
        if isinstance(found, str):
            wrong[group] = found
        else:
            codes[group] = found
    return codes, wrong


def _columns(below: Sequence[float], above: Sequence[float]) -> list[str]:
    names = list(FIXED_COLUMNS)
    for target in ("", "new_trial_"):
        names += [f"{target}prob_below_{value:g}" for value in below]
        names += [f"{target}prob_above_{value:g}" for value in above]
    return names


def meta_analyses(
    frame: pd.DataFrame,
    by: str | Sequence[str],
    *,
    yi: str = "yi",
    sei: str = "sei",
    mu: Prior | MuPrior = ("flat",),
    tau: Prior | TauPrior,
    tau_upper: float = math.inf,
    prob_below: Sequence[float] = (),
    prob_above: Sequence[float] = (),
    level: float = 0.95,
) -> pd.DataFrame:
    """Return one exact random-effects meta-analysis a group, one row a group.

    Parameters
    ----------
    frame
        One row a trial.
    by
        Column or columns that say which analysis a row belongs to.
    yi, sei
        Columns of the effects and of their standard errors.
    mu, tau
        Priors as in ``meta_analysis``, for all groups; or the name of a column that holds such a
        prior, the same in all rows of a group.
    tau_upper
        Where the prior of tau is cut off, in units of the effects.
    prob_below, prob_above
        Values x for which the posterior probability of an effect below (above) x is wanted, for
        the mean (``prob_below_x``) and for a new trial (``new_trial_prob_below_x``).
    level
        Probability of the central intervals ``…_lower`` to ``…_upper``.

    Returns
    -------
    pandas.DataFrame
        The columns of ``by``; ``k``; mean, SD, median and interval of mu, tau and new_trial; the
        probabilities; ``log_marginal``; ``error``, empty where the analysis could be done.
        Groups stand in the order of their first rows.

    Raises
    ------
    UsageError
        A column is missing, or a prior given for all groups does not exist.

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     {"drug": ["a", "a", "b"], "yi": [-2.3, -1.3, 0.1], "sei": [0.6, 0.6, -1]}
    ... )
    >>> table = meta_analyses(rows, by="drug", mu=("normal", 0, 4), tau=("half_normal", 0.5))
    >>> table[["drug", "k", "error"]].values.tolist()
    [['a', 2, ''], ['b', 1, 'sei must be positive, found -1 in place 0']]
    """
    keys = [by] if isinstance(by, str) else list(by)
    missing = [key for key in keys if key not in frame.columns]
    if missing or not keys:
        raise UsageError(f"by={by!r}: the frame has no column {', '.join(map(repr, missing))}")
    effects, errors = _numbers(frame, yi), _numbers(frame, sei)
    below, above = [float(x) for x in prob_below], [float(x) for x in prob_above]
    names = _columns(below, above)
    tail = 0.5 * (1.0 - probability(level, "level"))
    quantiles = np.array([0.5, tail, 1.0 - tail])
    group = frame.groupby(keys, sort=False, dropna=False, observed=True).ngroup().to_numpy()
    count = int(group.max()) + 1 if group.size else 0
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(count + 1))
    first_rows = order[starts[:-1]]
    effects, errors = effects[order], errors[order]
    mu_codes, mu_wrong = _prior_codes(frame, mu, first_rows, "mu", tau_upper)
    tau_codes, tau_wrong = _prior_codes(frame, tau, first_rows, "tau", tau_upper)
    messages = [""] * count
    for wrong in (mu_wrong, tau_wrong):
        for index, message in wrong.items():
            messages[index] = message
    fine = np.isfinite(effects) & np.isfinite(errors) & (errors > 0.0)
    fine &= (np.abs(effects) <= LARGEST) & (errors >= SMALLEST) & (errors <= LARGEST)
    bad = np.unique(np.searchsorted(starts, np.flatnonzero(~fine), side="right") - 1)
    for index in bad.tolist():
        rows = slice(starts[index], starts[index + 1])
        messages[index] = fault(effects[rows], errors[rows])
    usable = np.array([not message for message in messages], dtype=bool)
    out = np.full((count, len(names)), np.nan)
    codes = np.zeros(count, dtype=np.int64)
    arguments = (
        effects, errors, starts, usable, np.ascontiguousarray(mu_codes),
        np.ascontiguousarray(tau_codes), quantiles, ndtri(quantiles), np.array(below, dtype=float),
        np.array(above, dtype=float), out, codes,
    )  # fmt: skip
    blocks = range(0, count, _BLOCK)
    with patient(analyse_groups):
        if len(blocks) <= 1:
            analyse_groups(0, count, *arguments)
        else:
            with ThreadPoolExecutor(_threads()) as pool:
                jobs = [
                    pool.submit(analyse_groups, start, min(start + _BLOCK, count), *arguments)
                    for start in blocks
                ]
                _progress((job.result() for job in as_completed(jobs)), len(jobs))
    sizes = np.diff(starts)
    for index in np.flatnonzero(codes == IMPROPER).tolist():
        messages[index] = impropriety(int(sizes[index]), mu_codes[index], tau_codes[index])
    table = frame[keys].iloc[first_rows].reset_index(drop=True)
    table["k"] = sizes
    values = pd.DataFrame(out, columns=names)
    log_marginal = values.pop("log_marginal")
    table = pd.concat([table, values], axis=1)
    table["log_marginal"] = log_marginal
    table["error"] = messages
    return table
