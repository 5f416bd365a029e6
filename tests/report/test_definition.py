"""Report definitions: every fault names the key, what was found and what is allowed."""

import pytest

from bayes_nmda.errors import ReportError
from bayes_nmda.report.definition import load_definition, report_names


def test_the_reports_of_the_project_are_valid():
    assert "evidence" in report_names()
    for name in report_names():
        assert load_definition(name).models


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('models = ["quick"]', 'models = ["quack"]', "models: found 'quack'; allowed are"),
        ("curve = [0, 40, 10]", "curve = [40, 0, 10]", "curve: found"),
        ('title = "A small report"', 'heading = "x"', "missing title"),
        ('quick = "Quick"', 'other = "Quick"', "labels: each of quick"),
        ('title = "A small report"', "title = ", "not TOML"),
    ],
)
def test_a_fault_is_named(home, old, new, words):
    path = home / "reports" / "quick.toml"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ReportError, match=words):
        load_definition("quick")


def test_an_unknown_report_is_told_the_known_ones(home):
    with pytest.raises(ReportError, match="allowed are quick"):
        load_definition("quack")
