"""Ranks of one host over Unix sockets, one between each two of them. It runs the schedules that are proved in
zbench.schedules, so it has every operation that they have."""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import combinations
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import InvalidRun, Unsupported, UsageError
from zbench.fabrics.base import WINDOWED, Fabric, Seat, Slot, World, group, window
from zbench.schedules.action import RECEIVES, SENDS, Action, Kind, Span, Step
from zbench.schedules.layout import Layout, even
from zbench.schedules.operation import OPERATIONS, Who
from zbench.schedules.rename import renamed
from zbench.schedules.table import ALGORITHMS, steps

VARIABLE = "SOCKETS_FDS"
"""Peer -> file descriptor of the socket to it, as JSON."""
PAIRED = ("pingpong", "unidirectional", "bidirectional", "message_rate")
SIGNAL = np.zeros(1, np.uint8)


@dataclass
class Plan:
    case: Case
    algorithm: str
    steps: list[Step]
    layout: Layout
    slots: Sequence[dict[str, NDArray[np.uint8]]]
    """Every buffer as bytes; `tmp` is the plan's own."""

    def part(self, slot: int, span: Span) -> NDArray[np.uint8]:
        start = self.layout.offset(span)
        return self.slots[slot][span.buffer][start : start + self.layout.size(span)]


