"""What a report says otherwise than the one before it."""

from __future__ import annotations

from bayes_nmda.report.changes import changes, rows_of

HEADER = (
    "drug,route,outcome,comparator,timepoint,trials,participants,effect,effect_mcse,prob_benefit_10,"
    "prob_benefit_10_mcse"
)
ROW = "ketamine,oral,pain,placebo,short,3,170,-8.70,0.06,0.370,0.006"


def report(*rows: str):
    return rows_of("\n".join([HEADER, *rows]) + "\n")


def test_the_same_numbers_and_those_of_another_run_are_no_change():
    other = ROW.replace("-8.70", "-8.63").replace("0.370", "0.391")
    assert changes(report(ROW), report(ROW)) == []
    assert changes(report(ROW), report(other)) == []


def test_a_number_beyond_its_error_is_told_with_what_it_was():
    other = ROW.replace("3,170", "4,230").replace("0.370", "0.450")
    assert changes(report(ROW), report(other)) == [
        "pain, ketamine/oral/short against placebo: trials 3 → 4, participants 170 → 230, "
        "prob_benefit_10 0.37 → 0.45"
    ]


def test_new_rows_and_rows_that_are_gone_are_told():
    other = ROW.replace("oral", "topical")
    assert changes(report(ROW), report(other)) == [
        "pain, ketamine/topical/short against placebo: new, 3 trials",
        "pain, ketamine/oral/short against placebo: no longer told",
    ]


def test_a_number_that_was_not_there_is_told():
    blank = ROW.replace("0.370,0.006", ",")
    assert changes(report(blank), report(ROW)) == [
        "pain, ketamine/oral/short against placebo: prob_benefit_10 none → 0.370"
    ]
