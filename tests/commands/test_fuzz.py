"""Tables, models and command lines at random: a right answer, or a documented exit code.

`make fuzz` tries 2,000 tables, 500 models and 2,000 command lines; the everyday suite a few.
"""

import contextlib
import csv
import io
import json
import math
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayes_nmda import paths
from bayes_nmda.cli import main as cli
from bayes_nmda.cli.init import start_project

LONG = "BAYES_NMDA_FUZZ" in os.environ
DOCUMENTED = {0, 2, 10, 11, 12, 13, 14, 15}


def tries(few: int, many: int) -> settings:
    return settings(
        max_examples=many if LONG else few,
        deadline=None,
        derandomize=not LONG,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Return the project that ``init`` writes, as bytes by path, and the folder to spoil."""
    folder = tmp_path_factory.mktemp("fuzz")
    start_project(folder / "whole")
    return folder


def spoilt(project: Path) -> Path:
    home = project / "spoilt"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(project / "whole", home)
    return home


def attempt(home: Path, *words: str) -> tuple[int, str, str]:
    """Run a command in this process; a bug is raised out of it."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setitem(os.environ, paths.HOME_VARIABLE, str(home))
        code = cli.run(list(words))
    assert code in DOCUMENTED, err.getvalue()
    assert "Traceback" not in err.getvalue()
    if code:
        assert "error: " in err.getvalue()
        assert len(err.getvalue()) < 20_000
    return code, out.getvalue(), err.getvalue()


_CELLS = """
0 -1 1e308 1e-300 nan inf 1,5 0x10 true TRUE ja placebo examplamide example1 pain short =1+1 @x 1.
é ∞ None final change none
"""
CELLS = st.one_of(
    st.sampled_from([*_CELLS.split(), "", " ", "\t", '"', "\n", "9" * 30, "\u202e", "\x00"]),
    st.floats(allow_nan=False, width=32).map(repr),
    st.integers(-5, 10**6).map(str),
    st.text(max_size=8).filter(lambda text: not any(0xD800 <= ord(c) <= 0xDFFF for c in text)),
)
TABLES = ("trials", "arms", "outcomes", "decisions", "published", "analyses", "arm_links")
RAW = st.one_of(
    st.sampled_from([b"", b"\n\n", b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b'"', b";", b",,,\n"]),
    st.binary(max_size=12),
)


@tries(8, 2000)
@given(
    table=st.sampled_from(TABLES),
    cells=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), CELLS), max_size=3),
    moved=st.sampled_from(["", "", "twice", "gone", "shifted", "column"]),
    place=st.integers(0, 4000),
    raw=st.none() | st.none() | st.none() | RAW,
)
def test_a_table_at_random_is_right_or_refused(project, table, cells, moved, place, raw):
    home = spoilt(project)
    file = home / "data" / f"{table}.csv"
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.reader(opened))
    for row, column, text in cells:
        line = rows[row % len(rows)]
        line[column % len(line)] = text
    if moved == "twice":
        rows.append(rows[place % len(rows)])
    elif moved == "gone":
        del rows[place % len(rows)]
    elif moved == "shifted":
        rows[place % len(rows)].append("x")
    elif moved == "column":
        rows = [line[:-1] for line in rows]
    with file.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened, lineterminator="\n").writerows(rows)
    if raw is not None:
        content = file.read_bytes()
        file.write_bytes(content[: place % (len(content) + 1)] + raw + content[place:])
    code, _, _ = attempt(home, "check")
    assert code in {0, 10, 11, 14}  # 11 and 14: a model finds no rows, a report no model
    if code == 0:
        sensible(home / "data")


def sensible(data: Path) -> None:
    """Read accepted tables with the standard library alone: what they say can be."""
    with (data / "outcomes.csv").open(encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened):
            n = int(row["n"])
            if row["kind"] == "binary":
                assert 0 <= int(row["events"]) <= n
            else:
                assert math.isfinite(float(row["mean"]))
                assert 1e-6 <= float(row["sd"]) <= 1e6
            assert n >= 1


