"""The trial that should be run next: what more trials of each cell would tell beforehand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bayes_nmda.query.words import percent
from bayes_nmda.report.numbers import short, title
from bayes_nmda.report.sections import About, Kind
from bayes_nmda.report.sections.primary import FIRST
from bayes_nmda.report.style import BLUE, GREEN, GREY, INK, OCHRE, PAGE, Figure, canvas, drawing

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from matplotlib.axes import Axes

    from bayes_nmda.query.draws import Cell
    from bayes_nmda.query.next_trial import NextTrial
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.definition import Section
    from bayes_nmda.report.fits import Fit

_COLOURS: Final = (BLUE, OCHRE, GREEN, INK)


@dataclass(frozen=True, slots=True)
class Planned:
    """What more trials would tell of one outcome.

    Attributes
    ----------
    fit
        The analysis.
    size
        Size of the benefit.
    largest
        By cell and number of trials, of the largest size alone.
    curves
        Of the leading cell, by number of trials, of every size.
    leader
        The cell with the highest probability.
    """

    fit: Fit
    size: float
    largest: Mapping[str, Mapping[int, NextTrial]]
    curves: Sequence[NextTrial]
    leader: str

    def table(self) -> pd.DataFrame:
        """Return every number, a row a cell, number of trials and size."""
        import pandas as pd

        found = [*self.curves, *(one for cell in self.largest.values() for one in cell.values())]
        rows = [row for one in found for row in one.to_rows()]
        keys = ["cell", "trials", "n"]
        return pd.DataFrame(rows).drop_duplicates(keys).sort_values(keys, kind="stable")


def planned(section: Section, fit: Fit, say: Callable[[str], None]) -> Planned:
    """Return the answers of the section, from the points of the exact engine."""
    from bayes_nmda.gates import fit as fitted
    from bayes_nmda.query.next_trial import next_trial

    say("simulating further trials")
    tree = fitted(fit.spec, fit.effects, engine="exact")
    size = fit.spec.thresholds.benefit_sizes[FIRST]
    people, several = [int(n) for n in section.people], [int(n) for n in section.several]

    def asked(cell: Cell, n: Sequence[int], trials: int) -> NextTrial:
        return next_trial(
            tree,
            drug=cell.drug,
            route=cell.route or None,
            timepoint=cell.timepoint or None,
            n=n,
            at_least=size,
            trials=trials,
        )

    cells = {cell.label: cell for cell in fit.draws.cells}
    largest = {
        label: {trials: asked(cell, people[-1:], trials) for trials in (several[0], several[-1])}
        for label, cell in cells.items()
    }
    leader = max(largest, key=lambda label: largest[label][several[0]].probability)
    return Planned(
        fit,
        size,
        largest,
        [asked(cells[leader], people, trials) for trials in several],
        leader,
    )


def assurance_figure(found: Sequence[NextTrial], name: str = "next-trial") -> Figure:
    """Return how often trials would settle the question, and how narrow the interval becomes.

    Parameters
    ----------
    found
        Answers about one cell, each with another number of trials.
    name
        Of the file, and of what is in it.
    """
    asked = found[0].asked
    settled = f"≥ {100 * asked['success']:g} % or ≤ {100 * (1 - asked['success']):g} %"
    words = "; ".join(
        f"{_trials(one)} of {one.table['n'].iloc[-1]:,} people: "
        f"{short(percent(one.table['assurance'].iloc[-1], one.table['error'].iloc[-1]))}"
        for one in found
    )
    alt = (
        f"{title(found[0].question.replace('the probability', 'probability'))}: how probably it "
        f"ends at {settled} after more trials, by the people in each. {title(words)}."
    )
    with canvas(PAGE, 3.2) as figure:
        left, right = figure.subplots(1, 2)
        for one, colour in zip(found, _COLOURS, strict=False):
            left.plot(
                one.table["n"], one.table["assurance"], "o-", ms=4, color=colour, label=_trials(one)
            )
            left.axhline(one.limit["assurance"], color=colour, lw=0.8, ls=(0, (2, 3)))
            right.plot(one.table["n"], one.table["expected_width"], "o-", ms=4, color=colour)
            right.axhline(one.limit["expected_width"], color=colour, lw=0.8, ls=(0, (2, 3)))
        left.set_ylim(0, 1)
        left.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        left.set_title(f"ends at {settled}", loc="left")
        left.legend(loc="upper left")
        right.axhline(found[0].width, color=GREY, lw=1.2)
        right.set_ylim(0, 1.15 * found[0].width)
        right.set_title(f"width of the 95 % interval, {_unit(found[0])}", loc="left")
        for axes in (left, right):
            _people(axes, [int(n) for n in found[0].table["n"]])
        svg = drawing(figure, name, alt)
    caption = (
        f"{alt} Dotted: trials without end. Grey: as it stands. Each new trial has a true "
        "effect of its own around the mean effect, as the trials so far."
    )
    return Figure(name, svg, caption, alt)


def _trials(found: NextTrial) -> str:
    many = int(found.asked["trials"])
    return "one trial" if many == 1 else f"{many} trials"


def _unit(found: NextTrial) -> str:
    unit = str(found.asked["unit"])
    return "log odds ratio" if unit == "odds ratio" else unit


def _people(axes: Axes, people: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(people, [f"{n:,}" for n in people], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xlabel("people in each trial")


def _figures(content: Content) -> Iterator[Figure]:
    if content.planned is not None:
        yield assurance_figure(content.planned.curves)


KINDS = {
    "next_trial": Kind(
        about=(About("differences"),),
        needs=("people", "several"),
        figures=_figures,
    )
}
