"""Certainty: computed from declared thresholds, or judged by somebody, or said not to be judged."""

import re
from dataclasses import dataclass, field
from types import SimpleNamespace

import pandas as pd
import pytest

from bayes_nmda.report.certainty import NOT_JUDGED, REVIEWERS, certainty
from bayes_nmda.report.definition import Judgement


@dataclass
class Definition:
    judgements: tuple = field(default=())


def asked(mean, new, *, trials=3, judgements=(), review=None):
    """Return the certainty of a difference of which 10 points matter."""
    thresholds = SimpleNamespace(benefit_sizes=(0.0, 10.0, 20.0))
    spec = SimpleNamespace(name="m", unit="points", thresholds=thresholds)
    frame = pd.DataFrame({"cell": ["c", "c"], "trial_id": ["a", "b"], "rob": ["low", ""]})
    fit = SimpleNamespace(spec=spec, counts=False, effects=SimpleNamespace(frame=frame))
    outcome = SimpleNamespace(fit=fit, direction="benefit", sizes=thresholds.benefit_sizes)
    content = SimpleNamespace(
        definition=Definition(tuple(judgements)), primary=SimpleNamespace(spec=spec),
        uncertainty=None, outcomes={"m": outcome},
    )  # fmt: skip
    line = SimpleNamespace(
        model="m", label="c", review=review,
        lead={"lower": mean[0], "upper": mean[1], "trials": trials},
        new={"lower": new[0], "upper": new[1]},
    )  # fmt: skip
    return certainty(content, line)


def domain(found, name):
    return next(one for one in found.domains if one.name == name)


@pytest.mark.parametrize(
    ("mean", "judgement"),
    [
        ((-30, -12), "not serious"),  # a benefit that matters, throughout
        ((-8, 7), "not serious"),  # nothing that matters, throughout
        ((-18, -1), "serious"),
        ((2, 25), "serious"),
        ((-14, 16), "very serious"),
    ],
)
def test_imprecision_counts_the_thresholds_inside_the_interval(mean, judgement):
    found = asked(mean, (-60, 60))
    assert domain(found, "Imprecision").judgement == judgement
    flipped = asked((-mean[1], -mean[0]), (-60, 60))
    assert domain(flipped, "Imprecision").judgement == judgement


def test_inconsistency_is_what_a_new_trial_adds_to_the_mean():
    assert domain(asked((-30, -12), (-35, -11)), "Inconsistency").judgement == "not serious"
    assert domain(asked((-30, -12), (-40, 4)), "Inconsistency").judgement == "serious"
    assert domain(asked((-14, 16), (-40, 40)), "Inconsistency").judgement == NOT_JUDGED
    alone = domain(asked((-30, -12), (-40, 4), trials=1), "Inconsistency")
    assert (alone.judgement, alone.reason) == (NOT_JUDGED, "a single trial")


def test_what_takes_a_person_is_not_judged_without_one():
    found = asked((-30, -12), (-35, -11))
    assert found.words == NOT_JUDGED
    for name in ("Risk of bias", "Indirectness", "Publication bias"):
        assert domain(found, name).judgement == NOT_JUDGED
        assert domain(found, name).by == ""
    assert "1 not judged, 1 low risk" in domain(found, "Risk of bias").reason


def test_a_judgement_stands_with_who_made_it():
    one = Judgement("m", "c", "indirectness", "serious", "other patients", "a panel", "minutes, 3")
    found = asked((-30, -12), (-35, -11), judgements=[one])
    told = domain(found, "Indirectness")
    assert (told.judgement, told.reason, told.by) == ("serious", "other patients", "a panel")
    whole = Judgement("m", "c", "overall", "low", "all of it", "a panel", "minutes, 3")
    review = SimpleNamespace(certainty="very low")
    assert asked((-1, 1), (-2, 2), judgements=[whole], review=review).words == "low (a panel)"
    assert asked((-1, 1), (-2, 2), review=review).words == f"very low ({REVIEWERS})"


def test_the_published_report_shows_each_with_who_judged(page):
    found = re.findall(r"<li>(?:Risk of bias|Indirectness|Publication bias): ([^.(<]*)", page)
    assert len(found) > 10
    assert {words.strip() for words in found if "only the" not in words} == {NOT_JUDGED}
    assert "Imprecision: " in page
