"""The kinds of section that a report may have: what is told of each, beside its template.

A module declares `KINDS`: for each the keys that a definition must or may give, what its models are
about, and the figures and answers that it adds to the report. Whatever lies in this folder is
known; no list is kept elsewhere. Nothing heavy is imported, so that a definition is read at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final, NamedTuple

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.errors import ReportError

if TYPE_CHECKING:
    from bayes_nmda.query import Answer
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.definition import ReportDefinition, Section
    from bayes_nmda.report.style import Figure
    from bayes_nmda.spec.spec import ModelSpec


class About(NamedTuple):
    """What a model of a section is about; what is empty does not matter.

    ``measured`` is ``"counts"`` or ``"differences"``, ``benefit`` the sign of one, ``against`` the
    ``"reference"`` of the vocabulary or all ``"others"``.
    """

    measured: str = ""
    benefit: str = ""
    against: str = "reference"


def _no_figures(_: Content) -> Iterator[Figure]:
    return iter(())


def _no_answers(_: Content) -> Mapping[str, Answer]:
    return {}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of section.

    Attributes
    ----------
    about
        What every model of it is about; where there are several, what each in turn is.
    needs, may
        Keys of its table in a definition, beside title and models, that it must or may have.
    scenarios
        Whether its first model is the primary analysis, and the others are scenarios of it.
    lines
        Whether its models are told line by line, and in a table of its own.
    column
        Whether its models may have a column of the summary of findings.
    figures, answers
        What it adds to the report, by name.
    """

    about: tuple[About, ...]
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    scenarios: bool = False
    lines: bool = False
    column: bool = False
    figures: Callable[[Content], Iterator[Figure]] = _no_figures
    answers: Callable[[Content], Mapping[str, Answer]] = _no_answers

    def about_each(self, models: int) -> tuple[About, ...]:
        """Return what each of so many models is about."""
        return self.about if len(self.about) > 1 else self.about * models

    def beside(self, section: Section) -> tuple[str, ...]:
        """Return the models of a section that are told beside others, under a label."""
        return section.models[1:] if self.scenarios else section.beside


def _known() -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for name in MODULES:
        found |= import_module(f"{__name__}.{name}").KINDS
    return dict(sorted(found.items()))


#: Modules of this folder.
MODULES: Final = sorted(module.name for module in iter_modules(__path__))
#: Every kind by its name in a definition, which is that of its template.
KINDS: Final[dict[str, Kind]] = _known()


def require_kinds(definition: ReportDefinition, specs: Mapping[str, ModelSpec]) -> None:
    """Raise `ReportError` if a section names a model that it cannot tell, before the first fit.

    The message names the section, what the model is, and what the section takes.
    """
    words = load_vocabulary()
    named = {"reference": words.reference, "others": words.others}
    for section in definition.sections:
        kind = KINDS[section.kind]
        where = f"reports/{definition.name}.toml: section {section.kind}"
        models = (*section.models, *section.beside)
        for model, about in zip(models, kind.about_each(len(models)), strict=True):
            wanted = (about.measured, about.benefit, named.get(about.against, ""))
            found, allowed = _words(specs[model]), [part for part in wanted if part]
            if not set(allowed) <= set(found):
                raise ReportError(
                    f"{where}: model {model} is about {', '.join(found)}; allowed are models about "
                    f"{', '.join(allowed)} (counts or differences, sign of a benefit, comparator)"
                )
            _require_a_size(where, specs[model])
        own = [name for name in section.models if name not in kind.beside(section)]
        for model in kind.beside(section):
            if specs[model].select not in [specs[name].select for name in own]:
                raise ReportError(
                    f"{where}: model {model} selects other rows than {', '.join(own)}; allowed are "
                    "other assumptions about the same rows"
                )


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


def _words(spec: ModelSpec) -> tuple[str, str, str]:
    measured = "differences" if spec.likelihood.family == "normal" else "counts"
    return measured, spec.benefit, spec.select.comparator
