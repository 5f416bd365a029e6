"""The words of the tool: measures, targets, engines, flags and how labels are put together.

Those of a project, its treatments and outcomes, are in its vocabulary (`bayes_nmda.data`).
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Target = Literal["mean", "new_trial"]
Measure = Literal["MD", "SMD", "log_rr", "log_or", "RD"]
Engine = Literal["nuts", "exact", "auto"]
RobJudgement = Literal["low", "some_concerns", "high"]

TARGETS: Final = get_args(Target)
MEASURES: Final = get_args(Measure)

#: Flags of a contrast whose result was printed in an abstract only, and of one of a crossover
#: trial, in which the same people had both treatments.
ABSTRACT: Final = "abstract"
PAIRED: Final = "paired_crossover"
#: Flags of a contrast of a crossover trial that a model takes for two groups of people, and of one
#: whose two arms must be taken for the same people.
AS_PARALLEL: Final = "crossover_as_parallel"
COUNTED_ONCE: Final = "people_counted_once"

#: What a fit must pass where nobody says otherwise, as `spec.settings.Gates` names it: Vehtari et
#: al. 2021, Bayesian Anal 16:667 (R-hat, ESS); Betancourt 2016, arXiv:1604.00695 (E-BFMI).
USUAL_GATES: Final = {
    "r_hat_max": 1.01,
    "ess_min": 400.0,
    "divergences_max": 0,
    "e_bfmi_min": 0.3,
    "predictive_p_min": 0.01,
    "engine_errors_max": 4.0,
}

#: Joins drug, route and timepoint into the label of a cell or a partition.
SEPARATOR: Final = "/"
#: Stands before the comparator in a label, where that is not the project's reference.
AGAINST: Final = " vs "


def cell_label(drug: str, route: str, timepoint: str = "") -> str:
    """Return the label of a cell, ``"ketamine/intravenous/immediate"``, or of a partition.

    A cell without a route but with a timepoint keeps its place: ``"lidocaine//short"``.
    """
    return SEPARATOR.join((drug, route, timepoint)).rstrip(SEPARATOR)
