"""The evidence map: trials behind each drug and route, outcome and timepoint, holes included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bayes_nmda.data.vocabulary import Vocabulary, load_vocabulary
from bayes_nmda.report.grids import hole, lay_out, shade
from bayes_nmda.report.numbers import outcome, title
from bayes_nmda.report.style import BLUE, GREY, PAGE, Figure, canvas, drawing
from bayes_nmda.terms import cell_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayes_nmda.query import Answer

_ROW: Final = 0.34
#: How strong the colour of a field with trials is.
_STRENGTH: Final = 0.16


def map_columns(answer: Answer) -> list[str]:
    """Return drugs and routes that any trial with usable numbers has, in order."""
    rows: dict[str, int] = {}
    for record in answer.records:
        label = cell_label(record["drug"], record["route"])
        rows[label] = rows.get(label, 0) + record["trials"]
    return [label for label, trials in rows.items() if trials]


def further_trials(answer: Answer) -> dict[str, int]:
    """Return the known trials without a usable number, by drug and route; none where there is none.

    Routes that no trial states are the drug alone.
    """
    found = {
        cell_label(record["drug"], record["route"]): int(record["trials_without_numbers"])
        for record in answer.records
    }
    return {label: number for label, number in found.items() if number}


def evidence_figure(answer: Answer, trials: int) -> Figure:
    """Return the map as a grid: outcomes down, drugs and routes across, timepoints inside.

    Parameters
    ----------
    answer
        From `evidence_map`.
    trials
        Number of trials that give any number: of the others nothing is known.
    """
    words = load_vocabulary()
    columns, further = map_columns(answer), further_trials(answer)
    outcomes = list(dict.fromkeys(record["outcome"] for record in answer.records))
    fields: dict[tuple[str, str], list[str]] = {}
    inferred: set[str] = set()
    for record in answer.records:
        label = cell_label(record["drug"], record["route"])
        if record["route_basis"] == "inferred":
            inferred.add(label)
        if record["trials"]:
            letter = words.letter(record["timepoint"])
            fields.setdefault((label, record["outcome"]), []).append(
                f"{letter}{': ' if len(letter) > 1 else ''}{record['trials']}"
            )
    holes = len(columns) * len(outcomes) - len(fields)
    alt = (
        f"Grid of {len(outcomes)} outcomes by {len(columns)} combinations of drug and route; "
        f"{holes} of {len(columns) * len(outcomes)} fields hold none of the {trials} trials with "
        "numbers. The table of the evidence map gives every number."
    )
    last = len(outcomes)
    with canvas(PAGE, 1.3 + _ROW * (len(outcomes) + 1)) as figure:
        axes = figure.subplots()
        for x, label in enumerate(columns):
            for y, name in enumerate(outcomes):
                _field(axes, x, y, fields.get((label, name)))
            if label in further:
                more = f"+{further[label]}"
                axes.text(x, last, more, ha="center", va="center", color=GREY, weight="bold")
        axes.axhline(last - 0.5, color=GREY, lw=0.8)
        names = [
            title(label.replace("/", "\n")) + (" *" if label in inferred else "")
            for label in columns
        ]
        lay_out(axes, names, [*(outcome(name) for name in outcomes), "Trials without numbers"])
        svg = drawing(figure, "evidence-map", alt)
    caption = (
        f"Trials with usable numbers against {words.reference}. Inside a field: trials"
        f"{_letters(words)}. Hatched, ∅: none of the {trials} trials with numbers gives one. "
        "* the route of at "
        "least one trial is inferred, not confirmed. Last row: further known trials of the drug "
        "and route that give no usable number on anything; a trial with two drugs or routes counts "
        "in each." + _elsewhere(further, columns)
    )
    return Figure("evidence-map", svg, caption, alt)


def _letters(words: Vocabulary) -> str:
    """Return what the letters inside a field mean."""
    named = [f"{word} ({found.letter})" for word, found in words.timepoints.items()]
    if not named:
        return ""
    return (
        f" by timepoint, {', '.join(named)}; a number without letter where an outcome has no "
        "timepoint"
    )


def _elsewhere(further: dict[str, int], columns: list[str]) -> str:
    """Return the further trials that have no column of their own, in words."""
    others = [
        f"{label.replace('/', ', ') if '/' in label else f'{label}, route not stated'} ({number})"
        for label, number in further.items()
        if label not in columns
    ]
    if not others:
        return ""
    return f" Without a column, because none of their trials gives a number: {'; '.join(others)}."


def _field(axes: Axes, x: int, y: int, words: list[str] | None) -> None:
    if words is None:
        hole(axes, x, y, "∅")
        return
    lines = "\n".join(" ".join(words[i : i + 2]) for i in range(0, len(words), 2))
    shade(axes, x, y, BLUE, _STRENGTH, lines)
