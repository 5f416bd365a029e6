"""Results of abstracts beside the review's rows: what is taken, and what is refused."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayes_nmda.data import TrialData, load_trials
from bayes_nmda.data.decisions import targets
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.effects.conversions import correlation_from_sds
from bayes_nmda.effects.within_person import WithinPerson
from bayes_nmda.errors import DataError, SpecError
from bayes_nmda.spec.spec import ModelSpec, load_model

AMIN = "abstract:110"
Row = Callable[..., tuple[TrialData, ModelSpec]]


@pytest.fixture(scope="module")
def trials() -> TrialData:
    return load_trials()


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return load_model("pain_intensity_with_abstracts")


@pytest.fixture(scope="module")
def added(trials: TrialData, spec: ModelSpec) -> EffectTable:
    return effect_table(trials, spec)


@pytest.fixture
def changed(trials: TrialData, spec: ModelSpec) -> Row:
    """Return data and model with other numbers, or another way to take them."""

    def _changed(*, error: str = "arm_sds", design: str = "paired", **numbers: Any) -> Any:
        table = trials.abstract_outcomes.copy()
        for name, value in numbers.items():
            table.loc[table["id"] == AMIN, name] = value
        assert spec.supplement is not None
        row = dataclasses.replace(spec.supplement.rows[0], error=error, design=design)
        supplement = dataclasses.replace(spec.supplement, rows=(row,))
        return (
            dataclasses.replace(trials, abstract_outcomes=table),
            dataclasses.replace(spec, supplement=supplement),
        )

    return _changed


def row_of(table: EffectTable) -> pd.Series:
    chosen = table.frame[table.frame["abstract_id"] != ""]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_nothing_of_an_abstract_is_in_a_model_that_does_not_name_it(trials: TrialData) -> None:
    frame = effect_table(trials, load_model("pain_intensity")).frame
    assert not frame["flags"].str.contains("abstract").any()
    assert "abstract_id" not in frame


def test_the_reviews_rows_are_the_same_with_and_without(
    trials: TrialData, added: EffectTable
) -> None:
    alone = effect_table(trials, load_model("pain_intensity"))
    kept = added.subset(added.frame["abstract_id"] == "")
    pd.testing.assert_frame_equal(kept.frame[alone.frame.columns], alone.frame)
    np.testing.assert_array_equal(kept.covariance, alone.covariance)


def test_the_added_row_says_what_it_is_and_its_people_count_once(added: EffectTable) -> None:
    row = row_of(added)
    assert row["abstract_id"] == AMIN
    assert row["cell"] == "amantadine/intravenous/immediate"
    assert row["flags"].split(";") == [
        "abstract",
        "paired_crossover",
        "sd_from_interval",
        "timepoint_assigned",
    ]
    assert row["locator"].startswith("Abstract, https://")
    assert added.participants[row["cell"]] == row["n_t"] == row["n_c"] == 17
    assert added.partition_participants[row["partition"]] == 17


def test_its_numbers_are_those_printed_on_a_scale_of_0_to_100(added: EffectTable) -> None:
    row = row_of(added)
    t = stats.t(16).ppf(0.975)
    se_t, se_c = 10 * (7.8 - 4.9) / (2 * t), 10 * (8.6 - 7.7) / (2 * t)
    assert row["yi"] == pytest.approx(-20)
    assert (row["mean_t"], row["mean_c"]) == pytest.approx((62, 82))
    assert (row["sd_t"], row["sd_c"]) == pytest.approx((se_t * 17**0.5, se_c * 17**0.5))
    r = stats.beta(6, 4).median()
    assert row["sei"] == pytest.approx((se_t**2 + se_c**2 - 2 * r * se_t * se_c) ** 0.5)
    position = added.frame.index[added.frame["abstract_id"] != ""][0]
    expected = np.zeros(len(added.frame))
    expected[position] = row["sei"] ** 2
    np.testing.assert_allclose(added.covariance[position], expected)


def test_the_printed_p_value_implies_the_correlation_that_the_model_file_tells(
    added: EffectTable, trials: TrialData, spec: ModelSpec
) -> None:
    row = row_of(added)
    by_p = row_of(effect_table(trials, load_model("pain_intensity_with_abstracts_p")))
    assert by_p["sei"] == pytest.approx(20 / stats.t(16).isf(0.0015))
    r = correlation_from_sds(row["sd_t"], row["sd_c"], by_p["sei"] * 17**0.5)
    assert spec.supplement is not None
    assert f"correlate {float(r):.2f}" in spec.supplement.rows[0].source


def test_every_abstract_row_is_used_or_a_decision_says_why_not(
    trials: TrialData, spec: ModelSpec
) -> None:
    assert spec.supplement is not None
    about = trials.decisions["what"].str.startswith(("Not added to pain", "The one result that"))
    decisions = trials.decisions[about]
    assert set(decisions["table"]) == {"abstract_outcomes"}
    named = [part for text in decisions["target"] for part in targets(str(text))]
    assert len(named) == len(set(named)) == len(trials.abstract_outcomes) == 116
    used = decisions[decisions["action"] == "flagged"]["target"].tolist()
    assert used == [row.id for row in spec.supplement.rows]
    numbers = (
        trials.abstract_outcomes.set_index("id").loc[named, "outcome"] == "pain_intensity"
    ).sum()
    assert f"{numbers} are on pain intensity" in spec.supplement.source
    for words in (
        "in the review's rows",
        "per cent",
        "no difference",
        "ketamine and amitriptyline",
    ):
        row = decisions[decisions["what"].str.contains(words)].iloc[0]
        assert str(len(targets(row["target"]))) in spec.supplement.source


@pytest.mark.parametrize(
    ("error", "numbers", "se"),
    [
        ("se", {"se": 0.6}, 6.0),
        (
            "interval",
            {"ci_low": -3.0, "ci_high": -1.0, "level": 0.9},
            10 / stats.t(16).ppf(0.95),
        ),
        ("p_value", {"p_value": "0.02"}, 20 / stats.t(16).isf(0.01)),
    ],
)
def test_where_the_error_of_the_difference_is_printed_no_correlation_is_needed(
    changed: Row, error: str, numbers: dict[str, Any], se: float
) -> None:
    table = effect_table(*changed(error=error, **numbers))
    assert row_of(table)["sei"] == pytest.approx(se)
    assert table.within_person is None


@pytest.mark.parametrize(
    ("error", "numbers"),
    [
        ("arm_sds", {"sd_t": 3.0, "sd_c": 2.0}),
        ("arm_ses", {"se_t": 3.0 / 17**0.5, "se_c": 2.0 / 17**0.5}),
    ],
)
def test_the_spread_of_both_arms_gives_one_error_paired_and_another_apart(
    changed: Row, error: str, numbers: dict[str, Any]
) -> None:
    paired = effect_table(*changed(error=error, **numbers))
    within = paired.within_person
    assert within is not None
    position = int(np.flatnonzero(within.shared)[0])
    assert within.variance(0.25)[position] == pytest.approx((900 + 400 - 0.5 * 600) / 17)
    numbers |= {"crossover_analysis": "na"}
    apart = effect_table(*changed(error=error, design="parallel", **numbers))
    assert row_of(apart)["sei"] == pytest.approx((1300 / 17) ** 0.5)
    assert apart.within_person is None
    assert apart.participants["amantadine/intravenous/immediate"] == 34


def test_a_scale_on_which_higher_is_better_is_turned(changed: Row) -> None:
    table = effect_table(*changed(error="p_value", higher_is_worse=False))
    assert row_of(table)["yi"] == pytest.approx(20)
    assert "reversed" in row_of(table)["flags"]


def test_a_change_moves_with_the_unit_and_not_with_the_start_of_the_scale(changed: Row) -> None:
    table = effect_table(*changed(error="p_value", value_type="change", scale_min=-10.0))
    assert row_of(table)["yi"] == pytest.approx(-10)
    assert row_of(table)["mean_t"] == pytest.approx(31)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"trial": "sigtermans2009", "treatment_arm": "ketamine_iv"}, "would count twice"),
        ({"outcome": "nausea"}, "found the outcome 'nausea'"),
        ({"trial": "nobody2000"}, "not in trials.csv"),
        ({"control_arm": "amantadine_iv"}, "arm amantadine_iv counts as ''"),
        ({"treatment_arm": "placebo"}, "arm placebo has no drug of the vocabulary"),
        ({"crossover_analysis": "unpaired_all"}, "found crossover_analysis 'unpaired_all'"),
        ({"design": "parallel"}, "needs 'na'"),
        ({"error": "arm_sds"}, "lacks sd_t, sd_c"),
        ({"error": "interval"}, "lacks ci_low, ci_high"),
        ({"error": "p_value", "p_value": "<0.01"}, "p_value is '<0.01', a bound"),
        ({"error": "arm_intervals", "value_type": "percent_change"}, "'percent_change'"),
        ({"error": "arm_intervals", "scale_max": np.nan}, "lacks scale_max"),
        ({"error": "arm_intervals", "n_c": 16}, "found n_t 17 and n_c 16"),
        ({"error": "arm_sds", "kind": "contrast", "measure": "SMD"}, "measure 'SMD'"),
        (
            {"error": "p_value", "kind": "contrast", "measure": "MD", "higher_is_worse": False},
            "a higher value is better",
        ),
        (
            {"error": "p_value", "kind": "contrast", "measure": "MD", "higher_is_worse": pd.NA},
            "lacks higher_is_worse, estimate",
        ),
    ],
)
def test_a_result_that_cannot_be_used_is_refused_by_name(
    changed: Row, how: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=r"abstract_outcomes\.csv") as caught:
        effect_table(*changed(**how))
    assert words in str(caught.value)
    assert AMIN in str(caught.value)


def test_a_row_that_does_not_exist_is_refused(trials: TrialData, spec: ModelSpec) -> None:
    assert spec.supplement is not None
    row = dataclasses.replace(spec.supplement.rows[0], id="abstract:999")
    other = dataclasses.replace(spec.supplement, rows=(row,))
    with pytest.raises(DataError, match="abstract:999: there is no such row"):
        effect_table(trials, dataclasses.replace(spec, supplement=other))


def test_two_results_of_one_trial_are_refused(trials: TrialData, spec: ModelSpec) -> None:
    assert spec.supplement is not None
    twice = dataclasses.replace(spec.supplement, rows=spec.supplement.rows * 2)
    with pytest.raises(DataError, match="amin2003: two of its results"):
        effect_table(trials, dataclasses.replace(spec, supplement=twice))


def test_a_paired_result_without_a_prior_on_the_correlation_is_refused(
    trials: TrialData, spec: ModelSpec
) -> None:
    priors = tuple(p for p in spec.priors if p[0] != "within_person_correlation")
    with pytest.raises(SpecError, match="missing within_person_correlation"):
        effect_table(trials, dataclasses.replace(spec, priors=priors))


def test_results_are_added_to_mean_differences_only(trials: TrialData, spec: ModelSpec) -> None:
    with pytest.raises(SpecError, match="found measure 'SMD'"):
        effect_table(trials, dataclasses.replace(spec, measure="SMD"))


def test_the_hash_moves_with_the_numbers_of_the_abstract_and_the_correlation(
    changed: Row, added: EffectTable, trials: TrialData, spec: ModelSpec
) -> None:
    assert effect_table(trials, spec).hash == added.hash
    moved = effect_table(*changed(error="arm_intervals", ci_high_t=7.9))
    assert moved.hash != added.hash
    within = added.within_person
    assert within is not None
    again = WithinPerson(within.independent, within.shared, 0.3)
    assert dataclasses.replace(added, within_person=again).hash != added.hash


def test_the_digest_of_the_table_of_abstracts_is_among_those_of_the_data(
    trials: TrialData,
) -> None:
    assert "abstract_outcomes.csv" in trials.digests
