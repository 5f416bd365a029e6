"""`ModelSpec`: one analysis, read from a TOML file in ``models/``.

A file may extend another and then gives only what differs; a prior is replaced whole, every other
table key by key. What comes out is complete, checked against ``models/schema.json`` and immutable.
`ModelSpec.fit_fields` holds exactly what moves a posterior; titles, sources and gates do not.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bayes_nmda import paths
from bayes_nmda.errors import SpecError
from bayes_nmda.model.priors import FOR_SCALES, LOG_ODDS, Prior

PRIMARY_SUFFIX = ".toml"
#: The priors that each kind of pooling uses.
PRIORS_OF: dict[str, tuple[str, ...]] = {
    "partial": ("overall", "tau", "sd_drug", "sd_route", "sd_timepoint", "sd_trial_timepoint"),
    "none": ("overall", "tau"),
    "complete": ("overall", "tau", "sd_trial_timepoint"),
}
#: Priors of the layer of timepoints, for outcomes that have them.
OF_TIMEPOINTS = frozenset({"sd_timepoint", "sd_trial_timepoint"})
#: Priors that a likelihood of counts adds.
PRIORS_OF_FAMILY: dict[str, tuple[str, ...]] = {
    "normal": (),
    "binomial": ("baseline",),
    "beta_binomial": ("baseline", "overdispersion"),
}
#: What those are about, where it is not the effect.
_UNITS = {"baseline": LOG_ODDS, "overdispersion": "(overdispersion)"}

_NORMAL = {
    "family": "normal",
    "source": "Means of trial arms are close to normal; their standard errors are taken as known.",
}

PriorLike = Prior | tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Select:
    """Which rows are analysed."""

    outcome: str
    comparator: str


@dataclass(frozen=True, slots=True)
class Covariance:
    """What is assumed about errors that are shared."""

    timepoint_correlation: float
    source: str


@dataclass(frozen=True, slots=True)
class Structure:
    """How effects hang together."""

    pooling: str
    trial_effects: str
    multi_arm_correlation: float
    source: str
    degrees_of_freedom: float | None = None
    timepoints: bool = True


@dataclass(frozen=True, slots=True)
class Likelihood:
    """How the observed scatters around the true: differences are normal, events are counted."""

    family: str
    source: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Effects that a reader is told the probability of, in the direction of the question.

    Attributes
    ----------
    benefit
        Differences, positive, in the unit of the effect.
    odds_ratio, risk_ratio
        Ratios of 1 or more.
    risk_difference
        Differences of risk, 0 to 1.
    """

    source: str
    benefit: tuple[float, ...] = ()
    odds_ratio: tuple[float, ...] = ()
    risk_ratio: tuple[float, ...] = ()
    risk_difference: tuple[float, ...] = ()

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> Thresholds:
        """Return the thresholds that a table of a model file lists."""
        listed = {
            name: tuple(float(value) for value in values)
            for name, values in table.items()
            if name != "source"
        }
        return cls(source=table["source"], **listed)

    def to_mapping(self) -> dict[str, Any]:
        """Return the table of a model file that lists these thresholds."""
        listed = dataclasses.asdict(self)
        source = listed.pop("source")
        return {name: list(values) for name, values in listed.items() if values} | {
            "source": source
        }


@dataclass(frozen=True, slots=True)
class Sampling:
    """How NUTS is run."""

    seed: int
    chains: int
    tune: int
    draws: int
    target_accept: float


