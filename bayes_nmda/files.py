"""Files of a project: text that is read, or refused by name, and the room to write.

What cannot be opened or decoded, is no TOML, or holds characters that a reader does not see, is an
error of the kind that the caller names, with what to do.
"""

from __future__ import annotations

import re
import shutil
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

#: Control characters but tab and line ends, and those that turn the direction of text around.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def content_of(path: Path, error: type[Exception]) -> bytes:
    """Return the bytes of a file, or raise ``error`` if it is missing, a folder or not readable."""
    try:
        return path.read_bytes()
    except OSError as reason:
        raise error(
            f"{path.name}: it cannot be read: {reason.strerror or reason}; allowed is a file that "
            "you may read. Put it back, or mend its permissions"
        ) from reason


def text_of(path: Path, error: type[Exception]) -> str:
    """Return a file as text, or raise ``error`` if it is not UTF-8 or holds hidden characters."""
    return _text(content_of(path, error), path.name, error)


def toml_of(path: Path, error: type[Exception]) -> tuple[dict[str, Any], bytes]:
    """Return the tables of a TOML file and its bytes, or raise ``error`` with what is wrong."""
    content = content_of(path, error)
    text = _text(content, path.name, error)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as reason:
        raise error(f"{path.name}: this is not a TOML file in UTF-8: {reason}") from reason
    except RecursionError:
        raise error(f"{path.name}: found tables within tables without end; allowed is a file "
                    "that a person wrote") from None  # fmt: skip
    for words in _texts(table):  # written as \u202e, they are in no text before
        _require_visible(words, path.name, error)
    return table, content


def room(folder: Path, needed: int) -> str:
    """Return in words how much room is needed for a folder that may not be there yet, and free."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return f"{needed:,} bytes are needed, {shutil.disk_usage(there).free:,} are free"


def hidden(text: str) -> tuple[int, str] | None:
    """Return where a character stands that a reader does not see, and its name; None without."""
    found = _HIDDEN.search(text)
    if found is None:
        return None
    code = ord(found[0])
    return found.start(), f"U+{code:04X} {unicodedata.name(found[0], 'control character')}"


def without_hidden(text: str) -> str:
    """Return a text without the characters that a reader does not see."""
    return _HIDDEN.sub("", text)


def _text(content: bytes, name: str, error: type[Exception]) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as reason:
        raise error(f"{name}: this is not a text in UTF-8: {reason}; save it as UTF-8") from reason
    _require_visible(text, name, error)
    return text


def _require_visible(text: str, name: str, error: type[Exception]) -> None:
    if found := hidden(text):
        line = text.count("\n", 0, found[0]) + 1
        raise error(
            f"{name}, line {line}: found {found[1]}, which no reader sees; allowed are letters, "
            "signs and spaces. Delete it"
        )


def _texts(value: object) -> Iterator[str]:
    """Yield every text of a table, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (str(key) for key in value)
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
