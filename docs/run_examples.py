"""Run the examples in README.md and docs/*.md and write below each what it prints.

An example is a ``console`` block that starts with ``$ bayes-nmda …`` or ``$ cp …``, or a ``python``
block that is followed by a ``text`` block. All run in this process, with a store of their own that
is empty at first, so that a page shows what a fresh clone prints, whatever was fitted here. A page
that has a folder of its name runs in a copy of it.

    python docs/run_examples.py            run and write
    python docs/run_examples.py --check    write nothing; exit code 1 if a page is stale
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from bayes_nmda import paths
from bayes_nmda.cli.main import run

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
PROGRAM = "bayes-nmda"
#: What stderr says where nothing is stored.
_COMPUTING = ": computing it exactly, because "
_REST = r"(?P<old>(?:(?!```)[\s\S])*)```"
_CONSOLE = re.compile(
    rf"```console\n(?P<command>\$ (?:{PROGRAM}|cp)(?:[^\n]*\\\n)*[^\n]*\n)" + _REST
)
_PYTHON = re.compile(r"```python\n(?P<code>(?:(?!```)[\s\S])*)```\n+```text\n" + _REST)


def command_output(command: str) -> str:
    """Return what a command prints on stdout and stderr, as on a terminal without colour."""
    words = shlex.split(command.removeprefix("$ ").replace("\\\n", " "))
    if words[0] == "cp":
        shutil.copyfile(words[1], words[2])
        return ""
    os.environ["COLUMNS"] = "80"
    stream = io.StringIO()
    with redirect_stdout(stream), redirect_stderr(stream):
        run(words[1:])
    return _tidy(stream.getvalue())


def python_output(code: str) -> str:
    """Return what a block of Python prints."""
    stream = io.StringIO()
    with redirect_stdout(stream):
        exec(compile(code, "example", "exec"), {"__name__": "__main__"})
    return _tidy(stream.getvalue())


def _tidy(text: str) -> str:
    lines = [line.rstrip() for line in text.strip("\n").splitlines() if _COMPUTING not in line]
    return "".join(f"{line}\n" for line in lines)


@contextmanager
def _own_store(path: Path) -> Iterator[None]:
    """Keep what the examples of a page store apart from what was fitted here."""
    output, before = paths.output, Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        if path.with_suffix("").is_dir():
            shutil.copytree(path.with_suffix(""), Path(folder) / "files")
            os.chdir(Path(folder) / "files")
        paths.output = lambda: Path(folder) / "output"
        try:
            yield
        finally:
            paths.output = output
            os.chdir(before)


def page(path: Path) -> str:
    """Return a page with what its examples print now."""
    text = path.read_text(encoding="utf-8")

    def console(found: re.Match[str]) -> str:
        command = found["command"]
        return f"```console\n{command}{command_output(command)}```"

    def python(found: re.Match[str]) -> str:
        return f"```python\n{found['code']}```\n\n```text\n{python_output(found['code'])}```"

    with _own_store(path):
        return _PYTHON.sub(python, _CONSOLE.sub(console, text))


def main() -> int:
    """Write the pages, or with ``--check`` say whether they are up to date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    stale = []
    for path in PAGES:
        old = path.read_text(encoding="utf-8")
        new = page(path)
        if "NOT RELIABLE" in new:  # a page must not teach by a fit whose gates failed
            print(f"{path.name}: an example prints an answer that is NOT RELIABLE", file=sys.stderr)
            return 1
        if new != old:
            stale.append(path.name)
            if not check:
                path.write_text(new, encoding="utf-8")
    if check and stale:
        print(
            f"{', '.join(stale)}: found output that is no longer what the examples print; run "
            "`python docs/run_examples.py`",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
