"""torch.distributed's operations on the buffers of one slot, as calls that are bound beforehand.

Where torch has an operation in place only (allreduce, bcast, reduce), what is timed is in place on `out`, and
the input is copied there before, untimed. Sizes and definitions are those of `zbench.workloads.messages`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.distributed as dist

from zbench.case import Case
from zbench.dtypes import FLOATS
from zbench.fabrics.base import WINDOWED, window
from zbench.routing import count_matrix

Call = Callable[[], object]
"""A function with all its arguments: one blocking execution on this rank."""

PAIRS = ("pingpong", "unidirectional", "bidirectional", "message_rate")
"""Between ranks 0 and 1."""
NEIGHBOURS = (*PAIRS, "sendrecv")
"""What needs somebody else: gloo has no connection from a rank to itself."""
REDUCTIONS = ("allreduce", "reduce", "reduce_scatter")
ONLY_IN_PLACE = ("allreduce", "bcast", "reduce")
"""What torch has no other form of."""
NOT_IN_PLACE = ("alltoall", "alltoallv", *NEIGHBOURS)
"""gloo leaves a wrong answer (alltoall, tried), or would receive into what it still sends."""
CUT = ("reduce_scatter", "allgather", "gather", "scatter", "alltoall")
"""Of P parts; torch's single-tensor forms take equal ones."""

_FLOATS = ("fp64", "fp32", "fp16", "bf16")
_INTEGERS = ("int8", "uint8", "int32", "int64")
REDUCED = (*_FLOATS, *_INTEGERS)
"""What gloo reduces. Of uint32 and uint64 it says `Invalid scalar type` (torch 2.13)."""
_EVERYWHERE = ("sum", "prod", "min", "max")
_ON_BITS = ("band", "bor", "bxor")


def redops(dtype: str) -> tuple[str, ...]:
    """What gloo can reduce a dtype by, as tried with torch 2.13: no avg of integers, no bits of floats."""
    return (*_EVERYWHERE, "avg") if dtype in FLOATS else (*_EVERYWHERE, *_ON_BITS)


@dataclass(frozen=True)
class Asked:
    """The case, seen from one rank."""

    rank: int
    ranks: int
    root: int
    """By its number in the world, as torch wants it."""
    redop: Any
    """torch's."""
    in_place: bool
    members: tuple[int, ...]
    """The numbers in the world of ranks 0, 1, ..."""
    group: Any
    """torch's; None: the world."""
    counts: tuple[tuple[int, ...], tuple[int, ...]]
    """Of an alltoallv: elements sent to each rank, and got of each."""


@dataclass(frozen=True)
class Execution:
    """One execution on one slot."""

    call: Call
    copies: tuple[tuple[torch.Tensor, torch.Tensor], ...] = ()
    """(to, from): what must stand in `to` when the call begins, which overwrites it."""

    def restore(self) -> None:
        for to, source in self.copies:
            to.copy_(source)


def lengths(case: Case, item_bytes: int, rank: int) -> tuple[int, int]:
    """Elements of a rank's `in` and `out`. Pure."""
    if case.workload == "barrier":
        return 0, 0
    whole = case.size[0] // item_bytes
    if case.workload == "alltoallv":
        return whole, sum(row[rank] for row in count_matrix(case))
    part = whole // case.ranks
    if case.workload in ("allgather", "gather"):
        return part, whole
    if case.workload in ("reduce_scatter", "scatter"):
        return whole, whole if case.in_place else part
    if case.workload in WINDOWED:
        return (messages := window(case.size[0]) * whole), messages
    return whole, whole


