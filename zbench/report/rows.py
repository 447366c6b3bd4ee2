"""What the terminal says of verdicts and results, as plain text; the layout is elsewhere."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from zbench.judge.claims import Claim
from zbench.judge.datasheets import DataSheet, share
from zbench.judge.ratios import Ratio
from zbench.judge.summary import Summary
from zbench.judge.verdicts import Verdict
from zbench.report import words
from zbench.report.findings import Findings
from zbench.report.telemetry import told

CLAUSES = 2
"""Of a reason, on the terminal; the page has all of them."""
MORE_LAUNCHES = 10
"""The one extension that the protocol allows."""


def measured(verdict: Verdict, claim: Claim) -> str:
    """`316 ns [315, 318 ns]`; what a model says is never called measured."""
    if verdict.measured is None:
        return "-"
    text = words.in_terms_of(claim, verdict.measured)
    if verdict.measured_interval:
        text += f" [{words.span(*(words.in_terms_of(claim, end) for end in verdict.measured_interval))}]"
    return f"projected {text}" if verdict.evidence == "PROJECTED" else text


def brief(verdict: Verdict) -> str:
    """The first reasons, and how many more there are."""
    clauses = verdict.why.split("; ")
    more = len(clauses) - CLAUSES
    text = "; ".join(clauses[:CLAUSES]) + (f"; and {words.counted(more, 'more reason')}" if more > 0 else "")
    return f"{text}; needs {verdict.missing}" if verdict.verdict == "UNDECIDED" and verdict.missing else text


def peers(ratios: Iterable[Ratio]) -> list[str]:
    """`numpy against cpu: 14 SLOWER, 2 UNDECIDED; time 1.12x in the middle case`, a line each pair."""
    by_pair: dict[tuple[str, str, str], list[Ratio]] = {}
    for ratio in ratios:
        by_pair.setdefault((ratio.to, ratio.of, ratio.baseline), []).append(ratio)
    lines = []
    for (to, of, baseline), members in by_pair.items():
        counts = Counter(ratio.verdict for ratio in members)
        verdicts = ", ".join(f"{counts[word]} {word}" for word in sorted(counts))
        middle = median(ratio.median for ratio in members)
        stored = f" in {baseline}" if baseline else ""
        lines.append(f"{to} against {of}{stored}: {verdicts}; time {middle:.3g}x in the middle case")
    return lines


def headline(summaries: Iterable[Summary]) -> list[Summary]:
    """One summary for each workload, dtype, parameters and subject, chosen by size and not by result.

    The largest size, or the smallest where the metric is a latency; everything that went wrong; of what was
    skipped one for each subject and reason. Ordered by case, so that peers stand side by side.
    """
    chosen: dict[tuple[object, ...], Summary] = {}
    summaries = list(summaries)
    for s in summaries:
        parameters = tuple(sorted((name, str(value)) for name, value in s.case.parameters.items()))
        line: tuple[object, ...] = (
            s.case.workload,
            s.case.dtype,
            parameters,
            s.subject,
            tuple(sorted(s.variant)),
        )
        if s.status == "skipped":
            line = ("skipped", s.subject, s.why)
        smaller = s.metric in ("latency", "pipelined_latency")
        other = chosen.get(line)
        if other is None or (s.case.size < other.case.size if smaller else s.case.size > other.case.size):
            chosen[line] = s
    kept = {id(s) for s in chosen.values()}
    shown = [s for s in summaries if id(s) in kept or s.bad]
    keys = list(dict.fromkeys(s.key for s in summaries))
    return sorted(shown, key=lambda s: keys.index(s.key))


def result(summary: Summary) -> tuple[str, str, str, str]:
    """Median with its interval, rate, % of peak, verified; WRONG instead of figures."""
    verified = "no: sheet" if summary.sheet else {True: "yes", False: "NO", None: "-"}[summary.verified]
    if summary.status != "ok" or summary.median_ns is None:
        return summary.status.upper(), "", "-", verified
    time = words.value(summary.median_ns / 1e9, "s")
    if summary.interval_ns:
        half = (summary.interval_ns[1] - summary.interval_ns[0]) / 2 / summary.median_ns
        time += f" ±{100 * half:.1f} %" if half < 1 else " ±>100 %"
    rate = "" if summary.value is None or summary.unit == "s" else words.value(summary.value, summary.unit)
    peak = "-" if summary.fraction_of_peak is None else f"{100 * summary.fraction_of_peak:.0f}"
    return time, rate, peak, verified + (" noisy" if summary.noisy else "")


def of_sheet(sheets: Mapping[str, DataSheet], summary: Summary) -> str:
    """Percent of what the maker publishes, where the card is matched and that is known."""
    found = share(sheets, summary)
    return "-" if found is None else f"{100 * found:.0f}"


def energy(summaries: Iterable[Summary]) -> list[str]:
    """`cpu gemm/fp32/4096x4096x4096: 61 W, 2.39 GHz, 71 °C, 2.1 GFLOP/J`: of each subject the case that does
    most with its energy."""
    best: dict[str, Summary] = {}
    for s in summaries:
        if s.watched and s.watched.flop_per_j:
            other = best.setdefault(s.subject, s).watched
            if other and median(s.watched.flop_per_j) > median(other.flop_per_j):
                best[s.subject] = s
    return [f"{s.subject} {s.key}: {told(s.watched)}" for s in best.values()]


def next_steps(findings: Findings, page: str) -> list[str]:
    """What to do now, most urgent first; commands are whole lines to copy."""
    steps = []
    look = ["open the page for charts, conditions and what would settle each claim"] if page else []
    if findings.members or findings.run.imported:  # measured elsewhere: here is nothing to be done again
        return look
    bad = [s for s in findings.summaries if s.bad]
    if bad:
        first = bad[0]
        option = {"card": "--card", "fabric": "--fabric"}.get(first.suite)
        subject = f" {option} {shlex.quote(first.subject)}" if option else ""
        why = first.why.split("; ")[0]  # each launch has its own; one is enough to start from
        steps.append(f"look at the first of {words.counted(len(bad), 'bad case')}: {why}")
        steps.append(f"zbench run {first.suite}{subject} --case {shlex.quote(first.key)}")
        return steps  # nothing else is worth doing before that
    undecided = [v for v in findings.verdicts if v.verdict == "UNDECIDED"]
    if undecided and findings.run.launches < MORE_LAUNCHES:
        steps.append(f"decide {listed(undecided)}: run again with --launches {MORE_LAUNCHES}")
    elif findings.run.profile == "smoke":
        steps.append("zbench run --profile quick: five launches, which is what a verdict needs")
    peerless = not any(ratio.suite == "card" for ratio in findings.ratios) and not findings.run.each
    if peerless and findings.run.cards:
        steps.append("compare with a peer: zbench run card --card cpu --card numpy")
    return steps + look


def listed(verdicts: Sequence[Verdict]) -> str:
    return words.sentence([verdict.claim for verdict in verdicts])
