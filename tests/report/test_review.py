"""The review's method beside ours: printed numbers where there are any."""

from types import SimpleNamespace

import pytest

from bayes_nmda.data import load_trials
from bayes_nmda.effects import effect_table
from bayes_nmda.model.spec import load_model
from bayes_nmda.report.review import reviewed


@pytest.fixture(scope="module")
def trials():
    return load_trials()


def review_of(model, trials):
    spec = load_model(model)
    return reviewed(SimpleNamespace(spec=spec, effects=effect_table(trials, spec)), trials)


def test_the_printed_risk_ratio_of_any_adverse_event_comes_out(trials):
    found = review_of("any_adverse_event", trials)["ketamine/intravenous"]
    assert [round(x, 2) for x in (found.estimate, found.low, found.high)] == [3.26, 1.05, 10.09]
    assert found.printed


def test_the_printed_mean_differences_of_pain_come_out(trials):
    found = review_of("pain_intensity", trials)
    immediate = found["ketamine/intravenous/immediate"]
    assert round(immediate.estimate, 2) == -15.79
    assert immediate.printed
    assert not found["memantine/oral/short"].printed


def test_a_cell_without_any_event_has_no_estimate(trials):
    assert "magnesium/intravenous" not in review_of("any_adverse_event", trials)


def test_a_comparison_with_another_medicine_keeps_its_name(trials):
    assert "ketamine/oral/short vs methadone" in review_of("pain_intensity_active", trials)