_VALUES = """
0 -1 1e308 1e-300 nan inf true "" "x" [] [[]] {} [1,1] [-1] 1979-05-27 "\\u202e" 'none' 'complete'
0.5 'MD' 'SMD' 'log_or' 'binomial' 'student_t' 'pain' 'odd' 2 7
"""
VALUES = st.one_of(
    st.sampled_from([*_VALUES.split(), "9" * 25]),
    st.floats(width=32).map(repr),
    st.integers(-10, 10**5).map(str),
)
KEYS = (
    *("title", "extends", "select.outcome", "select.comparator", "effect.measure", "effect.unit"),
    *("effect.benefit", "effect.reference_sd", "covariance.timepoint_correlation"),
    *("structure.pooling", "structure.trial_effects", "structure.degrees_of_freedom"),
    *("structure.timepoints", "structure.multi_arm_correlation", "likelihood.family"),
    *("priors.overall.scale", "priors.overall.distribution", "priors.tau", "priors.sd_drug"),
    *("priors.unknown.scale", "thresholds.benefit", "thresholds.odds_ratio", "sampling.seed"),
    *("sampling.chains", "sampling.draws", "sampling.thin", "sampling.target_accept"),
    *("gates.r_hat_max", "gates.ess_min", "gates.divergences_max", "supplement.rows", "unknown"),
)


@tries(5, 500)
@given(
    base=st.sampled_from(["pain", "nausea", "odd", ""]),
    changes=st.lists(st.tuples(st.sampled_from(KEYS), VALUES), max_size=3),
    raw=st.none() | st.none() | RAW,
)
def test_a_model_at_random_is_right_or_refused(project, base, changes, raw):
    home = spoilt(project)
    lines = [f'extends = "{base}"'] if base else []
    tables: dict[str, list[str]] = {}
    for key, value in changes:
        *table, name = key.split(".")
        tables.setdefault(".".join(table), []).append(f"{name} = {value}")
    lines += tables.pop("", [])
    for table, entries in tables.items():
        lines += [f"[{table}]", *entries]
    text = "\n".join(lines).encode()
    (home / "models" / "odd.toml").write_bytes(text if raw is None else text + raw)
    code, _, _ = attempt(home, "check")
    assert code in {0, 11}


_WORDS = """
multiverse --jobs --figure
ask benefit harm effect compare rank worth fit report status init check small bogus ../small -- -
/etc/passwd --json --at-least --at-most --drug --route --timepoint --level --interval --target
--control-risk --project --help --bogus --worth --measure --first --second --seed ketamine RR RD
intravenous short hdi eti mean new_trial median ketamine/intravenous/short 0 10 -1 1e308 1e-300 nan
inf None null 0.95 1.5
"""
WORDS = st.one_of(
    st.sampled_from([*_WORDS.split(), "", "x" * 5000, "\u202e"]),
    st.text(max_size=6).filter(lambda text: not any(0xD800 <= ord(c) <= 0xDFFF for c in text)),
)
#: Commands that write, or take seconds.
LENGTHY = {"fit", "report", "init", "check", "status", "multiverse"}
ASKED = st.tuples(
    st.just("ask"),
    st.sampled_from(["benefit", "effect", "compare", "rank", "harm", "prior-posterior"]),
    st.just("small"),
)


@tries(40, 2000)
@given(start=st.just(()) | ASKED | ASKED, words=st.lists(WORDS, max_size=5))
def test_a_command_line_at_random_is_answered_or_refused(stored_home, start, words):
    given = [*start, *words]
    if LENGTHY & set(given):
        given.append("--bogus")  # they are parsed, and refused before they begin
    code, out, _ = attempt(stored_home, *given)
    if code == 0 and "--json" in given and "--help" not in given:
        assert json.loads(out)["schema_version"] == 1
