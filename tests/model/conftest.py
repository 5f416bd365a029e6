"""The committed analysis, and a way to write model files of one's own."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from bayes_nmda.data import load_trials
from bayes_nmda.effects import EffectTable, effect_table
from bayes_nmda.model.spec import ModelSpec, load_model

Write = Callable[..., Path]


@pytest.fixture(scope="session")
def primary() -> ModelSpec:
    return load_model("pain_intensity")


@pytest.fixture(scope="session")
def pain(primary: ModelSpec) -> EffectTable:
    return effect_table(load_trials(), primary)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a model file; by default it extends the primary analysis."""

    def _write(text: str = "", name: str = "mine", extends: str | None = "pain_intensity") -> Path:
        head = f'extends = "{extends}"\n' if extends else ""
        path = tmp_path / f"{name}.toml"
        path.write_text(head + textwrap.dedent(text), encoding="utf-8")
        return path

    return _write
