"""Templates in, text out: the page and its Markdown twin, from the same content."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda import __version__
from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.query.words import percent
from bayes_nmda.report import (
    amounts,
    findings,
    further,
    glance,
    limitations,
    numbers,
    provenance,
    tables,
)
from bayes_nmda.report.checklists import checklists
from bayes_nmda.report.counted import COUNTED_REFERENCES, counted_methods
from bayes_nmda.report.curves import legend_note
from bayes_nmda.report.engines import most_influential
from bayes_nmda.report.formulas import NBSP, mathml
from bayes_nmda.report.graded import graded
from bayes_nmda.report.methods import PARAMETERS, REFERENCES, Reference, methods
from bayes_nmda.report.paper import paper
from bayes_nmda.report.sections import KINDS
from bayes_nmda.report.sections.outcomes import size_of
from bayes_nmda.report.sections.primary import FIRST
from bayes_nmda.report.sections.uncertainty import range_words
from bayes_nmda.report.staleness import TEMPLATE_FOLDER
from bayes_nmda.report.style import looks_once
from bayes_nmda.report.summary import summary, unreported
from bayes_nmda.report.trials import linked, trial_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment
    from jinja2.nodes import EvalContext

    from bayes_nmda.report.computation import LeaveOneOut
    from bayes_nmda.report.content import Content
    from bayes_nmda.report.history import Told
    from bayes_nmda.report.style import Figure

#: What begins a link or an image, code, or ends a cell, in Markdown.
_MARKUP: Final = re.compile(r"[|`\[\]]")
#: Template of each page.
PAGES: Final = {"index.html": "report.html.j2", "report.md": "report.md.j2"}


def _interval(pair: tuple[float, float], decimals: int = 1) -> str:
    low, high = pair
    return numbers.interval(low, high, decimals)


def _plain_text(markup: str) -> str:
    """Return the words of a piece of the page, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", str(markup))).split())


def _finalized(context: EvalContext, value: Any) -> Any:
    """Return a value as Markdown shows it: no text of a project is a tag, a link or a column.

    In HTML templates, where everything is escaped, it is returned as it is.
    """
    if context.autoescape or not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return _MARKUP.sub(r"\\\g<0>", value.replace("&", "&amp;").replace("<", "&lt;"))


def _reviews() -> list[Reference]:
    """Return the review that the trials come from, where the vocabulary names one."""
    review = load_vocabulary().review
    return [Reference(review.citation, review.doi)] if review.citation else []


