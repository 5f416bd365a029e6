"""The exact meta-analysis against a dense grid, at its limits, and with wrong input."""

from __future__ import annotations

import itertools
import math

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import integrate, interpolate, stats

from bayes_nmda.errors import UsageError
from bayes_nmda.meta.analysis import MetaAnalysis, meta_analysis
from bayes_nmda.meta.mu_priors import mu_prior
from bayes_nmda.meta.tau_priors import tau_prior
from tests.meta.dense_grid import dense_grid

mpl.use("agg")

#: What is promised: in probabilities, and in units of the posterior SD.
ACCURACY = 1e-6
YI = np.array([-2.3, -0.5, 0.4, -1.8])
SEI = np.array([0.6, 0.55, 0.9, 0.45])


def compare(
    result: MetaAnalysis, yi: np.ndarray, sei: np.ndarray, mu: tuple, tau: tuple, upper: float
) -> None:
    """Assert that every number of the result agrees with the dense grid."""
    heavy = {"half_cauchy": 160.0, "inverse_gamma": 160.0, "log_student_t": 400.0}
    grid = dense_grid(
        yi, sei, mu, tau, upper=upper, drop=heavy.get(tau[0], 60.0),
        span=300.0 if tau[0] == "log_student_t" else 130.0,
    )  # fmt: skip
    for target, marginal in (
        ("mean", result.mu), ("new_trial", result.new_trial), ("tau", result.tau)
    ):  # fmt: skip
        if marginal.sd == 0.0:
            continue
        mean, sd = grid.moments(target)
        # A double near the value cannot hold what is smaller than its own last digit.
        digit = 4 * np.spacing(abs(marginal.median)) / sd
        for p in (0.001, 0.025, 0.5, 0.975):
            x = marginal.quantile(p)
            assert grid.below(x, target) == pytest.approx(p, abs=ACCURACY + digit), (target, p)
            assert marginal.prob_below(x) == pytest.approx(p, abs=ACCURACY + digit), (target, p)
        if math.isfinite(marginal.sd) and tau[0] != "log_student_t":
            assert abs(marginal.mean - mean) / sd < ACCURACY + digit, target
            assert abs(marginal.sd / sd - 1) < ACCURACY + digit, target
    size = max(1.0, 1e-8 * abs(grid.log_marginal))
    assert abs(result.log_marginal - grid.log_marginal) < ACCURACY * size


@st.composite
def analyses(draw: st.DrawFn) -> tuple:
    """Return data and priors from the whole range that is promised."""
    k = draw(st.sampled_from([1, 2, 3, 4, 5, 8, 20]))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    decades = draw(st.sampled_from([0.0, 1.0, 3.0, 6.0]))
    sei = 10 ** rng.uniform(-decades / 2, decades / 2, k)
    between = draw(st.sampled_from([0.0, 0.1, 1.0, 10.0, 1000.0]))
    yi = rng.normal(0.0, 1.0, k) * np.hypot(sei, between) * draw(st.sampled_from([0.0, 1.0]))
    shift, unit = draw(st.sampled_from([0.0, 1e3, 1e6])), draw(st.sampled_from([1e-6, 1.0, 1e6]))
    yi, sei = (yi + shift) * unit, sei * unit
    scale = float(unit * 10 ** draw(st.floats(-3, 3)))
    tau = draw(
        st.sampled_from(
            [
                ("half_normal", scale),
                ("half_cauchy", scale),
                ("uniform", scale),
                ("exponential", 1 / scale),
                ("inverse_gamma", 1.69, scale),
                ("inverse_gamma", 0.5, scale),
                ("log_normal", math.log(scale), 0.76),
                ("log_normal", math.log(scale), 0.01),
                ("log_student_t", 5.0, math.log(scale), 1.25),
            ]
        )
    )
    mu = draw(
        st.sampled_from(
            [
                ("flat",),
                ("normal", shift * unit, float(unit * 10 ** draw(st.floats(-1, 3)))),
                ("normal", 0.0, 10.0 * unit),
                ("fixed", float(np.average(yi, weights=sei**-2.0))),
            ]
        )
    )
    truncated = draw(st.booleans()) and tau[0] != "uniform"
    # a narrow prior has nothing left below half its median: such input is refused, and tested so
    lowest = 1.0 if tau[-1] == 0.01 else 0.5
    upper = scale * draw(st.floats(lowest, 100.0)) if truncated else math.inf
    return yi, sei, mu, tau, upper


