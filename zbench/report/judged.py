"""A verdict in the words that every form of the report uses: what was found, how far off, from how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zbench.judge.claims import Claim
from zbench.judge.reasons import distance
from zbench.judge.summary import Summary
from zbench.judge.verdicts import Verdict
from zbench.report import words
from zbench.report.findings import Findings


@dataclass(frozen=True)
class Judged:
    """One claim in one run."""

    label: str
    """Of the run, in a merge."""
    claim: Claim
    verdict: Verdict
    measured: str
    """`316 ns`; empty where nothing was measured."""
    interval: str
    """`315 ns to 318 ns`; empty for a single launch."""
    margin: str
    """`12.7x below the claim`; empty where there is nothing to compare."""
    size: str
    """`5 launches × 1197 rounds × 2 ranks`; empty where nothing was measured."""

    @property
    def reasons(self) -> list[str]:
        return [reason for reason in self.verdict.why.split("; ") if reason]

    @property
    def kind(self) -> str:
        """The verdict as one word, `not-met`."""
        return self.verdict.verdict.lower().replace(" ", "-")


def judged(findings: Findings) -> list[Judged]:
    """Every verdict of a run, or of each run of a merge, in the order of their claims files."""
    found = []
    for label, part in findings.parts.items():
        claims = {claim.id: claim for claim in part.claims}
        found += [_judged(label, claims[v.claim], v, part.summaries) for v in part.verdicts]
    return found


def _judged(label: str, claim: Claim, verdict: Verdict, summaries: Sequence[Summary]) -> Judged:
    measured = interval = margin = ""
    if verdict.measured is not None:
        measured = words.in_terms_of(claim, verdict.measured)
        if claim.limit > 0:
            margin = f"{distance(verdict.measured, claim.limit)} the claim"
    if verdict.measured_interval is not None:
        interval = " to ".join(words.in_terms_of(claim, bound) for bound in verdict.measured_interval)
    cases = [s for s in summaries if s.key in verdict.keys and s.subject == verdict.subject]
    return Judged(label, claim, verdict, measured, interval, margin, _size(cases))


def _size(cases: Sequence[Summary]) -> str:
    timed = [s for s in cases if s.samples and s.launches]
    if not timed:
        return ""
    parts = [
        words.reach([s.launches for s in timed], "launch"),
        words.reach([round(s.samples / s.launches) for s in timed], "round"),
        words.reach([s.ranks for s in timed], "rank"),
    ]
    return " × ".join(parts) + (f", {len(timed)} cases" if len(timed) > 1 else "")
