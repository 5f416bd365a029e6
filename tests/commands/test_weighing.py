"""Responders, and benefit against harm, from the command line."""

import json

import pytest

import bayes_nmda as nmda
from bayes_nmda import paths

TRADEOFF = ("ask", "tradeoff", "--benefit", "small")
INTRAVENOUS = ("--drug", "ketamine", "--route", "intravenous", "--timepoint", "short")


@pytest.fixture
def ask(run, weighing_home, monkeypatch):
    """Return a function that runs ``ask`` where a harm and a response are stored."""
    monkeypatch.setenv(paths.HOME_VARIABLE, str(weighing_home))
    return lambda *arguments: run(*arguments, home=weighing_home)


def test_a_tradeoff_is_the_document_of_its_function(ask):
    done = ask(*TRADEOFF, *INTRAVENOUS, "--at-least", 10, "--at-most", 0.05, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    pain, harm = nmda.posterior("small"), nmda.posterior("any_adverse_event")
    words = {"drug": "ketamine", "route": "intravenous", "timepoint": "short"}
    answer = nmda.tradeoff(pain, harm, **words, at_least=10, at_most=0.05)
    assert json.loads(done.stdout) == answer.to_dict()


def test_a_worth_adds_the_net_benefit_to_the_same_document(ask):
    done = ask(*TRADEOFF, *INTRAVENOUS, "--worth", 20, "--worth", 40, "--json")
    document = json.loads(done.stdout)
    pain, harm = nmda.posterior("small"), nmda.posterior("any_adverse_event")
    words = {"drug": "ketamine", "route": "intravenous", "timepoint": "short"}
    net = nmda.net_benefit(pain, harm, **words, points_per_event=[20, 40])
    assert document["query"] == "tradeoff"
    assert document["net_benefit"] == net.to_dict()


def test_text_has_both_answers_and_says_what_they_assume(ask):
    done = ask(*TRADEOFF, *INTRAVENOUS, "--at-least", 10, "--at-most", 0.05, "--worth", 20)
    assert done.stdout.startswith("The probability that intravenous ketamine lowers pain")
    assert "If any adverse event in everybody is worth 20 points of pain" in done.stdout
    assert "takes their errors as independent" in done.stdout.replace("\n", " ")


def test_what_has_no_harm_is_named(ask):
    done = ask(*TRADEOFF)
    assert "Without a trial in model any_adverse_event: memantine/oral/short." in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--drug", "memantine"), 13, "cells with both: ketamine/intravenous/immediate"),
        (("--drug", "ketamin"), 13, "Did you mean 'ketamine'"),
        (("--harm", "small"), 13, "allowed is a model of counts"),
        (("--harm", "no_such_model"), 11, "no_such_model"),
        (("--at-most", "2"), 2, "from 0 to 1"),
        (("--at-most", "-0.1"), 2, "from 0 to 1"),
        (("--worth", "-5"), 2, "points_per_event: found -5"),
        (("--worth", "much"), 2, "much"),
        (("--at-least", "-10"), 2, "at_least: found -10"),
    ],
)
def test_a_question_that_cannot_be_answered_has_its_exit_code(ask, words, code, message):
    done = ask(*TRADEOFF, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_responders_are_asked_in_odds_ratios_in_the_direction_of_benefit(ask):
    done = ask("ask", "responders", "--drug", "ketamine", "--at-least", 2, "--json")
    document = json.loads(done.stdout)
    expected = nmda.prob_benefit(nmda.posterior("responder_30"), drug="ketamine", at_least=2)
    assert document == expected.to_dict()
    assert document["rows"][0]["measure"] == "OR"
    assert "within one patient" in document["estimand"]


@pytest.mark.parametrize("measure", ["RR", "RD"])
def test_responders_are_also_asked_in_risks(ask, measure):
    done = ask("ask", "responders", "responder_30", "--measure", measure, "--control-risk", 0.3)
    assert done.returncode == 0
    assert "A response is a change within one patient" in done.stdout


def test_the_number_needed_for_one_more_response_is_an_estimate(ask):
    done = ask("ask", "responders", "--drug", "ketamine", "--measure", "NNT", "--json")
    row = json.loads(done.stdout)["rows"][0]
    assert row["kind"] == "NNTB"
    done = ask("ask", "responders", "--measure", "NNT", "--at-least", 0.1)
    assert done.returncode == 2
    assert "leave it out" in done.stderr


def test_responders_of_another_outcome_are_refused(ask):
    done = ask("ask", "responders", "small")
    assert done.returncode == 13
    assert "responder_30 or responder_50" in done.stderr


def test_weighing_imports_nothing_heavy(run_outside, weighing_home):
    words = (*TRADEOFF, *INTRAVENOUS, "--worth", 20, "--json")
    done = run_outside(*words, home=weighing_home, python=("-X", "importtime"))
    assert done.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "h5py" in imported
    assert imported.isdisjoint({"pandas", "xarray", "scipy", "arviz_stats", "pymc", "pandera"})
