"""How sure are we of how unsure we are: the headline under every stated choice and every bias.

The range of each probability over a multiverse, the choices that move it most, what it becomes if
trials are biased or selected or if those without numbers had found something, what power scaling
says of the priors, and how well each trial is predicted by the others. All of it by the exact
engine; nothing here is a new model of the evidence.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda import paths
from bayes_nmda.query.selection import SELECTORS
from bayes_nmda.query.words import percent
from bayes_nmda.report.numbers import MINUS, short, title
from bayes_nmda.report.provenance import digest_of, sha256
from bayes_nmda.report.sections import About, Kind
from bayes_nmda.report.sections.primary import FIRST
from bayes_nmda.report.style import BLUE, GREY, INK, PAGE, Figure, canvas, drawing
from bayes_nmda.store.fresh import FITTING, digests

if TYPE_CHECKING:
    import pandas as pd

    from bayes_nmda.data import TrialData
    from bayes_nmda.query.multiverse import Universes
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.definition import Section
    from bayes_nmda.report.fits import Fit

#: Choices that are named beside a range.
_STRONGEST: Final = 3
#: What the standard deviations of a model are of.
_SD_OF: Final = {
    "tau": "SD between trials",
    "sd_drug": "SD between drugs",
    "sd_route": "SD between routes",
    "sd_timepoint": "SD between timepoints",
    "sd_trial_timepoint": "SD between timepoints within a trial",
}
#: Error with which a probability of a universe is told: whole per cents.
_DIGIT: Final = 0.005
#: A share of the variance below this is not worth a name.
_LEAST: Final = 0.01


@dataclass(frozen=True, slots=True)
class Range:
    """How far one probability moves over the multiverse: numbers from 0 to 1.

    ``choices`` are the titles of those that move it most, with their shares of the variance.
    """

    cell: str
    as_it_is: float
    lowest: float
    lower: float
    upper: float
    highest: float
    universes: int
    choices: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """The probability of a counted harm over its multiverse.

    Attributes
    ----------
    outcome
        Its key.
    size
        The ratio of odds that it is of at least; 1 is any increase.
    universes, ranges
        As in `Uncertainty`.
    """

    outcome: str
    size: float
    universes: Universes
    ranges: Mapping[str, Range]


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Everything that this section tells.

    Attributes
    ----------
    size
        Size of the benefit that all probabilities are of.
    universes
        The multiverse.
    ranges
        By cell.
    biased
        Under each model of bias: its label, and the probability by cell.
    selection, missing, sensitivity, coverage, reverse
        Tables of `under_selection`, `missing_evidence`, `prior_sensitivity`, `predictive_coverage`
        (one row a level) and `reverse_bayes` of the leading cell.
    harms
        Counted harms under choices of their own.
    leader
        The cell whose curve is drawn: that with the highest probability.
    """

    size: float
    universes: Universes
    ranges: Mapping[str, Range]
    biased: Sequence[tuple[str, Mapping[str, float]]]
    selection: pd.DataFrame
    missing: pd.DataFrame
    sensitivity: pd.DataFrame
    coverage: pd.DataFrame
    reverse: pd.DataFrame
    harms: Sequence[Moved]
    leader: str

    @property
    def prior_findings(self) -> list[dict[str, Any]]:
        """What power scaling found of effects and SDs: those that are not as they should be."""
        odd = self.sensitivity[self.sensitivity["diagnosis"] != "as it should be"]
        return [
            {str(k): v for k, v in row.items()}
            | {"words": _SD_OF.get(row["variable"], row["variable"].replace("_", " "))}
            for row in odd.to_dict("records")
        ]

    def harm(self, outcome: str, cell: str) -> Range | None:
        """Return the range of the probability of any increase of a harm, if it was moved."""
        mine = (h for h in self.harms if h.outcome == outcome and h.size == 1)
        return next((h.ranges.get(cell) for h in mine), None)

    def found(self, cell: str) -> list[tuple[float, float]]:
        """Return what missing trials are taken to have found, and the probability, of a cell."""
        mine = self.missing[self.missing["cell"] == cell].sort_values("found")
        return list(zip(mine["found"], mine["probability"], strict=True))

    @property
    def tipping(self) -> float | None:
        """What missing trials must have found to bring the leading cell to a half, or None."""
        table = self.missing.attrs["tipping"].set_index("cell")
        value = float(table.loc[self.leader, "found"])
        return None if value != value else value


