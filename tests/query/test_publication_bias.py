"""Selection models, averages over bias: published results, brute force, symmetries, recovery."""

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, stats

from bayes_nmda import (
    effect_table,
    load_model,
    load_trials,
    robust_meta_analysis,
    selection_log_likelihood,
    selection_model,
    under_selection,
)
from bayes_nmda.data import trials_from
from bayes_nmda.errors import UsageError
from bayes_nmda.inference.exact.publication_bias import Slope, Steps
from bayes_nmda.spec.default import default_model
from bayes_nmda.spec.priors import Prior

#: Poulsen 2006: standardised differences and standard errors (RoBMA's data set Poulsen2006).
POULSEN = np.array(
    [
        (0.907305049, 0.272045625), (0.720758933, 0.197776948), (1.330582868, 0.272164784),
        (1.768887216, 0.265648334), (1.328682827, 0.358261657),
    ]
)  # fmt: skip
MEDICINE = {"mu": ("student_t", 5, 0, 0.51), "tau": ("inverse_gamma", 1.79, 0.28)}
#: Hackshaw 1998 (metafor's dat.hackshaw1998): odds ratio and 95 % interval of 37 studies.
HACKSHAW = np.array(
    [
        (1.18, 0.9, 1.54), (1.45, 1.02, 2.08), (2.02, 0.48, 8.56), (1.2, 0.8, 1.6),
        (0.75, 0.43, 1.3), (2.07, 0.81, 5.25), (2.13, 1.19, 3.83), (0.8, 0.34, 1.9),
        (0.79, 0.25, 2.45), (2.01, 1.09, 3.72), (1.23, 0.81, 1.87), (1.2, 0.5, 3.3),
        (1.52, 0.87, 2.63), (1.03, 0.41, 2.55), (1.55, 0.9, 2.67), (1.03, 0.61, 1.74),
        (2.34, 0.81, 6.75), (1.65, 1.16, 2.35), (1.19, 0.82, 1.73), (1.52, 0.39, 5.96),
        (2.16, 1.08, 4.29), (1.08, 0.64, 1.82), (2.55, 0.74, 8.78), (1.62, 0.9, 2.91),
        (1.06, 0.74, 1.52), (0.79, 0.62, 1.02), (0.74, 0.32, 1.69), (2.27, 0.75, 6.82),
        (0.97, 0.78, 1.21), (1.6, 0.8, 3.0), (1.19, 0.66, 2.13), (1.66, 0.73, 3.78),
        (1.26, 1.04, 1.54), (1.1, 0.62, 1.96), (1.66, 1.12, 2.45), (1.16, 0.8, 1.69),
        (1.11, 0.67, 1.84),
    ]
)  # fmt: skip
YI = np.array([-0.9, -0.55, -0.4, -0.3, 0.05, -0.2])
SEI = np.array([0.35, 0.25, 0.2, 0.15, 0.3, 0.1])
PRIORS = {"mu": ("normal", 0, 0.8), "tau": ("half_normal", 0.4)}


def test_poulsen_averaged_over_effect_and_heterogeneity_is_the_published_analysis() -> None:
    # Bartoš 2021 and the vignette of RoBMA: BF10 218.53 and 217.5, heterogeneity 3.52, means of
    # the models with an effect 1.082, with heterogeneity 0.297, averaged 1.076 and 0.231
    found = robust_meta_analysis(*POULSEN.T, **MEDICINE, bias="none", side="greater")
    factors = found.inclusion.set_index("of")["bayes_factor"]
    assert factors["effect"] == pytest.approx(218.53, abs=0.01)
    assert factors["heterogeneity"] == pytest.approx(3.52, abs=0.005)
    assert np.isnan(factors["bias"])
    expected = [1.95e-20, 0.00455526, 0.2210606, 0.7743842]
    assert list(found.models["probability"]) == pytest.approx(expected, rel=2e-3)
    assert found.mu.mean == pytest.approx(1.07603, abs=2e-5)
    assert found.tau.mean == pytest.approx(0.23312, abs=2e-5)
    effect, varied = found.given(effect=True), found.given(heterogeneity=True)
    assert (effect.mu.mean, effect.mu.sd) == pytest.approx((1.08095, 0.18573), abs=2e-5)
    assert effect.mu.median == pytest.approx(1.09, abs=1e-3)
    assert effect.mu.interval() == pytest.approx((0.676, 1.41965), abs=1e-3)
    assert varied.tau.mean == pytest.approx(0.29928, abs=2e-5)
    quantiles = [varied.tau.quantile(p) for p in (0.025, 0.5, 0.975)]
    assert quantiles == pytest.approx([0.0701, 0.25487, 0.80926], rel=0.02)


