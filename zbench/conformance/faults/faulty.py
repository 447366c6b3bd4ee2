"""A fabric in which one rank goes wrong at one moment; all the rest is another fabric's, whichever it is.

It is a plug-in like any other, so that a fault is met by the launch that everybody uses:
`zbench run fabric --fabric zbench.conformance.faults.faulty:Faulty:sigkill,mid-op,1,/tmp,shm`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.conformance.faults.inflict import inflict
from zbench.conformance.faults.plot import RAISING, plot_of
from zbench.fabrics.base import Fabric, Seat, Slot, World
from zbench.measure.channel import Channel, Message

INTO_OPERATION_S = 0.001
"""From the begin of a call that executes for milliseconds."""
FIRED = "fired"
"""The file of a plot's place in which the victim notes when: CLOCK_MONOTONIC, ns."""


class Faulty(Fabric):
    """`option`: see plot.plot_of."""

    def __init__(self, world: World, option: str | None = None) -> None:
        super().__init__(world, option)
        self.plot = plot_of(option)
        self._pending = world.rank == self.plot.victim
        self._calls = 0
        if self._pending and self.plot.moment == "results":
            self._cut_results()
        self._at("rendezvous")
        self.inner: Fabric = self.plot.fabric.load()(world, self.plot.fabric.option)
        self.memories = self.inner.memories

    @classmethod
    @contextmanager
    def seats(cls, ranks: int, option: str | None = None) -> Iterator[list[Seat]]:
        plot = plot_of(option)
        with plot.fabric.load().seats(ranks, plot.fabric.option) as seats:
            own = {"TMPDIR": plot.place}  # unless the fabric has a place of its own
            yield [replace(seat, environment=own | seat.environment) for seat in seats]

    def _at(self, moment: str) -> None:
        """The victim's fault, once."""
        if self._pending and self.plot.moment == moment:
            self._fire(asks=moment != "rendezvous")

    def _fire(self, asks: bool = True) -> None:
        self._pending = False
        Path(self.plot.place, FIRED).write_text(str(time.monotonic_ns()))
        inflict(self.plot.fault, asks)

    def _cut_results(self) -> None:
        """The fault comes when half of a result is on its way; what goes on sends the other half."""
        send = Channel.send

        def half(channel: Channel, message: Message) -> None:
            if message["type"] != "record" or not self._pending:
                send(channel, message)
                return
            kept = _Kept()
            send(Channel(cast(socket.socket, kept)), message)
            middle = len(kept.sent) // 2
            channel.connection.sendall(kept.sent[:middle])
            self._fire()
            channel.connection.sendall(kept.sent[middle:])

        setattr(Channel, "send", half)  # noqa: B010, of this process alone

    def _call(self, whole: Callable[[], Any], part: Callable[[], Any]) -> Any:
        """One call of the fabric. What raises does so after a part of what the others still do; what signals
        does so while the call runs, which nobody leaves before."""
        self._calls += 1
        self._at("before-op")
        if not (self._pending and self.plot.moment == "mid-op" and self._calls > 1):
            return whole()
        if self.plot.fault in RAISING:
            part()
            self._fire()
            return whole()
        signalled = threading.Timer(INTO_OPERATION_S, self._fire)
        signalled.start()
        try:
            return whole()
        finally:
            signalled.join()

    def execute(self, plan: Any, slot: int) -> None:
        self._call(lambda: self.inner.execute(plan, slot), lambda: None)

    def run_rounds(self, plan: Any, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        stamps: NDArray[np.int64] = self._call(
            lambda: self.inner.run_rounds(plan, rounds, batch),
            lambda: self.inner.run_rounds(plan, max(1, rounds // 2), batch),
        )
        return stamps

    def release(self, plan: Any) -> None:
        self.inner.release(plan)
        self._at("between-ops")

    def close(self) -> None:
        self._at("finalise")
        self.inner.close()

    def operations(self) -> dict[str, tuple[str, ...]]:
        return self.inner.operations()

    def alloc(self, shape: tuple[int, ...], dtype: str) -> Any:
        return self.inner.alloc(shape, dtype)

    def adopt(self, array: NDArray[Any]) -> Any:
        return self.inner.adopt(array)

    def write(self, buffer: Any, data: NDArray[Any]) -> None:
        self.inner.write(buffer, data)

    def read(self, buffer: Any) -> NDArray[Any]:
        return self.inner.read(buffer)

    def prepare(
        self,
        case: Case,
        slots: Sequence[Slot],
        algorithm: str | None = None,
        members: tuple[int, ...] | None = None,
    ) -> Any:
        if members is None:  # known only to a fabric with groups
            return self.inner.prepare(case, slots, algorithm)
        return self.inner.prepare(case, slots, algorithm, members)

    def algorithms(self, case: Case) -> tuple[str, ...]:
        return self.inner.algorithms(case)

    def clock_ns(self) -> int:
        return self.inner.clock_ns()

    def probe(self, case: Case) -> tuple[str, float] | None:
        return self.inner.probe(case)

    def variant(self, plan: Any) -> dict[str, str]:
        return self.inner.variant(plan)

    def describe(self) -> dict[str, str]:
        return self.inner.describe()


class _Kept:
    """A connection that keeps what is sent."""

    sent = b""

    def sendall(self, data: bytes) -> None:
        self.sent += data
