"""Many meta-analyses at once: the same numbers as one at a time, and bad groups in their rows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from bayes_nmda.errors import UsageError
from bayes_nmda.meta.analysis import meta_analysis
from bayes_nmda.meta.batch import meta_analyses


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    sizes = [1, 2, 3, 5, 9, 40]
    group = np.repeat(["f", "b", "c", "d", "e", "a"], sizes)
    sei = np.exp(rng.normal(-1.0, 0.7, group.size))
    yi = rng.normal(-0.3, 1.0, group.size) * np.hypot(sei, 0.3)
    frame = pd.DataFrame({"drug": group, "route": "oral", "yi": yi, "sei": sei})
    return frame.sample(frac=1.0, random_state=1)


@pytest.mark.parametrize("mu", [("normal", 0, 2), ("flat",), ("student_t", 5, 0, 0.4), 0.0])
@pytest.mark.parametrize("tau", [("half_normal", 0.5), ("inverse_gamma", 1.69, 0.42), 0.0])
def test_a_batch_gives_the_numbers_of_single_analyses(
    rows: pd.DataFrame, mu: object, tau: object
) -> None:
    table = meta_analyses(
        rows, by=["drug", "route"], mu=mu, tau=tau, prob_below=[-0.2, 0], prob_above=[0.3]
    )
    assert list(table["drug"]) == list(dict.fromkeys(rows["drug"]))
    assert (table["error"] == "").all()
    for record in table.to_dict("records"):
        own = rows[rows["drug"] == record["drug"]]
        result = meta_analysis(own["yi"], own["sei"], mu=mu, tau=tau)
        assert record["k"] == len(own)
        assert record["log_marginal"] == pytest.approx(result.log_marginal, abs=1e-9)
        for name in ("mu", "tau", "new_trial"):
            marginal = getattr(result, name)
            lower, upper = marginal.interval()
            expected = (marginal.mean, marginal.sd, marginal.median, lower, upper)
            found = [record[f"{name}_{c}"] for c in ("mean", "sd", "median", "lower", "upper")]
            unit = marginal.sd if math.isfinite(marginal.sd) and marginal.sd > 0 else 1.0
            assert found == pytest.approx(expected, abs=1e-7 * unit, nan_ok=True)
        assert record["prob_below_-0.2"] == pytest.approx(result.prob_below(-0.2), abs=1e-8)
        new = result.prob_above(0.3, target="new_trial")
        assert record["new_trial_prob_above_0.3"] == pytest.approx(new, abs=1e-8)


def test_one_bad_group_is_reported_and_the_others_are_done(rows: pd.DataFrame) -> None:
    bad = rows.copy()
    bad.loc[bad.index[bad["drug"] == "c"][0], "sei"] = 0.0
    bad["yi"] = bad["yi"].astype(object)
    bad.loc[bad.index[bad["drug"] == "d"][0], "yi"] = "n/a"
    table = meta_analyses(bad, by="drug", tau=("half_normal", 0.5)).set_index("drug")
    assert "sei must be positive, found 0" in table.loc["c", "error"]
    assert "yi must be finite" in table.loc["d", "error"]
    assert table.loc[["c", "d"], "mu_mean"].isna().all()
    good = table.drop(index=["c", "d"])
    assert (good["error"] == "").all()
    assert good["mu_mean"].notna().all()


def test_improper_groups_say_so_in_their_rows(rows: pd.DataFrame) -> None:
    table = meta_analyses(rows, by="drug", tau=("uniform", math.inf)).set_index("drug")
    assert table.loc[["f", "b"], "error"].str.contains("improper").all()
    assert (table.drop(index=["f", "b"])["error"] == "").all()


def test_priors_may_be_columns(rows: pd.DataFrame) -> None:
    own = rows.copy()
    own["heterogeneity"] = [
        "turner2015:pain" if drug == "a" else ("half_normal", 0.5) for drug in own["drug"]
    ]
    own.loc[own["drug"] == "b", "heterogeneity"] = "no:such"
    table = meta_analyses(own, by="drug", tau="heterogeneity").set_index("drug")
    data = own[own["drug"] == "a"]
    single = meta_analysis(data["yi"], data["sei"], tau="turner2015:pain")
    assert table.loc["a", "tau_median"] == pytest.approx(single.tau.median, abs=1e-8)
    assert "is not a prior" in table.loc["b", "error"]
    assert table.loc["c", "error"] == ""


def test_an_empty_frame_gives_an_empty_table(rows: pd.DataFrame) -> None:
    table = meta_analyses(rows.iloc[:0], by="drug", tau=1.0)
    assert len(table) == 0
    assert {"drug", "k", "mu_mean", "log_marginal", "error"} <= set(table.columns)


def test_columns_that_do_not_exist_are_named(rows: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="no column 'dose'"):
        meta_analyses(rows, by="dose", tau=1.0)
    with pytest.raises(UsageError, match="no column 'se'"):
        meta_analyses(rows, by="drug", sei="se", tau=1.0)


def test_a_thousand_groups_do_not_depend_on_the_threads(
    rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = pd.concat([rows.assign(copy=number) for number in range(170)], ignore_index=True)
    table = meta_analyses(many, by=["copy", "drug"], tau=("half_normal", 0.5))
    monkeypatch.setattr("bayes_nmda.meta.batch._threads", lambda: 1)
    pd.testing.assert_frame_equal(
        table, meta_analyses(many, by=["copy", "drug"], tau=("half_normal", 0.5))
    )
    assert len(table) == 1020
    assert table["mu_mean"].nunique() == 6
