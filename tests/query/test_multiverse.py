"""The same question in every universe, against fits of model files and arithmetic by hand."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayes_nmda as nmda
from bayes_nmda.effects import EffectTable
from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.inference.exact.cells import exact_cells
from bayes_nmda.query.multiverse import Universes, multiverse
from bayes_nmda.report.specification_curve import specification_curve
from bayes_nmda.spec.multiverse import Choice, Multiverse, Option, load_multiverse
from bayes_nmda.spec.spec import ModelSpec, load_model
from tests.spec.multiverse_file import HEAD

#: Poolings, two priors of the mean, and rows of low risk of bias alone.
CHOICES = (
    HEAD
    + """
[[choice]]
name = "pooling"
title = "Pooling"
option = [
  { name = "partial" },
  { name = "alone", model = "pain_intensity_unpooled" },
  { name = "complete", model = "pain_intensity_complete" },
]
[[choice]]
name = "rows"
title = "Rows"
option = [
  { name = "all" },
  { name = "low risk", leave_out = { rob = ["some_concerns"] }, source = "rob" },
]
[[choice]]
name = "sds"
title = "SDs between cells"
priors = ["sd_drug", "sd_route", "sd_timepoint", "sd_trial_timepoint"]
option = [
  { name = "5" },
  { name = "1", prior = { distribution = "half_normal", scale = 1.0 }, source = "narrow" },
]
"""
)
CELL = {"drug": "ketamine", "route": "intravenous", "timepoint": "immediate"}


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Multiverse:
    path = tmp_path_factory.mktemp("choices") / "some.toml"
    path.write_text(CHOICES, encoding="utf-8")
    return load_multiverse(path)


@pytest.fixture(scope="module")
def answers(some: Multiverse) -> Universes:
    return multiverse(some)


def value(answers: Universes, **options: str) -> float:
    table = answers.of(**CELL).table
    for name, option in options.items():
        table = table[table[name] == option]
    (found,) = table["probability"]
    return float(found)


def test_the_choices_give_the_figures_that_were_found_from_outside(answers: Universes) -> None:
    """0.38 as published, 0.59 alone, 0.02 with complete pooling, 0.55 on low risk alone."""
    digits = 0.005 + 4 * answers.table["error"].max()
    assert value(answers, pooling="partial", rows="all", sds="5") == pytest.approx(0.38, abs=digits)
    assert value(answers, pooling="alone", rows="all", sds="5") == pytest.approx(0.59, abs=digits)
    assert value(answers, pooling="complete", rows="all", sds="5") == pytest.approx(
        0.02, abs=digits
    )
    low = value(answers, pooling="partial", rows="low risk", sds="5")
    assert low == pytest.approx(0.55, abs=digits)


@pytest.mark.parametrize("pooling", ["alone", "complete"])
def test_a_universe_is_the_analysis_of_its_model_file(
    answers: Universes, pain: EffectTable, pooling: str
) -> None:
    names = {"alone": "pain_intensity_unpooled", "complete": "pain_intensity_complete"}
    whole = exact_cells(load_model(names[pooling]), pain, coarser=4)
    table = answers.table
    mine = table[(table["pooling"] == pooling) & (table["rows"] == "all") & (table["sds"] == "5")]
    mine = mine.set_index("cell").loc[list(whole.cells)]
    expected, _ = whole.probability("mean", 10.0, -1.0)
    np.testing.assert_allclose(mine["probability"], expected, atol=1e-12)


def test_what_its_structure_does_not_use_is_not_done_again(answers: Universes) -> None:
    alone = [value(answers, pooling="alone", rows="all", sds=s) for s in ("5", "1")]
    assert alone[0] == alone[1]
    partial = [value(answers, pooling="partial", rows="all", sds=s) for s in ("5", "1")]
    assert abs(partial[0] - partial[1]) > 0.05
    assert answers.universes == 12


def test_a_cell_without_a_trial_in_a_universe_has_no_answer_there(answers: Universes) -> None:
    table = answers.table
    gone = table["trials"] == 0
    assert gone.any()
    assert table.loc[gone, "probability"].isna().all()
    assert table.loc[~gone, "probability"].notna().all()
    assert (table.loc[gone, "rows"] == "low risk").all()
    ranges = answers.of(drug="amantadine").ranges()
    assert ranges["universes"].tolist() == [6]


def test_two_processes_give_the_same_numbers(some: Multiverse, answers: Universes) -> None:
    pd.testing.assert_frame_equal(multiverse(some, jobs=2).table, answers.table)


def test_harm_and_a_new_trial_are_other_questions(some: Multiverse, pain: EffectTable) -> None:
    few = replace(some, choices=some.choices[:1])
    found = multiverse(few, 5, direction="harm", target="new_trial")
    whole = exact_cells(load_model("pain_intensity"), pain)
    usual = found.table[found.table["universe"] == 0].set_index("cell").loc[list(whole.cells)]
    expected, _ = whole.probability("new_trial", 5.0, 1.0)
    np.testing.assert_allclose(usual["probability"], expected, atol=1e-12)
    assert "harm of at least 5 points" in found.sentence
    with pytest.raises(UsageError, match="'median'"):
        multiverse(few, target="median")
    with pytest.raises(UsageError, match="from 0 upwards"):
        multiverse(few, -1)


def made_up(effects: dict[str, list[float]], most: int = 10_000, noise: float = 0.0) -> Universes:
    """Return universes whose probability is a sum of one number for each option."""
    changed = ((("x", "y"), 1),)
    choices = tuple(
        Choice(
            name,
            name.title(),
            tuple(Option(str(i), changed if i else (), (), "") for i in range(len(values))),
        )
        for name, values in effects.items()
    )
    tables = {"effect": {"unit": "points"}}
    found = Multiverse("x", "x", "m", tables, choices, most, 1, "benefit", (10.0,), "mean")
    rng, rows = np.random.default_rng(1), []
    for number, universe in enumerate(found.universes()):
        total = 0.3 + sum(v[i] for v, i in zip(effects.values(), universe, strict=True))
        total += noise * rng.normal()
        names = {c.name: str(i) for c, i in zip(choices, universe, strict=True)}
        rows.append({"universe": number, **names, "cell": "a/b", "drug": "a", "route": "b",
                     "timepoint": "", "at_least": 10.0, "probability": total, "error": 0.0,
                     "mean": 0.0, "sd": 1.0, "trials": 1, "reliable": True})  # fmt: skip
    return Universes(found, pd.DataFrame(rows), len(rows))


def test_shares_are_those_of_a_sum() -> None:
    found = made_up({"one": [0.0, 0.3], "two": [0.0, 0.1], "three": [0.0, 0.0, 0.0]})
    shares = found.shares().set_index("choice")["share"]
    assert shares["one"] == pytest.approx(0.9)
    assert shares["two"] == pytest.approx(0.1)
    assert shares["three"] == pytest.approx(0, abs=1e-12)
    assert found.shares()["choice"].iloc[0] == "one"
    row = found.ranges().iloc[0]
    assert (row["lowest"], row["highest"], row["as_it_is"]) == pytest.approx((0.3, 0.7, 0.3))


def test_of_a_part_of_the_combinations_chance_gives_a_choice_no_share() -> None:
    effects = {name: [0.0] * 5 for name in "abcdef"} | {"one": [0.0, 0.2]}
    found = made_up(effects, most=400, noise=0.1)
    shares = found.shares().set_index("choice")["share"]
    assert shares["one"] == pytest.approx(0.5, abs=0.1)
    assert shares.drop("one").mean() < 0.01


def test_arrays_and_curve_are_the_table_in_another_order(answers: Universes) -> None:
    arrays = answers.to_xarray()
    cell = "ketamine/intravenous/immediate"
    mine = answers.of(**CELL, at_least=10)
    np.testing.assert_array_equal(
        arrays["probability"].sel(cell=cell, at_least=10), mine.table["probability"]
    )
    assert arrays["pooling"].to_numpy().tolist() == mine.table["pooling"].tolist()
    curve = mine.specification_curve()
    assert curve["probability"].is_monotonic_increasing
    assert sorted(curve["universe"]) == list(range(12))
    with pytest.raises(UsageError, match="15 cells and sizes"):
        answers.specification_curve()
    with pytest.raises(QueryError, match="ketamine/intravenous/immediate"):
        answers.of(drug="bogus")


def test_rows_are_plain_and_say_which_choices_move_an_answer(answers: Universes) -> None:
    (row,) = answers.of(**CELL).to_rows()
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert (row["combinations"], row["unreliable"]) == (12, 0)
    assert {choice["choice"] for choice in row["choices"]} == {"pooling", "rows", "sds"}
    assert row["choices"][0]["choice"] == "pooling"


def test_the_figure_tells_every_option(answers: Universes) -> None:
    figure = specification_curve(answers.of(**CELL))
    for words in ("Pooling", "low risk", "complete", "the model as it is", "12 analyses"):
        assert words in figure.svg
    assert figure.svg == specification_curve(answers.of(**CELL)).svg


def test_counts_are_asked_for_ratios(tmp_path: Path) -> None:
    path = tmp_path / "counts.toml"
    text = CHOICES.replace("pain_intensity", "any_adverse_event").replace("[10]", "[1.25]")
    path.write_text(
        text[: text.index('[[choice]]\nname = "rows"')].replace('"benefit"', '"harm"'), "utf-8"
    )
    found = multiverse(path)
    mine = found.of(drug="ketamine", route="intravenous").table
    for option, model in (
        ("partial", "any_adverse_event"), ("complete", "any_adverse_event_complete"),
    ):  # fmt: skip
        spec: ModelSpec = load_model(model)
        effects = nmda.effect_table(nmda.load_trials(), spec)
        fitted = nmda.fit(spec, effects, engine="exact", draws=50)
        asked = nmda.prob_harm(fitted, drug="ketamine", route="intravenous", at_least=1.25)
        (got,) = mine.loc[mine["pooling"] == option, "probability"]
        assert got == pytest.approx(float(asked), abs=1e-9)
    # alone, a cell whose only trial says nothing has no answer
    alone = found.of(drug="magnesium").table
    assert alone.loc[alone["pooling"] == "alone", "probability"].isna().all()
    assert list(itertools.chain(alone.loc[alone["pooling"] == "partial", "probability"].notna()))


def test_a_column_that_is_not_there_is_refused(some: Multiverse) -> None:
    option = Option("none", (), (("colour", ("red",)),), "s")
    choice = Choice("rows", "Rows", (some.choices[1].options[0], option))
    with pytest.raises(UsageError, match="'colour'"):
        multiverse(replace(some, choices=(choice,)))
