"""An MPI library's own operations between ranks of one host, as its `mpiexec` starts them.

A peer to be measured beside `shm`, on ordinary memory and with the library's own defaults; the loop around
the calls is C, and starts each round at a common moment, as that of `shm` does. MPI does less than is asked
for in two places, and what is missing is done untimed: a broadcast's root does not copy its own vector, and a
part that is reduced and scattered in place lands at the front.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import InvalidRun, Unsupported, UsageError, explain
from zbench.fabrics.base import Fabric, Seat, Slot, World, as_it_stands, group, refuse_algorithm
from zbench.fabrics.memory import available_bytes
from zbench.fabrics.mpi_calls import EVERYWHERE, MOVING, NOT_IN_PLACE, REDUCING, call, most_elements, needed
from zbench.fabrics.mpi_installed import OPTIONS, find
from zbench.fabrics.planned import POINT_TO_POINT
from zbench.fabrics.shm import HEADROOM, PROBE_BYTES, TINY_BYTES, UNBOUNDED
from zbench.native import mpi, shm
from zbench.native.coll import PeerError
from zbench.native.mpi import MAX_COUNT, TYPES, Library, MpiError

LIBRARY_VARIABLE, STARTER_VARIABLE = "ZBENCH_MPI_LIBRARY", "ZBENCH_MPI_STARTER"
FLOOR_VARIABLE = "ZBENCH_MPI_FLOOR"
"""The file of a shared segment, in which the floor is measured as the fabric `shm` does it."""
FLOOR_S = 30.0
"""The longest wait for a peer there."""
SHARED = Path("/dev/shm")
LEFT_BY_MPICH = re.compile(r"/dev/shm/mpich_shm_\S+$", re.MULTILINE)
"""What it removes only when it is finalized."""
MAX_RANKS = shm.MAX_RANKS
ALIGNMENT = 4096
"""Bytes; a page, as large buffers of any allocator begin."""


@dataclass
class Prepared:
    case: Case
    plan: mpi.Plan


class Mpi(Fabric):
    """`option` chooses the MPI; without one it is that of the system."""

    options = OPTIONS
    groups = True
    offers = dict.fromkeys((*POINT_TO_POINT, "barrier", *MOVING), ("byte",)) | dict.fromkeys(
        REDUCING, tuple(dtype for dtype in EVERYWHERE if dtype in NUMPY_DTYPES)
    )

    def __init__(self, world: World, option: str | None = None) -> None:
        super().__init__(world, option)
        if LIBRARY_VARIABLE not in os.environ:
            raise InvalidRun(f"mpi: {LIBRARY_VARIABLE} is not set; start the ranks on the seats of Mpi.seats")
        path = Path(os.environ[LIBRARY_VARIABLE])
        try:
            self._library = Library(path, world.oversubscribed)
            self._library.barrier()  # all have attached to what they share
        except (OSError, MpiError) as error:
            raise InvalidRun(f"mpi: {path.name} does not start: {error}") from error
        if self._library.rank == 0:
            for left in LEFT_BY_MPICH.findall(Path("/proc/self/maps").read_text()):
                Path(left).unlink(missing_ok=True)
        found = (self._library.rank, self._library.ranks)
        if found != (world.rank, world.size):
            raise InvalidRun(
                f"mpi: {path} sees rank {found[0]} of {found[1]} where rank {world.rank} of {world.size} was "
                "started: it is not the library of that mpiexec"
            )
        self._dtypes = tuple(
            dtype
            for dtype in TYPES
            if dtype in NUMPY_DTYPES and dtype != "byte" and self._library.reduces(dtype, "sum")
        )
        self._floor = _floor(world)
        self._probed: list[NDArray[np.uint8]] = []

    @classmethod
    @contextmanager
    def seats(cls, ranks: int, option: str | None = None) -> Iterator[list[Seat]]:
        """One command for all ranks; beside MPI they share the segment that their floor is measured in.

        Raises UsageError.
        """
        installed = find(option)
        if not 1 <= ranks <= MAX_RANKS:
            raise UsageError(f"mpi: {ranks} ranks; give 1 to {MAX_RANKS}")
        try:
            scratch = tempfile.mkdtemp(
                prefix="zbench-mpi-", dir=SHARED if os.access(SHARED, os.W_OK) else None
            )
            fd = shm.create(ranks, shm.PAGE_BYTES)
        except OSError as error:
            raise InvalidRun(f"mpi: cannot make what its ranks share: {explain(error)}") from error
        environment = installed.environment(scratch, ranks > len(os.sched_getaffinity(0))) | {
            LIBRARY_VARIABLE: str(installed.shared_object),
            STARTER_VARIABLE: installed.command.name,
            FLOOR_VARIABLE: f"/proc/{os.getpid()}/fd/{fd}",
        }
        try:
            yield [
                Seat(
                    prefix=installed.prefix(ranks),
                    environment=environment,
                    launches=ranks,
                    rank_variable=installed.rank_variable,
                    scratch=scratch,
                )
            ]
        finally:
            shm.abort(fd)
            os.close(fd)
            rmtree(scratch, ignore_errors=True)

    def operations(self) -> dict[str, tuple[str, ...]]:
        pairs = POINT_TO_POINT if self.world.size > 1 else ()
        moving = dict.fromkeys((*pairs, "barrier", *MOVING), ("byte",))
        return moving | dict.fromkeys(REDUCING, self._dtypes)

    def alloc(self, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        kind = NUMPY_DTYPES[dtype]
        size_bytes = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
        room = int(available_bytes() * (1 - HEADROOM))
        if size_bytes * self.world.size > room:  # the others are about to touch as much
            raise MemoryError(f"mpi: {size_bytes >> 20} MiB for each rank wanted, {room >> 20} MiB available")
        raw = np.zeros(size_bytes + ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % ALIGNMENT
        raw.fill(0)  # touched
        return raw[start : start + size_bytes].view(kind).reshape(shape)

    def adopt(self, array: NDArray[Any]) -> NDArray[Any]:
        """The array itself. Raises Unsupported."""
        return as_it_stands(array, "mpi")

    def write(self, buffer: NDArray[Any], data: NDArray[Any]) -> None:
        np.copyto(buffer, data, casting="no")

    def read(self, buffer: NDArray[Any]) -> NDArray[Any]:
        return buffer.copy()

    def prepare(
        self,
        case: Case,
        slots: Sequence[Slot],
        algorithm: str | None = None,
        members: tuple[int, ...] | None = None,
    ) -> Prepared:
        """Raises Unsupported, UsageError for an algorithm, ValueError for buffers that are too small and for
        members that are no group."""
        refuse_algorithm(case, algorithm, "mpi")
        ranks = group(self.world, members)
        self._check(case, len(ranks))
        rank = ranks.index(self.world.rank)
        asked = call(case, rank)
        for slot in slots:
            for name, size_bytes in needed(case, asked, rank).items():
                if size_bytes and (name not in slot or slot[name].nbytes < size_bytes):
                    raise ValueError(f"{case.key}: {name!r} must have {size_bytes} bytes")
        try:
            return Prepared(case, mpi.Plan(self._library, asked, slots, members))
        except MpiError as error:
            raise self._explain(error, f"the group of {case.key}") from error

    def _check(self, case: Case, ranks: int) -> None:
        offered = self.operations()
        if case.workload not in offered or (case.workload in POINT_TO_POINT and ranks < 2):
            lacks = "needs two ranks" if case.workload in POINT_TO_POINT else "is not offered"
            raise Unsupported(f"mpi: {case.workload} {lacks}")
        if case.dtype not in offered[case.workload]:
            takes = ", ".join(offered[case.workload])
            raise Unsupported(f"mpi: {case.workload} takes {takes}, not {case.dtype}")
        if case.ranks != ranks or not 0 <= case.root < ranks:
            raise Unsupported(f"mpi: {case.key} in a world of {ranks} ranks")
        if case.workload in REDUCING and not (
            case.redop in mpi.OPERATORS and self._library.reduces(case.dtype, case.redop)
        ):
            raise Unsupported(f"mpi: {self._library.version()} has no {case.redop} of {case.dtype}")
        if case.in_place and (case.workload not in (*REDUCING, *MOVING) or case.workload in NOT_IN_PLACE):
            raise Unsupported(f"mpi: no {case.workload} in place")
        unit = NUMPY_DTYPES[case.dtype].itemsize * (case.ranks if case.workload == "alltoall" else 1)
        if len(case.size) != 1 or case.size[0] % unit:
            raise Unsupported(f"mpi: {case.key}: the size must be a multiple of {unit} bytes")
        if most_elements(case) > MAX_COUNT:
            raise Unsupported(f"mpi: {case.key}: more than {MAX_COUNT} elements in one call")

    def execute(self, plan: Prepared, slot: int) -> None:
        try:
            plan.plan.execute(slot)
        except MpiError as error:
            raise self._explain(error, plan.case.key) from error

    def run_rounds(self, plan: Prepared, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        try:
            return plan.plan.run_rounds(rounds, batch)
        except MpiError as error:
            raise self._explain(error, plan.case.key) from error

    def _explain(self, error: Exception, doing: str) -> InvalidRun:
        told = " ".join(str(error).split())  # MPICH's is a stack of calls, a line each
        return InvalidRun(f"mpi: rank {self.world.rank} in {doing}: {told}")

    def probe(self, case: Case) -> tuple[str, float] | None:
        """As that of `shm`: a cache line's way, or memcpy on one core."""
        if self._floor is None or case.workload in UNBOUNDED:
            return None
        size_bytes = min(case.size[0], PROBE_BYTES)
        try:
            if size_bytes <= TINY_BYTES:
                return ("ns", self._floor.probe_line()) if self.world.size > 1 else None
            return "B/s", self._floor.probe_copy(size_bytes, *self._probe_buffers(size_bytes))
        except PeerError as error:
            raise self._explain(error, f"the probe of {case.key}") from error

    def _probe_buffers(self, size_bytes: int) -> list[NDArray[np.uint8] | None]:
        """Rank 0's, kept for the probe behind the burst."""
        if self.world.rank != 0:
            return [None, None]
        if not self._probed or self._probed[0].nbytes < size_bytes:
            self._probed = [self.alloc((size_bytes,), "byte") for _ in range(2)]
        return [*self._probed]

    def variant(self, plan: Prepared) -> dict[str, str]:
        return {
            "algorithm": "library's own",
            "buffers": "ordinary memory",
            "library": self._library.version(),
        }

    def describe(self) -> dict[str, str]:
        return {
            "mpi": self._library.version(),
            "threads": f"MPI_THREAD_{self._library.thread_level.upper()}",
            "started": f"by {os.environ.get(STARTER_VARIABLE, 'an unknown command')}, bound by zbench",
            "ranks": str(self.world.size),
        }

    def close(self) -> None:
        """The library ends with the process: its last word waits for all ranks."""
        self._probed, self._floor = [], None
        self._library.finalize_at_exit()


def _floor(world: World) -> shm.Segment | None:
    """The segment that the floor is measured in; None where any rank cannot open it (hidepid)."""
    segment = None
    with suppress(OSError, ValueError, KeyError):
        fd = os.open(os.environ[FLOOR_VARIABLE], os.O_RDWR | os.O_CLOEXEC)
        segment = shm.Segment(fd, world.rank, world.oversubscribed, FLOOR_S)
    return None if b"" in world.share(b"opened" if segment else b"") else segment
