"""What a worker makes of answers that are no answers: the subject's fault, never the test's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zbench.conformance.catalogue import PRODUCTS
from zbench.conformance.launches import Ask, conform
from zbench.subject import parse

ASKS_NOTHING = ("GE-41", "GE-42")
PLUGINS = Path(__file__).parent / "plugins"


def test_what_is_always_refused_never_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test makes of it: an attempt whose plan nobody made has not been tried. Those that ask the
    card for nothing are left out."""
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
    monkeypatch.syspath_prepend(PLUGINS)
    tests = tuple(item.id for item in PRODUCTS if item.id not in ASKS_NOTHING)
    found = list(conform(Ask(parse("card", "wrong.card:Refuses"), "L0", 0, tests, dtypes=("fp32",))))
    wrong = {each.id: each.status for each in found if each.status not in ("FAIL", "NOT_SUPPORTED")}
    assert len(found) > 30
    assert wrong == {}


@pytest.mark.parametrize(
    ("card", "got"), [("Flat", "float32[1]"), ("Wide", "float64[1, 1]"), ("Nothing", "NoneType")]
)
def test_an_answer_of_another_shape_or_type_is_wrong(
    monkeypatch: pytest.MonkeyPatch, card: str, got: str
) -> None:
    """It says what was expected and what came, and the tests that are left are still asked."""
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
    monkeypatch.syspath_prepend(PLUGINS)
    subject = parse("card", f"wrong.card:{card}")
    ask = Ask(subject, "L0", 0, tests=("GE-21",), dtypes=("fp32",), attempt="1x1x1 signed*")
    (outcome,) = conform(ask)
    assert (outcome.status, outcome.tried) == ("FAIL", 1)
    assert f"expected an array float32[1, 1], got {got}" in outcome.why
    assert "--card wrong.card:" + card in outcome.repro
