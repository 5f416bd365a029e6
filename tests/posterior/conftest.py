"""The committed analysis with draws that were never sampled, and a store of one's own."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from bayes_nmda import paths
from bayes_nmda.data import TrialData, load_trials
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.model.spec import ModelSpec, load_model
from bayes_nmda.model.structure import Layout

MakeTree = Callable[..., xr.DataTree]
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
    from bayes_nmda.posterior.labels import constants, with_labels
    from bayes_nmda.posterior.sample import attributes

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
