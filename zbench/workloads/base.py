"""A workload: what is run, its work model, its data, and how its answer is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.dtypes import FLOATS, NUMPY_DTYPES

Array = NDArray[Any]
UNIT_ROUNDOFF = {
    "fp64": 2.0**-53,
    "fp32": 2.0**-24,
    "tf32": 2.0**-11,
    "fp16": 2.0**-11,
    "bf16": 2.0**-8,
    "int32": 0.0,
}


@dataclass(frozen=True)
class Buffer:
    """One buffer of a case. Outputs are poisoned before the timed rounds and verified after."""

    shape: tuple[int, ...]
    dtype: str
    output: bool = False
    place: str | int = "card"
    """Where it lies: on the `card`, on the `host`, there `pinned`, or on another card by its number."""

    @property
    def size_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * NUMPY_DTYPES[self.dtype].itemsize


@dataclass(frozen=True)
class Finding:
    """What one check of one output found."""

    passed: bool
    smallest_error: float
    """Smallest absolute error in one element that this check can see; 0: bit equality."""
    why: str = ""


Fill = Callable[[Case, int, int], dict[str, Array]]
"""(case, seed, rank) -> the inputs by name; any rank can recompute another's."""


@dataclass(frozen=True)
class Answer:
    """What stands in one slot of one rank after a timed execution."""

    case: Case
    seed: int
    """The slot's: from it any rank's inputs can be made again."""
    rank: int
    inputs: dict[str, Any]
    """As `Workload.inputs` makes them."""
    outputs: dict[str, Array]
    members: tuple[int, ...] = ()
    """The ranks that did it, where it was a group."""


Check = Callable[[Answer, np.random.Generator], Finding]
"""The generator makes fresh vectors, which no card can have prepared for."""


@dataclass(frozen=True)
class Workload:
    name: str
    suite: str
    """card, fabric or scaling."""
    metric: str
    """Of the closed list in `judge.metrics`."""
    unit: str
    better: str
    """higher or lower."""
    method: str
    """How answers are verified: freivalds, exact."""
    buffers: Callable[[Case], dict[str, Buffer]]
    fill: Fill
    check: Check
    value: Callable[[Case, float], float]
    """(case, ns per operation) -> the metric in its unit."""
    flops: Callable[[Case], int] = lambda case: 0
    bytes: Callable[[Case], int] = lambda case: 0
    """Mandatory bytes moved by one operation."""
    drawn: Callable[[Case, int, int], dict[str, Any]] | None = None
    """Like `fill`, of `Repeating` data, where `check` takes that: it need not be made whole again."""
    operations: Callable[[Case], int] = lambda case: 1
    """Operations that one execution counts: 2 one-way trips in a ping-pong."""

    def inputs(self, case: Case, seed: int, rank: int) -> dict[str, Any]:
        """What `check` takes."""
        return (self.drawn or self.fill)(case, seed, rank)

    def memory_bytes(self, case: Case) -> int:
        """Bytes of one slot on one rank."""
        return sum(buffer.size_bytes for buffer in self.buffers(case).values())


def rate(
    name: str,
    method: str,
    buffers: Callable[[Case], dict[str, Buffer]],
    fill: Fill,
    check: Check,
    flops: Callable[[Case], int],
    bytes: Callable[[Case], int] | None = None,
    drawn: Callable[[Case, int, int], dict[str, Any]] | None = None,
) -> Workload:
    """What a card computes, by its operations per second. `bytes`: without, every buffer once."""
    return Workload(
        name=name,
        suite="card",
        metric="rate",
        unit="FLOP/s",
        better="higher",
        method=method,
        buffers=buffers,
        fill=fill,
        drawn=drawn,
        check=check,
        flops=flops,
        bytes=bytes or (lambda case: sum(buffer.size_bytes for buffer in buffers(case).values())),
        value=lambda case, ns: flops(case) / ns * 1e9,
    )


def bandwidth(
    name: str,
    buffers: Callable[[Case], dict[str, Buffer]],
    fill: Fill,
    check: Check,
    bytes: Callable[[Case], int],
    flops: Callable[[Case], int] = lambda case: 0,
) -> Workload:
    """What a card moves, by its bytes per second; every one is compared."""
    return Workload(
        name=name,
        suite="card",
        metric="bandwidth",
        unit="B/s",
        better="higher",
        method="exact",
        buffers=buffers,
        fill=fill,
        check=check,
        flops=flops,
        bytes=bytes,
        value=lambda case, ns: bytes(case) / ns * 1e9,
    )


def generator(*key: int) -> np.random.Generator:
    """A stream of its own for each (seed, rank, purpose), the same in every process."""
    return np.random.default_rng(list(key))


INTEGER_PERIOD = 65537
"""Elements after which exact integer data repeat: prime, so no block size divides it and a permuted
or repeated block cannot look right; small, so that filling costs little."""
INTEGER_LIMIT = 1000
"""Sums of up to 16,000 ranks stay below 2^24, where fp32 addition is exact in any order."""


def integers(rng: np.random.Generator, count: int, dtype: str) -> Array:
    """`count` exact integers of `dtype`, bit-comparable after any order of additions."""
    low, high = (0, 256) if dtype == "byte" else (-INTEGER_LIMIT, INTEGER_LIMIT + 1)
    period = rng.integers(low, high, size=INTEGER_PERIOD).astype(NUMPY_DTYPES[dtype])
    return np.resize(period, count)


RANDOM_PERIOD = 65537
"""Elements after which random data repeat: prime for the same reason, and few, since inputs are made once
more to verify an answer: drawing a million takes longer than all else that checks a product of 1024."""


@dataclass(frozen=True)
class Repeating:
    """Data that repeat after each `period`, in C order: what inputs are, without their memory."""

    period: Array
    """(p,)."""
    shape: tuple[int, ...]
    """As they are stored."""
    transposed: bool = False
    """Whether the last two axes are read the other way around."""

    def whole(self) -> Array:
        """As they are stored."""
        return np.resize(self.period, self.shape)


def uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Repeating:
    """Uniform with full mantissas, as zeros and few-bit numbers draw less power: floats in [-1, 1), integers
    over their whole range."""
    kind = NUMPY_DTYPES[dtype]
    count = min(int(np.prod(shape, dtype=np.int64)), RANDOM_PERIOD)
    if dtype in FLOATS:
        numbers = rng.random(count, dtype=np.float64 if dtype == "fp64" else np.float32)
        numbers *= 2
        numbers -= 1
        return Repeating(numbers.astype(kind, copy=False), shape)
    limits = np.iinfo(kind)
    return Repeating(rng.integers(limits.min, limits.max, count, kind, endpoint=True), shape)


def equal(name: str, expected: Array, actual: Array) -> Finding:
    """Bit equality, saying how many elements differ and where the first one is."""
    different = np.flatnonzero(expected != actual)
    if not different.size:
        return Finding(True, 0.0)
    first = int(different[0])
    return Finding(
        False,
        0.0,
        f"{name}: {different.size} of {expected.size} elements are wrong, the first at {first}: "
        f"expected {expected.flat[first]}, got {actual.flat[first]}",
    )
