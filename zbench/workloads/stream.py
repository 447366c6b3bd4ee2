"""Memory bandwidth: read, copy, triad, in STREAM's counting.

Mandatory bytes only: read 1 word an element, copy 2, triad 3; a write-allocate is not counted
(McCalpin's STREAM and BabelStream alike). `size` is the bytes of one array.

Parameters: `cache` (l1, l2, l3: by their size the arrays of all slots lie in this cache of a host's CPU;
those of other cases are larger than any).
"""

from __future__ import annotations

import numpy as np

from zbench.case import Case
from zbench.workloads.base import Answer, Array, Buffer, Finding, bandwidth, equal, generator, integers

TRIAD_SCALAR = 3.0
"""out = a + 3 b: exact in fp64 on the integer data of `fill`, fused or not."""

ARRAYS = {"read": 1, "copy": 2, "triad": 3}
CACHES = ("l1", "l2", "l3")


def in_memory(case: Case) -> bool:
    """Whether it streams from and to memory: that of a cache bounds nothing else."""
    return case.workload in ARRAYS and case.get("cache") not in CACHES


def elements(case: Case) -> int:
    return case.size[0] // 8


def buffers(case: Case) -> dict[str, Buffer]:
    count = elements(case)
    inputs = {"a": Buffer((count,), case.dtype)}
    if case.workload == "triad":
        inputs["b"] = Buffer((count,), case.dtype)
    out = Buffer((1 if case.workload == "read" else count,), case.dtype, output=True)
    return inputs | {"out": out}


def fill(case: Case, seed: int, rank: int) -> dict[str, Array]:
    rng = generator(seed, rank)
    return {
        name: integers(rng, buffer.shape[0], case.dtype)
        for name, buffer in buffers(case).items()
        if not buffer.output
    }


def check(answer: Answer, rng: np.random.Generator) -> Finding:
    expected = answer.inputs["a"]
    if answer.case.workload == "read":
        expected = np.array([expected.sum()])
    elif answer.case.workload == "triad":
        expected = expected + TRIAD_SCALAR * answer.inputs["b"]
    return equal("out", expected, answer.outputs["out"])


def bytes_moved(case: Case) -> int:
    return ARRAYS[case.workload] * case.size[0]


def flops(case: Case) -> int:
    """read adds, triad multiplies and adds; copy computes nothing."""
    return {"read": 1, "copy": 0, "triad": 2}[case.workload] * elements(case)


STREAMS = tuple(bandwidth(name, buffers, fill, check, bytes_moved, flops) for name in ARRAYS)
