"""Columns of covariates: from which table, centred how, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from bayes_nmda.data import TrialData, load_trials, trials_from
from bayes_nmda.effects import effect_table
from bayes_nmda.errors import DataError, SpecError
from bayes_nmda.spec.default import default_model
from bayes_nmda.spec.spec import ModelSpec, load_model

PRIOR = ("normal", 0, 10)


@pytest.fixture(scope="module")
def trials() -> TrialData:
    return load_trials()


@pytest.fixture(scope="module")
def pain() -> ModelSpec:
    return load_model("pain_intensity")


def test_a_column_of_trials_is_centred_and_scaled(trials: TrialData, pain: ModelSpec) -> None:
    spec = pain.with_covariate("year", prior=PRIOR, centre=2015, per=10, unit="decade")
    frame = effect_table(trials, spec).frame
    years = dict(zip(trials.trials["trial"], trials.trials["year"], strict=True))
    expected = [(years[trial] - 2015) / 10 for trial in frame["trial_id"]]
    np.testing.assert_allclose(frame["covariate_year"], expected)
    assert list(frame["value_year"]) == [years[trial] for trial in frame["trial_id"]]


def test_what_is_left_after_leaving_out_keeps_its_centre(
    trials: TrialData, pain: ModelSpec
) -> None:
    effects = effect_table(trials, pain.with_covariate("year", prior=PRIOR, centre="mean"))
    assert effects.frame["covariate_year"].mean() == pytest.approx(0, abs=1e-9)
    some = effects.subset(np.arange(len(effects.frame)) < 5)
    kept = effects.frame["covariate_year"].iloc[:5]
    np.testing.assert_array_equal(some.frame["covariate_year"], kept)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("identity", lambda sei: sei),
        ("square", lambda sei: sei**2),
        ("log", np.log),
        ("inverse_root", lambda sei: 1 / np.sqrt(sei)),
    ],
)
def test_a_column_of_contrasts_is_transformed(
    trials: TrialData, pain: ModelSpec, transform: str, expected: object
) -> None:
    spec = pain.with_covariate(
        "error", column="sei", level="contrast", transform=transform, centre=0, prior=PRIOR
    )
    frame = effect_table(trials, spec).frame
    np.testing.assert_allclose(frame["covariate_error"], expected(frame["sei"]))


def test_words_take_their_numbers(trials: TrialData, pain: ModelSpec) -> None:
    words = {"low": 0, "some_concerns": 1}
    spec = pain.with_covariate(
        "risk", column="rob", level="contrast", values=words, centre=0, prior=PRIOR
    )
    frame = effect_table(trials, spec).frame
    assert set(frame.loc[frame["rob"] == "low", "covariate_risk"]) == {0.0}
    assert set(frame.loc[frame["rob"] == "some_concerns", "covariate_risk"]) == {1.0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"column": "altitude"}, "found 'altitude'; the columns of each trial are"),
        ({"column": "condition"}, "which is not a number; words take numbers"),
        (
            {"column": "rob", "level": "contrast", "values": {"low": 0.0}},
            "found the words 'some_concerns' in rob without a number",
        ),
    ],
)
def test_a_column_that_cannot_be_used_is_named(
    trials: TrialData, pain: ModelSpec, settings: dict[str, object], message: str
) -> None:
    spec = pain.with_covariate("x", prior=PRIOR, **settings)
    with pytest.raises(SpecError, match=message):
        effect_table(trials, spec)


def test_a_missing_value_is_refused_by_name_and_never_dropped(
    trials: TrialData, pain: ModelSpec
) -> None:
    spec = pain.with_covariate("size", column="n_randomised", prior=PRIOR)
    with pytest.raises(DataError, match=r"found no n_randomised of .*nothing is dropped"):
        effect_table(trials, spec)
    kept = pain.with_covariate("size", column="n_randomised", missing="normal", prior=PRIOR)
    frame = effect_table(trials, kept).frame
    assert len(frame) == len(effect_table(trials, pain).frame)
    assert frame["covariate_size"].isna().any()


def test_a_column_without_variation_and_cells_alone_are_refused(trials: TrialData) -> None:
    same = load_model("pain_intensity").with_covariate(
        "drug", column="drug", level="contrast", values={"ketamine": 1.0} | dict.fromkeys(
            ["memantine", "dextromethorphan", "amantadine", "magnesium"], 1.0
        ), prior=PRIOR,
    )  # fmt: skip
    with pytest.raises(DataError, match="needs two that differ"):
        effect_table(trials, same)
    alone = load_model("pain_intensity_unpooled").with_covariate("year", prior=PRIOR)
    with pytest.raises(SpecError, match="which share no coefficient"):
        effect_table(trials, alone)


def test_a_logarithm_of_nothing_is_refused() -> None:
    frame = pd.DataFrame(
        {"trial": ["a", "b"], "yi": [1.0, 2.0], "sei": [1.0, 1.0], "dose": [0.0, 2.0]}
    )
    trials = trials_from(frame, measure="MD")
    spec = default_model(trials, reference_sd=10).with_covariate(
        "dose", transform="log", prior=PRIOR
    )
    with pytest.raises(DataError, match="'log' takes numbers above 0"):
        effect_table(trials, spec)


def test_further_columns_of_a_plain_frame_belong_to_trials_or_arms() -> None:
    rows = pd.DataFrame(
        {
            "trial": ["a", "a", "b", "b", "b"],
            "arm": ["low", "placebo", "low", "high", "placebo"],
            "events": [1, 2, 3, 4, 5],
            "n": [10, 10, 10, 10, 10],
            "latitude": [44, 44, 55, 55, 55],
            "dose": [1.0, 0.0, 1.0, 2.0, 0.0],
        }
    )
    trials = trials_from(rows)
    assert list(trials.trials["latitude"]) == [44, 55]
    assert "dose" not in trials.trials
    spec = default_model(trials).with_covariate("dose", level="arm", prior=("normal", 0, 1))
    frame = effect_table(trials, spec).frame.set_index("treatment_arm")
    assert list(frame.loc["low", "value_dose"]) == [1.0, 1.0]
    assert frame.loc["high", "value_dose"] == 2.0
