"""Another review becomes a project: its files → tables, a mapping that a person settles, models."""

from __future__ import annotations

from collections.abc import Mapping

from bayes_nmda.errors import DataError
from bayes_nmda.importing.cochrane import read_cochrane
from bayes_nmda.importing.revman import read_revman_csv, read_rm5
from bayes_nmda.importing.rows import Source
from bayes_nmda.importing.sheets import read_table

__all__ = ["read_source"]


def read_source(
    files: Mapping[str, bytes], kind: str = "", options: Mapping[str, str] | None = None
) -> Source:
    """Return the review in some files.

    Parameters
    ----------
    files
        Bytes by name, from `container.files_of`.
    kind
        ``"table"`` for a plain table; else what the files are is seen.
    options
        Of a plain table: ``outcome``, ``measure``, ``control``.

    Raises
    ------
    DataError
        If nothing in them is a review, or a number cannot be read.
    """
    if kind == "table":
        told = {"outcome": "outcome", "measure": "", "control": ""} | dict(options or {})
        if len(files) != 1:
            raise DataError(f"import table: found {len(files)} files; allowed is one table")
        name, content = next(iter(files.items()))
        return read_table(content, name, **told)
    for read in (read_rm5, read_revman_csv, read_cochrane):
        if (found := read(files)) is not None:
            return found
    raise DataError(
        f"import cochrane: found {', '.join(list(files)[:5])}; allowed are a Cochrane data package "
        "(data rows as CSV), RevMan's .rm5, or RevMan's CSV of data and analyses"
    )
