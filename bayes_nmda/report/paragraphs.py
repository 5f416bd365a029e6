"""The pieces of which the methods are made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One step of the methods: words, then formulas in the language of `formulas`."""

    heading: str
    words: str
    formulas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """One cited source."""

    words: str
    doi: str = ""
