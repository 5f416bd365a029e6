import dataclasses
import json

import pandas as pd
import pytest

import bayes_nmda as nmda
from bayes_nmda.errors import UsageError

QUERIES = [
    nmda.prob_benefit,
    nmda.prob_harm,
    nmda.effect,
    nmda.new_trial,
    nmda.heterogeneity,
    nmda.shrinkage,
    nmda.rank,
]


@pytest.mark.parametrize("query", QUERIES)
def test_an_answer_survives_json(tree, query):
    document = query(tree).to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["schema_version"] == 1
    assert document["query"] == query.__name__
    assert document["provenance"]["spec_hash"] == "spec"
    assert document["provenance"]["versions"] == {"python": "3.12"}


@pytest.mark.parametrize("query", QUERIES)
def test_table_and_records_are_the_same(tree, query):
    answer = query(tree)
    pd.testing.assert_frame_equal(answer.table, pd.DataFrame(list(answer.records)))


@pytest.mark.parametrize("query", QUERIES)
def test_every_row_says_what_stands_behind_it(tree, query):
    for row in query(tree).records:
        assert row["trials"] > 0
        assert row["participants"] > 0
        assert row["engine"] == "nuts"


def test_only_one_row_is_a_number(tree):
    answer = nmda.prob_benefit(tree, at_least=[0, 10])
    with pytest.raises(UsageError, match="6 rows"):
        float(answer)
    one = nmda.effect(tree, drug="memantine")
    assert float(one) == one.records[0]["estimate"]


def test_an_answer_cannot_be_changed(tree):
    answer = nmda.effect(tree)
    with pytest.raises(dataclasses.FrozenInstanceError):
        answer.unit = "miles"
    table = answer.table
    table["drug"] = "other"
    assert answer.table.loc[0, "drug"] == "ketamine"


def test_notebooks_get_a_table_with_text_escaped(tree):
    drugs = ("cell", ["<b>", "ketamine", "memantine"])
    tree["posterior"].dataset = tree["posterior"].to_dataset().assign_coords(drug=drugs)
    html = nmda.effect(tree)._repr_html_()
    assert "<table>" in html
    assert "&lt;b&gt;" in html
    assert "<td><b></td>" not in html


def test_markdown_has_a_row_a_record(tree):
    text = nmda.effect(tree)._repr_markdown_()
    assert sum(line.startswith("| ") for line in text.splitlines()) == 2 + 3


def test_one_row_shows_its_sentence(tree):
    answer = nmda.effect(tree, drug="memantine")
    assert answer.sentence in repr(answer)