def test_hackshaw_has_the_published_maximum_of_its_selection_model() -> None:
    # metafor, selmodel(type="stepfun", steps=c(0.05, 0.10, 0.50, 1)): delta 1, 2.422079, 0.977543,
    # 0.396713, tau² 0.03071325, likelihood ratio 7.066137, trials in each step 7, 8, 16, 6
    log = np.log(HACKSHAW)
    yi, sei = log[:, 0], (log[:, 2] - log[:, 1]) / (2 * stats.norm.ppf(0.975))
    steps = (0.05, 0.10, 0.50, 1.0)

    def value(at: np.ndarray) -> float:
        return selection_log_likelihood(
            yi, sei, mu=at[0], tau=np.exp(at[1] / 2), weights=[1, *np.exp(at[2:])], steps=steps
        )

    best = np.array([0.121741, np.log(0.03071325), *np.log([2.422079, 0.977543, 0.396713])])
    gradient = optimize.approx_fprime(best, value, 1e-6)
    assert np.abs(gradient).max() < 2e-3
    plain = optimize.minimize(
        lambda at: -value(np.array([*at, 0.0, 0.0, 0.0])), [0.1, -3.0], method="Nelder-Mead"
    )
    assert 2 * (value(best) + plain.fun) == pytest.approx(7.066137, abs=1e-4)
    assert list(np.bincount(Steps(steps[:3], "greater").of(yi, sei))) == [7, 8, 16, 6]


def test_equal_weights_are_no_selection_and_their_scale_does_not_matter() -> None:
    at = {"mu": -0.3, "tau": 0.2, "steps": (0.025, 0.5), "side": "less"}
    plain = stats.norm(-0.3, np.hypot(SEI, 0.2)).logpdf(YI).sum()
    for weights in ([1, 1, 1], [0.2, 0.2, 0.2]):
        assert selection_log_likelihood(YI, SEI, **at, weights=weights) == pytest.approx(plain)
    one, other = (
        selection_log_likelihood(YI, SEI, **at, weights=scale * np.array([1, 0.5, 0.1]))
        for scale in (1.0, 7.0)
    )
    assert one == pytest.approx(other)


@pytest.mark.parametrize("side", ["less", "greater", "two"])
def test_the_density_of_a_selected_effect_integrates_to_1(side: str) -> None:
    def density(y: float) -> float:
        value = selection_log_likelihood(
            [y], [0.3], mu=0.2, tau=0.4, weights=[1, 0.6, 0.1], steps=(0.05, 0.4), side=side
        )
        return float(np.exp(value))

    edges = [-0.6, -0.51, -0.25, -0.08, 0.08, 0.25, 0.51, 0.6]
    total = integrate.quad(density, -6, 6, points=edges, limit=400)[0]
    assert total == pytest.approx(1, abs=2e-4)


def test_the_other_sign_with_the_other_side_says_the_same() -> None:
    less = selection_model(YI, SEI, **PRIORS, side="less")
    greater = selection_model(-YI, SEI, **PRIORS, side="greater")
    assert greater.mu.mean == pytest.approx(-less.mu.mean, abs=1e-9)
    assert greater.log_marginal == pytest.approx(less.log_marginal, abs=1e-9)
    assert greater.prob_above(0.1) == pytest.approx(less.prob_below(-0.1), abs=1e-6)


