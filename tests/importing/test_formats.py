"""One review in every format that it may come in: the same rows, and what a file says besides."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_nmda.errors import DataError, UsageError
from bayes_nmda.importing import read_source
from bayes_nmda.importing.container import files_of
from bayes_nmda.importing.printed import measure_of, pooled_met
from bayes_nmda.importing.tables import make_tables
from tests.importing.conftest import HEADER, counted, measured, proposed

#: Two trials of nausea and two of pain; effects by the formulas of Review Manager.
COUNTS = (("Alder 2001", 3, 20, 6, 21), ("Birch 2002", 2, 31, 5, 30))
MEANS = (
    ("Alder 2001", (3.2, 2.4, 20), (4.0, 1.6, 21)),
    ("Birch 2002", (3.5, 2.5, 17), (3.6, 2.0, 18)),
)
SETTINGS = (
    "Analysis group,Analysis number,Analysis name,Analysis group name,Data type,Log-scale data,"
    "Experimental intervention,Control intervention,Statistical method,Effect measure,"
    "Analysis model,Swap event and non-event,Study CI,Estimate CI,Mean,CI start,CI end"
)


def effects() -> dict[str, list[str]]:
    """Return printed effects of each trial, and pooled ones, to six decimals."""
    from bayes_nmda.effects.binary import log_rr
    from bayes_nmda.effects.continuous import mean_difference
    from bayes_nmda.effects.pooling import pool
    from bayes_nmda.query.classical import mantel_haenszel

    def told(y: float, se: float, *, ratio: bool) -> str:
        ends = [y, y - 1.959964 * se, y + 1.959964 * se]
        return ",".join(f"{np.exp(x) if ratio else x:.6f}" for x in ends)

    counts = [np.array([row[i] for row in COUNTS], dtype=float) for i in range(1, 5)]
    y, v = log_rr(*counts)
    mh = mantel_haenszel(*counts, measure="RR")
    means = [np.array([row[k][i] for row in MEANS], dtype=float) for k in (1, 2) for i in range(3)]
    d, w = mean_difference(*means)
    pooled = pool(d, w)
    return {
        "counts": [told(a, b**0.5, ratio=True) for a, b in zip(y, v, strict=True)],
        "counts pooled": [told(mh.value, mh.se, ratio=True)],
        "means": [told(a, b**0.5, ratio=False) for a, b in zip(d, w, strict=True)],
        "means pooled": [told(pooled.estimate, pooled.se, ratio=False)],
    }


def data_rows() -> str:
    shown = effects()
    lines = [
        counted(*row, printed=text) for row, text in zip(COUNTS, shown["counts"], strict=True)
    ] + [
        measured(*row, analysis="1,2", printed=text)
        for row, text in zip(MEANS, shown["means"], strict=True)
    ]
    return "\n".join([HEADER, *lines]) + "\n"


def package() -> dict[str, str]:
    shown = effects()
    settings = [
        SETTINGS,
        "1,1,Nausea,Drug versus placebo,Dichotomous,TRUE,Drug A,Placebo,Mantel-Haenszel,Risk Ratio,"
        f"Fixed effect,FALSE,95%,95%,{shown['counts pooled'][0]}",
        "1,2,Pain,Drug versus placebo,Continuous,FALSE,Drug A,Placebo,Inverse Variance,"
        f"Mean Difference,Random effects,FALSE,95%,95%,{shown['means pooled'][0]}",
    ]
    return {
        "CD000001-analysis-data/CD000001-data-rows.csv": data_rows(),
        "CD000001-analysis-data/CD000001-overall-estimates-and-settings.csv": "\n".join(settings),
        "CD000001-study-data/CD000001-study-information.csv": (
            "Study,Study design,DOI\nAlder 2001,Crossover trial,10.1000/alder.\n"
            "Birch 2002,Parallel,"
        ),
        "CD000001-study-data/CD000001-risk-of-bias.csv": (
            "Study,Bias arising from the randomization process (judgement),Overall bias (judgement)"
            "\nAlder 2001,Low risk,Some concerns\nBirch 2002,High risk,High risk"
        ),
    }


def rm5() -> bytes:
    shown = effects()

    def ends(text: str) -> str:
        a, b, c = text.split(",")
        return f'EFFECT_SIZE="{a}" CI_START="{b}" CI_END="{c}"'

    ids = {"Alder 2001": "STD-1", "Birch 2002": "STD-2"}
    counts = "".join(
        f'<DICH_DATA STUDY_ID="{ids[s]}" EVENTS_1="{a}" TOTAL_1="{n}" EVENTS_2="{c}" TOTAL_2="{m}" '
        f'ESTIMABLE="YES" {ends(text)}/>'
        for (s, a, n, c, m), text in zip(COUNTS, shown["counts"], strict=True)
    )
    means = "".join(
        f'<CONT_DATA STUDY_ID="{ids[s]}" MEAN_1="{t[0]}" SD_1="{t[1]}" TOTAL_1="{t[2]}" '
        f'MEAN_2="{c[0]}" SD_2="{c[1]}" TOTAL_2="{c[2]}" {ends(text)}/>'
        for (s, t, c), text in zip(MEANS, shown["means"], strict=True)
    )
    studies = "".join(
        f'<STUDY ID="{key}" NAME="{name}" YEAR="{name[-4:]}"/>' for name, key in ids.items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<COCHRANE_REVIEW DOI="10.1002/14651858.CD000001"><COVER_SHEET><TITLE>Drug A for pain</TITLE>
</COVER_SHEET><STUDIES_AND_REFERENCES><STUDIES><INCLUDED_STUDIES>{studies}</INCLUDED_STUDIES>
</STUDIES></STUDIES_AND_REFERENCES><QUALITY_ITEMS><QUALITY_ITEM><NAME>Random sequence generation
</NAME><QUALITY_ITEM_DATA><QUALITY_ITEM_DATA_ENTRY STUDY_ID="STD-1" RESULT="YES"/>
</QUALITY_ITEM_DATA></QUALITY_ITEM></QUALITY_ITEMS><ANALYSES_AND_DATA><COMPARISON NO="1">
<NAME>Drug A versus placebo</NAME><DICH_OUTCOME NO="1" EFFECT_MEASURE="RR" METHOD="MH" RANDOM="NO"
 CI_STUDY="95" CI_TOTAL="95" TOTALS="YES" SWAP_EVENTS="NO" {ends(shown["counts pooled"][0])}>
<NAME>Nausea</NAME><GROUP_LABEL_1>Drug A</GROUP_LABEL_1><GROUP_LABEL_2>Placebo</GROUP_LABEL_2>
{counts}</DICH_OUTCOME>
<CONT_OUTCOME NO="2" EFFECT_MEASURE="MD" METHOD="IV" RANDOM="YES" CI_STUDY="95"
 CI_TOTAL="95" TOTALS="YES" {ends(shown["means pooled"][0])}><NAME>Pain</NAME>
<GROUP_LABEL_1>Drug A</GROUP_LABEL_1><GROUP_LABEL_2>Placebo</GROUP_LABEL_2>{means}</CONT_OUTCOME>
</COMPARISON></ANALYSES_AND_DATA></COCHRANE_REVIEW>""".encode()


