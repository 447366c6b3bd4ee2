"""What a reader must know of a run before its figures: broken off, disturbed, put together, not ours."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence

from zbench.records.schema import Run
from zbench.report import words
from zbench.report.findings import Findings

LISTED = 3
"""Of cases or reasons in one remark; the rest is counted, and stands among the cases and conditions."""


def remarks(findings: Findings) -> list[tuple[str, str]]:
    """(what, why) for all that must stand above the verdicts, most serious first, run by run in a merge."""
    return [
        (f"{f'Run {label}' if label else 'This run'} {what}.", why)
        for label, part in findings.parts.items()
        for what, why in _of(part)
    ]


def _of(findings: Findings) -> list[tuple[str, str]]:
    run, found = findings.run, _ending(findings)
    bad = [f"{s.key} of {s.subject}" for s in findings.summaries if s.bad]
    if bad:
        found.append((f"has {words.counted(len(bad), 'wrong or invalid case')}", _listed(bad)))
    if run.imported:
        tool, file = run.imported.tool, run.imported.file
        why = f"its figures are those of {tool}, from {file}: evidence DATA SHEET, no answer was checked here"
        found.append(("is imported", why))
    if run.disturbed:
        found.append(("was disturbed", f"meanwhile on this machine: {_listed(run.disturbed)}"))
    if len(run.sittings) > 1:
        told = ", ".join(f"{sitting.why} {words.moment(sitting.started)}" for sitting in run.sittings)
        why = f"{told}; launches of different sittings may differ by more than those of one"
        found.append((f"was measured in {len(run.sittings)} sittings", why))
    if run.not_run:
        reasons = [f"{why} ({count}x)" for why, count in Counter(run.not_run.values()).most_common()]
        found.append((f"leaves out {words.counted(len(run.not_run), 'case')}{_limit(run)}", _listed(reasons)))
    return found + [("is judged again", note) for note in findings.notes]


def _ending(findings: Findings) -> list[tuple[str, str]]:
    """How it ended, where it did not end well."""
    run = findings.run
    kept = f"{words.counted(len(findings.records), 'finished burst')} kept"
    goes_on = f"`zbench run --resume {shlex.quote(str(findings.directory))}` goes on"
    told = {
        "invalid": ("is invalid", run.why or "its measurement cannot be trusted"),
        "partial": ("is partial", f"{run.why or 'it broke off'}; {kept}, {goes_on}"),
        "running": ("has not ended", f"{run.why or 'killed, or still measuring'}; {kept}, {goes_on}"),
    }
    return [told[run.state]] if run.state in told else []


def _limit(run: Run) -> str:
    return "" if run.time_limit_s is None else f", in a time limit of {words.duration(run.time_limit_s)}"


def _listed(items: Sequence[str]) -> str:
    more = len(items) - LISTED
    return "; ".join(items[:LISTED]) + (f"; and {more} more" if more > 0 else "")