def test_a_selection_model_is_what_brute_force_over_a_dense_grid_says() -> None:
    found = selection_model(YI, SEI, **PRIORS, steps=(0.025, 0.5))
    mus, taus = np.linspace(-2.5, 2.5, 201), (np.arange(60) + 0.5) / 40
    mu, tau = (grid.ravel() for grid in np.meshgrid(mus, taus))
    prior = stats.norm(0, 0.8).logpdf(mu) + stats.halfnorm(scale=0.4).logpdf(tau)
    x, rule = np.polynomial.legendre.leggauss(14)
    x, rule = 0.5 * (x + 1), 0.5 * rule
    total, moment = 0.0, 0.0
    for second, of_second in zip(x, rule, strict=True):
        for third, of_third in zip(x, rule, strict=True):  # its share of the second
            value = of_second * of_third * 2 * second * np.exp(prior + selection_log_likelihood(
                YI, SEI, mu=mu, tau=tau, weights=[1, second, second * third],
                steps=(0.025, 0.5), side="less",
            ))  # fmt: skip
            total += value.sum()
            moment += value @ mu
    step = (mus[1] - mus[0]) * (taus[1] - taus[0])
    assert found.log_marginal == pytest.approx(np.log(total * step), abs=1e-3)
    assert found.mu.mean == pytest.approx(moment / total, abs=1e-3)


def test_selection_moves_the_mean_towards_0_and_a_new_trial_is_less_certain() -> None:
    plain = robust_meta_analysis(
        YI, SEI, **PRIORS, bias="none", prob_effect=1, prob_heterogeneity=1
    )
    found = selection_model(YI, SEI, **PRIORS)
    assert plain.mu.mean < found.mu.mean < 0.2
    assert found.new_trial.sd > found.mu.sd
    assert list(found.weights["trials"]) == [5, 0, 1]


def test_pet_alone_is_a_regression_on_the_standard_error() -> None:
    slope = Slope(1, Prior.of("uniform", 0, 3), -1.0)
    found = robust_meta_analysis(
        YI, SEI, mu=("normal", 0, 0.8), tau=("uniform", 0.1999, 0.2001),
        bias=[slope], prob_effect=1, prob_heterogeneity=1, prob_bias=1,
    )  # fmt: skip
    b = np.linspace(0, 3, 3001)[:, None]
    v = SEI**2 + 0.04
    cov = np.diag(v) + 0.64
    residual = YI + b * SEI
    log = -0.5 * np.einsum("pi,ij,pj->p", residual, np.linalg.inv(cov), residual)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    mean = weight @ ((residual / v).sum(axis=1) / ((1 / v).sum() + 1 / 0.64))
    assert found.mu.mean == pytest.approx(mean, abs=1e-3)


def test_what_the_data_cannot_identify_is_said() -> None:
    found = selection_model(*POULSEN.T, **MEDICINE, steps=(0.025, 0.05), side="greater")
    assert "which is the prior's: p from 0.025 to 0.05 (0 trials)" in found.sentence
    assert not found.weights["identified"].all()
    averaged = robust_meta_analysis(*POULSEN.T, **MEDICINE, side="greater")
    assert averaged.inclusion["bayes_factor"].between(0.1, 100).all()
    assert averaged.models["prior_probability"].sum() == pytest.approx(1)
    assert len(averaged.models) == 36
    assert "relative probabilities of publication in these models" in averaged.sentence


def test_a_hierarchy_of_one_cell_is_the_single_meta_analysis() -> None:
    yi = np.array([-0.5, -0.1, -0.3, -0.2, 0.3, -0.05])
    frame = pd.DataFrame({"trial": [f"t{i}" for i in range(6)], "yi": yi, "sei": SEI})
    trials = trials_from(frame, measure="SMD")
    spec = default_model(trials).with_prior(**PRIORS_OF_SPEC)
    mapping = spec.to_mapping()
    mapping["structure"]["pooling"] = "complete"
    complete = type(spec).from_mapping("complete", mapping)
    table = under_selection(complete, effect_table(trials, complete), at_least=[0.1, 0.3])
    single = selection_model(yi, SEI, **PRIORS)
    assert table.attrs["reliable"]
    for row in table.itertuples():
        expected = single.prob_below(-row.at_least, target=row.target)
        assert abs(row.probability - expected) < 4 * row.error
    plain = robust_meta_analysis(
        yi, SEI, **PRIORS, bias="none", prob_effect=1, prob_heterogeneity=1
    )
    factor = np.exp(single.log_marginal - plain.log_marginal)
    assert table.attrs["bayes_factor"] == pytest.approx(factor, rel=0.05)


