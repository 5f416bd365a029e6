"""Which effect belongs to which cell, partition, drug, comparison and trial.

`Layout` turns the rows of an `EffectTable` into labels and index arrays, once, for the model and
for everything computed from its draws. A comparison is one treatment arm against one control arm
of a trial, at any timepoint; comparisons of one trial that share a control arm form a group whose
deviations correlate (Higgins & Whitehead 1996, Stat Med 15:2733; Lu & Ades 2004, Stat Med
23:3105).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_nmda.terms import SEPARATOR

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

Index = "NDArray[np.intp]"


def _positions(values: Iterable[Hashable], labels: Sequence[Hashable]) -> NDArray[np.intp]:
    where = {label: position for position, label in enumerate(labels)}
    return np.array([where[value] for value in values], dtype=np.intp)


def _unique[T: Hashable](values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


def _with_spares(labels: tuple[str, ...], block: int) -> tuple[str, ...]:
    """Return the labels, filled up to a multiple of ``block`` with labels of nothing."""
    size = block * max(1, -(-len(labels) // block))
    return labels + tuple(f"(spare {position})" for position in range(len(labels), size))


@dataclass(frozen=True, slots=True)
class Groups:
    """Members that share a part of their deviation.

    Attributes
    ----------
    labels
        One label a group with two or more members.
    of_member
        Shape (member,): position of the member's group, 0 where it has none.
    shared
        Shape (member,): True where the member belongs to a group.
    """

    labels: tuple[str, ...]
    of_member: NDArray[np.intp]
    shared: NDArray[np.bool_]

    @classmethod
    def of(cls, keys: Sequence[str]) -> Groups:
        """Return the groups of members with equal keys; a key that occurs once makes none."""
        labels = tuple(key for key in _unique(keys) if keys.count(key) > 1)
        shared = np.array([key in labels for key in keys])
        positions = [labels.index(key) if key in labels else 0 for key in keys]
        return cls(labels, np.array(positions, dtype=np.intp), shared)

    def padded(self, members: int) -> Groups:
        """Return one group or more among ``members`` members, the added ones in no group."""
        labels = _with_spares(self.labels, 1)
        added = members - len(self.shared)
        return Groups(
            labels,
            np.pad(self.of_member, (0, added)),
            np.pad(self.shared, (0, added)),
        )

    def first_members(self) -> NDArray[np.intp]:
        """Return the position of a member of each group, shape (group,); 0 where it has none."""
        belongs = self.shared & (self.of_member == np.arange(len(self.labels))[:, None])
        return np.asarray(belongs.argmax(axis=1))

    def weights(self, within: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the weights of a member's own and of its group's part, as `correlation` asks.

        Shapes (member,) and (member, group): their squares sum to 1 for each member.
        """
        share = np.where(self.shared, within, 0.0)
        together = np.zeros((len(self.shared), len(self.labels)))
        together[np.arange(len(share)), self.of_member] = np.sqrt(share)
        return np.sqrt(1 - share), together

    def correlation(self, within: float) -> NDArray[np.float64]:
        """Return the correlation of deviations, shape (member, member): ``within`` in a group."""
        same = self.of_member[:, None] == self.of_member[None, :]
        both = self.shared[:, None] & self.shared[None, :]
        matrix = np.where(same & both, within, 0.0)
        np.fill_diagonal(matrix, 1.0)
        return matrix


