"""Long programs, groups, calls that do not match and ranks that never call: what is wrong with a fabric of
real processes is found, by the test that is there for it, and nothing is found where nothing is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zbench.conformance.catalogue import COLLECTIVES
from zbench.conformance.item import Outcome
from zbench.conformance.launches import Ask, conform, joined
from zbench.subject import parse

ASKS_NOTHING = ("CO-28",)
PLUGINS = Path(__file__).parent / "plugins"


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
    monkeypatch.syspath_prepend(PLUGINS)


def asked(fabric: str, *tests: str, ranks: int = 2, attempt: str = "*") -> dict[str, Outcome]:
    subject = parse("fabric", fabric if fabric == "shm" else f"shaky.fabrics:{fabric}")
    return {each.id: each for each in conform(Ask(subject, "L0", 0, tests, (), (ranks,), attempt))}


@pytest.mark.parametrize(
    ("fabric", "test", "ranks", "attempt", "why"),
    [
        ("Wraps", "CO-19", 2, "bcast*", "is prepared for buffers of 8 bytes"),
        ("Swaps", "CO-20", 2, "*", "elements are wrong"),
        ("Sorts", "CO-22", 3, "*any order", "elements are wrong"),
        ("Keeps", "CO-22", 2, "made*", "descriptors are left of 40 groups"),
        ("Trusts", "CO-25", 2, "another reduction", "is told nothing, and takes what it has for an answer"),
        ("Vague", "CO-26", 2, "barrier*", "not which operation, which call, who is missing: internal error"),
        ("Late", "CO-26", 2, "barrier*", "at a limit of 2 s"),
        ("Lags", "CO-29", 2, "allgather*", "slot 1: "),
        ("OneSlot", "CO-27", 2, "bcast*", "slot 1: 8198 of 8198 elements are wrong"),
    ],
)
def test_a_fault_is_caught(fabric: str, test: str, ranks: int, attempt: str, why: str) -> None:
    """By a failure that says what is wrong, and a command that asks for it again."""
    found = asked(fabric, test, ranks=ranks, attempt=attempt)[test]
    assert (found.status, why in found.why) == ("FAIL", True), found.why
    assert f"--fabric shaky.fabrics:{fabric} --level L0 --test {test}" in found.repro


def test_nothing_is_wrong_with_calls_that_are_refused_and_ranks_that_are_missed() -> None:
    """Each attempt has a world of its own, and all of them make one outcome."""
    found = asked("Prompt", "CO-25", attempt="another o*") | asked("Prompt", "CO-26", attempt="barrier*")
    told = {id: (each.status, each.tried) for id, each in found.items()}
    assert told == {"CO-25": ("PASS", 2), "CO-26": ("PASS", 1)}


def test_one_rank_that_raises_fails_the_test_and_no_other() -> None:
    """Its peers hear that it has ended, whatever they do meanwhile; the next test has a new world."""
    found = asked("Raises", "CO-22", "CO-28")
    assert {id: each.status for id, each in found.items()} == {"CO-22": "FAIL", "CO-28": "PASS"}
    assert any("RuntimeError: tripped" in each.why for each in found["CO-22"].failures)


def test_one_rank_that_dies_takes_one_test_with_it() -> None:
    """A crash is the outcome, and the rest is still asked."""
    found = asked("Dies", "CO-27", "CO-28")
    assert {id: each.status for id, each in found.items()} == {"CO-27": "CRASH", "CO-28": "PASS"}
    assert "exit code 9" in found["CO-27"].why


def test_what_is_always_refused_never_passes() -> None:
    """Whatever a test makes of it: an attempt whose plan nobody made has not been tried. Those that ask the
    fabric for nothing are left out; of those that need a world for each attempt, one is asked."""
    whole = [item.id for item in COLLECTIVES if item.id not in ASKS_NOTHING and not item.apart]
    found = asked("Refuses", *whole)
    for id, attempt in (("CO-25", "another order"), ("CO-26", "barrier*")):
        found |= asked("Refuses", id, attempt=attempt)
    wrong = {id: each.status for id, each in found.items() if each.status not in ("FAIL", "NOT_SUPPORTED")}
    assert wrong == {}


def test_what_a_contract_lacks_is_not_supported() -> None:
    """Never a pass: no fabric can be asked for calls that do not block."""
    (found,) = asked("shm", "CO-23").values()
    assert (found.status, found.tried) == ("NOT_SUPPORTED", 0)
    assert "do not block" in found.why


def test_outcomes_of_several_worlds_are_one() -> None:
    """The worst counts; what was not tried is told, and is not worse than a pass."""
    one = Outcome("CO-25", "shm", "fabric", "P=2", "PASS", "L4", tried=1, seconds=1.0)
    lacks = Outcome("CO-25", "shm", "fabric", "P=2", "NOT_SUPPORTED", "L4", why="no bcast")
    wrong = Outcome("CO-25", "shm", "fabric", "P=2", "FAIL", "L4", tried=1, failed=1, why="is told nothing")
    found = joined([one, lacks])
    assert (found.status, found.tried, found.why) == ("PASS", 1, "without no bcast")
    found = joined([one, wrong, lacks])
    assert (found.status, found.tried, found.failed, found.why) == ("FAIL", 2, 1, "is told nothing")
    assert joined([lacks, lacks]).status == "NOT_SUPPORTED"
