"""One small posterior without sampling: three cells in two partitions, 4 chains of 200 draws.

Its layout is that of a stored fit; its draws are autocorrelated noise around chosen means, so that
tests know the answer and Monte Carlo errors are not trivial. Beside it the committed analysis of
pain, with draws that were never sampled, and a store of one's own.
"""

import json
import os
import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from bayes_nmda import paths
from bayes_nmda.data import TrialData, load_trials
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.model.structure import Layout
from bayes_nmda.spec.spec import ModelSpec, load_model
from tests.spec.multiverse_file import HEAD

CHAINS, DRAWS, PRIOR_DRAWS = 4, 200, 1000
CELLS = ["ketamine/intravenous/immediate", "ketamine/intravenous/short", "memantine/oral/short"]
MEANS = np.array([-12.0, -4.0, 2.0])
#: trial, cell, yi, sei, n_t, n_c, flags
CONTRASTS = [
    ("Alder 2001", 0, -15.0, 6.0, 20, 20, "digitised"),
    ("Birch 2002", 0, -9.0, 5.0, 30, 30, ""),
    ("Alder 2001", 1, -4.0, 6.5, 20, 20, ""),
    ("Cedar 2003", 2, 3.0, 7.0, 10, 12, "route_inferred"),
]
SEED = 20250820
_SMALL_MULTIVERSE = (
    HEAD
    + """
[[choice]]
name = "pooling"
title = "Pooling"
option = [{ name = "partial" }, { name = "complete", model = "pain_intensity_complete" }]
"""
)


