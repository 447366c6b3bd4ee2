"""What `zbench conform` prints: what failed and how to see it again, then each test's status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from zbench.conformance.item import Outcome
from zbench.conformance.status import BAD, HARNESS_ERROR, MARGINAL, MEANINGS, NOT_SUPPORTED
from zbench.report.plain import fit, folded, shell, table, written

SHOWN = (*BAD, HARNESS_ERROR, MARGINAL)
"""Told one by one, with their reasons."""


def render_outcomes(outcomes: Sequence[Outcome], level: str, width: int, unicode: bool) -> str:
    """The whole screen; ASCII only without `unicode`."""
    width = fit(width)
    lines: list[str] = []
    for outcome in outcomes:
        if outcome.status in SHOWN:
            head = f"{outcome.status} {outcome.id} {outcome.subject} {outcome.scope}: {outcome.why}"
            lines += folded(head, width, rest="    ")
            if outcome.repro:
                lines += shell(outcome.repro, width, "    again: ")
    if lines:
        lines.append("")
    lines += table(("subject", "test", "statuses"), _rows(outcomes), width)
    lines += ["", *folded(summary(outcomes), width)]
    if level == "L0":
        lines += folded("L0 is a smoke test: it is not sufficient for conformance.", width)
    return written(lines, unicode)


def _rows(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str]]:
    """A row for each test of a subject: how many dtypes or worlds ended how."""
    rows = []
    for subject, id in dict.fromkeys((each.subject, each.id) for each in outcomes):
        found = [each for each in outcomes if (each.subject, each.id) == (subject, id)]
        counts = Counter(each.status for each in found)
        rows.append((subject, id, ", ".join(f"{counts[each]} {each}" for each in MEANINGS if counts[each])))
    return rows


def summary(outcomes: Sequence[Outcome]) -> str:
    """One sentence: how many of each status, and the share that was not tried."""
    counts = Counter(outcome.status for outcome in outcomes)
    told = ", ".join(f"{counts[status]} {status}" for status in MEANINGS if counts[status])
    share = counts[NOT_SUPPORTED] / len(outcomes) if outcomes else 0.0
    tried = sum(outcome.tried for outcome in outcomes)
    return f"{len(outcomes)} outcomes of {tried} attempts: {told}; {share:.0%} not supported."
