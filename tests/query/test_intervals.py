"""Intervals of any level, with equal tails or the shortest, in every answer that has one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

import bayes_nmda as nmda
from bayes_nmda.errors import UsageError
from bayes_nmda.query.distribution import Counted, Normals, Weighted
from bayes_nmda.query.intervals import USUAL, Interval, choose_interval


def shortest(known, level: float) -> tuple[float, float]:
    found = optimize.minimize_scalar(
        lambda p: known.ppf(p + level) - known.ppf(p), bounds=(0, 1 - level), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    return float(known.ppf(found.x)), float(known.ppf(found.x + level))


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_the_shortest_interval_of_one_normal_is_that_of_equal_tails(level: float) -> None:
    one = Normals(np.ones(2) / 2, np.arange(2), np.full(2, 3.0), np.full(2, 2.0))
    equal, short = (Interval(level, kind).ends(one) for kind in ("eti", "hdi"))
    known = stats.norm(3, 2).interval(level)
    np.testing.assert_allclose([end.value for end in equal], known, atol=1e-6)
    np.testing.assert_allclose([end.value for end in short], known, atol=2e-3)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_draws_and_points_of_a_skewed_distribution_have_its_shortest_interval(level) -> None:
    known = stats.gamma(2.0)
    want = shortest(known, level)
    values = known.ppf((np.arange(40_000) + 0.5) / 40_000)
    short = Interval(level, "hdi")
    np.testing.assert_allclose(short.of(values), want, atol=0.02)
    counted = Counted(np.random.default_rng(1).permutation(values).reshape(4, -1))
    np.testing.assert_allclose([e.value for e in short.ends(counted)], want, atol=0.02)
    x = np.geomspace(1e-4, 40, 2000)
    weight = known.pdf(x) * np.gradient(x)
    points = Weighted(weight / weight.sum(), np.arange(2000) % 2, x)
    np.testing.assert_allclose([e.value for e in short.ends(points)], want, atol=0.05)
    # reflected, it is the reflection
    np.testing.assert_allclose(short.of(-values), [-want[1], -want[0]], atol=0.02)


def test_a_level_that_is_no_probability_and_an_unknown_kind_are_refused() -> None:
    for level in (0, 1, 1.5, -0.1, float("nan"), "0.9", True):
        with pytest.raises(UsageError, match=r"level: found .*; allowed is a probability"):
            choose_interval(level, "eti")
    with pytest.raises(UsageError, match="interval: found 'hpd'; allowed are 'eti'"):
        choose_interval(0.9, "hpd")
    assert choose_interval(0.95, "eti") == USUAL


def test_names_say_level_and_kind() -> None:
    assert USUAL.said() == "95 % credible interval"
    assert Interval(0.8, "hdi").said("prediction") == "80 % highest-density prediction interval"
    assert Interval(0.999).about == "99.9 %, equal tails"
    assert Interval(0.5).z == pytest.approx(0.674490, abs=1e-6)


@pytest.mark.parametrize(
    ("ask", "ends"),
    [
        (nmda.effect, ("lower", "upper")),
        (nmda.new_trial, ("lower", "upper")),
        (nmda.heterogeneity, ("lower", "upper")),
        (nmda.shrinkage, ("lower", "upper")),
        (nmda.shrinkage, ("yi_lower", "yi_upper")),
        (nmda.rank, ("rank_lower", "rank_upper")),
    ],
)
def test_every_interval_follows_its_level_and_kind(tree, ask, ends) -> None:
    widths = {}
    for level in (0.5, 0.95):
        for kind in ("eti", "hdi"):
            answer = ask(tree, level=level, interval=kind)
            widths[level, kind] = (answer.table[ends[1]] - answer.table[ends[0]]).to_numpy(float)
            assert answer.about["interval"].startswith(f"{100 * level:g} %")
            assert f"{100 * level:g} %" in answer.sentence
    assert (widths[0.5, "eti"] <= widths[0.95, "eti"]).all()
    # draws lie between the quantiles of equal tails, so that a few may be left over
    assert (widths[0.95, "hdi"] <= 1.02 * widths[0.95, "eti"] + 1e-9).all()
    usual = ask(tree).table
    same = ask(tree, level=0.95, interval="eti").table
    assert usual.equals(same)


def test_a_comparison_has_the_interval_that_was_asked_for(tree) -> None:
    table = nmda.rank(tree).table
    cells = [dict(zip(("drug", "route", "timepoint"), row, strict=True)) for row in
             table[["drug", "route", "timepoint"]].to_numpy()[:2]]  # fmt: skip
    wide, narrow = (
        nmda.compare(tree, first=cells[0], second=cells[1], level=level).records[0]
        for level in (0.95, 0.5)
    )
    assert wide["lower"] < narrow["lower"] < narrow["upper"] < wide["upper"]
