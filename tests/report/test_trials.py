"""The table of trials, and the links of every trial that is named."""

from types import SimpleNamespace

from bayes_nmda.data import load_trials
from bayes_nmda.query.coverage import trials_with_numbers
from bayes_nmda.report.trials import NOT_STATED, linked, trial_rows


def named(*labels):
    return [SimpleNamespace(label=label, slug=f"trial-{n}") for n, label in enumerate(labels)]


def test_trials_in_text_are_linked_and_nothing_else_is():
    page = (
        "<p>Ash 2001 and Ash 2001a, not XAsh 2001.</p><a href='#x'>Ash 2001</a>"
        "<svg><text>Ash 2001</text></svg><h2>Ash 2001</h2><code>Ash 2001</code><p>Ash 2001</p>"
    )
    done = linked(page, named("Ash 2001", "Ash 2001a"))
    assert done == (
        '<p><a href="#trial-0">Ash 2001</a> and <a href="#trial-1">Ash 2001a</a>, not XAsh 2001.'
        "</p><a href='#x'>Ash 2001</a><svg><text>Ash 2001</text></svg><h2>Ash 2001</h2>"
        '<code>Ash 2001</code><p><a href="#trial-0">Ash 2001</a></p>'
    )
    assert linked(page, []) == page


def test_every_trial_with_numbers_has_a_row_with_its_data():
    trials = load_trials()
    rows = trial_rows(trials)
    assert {row.name for row in rows} == trials_with_numbers(trials)
    assert len({row.slug for row in rows}) == len(rows)
    assert sum(len(row.rows) for row in rows) == len(trials.outcomes)
    first = next(row for row in rows if row.name == "sigtermans2009")
    assert first.doi == "10.1016/j.pain.2009.06.023"
    assert first.design == "parallel double-blind"
    assert first.bias == {"Randomisation": "low risk", "Overall": "not judged"}
    assert "22.2 +/- 2.0 mg/h/70 kg" in first.treatments[0]
    assert first.rows[0]["numbers"] == "26.8 (SD 27.93), n = 30"
    unknown = [dose for row in rows for dose in row.treatments if dose.endswith(NOT_STATED)]
    assert all(dose.endswith(f"dose {NOT_STATED}") for dose in unknown)


def test_each_named_trial_of_the_page_leads_to_its_row(page):
    for row in trial_rows(load_trials()):
        assert f'<tr id="{row.slug}">' in page
