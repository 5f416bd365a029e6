"""Files of a review, opened with care: a file, a folder or an archive → named bytes and tables.

Nothing is unpacked to disk. An archive is refused that would grow without end, holds a path out of
its folder, or is encrypted; a table that is not UTF-8, holds NUL, or a cell that no person typed.
"""

from __future__ import annotations

import csv
import io
import lzma
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from bayes_nmda.errors import DataError, UsageError
from bayes_nmda.files import content_of

#: Bytes of one file and of all of them, files of an archive, and how often it may hold itself.
LARGEST, LARGEST_ALL, MOST_FILES = 100_000_000, 300_000_000, 5_000
#: Unpacked bytes for a packed one: text of reviews shrinks to a tenth.
_RATIO: Final = 200
#: Rows of a table, and characters of a cell (footnotes and explanations are long).
MOST_ROWS, LONGEST_CELL = 200_000, 100_000
#: What `zipfile` and its decompressors raise of a part that cannot be read.
_UNREADABLE: Final = (
    RuntimeError,  # it is encrypted
    zipfile.BadZipFile,  # its checksum or its header is wrong
    NotImplementedError,  # packed by a method that `zipfile` does not know
    EOFError,  # it ends early
    OSError,  # bzip2 says so of damage
    zlib.error,  # damaged, packed by deflate
    lzma.LZMAError,  # damaged, packed by LZMA
)
#: What it raises of a directory of parts that cannot be read.
_NO_DIRECTORY: Final = (
    zipfile.BadZipFile,  # damaged, or no archive at all
    ValueError,  # places before the beginning of the file
    NotImplementedError,  # needs a newer version of the format than `zipfile` knows
)
_KNOWN: Final = frozenset({".csv", ".rm5", ".xlsx", ".parquet"})


def files_of(path: Path) -> dict[str, bytes]:
    """Return the files that can be read, by their name in the folder or archive.

    Raises
    ------
    UsageError
        If there is no such file or folder.
    DataError
        If nothing in it can be read, or it is not what it says.
    """
    if path.is_dir():
        found = _folder(path)
    elif not path.is_file():
        raise UsageError(f"import: found no file or folder {str(path)!r}; give one that is there")
    elif path.suffix.lower() == ".zip":
        found = _archive(_content(path), path.name, nested=True)
    else:
        found = {path.name: _content(path)}
    if not any(PurePosixPath(name).suffix.lower() in _KNOWN for name in found):
        raise DataError(
            f"{path.name}: found no file that can be read; allowed are {', '.join(sorted(_KNOWN))}"
        )
    return found


def _content(path: Path) -> bytes:
    if path.stat().st_size > LARGEST:
        raise DataError(
            f"{path.name}: found {path.stat().st_size:,} bytes; allowed are {LARGEST:,}"
        )
    return content_of(path, DataError)