# Health is a matter of the machine's load here: one example takes a dense grid of a second.
@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(analyses())
def test_every_number_agrees_with_a_dense_grid(case: tuple) -> None:
    yi, sei, mu, tau, upper = case
    compare(meta_analysis(yi, sei, mu=mu, tau=tau, tau_upper=upper), yi, sei, mu, tau, upper)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(analyses())
def test_every_number_agrees_with_a_dense_grid_at_length(case: tuple) -> None:
    yi, sei, mu, tau, upper = case
    compare(meta_analysis(yi, sei, mu=mu, tau=tau, tau_upper=upper), yi, sei, mu, tau, upper)


@pytest.mark.parametrize("between", [0.0, 0.3])
def test_two_hundred_trials_agree_with_a_dense_grid(between: float) -> None:
    rng = np.random.default_rng(200)
    sei = 10 ** rng.uniform(-3, 3, 200)
    yi = 1e6 + rng.normal(0.0, 1.0, 200) * np.hypot(sei, between)
    mu, tau = ("normal", 1e6, 10.0), ("half_normal", 0.5)
    compare(meta_analysis(yi, sei, mu=mu, tau=tau), yi, sei, mu, tau, math.inf)


@pytest.mark.parametrize("df", [1.0, 3.0, 5.0, 40.0])
@pytest.mark.parametrize("shift", [0.0, 30.0])
def test_a_student_t_prior_of_mu_agrees_with_a_two_dimensional_grid(
    df: float, shift: float
) -> None:
    yi, sei, tau_scale = YI + shift, SEI, 0.8
    result = meta_analysis(yi, sei, mu=("student_t", df, 0, 0.5), tau=("half_normal", tau_scale))
    nodes, weights = np.polynomial.legendre.leggauss(160)
    top = 14.0 if shift == 0.0 else 40.0
    tau, weights = 0.5 * top * (nodes + 1.0), 0.5 * top * weights
    prior = weights * stats.halfnorm.pdf(tau, scale=tau_scale)
    mu = np.linspace(-60.0, 90.0, 40_001)
    # Split the integrals at the quantiles that are asked for: the density is summed on a fine grid.
    like = np.zeros(mu.size)
    for t, w in zip(tau, prior, strict=True):
        if w > 0.0:
            logs = sum(
                stats.norm.logpdf(y, mu, math.hypot(s, t)) for y, s in zip(yi, sei, strict=True)
            )
            like += w * np.exp(logs)
    density = like * stats.t.pdf(mu, df, 0, 0.5)
    step = mu[1] - mu[0]
    below = integrate.cumulative_simpson(density, dx=step, initial=0.0)
    assert result.log_marginal == pytest.approx(math.log(below[-1]), abs=ACCURACY)
    exact = interpolate.CubicSpline(mu, below / below[-1])
    for p in (0.025, 0.5, 0.9):
        x = result.mu.quantile(p)
        assert exact(x) == pytest.approx(p, abs=ACCURACY)
    mean = integrate.simpson(density * mu, dx=step) / below[-1]
    assert result.mu.mean == pytest.approx(mean, abs=ACCURACY * result.mu.sd)


