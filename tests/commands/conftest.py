"""Run the command line on the small stored posterior: as a process, or quickly within this one."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from bayes_nmda import paths
from bayes_nmda.cli import main as cli
from bayes_nmda.store import fits
from tests.query.handmade import counts, log_or_of, tree_of


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(stored_home, monkeypatch, capsys):
    """Return a function that runs a command within this process."""

    def call(*arguments, home=stored_home):
        monkeypatch.setenv(paths.HOME_VARIABLE, str(home))
        capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def run_outside(stored_home):
    """Return a function that runs ``python -m bayes_nmda`` as a process of its own."""

    def call(*arguments, home=stored_home, python=()):
        done = subprocess.run(
            [sys.executable, *python, "-m", "bayes_nmda", *map(str, arguments)],
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, paths.HOME_VARIABLE: str(home)},
            timeout=600,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def weighing_home(stored_home, tmp_path_factory):
    """Return a home with ``small`` and, made by hand, a harm and a response as well."""
    from bayes_nmda.data import table_digests
    from bayes_nmda.spec.spec import load_model, model_inputs

    home = tmp_path_factory.mktemp("weighing") / "home"
    shutil.copytree(stored_home, home)
    rng = np.random.default_rng(7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, paths.HOME_VARIABLE, str(home))
        for name, centre, cells in (
            ("any_adverse_event", 0.1, ["ketamine/intravenous", "magnesium/oral"]),
            ("responder_30", 0.2, ["ketamine/topical/short", "memantine/oral/short"]),
        ):
            spec, (files, sampling) = load_model(name), model_inputs(name)
            risk = centre + rng.uniform(-0.15, 0.15, (4, 200, len(cells)))
            tree = tree_of(
                counts(
                    cells,
                    log_or_of(risk),
                    [["Alder 2001", "Elm 2005"], ["Fir 2006"]],
                    benefit=spec.benefit,
                    outcome=spec.select.outcome,
                )
            )
            tree.attrs |= {
                "model": name,
                "spec": json.dumps(spec.to_mapping()),
                "spec_hash": spec.hash,
                "rows_hash": "rows",
                "versions": "{}",
                "model_files": json.dumps(files),
                "seed": sampling.seed,
                "chains": sampling.chains,
                "draws": sampling.draws,
                "gates_failed": "[]",
            }
            fits.save(tree, inputs=table_digests())
    return home