@dataclass(frozen=True, slots=True)
class Gates:
    """What a fit must pass before anything is published from it."""

    r_hat_max: float
    ess_min: float
    divergences_max: int
    e_bfmi_min: float
    predictive_p_min: float


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One analysis, complete and checked.

    Attributes
    ----------
    name
        File name without ending, or what a variant was called.
    measure
        Effect measure: ``"MD"``, ``"SMD"``, ``"log_rr"``, ``"log_or"`` or ``"RD"``.
    unit
        Unit of the effect, as a reader prints it.
    benefit
        Sign of an effect that favours the drug.
    priors
        Name and prior, in the order of `PRIORS_OF`.
    files
        The files it was read from, the most general first, as names and SHA-256.
    """

    name: str
    title: str
    question: str
    select: Select
    measure: str
    unit: str
    scale: str
    benefit: str
    reference_sd: float | None
    covariance: Covariance
    structure: Structure
    likelihood: Likelihood
    priors: tuple[tuple[str, Prior], ...]
    thresholds: Thresholds
    sampling: Sampling
    gates: Gates
    extends: str | None = None
    files: tuple[tuple[str, str], ...] = ()

    def prior(self, name: str) -> Prior:
        """Return the prior of one parameter.

        Raises
        ------
        SpecError
            If the model has no such parameter.
        """
        for key, prior in self.priors:
            if key == name:
                return prior
        raise SpecError(
            f"model {self.name}: found the parameter {name!r}; allowed are "
            f"{', '.join(key for key, _ in self.priors)}"
        )

    def with_prior(self, **priors: PriorLike) -> ModelSpec:
        """Return a variant with other priors, ``spec.with_prior(tau=("half_normal", 10))``.

        Parameters
        ----------
        **priors
            Parameter and prior: a `Prior`, or a tuple of distribution and numbers in the order
            ``("normal", loc, scale)``, ``("student_t", df, loc, scale)``,
            ``("half_normal", scale)``, ``("inverse_gamma", shape, scale)``. Keywords, because a
            parameter's name is what one wants to read in a notebook.

        Returns
        -------
        ModelSpec
            Named after this one and the parameters that changed.

        Raises
        ------
        SpecError
            If the model has no such parameter or the prior is not valid for it.
        """
        changed = dict(self.priors)
        for name, value in priors.items():
            self.prior(name)
            prior = value if isinstance(value, Prior) else Prior.of(*value)
            _check_family(f"with_prior({name})", name, prior)
            words = prior.describe(_UNITS.get(name, self.unit))
            changed[name] = dataclasses.replace(prior, reading=words)
        suffix = "+".join(sorted(priors))
        return dataclasses.replace(
            self, name=f"{self.name}+{suffix}", priors=tuple(changed.items()), extends=self.name
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return the resolved model file as plain values, ready for JSON."""
        structure = {k: v for k, v in dataclasses.asdict(self.structure).items() if v is not None}
        effect: dict[str, Any] = {"measure": self.measure, "unit": self.unit}
        effect |= {"scale": self.scale, "benefit": self.benefit}
        if self.reference_sd is not None:
            effect["reference_sd"] = self.reference_sd
        return {
            "schema_version": 1,
            "title": self.title,
            "question": self.question,
            "select": dataclasses.asdict(self.select),
            "effect": effect,
            "covariance": dataclasses.asdict(self.covariance),
            "structure": structure,
            "likelihood": dataclasses.asdict(self.likelihood),
            "priors": {name: prior.to_mapping() for name, prior in self.priors},
            "thresholds": self.thresholds.to_mapping(),
            "sampling": dataclasses.asdict(self.sampling),
            "gates": dataclasses.asdict(self.gates),
        }

    def fit_fields(self) -> dict[str, Any]:
        """Return what moves a posterior: rows, measure, structure, priors and sampling."""
        full = self.to_mapping()
        tables = [full["covariance"], full["structure"], full["likelihood"]]
        for words in (*tables, *full["priors"].values()):
            words.pop("source", None)
            words.pop("reading", None)
        moving = ("select", "covariance", "structure", "likelihood", "priors", "sampling")
        return {key: full[key] for key in moving} | {"measure": self.measure}

    @property
    def hash(self) -> str:
        """SHA-256 of `fit_fields` as canonical JSON."""
        text = json.dumps(self.fit_fields(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def __repr__(self) -> str:
        """Return one line that says what the model is."""
        priors = ", ".join(f"{name} ~ {prior.formula()}" for name, prior in self.priors)
        return (
            f"ModelSpec({self.name!r}: {self.measure} of {self.select.outcome} against "
            f"{self.select.comparator}, pooling {self.structure.pooling}, {priors})"
        )

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(prior.formula())}</td>"
            f"<td>{escape(prior.reading)}</td><td>{escape(prior.source)}</td></tr>"
            for name, prior in self.priors
        )
        return (
            f'<div class="bayes-nmda"><b>{escape(self.title)}</b> ({escape(self.name)})'
            f"<p>{escape(self.question)}</p><table><thead><tr><th>parameter</th><th>prior</th>"
            f"<th>in words</th><th>source</th></tr></thead><tbody>{rows}</tbody></table></div>"
        )