def environment() -> Environment:
    """Return the templates with the words and numbers they use."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_eval_context

    made = Environment(
        loader=FileSystemLoader(TEMPLATE_FOLDER),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=StrictUndefined,
        finalize=pass_eval_context(_finalized),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "chance": numbers.chance,
        "short_chance": numbers.short_chance,
        "prior_chance": numbers.prior_chance,
        "estimate": numbers.estimate,
        "limits": numbers.limits,
        "prior_limits": numbers.prior_limits,
        "signed": numbers.signed,
        "interval": _interval,
        "outcome": numbers.outcome,
        "partition_words": numbers.partition_words,
        "slug": numbers.identifier,
        "flag": lambda flag: numbers.FLAGS.get(flag, flag.replace("_", " ")),
        "judgement": lambda rob: numbers.JUDGEMENTS[rob],
        "mathml": mathml,
        "sentence_case": numbers.title,
        "plain_text": _plain_text,
        "thousand": amounts.thousand,
        "more": amounts.more,
        "more_range": amounts.more_range,
        "risk_with": amounts.risk_with,
        "ratio": amounts.ratio,
        "ratio_range": amounts.ratio_range,
        "review_parts": amounts.review_parts,
        "without": amounts.without,
        "showed": amounts.showed,
        "needed": amounts.needed,
        "needed_range": amounts.needed_range,
        "net_chance": amounts.net_chance,
        "comparison_words": numbers.comparison_words,
        "range_words": range_words,
        "lower_first": lambda text: text[:1].lower() + text[1:],
        "share": lambda value: numbers.short(percent(value, 0.005)),
        "better": amounts.better,
        "better_range": amounts.better_range,
    }
    return made


def render(
    content: Content,
    figures: Mapping[str, Figure],
    loo: LeaveOneOut,
    inputs: Mapping[str, str],
    past: Told,
) -> dict[str, str | bytes]:
    """Return every page by its file name: text, and the bytes of the PDF.

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
    past
        The reports before this one.
    """
    values = context(content, figures, loo, inputs, past)
    made = environment()
    pages = {
        page: _unbroken(made.get_template(template).render(values))
        for page, template in PAGES.items()
    }
    pages["index.html"] = looks_once(linked(pages["index.html"], values["trials"]))
    return {**pages, "report.pdf": paper(values, figures)}


def _unbroken(text: str) -> str:
    """Return the text with numbers held to their per-cent sign; a script stays as it is signed."""
    page, tag, script = text.partition("<script")
    return page.replace(" %", f"{NBSP}%") + tag + script


def context(
    content: Content,
    figures: Mapping[str, Figure],
    loo: LeaveOneOut,
    inputs: Mapping[str, str],
    past: Told,
) -> dict[str, Any]:
    """Return everything a template may name."""
    spec, definition = content.primary.spec, content.definition
    script = (TEMPLATE_FOLDER / "page.js").read_text(encoding="utf-8")
    harms = content.told("harms")
    function = content.told("function")
    return {
        "definition": definition,
        "spec": spec,
        "first": spec.thresholds.benefit_sizes[FIRST],
        "content": content,
        "figures": figures,
        "past": past,
        "summary": summary(content),
        "unreported": unreported(content),
        "words": load_vocabulary(),
        "said": load_vocabulary().outcome(spec.select.outcome).said,
        "script": script,
        "script_digest": b64encode(sha256(script.encode()).digest()).decode(),
        "glances": glance.glances(content),
        "glance_harm": glance.first_harm(content),
        "glance_people": glance.headline(content),
        "graded": {name: rows for name in content.partitions if (rows := graded(content, name))},
        "checklists": checklists(content),
        "trials": trial_rows(content.trials),
        "line_tables": [part.kind for part in definition.sections if KINDS[part.kind].lines],
        "findings": findings.findings(content),
        "counted": findings.counted(content),
        "size_of": size_of,
        "as_difference": amounts.review_difference,
        "as_ratio": amounts.review_ratio,
        "as_better": amounts.better_review,
        "legend_note": legend_note(content),
        "printed": further.printed_results(content.trials),
        "further": further.further_trials(content.trials),
        "methods": methods(spec),
        "counted_methods": counted_methods(harms[0].fit.spec) if harms else [],
        "bases": [told.fit.spec for told in (*harms[:1], *function[:1])],
        "parameters": PARAMETERS,
        "references": (*_reviews(), *REFERENCES, *(COUNTED_REFERENCES if harms else ())),
        "engines": tables.engines(content),
        "influential": most_influential(content),
        "gates": sum(len(fit.gates) for fit in content.fits),
        "gate_rows": tables.gate_summary(content).to_dict("records"),
        "loo": loo,
        "loo_rows": list(zip(loo.trials, loo.elpd_i, loo.pareto_k, strict=True)),
        "flags": limitations.flag_counts(content),
        "contrasts": len(limitations.rows(content)),
        "bias": limitations.bias_counts(content),
        "decisions": content.trials.decisions.to_dict("records"),
        "replication": content.replication.to_dict("records"),
        "reproduced": int(content.replication["reproduced"].sum()),
        "models": provenance.models(content),
        "versions": provenance.versions(),
        "inputs": dict(sorted(inputs.items())),
        "command": provenance.command(content.definition.name),
        "version": __version__,
        "citation_count": int((content.trials.trials["in_review"] == "yes").sum()),
    }
