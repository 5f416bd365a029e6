"""Do NUTS and the exact engine say the same?

Two programs that share only the model file integrate the same posterior in unrelated ways. Every
mean, SD and probability that a report prints is compared in units of the numerical errors of both.
How far they may be apart stands in the model file; at four standard errors, 6 in 100,000 honest
comparisons fail.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_nmda.errors import FitError, UsageError
from bayes_nmda.gates.exact import asked, probability_of
from bayes_nmda.inference.exact.gaussian import SCALES
from bayes_nmda.inference.exact.normal_mixture import mixture_error, mixture_mean, mixture_sd
from bayes_nmda.spec.covariate import COEFFICIENT
from bayes_nmda.spec.model_file import WITHIN_PERSON
from bayes_nmda.terms import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import xarray as xr

    from bayes_nmda.inference.exact.matrices import Floats

_VARIABLE = {"mean": "effect", "new_trial": "new_trial"}
_LEVELS = ("overall", "partition_effect", "effect", "new_trial")


def compare_engines(exact: xr.DataTree, nuts: xr.DataTree) -> pd.DataFrame:
    """Return every reported number of one analysis by both engines, and by how much they differ.

    Parameters
    ----------
    exact
        A fit by the exact engine.
    nuts
        A fit of the same model to the same rows by NUTS.

    Returns
    -------
    pandas.DataFrame
        A row a quantity: ``variable``, ``label`` (cell or partition), ``quantity`` (``"mean"``,
        ``"SD"`` or ``"P(benefit of at least 10)"``), ``exact`` and ``exact_error`` (numerical
        standard error), ``nuts`` and ``nuts_mcse``, in the unit of the effect or as probabilities,
        ``difference`` in standard errors of both together, ``threshold`` and ``passed``.

    Raises
    ------
    UsageError
        If the trees are not fits of one analysis by these two engines.
    """
    import pandas as pd

    _check_pair(exact, nuts)
    table = pd.DataFrame([*_moments(exact, nuts), *_probabilities(exact, nuts)])
    error = np.sqrt(table["exact_error"] ** 2 + table["nuts_mcse"] ** 2)
    table["difference"] = (table["nuts"] - table["exact"]).abs() / error
    table["threshold"] = json.loads(nuts.attrs["spec"])["gates"]["engine_errors_max"]
    table["passed"] = (
        table["difference"] <= table["threshold"]
    )  # what cannot be computed does not pass
    return table


def require_agreement(exact: xr.DataTree, nuts: xr.DataTree) -> pd.DataFrame:
    """Return the table of `compare_engines`, or raise when the engines disagree.

    Raises
    ------
    FitError
        If a number differs by more standard errors than the model file allows; all are listed.
    """
    table = compare_engines(exact, nuts)
    failed = table[~table["passed"]]
    if len(failed):
        lines = [
            f"  {row.quantity} of {row.variable} {row.label}: exact {row.exact:.4g}, NUTS "
            f"{row.nuts:.4g}, {row.difference:.1f} standard errors apart, allowed {row.threshold:g}"
            for row in failed.itertuples()
        ]
        raise FitError(
            f"model {exact.attrs['model']}: NUTS and the exact engine disagree in {len(failed)} of "
            f"{len(table)} numbers:\n" + "\n".join(lines) + "\nNothing was published."
        )
    return table


def _check_pair(exact: xr.DataTree, nuts: xr.DataTree) -> None:
    engines = (exact.attrs["engine"], nuts.attrs["engine"])
    if engines != ("exact", "nuts"):
        raise UsageError(
            f"compare_engines: found fits by {engines[0]!r} and {engines[1]!r}; allowed are "
            "'exact' and 'nuts', in this order"
        )
    for name in ("spec_hash", "rows_hash"):
        if exact.attrs[name] != nuts.attrs[name]:
            raise UsageError(
                f"compare_engines: found two values of {name}; fit the same model to the same rows"
            )


def _row(variable: str, label: str, quantity: str, exact: Floats, nuts: Floats) -> dict[str, Any]:
    return {
        "variable": variable,
        "label": label,
        "quantity": quantity,
        "exact": float(exact[0]),
        "exact_error": float(exact[1]),
        "nuts": float(nuts[0]),
        "nuts_mcse": float(nuts[1]),
    }


def _moments(exact: xr.DataTree, nuts: xr.DataTree) -> Iterator[dict[str, Any]]:
    """Yield a row for each mean and SD.

    The Monte Carlo error of NUTS is that of its effective number of draws, at the second and fourth
    moment that the exact engine gives. Those of the draws themselves would be small just where the
    draws missed a tail, and the SD with them.
    """
    import arviz_stats as az

    mixture, posterior = exact["mixture"].to_dataset(), nuts["posterior"].to_dataset()
    weight, replicate = mixture["weight"].to_numpy(), mixture["replicate"].to_numpy()
    coefficients = [str(name) for name in mixture if str(name).startswith(COEFFICIENT)]
    for name in (*_LEVELS, *SCALES, "overdispersion", WITHIN_PERSON, *coefficients):
        if name not in posterior or not {name, f"{name}_mean"} & set(mixture):
            continue
        draws = posterior[name].transpose("chain", "draw", ...)
        if name in mixture:  # a standard deviation is known at each point
            mean = mixture[name].to_numpy().astype(float)
            sd = np.zeros_like(mean)
        else:
            mean, sd = (mixture[f"{name}_{part}"].to_numpy() for part in ("mean", "sd"))
        centre, spread = mixture_mean(weight, mean), mixture_sd(weight, mean, sd)
        variance, apart = sd.astype(float) ** 2, (mean - centre) ** 2
        square = variance + apart
        fourth = mixture_mean(weight, apart**2 + 6 * apart * variance + 3 * variance**2)
        far = az.ess((draws - draws.mean(["chain", "draw"])) ** 2, method="mean").to_numpy()
        errors = {
            "mean": spread / np.sqrt(az.ess(draws, method="mean").to_numpy()),
            "SD": np.sqrt((fourth - spread**4) / far) / (2 * spread),
        }
        pairs = {
            "mean": (centre, mixture_error(weight, mean, replicate), draws.mean(["chain", "draw"])),
            "SD": (
                spread,
                mixture_error(weight, square, replicate) / (2 * spread),
                draws.std(["chain", "draw"], ddof=1),
            ),
        }
        for quantity, (value, error, found) in pairs.items():
            stacked = [np.ravel(x) for x in (value, error, found.to_numpy(), errors[quantity])]
            for label, numbers in zip(_labels(draws), np.stack(stacked, axis=1), strict=True):
                yield _row(name, label, quantity, numbers[:2], numbers[2:])


def _labels(draws: xr.DataArray) -> list[str]:
    if draws.ndim == 2:
        return [""]
    return [str(label) for label in draws[draws.dims[2]].to_numpy()]


def _probabilities(exact: xr.DataTree, nuts: xr.DataTree) -> Iterator[dict[str, Any]]:
    """Yield a row for each probability of benefit.

    The Monte Carlo error of NUTS is that of its effective number of draws, at the probability that
    the exact engine gives, and never less than one draw: an event that no draw shows is compared
    with how often it would be shown.
    """
    import arviz_stats as az

    posterior = nuts["posterior"].to_dataset()
    questions = asked(json.loads(nuts.attrs["spec"]), nuts.attrs["benefit"])
    for target in TARGETS:
        draws = posterior[_VARIABLE[target]].transpose("chain", "draw", "cell")
        size = draws.sizes["chain"] * draws.sizes["draw"]
        for quantity, threshold, sign in questions:
            value, error = probability_of(exact, target, threshold, sign)
            event = (sign * draws >= threshold).astype(float)
            varies = event.var(["chain", "draw"]) > 0
            ess = az.ess(event, method="mean").where(varies, size).to_numpy()
            mcse = np.sqrt(value * (1 - value) / ess + 1 / ess**2)
            found = event.mean(["chain", "draw"]).to_numpy()
            stacked = np.stack([value, error, found, mcse], axis=1)
            for label, numbers in zip(_labels(draws), stacked, strict=True):
                yield _row(_VARIABLE[target], label, quantity, numbers[:2], numbers[2:])
