"""Certainty of evidence in the words of GRADE: what is computed, what somebody judged, and who.

Imprecision and inconsistency follow from the posterior and the thresholds that the model file
declares. Risk of bias, indirectness and publication bias take somebody who has read the trials:
they stand where the report definition or the data hold such a judgement, with who made it, and are
"not judged" everywhere else. So is the overall certainty; none is made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bayes_nmda.report.limitations import judgements_of
from bayes_nmda.report.numbers import JUDGEMENTS
from bayes_nmda.report.sections.outcomes import size_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bayes_nmda.report.content import Content
    from bayes_nmda.report.definition import Judgement
    from bayes_nmda.report.fits import Fit, Record
    from bayes_nmda.report.sections.outcomes import Line

NOT_JUDGED: Final = "not judged"
#: Who judged where the review did.
REVIEWERS: Final = "the review’s authors"
#: What is said of an interval that crosses none, one, or both of the thresholds.
_LEVELS: Final = ("not serious", "serious", "very serious")
#: Domains of GRADE that take a person, by their names in a report definition.
JUDGED: Final[dict[str, str]] = {
    "risk_of_bias": "Risk of bias",
    "indirectness": "Indirectness",
    "publication_bias": "Publication bias",
}


@dataclass(frozen=True, slots=True)
class Domain:
    """One of the five domains: its judgement, why, and who made it."""

    name: str
    judgement: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Certainty:
    """Certainty of one number.

    Attributes
    ----------
    overall
        Very low, low, moderate or high, or "not judged".
    by
        Who judged it.
    domains
        The five, computed ones first.
    """

    overall: str
    by: str
    domains: tuple[Domain, ...]

    @property
    def words(self) -> str:
        """Overall certainty with who judged it, ``"very low (the review)"``."""
        return f"{self.overall} ({self.by})" if self.by else self.overall


def certainty(content: Content, line: Line) -> Certainty:
    """Return the certainty of the leading estimate of one line.

    Parameters
    ----------
    content
        The report, with the judgements of its definition.
    line
        Its mean effect and new trial are on one scale, that of the threshold.

    References
    ----------
    Guyatt et al. 2025, BMJ 389:e081904 (Core GRADE 2: certainty is rated down for imprecision where
    the interval crosses the threshold of interest).
    """
    outcome = content.outcomes[line.model]
    fit, size = outcome.fit, size_of(outcome)
    limit = f"{1000 * size:.0f} in 1000" if fit.counts else f"{size:g} {fit.spec.unit}"
    stated = {
        one.domain: one
        for one in content.definition.judgements
        if (one.model, one.cell) == (line.model, line.label)
    }
    domains = (
        _imprecision(line.lead, size, limit),
        _inconsistency(line.lead, line.new, size, limit),
        *(_judged(content, fit, line.label, domain, stated) for domain in JUDGED),
    )
    if "overall" in stated:
        return Certainty(stated["overall"].judgement, stated["overall"].by, domains)
    if line.review is not None and line.review.certainty:
        return Certainty(line.review.certainty, REVIEWERS, domains)
    return Certainty(NOT_JUDGED, "", domains)


def _crossed(record: Record, size: float) -> int:
    """Return how many of the thresholds -size and size lie inside the 95 % interval."""
    return sum(record["lower"] < limit < record["upper"] for limit in (-size, size))


def _imprecision(mean: Record, size: float, limit: str) -> Domain:
    crossed = _crossed(mean, size)
    how = (
        f"the 95 % interval holds neither {limit} of benefit nor {limit} of harm",
        f"the 95 % interval holds one of the two thresholds, {limit} of benefit and of harm",
        f"the 95 % interval holds both {limit} of benefit and {limit} of harm",
    )[crossed]
    return Domain("Imprecision", _LEVELS[crossed], how, "computed")


def _inconsistency(mean: Record, new: Record, size: float, limit: str) -> Domain:
    name = "Inconsistency"
    if mean["trials"] == 1:
        return Domain(name, NOT_JUDGED, "a single trial", "computed")
    more = _crossed(new, size) - _crossed(mean, size)
    if more > 0:
        how = f"trials differ so much that one more may lie beyond {limit} where the mean does not"
        return Domain(name, _LEVELS[min(more, 1)], how, "computed")
    if _crossed(mean, size) == 2:
        how = "it cannot be told from imprecision: the mean itself may lie beyond either threshold"
        return Domain(name, NOT_JUDGED, how, "computed")
    how = f"one more trial is expected on the same side of {limit} as the mean"
    return Domain(name, _LEVELS[0], how, "computed")


def _judged(
    content: Content, fit: Fit, cell: str, domain: str, stated: Mapping[str, Judgement]
) -> Domain:
    if domain in stated:
        one = stated[domain]
        return Domain(JUDGED[domain], one.judgement, one.reason, one.by)
    reason = ""
    if domain == "risk_of_bias":
        counts = judgements_of(fit.effects.frame[fit.effects.frame["cell"] == cell])
        told = ", ".join(f"{number} {JUDGEMENTS[rob]}" for rob, number in counts.items())
        reason = f"of the randomisation alone: {told}"
    elif domain == "publication_bias" and content.uncertainty is not None:
        added = content.uncertainty.missing.attrs["added"]
        number = added.loc[added["cell"] == cell, "trial"].nunique() if "cell" in added else 0
        if number and fit.spec.name == content.primary.spec.name:
            noun = "trial" if number == 1 else "trials"
            reason = f"{number} known {noun} without usable numbers"
    return Domain(JUDGED[domain], NOT_JUDGED, reason, "")
