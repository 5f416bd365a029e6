"""``bayes-nmda ask``: one command a query, over stored posteriors, or exact ones made now.

Nothing is sampled, and neither pandas, xarray nor PyMC is imported: the store is read with h5py
and the queries need NumPy. The one exception is ``evidence-map``, which reads the tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Annotated, Final

from cyclopts import App, Parameter

from bayes_nmda import query
from bayes_nmda.cli.ask_options import (
    OWN,
    USUAL,
    AsJson,
    AtLeast,
    Ends,
    Model,
    OnScale,
    Target,
    draws_from,
    named,
    print_answer,
    print_json,
)
from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.query.selection import SELECTORS
from bayes_nmda.terms import AGAINST

app = App(
    name="ask",
    help="Ask a posterior, stored or computed exactly; nothing is sampled.",
    help_format="plaintext",
)
_NEEDED: Final = "NNT"


def _one_of(what: str, words: Iterable[str]) -> str:
    known = ", ".join(words)
    return f"{what}{f': {known}' if known else ''}; may be repeated. Default: all."


def _usually(what: str, model: str) -> str:
    return f"{what}{f'; by default {model}' if model else ''}."


#: The words of the project that the command line was started for, in the help of its options.
_WORDS: Final = load_vocabulary()
Drug = Annotated[
    list[str] | None, Parameter(negative="", help=_one_of("A drug", _WORDS.treatments))
]
Route = Annotated[list[str] | None, Parameter(negative="", help=_one_of("A route", _WORDS.routes))]
Timepoint = Annotated[
    list[str] | None, Parameter(negative="", help=_one_of("A timepoint", _WORDS.timepoints))
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Cells:
    """Which cells a question is about."""

    drug: Drug = None
    route: Route = None
    timepoint: Timepoint = None


ALL: Final = Cells()


@app.command
def benefit(
    model: Model,
    *,
    cells: Cells = ALL,
    at_least: AtLeast = None,
    target: Target = "mean",
    scale: OnScale = OWN,
    as_json: AsJson = False,
) -> None:
    """Print how probably a drug helps by at least so much."""
    answer = query.prob_benefit(
        draws_from(model), **asdict(cells), at_least=at_least, target=target, **asdict(scale)
    )
    print_answer(answer, as_json=as_json)


@app.command
def harm(
    model: Model,
    *,
    cells: Cells = ALL,
    at_least: AtLeast = None,
    target: Target = "mean",
    scale: OnScale = OWN,
    as_json: AsJson = False,
) -> None:
    """Print how probably a drug makes the outcome worse by at least so much."""
    answer = query.prob_harm(
        draws_from(model), **asdict(cells), at_least=at_least, target=target, **asdict(scale)
    )
    print_answer(answer, as_json=as_json)


@app.command
def responders(
    model: Annotated[
        str,
        Parameter(help=_usually("A model of responders", _WORDS.responders), show_default=False),
    ] = "",
    *,
    cells: Cells = ALL,
    at_least: AtLeast = None,
    target: Target = "mean",
    scale: OnScale = OWN,
    as_json: AsJson = False,
) -> None:
    """Print how probably more people respond to a drug; with NNT, how many need it for one more.

    A response is a change within one person. How many respond is another quantity than a
    difference between mean scores.
    """
    draws = draws_from(named("model", model, "responders"))
    known = draws.vocabulary.of_class("responder")
    if known and draws.attrs.get("outcome") not in known:
        raise QueryError(
            f"model: found {model!r}, which is about {draws.attrs.get('outcome')}; allowed are "
            f"models of {' or '.join(known)}"
        )
    if scale.measure != _NEEDED:
        answer = query.prob_benefit(
            draws, **asdict(cells), at_least=at_least, target=target, **asdict(scale)
        )
    elif at_least is None:
        ask = query.effect if target == "mean" else query.new_trial
        answer = ask(draws, **asdict(cells), **asdict(scale))
    else:
        raise UsageError(
            f"--at-least: found {at_least[0]:g} with --measure NNT, which is an estimate without "
            "threshold; leave it out, or ask for RD with one over the number needed"
        )
    print_answer(answer, as_json=as_json)


@app.command
def tradeoff(
    *,
    benefit: Annotated[
        str,
        Parameter(help=_usually("The model of the benefit", _WORDS.benefit), show_default=False),
    ] = "",
    harm: Annotated[
        str,
        Parameter(
            help=_usually("The model of the harm, one of counts", _WORDS.harm), show_default=False
        ),
    ] = "",
    cells: Cells = ALL,
    at_least: AtLeast = None,
    at_most: Annotated[
        list[float] | None,
        Parameter(
            negative="",
            help="The harm that is allowed, a difference of risks: 0.05 for 50 more people in "
            "1000; may be repeated. Default: the thresholds of the model of the harm.",
        ),
    ] = None,
    worth: Annotated[
        list[float] | None,
        Parameter(
            negative="",
            help="How many units of average benefit one event a person is worth, such as 20; may "
            "be repeated. Prints also what is left of the benefit once harm is paid for.",
        ),
    ] = None,
    target: Target = "mean",
    control_risk: Annotated[
        float | None,
        Parameter(
            help="The risk of the harm without the drug, such as 0.3. Default: that of the control "
            "arms of the trials of the harm."
        ),
    ] = None,
    ends: Ends = USUAL,
    as_json: AsJson = False,
) -> None:
    """Print how probably a drug helps by at least so much and harms at most so many."""
    of_benefit = draws_from(named("benefit", benefit, "benefit"))
    of_harm = draws_from(named("harm", harm, "harm"))
    answer = query.tradeoff(
        of_benefit,
        of_harm,
        **asdict(cells),
        at_least=at_least,
        at_most=at_most,
        target=target,
        control_risk=control_risk,
    )
    if worth is None:
        print_answer(answer, as_json=as_json)
        return
    net = query.net_benefit(
        of_benefit,
        of_harm,
        points_per_event=worth,
        **asdict(cells),
        target=target,
        control_risk=control_risk,
        **asdict(ends),
    )
    if as_json:
        print_json({**answer.to_dict(), "net_benefit": net.to_dict()})
        return
    print_answer(answer, as_json=False)
    print()
    print_answer(net, as_json=False)


@app.command
def effect(
    model: Model,
    *,
    cells: Cells = ALL,
    scale: OnScale = OWN,
    ends: Ends = USUAL,
    as_json: AsJson = False,
) -> None:
    """Print the effect, averaged over trials like these."""
    answer = query.effect(draws_from(model), **asdict(cells), **asdict(scale), **asdict(ends))
    print_answer(answer, as_json=as_json)


@app.command
def new_trial(
    model: Model,
    *,
    cells: Cells = ALL,
    scale: OnScale = OWN,
    ends: Ends = USUAL,
    as_json: AsJson = False,
) -> None:
    """Print the effect that one more trial like these would have."""
    answer = query.new_trial(draws_from(model), **asdict(cells), **asdict(scale), **asdict(ends))
    print_answer(answer, as_json=as_json)


@app.command
def heterogeneity(model: Model, *, ends: Ends = USUAL, as_json: AsJson = False) -> None:
    """Print how much true effects differ between trials, drugs, routes and timepoints."""
    print_answer(query.heterogeneity(draws_from(model), **asdict(ends)), as_json=as_json)


@app.command
def shrinkage(
    model: Model, *, cells: Cells = ALL, ends: Ends = USUAL, as_json: AsJson = False
) -> None:
    """Print each trial's own result beside what the model makes of it."""
    answer = query.shrinkage(draws_from(model), **asdict(cells), **asdict(ends))
    print_answer(answer, as_json=as_json)