@dataclass(frozen=True, slots=True)
class Layout:
    """Labels and index arrays of one analysis.

    Attributes
    ----------
    cells, partitions, drugs, comparisons, contrasts, trials, controls
        Labels in the order of first appearance in the effect table. A control is a control arm at
        one timepoint; it stands there once, however many contrasts it is part of.
    cell_of_contrast, comparison_of_contrast, trial_of_contrast, control_of_contrast
        Shape (contrast,): positions.
    partition_of_cell
        Shape (cell,): positions.
    drug_of_partition
        Shape (partition,): positions.
    trial_of_comparison
        Shape (comparison,): positions.
    comparison_groups, contrast_groups
        Comparisons that share a control arm, and contrasts that do so at one timepoint.
    """

    cells: tuple[str, ...]
    partitions: tuple[str, ...]
    drugs: tuple[str, ...]
    comparisons: tuple[str, ...]
    contrasts: tuple[str, ...]
    trials: tuple[str, ...]
    controls: tuple[str, ...]
    cell_of_contrast: NDArray[np.intp]
    comparison_of_contrast: NDArray[np.intp]
    trial_of_contrast: NDArray[np.intp]
    control_of_contrast: NDArray[np.intp]
    partition_of_cell: NDArray[np.intp]
    drug_of_partition: NDArray[np.intp]
    trial_of_comparison: NDArray[np.intp]
    comparison_groups: Groups
    contrast_groups: Groups

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Layout:
        """Return the layout of the rows of an effect table."""
        # lists: a table of a few dozen rows is read faster by Python than by pandas
        cell, comparison, trial = (list(frame[n]) for n in ("cell", "comparison", "trial"))
        arm, timepoint = list(frame["control_arm"]), list(frame["timepoint"])
        cells, comparisons, trials = _unique(cell), _unique(comparison), _unique(trial)
        partition = dict(zip(reversed(cell), reversed(list(frame["partition"])), strict=True))
        drug_route = [partition[name] for name in cells]
        partitions = _unique(drug_route)
        drug = [name.split(SEPARATOR)[0] for name in partitions]
        first = [comparison.index(name) for name in comparisons]
        control = [f"{trial[row]} {arm[row]}" for row in first]
        at_timepoint = [f"{t} {a} {when}" for t, a, when in zip(trial, arm, timepoint, strict=True)]
        controls = _control_labels(trial, arm, timepoint)
        return cls(
            cells=cells,
            partitions=partitions,
            drugs=_unique(drug),
            comparisons=comparisons,
            contrasts=tuple(frame["contrast"]),
            trials=trials,
            controls=_unique(controls),
            cell_of_contrast=_positions(cell, cells),
            comparison_of_contrast=_positions(comparison, comparisons),
            trial_of_contrast=_positions(trial, trials),
            control_of_contrast=_positions(controls, _unique(controls)),
            partition_of_cell=_positions(drug_route, partitions),
            drug_of_partition=_positions(drug, _unique(drug)),
            trial_of_comparison=_positions([trial[row] for row in first], trials),
            comparison_groups=Groups.of(control),
            contrast_groups=Groups.of(at_timepoint),
        )

    def padded(self, places: Mapping[str, int]) -> Layout:
        """Return the layout with spare places, so that analyses of unlike size have one shape.

        Spare contrasts point at the first cell and comparison; they must carry no data.

        Parameters
        ----------
        places
            Of each attribute that holds labels, the number of places of which it gets a multiple.
        """
        filled = {name: _with_spares(getattr(self, name), size) for name, size in places.items()}
        positions = {
            name: np.pad(getattr(self, name), (0, len(filled[member]) - len(getattr(self, name))))
            for name, member in (
                ("cell_of_contrast", "contrasts"),
                ("comparison_of_contrast", "contrasts"),
                ("trial_of_contrast", "contrasts"),
                ("partition_of_cell", "cells"),
                ("drug_of_partition", "partitions"),
                ("trial_of_comparison", "comparisons"),
            )
        }
        changed: dict[str, Any] = {
            **filled,
            **positions,
            "comparison_groups": self.comparison_groups.padded(len(filled["comparisons"])),
            "contrast_groups": self.contrast_groups.padded(len(filled["contrasts"])),
        }
        return replace(self, **changed)

    def coords(self) -> dict[str, tuple[str, ...]]:
        """Return the coordinates of the PyMC model: dimension and labels."""
        coords = {
            "cell": self.cells,
            "partition": self.partitions,
            "drug_name": self.drugs,
            "comparison": self.comparisons,
            "contrast": self.contrasts,
            "trial": self.trials,
        }
        if self.comparison_groups.labels:
            coords["comparison_group"] = self.comparison_groups.labels
        if self.contrast_groups.labels:
            coords["contrast_group"] = self.contrast_groups.labels
        return coords


def _control_labels(
    trial: Sequence[str], arm: Sequence[str], timepoint: Sequence[str]
) -> list[str]:
    """Return a name for the control arm of each contrast: of its trial, as short as it can be."""
    labels = [
        f"{name} {when}" if when else name for name, when in zip(trial, timepoint, strict=True)
    ]
    arms: dict[str, set[str]] = {}
    for label, name in zip(labels, arm, strict=True):
        arms.setdefault(label, set()).add(name)
    return [
        label if len(arms[label]) == 1 else f"{label} ({name})"
        for label, name in zip(labels, arm, strict=True)
    ]
