"""Net benefit, against all pairs one by one and against normal distributions."""

import numpy as np
import pytest
from scipy import stats

from bayes_nmda.errors import QueryError, UsageError
from bayes_nmda.query import effect, net_benefit
from tests.query.handmade import counts, differences, log_or_of

CELL, PARTITION = ["ketamine/intravenous/short"], ["ketamine/intravenous"]
CHAINS, DRAWS = 4, 250


@pytest.fixture(scope="module")
def drawn():
    """Return draws of the fall in pain and of the difference of risks, shape (chain, draw)."""
    rng = np.random.default_rng(3)
    risk = np.clip(rng.normal(0.15, 0.08, (CHAINS, DRAWS)), -0.19, 0.79)
    return rng.normal(8.0, 5.0, (CHAINS, DRAWS)), risk


def _fits(fall, risk):
    pain = differences(CELL, -fall[..., None], [["Alder"]])
    return pain, counts(PARTITION, log_or_of(risk)[..., None], [["Alder"]])


@pytest.mark.parametrize("price", [0.0, 5.0, 20.0, 100.0])
def test_every_draw_of_one_goes_with_every_draw_of_the_other(drawn, price):
    fall, risk = drawn
    pairs = fall.ravel()[:, None] - price * risk.ravel()
    row = net_benefit(*_fits(fall, risk), points_per_event=price).records[0]
    assert row["probability"] == pytest.approx(np.mean(pairs > 0), abs=1e-9)
    assert row["estimate"] == pytest.approx(pairs.mean())
    assert row["sd"] == pytest.approx(pairs.std(), rel=2 / DRAWS)
    # a quantile of draws is the gap between two of them
    gap = 10.0 / (CHAINS * DRAWS)
    for name, p in (("lower", 0.025), ("median", 0.5), ("upper", 0.975)):
        assert np.mean(pairs <= row[name]) == pytest.approx(p, abs=gap), name
    assert row["benefit"] == pytest.approx(fall.mean())
    assert row["risk_difference"] == pytest.approx(risk.mean())


def test_harm_that_costs_nothing_leaves_the_benefit(drawn):
    pain, harm = _fits(*drawn)
    row, own = net_benefit(pain, harm, points_per_event=0).records[0], effect(pain).records[0]
    assert row["estimate"] == pytest.approx(-own["estimate"])
    assert row["mcse"] == pytest.approx(own["mcse"])
    assert row["lower"] == pytest.approx(-own["upper"], abs=own["mcse_upper"])


def test_the_order_of_draws_does_not_matter_to_the_value(drawn):
    fall, risk = drawn
    turned = net_benefit(*_fits(fall[:, ::-1], risk), points_per_event=20).records[0]
    row = net_benefit(*_fits(fall, risk), points_per_event=20).records[0]
    assert turned["probability"] == pytest.approx(row["probability"], abs=1e-12)
    assert turned["upper"] == pytest.approx(row["upper"])


def test_an_exact_fit_is_weighed_without_counting_it(drawn):
    _, risk = drawn
    rng = np.random.default_rng(5)
    points = 64
    means, sds = rng.normal(-8, 2, (points, 1)), rng.uniform(2, 6, (points, 1))
    weight = rng.dirichlet(np.full(points, 5.0))
    pain, harm = _fits(*drawn)
    pain.attrs["engine"] = "exact"
    pain.values.update(
        {
            ("mixture", "weight"): weight,
            ("mixture", "replicate"): np.arange(points) % 8,
            ("mixture", "effect_mean"): means,
            ("mixture", "effect_sd"): sds,
        }
    )
    for price in (0.0, 20.0, 60.0):
        row = net_benefit(pain, harm, points_per_event=price).records[0]

        def beyond(x, price=price):
            score = (-means - x - price * risk.ravel()) / sds
            return float(weight @ stats.norm.cdf(score).mean(axis=1))

        # the cumulative curve between knots, to the fourth order of their distance
        assert row["probability"] == pytest.approx(beyond(0.0), abs=1e-5)
        for name, p in (("lower", 0.975), ("median", 0.5), ("upper", 0.025)):
            assert beyond(row[name]) == pytest.approx(p, abs=2e-5), name
        assert row["engine"] == "exact and nuts"


def test_monte_carlo_errors_are_those_of_repeated_fits():
    rng = np.random.default_rng(11)
    repeats, phi = 200, 0.6
    found = []
    for _ in range(repeats):
        noise = rng.normal(size=(2, CHAINS, DRAWS))
        for i in range(1, DRAWS):
            noise[..., i] = phi * noise[..., i - 1] + np.sqrt(1 - phi**2) * noise[..., i]
        risk = np.clip(0.15 + 0.05 * noise[1], -0.19, 0.79)
        row = net_benefit(*_fits(4.0 + 5.0 * noise[0], risk), points_per_event=20).records[0]
        found.append([row[n] for n in ("probability", "mcse_probability", "lower", "mcse_lower")])
    columns = np.array(found).T
    # an SD of 200 numbers is known to 5 %; errors are themselves estimated
    for value, error in (columns[:2], columns[2:]):
        assert np.sqrt(np.mean(error**2)) == pytest.approx(np.std(value), rel=4 * 0.05)


def test_the_prior_has_its_own_probability_with_the_error_of_its_draws(drawn):
    row = net_benefit(*_fits(*drawn), points_per_event=20).records[0]
    assert row["prior_probability"] == pytest.approx(row["probability"])  # here the same draws
    assert 0 < row["prior_mcse"] < 0.1


def test_several_prices_are_several_rows_and_independence_is_said(drawn):
    answer = net_benefit(*_fits(*drawn), points_per_event=[10, 20])
    assert [row["points_per_event"] for row in answer.records] == [10, 20]
    assert answer.records[1]["estimate"] < answer.records[0]["estimate"]
    assert "independent" in answer.sentences[0]
    assert "20 points of pain" in answer.sentences[1]


def test_a_net_benefit_of_responders_is_told_in_people(drawn):
    _, risk = drawn
    response = counts(
        CELL,
        log_or_of(risk + 0.1)[..., None],
        [["Gum"]],
        benefit="positive",
        outcome="responder_30",
    )
    answer = net_benefit(response, _fits(*drawn)[1], points_per_event=1)
    assert float(answer) == pytest.approx(0.1)
    assert "is 100 in 1000" in answer.sentence


def test_where_all_pairs_agree_the_error_is_a_bound(drawn):
    _, risk = drawn
    row = net_benefit(*_fits(np.abs(drawn[0]) + 100, risk), points_per_event=1).records[0]
    assert row["probability"] == 1
    assert row["mcse_probability"] > 0
    assert "mcse_is_bound" in row["flags"]


@pytest.mark.parametrize("price", [-1, "dear", [], float("nan"), True])
def test_a_price_is_a_number_from_zero(drawn, price):
    with pytest.raises(UsageError, match="points_per_event"):
        net_benefit(*_fits(*drawn), points_per_event=price)


def test_a_cell_without_harm_is_refused(drawn):
    pain, _ = _fits(*drawn)
    other = counts(["memantine/oral"], log_or_of(drawn[1])[..., None], [["Elm"]])
    with pytest.raises(QueryError, match="share no drug"):
        net_benefit(pain, other, points_per_event=20)
