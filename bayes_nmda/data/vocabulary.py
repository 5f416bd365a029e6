"""The words of a project: what it calls treatments, routes, timepoints, comparators and outcomes.

``data/vocabulary.toml`` gives them in the order in which a reader meets them. The package knows
none of them: where a project has no such file, words stand as the tables give them, sorted by the
alphabet. Read with the standard library alone, so that a question costs no import for it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from bayes_nmda import paths
from bayes_nmda.errors import DataError
from bayes_nmda.files import toml_of

VOCABULARY: Final = "vocabulary.toml"
#: Classes of outcomes: a benefit measured, one counted within patients, how people fare, a harm.
CLASSES: Final = ("benefit", "responder", "function", "harm")
_KINDS: Final = ("", "continuous", "binary")
_BETTER: Final = ("", "lower", "higher")


@dataclass(frozen=True, slots=True)
class OutcomeWords:
    """What an outcome is called and how it is told.

    Attributes
    ----------
    label
        As a heading has it, ``"Pain intensity"``.
    said
        As a sentence has it, ``"pain"``.
    outcome_class
        One of `CLASSES`, or empty.
    kind
        ``"continuous"``, ``"binary"``, or empty where no trial says.
    better
        ``"lower"``, ``"higher"``, or empty where instruments differ.
    unit
        Unit of its usual scale, or empty.
    narrow
        As a narrow column has it.
    """

    label: str
    said: str
    outcome_class: str = ""
    kind: str = ""
    better: str = ""
    unit: str = ""
    narrow: str = ""


@dataclass(frozen=True, slots=True)
class TimepointWords:
    """What a timepoint is called: in a sentence, and by a letter in a narrow field of a figure."""

    said: str
    letter: str


@dataclass(frozen=True, slots=True)
class Review:
    """Where the trials come from: a short name, a citation, a DOI."""

    name: str = "the review"
    citation: str = ""
    doi: str = ""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of a project, in order.

    Attributes
    ----------
    title
        What the project is about.
    treatments, routes
        Those whose effects are asked for.
    timepoints, outcomes
        With their words.
    reference
        The comparator that a label does not name.
    others, others_said
        The word by which every other comparator is asked for, and what it is called.
    benefit, harm, responders
        Models that are asked where a command leaves them out; empty where there is none.
    review
        Where the trials come from.
    """

    title: str = ""
    treatments: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    timepoints: Mapping[str, TimepointWords] = field(default_factory=dict)
    outcomes: Mapping[str, OutcomeWords] = field(default_factory=dict)
    reference: str = "control"
    others: str = "active"
    others_said: str = "other treatment"
    benefit: str = ""
    harm: str = ""
    responders: str = ""
    review: Review = field(default_factory=Review)

    def outcome(self, word: str) -> OutcomeWords:
        """Return the words of an outcome; of an unknown one the word itself."""
        plain = word.replace("_", " ")
        return self.outcomes.get(word) or OutcomeWords(
            label := plain[:1].upper() + plain[1:], plain, narrow=label
        )

    def when(self, timepoint: str) -> str:
        """Return when, ``'at the "short" timepoint'``; empty for an outcome without timepoint."""
        if not timepoint:
            return ""
        known = self.timepoints.get(timepoint)
        return known.said if known else f'at the "{timepoint}" timepoint'

    def letter(self, timepoint: str) -> str:
        """Return what marks a timepoint in a narrow field: its letter, or the word."""
        known = self.timepoints.get(timepoint)
        return known.letter if known else timepoint

    def order(self, word: str) -> tuple[int, str]:
        """Return a sort key: treatments, routes and timepoints in order, then the alphabet."""
        for words in (self.treatments, self.routes, tuple(self.timepoints)):
            if word in words:
                return words.index(word), word
        return len(self.treatments) + len(self.routes), word

    def of_class(self, *classes: str) -> tuple[str, ...]:
        """Return the outcomes of some classes, in order."""
        found = self.outcomes.items()
        return tuple(word for word, words in found if words.outcome_class in classes)

    def comparator(self, word: str) -> str:
        """Return what a comparator is called, ``"placebo"`` or ``"other medicine"``."""
        return self.others_said if word == self.others else word


