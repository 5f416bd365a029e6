"""What if the trials without usable numbers had found something? Nothing is filled in: it is asked.

Known trials of a drug and route that give no number for an outcome are added as if each had found
the same: nothing, a benefit, a harm, with the precision that its size implies. How each probability
moves, and what they would have to have found to bring it past a half, is the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bayes_nmda.errors import UsageError
from bayes_nmda.query.exactly import Question
from bayes_nmda.terms import AGAINST, SEPARATOR

if TYPE_CHECKING:
    import pandas as pd

    from bayes_nmda.data import TrialData
    from bayes_nmda.effects import EffectTable
    from bayes_nmda.spec.spec import ModelSpec

#: What marks a contrast that nobody observed.
HYPOTHETICAL: Final = "hypothetical"
#: Multiples of the model's first real size at which the question is asked.
_PLACES: Final = (-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)


def missing_evidence(
    spec: ModelSpec,
    effects: EffectTable,
    trials: TrialData,
    *,
    found: Iterable[float] | None = None,
    at_least: float | Iterable[float] | None = None,
    past: float = 0.5,
    seed: int | None = None,
) -> pd.DataFrame:
    """Return every probability if the trials without numbers had found so much.

    Parameters
    ----------
    spec
        An analysis of differences that the exact engine can do.
    effects
        Its contrasts.
    trials
        The tables that know of further trials.
    found
        What each of them is taken to have found, positive in the direction of benefit, in the unit
        of the effect; by default nine values around 0.
    at_least
        Sizes of benefit; by default those of the model file.
    past
        Probability whose crossing is the tipping point.
    seed
        Instead of the seed in the model file.

    Returns
    -------
    pandas.DataFrame
        A row a ``cell``, ``at_least``, ``target`` and ``found``: ``probability``, ``error``,
        ``probability_all`` (as the model stands), ``change``, ``mean``. Attributes: ``added`` (a
        row a contrast: ``trial``, ``cell``, ``people``, ``sei``), ``left_out`` (``trial``,
        ``why``), ``tipping`` (``cell``, ``at_least``, ``found``: what brings the probability of
        the mean to ``past``, missing where nothing in the range does), and ``rob_me``
        (``question``, ``answer``, ``answered``).

    Raises
    ------
    UsageError
        If the analysis is one of counts, has covariates, or no further trial can be added.

    Notes
    -----
    The standard error of a contrast is the median of ``sei / sqrt(1/n_t + 1/n_c)`` of the contrasts
    that there are, a standard deviation, times the root for the trial's own people. A crossover
    trial counts its people in both arms as if they were two groups, which overstates its error. A
    trial of several timepoints is not known: each is put where its drug and route has most trials.

    References
    ----------
    Page et al. 2023, BMJ 383:e076754 (ROB-ME).
    """
    import pandas as pd

    if spec.likelihood.family != "normal" or spec.covariates:
        raise UsageError(
            f"missing_evidence: found likelihood {spec.likelihood.family!r} and "
            f"{len(spec.covariates)} covariates; allowed are differences without covariates, whose "
            "precision follows from a trial's size"
        )
    if not 0 < past < 1:
        raise UsageError(f"past: found {past!r}; allowed is a number between 0 and 1")
    question = Question.of(spec, at_least, "benefit")
    unit = next((size for size in spec.thresholds.benefit_sizes if size > 0), 1.0)
    asked = [unit * place for place in _PLACES] if found is None else [float(x) for x in found]
    if not asked:
        raise UsageError("found: allowed is at least one number")
    rows, left_out = _further(effects, trials)
    if rows.empty:
        raise UsageError(
            f"model {spec.name}: found no further trial of a drug and route in it whose size is "
            "known; nothing can be asked"
        )
    now = question.answers(spec, effects, seed=seed)
    towards = question.sign(spec)
    parts = []
    for value in asked:
        table = _with(effects, rows, towards * value)
        part = question.answers(spec, table, seed=seed)
        parts.append(now[["cell", "at_least", "target"]].merge(part).assign(found=value))
    answer = pd.concat(parts, ignore_index=True)
    whole = now.rename(columns={"probability": "probability_all"})
    answer = answer.merge(whole[["cell", "at_least", "target", "probability_all"]])
    answer["change"] = answer["probability"] - answer["probability_all"]
    answer.attrs |= {
        "added": rows[["trial", "cell", "people", "sei"]],
        "left_out": left_out,
        "tipping": _tipping(answer, past),
        "rob_me": _rob_me(effects, rows, left_out, trials),
    }
    columns = ["cell", "at_least", "target", "found", "probability", "error", "probability_all"]
    return answer[[*columns, "change", "mean"]]


def _further(effects: EffectTable, trials: TrialData) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return contrasts that further trials would give, and trials that cannot be added with why."""
    import pandas as pd

    frame = effects.frame
    sei, n_t, n_c = (frame[name].to_numpy(dtype=float) for name in ("sei", "n_t", "n_c"))
    sd = float(np.median(sei / np.sqrt(1 / n_t + 1 / n_c)))
    usual = _usual_cells(frame)
    here = set(frame["trial_id"])
    treated = trials.arms[trials.arms["role"] == "treatment"]
    rows: list[dict[str, Any]] = []
    left: list[dict[str, str]] = []
    for trial in trials.trials.to_dict("records"):
        if trial["trial"] in here:
            continue
        label = str(trial["label"])
        arms = treated[treated["trial"] == trial["trial"]]
        pairs = dict.fromkeys(zip(arms["drug"], arms["route"], strict=True))
        cells = [usual[pair] for pair in pairs if pair in usual]
        if not cells:
            known = ", ".join("/".join(filter(None, map(str, pair))) for pair in pairs)
            left.append({"trial": label, "why": f"{known or 'its treatment'}: not in this model"})
            continue
        size = trial.get("n_randomised")
        if pd.isna(size):
            left.append({"trial": label, "why": "its size is not known"})
            continue
        people = int(size)
        each = float(people) if trial.get("design") == "crossover" else people / (1 + len(cells))
        for cell in cells:
            template = frame[frame["cell"] == cell].iloc[0]
            rows.append(
                {
                    **{name: template[name] for name in ("drug", "route", "timepoint", "cell")},
                    "partition": template["partition"],
                    "trial": label,
                    "trial_id": str(trial["trial"]),
                    "people": people,
                    "sei": sd * np.sqrt(2 / each),
                    "shared": sd**2 / each,
                }
            )
    return pd.DataFrame(rows), pd.DataFrame(left, columns=["trial", "why"])


