"""The builder: committed tables are what it makes, and it writes all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bayes_nmda import paths
from bayes_nmda.data.raw import (
    added_rows,
    build_tables,
    check_raw,
    differing_files,
    main,
    stale_files,
    write_tables,
)
from bayes_nmda.errors import DataError
from cochrane.export import ExportRow, read_export


@pytest.fixture(scope="module")
def export() -> list[ExportRow]:
    return read_export(paths.data())


def test_the_committed_tables_are_what_the_builder_makes() -> None:
    files = build_tables()
    assert set(files) == {
        "trials.csv",
        "arms.csv",
        "outcomes.csv",
        "published.csv",
        "analyses.csv",
        "abstract_outcomes.csv",
        "README.md",
    }
    for name, text in files.items():
        assert (paths.data() / name).read_bytes() == text.encode(), name


def test_raw_files_are_as_retrieved() -> None:
    check_raw(paths.data())


@pytest.mark.parametrize("change", ["altered", "missing", "added"])
def test_a_raw_file_that_is_not_as_retrieved_is_refused(folder: Path, change: str) -> None:
    file = folder / "raw" / "arms.csv"
    if change == "altered":
        file.write_bytes(file.read_bytes() + b"\n")
    elif change == "missing":
        file.unlink()
    else:
        file = folder / "raw" / "more.csv"
        file.write_text("a\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"raw/{file.name}: found SHA-256"):
        build_tables(folder)


def test_export_has_176_rows_of_which_42_repeat_others(export: list[ExportRow]) -> None:
    assert len(export) == 176
    assert sum(1 for row in export if row.subgroup) == 42
    assert sum(1 for row in export if "digitised_from_figure" in row.footnotes) == 14


def test_main_binary_rows_with_empty_and_full_arms(export: list[ExportRow]) -> None:
    binary = [row for row in export if row.main["kind"] == "binary" and not row.subgroup]
    arms = [(row.treatment, row.control) for row in binary]
    zero = [pair for pair in arms if any(arm.events == "0" for arm in pair)]
    double = [pair for pair in arms if all(arm.events == "0" for arm in pair)]
    full = [pair for pair in arms if any(arm.events == arm.n for arm in pair)]
    assert (len(arms), len(zero), len(double), len(full)) == (84, 30, 7, 2)
    # Dadabayev 2020 has two of them, without an event in either stratum; 82, 28 and 5 leave it out.
    strata = [row for row in binary if row.trial == "dadabayev2020"]
    assert len(strata) == 2
    assert all(row.treatment.events == row.control.events == "0" for row in strata)


def test_check_says_nothing_when_all_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_check_names_the_file_that_is_stale(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paths, "data", lambda: folder)
    (folder / "README.md").write_text("old", encoding="utf-8")
    assert main(["--check"]) == 10
    assert "README.md: found another text than raw/ gives" in capsys.readouterr().err
    assert (folder / "README.md").read_text(encoding="utf-8") == "old"
    assert main([]) == 0
    assert main(["--check"]) == 0


def test_a_build_that_breaks_a_rule_touches_no_file(
    folder: Path, edit: Callable[..., None]
) -> None:
    edit("decisions.csv", 2, "target", "77.1")
    (folder / "README.md").write_text("old", encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files = build_tables(folder)
    assert stale_files(folder, files) == ["README.md"]
    with pytest.raises(DataError, match="a key of analyses"):
        write_tables(folder, files)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_published_row_points_at_its_record(export: list[ExportRow]) -> None:
    lines = build_tables()["published.csv"].splitlines()
    assert sum(line.startswith("effect:") for line in lines) == 176
    assert sum(line.startswith("pooled:") for line in lines) == 3


def added_row(folder: Path) -> bytes:
    """Add a trial, as a user does, and return what the table held before."""
    file = folder / "trials.csv"
    before = file.read_bytes()
    first = before.decode().splitlines()[1]
    row = first.replace("sigtermans2009", "mine2026").replace("Sigtermans 2009", "Mine 2026")
    file.write_bytes(before + row.encode() + b"\n")
    return before


def test_a_row_that_a_user_added_is_listed_and_nothing_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(paths, "data", lambda: folder)
    before = added_row(folder)
    (folder / "README.md").write_text("old", encoding="utf-8")
    assert main([]) == 10
    told = capsys.readouterr().err
    number = len(before.decode().splitlines()) + 1
    assert f"trials.csv, row {number}, column trial: found mine2026, a row that raw/" in told
    assert (folder / "trials.csv").read_bytes().startswith(before)
    assert (folder / "README.md").read_text(encoding="utf-8") == "old"
    (folder / "trials.csv").write_bytes(before)
    assert main([]) == 0


def test_added_rows_alone_are_no_difference_to_what_raw_makes(folder: Path) -> None:
    before = added_row(folder)
    files = build_tables(folder)
    assert [row["trial"] for _, row in added_rows(folder, files)["trials.csv"]] == ["mine2026"]
    assert differing_files(folder, files) == []
    file = folder / "trials.csv"
    file.write_bytes(file.read_bytes().replace(b"Sigtermans MJ", b"Sigterman MJ", 1))
    assert differing_files(folder, files) == ["trials.csv"]
    file.write_bytes(before)
    assert added_rows(folder, files) == {}
