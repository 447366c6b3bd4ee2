"""The roofs of this CPU: its peak rate of multiply-adds and its memory bandwidth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from math import ceil
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
"""fp64 words that an element counts (McCalpin's STREAM: a write-allocate is not counted); as many arrays of
`elements` has a slot."""

PASSES_MIN = 3
"""The first pass may find caches and translations cold; of the passes the fastest counts."""
PASS_BYTES = 32 << 20
"""A pass of a thread over an array is about this long: a tenth of a millisecond in the fastest cache, so that
its beginning and end are no 1 %, and two in memory. Smaller arrays are passed over again and again, of larger
ones each pass takes the next part."""
PAGE_BYTES = 4096
"""The arrays of a probe start on pages, all alike: a load that seems to follow a store into the same place of
another page would wait for it (4 KiB aliasing: Intel's optimization manual, on memory disambiguation)."""

COLD_OVER_CACHE = 2
"""Buffers that take turns and are together this many times the last-level cache come from memory, the probe's
as those of `cache=cold`: none is left in it when its turn comes again (CUTLASS, "GEMM performance measurement
methodology")."""
LEVEL_SHARE = 2
"""Of a level's bytes a half is used: the rest is for what else runs, and for sets that fill up first."""


def peak_flops(dtype: str, isa: str, threads: int, duration_ns: int = 3_000_000) -> float:
    """Peak rate in FLOP/s (integers: operations) of `threads` threads, measured in about `duration_ns`.

    Of what zbench's GEMM multiplies operands of this dtype with: FMAs of fp64 or fp32 (narrow floats are
    summed in fp32), or the multiply-add of integers or of bf16 of this instruction set; that of one element
    counts 2.
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

    The fastest pass over the probe's own arrays, or over the parts of large ones that are next: memory that
    no cache holds is still cold when its turn comes again. The arrays stay allocated for the next call with
    the same kernel and size, until `release` or a call with others. Raises as `Stream` does.
    """
    whole = count("size_bytes", size_bytes, 8) // 8
    slots = _slots(choice("kernel", kernel, KERNELS), whole)
    elements = _part(whole)
    # In parts nothing is repeated: the second execution would find its part in a cache.
    batch = max(1, threads * PASS_BYTES // (whole * 8)) if elements == whole else 1
    fastest_ns, elapsed_ns, passes = np.inf, 0, 0
    with Stream(kernel, elements, threads, isa, whole) as stream:
        while elapsed_ns < duration_ns or passes < PASSES_MIN:
            ns = int(stream.run_rounds([next(slots)], 1, batch)[0])
            fastest_ns, elapsed_ns, passes = min(fastest_ns, ns / batch), elapsed_ns + ns, passes + 1
    return float(WORDS[kernel] * elements * 8 / fastest_ns * 1e9)


def release() -> None:
    """Give back the arrays that the last `bandwidth` kept."""
    _kept.clear()


def cold_bytes(last_level_cache_bytes: int, arrays: int = 1) -> int:
    """Bytes of each of `arrays` of which none is found in a cache when its turn comes again. Pure."""
    return max(ceil(COLD_OVER_CACHE * last_level_cache_bytes / arrays / PAGE_BYTES) * PAGE_BYTES, PASS_BYTES)


def levels(
    caches: Mapping[str, int], last_level_cache_bytes: int, arrays: int = 1, threads: int = 1
) -> dict[str, int]:
    """Level (`l1`, `l2`, `l3`, `dram`) -> bytes, in whole pages, of each of `arrays` that together lie in it.

    Pure. `arrays` are all that a case takes turns on: WORDS of its kernel times its slots.
    `caches` as `cpu.caches()` has them, of which the last is shared and the others are each thread's own. A
    level is left out where half of it is no more than the one before: what it holds may lie there.
    """
    names, sizes, held = list(caches), {}, 0
    for name in names:
        level_bytes = caches[name] * (1 if name == names[-1] else threads)
        if level_bytes // LEVEL_SHARE > held:
            sizes[name] = level_bytes // LEVEL_SHARE
        held = level_bytes
    found = {name: max(1, size // arrays // PAGE_BYTES) * PAGE_BYTES for name, size in sizes.items()}
    return found | {"dram": cold_bytes(max(last_level_cache_bytes, held), arrays)}


def bandwidths(isa: str, threads: int) -> dict[str, dict[str, float]]:
    """Level -> kernel -> B/s, measured now in about 10 ms each. Raises as `Stream` does."""
    caches, last = cpu.caches(), cpu.last_level_cache_bytes()
    sizes = {kernel: levels(caches, last, words, threads) for kernel, words in WORDS.items()}
    found = {
        level: {kernel: bandwidth(kernel, sizes[kernel][level], threads, isa) for kernel in KERNELS}
        for level in sizes["read"]
    }
    release()
    return found


def _part(whole: int) -> int:
    """Elements of the equal parts of an array, of whole pages where there are several; what is left is not
    used. Pure."""
    parts = ceil(whole * 8 / PASS_BYTES)
    return whole if parts == 1 else whole * 8 // parts // PAGE_BYTES * PAGE_BYTES // 8


_kept: dict[tuple[str, int], Iterator[tuple[Array, ...]]] = {}
"""The parts of the last probe's arrays, round and round, by its kernel and elements."""


def _slots(kernel: str, whole: int) -> Iterator[tuple[Array, ...]]:
    """The kept ones or, once those are given back, new ones: memory stays bounded."""
    if (kernel, whole) not in _kept:
        _kept.clear()
        arrays = [_ones(1 if (kernel, name) == ("read", "out") else whole) for name in OPERANDS[kernel]]
        part = _part(whole)
        starts = range(0, whole - part + 1, part)
        slots = [tuple(a if a.size == 1 else a[i : i + part] for a in arrays) for i in starts]
        _kept[kernel, whole] = cycle(slots)
    return _kept[kernel, whole]


def _ones(elements: int) -> Array:
    """On a page's boundary, and in memory: untouched pages would all be the one page of zeros."""
    raw = np.empty(elements * 8 + PAGE_BYTES, np.uint8)
    start = -raw.ctypes.data % PAGE_BYTES
    array: Array = raw[start : start + elements * 8].view(np.float64)
    array.fill(1)
    return array
