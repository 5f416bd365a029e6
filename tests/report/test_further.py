"""Evidence that no model uses is shown whole, and as it is printed."""

import pytest

from bayes_nmda.data import load_trials
from bayes_nmda.report.further import further_trials, printed_results


@pytest.fixture(scope="module")
def trials():
    return load_trials()


def test_every_printed_result_is_told_in_the_words_of_its_source(trials):
    found = printed_results(trials)
    numbers = trials.abstract_outcomes["verbatim_numbers"].fillna("").astype(str)
    assert sorted(row.numbers for row in found) == sorted(numbers)
    assert len(found) == len(trials.abstract_outcomes)


def test_only_addresses_that_a_reader_can_open_safely_are_links(trials):
    links = [row.link for row in printed_results(trials) if row.link]
    assert links
    assert all(link.startswith("https://") for link in links)


def test_every_known_trial_without_numbers_is_listed_once(trials):
    found = [row.trial for row in further_trials(trials)]
    expected = set(trials.trials["trial"]) - set(trials.outcomes["trial"])
    assert len(found) == len(set(found)) == 41
    assert set(found) == expected
