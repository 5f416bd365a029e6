import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import bayes_nmda as nmda
from bayes_nmda import paths
from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.query import draws_of
from bayes_nmda.store import fits


@pytest.mark.parametrize("group", ["posterior", "constant_data"])
def test_a_tree_without_a_group_is_refused(tree, group):
    del tree[group]
    with pytest.raises(QueryError, match=group):
        nmda.effect(tree)


def test_without_a_prior_there_is_no_answer(tree):
    del tree["prior"]
    with pytest.raises(QueryError, match="prior"):
        nmda.prob_benefit(tree)


@pytest.mark.parametrize("variable", ["tau", "theta"])
def test_a_missing_variable_is_named(tree, variable):
    tree["posterior"].dataset = tree["posterior"].to_dataset().drop_vars(variable)
    with pytest.raises(QueryError, match=variable):
        nmda.shrinkage(tree)


def test_a_draw_that_is_no_number_is_refused(tree):
    tree["posterior"]["effect"][0, 0, 0] = np.nan
    with pytest.raises(QueryError, match="not all numbers"):
        nmda.effect(tree)


@pytest.mark.parametrize("value", [None, 3, "pain_intensity", {"posterior": 1}])
def test_what_is_not_a_fit_is_refused(value):
    with pytest.raises(UsageError, match="DataTree"):
        nmda.effect(value)


def test_a_file_and_its_tree_give_the_same_answer(stored_home, monkeypatch):
    monkeypatch.setenv(paths.HOME_VARIABLE, str(stored_home))
    path = fits.find("small")
    with xr.open_datatree(path, engine="h5netcdf") as opened:
        from_tree = nmda.prob_benefit(opened).to_dict()
    assert nmda.prob_benefit(draws_of(fits.read(path))).to_dict() == from_tree


def test_a_question_imports_nothing_heavy():
    heavy = "pandas", "xarray", "arviz_stats", "pymc", "scipy"
    code = (
        "import sys, bayes_nmda.query, bayes_nmda.cli.main; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
