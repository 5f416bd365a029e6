"""An unknown correlation within people: against a grid, the exact engine, and in simulations."""

import dataclasses
from collections.abc import Callable

import arviz_stats as az
import numpy as np
import pytest
import xarray as xr
from scipy import integrate, stats

from bayes_nmda.data import load_trials
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.effects.within_person import WithinPerson
from bayes_nmda.inference.exact.engine import exact_posterior
from bayes_nmda.inference.predictive import drawn_error_scale, replicate
from bayes_nmda.inference.prior_draws import prior_draws
from bayes_nmda.model.build import build_model
from bayes_nmda.spec.spec import ModelSpec, load_model

pytestmark = pytest.mark.slow
#: A correct program fails a check with less than this probability.
ERRORS, ALPHA, REVIEWS, DRAWS = 4.5, 1e-4, 20, 400
WATCHED = ("overall", "effect", "tau", "within_person_correlation")
Sampled = Callable[..., xr.DataTree]


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return load_model("pain_intensity_with_abstracts")


@pytest.fixture(scope="module")
def added(spec: ModelSpec) -> EffectTable:
    return effect_table(load_trials(), spec)


def close(draws: xr.DataArray, mean: float, sd: float) -> None:
    """Require mean and SD within Monte Carlo error."""
    for name, found, truth, method in (
        ("mean", float(draws.mean()), mean, "mean"),
        ("SD", float(draws.std()), sd, "sd"),
    ):
        error = float(az.mcse(draws, method=method))
        assert abs(found - truth) < ERRORS * error, f"{name} {found:.4f}, {truth:.4f} ± {error:.4f}"


def test_one_paired_contrast_alone_is_what_a_grid_over_the_correlation_gives(
    spec: ModelSpec, added: EffectTable, sampled: Sampled
) -> None:
    """Periods that differ little, so that the result itself speaks about the correlation."""
    se_t, se_c, yi = 9.0, 8.0, -45.0
    mu_scale, tau_scale = 10.0, 3.0
    alone = added.subset(added.frame["abstract_id"] != "")
    within = WithinPerson.of([se_t], [se_c], np.array([True]), reference=0.2)
    alone = dataclasses.replace(
        alone,
        frame=alone.frame.assign(yi=yi),
        covariance=np.diag(within.variance(0.2)),
        within_person=within,
    )
    complete = dataclasses.replace(
        spec, structure=dataclasses.replace(spec.structure, pooling="none")
    )
    kept = tuple(
        (name, prior) for name, prior in spec.priors
        if name in {"overall", "tau", "within_person_correlation"}
    )  # fmt: skip
    complete = dataclasses.replace(complete, priors=kept).with_prior(
        overall=("normal", 0.0, mu_scale), tau=("half_normal", tau_scale)
    )
    tree = sampled(complete, alone, seed=11, draws=4000)

    def weight(r: float, tau: float) -> float:
        variance = se_t**2 + se_c**2 - 2 * r * se_t * se_c + tau**2
        marginal = stats.norm.pdf(yi, 0, (variance + mu_scale**2) ** 0.5)
        prior = stats.beta.pdf(r, 6, 4) * stats.halfnorm.pdf(tau, scale=tau_scale)
        return float(marginal * prior)

    def moment(power: int, of: Callable[[float, float], tuple[float, float]]) -> float:
        def term(tau: float, r: float) -> float:
            mean, sd = of(r, tau)
            return weight(r, tau) * (mean if power == 1 else sd**2 + mean**2)

        return integrate.dblquad(term, 0, 1, 0, 8 * tau_scale)[0] / mass

    mass = integrate.dblquad(lambda tau, r: weight(r, tau), 0, 1, 0, 8 * tau_scale)[0]

    def effect(r: float, tau: float) -> tuple[float, float]:
        variance = se_t**2 + se_c**2 - 2 * r * se_t * se_c + tau**2
        shrunk = 1 / (1 / variance + 1 / mu_scale**2)
        return shrunk * yi / variance, shrunk**0.5

    posterior = tree["posterior"].to_dataset()
    for name, of in (
        ("effect", effect),
        ("within_person_correlation", lambda r, tau: (r, 0.0)),
    ):
        mean = moment(1, of)
        close(posterior[name].squeeze(drop=True), mean, (moment(2, of) - mean**2) ** 0.5)
    r = float(posterior["within_person_correlation"].mean())
    assert r < 0.55, f"a result far from the prior asks for a larger error, found r = {r:.3f}"


