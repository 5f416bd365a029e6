"""What names mean is proposed, marked where it is not sure, and read back as it was settled."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tomli_w

from bayes_nmda.errors import DataError
from bayes_nmda.importing import read_source
from bayes_nmda.importing.mapping import direction, from_table, propose, split_time, to_table
from bayes_nmda.importing.rows import slug
from tests.importing.conftest import counted, measured, of_rows, proposed


@pytest.mark.parametrize(
    ("label", "rest", "time"),
    [
        ("Pain (short-term)", "Pain", "short-term"),
        ("Pelvic pain (6 months)", "Pelvic pain", "6 months"),
        ("End of intervention (6 weeks to 3 months)", "", "End of intervention"),
        ("First time point (2 to 4 weeks)", "", "First time point"),
        ("Pain (dichotomous data; short-term)", "Pain (dichotomous data)", "short-term"),
        ("Change in pain score at 12 months", "Change in pain score", "12 months"),
        ("Pain (visual analogue scale)", "Pain (visual analogue scale)", ""),
        ("Overall pain (6 months – change from baseline)",
         "Overall pain (change from baseline)", "6 months"),
        ("12 weeks", "", "12 weeks"),
        ("Low-dose (single session)", "Low-dose (single session)", ""),
    ],
)  # fmt: skip
def test_the_time_in_a_name_is_found(label, rest, time):
    assert split_time(label) == (rest, time)


@pytest.mark.parametrize(
    ("label", "counted_", "better", "sure"),
    [
        ("Mean pain (0 to 10, 0 is no pain)", False, "lower", True),
        ("Pain intensity", False, "lower", True),
        ("Grip strength (kg)", False, "higher", True),
        ("Health-related quality of life (1 to 3, 1 = perfect health)", False, "lower", True),
        ("Quality of life (0 to 100, 100 = best)", False, "higher", True),
        ("Function (0 to 50, higher is worse)", False, "lower", True),
        ("Score (lower scores are better)", False, "lower", True),
        ("Quality of life", False, "higher", False),  # scales of it run both ways
        ("Pain relief", False, "lower", False),  # pain, or relief of it?
        ("Disease activity", False, "lower", False),  # "ease" is no word of it
        ("Pain (dichotomous)", True, "lower", False),  # people with pain, or without?
        ("Any adverse event", True, "lower", True),
        ("Treatment success", True, "higher", True),
        ("Withdrawals", True, "lower", True),
    ],
)
def test_the_direction_is_proposed_and_doubts_are_named(label, counted_, better, sure):
    found, _, certain = direction(label, counted=counted_)
    assert (found, certain) == (better, sure)


@pytest.mark.parametrize("name", ["CD002122_pub3", "CD013042_pub2", "CD008469_pub3"])
def test_a_mapping_comes_back_from_its_file_as_it_was(reviews, name):
    source = read_source({f"{name}-data-rows.csv": reviews[f"{name}-data-rows.csv"]})
    mapping = propose(source, files=[f"{name}-data-rows.csv"], date="2026-11-30", options={})
    import tomllib

    assert from_table(tomllib.loads(tomli_w.dumps(to_table(mapping)))) == mapping


def test_names_that_the_file_has_are_taken_and_others_are_marked(reviews):
    file = "CD013331_pub2-data-rows.csv"
    mapping = propose(
        read_source({file: reviews[file]}), files=[file], date="2026-11-30", options={}
    )
    first = mapping.comparison("1")
    assert (first.treatment, first.control) == ("high-frequency TENS", "placebo or no treatment")
    assert mapping.analysis("4.2").control == "acetaminophen"
    assert ("comparison 4", "control", "control 4") in mapping.unsettled
    assert ("analysis 1.1", "better", "lower") in mapping.unsettled  # pain relief: which way?
    assert mapping.analysis("1.1").label == "Pain relief"


def test_other_scales_kinds_and_directions_of_one_name_are_outcomes_of_their_own(reviews):
    file = "CD002122_pub3-data-rows.csv"
    mapping = propose(
        read_source({file: reviews[file]}), files=[file], date="2026-11-30", options={}
    )
    scale = mapping.analysis("1.1").of("Pelvic pain (6 months)")
    verbal = mapping.analysis("1.2").of("Pelvic pain (6 months)")
    people = mapping.analysis("1.3").of("Pelvic pain (3 months)")
    assert len({scale.outcome, verbal.outcome, people.outcome}) == 3
    assert scale.timepoint == verbal.timepoint == "6 months"
    assert mapping.analysis("3.1").of("Pelvic pain (6 months)").outcome == scale.outcome


def test_an_analysis_that_repeats_another_is_left_out_and_says_so(reviews):
    file = "CD004871_pub5-data-rows.csv"
    mapping = propose(
        read_source({file: reviews[file]}), files=[file], date="2026-11-30", options={}
    )
    left = {one.number: one.repeats for one in mapping.analyses if not one.use}
    assert left["1.8"] == "1.1"
    assert set(left) == {"1.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"}


def test_two_outcomes_with_the_same_few_counts_do_not_repeat_each_other():
    source = of_rows(
        counted("Alder", 0, 20, 1, 20, name="Nausea"),
        counted("Alder", 0, 20, 1, 20, name="Headache", analysis="1,2"),
    )
    assert all(one.use for one in proposed(source).analyses)


def test_long_names_that_begin_alike_stay_apart():
    name = "Side effects of the treatment that occurred before discharge from the clinic: "
    source = of_rows(
        counted("Alder", 2, 20, 1, 20, name=name + "nausea"),
        counted("Alder", 3, 20, 1, 20, name=name + "vomiting", analysis="1,2"),
    )
    outcomes = [one.outcome for one in proposed(source).analyses]
    assert len(set(outcomes)) == 2
    assert all(slug(word, longest=80) == word and len(word) <= 60 for word in outcomes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t["analysis"][0].update(better="down"),
            "better: found 'down'; allowed is lower",
        ),
        (lambda t: t["analysis"][0].pop("outcome"), "found 'no outcome'"),
        (lambda t: t["analysis"][0].update(outcome="Pain!"), "small letters, digits and _: 'pain'"),
        (
            lambda t: t["analysis"][0].update(use="yes"),
            "use: found 'yes'; allowed is true or false",
        ),
        (lambda t: t["comparison"][0].update(treatment="a/b"), "a name without / and vs: 'a or b'"),
        (
            lambda t: t.update(reference="nothing"),
            "reference: found 'nothing'; allowed is a control",
        ),
        (lambda t: t.update(colour="red"), "found 'colour'"),
        (lambda t: t["analysis"][1].update(outcome="pain"), "a name of its own"),
    ],
)
def test_a_wrong_mapping_is_refused_by_key(change, message):
    source = of_rows(
        measured("Alder", (3, 1, 20), (4, 1, 20)), counted("Alder", 2, 20, 1, 20, analysis="1,2")
    )
    table = to_table(proposed(source))
    change(table)
    with pytest.raises(DataError, match=r"mapping\.toml") as refused:
        from_table(table)
    assert message in str(refused.value)


def test_one_outcome_has_one_direction():
    source = of_rows(
        measured("Alder", (3, 1, 20), (4, 1, 20)),
        measured("Birch", (3, 1, 20), (4, 1, 20), analysis="2,1"),
    )
    mapping = proposed(source)
    other = replace(mapping.analyses[1], better="higher")
    table = to_table(replace(mapping, analyses=(mapping.analyses[0], other)))
    with pytest.raises(DataError, match=r"'lower', as in analysis 1\.1 of the same outcome"):
        from_table(table)
