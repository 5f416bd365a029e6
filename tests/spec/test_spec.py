"""Model files: what they merge to, what is refused and in which words, what moves the hash."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_nmda import paths
from bayes_nmda.errors import SpecError
from bayes_nmda.spec.model_file import priors_needed
from bayes_nmda.spec.priors import Prior
from bayes_nmda.spec.settings import RANGES
from bayes_nmda.spec.spec import ModelSpec, load_model, model_inputs, model_names
from bayes_nmda.terms import USUAL_GATES

Write = Callable[..., Path]
quick = settings(deadline=None, max_examples=40, derandomize=True)
positive = st.floats(0.05, 40, allow_nan=False)

TAU = """
[priors.tau]
distribution = "half_normal"
scale = 10.0
source = "a test"
reading = "median 6.7, 95 % below 19.6 points"
"""


def refused(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        load_model(path)
    return str(caught.value)


@pytest.mark.parametrize("name", model_names())
def test_every_model_file_loads_and_names_the_file_it_came_from(name: str) -> None:
    spec = load_model(name)
    assert spec.name == name
    assert spec.files[-1][0] == f"{name}.toml"
    coefficients = [covariate.coefficient for covariate in spec.covariates]
    needed = [*priors_needed(spec.to_mapping()), *coefficients]
    assert [key for key, _ in spec.priors] == needed
    assert all(prior.source and prior.reading for _, prior in spec.priors)


def test_model_files_differ_in_what_they_say(primary: ModelSpec) -> None:
    hashes = {name: load_model(name).hash for name in model_names()}
    assert len(set(hashes.values())) == len(hashes)
    assert hashes["pain_intensity"] == primary.hash


def test_the_priors_are_the_published_ones_times_the_reference_sd(primary: ModelSpec) -> None:
    # Bartoš et al. 2021, doi:10.1002/sim.9170: t(5, 0, 0.43) and Inverse-Gamma(1.69, 0.42)
    assert primary.reference_sd == 25
    overall, tau = primary.prior("overall"), primary.prior("tau")
    assert dict(overall.parameters) == {"df": 5, "loc": 0, "scale": pytest.approx(0.43 * 25)}
    assert dict(tau.parameters) == {"shape": 1.69, "scale": pytest.approx(0.42 * 25)}
    assert tau.upper == 50


def test_a_file_gives_only_what_differs_from_the_one_it_extends(
    primary: ModelSpec, write: Write
) -> None:
    spec = load_model(write("[covariance]\ntimepoint_correlation = 0.2\n"))
    assert spec.covariance.timepoint_correlation == 0.2
    assert spec.covariance.source == primary.covariance.source
    assert spec.priors == primary.priors
    assert spec.extends == "pain_intensity"
    assert [name for name, _ in spec.files] == ["pain_intensity.toml", "mine.toml"]


def test_a_file_may_extend_one_beside_it_which_extends_another(write: Write) -> None:
    write("[sampling]\nseed = 7\n", name="middle")
    spec = load_model(write("[sampling]\ndraws = 300\n", extends="middle"))
    assert (spec.sampling.seed, spec.sampling.draws) == (7, 300)
    assert [name for name, _ in spec.files] == ["pain_intensity.toml", "middle.toml", "mine.toml"]


def test_a_prior_is_replaced_whole_so_that_no_truncation_is_inherited(write: Write) -> None:
    assert load_model(write(TAU)).prior("tau").upper is None


def test_priors_that_are_inherited_but_not_used_are_dropped(write: Write) -> None:
    spec = load_model(write('[structure]\npooling = "none"\n'))
    assert [name for name, _ in spec.priors] == ["overall", "tau"]


def test_a_prior_that_is_declared_but_not_used_is_refused(write: Write) -> None:
    declared = TAU.replace("priors.tau", "priors.sd_drug")
    message = refused(write('[structure]\npooling = "none"\n' + declared))
    assert "mine.toml: priors: found sd_drug" in message
    assert "take exactly overall, tau" in message


def test_pooling_more_than_the_extended_file_needs_the_missing_priors(write: Write) -> None:
    text = '[structure]\npooling = "partial"\n'
    message = refused(write(text, extends="pain_intensity_unpooled"))
    assert "missing sd_drug, sd_route, sd_timepoint, sd_trial_timepoint" in message


def test_counts_take_control_risks_and_no_timepoints_where_there_are_none(write: Write) -> None:
    spec = load_model(write(extends="any_adverse_event"))
    assert [name for name, _ in spec.priors] == [
        "overall",
        "tau",
        "sd_drug",
        "sd_route",
        "baseline",
        "baseline_sd_cell",
        "baseline_sd_trial",
    ]


def test_counts_are_modelled_by_the_log_odds_ratio_only(write: Write) -> None:
    text = '[effect]\nmeasure = "RD"\n'
    assert "effect.measure" in refused(write(text, extends="any_adverse_event"))


def test_counts_need_thresholds_on_each_of_their_scales(write: Write) -> None:
    text = '[likelihood]\nfamily = "binomial"\nsource = "a test"\n'
    message = refused(write(text))
    assert "odds_ratio" in message
    assert "benefit" in message


def test_a_circle_of_files_is_refused_with_its_members(write: Write) -> None:
    write(name="a", extends="b")
    assert "a → b → a" in refused(write(name="b", extends="a").with_name("a.toml"))


def test_an_unknown_model_names_those_there_are() -> None:
    with pytest.raises(SpecError, match=r"found the model 'pain'; allowed are .*pain_intensity"):
        load_model("pain")


def test_a_file_that_extends_nothing_known_is_refused(write: Write) -> None:
    assert "found the model 'nowhere'" in refused(write(extends="nowhere"))


@pytest.mark.parametrize(("text", "kind"), [("title = ", "TOML file"), ("\udcff", "text")])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, text: str, kind: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert f"broken.toml: this is not a {kind} in UTF-8" in refused(path)


FAULTS = {
    "title = 3": ("title", "3", "string"),
    "colour = 'red'": ("(top level)", "colour", "allowed here are schema_version"),
    "[structure]\npooling = 'some'": ("structure.pooling", "'some'", "'partial', 'none'"),
    "[structure]\nmulti_arm_correlation = 1.0": (
        "structure.multi_arm_correlation", "1.0", "exclusiveMaximum: 1",
    ),
    "[structure]\ntrial_effects = 'student_t'": ("structure", "degrees_of_freedom", "required"),
    "[covariance]\ntimepoint_correlation = -0.1": (
        "covariance.timepoint_correlation", "-0.1", "minimum: 0",
    ),
    "[covariance]\ntimepoint_correlation = nan": (
        "covariance.timepoint_correlation", "nan", "a finite number",
    ),
    "[effect]\nmeasure = 'md'": ("effect.measure", "'md'", "'MD', 'SMD'"),
    "[effect]\nbenefit = 'less'": ("effect.benefit", "'less'", "'negative', 'positive'"),
    "[effect]\nreference_sd = inf": ("effect.reference_sd", "inf", "a finite number"),
    "[gates]\nr_hat_max = inf": ("gates.r_hat_max", "inf", "maximum: 1.1"),
    "[gates]\ness_min = nan": ("gates.ess_min", "nan", "a finite number"),
    "[thresholds]\nbenefit = [10, nan]": ("thresholds.benefit.1", "nan", "a finite number"),
    "[thresholds]\nbenefit = []": ("thresholds.benefit", "[]", "minItems: 1"),
    "[sampling]\nchains = 4.0": ("sampling.chains", "4.0", "integer"),
    "[sampling]\nchains = true": ("sampling.chains", "True", "integer"),
    "[sampling]\nseed = -1": ("sampling.seed", "-1", "minimum: 0"),
    "[priors]\ntau = 3": ("priors.tau", "3", "object"),
    "[priors.slope]\nscale = 1": ("priors", "'slope'", "'overall', 'tau'"),
    TAU.replace('source = "a test"', ""): ("priors.tau", "'source'", "required"),
    TAU.replace("half_normal", "gamma"): ("priors.tau.distribution", "'gamma'", "'half_cauchy'"),
    TAU.replace("scale = 10.0", "scale = 'wide'"): ("priors.tau.scale", "'wide'", "number"),
    TAU.replace("scale = 10.0", "sd = 10.0"): ("priors.tau", "'sd'", "allowed here are"),
    "priors = 3": ("priors", "3", "object"),
    "structure = 'flat'": ("structure", "'flat'", "object"),
}  # fmt: skip


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_is_named_by_key_path_with_what_was_found_and_what_is_allowed(
    text: str, write: Write
) -> None:
    message = refused(write(text))
    where, found, allowed = FAULTS[text]
    line = next(line for line in message.splitlines() if f"{where}: " in line)
    assert found in line
    assert allowed in line


def test_all_faults_of_a_file_are_listed_at_once(write: Write) -> None:
    message = refused(write("title = 3\n[gates]\ness_min = 0\n[sampling]\nseed = -1\n"))
    assert len(message.splitlines()) == 4


def test_an_empty_file_is_told_everything_it_lacks(write: Write) -> None:
    message = refused(write(extends=None))
    assert all(word in message for word in ("select", "priors", "gates", "sampling"))


PRIORS = {
    TAU.replace("scale = 10.0", "scale = -1.0"): "priors.tau.scale: found -1.0",
    TAU.replace("scale = 10.0", "scale = inf"): "priors.tau.scale: found inf",
    TAU.replace("scale = 10.0", "shape = 1.0"): "priors.tau: missing scale",
    TAU.replace("scale = 10.0", "scale = 10.0\nrate = 1.0"): "priors.tau: found rate",
    TAU + "truncate_above = 0.0": "priors.tau.truncate_above: found 0.0",
    TAU + "truncate_above = 0.05": "which removes 99.6",
    TAU.replace("half_normal", "normal").replace("scale = 10.0", "loc = 0.0\nscale = 10.0"): (
        "a standard deviation takes exponential, half_cauchy"
    ),
    TAU.replace("half_normal", "uniform").replace("scale = 10.0", "lower = -1.0\nupper = 9.0"): (
        "priors.tau.lower: found -1; a standard deviation is not below 0"
    ),
    TAU.replace("half_normal", "uniform").replace("scale = 10.0", "lower = 3.0\nupper = 2.0"): (
        "priors.tau.upper: found 2.0; allowed is a number above lower, 3.0"
    ),
    TAU.replace("tau", "overall"): "priors.overall.distribution: found 'half_normal'",
    """
    [priors.overall]
    distribution = "normal"
    loc = 0.0
    scale = 10.0
    truncate_above = 40.0
    source = "a test"
    reading = "95 %"
    """: "priors.overall.truncate_above: found 40; only a standard deviation is cut",
}


@pytest.mark.parametrize("text", PRIORS)
def test_an_impossible_prior_is_refused_by_its_key_path(text: str, write: Write) -> None:
    assert PRIORS[text] in refused(write(text))


def test_a_reading_that_contradicts_its_numbers_is_refused_with_the_right_words(
    write: Write,
) -> None:
    message = refused(write(TAU.replace("19.6", "19.5")))
    assert "mine.toml: priors.tau.reading: found 'median 6.7, 95 % below 19.5 points'" in message
    assert "its numbers say 'median 6.7, 95 % below 19.6 points'" in message


def test_with_prior_returns_a_variant_and_leaves_the_original_alone(primary: ModelSpec) -> None:
    before = primary.hash
    variant = primary.with_prior(tau=("half_normal", 10), overall=Prior.of("normal", 0, 20))
    assert variant.name == "pain_intensity+overall+tau"
    assert variant.prior("tau").reading == "median 6.7, 95 % below 19.6 points"
    assert [name for name, _ in variant.priors] == [name for name, _ in primary.priors]
    assert variant.hash != before
    assert primary.hash == before
    assert primary.with_prior() is primary


@pytest.mark.parametrize(
    ("name", "prior", "words"),
    [
        ("slope", ("normal", 0, 1), "found the parameter 'slope'; allowed are overall, tau"),
        ("tau", ("normal", 0, 1), "a standard deviation takes"),
        ("overall", ("half_normal", 1), "a mean takes 'normal' or 'student_t'"),
        ("tau", ("gamma", 1, 1), "found the distribution 'gamma'"),
        ("tau", ("half_normal",), "found 0 numbers; it takes 1: scale"),
        ("tau", ("half_normal", "wide"), "allowed are numbers: scale"),
        ("tau", ("half_normal", None), "allowed are numbers: scale"),
        ("tau", ("half_normal", 0), "found 0.0; allowed is a number above 0"),
        ("tau", ("uniform", -2, 5), "a standard deviation is not below 0"),
    ],
)
def test_with_prior_refuses_what_a_file_may_not_say(
    primary: ModelSpec, name: str, prior: tuple[object, ...], words: str
) -> None:
    with pytest.raises(SpecError) as caught:
        primary.with_prior(**{name: prior})
    assert words in str(caught.value)


def replaced(spec: ModelSpec, field: str, **values: object) -> ModelSpec:
    return dataclasses.replace(spec, **{field: dataclasses.replace(getattr(spec, field), **values)})


def test_words_do_not_move_the_hash(primary: ModelSpec) -> None:
    words = dataclasses.replace(primary, title="T", question="Q", scale="S", name="N")
    words = replaced(replaced(words, "covariance", source="x"), "structure", source="y")
    words = replaced(words, "thresholds", source="z")
    said = {"source": "s", "reading": "r"}
    priors = tuple((name, dataclasses.replace(p, **said)) for name, p in words.priors)
    assert dataclasses.replace(words, priors=priors).hash == primary.hash


def test_every_number_and_choice_moves_the_hash(primary: ModelSpec) -> None:
    changed = [
        replaced(primary, "select", comparator="active"),
        replaced(primary, "covariance", timepoint_correlation=0.61),
        replaced(primary, "structure", multi_arm_correlation=0.4),
        replaced(primary, "thresholds", benefit=(0.0, 10.0)),
        replaced(primary, "sampling", seed=1),
        replaced(primary, "sampling", tune=999),
        replaced(primary, "gates", ess_min=401),
        dataclasses.replace(primary, benefit="positive"),
        dataclasses.replace(primary, unit="mm"),
        dataclasses.replace(primary, measure="SMD"),
        primary.with_prior(tau=("inverse_gamma", 1.69, 10.5)),  # the same without its cut
        primary.with_prior(sd_drug=("half_normal", 5.001)),
    ]
    assert len({primary.hash, *(spec.hash for spec in changed)}) == len(changed) + 1


def to_toml(table: dict[str, object], path: str = "") -> str:
    own = {k: v for k, v in table.items() if not isinstance(v, dict)}
    lines = [f"[{path}]"] * bool(path and own)
    lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in own.items()]
    parts = [
        to_toml(part, f"{path}.{key}".lstrip("."))
        for key, part in table.items()
        if isinstance(part, dict)
    ]
    return "\n".join([*lines, *parts])


@quick
@given(df=st.floats(1, 30), scale=positive, shape=positive, cut=st.floats(20, 80), sd=positive)
def test_a_resolved_model_survives_a_round_trip_through_a_file(
    tmp_path_factory: pytest.TempPathFactory,
    df: float,
    scale: float,
    shape: float,
    cut: float,
    sd: float,
) -> None:
    tau = Prior.of("inverse_gamma", shape, min(scale, 10), upper=cut)
    spec = load_model("pain_intensity").with_prior(
        overall=("student_t", df, -1, scale), tau=tau, sd_route=("exponential", 1 / sd)
    )
    path = tmp_path_factory.mktemp("model") / f"{spec.name}.toml"
    path.write_text(to_toml(spec.to_mapping()), encoding="utf-8")
    again = load_model(path)
    assert again.to_mapping() == spec.to_mapping()
    assert again.hash == spec.hash
    assert json.loads(json.dumps(spec.to_mapping())) == spec.to_mapping()


def test_model_inputs_are_those_of_the_full_reading(primary: ModelSpec) -> None:
    for name in model_names():
        spec = load_model(name)
        assert model_inputs(name) == (spec.files, spec.sampling)


def test_model_inputs_of_a_broken_file_say_what_is_wrong(write: Write) -> None:
    with pytest.raises(SpecError, match=r"sampling: .*'colour' was unexpected"):
        model_inputs(write("[sampling]\ncolour = 1\n"))


def test_how_far_engines_may_be_apart_is_a_gate_of_every_model() -> None:
    for name in model_names():
        assert load_model(name).gates.engine_errors_max == 4.0, name


def test_arms_have_a_midpoint_and_counts_given_their_total_have_none() -> None:
    for ending, midpoint in (
        ("", False),
        ("_binomial", True),
        ("_uniform", True),
        ("_robust", True),
    ):
        priors = dict(load_model(f"any_adverse_event{ending}").priors)
        assert ("midpoint" in priors) == midpoint
        assert "baseline" in priors


def test_a_name_may_be_given_with_its_ending(primary: ModelSpec) -> None:
    assert load_model("pain_intensity.toml") == primary


def test_another_root_brings_its_own_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(paths.models(), tmp_path / "models")
    (tmp_path / "models" / "mine.toml").write_text('extends = "pain_intensity"\n')
    monkeypatch.setenv("BAYES_NMDA_HOME", str(tmp_path))
    assert "mine" in model_names()
    assert load_model("mine").extends == "pain_intensity"


def test_the_repr_and_the_html_say_what_the_model_is(primary: ModelSpec) -> None:
    assert "tau ~ Inverse-Gamma(1.69, 10.5), truncated to (0, 50)" in repr(primary)
    html = dataclasses.replace(primary, title="<b>")._repr_html_()
    assert "&lt;b&gt;" in html
    assert "95 % between −27.6 and 27.6 points" in html


@pytest.mark.parametrize("name", ["title", "priors"])
def test_a_spec_cannot_be_changed_in_place(primary: ModelSpec, name: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(primary, name, "other")
    assert np.isfinite(primary.sampling.target_accept)


@pytest.mark.parametrize(
    ("measure", "unit", "allowed"),
    [
        ("SMD", "points", "'SD', 'standard deviations'"),
        ("SMD", "points (0 to 100)", "'SD', 'standard deviations'"),
        ("MD", "SD", "the unit of the scale"),
    ],
)
def test_a_unit_that_its_measure_does_not_have_is_refused(
    write: Write, measure: str, unit: str, allowed: str
) -> None:
    message = refused(write(f'[effect]\nmeasure = "{measure}"\nunit = "{unit}"\n'))
    assert f"effect.unit: found '{unit}' with measure '{measure}'" in message
    assert allowed in message


def test_counts_are_in_log_odds_ratios(write: Write) -> None:
    text = '[effect]\nunit = "points"\n'
    assert "allowed are 'log odds ratio'" in refused(write(text, extends="any_adverse_event"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('crossover = "as_parallel"', "crossover_source"),
        ('crossover = "paired"\ncrossover_source = "a test"', "crossover_correlation"),
        ('crossover = "both"\ncrossover_source = "a test"', "'as_parallel', 'paired'"),
    ],
)
def test_how_a_crossover_enters_is_said_whole(write: Write, text: str, told: str) -> None:
    assert told in refused(write(f"[covariance]\n{text}\n"))


def test_events_of_pairs_are_refused_where_two_groups_are_counted(write: Write) -> None:
    text = """
    [covariance]
    crossover = "paired"
    crossover_correlation = 0.5
    crossover_source = "a test"
    """
    assert "likelihood.family 'conditional'" in refused(write(text, extends="nausea"))
    spec = load_model(write(text))
    assert spec.covariance.crossover == "paired"
    assert spec.hash != load_model("pain_intensity").hash


def test_sizes_of_effect_begin_with_any_whatever_the_file_lists(write: Write) -> None:
    text = '[thresholds]\nbenefit = [20, 10]\nsource = "a test"\n'
    assert load_model(write(text)).thresholds.benefit_sizes == (0.0, 10.0, 20.0)
    assert load_model("pain_intensity").thresholds.benefit_sizes[0] == 0
    assert load_model("any_adverse_event").thresholds.risk_sizes[:2] == (0.0, 0.01)


def test_what_a_caller_may_ask_for_is_what_a_model_file_may_say() -> None:
    schema = json.loads((paths.models() / "schema.json").read_text("utf-8"))
    sampling = schema["properties"]["sampling"]["properties"]
    assert {name: most for name, (_, most) in RANGES.items()} == {
        name: sampling[name]["maximum"] for name in RANGES
    }


def test_gates_are_loosened_against_those_of_every_model_that_ships() -> None:
    for name in model_names():
        assert dataclasses.asdict(load_model(name).gates) == USUAL_GATES
