"""The explorer: probabilities for every size of benefit and harm that a reader may choose.

Every number is an Answer's, in the words that the Answer itself uses, asked once for each size,
treatment, scenario and target; the page only picks among them. Benefit and harm are separate fits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.query.words import percent
from bayes_nmda.report.numbers import (
    estimate,
    limits,
    outcome,
    partition_words,
    short,
    short_chance,
)
from bayes_nmda.report.pooled import AVERAGE, NAMES
from bayes_nmda.report.sections import About, Kind
from bayes_nmda.report.sections.primary import FIRST
from bayes_nmda.terms import cell_label

if TYPE_CHECKING:
    from bayes_nmda.data import TrialData
    from bayes_nmda.query import Answer
    from bayes_nmda.query.draws import Draws
    from bayes_nmda.report.definition import ReportDefinition, Section
    from bayes_nmda.report.fits import Fit, Record

Target = Literal["mean", "new_trial"]
#: Probabilities stand beside each other in one text, parted by this.
_PARTED: Final = "|"
#: People in the picture.
_PICTURE: Final = 100


@dataclass(frozen=True, slots=True)
class Explorer:
    """What a reader may choose among, ready to be written into a page as JSON.

    Attributes
    ----------
    sizes
        Sizes of benefit, in the unit of the model.
    extra
        Increases of risk that may be accepted, from 0 to 1.
    document
        Every number in words: by scenario, target, cell and place among ``sizes`` or ``extra``.
    """

    sizes: tuple[float, ...]
    extra: tuple[float, ...]
    document: Mapping[str, Any]

    def json(self) -> str:
        """Return the document as JSON that can stand inside a ``script`` element."""
        text = json.dumps(self.document, ensure_ascii=False, separators=(",", ":"))
        return text.replace("<", "\\u003c").replace("\u2028", " ").replace("\u2029", " ")


@dataclass(frozen=True, slots=True)
class _Scenario:
    """One way to answer: a model of the benefit and one of the harm, or their averages."""

    name: str
    benefit: tuple[Draws, ...]
    harm: tuple[Draws, ...]
    note: str

    @property
    def averaged(self) -> bool:
        return len(self.benefit) > 1


def explorer(
    section: Section, definition: ReportDefinition, fits: Mapping[str, Fit], trials: TrialData
) -> Explorer:
    """Return every number that the explorer of a report may show."""
    first, last, step = section.curve
    sizes = tuple(float(x) for x in np.arange(first, last + step / 2, step))
    extra = section.at_most
    benefit, harm = (fits[model] for model in section.models)
    scenarios = _scenarios(section, definition, fits, trials)
    words = load_vocabulary().outcome(benefit.spec.select.outcome)
    document = {
        "sizes": sizes,
        "extra": [round(1000 * x) for x in extra],
        "first": benefit.spec.thresholds.benefit_sizes[FIRST],
        "most": round(1000 * max(harm.spec.thresholds.risk_sizes)),
        "unit": benefit.spec.unit,
        "said": words.said,
        "lower": benefit.spec.benefit == "negative",
        "event": outcome(harm.spec.select.outcome).lower(),
        "reference": benefit.spec.select.comparator,
        "cells": [
            {
                "key": cell.label,
                "partition": cell_label(cell.drug, cell.route),
                "words": partition_words(cell_label(cell.drug, cell.route)),
                "timepoint": cell.timepoint,
                "trials": cell.trials,
                "people": cell.participants,
            }
            for cell in benefit.draws.cells
        ],
        "harms": {
            cell_label(cell.drug, cell.route): {"trials": cell.trials, "people": cell.participants}
            for cell in harm.draws.cells
        },
        "scenarios": [_told(one, sizes, extra) for one in scenarios],
    }
    return Explorer(sizes, extra, document)


def _scenarios(
    section: Section, definition: ReportDefinition, fits: Mapping[str, Fit], trials: TrialData
) -> list[_Scenario]:
    """Return the scenarios of a section, and the average over those of pooling where it has them.

    A scenario of pooling takes the harm under the same pooling; all others take the first one.
    """
    from bayes_nmda.effects import effect_table
    from bayes_nmda.query.draws import draws_of
    from bayes_nmda.spec.spec import load_model
    from bayes_nmda.store.fits import obtain

    benefit, harm = section.models
    pairs = {benefit: harm}
    own, other = definition.section("primary"), definition.section("harms")
    if own is not None and other is not None and own.pooling and other.pooling:
        pairs |= dict(zip(own.pooling, other.pooling, strict=True))
    usual = fits[harm].draws
    found, alike = [], "Harm is that of the primary analysis."
    for model in section.scenarios:
        if model in fits:
            draws = fits[model].draws
        else:
            spec = load_model(model)
            rows = effect_table(trials, spec)
            tree = obtain(spec, rows, inputs=trials.digests, engine="exact").tree
            draws = draws_of(tree)
        paired = model in pairs
        mine = fits[pairs[model]].draws if paired else usual
        found.append(_Scenario(definition.label(model), (draws,), (mine,), "" if paired else alike))
    if len(pairs) == len(NAMES):
        some, harms = ([fits[model].draws for model in side] for side in (pairs, pairs.values()))
        note = "Averaged over three ways to pool by their marginal likelihoods."
        place = 1 + max(
            (n for n, model in enumerate(section.scenarios) if model in pairs), default=-1
        )
        found.insert(place, _Scenario("Averaged over pooling", tuple(some), tuple(harms), note))
    return found


def _told(scenario: _Scenario, sizes: Sequence[float], extra: Sequence[float]) -> dict[str, Any]:
    """Return one scenario: probabilities, intervals, and people with an event."""
    return {
        "name": scenario.name,
        "note": scenario.note,
        "benefit": {target: _benefit(scenario, sizes, target) for target in get_args(Target)},
        "harm": {target: _harm(scenario, extra, target) for target in get_args(Target)},
        "people": _people(scenario),
    }


def _benefit(scenario: _Scenario, sizes: Sequence[float], target: Target) -> dict[str, Any]:
    """Return by cell the probability of each size of benefit, and the estimate with its interval.

    ``prior`` is what the model gave before any data, which is the same for every cell.
    """
    from bayes_nmda import query

    if scenario.averaged:
        answer = query.average_models(
            dict(zip(NAMES, scenario.benefit, strict=True)), at_least=list(sizes), target=target
        )
        return {"chances": _chances(_averages(answer))}
    (draws,) = scenario.benefit
    answer = query.prob_benefit(draws, at_least=list(sizes), target=target)
    effects = query.effect(draws) if target == "mean" else query.new_trial(draws)
    records = answer.records[: len(sizes)]
    return {
        "chances": _chances(answer.records),
        "effects": {_label(r): f"{estimate(r)} ({limits(r)})" for r in effects.records},
        "prior": _PARTED.join(
            _bare(short(percent(r["prior_probability"], r["prior_mcse"]))) for r in records
        ),
    }


def _harm(scenario: _Scenario, extra: Sequence[float], target: Target) -> dict[str, Any]:
    """Return by drug and route the probability that risk rises by more than each amount."""
    from bayes_nmda import query

    asked: dict[str, Any] = {"at_least": list(extra), "target": target, "measure": "RD"}
    if scenario.averaged:
        answer = query.average_models(
            dict(zip(NAMES, scenario.harm, strict=True)), direction="harm", **asked
        )
        return {"chances": _chances(_averages(answer))}
    (draws,) = scenario.harm
    return {"chances": _chances(query.prob_harm(draws, **asked).records)}


def _people(scenario: _Scenario) -> dict[str, tuple[int, int]]:
    """Return by drug and route people of 100 with the event without the drug, and with it.

    Of an average there is no picture: its three models have their own risks.
    """
    from bayes_nmda import query

    if scenario.averaged:
        return {}
    (draws,) = scenario.harm
    return {
        _label(row): tuple(
            round(_PICTURE * risk)
            for risk in (row["control_risk"], row["control_risk"] + row["estimate"])
        )
        for row in query.effect(draws, measure="RD").records
    }


def _averages(answer: Answer) -> list[Record]:
    """Return the records of an average, without cells for which there is none."""
    return [
        record
        for record in answer.records
        if record["model"] == AVERAGE and record["flags"] != "refused"
    ]


def _chances(records: Iterable[Record]) -> dict[str, str]:
    """Return the probabilities of each cell in words, in the order of the sizes."""
    found: dict[str, list[str]] = {}
    for record in records:
        found.setdefault(_label(record), []).append(_bare(short_chance(record)))
    return {label: _PARTED.join(words) for label, words in found.items()}


def _bare(words: str) -> str:
    """Return a probability without its sign, which the page adds."""
    return words.replace(" %", "")


def _label(record: Record) -> str:
    return cell_label(record["drug"], record["route"], record["timepoint"])


KINDS = {
    "explorer": Kind(
        about=(About("differences"), About("counts", "negative")),
        needs=("curve", "at_most", "scenarios"),
    )
}
