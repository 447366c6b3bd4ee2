"""Copies to and from a card: host to device, device to host, device to device; `size` is the bytes copied.

`memory` says where the host's end is: `pageable`, as every allocation is, or `pinned`, which the device
reads and writes by itself. `peer` is the number of another card of this host, to which `copy_d2d` then copies
from the card that is measured; `none`, the default, is that card itself.

The metric is bandwidth, size / t: what a link moves. A copy on one card reads and writes its memory once
each, and still counts its bytes once, as every copy here (the stream `copy`, and CUDA's bandwidthTest, count
both). t of a copy of a few bytes is a latency only with `blocking=yes`: each copy is then waited for before
the next one is started. With `no` copies queue up, and t is what one costs in a row of them.
"""

from __future__ import annotations

import numpy as np

from zbench.case import Case
from zbench.workloads.base import Answer, Array, Buffer, Finding, bandwidth, equal, generator, integers

COPIES = ("copy_h2d", "copy_d2h", "copy_d2d")


def host_place(case: Case) -> str:
    """Where the host's end of a copy lies."""
    return "pinned" if case.get("memory") == "pinned" else "host"


def buffers(case: Case) -> dict[str, Buffer]:
    """`from` and `to`, shape (bytes,)."""
    origin: str | int = "card"
    target: str | int = "card"
    if case.workload == "copy_h2d":
        origin = host_place(case)
    elif case.workload == "copy_d2h":
        target = host_place(case)
    elif (peer := case.get("peer")) != "none":
        target = peer
    shape = (case.size[0],)
    return {
        "from": Buffer(shape, case.dtype, place=origin),
        "to": Buffer(shape, case.dtype, output=True, place=target),
    }


def fill(case: Case, seed: int, rank: int) -> dict[str, Array]:
    return {"from": integers(generator(seed, rank), case.size[0], case.dtype)}


def check(answer: Answer, rng: np.random.Generator) -> Finding:
    return equal("to", answer.inputs["from"], answer.outputs["to"])


def copied(case: Case) -> int:
    return case.size[0]


COPY_WORKLOADS = tuple(bandwidth(name, buffers, fill, check, copied) for name in COPIES)
