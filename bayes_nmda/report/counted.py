"""How counted outcomes are modelled, in words and formulas, generated from the model file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayes_nmda.report.methods import Paragraph, Reference, engines
from bayes_nmda.report.numbers import outcome

if TYPE_CHECKING:
    from bayes_nmda.spec.spec import ModelSpec

#: Sources of method of counted outcomes that no model file names.
COUNTED_REFERENCES = (
    Reference(
        "Breslow NE, Day NE 1980. Statistical Methods in Cancer Research 1 (conditional "
        "likelihood)."
    ),
    Reference(
        "Stijnen T, Hamza TH, Özdemir P 2010. Stat Med 29:3046 (random effects, given totals).",
        "10.1002/sim.4040",
    ),
    Reference(
        "Dias S et al. 2013. Med Decis Making 33:657 (baseline models).",
        "10.1177/0272989X13485155",
    ),
    Reference(
        "Altman DG 1998. BMJ 317:1309 (intervals of numbers needed).", "10.1136/bmj.317.7168.1309"
    ),
)


def counted_methods(spec: ModelSpec) -> list[Paragraph]:
    """Return the methods of one analysis of counted events, step by step."""
    named = outcome(spec.select.outcome).lower()
    sizes = ", ".join(f"{1000 * x:g}" for x in spec.thresholds.risk_sizes)
    return [
        Paragraph("Question", spec.question),
        Paragraph(
            "Counts",
            f"Shown for {named}; the other counted outcomes have models of the same form. "
            f"{spec.likelihood.source} Below, e and n are events and people with the drug, d and m "
            "those with the control, t the total of events, and k every number of events with the "
            "drug that the total allows.",
            (
                r"\mathrm{P}(e \mathrm{ given } t) = C(n, e) C(m, t - e) r^{e} / "
                r"\sum_{k} C(n, k) C(m, t - k) r^{k}",
                r"\mathrm{log } r = \theta_{i}",
            ),
        ),
        Paragraph(
            "Mean effects",
            "On the scale of log odds, drugs and routes of one drug "
            f"{'and timepoints ' if spec.structure.timepoints else ''}borrow strength as they do "
            "in the primary analysis.",
            (
                r"\theta_{i} = \theta_{\mathrm{cell}} + u_{\mathrm{comparison}}",
                r"\theta_{\mathrm{cell}} = \mu + a_{\mathrm{drug}} + b_{\mathrm{drug, route}}",
                r"\theta_{\mathrm{new}} \sim \mathrm{Normal}(\theta_{\mathrm{cell}}, \tau^{2})",
            ),
        ),
        Paragraph(
            "Control risks",
            "A ratio says how many people are affected only at a risk without the drug. That "
            "risk is "
            "a model of its own, of the control arms alone: the log odds of an event in a control "
            "arm scatter around the mean of its cell, and cells around a common mean. Ratios are "
            "applied, draw by draw, to the risk of a new population like those of the cell; its "
            "interval, and what the control arms showed, stand beside each number. "
            + spec.prior("baseline").source,
            (
                r"d \sim \mathrm{Binomial}(m, p)",
                r"\mathrm{logit}(p) = c_{\mathrm{cell}} + v",
                r"c_{\mathrm{cell}} \sim \mathrm{Normal}(c, s_{\mathrm{cell}}^{2})",
                r"v \sim \mathrm{Normal}(0, s_{\mathrm{trial}}^{2})",
            ),
        ),
        Paragraph(
            "Risks, ratios and numbers needed",
            "Risk ratio, risk difference and number needed follow draw by draw from the odds ratio "
            "and the control risk. They are told by the median of the draws. Where the difference "
            "may be none, the number needed passes through infinity: its interval runs from a "
            "number "
            "needed to harm (NNTH) over ∞ to a number needed to treat (NNTB).",
        ),
        Paragraph(
            "Probabilities",
            f"The probability of a harm, or of a benefit, of at least so many more in 1000: {sizes}"
            f" in this model. {spec.thresholds.source}",
        ),
        Paragraph(
            "Computation",
            f"{engines(spec)} Risks of a new population take draws of the same posterior.",
        ),
    ]
