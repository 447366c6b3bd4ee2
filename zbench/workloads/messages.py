"""Point-to-point and collective operations; the definitions of OSU, IMB and nccl-tests.

`size` is the bytes of one message, and for a collective the bytes of one rank's vector.
All data are exact integers, so that every answer is compared bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.fabrics.base import window
from zbench.workloads.base import (
    Answer,
    Array,
    Buffer,
    Finding,
    Workload,
    equal,
    generator,
    integers,
)

WINDOWED = ("unidirectional", "bidirectional", "message_rate")
"""Each message of a window has bytes of its own: one sent twice would not travel twice."""


def elements(case: Case) -> int:
    """Of one buffer."""
    messages = window(case.size[0]) if case.workload in WINDOWED else 1
    return messages * case.size[0] // NUMPY_DTYPES[case.dtype].itemsize


def buffers(case: Case) -> dict[str, Buffer]:
    shape = (elements(case),)
    return {"in": Buffer(shape, case.dtype), "out": Buffer(shape, case.dtype, output=True)}


def fill(case: Case, seed: int, rank: int) -> dict[str, Array]:
    return {"in": integers(generator(seed, rank), elements(case), case.dtype)}


SOURCE: dict[str, Callable[[int], int | None]] = {
    # whose "in" stands in this rank's "out" afterwards; None: this rank receives nothing
    "pingpong": lambda rank: 0 if rank <= 1 else None,
    "unidirectional": lambda rank: 0 if rank == 1 else None,
    "message_rate": lambda rank: 0 if rank == 1 else None,
    "bidirectional": lambda rank: 1 - rank if rank <= 1 else None,
    "bcast": lambda rank: 0,
}


def check(answer: Answer, rng: np.random.Generator) -> Finding:
    case, name, out = answer.case, f"rank {answer.rank}: out", answer.outputs["out"]
    if case.workload == "allreduce":
        total = fill(case, answer.seed, 0)["in"]
        for peer in range(1, case.ranks):
            total = total + fill(case, answer.seed, peer)["in"]
        return equal(name, total, out)
    source = SOURCE[case.workload](answer.rank)
    if source is None:
        return Finding(True, 0.0)
    return equal(name, fill(case, answer.seed, source)["in"], out)


def no_data(case: Case, seed: int, rank: int) -> dict[str, Array]:
    return {}


def no_output(answer: Answer, rng: np.random.Generator) -> Finding:
    """A barrier moves no data; that nobody left early is read from the stamps of all ranks."""
    return Finding(True, 0.0)


def seconds(case: Case, ns: float) -> float:
    return ns / 1e9


def message_bandwidth(case: Case, ns: float) -> float:
    """Bytes of one message over its time; `operations` counts the messages of an execution."""
    return case.size[0] / ns * 1e9


def busbw(factor: Callable[[int], float]) -> Callable[[Case, float], float]:
    """Bus bandwidth = size / t * factor (nccl-tests, doc/PERFORMANCE.md), so that wires can be
    compared whatever the number of ranks."""
    return lambda case, ns: case.size[0] / ns * 1e9 * factor(case.ranks)


def allreduce_factor(ranks: int) -> float:
    return 2 * (ranks - 1) / ranks


def message(
    name: str,
    metric: str,
    unit: str,
    value: Callable[[Case, float], float],
    operations: Callable[[Case], int] = lambda case: 1,
    data: bool = True,
) -> Workload:
    return Workload(
        name=name,
        suite="fabric",
        metric=metric,
        unit=unit,
        better="lower" if unit == "s" else "higher",
        method="exact" if data else "stamps",
        buffers=buffers if data else lambda case: {},
        fill=fill if data else no_data,
        check=check if data else no_output,
        bytes=lambda case: case.size[0],
        operations=operations,
        value=value,
    )


def window_of(case: Case) -> int:
    return window(case.size[0])


MESSAGES = (
    # half the round trip: OSU osu_latency, IMB PingPong
    message("pingpong", "latency", "s", seconds, operations=lambda case: 2),
    message("unidirectional", "bandwidth", "B/s", message_bandwidth, operations=window_of),
    # both directions count: OSU osu_bibw
    message(
        "bidirectional",
        "bandwidth",
        "B/s",
        message_bandwidth,
        operations=lambda case: 2 * window_of(case),
    ),
    message("message_rate", "message_rate", "1/s", lambda case, ns: 1e9 / ns, operations=window_of),
    message("barrier", "latency", "s", seconds, data=False),
    message("bcast", "busbw", "B/s", busbw(lambda ranks: 1.0)),
    message("allreduce", "busbw", "B/s", busbw(allreduce_factor)),
)
