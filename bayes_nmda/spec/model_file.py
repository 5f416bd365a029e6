"""Model files: found by name, merged with what they extend, checked against the schema.

A file may extend another and then gives only what differs; a prior is replaced whole, every other
table key by key. A prior that the file inherits but its kind of pooling has no use for is dropped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bayes_nmda import paths
from bayes_nmda.errors import SpecError, shortened
from bayes_nmda.files import text_of, toml_of

SUFFIX = ".toml"
#: Files that may extend each other, one after the other.
_LONGEST_CHAIN = 10
#: Sizes of numbers that are not zero; those that mean something lie far inside.
_SMALLEST, _LARGEST = 1e-9, 1e9
#: The priors that each kind of pooling uses.
PRIORS_OF: dict[str, tuple[str, ...]] = {
    "partial": ("overall", "tau", "sd_drug", "sd_route", "sd_timepoint", "sd_trial_timepoint"),
    "none": ("overall", "tau"),
    "complete": ("overall", "tau", "sd_trial_timepoint"),
}
#: Those of them that only an outcome with timepoints has.
OF_TIMEPOINTS = frozenset({"sd_timepoint", "sd_trial_timepoint"})
#: The priors of the model of control risks, which is apart from that of effects.
BASELINE = ("baseline", "baseline_sd_cell", "baseline_sd_trial")
#: The priors that each likelihood adds.
PRIORS_OF_FAMILY: dict[str, tuple[str, ...]] = {
    "normal": (),
    "conditional": BASELINE,
    "binomial": ("midpoint", *BASELINE),
    "beta_binomial": ("midpoint", "overdispersion", *BASELINE),
}
#: The prior of results whose error depends on how much the two values of a person agree.
WITHIN_PERSON = "within_person_correlation"


def model_names() -> list[str]:
    """Return the names of all model files in ``models/``, sorted."""
    return sorted(path.stem for path in paths.models().glob(f"*{SUFFIX}"))


def locate(name: str | Path, folder: Path) -> Path:
    """Return the model file of a name or path, looked up in the folder, then in ``models/``.

    Raises
    ------
    SpecError
        If there is none.
    """
    given = Path(name)
    if given.suffix == SUFFIX and given.is_file():
        return given
    stem = str(name).removesuffix(SUFFIX)
    for candidate in (folder / f"{stem}{SUFFIX}", paths.models() / f"{stem}{SUFFIX}"):
        if candidate.is_file():
            return candidate
    raise SpecError(
        f"found the model {str(name)!r}; allowed are {', '.join(model_names())}, or the path of a "
        "TOML file"
    )


def resolve(
    path: Path, seen: tuple[Path, ...]
) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """Return the merged tables of a file and of all it extends, and those files' digests.

    Raises
    ------
    SpecError
        If a file is missing, is not TOML, or extends itself.
    """
    if path.resolve() in seen:
        chain = " → ".join(p.stem for p in (*seen, path))
        raise SpecError(f"{path.name}: extends: found a circle, {chain}; allowed is a chain")
    if len(seen) == _LONGEST_CHAIN:
        raise SpecError(
            f"{path.name}: extends: found a chain of more than {_LONGEST_CHAIN} files, from "
            f"{seen[0].name}; allowed is a chain that a reader can follow"
        )
    table, content = toml_of(path, SpecError)
    digest = ((path.name, hashlib.sha256(content).hexdigest()),)
    parent = table.get("extends")
    if parent is None:
        return table, digest
    if not isinstance(parent, str):
        raise SpecError(f"{path.name}: extends: found {parent!r}; allowed is the name of a model")
    base, files = resolve(locate(parent, path.parent), (*seen, path.resolve()))
    return _merge(base, table), files + digest


def _merge(base: Mapping[str, Any], child: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {**base}
    for key, value in child.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping):
            merged[key] = {**base[key], **value}
        else:
            merged[key] = value
    inherited = _table(base, "priors").keys() - _table(child, "priors").keys()
    if unused := inherited - set(priors_needed(merged) or inherited):
        merged["priors"] = {k: v for k, v in _table(merged, "priors").items() if k not in unused}
    return merged


def priors_needed(tables: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the priors that structure, likelihood and supplement of a file take.

    Empty where either is unknown, which the schema check names.
    """
    structure = _table(tables, "structure")
    pooled = PRIORS_OF.get(str(structure.get("pooling")))
    added = PRIORS_OF_FAMILY.get(str(_table(tables, "likelihood").get("family", "normal")))
    if pooled is None or added is None:
        return ()
    if structure.get("timepoints") is False:
        pooled = tuple(name for name in pooled if name not in OF_TIMEPOINTS)
    return pooled + added + ((WITHIN_PERSON,) if _correlated(tables) else ())


