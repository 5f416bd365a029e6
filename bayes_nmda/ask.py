"""``bayes-nmda ask``: one command a query, over stored posteriors.

Nothing is sampled, and neither pandas, xarray nor PyMC is imported: the store is read with h5py
and the queries need NumPy. The one exception is ``evidence-map``, which reads the tables.
"""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from bayes_nmda import query
from bayes_nmda.errors import UsageError
from bayes_nmda.query.display import text_table
from bayes_nmda.query.selection import SELECTORS
from bayes_nmda.terms import AGAINST

#: Longer answers are a table without sentences.
_SENTENCES: Final = 4
#: Columns of an answer that only ``--json`` and Python show.
_DETAIL: Final = frozenset({"ess", "prior_mcse", "mcse_lower", "mcse_upper", "mcse_median"})

Drug = Annotated[
    list[str] | None,
    Parameter(negative="", help="A drug, such as ketamine; may be repeated. Default: all."),
]
Route = Annotated[
    list[str] | None,
    Parameter(negative="", help="A route, such as intravenous; may be repeated. Default: all."),
]
Timepoint = Annotated[
    list[str] | None,
    Parameter(
        negative="",
        help="A timepoint of the review: immediate, short, medium; may be repeated. Default: all.",
    ),
]
AtLeast = Annotated[
    list[float] | None,
    Parameter(
        negative="",
        help="A change in units of the outcome, 0 or above, in the direction of the question; may "
        "be repeated. Default: the thresholds of the model.",
    ),
]
Target = Annotated[
    Literal["mean", "new_trial"],
    Parameter(help="The effect averaged over trials like these, or that of one new trial."),
]
Measure = Annotated[
    str | None,
    Parameter(
        help="Scale of the question; by default that of the model, OR for counts. Counts: OR, RR, "
        "RD, and NNT for effects. Standardised differences: MD, in units of a familiar instrument."
    ),
]
ControlRisk = Annotated[
    float | None,
    Parameter(
        help="For RR, RD and NNT: the risk without the drug, such as 0.3. Default: that of the "
        "control arms of the trials."
    ),
]
AsJson = Annotated[
    bool, Parameter(name="--json", negative="", help="Print one JSON document instead of text.")
]
Model = Annotated[str, Parameter(help="A model in models/, such as pain_intensity.")]

app = App(name="ask", help="Ask a stored posterior; nothing is sampled.", help_format="plaintext")


@app.command
def benefit(
    model: Model,
    *,
    drug: Drug = None,
    route: Route = None,
    timepoint: Timepoint = None,
    at_least: AtLeast = None,
    target: Target = "mean",
    measure: Measure = None,
    control_risk: ControlRisk = None,
    as_json: AsJson = False,
) -> None:
    """Print how probably a drug helps by at least so much."""
    answer = query.prob_benefit(
        _draws(model),
        drug=drug,
        route=route,
        timepoint=timepoint,
        at_least=at_least,
        target=target,
        measure=measure,
        control_risk=control_risk,
    )
    print_answer(answer, as_json=as_json)


@app.command
def harm(
    model: Model,
    *,
    drug: Drug = None,
    route: Route = None,
    timepoint: Timepoint = None,
    at_least: AtLeast = None,
    target: Target = "mean",
    measure: Measure = None,
    control_risk: ControlRisk = None,
    as_json: AsJson = False,
) -> None:
    """Print how probably a drug makes the outcome worse by at least so much."""
    answer = query.prob_harm(
        _draws(model),
        drug=drug,
        route=route,
        timepoint=timepoint,
        at_least=at_least,
        target=target,
        measure=measure,
        control_risk=control_risk,
    )
    print_answer(answer, as_json=as_json)


@app.command
def effect(
    model: Model,
    *,
    drug: Drug = None,
    route: Route = None,
    timepoint: Timepoint = None,
    measure: Measure = None,
    control_risk: ControlRisk = None,
    as_json: AsJson = False,
) -> None:
    """Print the effect, averaged over trials like these."""
    answer = query.effect(
        _draws(model),
        drug=drug,
        route=route,
        timepoint=timepoint,
        measure=measure,
        control_risk=control_risk,
    )
    print_answer(answer, as_json=as_json)


