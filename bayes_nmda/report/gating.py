"""Gates in brief: one row a model, the worst value of every kind of gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from bayes_nmda.report.content import Content


def gates(content: Content) -> pd.DataFrame:
    """Return every gate of every model."""
    tables = [fit.gates.assign(model=fit.spec.name) for fit in content.fits]
    joined = pd.concat(tables, ignore_index=True)
    return joined[["model", *[name for name in joined.columns if name != "model"]]]


def gate_summary(content: Content) -> pd.DataFrame:
    """Return one row a model: number of gates, how many failed, and the worst value of each kind.

    The worst is that nearest to, or farthest beyond, what the model file allows.
    """
    rows = []
    for fit in content.fits:
        row: dict[str, Any] = {
            "model": fit.spec.name,
            "gates": len(fit.gates),
            "failed": int((~fit.gates["passed"]).sum()),
        }
        for (gate, rule), values in fit.gates.groupby(["gate", "rule"], sort=False)["value"]:
            row[str(gate)] = float(values.max() if rule == "<=" else values.min())
        rows.append(row)
    return pd.DataFrame(rows)
