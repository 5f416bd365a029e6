"""Published empirical priors by name, from the tables in ``meta/priors``.

A name is ``source:topic`` or ``source:topic/setting``: ``"turner2015:pain"``,
``"rhodes2015:pain/respiratory"``, ``"bartos2023:pain/log_or"``. Turner and Rhodes printed their
distributions for tau² and they are halved here on the log scale; Bartoš printed his for tau.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from bayes_nmda.errors import UsageError

_TABLES = Path(__file__).parent / "priors"
#: Where each table was published, and the effect measure it is for.
SOURCES = {
    "turner2012": "Turner 2012, Int J Epidemiol 41:818, doi:10.1093/ije/dys041 (log odds ratios)",
    "turner2015": "Turner 2015, Stat Med 34:984, doi:10.1002/sim.6381 (log odds ratios)",
    "rhodes2015": (
        "Rhodes 2015, J Clin Epidemiol 68:52, doi:10.1016/j.jclinepi.2014.08.012"
        " (standardised mean differences)"
    ),
    "bartos2021": (
        "Bartoš 2021, Stat Med 40:6743, doi:10.1002/sim.9170 (standardised mean differences)"
    ),
    "bartos2023": "Bartoš 2023, arXiv:2306.11468 (log_or, log_rr, rd, log_hr)",
}
#: The settings meant when a name says none, as far as a table has them.
USUAL = frozenset({"pharmacological_vs_placebo", "other", "smd", "any"})


@dataclass(frozen=True, slots=True)
class PublishedPrior:
    """One row of a published table, on the scale of tau or mu."""

    family: str
    parameters: tuple[float, ...]
    name: str
    citation: str
    note: str


@cache
def _rows(source: str, folder: Path) -> tuple[dict[str, str], ...]:
    path = folder / f"{source}.csv"
    if not path.is_file():
        raise UsageError(f"the table of priors {path} is missing; install bayes_nmda again")
    with path.open(newline="", encoding="utf-8") as lines:
        return tuple(csv.DictReader(lines))


def _matching_topic(rows: list[dict[str, str]], topic: str) -> list[dict[str, str]]:
    exact = [row for row in rows if row["topic"] == topic]
    if exact:
        return exact
    return [row for row in rows if f"_{topic}_" in f"_{row['topic']}_"]


def published_prior(name: str, parameter: Literal["mu", "tau"]) -> PublishedPrior:
    """Return the published prior of that name for mu or tau.

    Raises
    ------
    UsageError
        The name fits no row, or several; the message lists what would fit.
    """
    source, _, rest = name.partition(":")
    if source not in SOURCES or not rest:
        known = ", ".join(f"{key}:…" for key in SOURCES)
        raise UsageError(f"{parameter}={name!r} is not a prior: named priors are {known}")
    topic, *settings = rest.lower().replace(" ", "_").replace("-", "_").split("/")
    table = _rows(source, _TABLES)
    rows = [row for row in table if row["parameter"] == parameter]
    found = _matching_topic(rows, topic)
    if not found:
        topics = ", ".join(sorted({row["topic"] for row in rows})) or f"no prior for {parameter}"
        raise UsageError(f"{parameter}={name!r}: {source} has no topic {topic!r}; it has {topics}")
    fitting = [row for row in found if set(settings) <= set(row["setting"].split("/"))]
    if len(fitting) > 1:
        usual = [r for r in fitting if set(r["setting"].split("/")) - set(settings) <= USUAL]
        fitting = usual or fitting
    if len(fitting) != 1:
        names = ", ".join(f"{source}:{row['topic']}/{row['setting']}" for row in fitting or found)
        raise UsageError(f"{parameter}={name!r} fits {len(fitting)} priors; say which of {names}")
    row = fitting[0]
    parameters = tuple(float(row[column]) for column in ("a", "b", "c") if row[column])
    if row["published_on"] == "tau2":
        # log tau = (log tau²) / 2 halves location and scale, and leaves degrees of freedom alone.
        parameters = (*parameters[:-2], 0.5 * parameters[-2], 0.5 * parameters[-1])
    citation = f"{SOURCES[source]}; {row['label']}; numbers from {row['source']}"
    full = f"{source}:{row['topic']}/{row['setting']}"
    return PublishedPrior(row["family"], parameters, full, citation, row["note"])
