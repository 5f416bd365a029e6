"""Templates in, text out: the page and its Markdown twin, from the same content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bayes_nmda import __version__, paths
from bayes_nmda.report import limitations, numbers, provenance, tables
from bayes_nmda.report.content import FIRST
from bayes_nmda.report.curves import legend_note
from bayes_nmda.report.engines import most_influential
from bayes_nmda.report.evidence import map_rows
from bayes_nmda.report.figures import partition_words
from bayes_nmda.report.formulas import NBSP, mathml
from bayes_nmda.report.methods import PARAMETERS, REFERENCES, methods
from bayes_nmda.report.summary import leading_cell, published_harms, summary, unreported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

    from bayes_nmda.report.computation import LeaveOneOut
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.style import Figure

#: Template of each page.
PAGES: Final = {"index.html": "report.html.j2", "report.md": "report.md.j2"}


def _interval(pair: tuple[float, float], decimals: int = 1) -> str:
    low, high = pair
    return numbers.interval(low, high, decimals)


def environment() -> Environment:
    """Return the templates of ``reports/templates`` with the words and numbers they use."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(paths.reports() / "templates"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "chance": numbers.chance,
        "prior_chance": numbers.prior_chance,
        "estimate": numbers.estimate,
        "limits": numbers.limits,
        "prior_limits": numbers.prior_limits,
        "signed": numbers.signed,
        "interval": _interval,
        "outcome": numbers.outcome,
        "partition_words": partition_words,
        "slug": numbers.identifier,
        "flag": lambda flag: numbers.FLAGS.get(flag, flag.replace("_", " ")),
        "judgement": lambda rob: numbers.JUDGEMENTS[rob],
        "mathml": mathml,
        "sentence_case": numbers.title,
    }
    made.globals["count"] = numbers.count
    return made


def render(
    content: Content, figures: Mapping[str, Figure], loo: LeaveOneOut, inputs: Mapping[str, str]
) -> dict[str, str]:
    """Return the text of every page by its file name.

    Parameters
    ----------
    content
        What is told.
    figures
        Every figure by name.
    loo
        Leave-one-trial-out of the primary analysis.
    inputs
        SHA-256 of every file of data, models and the report definition.
    """
    values = context(content, figures, loo, inputs)
    made = environment()
    return {
        page: _unbroken(made.get_template(template).render(values))
        for page, template in PAGES.items()
    }


def _unbroken(text: str) -> str:
    """Return the text with numbers held to their per-cent sign at the end of a line."""
    return text.replace(" %", f"{NBSP}%")


def context(
    content: Content, figures: Mapping[str, Figure], loo: LeaveOneOut, inputs: Mapping[str, str]
) -> dict[str, Any]:
    """Return everything a template may name."""
    spec = content.primary.spec
    gates = tables.gates(content)
    return {
        "definition": content.definition,
        "spec": spec,
        "first": spec.thresholds.benefit[FIRST],
        "content": content,
        "figures": figures,
        "leader": leading_cell(content),
        "summary": summary(content),
        "unreported": unreported(content),
        "harms": published_harms(content),
        "legend_note": legend_note(content),
        "map_rows": map_rows(content.answers["evidence_map"]),
        "methods": methods(spec),
        "parameters": PARAMETERS,
        "references": REFERENCES,
        "engines": tables.engines(content),
        "influential": most_influential(content),
        "gates": [dict(row) for row in gates.to_dict("records")],
        "primary_gates": content.primary.gates.to_dict("records"),
        "loo": loo,
        "loo_rows": list(zip(loo.trials, loo.elpd_i, loo.pareto_k, strict=True)),
        "flags": limitations.flag_counts(content),
        "bias": limitations.bias_counts(content),
        "decisions": limitations.decisions(content).to_dict("records"),
        "replication": content.replication.to_dict("records"),
        "reproduced": int(content.replication["reproduced"].sum()),
        "models": provenance.models(content),
        "versions": provenance.versions(),
        "inputs": dict(sorted(inputs.items())),
        "command": provenance.COMMAND,
        "version": __version__,
        "citation_count": int((content.trials.trials["in_cochrane_2025"] == "yes").sum()),
    }
