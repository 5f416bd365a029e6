"""Arm records from export rows: shared arms, flags and the rule on standard errors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from bayes_nmda.data.raw import build_tables
from bayes_nmda.errors import DataError
from cochrane.export import ArmNumbers
from cochrane.records import sd_from_se


def arm(sd: str, n: str) -> ArmNumbers:
    return ArmNumbers(arm="a", mean="50", sd=sd, events="", n=n)


@pytest.mark.parametrize(("sd", "n"), [("27.93385", "30"), ("28.1233", "13"), ("5.375872", "10")])
def test_an_sd_that_is_a_short_se_times_root_n_is_recognised(sd: str, n: str) -> None:
    assert sd_from_se(arm(sd, n), [])


@pytest.mark.parametrize(
    ("sd", "n"),
    [("24.0", "18"), ("36.0", "25"), ("38.030326", "59"), ("2.236068", "25"), ("12.1", "31")],
)
def test_an_sd_as_printed_or_merged_is_not(sd: str, n: str) -> None:
    assert not sd_from_se(arm(sd, n), [arm("30.0", "27")])


def test_a_square_n_goes_with_the_arm_it_is_compared_with() -> None:
    assert sd_from_se(arm("33.0", "9"), [arm("18.973666", "10")])
    assert not sd_from_se(arm("33.0", "9"), [arm("19.0", "10")])


def test_counts_have_no_sd_to_judge() -> None:
    assert not sd_from_se(ArmNumbers(arm="a", mean="", sd="", events="3", n="9"), [])


def restamp(folder: Path) -> None:
    """Write the checksums anew, as someone would who edits a raw file on purpose."""
    raw = folder / "raw"
    sums = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(raw.glob("*.csv"))
    ]
    (raw / "checksums.txt").write_text("".join(sums), encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "column", "text", "told"),
    [
        (159, "Control mean", "57.0", "the numbers that row 96 gives for the same arm"),
        (2, "Footnotes", "estimated", "Footnotes: found estimated"),
        (2, "Study", "Lumanauw 2020", "found 'Lumanauw 2020' in group 1"),
        (2, "Analysis number", "77", "found 1.77"),
        (2, "Bias arising from the randomization process (judgement)", "Unclear", "Low risk"),
        (1, "Study", "Trial", "column Study: found no such column"),
    ],
)
def test_an_export_that_contradicts_itself_stops_the_build(
    folder: Path, edit: Callable[..., None], row: int, column: str, text: str, told: str
) -> None:
    edit("raw/CD015373-data-rows.csv", row, column, text)
    restamp(folder)
    with pytest.raises(DataError, match=r"raw/CD015373-data-rows\.csv") as error:
        build_tables(folder)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("row", "column", "text", "told"),
    [
        (3, "control_arm", "sugar", "arm_links.csv, row 3: found niesters2013: sugar"),
        (2, "merged_from", "ketamine_050;ketamine_1", "found lumanauw2019: ketamine_1"),
        (3, "study", "Noppers 2011a", "arm_links.csv, row 4, column study: found 1 Noppers"),
        (3, "group", "99", "found 'Niesters 2013' in group 1"),
    ],
)
def test_a_wrong_link_stops_the_build(
    folder: Path, edit: Callable[..., None], row: int, column: str, text: str, told: str
) -> None:
    edit("arm_links.csv", row, column, text)
    with pytest.raises(DataError) as error:
        build_tables(folder)
    assert told in str(error.value)