def revman_csv() -> bytes:
    shown = effects()
    head = (
        "Comparison Number,Outcome Number,Subgroup Number,Name,Data Type,Statistical Method,"
        "Effect Measure,Analysis Model,Group Label 1,Group Label 2,Year of study,Events 1,Mean 1,"
        "SD 1,Total 1,Events 2,Mean 2,SD 2,Total 2,O-E,Variance,Effect Estimate,CI Start,CI End"
    )
    lines = [
        head,
        "1,0,0,Drug A versus placebo,,,,,,,,,,,,,,,,,,,,",
        "1,1,0,Nausea,Dichotomous,Mantel-Haenszel,Risk Ratio,Fixed effect,Drug A,Placebo,,,,,,,,,,"
        f",,{shown['counts pooled'][0]}",
        *(
            f"1,1,0,{s},,,,,,,{s[-4:]},{a},0,0,{n},{c},0,0,{m},0,0,{text}"
            for (s, a, n, c, m), text in zip(COUNTS, shown["counts"], strict=True)
        ),
        "1,2,0,Pain,Continuous,Inverse Variance,Mean Difference,Random effects,Drug A,Placebo,,,,,,"
        f",,,,,,{shown['means pooled'][0]}",
        *(
            f"1,2,0,{s},,,,,,,{s[-4:]},0,{t[0]},{t[1]},{t[2]},0,{c[0]},{c[1]},{c[2]},0,0,{text}"
            for (s, t, c), text in zip(MEANS, shown["means"], strict=True)
        ),
    ]
    return ("\n".join(lines) + "\n").encode()


