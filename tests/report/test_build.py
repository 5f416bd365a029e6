"""Building and publishing: all of a report, or nothing."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from bayes_nmda.errors import FitError, LockedError, ReportError, SpecError
from bayes_nmda.report import build_report, publish, staleness, what_is_stale
from bayes_nmda.report.build import require_replication
from bayes_nmda.store import fits


def digests(home: Path) -> dict[str, str]:
    latest = home / "reports" / "latest"
    return {
        path.relative_to(latest).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(latest.rglob("*"))
        if path.is_file()
    }


def test_a_second_run_finds_nothing_stale_and_touches_nothing(home):
    before = digests(home)
    done = build_report("quick")
    assert not done.built
    assert "nothing is stale" in done.message
    assert digests(home) == before


def test_a_forced_rebuild_gives_the_same_bytes(home):
    before = digests(home)
    assert build_report("quick", force=True).built
    after = digests(home)
    before.pop("manifest.json")
    after.pop("manifest.json")
    assert after == before


def test_the_manifest_lists_every_file_with_its_digest(built_home, manifest):
    listed = manifest["files"]
    found = digests(built_home)
    found.pop("manifest.json")
    assert listed == found


def test_a_failed_gate_publishes_nothing_and_says_by_how_much(home, monkeypatch):

    before = digests(home)
    obtain = fits.obtain

    def diverged(spec, effects, **options):
        from bayes_nmda.gates.convergence import require_gates

        tree = obtain(spec, effects, **options).tree
        tree.attrs.pop("gates", None)
        tree["sample_stats"]["diverging"][0, :3] = True
        return fits.Obtained(tree, require_gates(tree), None)

    monkeypatch.setattr(fits, "obtain", diverged)
    with pytest.raises(FitError, match=r"divergences of all chains: found 3, allowed <= 0"):
        build_report("quick", force=True)
    assert digests(home) == before


def test_a_broken_model_file_stops_the_build_before_any_fit(home, monkeypatch):

    monkeypatch.setattr(fits, "obtain", lambda *a, **k: pytest.fail("a fit was asked for"))
    model = home / "models" / "quick.toml"
    model.write_text(model.read_text() + '\n[structure]\npooling = "somehow"\n')
    before = digests(home)
    with pytest.raises(SpecError, match="pooling"):
        build_report("quick")
    assert digests(home) == before


def test_a_row_that_is_not_reproduced_fails_unless_a_decision_explains_it():
    import pandas as pd

    rows = pd.DataFrame(
        {
            "id": ["effect:1", "effect:2"],
            "analysis": ["1.1", "1.1"],
            "reproduced": [False, False],
            "difference": [0.5, 0.5],
            "tolerance": [0.005, 0.005],
            "decision": ["", "D034"],
        }
    )
    with pytest.raises(FitError, match=r"1 of 2 .*\n.*effect:1 .*differs by 0.5, allowed 0.005"):
        require_replication(rows)
    require_replication(rows.iloc[1:])


def test_another_build_holds_the_lock(home):
    lock = FileLock(home / "reports" / "output" / "report.lock")
    with lock, pytest.raises(LockedError, match="another build"):
        build_report("quick")


def killed(*args, **options):
    raise KeyboardInterrupt


def finished_build(home: Path) -> Path:
    return next((home / "reports" / "output").glob("build-*"))


def test_a_build_that_dies_while_writing_leaves_the_last_good_report(home, monkeypatch):
    before = digests(home)
    monkeypatch.setattr(publish, "write_files", killed)
    with pytest.raises(KeyboardInterrupt):
        build_report("quick", force=True)
    assert digests(home) == before
    assert what_is_stale("quick") == []


@pytest.mark.parametrize("step", ["_exchange", "_flush"])
def test_a_death_while_publishing_leaves_the_last_good_report(home, monkeypatch, step):
    before = digests(home)
    monkeypatch.setattr(publish, step, killed)
    with pytest.raises(KeyboardInterrupt):
        publish.publish(finished_build(home))
    assert digests(home) == before


def test_a_full_disk_leaves_the_last_good_report_and_says_so(home, monkeypatch):
    before = digests(home)

    def full(*args, **options):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(publish.shutil, "copytree", full)
    with pytest.raises(ReportError, match=r"No space.*[\d,]+ bytes are needed, [\d,]+ are free"):
        publish.publish(finished_build(home))
    assert digests(home) == before

    def part(source, staged):
        staged.mkdir()
        (staged / "half").write_text("x")
        raise shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")] * 500)

    monkeypatch.setattr(publish.shutil, "copytree", part)
    with pytest.raises(ReportError, match="No space left") as caught:
        publish.publish(finished_build(home))
    assert len(str(caught.value)) < 400
    assert digests(home) == before
    assert not list((home / "reports").glob(".latest*"))


def test_a_disk_that_is_too_small_is_refused_before_any_fit(home, monkeypatch):
    monkeypatch.setattr(publish.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    monkeypatch.setattr(fits, "obtain", lambda *a, **k: pytest.fail("a fit was asked for"))
    with pytest.raises(ReportError, match=r"found 1,000 bytes free; a report of 1 models takes"):
        build_report("quick", force=True)


def test_a_link_to_a_web_root_is_followed_and_stays_a_link(home, tmp_path):
    latest, root = home / "reports" / "latest", tmp_path / "www" / "pain"
    root.parent.mkdir()
    shutil.move(latest, root)
    latest.symlink_to(root)
    for words in ("one", "two"):
        folder = publish.build_folder("x")
        publish.write_files(folder, {"index.html": words})
        assert publish.publish(folder) == root
        assert latest.is_symlink()
        assert (root / "index.html").read_text(encoding="utf-8") == words
        assert [path.name for path in root.parent.iterdir()] == ["pain"]


def test_places_that_cannot_be_published_to_are_refused_before_any_fit(home, monkeypatch):
    monkeypatch.setattr(fits, "obtain", lambda *a, **k: pytest.fail("a fit was asked for"))
    latest = home / "reports" / "latest"
    shutil.rmtree(latest)
    latest.symlink_to(home / "nowhere")
    with pytest.raises(ReportError, match=r"found a link to .*nowhere'.*Make that folder"):
        build_report("quick")
    latest.unlink()
    latest.write_text("not a folder")
    with pytest.raises(ReportError, match=r"found a file; allowed is a folder, or a link"):
        build_report("quick")


def test_a_link_in_the_place_of_a_build_gives_way(home, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    (home / "reports" / "output" / "build-x").symlink_to(kept)
    folder = publish.build_folder("x")
    assert not folder.is_symlink()
    assert list(folder.iterdir()) == []
    assert (kept / "file").is_file()


def test_output_on_another_file_system_is_copied(home, monkeypatch):
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == home.stat().st_dev:
        pytest.skip("there is no other file system here")
    with tempfile.TemporaryDirectory(dir=other) as place:
        output = home / "reports" / "output"
        shutil.move(output, Path(place) / "output")
        output.symlink_to(Path(place) / "output")
        folder = publish.build_folder("x")
        publish.write_files(folder, {"index.html": "new"})
        publish.publish(folder)
    assert digests(home) == {"index.html": hashlib.sha256(b"new").hexdigest()}


def test_a_death_between_two_renames_is_mended_by_the_next_run(home):
    before = digests(home)
    os.replace(home / "reports" / "latest", home / "reports" / ".latest.replaced")
    assert not build_report("quick").built
    assert digests(home) == before


def test_without_an_atomic_exchange_publishing_still_replaces_the_report(home, monkeypatch):
    monkeypatch.setattr(publish, "_exchange", lambda one, other: False)
    folder = publish.build_folder("x")
    publish.write_files(folder, {"index.html": "new"})
    publish.publish(folder)
    assert digests(home) == {"index.html": hashlib.sha256(b"new").hexdigest()}


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("data/outcomes.csv", "data/outcomes.csv changed"),
        ("models/pain_intensity.toml", "models/pain_intensity.toml changed"),
        ("reports/quick.toml", "reports/quick.toml changed"),
        ("reports/latest/report.md", "reports/latest/report.md is not the file that was published"),
    ],
)
def test_what_moved_is_named(home, file, reason):
    assert what_is_stale("quick") == []
    path = home / file
    path.write_bytes(path.read_bytes() + b"\n")
    assert what_is_stale("quick") == [reason]


def test_a_missing_file_and_a_missing_manifest_are_named(home):
    (home / "reports" / "latest" / "tables" / "effect.csv").unlink()
    assert what_is_stale("quick") == ["reports/latest/tables/effect.csv is missing"]
    (home / "reports" / "latest" / "manifest.json").unlink()
    assert what_is_stale("quick") == ["no last good report: its manifest.json cannot be read"]


def test_code_and_versions_count(home, monkeypatch):
    monkeypatch.setattr(staleness, "versions", lambda: {"python": "4.0"})
    assert "series of python changed" in what_is_stale("quick")


def test_asking_whether_a_report_is_stale_imports_nothing_heavy(home):
    import subprocess
    import sys

    code = (
        "import sys; from bayes_nmda.report import what_is_stale; what_is_stale('quick');"
        "heavy = {'pandas', 'xarray', 'pymc', 'matplotlib', 'arviz_stats'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
