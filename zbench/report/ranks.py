"""What is told of the ranks of a world: whether their clocks agree, and how they slow each other."""

from __future__ import annotations

from typing import Any

import msgspec

from zbench.judge.clocks import Agreement, CommonTimes
from zbench.judge.congestion import Factor, Impact
from zbench.report import words
from zbench.report.findings import Findings

Table = tuple[str, tuple[str, ...], list[tuple[str, ...]]]
"""(title, header, rows)."""
Section = tuple[str, str, str, list[Table]]
"""(anchor, title, about, tables)."""

CLOCKS = "Clocks"
ABOUT_CLOCKS = (
    "Each rank's clock against that of rank 0, from messages of the fabric. A message is received after it "
    "was sent, so the errors are bounds that hold whatever the delays were. Moments on different ranks are "
    "compared only where the clocks agree to 10 % of a round. Named starts: rank 0 names a moment, and every "
    "rank waits for it on its own clock, translated; of a round that it heard of too late nothing is made."
)
HEADER_CLOCKS = (
    "subject",
    "ranks",
    "launches",
    "largest offset",
    "known within",
    "drift",
    "residual",
    "said",
    "named starts apart: median, worst",
    "too late",
)
STARTS = "Rounds on the common clock"
HEADER_STARTS = (
    "case",
    "subject",
    "starts apart: median",
    "worst",
    "first start to last end",
    "longest rank",
)

CONGESTION = "Congestion"
ABOUT_CONGESTION = (
    "Victims with and without congestors beside them, in turns within each burst, on disjoint ranks placed "
    "at random (GPCNeT's method). The congestion impact factor is the time loaded over the time idle, with "
    "its interval over launches; of rounds of several executions, p99 is that of rounds. On one host it is "
    "memory and caches that are contended, and no network."
)
HEADER_CONGESTION = (
    "case",
    "subject",
    "idle",
    "loaded",
    "factor: median [interval]",
    "factor: p99 [interval]",
    "executions a round",
    "covered rounds",
    "verdict",
)


def brief(findings: Findings) -> list[str]:
    """For the terminal: a line each."""
    return [*map(_agreement, findings.clocks), *map(_impact, findings.impacts)]


def sections(findings: Findings) -> list[Section]:
    """For the page; none of what was not measured."""
    found: list[Section] = []
    if findings.clocks:
        tables: list[Table] = [(CLOCKS, HEADER_CLOCKS, [_clocks(each) for each in findings.clocks])]
        if findings.starts:
            tables.append((STARTS, HEADER_STARTS, [_starts(each) for each in findings.starts]))
        found.append(("clocks", CLOCKS, ABOUT_CLOCKS, tables))
    if findings.impacts:
        rows = [_congestion(each) for each in findings.impacts]
        found.append(("congestion", CONGESTION, ABOUT_CONGESTION, [(CONGESTION, HEADER_CONGESTION, rows)]))
    return found


def document(findings: Findings) -> dict[str, Any]:
    """For the JSON document: nothing of what was not asked."""
    found = {"clocks": findings.clocks, "starts": findings.starts, "congestion": findings.impacts}
    return {
        name: [msgspec.to_builtins(each) for each in figures] for name, figures in found.items() if figures
    }


def _agreement(clocks: Agreement) -> str:
    """`Clocks of 4 ranks of shm agree within 131 ns (HCA3), drift 0.00 ± 0.15 ppm`."""
    ranks = f"Clocks of {words.counted(clocks.ranks, 'rank')} of {clocks.subject}"
    drift = f"drift {clocks.drift_ppm:.2f} ± {clocks.drift_error_ppm:.2g} ppm"
    if clocks.shared:
        return f"{ranks} agree within {_time(clocks.within_ns)} ({clocks.method}), {drift}"
    off = f"{_time(abs(clocks.offset_ns))} ± {_time(clocks.error_ns)} (rank {clocks.worst_rank})"
    return f"{ranks} do not agree: up to {off} off ({clocks.method}), {drift}; no moments are compared"


def _clocks(clocks: Agreement) -> tuple[str, ...]:
    named = clocks.named
    return (
        clocks.subject,
        str(clocks.ranks),
        str(clocks.launches),
        f"{_time(clocks.offset_ns)} (rank {clocks.worst_rank})",
        f"± {_time(clocks.error_ns)}",
        f"{clocks.drift_ppm:.2f} ± {clocks.drift_error_ppm:.2g} ppm",
        _time(clocks.residual_ns),
        "one clock" if clocks.shared else "they do not agree",
        f"{_time(named.skew_p50_ns)}, {_time(named.skew_max_ns)}" if named else "-",
        f"{named.late} of {named.rounds}" if named else "-",
    )


def _starts(times: CommonTimes) -> tuple[str, ...]:
    if times.why:
        return (times.key, times.subject, f"not told: {times.why}", "-", "-", _time(times.own_ns))
    shown = (times.skew_p50_ns, times.skew_max_ns, times.span_ns, times.own_ns)
    return (times.key, times.subject, *map(_time, shown))


def _time(ns: float) -> str:
    return words.value(ns / 1e9, "s")


def _impact(impact: Impact) -> str:
    """`Congestion of shm: 8 B pingpong takes 1.31x [1.22, 1.40] beside alltoall, p99 2.05x: SLOWED`."""
    size = words.size(impact.case.size[0])
    head = f"Congestion of {impact.subject}: {size} {impact.case.get('victim')} takes"
    times = _factor(impact.middle) if impact.middle else "an unknown time"
    tail = f", p99 {_factor(impact.tail)}" if impact.tail else ""
    end = f"{impact.verdict}: {impact.why}" if impact.why else impact.verdict
    return f"{head} {times} beside {impact.case.get('congestor')}{tail}; {end}"


def _congestion(impact: Impact) -> tuple[str, ...]:
    least, most = impact.batch
    return (
        impact.key,
        impact.subject,
        "-" if impact.idle_ns is None else _time(impact.idle_ns),
        "-" if impact.loaded_ns is None else _time(impact.loaded_ns),
        _factor(impact.middle) if impact.middle else "-",
        _factor(impact.tail) if impact.tail else "too few rounds",
        str(least) if least == most else f"{least} to {most}",
        f"{impact.covered} of {impact.of}",
        f"{impact.verdict}: {impact.why}" if impact.why else impact.verdict,
    )


def _factor(factor: Factor) -> str:
    """`1.31x [1.22, 1.4]`."""
    if factor.interval is None:
        return f"{factor.median:.3g}x [no interval]"
    return f"{factor.median:.3g}x [{factor.interval[0]:.3g}, {factor.interval[1]:.3g}]"