PRIORS_OF_SPEC = {"overall": PRIORS["mu"], "tau": PRIORS["tau"]}


def test_pain_under_selection_has_a_smaller_probability_everywhere() -> None:
    spec = load_model("pain_intensity")
    table = under_selection(spec, effect_table(load_trials(), spec), at_least=10)
    assert (table["change"] < 0).all()
    assert table.attrs["pareto_k"] < 0.7
    assert list(table.attrs["weights"]["trials"]) == [3, 10, 7]
    head = table[(table["cell"] == "ketamine/intravenous/immediate") & (table["target"] == "mean")]
    assert head["probability_all"].item() == pytest.approx(0.382, abs=0.005)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: selection_model([1], [0], **PRIORS), "a standard error above 0"),
        (lambda: selection_model([1, 2], [1], **PRIORS), "two lists of one length"),
        (lambda: selection_model([1], [1], **PRIORS, steps=(0.5, 0.1)), "ascending"),
        (lambda: selection_model([1], [1], **PRIORS, side="up"), "allowed are 'less'"),
        (
            lambda: selection_model([1], [1], mu=("half_normal", 1), tau=None),
            "allowed are 'normal' and 'student_t'",
        ),
        (lambda: robust_meta_analysis([1], [1], **PRIORS, bias="all"), "found 'all'"),
        (lambda: robust_meta_analysis([1], [1], **PRIORS, prob_bias=2), "a probability, 0 to 1"),
        (
            lambda: selection_log_likelihood(
                [1], [1], mu=0, tau=1, weights=[1, 2], steps=(0.05, 0.5)
            ),
            "3 numbers",
        ),
    ],
)
def test_what_cannot_be_is_refused(call: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


def test_counts_and_cells_alone_are_refused() -> None:
    for name in ("any_adverse_event", "pain_intensity_unpooled"):
        spec = load_model(name)
        with pytest.raises(UsageError, match="selection_model does one cell"):
            under_selection(spec, effect_table(load_trials(), spec))


@pytest.mark.slow
def test_selected_trials_give_the_mean_back_that_they_were_simulated_with() -> None:
    rng = np.random.default_rng(7)
    steps = Steps((0.025, 0.5), "less")
    inside, means, naive, repeats = 0, [], [], 80
    for _ in range(repeats):
        mu, tau = rng.normal(0, 0.5), abs(rng.normal(0, 0.2))
        weights = np.array([1.0, *sorted(rng.uniform(size=2), reverse=True)])
        yi, sei = [], []
        while len(yi) < 25:
            s = rng.uniform(0.1, 0.5)
            y = rng.normal(mu, np.hypot(tau, s))
            if rng.uniform() < weights[steps.of(np.array([y]), np.array([s]))[0]]:
                yi.append(y)
                sei.append(s)
        found = selection_model(yi, sei, mu=("normal", 0, 0.5), tau=("half_normal", 0.2))
        low, high = found.mu.interval(0.9)
        inside += low <= mu <= high
        means.append(found.mu.mean - mu)
        plain = robust_meta_analysis(
            yi, sei, mu=("normal", 0, 0.5), tau=("half_normal", 0.2), bias="none",
            prob_effect=1, prob_heterogeneity=1,
        )  # fmt: skip
        naive.append(plain.mu.mean - mu)
    # parameters from their priors: coverage is exact, within four binomial standard errors
    assert abs(inside / repeats - 0.9) < 4 * np.sqrt(0.09 / repeats)
    assert abs(np.mean(means)) < 4 * np.std(means) / np.sqrt(repeats)
    assert np.mean(naive) < -0.02
