"""How counted outcomes are modelled, in words and formulas, generated from the model file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayes_nmda.report.methods import chains
from bayes_nmda.report.numbers import outcome
from bayes_nmda.report.paragraphs import Paragraph, Reference

if TYPE_CHECKING:
    from bayes_nmda.model.spec import ModelSpec

#: Sources of method of counted outcomes that no model file names.
COUNTED_REFERENCES = (
    Reference(
        "Altman DG 1998. BMJ 317:1309 (intervals of numbers needed).", "10.1136/bmj.317.7168.1309"
    ),
)


def counted_methods(spec: ModelSpec) -> list[Paragraph]:
    """Return the methods of one analysis of counted events, step by step."""
    named = outcome(spec.select.outcome).lower()
    sizes = ", ".join(f"{1000 * x:g}" for x in spec.thresholds.risk_difference)
    return [
        Paragraph("Question", spec.question),
        Paragraph(
            "Counts",
            f"Shown for {named}; the other counted outcomes have models of the same form. Each "
            f"arm enters once. {spec.likelihood.source}",
            (
                r"e_{\mathrm{control}} \sim \mathrm{Binomial}(n_{\mathrm{control}}, p_{0})",
                r"e_{\mathrm{drug}} \sim \mathrm{Binomial}(n_{\mathrm{drug}}, p_{1})",
                r"\mathrm{logit}(p_{0}) = b_{\mathrm{trial}}",
                r"\mathrm{logit}(p_{1}) = b_{\mathrm{trial}} + \theta_{i}",
            ),
        ),
        Paragraph(
            "Mean effects",
            "On the scale of log odds, drugs and routes of one drug "
            f"{'and timepoints ' if spec.structure.timepoints else ''}borrow strength as they do "
            "for pain. The risk in each control arm has its own prior; none is borrowed.",
            (
                r"\theta_{i} = \theta_{\mathrm{cell}} + u_{\mathrm{comparison}}",
                r"\theta_{\mathrm{cell}} = \mu + a_{\mathrm{drug}} + b_{\mathrm{drug, route}}",
                r"\theta_{\mathrm{new}} \sim \mathrm{Normal}(\theta_{\mathrm{cell}}, \tau^{2})",
            ),
        ),
        Paragraph(
            "Risks, ratios and numbers needed",
            "Risk ratio, risk difference and number needed follow draw by draw from the odds ratio "
            "and the risks in the control arms of the drug's own trials, each weighted by its "
            "people. They are told by the median of the draws. Where the difference may be none, "
            "the number needed passes through infinity: its interval runs from a number needed to "
            "harm (NNTH) over ∞ to a number needed to treat (NNTB).",
        ),
        Paragraph(
            "Probabilities",
            f"The probability of a harm, or of a benefit, of at least so many more in 1000: {sizes}"
            f" in this model. {spec.thresholds.source}",
        ),
        Paragraph(
            "Computation",
            f"No-U-Turn sampling as for pain: {chains(spec)}. Counts have one engine; the second, "
            "exact one takes differences only.",
        ),
    ]
