"""Choices about a model: what a file may say, and which universes it makes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bayes_nmda import paths
from bayes_nmda.errors import SpecError
from bayes_nmda.spec.multiverse import Multiverse, load_multiverse, multiverse_names
from bayes_nmda.spec.spec import load_model
from tests.spec.multiverse_file import HEAD

POOLING = """
[[choice]]
name = "pooling"
title = "Pooling"
[[choice.option]]
name = "partial"
[[choice.option]]
name = "alone"
model = "pain_intensity_unpooled"
[[choice.option]]
name = "complete"
model = "pain_intensity_complete"
"""
MEAN = """
[[choice]]
name = "mean"
title = "Prior of the mean"
priors = ["overall"]
[[choice.option]]
name = "informed"
[[choice.option]]
name = "weak"
prior = { distribution = "normal", loc = 0.0, scale = 25.0 }
source = "a choice"
"""
SDS = """
[[choice]]
name = "sds"
title = "SDs"
priors = ["sd_drug", "sd_route", "sd_timepoint", "sd_trial_timepoint"]
[[choice.option]]
name = "5"
[[choice.option]]
name = "1"
prior = { distribution = "half_normal", scale = 1.0 }
source = "a choice"
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Multiverse]:
    def write(text: str) -> Multiverse:
        path = tmp_path / "some.toml"
        path.write_text(text, encoding="utf-8")
        return load_multiverse(path)

    return write


def test_every_shipped_multiverse_and_each_of_its_options_is_valid() -> None:
    assert multiverse_names() == ["any_adverse_event", "pain_intensity"]
    for name in multiverse_names():
        found = load_multiverse(name)
        assert found.combinations > 1000
        assert len(set(found.universes())) == found.most
        assert found.spec(found.universes()[0]).hash == load_model(found.model).hash


def test_all_combinations_where_there_are_few_and_the_model_as_it_is_first(written) -> None:
    found = written(HEAD + POOLING + MEAN + SDS)
    universes = found.universes()
    assert len(universes) == len(set(universes)) == found.combinations == 12
    assert [option.name for option in found.options(universes[0])] == ["partial", "informed", "5"]


def test_a_universe_sets_what_its_options_say_and_drops_priors_without_use(written) -> None:
    found = written(HEAD + POOLING + MEAN + SDS)
    spec = found.spec((1, 1, 1))
    assert (spec.structure.pooling, spec.prior("overall").formula()) == ("none", "Normal(0, 25)")
    assert [name for name, _ in spec.priors] == ["overall", "tau"]
    assert spec.prior("overall").reading == "95 % between −49.0 and 49.0 points"
    partial = found.spec((0, 0, 1))
    assert {partial.prior(n).formula() for n in ("sd_drug", "sd_route")} == {"Half-Normal(1)"}
    assert found.spec((2, 0, 0)).hash == load_model("pain_intensity_complete").hash


def test_of_many_combinations_a_balanced_part_is_taken_and_always_the_same() -> None:
    found = load_multiverse("pain_intensity")
    universes = found.universes()
    assert universes == found.universes()
    usual = universes[0]
    apart = [sum(a != b for a, b in zip(usual, u, strict=True)) for u in universes]
    singles = sum(len(choice.options) - 1 for choice in found.choices)
    assert apart.count(1) >= singles
    rest = universes[singles + 1 :]
    for place, choice in enumerate(found.choices):
        counts = Counter(universe[place] for universe in rest)
        assert max(counts.values()) - min(counts[i] for i in range(len(choice.options))) <= 0.05 * (
            len(rest)
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD.replace("most = 100", "most = 1") + MEAN, "most: 1 is less than"),
        (HEAD.replace("pain_intensity", "bogus") + MEAN, "bogus"),
        (HEAD, "'choice' is a required property"),
        (HEAD + MEAN.replace('source = "a choice"', ""), "missing source"),
        (HEAD + MEAN.replace('priors = ["overall"]', ""), "the choice must say of what"),
        (HEAD + MEAN.replace('"normal"', '"half_normal"'), "scale"),
        (HEAD + MEAN.replace('"normal"', '"gauss"'), "'gauss'"),
        (HEAD + MEAN.replace("25.0", "-1.0"), "above 0"),
        (HEAD + MEAN.replace('name = "weak"', 'name = "informed"'), "twice"),
        (HEAD + MEAN + MEAN.replace('"mean"', '"again"'), "both change priors.overall"),
        (HEAD + MEAN + MEAN, "both change"),
        (HEAD + POOLING.replace("pain_intensity_complete", "nausea"), "other rows"),
        (HEAD + POOLING.replace("pain_intensity_complete", "pain_intensity"), "the model itself"),
        (HEAD + SDS.replace('"sd_drug"', '"sd_bogus"'), "sd_bogus"),
        (HEAD + MEAN.replace("prior = {", "bogus = {"), "bogus"),
        (
            HEAD + MEAN.replace("prior = { distribution = \"normal\", loc = 0.0, scale = 25.0 }",
                                "set = { structure = { pooling = \"some\" } }"),
            "option weak",
        ),
    ],
)  # fmt: skip
def test_a_file_that_breaks_a_rule_is_refused_with_its_place(written, text, words) -> None:
    with pytest.raises(SpecError, match=words):
        written(text)


def test_the_example_of_the_page_is_valid(written) -> None:
    page = (paths.models() / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (example,) = [text for text in examples if "[[choice]]" in text]
    assert written(example).combinations == 8


def test_a_name_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(SpecError, match="allowed are any_adverse_event, pain_intensity"):
        load_multiverse("bogus")
