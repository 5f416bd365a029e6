"""A multiverse: one analysis, and every choice about it that a reasonable analyst might have made.

A file in ``models/multiverse/`` names a model and its choices. An option of a choice is another
model file, another prior, other settings, or rows that are left out; one option of each choice is
the model as it is. A universe takes one option of every choice. What an option changes is the same
whatever the others are: two choices that change one thing are refused.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bayes_nmda import paths
from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.errors import SpecError
from bayes_nmda.files import toml_of
from bayes_nmda.spec.model_file import SUFFIX, check_schema, locate, priors_needed, resolve
from bayes_nmda.spec.parameters import check_family, in_words
from bayes_nmda.spec.priors import PARAMETERS, Prior
from bayes_nmda.spec.spec import ModelSpec

_WORDS: Final = frozenset({"title", "question", "extends", "schema_version"})
#: Keys that say in words what others say in numbers: two choices may both say it.
_SAID: Final = frozenset({"source", "reading"})

Path_ = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """One way to make a choice.

    Attributes
    ----------
    changes
        What it sets in the tables of the model file, by key path.
    leave_out
        Rows that it does without: values by column of the effect table.
    source
        Where it comes from.
    """

    name: str
    changes: tuple[tuple[Path_, Any], ...]
    leave_out: tuple[tuple[str, tuple[str, ...]], ...]
    source: str

    @property
    def as_it_is(self) -> bool:
        """Whether it is the model as it is."""
        return not self.changes and not self.leave_out


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice with its options, the model as it is among them."""

    name: str
    title: str
    options: tuple[Option, ...]

    @property
    def usual(self) -> int:
        """Position of the option that is the model as it is."""
        return next(i for i, option in enumerate(self.options) if option.as_it_is)


@dataclass(frozen=True, slots=True)
class Multiverse:
    """An analysis and the choices about it.

    Attributes
    ----------
    model
        Name of the model that every universe varies.
    tables
        Its merged tables.
    most
        Universes at most; of more combinations a balanced part is taken.
    seed
        Of that part.
    direction, at_least, target
        What is asked of every universe.
    """

    name: str
    title: str
    model: str
    tables: Mapping[str, Any]
    choices: tuple[Choice, ...]
    most: int
    seed: int
    direction: str
    at_least: tuple[float, ...]
    target: str

    @property
    def combinations(self) -> int:
        """Number of all combinations."""
        return math.prod(len(choice.options) for choice in self.choices)

    def universes(self) -> list[tuple[int, ...]]:
        """Return the universes: for each the position of an option of every choice.

        The first is the model as it is. All combinations if there are no more than `most`; else the
        model with each other option alone, and then a part of the rest in which every option of a
        choice occurs equally often.
        """
        sizes = [len(choice.options) for choice in self.choices]
        usual = tuple(choice.usual for choice in self.choices)
        if self.combinations <= self.most:
            rest = (u for u in itertools.product(*map(range, sizes)) if u != usual)
            return [usual, *rest]
        found = dict.fromkeys([usual])
        for place, size in enumerate(sizes):
            for option in range(size):
                found[(*usual[:place], option, *usual[place + 1 :])] = None
        rng = np.random.default_rng(self.seed)
        while len(found) < self.most:
            wanted = self.most - len(found)
            columns = [rng.permutation(np.resize(rng.permutation(size), wanted)) for size in sizes]
            found |= dict.fromkeys(zip(*(column.tolist() for column in columns), strict=True))
        return list(found)[: self.most]

    def options(self, universe: tuple[int, ...]) -> list[Option]:
        """Return the options that a universe takes, in the order of the choices."""
        return [c.options[place] for c, place in zip(self.choices, universe, strict=True)]

    def tables_of(self, universe: tuple[int, ...]) -> dict[str, Any]:
        """Return the merged tables of a universe, as a model file would have them.

        Priors that its structure and likelihood have no use for are left out.
        """
        tables = copy.deepcopy(dict(self.tables))
        for option in self.options(universe):
            for path, value in option.changes:
                _put(tables, path, value)
        priors = tables["priors"]
        tables["priors"] = {name: priors[name] for name in priors_needed(tables) if name in priors}
        tables.pop("extends", None)
        return tables

    def spec(self, universe: tuple[int, ...]) -> ModelSpec:
        """Return the analysis of a universe, checked like a model file.

        Raises
        ------
        SpecError
            If its options do not make a valid analysis together.
        """
        changed = [option.name for option in self.options(universe) if not option.as_it_is]
        name = f"{self.model} ({', '.join(changed)})" if changed else self.model
        return ModelSpec.from_mapping(name, self.tables_of(universe))


