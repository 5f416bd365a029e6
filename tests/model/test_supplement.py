"""Model files that add results of abstracts, and the model with an unknown correlation."""

import csv
import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pymc as pm
import pytest
from scipy import stats

from bayes_nmda import paths
from bayes_nmda.data import load_trials
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.errors import SpecError
from bayes_nmda.inference.exact.engine import exact_posterior
from bayes_nmda.model.build import build_model
from bayes_nmda.model.likelihoods import error_scale
from bayes_nmda.spec.priors import Prior
from bayes_nmda.spec.spec import ModelSpec, load_model
from tests.model.densities import log_density

Write = Callable[..., Path]
NAME = "pain_intensity_with_abstracts"
ROW = """
[supplement]
scale_min = 0.0
scale_max = 100.0
source = "a test"
[supplement.rows."abstract:110"]
timepoint = "immediate"
design = "paired"
error = "{error}"
source = "a test"
"""


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return load_model(NAME)


@pytest.fixture(scope="module")
def added(spec: ModelSpec) -> EffectTable:
    return effect_table(load_trials(), spec)


def test_a_prior_on_the_correlation_is_needed_where_the_error_depends_on_it(write: Write) -> None:
    with pytest.raises(SpecError, match="missing within_person_correlation"):
        load_model(write(ROW.format(error="arm_sds")))
    assert "within_person_correlation" not in dict(
        load_model(write(ROW.format(error="p_value"))).priors
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"immediate"', '"later"', "timepoint: 'later'"),
        ('"p_value"', '"guess"', "error: 'guess'"),
        ('"paired"', '"crossed"', "design: 'crossed'"),
        ("abstract:110", "amin2003", "supplement.rows: 'amin2003'"),
        ("scale_max = 100.0\n", "", "'scale_max' is a required property"),
        ('error = "p_value"\nsource = "a test"', 'error = "p_value"', "'source' is a required"),
    ],
)
def test_a_faulty_supplement_is_refused_with_its_place(
    write: Write, old: str, new: str, words: str
) -> None:
    text = ROW.format(error="p_value")
    assert old in text
    with pytest.raises(SpecError) as caught:
        load_model(write(text.replace(old, new)))
    assert words in str(caught.value)


def test_a_supplement_of_standardised_differences_is_refused(write: Write) -> None:
    with pytest.raises(SpecError, match=r"effect\.measure: 'MD' was expected"):
        load_model(write(ROW.format(error="p_value"), extends="disability"))


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (("normal", 0.5, 0.1), "a correlation takes 'beta' or 'uniform'"),
        (("uniform", 0, 1.5), "a correlation lies between"),
        (Prior.of("beta", 6, 4, upper=0.9), "only a standard deviation is cut"),
    ],
)
def test_a_correlation_takes_a_prior_on_its_range(
    spec: ModelSpec, prior: Prior | tuple[str, float], words: str
) -> None:
    with pytest.raises(SpecError, match=words):
        spec.with_prior(within_person_correlation=prior)


def test_numbers_and_choices_of_a_supplement_move_the_hash_and_its_words_do_not(
    write: Write,
) -> None:
    text = ROW.format(error="p_value")
    one = load_model(write(text))
    assert load_model(write(text.replace("a test", "another reason"))).hash == one.hash
    assert load_model(write(text.replace("immediate", "short"))).hash != one.hash
    assert load_model(write(text.replace("p_value", "se"))).hash != one.hash
    assert one.abstract_results == ("abstract:110",)
    assert load_model("pain_intensity").abstract_results == ()
    assert one.to_mapping()["supplement"]["rows"]["abstract:110"]["error"] == "p_value"


@pytest.mark.slow
def test_the_density_of_the_paired_result_is_that_of_its_error_at_the_correlation(
    spec: ModelSpec, added: EffectTable
) -> None:
    model = build_model(spec, added)
    density = log_density(model)
    zeros = {rv.name: np.zeros(rv.shape.eval(mode="FAST_COMPILE")) for rv in model.free_RVs}
    zeros |= {name: np.ones(()) for name in zeros if name.startswith(("tau", "sd_"))}
    position = int(np.flatnonzero(added.frame["abstract_id"] != "")[0])
    others = np.delete(np.arange(len(added.frame)), position)
    theta = np.zeros(len(added.frame))  # no mean and no deviation
    yi = added.frame["yi"].to_numpy()
    frame = added.frame.iloc[position]
    se_t, se_c = frame["sd_t"] / 17**0.5, frame["sd_c"] / 17**0.5
    name = "within_person_correlation"
    known = stats.multivariate_normal(theta[others], added.covariance[np.ix_(others, others)])
    for r in (0.05, 0.5, 0.95):
        se = (se_t**2 + se_c**2 - 2 * r * se_t * se_c) ** 0.5
        expected = known.logpdf(yi[others]) + stats.norm(theta[position], se).logpdf(yi[position])
        values = {**zeros, name: np.array(r)}
        prior = sum(
            float(pm.logp(rv, values[rv.name]).sum().eval({
                other: values[other.name] for other in model.free_RVs if other is not rv
            }, on_unused_input="ignore", mode="FAST_COMPILE"))
            for rv in model.free_RVs
        )  # fmt: skip
        assert density(values) - prior == pytest.approx(expected, rel=1e-9)


