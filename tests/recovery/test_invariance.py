"""What must not matter does not: sign, unit, order of rows; and what must be caught is caught."""

import csv
import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from bayes_nmda import paths
from bayes_nmda.data import load_trials
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.errors import BayesNmdaError
from bayes_nmda.model.build import build_model
from bayes_nmda.spec.priors import Prior
from bayes_nmda.spec.spec import ModelSpec
from tests.model.densities import log_density, natural_point

WithYi = Callable[[EffectTable, object], EffectTable]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(paths.data(), tmp_path / "data"))


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write_rows(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def shuffled(folder: Path) -> None:
    rng = np.random.default_rng(8)
    for name in ("trials", "arms", "outcomes"):
        head, *rows = rows_of(folder / f"{name}.csv")
        write_rows(folder / f"{name}.csv", [head, *(rows[i] for i in rng.permutation(len(rows)))])


def test_the_order_of_rows_does_not_matter(
    folder: Path, primary: ModelSpec, pain: EffectTable
) -> None:
    shuffled(folder)
    again = effect_table(load_trials(folder), primary)
    assert again.hash == pain.hash
    np.testing.assert_array_equal(again.covariance, pain.covariance)


@pytest.mark.slow
def test_the_order_of_rows_does_not_move_a_draw(
    folder: Path, primary: ModelSpec, pain: EffectTable, sampled: Callable[..., xr.DataTree]
) -> None:
    shuffled(folder)
    again = effect_table(load_trials(folder), primary)
    one, two = (sampled(primary, table, seed=3, draws=100) for table in (pain, again))
    xr.testing.assert_equal(one["posterior"].to_dataset(), two["posterior"].to_dataset())


@pytest.fixture
def point(primary: ModelSpec, pain: EffectTable) -> dict[str, np.ndarray]:
    point = natural_point(build_model(primary, pain), np.random.default_rng(9), scale=4)
    return {name: value / 4 if name.startswith("z_") else value for name, value in point.items()}


def of(spec: ModelSpec, effects: EffectTable) -> Callable[[dict[str, np.ndarray]], float]:
    return log_density(build_model(spec, effects))


def test_swapping_all_arms_mirrors_the_posterior(
    primary: ModelSpec, pain: EffectTable, with_yi: WithYi, point: dict[str, np.ndarray]
) -> None:
    swapped = of(primary, with_yi(pain, -pain.frame["yi"]))
    mirrored = {
        name: value if name.startswith(("sd_", "tau")) else -value for name, value in point.items()
    }
    original = of(primary, pain)(point)
    assert swapped(mirrored) == pytest.approx(original, rel=1e-12)
    assert swapped(point) != pytest.approx(original, rel=1e-6)


def test_another_unit_rescales_the_posterior_and_nothing_else(
    primary: ModelSpec, pain: EffectTable, point: dict[str, np.ndarray]
) -> None:
    c = 0.1  # points on a scale of 0 to 10
    priors = tuple(
        (
            name,
            dataclasses.replace(
                prior,
                parameters=tuple(
                    (key, value * c if key in {"loc", "scale"} else value)
                    for key, value in prior.parameters
                ),
                upper=None if prior.upper is None else prior.upper * c,
            ),
        )
        for name, prior in primary.priors
    )
    spec = dataclasses.replace(primary, priors=priors)
    frame = pain.frame.assign(yi=c * pain.frame["yi"], sei=c * pain.frame["sei"])
    small = EffectTable(frame, c**2 * pain.covariance, pain.measure, pain.unit)
    scaled = {name: value if name.startswith("z_") else value * c for name, value in point.items()}
    # observations, and all variables but the unit deviations, have a density per unit
    units = 31 + sum(value.size for name, value in point.items() if not name.startswith("z_"))
    expected = of(primary, pain)(point) - units * np.log(c)
    assert of(spec, small)(scaled) == pytest.approx(expected, rel=1e-12)


def test_an_uncut_prior_is_the_limit_of_a_cut_one(
    primary: ModelSpec, pain: EffectTable, point: dict[str, np.ndarray]
) -> None:
    far = primary.with_prior(tau=Prior.of("inverse_gamma", 1.69, 10.5, upper=1e9))
    uncut = primary.with_prior(tau=("inverse_gamma", 1.69, 10.5))
    one, two = of(far, pain)(point), of(uncut, pain)(point)
    assert one == pytest.approx(two, abs=1e-6)


def test_a_shared_control_arm_split_in_two_is_caught(folder: Path, primary: ModelSpec) -> None:
    """The same 20 people under two names would count twice."""
    for name, column in (("arms", 1), ("outcomes", 2)):
        rows = rows_of(folder / f"{name}.csv")
        split = []
        for row in rows:
            trial = row[0].split(":")[0]
            if trial == "martin2019" and row[column] == "placebo":
                copy = row.copy()
                copy[column] = "placebo_2"
                copy[0] = copy[0].replace(":placebo:", ":placebo_2:")
                split.append(copy)
        write_rows(folder / f"{name}.csv", rows + split)
    with pytest.raises(BayesNmdaError, match=r"martin2019"):
        effect_table(load_trials(folder), primary)
