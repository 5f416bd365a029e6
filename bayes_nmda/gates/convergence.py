"""The gates that decide whether anything may be published from a fit.

Thresholds stand in the model file. Each gate is a row with what it looked at, the value, the
threshold and whether it passed; a quantity that cannot be computed does not pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_nmda.errors import FitError
from bayes_nmda.terms import TARGETS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

#: What the posterior predictive check compares: location, spread and extremes of the contrasts.
STATISTICS: dict[str, Callable[..., Any]] = {
    "mean": np.mean,
    "SD": np.std,
    "smallest": np.min,
    "largest": np.max,
}
#: The same for counts: how many events, and how many arms in which nobody or everybody has one.
COUNT_STATISTICS: dict[str, Callable[..., Any]] = {
    "events in treatment arms": lambda events, n, treated: events[..., treated].sum(-1),
    "events in control arms": lambda events, n, treated: events[..., ~treated].sum(-1),
    "arms without events": lambda events, n, treated: (events == 0).sum(-1),
    "arms with events only": lambda events, n, treated: (events == n).sum(-1),
    "largest risk difference": lambda events, n, treated: (
        (events / n)[..., treated].max(-1) - (events / n)[..., ~treated].min(-1)
    ),
}
_VARIABLE = {"mean": "effect", "new_trial": "new_trial"}

#: Where the tails begin: as in the definition of tail ESS, not as ArviZ has it by default.
TAILS = (0.05, 0.95)


def diagnose(tree: xr.DataTree) -> pd.DataFrame:
    """Return every gate of a fit: what was looked at, its value, the threshold, and if it passed.

    Parameters
    ----------
    tree
        A fit.

    Returns
    -------
    pandas.DataFrame
        Columns ``gate``, ``quantity``, ``value``, ``rule`` (``"<="`` or ``">="``), ``threshold``
        and ``passed``. R-hat and effective sample sizes have a row for each variable (its worst
        element) and for the probabilities that a report prints; a fit by the exact engine has
        those of `exact_gates` instead.

    References
    ----------
    Vehtari et al. 2021, Bayesian Anal 16:667 (rank-normalised R-hat, bulk and tail ESS);
    Betancourt 2016, arXiv:1604.00695 (E-BFMI).
    """
    import pandas as pd

    spec = json.loads(tree.attrs["spec"])
    if tree.attrs["engine"] == "exact":
        from bayes_nmda.gates.exact import exact_gates

        rows = [_row(*gate) for gate in exact_gates(tree, spec)]
    else:
        rows = _convergence(tree, spec["gates"]) + _probabilities(tree, spec)
    rows += _predictive(tree, spec["gates"])
    return pd.DataFrame(rows)


def record_gates(tree: xr.DataTree) -> None:
    """Write the gates of a fit into its attributes, where they stay with the draws."""
    table = diagnose(tree)
    failed = table[~table["passed"]]
    tree.attrs["gates"] = json.dumps(table.to_dict("records"))
    tree.attrs["gates_failed"] = json.dumps(
        [f"{row.gate} of {row.quantity}" for row in failed.itertuples()]
    )


def recorded_gates(tree: xr.DataTree) -> pd.DataFrame:
    """Return the gates that `record_gates` wrote into a fit when it was made."""
    import pandas as pd

    table = pd.DataFrame(json.loads(tree.attrs["gates"]))
    return table.astype({"value": float, "threshold": float, "passed": bool})


def require_gates(tree: xr.DataTree, table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the table of gates, or raise when one of them failed.

    Parameters
    ----------
    tree
        A fit.
    table
        Its gates, if they are known; else they are computed.

    Raises
    ------
    FitError
        If a gate failed; every failed gate is listed, with by how much.
    """
    table = diagnose(tree) if table is None else table
    failed = table[~table["passed"]]
    if len(failed):
        lines = [
            f"  {row.gate} of {row.quantity}: found {row.value:.4g}, allowed {row.rule} "
            f"{row.threshold:g}"
            for row in failed.itertuples()
        ]
        raise FitError(
            f"model {tree.attrs['model']}: {len(failed)} of {len(table)} gates failed:\n"
            + "\n".join(lines)
            + "\nNothing was published from this fit. Raise draws or target_accept in the model "
            "file, or look at the fit with nmda.diagnose(tree)."
        )
    return table


def _row(gate: str, quantity: str, value: float, rule: str, threshold: float) -> dict[str, Any]:
    passed = value <= threshold if rule == "<=" else value >= threshold
    return {
        "gate": gate,
        "quantity": quantity,
        "value": float(value),
        "rule": rule,
        "threshold": float(threshold),
        "passed": bool(passed),  # NaN compares false: what cannot be computed does not pass
    }


