"""Files that nobody should open are refused with a reason, and nothing is written."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from bayes_nmda.errors import DataError, UsageError
from bayes_nmda.importing import container
from bayes_nmda.importing.package import import_package
from bayes_nmda.importing.project import import_review
from tests.importing.conftest import HEADER, counted
from tests.importing.test_formats import zipped

LINE = counted("Alder", 3, 20, 6, 21)
GOOD = f"{HEADER}\n{LINE}\n".encode()


def bomb() -> bytes:
    return zipped({"CD000001-data-rows.csv": b"0" * 80_000_000})


def climbing(path: str) -> bytes:
    return zipped({path: GOOD})


def encrypted() -> bytes:
    content = bytearray(zipped({"CD000001-data-rows.csv": GOOD}))
    for start in (content.find(b"PK\x03\x04") + 6, content.find(b"PK\x01\x02") + 8):
        content[start] |= 1  # the bit that says so
    return bytes(content)


def damaged(method: int) -> bytes:
    """Return an archive whose packed bytes were overwritten."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("CD000001-data-rows.csv", GOOD * 50)
    content = bytearray(buffer.getvalue())
    start = 30 + len("CD000001-data-rows.csv") + 9  # after the header, and that of LZMA
    content[start : start + 30] = b"\xff" * 30
    return bytes(content)


def workbook(cell: object) -> bytes:
    book, buffer = Workbook(), io.BytesIO()
    for row in (["study", "events_t", "n_t", "events_c", "n_c"], ["Alder", cell, 20, 6, 21]):
        book.active.append(row)
    book.save(buffer)
    return buffer.getvalue()


def with_entity(content: bytes) -> bytes:
    """Return a workbook whose sheet declares an entity."""
    out = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            text = archive.read(name)
            if name.endswith("sheet1.xml"):
                text = b'<!DOCTYPE a [<!ENTITY b "c">]>' + text
            out[name] = text
    return zipped(out)


XML = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><COCHRANE_REVIEW/>'
)
# ruff: noqa: E501  # a line a file
HOSTILE = {
    "a zip bomb": ("a.zip", bomb, "unpacks to more than"),
    "a path out of the archive": ("a.zip", lambda: climbing("../../x-data-rows.csv"), "found the path"),
    "an absolute path": ("a.zip", lambda: climbing("/etc/x-data-rows.csv"), "found the path"),
    "a path with backslashes": ("a.zip", lambda: climbing("a\\..\\x-data-rows.csv"), "found the path"),
    "an encrypted archive": ("a.zip", encrypted, "cannot be unpacked"),
    "damaged deflate": ("a.zip", lambda: damaged(zipfile.ZIP_DEFLATED), "cannot be unpacked"),
    "damaged bzip2": ("a.zip", lambda: damaged(zipfile.ZIP_BZIP2), "cannot be unpacked"),
    "damaged LZMA": ("a.zip", lambda: damaged(zipfile.ZIP_LZMA), "cannot be unpacked"),
    "no archive": ("a.zip", lambda: b"PK\x03\x04 and nothing", "no archive that can be read"),
    "an archive without a table": ("a.zip", lambda: zipped({"a.txt": b"x"}), "no file that can be read"),
    "Latin-1": ("a-data-rows.csv", lambda: GOOD.replace(b"Alder", b"Erl\xe9"), "byte 0xe9"),
    "UTF-16": ("a-data-rows.csv", lambda: GOOD.decode().encode("utf-16"), "UTF-16"),
    "NUL": ("a-data-rows.csv", lambda: GOOD.replace(b"Alder", b"Al\0der"), "NUL"),
    "a megabyte in a cell": ("a-data-rows.csv", lambda: GOOD.replace(b"Alder", b"A" * 1_000_000), "CSV"),
    "a very long name": ("a-data-rows.csv", lambda: GOOD.replace(b"Alder", b"A" * 5000), "5,000"),
    "a formula": ("a-data-rows.csv", lambda: GOOD.replace(b",20,", b",=1+1,"), "a formula"),
    "a word for a number": ("a-data-rows.csv", lambda: GOOD.replace(b",20,", b",many,"), "'many'"),
    "infinity": ("a-data-rows.csv", lambda: GOOD.replace(b",20,", b",1e999,"), "allowed is a number"),
    "cells that are too many": ("a-data-rows.csv", lambda: GOOD.replace(b",20,", b",20,,"), "24 cells"),
    "an open quote": ("a-data-rows.csv", lambda: GOOD.replace(b"Alder", b'"Alder'), "CSV"),
    "an empty file": ("a-data-rows.csv", lambda: b"", "empty"),
    "a header alone": ("a-data-rows.csv", lambda: HEADER.encode(), "found no columns"),
    "entities": ("a.rm5", lambda: XML, "DOCTYPE"),
    "broken XML": ("a.rm5", lambda: b"<COCHRANE_REVIEW>", "this is no XML"),
    "another XML": ("a.rm5", lambda: b"<html/>", "allowed is <COCHRANE_REVIEW>"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_and_nothing_is_written(tmp_path, kind):
    name, content, message = HOSTILE[kind]
    path, target = tmp_path / name, tmp_path / "mine"
    path.write_bytes(content())
    with pytest.raises(DataError) as refused:
        import_review(path, target)
    assert message in str(refused.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == [name]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda: workbook("=1+1"), "found the formula"),
        (lambda: with_entity(workbook(3)), "declares entities"),
        (lambda: b"no workbook", "no archive"),
        (lambda: workbook("A" * 30_000), "allowed is a number"),
    ],
)
def test_a_hostile_workbook_is_refused(tmp_path, content, message):
    path = tmp_path / "a.xlsx"
    path.write_bytes(content())
    with pytest.raises(DataError, match=message):
        import_review(path, tmp_path / "mine", kind="table", options={"outcome": "nausea"})
    assert not (tmp_path / "mine").exists()


