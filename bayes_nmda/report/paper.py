"""The report on paper: one PDF by Typst, from the same content as the page.

The document is tagged (PDF/UA-1), its fonts are embedded and its bytes are the same each time: text
is set in the fonts that Typst carries, drawings in the one that Matplotlib carries, and no date is
written. Nothing is fetched.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.report.amounts import more, more_range, thousand
from bayes_nmda.report.formulas import typst
from bayes_nmda.report.glance import first_harm, headline, size_of_harm
from bayes_nmda.report.numbers import outcome, partition_words, prior_chance, short_chance
from bayes_nmda.report.sections.uncertainty import range_words
from bayes_nmda.report.staleness import TEMPLATE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bayes_nmda.report.content import Content
    from bayes_nmda.report.glance import Glance
    from bayes_nmda.report.graded import Row
    from bayes_nmda.report.methods import Paragraph
    from bayes_nmda.report.style import Figure

#: Standard that the file keeps: tagged for readers of screens.
_STANDARD: Final = "ua-1"
_NOTHING: Final = "–"
#: Height of a drawing on a page with its caption, in widths of the text.
_TALLEST: Final = 1.25


def paper(values: Mapping[str, Any], figures: Mapping[str, Figure]) -> bytes:
    """Return the PDF of a report.

    Parameters
    ----------
    values
        What the templates of the page may name.
    figures
        Every figure by name.
    """
    import matplotlib
    import typst as engine

    told = document(values, figures)
    used = {item["name"] for item in _items(told)}
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "figures").mkdir()
        for name in used:
            (root / "figures" / f"{name}.svg").write_text(figures[name].svg, encoding="utf-8")
        (root / "report.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
        source = (TEMPLATE_FOLDER / "report.typ").read_bytes()
        (root / "report.typ").write_bytes(source)
        made: bytes = engine.compile(
            root / "report.typ",
            root=root,
            format="pdf",
            font_paths=[Path(matplotlib.get_data_path()) / "fonts" / "ttf"],
            ignore_system_fonts=True,
            pdf_standards=[_STANDARD],
        )
    return _packed(made)


def _packed(content: bytes) -> bytes:
    """Return a PDF with its objects in compressed streams, the same bytes each time."""
    import io

    import pikepdf

    packed = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as document:
        document.save(
            packed,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            deterministic_id=True,
        )
    return packed.getvalue()


def _items(told: Mapping[str, Any]) -> Iterable[Mapping[str, str]]:
    for part in (*told["figures"], *told["diagnostics"]):
        yield from part["items"]
    yield from told["past"]


def document(values: Mapping[str, Any], figures: Mapping[str, Figure]) -> dict[str, Any]:
    """Return everything that the paper tells, in words."""
    content: Content = values["content"]
    return {
        "title": content.definition.title,
        "subtitle": content.definition.subtitle,
        "made": f"bayes_nmda {values['version']}, from "
        f"{values['words'].review.name or 'its data'}. Made by: {values['command']}.",
        "plain": plain(content, values["glances"]),
        "glance": _glance(content, values["glances"]),
        "summary": values["summary"],
        "limits": [*content.definition.limits, *values["unreported"]],
        "certainty": "Certainty is that of GRADE, with who judged it. Imprecision and "
        "inconsistency are computed from the posterior against the sizes that matter; everything "
        "else is what somebody judged, or “not judged”.",
        "graded": {
            "heads": ["Outcome", "Relative", "Without", "With", "Difference", "Trials (people)",
                      "Certainty", "What is known"],
            "widths": [2.2, 1.7, 1, 1, 2.2, 1.3, 1.6, 4.2],
        },
        "findings": [
            {
                "title": partition_words(partition),
                "rows": [_row(row) for row in rows],
                "reasons": [_reason(row) for row in rows],
            }
            for partition, rows in values["graded"].items()
        ],
        "figures": _drawn(content, figures),
        "methods": [
            {"title": title, "steps": [_step(step) for step in steps]}
            for title, steps in (
                (outcome(content.primary.spec.select.outcome), values["methods"]),
                ("Counted outcomes", values["counted_methods"]),
            )
            if steps
        ],
        "priors": [
            {
                "title": spec.title,
                "heads": ["Parameter", "Prior", "In words", "Source"],
                "widths": [1.4, 1.8, 3, 4],
                "rows": [
                    [name.replace("_", " "), prior.formula(), prior.reading, prior.source]
                    for name, prior in spec.priors
                ],
            }
            for spec in (content.primary.spec, *values["bases"])
        ],
        "diagnostics": _diagnostics(values, figures),
        "changes": values["past"].sentences(),
        "past": [_item(figures["history-headline"])] if "history-headline" in figures else [],
        "trials": {
            "heads": ["Trial", "Design, condition, people", "Dose and duration", "Risk of bias"],
            "widths": [2.6, 2.6, 3.6, 1.6],
            "rows": [
                [
                    f"{trial.label}. {trial.citation}" + (f" doi:{trial.doi}" if trial.doi else ""),
                    f"{trial.design}; {trial.condition or 'condition not stated'}; "
                    f"{trial.randomised or 'number not stated'}",
                    "; ".join(trial.treatments),
                    "; ".join(f"{domain}: {words}" for domain, words in trial.bias.items()),
                ]
                for trial in values["trials"]
            ],
        },
        "references": [
            one.words + (f" doi:{one.doi}" if one.doi else "") for one in values["references"]
        ],
    }  # fmt: skip


def plain(content: Content, glances: Sequence[Glance]) -> list[str]:
    """Return what a reader without statistics may take from it, a paragraph each."""
    spec = content.primary.spec
    size = spec.thresholds.benefit_sizes[1]
    said = load_vocabulary().outcome(spec.select.outcome).said
    against = spec.select.comparator
    harm = first_harm(content)
    words = [
        f"This report asks how probable it is that a treatment helps with {said}, and that it "
        f"harms, if people like those of the trials take it instead of {against}. A benefit that "
        f"matters is here at least {size:g} {spec.unit}; the choice of that size is explained "
        "under Methods, and a reader may choose another on the page.",
        "A probability of 50 % means no idea either way. Few and small trials leave most of these "
        "questions open; that is a finding, too.",
    ]
    known = [(one, one.cell.chances["benefit", size]) for one in glances if one.cell is not None]
    if known:
        best, record = max(known, key=lambda pair: float(pair[1]["probability"]))
        words.append(
            "Most probable is a benefit that matters with "
            f"{partition_words(best.partition).lower()}: {short_chance(record)} (before the data "
            f"{prior_chance(record)}). Certainty: {best.certainty.words}."
        )
        if best.harm is not None and harm is not None:
            more_words = f"{more(best.harm.lead)} of 1000 people ({more_range(best.harm.lead)})"
            words.append(
                f"With it {more_words} have {outcome(best.harm.outcome).lower()} than with "
                f"{against}."
            )
        if best.people is not None:
            words.append(
                f"{outcome(best.people.outcome)}: {more(best.people.lead)} of 1000 "
                f"({more_range(best.people.lead)})."
            )
    return words


def _glance(content: Content, glances: Sequence[Glance]) -> dict[str, Any]:
    spec = content.primary.spec
    size = spec.thresholds.benefit_sizes[1]
    harm, people = first_harm(content), headline(content)
    heads = ["Treatment", f"Benefit ≥ {size:g} {spec.unit}", "over all choices"]
    widths = [2.4, 1.2, 1.5]
    if harm is not None:
        limit = thousand(size_of_harm(content))
        heads.append(f"{outcome(harm.fit.spec.select.outcome)} ≥ {limit} more in 1000")
        widths.append(1.5)
    if people is not None:
        heads.append(f"{outcome(people.fit.spec.select.outcome)}, of 1000")
        widths.append(1.8)
    rows = []
    for one in glances:
        when = f", {one.cell.timepoint}" if one.cell is not None and one.cell.timepoint else ""
        row = [partition_words(one.partition) + when]
        ranges = content.uncertainty.ranges if content.uncertainty is not None else {}
        if one.cell is None:
            row += ["no number", _NOTHING]
        else:
            moved = ranges.get(one.cell.label)
            row += [
                short_chance(one.cell.chances["benefit", size]),
                range_words(moved) if moved is not None else _NOTHING,
            ]
        if harm is not None:
            known = one.harm
            row.append(
                "no number" if known is None
                else short_chance(known.chances["harm", size_of_harm(content)])
            )  # fmt: skip
        if people is not None:
            line = one.people
            row.append(
                "no number" if line is None else f"{more(line.lead)} ({more_range(line.lead)})"
            )
        rows.append([*row, f"{one.trials} ({one.participants:,})", one.certainty.words])
    return {
        "heads": [*heads, "Trials (people)", "Certainty"],
        "widths": [*widths, 1.2, 1.8],
        "rows": rows,
        "note": "Probabilities are of the average over trials like these. “Over all choices” is "
        "their range over the stated choices of priors, pooling and rows.",
    }


def _row(row: Row) -> list[str]:
    when = f", {row.timepoint}" if row.timepoint else ""
    return [
        row.outcome + when,
        row.relative or _NOTHING,
        row.without or _NOTHING,
        row.with_drug or _NOTHING,
        row.difference,
        f"{row.trials} ({row.participants:,})",
        row.certainty.words,
        row.statement,
    ]


def _reason(row: Row) -> str:
    when = f", {row.timepoint}" if row.timepoint else ""
    domains = "; ".join(
        f"{domain.name.lower()} {domain.judgement}"
        + (f" ({domain.reason})" if domain.reason else "")
        for domain in row.certainty.domains
    )
    return f"{row.outcome}{when}: {domains}."


def _drawn(content: Content, figures: Mapping[str, Figure]) -> list[dict[str, Any]]:
    """Return the figures on paper: each treatment, then one part a section, then the map."""
    parts: list[tuple[str, str]] = [("Each drug and route", "forest")]
    parts += [
        (section.title, start)
        for section in content.definition.sections
        for start in {
            "uncertainty": ("specification-curve", "missing-evidence"),
            "harms": ("harm-map",),
            "tradeoff": ("tradeoff",),
            "next_trial": ("next-trial",),
        }.get(section.kind, ())
    ]
    parts += [("Evidence map", "evidence-map")]
    parts += [("Without one trial", "influence")]
    found: dict[str, list[dict[str, str]]] = {}
    for title, start in parts:
        found.setdefault(title, []).extend(
            _item(figure) for name, figure in figures.items() if name.startswith(start)
        )
    return [{"title": title, "items": items} for title, items in found.items() if items]


def _item(figure: Figure) -> dict[str, str]:
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', figure.svg)
    width, height = (float(x) for x in box.groups()) if box else (1.0, 1.0)
    share = min(1.0, _TALLEST * width / height)
    return {
        "name": figure.name,
        "alt": figure.alt,
        "caption": figure.caption,
        "width": f"{100 * share:.0f}",
    }


def _step(step: Paragraph) -> dict[str, Any]:
    formulas = [{"text": typst(one), "alt": one} for one in step.formulas]
    return {"heading": step.heading, "words": step.words, "formulas": formulas}


def _diagnostics(values: Mapping[str, Any], figures: Mapping[str, Figure]) -> list[dict[str, Any]]:
    content: Content = values["content"]
    kinds = ("R-hat", "bulk ESS", "tail ESS", "divergences", "E-BFMI")
    gates = [
        [
            row["model"],
            f"{row['gates'] - row['failed']} of {row['gates']}",
            *(f"{row[kind]:.3f}" if kind == "R-hat" else f"{row[kind]:.4g}" for kind in kinds),
        ]
        for row in values["gate_rows"]
    ]
    engines = [
        [row["model"], *(("not compared", row["why"], "") if row["why"] else (
            f"{row['numbers']}", f"{row['difference']:.1f}", f"{row['chance']:.3f}"))]
        for row in values["engines"]
    ]  # fmt: skip
    return [
        {
            "title": "Gates",
            "words": f"All {values['gates']:,} gates of {len(content.fits)} models passed. Each "
            "row has the values nearest to what the model file allows.",
            "heads": ["Model", "Passed", "R-hat", "Bulk ESS", "Tail ESS", "Divergences", "E-BFMI"],
            "widths": [3, 1.2, 1, 1, 1, 1, 1],
            "rows": gates,
            "items": [],
        },
        {
            "title": "Two engines agree",
            "words": "Numbers compared between the exact engine and NUTS, and the largest "
            "differences: in standard errors, and of a probability.",
            "heads": ["Model", "Numbers", "Standard errors", "Probability"],
            "widths": [3, 1, 1.4, 1.4],
            "rows": engines,
            "items": [],
        },
        {
            "title": "Chains agree, and the model predicts what was seen",
            "words": f"{values['reproduced']} of {len(values['replication'])} printed rows and "
            "pooled results of the review come out of these data by its own method.",
            "heads": [],
            "widths": [],
            "rows": [],
            "items": [_item(figures[name]) for name in ("ranks", "energy", "posterior-predictive")],
        },
    ]
