"""The roofs of this CPU: its peak rate of multiply-adds and its memory bandwidth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.native import cpu, gemm
from zbench.native._zbench import ffi, lib
from zbench.native.arguments import choice, count
from zbench.native.handle import Handle
from zbench.native.status import check

Array = NDArray[np.float64]

DTYPES = gemm.DTYPES
"""Whose peak is known."""
KERNELS = {"read": lib.ZB_STREAM_READ, "copy": lib.ZB_STREAM_COPY, "triad": lib.ZB_STREAM_TRIAD}
OPERANDS = {"read": ("a", "out"), "copy": ("a", "out"), "triad": ("a", "b", "out")}
"""The arrays of a slot, in order. read: out[0] = sum(a). copy: out = a. triad: out = a + 3 b."""
WORDS = {"read": 1, "copy": 2, "triad": 3}
"""fp64 words that an element counts (McCalpin's STREAM: a write-allocate is not counted)."""

BANDWIDTH_ROUNDS_MIN = 3
"""The first pass over memory may still fault pages in; of the others the fastest counts."""


def peak_flops(dtype: str, isa: str, threads: int, duration_ns: int = 3_000_000) -> float:
    """Peak rate in FLOP/s (integers: operations) of `threads` threads, measured in about `duration_ns`.

    Of what zbench's GEMM multiplies operands of this dtype with: FMAs of fp64 or fp32 (narrow floats are
    summed in fp32), or the integers' multiply-add of this instruction set; that of one element counts 2.
    The sum of each thread's fastest of several intervals, so that it bounds what a kernel can
    reach; threads beyond the usable CPUs add nothing.
    Raises ValueError, UsageError (an instruction set this CPU lacks), MemoryError, OSError.
    """
    flops = ffi.new("double *")
    status = lib.zb_peak_flops(
        gemm.NUMBERS[choice("dtype", dtype, DTYPES)],
        cpu.ISAS[choice("isa", isa, cpu.ISAS)],
        count("threads", threads, 1, 2**31 - 1),
        count("duration_ns", duration_ns, 1),
        flops,
    )
    check(status, f"peak rate of {dtype}, {isa}, {threads} threads")
    return float(flops[0])


def peak_count(dtype: str, isa: str, steps: int) -> tuple[float, float]:
    """(sum, flops): what `steps` of the peak probe's loop leave where every multiply-add adds one, and what
    the probe counts for them; half of it where none is left out. Raises ValueError, UsageError."""
    out = ffi.new("double[2]")
    status = lib.zb_peak_count(
        gemm.NUMBERS[choice("dtype", dtype, DTYPES)],
        cpu.ISAS[choice("isa", isa, cpu.ISAS)],
        count("steps", steps),
        out,
        out + 1,
    )
    check(status, f"peak rate of {dtype}, {isa}")
    return float(out[0]), float(out[1])


class Stream(Handle):
    """A bandwidth kernel over fp64 arrays of `elements`, with its threads; close it to end them.

    The arrays may be parts of arrays of `whole` elements, by whose size stores bypass the caches.
    Raises ValueError, TypeError, MemoryError, OSError, UsageError (an instruction set this CPU lacks).
    """

    def __init__(self, kernel: str, elements: int, threads: int, isa: str, whole: int | None = None) -> None:
        self._kernel = choice("kernel", kernel, KERNELS)
        self._elements = count("elements", elements, 1)
        self._threads = count("threads", threads, 1, 2**31 - 1)
        self._isa = choice("isa", isa, cpu.ISAS)
        whole = self._elements if whole is None else count("whole", whole, elements)
        out = ffi.new("zb_stream **")
        status = lib.zb_stream_create(KERNELS[kernel], cpu.ISAS[isa], elements, whole, threads, out)
        check(status, f"{kernel} of {elements} elements, {threads} threads, {isa}")
        super().__init__(ffi.gc(out[0], lib.zb_stream_destroy))

    @property
    def variant(self) -> dict[str, str]:
        """How the plan moves data: isa, threads, and whether stores bypass the caches."""
        with self._lock:
            past = bool(lib.zb_stream_bypasses_caches(self._open()))
        variant = {"isa": self._isa, "threads": str(self._threads)}
        return variant | ({} if self._kernel == "read" else {"stores": "bypass" if past else "cached"})

    def run_rounds(
        self, slots: Sequence[tuple[Array, ...]], rounds: int, batch: int = 1
    ) -> NDArray[np.int64]:
        """int64 ns, shape (rounds,): `rounds` intervals of `batch` executions each.

        Execution e uses slot e % len(slots), its arrays as OPERANDS says, 1-D and contiguous, of
        `elements` each (read: one element in out). Threads do not wait for each other within a round.
        The stamps are chained. Raises TypeError (not an fp64 array), ValueError (shape, strides),
        MemoryError.
        """
        if not slots:
            raise ValueError("no slots")
        names = OPERANDS[self._kernel]
        operands = ffi.new("zb_stream_slot[]", len(slots))
        for operand, arrays in zip(operands, slots, strict=True):
            if len(arrays) != len(names):
                raise ValueError(f"a slot of {self._kernel} is ({', '.join(names)})")
            for name, array in zip(names, arrays, strict=True):
                setattr(operand, name, self._pointer(name, array))
            if any(np.may_share_memory(arrays[-1], array) for array in arrays[:-1]):
                raise ValueError("out overlaps an input")
        ns = np.zeros(count("rounds", rounds), np.int64)
        with self._lock:
            status = lib.zb_stream_run_rounds(
                self._open(),
                operands,
                len(slots),
                len(ns),
                count("batch", batch, 1),
                ffi.from_buffer("int64_t[]", ns),
            )
        check(status, self._kernel)
        return ns

    def _pointer(self, name: str, array: Array) -> Any:
        if not isinstance(array, np.ndarray) or array.dtype != np.float64:
            raise TypeError(f"{name} must be a numpy array of float64")
        shape = (1,) if self._kernel == "read" and name == "out" else (self._elements,)
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, the plan needs {shape}")
        if not (array.flags.c_contiguous and array.flags.aligned):
            raise ValueError(f"{name} must be contiguous and aligned")
        if name == "out" and not array.flags.writeable:
            raise ValueError("out must be writeable")
        return ffi.cast("double *", array.ctypes.data)


def bandwidth(kernel: str, size_bytes: int, threads: int, isa: str, duration_ns: int = 10_000_000) -> float:
    """Bandwidth in B/s of arrays of `size_bytes` each, measured in about `duration_ns`.

    The fastest pass over the probe's own arrays, which stay allocated for the next call with the
    same arguments. Raises as `Stream` does.
    """
    elements = count("size_bytes", size_bytes, 8) // 8
    stream, slot = _probe(choice("kernel", kernel, KERNELS), elements, threads, isa)
    fastest_ns, elapsed_ns, rounds = np.inf, 0, 0
    while elapsed_ns < duration_ns or rounds < BANDWIDTH_ROUNDS_MIN:
        ns = int(stream.run_rounds([slot], 1)[0])
        fastest_ns, elapsed_ns, rounds = min(fastest_ns, ns), elapsed_ns + ns, rounds + 1
    return float(WORDS[kernel] * elements * 8 / fastest_ns * 1e9)


@lru_cache(maxsize=1)
def _probe(kernel: str, elements: int, threads: int, isa: str) -> tuple[Stream, tuple[Array, ...]]:
    """One probe with its buffers; only the last one used is kept, so that memory stays bounded."""
    sizes = [1 if (kernel, name) == ("read", "out") else elements for name in OPERANDS[kernel]]
    return Stream(kernel, elements, threads, isa), tuple(np.ones(size) for size in sizes)
