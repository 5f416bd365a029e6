"""Benefit and harm side by side: two fits, and the cells that have evidence on both.

The two models are fitted separately and nothing is known of how their errors hang together, so
whatever is said of both at once takes them as independent, and says so. A benefit is kept as an
improvement, positive where the drug helps; a harm as a difference of risks, positive where the drug
does harm: no sign is left to the reader.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda.errors import QueryError
from bayes_nmda.query.answer import Answer, estimand_of, provenance_of
from bayes_nmda.query.distribution import Distribution
from bayes_nmda.query.draws import Cell, Draws, Floats, Posterior, draws_of
from bayes_nmda.query.rows import about, named
from bayes_nmda.query.scales import Rescaled, Scale, choose_scale
from bayes_nmda.query.selection import VARIABLE, Selector, choose_cells
from bayes_nmda.query.words import (
    drug,
    evidence,
    given,
    moment,
    outcome,
    place,
    remarks,
    subject,
    versus,
)

if TYPE_CHECKING:
    import xarray as xr

    from bayes_nmda.query.intervals import Interval

#: What every joint statement about two separate fits assumes.
INDEPENDENT: Final = (
    "The models of benefit and of harm are fitted separately. What is said of both at once takes "
    "their errors as independent."
)
#: What is also assumed where the harm is reported without a timepoint.
UNTIMED: Final = " The harm is reported without a timepoint, and is set beside each of the benefit."


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two fits, on the scale of the question."""

    draws: Draws
    scale: Scale
    #: Sign of the scale on which more of this side is counted: improvement, or harm.
    sign: float

    def posteriors(self, cells: tuple[Cell, ...], target: str) -> dict[str, Distribution]:
        """Return the distribution in each cell, by its label; positive is more of this side."""
        of_cell = self.scale.posteriors(self.draws, VARIABLE[target])
        return {cell.label: Rescaled(of_cell(cell), self.sign) for cell in cells}

    def prior(self, target: str) -> Floats:
        """Return draws from the prior, shape (draw, cell); positive is more of this side."""
        return self.sign * self.scale.prior(self.draws, VARIABLE[target])


@dataclass(frozen=True, slots=True)
class Pair:
    """A cell of the benefit, and the cell of the harm with its drug, route and comparator."""

    benefit: Cell
    harm: Cell


@dataclass(frozen=True, slots=True)
class Sides:
    """A fit of a benefit, a fit of a harm, and the pairs of cells that a question is about."""

    benefit: Side
    harm: Side
    pairs: tuple[Pair, ...]
    #: Cells of the benefit that were asked for and have no trial on the harm, in words.
    left_out: str = ""

    @property
    def engine(self) -> str:
        """How the two were fitted."""
        return " and ".join(dict.fromkeys((self.benefit.draws.engine, self.harm.draws.engine)))

    def posteriors(self, target: str) -> tuple[dict[str, Distribution], dict[str, Distribution]]:
        """Return the distributions of improvement and of harm, by the labels of their cells."""
        return (
            self.benefit.posteriors(tuple(pair.benefit for pair in self.pairs), target),
            self.harm.posteriors(tuple({pair.harm for pair in self.pairs}), target),
        )

    def named(self, pair: Pair) -> dict[str, Any]:
        """Return the columns that name a pair, and the control risk of its harm."""
        columns = about(self.harm.draws, self.harm.scale, pair.harm)
        return named(pair.benefit) | {k: v for k, v in columns.items() if k != "measure"}

    def behind(self, pair: Pair) -> dict[str, Any]:
        """Return the columns that say what stands behind a number: all, and each side's own."""
        arms = self.benefit.draws.arms([pair.benefit])
        harm_arms = self.harm.draws.arms([pair.harm])
        everyone = {
            arm: max(arms.get(arm, 0), harm_arms.get(arm, 0)) for arm in {*arms, *harm_arms}
        }
        trials, harm_trials = ({trial for trial, _ in of} for of in (arms, harm_arms))
        return {
            "trials": len(trials | harm_trials),
            "participants": sum(everyone.values()),
            "benefit_trials": pair.benefit.trials,
            "benefit_participants": pair.benefit.participants,
            "harm_trials": pair.harm.trials,
            "harm_participants": pair.harm.participants,
            "trials_on_both": len(trials & harm_trials),
            "engine": self.engine,
        }

    def where(self, pair: Pair, row: dict[str, Any]) -> str:
        """Return the end of a sentence's first half: comparison, time, target, control risk."""
        return (
            f"{versus(pair.benefit)}{moment(pair.benefit)}, {place(row['target'])}"
            f"{given(self.harm.scale, row)},"
        )

    def evidence(self, pair: Pair) -> str:
        """Return the end of a sentence: the assumption, and the evidence behind each side."""
        said = [
            f"{outcome(side.draws)}: {evidence(cell.trials, cell.participants)}"
            f"{remarks(side.draws, cell)}"
            for side, cell in ((self.benefit, pair.benefit), (self.harm, pair.harm))
        ]
        return (
            "This takes the errors of benefit and harm as independent, because their models are "
            f"fitted separately. {_capital(said[0])}; {said[1]}."
        )

    def drug(self, pair: Pair) -> str:
        """Return the drug by its route."""
        return drug(pair.benefit)

    def harmed(self) -> str:
        """Return what the drug may raise, ``"the risk of any adverse event"``."""
        return subject(self.harm.draws, self.harm.scale)

    def answer(
        self,
        query: str,
        records: list[dict[str, Any]],
        sentences: list[str],
        *,
        value: str,
        direction: str,
        interval: Interval | None = None,
    ) -> Answer:
        """Return an answer about both fits, with what each says about itself."""
        both = {"benefit": self.benefit.draws, "harm": self.harm.draws}
        warnings = tuple(
            f"{name} model {draws.model}: {words}"
            for name, draws in both.items()
            for words in draws.warnings
        )
        if any(draws.failed_gates for draws in both.values()):
            for record in records:
                record["flags"] = ";".join(filter(None, [record["flags"], "gates_failed"]))
        untimed = any(pair.benefit.timepoint and not pair.harm.timepoint for pair in self.pairs)
        about = {
            f"{name}_{key}": str(draws.attrs.get(key, ""))
            for name, draws in both.items()
            for key in ("model", "title", "outcome")
        }
        return Answer(
            query=query,
            records=tuple(records),
            sentences=tuple(sentences),
            value=value,
            unit=self.benefit.scale.unit,
            direction=direction,
            about={
                "model": " against ".join(draws.model for draws in both.values()),
                **about,
                "benefit_measure": self.benefit.scale.measure,
                "harm_measure": self.harm.scale.measure,
                "comparator": ", ".join(dict.fromkeys(p.benefit.comparator for p in self.pairs)),
                "engine": self.engine,
                **({} if interval is None else {"interval": interval.about}),
                **estimand_of(self.benefit.draws),
                "assumes": INDEPENDENT + (UNTIMED if untimed else ""),
                **({"left_out": self.left_out} if self.left_out else {}),
            },
            provenance={name: provenance_of(draws) for name, draws in both.items()},
            warnings=warnings,
        )


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


