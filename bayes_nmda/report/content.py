"""What a report tells: one value with every number in it, each taken from an Answer.

Nothing is estimated here. The numbers come from the query functions of the package, from what is
known of the review and from the tables of data; this module only puts them side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.query.coverage import trials_with_numbers
from bayes_nmda.report.amounts import thousand
from bayes_nmda.report.definition import ReportDefinition, Section
from bayes_nmda.report.fits import Fit, partition_of
from bayes_nmda.report.pooled import Pooled, pooled
from bayes_nmda.report.sections import KINDS
from bayes_nmda.report.sections.explorer import Explorer
from bayes_nmda.report.sections.next_trial import Planned
from bayes_nmda.report.sections.outcomes import Line, Outcome, outcome_of
from bayes_nmda.report.sections.primary import (
    FIRST,
    Contrast,
    Scenario,
    ask,
    primary_contrasts,
    primary_outcome,
    scenario,
)
from bayes_nmda.report.sections.tradeoff import Tradeoffs, tradeoffs
from bayes_nmda.report.sections.uncertainty import Uncertainty
from bayes_nmda.terms import AGAINST

if TYPE_CHECKING:
    import pandas as pd

    from bayes_nmda.data import TrialData
    from bayes_nmda.query import Answer


@dataclass(frozen=True, slots=True)
class Content:
    """Everything a report tells.

    Attributes
    ----------
    contrasts, scenarios
        Of the primary analysis.
    outcomes
        The primary model and every model of another section, by name.
    answers
        Answers that become tables, by name of the table.
    tradeoffs
        Benefit against harm; None where the definition asks for none.
    pooled
        Headline probabilities under three ways to pool, by kind of section.
    uncertainty
        Headline probabilities under every stated choice and bias; None where the definition asks
        for none.
    planned
        What further trials would tell; None where the definition asks for none.
    explorer
        Numbers that a reader may choose among; None where the definition asks for none.
    """

    definition: ReportDefinition
    primary: Fit
    fits: tuple[Fit, ...]
    trials: TrialData
    contrasts: tuple[Contrast, ...]
    scenarios: tuple[Scenario, ...]
    outcomes: Mapping[str, Outcome]
    answers: Mapping[str, Answer]
    tradeoffs: Tradeoffs | None
    replication: pd.DataFrame
    engines: pd.DataFrame
    influence: pd.DataFrame | None
    pooled: Mapping[str, Pooled]
    uncertainty: Uncertainty | None = None
    planned: Planned | None = None
    explorer: Explorer | None = None

    @property
    def cells(self) -> tuple[Line, ...]:
        """The lines of the primary analysis, in the order of its model."""
        return self.outcomes[self.primary.spec.name].lines

    @property
    def partitions(self) -> list[str]:
        """Every drug and route that some model compares with the reference, in order."""
        words = load_vocabulary()
        labels = {cell.partition for cell in self.cells}
        labels |= {line.partition for line in self.lines() if line.comparator == words.reference}
        return sorted(labels, key=lambda label: [words.order(x) for x in label.split("/")])

    def cells_of(self, partition: str) -> list[Line]:
        """Return the cells of the primary analysis of one partition, in order of time."""
        return [cell for cell in self.cells if cell.partition == partition]

    def contrasts_of(self, partition: str) -> list[Contrast]:
        """Return the contrasts of the primary analysis of one partition."""
        cells = {cell.label for cell in self.cells_of(partition)}
        return [row for row in self.contrasts if row.cell in cells]

    def told(self, kind: str) -> list[Outcome]:
        """Return the outcomes of a section, in its order; none where there is no such section."""
        section = self.definition.section(kind)
        return [self.outcomes[model] for model in section.models] if section else []

    def assumptions(self) -> list[tuple[str, ...]]:
        """Return each harm that is told under other assumptions: its model, and the others."""
        section = self.definition.section("harms")
        if section is None:
            return []
        groups = [
            (model, *(b for b in section.beside if self._rows(b) == self._rows(model)))
            for model in section.models
        ]
        return [group for group in groups if len(group) > 1]

    def _rows(self, model: str) -> object:
        return self.outcomes[model].fit.spec.select

    @property
    def trials_with_numbers(self) -> int:
        """Number of trials that give a number of any outcome; of others nothing is known."""
        return len(trials_with_numbers(self.trials))

    @property
    def trials_of_review(self) -> int | None:
        """Number of trials that the review says it includes, None where it is not known."""
        table = self.trials.published
        whole = table[(table["kind"] == "context") & (table["outcome"] == "")]
        numbers = whole["n_trials"].dropna()
        return int(numbers.max()) if len(numbers) else None

    def lines(self, against: str = "") -> Iterator[Line]:
        """Yield the lines of all sections, or of those against the reference or all others."""
        for section in self.definition.sections:
            kind = KINDS[section.kind]
            if kind.lines and against in ("", kind.about[0].against):
                for outcome in self.told(section.kind):
                    yield from outcome.lines

    def lines_of(self, partition: str) -> list[Line]:
        """Return every line about a drug and route against the reference, in order."""
        words = load_vocabulary()
        order = list(words.outcomes)
        found = [
            line
            for line in self.lines("reference")
            if line.partition == partition and line.comparator == words.reference
        ]
        return sorted(
            found,
            key=lambda line: order.index(line.outcome) if line.outcome in order else len(order),
        )

    def comparisons(self) -> dict[str, list[Line]]:
        """Return the lines against other medicines by ``"ketamine/oral vs methadone"``."""
        order = load_vocabulary().order
        found: dict[str, list[Line]] = {}
        for line in self.lines("others"):
            found.setdefault(f"{partition_of(line.label)}{AGAINST}{line.comparator}", []).append(
                line
            )
        return dict(sorted(found.items(), key=lambda item: [order(x) for x in _parts(item[0])]))


def _parts(label: str) -> list[str]:
    partition, _, comparator = label.partition(AGAINST)
    return [*partition.split("/"), comparator]


def gather(
    definition: ReportDefinition,
    fits: Sequence[Fit],
    trials: TrialData,
    replication: pd.DataFrame,
    engines: pd.DataFrame,
    influence: pd.DataFrame | None,
    uncertainty: Uncertainty | None = None,
    planned: Planned | None = None,
    explorer: Explorer | None = None,
) -> Content:
    """Return the content of a report: every question asked, every answer in its place."""
    from bayes_nmda import query

    first = definition.sections[0]
    primary = fits[0]
    answers = ask(primary, first.curve)
    by_name = {fit.spec.name: fit for fit in fits}
    others = [fit for fit in fits if fit.spec.name not in first.models]
    outcomes = {primary.spec.name: primary_outcome(primary, answers, trials)}
    outcomes |= {fit.spec.name: outcome_of(fit, trials) for fit in others}
    return Content(
        definition=definition,
        primary=primary,
        fits=tuple(fits),
        trials=trials,
        contrasts=tuple(primary_contrasts(primary, answers["shrinkage"])),
        scenarios=tuple(scenario(by_name[model]) for model in first.models),
        outcomes=outcomes,
        answers=answers
        | {"evidence_map": query.evidence_map(trials, comparator=load_vocabulary().reference)},
        tradeoffs=_tradeoffs(definition.section("tradeoff"), by_name),
        replication=replication,
        engines=engines,
        influence=influence,
        pooled=_pooled(definition, by_name),
        explorer=explorer,
        uncertainty=uncertainty,
        planned=planned,
    )


def _pooled(definition: ReportDefinition, fits: Mapping[str, Fit]) -> dict[str, Pooled]:
    """Return the headline probabilities of the first section and the first harm, three poolings."""
    found = {}
    for section in definition.sections:
        if section.pooling:
            some = [fits[model] for model in (section.models[0], *section.pooling)]
            found[section.kind] = (
                _pooled_primary(some) if section.kind == "primary" else _pooled_harm(some)
            )
    return found


def _pooled_primary(fits: Sequence[Fit]) -> Pooled:
    spec = fits[0].spec
    size = spec.thresholds.benefit_sizes[FIRST]
    sizes = {0.0: "any benefit", size: f"a benefit of at least {size:g} {spec.unit}"}
    return pooled(fits, direction="benefit", measure=None, sizes=sizes)


def _pooled_harm(fits: Sequence[Fit]) -> Pooled:
    size = max(fits[0].spec.thresholds.risk_sizes)
    sizes = {0.0: "any harm", size: f"at least {thousand(size)} more in 1000"}
    return pooled(fits, direction="harm", measure="RD", sizes=sizes)


def _tradeoffs(section: Section | None, fits: Mapping[str, Fit]) -> Tradeoffs | None:
    if section is None:
        return None
    benefit, harm = (fits[model] for model in section.models)
    return tradeoffs(section, benefit, harm)
