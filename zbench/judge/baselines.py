"""What a stored run says as the other side of a ratio where the two are not comparable as sessions are:
another subject, or a data sheet's figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zbench.judge.claims import Claim
from zbench.judge.facts import SHEET_ALONE
from zbench.judge.history import bare
from zbench.judge.observations import candidate
from zbench.judge.ratios import MARGIN, Ratio
from zbench.judge.summary import Pair, Summary
from zbench.measure.statistics import INTERVAL_ALPHA
from zbench.records import store
from zbench.records.schema import Imported, Record, Run

SESSIONS = "the two were measured in different sessions, and how much sessions differ is not known"


@dataclass(frozen=True)
class Side:
    """One of two runs: what it answered, and the order in which its subjects were named."""

    summaries: Sequence[Summary]
    subjects: Sequence[str]
    imported: Imported | None = None

    def candidates(self) -> dict[str, Summary]:
        """Key -> the answer of the subject that claims are about."""
        chosen: dict[str, Summary] = {}
        for summary in self.summaries:
            first = candidate(self.summaries, summary.suite, self.subjects)
            if summary.subject == first and summary.status == "ok" and summary.median_ns:
                chosen.setdefault(summary.key, summary)
        return chosen


def over_baseline(now: Side, then: Side, baseline: str) -> list[Ratio]:
    """time(now) / time(then) for each key that both answered, of their first subjects.

    Left to `compare_runs`: the same subject, measured in both. An interval is that of the one side that
    was measured beside a data sheet's point.
    """
    there = then.candidates()
    pairs = [(to, there[key]) for key, to in now.candidates().items() if key in there]
    pairs = [(to, of) for to, of in pairs if to.sheet or of.sheet or bare(to.subject) != bare(of.subject)]
    return [_ratio(to, of, baseline, _why(now, then, to, of)) for to, of in pairs]


def _why(now: Side, then: Side, to: Summary, of: Summary) -> str:
    """Why the ratio alone decides nothing."""
    if of.sheet:
        return f"the baseline is {SHEET_ALONE}"
    if to.sheet:
        return f"this is {SHEET_ALONE}"
    tools = [side.imported.tool for side in (now, then) if side.imported]
    return f"{tools[0]} measured in one launch, under its own protocol" if tools else SESSIONS


def _ratio(to: Summary, of: Summary, baseline: str, why: str) -> Ratio:
    sheet = bool(to.sheet or of.sheet)
    timed = next((s for s in (to, of) if not s.sheet), None)
    time, other = to.median_ns or 0.0, of.median_ns or 1.0
    bounds: Pair | None = None
    if sheet and timed and timed.interval_ns:
        lo, hi = timed.interval_ns
        bounds = (lo / other, hi / other) if timed is to else (time / hi, time / lo)
    return Ratio(
        suite=to.suite,
        key=to.key,
        of=of.subject,
        to=to.subject,
        median=time / other,
        interval=bounds,
        launches=timed.launches if timed else 0,
        margin=MARGIN,
        p=1.0,
        verdict="UNDECIDED",
        method=timed.method if timed and bounds else "",
        confidence=timed.confidence if timed and bounds and timed.confidence else 1 - INTERVAL_ALPHA,
        why=why,
        baseline=baseline,
        sheet=sheet,
    )


Stored = tuple[Run, Sequence[Record]]


def load_baselines(claims: Sequence[Claim], beside: Path, given: Sequence[str] = ()) -> dict[str, Stored]:
    """Name -> run, of what the claims name (`to = { run = "..." }`) and of what was given.

    `beside`: the directory that a claim's path is relative to. Raises UsageError where one is no run.
    """
    named = dict.fromkeys(claim.to.run for claim in claims if claim.to and claim.to.run)
    paths = {name: beside / Path(name).expanduser() for name in named}
    known = {path.resolve() for path in paths.values()}
    paths |= {name: Path(name) for name in given if Path(name).resolve() not in known}
    return {name: store.load(path) for name, path in paths.items()}