def load_model(name: str | Path) -> ModelSpec:
    """Return the analysis that a model file describes.

    Parameters
    ----------
    name
        A name in ``models/`` such as ``"pain_intensity"``, or the path of a TOML file; what that
        file extends is looked up beside it first, then in ``models/``.

    Returns
    -------
    ModelSpec
        Complete and checked against the schema.

    Raises
    ------
    SpecError
        If there is no such file, or it breaks a rule; the message names the key path, what was
        found and what is allowed.
    """
    path = _locate(name, paths.models())
    resolved, files = _resolve(path, ())
    return _spec(path, resolved, files)


def model_names() -> list[str]:
    """Return the names of all model files in ``models/``, sorted."""
    return sorted(path.stem for path in paths.models().glob(f"*{PRIMARY_SUFFIX}"))


def model_inputs(name: str | Path) -> tuple[tuple[tuple[str, str], ...], Sampling]:
    """Return the files a model is read from, as names and SHA-256, and how it is sampled.

    The tables are merged but not checked, so that this costs a millisecond.
    """
    resolved, files = _resolve(_locate(name, paths.models()), ())
    return files, Sampling(**resolved["sampling"])


def _locate(name: str | Path, folder: Path) -> Path:
    given = Path(name)
    if given.suffix == PRIMARY_SUFFIX and given.is_file():
        return given
    for candidate in (folder / f"{name}{PRIMARY_SUFFIX}", paths.models() / f"{name}.toml"):
        if candidate.is_file():
            return candidate
    raise SpecError(
        f"found the model {str(name)!r}; allowed are {', '.join(model_names())}, or the path of a "
        "TOML file"
    )


def _resolve(
    path: Path, seen: tuple[Path, ...]
) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """Return the merged tables of a file and of all it extends, and those files' digests."""
    if path.resolve() in seen:
        chain = " → ".join(p.stem for p in (*seen, path))
        raise SpecError(f"{path.name}: extends: found a circle, {chain}; allowed is a chain")
    content = path.read_bytes()
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path.name}: this is not a TOML file in UTF-8: {error}") from error
    digest = ((path.name, hashlib.sha256(content).hexdigest()),)
    parent = table.get("extends")
    if parent is None:
        return table, digest
    if not isinstance(parent, str):
        raise SpecError(f"{path.name}: extends: found {parent!r}; allowed is the name of a model")
    base, files = _resolve(_locate(parent, path.parent), (*seen, path.resolve()))
    return _merge(base, table), files + digest


def _merge(base: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {**base}
    for key, value in child.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping):
            merged[key] = {**base[key], **value}
        else:
            merged[key] = value
    inherited = set(base.get("priors", {})) - set(child.get("priors", {}))
    unused = inherited - set(_needed(merged, inherited))
    if unused:
        merged["priors"] = {k: v for k, v in merged["priors"].items() if k not in unused}
    return merged


