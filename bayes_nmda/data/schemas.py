"""pandera schemas made from the descriptor, plus the rules that tie columns together.

`validation_problems` returns every bad row of every table. The types of cells are checked before,
when a table is read; here come allowed values, limits, uniqueness and the rules of ``rules.py``.
Importing this module imports pandera, which nothing else in the package does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from bayes_nmda.data.descriptor import Field, Table
from bayes_nmda.data.keys import key_problems, relation_problems
from bayes_nmda.data.problems import Problem, quoted
from bayes_nmda.data.rules import RULES, Rule
from bayes_nmda.data.vocabulary import load_vocabulary

#: Parts the name of a check into what is allowed and what to do.
_SPLIT = "\t"


def _error(allowed: str, advice: str) -> str:
    return allowed + _SPLIT + advice


def _checks(field: Field) -> list[pa.Check]:
    advice = f"correct the cell: {field.description}"
    checks = []
    if field.enum:
        words = [*field.enum] if field.required else [*field.enum, ""]
        checks.append(pa.Check.isin(words, error=_error(", ".join(field.enum), advice)))
    elif field.pattern:
        pattern = field.pattern if field.required else f"(?:{field.pattern})?"
        allowed = f"text like {field.pattern}"
        checks.append(pa.Check.str_matches(rf"^(?:{pattern})\Z", error=_error(allowed, advice)))
    elif field.required and field.type in ("string", "date"):
        checks.append(pa.Check.str_length(min_value=1, error=_error("some text", advice)))
    if field.minimum is not None:
        error = _error(f"{field.minimum:g} or more", advice)
        checks.append(pa.Check.ge(field.minimum, error=error))
    if field.maximum is not None:
        error = _error(f"{field.maximum:g} or less", advice)
        checks.append(pa.Check.le(field.maximum, error=error))
    if field.above is not None:
        checks.append(pa.Check.gt(field.above, error=_error(f"above {field.above:g}", advice)))
    if field.required and field.type in ("integer", "number", "boolean"):
        checks.append(
            pa.Check(
                lambda cells: cells.notna(),
                ignore_na=False,
                error=_error("a value in every row", advice),
            )
        )
    return checks


def _rule_check(rule: Rule, position: int) -> pa.Check:
    return pa.Check(rule.holds, name=str(position), error=str(position), ignore_na=False)


@cache
def schema_for(table: Table, present: tuple[str, ...] | None = None) -> pa.DataFrameSchema:
    """Return the pandera schema of a table: its columns and its rules across columns.

    With ``present`` it is the schema of a table that has these columns only; a rule needs all of
    its own.
    """
    names = table.columns if present is None else present
    return pa.DataFrameSchema(
        {
            field.name: pa.Column(checks=_checks(field), nullable=True, required=True)
            for field in table.fields
            if field.name in names
        },
        checks=[
            _rule_check(rule, i)
            for i, rule in enumerate(RULES.get(table.name, ()))
            if set(rule.columns) <= set(names)
        ],
        name=table.name,
    )


def _table_problems(table: Table, frame: pd.DataFrame) -> list[Problem]:
    try:
        schema_for(table, tuple(frame.columns)).validate(frame, lazy=True)
    except SchemaErrors as error:
        cases = cast("pd.DataFrame", error.failure_cases)
        return [_problem(table, frame, case) for case in cases.to_dict("records")]
    return []


def _problem(table: Table, frame: pd.DataFrame, case: dict[Any, Any]) -> Problem:
    row = int(case["index"])
    if case["schema_context"] == "DataFrameSchema":
        rule = RULES[table.name][int(str(case["check"]))]
        found = ", ".join(f"{name} {quoted(frame.at[row, name])}" for name in rule.columns)
        column = rule.columns[0]
        allowed = rule.allowed if isinstance(rule.allowed, str) else rule.allowed()
        return Problem(table.path, row + 2, column, found, allowed, rule.advice)
    allowed, _, advice = str(case["check"]).partition(_SPLIT)
    column = str(case["column"])
    return Problem(table.path, row + 2, column, quoted(frame.at[row, column]), allowed, advice)


def validation_problems(tables: Sequence[Table], frames: dict[str, pd.DataFrame]) -> list[Problem]:
    """Return everything that is wrong with the values, keys and relations of typed tables.

    Row ``i`` of a frame is row ``i + 2`` of its file.
    """
    load_vocabulary()  # rules ask for its words, and one that cannot be read is no fault of a row
    problems: list[Problem] = []
    for table in tables:
        problems += _table_problems(table, frames[table.name])
        problems += key_problems(table, frames)
    return problems + relation_problems(frames)