def test_a_correlation_known_almost_exactly_gives_the_answer_of_the_exact_engine(
    spec: ModelSpec, added: EffectTable, sampled: Sampled
) -> None:
    r, precision = 0.35, 1e7
    narrow = spec.with_prior(within_person_correlation=("beta", r * precision, (1 - r) * precision))
    tree = sampled(narrow, added, seed=12, draws=3000)
    within = added.within_person
    assert within is not None
    fixed = np.where(within.shared > 0, within.variance(r), np.diag(added.covariance))
    known = dataclasses.replace(
        added,
        covariance=added.covariance - np.diag(np.diag(added.covariance)) + np.diag(fixed),
        within_person=None,
    )
    exact = exact_posterior(load_model("pain_intensity_with_abstracts_p"), known)
    effect = tree["posterior"]["effect"].to_dataset()["effect"]
    means, sds = exact.mean("effect"), exact.sd("effect")
    for position, cell in enumerate(exact.layout.cells):
        close(effect.sel(cell=cell), float(means[position]), float(sds[position]))


@pytest.fixture(scope="module")
def reviews(
    spec: ModelSpec, added: EffectTable, sampled: Sampled, with_yi: Callable[..., EffectTable]
) -> list[tuple[xr.Dataset, xr.Dataset]]:
    truths = prior_draws(build_model(spec, added), spec, seed=79)
    rng = np.random.default_rng(80)
    found = []
    for number, draw in enumerate(rng.choice(truths.sizes["draw"], REVIEWS, replace=False)):
        truth = truths.isel(chain=[0], draw=[draw])
        scale = drawn_error_scale(truth, added)
        yi = replicate(truth, added.covariance, rng, scale=scale).to_numpy()[0, 0]
        tree = sampled(spec, with_yi(added, yi), seed=number, draws=DRAWS)
        posterior = tree["posterior"].to_dataset()[list(WATCHED)]
        found.append((truth.isel(chain=0, draw=0)[list(WATCHED)], posterior))
    return found


@pytest.mark.parametrize("name", WATCHED)
def test_the_truth_of_simulated_reviews_has_the_rank_of_any_draw(
    reviews: list[tuple[xr.Dataset, xr.Dataset]], name: str
) -> None:
    """The mean rank over reviews and cells, whose own scatter over reviews is its error."""
    below = [
        float((posterior[name] < truth[name]).mean(["chain", "draw"]).mean())
        for truth, posterior in reviews
    ]
    # Hoeffding: a mean of n independent values in [0, 1] is off by more than this with p < ALPHA
    allowed = np.sqrt(np.log(2 / ALPHA) / (2 * REVIEWS))
    assert abs(np.mean(below) - 0.5) < allowed, f"mean rank {np.mean(below):.3f}, ± {allowed:.3f}"


def test_intervals_of_simulated_reviews_cover_the_truth(
    reviews: list[tuple[xr.Dataset, xr.Dataset]],
) -> None:
    for name in WATCHED:
        inside = []
        for truth, posterior in reviews:
            low, high = (posterior[name].quantile(p, ["chain", "draw"]) for p in (0.05, 0.95))
            inside.append(float(((truth[name] >= low) & (truth[name] <= high)).mean()))
        allowed = np.sqrt(np.log(1 / ALPHA) / (2 * REVIEWS))
        assert np.mean(inside) > 0.9 - allowed, f"{name}: 90 % intervals cover {np.mean(inside)}"
