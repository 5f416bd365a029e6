"""Crossover trials: refused unless the model says how they enter, and people count once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayes_nmda.effects import effect_table
from bayes_nmda.effects.continuous import smd
from bayes_nmda.effects.paired import paired_mean_difference
from bayes_nmda.errors import SpecError


def crossed(tables, trial="abel", randomised=None, n=None):
    """Return tables in which one trial is a crossover, all arms with n people if given."""
    rows = tables.outcomes
    if n is not None:
        rows = rows.assign(n=rows["n"].where(rows["trial"] != trial, n))
    trials = tables.trials
    design = trials["trial"].map(lambda name: "crossover" if name == trial else "parallel")
    return replace(
        tables, outcomes=rows, trials=trials.assign(design=design, n_randomised=randomised)
    )


def settings(make, crossover, correlation=None, **more):
    plain = make.settings(**more)
    covariance = replace(plain.covariance, crossover=crossover, crossover_correlation=correlation)
    return replace(plain, covariance=covariance)


def own(table, trial="abel"):
    return (table.frame["trial_id"] == trial).to_numpy()


def test_a_crossover_is_refused_until_the_model_says_how_it_enters(tables, make):
    with pytest.raises(SpecError, match=r"crossover: found nothing, while Abel 2001 had"):
        effect_table(crossed(tables), make.settings())


def test_its_first_period_is_a_parallel_trial(tables, make):
    rows = crossed(tables)
    first = replace(rows, outcomes=rows.outcomes.assign(first_phase=True))
    table, plain = effect_table(first, make.settings()), effect_table(tables, make.settings())
    np.testing.assert_allclose(table.covariance, plain.covariance)
    assert table.participants == plain.participants
    assert not table.frame["flags"].str.contains("crossover").any()


def test_as_parallel_changes_no_error_and_counts_people_once(tables, make):
    rows = crossed(tables, n=20)
    table = effect_table(rows, settings(make, "as_parallel"))
    plain = effect_table(replace(rows, trials=tables.trials), make.settings())
    np.testing.assert_allclose(table.covariance, plain.covariance)
    flags = table.frame["flags"][own(table)]
    assert flags.str.contains("crossover_as_parallel").all()
    assert flags.str.contains("people_counted_once").all()
    cell = table.frame["cell"][own(table)].iloc[0]
    assert (table.participants[cell], plain.participants[cell]) == (20, 40)


@pytest.mark.parametrize(("randomised", "people"), [(40, 40), (39, 20), (None, 20)])
def test_two_groups_fit_only_into_as_many_people_as_were_randomised(
    tables, make, randomised, people
):
    table = effect_table(
        crossed(tables, randomised=randomised, n=20), settings(make, "as_parallel")
    )
    cell = table.frame["cell"][own(table)].iloc[0]
    assert table.participants[cell] == people


@pytest.mark.parametrize("r", [-0.3, 0.0, 0.68])
def test_paired_errors_are_those_of_differences_within_people(tables, make, r):
    table = effect_table(crossed(tables, n=20), settings(make, "paired", r))
    rows = table.frame[own(table)]
    _, vi = paired_mean_difference(
        rows["mean_t"], rows["sd_t"], rows["mean_c"], rows["sd_c"], 20, correlation=r
    )
    np.testing.assert_allclose(rows["sei"] ** 2, vi)
    assert rows["flags"].str.contains("paired_crossover").all()
    assert table.participants[rows["cell"].iloc[0]] == 20
    first, second = np.flatnonzero(own(table))[:2]
    se_t, se_c = (rows[f"sd_{arm}"].to_numpy() / np.sqrt(20) for arm in "tc")
    between = se_t[0] * se_t[1] + se_c[0] * se_c[1] - r * (se_t[0] * se_c[1] + se_c[0] * se_t[1])
    assert table.covariance[first, second] == pytest.approx(0.6 * between)
    others = ~own(table)
    plain = effect_table(tables, make.settings())
    np.testing.assert_allclose(
        table.covariance[np.ix_(others, others)], plain.covariance[np.ix_(others, others)]
    )


def test_a_paired_standardised_difference_at_correlation_0_is_that_of_two_groups(tables, make):
    rows = crossed(tables, n=20)
    paired = effect_table(rows, settings(make, "paired", 0.0, measure="SMD"))
    parallel = effect_table(rows, settings(make, "as_parallel", measure="SMD"))
    np.testing.assert_allclose(paired.covariance, parallel.covariance)
    half = effect_table(rows, settings(make, "paired", 0.5, measure="SMD")).frame[own(paired)]
    g, _ = smd(half["mean_t"], half["sd_t"], 20, half["mean_c"], half["sd_c"], 20)
    # 2 (1 - r) / n for the means, g^2 (1 + r^2) / (2 N) for their common SD
    np.testing.assert_allclose(half["sei"] ** 2, 1 / 20 + g**2 * 1.25 / 80)


def test_arms_of_different_size_are_no_pairs(tables, make):
    with pytest.raises(SpecError, match=r'found "paired", while the arms have different numbers'):
        effect_table(crossed(tables), settings(make, "paired", 0.5))