def multiverse_names() -> list[str]:
    """Return the names of all multiverses of the project, sorted."""
    return sorted(path.stem for path in _folder().glob(f"*{SUFFIX}"))


def usual_multiverse() -> str:
    """Return the name of the multiverse about the project's own question, or of the only one.

    Raises
    ------
    SpecError
        If there is none, or several of which none is about it.
    """
    names = multiverse_names()
    asked = load_vocabulary().benefit
    if asked in names:
        return asked
    if len(names) != 1:
        raise SpecError(
            f"models/multiverse: found {len(names)} files; allowed is the name of one of "
            f"{', '.join(names) or 'none yet: write one'}"
        )
    return names[0]


def load_multiverse(name: str | Path) -> Multiverse:
    """Return the multiverse that a file describes.

    Parameters
    ----------
    name
        A name in ``models/multiverse/``, or the path of a TOML file.

    Raises
    ------
    SpecError
        If there is no such file, it breaks a rule, an option is not a valid analysis, or two
        choices change one thing.
    """
    path = _locate(name)
    table, _ = toml_of(path, SpecError)
    check_schema(path, table, schema=_folder() / "schema.json")
    tables, _ = resolve(locate(table["model"], paths.models()), ())
    choices = tuple(
        _choice(path, position, one, tables) for position, one in enumerate(table["choice"])
    )
    _require_apart(path, choices)
    found = Multiverse(
        name=path.stem,
        title=table["title"],
        model=table["model"],
        tables=tables,
        choices=choices,
        most=table["most"],
        seed=table["seed"],
        direction=table["ask"]["direction"],
        at_least=tuple(float(size) for size in table["ask"]["at_least"]),
        target=table["ask"]["target"],
    )
    _require_valid(path, found)
    return found


def _folder() -> Path:
    return paths.models() / "multiverse"


def _locate(name: str | Path) -> Path:
    given = Path(name)
    if given.suffix == SUFFIX and given.is_file():
        return given
    path = _folder() / f"{name}{SUFFIX}"
    if str(name) not in multiverse_names():
        raise SpecError(
            f"found the multiverse {str(name)[:80]!r}; allowed are "
            f"{', '.join(multiverse_names()) or 'none yet: write one in models/multiverse/'}, or "
            "the path of a TOML file"
        )
    return path


def _choice(
    path: Path, position: int, table: Mapping[str, Any], tables: Mapping[str, Any]
) -> Choice:
    where = f"{path.name}: choice {table['name']}"
    if unknown := [name for name in table.get("priors", ()) if name not in tables["priors"]]:
        raise SpecError(
            f"{where}.priors: found {unknown[0]!r}; allowed are {', '.join(tables['priors'])}"
        )
    options = tuple(_option(where, one, table, tables) for one in table["option"])
    names = [option.name for option in options]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SpecError(f"{where}: found the option {twice[0]!r} twice; keep one")
    usual = [option.name for option in options if option.as_it_is]
    if len(usual) != 1:
        raise SpecError(
            f"{where}: found {len(usual)} options that change nothing; allowed is one, the model "
            "as it is"
        )
    return Choice(table["name"], table["title"], options)


