"""The methods section, in words and formulas, generated from the model file.

Every number here is one of the specification; a different file gives different words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bayes_nmda.report.numbers import outcome

if TYPE_CHECKING:
    from bayes_nmda.spec.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One step of the methods: words, then formulas in the language of `formulas`."""

    heading: str
    words: str
    formulas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """One cited source."""

    words: str
    doi: str = ""


_MEASURES: Final = {
    "MD": "the difference of arm means (mean difference)",
    "SMD": "the standardised mean difference (Hedges g)",
    "log_rr": "the log risk ratio",
    "log_or": "the log odds ratio",
    "RD": "the risk difference",
}
#: What each parameter is, in words and as a symbol.
PARAMETERS: Final = {
    "overall": (r"\mu", "effect common to all drugs, routes and timepoints"),
    "tau": (r"\tau", "SD between true effects of trials alike in drug, route and timepoint"),
    "sd_drug": (r"\sigma_{\mathrm{drug}}", "SD between drugs"),
    "sd_route": (r"\sigma_{\mathrm{route}}", "SD between routes of one drug"),
    "sd_timepoint": (
        r"\sigma_{\mathrm{time}}",
        "SD between timepoints of one drug and route",
    ),
    "sd_trial_timepoint": (r"\omega", "SD between timepoints within one trial"),
    "midpoint": (r"m", "middle of the log odds of a trial's arms"),
    "baseline": (r"c", "log odds of an event without the drug, over all control arms"),
    "baseline_sd_cell": (r"s_{\mathrm{cell}}", "SD between control risks of cells, in log odds"),
    "baseline_sd_trial": (
        r"s_{\mathrm{trial}}",
        "SD between control risks of trials of a cell, in log odds",
    ),
    "overdispersion": (r"\phi", "how much more than binomial the counts of an arm scatter"),
    "within_person_correlation": (r"\rho", "correlation of the two values of one person"),
}
_CELL: Final = r"\theta_{\mathrm{cell}}"


def methods(spec: ModelSpec) -> list[Paragraph]:
    """Return the methods of one analysis, step by step."""
    found = [
        Paragraph("Question", spec.question),
        Paragraph(
            "Data",
            f"Trials that the review compares with {spec.select.comparator} on "
            f"{outcome(spec.select.outcome).lower()}. The effect is {_MEASURES[spec.measure]}, "
            f"drug minus control, in {spec.unit}: {spec.scale}.",
        ),
        Paragraph(
            "Errors",
            "Observed differences are normal around the true ones. Their errors are those of arm "
            "means; two differences of one trial share the error of every arm they share. "
            + spec.covariance.source,
            (
                r"y \sim \mathrm{MVN}(\theta, V)",
                r"V_{i j} = \sum_{a} r_{i j} \cdot \mathrm{se}_{a i} \cdot \mathrm{se}_{a j}",
                r"r_{i j} = 1 \mathrm{ at one timepoint, } "
                rf"{spec.covariance.timepoint_correlation:g} \mathrm{{ between timepoints}}",
            ),
        ),
        *_effects(spec),
        Paragraph(
            "A new trial",
            "The effect to expect in a new trial adds to the mean effect of its cell all that "
            "trials differ by. It is always less certain than the mean effect.",
            (_new_trial(spec),),
        ),
        Paragraph("Deviations of trials", _trial_words(spec)),
        Paragraph(
            "Probabilities",
            "The probability of a benefit of at least x is the mass of the posterior on effects of "
            "x or more in the direction of benefit. Thresholds: "
            f"{', '.join(f'{x:g}' for x in spec.thresholds.benefit_sizes)} {spec.unit}. "
            + spec.thresholds.source,
        ),
        Paragraph(
            "Computation",
            f"{engines(spec)} Estimates are posterior means; intervals are 95 % equal-tailed "
            "throughout.",
        ),
    ]
    return found


def engines(spec: ModelSpec) -> str:
    """Return which engine answers and which one checks it, in words."""
    from bayes_nmda.inference.exact.engine import obstacle

    sampled = f"No-U-Turn sampling in PyMC by nutpie: {chains(spec)}"
    if obstacle(spec) is not None:
        return f"{sampled}."
    return (
        "The exact engine integrates over the standard deviations by weighted points; given them "
        f"it needs no sampling. Its answers are told. They are checked by {sampled}."
    )