def _correlated(tables: Mapping[str, Any]) -> bool:
    """Say whether an added result is paired and printed without the error of its difference."""
    rows = _table(_table(tables, "supplement"), "rows")
    return any(
        _table(rows, key).get("design") == "paired"
        and str(_table(rows, key).get("error")).startswith("arm_")
        for key in rows
    )


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a table; empty where something else stands there, which the schema check names."""
    found = tables.get(name)
    return found if isinstance(found, Mapping) else {}


@cache
def _schema(path: Path) -> dict[str, Any]:
    try:
        schema: dict[str, Any] = json.loads(text_of(path, SpecError))
    except json.JSONDecodeError as error:
        raise SpecError(f"{_where(path)}: this is not JSON: {error}; put it back") from error
    return schema


def _where(path: Path) -> str:
    """Return a schema's place, from the folder of models on."""
    return f"models/{path.relative_to(paths.models()).as_posix()}"


def check_schema(path: Path, resolved: Mapping[str, Any], *, schema: Path | None = None) -> None:
    """Raise `SpecError` with every fault of a merged model file: key path, found, allowed.

    Parameters
    ----------
    path
        The file, for messages.
    resolved
        What it says.
    schema
        By default that of model files.
    """
    import jsonschema

    schema = paths.models() / "schema.json" if schema is None else schema

    plain = jsonschema.Draft202012Validator
    # JSON takes 4.0 for an integer, a sampler does not
    integer = plain.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    # types-jsonschema leaves `extend` without types
    strict = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
        plain, type_checker=integer
    )
    validator = strict(_schema(schema))
    faults = sorted(validator.iter_errors(resolved), key=lambda fault: list(map(str, fault.path)))
    lines = []
    for fault in faults:
        where = ".".join(str(part) for part in fault.absolute_path) or "(top level)"
        if fault.validator == "additionalProperties":
            allowed = f"allowed here are {', '.join(fault.schema['properties'])}"
        elif fault.validator == "enum":
            allowed = f"allowed are {', '.join(map(repr, fault.validator_value))}"
        else:
            allowed = f"the rule is {fault.validator}: {fault.validator_value}"
        lines.append(f"  {where}: {fault.message}; {allowed}")
    lines += [
        f"  {where}: found {shortened(value)}; allowed is a finite number, 0 or from "
        f"{_SMALLEST:g} to {_LARGEST:g} in size"
        for where, value in _numbers(resolved, "")
        if not where.endswith("seed") and value != 0 and not _SMALLEST <= abs(value) <= _LARGEST
    ]
    if lines:
        raise SpecError(f"{path.name} breaks {_where(schema)}:\n" + "\n".join(lines))


def _numbers(value: object, where: str) -> Iterator[tuple[str, float]]:
    """Return every number of a model file with its key path; a comparison lets NaN pass."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield where, value
    items = value.items() if isinstance(value, Mapping) else ()
    for key, part in items if not isinstance(value, list) else enumerate(value):
        yield from _numbers(part, f"{where}.{key}".lstrip("."))
