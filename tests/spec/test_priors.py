"""Priors against SciPy, numerical integration and the random variables of PyMC."""

import numpy as np
import pymc as pm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from bayes_nmda.errors import SpecError
from bayes_nmda.model.random_variables import random_variable
from bayes_nmda.spec.log_student_t import log_student_t
from bayes_nmda.spec.priors import FOR_SCALES, PARAMETERS, Prior

quick = settings(deadline=None, max_examples=15, derandomize=True)
#: One prior of every distribution, and SciPy's name for it, written by hand.
EXAMPLES = {
    "normal": (Prior.of("normal", -10, 6.08), stats.norm(-10, 6.08)),
    "student_t": (Prior.of("student_t", 5, 1, 10.75), stats.t(5, 1, 10.75)),
    "logistic": (Prior.of("logistic", 0.5, 2), stats.logistic(0.5, 2)),
    "half_normal": (Prior.of("half_normal", 5), stats.halfnorm(0, 5)),
    "half_cauchy": (Prior.of("half_cauchy", 5), stats.halfcauchy(0, 5)),
    "inverse_gamma": (Prior.of("inverse_gamma", 1.69, 10.5), stats.invgamma(1.69, 0, 10.5)),
    "log_normal": (Prior.of("log_normal", -2, 1.5), stats.lognorm(1.5, 0, np.exp(-2))),
    "log_student_t": (
        Prior.of("log_student_t", 5, 1.6, 1.25),
        log_student_t(5, 1.25, scale=np.exp(1.6)),
    ),
    "exponential": (Prior.of("exponential", 0.25), stats.expon(0, 4)),
    "uniform": (Prior.of("uniform", 1, 4), stats.uniform(1, 3)),
    "beta": (Prior.of("beta", 6, 4), stats.beta(6, 4)),
}
POINTS = np.array([0.001, 0.025, 0.3, 0.5, 0.8, 0.975, 0.999])


