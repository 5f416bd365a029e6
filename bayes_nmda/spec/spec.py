"""`ModelSpec`: one analysis, read from a TOML file in ``models/``.

What comes out is complete, checked against ``models/schema.json`` and immutable.
`ModelSpec.fit_fields` holds every number and choice of the file, so also thresholds and gates: what
was judged by other gates, or answers other thresholds, is another fit. Titles, questions, sources
and readings are words and move nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bayes_nmda import paths
from bayes_nmda.errors import SpecError
from bayes_nmda.spec.covariate import COEFFICIENT, Covariate
from bayes_nmda.spec.model_file import (
    WITHIN_PERSON,
    check_schema,
    locate,
    model_names,
    priors_needed,
    resolve,
)
from bayes_nmda.spec.parameters import (
    check_family,
    in_words,
    read_coefficients,
    read_priors,
)
from bayes_nmda.spec.priors import Prior
from bayes_nmda.spec.settings import (
    Covariance,
    Familiar,
    Gates,
    Likelihood,
    Sampling,
    Select,
    Structure,
    Supplement,
    Thresholds,
)

__all__ = ["ModelSpec", "Sampling", "load_model", "model_inputs", "model_names"]

PriorLike = Prior | tuple[Any, ...]
#: Units of measures that have one of their own.
_UNITS: Final[dict[str, tuple[str, ...]]] = {
    "SMD": ("SD", "standard deviations"),
    "log_or": ("log odds ratio",),
    "log_rr": ("log risk ratio",),
    "RD": ("risk difference",),
}
_WORDS = frozenset({"title", "question", "source", "reading", "crossover_source"})


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
        Name and prior, in the order of `priors_needed`.
    familiar
        An instrument in whose units a standardised difference is also told.
    supplement
        Results printed in abstracts that are added to the review's rows; None for none.
    covariates
        What true effects depend on beside their cell.
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
    familiar: Familiar | None = None
    supplement: Supplement | None = None
    covariates: tuple[Covariate, ...] = ()
    extends: str | None = None
    files: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_mapping(cls, name: str, mapping: Mapping[str, Any]) -> ModelSpec:
        """Return the analysis that `to_mapping` described, checked like a file of that name.

        Raises
        ------
        SpecError
            If it breaks a rule; the message names the key path, what was found, what is allowed.
        """
        return _spec(Path(name), mapping, ())

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

    @property
    def abstract_results(self) -> tuple[str, ...]:
        """Keys in ``abstract_outcomes.csv`` of the results that it adds to the review's rows."""
        return () if self.supplement is None else tuple(row.id for row in self.supplement.rows)

    @property
    def reference_correlation(self) -> float | None:
        """Median of the prior on the correlation within people; None where there is none.

        Tables show the errors of paired results at it; the model takes the whole prior.
        """
        prior = dict(self.priors).get(WITHIN_PERSON)
        return None if prior is None else float(prior.quantile(0.5))

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
        if not priors:
            return self
        changed = dict(self.priors)
        for name, value in priors.items():
            self.prior(name)
            prior = value if isinstance(value, Prior) else Prior.of(*value)
            check_family(f"with_prior({name})", name, prior)
            per = {c.coefficient: c.unit for c in self.covariates}.get(name, "")
            reading = in_words(name, prior, self.unit, per)
            changed[name] = dataclasses.replace(prior, reading=reading)
        suffix = "+".join(sorted(priors))
        return dataclasses.replace(
            self, name=f"{self.name}+{suffix}", priors=tuple(changed.items()), extends=self.name
        )

    def with_covariate(
        self, name: str, *, prior: PriorLike, level: str = "trial", **settings: Any
    ) -> ModelSpec:
        """Return a variant whose true effects also depend on a covariate.

        Parameters
        ----------
        name
            Its coefficient is ``coefficient_<name>``.
        prior
            Of the coefficient: a change of the effect for one unit of the covariate.
        level
            Where its column stands: ``"trial"``, ``"arm"`` or ``"contrast"``.
        **settings
            What else ``[[covariate]]`` of a model file takes: ``column`` (by default ``name``),
            ``centre`` (``"mean"``), ``unit``, ``per``, ``transform``, ``values``, ``missing``,
            ``source``.

        Returns
        -------
        ModelSpec
            Named after this one and the covariate.

        Raises
        ------
        SpecError
            If it breaks a rule of model files; the message says which.

        Examples
        --------
        >>> from bayes_nmda import load_model
        >>> spec = load_model("pain_intensity").with_covariate(
        ...     "year", prior=("normal", 0, 10), per=10, unit="decade"
        ... )
        >>> spec.prior("coefficient_year").reading
        '95 % between −19.6 and 19.6 points per decade'
        """
        told = {"column": name, "centre": "mean", "unit": "unit", "source": "Given in Python."}
        told |= {"name": name, "level": level} | settings
        given = prior if isinstance(prior, Prior) else Prior.of(*prior)
        source = given.source or "Given in Python."
        reading = in_words(COEFFICIENT + name, given, self.unit, str(told["unit"]))
        table = told | {"prior": given.to_mapping() | {"source": source, "reading": reading}}
        mapping = self.to_mapping()
        mapping["covariate"] = [*mapping.get("covariate", ()), table]
        return dataclasses.replace(
            ModelSpec.from_mapping(f"{self.name}+{name}", mapping), extends=self.name
        )

    def to_mapping(self) -> dict[str, Any]:
        """Return the resolved model file as plain values, ready for JSON."""
        structure = {k: v for k, v in dataclasses.asdict(self.structure).items() if v is not None}
        covariance = {k: v for k, v in dataclasses.asdict(self.covariance).items() if v is not None}
        gates = {k: v for k, v in dataclasses.asdict(self.gates).items() if v is not None}
        effect: dict[str, Any] = {"measure": self.measure, "unit": self.unit}
        effect |= {"scale": self.scale, "benefit": self.benefit}
        if self.reference_sd is not None:
            effect["reference_sd"] = self.reference_sd
        if self.familiar is not None:
            effect["familiar"] = dataclasses.asdict(self.familiar)
        added: dict[str, Any] = {}
        if self.supplement is not None:
            added["supplement"] = self.supplement.to_mapping()
        if self.covariates:
            added["covariate"] = [
                c.to_mapping() | {"prior": self.prior(c.coefficient).to_mapping()}
                for c in self.covariates
            ]
        return {
            "schema_version": 1,
            "title": self.title,
            "question": self.question,
            "select": dataclasses.asdict(self.select),
            **added,
            "effect": effect,
            "covariance": covariance,
            "structure": structure,
            "likelihood": dataclasses.asdict(self.likelihood),
            "priors": {
                name: prior.to_mapping()
                for name, prior in self.priors
                if not name.startswith(COEFFICIENT)
            },
            "thresholds": self.thresholds.to_mapping(),
            "sampling": dataclasses.asdict(self.sampling),
            "gates": gates,
        }

    def fit_fields(self) -> dict[str, Any]:
        """Return every number and choice of the model file, without its words."""
        fields = {key: value for key, value in self.to_mapping().items() if key not in _WORDS}
        del fields["effect"]["scale"]
        added = fields.get("supplement", {"rows": {}})["rows"]
        of_covariates = [t for c in fields.get("covariate", ()) for t in (c, c["prior"])]
        tables = (*fields.values(), *fields["priors"].values(), *added.values(), *of_covariates)
        for table in tables:
            for key in _WORDS & table.keys() if isinstance(table, dict) else ():
                del table[key]
        return fields

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
    path = locate(name, paths.models())
    resolved, files = resolve(path, ())
    return _spec(path, resolved, files)