def test_the_correlation_and_its_errors_are_data_of_the_compiled_model(
    spec: ModelSpec, added: EffectTable
) -> None:
    names = {data.name for data in build_model(spec, added).data_vars}
    assert {
        "paired_independent",
        "paired_shared",
        "paired_reference",
        "prior_within_person_correlation",
    } <= names


def test_effects_of_another_model_are_refused(spec: ModelSpec, added: EffectTable) -> None:
    alone = load_model("pain_intensity")
    with pytest.raises(SpecError, match="found no paired result"):
        build_model(spec, effect_table(load_trials(), alone))
    with pytest.raises(SpecError, match="found a paired result"):
        build_model(alone, added)


def test_without_its_paired_result_the_model_still_stands(
    spec: ModelSpec, added: EffectTable
) -> None:
    rest = added.subset(added.frame["abstract_id"] == "")
    model = build_model(spec, rest)
    assert isinstance(model, pm.Model)
    assert not rest.within_person.shared.any()


def test_an_unknown_correlation_is_one_more_parameter_of_the_exact_engine(
    spec: ModelSpec, added: EffectTable
) -> None:
    """Averaged over its prior by quadrature, the fits at known correlations give the same."""
    known, error = exact_posterior(spec, added).probability("effect", 10.0, -1.0)
    prior = spec.prior("within_person_correlation")
    fixed = dataclasses.replace(
        spec,
        priors=tuple(pair for pair in spec.priors if pair[0] != "within_person_correlation"),
    )
    within = added.within_person
    values, weights = [], []
    for r in prior.quantile((np.arange(12) + 0.5) / 12):
        scale = error_scale(within.independent, within.shared, within.reference, float(r))
        covariance = added.covariance * np.outer(scale, scale)
        table = EffectTable(added.frame, covariance, added.measure, added.unit)
        one = exact_posterior(fixed, table)
        values.append(one.probability("effect", 10.0, -1.0)[0])
        weights.append(np.exp(one.log_marginal + 120))
    expected = np.average(values, axis=0, weights=weights)
    assert np.abs(known - expected).max() < 5 * error.max() + 1e-3


def test_the_example_of_the_page_is_a_valid_model(tmp_path: Path) -> None:
    page = (paths.models() / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (example,) = [text for text in examples if "[supplement]" in text]
    path = tmp_path / "one_more.toml"
    path.write_text(example, encoding="utf-8")
    assert effect_table(load_trials(), load_model(path)).frame["abstract_id"].ne("").sum() == 1


def test_a_result_of_ones_own_in_a_copy_of_the_data_joins_by_name(
    tmp_path: Path, write: Write
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(paths.data(), folder, ignore=shutil.ignore_patterns("raw"))
    rows = {
        "trials": {"trial": "made2026", "label": "Made 2026", "citation": "Made up", "year": 2026,
                   "in_review": "unknown", "biblio_status": "unconfirmed",
                   "design": "crossover"},
        "arms": {"trial": "made2026", "arm": "ketamine", "role": "treatment", "drug": "ketamine",
                 "route": "oral", "route_basis": "confirmed", "n_arm": 20, "enantiomer": "na"},
        "abstract_outcomes": {
            "id": "abstract:118", "trial": "made2026", "treatment_arm": "ketamine",
            "control_arm": "placebo", "outcome": "pain_intensity", "instrument": "pain, 0-10 cm",
            "scale_min": 0, "scale_max": 10, "higher_is_worse": "true", "kind": "arm_continuous",
            "value_type": "final", "n_t": 20, "mean_t": 4.0, "sd_t": 2.5, "n_c": 20, "mean_c": 5.0,
            "sd_c": 2.0, "crossover_analysis": "paired", "source_type": "abstract",
            "source_url": "made up", "source_locator": "Abstract",
        },
    }  # fmt: skip
    placebo = {**rows["arms"], "arm": "placebo", "role": "control", "drug": "placebo",
               "comparator": "placebo"}  # fmt: skip
    for name, row in (*rows.items(), ("arms", placebo)):
        path = folder / f"{name}.csv"
        header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
        with path.open("a", encoding="utf-8", newline="") as stream:
            csv.DictWriter(stream, header, lineterminator="\n").writerow(row)
    text = ROW.format(error="arm_sds").replace("abstract:110", "abstract:118")
    text += '[priors.within_person_correlation]\ndistribution = "beta"\nalpha = 6.0\nbeta = 4.0\n'
    text += 'source = "a test"\nreading = "95 % between 0.30 and 0.86 (correlation)"\n'
    table = effect_table(load_trials(folder), load_model(write(text)))
    row = table.frame[table.frame["abstract_id"] == "abstract:118"].iloc[0]
    assert (row["cell"], row["yi"]) == ("ketamine/oral/immediate", -10.0)
    r = stats.beta(6, 4).median()
    assert row["sei"] ** 2 == pytest.approx((625 + 400 - 2 * r * 500) / 20)
