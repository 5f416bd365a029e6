"""What the commands of ``ask`` share: their options, which fit answers, and how it is printed.

Options that always go together are one dataclass, which the command line takes apart again.
"""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter

from bayes_nmda import query
from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.errors import SpecError, UsageError, shortened
from bayes_nmda.query.display import text_table
from bayes_nmda.spec.model_file import model_names

#: Longer answers are a table without sentences.
_SENTENCES: Final = 4
#: Columns of an answer that only ``--json`` and Python show.
_DETAIL: Final = frozenset(
    {
        "ess", "prior_mcse", "mcse_lower", "mcse_upper", "mcse_median", "mcse_benefit", "mcse_harm",
        "rd_mcse_lower", "rd_mcse_upper", "nnt_lower", "nnt_upper", "benefit_participants",
        "harm_participants", "trials_on_both",
    }
)  # fmt: skip
#: What an answer says about itself that a reader of its table must know.
_NOTES: Final = ("estimand", "assumes", "left_out")

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
ControlRisk = Annotated[
    float | None,
    Parameter(
        help="For RR, RD and NNT: the risk without the drug, such as 0.3. Default: that of a new "
        "population like those of the control arms."
    ),
]
AsJson = Annotated[
    bool, Parameter(name="--json", negative="", help="Print one JSON document instead of text.")
]
Model = Annotated[str, Parameter(help="A model in models/.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class OnScale:
    """On which scale a question is asked."""

    measure: Annotated[
        str | None,
        Parameter(
            help="Scale of the question; by default that of the model, OR for counts. Counts: OR, "
            "RR, RD, and NNT for effects. Standardised differences: MD, in units of a familiar "
            "instrument."
        ),
    ] = None
    control_risk: ControlRisk = None


OWN: Final = OnScale()


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Ends:
    """Which intervals an answer gives."""

    level: Annotated[float, Parameter(help="Probability of the intervals.")] = 0.95
    interval: Annotated[
        Literal["eti", "hdi"],
        Parameter(help="Equal tails, or the shortest (highest density)."),
    ] = "eti"


USUAL: Final = Ends()


def named(option: str, model: str, question: str) -> str:
    """Return the name of a model, that of the project's question where none is given.

    Raises
    ------
    UsageError
        If neither names one.
    """
    name = model or str(getattr(load_vocabulary(), question))
    if not name:
        raise UsageError(f"{option}: found no model; name one in models/")
    return name


def known_model(model: str) -> str:
    """Return a model's name, or the path of a file that ends with ``.toml``.

    Raises
    ------
    SpecError
        If it is neither.
    """
    names = model_names()
    if model in names:
        return model
    with contextlib.suppress(OSError):  # a name that is too long for a file
        if model.endswith(".toml") and Path(model).is_file():
            return model
    raise SpecError(
        f"found the model {shortened(model)}; allowed are {', '.join(names)}, or the path of a "
        "TOML file"
    )


def draws_from(model: str) -> query.Draws:
    """Return the fit that answers for a model: the stored one if fresh, else the exact one, now."""
    from bayes_nmda.errors import StaleError, StoreError
    from bayes_nmda.store.fits import find, made_now, read

    known_model(model)
    try:
        return query.draws_of(read(find(model)))
    except (StaleError, StoreError) as error:
        why = str(error)
    return query.draws_of(made_now(model, why, lambda text: print(text, file=sys.stderr)))


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
    for note in _NOTES:
        if answer.about.get(note):
            print(f"\n{answer.about[note]}")


def print_json(document: dict[str, Any]) -> None:
    """Print one JSON document."""
    print(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))
