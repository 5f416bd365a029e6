"""The methods that reviews use, from the same rows: so that reviewers find their own number.

Inverse variance, DerSimonian-Laird and REML with Hartung-Knapp for all effects; Mantel-Haenszel and
Peto for counts. Each cell is pooled by itself, as a review does; beside it may stand the posterior.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_nmda.effects.binary import log_or, log_rr, risk_difference
from bayes_nmda.effects.pooling import pool
from bayes_nmda.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.query.draws import Posterior

Floats = NDArray[np.float64]
Measure = Literal["OR", "RR", "RD"]

_RATIOS: Final = frozenset({"OR", "RR"})
_OF_COUNTS: Final[Mapping[str, Callable[..., tuple[Floats, Floats]]]] = {
    "OR": log_or, "RR": log_rr, "RD": risk_difference,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """A pooled effect, of a ratio its logarithm.

    Attributes
    ----------
    value, se
        Effect and standard error; not a number where the rows do not determine it.
    degrees
        Degrees of freedom of its t distribution; infinite for a normal one.
    tau, i_squared
        SD between trials, and share of the variation between them, where the method has one.
    """

    value: float
    se: float
    degrees: float = math.inf
    tau: float = math.nan
    i_squared: float = math.nan

    def interval(self, level: float) -> tuple[float, float]:
        """Return the ends of the interval."""
        from scipy.stats import t

        reach = float(t.ppf(0.5 + level / 2, self.degrees)) * self.se
        return self.value - reach, self.value + reach

    @property
    def p(self) -> float:
        """Two-sided p-value of no effect."""
        from scipy.stats import t

        return float(2 * t.sf(abs(self.value) / self.se, self.degrees)) if self.se > 0 else math.nan


def mantel_haenszel(
    events_t: ArrayLike, n_t: ArrayLike, events_c: ArrayLike, n_c: ArrayLike, *, measure: Measure
) -> Estimate:
    """Return the Mantel-Haenszel estimate of a common ratio or difference.

    Parameters
    ----------
    events_t, n_t, events_c, n_c
        Counts of trials, shape (trial,). Nothing is added to empty cells.
    measure
        ``"OR"``, ``"RR"``, whose logarithm is returned, or ``"RD"``.

    References
    ----------
    Robins, Breslow & Greenland 1986, Biometrics 42:311 (odds ratio); Greenland & Robins 1985,
    Biometrics 41:55 (risk ratio, risk difference).
    """
    a, n1, c, n2 = (np.asarray(x, dtype=float) for x in (events_t, n_t, events_c, n_c))
    b, d, n = n1 - a, n2 - c, n1 + n2
    if measure == "RD":
        weight = n1 * n2 / n
        value = ((a * n2 - c * n1) / n).sum() / weight.sum()
        spread = ((a * b * n2**3 + c * d * n1**3) / (n1 * n2 * n**2)).sum()
        return Estimate(float(value), float(math.sqrt(spread) / weight.sum()))
    if measure == "OR":
        r, s, p, q = a * d / n, b * c / n, (a + d) / n, (b + c) / n
    else:
        r, s = a * n2 / n, c * n1 / n
    total_r, total_s = float(r.sum()), float(s.sum())
    if total_r <= 0 or total_s <= 0:
        return Estimate(math.nan, math.nan)
    if measure == "OR":
        variance = (
            (p * r).sum() / (2 * total_r**2)
            + (p * s + q * r).sum() / (2 * total_r * total_s)
            + (q * s).sum() / (2 * total_s**2)
        )
    else:
        variance = ((n1 * n2 * (a + c) - a * c * n) / n**2).sum() / (total_r * total_s)
    return Estimate(math.log(total_r / total_s), float(math.sqrt(variance)))


def peto(events_t: ArrayLike, n_t: ArrayLike, events_c: ArrayLike, n_c: ArrayLike) -> Estimate:
    """Return Peto's estimate of a common log odds ratio: observed less expected events.

    References
    ----------
    Yusuf et al. 1985, Prog Cardiovasc Dis 27:335.
    """
    a, n1, c, n2 = (np.asarray(x, dtype=float) for x in (events_t, n_t, events_c, n_c))
    m, n = a + c, n1 + n2
    variance = float((n1 * n2 * m * (n - m) / (n**2 * np.maximum(n - 1, 1))).sum())
    if variance <= 0:
        return Estimate(math.nan, math.nan)
    return Estimate(float((a - n1 * m / n).sum()) / variance, variance**-0.5)


def hartung_knapp(yi: ArrayLike, vi: ArrayLike) -> Estimate:
    """Return a random-effects mean by REML with the error of Hartung and Knapp.

    Of one trial it is not determined. The error is not kept from falling below that of a normal
    approximation.

    References
    ----------
    Hartung & Knapp 2001, Stat Med 20:3875; Sidik & Jonkman 2002, Stat Med 21:3153.
    """
    y, v = np.asarray(yi, dtype=float), np.asarray(vi, dtype=float)
    if len(y) < 2:
        return Estimate(float(y[0]), math.nan)
    found = pool(y, v, estimator="REML")
    weight = 1 / (v + found.tau_squared)
    spread = float((weight * (y - found.estimate) ** 2).sum() / (len(y) - 1))
    return Estimate(
        found.estimate,
        math.sqrt(spread / float(weight.sum())),
        len(y) - 1,
        math.sqrt(found.tau_squared),
        math.nan if found.i_squared is None else found.i_squared,
    )


def classical(
    effects: EffectTable,
    *,
    by: str = "cell",
    measure: Measure | None = None,
    level: float = 0.95,
    tree: xr.DataTree | Posterior | None = None,
) -> pd.DataFrame:
    """Return what the methods of reviews make of the same rows.

    Parameters
    ----------
    effects
        Contrasts, from `effect_table`.
    by
        A column of text: each of its values is pooled by itself.
    measure
        Of counts ``"OR"`` (the default), ``"RR"`` or ``"RD"``; differences have their own.
    level
        Of intervals.
    tree
        A fit of the same cells, to stand beside them as the method ``posterior``: median and
        interval of the mean effect.

    Returns
    -------
    pandas.DataFrame
        A row a value and method: ``method``, ``measure``, ``trials``, ``estimate``, ``lower``,
        ``upper`` (ratios as ratios, treatment against control; differences in the unit of the
        effect, with its sign), ``se`` (of a ratio's logarithm), ``p`` (two-sided), ``tau``,
        ``i_squared`` (0 to 1, from three trials on). Missing where the rows do not determine it.

    Raises
    ------
    UsageError
        If an argument is not allowed.

    Notes
    -----
    Contrasts of one trial count as independent, as a review counts them. Inverse variance and
    random effects add 0.5 to tables with an empty cell; Mantel-Haenszel and Peto add nothing.

    References
    ----------
    Deeks & Higgins 2010, Statistical algorithms in Review Manager 5.
    """
    import pandas as pd

    if not 0 < level < 1:
        raise UsageError(f"level: found {level:g}; allowed is a number between 0 and 1")
    frame = effects.frame
    text = [str(name) for name in frame if frame[name].dtype.kind not in "fiu"]
    if by not in text:
        raise UsageError(f"by: found {by!r}; allowed are columns of text: {', '.join(text)}")
    counted = effects.measure == "log_or" and "events_t" in frame
    if measure is not None and (not counted or measure not in _OF_COUNTS):
        allowed = ", ".join(_OF_COUNTS) if counted else f"none: this is {effects.measure}"
        raise UsageError(f"measure: found {measure!r}; allowed are {allowed}")
    scale = (measure or "OR") if counted else effects.measure
    ratio = scale in _RATIOS or effects.measure in ("log_or", "log_rr")
    beside = {} if tree is None else _posterior(tree, scale if counted else None, level)
    rows = []
    for value, part in frame.groupby(by, sort=False):
        about = {by: value, "measure": scale, "trials": part["trial_id"].nunique()}
        for method, found in _pooled(part, scale, counted=counted):
            ends = (found.value, *found.interval(level))
            told = [math.exp(x) for x in ends] if ratio else ends
            names = dict(zip(("estimate", "lower", "upper"), told, strict=True))
            more = {"se": found.se, "p": found.p, "tau": found.tau, "i_squared": found.i_squared}
            rows.append({**about, "method": method, **names, **more})
        if value in beside:
            rows.append({**about, "method": "posterior", **beside[str(value)]})
    order = [by, "method", "measure", "trials", "estimate", "lower", "upper", "se", "p", "tau"]
    return pd.DataFrame(rows)[[*order, "i_squared"]]


def _pooled(part: pd.DataFrame, scale: str, *, counted: bool) -> Iterator[tuple[str, Estimate]]:
    """Return each method's estimate of one cell."""
    if counted:
        columns = ("events_t", "n_t", "events_c", "n_c")
        counts = [part[name].to_numpy(dtype=float) for name in columns]
        y, v = _OF_COUNTS[scale](*counts)
    else:
        y, v = part["yi"].to_numpy(dtype=float), part["sei"].to_numpy(dtype=float) ** 2
    known = np.isfinite(y) & np.isfinite(v)
    for method, estimator in (("inverse variance", "FE"), ("DerSimonian-Laird", "DL")):
        if not known.any():
            yield method, Estimate(math.nan, math.nan)
            continue
        found = pool(y[known], v[known], estimator="FE" if estimator == "FE" else "DL")
        share = math.nan if found.i_squared is None else found.i_squared
        tau = math.sqrt(found.tau_squared) if estimator == "DL" else math.nan
        yield method, Estimate(found.estimate, found.se, tau=tau, i_squared=share)
    if known.any():
        yield "REML, Hartung-Knapp", hartung_knapp(y[known], v[known])
    if counted:
        of: Measure = "OR" if scale == "OR" else "RR" if scale == "RR" else "RD"
        yield "Mantel-Haenszel", mantel_haenszel(*counts, measure=of)
        if scale == "OR":
            yield "Peto", peto(*counts)


def _posterior(
    tree: xr.DataTree | Posterior, measure: str | None, level: float
) -> dict[str, dict[str, Any]]:
    """Return estimate and interval of each cell of a fit, by its label."""
    from bayes_nmda.query.draws import draws_of
    from bayes_nmda.query.effects import effect

    draws = draws_of(tree)
    answer = effect(draws, measure=measure, level=level)
    return {
        cell.label: {name: record[name] for name in ("estimate", "lower", "upper")}
        for cell, record in zip(draws.cells, answer.records, strict=True)
    }