def flags_of(pair: Pair) -> list[str]:
    """Return the remarks on the rows behind either side, each once."""
    return sorted({*pair.benefit.flags, *pair.harm.flags})


def sides_of(
    benefit_tree: xr.DataTree | Posterior,
    harm_tree: xr.DataTree | Posterior,
    *,
    drug: Selector = None,
    route: Selector = None,
    timepoint: Selector = None,
    control_risk: float | None = None,
) -> Sides:
    """Return the two fits with the pairs of cells that a question is about.

    Parameters
    ----------
    benefit_tree
        A fit of a benefit; of counts it is told as a difference of risks.
    harm_tree
        A fit to counts of a harm.
    drug, route, timepoint
        A word or several; left out means all that have both sides.
    control_risk
        Risk of the harm without the drug, or None for that of the baseline model.

    Raises
    ------
    QueryError
        If a word is unknown, a combination lacks trials on one of the two sides, or the harm is not
        a model of counts.
    """
    benefit, harm = draws_of(benefit_tree), draws_of(harm_tree)
    if not harm.counted:
        raise QueryError(
            f"harm_tree: found model {harm.model}, a {harm.measure or 'quantity'}; allowed is a "
            "model of counts, whose harm is a difference of risks"
        )
    scale = choose_scale(benefit, None, None, default="RD")
    harm_scale = choose_scale(harm, "RD", control_risk)
    partner = {cell: _partner(cell, harm.cells) for cell in benefit.cells}
    both = tuple(cell for cell, found in partner.items() if found)
    if not both:
        raise QueryError(
            f"models {benefit.model} and {harm.model} share no drug, route and comparator; "
            f"{benefit.model} has {_labels(benefit.cells)}; {harm.model} has {_labels(harm.cells)}"
        )
    chosen = choose_cells(
        replace(benefit, cells=both),
        drug=drug,
        route=route,
        timepoint=timepoint,
        needed=f"both a benefit in model {benefit.model} and a harm in model {harm.model}",
    )
    alone = [] if drug or route or timepoint else [c for c in benefit.cells if not partner[c]]
    return Sides(
        benefit=Side(benefit, scale, scale.towards),
        harm=Side(harm, harm_scale, -harm_scale.towards),
        pairs=tuple(Pair(cell, found) for cell in chosen if (found := partner[cell])),
        left_out=f"Without a trial in model {harm.model}: {_labels(alone)}." if alone else "",
    )


def _partner(cell: Cell, harms: tuple[Cell, ...]) -> Cell | None:
    """Return the harm's cell that belongs to a benefit's; without timepoint it belongs to all."""
    for harm in harms:
        same = (harm.drug, harm.route, harm.comparator) == (cell.drug, cell.route, cell.comparator)
        if same and harm.timepoint in ("", cell.timepoint):
            return harm
    return None


def _labels(cells: Iterable[Cell]) -> str:
    return ", ".join(cell.label for cell in cells) or "none"
