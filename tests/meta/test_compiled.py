"""A first call that compiles says so; later ones say nothing."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from bayes_nmda.meta import compiled


def test_a_slow_first_call_says_that_code_is_compiled(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiled, "_PATIENCE", 0.01)
    for signatures, told in (([], True), (["known"], False)):
        with compiled.patient(SimpleNamespace(signatures=signatures)):
            time.sleep(0.2)
        assert ("compiling, once on this machine" in capsys.readouterr().err) is told


def test_a_quick_first_call_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with compiled.patient(SimpleNamespace(signatures=[])):
        pass
    assert capsys.readouterr().err == ""
