"""Six reviews as their data packages give them, and small files in every other format."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from bayes_nmda.importing import read_source
from bayes_nmda.importing.mapping import ReviewMapping, propose
from bayes_nmda.importing.rows import Source

REVIEWS = Path(__file__).with_name("data") / "reviews.zip"
HEADER = (
    "Analysis group,Analysis number,Analysis name,Subgroup,Applicability,Study,Study year,GIV Mean,"
    "GIV SE,Experimental mean,Experimental SD,Experimental cases,Experimental N,Control mean,"
    "Control SD,Control cases,Control N,O-E,Variance,Weight,Mean,CI start,CI end"
)


@pytest.fixture(scope="session")
def reviews() -> dict[str, bytes]:
    """The data rows of each review, by the name of its file."""
    with zipfile.ZipFile(REVIEWS) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def of_rows(*rows: str) -> Source:
    """Return a review of some lines of data rows."""
    text = "\n".join([HEADER, *rows]) + "\n"
    return read_source({"CD000001_pub2-data-rows.csv": text.encode()})


def counted(
    study: str,
    a: int,
    n1: int,
    c: int,
    n2: int,
    *,
    analysis: str = "1,1",
    name: str = "Nausea",
    subgroup: str = "",
    printed: str = ",,",
) -> str:
    """Return a line of counts."""
    return (
        f"{analysis},{name},{subgroup},SUBGROUP_AND_OVERALL,{study},2001,0,0,0,0,{a},{n1},0,0,{c},"
        f"{n2},0,0,0,{printed}"
    )


def measured(
    study: str,
    t: tuple[float, float, int],
    c: tuple[float, float, int],
    *,
    analysis: str = "1,1",
    name: str = "Pain",
    subgroup: str = "",
    printed: str = ",,",
) -> str:
    """Return a line of means."""
    return (
        f"{analysis},{name},{subgroup},SUBGROUP_AND_OVERALL,{study},2001,0,0,{t[0]},{t[1]},0,{t[2]},"
        f"{c[0]},{c[1]},0,{c[2]},0,0,0,{printed}"
    )


def proposed(source: Source) -> ReviewMapping:
    """Return the mapping that is proposed for a review."""
    return propose(source, files=["CD000001_pub2-data-rows.csv"], date="2026-11-30", options={})