def execution(
    case: Case,
    rank: int,
    given: torch.Tensor,
    result: torch.Tensor,
    members: tuple[int, ...],
    group: Any = None,
) -> Execution:
    """`given` and `result` are the flat `in` and `out` of a slot, of `lengths` elements; `rank` is one of the
    case's, `members[rank]` its number in the world."""
    kinds = {
        "sum": dist.ReduceOp.SUM,
        "prod": dist.ReduceOp.PRODUCT,
        "min": dist.ReduceOp.MIN,
        "max": dist.ReduceOp.MAX,
        "avg": dist.ReduceOp.AVG,
        "band": dist.ReduceOp.BAND,
        "bor": dist.ReduceOp.BOR,
        "bxor": dist.ReduceOp.BXOR,
    }
    matrix = count_matrix(case) if case.workload == "alltoallv" else []
    counts = (tuple(matrix[rank]), tuple(row[rank] for row in matrix)) if matrix else ((), ())
    root = members[case.root]
    asked = Asked(rank, case.ranks, root, kinds[case.redop], case.in_place, members, group, counts)
    if case.workload in PAIRS:
        return Execution(_between_two(case, asked, given, result))
    return OPERATIONS[case.workload](asked, given, result)


def nothing() -> None:
    """A rank's part where it has none, and the execution whose time is all loop."""


def at_root(asked: Asked) -> bool:
    return asked.members[asked.rank] == asked.root


def barrier(asked: Asked, given: torch.Tensor, result: torch.Tensor) -> Execution:
    return Execution(partial(dist.barrier, group=asked.group))


def bcast(asked: Asked, given: torch.Tensor, result: torch.Tensor) -> Execution:
    copies = ((result, given),) if at_root(asked) else ()
    return Execution(partial(dist.broadcast, result, asked.root, group=asked.group), copies)


def allreduce(asked: Asked, given: torch.Tensor, result: torch.Tensor) -> Execution:
    return Execution(partial(dist.all_reduce, result, asked.redop, group=asked.group), ((result, given),))


def reduce(asked: Asked, given: torch.Tensor, result: torch.Tensor) -> Execution:
    """gloo leaves partial results on other ranks: theirs is a buffer of its own, unless `out` was asked."""
    own = asked.in_place or at_root(asked)
    vector = result if own else torch.zeros_like(given)
    return Execution(
        partial(dist.reduce, vector, asked.root, asked.redop, group=asked.group), ((vector, given),)
    )


def reduce_scatter(asked: Asked, given: torch.Tensor, result: torch.Tensor) -> Execution:
    # the older name warns where both are there
    cut = dist.reduce_scatter_single if hasattr(dist, "reduce_scatter_single") else dist.reduce_scatter_tensor
    if not asked.in_place:
        return Execution(partial(cut, result, given, asked.redop, group=asked.group))
    own = _parts(result, asked.ranks)[asked.rank]
    return Execution(partial(cut, own, result, asked.redop, group=asked.group), ((result, given),))


def allgather(asked: Asked, given: torch.Tensor, result: torch.Tensor) -> Execution:
    joined = dist.all_gather_single if hasattr(dist, "all_gather_single") else dist.all_gather_into_tensor
    source, copies = _own_part(asked, given, result)
    return Execution(partial(joined, result, source, group=asked.group), copies)


def gather(asked: Asked, given: torch.Tensor, result: torch.Tensor) -> Execution:
    source, copies = _own_part(asked, given, result)
    into = _parts(result, asked.ranks) if at_root(asked) else None
    return Execution(partial(dist.gather, source, into, dst=asked.root, group=asked.group), copies)


def scatter(asked: Asked, given: torch.Tensor, result: torch.Tensor) -> Execution:
    vector = result if asked.in_place else given
    parts = _parts(vector, asked.ranks) if at_root(asked) else None
    own = _parts(result, asked.ranks)[asked.rank] if asked.in_place else result
    copies = ((result, given),) if asked.in_place and at_root(asked) else ()
    return Execution(partial(dist.scatter, own, parts, src=asked.root, group=asked.group), copies)


def alltoall(asked: Asked, given: torch.Tensor, result: torch.Tensor) -> Execution:
    return Execution(partial(dist.all_to_all_single, result, given, group=asked.group))


def alltoallv(asked: Asked, given: torch.Tensor, result: torch.Tensor) -> Execution:
    sent, got = map(list, asked.counts)
    return Execution(partial(dist.all_to_all_single, result, given, got, sent, group=asked.group))


