"""A report definition: which models are told, under which names, and what is asked of them.

Reads ``reports/NAME.toml`` with the standard library alone, so that the question whether a report
is stale costs next to nothing.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any, Final

from bayes_nmda import paths
from bayes_nmda.errors import ReportError, SpecError
from bayes_nmda.model.files import locate, model_names

_KEYS: Final = {"title", "subtitle", "models", "labels", "curve", "harms"}


@dataclass(frozen=True, slots=True)
class ReportDefinition:
    """What one report tells.

    Attributes
    ----------
    name
        File name without ending.
    title, subtitle
        Heading of the page.
    models
        Names of model files; the first is the primary analysis, the others are told beside it.
    labels
        What each model is called in the report, in the order of ``models``.
    curve
        First and last threshold and the step of the probability curve, in the model's unit.
    harms
        Outcomes of harm whose published results are cited.
    """

    name: str
    title: str
    subtitle: str
    models: tuple[str, ...]
    labels: tuple[str, ...]
    curve: tuple[float, float, float]
    harms: tuple[str, ...]

    @property
    def primary(self) -> str:
        """Name of the primary analysis."""
        return self.models[0]


def report_names() -> list[str]:
    """Return the names of all reports, sorted."""
    return sorted(path.stem for path in paths.reports().glob("*.toml"))


def load_definition(name: str) -> ReportDefinition:
    """Return a checked report definition.

    Raises
    ------
    ReportError
        If there is no such report, or it breaks a rule; the message names the key, what was found
        and what is allowed.
    """
    path = paths.reports() / f"{name}.toml"
    if not path.is_file():
        raise ReportError(
            f"found the report {name!r}; allowed are {', '.join(report_names()) or 'none'}"
        )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ReportError(f"reports/{path.name}: this is not TOML in UTF-8: {error}") from error
    where = f"reports/{path.name}"
    extra = sorted(set(table) - _KEYS)
    missing = sorted(_KEYS - set(table))
    if extra or missing:
        found = f"missing {', '.join(missing)}" if missing else f"found {', '.join(extra)}"
        raise ReportError(f"{where}: {found}; it takes exactly {', '.join(sorted(_KEYS))}")
    models = _texts(where, "models", table["models"])
    for model in models:
        try:
            locate(model, paths.models())
        except SpecError as error:
            raise ReportError(
                f"{where}: models: found {model!r}; allowed are {', '.join(model_names())}"
            ) from error
    labels = table["labels"]
    if not isinstance(labels, dict) or set(labels) != set(models):
        raise ReportError(f"{where}: labels: each of {', '.join(models)} needs exactly one")
    return ReportDefinition(
        name,
        _text(where, "title", table["title"]),
        _text(where, "subtitle", table["subtitle"]),
        models,
        tuple(_text(where, f"labels.{model}", labels[model]) for model in models),
        _curve(where, table["curve"]),
        _texts(where, "harms", table["harms"]),
    )


def _text(where: str, key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ReportError(f"{where}: {key}: found {value!r}; allowed is text")
    return value


def _texts(where: str, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or len(set(value)) != len(value):
        raise ReportError(f"{where}: {key}: found {value!r}; allowed is a list of different names")
    return tuple(_text(where, key, item) for item in value)


def _curve(where: str, value: Any) -> tuple[float, float, float]:
    good = isinstance(value, list) and len(value) == 3
    if not good or not all(type(x) in (int, float) for x in value):
        raise ReportError(f"{where}: curve: found {value!r}; allowed are [first, last, step]")
    first, last, step = map(float, value)
    if not (0 <= first < last and 0 < step <= last - first):
        raise ReportError(
            f"{where}: curve: found {value!r}; allowed is 0 <= first < last, step > 0"
        )
    return first, last, step
