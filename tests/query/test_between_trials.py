import numpy as np
import pytest

import bayes_nmda as nmda
from bayes_nmda.errors import QueryError


def test_every_standard_deviation_of_the_model_has_a_row(tree):
    table = nmda.heterogeneity(tree).table
    assert list(table["quantity"]) == ["tau", "sd_drug"]
    assert table["median"][0] == pytest.approx(float(tree["posterior"]["tau"].median()))
    assert table["prior_upper"][0] == pytest.approx(float(tree["prior"]["tau"].quantile(0.975)))


def test_all_different_people_stand_behind_a_shared_quantity(tree):
    row = nmda.heterogeneity(tree).records[0]
    assert (row["trials"], row["participants"]) == (3, 122)


def test_where_each_cell_has_its_own_tau_each_has_a_row(tree):
    for group in ("posterior", "prior"):
        values = tree[group].to_dataset()
        tree[group].dataset = values.assign(tau=values["tau"] * abs(values["effect"]))
    table = nmda.heterogeneity(tree).table.query("quantity == 'tau'")
    assert list(table["timepoint"]) == ["immediate", "short", "short"]
    assert list(table["participants"]) == [100, 40, 22]


def test_a_model_without_such_a_quantity_is_refused(tree):
    tree["posterior"].dataset = tree["posterior"].to_dataset().drop_vars(["tau", "sd_drug"])
    with pytest.raises(QueryError, match="tau"):
        nmda.heterogeneity(tree)


def test_each_contrast_has_its_own_result_beside_that_of_the_model(tree):
    table = nmda.shrinkage(tree).table
    assert list(table["yi"]) == [-15, -9, -4, 3]
    theta = tree["posterior"]["theta"].mean(["chain", "draw"]).to_numpy()
    assert np.allclose(table["estimate"], theta)
    assert (table["yi_lower"] < table["yi"]).all()


def test_a_precise_trial_is_pulled_less(tree):
    table = nmda.shrinkage(tree).table.sort_values("sei")
    assert table["shrinkage"].is_monotonic_increasing
    assert table["shrinkage"].between(0, 1).all()


def test_selectors_choose_contrasts(tree):
    assert list(nmda.shrinkage(tree, timepoint="short").table["trial"]) == [
        "Alder 2001",
        "Cedar 2003",
    ]