def sendrecv(asked: Asked, given: torch.Tensor, result: torch.Tensor) -> Execution:
    """To the right while from the left, as nccl-tests shifts."""
    right, left = asked.members[(asked.rank + 1) % asked.ranks], asked.members[asked.rank - 1]

    def shift() -> None:
        _finish([dist.isend(given, right, asked.group), dist.irecv(result, left, asked.group)])

    return Execution(shift)


OPERATIONS: dict[str, Callable[[Asked, torch.Tensor, torch.Tensor], Execution]] = {
    "barrier": barrier,
    "bcast": bcast,
    "reduce": reduce,
    "allreduce": allreduce,
    "reduce_scatter": reduce_scatter,
    "allgather": allgather,
    "gather": gather,
    "scatter": scatter,
    "alltoall": alltoall,
    "alltoallv": alltoallv,
    "sendrecv": sendrecv,
}

OFFERS: dict[str, tuple[str, ...]] = dict.fromkeys((*PAIRS, *OPERATIONS), ("byte",)) | dict.fromkeys(
    REDUCTIONS, REDUCED
)
"""Workload -> dtypes."""


def _parts(vector: torch.Tensor, ranks: int) -> list[torch.Tensor]:
    """As many equal views; empty ones of an empty vector, which torch's own split does not give."""
    length = len(vector) // ranks
    return [vector[i * length : (i + 1) * length] for i in range(ranks)]


def _own_part(
    asked: Asked, given: torch.Tensor, result: torch.Tensor
) -> tuple[torch.Tensor, tuple[tuple[torch.Tensor, torch.Tensor], ...]]:
    """What this rank contributes to a gather, and what must be copied there before."""
    if not asked.in_place:
        return given, ()
    own = _parts(result, asked.ranks)[asked.rank]
    return own, ((own, given),)


def _between_two(case: Case, asked: Asked, given: torch.Tensor, result: torch.Tensor) -> Call:
    """Rank's part of a pair's test, as OSU defines them."""
    if asked.rank > 1:
        return nothing
    peer, group = asked.members[1 - asked.rank], asked.group
    if case.workload == "pingpong":
        return partial(_there_and_back if asked.rank == 0 else _back, given, result, peer, group)
    messages = window(case.size[0])
    sent, received = _parts(given, messages), _parts(result, messages)
    if case.workload == "bidirectional":
        return partial(_both_ways, sent, received, peer, group)
    acknowledgement = torch.zeros(1, dtype=torch.uint8)
    return (
        partial(_send_window, sent, acknowledgement, peer, group)
        if asked.rank == 0
        else partial(_receive_window, received, acknowledgement, peer, group)
    )


def _there_and_back(given: torch.Tensor, result: torch.Tensor, peer: int, group: Any) -> None:
    dist.send(given, peer, group)
    dist.recv(result, peer, group)


def _back(given: torch.Tensor, result: torch.Tensor, peer: int, group: Any) -> None:
    dist.recv(result, peer, group)
    dist.send(result, peer, group)


def _send_window(messages: list[torch.Tensor], acknowledgement: torch.Tensor, peer: int, group: Any) -> None:
    _finish([dist.isend(message, peer, group) for message in messages])
    dist.recv(acknowledgement, peer, group)


def _receive_window(
    messages: list[torch.Tensor], acknowledgement: torch.Tensor, peer: int, group: Any
) -> None:
    _finish([dist.irecv(message, peer, group) for message in messages])
    dist.send(acknowledgement, peer, group)


def _both_ways(sent: list[torch.Tensor], received: list[torch.Tensor], peer: int, group: Any) -> None:
    incoming = [dist.irecv(message, peer, group) for message in received]
    _finish([dist.isend(message, peer, group) for message in sent])
    _finish(incoming)


def _finish(under_way: Iterable[Any]) -> None:
    for work in under_way:
        work.wait()