def test_a_damaged_parquet_file_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and nothing")
    with pytest.raises(DataError, match="no Parquet table"):
        import_review(path, tmp_path / "mine", kind="table")


def test_links_out_of_a_folder_are_not_followed(tmp_path):
    folder = tmp_path / "review"
    folder.mkdir()
    (tmp_path / "a-data-rows.csv").write_bytes(GOOD)
    (folder / "a-data-rows.csv").symlink_to(tmp_path / "a-data-rows.csv")
    with pytest.raises(DataError, match="no file that can be read"):
        import_review(folder, tmp_path / "mine")


def test_two_reviews_at_once_are_refused(tmp_path):
    path = tmp_path / "two.zip"
    path.write_bytes(zipped({"CD000001-data-rows.csv": GOOD, "CD000002-data-rows.csv": GOOD}))
    with pytest.raises(DataError, match="one review at a time"):
        import_review(path, tmp_path / "mine")


def test_more_rows_than_a_table_has_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "MOST_ROWS", 2)
    path = tmp_path / "a-data-rows.csv"
    path.write_bytes(GOOD + f"{LINE}\n{LINE}\n".encode())
    with pytest.raises(DataError, match="more than 2 rows"):
        import_review(path, tmp_path / "mine")


def test_hidden_signs_are_taken_out_of_names(tmp_path):
    path = tmp_path / "a-data-rows.csv"
    path.write_bytes(GOOD.replace(b"Alder", "Al\u202eder\u200e&nbsp;".encode()))
    import_review(path, tmp_path / "mine")
    assert "Alder 2001" in (tmp_path / "mine/data/trials.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["../x.csv", "raw/make.py", "models/run.py", "/x.csv"])
def test_a_package_holds_no_code_and_no_path_out_of_it(tmp_path, path):
    file = tmp_path / "a.zip"
    file.write_bytes(zipped({"datapackage.json": b"{}", path: b"x"}))
    with pytest.raises(DataError, match="found"):
        import_package(file, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_no_file_is_said_to_be_no_file(tmp_path):
    with pytest.raises(UsageError, match="no file or folder"):
        import_review(Path(tmp_path / "nothing.csv"), tmp_path / "mine")
