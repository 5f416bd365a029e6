"""The page of models is up to date, and what it tells a reader to write works."""

import re

import pytest

from bayes_nmda import paths
from bayes_nmda.errors import SpecError
from bayes_nmda.spec import catalogue
from bayes_nmda.spec.spec import load_model, model_names


@pytest.fixture
def written():
    return (paths.models() / "README.md").read_text(encoding="utf-8")


def test_the_committed_page_is_what_the_model_files_make(written):
    assert catalogue.page(written) == written, "run `python -m bayes_nmda.spec.catalogue`"


def test_every_model_file_is_on_the_page(written):
    assert all(f"]({name}.toml)" in written for name in model_names())


def test_every_prior_is_listed_by_the_file_that_sets_it(written):
    base = load_model("pain_intensity")
    assert all(f"| {prior.formula()} |" in written for _, prior in base.priors)


def test_text_written_by_hand_is_kept(written):
    before, _, rest = written.partition(catalogue.BEGIN)
    stale = f"{before}{catalogue.BEGIN}\nold\n{catalogue.END}after"
    assert catalogue.page(stale).startswith(before)
    assert catalogue.page(stale).endswith(f"{catalogue.END}after")
    assert "after" not in rest.partition(catalogue.END)[2]


@pytest.mark.parametrize("text", ["", catalogue.BEGIN, catalogue.END])
def test_a_page_without_marks_is_refused(text):
    with pytest.raises(SpecError, match="found no generated part"):
        catalogue.page(text)


def test_the_example_of_the_page_is_a_valid_model(written, tmp_path):
    example = re.search(r"```toml\n(.*?)```", written, re.DOTALL)
    assert example is not None
    lines = [line.removeprefix("   ") for line in example[1].splitlines()]
    path = tmp_path / "small_differences.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    spec = load_model(path)
    assert spec.extends == "pain_intensity"
    assert spec.prior("tau").formula() == "Half-Normal(5)"
