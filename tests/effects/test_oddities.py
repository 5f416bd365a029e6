"""Warnings about rows that are allowed: each kind from the smallest change that makes it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayes_nmda as nmda
from bayes_nmda.data import load_trials
from bayes_nmda.effects.oddities import scale_of


@pytest.fixture(scope="module")
def trials():
    return load_trials()


@pytest.fixture
def alone(trials):
    """Ten trials of pain that look alike, one contrast each, none of them printed."""
    rows, arms, about = [], [], []
    for number in range(10):
        about.append({"trial": f"t{number}", "label": f"T {number}", "design": "parallel"})
        for arm, mean, n in (("drug", 40, 20), ("none", 50, 30)):
            own = {"trial": f"t{number}", "arm": arm}
            treated = arm == "drug"
            arms.append(
                {
                    **own,
                    "role": "treatment" if treated else "control",
                    "drug": "ketamine" if treated else "",
                    "route": "oral",
                    "comparator": "" if treated else "placebo",
                    "stratum": "",
                }
            )
            rows.append(
                {
                    **own,
                    "outcome_id": f"t{number}:{arm}",
                    "outcome": "pain_intensity",
                    "timepoint": "short",
                    "instrument": "scale 0-100",
                    "higher_is_better": False,
                    "kind": "continuous",
                    "mean": float(mean + number),
                    "sd": 15.0 + number / 3,
                    "n": n + number,
                    "events": pd.NA,
                    "value_type": "final",
                }
            )
    names = ("trials", "arms", "outcomes")
    frames = dict(zip(names, map(pd.DataFrame, (about, arms, rows)), strict=True))
    empty = {"published": trials.published.iloc[:0], "decisions": trials.decisions.iloc[:0]}
    return replace(trials, **frames, **empty)


def changed(trials, trial, **columns):
    rows = trials.outcomes.copy()
    mine = rows["trial"] == trial
    for name, how in columns.items():
        rows.loc[mine, name] = how(rows.loc[mine])
    return replace(trials, outcomes=rows)


def kinds(trials):
    return list(nmda.data_warnings(trials)["kind"])


def test_the_shipped_rows_are_not_odd(trials):
    assert nmda.data_warnings(trials).empty


def test_trials_that_look_alike_are_not_odd(alone):
    assert kinds(alone) == []


def test_a_standard_error_typed_as_a_standard_deviation_is_named(alone):
    rows = changed(alone, "t3", sd=lambda own: own["sd"] / np.sqrt(own["n"].astype(float)))
    (warning,) = nmda.data_warnings(rows).to_dict("records")
    assert (warning["kind"], warning["trials"]) == ("se_as_sd", "t3")
    assert "SD = SE * sqrt(n)" in warning["advice"]


def test_a_short_scale_among_long_ones_is_named(alone):
    rows = changed(alone, "t3", mean=lambda own: own["mean"] / 10, sd=lambda own: own["sd"] / 10)
    assert "other_scale" in kinds(rows)


def test_exchanged_arms_are_named(alone):
    apart = alone.outcomes.assign(
        mean=alone.outcomes["mean"] - 30 * (alone.outcomes["arm"] == "drug") + 30
    )
    rows = replace(alone, outcomes=apart.assign(instrument="scale 0-200"))
    assert kinds(rows) == []
    swapped = changed(rows, "t3", mean=lambda own: own["mean"].to_numpy()[::-1])
    assert kinds(swapped) == ["arms_exchanged"]


def test_exchanged_arms_of_a_printed_effect_are_named(trials):
    rows = trials.outcomes.copy()
    mine = (rows["trial"] == "sigtermans2009") & (rows["timepoint"] == "immediate")
    mine &= rows["outcome"] == "pain_intensity"
    rows.loc[mine, ["mean", "sd", "n"]] = rows.loc[mine, ["mean", "sd", "n"]].to_numpy()[::-1]
    found = nmda.data_warnings(replace(trials, outcomes=rows))
    assert list(found["kind"]) == ["arms_exchanged"]
    assert "Sigtermans 2009" in found["found"].item()


def test_a_trial_far_outside_all_others_is_named(alone):
    rows = changed(alone, "t3", mean=lambda own: own["mean"] - 35 * (own["arm"] == "drug"))
    assert kinds(rows) == ["far_outside"]


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"mean": lambda own: own["mean"] + 80.0}, "outside_scale"),
        ({"sd": lambda own: own["sd"] * 0 + 60.0}, "impossible_sd"),
    ],
)
def test_what_no_scores_of_a_scale_give_is_named(alone, columns, kind):
    assert set(kinds(changed(alone, "t3", **columns))) == {kind}


def test_one_control_group_in_five_trials_is_one_warning_with_their_names(alone):
    rows = alone.outcomes.copy()
    shared = rows["arm"].eq("none") & rows["trial"].isin([f"t{i}" for i in range(5)])
    rows.loc[shared, ["mean", "sd", "n"]] = [50.0, 16.0, 46]
    five = replace(alone, outcomes=rows)
    (warning,) = nmda.data_warnings(five).to_dict("records")
    assert warning["kind"] == "same_numbers"
    assert warning["trials"] == "t0;t1;t2;t3;t4"
    assert "T 0, T 1, T 2, T 3 and T 4" in warning["found"]
    decision = {"trial": "", "table": "outcomes", "target": warning["records"]}
    settled = pd.DataFrame([{**decision, "action": "confirmed"}])
    assert nmda.data_warnings(replace(five, decisions=settled)).empty
    part = pd.DataFrame([{**decision, "action": "confirmed", "target": "t0:none;t1:none"}])
    assert len(nmda.data_warnings(replace(five, decisions=part))) == 1


def test_one_trial_under_two_labels_is_named(trials):
    def again(table, trial="sigtermans2009"):
        rows = table[table["trial"] == trial].assign(trial="twin2009")
        rows = rows.assign(label="Twin 2009") if "label" in rows else rows
        if "outcome_id" in rows:
            rows = rows.assign(outcome_id=rows["outcome_id"].str.replace(trial, "twin2009"))
        return pd.concat([table, rows], ignore_index=True)

    twice = replace(
        trials,
        trials=again(trials.trials),
        arms=again(trials.arms),
        outcomes=again(trials.outcomes),
    )
    found = nmda.data_warnings(twice)
    other = pd.DataFrame(
        [{"trial": "", "table": "outcomes", "target": "a:b", "action": "confirmed"}]
    )
    assert len(nmda.data_warnings(replace(twice, decisions=other))) == len(found)
    both = other.assign(table="trials", target="sigtermans2009;twin2009")
    assert nmda.data_warnings(replace(twice, decisions=both)).empty
    assert {"same_trial", "same_numbers"} <= set(found["kind"])
    assert found["trials"].str.contains("sigtermans2009;twin2009").all()


def test_changes_and_final_values_that_are_standardised_together_are_named(alone):
    rows = alone.outcomes.assign(instrument=lambda own: "scale " + own["trial"].str[1])
    mixed = rows.assign(value_type=rows["trial"].map(lambda t: "change" if t == "t3" else "final"))
    assert kinds(replace(alone, outcomes=rows)) == []
    assert kinds(replace(alone, outcomes=mixed)) == ["change_and_final"]


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("scale 0-100", (0, 100)),
        ("pain, 0 to 10", (0, 10)),
        ("SF-36", None),
        ("", None),
        ("Beck 21", None),
    ],
)
def test_the_ends_of_a_scale_are_read_from_its_name(name, ends):
    assert scale_of(name) == ends