def _chains(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return first-order autoregressive noise with unit SD, shape (chain, draw, size)."""
    phi = 0.4
    noise = rng.normal(size=(CHAINS, DRAWS, size))
    for i in range(1, DRAWS):
        noise[:, i] = phi * noise[:, i - 1] + np.sqrt(1 - phi**2) * noise[:, i]
    return noise


def _posterior(rng: np.random.Generator, of_cell: list[int]) -> dict[str, tuple]:
    drawn = ("chain", "draw")
    overall = -4.0 + 3.0 * _chains(rng, 1)[..., 0]
    effect = MEANS + 5.0 * _chains(rng, len(CELLS))
    tau = np.abs(5.0 + 2.0 * _chains(rng, 1)[..., 0])
    contrasts = effect[..., of_cell] + tau[..., None] * rng.normal(
        size=(CHAINS, DRAWS, len(of_cell))
    )
    return {
        "overall": (drawn, overall),
        "effect": ((*drawn, "cell"), effect),
        "partition_effect": ((*drawn, "partition"), effect[..., [0, 2]]),
        "new_trial": ((*drawn, "cell"), effect + tau[..., None] * rng.normal(size=effect.shape)),
        "theta": ((*drawn, "contrast"), contrasts),
        "tau": (drawn, tau),
        "sd_drug": (drawn, np.abs(3.0 * _chains(rng, 1)[..., 0])),
    }


def _prior(rng: np.random.Generator) -> dict[str, tuple]:
    drawn, shape = ("chain", "draw"), (1, PRIOR_DRAWS)
    overall = 10.0 * rng.normal(size=shape)
    effect = overall[..., None] + 5.0 * rng.normal(size=(*shape, len(CELLS)))
    tau = np.abs(10.0 * rng.normal(size=shape))
    return {
        "overall": (drawn, overall),
        "effect": ((*drawn, "cell"), effect),
        "new_trial": ((*drawn, "cell"), effect + tau[..., None] * rng.normal(size=effect.shape)),
        "tau": (drawn, tau),
        "sd_drug": (drawn, np.abs(5.0 * rng.normal(size=shape))),
    }


def _constants(cells: list[str], partitions: list[str]) -> dict[str, tuple]:
    columns = list(zip(*CONTRASTS, strict=True))
    of_cell = [CELLS[i] for i in columns[1]]
    numbers = {
        name: ("contrast", np.array(column, dtype=dtype))
        for name, column, dtype in zip(
            ("yi", "sei", "n_t", "n_c"), columns[2:6], (float, float, int, int), strict=True
        )
    }
    words = {
        "contrast_trial": columns[0],
        "contrast_trial_id": [name.replace(" ", "").lower() for name in columns[0]],
        "contrast_cell": of_cell,
        "contrast_flags": columns[6],
        "contrast_treatment_arm": [cell.split("/")[0] for cell in of_cell],
        "contrast_control_arm": ["placebo"] * len(of_cell),
    }
    return {
        **numbers,
        **{name: ("contrast", np.array(column, dtype=object)) for name, column in words.items()},
        "trials": ("cell", [2, 1, 1]),
        "participants": ("cell", [100, 40, 22]),
        "partition_trials": ("partition", [2, 1]),
        "partition_participants": ("partition", [100, 22]),
    }


@pytest.fixture(scope="session")
def _small_tree() -> xr.DataTree:
    rng = np.random.default_rng(SEED)
    of_cell = [row[1] for row in CONTRASTS]
    drug, route, timepoint = zip(*(cell.split("/") for cell in CELLS), strict=True)
    partitions = list(dict.fromkeys(cell.rsplit("/", 1)[0] for cell in CELLS))
    contrasts = [f"{row[0]}: {CELLS[row[1]]}" for row in CONTRASTS]
    coords = {
        "cell": CELLS,
        "drug": ("cell", list(drug)),
        "route": ("cell", list(route)),
        "timepoint": ("cell", list(timepoint)),
    }
    known = {"contrast": contrasts, "cell": CELLS, "partition": partitions}
    posterior = xr.Dataset(
        _posterior(rng, of_cell),
        {
            **coords,
            "contrast": contrasts,
            "partition": partitions,
            "chain": np.arange(CHAINS),
            "draw": np.arange(DRAWS),
        },
    )
    prior = xr.Dataset(
        _prior(rng), {**coords, "chain": np.arange(1), "draw": np.arange(PRIOR_DRAWS)}
    )
    yi = xr.Dataset({"yi": ("contrast", [row[2] for row in CONTRASTS])}, {"contrast": contrasts})
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "prior": prior,
            "observed_data": yi,
            "constant_data": xr.Dataset(_constants(CELLS, partitions), known),
        }
    )
    tree.attrs = {
        "model": "small",
        "title": "Three cells",
        "engine": "nuts",
        "seed": SEED,
        "chains": CHAINS,
        "draws": DRAWS,
        "measure": "MD",
        "unit": "points",
        "benefit": "negative",
        "outcome": "pain_intensity",
        "comparator": "placebo",
        "spec": json.dumps({"thresholds": {"benefit": [0, 10]}}),
        "spec_hash": "spec",
        "rows_hash": "rows",
        "versions": json.dumps({"python": "3.12"}),
        "gates_failed": "[]",
    }
    return tree


@pytest.fixture
def tree(_small_tree: xr.DataTree) -> xr.DataTree:
    """Return a copy of the small posterior, free to be changed."""
    return _small_tree.copy(deep=True)


@pytest.fixture(scope="session")
def stored_home(_small_tree: xr.DataTree, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with data/, models/ with the model ``small``, and its stored posterior.

    Point ``BAYES_NMDA_HOME`` at it.
    """
    from bayes_nmda import paths
    from bayes_nmda.spec.spec import load_model, model_inputs
    from bayes_nmda.store import fits

    home = tmp_path_factory.mktemp("home")
    for name in ("data", "models"):
        shutil.copytree(getattr(paths, name)(), home / name)
    (home / "reports").mkdir()
    (home / "models" / "small.toml").write_text(
        'extends = "pain_intensity"\ntitle = "Three cells"\n'
        f"[sampling]\ndraws = {DRAWS}\nchains = {CHAINS}\n",
        encoding="utf-8",
    )
    (home / "models" / "multiverse" / "small.toml").write_text(_SMALL_MULTIVERSE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, paths.HOME_VARIABLE, str(home))
        from bayes_nmda.data import table_digests

        stored = _small_tree.copy(deep=True)
        files, sampling = model_inputs("small")
        stored.attrs |= {
            "spec_hash": load_model("small").hash,
            "model_files": json.dumps(files),
            "seed": sampling.seed,
        }
        stored.attrs["spec"] = json.dumps(load_model("small").to_mapping())
        fits.save(stored, inputs=table_digests())
    return home


MakeTree = Callable[..., xr.DataTree]
Write = Callable[..., Path]
#: Each variable costs time to write; these are one of every kind.
CONSTANTS = ["yi", "n_t", "contrast_cell", "contrast_flags", "trials", "covariance"]


@pytest.fixture(scope="session")
def trials() -> TrialData:
    return load_trials()


@pytest.fixture(scope="session")
def primary() -> ModelSpec:
    return load_model("pain_intensity")


@pytest.fixture(scope="session")
def pain(primary: ModelSpec, trials: TrialData) -> EffectTable:
    return effect_table(trials, primary)


@pytest.fixture(scope="session")
def fake(pain: EffectTable) -> MakeTree:
    """Return a tree in the form of a fit by NUTS whose draws are independent noise."""
    from bayes_nmda.inference.labels import constants, with_labels
    from bayes_nmda.inference.origin import attributes

    layout = Layout.of(pain.frame)
    coords = {name: list(labels) for name, labels in layout.coords().items()}

    def _fake(
        spec: ModelSpec, *, seed: int | None = None, draws: int = 400, chains: int = 4
    ) -> xr.DataTree:
        seed = spec.sampling.seed if seed is None else seed
        rng = np.random.default_rng(seed)
        shape, dims = (chains, draws), ("chain", "draw")
        overall, tau = rng.normal(-5, 3, shape), np.abs(rng.normal(0, 8, shape))
        effect = overall[..., None] + rng.normal(0, 3, (*shape, 15))
        theta = effect[..., layout.cell_of_contrast] + rng.normal(0, 8, (*shape, 31))
        posterior = xr.Dataset(
            {
                "overall": (dims, overall),
                "tau": (dims, tau),
                "sd_trial_timepoint": (dims, np.abs(rng.normal(0, 4, shape))),
                "z_timepoint": ((*dims, "cell"), rng.normal(size=(*shape, 15))),
                "effect": ((*dims, "cell"), effect),
                "partition_effect": ((*dims, "partition"), overall[..., None] + np.zeros(8)),
                "theta": ((*dims, "contrast"), theta),
                "new_trial": (
                    (*dims, "cell"),
                    effect + tau[..., None] * rng.normal(size=effect.shape),
                ),
            },
            {name: coords[name] for name in ("cell", "partition", "contrast")},
        )
        replicated = theta + rng.normal(size=theta.shape) * pain.frame["sei"].to_numpy()
        tree = xr.DataTree.from_dict(
            {
                "posterior": with_labels(posterior),
                "prior": with_labels(posterior.isel(chain=[0])),
                "posterior_predictive": xr.Dataset(
                    {"yi": ((*dims, "contrast"), replicated)}, {"contrast": coords["contrast"]}
                ),
                "log_likelihood": xr.Dataset({"yi": ((*dims, "trial"), theta[..., :20])}),
                "sample_stats": xr.Dataset(
                    {
                        "diverging": (dims, np.zeros(shape, bool)),
                        "energy": (dims, rng.normal(size=shape)),
                    }
                ),
                "observed_data": xr.Dataset(
                    {"yi": ("contrast", pain.frame["yi"].to_numpy())},
                    {"contrast": coords["contrast"]},
                ),
                "constant_data": constants(pain)[CONSTANTS],
            }
        )
        tree.attrs = attributes(spec, pain, seed, "nuts")
        tree.attrs |= {"chains": spec.sampling.chains, "draws": spec.sampling.draws}
        tree.attrs |= {"gates": json.dumps([]), "gates_failed": json.dumps([])}
        return tree

    return _fake


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a root with the committed data and models and nothing stored."""
    root = tmp_path / "root"
    shutil.copytree(paths.data(), root / "data", ignore=shutil.ignore_patterns("raw"))
    shutil.copytree(paths.models(), root / "models")
    (root / "reports").mkdir()
    monkeypatch.setenv("BAYES_NMDA_HOME", str(root))
    return root


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a model file; by default it extends the primary analysis."""

    def _write(text: str = "", name: str = "mine", extends: str | None = "pain_intensity") -> Path:
        head = f'extends = "{extends}"\n' if extends else ""
        path = tmp_path / f"{name}.toml"
        path.write_text(head + textwrap.dedent(text), encoding="utf-8")
        return path

    return _write