def zipped(parts: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture(params=["data rows", "package", "nested", "folder", "rm5", "revman csv"])
def source(request, tmp_path: Path):
    """The review from each kind of file."""
    if request.param == "data rows":
        path = tmp_path / "CD000001-data-rows.csv"
        path.write_text(data_rows(), encoding="utf-8-sig")
    elif request.param == "package":
        path = tmp_path / "CD000001-dataPackage.zip"
        path.write_bytes(zipped(package()))
    elif request.param == "nested":
        path = tmp_path / "review.zip"
        path.write_bytes(zipped({"CD000001-files/CD000001-data.zip": zipped(package())}))
    elif request.param == "folder":
        path = tmp_path / "review"
        for name, text in package().items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text, encoding="utf-8")
    elif request.param == "rm5":
        path = tmp_path / "review.rm5"
        path.write_bytes(rm5())
    else:
        path = tmp_path / "export.csv"
        path.write_bytes(revman_csv())
    return read_source(files_of(path))


def test_every_format_gives_the_same_rows(source):
    rows = {(r.name, r.study): (r.treatment, r.control, r.printed) for r in source.rows}
    assert len(rows) == 4
    t, c, printed = rows["Nausea", "Alder 2001"]
    assert (t.events, t.n, c.events, c.n) == (3, 20, 6, 21)
    assert t.mean is None
    t, c, printed = rows["Pain", "Birch 2002"]
    assert (t.mean, t.sd, t.n, c.mean, c.sd, c.n) == (3.5, 2.5, 17, 3.6, 2.0, 18)
    assert printed.estimate == pytest.approx(-0.1, abs=1e-9)
    assert {r.year for r in source.rows} <= {"2001", "2002"}


def test_every_format_is_reproduced_by_its_own_measures(source):
    for analysis, measure in (("1.1", "RR"), ("1.2", "MD")):
        rows = [row for row in source.rows if row.analysis == analysis]
        from bayes_nmda.importing.rows import Settings

        settings = source.settings.get(analysis, Settings())
        found, level, met = measure_of(rows, settings)
        assert (found, level) == (measure, 0.95)
        assert all(one.reproduced for one in met.values())
        for result in (p for p in source.pooled if p.analysis == analysis):
            good, method = pooled_met(result, rows, measure, settings)
            assert good, result
            assert method == {"1.1": "Mantel-Haenszel", "1.2": "DerSimonian-Laird"}[analysis]


def test_a_package_says_names_designs_and_judgements(tmp_path):
    path = tmp_path / "review.zip"
    path.write_bytes(zipped(package()))
    source = read_source(files_of(path))
    mapping = proposed(source)
    assert (mapping.comparison("1").treatment, mapping.comparison("1").control) == (
        "Drug A",
        "Placebo",
    )
    assert not mapping.comparison("1").settle
    first, second = make_tables(source, mapping).trials
    assert (first["design"], first["doi"]) == ("crossover", "10.1000/alder")
    assert (first["rob_randomisation"], first["rob_overall"]) == ("low", "some_concerns")
    assert (second["design"], second["rob_overall"]) == ("parallel", "high")
    assert len(source.pooled) == 2


def test_a_revman_file_says_its_title_and_names():
    source = read_source({"review.rm5": rm5()})
    assert source.title == "Drug A for pain"
    assert source.doi == "10.1002/14651858.CD000001"
    assert proposed(source).comparison("1").treatment == "Drug A"
    assert make_tables(source, proposed(source)).trials[0]["rob_randomisation"] == ""
    assert source.rows[0].judgements == {"random sequence generation": "low"}


TWO_BY_TWO = {
    "ours": ("trial,events_t,n_t,events_c,n_c", "{s},{a},{n},{c},{m}"),
    "metafor": ("study,ai,n1i,ci,n2i", "{s},{a},{n},{c},{m}"),
    "metafor, four cells": ("study,ai,bi,ci,di", "{s},{a},{b},{c},{d}"),
    "meta": ("studlab,event.e,n.e,event.c,n.c", "{s},{a},{n},{c},{m}"),
}