def _folder(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for file in sorted(path.rglob("*")):
        if file.is_symlink() or not file.is_file() or file.suffix.lower() not in _KNOWN:
            continue
        found[file.relative_to(path).as_posix()] = _content(file)
        if len(found) > MOST_FILES or sum(map(len, found.values())) > LARGEST_ALL:
            raise DataError(f"{path.name}: found more than a review has; give its folder alone")
    return found


def parts_of(content: bytes, name: str) -> dict[str, bytes]:
    """Return every file of an archive by its path, read with the same care.

    Raises
    ------
    DataError
        If it is no archive, holds a path out of it, or grows without end.
    """
    archive, parts = _opened(content, name)
    found: dict[str, bytes] = {}
    for part in parts:
        if part.is_dir():
            continue
        found[part.filename] = _unpacked(archive, part, name)
        if sum(map(len, found.values())) > LARGEST_ALL:
            raise DataError(f"{name}: found more than {LARGEST_ALL:,} bytes unpacked")
    return found


def _opened(content: bytes, name: str) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """Return an archive and its parts, once none of them points out of it."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        parts = archive.infolist()
    except _NO_DIRECTORY as error:
        raise DataError(f"{name}: this is no archive that can be read: {error}") from error
    if len(parts) > MOST_FILES:
        raise DataError(f"{name}: found {len(parts):,} files; allowed are {MOST_FILES:,}")
    for part in parts:
        place = PurePosixPath(part.filename)
        if place.is_absolute() or ".." in place.parts or "\\" in part.filename:
            raise DataError(
                f"{name}: found the path {part.filename[:80]!r}; allowed are paths inside the "
                "archive. Do not unpack it"
            )
    return archive, parts


def _archive(content: bytes, name: str, *, nested: bool) -> dict[str, bytes]:
    archive, parts = _opened(content, name)
    found: dict[str, bytes] = {}
    for part in parts:
        place = PurePosixPath(part.filename)
        suffix = place.suffix.lower()
        if part.is_dir() or not (suffix in _KNOWN or (suffix == ".zip" and nested)):
            continue
        read = _unpacked(archive, part, name)
        more = _archive(read, place.name, nested=False) if suffix == ".zip" else {str(place): read}
        found |= more
        if sum(map(len, found.values())) > LARGEST_ALL:
            raise DataError(f"{name}: found more than {LARGEST_ALL:,} bytes unpacked")
    return found


def check_archive(content: bytes, name: str) -> None:
    """Raise `DataError` if what is packed like an archive cannot be unpacked within bounds."""
    for place, read in parts_of(content, name).items():
        if b"<!DOCTYPE" in read[:2000] or b"<!ENTITY" in read[:2000]:
            raise DataError(
                f"{name}: {place[:80]} declares entities; allowed is what a spreadsheet program "
                "writes"
            )


def _unpacked(archive: zipfile.ZipFile, part: zipfile.ZipInfo, name: str) -> bytes:
    """Return the bytes of one part, read no further than is allowed."""
    most = min(LARGEST, max(1_000_000, part.compress_size * _RATIO))
    try:
        with archive.open(part) as file:
            read = file.read(most + 1)
    except _UNREADABLE as error:
        raise DataError(f"{name}: {part.filename[:80]} cannot be unpacked: {error}") from error
    if len(read) > most:
        raise DataError(
            f"{name}: {part.filename[:80]} unpacks to more than {most:,} bytes, {_RATIO} times its "
            "packed size or more; allowed is what a review holds"
        )
    return read


def text_in(content: bytes, name: str) -> str:
    """Return bytes as text.

    Raises
    ------
    DataError
        If they are not UTF-8, or hold NUL.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{name}: found UTF-16 text; allowed is UTF-8: save it as UTF-8")
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}, row {row}: found byte 0x{content[error.start]:02x}, which is not UTF-8; "
            "save the file as UTF-8"
        ) from error
    if "\0" in text:
        row = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{name}, row {row}: found NUL, which no text holds; get the file anew")
    return text


def table_of(content: bytes, name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV table; row ``i`` of the list is row ``i + 2`` of the file.

    Raises
    ------
    DataError
        If it is no table, or larger than one that people made.
    """
    text = text_in(content, name)
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else "\t" if "\t" in first else ","
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[dict[str, str]] = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        if not any(header):
            raise DataError(f"{name}: found an empty file; allowed are a header and rows")
        twice = [cell for cell in header if cell and header.count(cell) > 1]
        if twice:
            raise DataError(f"{name}: found the column {twice[0]!r} twice; allowed is once")
        for number, cells in enumerate(reader, start=2):
            if not cells or not any(cell.strip() for cell in cells):
                rows.append({})
                continue
            if len(cells) != len(header):
                raise DataError(
                    f"{name}, row {number}: found {len(cells)} cells; allowed are {len(header)}, "
                    "as in the header. Put cells with a separator into quotation marks"
                )
            rows.append(dict(zip(header, cells, strict=True)))
            if len(rows) > MOST_ROWS:
                raise DataError(f"{name}: found more than {MOST_ROWS:,} rows")
    except csv.Error as error:
        raise DataError(
            f"{name}, row {reader.line_num}: this is not a CSV table: {error}"
        ) from error
    return rows


def named(files: Mapping[str, bytes], ending: str) -> str:
    """Return the name of the one file that ends so, or nothing.

    Raises
    ------
    DataError
        If there are several.
    """
    found = [name for name in files if name.lower().endswith(ending)]
    if len(found) > 1:
        raise DataError(f"import: found {', '.join(found[:4])}; allowed is one review at a time")
    return found[0] if found else ""
