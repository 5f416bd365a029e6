"""Multiverses of the report: kept between builds as they were, and told of harms, too."""

import shutil

import pandas as pd
import pytest

from bayes_nmda import paths
from bayes_nmda.data import load_trials
from bayes_nmda.report.sections import uncertainty
from bayes_nmda.report.specification_curve import specification_curve
from tests.spec.multiverse_file import HEAD

#: Names of options that a reader of tables would take for a number, and for nothing.
NUMBERED = (
    HEAD
    + """
[[choice]]
name = "rho"
title = "Correlation"
option = [{ name = "0.60" }, { name = "0.30", model = "pain_intensity_rho_03" }]

[[choice]]
name = "rows"
title = "Rows"

[[choice.option]]
name = "all"

[[choice.option]]
name = "NA"
leave_out = { flags = ["digitised"] }
source = "A test."
"""
)
HARM = """
schema_version = 1
model = "any_adverse_event"
title = "Some choices"
most = 100
seed = 1
ask = { direction = "harm", at_least = [1, 2], target = "mean" }
[[choice]]
name = "pooling"
title = "Pooling"
option = [{ name = "partial" }, { name = "complete", model = "any_adverse_event_complete" }]
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("data", "models"):
        shutil.copytree(getattr(paths, name)(), tmp_path / name)
    (tmp_path / "reports").mkdir()
    (tmp_path / "models" / "multiverse" / "numbered.toml").write_text(NUMBERED, encoding="utf-8")
    (tmp_path / "models" / "multiverse" / "harm.toml").write_text(HARM, encoding="utf-8")
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path))
    return tmp_path


def test_what_is_kept_is_what_was_computed(home):
    trials, said = load_trials(), []
    made = uncertainty._kept("numbered", trials, said.append)
    assert any("at most" in words for words in said)
    said.clear()
    kept = uncertainty._kept("numbered", trials, said.append)
    assert not said
    pd.testing.assert_frame_equal(kept.table, made.table, check_dtype=False)
    assert kept.distinct == made.distinct
    cell = {"drug": "ketamine", "route": "intravenous", "timepoint": "immediate"}
    figures = [specification_curve(one.of(**cell)).svg for one in (made, kept)]
    assert figures[0] == figures[1]
    file = next((home / "reports" / "output" / "universes").glob("numbered.*"))
    file.write_text("spoilt", encoding="utf-8")
    again = uncertainty._kept("numbered", trials, said.append)
    assert any("is damaged" in words for words in said)
    pd.testing.assert_frame_equal(again.table, made.table)


def test_a_harm_is_told_of_its_first_size(home):
    moved = uncertainty._harm(uncertainty._kept("harm", load_trials(), lambda _: None))
    assert (moved.outcome, moved.size) == ("any_adverse_event", 1)
    found = moved.ranges["ketamine/intravenous"]
    assert found.universes == 2
    assert found.lowest <= found.as_it_is <= found.highest
    assert found.as_it_is == pytest.approx(0.994, abs=0.005)