def _option(
    where: str, table: Mapping[str, Any], choice: Mapping[str, Any], base: Mapping[str, Any]
) -> Option:
    where = f"{where}: option {table['name']}"
    changes: dict[Path_, Any] = {}
    if "model" in table:
        other, _ = resolve(locate(table["model"], paths.models()), ())
        changes |= _differences(base, other)
        if not changes:
            raise SpecError(f"{where}: model {table['model']} is the model itself; leave it out")
        if any(path[0] in {"select", "thresholds"} for path in changes):
            raise SpecError(
                f"{where}: model {table['model']} is about other rows or sizes; allowed is another "
                "analysis of the same question"
            )
    if "prior" in table:
        if "priors" not in choice:
            raise SpecError(f"{where}: found a prior; the choice must say of what: priors = [...]")
        for name in choice["priors"]:
            changes["priors", name] = _prior(where, name, table, base)
    for key, value in table.get("set", {}).items():
        inner = value.items() if isinstance(value, Mapping) else ()
        if not isinstance(value, Mapping):
            raise SpecError(
                f"{where}.set.{key}: found {value!r}; allowed is a table of a model file"
            )
        changes |= {(key, name): part for name, part in inner}
    leave_out = tuple((column, tuple(v)) for column, v in table.get("leave_out", {}).items())
    found = Option(table["name"], tuple(changes.items()), leave_out, table.get("source", ""))
    if not found.as_it_is and not found.source and "model" not in table:
        raise SpecError(f"{where}: missing source; say where it comes from")
    return found


def _prior(
    where: str, name: str, option: Mapping[str, Any], base: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the table of a prior as a model file has it, with its reading."""
    table = {"source": option.get("source", ""), **option["prior"]}
    if table.get("distribution") not in PARAMETERS:
        raise SpecError(
            f"{where}.prior.distribution: found {table.get('distribution')!r}; allowed are "
            f"{', '.join(PARAMETERS)}"
        )
    prior = Prior.from_mapping(f"{where}.prior", table)
    check_family(f"{where}.prior", name, prior)
    return {**table, "reading": in_words(name, prior, base["effect"]["unit"])}


def _differences(base: Mapping[str, Any], other: Mapping[str, Any]) -> dict[Path_, Any]:
    """Return what a model file sets otherwise than another, by key path."""
    found: dict[Path_, Any] = {}
    for key, value in other.items():
        if key in _WORDS:
            continue
        before = base.get(key)
        if isinstance(value, Mapping) and key != "supplement":
            known = before if isinstance(before, Mapping) else {}
            found |= {(key, k): v for k, v in value.items() if k not in known or known[k] != v}
        elif value != before:
            found[key,] = value
    return found


def _require_apart(path: Path, choices: tuple[Choice, ...]) -> None:
    """Raise `SpecError` if two choices change one thing: the later would hide the earlier."""
    owner: dict[Path_, str] = {}
    for choice in choices:
        names = {place for option in choice.options for place, _ in option.changes}
        for place in sorted(names):
            if place[-1] in _SAID:
                continue
            if place in owner:
                raise SpecError(
                    f"{path.name}: choices {owner[place]} and {choice.name} both change "
                    f"{'.'.join(place)}; allowed is one choice a setting"
                )
            owner[place] = choice.name
    twice = [choice.name for choice in choices]
    if len(set(twice)) < len(twice):
        raise SpecError(f"{path.name}: found a choice twice: {', '.join(sorted(twice))}")


def _require_valid(path: Path, found: Multiverse) -> None:
    """Raise `SpecError` if an option alone does not make a valid analysis."""
    usual = tuple(choice.usual for choice in found.choices)
    for place, choice in enumerate(found.choices):
        for position, option in enumerate(choice.options):
            try:
                found.spec((*usual[:place], position, *usual[place + 1 :]))
            except SpecError as error:
                raise SpecError(
                    f"{path.name}: choice {choice.name}, option {option.name}: {error}"
                ) from error


def _put(tables: dict[str, Any], path: Path_, value: Any) -> None:
    *above, last = path
    table = tables
    for key in above:
        table = table.setdefault(key, {})
    table[last] = copy.deepcopy(value)
