"""The priors that a model file gives: complete, of a family that fits, and read as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bayes_nmda.errors import SpecError
from bayes_nmda.spec.covariate import COEFFICIENT, Covariate
from bayes_nmda.spec.model_file import WITHIN_PERSON
from bayes_nmda.spec.priors import FOR_SCALES, LOG_ODDS, Prior

#: What a prior is about, where that is not the effect.
_UNITS = {
    "baseline": LOG_ODDS,
    "baseline_sd_cell": "(log odds)",
    "baseline_sd_trial": "(log odds)",
    "midpoint": "(log odds)",
    "overdispersion": "(overdispersion)",
    WITHIN_PERSON: "(correlation)",
}


def check_family(path: str, name: str, prior: Prior) -> None:
    """Require a family that a parameter can have.

    Raises
    ------
    SpecError
        If it is another; the message starts with the key path.
    """
    if name == WITHIN_PERSON:
        _check_correlation(path, prior)
    elif name in {"overall", "baseline", "midpoint"} or name.startswith(COEFFICIENT):
        allowed = ("normal", "student_t", *(["logistic"] if name == "midpoint" else []))
        if prior.distribution not in allowed:
            raise SpecError(
                f"{path}.distribution: found {prior.distribution!r}; a mean takes "
                f"{' or '.join(map(repr, allowed))}"
            )
        if prior.upper is not None:
            raise SpecError(
                f"{path}.truncate_above: found {prior.upper:g}; only a standard deviation is cut, "
                "leave it out"
            )
    elif prior.distribution not in FOR_SCALES:
        raise SpecError(
            f"{path}.distribution: found {prior.distribution!r}; a standard deviation takes "
            f"{', '.join(sorted(FOR_SCALES))}"
        )
    elif dict(prior.parameters).get("lower", 0.0) < 0:
        raise SpecError(
            f"{path}.lower: found {dict(prior.parameters)['lower']:g}; a standard deviation is not "
            "below 0"
        )


def _check_correlation(path: str, prior: Prior) -> None:
    """Require a prior of a correlation: a beta, or a uniform distribution inside −1 to 1."""
    if prior.distribution not in {"beta", "uniform"}:
        raise SpecError(
            f"{path}.distribution: found {prior.distribution!r}; a correlation takes 'beta' or "
            "'uniform'"
        )
    ends = {k: v for k, v in prior.parameters if prior.distribution == "uniform" and abs(v) > 1}
    for end, value in ends.items():
        raise SpecError(f"{path}.{end}: found {value:g}; a correlation lies between −1 and 1")
    if prior.upper is not None:
        raise SpecError(
            f"{path}.truncate_above: found {prior.upper:g}; only a standard deviation is cut, "
            "leave it out"
        )


def in_words(name: str, prior: Prior, unit: str, per: str = "") -> str:
    """Return the reading of a parameter's prior, in the unit of the effect or in its own.

    That of a coefficient ends with what one unit of its covariate, ``per``, is called.
    """
    words = prior.describe(_UNITS.get(name, unit))
    return f"{words} per {per}" if per else words


def read_coefficients(
    path: Path, unit: str, tables: Sequence[Mapping[str, Any]]
) -> tuple[tuple[str, Prior], ...]:
    """Return the priors of the coefficients of covariates, read as `read_priors` does.

    Raises
    ------
    SpecError
        If two covariates have one name, one is declared in a way that has no meaning, or a prior
        is of the wrong family or reads otherwise than it is.
    """
    found: dict[str, Prior] = {}
    for number, table in enumerate(tables):
        covariate = Covariate.from_mapping(table)
        where = f"{path.name}: covariate[{number}] ({covariate.name})"
        if covariate.coefficient in found:
            raise SpecError(f"{where}.name: found it again; allowed is one covariate of a name")
        if covariate.values and (covariate.transform, covariate.missing) != ("identity", "refuse"):
            raise SpecError(
                f"{where}.values: found numbers of words with transform "
                f"{covariate.transform!r} and missing {covariate.missing!r}; allowed are "
                "'identity' and 'refuse': an unknown word is not a normal number"
            )
        prior = Prior.from_mapping(f"{where}.prior", table["prior"])
        check_family(f"{where}.prior", covariate.coefficient, prior)
        words = in_words(covariate.coefficient, prior, unit, covariate.unit)
        if prior.reading != words:
            raise SpecError(
                f"{where}.prior.reading: found {prior.reading!r}; its numbers say {words!r}: "
                "write that"
            )
        found[covariate.coefficient] = prior
    return tuple(found.items())


def read_priors(
    path: Path, unit: str, needed: tuple[str, ...], tables: Mapping[str, Any]
) -> tuple[tuple[str, Prior], ...]:
    """Return the priors of a model file, each with a reading that is what its numbers say.

    Parameters
    ----------
    path
        The file, for messages.
    unit
        Unit of the effect.
    needed
        Parameters that the structure and the likelihood have.
    tables
        The tables ``[priors.…]``.

    Raises
    ------
    SpecError
        If one is missing, too many, of the wrong family, or reads otherwise than it is.
    """
    missing = [name for name in needed if name not in tables]
    extra = [name for name in tables if name not in needed]
    if missing or extra:
        found = f"missing {', '.join(missing)}" if missing else f"found {', '.join(extra)}"
        raise SpecError(
            f"{path.name}: priors: {found}; this structure, likelihood and supplement take exactly "
            f"{', '.join(needed)}"
        )
    priors = []
    for name in needed:
        where = f"{path.name}: priors.{name}"
        prior = Prior.from_mapping(where, tables[name])
        check_family(where, name, prior)
        words = in_words(name, prior, unit)
        if prior.reading != words:
            raise SpecError(
                f"{where}.reading: found {prior.reading!r}; its numbers say {words!r}: write that"
            )
        priors.append((name, prior))
    return tuple(priors)
