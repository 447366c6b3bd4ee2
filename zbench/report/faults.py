"""What the fault matrix came to, in three sentences: how soon, how often wrongly, and what was left."""

from __future__ import annotations

from collections.abc import Sequence

from zbench.conformance.item import Outcome
from zbench.report.plain import folded

MATRIX = "FA-"
"""What the ids of its tests begin with."""


def fault_lines(outcomes: Sequence[Outcome], width: int) -> list[str]:
    """For each fabric that was asked; none where no fault was played."""
    lines: list[str] = []
    played = [each for each in outcomes if each.id.startswith(MATRIX) and each.tried]
    for subject in dict.fromkeys(each.subject for each in played):
        lines += folded(_told(subject, [each for each in played if each.subject == subject]), width)
    return lines


def _told(subject: str, outcomes: Sequence[Outcome]) -> str:
    tried = sum(each.tried for each in outcomes)
    named_ms = sorted(float(word) for each in outcomes for word in each.facts.get("named_ms", "").split())
    spread = ""
    if named_ms:  # a p99 of so few would be their maximum; `faults.trials` has the thousand
        spread = (
            f" Of {len(named_ms)} ranks that were gone half were named within "
            f"{named_ms[(len(named_ms) - 1) // 2]:.0f} ms, all within {named_ms[-1]:.0f} ms."
        )
    return (
        f"{subject}: {_sum(outcomes, 'passed')} of {tried} cells of the fault matrix passed.{spread} "
        f"{_sum(outcomes, 'false_alarms')} false alarms; {_sum(outcomes, 'left')} processes, descriptors or "
        "files left behind."
    )


def _sum(outcomes: Sequence[Outcome], fact: str) -> int:
    return sum(int(each.facts.get(fact, "0")) for each in outcomes)
