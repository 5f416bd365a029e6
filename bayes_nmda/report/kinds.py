"""Which models a kind of section can tell, checked before the first fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.errors import ReportError

if TYPE_CHECKING:
    from bayes_nmda.report.definition import ReportDefinition, Section
    from bayes_nmda.spec.spec import ModelSpec

#: What the models of each kind of section are about: counts or differences, and against what.
_RULES: Final[dict[str, tuple[str, str, str]]] = {
    "primary": ("differences", "", "reference"),
    "responders": ("counts", "positive", "reference"),
    "harms": ("counts", "negative", "reference"),
    "function": ("differences", "", "reference"),
    "active": ("", "", "others"),
}
#: The two models of a trade-off.
_TRADEOFF: Final = (("", "", "reference"), ("counts", "negative", "reference"))


def require_kinds(definition: ReportDefinition, specs: Mapping[str, ModelSpec]) -> None:
    """Raise `ReportError` if a section names a model that it cannot tell.

    The message names the section, what the model is, and what the section takes.
    """
    where = f"reports/{definition.name}.toml: section"
    for section in definition.sections:
        for model, rule in zip(_models(section), _rules(section), strict=True):
            found, allowed = _words(specs[model]), [part for part in rule if part]
            if not set(allowed) <= set(found):
                raise ReportError(
                    f"{where} {section.kind}: model {model} is about {', '.join(found)}; allowed "
                    f"are models about {', '.join(allowed)} (counts or differences, sign of a "
                    "benefit, comparator)"
                )
            _require_a_size(f"{where} {section.kind}", specs[model])
        _require_one_question(f"{where} {section.kind}", section, specs)


def _require_a_size(where: str, spec: ModelSpec) -> None:
    """Raise `ReportError` if a model asks of no effect that is larger than none."""
    counts = spec.likelihood.family != "normal"
    name = "risk_difference" if counts else "benefit"
    sizes = spec.thresholds.risk_sizes if counts else spec.thresholds.benefit_sizes
    if len(sizes) == 1:
        raise ReportError(
            f"{where}: model {spec.name}: thresholds.{name}: found no size above 0; a report tells "
            "the probability of at least one"
        )


def _require_one_question(where: str, section: Section, specs: Mapping[str, ModelSpec]) -> None:
    """Raise `ReportError` if models told as scenarios of one analysis are about other rows."""
    primary = section.kind == "primary"
    first = section.models[:1] if primary else section.models
    for model in section.models[1:] if primary else section.beside:
        if specs[model].select not in [specs[name].select for name in first]:
            raise ReportError(
                f"{where}: model {model} selects other rows than {', '.join(first)}; allowed are "
                "other assumptions about the same rows"
            )


def _models(section: Section) -> tuple[str, ...]:
    return (*section.models, *section.beside)


def _rules(section: Section) -> tuple[tuple[str, str, str], ...]:
    words = load_vocabulary()
    named = {"reference": words.reference, "others": words.others}
    count = len(_models(section))
    rules = _TRADEOFF if section.kind == "tradeoff" else (_RULES[section.kind],) * count
    return tuple((kind, sign, named.get(against, "")) for kind, sign, against in rules)


def _words(spec: ModelSpec) -> tuple[str, str, str]:
    kind = "differences" if spec.likelihood.family == "normal" else "counts"
    return kind, spec.benefit, spec.select.comparator