@pytest.mark.parametrize("scale", [1e-3, 0.2, 30.0])
@pytest.mark.parametrize("order", [1, 2])
def test_moments_that_converge_as_slowly_as_the_prior_are_those_of_an_integral(
    order: int, scale: float
) -> None:
    # With k trials and mu known the posterior falls as tau^-k times a log-t prior, so the integral
    # of tau^k converges as the tail of t(5) in log tau: a power of the logarithm.
    effects, errors = np.array([0.4, -0.7])[:order], np.array([0.5, 0.3])[:order]
    prior = ("log_student_t", 5.0, math.log(scale), 1.25)

    def integrand(x: float, power: int) -> float:
        # tau^power times the density of the data at tau = exp(x), so that nothing overflows
        ratios = 1.0 / (1.0 + (errors * math.exp(-x)) ** 2) if x > 0 else None
        if ratios is None:
            variance = errors**2 + math.exp(2 * x)
            weights = math.exp(power * x) / np.sqrt(variance).prod()
        else:
            variance = math.exp(min(2 * x, 600.0)) / ratios
            weights = math.exp((power - order) * x) * np.sqrt(ratios).prod()
        fit = np.exp(-0.5 * (effects**2 / variance).sum())
        return float(weights * fit * stats.t.pdf((x - prior[2]) / prior[3], prior[1]))

    def integral(power: int) -> float:
        edges = [-np.inf, -8.0, -2.0, 0.0, 2.0, 6.0, 20.0, np.inf]
        options = {"epsabs": 0.0, "epsrel": 1e-11, "limit": 400}
        pairs = itertools.pairwise(edges)
        return sum(integrate.quad(integrand, a, b, args=(power,), **options)[0] for a, b in pairs)

    result = meta_analysis(effects, errors, mu=0.0, tau=prior)
    mass = integral(0)
    assert result.tau.mean == pytest.approx(integral(1) / mass, rel=ACCURACY)
    if order == 2:
        second = result.tau.sd**2 + result.tau.mean**2
        assert second == pytest.approx(integral(2) / mass, rel=ACCURACY)
        assert result.new_trial.sd == pytest.approx(second**0.5, rel=ACCURACY)
    else:
        assert math.isinf(result.tau.sd)
    assert math.isfinite(result.tau.quantile(1.0 - 1e-15))


def test_one_trial_with_a_flat_mean_returns_the_prior_of_tau() -> None:
    result = meta_analysis([3.0], [1.0], tau=("log_normal", -1.0, 0.8))
    prior = tau_prior(("log_normal", -1.0, 0.8))
    for p in (1e-6, 0.01, 0.5, 0.99):
        assert result.tau.quantile(p) == pytest.approx(prior.quantile(p), rel=1e-7)
    assert result.mu.mean == pytest.approx(3.0)
    assert result.log_marginal == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("tau", "mu", "k", "expected"),
    [
        (("half_cauchy", 1.0), ("flat",), 1, ("inf", "inf", "nan", "nan")),
        (("half_cauchy", 1.0), ("flat",), 2, ("finite", "inf", "finite", "inf")),
        (("half_cauchy", 1.0), ("flat",), 3, ("finite", "finite", "finite", "finite")),
        (("half_cauchy", 1.0), ("normal", 0.0, 1.0), 1, ("finite", "inf", "finite", "finite")),
        (("inverse_gamma", 0.9, 1.0), ("flat",), 1, ("inf", "inf", "nan", "nan")),
        (("log_student_t", 5.0, -1.6, 1.25), ("flat",), 1, ("inf", "inf", "nan", "nan")),
        (("log_student_t", 5.0, -1.6, 1.25), 0.0, 1, ("finite", "inf", "finite", "finite")),
        (("uniform", math.inf), ("flat",), 3, ("inf", "inf", "nan", "nan")),
        (("half_normal", 1.0), ("student_t", 1.0, 0.0, 1.0), 1, ("finite",) * 4),
    ],
)  # fmt: skip
def test_moments_that_do_not_exist_are_not_numbers(
    tau: tuple, mu: tuple, k: int, expected: tuple
) -> None:
    result = meta_analysis(YI[:k], SEI[:k], mu=mu, tau=tau)
    found = (result.tau.mean, result.tau.sd, result.mu.mean, result.mu.sd)
    kinds = ["nan" if math.isnan(x) else "inf" if math.isinf(x) else "finite" for x in found]
    assert tuple(kinds) == expected
    assert math.isfinite(result.mu.median)
    assert all(math.isfinite(x) for x in result.new_trial.interval())


def test_an_improper_posterior_is_refused_with_the_rule() -> None:
    with pytest.raises(UsageError, match=r"improper.*a flat mu needs 3"):
        meta_analysis(YI[:2], SEI[:2], mu=("flat",), tau=("uniform", math.inf))
    with pytest.raises(UsageError, match="improper"):
        meta_analysis(YI[:1], SEI[:1], mu=("normal", 0, 1), tau=("uniform", math.inf))
    assert meta_analysis(YI[:2], SEI[:2], mu=0.0, tau=("uniform", math.inf)).tau.median > 0


def test_a_common_effect_model_is_the_textbook_weighted_mean() -> None:
    result = meta_analysis(YI, SEI, tau=0.0)
    w = SEI**-2.0
    assert result.mu.mean == pytest.approx((w @ YI) / w.sum(), rel=1e-14)
    assert result.mu.sd == pytest.approx(w.sum() ** -0.5, rel=1e-14)
    assert result.new_trial.interval() == pytest.approx(result.mu.interval())
    assert result.theta["mean"].to_numpy() == pytest.approx(result.mu.mean)


