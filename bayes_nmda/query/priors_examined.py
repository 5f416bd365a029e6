"""How much do priors decide? Power scaling, reverse Bayes, and priors from what an expert says.

Three questions of one who doubts a prior. Does the posterior move when the prior or the likelihood
is made a little stronger (power scaling)? Which prior would one need to hold for a conclusion to be
undone, or reached (reverse Bayes)? And which prior says what I believe (elicitation)?
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.inference.exact.cells import exact_cells
from bayes_nmda.query.exactly import Direction, Question
from bayes_nmda.spec.model_file import BASELINE
from bayes_nmda.spec.priors import Prior
from bayes_nmda.terms import AGAINST, SEPARATOR, cell_label

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    import xarray as xr

    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

#: Sensitivity above which a prior or the likelihood counts as moving a posterior.
THRESHOLD: Final = 0.05
_EXAMINED: Final = (
    "effect", "overall", "tau", "sd_drug", "sd_route", "sd_timepoint", "sd_trial_timepoint",
)  # fmt: skip
_CONFLICT: Final = "prior and data pull apart"
_STRONG: Final = "the prior is strong or the data say little"
_FINE: Final = "as it should be"
#: Priors that are looked at, and how far they go: logarithm of a share of the prior's own scale,
#: and multiples of it. Then halvings of the bracket, or a probability that is the same.
_LOOKS: Final = 13
_NARROWEST, _FARTHEST = -7.0, 12.0
_HALVINGS, _SAME = 18, 1e-4


def prior_sensitivity(
    tree: xr.DataTree,
    *,
    threshold: float = THRESHOLD,
) -> pd.DataFrame:
    """Return how far effects and SDs move when priors or the likelihood are power-scaled.

    Parameters
    ----------
    tree
        A fit with the groups ``log_prior`` and ``log_likelihood``.
    threshold
        Sensitivity above which something counts as moving a posterior.

    Returns
    -------
    pandas.DataFrame
        A row a quantity: ``variable`` and ``label`` (its cell), ``prior`` and ``likelihood``
        (sensitivity: distance of the distributions by doubling of the exponent, without unit, 0 or
        above), ``most`` (the prior that moves it most) and ``most_prior`` (by how much),
        ``diagnosis`` in words.

    Raises
    ------
    QueryError
        If the fit has no log prior or no log likelihood.

    References
    ----------
    Kallioinen et al. 2024, Stat Comput 34:57.
    """
    import arviz_stats as az
    import pandas as pd
    import xarray as xr

    for group in ("log_prior", "log_likelihood"):
        if group not in tree.children:
            raise QueryError(f"found a fit without the group {group!r}; fit the model again")
    posterior = tree["posterior"].to_dataset()
    scaled = [str(name) for name in tree["log_prior"].data_vars if name not in BASELINE]
    # labels beside the draws: cells carry words that not every variable has
    plain = xr.DataTree.from_dict(
        {
            "posterior": posterior[[n for n in _EXAMINED if n in posterior]].reset_coords(
                drop=True
            ),
            "log_prior": tree["log_prior"].to_dataset()[scaled].reset_coords(drop=True),
            "log_likelihood": tree["log_likelihood"].to_dataset().reset_coords(drop=True),
        }
    )
    rows: list[dict[str, Any]] = []
    for name in plain["posterior"].data_vars:
        together = np.ravel(az.psense(plain, var_names=[name], group="prior")[name])
        alone = np.stack(
            [
                np.ravel(
                    az.psense(plain, var_names=[name], group="prior", group_var_names=[of])[name]
                )
                for of in scaled
            ]
        )
        by_data = np.ravel(az.psense(plain, var_names=[name], group="likelihood")[name])
        for place, label in enumerate(_labels(posterior[name])):
            prior, data = float(together[place]), float(by_data[place])
            most = int(alone[:, place].argmax())
            rows.append(
                {
                    "variable": str(name),
                    "label": label,
                    "prior": prior,
                    "likelihood": data,
                    "most": scaled[most],
                    "most_prior": float(alone[most, place]),
                    "diagnosis": _diagnosis(prior, data, threshold),
                }
            )
    return pd.DataFrame(rows)


def _labels(draws: xr.DataArray) -> list[str]:
    dims = [dim for dim in draws.dims if dim not in {"chain", "draw"}]
    return [str(label) for label in draws[dims[0]].to_numpy()] if dims else [""]


def _diagnosis(prior: float, data: float, threshold: float) -> str:
    if prior < threshold:
        return _FINE
    return _CONFLICT if data >= threshold else _STRONG


def reverse_bayes(
    spec: ModelSpec,
    effects: EffectTable,
    *,
    drug: str,
    route: str = "",
    timepoint: str = "",
    at_least: float,
    direction: Direction | None = None,
    undone: float = 0.5,
    reached: float = 0.95,
    target: Literal["mean", "new_trial"] = "mean",
) -> pd.DataFrame:
    """Return which prior of the mean effect would undo a conclusion, and which would reach one.

    The *sceptic* thinks that effects are near 0: a normal prior of the overall mean around 0, the
    narrower the more sceptical. The *enthusiast* holds a normal prior as wide as the model's own
    (its scale) around a value in the direction asked for. Everything else stays as in the model.

    Parameters
    ----------
    spec, effects
        An analysis that the exact engine can do, and its contrasts.
    drug, route, timepoint
        The cell.
    at_least
        Size of the effect, as `leave_one_out` takes it.
    direction
        ``"benefit"`` or ``"harm"``.
    undone
        Probability to which the sceptic's prior brings that of the effect.
    reached
        Probability to which the enthusiast's prior brings it.
    target
        ``"mean"`` or ``"new_trial"``.

    Returns
    -------
    pandas.DataFrame
        A row for ``"sceptic"`` and ``"enthusiast"``: ``probability`` (as the model stands),
        ``wanted``, ``needed`` (whether it is not there already), ``possible``, ``loc`` and
        ``scale`` of the prior of the overall mean that gives it (missing where none does, with
        ``closest``, the nearest probability that such a prior gives), ``before``, the probability
        that this prior alone gives a mean of this size, and ``sentence``.

    Raises
    ------
    UsageError
        If a probability is none, or the prior of the mean is not normal or Student-t.
    QueryError
        If no trial stands behind the cell.

    References
    ----------
    Matthews 2001, J Stat Plan Inference 94:43; Held 2013, Res Synth Methods 4:158 (reverse Bayes);
    Spiegelhalter, Abrams & Myles 2004, section 3.11 (sceptics and enthusiasts).
    """
    import pandas as pd

    for name, value in (("undone", undone), ("reached", reached)):
        if not 0 < value < 1:
            raise UsageError(f"{name}: found {value!r}; allowed is a number between 0 and 1")
    question = Question.of(spec, at_least, direction)
    own = spec.prior("overall")
    size, sign = question.threshold(spec, question.at_least[0]), question.sign(spec)
    label = _cell(effects, drug, route, timepoint)

    def probability(prior: Prior) -> float:
        found = exact_cells(spec.with_prior(overall=prior), effects)
        return float(found.probability(target, size, sign)[0][found.cells.index(label)])

    def before(prior: Prior) -> float:
        beyond = prior.untruncated()
        return float(beyond.sf(size) if sign > 0 else beyond.cdf(-size))

    now = probability(own)
    numbers = dict(own.parameters)

    def sceptic(log_scale: float) -> Prior:
        return Prior.of("normal", 0.0, math.exp(log_scale))

    def enthusiast(units: float) -> Prior:
        # not a Student-t: its tail would give way to the data however far it is moved
        loc = numbers["loc"] + sign * units * numbers["scale"]
        return Prior.of("normal", loc, numbers["scale"])

    log_scale = math.log(numbers["scale"])
    paths = (
        ("sceptic", undone, sceptic, np.linspace(log_scale, log_scale + _NARROWEST, _LOOKS)),
        ("enthusiast", reached, enthusiast, np.linspace(0.0, _FARTHEST, _LOOKS)),
    )
    rows = []
    for who, wanted, prior_at, places in paths:
        row: dict[str, Any] = {"who": who, "probability": now, "wanted": wanted}
        row |= {"needed": now > wanted if who == "sceptic" else now < wanted, "possible": True}
        row |= {"loc": math.nan, "scale": math.nan, "closest": now, "before": math.nan}
        rows.append(row)
        if not row["needed"]:
            continue
        # priors further away need not move it further: data that contradict them make SDs large
        found = [probability(prior_at(float(place))) for place in places]
        beyond = [value <= wanted if who == "sceptic" else value >= wanted for value in found]
        row["possible"] = any(beyond)
        row["closest"] = min(found) if who == "sceptic" else max(found)
        if not row["possible"]:
            continue
        row["closest"] = wanted
        first = beyond.index(True)
        low, high = float(places[max(first - 1, 0)]), float(places[first])
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            there = probability(prior_at(middle))
            if abs(there - wanted) < _SAME:
                high = middle
                break
            there_already = there <= wanted if who == "sceptic" else there >= wanted
            low, high = (low, middle) if there_already else (middle, high)
        prior = prior_at(high)
        row |= dict(prior.parameters) | {"before": before(prior)}
    table = pd.DataFrame(rows)
    table["sentence"] = [_said(row, spec.unit) for row in table.to_dict("records")]
    return table


def _cell(effects: EffectTable, drug: str, route: str, timepoint: str) -> str:
    label = cell_label(drug, route, timepoint)
    cells = list(dict.fromkeys(effects.frame["cell"]))
    found = [cell for cell in cells if cell.split(AGAINST)[0] == label]
    if not found:
        raise QueryError(
            f"found no trial of {label.replace(SEPARATOR, ', ')}; allowed are {'; '.join(cells)}"
        )
    return str(found[0])


def _said(row: Mapping[Any, Any], unit: str) -> str:
    now, wanted = (f"{100 * row[name]:.0f} %" for name in ("probability", "wanted"))
    sceptical = row["who"] == "sceptic"
    if not row["needed"]:
        side = "at or below" if sceptical else "at or above"
        return f"The probability is {now}, {side} {wanted} already."
    if not row["possible"]:
        nearest = f"{100 * row['closest']:.0f} %"
        prior = (
            "Even one who knows that the mean over drugs is 0 is left"
            if sceptical
            else f"No normal prior as wide as the model's, up to {_FARTHEST:g} times its width "
            "away, leaves one"
        )
        end = f"{nearest}, not {wanted}" if sceptical else f"more than {nearest}"
        return f"The probability is {now}. {prior} with {end}."
    around = "0" if sceptical else f"{row['loc']:.3g}"
    return (
        f"The probability is {now}. One whose prior of the mean over drugs is normal around "
        f"{around} with an SD of {row['scale']:.3g} ({unit}) is left with {wanted}; such a prior "
        f"gives a mean of this size {100 * row['before']:.0f} % before the data."
    ).replace("-", "\N{MINUS SIGN}")


def elicited_prior(
    low: float,
    high: float,
    *,
    level: float = 0.95,
    of: Literal["mean", "sd"] = "mean",
    df: float | None = None,
    source: str = "elicited",
) -> Prior:
    """Return the prior of one who is so sure that a number lies between two others.

    Parameters
    ----------
    low, high
        Ends of the interval, in the unit of the effect.
    level
        How sure: the probability between them, the same below as above.
    of
        ``"mean"``: an effect or a coefficient, normal, or Student-t with ``df``. ``"sd"``: a
        standard deviation, log-normal; with ``low`` 0 half-normal, ``level`` below ``high``.
    df
        Degrees of freedom, above 0.
    source
        Whose belief it is.

    Returns
    -------
    Prior
        For ``spec.with_prior(overall=...)``, or a model file (``.to_mapping()``).

    Raises
    ------
    UsageError
        If the ends are no interval, the level is no probability, or an SD is below 0.

    References
    ----------
    O'Hagan et al. 2006, Uncertain Judgements, chapter 6 (fitting a distribution to quantiles).

    Examples
    --------
    >>> elicited_prior(-20, 4).formula()
    'Normal(−8, 6.12256)'
    """
    from scipy import stats

    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"elicited_prior: found {low:g} to {high:g}; allowed is low below high")
    if not 0 < level < 1:
        raise UsageError(f"level: found {level!r}; allowed is a number between 0 and 1")
    if of not in ("mean", "sd"):
        raise UsageError(f"of: found {of!r}; allowed are 'mean' and 'sd'")
    if df is not None and not (of == "mean" and df > 0):
        raise UsageError(f"df: found {df!r} of {of}; allowed is a number above 0, of a mean")
    tail = (1 + level) / 2
    if of == "mean":
        centre, half = 0.5 * (low + high), 0.5 * (high - low)
        if df is None:
            return Prior.of("normal", centre, half / float(stats.norm.ppf(tail)), source=source)
        return Prior.of("student_t", df, centre, half / float(stats.t.ppf(tail, df)), source=source)
    if low < 0:
        raise UsageError(f"low: found {low:g}; a standard deviation is not below 0")
    if low == 0:
        scale = high / float(stats.halfnorm.ppf(level))
        return Prior.of("half_normal", scale, source=source)
    spread = math.log(high / low) / (2 * float(stats.norm.ppf(tail)))
    return Prior.of("log_normal", 0.5 * math.log(low * high), spread, source=source)