def load_vocabulary(folder: str | Path | None = None) -> Vocabulary:
    """Return the words of a project.

    Parameters
    ----------
    folder
        A data folder; the project's own by default, and where it has no vocabulary.

    Raises
    ------
    DataError
        If the file breaks a rule; the message names the key, what was found and what is allowed.
    """
    path = (paths.data() if folder is None else Path(folder)) / VOCABULARY
    try:
        stamp = os.stat(path)
    except FileNotFoundError:
        return Vocabulary() if folder is None else load_vocabulary()
    except OSError as error:
        raise DataError(f"{VOCABULARY}: cannot be read: {error.strerror}") from error
    return _read(path, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, _changed: int, _size: int) -> Vocabulary:
    table, _ = toml_of(path, DataError)
    known = ("title", "treatments", "routes", "review", "comparators", "question", "timepoints",
             "outcomes")  # fmt: skip
    _only(VOCABULARY, table, known, needed=("title", "treatments", "outcomes"))
    review, comparators, question = (
        _texts(name, table.get(name, {}), allowed)
        for name, allowed in (
            ("review", ("name", "citation", "doi")),
            ("comparators", ("reference", "others", "others_said")),
            ("question", ("benefit", "harm", "responders")),
        )
    )
    return Vocabulary(
        title=_text("title", table["title"]),
        treatments=_words("treatments", table["treatments"]),
        routes=_words("routes", table.get("routes", [])),
        timepoints=_timepoints(table.get("timepoints", {})),
        outcomes=_outcomes(table["outcomes"]),
        **comparators,
        **question,
        review=Review(**review),
    )


def _timepoints(table: Any) -> dict[str, TimepointWords]:
    found = {}
    for word, entry in _tables("timepoints", table).items():
        texts = _texts(f"timepoints.{word}", entry, ("said", "letter"))
        said = texts.get("said", f'at the "{word}" timepoint')
        found[word] = TimepointWords(said, texts.get("letter", word))
    return found


def _outcomes(table: Any) -> dict[str, OutcomeWords]:
    found = {}
    for word, entry in _tables("outcomes", table).items():
        where = f"outcomes.{word}"
        texts = _texts(where, entry, ("label", "said", "narrow", "class", "kind", "better", "unit"))
        label = texts.get("label", word.replace("_", " ").capitalize())
        for name, allowed in (("class", ("", *CLASSES)), ("kind", _KINDS), ("better", _BETTER)):
            if texts.get(name, "") not in allowed:
                raise _wrong(f"{where}.{name}", texts[name], " or ".join(allowed[1:]))
        found[word] = OutcomeWords(
            label,
            texts.get("said", label.lower()),
            texts.get("class", ""),
            texts.get("kind", ""),
            texts.get("better", ""),
            texts.get("unit", ""),
            texts.get("narrow", label),
        )
    return found


def _wrong(where: str, found: object, allowed: str) -> DataError:
    return DataError(f"{VOCABULARY}: {where}: found {found!r}; allowed is {allowed}")


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(where, value, "text")
    return value


def _words(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(set(map(str, value))) != len(value):
        raise _wrong(where, value, "a list of different words")
    return tuple(_text(where, word) for word in value)


def _tables(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(where, value, "a table with an entry a word")
    return value


def _texts(where: str, value: Any, allowed: tuple[str, ...]) -> dict[str, str]:
    _only(where, value, allowed)
    return {name: _text(f"{where}.{name}", text) for name, text in value.items()}


def _only(where: str, value: Any, allowed: tuple[str, ...], needed: tuple[str, ...] = ()) -> None:
    if not isinstance(value, dict):
        raise _wrong(where, value, f"a table with {', '.join(allowed)}")
    odd = [name for name in value if name not in allowed]
    missing = [name for name in needed if name not in value]
    if odd or missing:
        found = f"no {missing[0]}" if missing else odd[0]
        raise _wrong(where, found, ", ".join(allowed))
