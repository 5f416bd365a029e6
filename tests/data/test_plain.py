"""A plain DataFrame in any of its three shapes, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import bayes_nmda as nmda
from bayes_nmda.errors import DataError, QueryError, SpecError, UsageError

#: Five trials with a mean difference each, the same numbers by arm and wide.
WIDE = pd.DataFrame(
    {
        "trial": ["A", "B", "C", "D", "E"],
        "mean_t": [41.0, 52.0, 38.5, 47.0, 60.0],
        "sd_t": [22.0, 25.0, 19.0, 24.0, 21.0],
        "n_t": [20, 31, 15, 40, 22],
        "mean_c": [50.0, 55.0, 51.0, 46.0, 66.0],
        "sd_c": [23.0, 24.0, 20.0, 26.0, 25.0],
        "n_c": [20, 30, 16, 41, 20],
    }
)
COUNTS = pd.DataFrame(
    {"trial": ["A", "B", "C"], "events_t": [4, 6, 0], "n_t": [30, 40, 12],
     "events_c": [9, 8, 1], "n_c": [31, 39, 12]}
)  # fmt: skip


def by_arm(wide: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    sides = [
        wide[["trial"]].assign(arm=arm, **{n: wide[f"{n}_{side}"] for n in names})
        for side, arm in (("t", "drug X"), ("c", "control"))
    ]
    return pd.concat(sides)


def contrasts() -> pd.DataFrame:
    frame = nmda.effect_table(*analysis(WIDE)).frame
    return frame[["trial", "yi", "sei", "n_t", "n_c"]]


def analysis(frame: pd.DataFrame, **more: object):
    trials = nmda.trials_from(frame, outcome="pain", higher_is_better=False, unit="points", **more)
    return trials, nmda.default_model(trials)


def test_three_shapes_are_one_analysis() -> None:
    wide = nmda.effect_table(*analysis(WIDE))
    arms = nmda.effect_table(*analysis(by_arm(WIDE, ("mean", "sd", "n"))))
    given = nmda.effect_table(*analysis(contrasts(), measure="MD"))
    for other in (arms, given):
        pd.testing.assert_series_equal(other.frame["yi"], wide.frame["yi"])
        np.testing.assert_allclose(other.covariance, wide.covariance)
    assert wide.participants == {"treatment vs control": 255}
    assert given.participants == {"treatment vs control": 255}
    difference = WIDE["mean_t"] - WIDE["mean_c"]
    np.testing.assert_allclose(wide.frame["yi"], difference)


@pytest.mark.parametrize("shape", ["wide", "contrasts"])
def test_one_cell_is_the_meta_analysis_with_the_same_priors(shape: str) -> None:
    frame, more = (WIDE, {}) if shape == "wide" else (contrasts(), {"measure": "MD"})
    trials, spec = analysis(frame, **more)
    effects = nmda.effect_table(trials, spec)
    tree = nmda.fit(spec, effects, engine="exact")
    priors = {
        name: (prior.distribution, *dict(prior.parameters).values())
        for name, prior in ((n, spec.prior(n)) for n in ("overall", "tau"))
    }
    frame = effects.frame
    one = nmda.meta_analysis(frame["yi"], frame["sei"], mu=priors["overall"], tau=priors["tau"])
    row = nmda.effect(tree).table.iloc[0]
    assert row["estimate"] == pytest.approx(one.mu.mean, abs=1e-6 * one.mu.sd)
    assert row["sd"] == pytest.approx(one.mu.sd, rel=1e-6)
    for size in (0, 5, 10):
        probability = float(nmda.prob_benefit(tree, at_least=size))
        assert probability == pytest.approx(one.prob_below(-size), abs=1e-6)
    new = nmda.prob_benefit(tree, at_least=5, target="new_trial")
    assert float(new) == pytest.approx(one.prob_below(-5, target="new_trial"), abs=1e-6)
    assert tree.attrs["log_marginal"] == pytest.approx(one.log_marginal, abs=1e-6)


def test_counts_from_a_frame_take_the_conditional_likelihood() -> None:
    trials = nmda.trials_from(COUNTS, outcome="relapse", higher_is_better=False)
    spec = nmda.default_model(trials)
    assert (spec.measure, spec.likelihood.family) == ("log_or", "conditional")
    answer = nmda.prob_benefit(nmda.fit(spec, nmda.effect_table(trials, spec), engine="exact"))
    assert answer.table["trials_informative"].tolist() == [3, 3, 3]
    assert "relapse" in answer.sentence
    assert "treatment" in answer.sentence
    assert "compared with control" in answer.sentence


def test_columns_that_partition_do_and_the_order_of_rows_does_not() -> None:
    frame = WIDE.assign(
        drug=["lidocaine", "lidocaine", "mexiletine", "mexiletine", "lidocaine"],
        timepoint=["early", "late", "early", "early", "early"],
    )
    trials, spec = analysis(frame)
    effects = nmda.effect_table(trials, spec)
    assert set(effects.frame["cell"]) == {
        "lidocaine//early vs control", "lidocaine//late vs control", "mexiletine//early vs control",
    }  # fmt: skip
    assert spec.structure.pooling == "partial"
    tree = nmda.fit(spec, effects, engine="exact", draws=200)
    row = nmda.prob_benefit(tree, drug="lidocaine", timepoint="late", at_least=5).table.iloc[0]
    assert (row["drug"], row["timepoint"], row["trials"]) == ("lidocaine", "late", 1)
    turned = nmda.effect_table(*analysis(frame.iloc[::-1]))
    assert turned.hash == effects.hash
    with pytest.raises(QueryError, match="lidocaine"):
        nmda.prob_benefit(tree, drug="ketamine", at_least=5)


def test_contrasts_of_two_timepoints_correlate_as_those_of_their_arms() -> None:
    both = pd.concat([WIDE.assign(timepoint="early"), WIDE.assign(timepoint="late")])
    wide = nmda.effect_table(*analysis(both.reset_index(drop=True)))
    given = wide.frame[["trial", "timepoint", "yi", "sei", "n_t", "n_c"]]
    trials, spec = analysis(given, measure="MD")
    effects = nmda.effect_table(trials, spec)
    np.testing.assert_allclose(effects.covariance, wide.covariance)
    first = effects.frame["trial"].to_numpy() == "A"
    one, other = effects.frame["sei"][first]
    assert effects.covariance[np.ix_(first, first)][0, 1] == pytest.approx(0.6 * one * other)


def test_a_shared_control_arm_counts_once() -> None:
    rows = pd.DataFrame(
        {
            "trial": ["A"] * 3 + ["B"] * 2,
            "arm": ["low", "high", "placebo", "high", "placebo"],
            "drug": ["X", "Y", "", "Y", ""],
            "events": [3, 5, 8, 2, 4],
            "n": [20, 20, 20, 15, 15],
        }
    )
    trials = nmda.trials_from(rows, outcome="relapse")
    effects = nmda.effect_table(trials, nmda.default_model(trials))
    assert effects.participants == {"X": 40, "Y": 70}


def test_every_prior_has_its_source_and_its_reading() -> None:
    _, spec = analysis(WIDE.assign(drug=["X", "Y", "X", "Y", "X"]))
    assert all("Bartoš" in spec.prior(n).source for n in ("overall", "tau"))
    assert "SD pooled over all arms" in spec.prior("tau").source
    assert all(prior.source and prior.reading for _, prior in spec.priors)
    again = nmda.ModelSpec.from_mapping(spec.name, spec.to_mapping())
    assert again.hash == spec.hash


def test_a_scale_on_which_more_is_better_is_not_turned() -> None:
    trials = nmda.trials_from(WIDE, outcome="function", higher_is_better=True, unit="points")
    spec = nmda.default_model(trials)
    effects = nmda.effect_table(trials, spec)
    assert spec.benefit == "positive"
    np.testing.assert_allclose(effects.frame["yi"], WIDE["mean_t"] - WIDE["mean_c"])


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda f: f.drop(columns="sd_c"), UsageError, "missing are sd_c"),
        (lambda f: f.drop(columns="trial"), UsageError, "missing is trial"),
        (lambda f: f.iloc[:0], UsageError, "without rows"),
        (lambda f: f.assign(n_t=[20, np.nan, 15, 40, 22]), DataError, "trial B.*n: found nan"),
        (lambda f: f.assign(n_t=[20, 3.5, 15, 40, 22]), DataError, "whole number"),
        (lambda f: f.assign(sd_t=[22, 25, 0, 24, 21]), DataError, "sd > 0"),
        (lambda f: f.assign(trial=["A", "A", "C", "D", "E"]), DataError, "given by arm"),
        (lambda f: f.assign(trial=["A", "", "C", "D", "E"]), DataError, "row 1, trial"),
        (lambda f: f.assign(drug=["X", "Y/Z", "X", "X", "X"]), DataError, "without '/'"),
        (lambda f: f.assign(drug=["X", None, "X", "X", "X"]), DataError, "trial B"),
    ],
)
def test_what_cannot_be_used_is_named(change, error, words) -> None:
    frame = change(WIDE)
    with pytest.raises(error, match=words):
        nmda.effect_table(*analysis(frame))


def test_events_beyond_people_are_refused() -> None:
    trials = nmda.trials_from(COUNTS.assign(events_t=[31, 6, 0]))
    with pytest.raises(DataError, match="0 <= events <= n"):
        nmda.effect_table(trials, nmda.default_model(trials))


@pytest.mark.parametrize(
    ("frame", "more", "words"),
    [
        ({"trial": ["A"], "yi": [1.0], "sei": [0.0]}, {"measure": "MD"}, "error above 0"),
        ({"trial": ["A"], "yi": [1.0], "vi": [-1.0]}, {"measure": "MD"}, "error above 0"),
        ({"trial": ["A", "A"], "yi": [1.0, 2], "vi": [1.0, 1]}, {"measure": "MD"}, "found again"),
        (
            {"trial": ["A", "A"], "drug": ["X", "Y"], "yi": [1.0, 2], "vi": [1.0, 1]},
            {"measure": "MD"},
            "two comparisons",
        ),
        ({"trial": ["A"], "yi": [1.0], "sei": [1.0]}, {}, "measure=None"),
        ({"trial": ["A"], "yi": [1.0]}, {"measure": "MD"}, "one of sei"),
        ({"trial": ["A"], "yi": [1.0], "sei": [1.0], "vi": [1.0]}, {"measure": "MD"}, "one of sei"),
    ],
)
def test_contrasts_that_cannot_be_used_are_named(frame, more, words) -> None:
    with pytest.raises((UsageError, DataError), match=words):
        nmda.trials_from(pd.DataFrame(frame), **more)


def test_no_control_arm_is_found_by_name() -> None:
    rows = by_arm(WIDE, ("mean", "sd", "n")).replace("control", "usual care")
    with pytest.raises(UsageError, match="usual care"):
        nmda.trials_from(rows)
    trials = nmda.trials_from(rows, control="usual care")
    assert nmda.default_model(trials).select.comparator == "usual care"


def test_mean_differences_without_people_need_a_reference() -> None:
    frame = contrasts().drop(columns=["n_t", "n_c"])
    trials = nmda.trials_from(frame, measure="MD", unit="points")
    with pytest.raises(UsageError, match="reference_sd"):
        nmda.default_model(trials)
    spec = nmda.default_model(trials, reference_sd=25)
    answer = nmda.effect(nmda.fit(spec, nmda.effect_table(trials, spec), engine="exact"))
    assert "participants not given" in answer.sentence


def test_a_measure_that_the_numbers_do_not_have_is_refused() -> None:
    with pytest.raises(SpecError, match="'log_or'"):
        nmda.default_model(nmda.trials_from(COUNTS), measure="MD")
