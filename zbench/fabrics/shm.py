"""Ranks on one host that exchange data through one segment of shared memory.

Small messages travel in single cache lines. Larger ones are taken straight from the sender's buffer
where that lies in the segment (`alloc`), and through pipelined slots where it does not.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import InvalidRun, UsageError, explain, suggest
from zbench.fabrics import planned
from zbench.fabrics.base import Fabric, Seat, Slot, World, as_it_stands, group
from zbench.fabrics.blame import sentence
from zbench.fabrics.memory import Area, available_bytes
from zbench.native import coll, shm
from zbench.schedules.compile import buffer_bytes
from zbench.schedules.operation import OPERATIONS
from zbench.schedules.table import ALGORITHMS

FD_VARIABLE = "ZBENCH_SHM_FD"

AREA_BYTES = 16 << 30
"""Address space of each rank's buffers; only touched pages cost memory."""
HEADROOM = 0.05
"""Share of the available memory that is never taken: the rest of the machine must go on."""
TINY_BYTES = 4096
"""Up to here a message is bound by the cache line's way, above by copying."""
PROBE_BYTES = 64 << 20
"""Largest copy of a probe: beyond, it measures the same memory for longer."""

UNBOUNDED = ("message_rate", "bidirectional")
"""What no probe here bounds: many lines travel at once, and two cores copy at once."""


PRIVATE = "private"
ALGORITHM_DOES = {
    name: [op for op, named in ALGORITHMS.items() if name in named]
    for name in sorted(
        {name for op, named in ALGORITHMS.items() for name in named if op not in planned.POINT_TO_POINT}
    )
}
"""Algorithm -> the operations that it can do."""


@dataclass
class Prepared:
    """A plan over its slots."""

    case: Case
    algorithm: str
    plan: coll.Plan
    registered: bool


