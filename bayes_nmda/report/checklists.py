"""Reporting checklists, each item with where this report answers it, or that it does not.

Items are in words of our own, in ``templates/checklists.toml``. Whether one is answered is looked
up in what the report tells; an item that needs a person, or a section that this report does not
have, stands as not answered.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bayes_nmda.report.methods import Reference
from bayes_nmda.report.staleness import TEMPLATE_FOLDER

if TYPE_CHECKING:
    from bayes_nmda.report.content import Content

FILE: Final = "checklists.toml"
NOT_ANSWERED: Final = "not answered in this report"


@dataclass(frozen=True, slots=True)
class Item:
    """One item: ``place`` is the part of the page that answers it, empty where none does."""

    number: str
    asks: str
    place: str
    answer: str


@dataclass(frozen=True, slots=True)
class Checklist:
    """One checklist with its source and its items."""

    name: str
    title: str
    source: Reference
    items: tuple[Item, ...]

    @property
    def answered(self) -> int:
        """Number of items that this report answers."""
        return sum(bool(item.place) for item in self.items)


def _prices(content: Content) -> bool:
    return content.tradeoffs is not None and content.tradeoffs.net is not None


def _certainty(content: Content) -> bool:
    return any(cell.review is not None and cell.review.certainty for cell in content.cells)


#: What an answer may need, and whether a report has it.
_NEEDS: Final[Mapping[str, Callable[[Content], bool]]] = {
    "": lambda _: True,
    "scenarios": lambda content: len(content.scenarios) > 1,
    "uncertainty": lambda content: content.uncertainty is not None,
    "pooling": lambda content: bool(content.pooled),
    "prices": _prices,
    "certainty": _certainty,
}


def checklists(content: Content) -> list[Checklist]:
    """Return every checklist with what this report answers."""
    found = tomllib.loads((TEMPLATE_FOLDER / FILE).read_text(encoding="utf-8"))
    return [
        Checklist(
            name,
            table["title"],
            Reference(table["source"], table["doi"]),
            tuple(_item(item, content) for item in table["items"]),
        )
        for name, table in found.items()
    ]


def _item(item: Mapping[str, str], content: Content) -> Item:
    place = item.get("place", "")
    if place and _NEEDS[item.get("needs", "")](content):
        return Item(item["number"], item["asks"], place, item["answer"])
    return Item(item["number"], item["asks"], "", NOT_ANSWERED)
