"""``data/datapackage.json`` as values: tables, columns, units, allowed values and keys.

The descriptor is the one place that says what a table may hold. The reader, the pandera schemas
and the data dictionary are all made from what this module returns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bayes_nmda import paths
from bayes_nmda.errors import DataError
from bayes_nmda.files import text_of

DESCRIPTOR = "datapackage.json"


@dataclass(frozen=True, slots=True)
class Field:
    """A column: its type, meaning, unit and constraints."""

    name: str
    type: str
    description: str
    unit: str = ""
    required: bool = False
    unique: bool = False
    enum: tuple[str, ...] = ()
    pattern: str = ""
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns whose values must occur in columns of another table, unless one is empty."""

    fields: tuple[str, ...]
    table: str
    reference: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the package: a CSV file with its columns and keys."""

    name: str
    title: str
    description: str
    path: str
    fields: tuple[Field, ...]
    primary_key: tuple[str, ...]
    unique_keys: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(field.name for field in self.fields)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the numbers come from, or the terms they come under."""

    title: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """The whole descriptor."""

    title: str
    description: str
    version: str
    sources: tuple[Source, ...]
    licences: tuple[Source, ...]
    tables: tuple[Table, ...]

    def table(self, name: str) -> Table:
        """Return the table of that name."""
        return next(table for table in self.tables if table.name == name)


def _field(entry: dict[str, Any]) -> Field:
    limits = entry.get("constraints", {})
    return Field(
        name=entry["name"],
        type=entry["type"],
        description=entry["description"],
        unit=entry.get("unit", ""),
        required=limits.get("required", False),
        unique=limits.get("unique", False),
        enum=tuple(limits.get("enum", ())),
        pattern=limits.get("pattern", ""),
        minimum=limits.get("minimum"),
        maximum=limits.get("maximum"),
        above=limits.get("exclusiveMinimum"),
    )


def _table(entry: dict[str, Any]) -> Table:
    schema = entry["schema"]
    keys = schema.get("foreignKeys", ())
    return Table(
        name=entry["name"],
        title=entry["title"],
        description=entry["description"],
        path=entry["path"],
        fields=tuple(_field(field) for field in schema["fields"]),
        primary_key=tuple(schema["primaryKey"]),
        unique_keys=tuple(tuple(key) for key in schema.get("uniqueKeys", ())),
        foreign_keys=tuple(
            ForeignKey(
                tuple(key["fields"]),
                key["reference"]["resource"],
                tuple(key["reference"]["fields"]),
            )
            for key in keys
        ),
    )


def _sources(entries: list[dict[str, str]]) -> tuple[Source, ...]:
    return tuple(Source(entry["title"], entry.get("path", "")) for entry in entries)


@cache
def _read(path: Path) -> Package:
    try:
        entry = json.loads(text_of(path, DataError))
        return Package(
            title=entry["title"],
            description=entry["description"],
            version=entry["version"],
            sources=_sources(entry["sources"]),
            licences=_sources(entry["licenses"]),
            tables=tuple(_table(resource) for resource in entry["resources"]),
        )
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        message = f"{path}: found {error!r}; allowed: a Data Package descriptor with all its parts"
        raise DataError(message) from error


def read_package() -> Package:
    """Return the descriptor of the project's data.

    Raises
    ------
    DataError
        If the descriptor is missing or cannot be read.

    References
    ----------
    Data Package standard, version 2.0, https://datapackage.org
    """
    return _read(paths.data() / DESCRIPTOR)
