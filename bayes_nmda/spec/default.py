"""A whole model for trials that have none: published priors of the measure, each with its source.

The assumptions stand in ``default.toml`` beside this module. A difference in means takes the priors
of standardised differences times a reference SD, which is pooled from the arms unless one is given.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.errors import QueryError, SpecError, UsageError
from bayes_nmda.meta.named_priors import published_prior
from bayes_nmda.spec.model_file import priors_needed
from bayes_nmda.spec.parameters import in_words
from bayes_nmda.spec.priors import PARAMETERS, Prior
from bayes_nmda.spec.spec import ModelSpec

if TYPE_CHECKING:
    import pandas as pd

    from bayes_nmda.data import TrialData, Vocabulary

_FILE: Final = Path(__file__).with_name("default.toml")
_UNITS: Final = {
    "SMD": "SD",
    "log_or": "log odds ratio",
    "log_rr": "log risk ratio",
    "RD": "risk difference",
}
_KINDS: Final = {"continuous": ("MD", "SMD"), "binary": ("log_or",)}
_DIGITS: Final = 4
#: Digits of sizes whose probability is asked: small, moderate and large are no exact numbers.
_DIGITS_OF_SIZES: Final = 2


def default_model(
    trials: TrialData,
    *,
    outcome: str | None = None,
    comparator: str | None = None,
    measure: str | None = None,
    topic: str = "cochrane",
    reference_sd: float | None = None,
) -> ModelSpec:
    """Return a complete model of one outcome, with published priors for its measure.

    Parameters
    ----------
    trials
        From `trials_from` or `load_trials`.
    outcome
        Which outcome; may be left out where the trials report one.
    comparator
        Name of the control arms, or ``"active"``; may be left out where there is one.
    measure
        ``"MD"`` or ``"SMD"`` of means (by default MD where there is one instrument), ``"log_or"``
        of counts; of contrasts it is known.
    topic
        Whose published priors: a topic of Bartoš et al., ``"cochrane"`` for all of them together,
        ``"heart"``, ``"pain_palliative_and_supportive_care"`` and so on.
    reference_sd
        Standard deviation between people, in the unit of the outcome; only for mean differences.
        By default pooled over all arms, of contrasts the unit information standard deviation.

    Returns
    -------
    ModelSpec
        Partially pooled over the drugs, routes and timepoints that are there; with one cell the
        usual random-effects meta-analysis. Counts take the conditional likelihood.

    Raises
    ------
    UsageError
        If an argument is needed, or fits no published prior.
    QueryError
        If no trial reports the outcome.
    SpecError
        If the trials cannot have that measure.

    References
    ----------
    Bartoš et al. 2021, Stat Med 40:6743; Bartoš et al. 2023, arXiv:2306.11468 (the priors);
    Röver et al. 2021, Res Synth Methods 12:448 (unit information standard deviation).
    """
    from bayes_nmda.data.tables import given_as_effects

    tables = [t for t in (trials.outcomes, trials.contrasts) if t is not None and len(t)]
    outcome = _only("outcome", outcome, [word for table in tables for word in table["outcome"]])
    given = trials.contrasts if given_as_effects(trials, outcome) else None
    rows = trials.outcomes if given is None else given
    rows = rows[rows["outcome"] == outcome]
    counted = given is None and rows["kind"].iloc[0] == "binary"
    if given is None:
        arms = rows.merge(trials.arms, on=["trial", "arm"])
        controls = arms.loc[arms["role"] == "control", "comparator"]
        comparator = _only("comparator", comparator, controls)
        treated = _compared(arms, comparator, trials.vocabulary)
        rows = rows[rows["trial"].isin(treated["trial"])]
        measure = _measure(measure, rows)
        unit = rows["instrument"].iloc[0] or "units of the scale"
    else:
        treated = rows
        named = rows.get("comparator", ["control"])
        comparator = _only("comparator", comparator, named)
        if "comparator" in rows:
            rows = rows[_wanted(rows["comparator"], comparator, trials.vocabulary)]
            treated = rows.assign(against=rows["comparator"])
        measure = str(rows["measure"].iloc[0])
        unit = rows["unit"].iloc[0] or "units of the scale"
    places = [name for name in ("drug", "route", "timepoint", "against") if name in treated]
    texts = {name: treated[name].fillna("").astype(str) for name in places}
    cells = treated.assign(**texts)[places].drop_duplicates()
    words = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    scale, told = 1.0, ""
    if measure == "MD":
        scale, told = _reference_sd(reference_sd, rows, given is not None)
    elif reference_sd is not None:
        raise UsageError(
            f"default_model: found reference_sd={reference_sd!r} with the measure {measure}; "
            "only a mean difference has one"
        )
    about: dict[str, Any] = words["SMD" if measure == "MD" else measure]
    higher = rows["higher_is_better"].astype("boolean").fillna(False)
    benefit = "positive" if bool(higher.iloc[0]) else "negative"
    common = words["common"]
    timepoints = bool((cells["timepoint"] != "").any())
    mapping: dict[str, Any] = {
        "schema_version": 1,
        "title": f"{outcome.replace('_', ' ').capitalize()}, default model",
        "question": f"How does {outcome.replace('_', ' ')} differ from {comparator}, and how "
        "probable is a difference that matters?",
        "select": {"outcome": outcome, "comparator": comparator},
        "effect": {
            "measure": measure,
            "unit": _UNITS.get(measure, unit),
            "scale": f"a {benefit} difference favours the treatment",
            "benefit": benefit,
        },
        "covariance": common["covariance"],
        "structure": {
            "pooling": "none" if len(cells) == 1 else "partial",
            "trial_effects": "normal",
            "multi_arm_correlation": 0.5,
            "timepoints": timepoints,
            "source": common["structure"],
        },
        "thresholds": _scaled(about["thresholds"], scale, told),
        "sampling": common["sampling"],
        "gates": common["gates"],
    }
    if measure in {"MD", "SMD"}:
        mapping["effect"]["reference_sd"] = scale
    if counted:
        mapping["likelihood"] = words["counts"]["likelihood"]
        mapping["thresholds"] = words["counts"]["thresholds"]
    mapping["priors"] = {
        name: _prior(name, about, words["counts"], topic, scale, told, mapping["effect"]["unit"])
        for name in priors_needed(mapping)
    }
    return ModelSpec.from_mapping(f"default_{outcome}", mapping)


def _only(name: str, given: str | None, found: Iterable[str]) -> str:
    there = [str(word) for word in dict.fromkeys(found) if word]
    if given is None and len(there) == 1:
        return there[0]
    listed = ", ".join(map(repr, there)) or "none"
    if given is None:
        raise UsageError(f"default_model: found no {name}; the trials have {listed}: name one")
    if given not in there and not (name == "comparator" and given == load_vocabulary().others):
        raise QueryError(f"default_model: found the {name} {given!r}; the trials have {listed}")
    return given


def _wanted(comparators: pd.Series, comparator: str, words: Vocabulary) -> pd.Series:
    if comparator == words.others:
        return ~comparators.isin([words.reference, ""])
    return comparators == comparator


def _compared(arms: pd.DataFrame, comparator: str, words: Vocabulary) -> pd.DataFrame:
    """Return the treatment arms that are compared with a comparator, each with whose arm it was."""
    keys = [name for name in ("trial", "timepoint", "stratum") if name in arms]
    controls = arms[(arms["role"] == "control") & _wanted(arms["comparator"], comparator, words)]
    against = controls[[*keys, "comparator"]].rename(columns={"comparator": "against"})
    treated = arms[arms["role"] == "treatment"]
    return treated.merge(against.drop_duplicates(), on=keys)


def _measure(given: str | None, rows: pd.DataFrame) -> str:
    allowed = _KINDS[rows["kind"].iloc[0]]
    several = rows["instrument"].nunique() > 1
    if given is None:
        return "SMD" if several else allowed[0]
    if given not in allowed or (given == "MD" and several):
        raise SpecError(
            f"default_model: found measure={given!r}; "
            + (
                f"these trials have {rows['instrument'].nunique()} instruments, allowed is 'SMD'"
                if given == "MD" and several
                else f"these numbers take {' or '.join(map(repr, allowed))}"
            )
        )
    return given


def _reference_sd(given: float | None, rows: pd.DataFrame, contrasts: bool) -> tuple[float, str]:
    """Return a standard deviation between people, and where it comes from."""
    if given is not None:
        if not (np.isfinite(given) and given > 0):
            raise UsageError(f"default_model: found reference_sd={given!r}; allowed is above 0")
        return float(given), f"times a reference SD of {given:g}, given by the user"
    if not contrasts:
        freedom = rows["n"].to_numpy(dtype=float) - 1
        pooled = np.sqrt((freedom * rows["sd"].to_numpy(dtype=float) ** 2).sum() / freedom.sum())
        found = float(f"{pooled:.{_DIGITS}g}")
        return found, f"times {found:g}, the SD pooled over all arms"
    people = rows["n_t"].astype(float) + rows["n_c"].astype(float)
    if people.isna().any():
        raise UsageError(
            "default_model: found mean differences without n_t and n_c; give reference_sd, the "
            "standard deviation between people, which the scale of the priors is a multiple of"
        )
    # an SE of a difference is about 2 SD over the root of all people
    unit = np.sqrt(people.sum() / (1 / rows["sei"].astype(float) ** 2).sum()) / 2
    found = float(f"{unit:.{_DIGITS}g}")
    return found, f"times {found:g}, half the unit information SD (Röver 2021) of the contrasts"


def _scaled(thresholds: dict[str, Any], scale: float, told: str) -> dict[str, Any]:
    if not told:
        return thresholds
    sizes = [float(f"{size * scale:.{_DIGITS_OF_SIZES}g}") for size in thresholds["benefit"]]
    return {"benefit": sizes, "source": f"{thresholds['source']} In the unit: {told}."}


def _prior(
    name: str,
    about: dict[str, Any],
    counts: dict[str, Any],
    topic: str,
    scale: float,
    told: str,
    unit: str,
) -> dict[str, Any]:
    """Return the table of a model file for one parameter."""
    if name in counts:
        table = counts[name]
        prior = Prior.of(
            table["distribution"],
            *(table[key] for key in PARAMETERS[table["distribution"]]),
            source=table["source"],
        )
    elif name in {"overall", "tau"}:
        published = published_prior(
            about["published"].format(topic=topic), "mu" if name == "overall" else "tau"
        )
        numbers = dict(zip(PARAMETERS[published.family], published.parameters, strict=True))
        for key in {"loc", "scale"} & numbers.keys():
            numbers[key] *= scale
        source = f"{published.citation} ({published.name})"
        prior = Prior.of(
            published.family, *numbers.values(), source=f"{source}, {told}" if told else source
        )
    else:
        source = f"{about['between_source']} {told.capitalize()}".strip()
        prior = Prior.of("half_normal", about["between"] * scale, source=source)
    return prior.to_mapping() | {"reading": in_words(name, prior, unit)}