def chains(spec: ModelSpec) -> str:
    """Return how a model is sampled, "4 chains of 3,000 draws after 1,000 of tuning, …"."""
    how = spec.sampling
    kept = "" if how.thin == 1 else f", one in {how.thin} kept"
    return (
        f"{how.chains} chains of {how.draws * how.thin:,} draws after {how.tune:,} of tuning"
        f"{kept}, target acceptance {how.target_accept:g}, seed {how.seed}"
    )


def _effects(spec: ModelSpec) -> list[Paragraph]:
    terms: tuple[str, ...]
    match spec.structure.pooling:
        case "partial":
            words = (
                "Cells, combinations of drug, route and timepoint, borrow strength: a cell's mean "
                "effect is an overall effect plus deviations of the drug, of the route within the "
                "drug, and of the timepoint within both. The fewer the data of a cell, the more "
                "it is drawn towards its relatives."
            )
            terms = (
                _CELL + r" = \mu + a_{\mathrm{drug}} + b_{\mathrm{drug, route}} "
                r"+ c_{\mathrm{drug, route, time}}",
                r"a \sim \mathrm{Normal}(0, \sigma_{\mathrm{drug}}^{2})",
                r"b \sim \mathrm{Normal}(0, \sigma_{\mathrm{route}}^{2})",
                r"c \sim \mathrm{Normal}(0, \sigma_{\mathrm{time}}^{2})",
            )
        case "none":
            words = "Each cell is analysed alone; nothing is borrowed."
            terms = (r"\theta_{i} = " + _CELL + r" + u_{i}",)
        case _:
            words = "One mean effect holds for all drugs, routes and timepoints."
            terms = (_CELL + r" = \mu",)
    both = spec.structure.pooling != "none"
    trial = (
        r"\theta_{i} = " + _CELL + (r" + u_{\mathrm{comparison}} + w_{i}" if both else r" + u_{i}")
    )
    return [Paragraph("Mean effects", words, terms), Paragraph("True effects", "", (trial,))]


def _trial_words(spec: ModelSpec) -> str:
    structure = spec.structure
    kind = (
        "normal"
        if structure.trial_effects == "normal"
        else f"Student-t with {structure.degrees_of_freedom:g} degrees of freedom"
    )
    return (
        f"The deviations u of comparisons are {kind}, with SD tau; the deviations w of a "
        "comparison's timepoints are normal. Deviations of two comparisons of one trial correlate "
        f"{structure.multi_arm_correlation:g}. {structure.source}"
    )


def _new_trial(spec: ModelSpec) -> str:
    spread = r"\tau^{2} + \omega^{2}" if spec.structure.pooling != "none" else r"\tau^{2}"
    family = "Normal" if spec.structure.trial_effects == "normal" else "Student-t + Normal"
    return r"\theta_{\mathrm{new}} \sim \mathrm{" + family + "}(" + _CELL + ", " + spread + ")"


#: Sources of method that no model file names; those of priors stand with the priors.
REFERENCES: Final = (
    Reference(
        "Bartoš F et al. 2021. Stat Med 40:6743 (priors of effects and heterogeneity).",
        "10.1002/sim.9170",
    ),
    Reference("DerSimonian R, Laird N 1986. Control Clin Trials 7:177 (the review's method).",
              "10.1016/0197-2456(86)90046-2"),
    Reference("Higgins JPT, Whitehead A 1996. Stat Med 15:2733 (multi-arm trials)."),
    Reference("Lu G, Ades AE 2004. Stat Med 23:3105 (multi-arm trials)."),
    Reference("Hoffman MD, Gelman A 2014. J Mach Learn Res 15:1593 (No-U-Turn sampler)."),
    Reference("Vehtari A et al. 2021. Bayesian Anal 16:667 (R-hat, effective sample size).",
              "10.1214/20-BA1221"),
    Reference("Vehtari A, Gelman A, Gabry J 2017. Stat Comput 27:1413 (leave-one-out).",
              "10.1007/s11222-016-9696-4"),
    Reference("Betancourt M 2016. arXiv:1604.00695 (energy diagnostics)."),
)  # fmt: skip