def uncertainty(
    section: Section, primary: Fit, trials: TrialData, say: Callable[[str], None]
) -> Uncertainty:
    """Return all answers of the section about the primary analysis."""
    from bayes_nmda import query
    from bayes_nmda.effects import effect_table
    from bayes_nmda.query.exactly import Question
    from bayes_nmda.query.missing_evidence import missing_evidence
    from bayes_nmda.query.priors_examined import prior_sensitivity, reverse_bayes
    from bayes_nmda.query.publication_bias import under_selection
    from bayes_nmda.query.without_one import predictive_coverage
    from bayes_nmda.spec.spec import load_model

    spec, effects = primary.spec, primary.effects
    size = spec.thresholds.benefit_sizes[FIRST]
    universes = _kept(section.multiverse[0], trials, say).of(at_least=size)
    harms = [_harm(_kept(name, trials, say)) for name in section.multiverse[1:]]
    say("moving biases and priors")
    usual = query.prob_benefit(primary.draws, at_least=size)
    best = max(usual.records, key=lambda record: float(record["probability"]))
    leader = next(
        cell for cell in primary.draws.cells
        if (cell.drug, cell.route, cell.timepoint) == tuple(
            best[name] for name in ("drug", "route", "timepoint")
        )
    )  # fmt: skip
    biased = []
    for name in section.biased:
        model = load_model(name)
        answers = Question.of(model, size).answers(model, effect_table(trials, model))
        mine = answers[answers["target"] == "mean"]
        label = section.labels.get(name, model.title)
        biased.append((label, dict(zip(mine["cell"], mine["probability"], strict=True))))
    selection = under_selection(spec, effects, at_least=size)
    missing = missing_evidence(spec, effects, trials, at_least=size)
    missing = missing[missing["target"] == "mean"]
    coverage = predictive_coverage(spec, effects).attrs["coverage"]
    reverse = reverse_bayes(
        spec,
        effects,
        drug=leader.drug,
        route=leader.route,
        timepoint=leader.timepoint,
        at_least=size,
    )
    return Uncertainty(
        size,
        universes,
        _ranges(universes),
        biased,
        selection[selection["target"] == "mean"],
        missing,
        prior_sensitivity(primary.tree),
        coverage,
        reverse,
        harms,
        leader.label,
    )


def _harm(universes: Universes) -> Moved:
    """Return the harm of the first size that a multiverse asks for."""
    size = universes.multiverse.at_least[0]
    outcome = str(universes.multiverse.tables["select"]["outcome"])
    one = universes.of(at_least=size)
    return Moved(outcome, size, one, _ranges(one))


def _ranges(universes: Universes) -> dict[str, Range]:
    shares = universes.shares()
    found = {}
    for row in universes.ranges().to_dict("records"):
        mine = shares[shares["cell"] == row["cell"]].head(_STRONGEST)
        choices = tuple(
            (str(one["title"]), float(one["share"]))
            for one in mine.to_dict("records")
            if one["share"] >= _LEAST
        )
        found[str(row["cell"])] = Range(
            cell=str(row["cell"]),
            as_it_is=float(row["as_it_is"]),
            lowest=float(row["lowest"]),
            lower=float(row["lower"]),
            upper=float(row["upper"]),
            highest=float(row["highest"]),
            universes=int(row["universes"]),
            choices=choices,
        )
    return found