def _needed(table: Mapping[str, Any], otherwise: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the priors that structure and likelihood of a model file ask for."""
    structure = table.get("structure", {})
    family = table.get("likelihood", _NORMAL)["family"]
    if structure.get("pooling") not in PRIORS_OF or family not in PRIORS_OF_FAMILY:
        return tuple(otherwise)  # the schema names the fault
    pooled = PRIORS_OF[structure["pooling"]]
    if not structure.get("timepoints", True):
        pooled = tuple(name for name in pooled if name not in OF_TIMEPOINTS)
    return pooled + PRIORS_OF_FAMILY[family]


@cache
def _schema(path: Path) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def _check_schema(path: Path, resolved: Mapping[str, Any]) -> None:
    import jsonschema

    validator = jsonschema.Draft202012Validator(_schema(paths.models() / "schema.json"))
    faults = sorted(validator.iter_errors(resolved), key=lambda fault: list(map(str, fault.path)))
    if not faults:
        return
    lines = []
    for fault in faults:
        where = ".".join(str(part) for part in fault.absolute_path) or "(top level)"
        if fault.validator == "additionalProperties":
            allowed = f"allowed here are {', '.join(fault.schema['properties'])}"
        elif fault.validator == "enum":
            allowed = f"allowed are {', '.join(map(repr, fault.validator_value))}"
        else:
            allowed = f"the rule is {fault.validator}: {fault.validator_value}"
        lines.append(f"  {where}: {fault.message}; {allowed}")
    raise SpecError(f"{path.name} breaks models/schema.json:\n" + "\n".join(lines))


def _check_family(path: str, name: str, prior: Prior) -> None:
    if name in {"overall", "baseline"}:
        if prior.distribution not in {"normal", "student_t", "logistic"}:
            raise SpecError(
                f"{path}.distribution: found {prior.distribution!r}; a mean takes 'normal', "
                "'student_t' or 'logistic'"
            )
    elif prior.distribution not in FOR_SCALES:
        raise SpecError(
            f"{path}.distribution: found {prior.distribution!r}; a standard deviation takes "
            f"{', '.join(sorted(FOR_SCALES))}"
        )


def _priors(
    path: Path, unit: str, needed: tuple[str, ...], tables: Mapping[str, Any]
) -> tuple[tuple[str, Prior], ...]:
    missing = [name for name in needed if name not in tables]
    extra = [name for name in tables if name not in needed]
    if missing or extra:
        found = f"missing {', '.join(missing)}" if missing else f"found {', '.join(extra)}"
        raise SpecError(
            f"{path.name}: priors: {found}; this structure and likelihood take exactly "
            f"{', '.join(needed)}"
        )
    priors = []
    for name in needed:
        where = f"{path.name}: priors.{name}"
        prior = Prior.from_mapping(where, tables[name])
        _check_family(where, name, prior)
        words = prior.describe(_UNITS.get(name, unit))
        if prior.reading != words:
            raise SpecError(
                f"{where}.reading: found {prior.reading!r}; its numbers say {words!r}: write that"
            )
        priors.append((name, prior))
    return tuple(priors)


def _spec(path: Path, resolved: Mapping[str, Any], files: tuple[tuple[str, str], ...]) -> ModelSpec:
    _check_schema(path, resolved)
    effect, structure = resolved["effect"], resolved["structure"]
    return ModelSpec(
        name=path.stem,
        title=resolved["title"],
        question=resolved["question"],
        select=Select(**resolved["select"]),
        measure=effect["measure"],
        unit=effect["unit"],
        scale=effect.get("scale", ""),
        benefit=effect["benefit"],
        reference_sd=effect.get("reference_sd"),
        covariance=Covariance(**resolved["covariance"]),
        structure=Structure(**structure),
        likelihood=Likelihood(**resolved.get("likelihood", _NORMAL)),
        priors=_priors(path, effect["unit"], _needed(resolved), resolved["priors"]),
        thresholds=Thresholds.from_mapping(resolved["thresholds"]),
        sampling=Sampling(**resolved["sampling"]),
        gates=Gates(**resolved["gates"]),
        extends=resolved.get("extends"),
        files=files,
    )
