"""A report of a model of each kind with real rows and made-up draws: nothing is sampled."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from filelock import FileLock

from bayes_nmda.spec.parameters import in_words
from bayes_nmda.spec.spec import load_model
from bayes_nmda.store import fits

CHAINS, DRAWS = 4, 250
PAIN = """
title = "A small report"
subtitle = "Made-up draws"

[[section]]
kind = "primary"
title = "Pain"
models = ["quick"]
curve = [0, 40, 10]
[section.labels]
quick = "Quick"
"""
#: The same with a section of each other kind.
_COLUMNS = """subtitle = "Made-up draws"
columns = ["quick_harm", "quick_responder"]
headline_harm = "quick_harm"
"""
WHOLE = f"""{PAIN.replace('subtitle = "Made-up draws"', _COLUMNS)}
[[section]]
kind = "harms"
title = "Harms"
models = ["quick_harm"]
beside = ["quick_harm_alone"]
[section.labels]
quick_harm_alone = "Alone"

[[section]]
kind = "tradeoff"
title = "Benefit against harm"
models = ["quick", "quick_harm"]
at_least = [0, 0.5]
at_most = [0, 0.1]
points_per_event = [0, 1]

[[section]]
kind = "responders"
title = "Responders"
models = ["quick_responder"]

[[section]]
kind = "function"
title = "Function"
models = ["quick_function"]

[[section]]
kind = "active"
title = "Against other medicines"
models = ["quick_active"]

[[section]]
kind = "explorer"
title = "Choose"
models = ["quick", "quick_harm"]
curve = [0, 1, 0.25]
at_most = [0, 0.1]
scenarios = ["quick"]

[[section]]
kind = "next_trial"
title = "The next trial"
models = ["quick"]
people = [60, 240]
several = [1, 3]
"""
_SAMPLING = f"""
[sampling]
draws = {DRAWS}
chains = {CHAINS}
"""
_DIFFERENCES = """
[gates]
engine_errors_max = 1e6  # the draws are made up; engines are compared in test_engines.py
r_hat_max = 1.02  # of few draws, independent as they are
"""
_COUNTS = """
[gates]
engine_errors_max = 1e6
r_hat_max = 1.02
predictive_p_min = 0.0  # the draws are made up; predictions are checked where models are fitted
"""


def _priors_in(unit: str) -> str:
    """Return the priors of pain intensity with readings in another unit."""
    tables = []
    for name, prior in load_model("pain_intensity").priors:
        table = prior.to_mapping() | {"reading": in_words(name, prior, unit)}
        lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
        tables.append("\n".join([f"[priors.{name}]", *lines]))
    return "\n".join(tables)


MODELS = {
    "quick": f"""
extends = "pain_intensity"
title = "Quality of life: few rows, so that a build is quick"
{_DIFFERENCES}{_SAMPLING}
[select]
outcome = "quality_of_life"
[effect]
measure = "SMD"
unit = "SD"
{_priors_in("SD")}
""",
    "quick_function": f"""
extends = "disability"
title = "Disability, few rows"
{_DIFFERENCES}{_SAMPLING}
""",
    **{
        name: f"""