def test_a_known_mean_gives_the_marginal_likelihood_of_the_null() -> None:
    null = meta_analysis(YI, SEI, mu=("fixed", 0), tau=0.0)
    expected = stats.norm.logpdf(YI, 0.0, SEI).sum()
    assert null.log_marginal == pytest.approx(expected, abs=1e-10)
    assert null.mu.mean == 0.0
    assert null.mu.sd == 0.0
    assert null.prob_below(0.1) == 1.0


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_change_of_units_changes_only_the_units(shift: float, factor: float) -> None:
    here = meta_analysis(YI, SEI, mu=("normal", 0, 3), tau=("half_cauchy", 0.7))
    there = meta_analysis(
        (YI + shift) * factor, SEI * factor,
        mu=("normal", shift * factor, 3 * factor), tau=("half_cauchy", 0.7 * factor),
    )  # fmt: skip
    assert there.mu.mean == pytest.approx((here.mu.mean + shift) * factor, rel=1e-9, abs=1e-9)
    assert there.tau.median == pytest.approx(here.tau.median * factor, rel=1e-9)
    assert there.log_marginal == pytest.approx(here.log_marginal - 4 * math.log(factor), abs=1e-8)


def test_flipping_the_sign_of_the_effects_flips_the_answers() -> None:
    here = meta_analysis(YI, SEI, mu=("normal", 0, 3), tau=("half_normal", 1))
    there = meta_analysis(-YI, SEI, mu=("normal", 0, 3), tau=("half_normal", 1))
    assert there.mu.mean == pytest.approx(-here.mu.mean, rel=1e-12)
    assert there.prob_above(1.0) == pytest.approx(here.prob_below(-1.0), rel=1e-10)


def test_densities_integrate_to_one_and_to_the_probabilities() -> None:
    result = meta_analysis(YI, SEI, mu=("normal", 0, 3), tau=("half_normal", 1))
    for target, low, high in (("mean", -12, 12), ("new_trial", -30, 30), ("tau", 0, 12)):
        x = np.linspace(low, high, 20_001)
        total = integrate.simpson(result.density(x, target=target), x=x)
        assert total == pytest.approx(1.0, abs=1e-7), target
    x = np.linspace(0.0, 0.5, 2001)
    part = integrate.simpson(result.density(x, target="tau"), x=x)
    assert part == pytest.approx(result.prob_below(0.5, target="tau"), abs=1e-9)


@pytest.mark.parametrize("mu", [("normal", 0, 3), ("student_t", 3, 0, 1)])
def test_draws_agree_with_the_exact_posterior_and_repeat(mu: tuple) -> None:
    result = meta_analysis(YI, SEI, mu=mu, tau=("half_normal", 1), trials=["a", "b", "c", "d"])
    tree = result.draws(8000, seed=7)
    posterior = tree["posterior"]
    assert dict(posterior.sizes) == {"chain": 4, "draw": 2000, "trial": 4}
    for name, marginal in (("mu", result.mu), ("tau", result.tau), ("new_trial", result.new_trial)):
        values = posterior[name].to_numpy().ravel()
        assert abs(values.mean() - marginal.mean) < 4 * marginal.sd / math.sqrt(8000)
        share = (values < marginal.quantile(0.9)).mean()
        assert abs(share - 0.9) < 4 * math.sqrt(0.09 / 8000)
    theta = posterior["theta"].mean(("chain", "draw")).to_numpy()
    assert np.all(np.abs(theta - result.theta["mean"]) < 4 * result.theta["sd"] / math.sqrt(8000))
    assert tree.identical(result.draws(8000, seed=7))
    with pytest.raises(UsageError, match="multiple of chains"):
        result.draws(10, chains=4)


