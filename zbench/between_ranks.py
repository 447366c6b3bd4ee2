"""What is asked between ranks, beside what a profile asks: a forced algorithm, what guidelines compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zbench.case import Case
from zbench.errors import UsageError, suggest
from zbench.judge.claims import Claim
from zbench.measure.plan import Group
from zbench.request import Request
from zbench.schedules.operation import OPERATIONS
from zbench.schedules.table import ALGORITHMS
from zbench.subject import Subject
from zbench.workloads import step


def compared(claims: Sequence[Claim]) -> list[str]:
    """The operations that guidelines hold against each other, whatever the profile asks."""
    named = [op for c in claims if c.at_most for op in (c.case.partition("/")[0], *c.at_most)]
    return [op for op in dict.fromkeys(named) if op in OPERATIONS]


def check_option(fabric: Subject, groups: Sequence[Group]) -> None:
    """Raises UsageError where a fabric's option names an algorithm that can do nothing of what is asked."""
    name = fabric.load().forces(fabric.option)
    doing = {op for op, named in ALGORITHMS.items() if name in named}
    asked = {collective(case).workload for group in groups for case in group.cases}
    if name and not asked & doing:
        can = words(doing)
        raise UsageError(f"--fabric {fabric.label}: {name} cannot do {words(asked)}, it can do {can}")


def check_algorithm(request: Request, groups: Sequence[Group]) -> None:
    """Raises UsageError where a forced algorithm does not exist, or cannot do what is asked."""
    name = request.algorithm
    doing = {op for op, named in ALGORITHMS.items() if name in named}
    if not doing:
        known = {known for named in ALGORITHMS.values() for known in named}
        raise UsageError(f"--algorithm {name}: no such algorithm{suggest(name, known)}")
    for fabric in request.fabrics:
        if not fabric.load().schedules:
            raise UsageError(f"--algorithm {name}: {fabric.label} runs its library's own choice")
    asked = {collective(case).workload for group in groups for case in group.cases if group.ranks > 1}
    if others := sorted(asked & ALGORITHMS.keys() - doing):
        cases = " ".join(f"--case '{op}/*'" for op in sorted(doing))
        raise UsageError(f"--algorithm {name}: it cannot do {words(others)}; choose from {cases}")


def collective(case: Case) -> Case:
    """What of a case the fabric does."""
    return step.allreduce(case) if case.workload == "step" else case


def words(operations: Iterable[str]) -> str:
    return ", ".join(sorted(operations))
