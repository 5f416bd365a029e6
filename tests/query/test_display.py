from bayes_nmda.query.display import html_table, markdown_table, text_table

RECORDS = [
    {"drug": "ketamine", "timepoint": "", "at_least": 10.0, "probability": 0.38425, "trials": 3},
    {"drug": "magnesium", "timepoint": "", "at_least": 0.0, "probability": 1.0, "trials": 12},
]


def test_numbers_stand_to_the_right_and_empty_columns_are_left_out():
    assert text_table(RECORDS).splitlines() == [
        "drug       at least  probability  trials",
        "ketamine         10        0.384       3",
        "magnesium         0        1.000      12",
    ]


def test_what_was_asked_stands_as_given_and_risks_have_a_digit_more():
    row = {"at_most": 0.025, "points_per_event": 20.0, "control_risk": 0.0084, "rd_lower": -0.0252}
    assert text_table([row]).splitlines()[1].split() == ["0.025", "20", "0.008", "-0.025"]
    difference = {"measure": "RD", "estimate": 0.0012, "at_least": 0.1}
    assert text_table([difference]).splitlines()[1].split() == ["RD", "0.001", "0.1"]


def test_a_markdown_table_has_a_line_a_row():
    assert markdown_table(RECORDS).splitlines()[1] == "| :--- | ---: | ---: | ---: |"


def test_html_escapes_captions_and_warnings():
    html = html_table(RECORDS, caption="a < b", warnings=["c & d"])
    assert "a &lt; b" in html
    assert "c &amp; d" in html


def test_no_records_are_an_empty_table():
    assert text_table([]) == ""
