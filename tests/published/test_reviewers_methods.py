"""Mantel-Haenszel, Peto and Hartung-Knapp against published numbers; half the last digit."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import bayes_nmda as nmda
from bayes_nmda.errors import UsageError
from bayes_nmda.query.classical import classical, hartung_knapp, mantel_haenszel, peto


@pytest.fixture
def bcg(published_data) -> tuple[np.ndarray, ...]:
    data = published_data("bcg_metastan_berkey1995.csv")
    # the second arm is the vaccine where the published effect is below 1
    treated, control = (("r2", "n2"), ("r1", "n1"))
    return tuple(data[name].to_numpy(dtype=float) for name in (*treated, *control))


def test_bcg_by_mantel_haenszel_and_peto(bcg) -> None:
    """As metafor's tests have them against Stata's metan: rma.mh and rma.peto of dat.bcg."""
    risk = mantel_haenszel(*bcg, measure="RR")
    assert risk.value == pytest.approx(-0.4537, abs=5e-5)
    assert risk.interval(0.95) == pytest.approx((-0.5308, -0.3766), abs=5e-5)
    assert risk.value / risk.se == pytest.approx(-11.5338, abs=5e-5)
    assert math.exp(risk.value) == pytest.approx(0.6353, abs=5e-5)
    odds = mantel_haenszel(*bcg, measure="OR")
    assert odds.value == pytest.approx(-0.473, abs=5e-4)
    found = peto(*bcg)
    ends = [math.exp(x) for x in (found.value, *found.interval(0.95))]
    assert ends == pytest.approx([0.6222, 0.5746, 0.6738], abs=5e-5)
    assert found.value / found.se == pytest.approx(-11.67, abs=5e-3)


def test_raudenbush_by_restricted_likelihood_and_hartung_knapp(published_data) -> None:
    """Raudenbush 2009, Handbook of Research Synthesis, Table 16.3, as in metafor's tests."""
    data = published_data("raudenbush1985.csv")
    found = hartung_knapp(data["yi"], data["vi"])
    assert (found.value, found.se) == pytest.approx((0.0837, 0.0616), abs=5e-5)
    assert found.tau**2 == pytest.approx(0.0188, abs=5e-5)
    assert found.interval(0.95) == pytest.approx((-0.0457, 0.2131), abs=5e-5)


def test_one_trial_is_its_own_table() -> None:
    a, n1, c, n2 = 7.0, 30.0, 3.0, 28.0
    odds = mantel_haenszel([a], [n1], [c], [n2], measure="OR")
    assert odds.value == pytest.approx(math.log(a * (n2 - c) / (c * (n1 - a))))
    assert odds.se**2 == pytest.approx(1 / a + 1 / (n1 - a) + 1 / c + 1 / (n2 - c))
    risk = mantel_haenszel([a], [n1], [c], [n2], measure="RR")
    assert risk.value == pytest.approx(math.log(a / n1 / (c / n2)))
    assert risk.se**2 == pytest.approx(1 / a - 1 / n1 + 1 / c - 1 / n2)
    difference = mantel_haenszel([a], [n1], [c], [n2], measure="RD")
    assert difference.value == pytest.approx(a / n1 - c / n2)
    p, q = a / n1, c / n2
    assert difference.se**2 == pytest.approx(p * (1 - p) / n1 + q * (1 - q) / n2)


def test_swapping_the_arms_turns_every_estimate_around(bcg) -> None:
    swapped = (*bcg[2:], *bcg[:2])
    for measure in ("OR", "RR", "RD"):
        one, other = (mantel_haenszel(*x, measure=measure) for x in (bcg, swapped))
        assert one.value == pytest.approx(-other.value)
        assert one.se == pytest.approx(other.se)
    assert peto(*bcg).value == pytest.approx(-peto(*swapped).value)


def test_what_no_row_determines_is_missing() -> None:
    nobody = ([0, 0], [10, 12], [0, 0], [11, 12])
    assert math.isnan(mantel_haenszel(*nobody, measure="OR").value)
    assert math.isnan(peto(*nobody).value)
    assert mantel_haenszel(*nobody, measure="RD").value == 0.0
    assert math.isnan(hartung_knapp([1.0], [0.5]).se)


def test_the_review_s_own_number_of_pain_is_in_the_table(pain) -> None:
    """Analysis 1.1 as the review printed it, and what Hartung and Knapp make of the same rows."""
    table = classical(pain)
    assert len(table) == 3 * pain.frame["cell"].nunique()
    mine = table[table["cell"] == "ketamine/intravenous/immediate"].set_index("method")
    row = mine.loc["DerSimonian-Laird"]
    printed = [-15.79, -32.09, 0.51]
    assert row[["estimate", "lower", "upper"]].to_list() == pytest.approx(printed, abs=5e-3)
    row = mine.loc["REML, Hartung-Knapp"]
    assert row[["estimate", "lower", "upper"]].to_list() == pytest.approx(
        [-15.80, -49.81, 18.21], abs=5e-3
    )


def test_counts_have_their_methods_and_the_posterior_beside_them() -> None:
    spec, trials = nmda.load_model("any_adverse_event"), nmda.load_trials()
    effects = nmda.effect_table(trials, spec)
    tree = nmda.fit(spec, effects, engine="exact")
    table = classical(effects, measure="RR", tree=tree)
    mine = table[table["cell"] == "ketamine/intravenous"].set_index("method")
    # printed by the review: RR 3.26 (1.05 to 10.09)
    printed = mine.loc["DerSimonian-Laird", ["estimate", "lower", "upper"]].to_list()
    assert printed == pytest.approx([3.26, 1.05, 10.09], abs=5e-3)
    assert set(mine.index) == {
        "inverse variance", "DerSimonian-Laird", "REML, Hartung-Knapp", "Mantel-Haenszel",
        "posterior",
    }  # fmt: skip
    record = nmda.effect(tree, measure="RR").records[0]
    assert mine.loc["posterior", "estimate"] == record["estimate"]
    assert "Peto" in set(classical(effects)["method"])


def test_what_is_not_allowed_is_refused(pain) -> None:
    with pytest.raises(UsageError, match="this is MD"):
        classical(pain, measure="OR")
    with pytest.raises(UsageError, match="columns of text"):
        classical(pain, by="yi")
    with pytest.raises(UsageError, match="between 0 and 1"):
        classical(pain, level=95)
    assert isinstance(classical(pain, by="partition"), pd.DataFrame)
