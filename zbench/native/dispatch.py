"""Which instruction set multiplies a dtype: the one whose multiply-adds measure fastest here.

Never by the CPU's name, which virtual machines make up (flame/blis' `vpu_count()`, at half the rate), and
not by what the CPU lists alone: with one 512-bit unit, or a lower clock for it, narrower ones are as
fast.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

from zbench.native import cpu, stream

PROBE_NS = 1_000_000
"""Of one set, twice: long against an interrupt, short against the start of a process."""
CLEARLY = 1.1
"""How much faster a set must be to go before one that stands above it: between equals noise would choose, and
two launches would not compute alike."""


def isa(dtype: str) -> str:
    """The instruction set for this dtype: what ZBENCH_ISA forces, or what was measured once in this process.

    Raises UsageError as `cpu.isa` does, ValueError.
    """
    return cpu.isa() if os.environ.get("ZBENCH_ISA") else _measured(dtype)


def choose(peaks: Mapping[str, float]) -> str:
    """The set to use, from the peak of each in FLOP/s, best set first. Pure."""
    chosen, *others = peaks
    for name in others:
        if peaks[name] > CLEARLY * peaks[chosen]:
            chosen = name
    return chosen


@cache
def _measured(dtype: str) -> str:
    verified = [name for name in cpu.isas() if cpu.EXECUTED[name]]
    looks = [{name: stream.peak_flops(dtype, name, 1, PROBE_NS) for name in verified} for _ in range(2)]
    return choose({name: max(look[name] for look in looks) for name in verified})
