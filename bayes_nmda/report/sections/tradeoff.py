"""Benefit against harm: how probable is enough of the one for little enough of the other?

One figure a drug and route, a panel a timepoint and one for the prior: benefits down, increases of
risk across, in each field the probability of both at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bayes_nmda.report.grids import TOUCHING, bare, shade
from bayes_nmda.report.numbers import (
    comparator_words,
    identifier,
    outcome,
    partition_words,
    prior_chance,
    short,
    short_chance,
    title,
)
from bayes_nmda.report.sections import About, Kind
from bayes_nmda.report.style import BLUE, PAGE, Figure, canvas, drawing
from bayes_nmda.terms import cell_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from matplotlib.axes import Axes

    from bayes_nmda.query import Answer
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.definition import Section
    from bayes_nmda.report.fits import Fit, Record

#: Panels side by side: three timepoints and the prior.
_PANELS: Final = 4
_HEIGHT: Final = 2.25


@dataclass(frozen=True, slots=True)
class Tradeoffs:
    """The joint probabilities of one benefit and one harm, and what is left at several prices.

    Attributes
    ----------
    joint
        Answer of `tradeoff`.
    net
        Answer of `net_benefit`; None where the definition names no price.
    """

    section: Section
    benefit: Fit
    harm: Fit
    joint: Answer
    net: Answer | None

    @property
    def partitions(self) -> list[str]:
        """Drugs and routes with both, in order."""
        return list(dict.fromkeys(_partition(record) for record in self.joint.records))

    def cells_of(self, partition: str) -> dict[str, dict[tuple[float, float], Record]]:
        """Return the records of a drug and route by timepoint, then by benefit and harm."""
        found: dict[str, dict[tuple[float, float], Record]] = {}
        for record in self.joint.records:
            if _partition(record) == partition:
                place = record["at_least"], record["at_most"]
                found.setdefault(record["timepoint"], {})[place] = record
        return found

    def net_rows(self) -> list[tuple[Record, Mapping[float, Record]]]:
        """Return one row a cell: a record that names it, and its net benefit by price."""
        rows: dict[tuple[str, str], dict[float, Record]] = {}
        for record in self.net.records if self.net is not None else ():
            place = _partition(record), record["timepoint"]
            rows.setdefault(place, {})[record["points_per_event"]] = record
        return [(next(iter(prices.values())), prices) for prices in rows.values()]


def _partition(record: Record) -> str:
    return cell_label(record["drug"], record["route"])


def tradeoffs(section: Section, benefit: Fit, harm: Fit) -> Tradeoffs:
    """Return the joint probabilities over the grid of a section, and its net benefits."""
    from bayes_nmda import query

    joint = query.tradeoff(
        benefit.draws, harm.draws, at_least=section.at_least, at_most=section.at_most
    )
    net = None
    if section.points_per_event:
        net = query.net_benefit(
            benefit.draws, harm.draws, points_per_event=section.points_per_event
        )
    return Tradeoffs(section, benefit, harm, joint, net)


def tradeoff_figure(found: Tradeoffs, partition: str, words: str) -> Figure:
    """Return the grid of one drug and route, a panel a timepoint, the prior last."""
    cells = found.cells_of(partition)
    name = identifier("tradeoff", partition)
    unit = found.benefit.spec.unit
    event = outcome(found.harm.spec.select.outcome).lower()
    against = comparator_words(found.benefit.spec.select.comparator)
    middle = found.section.at_least[len(found.section.at_least) // 2]
    limit = found.section.at_most[len(found.section.at_most) // 2]
    alt = (
        f"{words}: probability of a benefit of at least {middle:g} {unit} with {event} raised by "
        f"at most {1000 * limit:g} in 1000; "
        + "; ".join(
            f"{time or 'all'}: {100 * fields[middle, limit]['probability']:.0f} %"
            for time, fields in cells.items()
        )
        + ". The table of the trade-off gives every number."
    )
    with canvas(PAGE, _HEIGHT) as figure:
        panels = figure.subplots(1, _PANELS, sharey=True)
        for axes in panels:
            axes.set_axis_off()
        for axes, (time, fields) in zip(panels, cells.items(), strict=False):
            chances = {
                place: (float(record["probability"]), short_chance(record))
                for place, record in fields.items()
            }
            _panel(axes, found.section, title(time) or "All", chances)
        before = {
            place: (float(record["prior_probability"]), short(prior_chance(record)))
            for place, record in next(iter(cells.values())).items()
        }
        _panel(panels[len(cells)], found.section, "Before the data", before)
        first = panels[0]
        first.set_yticks(
            range(len(found.section.at_least)),
            ["any" if x == 0 else f"≥ {x:g}" for x in found.section.at_least],
        )
        first.set_ylabel(f"benefit ({unit})")
        figure.supxlabel(f"at most so many more with {event}, in 1000", size=9, x=0.06, ha="left")
        svg = drawing(figure, name, alt)
    caption = (
        f"{words}, against {against}: probability in per cent of at least so much benefit and at "
        f"most so many more people with {event}, both at once, on average over trials like these. "
        "Darker is more probable."
    )
    return Figure(name, svg, caption, alt)


def _panel(
    axes: Axes,
    section: Section,
    title: str,
    chances: Mapping[tuple[float, float], tuple[float, str]],
) -> None:
    axes.set_axis_on()
    for y, at_least in enumerate(section.at_least):
        for x, at_most in enumerate(section.at_most):
            chance, said = chances[at_least, at_most]
            shade(
                axes, x, y, BLUE, chance, said.removesuffix(" %").replace(" ", ""),
                size=TOUCHING, text_size=8,
            )  # fmt: skip
    axes.set(xlim=(-0.5, len(section.at_most) - 0.5), ylim=(len(section.at_least) - 0.5, -0.5))
    axes.set_title(title)
    axes.set_xticks(range(len(section.at_most)), [f"{1000 * x:g}" for x in section.at_most])
    place = axes.get_subplotspec()
    axes.tick_params(length=0, labelleft=place is None or place.is_first_col())
    bare(axes)


def _figures(content: Content) -> Iterator[Figure]:
    found = content.tradeoffs
    if found is None:
        return
    for partition in found.partitions:
        yield tradeoff_figure(found, partition, partition_words(partition))


def _answers(content: Content) -> dict[str, Answer]:
    found = content.tradeoffs
    answers = {} if found is None else {"tradeoff": found.joint, "net_benefit": found.net}
    return {name: answer for name, answer in answers.items() if answer is not None}


KINDS = {
    "tradeoff": Kind(
        about=(About(), About("counts", "negative")),
        needs=("at_least", "at_most"),
        may=("points_per_event",),
        figures=_figures,
        answers=_answers,
    )
}
