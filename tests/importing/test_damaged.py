"""Reviews with cells that somebody spoiled: imported whole, or refused by file and row."""

from __future__ import annotations

import csv
import io
import random

import pytest

from bayes_nmda import paths
from bayes_nmda.data import load_trials
from bayes_nmda.errors import DataError
from bayes_nmda.importing import project

SPOILT = ("", "0", "1", "-3", "2.5", "1e12", "0.0000000001", "NA")
STUDIES = ("Smith", "Smith 2001", "smith-2001", "\u738b 2001", "A" * 80, "Smith (1)")
NAMES = ("", "Pain", "x vs y: z", "\u738b", "Change in pain at 3 weeks (higher is better)")
SUBGROUPS = ("", "a", "6 weeks", "Men", "Women")


def damaged(reviews: dict[str, bytes], seed: int) -> str:
    """Return rows of one or two reviews, shuffled, with some cells replaced."""
    rng = random.Random(seed)
    rows: list[dict[str, str]] = []
    for name in rng.sample(sorted(reviews), rng.choice([1, 2])):
        rows += csv.DictReader(io.StringIO(reviews[name].decode()))
    columns = list(dict.fromkeys(key for row in rows for key in row))
    kept = [{key: row.get(key, "") for key in columns} for row in rng.sample(rows, 30)]
    numbered = ("Analysis group", "Analysis number", "Study")
    for row in kept:
        for _ in range(rng.choice([0, 0, 1, 2])):
            row[rng.choice([key for key in columns if key not in numbered])] = rng.choice(SPOILT)
        if seed % 3 == 0:
            row["Control N"] = rng.choice(["many", "=1+1", "1e999"])
        for key, words in (("Study", STUDIES), ("Analysis name", NAMES), ("Subgroup", SUBGROUPS)):
            if rng.random() < 0.15:
                row[key] = rng.choice(words)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(kept)
    return text.getvalue()


@pytest.mark.parametrize("seed", range(12))
def test_a_spoilt_review_is_accounted_for_or_refused_by_row(reviews, tmp_path, monkeypatch, seed):
    monkeypatch.setattr(project, "_models", lambda *_: None)  # tables are what is asked here
    monkeypatch.setattr(project, "_report", lambda *_: None)
    file = tmp_path / "CD000009-data-rows.csv"
    file.write_text(damaged(reviews, seed), encoding="utf-8")
    if seed % 3 == 0:  # these have words where numbers belong
        with pytest.raises(DataError, match=r"CD000009-data-rows\.csv, row "):
            project.import_review(file, tmp_path / "mine")
        assert not (tmp_path / "mine").exists()
        return
    found = project.import_review(file, tmp_path / "mine")
    assert found.rows == found.used + len(found.set_aside) == 30
    with paths.inside(tmp_path / "mine"):
        load_trials()
