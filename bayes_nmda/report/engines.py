"""One number, two methods: the exact engine answers, NUTS has to agree; and each trial's influence.

The report tells what the exact engine computes, as Python and the command line do; the sampler,
which shares no code with it beyond the model file, has to agree. A model that the exact engine
cannot do is told from its draws and named as such, not passed over in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bayes_nmda.report.grids import hole, lay_out, shade
from bayes_nmda.report.numbers import MINUS
from bayes_nmda.report.style import BLUE, PAGE, VERMILION, Figure, canvas, drawing

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.report.content import Content
    from bayes_nmda.spec.spec import ModelSpec

_ROW: Final = 0.3
#: Change in percentage points at which a field has its full colour.
_FULL: Final = 30.0


def agreed(
    spec: ModelSpec, effects: EffectTable, tree: xr.DataTree, inputs: Mapping[str, str]
) -> tuple[xr.DataTree, pd.DataFrame]:
    """Return the fit that answers, and how far NUTS and the exact engine are apart.

    The fit is that of the exact engine, stored for later questions. Where it cannot do the model it
    is that of NUTS, and the table is a row that says why nothing is compared.

    Raises
    ------
    FitError
        If a number differs by more standard errors than the model file allows.
    """
    import pandas as pd

    from bayes_nmda.gates.agreement import require_agreement
    from bayes_nmda.inference.exact.engine import obstacle
    from bayes_nmda.store.fits import obtain

    reason = obstacle(spec)
    if reason is not None:
        return tree, pd.DataFrame([{"model": spec.name, "not_compared": reason}])
    exact = obtain(spec, effects, inputs=inputs, engine="exact").tree
    table = require_agreement(exact, tree).assign(model=spec.name, not_compared="")
    return exact, table


def influence(spec: ModelSpec, effects: EffectTable, at_least: float) -> pd.DataFrame | None:
    """Return the chance of a benefit in every cell without each trial; None if not Gaussian."""
    from bayes_nmda.query.without_one import leave_one_out

    if spec.likelihood.family != "normal" or effects.frame["trial"].nunique() < 2:
        return None
    table = leave_one_out(spec, effects, at_least=[at_least])
    return table[table["target"] == "mean"].reset_index(drop=True)


def most_influential(content: Content) -> list[dict[str, object]]:
    """Return, for each cell, the trial whose absence moves the probability most."""
    table = content.influence
    if table is None:
        return []
    known = table.dropna(subset=["change"])
    rows = known.loc[known.groupby("cell", sort=False)["change"].apply(lambda x: x.abs().idxmax())]
    return [
        {str(key): value for key, value in row.items()}
        for row in rows.sort_values("change", key=abs, ascending=False).to_dict("records")
    ]


def influence_figure(content: Content) -> Figure | None:
    """Return the change of each probability without each trial, trials down and cells across."""
    table = content.influence
    if table is None:
        return None
    places = zip(table["left_out"], table["cell"], strict=True)
    change = dict(zip(places, (100 * table["change"]).to_numpy(float), strict=True))
    trials = list(dict.fromkeys(table["left_out"]))
    cells = [cell.label for cell in content.cells]
    spec, at_least = content.primary.spec, table["at_least"].iloc[0]
    alt = (
        f"Change of the probability of a benefit of at least {at_least:g} {spec.unit}, in "
        "percentage points, when one trial is left out; trials down, drug, route and timepoint "
        "across."
    )
    with canvas(PAGE, 1.9 + _ROW * len(trials)) as figure:
        axes = figure.subplots()
        for y, trial in enumerate(trials):
            for x, cell in enumerate(cells):
                _field(axes, x, y, change[trial, cell])
        lay_out(axes, [cell.replace("/", ", ") for cell in cells], trials, rotation=55)
        svg = drawing(figure, "influence", alt)
    caption = (
        f"{alt} Blue: the probability falls without the trial; orange: it rises. Empty: less than "
        "one point. Hatched: no other trial is left in the cell."
    )
    return Figure("influence", svg, caption, alt)


def _field(axes: Axes, x: int, y: int, value: float) -> None:
    if value != value:  # the cell lost its last trial
        hole(axes, x, y)
        return
    colour = VERMILION if value > 0 else BLUE
    strength = min(1.0, abs(value) / _FULL) * 0.55
    words = f"{'+' if value > 0 else MINUS}{abs(value):.0f}" if abs(value) >= 1 else ""
    shade(axes, x, y, colour, strength, words)
