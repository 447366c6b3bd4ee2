"""torch as the tests of its parts have it: on the host, and as on a device of its own."""

from __future__ import annotations

from time import perf_counter_ns

import numpy as np
import pytest

from zbench.cards import torch_timing as timing
from zbench.cards.torch import Torch
from zbench.case import Case
from zbench.errors import Unsupported
from zbench.measure.bench import CardBench

CPU = Torch("cpu")


OFFERED = CPU.operations()["gemm"]


class HostEvent:
    """An event of a device that is the host: it marks when the host came by."""

    def __init__(self, enable_timing: bool = False) -> None:
        self.enable_timing, self.recorded_ns = enable_timing, 0

    def record(self) -> None:
        self.recorded_ns = perf_counter_ns()

    def synchronize(self) -> None:
        assert self.recorded_ns

    def elapsed_time(self, end: HostEvent) -> float:
        return (end.recorded_ns - self.recorded_ns) / 1e6


def as_device() -> Torch:
    """The card as it is on a device of its own, which here happens to be the CPU: tensors and events."""
    card = Torch("cpu")
    card.on_host = False
    card.ring = [HostEvent(enable_timing=True) for _ in range(timing.RING_EVENTS)]
    return card


CARDS = [CPU, as_device()]


IDS = ["host", "device"]


def verified(card: Torch, case: Case, slots: int = 2) -> dict[str, str]:
    """Run a case as the harness does, let it check every slot, and return how it answered."""
    bench = CardBench(card, case, seeds=list(range(1, slots + 1)))
    try:
        bench.run(3, 2)
        bench.rotate()
        bench.poison()
        assert bench.run(3, slots).samples_ns.shape == (3,)
        for slot in range(slots):
            assert bench.check(slot, np.random.default_rng(0)).why == ""
        return bench.variant()
    finally:
        bench.release()


def gemm(dtype: str, size: tuple[int, int, int] = (37, 41, 43), **parameters: int | str) -> Case:
    return Case("gemm", dtype, size, {"threads": 1, **parameters})


def refused(card: Torch, case: Case) -> pytest.ExceptionInfo[Unsupported]:
    with pytest.raises(Unsupported) as told:
        CardBench(card, case, seeds=[1, 2])
    return told
