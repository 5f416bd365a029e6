r"""Formulas as MathML for the page, for Typst, and as TeX for Markdown, from one text.

The language is the small part of TeX that the methods need: ``x_{i}``, ``x^{2}``, ``\theta``,
``\mathrm{Normal}``, ``\sum_{a}`` and plain symbols. No JavaScript, no fonts to load.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Final

from bayes_nmda.errors import ReportError

#: MathML trims plain spaces.
NBSP: Final = "\N{NO-BREAK SPACE}"
_SYMBOLS: Final = {
    "theta": "θ", "tau": "τ", "mu": "μ", "sigma": "σ", "omega": "ω", "rho": "ρ", "nu": "ν",
    "eta": "η", "sim": "∼", "sum": "∑", "cdot": "⋅", "le": "≤", "ge": "≥", "in": "∈",
    "quad": " ", "Sigma": "Σ", "pm": "±",
}  # fmt: skip
_TOKEN: Final = re.compile(
    r"\\mathrm\{(?P<word>[^}]*)\}|\\(?P<command>[A-Za-z]+)|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<letter>[A-Za-z])|(?P<mark>[_^])|(?P<open>\{)|(?P<close>\})|(?P<sign>[^\s])"
)


def mathml(tex: str) -> str:
    """Return a formula as MathML.

    Raises
    ------
    ReportError
        If it uses a command that this small language does not have.
    """
    body = _row(_tokens(tex), tex)
    return f'<math display="block" aria-label="{escape(tex, quote=True)}">{body}</math>'


def _tokens(tex: str) -> Iterator[re.Match[str]]:
    return _TOKEN.finditer(tex)


def _row(tokens: Iterator[re.Match[str]], tex: str) -> str:
    """Return everything up to the closing brace or the end, as one row."""
    done: list[str] = []
    marks: list[dict[str, str]] = []
    for token in tokens:
        if token["close"]:
            break
        if token["mark"]:
            marks[-1][token["mark"]] = _atom(next(tokens), tokens, tex)
            continue
        done.append(_atom(token, tokens, tex))
        marks.append({})
    return "<mrow>" + "".join(map(_marked, done, marks)) + "</mrow>"


def _marked(base: str, marks: dict[str, str]) -> str:
    if len(marks) == 2:
        return f"<msubsup>{base}{marks['_']}{marks['^']}</msubsup>"
    if "_" in marks:
        return f"<msub>{base}{marks['_']}</msub>"
    if "^" in marks:
        return f"<msup>{base}{marks['^']}</msup>"
    return base


def _atom(token: re.Match[str], tokens: Iterator[re.Match[str]], tex: str) -> str:
    if token["open"]:
        return _row(tokens, tex)
    if token["word"] is not None:
        return f"<mtext>{escape(token['word']).replace(' ', NBSP)}</mtext>"
    if token["command"]:
        symbol = _SYMBOLS.get(token["command"])
        if symbol is None:
            raise ReportError(
                f"formula {tex!r}: found \\{token['command']}; allowed are "
                f"{', '.join(sorted(_SYMBOLS))}, mathrm"
            )
        kind = "mi" if symbol.isalpha() else "mo"
        return f"<{kind}>{symbol}</{kind}>"
    if token["number"]:
        return f"<mn>{token['number']}</mn>"
    if token["letter"]:
        return f"<mi>{token['letter']}</mi>"
    return f"<mo>{escape(token['sign'])}</mo>"


def typst(tex: str) -> str:
    """Return a formula in the language of Typst's mathematics.

    Raises
    ------
    ReportError
        If it uses a command that this small language does not have.
    """
    return _typst_row(_tokens(tex), tex)


def _typst_row(tokens: Iterator[re.Match[str]], tex: str) -> str:
    done: list[str] = []
    for token in tokens:
        if token["close"]:
            break
        if token["mark"]:
            done[-1] += f"{token['mark']}({_typst_atom(next(tokens), tokens, tex)})"
        else:
            done.append(_typst_atom(token, tokens, tex))
    return " ".join(done)


def _typst_atom(token: re.Match[str], tokens: Iterator[re.Match[str]], tex: str) -> str:
    if token["open"]:
        return _typst_row(tokens, tex)
    if token["word"] is not None:
        quoted = token["word"].replace('"', "'")
        return f'"{quoted}"'
    if token["command"]:
        symbol = _SYMBOLS.get(token["command"])
        if symbol is None:
            raise ReportError(f"formula {tex!r}: found \\{token['command']}")
        return symbol if symbol.strip() else "quad"
    if token["number"] or token["letter"]:
        return token[0]
    return f"\\{token['sign']}" if token["sign"] in "/#$&\"'~_^" else token["sign"]
