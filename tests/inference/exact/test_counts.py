"""Counts given their total: against SciPy, brute force, swapped arms and a second engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special, stats

from bayes_nmda.data import load_trials
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.errors import DataError, QueryError
from bayes_nmda.gates import fit
from bayes_nmda.gates.agreement import compare_engines
from bayes_nmda.gates.convergence import diagnose
from bayes_nmda.inference.baseline import baseline_log_odds
from bayes_nmda.inference.counts import count_constants, replicate, trial_log_likelihood
from bayes_nmda.inference.exact.count_likelihood import (
    FINE,
    QUICK,
    Arms,
    Conditional,
    Curve,
    Rule,
    Sheet,
    drawn_effects,
    joint_average,
    log_average,
    table_of,
)
from bayes_nmda.inference.exact.counts import _bend, hierarchies, integrate, parameters_of
from bayes_nmda.model.build import build_model
from bayes_nmda.model.counts import Counts, with_information
from bayes_nmda.model.structure import Layout
from bayes_nmda.query import prob_harm
from bayes_nmda.spec.spec import ModelSpec, load_model
from tests.inference.tables import Row, counted, probability, swapped, without
from tests.model.densities import log_density, natural_point

#: Twenty trials in which the same few people have an event in both arms.
RARE: list[Row] = [(1, 200, 1, 200)] * 20
#: Colditz et al. 1994: tuberculosis with and without BCG vaccine, as in metafor's dat.bcg.
BCG: list[Row] = [
    (4, 123, 11, 139), (6, 306, 29, 303), (3, 231, 11, 220), (62, 13598, 248, 12867),
    (33, 5069, 47, 5808), (180, 1541, 372, 1451), (8, 2545, 10, 629), (505, 88391, 499, 88391),
    (29, 7499, 45, 7277), (17, 1716, 65, 1665), (186, 50634, 141, 27338), (5, 2498, 3, 2341),
    (27, 16913, 29, 17854),
]  # fmt: skip
#: Many empty cells, unequal arms, trials that say nothing.
SPARSE: list[Row] = [
    (0, 35, 0, 35), (2, 20, 0, 10), (0, 15, 1, 30), (3, 40, 0, 41), (1, 12, 0, 24), (0, 9, 2, 8),
    (5, 5, 3, 6), (4, 30, 0, 28), (1, 50, 1, 25), (7, 7, 9, 9),
]  # fmt: skip

#: Step of finite differences.
_H = 1e-3


@pytest.fixture(scope="module")
def harms() -> tuple[ModelSpec, EffectTable]:
    """Return the model of any adverse event and its contrasts."""
    spec = load_model("any_adverse_event")
    return spec, effect_table(load_trials(validate=False), spec)


@pytest.fixture(scope="module")
def alone() -> ModelSpec:
    """Return the model in which a cell has one effect and one SD."""
    return load_model("any_adverse_event_unpooled")


def posterior(spec: ModelSpec, effects: EffectTable, **more: int):
    """Return weighted points of the first hierarchy of an analysis."""
    layout = Layout.of(effects.frame)
    hierarchy, _ = hierarchies(spec, effects, layout)[0]
    return integrate(hierarchy, parameters_of(spec), spec.sampling.seed, **more)


def table(row: Row) -> Conditional:
    counts = Counts(("a",), np.zeros(1, int), *(np.array([x]) for x in row))
    return Conditional(*counts.support(0), counts.events_t.astype(float))


# the tables


def test_each_arm_is_counted_once(harms) -> None:
    # Martin 2019 has one placebo arm for memantine and dextromethorphan
    layout = Layout.of(harms[1].frame)
    counts = Counts.of(harms[1].frame, layout, "partial")
    assert (len(counts.labels), len(counts.n)) == (10, 10 + 11)
    apart = Counts.of(harms[1].frame, layout, "none")
    assert [label for label in apart.labels if label.startswith("Martin 2019")] == [
        "Martin 2019 (memantine/oral)",
        "Martin 2019 (dextromethorphan/oral)",
    ]


def test_a_treatment_arm_against_two_control_arms_is_refused(harms) -> None:
    frame = harms[1].frame
    twice = frame[frame["trial"] == "Lynch 2005"].assign(control_arm="another")
    frame = pd.concat([frame, twice], ignore_index=True)
    with pytest.raises(DataError, match=r"Lynch 2005: .*count twice"):
        Counts.of(frame, Layout.of(frame), "partial")


def test_more_ways_than_fit_into_memory_are_refused_by_name() -> None:
    counts = Counts(
        ("Large",), np.zeros(3, int), np.array([300, 300, 300]), np.array([900, 900, 900]),
        np.array([300]), np.array([900]),
    )  # fmt: skip
    with pytest.raises(DataError, match=r"Large: found .* ways .*Merge"):
        counts.support(0)


@pytest.mark.parametrize("row", [(3, 20, 1, 18), (0, 10, 2, 12), (3, 3, 0, 4), (12, 25, 5, 24)])
def test_two_arms_are_fishers_noncentral_hypergeometric_distribution(row: Row) -> None:
    events_t, n_t, events_c, n_c = row
    for theta in (-3.0, 0.0, 0.7, 5.0):
        known = stats.nchypergeom_fisher(n_t + n_c, n_t, events_t + events_c, np.exp(theta))
        found = table(row).at(np.array([[theta]]))
        assert found.value[0] == pytest.approx(known.logpmf(events_t), abs=1e-8)
        assert found.gradient[0, 0] == pytest.approx(events_t - known.mean(), abs=1e-7)
        assert found.hessian[0, 0, 0] == pytest.approx(-known.var(), abs=1e-6)


def test_more_arms_are_independent_binomials_given_their_total() -> None:
    n, events = np.array([7, 9, 6]), np.array([2, 4, 1])
    counts = Counts(("a",), np.zeros(2, int), events[:2], n[:2], events[2:], n[2:])
    found = Conditional(*counts.support(0), events[:2].astype(float))
    for log_odds in ([0.3, -1.0, 0.0], [2.0, 0.5, -0.7]):
        theta = np.array(log_odds[:2]) - log_odds[2]
        p = special.expit(log_odds)
        each = [
            stats.binom.pmf(np.arange(size + 1), size, risk)
            for size, risk in zip(n, p, strict=True)
        ]
        total = np.convolve(np.convolve(each[0], each[1]), each[2])[events.sum()]
        joint = np.prod([pmf[k] for pmf, k in zip(each, events, strict=True)])
        assert found.value(theta[None])[0] == pytest.approx(np.log(joint / total), abs=1e-10)


def test_a_three_arm_table_is_the_sum_over_its_ways_near_and_far() -> None:
    counts = Counts(
        ("a",), np.zeros(2, int), np.array([3, 9]), np.array([12, 9]), np.array([2]), np.array([11])
    )
    ways, log_ways = counts.support(0)
    observed = np.array([3.0, 9.0])
    theta = np.array([[0.4, -0.6], [4.0, 9.0], [-25.0, 3.0], [30.0, 30.0], [90.0, -90.0], [0, -80]])
    found = Conditional(ways, log_ways, observed)
    at = found.at(theta)
    for row, effects in enumerate(theta):
        logits = ways @ effects + log_ways
        value = observed @ effects + log_ways[(ways == observed).all(axis=1)][0]
        share = special.softmax(logits)
        mean = share @ ways
        assert at.value[row] == pytest.approx(value - special.logsumexp(logits), abs=1e-9)
        np.testing.assert_allclose(at.gradient[row], observed - mean, atol=1e-9)
        spread = np.einsum("w,wi,wj->ij", share, ways - mean, ways - mean)
        np.testing.assert_allclose(at.hessian[row], -spread, atol=1e-9)
    np.testing.assert_allclose(found.value(theta), at.value, atol=1e-9)


@pytest.mark.parametrize("family", ["", "_binomial", "_robust"])
def test_derivatives_of_a_three_arm_table_are_those_of_finite_differences(family: str) -> None:
    spec = load_model(f"any_adverse_event{family}")
    counts = Counts(
        ("a",), np.zeros(2, int), np.array([3, 1]), np.array([12, 9]), np.array([2]), np.array([11])
    )
    found = table_of(counts, 0, spec)
    theta, spread = np.array([[0.4, -0.6]]), np.array([0.15])
    at = found.at(theta, spread)
    assert found.value(theta, spread)[0] == pytest.approx(at.value[0], abs=1e-9)
    for i in range(2):
        step = np.zeros((1, 2))
        step[0, i] = 1e-4
        up, down = found.at(theta + step, spread), found.at(theta - step, spread)
        slope = (up.value - down.value)[0] / 2e-4
        assert at.gradient[0, i] == pytest.approx(slope, abs=1e-6)
        bend = (up.gradient - down.gradient)[0] / 2e-4
        np.testing.assert_allclose(at.hessian[0, i], bend, atol=1e-5)


def test_arms_are_averaged_over_their_midpoint() -> None:
    spec = load_model("any_adverse_event_uniform")
    arms = Arms(np.array([2.0, 7.0]), np.array([18.0, 20.0]), spec.prior("midpoint"))
    midpoint = np.linspace(-40, 40, 800_001)
    for theta in (-1.0, 0.0, 2.5):
        density = stats.binom.pmf(2, 18, special.expit(midpoint - theta / 2))
        density *= stats.binom.pmf(7, 20, special.expit(midpoint + theta / 2))
        density *= stats.logistic.pdf(midpoint)
        expected = np.log(density.sum() * 1e-4)
        assert arms.value(np.array([[theta]]))[0] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(("rule", "error"), [(FINE, 1e-7), (QUICK, 3e-5)], ids=["fine", "quick"])
@pytest.mark.parametrize("row", [(12, 25, 5, 24), (3, 12, 0, 12)], ids=["events", "one-sided"])
def test_a_curve_and_its_average_are_those_of_a_fine_grid(
    row: Row, rule: Rule, error: float
) -> None:
    found = table(row)
    curve = Curve.of(found, 49)
    x = np.linspace(-60, 60, 501)
    np.testing.assert_allclose(curve.at(x[None])[0][0], found.value(x[:, None]), atol=1e-8)
    z = np.linspace(-14, 14, 280_001)
    places = (
        (0.0, 0.01),
        (1.0, 0.3),
        (-2.0, 1.0),
        (0.5, 4.0),
        (3.0, 20.0),
        (-4.0, 0.5),
        (-8.0, 10.0),
        (9.0, 300.0),
    )
    for mean, tau in places:
        terms = found.value((mean + tau * z)[:, None]) + stats.norm.logpdf(z)
        expected = special.logsumexp(terms) + np.log(z[1] - z[0])
        at, up, down = (
            log_average(curve, np.array([[mean + h]]), np.array([tau**2]), slopes=True, rule=rule)
            for h in (0.0, _H, -_H)
        )
        assert at[0][0, 0] == pytest.approx(expected, abs=error)
        # slopes are those of the same sum: its error by its mean has the same size
        assert at[1][0, 0] == pytest.approx((up[0] - down[0])[0, 0] / (2 * _H), abs=10 * error)
        assert at[2][0, 0] == pytest.approx((up[1] - down[1])[0, 0] / (2 * _H), abs=100 * error)


@pytest.mark.parametrize("row", [(12, 25, 5, 24), (505, 88391, 499, 88391)])
def test_an_average_over_deviations_without_end_is_the_integral(row: Row) -> None:
    found = table(row)
    curve = Curve.of(found, row[1] + row[3])
    theta = np.linspace(-30, 30, 600_001)
    whole = special.logsumexp(found.value(theta[:, None])) + np.log(theta[1] - theta[0])
    for tau in (1e4, 1e8, 1e12):
        at = log_average(curve, np.array([[-22.0, 0.0]]), np.array([tau**2]))[0][0]
        np.testing.assert_allclose(at, whole - np.log(tau * np.sqrt(2 * np.pi)), atol=1e-5)


@pytest.mark.parametrize("rule", [FINE, QUICK], ids=["fine", "quick"])
@pytest.mark.parametrize("row", BCG, ids=str)
def test_an_average_does_not_depend_on_its_company(row: Row, rule: Rule) -> None:
    """A mode that is found must stay while those of other means are still looked for."""
    curve = Curve.of(table(row), row[1] + row[3])
    means = np.linspace(-2.5, 1.0, 301)
    for tau in (0.1, 0.27, 0.34, 0.46, 0.8):
        variance = np.full(1, tau**2)
        together = log_average(curve, means[None], variance, rule=rule)[0][0]
        one = [log_average(curve, np.full((1, 1), m), variance, rule=rule)[0] for m in means[::10]]
        # nodes may be fewer or more; what a rule gets wrong is far below
        np.testing.assert_allclose(
            together[::10], np.ravel(one), atol=1e-6 if rule is FINE else 3e-4
        )
        assert np.abs(np.diff(together, 2)).max() < 0.02  # no jump from one mean to the next


def test_one_effect_of_large_trials_is_that_of_dense_sums(alone) -> None:
    effects = counted(BCG)
    found = fit(alone, effects, engine="exact", draws=50)
    assert found.attrs["log_marginal_error"] < 1e-5
    assert diagnose(found)["passed"].all()
    theta, mu = np.linspace(-5, 4, 2001), np.linspace(-3.0, 1.5, 181)
    likelihood = np.stack([np.exp(table(row).value(theta[:, None])) for row in BCG], axis=1)
    score = np.linspace(-4, 4, 61)
    prior = alone.prior("tau")
    total = below = 0.0
    for z in score:
        tau = float(prior.quantile(stats.norm.cdf(z)))
        of = stats.norm.pdf((theta - mu[:, None]) / tau) / tau * (theta[1] - theta[0])
        density = np.prod(of @ likelihood, axis=1) * np.exp(alone.prior("overall").logpdf(mu))
        density *= stats.norm.pdf(z)
        total += density.sum()
        below += (density * stats.norm.cdf(-mu / tau)).sum()
    expected = np.log(total * (mu[1] - mu[0]) * (score[1] - score[0]))
    assert found.attrs["log_marginal"] == pytest.approx(expected, abs=1e-5)
    assert float(prob_harm(found, at_least=1, target="new_trial")) == pytest.approx(
        1 - below / total, abs=1e-6
    )


def test_draws_of_a_wide_deviation_are_those_of_a_fine_grid() -> None:
    """One-sided counts: the effect is anywhere on the side that they leave open."""
    rng = np.random.default_rng(1)
    found = table((3, 12, 0, 12))
    curve = Curve.of(found, 24)
    theta = np.linspace(-400, 400, 80_001)
    for mean, tau in ((0.0, 30.0), (-20.0, 60.0), (4.0, 2.0)):
        density = np.exp(found.value(theta[:, None]) + stats.norm.logpdf(theta, mean, tau))
        below = np.cumsum(density) / density.sum()
        drawn = drawn_effects(curve, np.full(4_000, mean), np.full(4_000, tau**2), rng)
        assert stats.kstest(np.interp(drawn, theta, below), "uniform").pvalue > 1e-3


def test_a_sheet_is_its_table_at_every_overdispersion() -> None:
    spec = load_model("any_adverse_event_robust")
    arms = Arms(np.array([2.0, 7.0]), np.array([18.0, 20.0]), spec.prior("midpoint"))
    most = float(spec.prior("overdispersion").quantile(1 - 1e-15))
    sheet = Sheet.of(arms, 38, most)
    spread = np.array([1e-4, 0.02, 0.1, 0.4])
    theta = np.array([-1.3, 0.2, 0.9, 4.0])
    found = sheet.at_spread(spread, most).at(theta[:, None])[0][:, 0]
    # a thousandth of a log likelihood moves no probability by more than 0.00025
    np.testing.assert_allclose(found, arms.value(theta[:, None], spread), atol=1e-3)


def test_the_average_of_a_joint_trial_is_that_of_a_grid() -> None:
    counts = Counts(
        ("a",), np.zeros(2, int), np.array([3, 1]), np.array([12, 9]), np.array([2]), np.array([11])
    )
    found = table_of(counts, 0, load_model("any_adverse_event"))
    root = 0.6 * np.linalg.cholesky([[1.0, 0.5], [0.5, 1.0]])
    mean = np.array([0.4, -0.3])
    z = np.linspace(-7, 7, 141)
    grid = np.stack(np.meshgrid(z, z, indexing="ij"), axis=-1).reshape(-1, 2)
    terms = found.value(mean + grid @ root.T) + stats.norm.logpdf(grid).sum(axis=1)
    expected = special.logsumexp(terms) + 2 * np.log(z[1] - z[0])
    value = joint_average([(found, np.arange(2))], mean[None], root[None])[0]
    assert value == pytest.approx(expected, abs=1e-4)


# symmetry


@pytest.mark.parametrize(
    "family", ["", "_binomial", "_uniform", pytest.param("_robust", marks=pytest.mark.slow)]
)
def test_the_same_few_events_in_both_arms_are_no_difference_in_any_model(family: str) -> None:
    found = posterior(load_model(f"any_adverse_event{family}"), counted(RARE))
    assert probability(found) == pytest.approx(0.5, abs=1e-9)
    assert found.points.weight @ found.level[:, 0] == pytest.approx(0.0, abs=1e-9)


def test_the_same_few_events_in_both_arms_are_no_difference_alone_and_pooled(alone) -> None:
    for spec in (alone, load_model("any_adverse_event_complete")):
        found = posterior(spec, counted(RARE))
        assert probability(found) == pytest.approx(0.5, abs=1e-9)
        assert np.exp(found.points.weight @ found.level[:, 0]) == pytest.approx(1, abs=1e-6)


def rows(most: int = 6) -> st.SearchStrategy[list[Row]]:
    """Return random trials: empty and full arms, unequal arms."""

    def trial(n_t: int, n_c: int) -> st.SearchStrategy[Row]:
        return st.tuples(st.integers(0, n_t), st.just(n_t), st.integers(0, n_c), st.just(n_c))

    sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))
    return st.lists(sizes.flatmap(lambda n: trial(*n)), min_size=1, max_size=most).filter(
        lambda found: any(0 < a + c < b + d for a, b, c, d in found)
    )


@settings(max_examples=4, deadline=None)
@given(rows())
def test_swapping_the_arms_of_every_trial_turns_a_cell_around(alone_rows: list[Row]) -> None:
    spec = load_model("any_adverse_event_unpooled")
    one, other = (posterior(spec, counted(x)) for x in (alone_rows, swapped(alone_rows)))
    assert probability(one) + probability(other) == pytest.approx(1, abs=1e-6)
    assert one.points.log_marginal == pytest.approx(other.points.log_marginal, abs=1e-6)


@settings(max_examples=6, deadline=None)
@given(rows(), st.integers(0, 30), st.sampled_from(["swap arms", "count the others"]))
def test_a_swap_turns_the_pooled_model_around(some: list[Row], events: int, how: str) -> None:
    """Trials of two drugs; counting those without an event, one of them may have three arms."""
    spec = load_model("any_adverse_event")
    drugs = ["ketamine" if i % 2 else "dextromethorphan" for i in range(len(some))]
    second = {} if how == "swap arms" else {0: (events, 30)}
    turned = {k: (n - e, n) for k, (e, n) in second.items()}
    turn = swapped if how == "swap arms" else without
    sizes = {"points": 8, "replicates": 2}
    one = posterior(spec, counted(some, drugs=drugs, second=second), **sizes)
    other = posterior(spec, counted(turn(some), drugs=drugs, second=turned), **sizes)
    for cell in range(one.level.shape[1]):
        assert probability(one, cell) + probability(other, cell) == pytest.approx(1, abs=1e-6)


def test_a_trial_that_says_nothing_changes_nothing(alone) -> None:
    some: list[Row] = [(3, 20, 1, 18), (4, 25, 2, 24)]
    one, other = (
        posterior(alone, counted(x)) for x in (some, [*some, (0, 35, 0, 35), (9, 9, 7, 7)])
    )
    assert probability(one) == pytest.approx(probability(other), abs=1e-12)


# outside the project: conditional maximum likelihood, worked out by SciPy


def conditional_log_likelihood(trials: list[Row], mu: float, tau: float) -> float:
    """Return the log likelihood of a random-effects model given totals.

    From SciPy's parts alone.
    """
    x, w = np.polynomial.hermite_e.hermegauss(61)
    total = 0.0
    for events_t, n_t, events_c, n_c in trials:
        m = events_t + events_c
        if not 0 < m < n_t + n_c:
            continue
        k = np.arange(max(0, m - n_c), min(n_t, m) + 1)
        ways = special.loggamma(n_t + 1) - special.loggamma(k + 1) - special.loggamma(n_t - k + 1)
        ways = ways - special.loggamma(m - k + 1) - special.loggamma(n_c - m + k + 1)
        ways += special.loggamma(n_c + 1)
        own = ways[k == events_t][0]

        def density(theta, k=k, ways=ways, events_t=events_t, own=own):
            return (
                own
                + events_t * theta
                - special.logsumexp(ways + np.multiply.outer(theta, k), axis=-1)
            )

        best = optimize.minimize_scalar(
            lambda t: -float(density(np.array(t))) + (t - mu) ** 2 / (2 * tau**2),
            bounds=(-30, 30), method="bounded",
        ).x  # fmt: skip
        h = 1e-3
        bend = (
            density(np.array(best + h)) + density(np.array(best - h)) - 2 * density(np.array(best))
        ) / h**2
        sd = 1 / np.sqrt(max(-bend, 0) + 1 / tau**2)
        theta = best + sd * x
        terms = density(theta) - (theta - mu) ** 2 / (2 * tau**2) + x**2 / 2 + np.log(w)
        total += special.logsumexp(terms) + np.log(sd / tau) - 0.5 * np.log(2 * np.pi)
    return float(total)


@pytest.mark.parametrize(
    ("trials", "near"), [(BCG, (-0.74, 0.55)), (SPARSE, (0.6, 0.6))], ids=["BCG", "sparse"]
)
def test_with_flat_priors_the_mode_is_conditional_maximum_likelihood(
    alone, trials: list[Row], near: tuple[float, float]
) -> None:
    effects = counted(trials)
    hierarchy, _ = hierarchies(alone, effects, Layout.of(effects.frame))[0]

    def ours(at: np.ndarray) -> float:
        mean, variance = np.array([[at[0]]]), np.array([np.exp(2 * at[1])])
        found = (
            log_average(one.curve, mean, variance, rule=FINE)[0][0, 0] for one in hierarchy.singles
        )
        return -float(sum(found))

    def theirs(at: np.ndarray) -> float:
        return -conditional_log_likelihood(trials, at[0], np.exp(at[1]))

    start = np.array([near[0], np.log(near[1])])
    for at in (start, start + np.array([0.3, -0.5]), start + np.array([-0.4, 0.4])):
        assert ours(at) == pytest.approx(theirs(at), abs=2e-5)
    modes = [
        optimize.minimize(f, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9}).x
        for f in (ours, theirs)
    ]
    # likelihoods alike to 2e-5 have modes alike to the root of twice that, in standard errors
    np.testing.assert_allclose(modes[0], modes[1], atol=0.0063)


# the committed analysis


def test_any_adverse_event_with_intravenous_ketamine(harms) -> None:
    found = posterior(*harms)
    weight, level = found.points.weight, found.level[:, 0]
    mean = float(weight @ level)
    assert mean == pytest.approx(1.32, abs=0.02)
    assert np.sqrt(weight @ (level - mean) ** 2) == pytest.approx(0.52, abs=0.02)
    assert found.points.pareto_k < 0.5
    assert found.points.effective > 4000


def test_a_cell_without_information_is_refused_alone_and_marked_when_pooled(harms, alone) -> None:
    _, refused = with_information(alone, harms[1])
    assert refused == {"magnesium/intravenous": 1}
    tree = fit(alone, harms[1], engine="exact", draws=50, chains=2)
    assert "magnesium/intravenous" not in tree["posterior"]["cell"].to_numpy()
    with pytest.raises(QueryError, match=r"in its trial nobody.*Cells with evidence: ketamine"):
        prob_harm(tree, drug="magnesium", at_least=1)
    pooled = fit(*harms, engine="exact", draws=50, chains=2)
    answer = prob_harm(pooled, drug="magnesium", at_least=1)
    assert answer.records[0]["trials_informative"] == 0
    assert "no_informative_trial" in answer.records[0]["flags"]
    assert "rests on the other cells and the prior" in answer.sentence


def test_a_model_without_any_informative_trial_is_refused(harms) -> None:
    nothing = counted([(0, 20, 0, 20), (5, 5, 7, 7)])
    with pytest.raises(QueryError, match="found no trial in which somebody had an event"):
        fit(harms[0], nothing, engine="exact")


def test_an_exact_fit_has_the_groups_and_constants_of_every_fit(harms) -> None:
    tree = fit(*harms, engine="exact", draws=100, chains=2, seed=5)
    assert {
        "posterior", "prior", "posterior_predictive", "prior_predictive", "log_likelihood",
        "log_prior", "sample_stats", "observed_data", "constant_data", "mixture",
    } <= set(tree.children)  # fmt: skip
    known = tree["constant_data"].to_dataset().sel(cell="ketamine/intravenous")
    assert int(known["trials_informative"]) == 4
    assert (int(known["control_events"]), int(known["control_people"])) == (5, 52)
    assert diagnose(tree)["passed"].all()
    again = fit(*harms, engine="exact", draws=100, chains=2, seed=5)
    assert tree.identical(again)


def test_replicated_events_keep_the_total_of_each_table(harms) -> None:
    spec, effects = harms
    layout = Layout.of(effects.frame)
    counts = Counts.of(effects.frame, layout, "partial")
    tree = fit(spec, effects, engine="exact", draws=40, chains=1)
    again = replicate(tree["posterior"].to_dataset(), layout, counts, np.random.default_rng(1))[
        "events"
    ].to_numpy()[0]
    control, treated = again[:, : len(counts.labels)], again[:, len(counts.labels) :]
    for position in range(len(counts.labels)):
        of_table = counts.rows(position)
        total = counts.events_c[position] + counts.events_t[of_table].sum()
        assert (control[:, position] + treated[:, of_table].sum(axis=1) == total).all()
    assert (again >= 0).all()
    assert (again <= counts.n).all()


def test_the_log_likelihood_of_a_trial_averages_its_deviation(harms) -> None:
    spec, effects = harms
    layout = Layout.of(effects.frame)
    draws = xr.Dataset(
        {
            "effect": (("chain", "draw", "cell"), np.full((1, 2, len(layout.cells)), 0.7)),
            "tau": (("chain", "draw"), [[0.2, 1.5]]),
        },
        {"chain": [0], "draw": [0, 1], "cell": list(layout.cells)},
    )
    found = trial_log_likelihood(draws, effects, layout, spec)["events"].sel(trial="Lynch 2005")
    row = effects.frame[effects.frame["trial"] == "Lynch 2005"].iloc[0]
    numbers = tuple(int(row[name]) for name in ("events_t", "n_t", "events_c", "n_c"))
    z = np.linspace(-9, 9, 20_001)
    for position, tau in enumerate((0.2, 1.5)):
        terms = table(numbers).value((0.7 + tau * z)[:, None]) + stats.norm.logpdf(z)
        expected = special.logsumexp(terms) + np.log(z[1] - z[0])
        assert float(found[0, position]) == pytest.approx(expected, abs=1e-6)


def test_trials_without_information_have_no_part_in_the_log_likelihood(harms) -> None:
    tree = fit(*harms, engine="exact", draws=20, chains=1)
    left = set(harms[1].frame["trial"]) - set(tree["log_likelihood"]["trial"].to_numpy())
    silent = harms[1].frame.query("cell == 'magnesium/intravenous'")["trial"].tolist()
    assert left == set(silent)


def test_the_control_risk_is_that_of_prior_draws_weighed_by_the_control_arms() -> None:
    spec = load_model("any_adverse_event")
    effects = counted([(1, 20, 3, 30), (2, 20, 1, 12), (0, 9, 6, 40)])
    layout = Layout.of(effects.frame)
    found = baseline_log_odds(spec, effects, layout, (4, 4000), 3).to_numpy().ravel()
    rng = np.random.default_rng(5)
    size = 2_000_000
    cell = rng.normal(0, 2.5, size) + np.abs(rng.normal(size=size)) * rng.normal(size=size)
    sd = np.abs(rng.normal(size=size))
    log_weight = np.zeros(size)
    for events, n in ((3, 30), (1, 12), (6, 40)):
        risk = special.expit(cell + sd * rng.normal(size=size))
        log_weight += stats.binom.logpmf(events, n, risk)
    weight = np.exp(log_weight - log_weight.max())
    new = cell + sd * rng.normal(size=size)
    effective = weight.sum() ** 2 / (weight**2).sum()
    for edge in (-4.0, -3.0, -2.0, -1.0):
        expected = float((weight * (new < edge)).sum() / weight.sum())
        error = np.sqrt(expected * (1 - expected) * (1 / effective + 1 / 4000))
        assert (found < edge).mean() == pytest.approx(expected, abs=4 * error)


def test_constants_count_an_arm_once(harms) -> None:
    layout = Layout.of(harms[1].frame)
    known = count_constants(Counts.of(harms[1].frame, layout, "partial"), layout)
    frame = harms[1].frame
    for cell in layout.cells:
        some = frame[frame["cell"] == cell]
        events = some["events_t"].sum() + some["events_c"].sum()
        assert int(known["events"].sel(cell=cell)) == events


@pytest.mark.parametrize("name", ["any_adverse_event", "any_adverse_event_binomial"])
def test_spare_places_add_their_own_priors_and_nothing_else(name: str) -> None:
    spec = load_model(name)
    effects = effect_table(load_trials(validate=False), spec)
    plain, wide = build_model(spec, effects), build_model(spec, effects, spare=True)
    rng = np.random.default_rng(3)
    short, filled = log_density(plain), log_density(wide)
    differences = []
    for _ in range(3):
        point, long = natural_point(plain, rng), natural_point(wide, np.random.default_rng(8))
        for key, value in point.items():
            if np.ndim(value):
                long[key][: len(value)] = value
            else:
                long[key] = value
        sds = {"drug_deviation": point["sd_drug"], "route_deviation": point["sd_route"]}
        sds |= {"deviation": point["tau"]}
        extra = 0.0
        for key, value in long.items():
            rest = np.ravel(value)[np.size(point.get(key, ())) :]
            scale = sds.get(key, 10.0 if key == "midpoint" else 1.0)
            extra += stats.norm.logpdf(rest, scale=scale).sum()
        differences.append(filled(long) - short(point) - extra)
    np.testing.assert_allclose(differences, 0.0, atol=1e-7)


# a second engine


@pytest.mark.slow
def test_trials_that_barely_differ_are_sampled_without_complaint(harms) -> None:
    """Twenty-two large trials of one drug with one odds ratio, as of statins.

    The prior of tau has its mode at 0, where sampling is hardest.
    """
    rng = np.random.default_rng(5)
    n = rng.integers(150, 900, 22)
    control = rng.binomial(n, rng.uniform(0.05, 0.2, 22))
    odds = (control + 0.5) / (n - control + 0.5) * np.exp(-0.2)
    treated = rng.binomial(n, odds / (1 + odds))
    spec = harms[0].with_prior(tau=("half_normal", 0.5))
    spec = replace(spec, thresholds=load_model("any_adverse_event").thresholds)
    effects = counted(
        list(zip(treated.tolist(), n.tolist(), control.tolist(), n.tolist(), strict=True))
    )
    exact, nuts = (fit(spec, effects, engine=engine) for engine in ("exact", "nuts"))
    gates = diagnose(nuts)
    assert gates["passed"].all(), gates.query("~passed")
    assert compare_engines(exact, nuts)["passed"].all()


def test_a_table_that_is_not_log_concave_never_adds_negative_precision():
    hessian = np.array(
        [[[-2.0, 0.5], [0.5, -1.0]], [[0.3, 0.1], [0.1, -1.0]], [[0.2, 0.0], [0.0, 0.1]]]
    )
    bent = _bend(hessian)
    np.testing.assert_array_equal(bent[0], -hessian[0])
    assert (np.linalg.eigvalsh(bent) >= -1e-15).all()
    np.testing.assert_allclose(bent[2], 0.0, atol=1e-15)
    value, vector = np.linalg.eigh(-hessian[1])
    np.testing.assert_allclose(bent[1] @ vector[:, 1], value[1] * vector[:, 1], atol=1e-15)
    np.testing.assert_allclose(bent[1] @ vector[:, 0], 0.0, atol=1e-15)
