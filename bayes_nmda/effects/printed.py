"""The numbers that an abstract prints, as an effect and its error on the scale of a model.

Scores are brought from the scale of their instrument to that of the model; standard deviations,
standard errors, intervals and p values become standard errors, of both means or of the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bayes_nmda.effects.conversions import se_from_ci, se_from_p, se_from_sd

if TYPE_CHECKING:
    from bayes_nmda.spec.settings import Abstract
    from bayes_nmda.spec.settings import Supplement as SupplementSpec


#: Columns that a kind of error needs, of each arm or of the difference.
OF_ARMS: Final = {
    "arm_sds": ("sd_t", "sd_c"),
    "arm_ses": ("se_t", "se_c"),
    "arm_intervals": ("ci_low_t", "ci_high_t", "ci_low_c", "ci_high_c", "level"),
}
OF_DIFFERENCES: Final = {
    "se": ("se",),
    "interval": ("ci_low", "ci_high", "level"),
    "p_value": ("p_value",),
}


def numbers_on_scale(
    row: Abstract, result: Mapping[str, Any], scale: SupplementSpec
) -> dict[str, float]:
    """Return effect, errors, means and SDs of one result on the scale of the model.

    Parameters
    ----------
    row
        How the model file takes it.
    result
        Row of ``abstract_outcomes.csv`` that has the numbers asked for.
    scale
        Ends of the scale of the model.

    Returns
    -------
    dict
        ``yi`` and ``se``; ``se`` is not a number, and ``se_t`` and ``se_c`` are those of the two
        means, where it depends on an unknown correlation within people. ``mean_t``, ``sd_t``,
        ``n_t`` and those of the control are what a table shows; not a number where not printed.

    References
    ----------
    Cochrane Handbook, sections 6.5.2.2 and 6.5.2.3: t quantiles for small samples.
    """
    low, high = float(result["scale_min"]), float(result["scale_max"])
    unit = (scale.scale_max - scale.scale_min) / (high - low)
    n_t, n_c = float(result["n_t"]), float(result["n_c"])
    found = dict.fromkeys(("mean_t", "mean_c", "sd_t", "sd_c", "se", "se_t", "se_c"), np.nan)
    found |= {"n_t": n_t, "n_c": n_c}
    if result["kind"] == "arm_continuous":
        start = (scale.scale_min, low) if result["value_type"] == "final" else (0.0, 0.0)
        for name in ("mean_t", "mean_c"):
            found[name] = start[0] + unit * (float(result[name]) - start[1])
        found["yi"] = found["mean_t"] - found["mean_c"]
    else:
        found["yi"] = unit * float(result["estimate"])
    if row.error in OF_DIFFERENCES:
        df = n_t - 1 if row.design == "paired" else n_t + n_c - 2
        found["se"] = _difference_error(row.error, result, found["yi"], unit, df)
        return found
    for arm, n in (("t", n_t), ("c", n_c)):
        found[f"se_{arm}"] = unit * _arm_error(row.error, result, arm, n)
        found[f"sd_{arm}"] = found[f"se_{arm}"] * np.sqrt(n)
    if row.design == "parallel":
        found["se"] = float(np.hypot(found.pop("se_t"), found.pop("se_c")))
        found |= {"se_t": np.nan, "se_c": np.nan}
    return found


def _difference_error(
    error: str, result: Mapping[str, Any], yi: float, unit: float, df: float
) -> float:
    if error == "se":
        return unit * float(result["se"])
    if error == "p_value":
        return float(se_from_p(yi, str(result["p_value"]), df=df))
    level = float(result["level"])
    return unit * float(se_from_ci(result["ci_low"], result["ci_high"], level=level, df=df))


def _arm_error(error: str, result: Mapping[str, Any], arm: str, n: float) -> float:
    if error == "arm_sds":
        return float(se_from_sd(result[f"sd_{arm}"], n))
    if error == "arm_ses":
        return float(result[f"se_{arm}"])
    ends = (result[f"ci_low_{arm}"], result[f"ci_high_{arm}"])
    return float(se_from_ci(*ends, level=float(result["level"]), df=n - 1))
