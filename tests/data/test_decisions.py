"""Decisions: exclusions are rows of a table."""

from __future__ import annotations

from pathlib import Path

from bayes_nmda.data import TrialData, decisions_for, load_trials
from bayes_nmda.data.decisions import targets


def add(folder: Path, *cells: str) -> None:
    with (folder / "decisions.csv").open("a", encoding="utf-8") as stream:
        stream.write(",".join(cells) + "\n")


def test_a_record_that_is_set_aside_is_not_loaded(folder: Path, committed: TrialData) -> None:
    name = "lumanauw2019:ketamine_merged:pain_intensity:immediate"
    other = "lumanauw2019:placebo:pain_intensity:immediate"
    add(
        folder,
        "D900",
        "lumanauw2019",
        "outcomes",
        f"{name};{other}",
        "set_aside",
        "w",
        "y",
        "s",
        "2026-11-22",
    )
    loaded = load_trials(folder)
    gone = set(committed.outcomes["outcome_id"]) - set(loaded.outcomes["outcome_id"])
    assert gone == {name, other}
    last = decisions_for(loaded, trial="Lumanauw 2019").iloc[-1]
    assert last["id"] == "D900"
    assert last["records"] == 0


def test_a_trial_that_is_set_aside_has_no_records(folder: Path) -> None:
    add(folder, "D900", "rigo2017", "outcomes", "", "set_aside", "w", "y", "s", "2026-11-22")
    assert "rigo2017" not in set(load_trials(folder).outcomes["trial"])


def test_flagged_records_stay(committed: TrialData) -> None:
    flagged = decisions_for(committed, trial="sigtermans2009")
    assert (flagged["action"] == "flagged").all()
    assert (flagged["records"] > 0).all()
    assert len(committed.outcomes) == 256


def test_merged_dose_arms_and_shared_arms_have_a_decision(committed: TrialData) -> None:
    decisions = committed.decisions
    merged = decisions[decisions["action"] == "merged"]
    assert set(merged["trial"]) == {"lumanauw2019", "nct00961194"}
    shared = committed.outcomes.loc[committed.outcomes["shared_arm"], "trial"]
    about_arms = decisions[(decisions["table"] == "arms") & (decisions["action"] == "kept")]
    assert set(shared) <= set(about_arms["trial"])


def test_targets_are_split_at_semicolons() -> None:
    assert targets("a; b;;c") == ("a", "b", "c")
    assert targets("") == ()
