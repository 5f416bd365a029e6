"""Figures of harms: every model of a definition has its mark, however many there are."""

from types import SimpleNamespace

import pytest

from bayes_nmda.report.sections.harms import sensitivity_figure


def told(number):
    record = {"estimate": 1.5, "lower": 0.5 + number / 10, "upper": 4.0}
    line = SimpleNamespace(partition="ketamine/oral", estimates={"RR": record}, review=None)
    select = SimpleNamespace(outcome="any_adverse_event")
    spec = SimpleNamespace(name="any_adverse_event", select=select)
    return SimpleNamespace(lines=(line,), line=lambda _: line, fit=SimpleNamespace(spec=spec))


@pytest.mark.parametrize("number", [1, 3, 5])
def test_each_model_of_a_harm_has_a_mark_and_a_name(number):
    labels = [f"Assumption {i}" for i in range(number)]
    figure = sensitivity_figure([told(i) for i in range(number)], labels)
    assert all(label in figure.svg for label in [*labels, "Review"])
    assert f"under {number} models" in figure.alt