def model_inputs(name: str | Path) -> tuple[tuple[tuple[str, str], ...], Sampling]:
    """Return the files a model is read from, as names and SHA-256, and how it is sampled.

    The tables are merged but not checked, so that this costs a millisecond.
    """
    resolved, files = resolve(locate(name, paths.models()), ())
    try:
        return files, Sampling(**resolved["sampling"])
    except (KeyError, TypeError):
        return files, load_model(name).sampling  # says what is wrong


def _spec(path: Path, resolved: Mapping[str, Any], files: tuple[tuple[str, str], ...]) -> ModelSpec:
    check_schema(path, resolved)
    _check_units(path, resolved)
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
        likelihood=Likelihood(**resolved.get("likelihood", {})),
        priors=(
            *read_priors(path, effect["unit"], priors_needed(resolved), resolved["priors"]),
            *read_coefficients(path, effect["unit"], resolved.get("covariate", ())),
        ),
        thresholds=Thresholds.from_mapping(resolved["thresholds"]),
        sampling=Sampling(**resolved["sampling"]),
        gates=Gates(**resolved["gates"]),
        familiar=Familiar(**effect["familiar"]) if "familiar" in effect else None,
        supplement=(
            Supplement.from_mapping(resolved["supplement"]) if "supplement" in resolved else None
        ),
        covariates=tuple(map(Covariate.from_mapping, resolved.get("covariate", ()))),
        extends=resolved.get("extends"),
        files=files,
    )


def _check_units(path: Path, resolved: Mapping[str, Any]) -> None:
    """Refuse a unit that its measure does not have, and pairs where arms are counted.

    A standardised difference in points would be read as points, and priors and thresholds with it.
    """
    measure, unit = resolved["effect"]["measure"], resolved["effect"]["unit"]
    own = _UNITS.get(measure)
    if own is not None and unit not in own:
        raise SpecError(
            f"{path.name}: effect.unit: found {unit!r} with measure {measure!r}; allowed are "
            f"{', '.join(map(repr, own))}"
        )
    others = {name for names in _UNITS.values() for name in names}
    if own is None and unit in others:
        raise SpecError(
            f"{path.name}: effect.unit: found {unit!r} with measure {measure!r}; allowed is the "
            "unit of the scale, such as 'points (0 to 100)'"
        )
    family = resolved.get("likelihood", {}).get("family", "normal")
    if resolved["covariance"].get("crossover") == "paired" and family != "normal":
        raise SpecError(
            f"{path.name}: covariance.crossover: found 'paired' with likelihood.family {family!r}, "
            "which counts the events of two groups of people; allowed is 'as_parallel', or the "
            "family 'normal'"
        )