def test_there_is_an_example_of_every_distribution() -> None:
    assert set(EXAMPLES) == set(PARAMETERS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_quantiles_and_densities_are_those_of_scipy(name: str) -> None:
    prior, scipy = EXAMPLES[name]
    np.testing.assert_allclose(prior.quantile(POINTS), scipy.ppf(POINTS), rtol=1e-10)
    inside = scipy.ppf(POINTS)
    np.testing.assert_allclose(prior.logpdf(inside), scipy.logpdf(inside), rtol=1e-10)
    assert prior.mass_cut == 0


@pytest.mark.parametrize("name", sorted(FOR_SCALES - {"uniform"}))
def test_a_cut_prior_integrates_to_one_and_its_quantiles_invert_its_distribution(
    name: str,
) -> None:
    whole, scipy = EXAMPLES[name]
    upper = float(scipy.ppf(0.9))
    prior = Prior.of(name, *(value for _, value in whole.parameters), upper=upper)
    assert prior.mass_cut == pytest.approx(0.1, abs=1e-9)
    assert prior.logpdf(upper * 1.001) == -np.inf

    def mass(to: float) -> float:
        # in log x, because some densities crowd at zero
        found, _ = integrate.quad(
            lambda t: float(np.exp(prior.logpdf(np.exp(t)) + t)), -400, np.log(to), limit=400
        )
        return found

    assert mass(upper) == pytest.approx(1, abs=1e-7)
    for p in (0.05, 0.5, 0.95):
        assert mass(float(prior.quantile(p))) == pytest.approx(p, abs=1e-7)


def test_the_mass_cut_off_the_published_heterogeneity_prior_is_known() -> None:
    prior = Prior.of("inverse_gamma", 1.69, 10.5, upper=50)
    density = stats.invgamma(1.69, scale=10.5).pdf
    beyond, _ = integrate.quad(density, 50, np.inf)
    assert prior.mass_cut == pytest.approx(beyond, abs=1e-9)
    assert "where 4.1 % of the published prior is removed" in prior.describe("points")


@quick
@given(
    scale=st.floats(0.01, 100),
    shape=st.floats(0.3, 20),
    keep=st.floats(0.05, 1),
    p=st.floats(0.001, 0.999),
)
def test_quantiles_stay_inside_the_cut_and_rise_with_it(
    scale: float, shape: float, keep: float, p: float
) -> None:
    whole = Prior.of("inverse_gamma", shape, scale)
    upper = float(whole.quantile(keep)) if keep < 1 else None
    cut = Prior.of("inverse_gamma", shape, scale, upper=upper)
    assert cut.quantile(p) <= whole.quantile(p) * (1 + 1e-9)
    if upper is not None:
        assert cut.quantile(p) <= upper
        assert cut.mass_cut == pytest.approx(1 - keep, abs=1e-6)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_random_variable_has_the_density_that_scipy_gives(name: str) -> None:
    prior, scipy = EXAMPLES[name]
    x = scipy.ppf(POINTS[1:-1])
    with pm.Model():
        variable = random_variable(prior, "x", pm.Data("numbers", np.array(prior.numbers())))
        density = pm.logp(variable, x).eval(mode="FAST_COMPILE")
    np.testing.assert_allclose(density, scipy.logpdf(x), rtol=1e-8)


@pytest.mark.filterwarnings("ignore:RandomVariables .* were found in the derived")
def test_draws_of_the_truncated_prior_follow_its_quantiles_and_its_density() -> None:
    prior = Prior.of("inverse_gamma", 1.69, 10.5, upper=50)
    with pm.Model():
        variable = random_variable(prior, "x", pm.Data("numbers", np.array(prior.numbers())))
        x = prior.quantile(POINTS)
        density = pm.logp(variable, np.append(x, 51.0)).eval(mode="FAST_COMPILE")
    np.testing.assert_allclose(density, prior.logpdf(np.append(x, 51.0)), rtol=1e-8)
    size = 4000
    draws = pm.draw(variable, draws=size, random_seed=1, mode="FAST_COMPILE")
    assert 0 < draws.min() < draws.max() <= 50
    # Kolmogorov's bound at p = 1e-4: D < sqrt(-ln(p / 2) / (2 n))
    uniform = prior.untruncated().cdf(draws) / (1 - prior.mass_cut)
    distance = stats.kstest(uniform, "uniform").statistic
    assert distance < np.sqrt(-np.log(1e-4 / 2) / (2 * size)), distance


@pytest.mark.parametrize(
    ("prior", "unit", "words"),
    [
        (("student_t", 5, 0, 10.75), "points", "95 % between −27.6 and 27.6 points"),
        (("normal", 0, 1), "log-odds", "95 % between −1.96 and 1.96 log-odds"),
        (("student_t", 7, 0, 1), "log odds ratio", "95 % between odds ratios of 0.094 and 11"),
        (("logistic", 0, 1), "log odds", "95 % between control risks of 2.5 % and 97.5 %"),
        (
            ("half_normal", 0.5),
            "log odds ratio",
            "median 0.34, 95 % below 0.98: one standard deviation multiplies an odds ratio by 1.4 "
            "or 2.7",
        ),
        (("half_normal", 5), "points", "median 3.4, 95 % below 9.8 points"),
        (("uniform", 0, 10), "points", "median 5.0, 95 % below 9.5 points"),
        (("beta", 6, 4), "(correlation)", "95 % between 0.30 and 0.86 (correlation)"),
    ],
)
def test_a_prior_is_described_in_the_unit_of_the_outcome(
    prior: tuple[str, float], unit: str, words: str
) -> None:
    assert Prior.of(*prior).describe(unit) == words


@pytest.mark.parametrize(
    ("prior", "formula"),
    [
        (Prior.of("student_t", 5, 0, 10.75), "Student-t(5, 0, 10.75)"),
        (Prior.of("normal", -10, 6.08), "Normal(−10, 6.08)"),
        (Prior.of("half_normal", 5), "Half-Normal(5)"),
        (
            Prior.of("inverse_gamma", 1.69, 10.5, upper=50),
            "Inverse-Gamma(1.69, 10.5), truncated to (0, 50)",
        ),
    ],
)
def test_a_prior_has_a_formula(prior: Prior, formula: str) -> None:
    assert prior.formula() == formula


def test_a_prior_survives_its_mapping() -> None:
    prior = Prior.of("inverse_gamma", 1.69, 10.5, upper=50, source="somebody")
    assert Prior.from_mapping("priors.tau", prior.to_mapping()) == prior


def test_a_uniform_prior_is_not_cut_twice() -> None:
    with pytest.raises(SpecError, match="a uniform prior ends at its upper"):
        Prior.of("uniform", 0, 10, upper=5)
