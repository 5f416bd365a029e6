"""Run ``docs/tutorial.ipynb`` from top to bottom and write its outputs.

A cell that raises, or that writes to stderr as warnings do, stops the run, and the file stays as it
was. Times, versions and widths are left out, so that the same draws give the same file.

    python docs/run_tutorial.py            run and write
    python docs/run_tutorial.py --check    run and write nothing
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

from bayes_nmda.meta.compiled import NOTICE

TUTORIAL = Path(__file__).with_name("tutorial.ipynb")
#: The largest notebook that may be committed, in bytes.
LARGEST = 500_000
#: Colours of a picture.
COLOURS = 64
#: Seconds that one cell may take; a cold compilation is the longest.
TIMEOUT = 600


def execute(path: Path = TUTORIAL) -> nbformat.NotebookNode:
    """Return the notebook with fresh outputs.

    Raises
    ------
    CellExecutionError
        If a cell raises.
    """
    # an editable install needs no path, a checkout without one does
    root = str(TUTORIAL.parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=TIMEOUT,
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # it warns that it listens on localhost
    )
    client.execute(cwd=str(path.parent))
    notebook.metadata = {
        "kernelspec": notebook.metadata["kernelspec"],
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if not _is_notice(output)]
            for output in cell.outputs:
                _make_small(output)
    return notebook


def _make_small(output: nbformat.NotebookNode) -> None:
    """Keep a picture in so many colours as a drawing has, a third of the bytes."""
    data = output.get("data", {})
    if "image/png" in data:
        picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
        small = io.BytesIO()
        picture.quantize(COLOURS).save(small, "PNG", optimize=True)
        data["image/png"] = base64.b64encode(small.getvalue()).decode()


def _is_notice(output: nbformat.NotebookNode) -> bool:
    """Say whether an output only tells that something is compiled, once on a machine."""
    return output.get("name") == "stderr" and output["text"].strip() == NOTICE


def complaints(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what is wrong with the outputs: warnings, paths of this machine, too many bytes."""
    text = nbformat.writes(notebook)
    found = [
        f"{cell['id']}: wrote to stderr: {output['text'].strip()[:200]}"
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr"
    ]
    for path in {str(TUTORIAL.parents[1]), str(Path.home()), sys.prefix}:
        if len(path) > 1 and f"{path}/" in text:
            found.append(f"a path of this machine is in an output: {path}")
    if len(text.encode()) > LARGEST:
        found.append(f"{len(text.encode()):,} bytes; allowed are {LARGEST:,}")
    return found


def main() -> int:
    """Run the tutorial and return an exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="run and write nothing")
    check = parser.parse_args().check
    try:
        notebook = execute()
    except CellExecutionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    wrong = complaints(notebook)
    if wrong:
        print("error: " + "\n".join(wrong), file=sys.stderr)
        return 1
    if not check:
        temporary = TUTORIAL.with_suffix(".ipynb.part")
        nbformat.write(notebook, temporary)
        temporary.replace(TUTORIAL)
    print(f"{TUTORIAL.name}: {len(notebook.cells)} cells ran without a warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
