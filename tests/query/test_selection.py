import pytest

import bayes_nmda as nmda
from bayes_nmda.errors import QueryError, UsageError


def test_a_misspelt_word_is_named_with_what_is_allowed_and_what_is_close(tree):
    with pytest.raises(QueryError) as caught:
        nmda.effect(tree, drug="ketamin")
    message = str(caught.value)
    assert "found 'ketamin'" in message
    assert "ketamine, memantine" in message
    assert "Did you mean 'ketamine'?" in message


@pytest.mark.parametrize(
    "selectors",
    [
        {"drug": "amantadine"},
        {"route": "intramuscular"},
        {"timepoint": "medium"},
        {"drug": "memantine", "route": "intravenous"},
        {"drug": "memantine", "timepoint": "immediate"},
        {"drug": ["ketamine", "amantadine"]},
        {"drug": ["ketamine", "memantine"], "route": "oral"},
    ],
)
def test_a_combination_without_a_trial_names_the_cells_that_have_one(tree, selectors):
    with pytest.raises(QueryError, match=r"cells with evidence: .*/"):
        nmda.prob_benefit(tree, **selectors)


def test_a_cell_whose_trials_are_zero_has_no_answer(tree):
    tree["constant_data"]["trials"][1] = 0
    assert len(nmda.effect(tree).records) == 2
    with pytest.raises(QueryError, match="no trial behind"):
        nmda.effect(tree, drug="ketamine", timepoint="short")


def test_several_words_choose_several_cells(tree):
    answer = nmda.effect(tree, drug=["memantine", "ketamine"], timepoint="short")
    assert [row["drug"] for row in answer.records] == ["ketamine", "memantine"]


@pytest.mark.parametrize("drug", [[], 3, ["ketamine", 3]])
def test_a_selector_that_is_no_word_is_refused(tree, drug):
    with pytest.raises(UsageError, match="drug"):
        nmda.effect(tree, drug=drug)


def test_cells_without_timepoint_are_asked_without_one(tree):
    timeless = tree.copy()
    for group in ("posterior", "prior"):
        timeless[group].dataset = tree[group].to_dataset().drop_vars("timepoint")
    assert {row["timepoint"] for row in nmda.effect(timeless).records} == {""}
    with pytest.raises(QueryError, match="no timepoints"):
        nmda.effect(timeless, timepoint="short")
