"""Refits without a trial or a cell."""

import numpy as np
import pandas as pd
import pytest

from bayes_nmda.effects import EffectTable
from bayes_nmda.errors import UsageError
from bayes_nmda.inference.exact.engine import exact_posterior
from bayes_nmda.query.without_one import leave_one_out
from bayes_nmda.spec.spec import ModelSpec, load_model

NUMBERS = ["probability", "error", "mean", "sd"]


@pytest.fixture(scope="module")
def table(primary: ModelSpec, pain: EffectTable) -> pd.DataFrame:
    return leave_one_out(primary, pain)


def test_every_trial_cell_threshold_and_target_has_one_row(
    table: pd.DataFrame, primary: ModelSpec, pain: EffectTable
) -> None:
    key = ["left_out", "cell", "at_least", "target"]
    assert len(table) == 20 * 15 * len(primary.thresholds.benefit) * 2
    assert not table.duplicated(key).any()
    assert list(table["left_out"].unique()) == list(pain.frame["trial"].unique())
    assert (table["change"] - (table["probability"] - table["probability_all"])).abs().max() == 0


def test_leaving_a_trial_out_is_the_analysis_of_the_rest(
    table: pd.DataFrame, primary: ModelSpec, pain: EffectTable
) -> None:
    name = pain.frame["trial"][0]
    rest = pain.subset((pain.frame["trial"] != name).to_numpy())
    alone = exact_posterior(primary, rest)
    rows = table[(table["left_out"] == name) & (table["at_least"] == 10)]
    rows = rows[rows["target"] == "mean"].set_index("cell").loc[list(alone.layout.cells)]
    np.testing.assert_array_equal(rows["probability"], alone.probability("effect", 10, -1)[0])
    np.testing.assert_array_equal(rows["mean"], alone.mean("effect"))


def test_a_cell_without_a_trial_left_has_no_answer(table: pd.DataFrame) -> None:
    gone = table["trials"] == 0
    assert gone.any()
    assert table.loc[gone, NUMBERS].isna().all().all()
    assert table.loc[~gone, NUMBERS].notna().all().all()
    assert table["probability_all"].notna().all()


def test_where_cells_are_alone_only_cells_of_the_trial_move(pain: EffectTable) -> None:
    spec = load_model("pain_intensity_unpooled")
    table = leave_one_out(spec, pain, at_least=[10])
    for name, rows in table.groupby("left_out"):
        touched = set(pain.frame["cell"][pain.frame["trial"] == name])
        others = rows[~rows["cell"].isin(touched)]
        assert (others["change"] == 0).all()
    assert table["change"].abs().max() > 0.1


def test_without_a_cell_the_others_are_answered(primary: ModelSpec, pain: EffectTable) -> None:
    table = leave_one_out(primary, pain, by="cell", at_least=[0, 10])
    assert len(table) == 15 * 15 * 2 * 2
    own = table["left_out"] == table["cell"]
    assert table.loc[own, "probability"].isna().all()
    assert table.loc[~own, "probability"].between(0, 1).all()


def test_one_trial_alone_cannot_be_left_out(primary: ModelSpec, pain: EffectTable) -> None:
    one = pain.subset((pain.frame["trial"] == pain.frame["trial"][0]).to_numpy())
    with pytest.raises(UsageError, match="it takes at least two"):
        leave_one_out(primary, one)


def test_counts_are_refused_by_name(pain: EffectTable) -> None:
    with pytest.raises(UsageError, match=r"any_adverse_event.*counts"):
        leave_one_out(load_model("any_adverse_event"), pain)


def test_two_refits_at_a_time_give_the_same_numbers(pain: EffectTable) -> None:
    spec = load_model("pain_intensity_complete")
    some = pain.subset((pain.frame["drug"] == "magnesium").to_numpy())
    pd.testing.assert_frame_equal(leave_one_out(spec, some), leave_one_out(spec, some, jobs=2))
