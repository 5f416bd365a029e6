"""`Answer`: what a query returns, with its sentence, its table and where it came from.

Records are plain Python values, so that the command line prints them without pandas; `.table` is
the same as a DataFrame.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bayes_nmda.errors import UsageError
from bayes_nmda.query.display import html_table, markdown_table, text_table

if TYPE_CHECKING:
    import pandas as pd

    from bayes_nmda.query.draws import Draws
    from bayes_nmda.query.intervals import Interval

SCHEMA_VERSION: Final = 1
#: Questions whose answer does not depend on where covariates are.
_EVERYWHERE: Final = frozenset({"coefficients", "heterogeneity", "shrinkage", "predicted"})
_PROVENANCE: Final = ("spec_hash", "rows_hash", "key", "seed", "versions", "inputs")


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The answer to one question, a record a cell and threshold.

    Attributes
    ----------
    query
        Name of the question, as in Python and on the command line.
    records
        One mapping a row, of text and numbers.
    sentences
        The same in words, one a row or one for all.
    value
        Column that ``float(answer)`` takes.
    unit
        Unit of the values.
    direction
        Which sign favours the drug.
    about
        Model, outcome, comparator, measure and engine.
    provenance
        Digests of model, rows and files, seed and versions.
    warnings
        What a reader must know first, such as failed gates.
    """

    query: str
    records: tuple[dict[str, Any], ...]
    sentences: tuple[str, ...]
    value: str
    unit: str
    direction: str
    about: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """The records as a new DataFrame, a row a record."""
        import pandas as pd

        return pd.DataFrame([dict(record) for record in self.records])

    @property
    def sentence(self) -> str:
        """The answer in words, a line a record."""
        return "\n".join(self.sentences)

    def to_dict(self) -> dict[str, Any]:
        """Return one document of plain values, ready for JSON.

        Returns
        -------
        dict
            ``schema_version``, ``query``, what the answer is about, ``unit``, ``direction``,
            ``sentence``, ``rows``, ``warnings`` and ``provenance``.
        """
        return {
            "schema_version": SCHEMA_VERSION,
            "query": self.query,
            **self.about,
            "unit": self.unit,
            "direction": self.direction,
            "sentence": self.sentence,
            "rows": [{k: _json(v) for k, v in record.items()} for record in self.records],
            "warnings": list(self.warnings),
            "provenance": dict(self.provenance),
        }

    def __float__(self) -> float:
        """Return the value of the only record.

        Raises
        ------
        UsageError
            If there is not exactly one.
        """
        if len(self.records) != 1:
            raise UsageError(
                f"float({self.query}(...)): found {len(self.records)} rows; allowed is one: name "
                "drug, route and timepoint and one threshold, or use .table"
            )
        return float(self.records[0][self.value])

    def __repr__(self) -> str:
        """Return the sentence of one record, or the table of several."""
        body = self.sentence if len(self.records) == 1 else text_table(self.records)
        return "\n".join([f"Answer: {self.query}{self._model()}", *self._warned(), body])

    def _repr_html_(self) -> str:
        return html_table(self.records, caption=self._caption(), warnings=self._warned())

    def _repr_markdown_(self) -> str:
        return "\n\n".join(
            [
                *(f"**{words}**" for words in self._warned()),
                self._caption(),
                markdown_table(self.records),
            ]
        )

    def _caption(self) -> str:
        return self.sentence if len(self.sentences) == 1 else f"{self.query}{self._model()}"

    def _model(self) -> str:
        model = self.about.get("model")
        return f" (model {model})" if model else ""

    def _warned(self) -> list[str]:
        return [f"WARNING: {words}" for words in self.warnings]


def answer_of(
    draws: Draws,
    query: str,
    records: list[dict[str, Any]],
    sentences: list[str],
    *,
    value: str,
    unit: str | None = None,
    direction: str,
    interval: Interval | None = None,
) -> Answer:
    """Return the answer that a fit gives, with what the fit says about itself."""
    of_fit = ["with_abstracts"] if draws.supplemented else []
    of_fit += ["gates_failed"] if draws.failed_gates else []
    for record in records if of_fit else ():
        record["flags"] = ";".join(filter(None, [record.get("flags"), *of_fit]))
    where = draws.where if query not in _EVERYWHERE else ""
    attrs = draws.attrs
    scale = draws.spec.get("effect", {}).get("scale")
    return Answer(
        query=query,
        records=tuple(records),
        sentences=tuple(f"At {where}: {said}" if where else said for said in sentences),
        value=value,
        unit=draws.unit if unit is None else unit,
        direction=direction,
        about={
            name: str(attrs.get(name, ""))
            for name in ("model", "title", "outcome", "comparator", "measure", "engine")
        }
        | ({"scale": str(scale)} if scale and unit in (None, draws.unit) else {})
        | ({"at": where} if where else {})
        | ({} if interval is None else {"interval": interval.about})
        | estimand_of(draws),
        provenance=provenance_of(draws),
        warnings=draws.warnings,
    )


def estimand_of(draws: Draws) -> dict[str, str]:
    """Return what kind of quantity a fit is about, where it is easily taken for another."""
    words = draws.vocabulary
    if draws.attrs.get("outcome") not in words.of_class("responder"):
        return {}
    measured = words.of_class("benefit")
    what = words.outcome(measured[0]).said if measured else "score"
    return {
        "estimand": "A response is a change within one patient: it counts the people whose own "
        f"{what} fell by so much. A difference between the mean scores of groups is another "
        "quantity."
    }


def provenance_of(draws: Draws) -> dict[str, Any]:
    """Return the digests of model, rows and files of a fit, its seed and versions."""
    return {name: _plain(draws.attrs[name]) for name in _PROVENANCE if name in draws.attrs}


def _json(value: object) -> object:
    """Return a value for JSON, which has no word for a number that is not one."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: object) -> object:
    """Return an attribute as a plain value: numbers unpacked, JSON text read."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list) and len(value) == 1:
        return value[0]  # netCDF keeps a number as an array of one
    if isinstance(value, str) and value.startswith(("{", "[")):
        return json.loads(value)
    return value
