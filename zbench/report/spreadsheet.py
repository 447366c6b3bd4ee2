"""The CSV of `--format csv`: a row for each (run, case, subject, variant). Part of the public interface.

Column order is fixed, new columns come last. Units stand in the header; what is absent is empty. Every value
stands in the column of its unit; `metric` says what it is (busbw or bandwidth, latency or time).

| column | |
|---|---|
| run | directory of the run |
| suite, case, subject | |
| variant | `name=value` with spaces between |
| status | ok; wrong, invalid, skipped have no figures |
| evidence | MEASURED, or DATA SHEET |
| verified | yes, no, or empty where not every launch was checked |
| noisy | yes where the probe beside a burst varied by more than 10 % |
| ranks, batch, launches, rounds | |
| median_ns, low_ns, high_ns | time of one operation, and its interval over launches |
| interval_method, interval_confidence | |
| metric | |
| value_flop_per_s ... value_s | the metric in its own unit, with `low_` and `high_` for its interval |
| fraction_of_peak | of the probe beside it |
| why | of a status other than ok |
| power_w, clock_hz, temperature_c | while it was timed; empty where no meter told |
| flop_per_j | operations over the energy drawn |
| throttle | what held the card back, with semicolons between; empty for nothing |
| p50_ns, p95_ns, p99_ns | upper bounds over rounds, the worst launch; empty where the rounds support none |
| last_rank, last_share | of a collective: who was last most often, and in what share of the rounds |
| last_p | that one of equal ranks is last so often; empty where they have unlike things to do |
| straggler | yes, no; empty as above |
"""

from __future__ import annotations

import csv
import io
import math
from statistics import median

from zbench.judge.stragglers import Votes
from zbench.judge.summary import Summary
from zbench.judge.telemetry import Watched
from zbench.report.findings import Findings
from zbench.report.stragglers import of_summaries

UNITS = {"FLOP/s": "flop_per_s", "B/s": "bytes_per_s", "1/s": "per_s", "s": "s"}
"""Unit of a metric -> end of the names of its columns."""
COLUMNS = (
    "run",
    "suite",
    "case",
    "subject",
    "variant",
    "status",
    "evidence",
    "verified",
    "noisy",
    "ranks",
    "batch",
    "launches",
    "rounds",
    "median_ns",
    "low_ns",
    "high_ns",
    "interval_method",
    "interval_confidence",
    "metric",
    *(f"{end}_{unit}" for unit in UNITS.values() for end in ("value", "low", "high")),
    "fraction_of_peak",
    "why",
    "power_w",
    "clock_hz",
    "temperature_c",
    "flop_per_j",
    "throttle",
    "p50_ns",
    "p95_ns",
    "p99_ns",
    "last_rank",
    "last_share",
    "last_p",
    "straggler",
)


def render_csv(findings: Findings) -> str:
    """With a header, in RFC 4180's quoting, lines ending as Unix has them."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for part in findings.parts.values():
        known = of_summaries(part.votes)
        for summary in part.summaries:
            told = _last(known.get((summary.key, summary.subject)))
            writer.writerow({"run": str(part.directory)} | _row(summary) | told)
    return out.getvalue()


def _row(s: Summary) -> dict[str, str]:
    row = {
        "suite": s.suite,
        "case": s.key,
        "subject": s.subject,
        "variant": " ".join(f"{name}={value}" for name, value in sorted(s.variant.items())),
        "status": s.status,
        "evidence": "DATA SHEET" if s.sheet else "MEASURED",
        "verified": {True: "yes", False: "no", None: ""}[s.verified],
        "noisy": "yes" if s.noisy else "no",
        "ranks": str(s.ranks),
        "batch": str(s.batch),
        "launches": str(s.launches),
        "rounds": str(s.samples),
        "metric": s.metric,
        "why": s.why,
    }
    if s.status != "ok":
        return row
    unit = UNITS[s.unit]
    low_ns, high_ns = s.interval_ns or (None, None)
    low, high = s.value_interval or (None, None)
    return row | {
        "median_ns": _figure(s.median_ns),
        "low_ns": _figure(low_ns),
        "high_ns": _figure(high_ns),
        "interval_method": s.method,
        "interval_confidence": _figure(s.confidence),
        f"value_{unit}": _figure(s.value),
        f"low_{unit}": _figure(low),
        f"high_{unit}": _figure(high),
        "fraction_of_peak": _figure(s.fraction_of_peak),
        **(_watched(s.watched) if s.watched else {}),
        **{f"{name}_ns": _figure(s.percentiles.get(name)) for name in ("p50", "p95", "p99")},
    }


def _last(found: Votes | None) -> dict[str, str]:
    if found is None:
        return {}
    told = {"last_rank": str(found.rank), "last_share": _figure(found.share), "last_p": _figure(found.p)}
    return told if found.p is None else told | {"straggler": "yes" if found.straggler else "no"}


def _watched(told: Watched) -> dict[str, str]:
    return {
        "power_w": _figure(told.power_w),
        "clock_hz": _figure(told.clock_hz),
        "temperature_c": _figure(told.temperature_c),
        "flop_per_j": _figure(median(told.flop_per_j) if told.flop_per_j else None),
        "throttle": "; ".join(told.throttle),
    }


def _figure(number: float | None) -> str:
    """Unrounded; empty for nothing and for what is no number."""
    return "" if number is None or not math.isfinite(number) else repr(float(number))