@app.command
def rank(
    model: Model,
    *,
    cells: Cells = ALL,
    target: Target = "mean",
    ends: Ends = USUAL,
    as_json: AsJson = False,
) -> None:
    """Print how probably each drug and route is the best."""
    answer = query.rank(draws_from(model), **asdict(cells), target=target, **asdict(ends))
    print_answer(answer, as_json=as_json)


@app.command
def compare(
    model: Model,
    *,
    first: str,
    second: str,
    at_least: AtLeast = None,
    target: Target = "mean",
    ends: Ends = USUAL,
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
        draws_from(model),
        first=_cell("first", first),
        second=_cell("second", second),
        at_least=0.0 if at_least is None else at_least,
        target=target,
        **asdict(ends),
    )
    print_answer(answer, as_json=as_json)


@app.command
def evidence_map(
    *,
    drug: Drug = None,
    outcome: Annotated[list[str] | None, Parameter(negative="")] = None,
    comparator: str | None = None,
    as_json: AsJson = False,
) -> None:
    """Print how many trials and people stand behind each drug, route, outcome and timepoint.

    Parameters
    ----------
    outcome
        An outcome; may be repeated. Default: all.
    comparator
        The project's reference, or its word for all others. Default: any.
    """
    from bayes_nmda.data import load_trials

    trials = load_trials(validate=False)
    answer = query.evidence_map(trials, drug=drug, outcome=outcome, comparator=comparator)
    print_answer(answer, as_json=as_json)


def _cell(name: str, label: str) -> dict[str, str]:
    parts = label.partition(AGAINST)[0].split("/")
    if len(parts) > len(SELECTORS) or not all(parts):
        raise UsageError(f"--{name}: found {label!r}; allowed is drug/route/timepoint")
    return dict(zip(SELECTORS, parts, strict=False))