class Shm(Fabric):
    """Shared memory between processes of one host."""

    options = {PRIVATE: "ranks' own buffers, copied through slots; else they lie in the shared segment"} | {
        name: f"{', '.join(doing)} by {name}, whatever the measured table says; also after private+"
        for name, doing in ALGORITHM_DOES.items()
    }
    offers = {name: planned.SUMMED if op.sums else ("byte",) for name, op in OPERATIONS.items()}
    schedules = True
    groups = True
    timeout_s = 30.0
    """The longest single wait for a peer."""

    def __init__(self, world: World, option: str | None = None) -> None:
        super().__init__(world, option)
        self._private, self._forced = _options(option)
        if FD_VARIABLE not in os.environ:
            raise InvalidRun(f"shm: {FD_VARIABLE} is not set; start the ranks on the seats of Shm.seats")
        try:
            self._segment = shm.Segment(
                int(os.environ[FD_VARIABLE]), world.rank, world.oversubscribed, self.timeout_s
            )
        except (OSError, ValueError) as error:
            why = explain(error) if isinstance(error, OSError) else error
            raise InvalidRun(f"shm: cannot open the shared segment: {why}") from error
        if self._segment.ranks != world.size:
            raise InvalidRun(f"shm: the segment is for {self._segment.ranks} ranks, not {world.size}")
        self._probed: list[NDArray[np.uint8]] = []
        self._area = Area(self._segment.data_bytes, shm.PAGE_BYTES)
        self._grouped = 0

    @classmethod
    @contextmanager
    def seats(cls, ranks: int, option: str | None = None) -> Iterator[list[Seat]]:
        """One segment without a name, inherited by all ranks; on leaving, every wait in it ends.

        Raises UsageError.
        """
        _options(option)
        if not 1 <= ranks <= shm.MAX_RANKS:
            raise UsageError(f"shm: {ranks} ranks; give 1 to {shm.MAX_RANKS}")
        try:
            fd = shm.create(ranks, AREA_BYTES)
        except OSError as error:
            raise InvalidRun(f"shm: cannot make a shared segment: {explain(error)}") from error
        try:
            yield [Seat(environment={FD_VARIABLE: str(fd)}, pass_fds=(fd,)) for _ in range(ranks)]
        finally:
            shm.abort(fd)
            os.close(fd)

    @classmethod
    def forces(cls, option: str | None) -> str:
        return _options(option)[1]

    @staticmethod
    def abort(seats: Sequence[Seat]) -> None:
        """End every wait of these seats' ranks now, as when one of them is known to be dead."""
        shm.abort(int(seats[0].environment[FD_VARIABLE]))

    def operations(self) -> dict[str, tuple[str, ...]]:
        lacks = planned.POINT_TO_POINT if self.world.size == 1 else ()
        return {name: dtypes for name, dtypes in self.offers.items() if name not in lacks}

    def alloc(self, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        kind = NUMPY_DTYPES[dtype]
        size_bytes = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        if self._private:
            return np.zeros(shape, kind)
        return self._take(size_bytes)[:size_bytes].view(kind).reshape(shape)

    def _take(self, size_bytes: int) -> NDArray[np.uint8]:
        """Touched pages of this rank's area, given back with the last array that looks at them."""
        offset, length = self._area.take(size_bytes)
        # Others may be about to touch their pages, too: what counts is what all of them want.
        wanted = self._segment.intend(length)
        try:
            room = int(available_bytes() * (1 - HEADROOM))
            if wanted > room:
                self._area.give(offset, length)
                raise MemoryError(f"shm: {wanted >> 20} MiB wanted, {room >> 20} MiB available")
            try:
                self._segment.reserve(offset, length)
            except OSError as error:
                self._area.give(offset, length)
                raise MemoryError(f"shm: {length >> 20} MiB: {explain(error)}") from error
            buffer = self._segment.view(offset, length)
            buffer.fill(0)
        finally:
            self._segment.intend(-length)
        finalizer = weakref.finalize(buffer, _give_back, self._segment, self._area, offset, length)
        finalizer.atexit = False  # the segment goes with the process
        return buffer

    def adopt(self, array: NDArray[Any]) -> NDArray[Any]:
        """The array itself, whose bytes are copied through slots. Raises Unsupported."""
        return as_it_stands(array, "shm")

    def write(self, buffer: NDArray[Any], data: NDArray[Any]) -> None:
        np.copyto(buffer, data, casting="no")

    def read(self, buffer: NDArray[Any]) -> NDArray[Any]:
        return buffer.copy()

    def algorithms(self, case: Case) -> tuple[str, ...]:
        names = tuple(ALGORITHMS.get(case.workload, ()))
        if self._forced in names:
            return (self._forced,)
        first = planned.by_default(case, self.world.oversubscribed)
        return tuple(sorted(names, key=lambda name: name != first))  # else as in the table

    def prepare(
        self,
        case: Case,
        slots: Sequence[Slot],
        algorithm: str | None = None,
        members: tuple[int, ...] | None = None,
    ) -> Prepared:
        """Raises Unsupported, UsageError for an unknown algorithm, MemoryError, ValueError for buffers
        that are too small and for members that are no group."""
        ranks = group(self.world, members)
        meeting, whose = self._meeting(members)
        planned.check(case, self.offers, len(ranks))
        known = self.algorithms(case)
        name = known[0] if algorithm is None else algorithm
        if name not in ALGORITHMS[case.workload]:
            raise UsageError(f"{case.key}: no algorithm {name!r}{suggest(name, known)}")
        rank = ranks.index(self.world.rank)
        rows = planned.rows(case, name, rank)
        for buffer in ("in", "out"):  # before `tmp` is taken, which may be as large as they should be
            size_bytes = buffer_bytes(rows, buffer)
            if size_bytes and any(buffer not in slot or slot[buffer].nbytes < size_bytes for slot in slots):
                raise ValueError(f"{case.key}: {buffer!r} must have {size_bytes} bytes")
        tmp = self._take(buffer_bytes(rows, "tmp"))
        views = [{**slot, "tmp": tmp} for slot in slots]
        plan = coll.Plan(planned.among(rows, ranks), case.dtype, self.world.size, views, planned.redop(case))
        plan.among(len(ranks))
        if operand := planned.operand_in_place(case, rank):
            plan.restore(*operand)
        plan.describe(f"{case.key} by {name}{whose}", meeting=meeting)
        try:
            self._segment.reserve_channels(plan)
        except OSError as error:
            raise MemoryError(f"shm: the channels of {case.key}: {explain(error)}") from error
        registered = all(self._segment.holds(array) for slot in slots for array in slot.values())
        return Prepared(case, name, plan, registered)

    def _meeting(self, members: tuple[int, ...] | None) -> tuple[str, str]:
        """What the plans of all groups that start rounds together have in common, and a plan's own members.

        Every rank prepares in the same order, so that the number of the plan is common.
        """
        if members is None:
            return "", ""
        self._grouped += 1
        return f"groups {self._grouped}", f" of ranks {', '.join(map(str, members))}"

    def execute(self, plan: Prepared, slot: int) -> None:
        try:
            plan.plan.execute(self._segment.transport, slot)
        except coll.PeerError as error:
            raise self._explain(error, plan.case.key) from error

    def trace(self, plan: Prepared, slot: int) -> NDArray[np.int64]:
        """What one execution did, as `schedules.trace` takes it."""
        try:
            return plan.plan.trace(self._segment.transport, slot)
        except coll.PeerError as error:
            raise self._explain(error, plan.case.key) from error

    def run_rounds(self, plan: Prepared, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        try:
            return plan.plan.run_rounds(self._segment.transport, rounds, batch)
        except coll.PeerError as error:
            raise self._explain(error, plan.case.key) from error

    def _explain(self, error: coll.PeerError, doing: str) -> InvalidRun:
        where, verdict = f"shm: rank {self.world.rank} in {doing}", self._segment.verdict()
        if verdict is None:
            return InvalidRun(f"{where}: {error}")
        why = sentence(self.world.rank, verdict, self.timeout_s)
        call = f", call {verdict.who_call.sequence}" if verdict.who == self.world.rank else ""
        return InvalidRun(f"{where}{call}: {why}")

    def probe(self, case: Case) -> tuple[str, float] | None:
        """One way of a cache line, ns, for what is bound by latency; else memcpy on one core, B/s."""
        size_bytes = min(case.size[0], PROBE_BYTES)
        if case.workload in UNBOUNDED:
            return None
        try:
            if size_bytes <= TINY_BYTES:
                return ("ns", self._segment.probe_line()) if self.world.size > 1 else None
            return "B/s", self._segment.probe_copy(size_bytes, *self._probe_buffers(size_bytes))
        except coll.PeerError as error:
            raise self._explain(error, f"the probe of {case.key}") from error

    def _probe_buffers(self, size_bytes: int) -> list[NDArray[np.uint8] | None]:
        """Rank 0's, kept for the probe behind the burst: touching fresh pages takes longer than the copy."""
        if self.world.rank != 0:
            return [None, None]
        if not self._probed or self._probed[0].nbytes < size_bytes:
            self._probed = []
            self._probed = [self._take(size_bytes) for _ in range(2)]
        return [*self._probed]

    def variant(self, plan: Prepared) -> dict[str, str]:
        """Rank 0 names the plans of all ranks; that takes as long as to make them, and no other is asked."""
        told = {
            "algorithm": plan.algorithm,
            "buffers": "symmetric" if plan.registered else "private",
        }
        if self.world.rank == 0:
            told["plan"] = planned.hash_of_all(plan.case, plan.algorithm)[:12]
        return told

    def describe(self) -> dict[str, str]:
        return {
            "transport": "shared memory (memfd), single copy from symmetric buffers",
            "reductions": coll.isa(),
            "waiting": "yields, then sleeps" if self.world.oversubscribed else "spins",
            "ranks": str(self.world.size),
        }

    def close(self) -> None:
        """The mapping goes with the last array over it."""
        self._probed = []
        del self._segment


def _options(option: str | None) -> tuple[bool, str]:
    """`private`, an algorithm, or `private+ALGORITHM`: whether buffers are private; what is forced, or "".

    Raises UsageError.
    """
    words = (option or "").split("+")
    private = words[0] == PRIVATE
    algorithm = "+".join(words[private:])
    if algorithm and algorithm not in ALGORITHM_DOES:
        raise UsageError(f"shm: no option {algorithm!r}{suggest(algorithm, Shm.options)}")
    return private, algorithm


def _give_back(segment: shm.Segment, area: Area, offset: int, size_bytes: int) -> None:
    segment.discard(offset, size_bytes)
    area.give(offset, size_bytes)