def test_named_priors_are_on_the_scale_of_tau() -> None:
    assert tau_prior("turner2015:pain").parameters == pytest.approx((-0.915, 0.76))
    assert tau_prior("rhodes2015:pain").parameters == pytest.approx((5, -1.58, 1.25))
    assert tau_prior("bartos2021:pain").parameters == (1.69, 0.42)
    assert mu_prior("bartos2021:pain").parameters == (5, 0, 0.43)
    assert tau_prior("bartos2023:pain/log_or").parameters == (1.5, 0.4)
    assert "10.1002/sim.6381" in tau_prior("turner2015:pain").citation
    with pytest.raises(UsageError, match="say which of bartos2023"):
        tau_prior("bartos2023:pain")
    with pytest.raises(UsageError, match="no topic 'pane'"):
        tau_prior("turner2015:pane")
    with pytest.raises(UsageError, match="named priors are"):
        tau_prior("turner:pain")


def test_truncation_reports_the_mass_it_cuts_off() -> None:
    prior = tau_prior("rhodes2015:pain", scale=26.9, upper=50)
    whole = tau_prior("rhodes2015:pain", scale=26.9)
    assert prior.truncated_mass == pytest.approx(1 - whole.cdf(50))
    assert prior.cdf(50) == 1.0
    assert "cut off" in str(prior)
    result = meta_analysis(YI * 10, SEI * 10, mu=("normal", 0, 25), tau=prior)
    assert result.tau.quantile(0.999) < 50
    assert result.tau_prior.truncated_mass == prior.truncated_mass
    assert tau_prior(("uniform", 10), upper=5).truncated_mass == 0.5


@pytest.mark.parametrize(
    ("yi", "sei", "message"),
    [
        ([], [], "there is no trial"),
        ([1.0], [0.0], "sei must be positive, found 0 in place 0"),
        ([1.0, 2.0], [1.0, -1.0], "found -1 in place 1"),
        ([math.nan], [1.0], "yi must be finite"),
        ([1.0], [math.inf], "sei must be finite"),
        ([1.0, 2.0], [1.0], "of one length"),
        ([[1.0]], [[1.0]], "of one length"),
        (["a"], [1.0], "must be numbers"),
        ([1.0], [1e-80], "sei must be at least"),
        ([1e80], [1.0], "yi must be below"),
    ],
)
def test_unusable_data_are_refused_by_name(yi: list, sei: list, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        meta_analysis(yi, sei, tau=("half_normal", 1))


@pytest.mark.parametrize(
    ("mu", "tau", "message"),
    [
        (("flat",), ("half_normal", 0), "scale is out of range"),
        (("flat",), ("half_normal",), "expected 1 numbers"),
        (("flat",), ("gamma", 1, 1), "is not a prior"),
        (("flat",), ("half_normal", "x"), "must be a number"),
        (("flat",), -1.0, "value is out of range"),
        (("flat",), ("inverse_gamma", math.nan, 1), "shape is out of range"),
        (("normal", 0), ("half_normal", 1), "expected 2 numbers"),
        (("normal", 0, -1), ("half_normal", 1), "scale is out of range"),
        (None, ("half_normal", 1), "is not a prior"),
        (("flat",), True, "is not a prior"),
    ],
)
def test_priors_that_do_not_exist_are_refused_by_name(
    mu: object, tau: object, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        meta_analysis([1.0], [1.0], mu=mu, tau=tau)


def test_impossible_questions_are_refused() -> None:
    result = meta_analysis(YI, SEI, tau=("half_normal", 1))
    with pytest.raises(UsageError, match="target='median'"):
        result.prob_below(0, target="median")
    with pytest.raises(UsageError, match="strictly between 0 and 1"):
        result.mu.quantile(0.0)
    with pytest.raises(UsageError, match="labels"):
        meta_analysis(YI, SEI, tau=1.0, trials=["a"])
    with pytest.raises(UsageError, match="nothing of the prior"):
        tau_prior(("inverse_gamma", 50, 1e6), upper=1e-3)
    with pytest.raises(UsageError, match="cannot be truncated"):
        tau_prior(1.0, upper=2.0)


def test_the_result_shows_itself_as_text_html_and_forest() -> None:
    result = meta_analysis(YI, SEI, tau="turner2015:pain", trials=["<a>", "b", "c", "d"])
    assert "4 trials, exact" in repr(result)
    assert "turner2015:pain" in repr(result)
    assert "&lt;a&gt;" in result._repr_html_()
    assert repr(result.mu).startswith("mu: mean")
    axes = result.plot_forest()
    assert [label.get_text() for label in axes.get_yticklabels()][-2:] == ["mean", "new trial"]
    mpl.pyplot.close(axes.figure)
