"""A report of one model with real rows and made-up draws: nothing is sampled."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

CHAINS, DRAWS = 4, 250
DEFINITION = """
title = "A small report"
subtitle = "Made-up draws"
models = ["quick"]
curve = [0, 40, 10]
harms = ["any_adverse_event"]
[labels]
quick = "Quick"
"""
MODEL = f"""
extends = "pain_intensity"
title = "Quality of life: few rows, so that a build is quick"
[select]
outcome = "quality_of_life"
[effect]
measure = "SMD"
[gates]
engine_errors_max = 1e6  # the draws are made up; engines are compared in test_engines.py
r_hat_max = 1.02  # of few draws, independent as they are
[sampling]
draws = {DRAWS}
chains = {CHAINS}
"""


def made_up(spec, effects) -> xr.DataTree:
    """Return a tree with the layout of a fit; draws are independent noise around the data."""
    from bayes_nmda.posterior.labels import constants, with_labels
    from bayes_nmda.posterior.sample import attributes

    rng = np.random.default_rng(7)
    frame = effects.frame
    cells, partitions = list(effects.trials), list(effects.partition_trials)
    of_cell = [cells.index(label) for label in frame["cell"]]
    yi, sei = frame["yi"].to_numpy(float), frame["sei"].to_numpy(float)
    trials = list(dict.fromkeys(frame["trial"]))

    def draws(chains: int, size: int) -> xr.Dataset:
        drawn, shape = ("chain", "draw"), (chains, size)
        effect = -5.0 + 5.0 * rng.normal(size=(*shape, len(cells)))
        spread = {
            name: (drawn, np.abs(4.0 * rng.normal(size=shape)) + 0.1)
            for name in ("tau", "sd_drug", "sd_route", "sd_timepoint", "sd_trial_timepoint")
        }
        variables = {
            "overall": (drawn, -5.0 + rng.normal(size=shape)),
            "effect": ((*drawn, "cell"), effect),
            "new_trial": ((*drawn, "cell"), effect + 4.0 * rng.normal(size=effect.shape)),
            "theta": ((*drawn, "contrast"), effect[..., of_cell]),
            "partition_effect": (
                (*drawn, "partition"),
                rng.normal(size=(*shape, len(partitions))),
            ),
            **spread,
        }
        coords = {
            "cell": cells, "partition": partitions, "contrast": frame["contrast"].to_numpy(str),
            "chain": np.arange(chains), "draw": np.arange(size),
        }  # fmt: skip
        return with_labels(xr.Dataset(variables, coords))

    shape, drawn = (CHAINS, DRAWS), ("chain", "draw")
    labels = {"contrast": frame["contrast"].to_numpy(str)}
    replicated = yi + sei * rng.normal(size=(*shape, len(yi)))
    tree = xr.DataTree.from_dict(
        {
            "posterior": draws(CHAINS, DRAWS),
            "prior": draws(1, 500),
            "posterior_predictive": xr.Dataset({"yi": ((*drawn, "contrast"), replicated)}, labels),
            "log_likelihood": xr.Dataset(
                {"yi": ((*drawn, "trial"), -3 + 0.1 * rng.normal(size=(*shape, len(trials))))},
                {"trial": trials},
            ),
            "sample_stats": xr.Dataset(
                {
                    "energy": (drawn, 20.0 + rng.normal(size=shape)),
                    "diverging": (drawn, np.zeros(shape, bool)),
                }
            ),
            "observed_data": xr.Dataset({"yi": ("contrast", yi)}, labels),
            "constant_data": constants(effects),
        }
    )
    tree.attrs = attributes(spec, effects, spec.sampling.seed, "nuts")
    tree.attrs |= {"chains": CHAINS, "draws": DRAWS}
    return tree


def store_fit(change=lambda tree: tree) -> None:
    """Store the made-up fit of the model ``quick``, changed as asked."""
    from bayes_nmda.data import load_trials
    from bayes_nmda.effects import effect_table
    from bayes_nmda.model.spec import load_model
    from bayes_nmda.posterior import store

    trials, spec = load_trials(), load_model("quick")
    for old in store.folder().glob("*.nc"):
        old.unlink()
    tree = made_up(spec, effect_table(trials, spec))
    change(tree)
    store.save(tree, inputs=trials.digests)


@pytest.fixture
def make_up():
    """Return the function that makes up a fit."""
    return made_up


@pytest.fixture(scope="session")
def built_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home whose report ``quick`` has been built once."""
    from bayes_nmda import paths
    from bayes_nmda.report import build_report

    home = tmp_path_factory.mktemp("report")
    for name in ("data", "models"):
        shutil.copytree(getattr(paths, name)(), home / name)
    shutil.copytree(paths.reports() / "templates", home / "reports" / "templates")
    (home / "reports" / "quick.toml").write_text(DEFINITION, encoding="utf-8")
    (home / "models" / "quick.toml").write_text(MODEL, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, paths.HOME_VARIABLE, str(home))
        store_fit()
        assert build_report("quick").built
    return home


@pytest.fixture
def home(built_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a copy of the built home, free to be changed, and work in it."""
    from bayes_nmda import paths

    copy = tmp_path / "home"
    shutil.copytree(built_home, copy)
    monkeypatch.setenv(paths.HOME_VARIABLE, str(copy))
    return copy


@pytest.fixture(scope="session")
def page(built_home: Path) -> str:
    """Return the built page."""
    return (built_home / "reports" / "latest" / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def manifest(built_home: Path) -> dict:
    """Return the manifest of the built report."""
    text = (built_home / "reports" / "latest" / "manifest.json").read_text(encoding="utf-8")
    return json.loads(text)
