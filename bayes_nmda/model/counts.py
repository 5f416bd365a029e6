"""Events and people of each arm, each arm once.

A control arm that several treatment arms share stands there once, before the treatment arms in the
order of the contrasts. Nothing is added to empty cells: an arm without events, two such arms, or an
arm where everybody has one are ordinary data for a binomial likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayes_nmda.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from bayes_nmda.model.structure import Layout


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Counts of one analysis.

    Attributes
    ----------
    events, n
        Shape (arm,): people with an event, and people. Control arms first, in the order of
        `Layout.controls`, then a treatment arm for each contrast.
    controls
        Number of control arms.
    """

    events: NDArray[np.int64]
    n: NDArray[np.int64]
    controls: int

    @classmethod
    def of(cls, frame: pd.DataFrame, layout: Layout) -> Counts:
        """Return the counts of the rows of an effect table.

        Raises
        ------
        DataError
            If a treatment arm would be counted twice, because its trial has two control arms of
            the selected comparator.
        """
        arms = ["trial", "treatment_arm", "timepoint"]
        again = frame[frame.duplicated(arms, keep=False)]
        if len(again):
            named = sorted(set(again["trial"] + ": " + again["treatment_arm"]))
            raise DataError(
                f"outcomes.csv: found one treatment arm against several control arms: "
                f"{'; '.join(named)}; its people would count twice. Merge the control arms, or "
                "select one of them"
            )
        control = frame.assign(control=layout.control_of_contrast).drop_duplicates("control")
        control = control.sort_values("control")
        return cls(
            np.concatenate([control["events_c"], frame["events_t"]]).astype(np.int64),
            np.concatenate([control["n_c"], frame["n_t"]]).astype(np.int64),
            len(control),
        )

    def padded(self, controls: int, contrasts: int) -> Counts:
        """Return the counts among ``controls`` control arms and ``contrasts`` treatment arms.

        The added arms have no people, so that their likelihood is 1 whatever their risk.
        """

        def fill(values: NDArray[np.int64]) -> NDArray[np.int64]:
            control, treated = values[: self.controls], values[self.controls :]
            return np.concatenate(
                [
                    np.pad(control, (0, controls - len(control))),
                    np.pad(treated, (0, contrasts - len(treated))),
                ]
            )

        return Counts(fill(self.events), fill(self.n), controls)

    @property
    def treated(self) -> NDArray[np.bool_]:
        """Shape (arm,): whether the arm received the drug."""
        return np.arange(len(self.n)) >= self.controls


def arm_labels(layout: Layout) -> tuple[str, ...]:
    """Return the name of each arm, in the order of `Counts`."""
    return (*(f"{control}: control" for control in layout.controls), *layout.contrasts)
