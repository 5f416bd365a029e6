"""Text → DataFrames with the types of the descriptor; every cell of the wrong type is named."""

from __future__ import annotations

import math
import re
from datetime import date
from functools import cache, partial
from typing import Any

import pandas as pd

from bayes_nmda.data.descriptor import Field, Table
from bayes_nmda.data.problems import Problem, quoted
from bayes_nmda.data.reading import Sheet

#: At most 18 digits, so that the number fits into 64 bits.
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
#: In small letters; spreadsheets save TRUE and FALSE.
_BOOLEANS = {"true": True, "false": False}
_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_ALLOWED = {
    "integer": "a whole number",
    "number": "a number with a decimal point",
    "boolean": "true or false",
    "date": "a date as 2025-08-31",
}


def typed_frame(table: Table, sheet: Sheet) -> tuple[pd.DataFrame, list[Problem]]:
    """Return a sheet as a DataFrame with the types of the descriptor, and its bad cells.

    A cell that has no value of its type counts as missing in the frame; a column that the sheet
    lacks is not in it. Row ``i`` of the frame is row ``i + 2`` of the file.
    """
    problems: list[Problem] = []
    columns: dict[str, pd.Series[Any]] = {}
    for field in table.fields:
        if field.name not in sheet.header:
            continue
        values = []
        read = cache(partial(_value, field))  # many cells of a column say the same
        for number, row in enumerate(sheet.rows, start=2):
            text = row[field.name]
            value, good = read(text)
            values.append(value)
            if not good:
                comma = field.type in ("number", "integer") and _COMMA.fullmatch(text)
                advice = (
                    "write a decimal point; a spreadsheet saved it with a decimal comma"
                    if comma
                    else f"correct the cell: {field.description}"
                )
                problems.append(
                    Problem(
                        table.path, number, field.name, quoted(text), _ALLOWED[field.type], advice
                    )
                )
        columns[field.name] = pd.Series(values, dtype=_dtype(field, values))
    return pd.DataFrame(columns), problems


def _value(field: Field, text: str) -> tuple[Any, bool]:
    if field.type == "string":
        return text, True
    if field.type == "date":
        return text, not text or _is_date(text)
    if not text:
        return None, True
    if field.type == "boolean":
        word = text.strip().lower()
        return _BOOLEANS.get(word), word in _BOOLEANS
    if field.type == "integer":
        good = _WHOLE.fullmatch(text) is not None
        return (int(text) if good else None), good
    good = _NUMBER.fullmatch(text) is not None and math.isfinite(float(text))
    return (float(text) if good else None), good


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _dtype(field: Field, values: list[Any]) -> str:
    complete = field.required and None not in values
    match field.type:
        case "integer":
            return "int64" if complete else "Int64"
        case "boolean":
            return "bool" if complete else "boolean"
        case "number":
            return "float64"
        case _:
            return "str"
