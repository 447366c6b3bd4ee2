"""The JSON document of `--format json`: part of the public interface, so its keys are fixed here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from zbench.judge.ratios import Ratio
from zbench.judge.summary import Summary
from zbench.judge.verdicts import Verdict
from zbench.report import choices, guidelines, hostcards, pairs, ranks, stragglers, telemetry
from zbench.report.findings import Findings
from zbench.report.remarks import remarks

VERSION = 1


def documents(findings: Findings) -> dict[str, Any]:
    """What `--format json` prints: `document` of the run with its state and remarks, of a run by the
    minute how its cases were `sustained`, of fabrics their `models` and algorithms, of a run of each card of
    the host its `hostcards`, of one that measured all pairs of ranks its `pairs`, of one with collectives
    its `last`, of one that asked for them the `clocks` of its ranks; of several runs
    `{"version", "runs": [...]}`.
    """
    made = [
        document(part.directory, part.summaries, part.ratios, part.verdicts)
        | {"state": part.run.state, "remarks": [f"{what} {why}" for what, why in remarks(part)]}
        | ({"sustained": [telemetry.sustained_document(s) for s in part.sustained]} if part.sustained else {})
        | ({"models": [choices.document(world) for world in part.worlds]} if part.worlds else {})
        | ({"guidelines": guidelines.document(part.guidelines)} if part.guidelines else {})
        | ({"hostcards": hostcards.document(part.hostcards)} if part.run.each else {})
        | ({"pairs": pairs.document(part.pairs)} if part.pairs else {})
        | ({"last": stragglers.document(part.votes)} if part.votes else {})
        | ranks.document(part)
        for part in findings.parts.values()
    ]
    return {"version": VERSION, "runs": made} if findings.members else made[0]


def document(
    run_dir: str | Path, summaries: Iterable[Summary], ratios: Iterable[Ratio], verdicts: Iterable[Verdict]
) -> dict[str, Any]:
    """`{"version", "run", "cases", "ratios", "verdicts"}`, ready for json.dumps; what is absent is None.

    `median_ns` and `interval_ns` are per operation; `value` is in `unit`. A ratio is time(to) / time(of):
    above 1 `of` is faster. A case whose answer was wrong, or whose timing was invalid, has no time and no
    value.
    """
    return {
        "version": VERSION,
        "run": str(run_dir),
        "cases": [_case(summary) for summary in summaries],
        "ratios": [
            {
                "key": ratio.key,
                "of": ratio.of,
                "to": ratio.to,
                "median": number(ratio.median),
                "interval": pair(ratio.interval),
            }
            for ratio in ratios
        ],
        "verdicts": [
            {
                "claim": verdict.claim,
                "verdict": verdict.verdict,
                "evidence": verdict.evidence,
                "measured": number(verdict.measured),
                "claimed": number(verdict.claimed),
                "unit": verdict.unit,
                "why": verdict.why,
            }
            for verdict in verdicts
        ],
    }


def _case(summary: Summary) -> dict[str, Any]:
    timed = summary.status == "ok"
    return {
        "key": summary.key,
        "subject": summary.subject,
        "variant": dict(summary.variant),
        "ranks": summary.ranks,
        "batch": summary.batch,
        "launches": summary.launches,
        "median_ns": number(summary.median_ns) if timed else None,
        "interval_ns": pair(summary.interval_ns) if timed else None,
        "value": number(summary.value) if timed else None,
        "unit": summary.unit,
        "fraction_of_peak": number(summary.fraction_of_peak) if timed else None,
        "verified": summary.verified,
        "noisy": summary.noisy,
        "telemetry": telemetry.document(summary),
    }


def number(value: float | None) -> float | None:
    """JSON knows neither NaN nor infinity."""
    return None if value is None or not math.isfinite(value) else value


def pair(interval: Sequence[float] | None) -> list[float | None] | None:
    return None if interval is None else [number(bound) for bound in interval]
