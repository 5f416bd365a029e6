"""Trials without usable numbers: what they would have to have found."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from bayes_nmda import default_model, effect_table, load_model, load_trials, missing_evidence
from bayes_nmda.data import TrialData, trials_from
from bayes_nmda.effects import EffectTable
from bayes_nmda.errors import UsageError
from bayes_nmda.query.exactly import Question
from bayes_nmda.spec.spec import ModelSpec


@pytest.fixture(scope="module")
def pain() -> tuple[ModelSpec, EffectTable, TrialData]:
    spec, trials = load_model("pain_intensity"), load_trials()
    return spec, effect_table(trials, spec), trials


@pytest.fixture(scope="module")
def table(pain: tuple[ModelSpec, EffectTable, TrialData]) -> pd.DataFrame:
    return missing_evidence(*pain, at_least=10)


def test_the_more_they_found_the_more_probable_a_benefit_is(table: pd.DataFrame) -> None:
    for _, part in table[table["target"] == "mean"].groupby("cell"):
        found = part.sort_values("found")["probability"].to_numpy()
        assert (np.diff(found) > -1e-9).all()
    head = table[(table["cell"] == "ketamine/intravenous/immediate") & (table["found"] == 0)]
    assert (head["change"] < 0).all()


def test_every_known_trial_is_added_or_named_with_a_reason(
    table: pd.DataFrame, pain: tuple[ModelSpec, EffectTable, TrialData]
) -> None:
    _, effects, trials = pain
    known = trials.trials[~trials.trials["trial"].isin(effects.frame["trial_id"])]
    added, left = table.attrs["added"], table.attrs["left_out"]
    assert set(added["trial"]) | set(left["trial"]) == set(known["label"])
    assert not set(added["trial"]) & set(left["trial"])
    assert set(left["why"].str.split(": ").str[-1]) == {
        "its size is not known", "not in this model",
    }  # fmt: skip


def test_precision_is_what_the_size_implies(
    table: pd.DataFrame, pain: tuple[ModelSpec, EffectTable, TrialData]
) -> None:
    frame = pain[1].frame
    sd = (frame["sei"] / np.sqrt(1 / frame["n_t"] + 1 / frame["n_c"])).median()
    added = table.attrs["added"].set_index("trial")
    # Amr 2010: parallel, 40 people; Gottrup 2006: crossover, 20 people in both arms
    assert added.loc["Amr 2010", "sei"] == pytest.approx(sd * np.sqrt(1 / 20 + 1 / 20))
    assert added.loc["Gottrup 2006", "sei"] == pytest.approx(sd * np.sqrt(1 / 20 + 1 / 20))


def test_one_cell_is_the_meta_analysis_with_the_trial_in_it() -> None:
    yi = [-0.5, -0.2, -0.4]
    frame = pd.DataFrame({"trial": ["a", "b", "c"], "yi": yi, "sei": 0.2, "n_t": 50, "n_c": 50})
    trials = trials_from(frame, measure="SMD")
    spec = default_model(trials)
    effects = effect_table(trials, spec)
    further = pd.DataFrame(
        {"trial": ["d"], "label": ["d"], "n_randomised": [200], "design": ["parallel"]}
    )
    arms = pd.DataFrame(
        {"trial": ["d"], "arm": ["t"], "role": ["treatment"], "drug": ["treatment"], "route": [""]}
    )
    known = dataclasses.replace(
        trials,
        trials=pd.concat([trials.trials, further], ignore_index=True),
        arms=pd.concat([trials.arms, arms], ignore_index=True),
    )
    table = missing_evidence(spec, effects, known, found=[0.3], at_least=0.2)
    more = pd.concat(
        [frame, pd.DataFrame([{"trial": "d", "yi": -0.3, "sei": 0.2 / 2**0.5}])],
        ignore_index=True,
    )
    whole = trials_from(more, measure="SMD")
    expected = Question.of(spec, 0.2).answers(spec, effect_table(whole, spec))
    np.testing.assert_allclose(table["probability"], expected["probability"], atol=1e-6)


def test_the_tipping_point_is_where_the_probability_crosses(table: pd.DataFrame) -> None:
    row = table.attrs["tipping"].set_index("cell").loc["ketamine/intravenous/short"]
    part = table[(table["cell"] == row.name) & (table["target"] == "mean")]
    below = part[part["found"] < row["found"]]["probability"].max()
    above = part[part["found"] > row["found"]]["probability"].min()
    assert below < 0.5 < above


def test_what_rob_me_asks_is_answered_or_said_to_be_unknown(table: pd.DataFrame) -> None:
    asked = table.attrs["rob_me"]
    assert list(asked["answered"]) == [True, False, True, True, False]
    assert asked["answer"].str.contains("49 known trials").any()


def test_counts_and_probabilities_that_are_none_are_refused(
    pain: tuple[ModelSpec, EffectTable, TrialData],
) -> None:
    counted = load_model("any_adverse_event")
    with pytest.raises(UsageError, match="allowed are differences without covariates"):
        missing_evidence(counted, effect_table(pain[2], counted), pain[2])
    with pytest.raises(UsageError, match="past: found 1"):
        missing_evidence(*pain, past=1)
