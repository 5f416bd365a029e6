"""The tables behind the page carry six digits, and agree with what the page says."""

import pandas as pd
import pytest

from bayes_nmda import (
    effect,
    effect_table,
    fit,
    load_model,
    load_trials,
    next_trial,
    posterior,
    prob_harm,
)

#: Half of the last of the six digits that a table of the report carries, relative to the value.
DIGITS = 5e-6


@pytest.fixture
def table(told):
    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(told / "reports" / "latest" / "tables" / f"{name}.csv")

    return read


def test_benefits_and_harms_stand_in_one_table(table):
    found = table("summary_of_findings")
    assert {"quality_of_life", "any_adverse_event", "responder_50"} == set(found["outcome"])
    assert set(found["comparator"]) == {"placebo"}


def test_digits_of_a_harm_are_those_of_an_answer(table):
    found = table("harms").query("model == 'quick_harm'").reset_index(drop=True)
    tree = posterior("quick_harm")
    for measure in ("RD", "RR", "OR"):
        records = effect(tree, measure=measure).records
        assert found[measure.lower()].to_list() == pytest.approx(
            [r["estimate"] for r in records], rel=DIGITS
        )
    chances = prob_harm(tree, measure="RD", at_least=0.05).records
    assert found["prob_harm_0.05"].to_list() == pytest.approx(
        [r["probability"] for r in chances], rel=DIGITS
    )


def test_columns_of_a_number_needed_hold_numbers_needed(table):
    found = table("harms").query("model == 'quick_harm'")
    assert found["nnt"].to_list() == pytest.approx(
        (1 / found["rd"].abs()).to_list(), rel=2 * DIGITS
    )
    assert found["nnt_lower"].to_list() == pytest.approx(
        (-1 / found["rd_upper"]).to_list(), rel=2 * DIGITS
    )
    assert "nnt_mcse" not in found  # the error is that of the difference


def test_models_under_other_assumptions_stand_in_the_table_of_harms(table):
    assert set(table("harms")["model"]) == {"quick_harm", "quick_harm_alone"}


def test_further_trials_are_those_of_an_answer(table, told):
    found = table("next_trial")
    assert set(zip(found["trials"], found["n"], strict=True)) == {
        (1, 60), (1, 240), (3, 60), (3, 240),
    }  # fmt: skip
    spec = load_model("quick")
    tree = fit(spec, effect_table(load_trials(), spec), engine="exact")
    for row in found.query("n == 240").to_dict("records"):
        drug, route, timepoint = row["cell"].split("/")
        answer = next_trial(
            tree, drug=drug, route=route, timepoint=timepoint, n=240, trials=row["trials"],
            at_least=row["at_least"],
        )  # fmt: skip
        assert row["assurance"] == pytest.approx(answer.table["assurance"][0], rel=DIGITS)
        assert row["expected_width"] == pytest.approx(answer.table["expected_width"][0], rel=DIGITS)
    page = (told / "reports" / "latest" / "index.html").read_text("utf-8")
    assert "next-trial-table" in page


def test_gates_are_summarised_by_their_worst_value(table):
    brief, full = table("gate_summary").set_index("model"), table("gates")
    for model, rows in full.groupby("model"):
        values = rows.drop(columns=["model", "quantity"])
        assert brief.loc[model, "gates"] == values.notna().sum().sum()  # a field a gate, none lost
        assert brief.loc[model, "failed"] == 0
        assert brief.loc[model, "R-hat"] == pytest.approx(values["R-hat"].max())
