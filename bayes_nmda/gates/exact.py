"""Gates of a fit by the exact engine: may its weights be trusted, and how many digits hold?

R-hat and divergences have no meaning without a chain. Instead: the tail of the importance weights,
their effective number, and for each probability that a report prints the number of independent
draws whose Monte Carlo error would equal the numerical error, held against the same threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_nmda.inference.exact.normal_mixture import beyond_by_point, mixture_error, mixture_mean
from bayes_nmda.terms import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xarray as xr

    from bayes_nmda.inference.exact.matrices import Floats

#: Weights with a heavier tail cannot be trusted: Vehtari et al. 2024, J Mach Learn Res 25:72.
PARETO_K_MAX = 0.7
_VARIABLE = {"mean": "effect", "new_trial": "new_trial"}

Row = tuple[str, str, float, str, float]


def exact_gates(tree: xr.DataTree, spec: dict[str, Any]) -> Iterator[Row]:
    """Yield gate, quantity, value, rule and threshold of each gate of an exact fit.

    Parameters
    ----------
    tree
        A fit by the exact engine.
    spec
        Its model file: thresholds and the smallest effective sample size allowed.
    """
    least = spec["gates"]["ess_min"]
    shape = float(tree.attrs["pareto_k"])
    if not np.isnan(shape):  # a quadrature rule has no random weights
        yield "Pareto k-hat", "importance weights", shape, "<=", PARETO_K_MAX
        yield "ESS of weights", "importance weights", tree.attrs["effective_points"], ">=", least
    for target in TARGETS:
        for words, threshold, sign in asked(spec, tree.attrs["benefit"]):
            probability, error = probability_of(tree, target, threshold, sign)
            value = float(equivalent_draws(probability, error).min())
            quantity = f"{words}, {target.replace('_', ' ')}"
            yield "ESS of probability", quantity, value, ">=", least


def asked(spec: dict[str, Any], benefit: str) -> list[tuple[str, float, float]]:
    """Return the probabilities that a report prints on the scale of the model.

    Parameters
    ----------
    spec
        A model file.
    benefit
        Sign of an effect that favours the drug, ``"negative"`` or ``"positive"``.

    Returns
    -------
    list of tuple
        Words, threshold and its sign. Of counts: more events than without the drug.
    """
    thresholds = spec["thresholds"]
    if "odds_ratio" in thresholds:
        return [
            (f"P(odds ratio of at least {ratio:g})", float(np.log(ratio)), 1.0)
            for ratio in thresholds["odds_ratio"]
        ]
    sign = -1.0 if benefit == "negative" else 1.0
    return [
        (f"P(benefit of at least {threshold:g})", float(threshold), sign)
        for threshold in thresholds["benefit"]
    ]


def probability_of(
    tree: xr.DataTree, target: str, threshold: float, sign: float
) -> tuple[Floats, Floats]:
    """Return the probability of an effect at or beyond a threshold by cell, and its error.

    Parameters
    ----------
    tree
        A fit by the exact engine.
    target
        ``"mean"`` or ``"new_trial"``.
    threshold
        In the direction of ``sign``, in the unit of the effect.
    sign
        −1 where negative effects count, 1 where positive ones do.
    """
    mixture = tree["mixture"]
    name = _VARIABLE[target]
    weight = mixture["weight"].to_numpy()
    mean, sd = (mixture[f"{name}_{part}"].to_numpy() for part in ("mean", "sd"))
    beyond = beyond_by_point(mean, sd, threshold, sign)
    error = mixture_error(weight, beyond, mixture["replicate"].to_numpy())
    return mixture_mean(weight, beyond), error


def equivalent_draws(probability: Floats, error: Floats) -> Floats:
    """Return how many independent draws would estimate a probability with the same error."""
    spread = probability * (1.0 - probability)
    certain = (spread <= 0) | (error <= 0)  # every point says the same: no error to measure
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(certain, 1 / np.finfo(np.float64).eps, spread / error**2))
