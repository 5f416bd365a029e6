"""A report definition: which models are told, in which sections, and under which names.

Reads ``reports/NAME.toml`` with the standard library alone, so that the question whether a report
is stale costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bayes_nmda import paths
from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.errors import ReportError, SpecError, shortened
from bayes_nmda.files import toml_of
from bayes_nmda.report.sections import KINDS
from bayes_nmda.spec.model_file import locate, model_names
from bayes_nmda.spec.multiverse import multiverse_names

_KEYS: Final = ("title", "subtitle", "section")
_MORE: Final = ("columns", "missing", "limits", "headline_harm", "judgement")
#: Parts of a judgement of certainty, each a text.
_JUDGEMENT: Final = ("model", "cell", "domain", "judgement", "reason", "by", "source")
#: What may be judged: the three domains of GRADE that take a person, and all five together.
_DOMAINS: Final = {
    **dict.fromkeys(
        ("risk_of_bias", "indirectness", "publication_bias"),
        ("not serious", "serious", "very serious"),
    ),
    "overall": ("very low", "low", "moderate", "high"),
}


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a report: some models, told in one way.

    Attributes
    ----------
    kind
        How they are told: one of `sections.KINDS`.
    title
        Heading.
    models
        Names of model files. Of ``primary`` the first is the primary analysis and the others are
        scenarios of it; of ``tradeoff`` there are two, a benefit and a harm.
    labels
        What a model is called; needed where several are about one outcome.
    beside
        Of ``harms``: models of it under other assumptions.
    pooling
        Of ``primary`` and ``harms``: two models of the first one's rows, each cell alone and
        complete pooling, that its headline probabilities are told under, too. They are among
        ``models`` or ``beside``.
    rare
        Of ``harms``: models of it whose events are few, told with all there are.
    curve
        Of ``primary``: first and last threshold and the step of the probability curve, in the
        model's unit.
    at_least, at_most
        Of ``tradeoff``: sizes of benefit, in the unit of the benefit, and the largest increases of
        risk that somebody may accept for them.
    points_per_event
        Of ``tradeoff``: how much benefit one person is thought to give up to spare another one
        event.
    multiverse
        Of ``uncertainty``: files in ``models/multiverse/``, the first about the primary analysis,
        others about counted harms.
    biased
        Of ``uncertainty``: models of bias, which are told by the exact engine alone.
    scenarios
        Of ``explorer``: models of the benefit that a reader may choose, the primary one first.
    people, several
        Of ``next_trial``: sizes of a further trial, and how many at once.
    """

    kind: str
    title: str
    models: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    pooling: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    curve: tuple[float, ...] = ()
    at_least: tuple[float, ...] = ()
    at_most: tuple[float, ...] = ()
    points_per_event: tuple[float, ...] = ()
    multiverse: tuple[str, ...] = ()
    biased: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    people: tuple[float, ...] = ()
    several: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What somebody judged of the certainty of one number, with who and where it stands.

    Attributes
    ----------
    model, cell
        What it is about: a model file, and the label of a cell of it.
    domain
        A domain of GRADE that takes a person, or ``overall``.
    """

    model: str
    cell: str
    domain: str
    judgement: str
    reason: str
    by: str
    source: str


@dataclass(frozen=True, slots=True)
class ReportDefinition:
    """What one report tells.

    Attributes
    ----------
    name
        File name without ending.
    title, subtitle
        Heading of the page.
    sections
        In the order of the page; the first holds the primary analysis.
    columns
        Models of counts that have a column of the summary of findings, harms and responders.
    missing
        Outcomes whose absence from the trials is a finding.
    limits
        Sentences on what these trials cannot tell.
    headline_harm
        Model of a harm that is told in people on the first screen, empty for none.
    judgements
        What people judged of the certainty of single numbers.
    """

    name: str
    title: str
    subtitle: str
    sections: tuple[Section, ...]
    columns: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    headline_harm: str = ""
    judgements: tuple[Judgement, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """Names of all models, each once, the primary analysis first."""
        named = (name for part in self.sections for name in (*part.models, *part.beside))
        return tuple(dict.fromkeys(named))

    @property
    def primary(self) -> str:
        """Name of the primary analysis."""
        return self.sections[0].models[0]

    def section(self, kind: str) -> Section | None:
        """Return the section of a kind, None where the report has none."""
        return next((part for part in self.sections if part.kind == kind), None)

    def label(self, model: str) -> str:
        """Return what a model is called, nothing where its outcome names it."""
        return next((part.labels[model] for part in self.sections if model in part.labels), "")


def report_names() -> list[str]:
    """Return the names of all reports, sorted."""
    return sorted(path.stem for path in paths.reports().glob("*.toml"))


def the_only_report() -> str:
    """Return the name of the one report that there is.

    Raises
    ------
    ReportError
        If there is none, or more than one.
    """
    names = report_names()
    if len(names) != 1:
        raise ReportError(
            f"reports/: found {len(names)} definitions; allowed without a name is one, else name "
            f"one of {', '.join(names) or 'those that you add'}"
        )
    return names[0]


def load_definition(name: str) -> ReportDefinition:
    """Return a checked report definition.

    Raises
    ------
    ReportError
        If there is no such report, or it breaks a rule; the message names the key, what was found
        and what is allowed.
    """
    if name not in report_names():  # a name, no path
        raise ReportError(
            f"found the report {shortened(name)}; allowed are {', '.join(report_names()) or 'none'}"
        )
    path = paths.reports() / f"{name}.toml"
    where = f"reports/{path.name}"
    table, _ = toml_of(path, ReportError)
    _check_keys(where, table, _KEYS, _MORE)
    parts = table["section"]
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise ReportError(f"{where}: section: found {parts!r}; allowed are tables [[section]]")
    sections = tuple(_section(where, number, part) for number, part in enumerate(parts, start=1))
    kinds = [part.kind for part in sections]
    if kinds[:1] != ["primary"] or len(set(kinds)) < len(kinds):
        raise ReportError(
            f"{where}: section: found {', '.join(kinds) or 'none'}; allowed is primary first, then "
            f"each of {', '.join(KINDS)} at most once"
        )
    return ReportDefinition(
        name,
        _text(f"{where}: title", table["title"]),
        _text(f"{where}: subtitle", table["subtitle"]),
        sections,
        _columns(f"{where}: columns", table.get("columns", []), sections),
        _outcomes(f"{where}: missing", table.get("missing", [])),
        _texts(f"{where}: limits", table.get("limits", [])),
        _harm(f"{where}: headline_harm", table.get("headline_harm", ""), sections),
        _judgements(f"{where}: judgement", table.get("judgement", []), sections),
    )


def _harm(where: str, value: Any, sections: tuple[Section, ...]) -> str:
    told = [model for part in sections if part.kind == "harms" for model in part.models]
    if value and value not in told:
        raise ReportError(
            f"{where}: found {value!r}; allowed are models of the section harms, "
            f"{', '.join(told) or 'none'}"
        )
    return str(value)


def _judgements(where: str, value: Any, sections: tuple[Section, ...]) -> tuple[Judgement, ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ReportError(f"{where}: found {value!r}; allowed are tables [[judgement]]")
    told = {model for part in sections for model in part.models}
    found = []
    for number, table in enumerate(value, start=1):
        place = f"{where} {number}"
        _check_keys(place, table, _JUDGEMENT, ())
        one = Judgement(**{key: _text(f"{place}: {key}", table[key]) for key in _JUDGEMENT})
        if one.model not in told:
            raise ReportError(
                f"{place}: model: found {one.model!r}; allowed are {', '.join(sorted(told))}"
            )
        if one.domain not in _DOMAINS or one.judgement not in _DOMAINS[one.domain]:
            allowed = "; ".join(f"{name}: {', '.join(words)}" for name, words in _DOMAINS.items())
            raise ReportError(
                f"{place}: found {one.domain!r}, {one.judgement!r}; allowed are {allowed}"
            )
        found.append(one)
    places = [(one.model, one.cell, one.domain) for one in found]
    if twice := [place for place in places if places.count(place) > 1]:
        raise ReportError(f"{where}: found {', '.join(twice[0])} twice; allowed is once")
    return tuple(found)


def _columns(where: str, value: Any, sections: tuple[Section, ...]) -> tuple[str, ...]:
    told = [model for part in sections if KINDS[part.kind].column for model in part.models]
    names = _texts(where, value)
    odd = [name for name in names if name not in told]
    if odd:
        raise ReportError(
            f"{where}: found {odd[0]!r}; allowed are models of sections that may "
            f"have a column, {', '.join(told) or 'none'}"
        )
    return names


def _outcomes(where: str, value: Any) -> tuple[str, ...]:
    names, known = _texts(where, value), load_vocabulary().outcomes
    odd = [name for name in names if known and name not in known]
    if odd:
        raise ReportError(f"{where}: found {odd[0]!r}; allowed are {', '.join(known)}")
    return names


def _texts(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(set(map(str, value))) != len(value):
        raise ReportError(f"{where}: found {value!r}; allowed is a list of different texts")
    return tuple(_text(where, text) for text in value)


def _section(where: str, number: int, table: dict[str, Any]) -> Section:
    where = f"{where}: section {number}"
    kind = table.get("kind")
    if kind not in KINDS:
        raise ReportError(f"{where}: kind: found {kind!r}; allowed are {', '.join(KINDS)}")
    where += f" ({kind})"
    known = KINDS[kind]
    needed = ("kind", "title", "models", *known.needs)
    _check_keys(where, table, needed, ("labels", *known.may))
    models = _models(f"{where}: models", table["models"])
    if len(models) != len(known.about) > 1:
        raise ReportError(f"{where}: models: found {len(models)}; allowed are {len(known.about)}")
    beside = _models(f"{where}: beside", table["beside"]) if "beside" in table else ()
    pooling = _models(f"{where}: pooling", table["pooling"]) if "pooling" in table else ()
    rare = _models(f"{where}: rare", table["rare"]) if "rare" in table else ()
    biased = _models(f"{where}: biased", table["biased"]) if "biased" in table else ()
    scenarios = _models(f"{where}: scenarios", table["scenarios"]) if "scenarios" in table else ()
    if not set(rare) <= set(models):
        raise ReportError(
            f"{where}: rare: found {', '.join(rare)}; allowed are models of this section"
        )
    told = set(models[1:] if known.scenarios else beside)
    if pooling and (len(pooling) != 2 or not set(pooling) <= told):
        raise ReportError(
            f"{where}: pooling: found {', '.join(pooling)}; allowed are two models that this "
            f"section tells beside its first, {', '.join(sorted(told)) or 'none'}"
        )
    labels = table.get("labels", {})
    wanted = models if known.scenarios else beside
    unknown = (
        sorted(set(labels) - {*models, *beside, *biased})
        if isinstance(labels, dict)
        else ["labels"]
    )
    if unknown or not set(wanted) <= set(labels):
        raise ReportError(
            f"{where}: labels: each of {', '.join(wanted) or 'no model'} needs exactly one"
            + (f"; found {', '.join(unknown)}" if unknown else "")
        )
    at_least, at_most, points_per_event, people, several = (
        _numbers(f"{where}: {key}", table[key]) if key in table else ()
        for key in ("at_least", "at_most", "points_per_event", "people", "several")
    )
    for key, numbers, least in (("people", people, 4), ("several", several, 1)):
        if any(x != int(x) or x < least for x in numbers):
            raise ReportError(f"{where}: {key}: allowed are whole numbers from {least} upwards")
    return Section(
        kind,
        _text(f"{where}: title", table["title"]),
        models,
        {model: _text(f"{where}: labels.{model}", label) for model, label in labels.items()},
        beside,
        pooling,
        rare,
        _curve(f"{where}: curve", table["curve"]) if "curve" in table else (),
        at_least,
        at_most,
        points_per_event,
        multiverse=_multiverses(f"{where}: multiverse", table.get("multiverse", [])),
        biased=biased,
        scenarios=scenarios,
        people=people,
        several=several,
    )


def _multiverses(where: str, value: Any) -> tuple[str, ...]:
    names, known = _texts(where, value), multiverse_names()
    odd = [name for name in names if name not in known]
    if odd:
        raise ReportError(
            f"{where}: found {odd[0]!r}; allowed are {', '.join(known) or 'none yet'}"
        )
    return names


def _check_keys(
    where: str, table: dict[str, Any], needed: tuple[str, ...], more: tuple[str, ...]
) -> None:
    missing = [key for key in needed if key not in table]
    extra = [key for key in table if key not in (*needed, *more)]
    if missing or extra:
        found = f"missing {', '.join(missing)}" if missing else f"found {', '.join(extra)}"
        optional = f", and may take {', '.join(more)}" if more else ""
        raise ReportError(f"{where}: {found}; it takes {', '.join(needed)}{optional}")


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ReportError(f"{where}: found {value!r}; allowed is text")
    return value


def _models(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or len(set(map(str, value))) != len(value):
        raise ReportError(f"{where}: found {value!r}; allowed is a list of different names")
    for model in value:
        try:
            locate(_text(where, model), paths.models())
        except SpecError as error:
            raise ReportError(
                f"{where}: found {model!r}; allowed are {', '.join(model_names())}"
            ) from error
    return tuple(value)


def _numbers(where: str, value: Any) -> tuple[float, ...]:
    good = isinstance(value, list) and value and all(type(x) in (int, float) for x in value)
    if not good or value != sorted(set(value)):
        raise ReportError(f"{where}: found {value!r}; allowed are increasing numbers")
    return tuple(map(float, value))


def _curve(where: str, value: Any) -> tuple[float, ...]:
    good = isinstance(value, list) and len(value) == 3
    if not good or not all(type(x) in (int, float) for x in value):
        raise ReportError(f"{where}: found {value!r}; allowed are [first, last, step]")
    first, last, step = map(float, value)
    if not (0 <= first < last and 0 < step <= last - first):
        raise ReportError(f"{where}: found {value!r}; allowed is 0 <= first < last, step > 0")
    return first, last, step