extends = "{base}"
title = "{base}, made up"
{_COUNTS}{_SAMPLING}
"""
        for name, base in {
            "quick_harm": "any_adverse_event",
            "quick_harm_alone": "any_adverse_event_unpooled",
            "quick_responder": "responder_50",
            "quick_active": "hallucinations_active",
        }.items()
    },
}


def made_up(spec, effects) -> xr.DataTree:
    """Return a tree with the layout of a fit; draws are independent noise around no effect."""
    from bayes_nmda.gates.convergence import record_gates
    from bayes_nmda.inference.counts import count_constants, count_groups
    from bayes_nmda.inference.labels import constants, with_labels
    from bayes_nmda.inference.origin import attributes
    from bayes_nmda.model.counts import Counts, with_information
    from bayes_nmda.model.structure import Layout

    rng = np.random.default_rng(7)
    counted = spec.likelihood.family != "normal"
    whole = effects
    if counted:
        effects, _ = with_information(spec, effects)
    frame = effects.frame
    layout = Layout.of(frame)
    size = 0.5 if counted or spec.measure == "SMD" else 5.0
    spreads = [name for name, _ in spec.priors if name.startswith(("tau", "sd_"))]

    def draws(chains: int, number: int) -> xr.Dataset:
        drawn, shape = ("chain", "draw"), (chains, number)
        effect = size * rng.normal(size=(*shape, len(layout.cells)))
        variables = {
            "overall": (drawn, size * rng.normal(size=shape)),
            "effect": ((*drawn, "cell"), effect),
            "new_trial": ((*drawn, "cell"), effect + size * rng.normal(size=effect.shape)),
            "theta": ((*drawn, "contrast"), effect[..., layout.cell_of_contrast]),
            "partition_effect": (
                (*drawn, "partition"),
                rng.normal(size=(*shape, len(layout.partitions))),
            ),
            **{name: (drawn, np.abs(size * rng.normal(size=shape)) + 0.01) for name in spreads},
        }
        if spec.structure.pooling == "none":  # a cell has its own SD, and nothing above it
            del variables["overall"], variables["partition_effect"]
            own = np.abs(size * rng.normal(size=effect.shape)) + 0.01
            variables["tau"] = ((*drawn, "cell"), own)
        coords = {
            "cell": list(layout.cells), "partition": list(layout.partitions),
            "contrast": list(layout.contrasts),
            "chain": np.arange(chains), "draw": np.arange(number),
        }  # fmt: skip
        if counted:
            baseline = rng.logistic(size=(*shape, len(layout.cells)))
            variables["baseline_log_odds"] = ((*drawn, "cell"), baseline)
        found = xr.Dataset(variables, coords)
        unused = [
            name
            for name in found.coords
            if name not in found.dims
            or not any(name in values.dims for values in found.data_vars.values())
        ]
        return with_labels(found.drop_vars(unused))

    posterior, prior, known = draws(CHAINS, DRAWS), draws(1, 500), constants(effects)
    if counted:
        counts = Counts.of(frame, layout, spec.structure.pooling)
        observed = count_groups(posterior, prior, effects, layout, spec, (rng, rng))
        known = known.merge(count_constants(counts, layout))
    else:
        observed = _differences(frame, rng)
    shape, drawn = (CHAINS, DRAWS), ("chain", "draw")
    sampler = {
        "energy": (drawn, 20.0 + rng.normal(size=shape)),
        "diverging": (drawn, np.zeros(shape, bool)),
    }
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "prior": prior,
            **observed,
            "sample_stats": xr.Dataset(sampler),
            "constant_data": known,
        }
    )
    tree.attrs = attributes(spec, whole, spec.sampling.seed, "nuts")
    tree.attrs |= {"chains": CHAINS, "draws": DRAWS}
    record_gates(tree)
    return tree


def _differences(frame, rng) -> dict[str, xr.Dataset]:
    """Return the groups about what was observed: predictions around it, and a log-likelihood."""
    shape, drawn = (CHAINS, DRAWS), ("chain", "draw")
    yi, sei = frame["yi"].to_numpy(float), frame["sei"].to_numpy(float)
    trials = list(dict.fromkeys(frame["trial"]))
    labels = {"contrast": frame["contrast"].to_numpy(str)}
    replicated = yi + sei * rng.normal(size=(*shape, len(yi)))
    log_likelihood = -3 + 0.1 * rng.normal(size=(*shape, len(trials)))
    return {
        "posterior_predictive": xr.Dataset({"yi": ((*drawn, "contrast"), replicated)}, labels),
        "log_likelihood": xr.Dataset(
            {"yi": ((*drawn, "trial"), log_likelihood)}, {"trial": trials}
        ),
        "observed_data": xr.Dataset({"yi": ("contrast", yi)}, labels),
    }


def store_fits(models: Iterable[str]) -> None:
    """Store the made-up fits of some models."""
    from bayes_nmda.data import load_trials
    from bayes_nmda.effects import effect_table
    from bayes_nmda.spec.spec import load_model

    trials = load_trials()
    for name in models:
        spec = load_model(name)
        fits.save(made_up(spec, effect_table(trials, spec)), inputs=trials.digests)


@pytest.fixture(scope="session", autouse=True)
def one_process() -> Iterator[None]:
    """Build in this process, where a test can put something else in place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOKY_MAX_CPU_COUNT", "1")
        yield


