"""Data sets of publications, and the project's own tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def published_data() -> Callable[[str], pd.DataFrame]:
    """Return a reader of the data sets in ``tests/published/data``; `#` starts their source."""
    return lambda name: pd.read_csv(DATA / name, comment="#")
