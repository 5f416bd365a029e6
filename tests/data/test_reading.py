"""Reading CSV strictly: the smallest file with each fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayes_nmda.data.reading import csv_text, read_sheet


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "t.csv: found an empty file"),
        (b" \n", "t.csv: found an empty file"),
        (b"a,b\n1,\xe9\n", "t.csv, row 2: found byte 0xe9 that is not UTF-8"),
        (b'a,b\n1,"2\n', "t.csv, row 2: found text that is not CSV"),
        (b"a,b\n1,2,3\n", "t.csv, row 2: found 3 cells; allowed: 2 cells"),
        (b"a,b\n1\n", "t.csv, row 2: found 1 cells"),
        (b"a\n1\n", "t.csv, row 1, column b: found no such column"),
        (b"a,b,c\n1,2,3\n", "t.csv, row 1, column c: found an unknown column"),
        (b"a,b,b\n1,2,3\n", "t.csv, row 1, column b: found a column twice"),
        (b"a;b\n1;2\n", "t.csv, row 1: found cells parted by semicolons"),
        (b"a\tb\n1\t2\n", "t.csv, row 1: found cells parted by tabs"),
        ("a,b\n1,2\n".encode("utf-16"), "t.csv: found UTF-16 text"),
    ],
)
def test_a_fault_of_structure_is_told_with_its_row(
    tmp_path: Path, content: bytes, told: str
) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(content)
    problems = read_sheet(file, ("a", "b")).problems
    assert len(problems) == 1
    assert str(problems[0]).startswith(told)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "found no file" in str(read_sheet(tmp_path / "t.csv").problems[0])


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    sheet = read_sheet(file, ("a", "b"))
    assert sheet.header == ("a", "b")
    assert not sheet.problems


def test_writing_and_reading_give_the_same_rows(tmp_path: Path) -> None:
    rows = [{"a": 'quote " and, comma', "b": ""}, {"a": "Kleinböhl", "b": "≤1 day"}]
    file = tmp_path / "t.csv"
    file.write_bytes(csv_text(("a", "b"), rows).encode())
    assert list(read_sheet(file).rows) == rows