@pytest.fixture
def whole() -> str:
    """Return a definition with every kind of section."""
    return WHOLE


@pytest.fixture
def make_up():
    """Return the function that makes up a fit."""
    return made_up


def built(
    home: Path,
    report: str,
    definition: str,
    models: Iterable[str],
    spoil: Callable[[Path], None] = lambda _: None,
) -> Path:
    """Return a home whose report has been built once, from files that ``spoil`` changed."""
    from bayes_nmda import paths
    from bayes_nmda.report import build_report

    for name in ("data", "models"):
        shutil.copytree(getattr(paths, name)(), home / name)
    schema = home / "models" / "schema.json"
    text = schema.read_text("utf-8").replace('"maximum": 6,', '"maximum": 1e6,')
    schema.write_text(text.replace('"minimum": 0.001,', '"minimum": 0,'), "utf-8")  # see _COUNTS
    (home / "reports").mkdir()
    (home / "reports" / f"{report}.toml").write_text(definition, encoding="utf-8")
    for name, text in MODELS.items():
        (home / "models" / f"{name}.toml").write_text(text, encoding="utf-8")
    spoil(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, paths.HOME_VARIABLE, str(home))
        store_fits(models)
        assert build_report(report).built
    return home


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that the first of the processes of this run makes for all of them."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    home = root / name
    with FileLock(f"{home}.lock"):
        if not home.exists():
            part = home.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            make(part)
            part.rename(home)
    return home


@pytest.fixture(scope="session")
def built_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home whose report ``quick``, about pain alone, has been built once."""
    return _once(tmp_path_factory, "built", lambda home: built(home, "quick", PAIN, ["quick"]))


@pytest.fixture(scope="session")
def told_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home whose report ``whole``, with every kind of section, has been built once."""
    return _once(tmp_path_factory, "told", lambda home: built(home, "whole", WHOLE, MODELS))


@pytest.fixture
def home(built_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a copy of the built home, free to be changed, and work in it."""
    from bayes_nmda import paths

    copy = tmp_path / "home"
    shutil.copytree(built_home, copy)
    monkeypatch.setenv(paths.HOME_VARIABLE, str(copy))
    return copy


@pytest.fixture
def told(told_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in the home of the whole report, which nobody may change."""
    from bayes_nmda import paths

    monkeypatch.setenv(paths.HOME_VARIABLE, str(told_home))
    return told_home


@pytest.fixture(scope="session")
def page(told_home: Path) -> str:
    """Return the page of the whole report."""
    return (told_home / "reports" / "latest" / "index.html").read_text(encoding="utf-8")


def manifest_of(home: Path) -> dict:
    """Return the manifest of the built report."""
    text = (home / "reports" / "latest" / "manifest.json").read_text(encoding="utf-8")
    return json.loads(text)


@pytest.fixture(scope="session")
def manifest(built_home: Path) -> dict:
    """Return the manifest of the report about pain alone."""
    return manifest_of(built_home)


@pytest.fixture(scope="session")
def whole_manifest(told_home: Path) -> dict:
    """Return the manifest of the whole report."""
    return manifest_of(told_home)
