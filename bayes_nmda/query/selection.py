"""Which cells and thresholds a question is about, with errors that say what there is to ask.

A word that nobody knows, a combination without a trial and a threshold that is not a positive
number are different mistakes and are told apart here, once for all queries.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final, Literal, cast, get_args

from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.query.draws import Cell, Draws
from bayes_nmda.terms import AGAINST, SEPARATOR, TARGETS, Target

Selector = str | Iterable[str] | None
Thresholds = float | Iterable[float] | None
SelectorName = Literal["drug", "route", "timepoint"]

SELECTORS: Final = get_args(SelectorName)
#: The variable that answers for each target.
VARIABLE: Final[dict[str, str]] = {"mean": "effect", "new_trial": "new_trial"}


def choose_cells(
    draws: Draws,
    *,
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
    needed: str = "",
) -> tuple[Cell, ...]:
    """Return the cells that fit the selectors, in the order of the model; left out means all.

    Parameters
    ----------
    draws
        A fit.
    drug, route, timepoint
        A word or several.
    needed
        Where the cells of the fit are only those with something more, what that is.

    Raises
    ------
    QueryError
        If a word is unknown, or no trial stands behind a word in this combination.
    UsageError
        If a selector is not a word or a list of words.
    """
    wanted = {
        name: _words(name, given)
        for name, given in zip(SELECTORS, (drug, route, timepoint), strict=True)
    }
    _check_refused(draws, wanted)
    for name, words in wanted.items():
        for word in words or ():
            _check_word(draws, name, word)
    chosen = tuple(
        cell
        for cell in draws.cells
        if all(words is None or getattr(cell, name) in words for name, words in wanted.items())
    )
    for name, words in wanted.items():
        for word in words or ():
            if not any(getattr(cell, name) == word for cell in chosen):
                raise QueryError(_no_evidence(draws, wanted, name, word, needed))
    if not chosen:
        raise QueryError(f"model {draws.model}: no cell has a trial")
    return chosen


def choose_one(draws: Draws, name: str, selectors: Mapping[str, str]) -> Cell:
    """Return the one cell that a mapping of selectors points at.

    Raises
    ------
    QueryError
        If it points at no cell with evidence, or at more than one.
    UsageError
        If a key is not a selector.
    """
    if not isinstance(selectors, Mapping):
        raise UsageError(
            f"{name}: found {selectors!r}; allowed is a mapping with drug, route and timepoint"
        )
    unknown = [key for key in selectors if key not in SELECTORS]
    if unknown:
        raise UsageError(f"{name}: found the key {unknown[0]!r}; allowed are {_list(SELECTORS)}")
    chosen = choose_cells(
        draws,
        drug=selectors.get("drug"),
        route=selectors.get("route"),
        timepoint=selectors.get("timepoint"),
    )
    if len(chosen) > 1:
        raise QueryError(
            f"{name}: found {len(chosen)} cells, {_list(cell.label for cell in chosen)}; allowed "
            "is one: name drug, route and timepoint"
        )
    return chosen[0]


def choose_thresholds(
    draws: Draws, at_least: Thresholds, direction: str, *, name: str = "at_least"
) -> tuple[float, ...]:
    """Return the thresholds of a question, the model's own where none is given.

    Parameters
    ----------
    draws
        A fit.
    at_least
        A number or several, or None.
    direction
        ``"benefit"`` or ``"harm"``.
    name
        Name of the argument, for a message.

    Raises
    ------
    UsageError
        If one is not a number, is negative, infinite or missing.
    QueryError
        If none is given and the model names none.
    """
    if at_least is None:
        named = draws.spec.get("thresholds", {})
        found = named.get(direction, named.get("benefit"))
        if not found:
            raise QueryError(f"model {draws.model} names no thresholds; give at_least")
        return tuple(float(value) for value in found)
    allowed = (
        f"numbers from 0 upwards, in {draws.unit or 'units'} in the direction of the question: "
        "benefit or harm gives the sign"
    )
    return numbers_from_zero(name, at_least, allowed)


def numbers_from_zero(name: str, given: float | Iterable[float], allowed: str) -> tuple[float, ...]:
    """Return one number or several as a tuple.

    Parameters
    ----------
    name
        Name of the argument, for a message.
    given
        What was given.
    allowed
        What is allowed, for a message.

    Raises
    ------
    UsageError
        If there is none, or one is not a number, is negative, infinite or missing.
    """
    values = [given] if _is_single(given) else list(_iterable(given))
    if not values:
        raise UsageError(f"{name}: found an empty list; allowed are {allowed}")
    return tuple(_number_from_zero(name, value, allowed) for value in values)


def check_target(target: str) -> Target:
    """Return the target, if it is one.

    Raises
    ------
    UsageError
        If it is not.
    """
    if target not in TARGETS:
        raise UsageError(f"target: found {target!r}; allowed are {_list(TARGETS)}")
    return cast("Target", target)


def _is_single(value: object) -> bool:
    scalar = getattr(value, "ndim", 1) == 0  # a NumPy number, or an array of one
    return scalar or isinstance(value, str | bytes) or not isinstance(value, Iterable)


def _iterable(value: float | Iterable[float]) -> Iterable[float]:
    return value if isinstance(value, Iterable) else (value,)


def _number_from_zero(name: str, value: object, allowed: str) -> float:
    number = None
    if not isinstance(value, str | bytes | bool) and hasattr(value, "__float__"):
        number = float(value)
    if number is None or not math.isfinite(number) or number < 0:
        raise UsageError(f"{name}: found {value!r}; allowed are {allowed}")
    return number


def _words(name: str, given: Selector) -> tuple[str, ...] | None:
    if given is None:
        return None
    if isinstance(given, str):
        return (given,)
    values = tuple(given) if isinstance(given, Iterable) else (given,)
    if not values or not all(isinstance(value, str) for value in values):
        raise UsageError(f"{name}: found {given!r}; allowed is a word or a list of words")
    return values


def _check_refused(draws: Draws, wanted: Mapping[str, tuple[str, ...] | None]) -> None:
    """Raise if only cells are asked for that a model of counts had to refuse."""

    def asked(values: Mapping[str, str]) -> bool:
        return all(words is None or values[name] in words for name, words in wanted.items())

    refused = {}
    for label, trials in draws.refused.items():
        parts = label.partition(AGAINST)[0].split(SEPARATOR)
        padded = [*parts, *[""] * (len(SELECTORS) - len(parts))]
        if asked(dict(zip(SELECTORS, padded, strict=True))):
            refused[label] = trials
    fitted = any(asked({name: getattr(cell, name) for name in SELECTORS}) for cell in draws.cells)
    if refused and not fitted and any(wanted.values()):
        trials = sum(refused.values())
        raise QueryError(
            f"{_list(refused)}: in {'its trial' if trials == 1 else f'all {trials} trials'} "
            f"nobody, "
            f"or everybody, had an event, which says nothing about a ratio; model {draws.model} "
            "looks at each cell alone and refuses it. Cells with evidence: "
            f"{_list(cell.label for cell in draws.cells)}"
        )


def _check_word(draws: Draws, name: str, word: str) -> None:
    present = dict.fromkeys(getattr(cell, name) for cell in draws.cells if getattr(cell, name))
    words = draws.vocabulary
    glossary = {"drug": words.treatments, "route": words.routes, "timepoint": words.timepoints}
    known = [*present, *(w for w in glossary[name] if w not in present)]
    if word in known and present:
        return
    close = get_close_matches(word.lower(), known, n=1)
    hint = f". Did you mean {close[0]!r}?" if close else ""
    if not present:
        raise QueryError(
            f"{name}: found {word!r}; model {draws.model} has no {name}s, leave the selector out"
        )
    raise QueryError(
        f"{name}: found {word!r}; in model {draws.model} allowed are {_list(present)}{hint}"
    )


def _no_evidence(
    draws: Draws,
    wanted: Mapping[str, tuple[str, ...] | None],
    name: str,
    word: str,
    needed: str,
) -> str:
    others = [" or ".join(words) for key, words in wanted.items() if words and key != name]
    asked = " / ".join([word, *others])
    near = [
        cell
        for cell in draws.cells
        if any(words and getattr(cell, key) in words for key, words in wanted.items())
    ]
    listed = _list(cell.label for cell in near or draws.cells)
    if needed:
        return f"no trial behind {asked} with {needed}; cells with both: {listed}"
    return (
        f"no trial behind {asked} in model {draws.model}, and an answer would only be the prior; "
        f"cells with evidence: {listed}"
    )


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)
