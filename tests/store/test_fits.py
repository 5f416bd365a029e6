"""Stored posteriors: never half written, never altered unnoticed, never the wrong answer."""

import dataclasses
import errno
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_nmda import paths
from bayes_nmda.data import TrialData
from bayes_nmda.effects import EffectTable
from bayes_nmda.errors import FitError, StaleError, StoreError, WriteError
from bayes_nmda.gates import convergence, gated
from bayes_nmda.spec.spec import ModelSpec, load_model
from bayes_nmda.store import file, fits, fresh
from bayes_nmda.store import folder as shelf

MakeTree = Callable[..., xr.DataTree]
NAME = "pain_intensity"
pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def tree(fake: MakeTree, primary: ModelSpec) -> xr.DataTree:
    return fake(primary, draws=40)


@pytest.fixture(scope="module")
def packed(
    fake: MakeTree,
    primary: ModelSpec,
    trials: TrialData,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Return a stored file, written once."""
    root = tmp_path_factory.mktemp("packed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "output", lambda: root)
        return fits.save(fake(primary, draws=40), inputs=trials.digests)


@pytest.fixture
def saved(packed: Path, home: Path) -> Path:
    """Return the file of a fit that the store has just written."""
    fits.folder().mkdir(parents=True)
    return Path(shutil.copyfile(packed, fits.folder() / packed.name))


def change_model(old: str, new: str) -> None:
    path = paths.models() / f"{NAME}.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


# what is kept


def test_what_is_read_back_is_what_was_stored(saved: Path, tree: xr.DataTree) -> None:
    back = fits.posterior(NAME)
    xr.testing.assert_identical(
        back["constant_data"].to_dataset(), tree["constant_data"].to_dataset()
    )
    for name, values in tree["posterior"].data_vars.items():
        low, high = (
            values.quantile(0.25, ["chain", "draw"]),
            values.quantile(0.75, ["chain", "draw"]),
        )
        # half a step; a step is at most 1/2,048 of the interquartile range
        tolerance = (high - low) / 2048 / 2 + 1e-6 * abs(values)
        assert bool((abs(back["posterior"][name] - values) <= tolerance).all()), name
    np.testing.assert_array_equal(back["log_likelihood"]["yi"], tree["log_likelihood"]["yi"])
    assert back.attrs["model"] == NAME
    assert back.attrs["key"] == saved.name.split(".")[1]


def test_one_draw_far_out_in_a_tail_does_not_make_the_others_coarse(tree: xr.DataTree) -> None:
    dataset = tree["posterior"].to_dataset()
    values = dataset["tau"].to_numpy().copy()
    values[0, 0] = 1e9
    dataset["tau"] = (("chain", "draw"), values)
    tree["posterior"].dataset = dataset
    found = fits.rounded(tree)["posterior"]["tau"].to_numpy()
    assert np.abs(found - values).ravel()[1:].max() < 0.01
    assert found[0, 0] == pytest.approx(1e9)


def test_draws_that_do_not_vary_and_draws_that_are_missing_are_kept_as_they_are(
    tree: xr.DataTree,
) -> None:
    dataset = tree["posterior"].to_dataset()
    values = dataset["effect"].to_numpy().copy()
    values[..., 0], values[0, 0, 1] = 3.25, np.nan
    dataset["effect"] = (("chain", "draw", "cell"), values)
    tree["posterior"].dataset = dataset
    found = fits.rounded(tree)["posterior"]["effect"].to_numpy()
    assert (found[..., 0] == 3.25).all()
    assert np.isnan(found[0, 0, 1])
    assert np.isnan(found).sum() == 1


def test_storing_leaves_the_fit_itself_alone(tree: xr.DataTree) -> None:
    before, attrs = tree.copy(deep=True), dict(tree.attrs)
    fits.save(tree)
    xr.testing.assert_identical(tree, before)
    assert tree.attrs == attrs


def test_rounding_twice_is_rounding_once_to_the_precision_kept(tree: xr.DataTree) -> None:
    once = fits.rounded(tree)
    twice = fits.rounded(once)
    np.testing.assert_allclose(twice["posterior"]["effect"], once["posterior"]["effect"], atol=5e-3)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    scale=st.floats(1e-6, 1e6),
    shift=st.floats(-1e3, 1e3),
    values=st.lists(st.floats(-50, 50), min_size=8, max_size=40),
)
def test_rounding_moves_no_draw_by_more_than_half_a_step(
    scale: float, shift: float, values: list[float]
) -> None:
    draws = scale * (np.array(values)[None, :] + shift)
    found = file._round(xr.DataArray(draws, dims=("chain", "draw"))).to_numpy()
    low, high = np.quantile(draws, [0.25, 0.75])
    assert np.abs(found - draws).max() <= (high - low) / 2048 / 2 + 2e-7 * np.abs(draws).max()


def test_equal_trees_make_equal_bytes(
    tree: xr.DataTree, fake: MakeTree, primary: ModelSpec
) -> None:
    first = fits.save(tree)
    content, modified = first.read_bytes(), first.stat().st_mtime_ns
    second = fits.save(fake(primary, draws=40))
    assert second == first
    assert second.read_bytes() == content
    assert second.stat().st_mtime_ns >= modified


def test_the_light_reader_gives_the_arrays_and_labels_of_xarray(saved: Path) -> None:
    full, light = fits.posterior(NAME), fits.read(saved)
    np.testing.assert_array_equal(light.array("posterior", "effect"), full["posterior"]["effect"])
    assert light.labels("posterior", "cell") == full["posterior"]["cell"].to_numpy().tolist()
    assert light.labels("constant_data", "contrast_flags")[0] is not None
    assert light.has("posterior", "effect")
    assert not light.has("posterior", "nothing")
    assert not light.has("nothing", "effect")
    assert {name: str(value) for name, value in light.attrs.items()} == {
        name: str(value) for name, value in full.attrs.items()
    }


# what a key covers


def test_a_key_covers_rows_model_seed_draws_and_chains(
    primary: ModelSpec, pain: EffectTable
) -> None:
    moved = EffectTable(
        pain.frame.assign(yi=pain.frame["yi"] + 1), pain.covariance, pain.measure, pain.unit
    )
    rho = load_model("pain_intensity_rho_03")
    found = [
        fits.fit_key(primary, pain),
        fits.fit_key(primary, moved),
        fits.fit_key(rho, pain),
        fits.fit_key(primary.with_prior(tau=("half_normal", 3)), pain),
        fits.fit_key(primary, pain, seed=1),
        fits.fit_key(primary, pain, draws=1),
        fits.fit_key(primary, pain, chains=1),
    ]
    assert len(set(found)) == len(found)
    assert all(len(key) == 16 for key in found)
    assert fits.fit_key(primary, pain, seed=primary.sampling.seed) == found[0]
    retitled = dataclasses.replace(primary, title="Another title")
    assert fits.fit_key(retitled, pain) == found[0]


def test_a_key_covers_versions_and_code(
    primary: ModelSpec, pain: EffectTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = fits.fit_key(primary, pain)
    with monkeypatch.context() as patch:
        patch.setattr(fresh, "versions", lambda: {"pymc": "0"})
        assert fits.fit_key(primary, pain) != own
    with monkeypatch.context() as patch:
        patch.setattr(fresh, "digests", lambda: {"model/build.py": "other"})
        assert fits.fit_key(primary, pain) != own
    assert fits.fit_key(primary, pain) == own


def test_load_finds_exactly_this_analysis(
    saved: Path, primary: ModelSpec, pain: EffectTable
) -> None:
    found = fits.load(primary, pain)
    assert found is not None
    assert found.attrs["key"] == fits.fit_key(primary, pain)
    assert fits.load(primary, pain, seed=5) is None
    assert fits.load(load_model("pain_intensity_rho_03"), pain) is None


# what is missing, stale or altered


def test_nothing_stored_says_what_to_run() -> None:
    with pytest.raises(StoreError, match=r"found no posterior of pain_intensity .*bayes-nmda fit"):
        fits.find(NAME)


@pytest.mark.parametrize("model", ["pain_intensity", "pain.v2"])
def test_a_posterior_names_its_model_stored_or_shipped(model: str) -> None:
    for name in (f"{model}.0123456789abcdef.fedcba9876543210.nc", f"{model}.nc"):
        assert file.model_of(Path("posteriors", name)) == model


def test_a_fit_of_a_model_file_with_a_dot_in_its_name_is_found(
    fake: MakeTree, trials: TrialData
) -> None:
    shutil.copy(paths.models() / f"{NAME}.toml", paths.models() / "pain.v2.toml")
    path = fits.save(fake(load_model("pain.v2"), draws=40), inputs=trials.digests)
    assert fits.find("pain.v2") == path


def test_a_cut_file_is_an_error_that_says_what_to_do(saved: Path) -> None:
    os.truncate(saved, saved.stat().st_size // 2)
    with pytest.raises(
        StoreError, match=r"the file is corrupt\. Move it out of the store, or run `bayes-nmda"
    ):
        fits.find(NAME)


def test_a_byte_that_changed_anywhere_shows(saved: Path) -> None:
    whole = saved.read_bytes()
    for place in np.linspace(0, len(whole) - 1, 9).astype(int):
        changed = bytearray(whole)
        changed[place] ^= 1
        saved.write_bytes(changed)
        with pytest.raises(StoreError, match=f"{NAME}.*is corrupt"):
            fits.find(NAME)
    saved.write_bytes(whole)
    assert fits.posterior(NAME).attrs["model"] == NAME


def test_something_else_under_the_name_of_a_posterior_is_refused(saved: Path) -> None:
    for content in (b"", b"no netCDF at all"):
        saved.write_bytes(content)
        with pytest.raises(StoreError, match="corrupt"):
            fits.find(NAME)
        with pytest.raises(StoreError, match="not a posterior that can be read"):
            fits.read(saved)


def test_a_foreign_netcdf_file_is_refused_by_what_it_lacks(home: Path) -> None:
    packed = file.content(xr.DataTree(xr.Dataset({"x": 1})))
    digest = hashlib.sha256(packed).hexdigest()
    file.put(fits.folder() / f"{NAME}.0123456789abcdef.{digest}.nc", packed)
    with pytest.raises(
        StoreError,
        match=r"found no attribute chains, code, code_bytes, draws, engine.*Move the file",
    ):
        fits.find(NAME)


def test_an_older_broken_file_does_not_stand_in_the_way_of_a_newer_good_one(
    fake: MakeTree, primary: ModelSpec, trials: TrialData
) -> None:
    old = fits.save(fake(primary, seed=1, draws=40), inputs=trials.digests)
    os.truncate(old, 100)
    os.utime(old, (1, 1))
    new = fits.save(fake(primary, draws=40), inputs=trials.digests)
    assert fits.find(NAME) == new


@pytest.mark.parametrize("last", ["nuts", "exact"])
def test_of_two_engines_the_exact_one_answers_whichever_was_stored_last(
    fake: MakeTree, primary: ModelSpec, trials: TrialData, last: str
) -> None:
    files = {}
    for engine in ("nuts", "exact"):
        tree = fake(primary, draws=40)
        tree.attrs["engine"] = engine
        files[engine] = fits.save(tree, inputs=trials.digests)
    for engine, path in files.items():
        os.utime(path, (2 + (engine == last),) * 2)
    assert fits.find(NAME) == files["exact"]
    files["exact"].unlink()
    assert fits.posterior(NAME).attrs["engine"] == "nuts"


def test_fits_by_one_engine_do_not_push_out_that_of_the_other(
    saved: Path, fake: MakeTree, primary: ModelSpec, trials: TrialData
) -> None:
    os.utime(saved, (1, 1))
    for draws in range(40, 45):
        tree = fake(primary, draws=draws)
        tree.attrs["engine"] = "exact"
        os.utime(fits.save(tree, inputs=trials.digests), (draws, draws))
    assert saved in shelf.files_of(NAME)


def test_a_broken_older_file_does_not_stand_in_the_way_of_an_exact_answer(
    saved: Path, fake: MakeTree, primary: ModelSpec, trials: TrialData
) -> None:
    os.truncate(saved, 100)
    os.utime(saved, (1, 1))
    tree = fake(primary, draws=40)
    tree.attrs["engine"] = "exact"
    exact = fits.save(tree, inputs=trials.digests)
    assert fits.find(NAME) == exact


def test_a_changed_row_makes_the_posterior_stale_and_is_named(saved: Path) -> None:
    table = paths.data() / "outcomes.csv"
    text = table.read_text(encoding="utf-8")
    line = next(row for row in text.splitlines() if "sigtermans2009" in row and "pain_int" in row)
    head = text.splitlines()[0].split(",")
    cells = line.split(",")
    assert cells[head.index("mean")]
    cells[head.index("mean")] = "12.5"
    table.write_text(text.replace(line, ",".join(cells)), encoding="utf-8")
    with pytest.raises(StaleError, match=r"older than the rows that it selects.*outcomes\.csv"):
        fits.find(NAME)


def test_a_table_whose_change_selects_the_same_rows_leaves_the_posterior_good(
    saved: Path,
) -> None:
    table = paths.data() / "trials.csv"
    text = table.read_text(encoding="utf-8")
    assert "Netherlands" in text
    table.write_text(text.replace("Netherlands", "The Netherlands"), encoding="utf-8")
    assert fits.posterior(NAME).attrs["model"] == NAME


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("scale = 10.75", "scale = 10.7"),
        ("timepoint_correlation = 0.6", "timepoint_correlation = 0.5"),
        ("ess_min = 400", "ess_min = 500"),
        ("benefit = [0, 10, 20, 30]", "benefit = [0, 15]"),
        ('benefit = "negative"', 'benefit = "positive"'),
    ],
)
def test_a_number_of_the_model_file_makes_the_posterior_stale(
    saved: Path, old: str, new: str
) -> None:
    change_model(old, new)
    if "10.75" in old:
        change_model("27.6 and 27.6", "27.5 and 27.5")
    with pytest.raises(StaleError, match=r"older than the model file.*models/pain_intensity\.toml"):
        fits.find(NAME)


def test_words_of_the_model_file_leave_the_posterior_good(saved: Path) -> None:
    change_model("title = ", "# a remark\ntitle = ")
    assert fits.posterior(NAME).attrs["model"] == NAME


def test_changed_words_are_stored_again_without_sampling(
    saved: Path, primary: ModelSpec, pain: EffectTable, trials: TrialData
) -> None:
    change_model("partial pooling over", "pooling over")
    spec = load_model(NAME)
    found = fits.load(spec, pain, inputs=trials.digests)
    assert found is not None
    assert found.attrs["title"] == "Pain intensity, pooling over drug, route and timepoint"
    assert json.loads(found.attrs["model_files"]) == [list(file) for file in spec.files]
    assert fits.find(NAME) != saved
    assert fits.load(spec, pain, inputs=trials.digests) is not None
    assert len(list(fits.folder().iterdir())) == 2


def test_a_run_with_another_seed_never_answers_for_the_model(
    fake: MakeTree, primary: ModelSpec, trials: TrialData
) -> None:
    fits.save(fake(primary, seed=1, draws=40), inputs=trials.digests)
    with pytest.raises(StoreError, match="with the seed, draws and chains of its model file"):
        fits.find(NAME)


def test_trial_runs_do_not_push_out_the_fit_that_answers(
    saved: Path, fake: MakeTree, primary: ModelSpec, trials: TrialData
) -> None:
    os.utime(saved, (1, 1))
    for seed in range(1, 5):
        fits.save(fake(primary, seed=seed, draws=40), inputs=trials.digests)
    assert fits.find(NAME) == saved
    assert len(list(fits.folder().iterdir())) == shelf.KEPT + 1


def test_old_files_of_a_model_give_way_and_those_of_others_stay(saved: Path) -> None:
    def put(model: str, number: int) -> Path:
        path = fits.folder() / f"{model}.{number:016x}.{number:016x}.nc"
        path.write_bytes(b"no posterior")
        os.utime(path, (number, number))
        return path

    other = put("pain_intensity.v2", 1)
    files = [put(NAME, number) for number in range(1, 6)]
    shelf.tidy(NAME)
    assert shelf.files_of(NAME) == [saved, files[4], files[3]]
    assert shelf.files_of("pain_intensity.v2") == [other]


# what is not stored


def test_what_is_not_stored_is_computed_exactly_and_kept(saved: Path) -> None:
    saved.unlink()
    said: list[str] = []
    tree = fits.posterior(NAME, say=said.append)
    assert tree.attrs["engine"] == "exact"
    assert "computing it exactly, because found no posterior" in said[0]
    again = fits.posterior(NAME, say=said.append)
    assert len(said) == 1
    xr.testing.assert_identical(again["posterior"].to_dataset(), tree["posterior"].to_dataset())


def test_what_cannot_be_stored_is_answered_all_the_same(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved.unlink()

    def full(*_: object) -> None:
        raise WriteError("no space")

    monkeypatch.setattr(fits, "put", full)
    said: list[str] = []
    assert fits.posterior(NAME, say=said.append).attrs["engine"] == "exact"
    assert said[-1] == "no space The answer holds."


# which code


def copy_of_the_package(tmp_path: Path) -> Path:
    package = Path(fresh.__file__).resolve().parents[1]
    return Path(shutil.copytree(package, tmp_path / package.name))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_changed_statement_is_other_code_and_a_comment_is_not(tmp_path: Path) -> None:
    package = copy_of_the_package(tmp_path)
    was = fresh.digests(package=package)
    raw = fresh.bytes_of(was, package)
    assert {"model/build.py", "effects/continuous.py", "data/reading.py"} <= set(was)
    assert not any(name.startswith(("query/", "report/", "cli")) for name in was)
    build = package / "model" / "build.py"
    edit(build, "import warnings", "import warnings  # a remark\n")
    edit(build, "Return the PyMC model of one analysis.", "Return a model, in other words.")
    assert fresh.moved(was, raw, package) == []
    edit(build, "_ROUGH = 0.5", "_ROUGH = 0.25")
    assert fresh.moved(was, raw, package) == ["model/build.py"]


def test_a_module_that_is_newly_imported_joins_without_a_list(tmp_path: Path) -> None:
    package = copy_of_the_package(tmp_path)
    was = fresh.digests(package=package)
    raw = fresh.bytes_of(was, package)
    (package / "model" / "extra.py").write_text("FACTOR = 2\n")
    edit(package / "model" / "build.py", "import warnings\n",
         "import warnings\n\nfrom bayes_nmda.model.extra import FACTOR\n")  # fmt: skip
    assert fresh.moved(was, raw, package) == ["model/build.py", "model/extra.py"]


def test_a_patch_release_moves_nothing_and_another_series_does(saved: Path) -> None:
    attrs = dict(fits.read(saved).attrs)
    versions = json.loads(str(attrs["versions"]))
    patched = versions | {"pymc": versions["pymc"].rsplit(".", 1)[0] + ".99"}
    assert fits.other_code(attrs | {"versions": json.dumps(patched)}) == []
    other = versions | {"pymc": "1.0.0"}
    assert fits.other_code(attrs | {"versions": json.dumps(other)})[0].startswith("pymc ")


def test_a_fit_by_other_code_is_stale_and_the_module_is_named(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, "moved", lambda *_: ["model/build.py"])
    with pytest.raises(StaleError, match=r"other code \(changed: model/build\.py\)"):
        fits.find(NAME)


# what goes wrong while writing


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 20 kB, which is what a full disk looks like to a writer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_reported_and_what_was_stored_before_still_answers(
    saved: Path, fake: MakeTree, primary: ModelSpec, full_disk: None
) -> None:
    with pytest.raises(WriteError, match=r"could not be written to posteriors/: File too large"):
        fits.save(fake(primary, seed=9, draws=40))
    assert list(fits.folder().iterdir()) == [saved]
    assert fits.find(NAME) == saved


def test_the_words_of_the_system_reach_the_reader(
    tree: xr.DataTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(WriteError, match=r"No space left on device.*make room"):
        fits.save(tree)
    assert not list(fits.folder().iterdir())


def test_a_folder_that_cannot_be_made_is_reported(tree: xr.DataTree, home: Path) -> None:
    (home / "reports" / "output").write_text("a file where a folder should be")
    with pytest.raises(WriteError, match="could not be written to posteriors/"):
        fits.save(tree)


def test_an_interrupt_leaves_nothing_behind(
    tree: xr.DataTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fits.save(tree)
    assert not list(fits.folder().iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from bayes_nmda.store import fresh
from bayes_nmda.store import file
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
file.put(Path(sys.argv[1]), b"x" * 100_000)
"""


def test_a_process_that_is_killed_while_writing_harms_nothing(
    saved: Path, fake: MakeTree, primary: ModelSpec
) -> None:
    target = fits.folder() / f"{NAME}.0123456789abcdef.0123456789abcdef.nc"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not target.exists()
    (part,) = fits.folder().glob(".*.part")
    assert fits.find(NAME) == saved
    fits.save(fake(primary, seed=4, draws=40))
    assert part.exists()  # it may belong to a process that is still writing
    long_ago = time.time() - 2 * shelf.ABANDONED
    os.utime(part, (long_ago, long_ago))
    fits.save(fake(primary, seed=5, draws=40))
    assert not part.exists()


SAVING = """
import sys
import xarray as xr
from bayes_nmda.store import fresh
from bayes_nmda.store import fits
tree = xr.open_datatree(sys.argv[1], engine="h5netcdf").load()
for seed in range(2):
    tree.attrs["seed"] = 10 * int(sys.argv[2]) + seed
    fits.save(tree)
"""


def test_two_processes_may_store_at_the_same_time(saved: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.nc"
    shutil.copy(saved, source)
    running = [
        subprocess.Popen([sys.executable, "-c", SAVING, str(source), str(number)])
        for number in (1, 2)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    assert fits.find(NAME) == saved
    for path in fits.folder().iterdir():
        shelf.verified(path)


# fit, gate, store


def test_a_fit_that_fails_a_gate_is_not_stored(
    tree: xr.DataTree,
    primary: ModelSpec,
    pain: EffectTable,
    trials: TrialData,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tree.attrs["gates"] = json.dumps(convergence.diagnose(tree).to_dict("records"))  # as `fit` does
    monkeypatch.setattr(gated, "fit", lambda *_, **__: tree)  # 160 draws: too few
    with pytest.raises(FitError, match="bulk ESS of effect"):
        fits.obtain(primary, pain, inputs=trials.digests)
    assert not fits.folder().exists()


def test_a_stored_fit_is_not_sampled_again_unless_it_is_corrupt_or_forced(
    fake: MakeTree,
    primary: ModelSpec,
    pain: EffectTable,
    trials: TrialData,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampled = []

    def fit(*_: object, **__: object) -> xr.DataTree:
        sampled.append(1)
        return fake(primary, draws=40)

    monkeypatch.setattr(gated, "fit", fit)
    monkeypatch.setattr(convergence, "recorded_gates", lambda tree: "recorded")
    monkeypatch.setattr(convergence, "require_gates", lambda tree, table: f"{table}, passed")
    said: list[str] = []
    ask = {"inputs": trials.digests, "progress": said.append}
    made, gates, file = fits.obtain(primary, pain, **ask)
    assert gates == "recorded, passed"
    assert file == fits.find(NAME)
    found, _, file = fits.obtain(primary, pain, **ask)
    assert file is None
    xr.testing.assert_equal(found, made)
    assert found.attrs == made.attrs
    assert len(sampled) == 1
    fits.obtain(primary, pain, force=True, **ask)
    assert len(sampled) == 2
    os.truncate(fits.find(NAME), 1000)
    fits.obtain(primary, pain, **ask)
    assert len(sampled) == 3
    assert "corrupt" in said[-1]
    assert fits.find(NAME).is_file()


def test_attributes_of_any_kind_of_number_can_be_read(home: Path) -> None:
    path = home / "numbers.nc"
    with h5py.File(path, "w") as file:
        file.attrs["seed"] = np.int64(3)
        file.attrs["many"] = np.arange(2)
        file.attrs["words"] = "ä"
    attrs = fits.read(path).attrs
    assert (attrs["seed"], attrs["words"], list(attrs["many"])) == (3, "ä", [0, 1])
