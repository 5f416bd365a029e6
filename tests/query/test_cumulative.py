"""The evidence as it grew."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bayes_nmda import cumulative
from bayes_nmda.data import TrialData
from bayes_nmda.effects import EffectTable
from bayes_nmda.errors import DataError, UsageError
from bayes_nmda.query.exactly import Question
from bayes_nmda.spec.spec import ModelSpec


def test_each_step_is_the_analysis_of_the_trials_so_far(
    primary: ModelSpec, pain: EffectTable, trials: TrialData
) -> None:
    table = cumulative(primary, pain, trials, at_least=10)
    years = trials.trials.set_index("trial")["year"]
    of = pain.frame["trial_id"].map(years).to_numpy(dtype=int)
    assert table["until"].unique().tolist() == np.unique(of).tolist()
    for year in (int(np.median(of)), int(of.max())):
        some = pain.subset(of <= year)
        expected = Question.of(primary, 10).answers(primary, some)
        found = table[table["until"] == year].reset_index(drop=True)
        for name in ("cell", "target", "probability", "mean", "sd"):
            assert found[name].tolist() == expected[name].tolist()
        assert dict(zip(found["cell"], found["trials"], strict=True)) == some.trials
    added = table.attrs["added"]
    assert [name for step in added.values() for name in step] == list(
        dict.fromkeys(pain.frame.assign(of=of).sort_values("of", kind="stable")["trial"])
    )


def test_two_at_a_time_give_the_same_numbers(
    primary: ModelSpec, pain: EffectTable, trials: TrialData
) -> None:
    early = pain.subset((pain.frame["trial_id"] < "h").to_numpy())
    one = cumulative(primary, early, trials, at_least=10)
    two = cumulative(primary, early, trials, at_least=10, jobs=2)
    assert one.equals(two)


def test_a_trial_without_a_year_is_named(
    primary: ModelSpec, pain: EffectTable, trials: TrialData
) -> None:
    with pytest.raises(UsageError, match="'colour'; allowed are columns of numbers"):
        cumulative(primary, pain, trials, by="colour")
    some = trials.trials.copy()
    some["year"] = some["year"].astype("Float64")
    some.loc[some["trial"] == "sigtermans2009", "year"] = None
    with pytest.raises(DataError, match="found no year of Sigtermans 2009"):
        cumulative(primary, pain, dataclasses.replace(trials, trials=some))
