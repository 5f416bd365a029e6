import numpy as np
import pytest

import bayes_nmda as nmda
from bayes_nmda.errors import QueryError, UsageError

FIRST = {"drug": "ketamine", "timepoint": "immediate"}
SECOND = {"drug": "memantine"}


def test_one_cell_is_the_best_in_every_draw(tree):
    table = nmda.rank(tree).table
    assert table["probability"].sum() == pytest.approx(1)
    assert table["prior_probability"].sum() == pytest.approx(1)
    assert table["mean_rank"].sum() == pytest.approx(1 + 2 + 3)


def test_the_cell_with_the_lowest_pain_ranks_first(tree):
    table = nmda.rank(tree).table
    assert table["mean_rank"].idxmin() == 0
    tree.attrs["benefit"] = "positive"
    assert nmda.rank(tree).table["mean_rank"].idxmin() == 2


def test_cells_that_tie_share_the_rank(tree):
    effect = tree["posterior"]["effect"]
    effect[..., 1] = effect[..., 0]
    table = nmda.rank(tree).table
    assert table["probability"][0] == table["probability"][1]
    assert table["mean_rank"].sum() == pytest.approx(6)


def test_only_cells_of_the_timepoint_compete(tree):
    table = nmda.rank(tree, timepoint="short").table
    assert len(table) == 2
    assert set(table["of"]) == {2}


def test_one_cell_alone_has_no_rank(tree):
    with pytest.raises(QueryError, match="two or more"):
        nmda.rank(tree, timepoint="immediate")


def test_a_comparison_uses_joint_draws(tree):
    effect = tree["posterior"]["effect"].to_numpy()
    difference = effect[..., 0] - effect[..., 2]
    row = nmda.compare(tree, first=FIRST, second=SECOND, at_least=5).records[0]
    assert row["probability"] == np.mean(difference <= -5)
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["lower"] == pytest.approx(np.quantile(difference, 0.025))


def test_either_the_first_or_the_second_is_better(tree):
    one = float(nmda.compare(tree, first=FIRST, second=SECOND))
    other = float(nmda.compare(tree, first=SECOND, second=FIRST))
    assert one + other == pytest.approx(1)


def test_people_of_a_shared_trial_count_once(tree):
    short = {"drug": "ketamine", "timepoint": "short"}
    row = nmda.compare(tree, first=FIRST, second=short).records[0]
    assert (row["trials"], row["participants"]) == (2, 100)
    assert "within Alder 2001" in nmda.compare(tree, first=FIRST, second=short).sentence


def test_a_selector_of_several_cells_names_them(tree):
    with pytest.raises(QueryError, match=r"ketamine/intravenous/immediate, ketamine/.*/short"):
        nmda.compare(tree, first={"drug": "ketamine"}, second=SECOND)


@pytest.mark.parametrize("first", [SECOND, {"dose": "high"}, "ketamine"])
def test_a_comparison_needs_two_cells(tree, first):
    with pytest.raises(UsageError):
        nmda.compare(tree, first=first, second=SECOND)


def test_a_model_with_one_effect_for_all_cannot_rank(tree):
    effect = tree["posterior"]["effect"].to_numpy()
    effect[...] = effect[..., :1].copy()
    for question in (
        lambda: nmda.rank(tree),
        lambda: nmda.compare(tree, first=FIRST, second=SECOND),
    ):
        with pytest.raises(QueryError, match="one effect"):
            question()