def _kept(name: str, trials: TrialData, say: Callable[[str], None]) -> Universes:
    """Return a multiverse: kept from a build with the same files and code, or computed now."""
    import io

    import pandas as pd
    from joblib import cpu_count

    from bayes_nmda.query.exactly import NUMBERS
    from bayes_nmda.query.multiverse import Universes, multiverse
    from bayes_nmda.spec.multiverse import load_multiverse

    found = load_multiverse(name)
    parts = [
        name, trials.digests, digest_of(paths.models(), "*.toml"),
        digest_of(paths.models() / "multiverse", "*.toml"),
        digests((*FITTING, "query/multiverse.py")),
    ]  # fmt: skip
    key = sha256(json.dumps(parts, sort_keys=True).encode())[:16]
    path = paths.output() / "universes" / f"{name}.{key}.csv"
    if path.is_file():
        try:
            names = ["cell", *SELECTORS, *(choice.name for choice in found.choices)]
            table = pd.read_csv(
                io.BytesIO(path.read_bytes()),
                dtype=dict.fromkeys(names, "str"),  # an option may be called 0.6, or NA
                keep_default_na=False,
                na_values={name: [""] for name in NUMBERS},
            )
            distinct = int(table.pop("distinct").iloc[0])
            return Universes(found, table, distinct)
        except (ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
            say(f"{path.name} is damaged ({error}); computing it anew")
    say(f"multiverse {name}: at most {found.most:,} analyses")
    made = multiverse(found, trials=trials, jobs=cpu_count(), progress=say)
    text = made.table.assign(distinct=made.distinct).to_csv(index=False, float_format="%.17g")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")  # the whole file or none
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return made


def missing_figure(found: Uncertainty, content: Content) -> Figure:
    """Return how each probability moves with what trials without numbers may have found."""
    unit = content.primary.spec.unit
    added = found.missing.attrs["added"]
    cells = [cell.label for cell in content.cells]
    trials, people = added["trial"].nunique(), added.drop_duplicates("trial")["people"].sum()
    alt = (
        f"Probability of a benefit of at least {found.size:g} {unit} if the {trials} known trials "
        f"without usable numbers ({people:,} people) had all found the same, from a harm on the "
        f"left to a benefit on the right. {title(found.leader.replace('/', ', '))}: "
        + "; ".join(
            f"{x:g}: {short(percent(p, _DIGIT))}".replace("-", MINUS)
            for x, p in found.found(found.leader)
        )
        + "."
    )
    with canvas(PAGE, 3.4) as figure:
        axes = figure.subplots()
        for cell in cells:
            points = found.found(cell)
            lead = cell == found.leader
            axes.plot(
                [x for x, _ in points], [p for _, p in points],
                color=BLUE if lead else GREY, lw=2 if lead else 0.8, alpha=1 if lead else 0.6,
                label=cell.replace("/", ", ") if lead else None,
            )  # fmt: skip
        axes.axhline(0.5, color=INK, lw=0.6)
        axes.axvline(0, color=INK, lw=0.6)
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        axes.set_xlabel(f"what they are taken to have found, {unit} of benefit")
        axes.set_ylabel("probability")
        axes.legend(loc="upper left")
        svg = drawing(figure, "missing-evidence", alt)
    caption = (
        f"{alt} Grey: the other cells. Each trial is placed where its drug and route has most "
        "trials, with the error that its size implies; nobody knows what they found."
    )
    return Figure("missing-evidence", svg, caption, alt)


def _figures(content: Content) -> Iterator[Figure]:
    from bayes_nmda.report.specification_curve import specification_curve

    found = content.uncertainty
    if found is None:
        return
    drug, route, timepoint = (found.leader.split("/") + [""] * 2)[:3]
    yield specification_curve(
        found.universes.of(drug=drug, route=route or None, timepoint=timepoint or None)
    )
    yield missing_figure(found, content)


def range_words(found: Range) -> str:
    """Return ``"0 to 81 %"``, the range of a probability in whole per cents."""
    low, high = (short(percent(value, _DIGIT)) for value in (found.lowest, found.highest))
    return f"{low} to {high}"


KINDS = {
    "uncertainty": Kind(
        about=(About("differences"),),
        needs=("multiverse",),
        may=("biased",),
        figures=_figures,
    )
}
