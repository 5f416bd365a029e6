"""The descriptor is complete, and the data dictionary is made from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bayes_nmda import paths
from bayes_nmda.data.descriptor import read_package
from bayes_nmda.data.dictionary import dictionary
from bayes_nmda.data.schemas import schema_for
from bayes_nmda.data.vocabulary import load_vocabulary
from bayes_nmda.errors import DataError


def test_every_table_file_is_described() -> None:
    described = {table.path for table in read_package().tables}
    assert described == {file.name for file in paths.data().glob("*.csv")}


def test_every_column_has_a_meaning_and_every_key_exists() -> None:
    package = read_package()
    for table in package.tables:
        assert all(field.description for field in table.fields), table.name
        assert set(table.primary_key) <= set(table.columns)
        for key in table.foreign_keys:
            assert set(key.fields) <= set(table.columns)
            assert set(key.reference) <= set(package.table(key.table).columns)


def test_allowed_words_are_those_of_the_glossary() -> None:
    outcomes = {field.name: field for field in read_package().table("outcomes").fields}
    arms = {field.name: field for field in read_package().table("arms").fields}
    words = load_vocabulary()
    assert outcomes["outcome"].enum == tuple(words.outcomes)
    assert outcomes["timepoint"].enum == tuple(words.timepoints)
    assert set(words.treatments) <= set(arms["drug"].enum)
    assert set(words.routes) <= set(arms["route"].enum)


def test_schemas_have_the_columns_of_the_descriptor() -> None:
    for table in read_package().tables:
        assert tuple(schema_for(table).columns) == table.columns


def test_the_dictionary_is_current_and_names_every_column() -> None:
    text = (paths.data() / "README.md").read_text(encoding="utf-8")
    assert text == dictionary(text, read_package())
    for table in read_package().tables:
        assert f"### {table.path}" in text
        for column in table.columns:
            assert f"| {column} |" in text


def test_terms_and_citation_are_stated() -> None:
    readme = (paths.data() / "README.md").read_text(encoding="utf-8")
    for part in ("CD015373.pub2", "mahmood789/Pairwise70", "not established", "LICENSE.md"):
        assert part in readme
    assert (paths.data() / "LICENSE.md").is_file()


@pytest.mark.parametrize("content", ["{", json.dumps({"title": "no tables"})])
def test_a_broken_descriptor_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    (tmp_path / "datapackage.json").write_text(content, encoding="utf-8")
    monkeypatch.setattr(paths, "data", lambda: tmp_path)
    with pytest.raises(DataError, match="allowed: a Data Package descriptor"):
        read_package()