@pytest.mark.parametrize("shape", TWO_BY_TWO)
def test_tables_of_two_arms_a_row_by_the_names_of_other_tools(shape):
    header, line = TWO_BY_TWO[shape]
    text = [header] + [
        line.format(s=s, a=a, n=n, c=c, m=m, b=n - a, d=m - c) for s, a, n, c, m in COUNTS
    ]
    source = read_source(
        {"a.csv": "\n".join(text).encode()}, "table", {"outcome": "nausea"}
    )  # fmt: skip
    arms = [(r.treatment.events, r.treatment.n, r.control.events, r.control.n) for r in source.rows]
    assert arms == [row[1:] for row in COUNTS]
    tables = make_tables(source, proposed(source))
    assert {one["outcome"] for one in tables.outcomes} == {"nausea"}


@pytest.mark.parametrize(
    "header",
    ["study,m1i,sd1i,n1i,m2i,sd2i,n2i", "studlab,mean.e,sd.e,n.e,mean.c,sd.c,n.c",
     "trial,mean_t,sd_t,n_t,mean_c,sd_c,n_c"],
)  # fmt: skip
def test_tables_of_means(header):
    text = [header, *(",".join(map(str, (s, *t, *c))) for s, t, c in MEANS)]
    source = read_source({"a.csv": "\n".join(text).encode()}, "table", {"outcome": "pain"})
    assert [r.treatment.mean for r in source.rows] == [3.2, 3.5]


ARMS = {
    "gemtc": "study,treatment,responders,sampleSize",
    "multinma": "studyc,trtc,r,n",
    "ours": "trial,arm,events,n",
}


@pytest.mark.parametrize("shape", ARMS)
def test_tables_of_an_arm_a_row_compare_with_the_control(shape):
    lines = [ARMS[shape]]
    for study, a, n, c, m in COUNTS:
        lines += [f"{study},Drug A,{a},{n}", f"{study},Placebo,{c},{m}"]
    lines.append("Cedar 2003,Drug A,4,40")  # nothing to compare it with
    source = read_source({"a.csv": "\n".join(lines).encode()}, "table", {"outcome": "nausea"})
    mapping = proposed(source)
    assert (mapping.comparison("1").treatment, mapping.comparison("1").control) == (
        "Drug A",
        "Placebo",
    )
    tables = make_tables(source, mapping)
    assert {row for _, row in tables.used} == {2, 3, 4, 5}
    assert [one.row for one in tables.set_aside] == [6]
    locators = {
        one["arm"]: one["locator"] for one in tables.outcomes if one["trial"] == "alder2001"
    }
    assert locators == {"drug_a": "2T", "placebo": "3C"}


def test_three_arms_share_their_control():
    arms = ("Alder,Placebo,5,2,20", "Alder,A,4,2,21", "Alder,B,3,2,22")
    text = "\n".join(["study,treatment,mean,std.dev,sampleSize", *arms])
    source = read_source({"a.csv": text.encode()}, "table", {"outcome": "pain"})
    tables = make_tables(source, proposed(source))
    assert [one["arm"] for one in tables.arms] == ["a", "placebo", "b"]
    assert {row for _, row in tables.used} == {2, 3, 4}


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("study,yi,sei", "{s},{y},{e}"),
        ("study,yi,vi", "{s},{y},{v}"),
        ("studlab,TE,seTE", "{s},{y},{e}"),
    ],
)
def test_tables_of_an_effect_a_row_become_contrasts(header, line):
    text = [header] + [
        line.format(s=s, y=y, e=0.5, v=0.25) for s, y in (("Alder", -0.4), ("Birch", 0.1))
    ]
    options = {"outcome": "death", "measure": "log_or"}
    source = read_source({"a.csv": "\n".join(text).encode()}, "table", options)
    tables = make_tables(source, proposed(source))
    assert [(one["yi"], one["sei"], one["measure"]) for one in tables.contrasts] == [
        ("-0.4", "0.5", "log_or"),
        ("0.1", "0.5", "log_or"),
    ]


def test_netmeta_says_both_treatments():
    text = "studlab,treat1,treat2,TE,seTE\nAlder,A,Placebo,-0.4,0.5\nBirch,B,Placebo,0.1,0.5\n"
    source = read_source({"a.csv": text.encode()}, "table", {"measure": "MD"})
    mapping = proposed(source)
    assert [(c.treatment, c.control) for c in mapping.comparisons] == [
        ("A", "Placebo"),
        ("B", "Placebo"),
    ]