@app.command
def new_trial(
    model: Model,
    *,
    drug: Drug = None,
    route: Route = None,
    timepoint: Timepoint = None,
    measure: Measure = None,
    control_risk: ControlRisk = None,
    as_json: AsJson = False,
) -> None:
    """Print the effect that one more trial like these would have."""
    answer = query.new_trial(
        _draws(model),
        drug=drug,
        route=route,
        timepoint=timepoint,
        measure=measure,
        control_risk=control_risk,
    )
    print_answer(answer, as_json=as_json)


@app.command
def heterogeneity(model: Model, *, as_json: AsJson = False) -> None:
    """Print how much true effects differ between trials, drugs, routes and timepoints."""
    print_answer(query.heterogeneity(_draws(model)), as_json=as_json)


@app.command
def shrinkage(
    model: Model,
    *,
    drug: Drug = None,
    route: Route = None,
    timepoint: Timepoint = None,
    as_json: AsJson = False,
) -> None:
    """Print each trial's own result beside what the model makes of it."""
    answer = query.shrinkage(_draws(model), drug=drug, route=route, timepoint=timepoint)
    print_answer(answer, as_json=as_json)


@app.command
def rank(
    model: Model,
    *,
    timepoint: Timepoint = None,
    drug: Drug = None,
    route: Route = None,
    target: Target = "mean",
    as_json: AsJson = False,
) -> None:
    """Print how probably each drug and route is the best."""
    answer = query.rank(_draws(model), timepoint=timepoint, drug=drug, route=route, target=target)
    print_answer(answer, as_json=as_json)


@app.command
def compare(
    model: Model,
    *,
    first: str,
    second: str,
    at_least: AtLeast = None,
    target: Target = "mean",
    as_json: AsJson = False,
) -> None:
    """Print how probably one cell is better than another by at least so much.

    Parameters
    ----------
    first
        A cell: drug/route/timepoint.
    second
        The cell to compare it with.
    """
    answer = query.compare(
        _draws(model),
        first=_cell("first", first),
        second=_cell("second", second),
        at_least=0.0 if at_least is None else at_least,
        target=target,
    )
    print_answer(answer, as_json=as_json)


@app.command
def evidence_map(
    *,
    drug: Drug = None,
    outcome: Annotated[list[str] | None, Parameter(negative="")] = None,
    comparator: Literal["placebo", "active"] | None = None,
    as_json: AsJson = False,
) -> None:
    """Print how many trials and people stand behind each drug, route, outcome and timepoint.

    Parameters
    ----------
    outcome
        An outcome, such as pain_intensity; may be repeated. Default: all.
    comparator
        Placebo, or another medicine. Default: any.
    """
    from bayes_nmda.data import load_trials

    trials = load_trials(validate=False)
    answer = query.evidence_map(trials, drug=drug, outcome=outcome, comparator=comparator)
    print_answer(answer, as_json=as_json)


def _draws(model: str) -> query.Draws:
    from bayes_nmda.posterior.store import find, read

    return query.draws_of(read(find(model)))


def _cell(name: str, label: str) -> dict[str, str]:
    parts = label.partition(AGAINST)[0].split("/")
    if len(parts) > len(SELECTORS) or not all(parts):
        raise UsageError(f"--{name}: found {label!r}; allowed is drug/route/timepoint")
    return dict(zip(SELECTORS, parts, strict=False))


def print_answer(answer: query.Answer, *, as_json: bool) -> None:
    """Print an answer: its sentence and a table, or one JSON document."""
    if as_json:
        print_json(answer.to_dict())
        return
    for warning in answer.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    shown = [{k: v for k, v in row.items() if k not in _DETAIL} for row in answer.records]
    if len(answer.sentences) <= _SENTENCES or len(answer.sentences) < len(shown):
        print(f"{answer.sentence}\n")
    print(text_table(shown))


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON document."""
    print(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))
