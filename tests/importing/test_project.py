"""A review becomes a project that passes its check, answers, and stays what a person made of it."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

import bayes_nmda as nmda
from bayes_nmda import paths
from bayes_nmda.cli.checks import check_all
from bayes_nmda.cli.init import start_project
from bayes_nmda.data.reading import table_digests
from bayes_nmda.effects import effect_table
from bayes_nmda.errors import DataError, UsageError, WriteError
from bayes_nmda.importing.package import export_package, import_package
from bayes_nmda.importing.project import import_review
from tests.importing.conftest import HEADER, counted, measured

ROWS = (
    measured("Alder", (48.7, 10.8, 20), (55.2, 10.5, 20), name="Pain (short-term)"),
    measured("Birch", (36.0, 22.0, 20), (29.0, 19.0, 20), name="Pain (short-term)"),
    measured("Cedar", (41.0, 18.0, 33), (47.5, 20.0, 31), name="Pain (short-term)"),
    counted("Alder", 4, 20, 2, 20, analysis="1,2", name="Any adverse event"),
    counted("Birch", 0, 20, 0, 20, analysis="1,2", name="Any adverse event"),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "CD000001-data-rows.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def imported(file, tmp_path) -> Path:
    import_review(file, tmp_path / "mine")
    return tmp_path / "mine"


def edited(folder: Path, *changes: tuple[str, str]) -> None:
    path = folder / "data" / "mapping.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def test_an_imported_project_passes_its_check(imported):
    with paths.inside(imported):
        found = {row["what"]: row["found"] for row in check_all(lambda _: None)}
    assert found["data"] == "3 trials, 10 outcome records"
    assert found["raw files"] == "the tables are what they make"
    assert found["report review"] == "tells 2 models"


def test_its_models_are_default_models_with_sources(imported):
    mine = nmda.project(imported)
    assert mine.model_names == ["any_adverse_event", "pain"]
    spec = mine.load_model("pain")
    assert (spec.measure, spec.select.comparator) == ("MD", "control")
    assert all(prior.source for _, prior in spec.priors)
    assert mine.load_model("any_adverse_event").likelihood.family == "conditional"
    answer = nmda.prob_benefit(mine.posterior("pain"), at_least=0)
    assert 0 < float(answer) < 1


def test_a_settled_mapping_is_kept_and_changes_the_project(imported):
    edited(
        imported,
        ('treatment = "treatment"', 'treatment = "massage"'),
        ('control = "control"', 'control = "usual care"'),
        ('reference = "control"', 'reference = "usual care"'),
    )
    found = import_review(None, imported)
    assert found.used == 5
    mine = nmda.project(imported)
    assert mine.vocabulary.treatments == ("massage",)
    assert mine.load_model("pain").select.comparator == "usual care"
    assert 'treatment = "massage"' in (imported / "data/mapping.toml").read_text(encoding="utf-8")


def test_the_direction_of_the_mapping_turns_the_answer_around(imported):
    mine = nmda.project(imported)
    before = float(nmda.prob_benefit(mine.posterior("pain"), at_least=0))
    edited(imported, ('better = "lower"\nmeasure = "MD"', 'better = "higher"\nmeasure = "MD"'))
    import_review(None, imported)
    after = float(nmda.prob_benefit(mine.posterior("pain"), at_least=0))
    assert after == pytest.approx(1 - before, abs=1e-6)


def test_exchanged_arms_turn_probabilities_around(tmp_path):
    """Theory gives the answer without data: what was a benefit is as probable a harm."""
    trials = (
        ("Alder", (48.7, 10.8, 20), (55.2, 10.5, 20)),
        ("Birch", (36.0, 22.0, 20), (29.0, 19.0, 20)),
        ("Cedar", (41.0, 18.0, 33), (47.5, 20.0, 31)),
    )
    found = []
    for name, arms in (("as", 1), ("other", -1)):
        rows = [measured(study, *(t, c)[::arms]) for study, t, c in trials]
        file = tmp_path / f"{name}-data-rows.csv"
        file.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
        import_review(file, tmp_path / name)
        mine = nmda.project(tmp_path / name)
        found.append(float(nmda.prob_benefit(mine.posterior("pain"), at_least=0)))
    assert sum(found) == pytest.approx(1.0, abs=1e-6)


def test_what_somebody_changed_is_kept(imported):
    model = imported / "models" / "pain.toml"
    text = model.read_text(encoding="utf-8").replace('"Pain, default model"', '"Pain, our model"')
    model.write_text(text, encoding="utf-8")
    found = import_review(None, imported)
    assert found.kept == ["models/pain.toml"]
    assert nmda.project(imported).load_model("pain").title == "Pain, our model"


def test_an_outcome_that_is_left_out_takes_its_model_along(imported):
    edited(imported, ('name = "Any adverse event"\nrows = 2\nuse = true',
                      'name = "Any adverse event"\nrows = 2\nuse = false'))  # fmt: skip
    found = import_review(None, imported)
    assert [one.reason for one in found.set_aside] == ["left out by the mapping"] * 2
    assert nmda.project(imported).model_names == ["pain"]


def test_rows_that_somebody_added_are_not_lost(imported):
    path = imported / "data" / "trials.csv"
    text = path.read_text(encoding="utf-8")
    last = text.splitlines()[-1].replace("cedar", "dogwood").replace("Cedar", "Dogwood")
    path.write_text(f"{text}{last}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"trials\.csv changed since"):
        import_review(None, imported)
    assert "dogwood" in path.read_text(encoding="utf-8")


def test_a_retracted_trial_is_a_decision_and_no_deletion(imported):
    path = imported / "data" / "decisions.csv"
    row = "D900,birch,trials,,set_aside,Left out,Retracted,doi:10.1000/x,2026-11-30"
    path.write_text(f"{path.read_text(encoding='utf-8')}{row}\n", encoding="utf-8")
    trials = nmda.project(imported).trials
    assert set(trials.outcomes["trial"]) == {"alder", "cedar"}
    assert "birch:" in (imported / "data/outcomes.csv").read_text(encoding="utf-8")
    with paths.inside(imported):
        spec = nmda.load_model("pain")
        assert list(effect_table(trials, spec).frame["trial"]) == ["Alder 2001", "Cedar 2001"]


def test_the_example_of_init_is_replaced_and_nothing_else_is(file, tmp_path):
    start_project(tmp_path / "new")
    import_review(file, tmp_path / "new")
    assert nmda.project(tmp_path / "new").model_names == ["any_adverse_event", "pain"]
    start_project(tmp_path / "used")
    (tmp_path / "used/data/vocabulary.toml").write_text("title = 'mine'", encoding="utf-8")
    with pytest.raises(UsageError, match="holds something else"):
        import_review(file, tmp_path / "used")
    assert (tmp_path / "used/data/vocabulary.toml").read_text(encoding="utf-8") == "title = 'mine'"


def test_another_review_is_not_put_over_a_project(imported, tmp_path):
    other = tmp_path / "CD000002-data-rows.csv"
    other.write_text("\n".join([HEADER, *ROWS[:2]]) + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match="Import another review into another folder"):
        import_review(other, imported)


def test_a_full_disk_loses_nothing(imported, monkeypatch):
    before = {p: p.read_bytes() for p in imported.rglob("*") if p.is_file()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(WriteError, match="nothing that stood there was lost"):
        import_review(None, imported)
    after = {p: p.read_bytes() for p in imported.rglob("*") if p.is_file()}
    assert {p: c for p, c in after.items() if "__pycache__" not in p.parts} == {
        p: c for p, c in before.items() if "__pycache__" not in p.parts
    }


def test_effects_without_arms_are_asked_like_others(tmp_path):
    arms = ("Alder,-0.6,0.3,40,41", "Birch,-0.2,0.25,55,54", "Cedar,0.1,0.4,30,30")
    table = "\n".join(["study,yi,sei,n_t,n_c", *arms])
    path = tmp_path / "deaths.csv"
    path.write_text(table, encoding="utf-8")
    import_review(path, tmp_path / "mine", kind="table",
                  options={"outcome": "deaths", "measure": "log_or"})  # fmt: skip
    mine = nmda.project(tmp_path / "mine")
    spec = mine.load_model("deaths")
    assert (spec.measure, spec.likelihood.family, spec.benefit) == ("log_or", "normal", "negative")
    with paths.inside(mine.path):
        effects = effect_table(mine.trials, spec)
    np.testing.assert_allclose(effects.frame.sort_values("trial")["yi"], [-0.6, -0.2, 0.1])
    direct = nmda.meta_analysis(
        [-0.6, -0.2, 0.1], [0.3, 0.25, 0.4],
        mu=_tuple(spec.prior("overall")), tau=_tuple(spec.prior("tau")),
    )  # fmt: skip
    answer = float(nmda.prob_benefit(mine.posterior("deaths"), at_least=0))
    assert answer == pytest.approx(direct.prob_below(0.0), abs=2e-4)


def _tuple(prior) -> tuple[object, ...]:
    return (prior.distribution, *(value for _, value in prior.parameters))


def test_the_shipped_project_comes_back_from_its_package_without_loss(tmp_path):
    files = export_package(tmp_path / "shipped.zip")
    assert {"datapackage.json", "outcomes.csv", "models/pain_intensity.toml"} <= set(files)
    import_package(tmp_path / "shipped.zip", tmp_path / "back")
    origin = paths.shipped()
    assert table_digests(tmp_path / "back" / "data") == table_digests(origin / "data")
    for name in files:
        folder = "" if name.startswith(("models/", "reports/")) else "data"
        there = (tmp_path / "back" / folder / name).read_bytes()
        assert there == (origin / folder / name).read_bytes()
    back = nmda.project(tmp_path / "back")
    spec, mine = back.load_model("pain_intensity"), nmda.load_model("pain_intensity")
    assert spec.hash == mine.hash
    with paths.inside(back.path):
        frame = effect_table(back.trials, spec).frame
    assert frame.equals(effect_table(nmda.load_trials(), mine).frame)


def test_a_package_is_the_same_bytes_twice_and_is_not_overwritten(tmp_path):
    for name in ("one.zip", "two.zip"):
        export_package(tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with pytest.raises(UsageError, match="found a file that is there"):
        export_package(tmp_path / "one.zip")


def test_the_tables_of_a_package_are_described_as_the_standard_asks(imported, tmp_path):
    with paths.inside(imported):
        files = export_package(tmp_path / "mine.zip")
    descriptor = json.loads((imported / "data/datapackage.json").read_text(encoding="utf-8"))
    assert {table["path"] for table in descriptor["resources"]} <= set(files)
    for table in descriptor["resources"]:
        header = (imported / "data" / table["path"]).read_text(encoding="utf-8").splitlines()[0]
        assert header.split(",") == [field["name"] for field in table["schema"]["fields"]]


def test_the_report_definition_says_what_is_not_settled(imported):
    table = tomllib.loads((imported / "reports/review.toml").read_text(encoding="utf-8"))
    assert any("proposals that nobody has confirmed" in text for text in table["limits"])
    assert [part["kind"] for part in table["section"]] == ["primary", "harms", "tradeoff"]


@pytest.mark.slow
def test_an_imported_review_is_reported_with_no_edit_at_all(reviews, tmp_path):
    from bayes_nmda.report.build import build_report

    file = tmp_path / "CD008469_pub3-data-rows.csv"
    file.write_bytes(reviews[file.name])
    import_review(file, tmp_path / "mine")
    with paths.inside(tmp_path / "mine"):
        built = build_report("review", progress=lambda _: None)
    page = (tmp_path / "mine/reports/latest/index.html").read_text(encoding="utf-8")
    assert built is not None
    assert "18 of 18 printed rows" in page
    assert "on a scale from 0 to 100" not in page
