"""The gates that decide whether anything may be published from a fit.

Thresholds stand in the model file. Each gate is a row with what it looked at, the value, the
threshold and whether it passed; a quantity that cannot be computed does not pass.
"""

from __future__ import annotations

import json
from collections.abc import Callable
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
_VARIABLE = {"mean": "effect", "new_trial": "new_trial"}


def diagnose(tree: xr.DataTree) -> pd.DataFrame:
    """Return every gate of a fit: what was looked at, its value, the threshold, and if it passed.

    Parameters
    ----------
    tree
        A fit. One that was shipped with the package has lost the draws that gates are computed
        from; its table is the one that was computed when it was made.

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

    if "bundled" in tree.attrs:
        table = pd.DataFrame(json.loads(tree.attrs["gates"]))
        return table.astype({"value": float, "threshold": float, "passed": bool})
    spec = json.loads(tree.attrs["spec"])
    if tree.attrs["engine"] == "exact":
        from bayes_nmda.posterior.exact_gates import exact_gates

        rows = [_row(*gate) for gate in exact_gates(tree, spec)]
    else:
        rows = _convergence(tree, spec["gates"]) + _probabilities(tree, spec)
    rows += _predictive(tree, spec["gates"])
    return pd.DataFrame(rows)


def require_gates(tree: xr.DataTree) -> pd.DataFrame:
    """Return the table of gates, or raise when one of them failed.

    Raises
    ------
    FitError
        If a gate failed; every failed gate is listed, with by how much.
    """
    table = diagnose(tree)
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
        "tail ESS": (az.ess(posterior, method="tail"), ">=", gates["ess_min"], "min"),
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

    posterior = tree["posterior"].to_dataset()
    sign = -1.0 if tree.attrs["benefit"] == "negative" else 1.0
    rows = []
    for target in TARGETS:
        benefit = sign * posterior[_VARIABLE[target]]
        size = benefit.sizes["chain"] * benefit.sizes["draw"]
        for threshold in spec["thresholds"]["benefit"]:
            event = (benefit >= threshold).astype(float)
            ess = az.ess(event, method="mean").where(event.var(["chain", "draw"]) > 0, size)
            ess = ess.where(benefit.notnull().all(["chain", "draw"]))
            quantity = f"P(benefit of at least {threshold:g}), {target.replace('_', ' ')}"
            rows.append(
                _row(
                    "ESS of probability", quantity, float(ess.min(skipna=False)), ">=",
                    spec["gates"]["ess_min"],
                )
            )  # fmt: skip
    return rows


def _predictive(tree: xr.DataTree, gates: dict[str, Any]) -> list[dict[str, Any]]:
    """Return posterior predictive p values, folded: the smaller tail, at most 0.5."""
    replicated = tree["posterior_predictive"]["yi"].transpose("chain", "draw", "contrast")
    observed = tree["observed_data"]["yi"].to_numpy()
    rows = []
    for name, statistic in STATISTICS.items():
        p = float((statistic(replicated.to_numpy(), axis=-1) >= statistic(observed)).mean())
        rows.append(
            _row(
                "posterior predictive p", f"{name} of contrasts", min(p, 1 - p), ">=",
                gates["predictive_p_min"],
            )
        )  # fmt: skip
    return rows
