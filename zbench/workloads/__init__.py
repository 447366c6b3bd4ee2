"""What is run: one small file per kind, one table of all."""

from __future__ import annotations

from zbench.workloads.attention import ATTENTION
from zbench.workloads.base import Workload
from zbench.workloads.copies import COPY_WORKLOADS
from zbench.workloads.gemm import GEMM
from zbench.workloads.grouped_gemm import GROUPED_GEMM
from zbench.workloads.messages import MESSAGES
from zbench.workloads.pairs import PAIRS
from zbench.workloads.ranks import RANKS
from zbench.workloads.step import STEP
from zbench.workloads.stream import STREAMS

WORKLOADS: dict[str, Workload] = {
    w.name: w
    for w in (GEMM, GROUPED_GEMM, ATTENTION, *STREAMS, *COPY_WORKLOADS, *MESSAGES, *PAIRS, *RANKS, STEP)
}


def workload(name: str) -> Workload:
    """The workload of this name. Raises KeyError."""
    return WORKLOADS[name]
