"""What bounds a GEMM of a few rows: memory, long before arithmetic; a share of the peak tells nothing."""

from __future__ import annotations

from collections.abc import Sequence

from zbench.case import Case
from zbench.judge.summary import Summary, known_workload
from zbench.workloads.stream import in_memory

SKINNY_ROWS = 16
"""m of a GEMM up to which it is decoding: its weights are read once for hardly any arithmetic."""


def skinny(case: Case) -> bool:
    """Whether it is a GEMM of a few rows."""
    return case.workload == "gemm" and case.size[0] <= SKINNY_ROWS


def lanes(case: Case) -> int:
    """Host threads that compute; 0 for a device of its own, which has none to count."""
    return int(case.parameters.get("threads", 0))


def read_bandwidth(summaries: Sequence[Summary], threads: int) -> float | None:
    """B/s of the fastest `read` of the largest array at this thread count (`lanes`); None where none was run.

    Smaller arrays may lie in a cache.
    """
    reads = [
        s
        for s in summaries
        if (s.case.workload, s.status, lanes(s.case)) == ("read", "ok", threads)
        and in_memory(s.case)
        and not s.sheet
    ]
    largest = max((s.case.size[0] for s in reads), default=0)
    return max((s.value or 0.0 for s in reads if s.case.size[0] == largest), default=None)


def bytes_per_flop(case: Case) -> float:
    model = known_workload(case.workload)
    return model.bytes(case) / model.flops(case)


def roof_bytes_per_s(summary: Summary, read: float | None) -> float | None:
    """B/s that a skinny GEMM cannot exceed: the read, or what the peak probe leaves time for if that is less.

    Without a read it is the probe's bandwidth, where that is what the probe measured; else not known.
    """
    if summary.probe_unit == "B/s" and read is None:
        return summary.probe
    if read is None:
        return None
    if summary.probe_unit == "FLOP/s" and summary.probe:
        return min(read, summary.probe * bytes_per_flop(summary.case))
    return read


def share_of_roof(summary: Summary, read: float | None) -> float | None:
    """Of a skinny GEMM its share of `roof_bytes_per_s`; of anything else its share of the adjacent peak."""
    if not skinny(summary.case):
        return summary.fraction_of_peak
    roof = roof_bytes_per_s(summary, read)
    return (summary.value or 0.0) * bytes_per_flop(summary.case) / roof if roof else None
