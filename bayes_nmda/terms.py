"""The glossary as code: one word for each idea, in the order in which a reader meets it.

Nothing here is an assumption about effects; those live in ``models/``.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Drug = Literal["ketamine", "memantine", "dextromethorphan", "amantadine", "magnesium"]
Route = Literal["intravenous", "intramuscular", "oral", "topical"]
Timepoint = Literal["immediate", "short", "medium"]
Target = Literal["mean", "new_trial"]
Measure = Literal["MD", "SMD", "log_rr", "log_or", "RD"]
Engine = Literal["nuts", "exact", "auto"]
RobJudgement = Literal["low", "some_concerns", "high"]

DRUGS: Final = get_args(Drug)
ROUTES: Final = get_args(Route)
TIMEPOINTS: Final = get_args(Timepoint)
TARGETS: Final = get_args(Target)
MEASURES: Final = get_args(Measure)

#: The outcomes of the review, benefits first; the key is the word used in every table and query.
OUTCOMES: Final[dict[str, str]] = {
    "pain_intensity": "Pain intensity",
    "responder_30": "Pain reduced by at least 30 %",
    "responder_50": "Pain reduced by at least 50 %",
    "disability": "Disability",
    "quality_of_life": "Health-related quality of life",
    "depressive_symptoms": "Depressive symptoms",
    "opioid_use": "Opioid use",
    "any_adverse_event": "Any adverse event",
    "serious_adverse_event": "Serious adverse events",
    "psychotomimetic": "Psychotomimetic effects",
    "hallucinations": "Hallucinations",
    "dissociation": "Dissociative symptoms",
    "sedation": "Sedation",
    "nausea": "Nausea",
    "vomiting": "Vomiting",
    "dizziness": "Dizziness",
    "headache": "Headache",
    "other_adverse_event": "Other adverse events",
    "tolerability": "Tolerability",
}

#: Outcomes that are about change within one patient, and another estimand than a mean difference.
RESPONDERS: Final = ("responder_30", "responder_50")

#: Flags of a contrast whose result was printed in an abstract only, and of one of a crossover
#: trial, in which the same people had both treatments.
ABSTRACT: Final = "abstract"
PAIRED: Final = "paired_crossover"
#: Flags of a contrast of a crossover trial that a model takes for two groups of people, and of one
#: whose two arms must be taken for the same people.
AS_PARALLEL: Final = "crossover_as_parallel"
COUNTED_ONCE: Final = "people_counted_once"

#: Joins drug, route and timepoint into the label of a cell or a partition.
SEPARATOR: Final = "/"
#: Stands before the comparator in a label, where that is not placebo.
AGAINST: Final = " vs "


def cell_label(drug: str, route: str, timepoint: str = "") -> str:
    """Return the label of a cell, ``"ketamine/intravenous/immediate"``, or of a partition.

    A cell without a route but with a timepoint keeps its place: ``"lidocaine//short"``.
    """
    return SEPARATOR.join((drug, route, timepoint)).rstrip(SEPARATOR)


def glossary_order(value: str) -> tuple[int, str]:
    """Return a sort key: glossary order for drugs, routes and timepoints, then the alphabet."""
    for words in (DRUGS, ROUTES, TIMEPOINTS):
        if value in words:
            return words.index(value), value
    return len(DRUGS) + len(ROUTES), value
