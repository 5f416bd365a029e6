"""What README.md and docs/*.md name exists; `make check` runs their examples."""

import re
from pathlib import Path

import pytest

from bayes_nmda import errors
from bayes_nmda.cli.main import app
from bayes_nmda.data import load_trials
from bayes_nmda.spec.spec import model_names


def test_the_readme_has_a_python_example_and_a_command_with_output(root, run_examples):
    written = (root / "README.md").read_text(encoding="utf-8")
    assert run_examples._PYTHON.search(written)["old"].strip()
    assert run_examples._CONSOLE.search(written)["old"].strip()


def _commands(group, words=()):
    for name in group:
        if not name.startswith("-"):
            yield (*words, name)
            yield from _commands(group[name], (*words, name))


def test_the_reference_has_the_help_of_every_command(root):
    written = (root / "docs" / "cli.md").read_text(encoding="utf-8")
    missing = [
        " ".join(words)
        for words in [(), *_commands(app)]
        if f"\n$ {' '.join(['bayes-nmda', *words, '--help'])}\n" not in written
    ]
    assert not missing


@pytest.mark.parametrize("name", ["README.md", "docs/cli.md"])
def test_every_exit_code_is_explained(root, name):
    written = (root / name).read_text(encoding="utf-8")
    codes = {
        error.exit_code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.BayesNmdaError)
    }
    assert all(re.search(rf"\| {code} \||(?<![\d.]){code} [a-z]", written) for code in {0, *codes})


def test_relative_links_lead_somewhere(root):
    pages = [*root.glob("*.md"), *root.glob("docs/*.md"), root / "models" / "README.md"]
    broken = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken


def test_models_and_make_targets_that_pages_name_exist(root):
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    for page in [*root.glob("*.md"), *root.glob("docs/*.md")]:
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets, page.name
        assert set(re.findall(r"\bpain_intensity\w*", text)) <= set(model_names()), page.name


def test_counts_of_evidence_in_the_readme_are_those_of_the_data(root):
    trials = load_trials()
    with_numbers = trials.outcomes["trial"].nunique()
    review = trials.published.query("kind == 'context' and n_trials > 60").iloc[0]
    text = " ".join(Path(root / "README.md").read_text(encoding="utf-8").split())
    assert f"**{with_numbers} of the {review['n_trials']} trials**" in text
    assert f"{review['n_trials']} trials, {review['n_participants']:,} adults" in text
    assert set(trials.outcomes["timepoint"]) == {"", "immediate", "short", "medium"}
