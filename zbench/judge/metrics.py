"""The closed list of what a claim may speak of."""

from __future__ import annotations

from typing import Literal

import msgspec

Better = Literal["higher", "lower"]


class Metric(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured quantity. `unit` is a base unit of `judge.units`."""

    name: str
    unit: str
    better: Better
    definition: str


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("rate", "FLOP/s", "higher", "operations of the work model over time; a GEMM counts 2mnk"),
        Metric("bandwidth", "B/s", "higher", "bytes of the work model over time"),
        Metric("algbw", "B/s", "higher", "bytes of one rank's vector over time (nccl-tests)"),
        Metric("busbw", "B/s", "higher", "algbw times the operation's bus factor (nccl-tests)"),
        Metric("latency", "s", "lower", "one blocking operation; point to point: half the round trip"),
        Metric("pipelined_latency", "s", "lower", "time per operation with several in flight"),
        Metric("time", "s", "lower", "one execution, start to end, on the slowest rank"),
        Metric("message_rate", "1/s", "higher", "messages over time, a window in flight"),
        Metric("efficiency_weak", "1", "higher", "T(1) / T(p) at equal work per rank"),
        Metric("efficiency_strong", "1", "higher", "T(1) / (p T(p)) at equal work in all"),
        Metric("mfu", "1", "higher", "FLOP/s of the model over the peak that the probe measured"),
        Metric("tokens_per_second", "1/s", "higher", "tokens generated or trained on, over time"),
        Metric("ttft", "s", "lower", "time to first token (MLPerf Inference)"),
        Metric("tpot", "s", "lower", "time per output token after the first (MLPerf Inference)"),
        Metric("energy_efficiency", "FLOP/J", "higher", "operations over the energy drawn"),
        Metric("cost", "currency", "lower", "price of one unit of work at a given price per hour"),
    )
}
