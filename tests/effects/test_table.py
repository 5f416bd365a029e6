"""The effect table: rows, orientation, covariance, hash, counting of people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_nmda.effects import effect_table
from bayes_nmda.effects.continuous import smd
from bayes_nmda.errors import DataError, SpecError, UsageError

COLUMNS = {
    "contrast",
    "trial",
    "trial_id",
    "comparison",
    "drug",
    "route",
    "comparator",
    "outcome",
    "timepoint",
    "partition",
    "cell",
    "yi",
    "sei",
    "n_t",
    "n_c",
    "treatment_arm",
    "control_arm",
    "stratum",
    "rob",
    "flags",
    "route_basis",
}


def test_effects_are_treatment_minus_control(tables, make) -> None:
    frame = effect_table(tables, make.settings()).frame
    assert set(frame.columns) >= COLUMNS | {"mean_t", "sd_t", "mean_c", "sd_c"}
    np.testing.assert_allclose(frame["yi"], [-20, -5, 2, -5, -10])
    np.testing.assert_allclose(frame["sei"][:2] ** 2, [16 + 25, 25 + 16])
    assert frame["n_t"].tolist() == [25, 25, 9, 20, 16]


def test_covariance_is_that_of_shared_arms_and_repeated_timepoints(tables, make) -> None:
    matrix = effect_table(tables, make.settings(rho=0.5)).covariance
    expected = np.diag([41.0, 41.0, 36.0 + 16.0, 5.0 + 9.0, 9.0 + 9.0])
    expected[0, 1] = expected[1, 0] = 0.5 * (4 * 5 + 5 * 4)
    expected[3, 4] = expected[4, 3] = 9.0
    np.testing.assert_allclose(matrix, expected)


def test_the_diagonal_is_the_square_of_the_standard_error(tables, make) -> None:
    for measure in ("MD", "SMD"):
        table = effect_table(tables, make.settings(measure=measure))
        np.testing.assert_allclose(np.diag(table.covariance), table.frame["sei"] ** 2)


def test_the_order_of_input_rows_does_not_matter(tables, make) -> None:
    table = effect_table(tables, make.settings())
    for seed in range(5):
        shuffled = replace(
            tables,
            trials=tables.trials.sample(frac=1, random_state=seed),
            arms=tables.arms.sample(frac=1, random_state=seed),
            outcomes=tables.outcomes.sample(frac=1, random_state=seed),
        )
        again = effect_table(shuffled, make.settings())
        assert again.hash == table.hash
        pd.testing.assert_frame_equal(again.frame, table.frame)


def test_the_hash_follows_numbers_and_assumptions(tables, make) -> None:
    table = effect_table(tables, make.settings())
    changed = tables.outcomes.assign(mean=tables.outcomes["mean"].replace(30.0, 30.001))
    assert effect_table(replace(tables, outcomes=changed), make.settings()).hash != table.hash
    assert effect_table(tables, make.settings(rho=0.3)).hash != table.hash
    assert effect_table(tables, make.settings()).hash == table.hash


@pytest.mark.parametrize("measure", ["MD", "SMD"])
def test_an_instrument_of_the_other_direction_is_reversed(tables, make, measure) -> None:
    better = (tables.outcomes["trial"] == "bell") | (measure == "MD")  # one scale, one direction
    rows = tables.outcomes.assign(higher_is_better=better)
    if measure == "SMD":
        rows["instrument"] = rows["instrument"].where(~better, "relief scale")
    turned = replace(tables, outcomes=rows)
    plain = effect_table(tables, make.settings(measure=measure))
    table = effect_table(turned, make.settings(measure=measure))
    sign = np.where((table.frame["trial_id"] == "bell") | (measure == "MD"), -1, 1)
    np.testing.assert_allclose(table.frame["yi"], sign * plain.frame["yi"])
    np.testing.assert_allclose(table.covariance, plain.covariance)
    assert table.frame["flags"].str.contains("reversed").tolist() == (sign < 0).tolist()
    positive = effect_table(turned, make.settings(measure=measure, benefit="positive"))
    np.testing.assert_allclose(positive.frame["yi"], -table.frame["yi"])


def test_standardised_differences_share_the_error_of_the_shared_standard_deviation(
    tables, make
) -> None:
    table = effect_table(tables, make.settings(measure="SMD"))
    first, _ = smd(55, 10, 20, 60, 15, 25)
    second, _ = smd(50, 12, 16, 60, 15, 25)
    assert table.covariance[3, 4] == pytest.approx(1 / 25 + first * second * 25 / (2 * 45 * 41))


def test_people_of_a_shared_arm_count_once(tables, make) -> None:
    table = effect_table(tables, make.settings())
    assert table.participants["memantine/oral/short"] == 45
    assert table.partition_participants["ketamine/intravenous"] == 61
    assert table.trials["ketamine/intravenous/short"] == 1
    same_drug = tables.arms.assign(
        drug=tables.arms["drug"].replace("dextromethorphan", "memantine")
    )
    doses = effect_table(replace(tables, arms=same_drug), make.settings())
    assert doses.participants["memantine/oral/short"] == 20 + 16 + 25
    assert doses.partition_trials["memantine/oral"] == 1


def test_counts_keep_tables_without_events(tables, make) -> None:
    table = effect_table(tables, make.settings(outcome="nausea", measure="log_or"))
    frame = table.frame.set_index("trial_id")
    assert frame["events_t"].tolist() == [5, 0, 4]
    assert frame["n_c"].tolist() == [36, 25, 25]
    assert frame["flags"].tolist() == ["zero_cell", "double_zero;zero_cell", "zero_cell"]
    assert np.isnan(frame["yi"]).tolist() == [False, True, False]
    assert np.isnan(np.diag(table.covariance)).tolist() == [False, True, False]
    assert frame["cell"].tolist()[0] == "ketamine/intravenous"


@pytest.mark.parametrize("measure", ["log_rr", "log_or", "RD"])
def test_counts_of_a_shared_arm_covary_by_its_own_variance(tables, make, measure) -> None:
    outcomes = tables.outcomes.assign(
        events=tables.outcomes["events"].where(tables.outcomes["n"] != 25, 3)
    )
    memantine = (outcomes["arm"] == "memantine") & (outcomes["outcome"] == "nausea")
    outcomes["events"] = outcomes["events"].where(~memantine, 2)
    table = effect_table(
        replace(tables, outcomes=outcomes), make.settings(outcome="nausea", measure=measure)
    )
    own = {"log_rr": 1 / 3 - 1 / 25, "log_or": 1 / 3 + 1 / 22, "RD": 3 * 22 / 25**3}
    assert table.covariance[1, 2] == pytest.approx(own[measure])


def test_a_sign_of_benefit_against_the_outcome_is_refused(tables, make) -> None:
    settings = make.settings(outcome="nausea", measure="log_or", benefit="positive")
    with pytest.raises(SpecError, match="for nausea fewer events are better"):
        effect_table(tables, settings)


def test_an_unknown_measure_is_refused(tables, make) -> None:
    with pytest.raises(SpecError, match="measure is 'HR'; it must be one of MD, SMD, log_rr"):
        effect_table(tables, make.settings(measure="HR"))


def test_mean_differences_on_two_instruments_are_refused(tables, make) -> None:
    mixed = tables.outcomes["instrument"].where(tables.outcomes["trial"] != "bell", "")
    changed = replace(tables, outcomes=tables.outcomes.assign(instrument=mixed))
    with pytest.raises(SpecError, match=r"\(not named\); pain scale; set measure to 'SMD'"):
        effect_table(changed, make.settings())
    assert len(effect_table(changed, make.settings(measure="SMD")).frame) == 5


def test_timepoints_without_own_error_are_refused(tables, make) -> None:
    same = tables.outcomes.copy()
    abel = (same["trial"] == "abel") & (same["timepoint"] == "short")
    same.loc[abel, "sd"] = [20.0, 30.0]
    with pytest.raises(DataError, match="not positive definite: Abel 2001"):
        effect_table(replace(tables, outcomes=same), make.settings(rho=1.0))


def test_flags_of_either_arm_are_joined(tables, make) -> None:
    frame = effect_table(tables, make.settings()).frame
    assert frame["flags"].tolist()[:2] == ["digitised", ""]


def test_a_subset_keeps_its_part_of_the_covariance(tables, make) -> None:
    table = effect_table(tables, make.settings())
    bell = table.subset(table.frame["trial_id"] == "bell")
    np.testing.assert_array_equal(bell.covariance, table.covariance[3:, 3:])
    assert bell.frame.index.tolist() == [0, 1]
    assert set(bell.participants) == {"memantine/oral/short", "dextromethorphan/oral/short"}


@pytest.mark.parametrize(
    ("keep", "message"), [([True], r"must be \(5,\)"), ([False] * 5, "keep at least one")]
)
def test_an_impossible_subset_is_refused(tables, make, keep, message) -> None:
    with pytest.raises(UsageError, match=message):
        effect_table(tables, make.settings()).subset(keep)


def test_the_covariance_cannot_be_changed_in_place(tables, make) -> None:
    table = effect_table(tables, make.settings())
    with pytest.raises(ValueError, match="read-only"):
        table.covariance[0, 0] = 1.0


def test_a_dataset_carries_labels_numbers_and_the_hash(tables, make) -> None:
    table = effect_table(tables, make.settings())
    dataset = table.to_dataset()
    assert isinstance(dataset, xr.Dataset)
    assert dataset["yi"].dims == ("contrast",)
    assert dataset["covariance"].dims == ("contrast", "other_contrast")
    assert dataset["drug"].to_numpy()[0] == "ketamine"
    assert dataset.attrs == {"measure": "MD", "unit": "points", "hash": table.hash}


def test_a_table_shows_what_it_holds(tables, make) -> None:
    table = effect_table(tables, make.settings())
    headline = "EffectTable: 5 contrasts of 3 trials in 5 cells, MD (points)"
    assert repr(table).splitlines()[0] == headline
    assert headline in table._repr_html_()
    assert "<table" in table._repr_html_()
