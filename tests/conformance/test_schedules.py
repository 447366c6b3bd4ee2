"""Schedules as a subject: proved rule by rule, and no rule is blind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from zbench.conformance import schedules
from zbench.conformance.item import Outcome
from zbench.conformance.launches import Ask, conform
from zbench.conformance.schedule_mutants import BREAK
from zbench.schedules.action import Step
from zbench.schedules.table import ALGORITHMS, world
from zbench.subject import SCHEDULES

RULES = [f"SY-{i}" for i in range(1, 8)]


def asked(*tests: str, attempt: str = "*") -> list[Outcome]:
    return list(conform(Ask(SCHEDULES, "L0", 0, tests, attempt=attempt)))


def test_every_schedule_is_proved_by_every_rule() -> None:
    """An outcome for each rule and operation, and one order of sums where all ranks have them."""
    found = asked()
    assert {each.status for each in found} == {"PASS"}
    for rule in RULES:
        scopes = {each.scope for each in found if each.id == rule}
        assert scopes == ({"allreduce"} if rule == "SY-6" else set(ALGORITHMS))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_tried_on_schedules_that_break_it(rule: str) -> None:
    """Each kind of mutant is made of some algorithm: one that never applies would show nothing."""
    for what in BREAK[rule]:
        found = asked(rule, attempt=f"*: {what}")
        assert sum(each.tried for each in found) > 0, what
        assert {each.status for each in found} <= {"PASS", "NOT_SUPPORTED"}


def test_a_wrong_schedule_fails_by_its_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names rank and step, and the command that shows it again asks for the one setting."""

    def broken(op: str, name: str, ranks: int, **more: Any) -> Sequence[Sequence[Step]]:
        right = world(op, name, ranks, **more)
        return [[*right[0], right[0][-1]], *right[1:]] if (name, ranks) == ("ring", 4) else right

    monkeypatch.setattr(schedules, "world", broken)
    schedules.played.cache_clear()
    try:
        (found,) = asked("SY-4", attempt="allreduce ring P=4 root=0 chunks=1")
    finally:
        schedules.played.cache_clear()
    assert (found.status, found.scope) == ("FAIL", "allreduce")
    assert "SY-4: " in found.why
    assert "rank 0" in found.why
    assert found.repro.startswith("zbench conform --schedules --level L0 --test SY-4")
    assert found.repro.endswith("--attempt 'allreduce ring P=4 root=0 chunks=1'")


@pytest.mark.parametrize("blind", RULES[:6])
def test_a_rule_that_sees_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch, blind: str) -> None:
    """A checker that proves whatever breaks one rule fails that rule's test."""

    def caught(op: str, steps: Any, blocks: int, cost: Any) -> tuple[str, str]:
        rule, why = real(op, steps, blocks, cost)
        return ("", "") if rule == blind else (rule, why)

    real = schedules.caught
    monkeypatch.setattr(schedules, "caught", caught)
    found = asked(blind, attempt="allreduce *: *")
    assert [each.status for each in found] == ["FAIL"]
    assert f"a schedule that breaks {blind} is proved" in found[0].why


def test_a_schedule_that_cannot_be_made_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its maker raises; the other algorithms are proved all the same."""

    def broken(op: str, name: str, ranks: int, **more: Any) -> Sequence[Sequence[Step]]:
        return [[]][1] if name == "ring" else world(op, name, ranks, **more)

    monkeypatch.setattr(schedules, "world", broken)
    schedules.played.cache_clear()
    try:
        (found,) = asked("SY-1", attempt="allreduce *")
    finally:
        schedules.played.cache_clear()
    assert found.status == "FAIL"
    assert "ring" in found.why
    assert "cannot be made: IndexError: list index out of range" in found.why
    assert found.tried > found.failed