def _usual_cells(frame: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return for each drug and route the cell with most trials, the first of those that tie."""
    found: dict[tuple[str, str], str] = {}
    counts = frame.groupby("cell", sort=False)["trial_id"].nunique()
    for cell, _ in sorted(counts.items(), key=lambda item: -item[1]):
        row = frame[frame["cell"] == cell].iloc[0]
        found.setdefault((row["drug"], row["route"]), str(cell))
    return found


def _with(effects: EffectTable, rows: pd.DataFrame, yi: float) -> EffectTable:
    """Return the table of effects with contrasts that all found the same."""
    import pandas as pd
    from scipy.linalg import block_diag

    frame = effects.frame
    first = frame.iloc[0]
    added = rows.assign(
        yi=yi,
        contrast=rows["trial"] + ": " + rows["cell"] + f" ({HYPOTHETICAL})",
        comparison=rows["trial"] + ": " + rows["partition"] + f"{AGAINST}{first['comparator']}",
        comparator=first["comparator"],
        outcome=first["outcome"],
        instrument=first["instrument"],
        treatment_arm=rows["cell"].str.split(SEPARATOR).str[:2].str.join(" "),
        control_arm="control",
        flags=HYPOTHETICAL,
        n_t=(rows["people"] // 2).astype(frame["n_t"].dtype),
        n_c=(rows["people"] - rows["people"] // 2).astype(frame["n_c"].dtype),
    )
    for name in frame:
        if name not in added:
            added[name] = np.nan if frame[name].dtype.kind == "f" else ""
    same = rows["trial_id"].to_numpy()[:, None] == rows["trial_id"].to_numpy()[None, :]
    covariance = np.where(same, rows["shared"].to_numpy()[:, None], 0.0)
    np.fill_diagonal(covariance, rows["sei"] ** 2)
    return replace(
        effects,
        frame=pd.concat([frame, added[frame.columns]], ignore_index=True),
        covariance=block_diag(effects.covariance, covariance),
    )


def _tipping(answer: pd.DataFrame, past: float) -> pd.DataFrame:
    """Return what must have been found for the probability of a mean to be ``past``."""
    import pandas as pd

    rows = []
    mine = answer[answer["target"] == "mean"]
    for (cell, size), part in mine.groupby(["cell", "at_least"], sort=False):
        some = part.sort_values("found")
        x, y = some["found"].to_numpy(float), some["probability"].to_numpy(float) - past
        crossed = np.flatnonzero(np.sign(y[1:]) != np.sign(y[:-1]))
        place = np.nan
        if len(crossed):
            at = int(crossed[0])
            place = float(x[at] - y[at] * (x[at + 1] - x[at]) / (y[at + 1] - y[at]))
        rows.append({"cell": cell, "at_least": size, "found": place})
    return pd.DataFrame(rows)


def _rob_me(
    effects: EffectTable, rows: pd.DataFrame, left_out: pd.DataFrame, trials: TrialData
) -> pd.DataFrame:
    """Return what the tables can answer of what ROB-ME asks, in words of our own."""
    import pandas as pd

    frame = effects.frame
    added = rows.drop_duplicates("trial_id")
    inside = frame["trial_id"].nunique()
    people = sum(effects.participants.values())
    table = trials.trials
    known = table[~table["trial"].isin(frame["trial_id"])]
    sure = {
        word: int(count)
        for word, count in (
            known["in_review"].value_counts() if "in_review" in known else {}
        ).items()
        if word
    }
    words = ", ".join(f"{word}: {count}" for word, count in sure.items())
    return pd.DataFrame(
        [
            {
                "question": "Are there eligible trials whose result for this outcome is not in "
                "the synthesis?",
                "answer": f"Yes: of {len(known)} known trials no usable number is in our sources; "
                f"whether the review includes them: {words or 'not stated'}.",
                "answered": True,
            },
            {
                "question": "Is a result missing because of what it was?",
                "answer": "Not in our sources: why a result is missing is not known of any.",
                "answered": False,
            },
            {
                "question": "How much of the evidence is missing?",
                "answer": f"{len(added)} trials with {int(added['people'].sum())} people could be "
                f"placed, beside {inside} trials with {people} people by cell that are in the "
                f"model; {len(left_out)} could not be placed.",
                "answered": True,
            },
            {
                "question": "Would the missing results change the synthesis?",
                "answer": "See how each probability moves with what they are taken to have found.",
                "answered": True,
            },
            {
                "question": "Was the search such that missing trials would have been found?",
                "answer": "Not in our sources: the review's search is not part of its data.",
                "answered": False,
            },
        ]
    )
