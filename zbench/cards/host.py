"""What every card whose memory is the host's shares: numpy buffers and the host's own roofs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.cards.base import Card
from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import Unsupported
from zbench.meters.base import Meter
from zbench.meters.host import host_meter
from zbench.native import cpu, stream

STREAM_KERNELS = ("read", "copy", "triad")

ALIGNMENT = 64
"""Bytes; a cache line, so that no card is slowed by where its buffer happens to start."""
PROBE_BANDWIDTH_BYTES = 64 << 20
"""Bytes a bandwidth probe touches: beyond most last-level caches, and a few ms long."""


def aligned_empty(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Uninitialised, row-major, on a cache line's boundary."""
    kind = NUMPY_DTYPES[dtype]
    size_bytes = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    raw = np.empty(size_bytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size_bytes].view(kind).reshape(shape)


def forced(isa: str, variables: Sequence[str]) -> str:
    """`isa`, marked where the environment chose it: a peer that was told to be slow must not look slow by
    itself."""
    found = [name for name in variables if name in os.environ]
    return f"{isa} (forced by {', '.join(found)})" if found else isa


class HostCard(Card):
    """A card that computes in the host's memory."""

    memory = "host"

    @property
    def last_level_cache_bytes(self) -> int:
        return cpu.last_level_cache_bytes()

    def alloc(self, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        return aligned_empty(shape, dtype)

    def write(self, buffer: NDArray[Any], data: NDArray[Any]) -> None:
        np.copyto(buffer, data)

    def read(self, buffer: NDArray[Any]) -> NDArray[Any]:
        return buffer.copy()

    def probe(self, case: Case) -> tuple[str, float] | None:
        """The FMA peak for what computes, the same kernel's bandwidth for what streams."""
        if case.workload in STREAM_KERNELS:
            size = min(case.size[0], PROBE_BANDWIDTH_BYTES)
            return "B/s", stream.bandwidth(case.workload, size, case.threads, cpu.isa())
        return "FLOP/s", stream.peak_flops(case.dtype, cpu.isa(), case.threads)

    def modes(self, case: Case) -> Mapping[str, Sequence[int | str] | None]:
        """Transposes are what every BLAS has."""
        return {"transa": ("n", "t"), "transb": ("n", "t")} if case.workload == "gemm" else {}

    def telemetry(self) -> Meter | None:
        """Of the whole host: its packages' energy includes whatever else runs on it."""
        return host_meter()

    def require(self, case: Case) -> None:
        super().require(case)
        if case.threads > cpu.usable_cpus():
            raise Unsupported(f"{case.threads} threads, but {cpu.usable_cpus()} usable CPUs")