def _convergence(tree: xr.DataTree, gates: dict[str, Any]) -> list[dict[str, Any]]:
    import arviz_stats as az

    posterior = tree["posterior"].to_dataset()
    stats = tree["sample_stats"].to_dataset()
    computed = {
        "R-hat": (az.rhat(posterior), "<=", gates["r_hat_max"], "max"),
        "bulk ESS": (az.ess(posterior, method="bulk"), ">=", gates["ess_min"], "min"),
        "tail ESS": (az.ess(posterior, method="tail", prob=TAILS), ">=", gates["ess_min"], "min"),
    }
    rows = []
    for gate, (values, rule, threshold, worst) in computed.items():
        for name, value in values.data_vars.items():
            found = value.max(skipna=False) if worst == "max" else value.min(skipna=False)
            rows.append(_row(gate, str(name), float(found), rule, threshold))
    rows.append(
        _row(
            "divergences", "all chains", int(stats["diverging"].sum()), "<=",
            gates["divergences_max"],
        )
    )  # fmt: skip
    bfmi = az.bfmi(tree)["energy"]
    rows.append(
        _row("E-BFMI", "worst chain", float(bfmi.min(skipna=False)), ">=", gates["e_bfmi_min"])
    )
    return rows


def _probabilities(tree: xr.DataTree, spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the smallest effective sample size of the probabilities a report prints.

    An event that no draw, or every draw, shows has no autocorrelation to measure; its draws count
    as they are.
    """
    import arviz_stats as az

    rows = []
    for quantity, event in _events(tree, spec):
        size = event.sizes["chain"] * event.sizes["draw"]
        ess = az.ess(event, method="mean").where(event.var(["chain", "draw"]) > 0, size)
        ess = ess.where(event.notnull().all(["chain", "draw"]))
        least = float(ess.min(skipna=False))
        rows.append(_row("ESS of probability", quantity, least, ">=", spec["gates"]["ess_min"]))
    return rows


def _reached(values: xr.DataArray, threshold: float) -> xr.DataArray:
    """Return 1 where a draw reaches the threshold, 0 where not, missing where it is missing."""
    return (values >= threshold).astype(float).where(values.notnull())


def _events(tree: xr.DataTree, spec: dict[str, Any]) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield each event whose probability a report prints, with its name: 0 or 1 by draw and cell.

    Harms are asked for more events than with placebo, benefits for a better outcome.
    """
    posterior = tree["posterior"].to_dataset()
    thresholds = spec["thresholds"]
    for target in TARGETS:
        effect = posterior[_VARIABLE[target]]
        where = target.replace("_", " ")
        if "odds_ratio" in thresholds:
            for ratio in thresholds["odds_ratio"]:
                yield (
                    f"P(odds ratio of at least {ratio:g}), {where}",
                    _reached(effect, np.log(ratio)),
                )
            risk = _risk_difference(tree, effect)
            for difference in thresholds["risk_difference"]:
                yield (
                    f"P(risk difference of at least {difference:g}), {where}",
                    _reached(risk, difference),
                )
            continue
        sign = -1.0 if tree.attrs["benefit"] == "negative" else 1.0
        for threshold in thresholds["benefit"]:
            yield (
                f"P(benefit of at least {threshold:g}), {where}",
                _reached(sign * effect, threshold),
            )


def _risk_difference(tree: xr.DataTree, effect: xr.DataArray) -> xr.DataArray:
    """Return draws of the risk difference, dims of ``effect``."""
    log_odds = tree["posterior"]["baseline_log_odds"].transpose("chain", "draw", "cell")
    difference = 1 / (1 + np.exp(-log_odds - effect)) - 1 / (1 + np.exp(-log_odds))
    return effect.transpose(*log_odds.dims).copy(data=np.asarray(difference))


def _predictive(tree: xr.DataTree, gates: dict[str, Any]) -> list[dict[str, Any]]:
    """Return posterior predictive p values, folded: the smaller tail, at most 0.5."""
    rows = []
    for name, replicated, observed in _checks(tree):
        # half of the ties: counts are often equal to what was observed
        p = float((replicated > observed).mean() + 0.5 * (replicated == observed).mean())
        rows.append(
            _row("posterior predictive p", name, min(p, 1 - p), ">=", gates["predictive_p_min"])
        )
    return rows


def _checks(tree: xr.DataTree) -> Iterator[tuple[str, Any, Any]]:
    """Yield each statistic of the check: its name, its value in each replication, and observed."""
    predicted = tree["posterior_predictive"].to_dataset()
    if "yi" in predicted:
        replicated = predicted["yi"].transpose("chain", "draw", "contrast").to_numpy()
        yi = tree["observed_data"]["yi"].to_numpy()
        for name, statistic in STATISTICS.items():
            yield f"{name} of contrasts", statistic(replicated, axis=-1), statistic(yi)
        return
    replicated = predicted["events"].transpose("chain", "draw", "arm").to_numpy()
    events = tree["observed_data"]["events"].to_numpy()
    known = tree["constant_data"].to_dataset()
    n, treated = known["n"].to_numpy(), known["treated"].to_numpy().astype(bool)
    for name, count in COUNT_STATISTICS.items():
        yield name, count(replicated, n, treated), count(events, n, treated)
