"""The effect table of the project's own data: what the design says it holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.spec.spec import ModelSpec, load_model


def settings(
    outcome: str, measure: str, benefit: str = "negative", comparator: str = "placebo"
) -> ModelSpec:
    """Return the primary model with other rows and another measure."""
    base = load_model("pain_intensity")
    return replace(
        base,
        select=replace(base.select, outcome=outcome, comparator=comparator),
        measure=measure,
        covariance=replace(base.covariance, crossover="as_parallel"),
        benefit=benefit,
    )


@pytest.fixture(scope="module")
def pain(trials) -> EffectTable:
    return effect_table(trials, settings("pain_intensity", "MD"))


def test_pain_has_31_contrasts_of_20_trials_in_15_cells(pain) -> None:
    assert len(pain.frame) == 31
    assert pain.frame["trial_id"].nunique() == 20
    assert pain.frame["cell"].nunique() == 15
    assert pain.frame["contrast"].is_unique


def test_participants_are_those_of_the_review(pain) -> None:
    """Sums of the printed arm sizes of analyses 1.1, 1.4 and 7.2."""
    assert pain.participants["ketamine/intravenous/immediate"] == 173
    assert pain.participants["ketamine/intravenous/short"] == 114
    assert pain.participants["memantine/oral/short"] == 217


def test_the_placebo_arm_of_martin_2019_links_its_two_drugs(pain) -> None:
    names = ["Martin 2019: memantine/oral/short", "Martin 2019: dextromethorphan/oral/short"]
    i, j = (pain.frame["contrast"].tolist().index(name) for name in names)
    assert pain.covariance[i, j] == pytest.approx(22.36068**2 / 20)


def test_only_contrasts_that_share_people_covary(pain) -> None:
    linked = (pain.covariance != 0) & ~np.eye(31, dtype=bool)
    trial = pain.frame["trial_id"].to_numpy(dtype=str)
    assert (linked == (trial[:, None] == trial[None, :]) & ~np.eye(31, dtype=bool)).all()
    # Ten trials report two timepoints, and Martin 2019 two drugs.
    assert linked.sum() == 2 * 11


def test_covariance_is_positive_definite(pain) -> None:
    assert np.linalg.eigvalsh(pain.covariance).min() > 0


def test_the_two_strata_of_dadabayev_2020_are_compared_each_with_its_own_control(trials) -> None:
    table = effect_table(trials, settings("pain_intensity", "MD", comparator="ketorolac"))
    np.testing.assert_allclose(table.frame["yi"], [-4.9, -4.66])
    assert table.covariance[0, 1] == 0
    assert set(table.participants.values()) == {39}


@pytest.mark.parametrize("measure", ["log_rr", "log_or", "RD"])
@pytest.mark.parametrize(
    ("outcome", "contrasts"),
    [("any_adverse_event", 11), ("psychotomimetic", 3), ("tolerability", 15)],
)
def test_harms_keep_every_table_of_counts(trials, measure, outcome, contrasts) -> None:
    table = effect_table(trials, settings(outcome, measure))
    assert len(table.frame) == contrasts
    blank = table.frame["yi"].isna()
    double = table.frame["flags"].str.contains("double_zero")
    assert blank.tolist() == (double & (measure != "RD")).tolist()


@pytest.mark.parametrize("outcome", ["depressive_symptoms", "disability"])
def test_scales_are_standardised_and_turned_the_same_way(trials, outcome) -> None:
    table = effect_table(trials, settings(outcome, "SMD"))
    assert np.isfinite(table.covariance).all()
    assert not table.frame["flags"].str.contains("reversed").any()


def test_quality_of_life_is_turned_so_that_positive_is_better(trials) -> None:
    table = effect_table(trials, settings("quality_of_life", "SMD", benefit="positive"))
    turned = table.frame["flags"].str.contains("reversed")
    assert set(table.frame.loc[turned, "trial_id"]) == {"noppers2011a"}
    assert (table.frame.loc[table.frame["trial_id"] == "olivanblazquez2014", "yi"] > 0).all()
