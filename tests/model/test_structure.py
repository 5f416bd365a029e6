"""Positions and groups of the committed analysis, and of small hand-made tables."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_nmda.effects import EffectTable
from bayes_nmda.model.likelihoods import error_covariance
from bayes_nmda.model.structure import Groups, Layout


@pytest.fixture(scope="module")
def layout(pain: EffectTable) -> Layout:
    return Layout.of(pain.frame)


def test_the_primary_analysis_has_31_contrasts_of_20_trials_in_15_cells(layout: Layout) -> None:
    assert len(layout.contrasts) == len(set(layout.contrasts)) == 31
    assert len(layout.trials) == 20
    assert len(layout.comparisons) == 21
    assert len(layout.cells) == 15
    assert len(layout.partitions) == 8
    assert layout.drugs == ("ketamine", "memantine", "dextromethorphan", "amantadine", "magnesium")


def test_every_position_leads_back_to_the_words_of_its_row(
    layout: Layout, pain: EffectTable
) -> None:
    for i, row in enumerate(pain.frame.itertuples()):
        cell = layout.cell_of_contrast[i]
        partition = layout.partition_of_cell[cell]
        comparison = layout.comparison_of_contrast[i]
        assert layout.cells[cell] == f"{row.drug}/{row.route}/{row.timepoint}"
        assert layout.partitions[partition] == f"{row.drug}/{row.route}"
        assert layout.drugs[layout.drug_of_partition[partition]] == row.drug
        assert layout.trials[layout.trial_of_contrast[i]] == row.trial
        assert layout.trials[layout.trial_of_comparison[comparison]] == row.trial
        assert layout.comparisons[comparison].startswith(f"{row.trial}: {row.drug}/{row.route}")


def test_only_martin_2019_has_several_arms(layout: Layout) -> None:
    assert layout.comparison_groups.labels == ("Martin 2019 placebo",)
    assert layout.contrast_groups.labels == ("Martin 2019 placebo short",)
    members = np.flatnonzero(layout.comparison_groups.shared)
    assert [layout.comparisons[i].split(" vs")[0] for i in members] == [
        "Martin 2019: memantine/oral",
        "Martin 2019: dextromethorphan/oral",
    ]
    for groups in (layout.comparison_groups, layout.contrast_groups):
        matrix = groups.correlation(0.5)
        assert np.count_nonzero(matrix == 0.5) == 2
        assert np.count_nonzero(matrix) == len(matrix) + 2


def test_a_layout_gives_coordinates_for_groups_only_where_there_are_any(pain: EffectTable) -> None:
    alone = pain.subset((pain.frame["trial"] != "Martin 2019").to_numpy())
    assert "comparison_group" not in Layout.of(alone.frame).coords()
    assert Layout.of(pain.frame).coords()["comparison_group"] == ("Martin 2019 placebo",)


def table(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    """Return rows of trial, drug, control arm and timepoint, all oral."""
    frame = pd.DataFrame(rows, columns=["trial", "drug", "control_arm", "timepoint"])
    frame["partition"] = frame["drug"] + "/oral"
    frame["cell"] = (frame["partition"] + "/" + frame["timepoint"]).str.rstrip("/")
    frame["comparison"] = frame["trial"] + ": " + frame["partition"] + " vs placebo"
    frame["contrast"] = frame["trial"] + ": " + frame["cell"]
    return frame


def test_comparisons_correlate_only_within_a_trial_and_only_through_a_shared_control() -> None:
    layout = Layout.of(
        table(
            ("A", "ketamine", "placebo", "short"),
            ("A", "memantine", "placebo", "short"),
            ("A", "memantine", "placebo", "medium"),
            ("A", "magnesium", "other placebo", "short"),
            ("B", "ketamine", "placebo", "short"),
        )
    )
    u = layout.comparison_groups.correlation(0.5)
    w = layout.contrast_groups.correlation(0.5)
    expected_u = np.eye(4)
    expected_u[0, 1] = expected_u[1, 0] = 0.5
    expected_w = np.eye(5)
    expected_w[0, 1] = expected_w[1, 0] = 0.5
    np.testing.assert_array_equal(u, expected_u)
    np.testing.assert_array_equal(w, expected_w)  # memantine/medium has no partner at its timepoint


def test_outcomes_without_a_timepoint_have_cells_of_drug_and_route() -> None:
    layout = Layout.of(table(("A", "ketamine", "p", ""), ("B", "memantine", "p", "")))
    assert layout.cells == layout.partitions == ("ketamine/oral", "memantine/oral")


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=12), st.floats(0, 0.99))
def test_correlation_matrices_are_symmetric_positive_definite_with_unit_diagonal(
    keys: list[str], within: float
) -> None:
    groups = Groups.of(keys)
    matrix = groups.correlation(within)
    same = np.equal.outer(np.array(keys), np.array(keys))
    np.testing.assert_array_equal(matrix, np.where(np.eye(len(keys)) > 0, 1.0, same * within))
    assert np.linalg.eigvalsh(matrix).min() > 0
    assert set(groups.labels) == {key for key in keys if keys.count(key) > 1}


def test_only_covariances_within_a_cell_remain_where_cells_stand_alone(
    layout: Layout, pain: EffectTable
) -> None:
    alone = error_covariance(pain.covariance, layout, "none")
    cells = pain.frame["cell"].to_numpy()
    same = cells[:, None] == cells[None, :]
    np.testing.assert_array_equal(alone[same], pain.covariance[same])
    assert not alone[~same].any()
    assert pain.covariance[~same].any()
    np.testing.assert_array_equal(
        error_covariance(pain.covariance, layout, "partial"), pain.covariance
    )