class Sockets(Fabric):
    offers = {
        name: ("fp32", "fp64") if operation.sums else ("byte",)
        for name, operation in OPERATIONS.items()
        if name != "alltoallv"  # its layout is by_counts
    }
    schedules = True
    groups = True

    def __init__(self, world: World, option: str | None = None) -> None:
        super().__init__(world, option)
        fds = json.loads(os.environ[VARIABLE])
        self.peers = {int(peer): socket.socket(fileno=fd) for peer, fd in fds.items()}
        for each in self.peers.values():
            each.setblocking(False)
        self.barrier = steps("barrier", "dissemination", world.size, world.rank)

    @classmethod
    @contextmanager
    def seats(cls, ranks: int, option: str | None = None) -> Iterator[list[Seat]]:
        """In the parent: the sockets, and which of them each rank inherits."""
        if option is not None:
            raise UsageError(f"fabric sockets:{option}: there are no options")
        ends: list[dict[int, socket.socket]] = [{} for _ in range(ranks)]
        with ExitStack() as stack:
            for one, other in combinations(range(ranks), 2):
                here, there = map(stack.enter_context, socket.socketpair())
                ends[one][other], ends[other][one] = here, there
            fds = [{peer: end.fileno() for peer, end in own.items()} for own in ends]
            yield [Seat(environment={VARIABLE: json.dumps(own)}, pass_fds=tuple(own.values())) for own in fds]

    def operations(self) -> dict[str, tuple[str, ...]]:
        lacks = PAIRED if self.world.size == 1 else ()
        return {name: dtypes for name, dtypes in self.offers.items() if name not in lacks}

    def alloc(self, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        return np.zeros(shape, NUMPY_DTYPES[dtype])

    def write(self, buffer: NDArray[Any], data: NDArray[Any]) -> None:
        np.copyto(buffer, data)

    def read(self, buffer: NDArray[Any]) -> NDArray[Any]:
        return buffer.copy()

    def algorithms(self, case: Case) -> tuple[str, ...]:
        return tuple(ALGORITHMS.get(case.workload, ()))

    def prepare(
        self,
        case: Case,
        slots: Sequence[Slot],
        algorithm: str | None = None,
        members: tuple[int, ...] | None = None,
    ) -> Plan:
        ranks = group(self.world, members)
        if case.dtype not in self.operations().get(case.workload, ()) or case.ranks != len(ranks):
            raise Unsupported(f"sockets: no {case.dtype} {case.workload} of {case.ranks} ranks")
        item_bytes = NUMPY_DTYPES[case.dtype].itemsize
        messages = window(case.size[0]) if case.workload in WINDOWED else 1
        name = algorithm or self.algorithms(case)[0]
        if case.redop != "sum" or case.in_place:
            raise Unsupported("sockets: sums from one buffer to another, no more")
        who = Who(len(ranks), ranks.index(self.world.rank), case.root)
        blocks = ALGORITHMS[case.workload][name].blocks(len(ranks), messages)
        layout = even(case.workload, who, blocks, messages * case.size[0] // item_bytes, item_bytes)
        own = list(renamed(steps(case.workload, name, *who, chunks=messages), ranks))
        tmp = np.empty(layout.vector[-1] * (len(ranks) + 2), np.uint8)
        views = [
            {key: buffer.view(np.uint8) for key, buffer in slot.items()} | {"tmp": tmp} for slot in slots
        ]
        return Plan(case, name, own, layout, views)

    def execute(self, plan: Plan, slot: int) -> None:
        for step in plan.steps:
            self._step(plan, slot, step)

    def run_rounds(self, plan: Plan, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        stamps = np.empty((rounds, 2), np.int64)
        for i in range(rounds):
            executions = [(i * batch + j) % len(plan.slots) for j in range(batch)]
            for slot in set(executions):  # a sender rewrites its inputs, untimed
                own = plan.slots[slot].get("in")
                if own is not None:
                    np.copyto(own, own.copy())
            for step in self.barrier:  # all ranks start a round together
                self._step(plan, 0, step)
            stamps[i, 0] = perf_counter_ns()
            for slot in executions:
                self.execute(plan, slot)
            stamps[i, 1] = perf_counter_ns()
        return stamps

    def _step(self, plan: Plan, slot: int, step: Step) -> None:
        """All actions of a step at once: reads see what was before it, writes land at its end."""
        landing: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
        outgoing: dict[int, list[memoryview]] = {}
        incoming: dict[int, list[memoryview]] = {}
        for action in step:
            if action.kind in SENDS:
                data = plan.part(slot, action.sources[0]) if action.sources else SIGNAL
                outgoing.setdefault(_peer(action), []).append(data.data)
            elif action.kind in RECEIVES:
                size = plan.layout.size(action.dst) if action.dst else len(SIGNAL)
                taken = np.empty(size, np.uint8)
                incoming.setdefault(_peer(action), []).append(taken.data)
                if action.dst is not None:
                    landing.append((plan.part(slot, action.dst), taken))
        own = [(action, self._local(plan, slot, action)) for action in step if action.dst is not None]
        self._exchange(outgoing, incoming)
        for place, taken in landing:
            place[:] = taken
        for action, values in own:
            self._land(plan, slot, action, values)

    def _local(self, plan: Plan, slot: int, action: Action) -> NDArray[Any]:
        """The sum of what this rank itself brings to an action, as it was before the step."""
        kind = NUMPY_DTYPES[plan.case.dtype]
        parts = [plan.part(slot, source).view(kind) for source in action.sources]
        return np.sum(parts, axis=0, dtype=kind) if parts else np.empty(0, kind)

    def _land(self, plan: Plan, slot: int, action: Action, own: NDArray[Any]) -> None:
        assert action.dst is not None
        place = plan.part(slot, action.dst).view(own.dtype)
        if action.kind is Kind.RECV_REDUCE:
            place += own
        elif action.kind in (Kind.COPY, Kind.REDUCE):
            place[:] = own

    def _exchange(self, outgoing: dict[int, list[memoryview]], incoming: dict[int, list[memoryview]]) -> None:
        """Move all messages, whichever way is ready: two ranks that send to each other must both go on."""
        for queues in (outgoing, incoming):
            for queue in queues.values():
                queue[:] = [message for message in queue if len(message)]
        while any(outgoing.values()) or any(incoming.values()):
            writers = [peer for peer, queue in outgoing.items() if queue]
            readers = [peer for peer, queue in incoming.items() if queue]
            poll = select.poll()
            for peer in {*writers, *readers}:
                wants = select.POLLOUT * (peer in writers) | select.POLLIN * (peer in readers)
                poll.register(self.peers[peer], wants)
            poll.poll()
            for peer in writers:
                self._go_on(outgoing[peer], self.peers[peer].send, peer)
            for peer in readers:
                self._go_on(incoming[peer], self.peers[peer].recv_into, peer)

    def _go_on(self, queue: list[memoryview], move: Any, peer: int) -> None:
        """As much of a queue's first message as the socket takes or has."""
        try:
            moved = move(queue[0])
        except BlockingIOError:
            return
        except OSError as error:
            raise InvalidRun(f"sockets: rank {peer} cannot be reached: {error}") from error
        if not moved:
            raise InvalidRun(f"sockets: rank {peer} is gone")
        queue[0] = queue[0][moved:]
        if not queue[0]:
            queue.pop(0)

    def probe(self, case: Case) -> tuple[str, float] | None:
        return None  # nothing measured beside it bounds a socket: no share of a peak is shown

    def variant(self, plan: Plan) -> dict[str, str]:
        return {"algorithm": plan.algorithm}

    def describe(self) -> dict[str, str]:
        return {"transport": "Unix sockets", "ranks": str(self.world.size)}

    def close(self) -> None:
        for each in self.peers.values():
            each.close()


def _peer(action: Action) -> int:
    assert action.peer is not None
    return action.peer
