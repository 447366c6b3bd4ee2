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
from zbench.native import cpu, dispatch, stream

STREAM_KERNELS = ("read", "copy", "triad")

ALIGNMENT = 64
"""Bytes; a cache line, so that no card is slowed by where its buffer happens to start."""
READ_NS = 15_000_000
"""Of the roof of a cold case: a few parts of the array on one core, more on many."""


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


def scalars(case: Case) -> tuple[float, float]:
    """(alpha, beta) of a product. Raises Unsupported for words that are no numbers."""
    try:
        return float(case.get("alpha")), float(case.get("beta"))
    except ValueError as error:
        raise Unsupported(f"alpha={case.get('alpha')}, beta={case.get('beta')}: {error}") from error


def row_step(matrix: NDArray[Any]) -> int:
    """Elements from one row to the next, of rows that are contiguous; at least a row's own, as BLAS asks of a
    leading dimension."""
    rows, columns = matrix.shape[-2:]
    return int(matrix.strides[-2]) // matrix.itemsize if rows > 1 else max(1, columns)


def cold_product(case: Case) -> bool:
    return case.workload == "gemm" and case.get("cache") == "cold" and 0 not in case.size


def stream_bytes(case: Case, last_level_cache_bytes: int, caches: Mapping[str, int]) -> int:
    """Of each array of a stream's probe: what lies in the cache that the case names; else the case's, or as
    much as no cache holds if that is less. Pure."""
    words = stream.WORDS[case.workload]
    of_memory = min(case.size[0], stream.cold_bytes(last_level_cache_bytes, words))
    levels = stream.levels(caches, last_level_cache_bytes, words, case.threads)
    return levels.get(str(case.get("cache")), of_memory)


def flops_per_byte(case: Case) -> float:
    """Of a product: its operations over the bytes of A, B and C, each moved once. Pure."""
    m, n, k = case.size
    operand = NUMPY_DTYPES["int8" if case.dtype == "u8s8" else case.dtype].itemsize
    moved = (m * k + k * n) * operand + m * n * NUMPY_DTYPES[str(case.get("out"))].itemsize
    return 2 * m * n * k / moved


def probe_bytes(case: Case, last_level_cache_bytes: int, caches: Mapping[str, int]) -> int:
    """What `HostCard.probe` keeps allocated while the case is measured. Pure."""
    if case.workload in STREAM_KERNELS:
        return stream.WORDS[case.workload] * stream_bytes(case, last_level_cache_bytes, caches)
    return stream.cold_bytes(last_level_cache_bytes) if cold_product(case) else 0


class HostCard(Card):
    """A card that computes in the host's memory."""

    memory = "host"

    @property
    def last_level_cache_bytes(self) -> int:
        return cpu.last_level_cache_bytes()

    def alloc(self, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        return aligned_empty(shape, dtype)

    def alloc_at(self, place: str | int, shape: tuple[int, ...], dtype: str) -> Any:
        raise Unsupported("its memory is the host's: there is nothing to copy between them")

    def adopt(self, array: NDArray[Any]) -> NDArray[Any]:
        """The array itself: rows may stand apart, elements of a row may not."""
        rows, columns = array.shape[-2:]
        row, element = array.strides[-2:]
        close = columns < 2 or element == array.itemsize
        apart = rows < 2 or (row >= columns * array.itemsize and row % array.itemsize == 0)
        if array.size and not (close and apart):
            raise Unsupported(
                f"only rows that are contiguous and do not overlap; strides are {array.strides}"
            )
        return array

    def write(self, buffer: NDArray[Any], data: NDArray[Any]) -> None:
        np.copyto(buffer, data)

    def read(self, buffer: NDArray[Any]) -> NDArray[Any]:
        return buffer.copy()

    def view(self, buffer: Any) -> NDArray[Any]:
        """The memory itself, where a card does not read in a way of its own."""
        return buffer if type(self).read is HostCard.read else self.read(buffer)

    def probe(self, case: Case) -> tuple[str, float] | None:
        """The roof: of what streams, the bandwidth of the same kernel over arrays as large; of what computes,
        the peak of what zbench multiplies the case's dtype with.

        Of a cold product it is what memory leaves of that peak (the roofline: Williams, Waterman & Patterson
        2009, CACM 52(4)): each of its bytes comes from an array that no cache holds, as the probe's do.
        """
        isa = cpu.isa()  # of what streams
        if case.workload in STREAM_KERNELS:
            size_bytes = stream_bytes(case, self.last_level_cache_bytes, cpu.caches())
            return "B/s", stream.bandwidth(case.workload, size_bytes, case.threads, isa)
        peak = stream.peak_flops(case.dtype, dispatch.isa(case.dtype), case.threads)
        if not cold_product(case):
            stream.release()
            return "FLOP/s", peak
        size_bytes = stream.cold_bytes(self.last_level_cache_bytes)
        read = stream.bandwidth("read", size_bytes, case.threads, isa, READ_NS)
        return "FLOP/s", min(peak, flops_per_byte(case) * read)

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
