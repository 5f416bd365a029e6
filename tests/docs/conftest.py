"""The scripts of docs/ as modules, and the documents as text."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _script(name):
    found = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def root():
    """Return the folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def run_examples():
    """Return the module docs/run_examples.py."""
    return _script("run_examples")


@pytest.fixture(scope="session")
def run_tutorial():
    """Return the module docs/run_tutorial.py."""
    return _script("run_tutorial")
