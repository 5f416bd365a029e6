"""Loading: what the committed tables hold, and how a wrong folder is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bayes_nmda.data import TrialData, load_trials, table_digests
from bayes_nmda.data.reading import csv_text
from bayes_nmda.errors import DataError, UsageError

CONTINUOUS = "sigtermans2009:ketamine_iv:pain_intensity:immediate"
BINARY = "sigtermans2009:ketamine_iv:nausea"


def lines(error: pytest.ExceptionInfo[DataError]) -> list[str]:
    return str(error.value).splitlines()[1:]


def test_69_trials_of_which_28_have_rows_in_the_review(committed: TrialData) -> None:
    assert len(committed.trials) == 69
    assert (committed.trials["in_review"] == "yes").sum() == 28
    assert committed.outcomes["trial"].nunique() == 28


def test_all_outcomes_of_the_review_are_there(committed: TrialData) -> None:
    assert set(committed.outcomes["outcome"]) == set(committed.analyses["outcome"])
    assert len(committed.analyses) == 85
    assert committed.outcomes["outcome"].nunique() == 18


def test_a_shared_arm_exists_once(committed: TrialData) -> None:
    key = ["trial", "arm", "outcome", "timepoint"]
    assert not committed.outcomes.duplicated(key).any()
    shared = committed.outcomes[committed.outcomes["shared_arm"]]
    assert set(zip(shared["trial"], shared["arm"], strict=True)) == {
        ("martin2019", "placebo"),
        ("lynch2005", "ketamine_topical"),
        ("niesters2013", "ketamine_iv"),
    }


def test_pain_against_placebo_has_31_contrasts_of_20_trials_in_15_cells(
    committed: TrialData,
) -> None:
    pain = committed.select(outcome="pain_intensity", comparator="placebo")
    records = pain.outcomes.merge(pain.arms, on=["trial", "arm"])
    treated = records[records["role"] == "treatment"]
    assert len(treated) == 31
    assert treated["trial"].nunique() == 20
    assert treated.groupby(["drug", "route", "timepoint"]).ngroups == 15
    # Martin 2019 compares two drugs with one placebo arm.
    assert len(records) == 2 * 31 - 1


def test_flags_travel_from_a_subgroup_repeat_to_the_arm_record(committed: TrialData) -> None:
    outcomes = committed.outcomes.set_index("outcome_id")
    assert outcomes.at["martin2019:placebo:pain_intensity:short", "digitised"]
    assert not outcomes.at["martin2019:dextromethorphan:pain_intensity:short", "digitised"]
    assert outcomes.at["niesters2013:ketamine_iv:any_adverse_event", "first_phase"]
    assert not outcomes.at["niesters2013:morphine:any_adverse_event", "first_phase"]
    assert outcomes.at["maier2003:placebo:any_adverse_event", "slight_events_only"]
    assert outcomes["digitised"].sum() == 12


def test_change_scores_are_those_of_two_trials(committed: TrialData) -> None:
    changed = committed.outcomes[committed.outcomes["change_score"]]
    assert set(changed["trial"]) == {"nct00961194", "lynch2005"}
    assert (changed["mean"] < 0).all()
    assert (changed["value_type"] == "change").all()


def test_inferred_routes_are_those_that_no_page_confirms(committed: TrialData) -> None:
    arms = committed.arms
    inferred = arms[arms["route_basis"] == "inferred"]
    assert set(inferred["trial"]) == {"kleinbohl2006", "voogd2010", "schrader1999"}
    flagged = committed.outcomes[committed.outcomes["route_inferred"]]
    assert set(flagged["trial"]) == set(inferred["trial"])


def test_active_placebos_count_as_placebo(committed: TrialData) -> None:
    arms = committed.arms.set_index(["trial", "arm"])["comparator"]
    assert arms["noppers2011a", "midazolam"] == "placebo"
    assert arms["gilron2000", "lorazepam"] == "placebo"
    assert arms["niesters2013", "morphine"] == "morphine"


def test_judgements_on_randomisation_are_low_for_11_trials_of_28(committed: TrialData) -> None:
    counts = committed.trials["rob_randomisation"].value_counts()
    assert counts.to_dict() == {"": 41, "some_concerns": 17, "low": 11}


def test_every_trial_of_the_review_has_its_accents(committed: TrialData) -> None:
    labels = set(committed.trials["label"])
    assert {"Kleinböhl 2006", "Olivan-Blázquez 2014"} <= labels


def test_missing_text_is_the_empty_string(committed: TrialData) -> None:
    assert (committed.outcomes["timepoint"] == "").any()
    assert not committed.outcomes["timepoint"].isna().any()


def test_the_value_tells_what_it_holds(committed: TrialData) -> None:
    assert "69, 28 of them with outcome records" in repr(committed)
    assert committed._repr_html_().startswith("<table>")
    assert "outcomes.csv" in committed.digests


def test_digests_need_no_pandas_and_change_with_a_byte(folder: Path) -> None:
    code = (
        "import sys; from bayes_nmda.data import table_digests; table_digests();"
        "assert 'pandas' not in sys.modules and 'pandera' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    before = table_digests(folder)
    (folder / "arms.csv").write_bytes((folder / "arms.csv").read_bytes() + b"\n")
    after = table_digests(folder)
    assert {name for name in before if before[name] != after[name]} == {"arms.csv"}
    assert before == table_digests()


def test_pandera_is_imported_only_to_validate() -> None:
    code = (
        "import sys; from bayes_nmda.data import load_trials; load_trials(validate=False);"
        "assert 'pandera' not in sys.modules; load_trials(); assert 'pandera' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_validation_changes_no_value(committed: TrialData) -> None:
    other = load_trials(validate=False)
    for name in ("trials", "arms", "outcomes", "decisions", "published", "analyses"):
        pd.testing.assert_frame_equal(getattr(committed, name), getattr(other, name))


def test_the_order_of_columns_does_not_matter(folder: Path, committed: TrialData) -> None:
    frame = pd.read_csv(folder / "outcomes.csv", dtype=str, keep_default_na=False)
    frame[frame.columns[::-1]].to_csv(folder / "outcomes.csv", index=False)
    pd.testing.assert_frame_equal(load_trials(folder).outcomes, committed.outcomes)


@pytest.mark.parametrize(
    ("table", "key", "column", "text", "allowed"),
    [
        ("outcomes.csv", CONTINUOUS, "sd", "0", "1e-06 or more"),
        ("outcomes.csv", CONTINUOUS, "n", "0", "1 or more"),
        ("outcomes.csv", CONTINUOUS, "mean", "", "mean, sd and value_type, and no events"),
        ("outcomes.csv", CONTINUOUS, "mean", "268", "at most 100 in size"),
        ("outcomes.csv", CONTINUOUS, "mean", "26,8", "a number with a decimal point"),
        ("outcomes.csv", CONTINUOUS, "mean", "nan", "a number with a decimal point"),
        ("outcomes.csv", CONTINUOUS, "n", "30.0", "a whole number"),
        ("outcomes.csv", CONTINUOUS, "n", "", "a value in every row"),
        ("outcomes.csv", CONTINUOUS, "n", "31", "at most the 30 participants of the arm"),
        ("outcomes.csv", CONTINUOUS, "digitised", "yes", "true or false"),
        ("outcomes.csv", CONTINUOUS, "change_score", "true", "exactly where value_type is change"),
        ("outcomes.csv", CONTINUOUS, "timepoint", "week 1", "immediate, short, medium"),
        ("outcomes.csv", CONTINUOUS, "outcome", "pain", "pain_intensity, responder_30"),
        ("outcomes.csv", CONTINUOUS, "arm", "ketamin", "a trial/arm of arms.csv"),
        ("outcomes.csv", CONTINUOUS, "analyses", "99.9", "an analysis of published.csv"),
        ("outcomes.csv", BINARY, "events", "31", "no more events than participants"),
        ("outcomes.csv", BINARY, "events", "-1", "0 or more"),
        ("outcomes.csv", BINARY, "sd", "2", "events, and no mean, sd"),
        ("outcomes.csv", BINARY, "outcome_id", "a:b:c", "trial:arm:outcome"),
        ("published.csv", "effect:2", "ci_low", "14", "ci_low below ci_high"),
        ("published.csv", "effect:2", "estimate", "-20", "an estimate inside its interval"),
        ("published.csv", "effect:2", "ci_high", "", "together or none of them"),
        ("published.csv", "effect:2", "trial", "", "in every row_effect"),
        ("published.csv", "effect:23", "ci_low", "0", "a ratio above 0"),
        ("published.csv", "effect:2", "weight", "101", "100 or less"),
        ("published.csv", "pooled:2", "measure", "", "in every pooled row"),
        (
            "trials.csv",
            "sigtermans2009",
            "rob_randomisation",
            "unclear",
            "low, some_concerns, high",
        ),
        ("trials.csv", "sigtermans2009", "label", "Schwartzman 2009", "one row for each label"),
        ("trials.csv", "noppers2011a", "n_analysed", "25", "no more participants analysed"),
        ("decisions.csv", "D001", "date", "2025-13-01", "a date as"),
        ("decisions.csv", "D001", "action", "dropped", "merged, re-expressed, set_aside"),
        ("decisions.csv", "D001", "why", "", "some text"),
        ("decisions.csv", "D001", "target", "77.1", "a key of analyses"),
        ("abstract_outcomes.csv", "abstract:7", "events_t", "13", "events_t not above total_t"),
    ],
)
def test_a_wrong_cell_is_refused_with_its_place(
    folder: Path,
    edit: Callable[..., None],
    row_of: Callable[[str, str], int],
    table: str,
    key: str,
    column: str,
    text: str,
    allowed: str,
) -> None:
    row = row_of(table, key)
    edit(table, row, column, text)
    with pytest.raises(DataError) as error:
        load_trials(folder)
    told = [line for line in lines(error) if allowed in line]
    assert told, str(error.value)
    assert any(f"{table}, row " in line and "to do: " in line for line in told)
    if text:
        assert text in str(error.value)


@pytest.mark.parametrize(
    ("column", "text"),
    [("drug", "ketamin"), ("route", "intravenos"), ("role", "placebo"), ("comparator", "placebo")],
)
def test_a_wrong_word_in_an_arm_is_refused(
    folder: Path, edit: Callable[..., None], column: str, text: str
) -> None:
    edit("arms.csv", 2, column, text)
    with pytest.raises(DataError, match=rf"arms\.csv, row 2, column {column}: found .*{text}"):
        load_trials(folder)


def test_a_merged_arm_names_arms_that_exist(folder: Path, edit: Callable[..., None]) -> None:
    edit("arms.csv", 2, "merged_from", "high;placebo")
    with pytest.raises(DataError, match=r"row 2, column merged_from: found 'high'; allowed: arms"):
        load_trials(folder)


def test_a_missing_column_is_refused_without_hiding_other_faults(
    folder: Path, edit: Callable[..., None]
) -> None:
    edit("outcomes.csv", 1, "sd", "std")
    edit("outcomes.csv", 2, "n", "0")
    with pytest.raises(DataError) as error:
        load_trials(folder)
    told = lines(error)
    assert len(told) == 3, told
    assert "row 1, column sd: found no such column" in told[0]
    assert "row 1, column std: found an unknown column" in told[1]
    assert "row 2, column n: found '0'" in told[2]


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    (folder / "arms.csv").unlink()
    with pytest.raises(DataError) as error:
        load_trials(folder)
    assert lines(error) == [
        "arms.csv: found no file; allowed: a CSV file; to do: put arms.csv into its folder"
    ]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="allowed: a folder"):
        load_trials(tmp_path / "nowhere")


def test_a_duplicate_row_is_refused_with_the_row_it_repeats(folder: Path) -> None:
    file = folder / "outcomes.csv"
    text = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join([*text, text[1]]), encoding="utf-8")
    with pytest.raises(DataError, match="a second time, first in row 2") as error:
        load_trials(folder)
    assert f"row {len(text) + 1}, column outcome_id" in str(error.value)


def test_a_comparison_without_control_arm_is_refused(
    folder: Path, row_of: Callable[[str, str], int]
) -> None:
    file = folder / "outcomes.csv"
    text = file.read_text(encoding="utf-8").splitlines(keepends=True)
    row = row_of("outcomes.csv", "tonet2008:placebo:sedation")
    file.write_text("".join(text[: row - 1] + text[row:]), encoding="utf-8")
    with pytest.raises(DataError, match="no control arm for tonet2008, sedation"):
        load_trials(folder)


def test_a_table_with_every_fault_has_all_of_them_listed_and_is_not_touched(
    folder: Path, edit: Callable[..., None], row_of: Callable[[str, str], int]
) -> None:
    binary = row_of("outcomes.csv", BINARY)
    edit("outcomes.csv", 1, "note", "remark")
    edit("outcomes.csv", 2, "sd", "0")
    edit("outcomes.csv", 3, "n", "0")
    edit("outcomes.csv", 4, "mean", "high")
    edit("outcomes.csv", binary, "events", "99")
    edit("published.csv", 2, "ci_low", "99")
    edit("arms.csv", 2, "route", "intravenos")
    edit("arms.csv", 3, "drug", "sugar")
    file = folder / "outcomes.csv"
    text = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join([*text, text[9]]), encoding="utf-8")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(DataError) as error:
        load_trials(folder)
    message = str(error.value)
    for part in (
        "outcomes.csv, row 1, column note: found no such column",
        "outcomes.csv, row 2, column sd: found '0'",
        "outcomes.csv, row 3, column n: found '0'",
        "outcomes.csv, row 4, column mean: found 'high'",
        f"outcomes.csv, row {binary}, column events: found events '99', n '30'",
        f"outcomes.csv, row {len(text) + 1}, column outcome_id",
        "published.csv, row 2, column ci_low",
        "arms.csv, row 2, column route: found 'intravenos'",
        "arms.csv, row 3, column drug: found 'sugar'",
    ):
        assert part in message, message
    assert error.value.exit_code == 10
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert before == after


OWN = {
    "trials.csv": ({"trial": "own2026", "label": "Own 2026"},),
    "arms.csv": (
        {"arm": "ketamine", "role": "treatment", "drug": "ketamine", "route": "oral"},
        {"arm": "placebo", "role": "control", "drug": "placebo", "comparator": "placebo"},
    ),
    "outcomes.csv": ({"arm": "ketamine", "events": "2"}, {"arm": "placebo", "events": "1"}),
}
SHARED = {
    "trials.csv": {"in_review": "unknown", "biblio_status": "confirmed"},
    "arms.csv": {"trial": "own2026"},
    "outcomes.csv": {
        "trial": "own2026",
        "outcome": "nausea",
        "higher_is_better": "false",
        "kind": "binary",
        "n": "9",
        "source": "notebook",
        **dict.fromkeys(("digitised", "first_phase", "change_score", "sd_from_se"), "false"),
        **dict.fromkeys(("slight_events_only", "route_inferred"), "false"),
        **dict.fromkeys(("merged_arm", "shared_arm"), "false"),
    },
}


def test_a_folder_of_ones_own_needs_three_filled_tables(folder: Path) -> None:
    for file in folder.glob("*.csv"):
        columns = file.read_text(encoding="utf-8").splitlines()[0].split(",")
        rows = [{**SHARED[file.name], **row} for row in OWN.get(file.name, ())]
        for row in rows:
            if file.name == "outcomes.csv":
                row["outcome_id"] = f"own2026:{row['arm']}:nausea"
        file.write_text(csv_text(columns, rows), encoding="utf-8")
    own = load_trials(folder)
    assert own.outcomes["events"].tolist() == [2, 1]


@pytest.mark.parametrize("table", ["analyses", "outcomes", "decisions"])
def test_rows_without_anything_are_told(folder: Path, table: str) -> None:
    """Several empty cells of a key: neither a row of another table nor a crash."""
    file = folder / f"{table}.csv"
    header = file.read_text(encoding="utf-8").partition("\n")[0]
    empty = "," * header.count(",")
    file.write_text(f"{header}\n{empty}\n{empty}\n", encoding="utf-8")
    with pytest.raises(DataError, match=table):
        load_trials(folder)


def test_headers_alone_are_no_fault(folder: Path) -> None:
    for file in folder.glob("*.csv"):
        header = file.read_text(encoding="utf-8").splitlines(keepends=True)[0]
        file.write_text(header, encoding="utf-8")
    empty = load_trials(folder)
    assert len(empty.outcomes) == 0
    assert "0" in repr(empty)


@pytest.mark.parametrize("words", [("TRUE", "FALSE"), ("True", "False")])
def test_a_spreadsheet_may_spell_true_and_false_as_it_does(
    folder: Path, committed: TrialData, words: tuple[str, str]
) -> None:
    file = folder / "outcomes.csv"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace(",true", f",{words[0]}").replace(",false", f",{words[1]}"), encoding="utf-8"
    )
    pd.testing.assert_frame_equal(load_trials(folder).outcomes, committed.outcomes)


@pytest.mark.parametrize(
    ("column", "text", "told"),
    [
        ("change_score", "", "found nothing; allowed: a value in every row"),
        ("higher_is_better", "", "found nothing; allowed: a value in every row"),
        ("digitised", "1", "found '1'; allowed: true or false"),
        (
            "mean",
            "26,8",
            "found '26,8'; allowed: a number with a decimal point; to do: write a dec",
        ),
    ],
)
def test_a_cell_that_a_spreadsheet_spoiled_is_told(
    folder: Path, edit: Callable[..., None], column: str, text: str, told: str
) -> None:
    edit("outcomes.csv", 2, column, text)
    with pytest.raises(DataError, match=f"outcomes.csv, row 2, column {column}: {told}"):
        load_trials(folder)
