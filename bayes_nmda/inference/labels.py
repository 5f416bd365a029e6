"""What a fit says beside its draws: what its cells are, and what is known without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.terms import AGAINST, SEPARATOR

if TYPE_CHECKING:
    from bayes_nmda.effects import EffectTable

#: Draws from the prior; a power of two, as a Sobol sequence needs.
PRIOR_DRAWS = 2048


def with_labels(draws: xr.Dataset) -> xr.Dataset:
    """Return draws whose cells and partitions also carry drug, route and timepoint."""
    if draws.attrs or any(variable.attrs for variable in draws.variables.values()):
        draws = draws.drop_attrs()
    labels: dict[str, tuple[str, list[str]]] = {}
    reference = load_vocabulary().reference
    for dim, parts in (("cell", ("drug", "route", "timepoint")), ("partition", ("drug", "route"))):
        if dim not in draws.dims:
            continue
        named = [str(label).partition(AGAINST) for label in draws[dim].to_numpy()]
        split = [drug_route.split(SEPARATOR) for drug_route, _, _ in named]
        name = "comparator" if dim == "cell" else f"{dim}_comparator"
        labels[name] = (dim, [comparator or reference for _, _, comparator in named])
        for position, part in enumerate(parts):
            values = [words[position] if position < len(words) else "" for words in split]
            labels[part if dim == "cell" else f"partition_{part}"] = (dim, values)
    return draws.assign_coords(labels)


def constants(effects: EffectTable) -> xr.Dataset:
    """Return what is known without a model.

    By ``contrast``: every column of the effect table, labels under the name ``contrast_…``, and the
    covariance; where errors depend on the correlation r within people, ``paired_independent`` less
    r ``paired_shared`` is the variance of a paired contrast. By ``cell`` and by ``partition``:
    trials and participants behind it.
    """
    frame = effects.frame
    columns = {
        name if values.dtype.kind in "if" else f"contrast_{name}": (
            "contrast",
            values.to_numpy() if values.dtype.kind in "if" else values.to_numpy(dtype=str),
        )
        for name, values in frame.drop(columns="contrast").items()
    }
    labels = frame["contrast"].to_numpy(dtype=str)
    evidence: dict[str, Any] = {
        "trials": ("cell", list(effects.trials.values())),
        "participants": ("cell", list(effects.participants.values())),
        "partition_trials": ("partition", list(effects.partition_trials.values())),
        "partition_participants": ("partition", list(effects.partition_participants.values())),
        "covariance": (("contrast", "other_contrast"), effects.covariance),
    }
    within = effects.within_person
    if within is not None:
        evidence["paired_independent"] = ("contrast", within.independent)
        evidence["paired_shared"] = ("contrast", within.shared)
    coords = {
        "contrast": labels,
        "other_contrast": labels,
        "cell": list(effects.trials),
        "partition": list(effects.partition_trials),
    }
    return xr.Dataset({**columns, **evidence}, coords)
