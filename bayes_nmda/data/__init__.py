"""What was observed: the tables of ``data/``, read, checked and selected from.

Names load on first use, so that `table_digests` costs no import of pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayes_nmda.data.decisions import apply_decisions, decisions_for
    from bayes_nmda.data.plain import trials_from
    from bayes_nmda.data.reading import table_digests
    from bayes_nmda.data.tables import TrialData, load_trials
    from bayes_nmda.data.vocabulary import Vocabulary, load_vocabulary

__all__ = [
    "TrialData",
    "Vocabulary",
    "apply_decisions",
    "decisions_for",
    "load_trials",
    "load_vocabulary",
    "table_digests",
    "trials_from",
]

_HOMES = {
    "TrialData": "tables",
    "load_trials": "tables",
    "apply_decisions": "decisions",
    "decisions_for": "decisions",
    "table_digests": "reading",
    "trials_from": "plain",
    "Vocabulary": "vocabulary",
    "load_vocabulary": "vocabulary",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
