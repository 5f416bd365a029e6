"""Formulas: a small language, strictly read."""

import pytest

from bayes_nmda.errors import ReportError
from bayes_nmda.report.formulas import mathml


def test_sub_and_superscripts_become_mathml():
    assert "<msubsup><mi>σ</mi>" in mathml(r"\sigma_{a}^{2}")
    assert "<msub><mi>y</mi><mrow><mi>i</mi></mrow></msub>" in mathml("y_{i}")


def test_an_unknown_command_is_refused_with_the_known_ones():
    with pytest.raises(ReportError, match=r"\\gamma.*allowed are .*theta"):
        mathml(r"\gamma")