def test_what_effects_are_must_be_said():
    with pytest.raises(UsageError, match="--measure: found 'none'"):
        read_source({"a.csv": b"study,yi,sei\nAlder,1,1\n"}, "table", {})


@pytest.mark.parametrize("suffix", ["xlsx", "parquet"])
def test_workbooks_and_parquet_are_read_as_csv_is(tmp_path, suffix):
    frame = pd.DataFrame(
        [(s, a, n, c, m) for s, a, n, c, m in COUNTS],
        columns=["study", "events_t", "n_t", "events_c", "n_c"],
    )
    path = tmp_path / f"a.{suffix}"
    if suffix == "xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    source = read_source(files_of(path), "table", {"outcome": "nausea"})
    assert [(r.treatment.events, r.control.n) for r in source.rows] == [(3, 21), (2, 30)]
    assert [r.row for r in source.rows] == [2, 3]


def test_unknown_columns_are_told_with_those_that_are_known():
    with pytest.raises(UsageError, match="found the columns study, x; allowed are two arms a row"):
        read_source({"a.csv": b"study,x\nAlder,1\n"}, "table", {})
    with pytest.raises(UsageError, match="none names the trial"):
        read_source({"a.csv": b"who,yi,sei\nAlder,1,1\n"}, "table", {"measure": "MD"})
    with pytest.raises(UsageError, match="events_t and ai, which mean the same"):
        read_source(
            {"a.csv": b"study,events_t,ai,n_t,events_c,n_c\nAlder,1,1,2,1,2\n"}, "table", {}
        )


def test_other_files_are_no_review():
    with pytest.raises(DataError, match="allowed are a Cochrane data package"):
        read_source({"a.csv": b"x,y\n1,2\n"})


def test_effects_and_observed_less_expected_of_a_revman_file_become_contrasts():
    text = """<COCHRANE_REVIEW><STUDY ID="S1" NAME="Alder 2001" YEAR="2001"/>
<STUDY ID="S2" NAME="Birch 2002" YEAR="2002"/><COMPARISON NO="1"><NAME>Drug A versus placebo</NAME>
<IV_OUTCOME NO="1" METHOD="IV" LOG_DATA="YES" CI_STUDY="95"><NAME>Death</NAME>
<GROUP_LABEL_1>Drug A</GROUP_LABEL_1><GROUP_LABEL_2>Placebo</GROUP_LABEL_2>
<EFFECT_MEASURE>Hazard Ratio</EFFECT_MEASURE>
<IV_DATA STUDY_ID="S1" ESTIMATE="-0.5" SE="0.2" TOTAL_1="40" TOTAL_2="41" EFFECT_SIZE="0.606531"
 CI_START="0.409838" CI_END="0.897621"/></IV_OUTCOME>
<IPD_OUTCOME NO="2" METHOD="EXP_O_E_VAR" CI_STUDY="95"><NAME>Relapse</NAME>
<GROUP_LABEL_1>Drug A</GROUP_LABEL_1><GROUP_LABEL_2>Placebo</GROUP_LABEL_2>
<IPD_DATA STUDY_ID="S2" O_E="-2.0" VAR="4.0" EVENTS_1="3" EVENTS_2="7" TOTAL_1="40" TOTAL_2="41"
 EFFECT_SIZE="0.606531" CI_START="0.227642" CI_END="1.616045"/></IPD_OUTCOME></COMPARISON>
</COCHRANE_REVIEW>"""
    source = read_source({"review.rm5": text.encode()})
    found = {}
    for row in source.rows:
        measure, _, met = measure_of([row], source.settings[row.analysis])
        assert met[0].reproduced, row
        found[row.name] = measure
    assert found == {"Death": "given ratio", "Relapse": "observed"}
    mapping = proposed(source)
    assert ("analysis 1.1", "given_as", "log_or") in mapping.unsettled  # of a hazard, it may be
    one, other = make_tables(source, mapping).contrasts
    assert (one["yi"], one["sei"], one["n_t"], one["n_c"]) == ("-0.5", "0.2", "40", "41")
    assert (other["yi"], other["sei"]) == ("-0.5", "0.5")
