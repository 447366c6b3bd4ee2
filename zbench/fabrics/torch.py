"""torch.distributed between processes of this host, as a fabric: a peer to be measured beside others.

What is timed is what a user of torch gets: its own operations with their Python call, blocking, by a loop
that adds the reading of a clock and one more call (`loop_ns` tells what that takes).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import torch
except ImportError as error:
    raise ImportError(f"{error}: pip install 'zbench[torch]'") from error
import torch.distributed as dist

from zbench.cards.torch_buffers import tensor_of
from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import InvalidRun, Unsupported, UsageError, explain, suggest
from zbench.fabrics import torch_operations as operations
from zbench.fabrics import torch_world as world_of
from zbench.fabrics.base import Fabric, Seat, Slot, World, as_it_stands, group, refuse_algorithm
from zbench.fabrics.memory import available_bytes

RANKS_MAX = 256
"""gloo connects every rank with every other, a socket each: beyond that, a host's limits are what is met."""
LINE_BYTES = 64
"""Of a cache: one write in each makes it this core's own."""
LOOP_ROUNDS = 1000
"""Of an empty execution, together less than a ms; their median is the loop's cost."""
LOOP_DIGIT_NS = 100
"""Told rounded, to be weighed against executions and not compared; launches then agree on it."""


@dataclass
class Prepared:
    """A case over its slots."""

    case: Case
    bind: Callable[[], list[operations.Execution]]
    """Makes the executions, once all ranks agree that they will run: those of a group need it, and making
    that waits for the others."""
    executions: list[operations.Execution]
    lines: list[NDArray[np.uint8]]
    """A byte of every line of each slot's input; none where there is no data."""


class Torch(Fabric):
    """`option` is the backend of torch.distributed."""

    options = {"gloo": "torch.distributed between processes of this host, by gloo over its loopback device"}
    offers = operations.OFFERS
    groups = True
    timeout_s = 30.0
    """The longest single wait for a peer."""

    def __init__(self, world: World, option: str | None = None) -> None:
        super().__init__(world, option)
        self.backend = _backend(option)
        torch.set_num_threads(1)  # a rank has one core
        self._store = world_of.store(world.size, self.timeout_s)
        self._joined = False
        self._loop_ns = loop_ns()

    @classmethod
    @contextmanager
    def seats(cls, ranks: int, option: str | None = None) -> Iterator[list[Seat]]:
        """A file without a name through which the ranks find each other. Raises UsageError."""
        _backend(option)
        if not 1 <= ranks <= RANKS_MAX:
            raise UsageError(f"torch: {ranks} ranks; give 1 to {RANKS_MAX}")
        try:
            fd = os.memfd_create("zbench-torch-store")
        except OSError as error:
            raise InvalidRun(f"torch: cannot make the ranks' meeting place: {explain(error)}") from error
        environment = {world_of.FD_VARIABLE: str(fd), "GLOO_SOCKET_IFNAME": "lo"}
        try:
            yield [Seat(environment=environment, pass_fds=(fd,)) for _ in range(ranks)]
        finally:
            os.close(fd)

    def operations(self) -> dict[str, tuple[str, ...]]:
        lacks = operations.NEIGHBOURS if self.world.size == 1 else ()
        return {name: dtypes for name, dtypes in self.offers.items() if name not in lacks}

    def alloc(self, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        kind = NUMPY_DTYPES[dtype]
        size_bytes, room = int(np.prod(shape, dtype=np.int64)) * kind.itemsize, available_bytes()
        if size_bytes > room:
            raise MemoryError(f"torch: {size_bytes >> 20} MiB wanted, {room >> 20} MiB available")
        return np.full(shape, 0, kind)  # touched now, not while it is timed

    def adopt(self, array: NDArray[Any]) -> NDArray[Any]:
        """The array itself, over which `prepare` lays a tensor. Raises Unsupported."""
        return as_it_stands(array, "torch")

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
        """Raises Unsupported, UsageError for an algorithm, ValueError for buffers that do not fit."""
        refuse_algorithm(case, algorithm, self.backend)
        ranks = group(self.world, members)
        self._check(case, len(ranks))
        if list(ranks) != sorted(ranks) and not world_of.ORDERED_AS_GIVEN:
            raise Unsupported(f"torch:{self.backend}: torch {torch.__version__} sorts the ranks of a group")
        rank = ranks.index(self.world.rank)
        vectors = [_vectors(case, slot, rank) for slot in slots]

        def bind() -> list[operations.Execution]:
            handle = None if members is None else world_of.group(members)
            return [operations.execution(case, rank, *each, ranks, handle) for each in vectors]

        inputs = [slot["in"].reshape(-1).view(np.uint8)[::LINE_BYTES] for slot in slots if "in" in slot]
        return Prepared(case, bind, [], inputs)

    def _check(self, case: Case, ranks: int) -> None:
        offered, who = self.operations(), f"torch:{self.backend}"
        alone = ranks == 1 and case.workload in operations.NEIGHBOURS
        if alone or case.workload not in offered:
            lacks = "needs two ranks" if case.workload in operations.NEIGHBOURS else "is not offered"
            raise Unsupported(f"{who}: {case.workload} {lacks}")
        if case.dtype not in offered[case.workload]:
            takes = ", ".join(offered[case.workload])
            raise Unsupported(f"{who}: {case.workload} takes {takes}, not {case.dtype}")
        if case.ranks != ranks:
            raise Unsupported(f"{who}: {case.key} in a world of {ranks} ranks")
        item_bytes = NUMPY_DTYPES[case.dtype].itemsize
        if len(case.size) != 1 or case.size[0] % item_bytes:
            raise Unsupported(f"{who}: {case.key}: the size must be a whole number of elements, in bytes")
        if case.workload in operations.CUT and case.size[0] % (ranks * item_bytes):
            raise Unsupported(f"{who}: {case.key}: takes equal parts of {ranks} ranks only")
        if not 0 <= case.root < ranks:
            raise Unsupported(f"{who}: {case.key}: the root is no rank of 0 to {ranks - 1}")
        reduces, redop = case.workload in operations.REDUCTIONS, case.redop
        if reduces and redop not in operations.redops(case.dtype):
            takes = ", ".join(operations.redops(case.dtype))
            raise Unsupported(f"{who}: {case.dtype} is reduced by {takes}, not {redop}")
        if case.in_place and case.workload in operations.NOT_IN_PLACE:
            raise Unsupported(f"{who}: {case.workload} is not done in place")

    def execute(self, plan: Prepared, slot: int) -> None:
        with self._naming(plan.case.key):
            self._join(plan)
            plan.executions[slot].restore()
            plan.executions[slot].call()

    def run_rounds(self, plan: Prepared, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        """As the contract says; rounds begin behind gloo's barrier, whose ranks leave it 10 us apart, of 100
        that the shortest operation takes. To spin to an agreed time would bring them nearer and cost more:
        gloo's waits block, and a rank that has spun has used up its turn where others want its core.

        Where a slot is executed again within a round whose execution overwrites its input, that is copied
        there again within the timed interval: gloo is never so fast that it comes to it.
        """
        stamps = np.empty((rounds, 2), np.int64)
        with self._naming(plan.case.key):
            self._join(plan)
            slots = len(plan.executions)
            for i in range(rounds):
                turns = [(i * batch + j) % slots for j in range(batch)]
                calls = _calls(plan, turns)
                for slot in dict.fromkeys(turns):
                    _refresh(plan, slot)
                dist.barrier()
                stamps[i] = timed(calls)
        return stamps

    def _join(self, plan: Prepared) -> None:
        """When something is first run: only then do all ranks agree that they will, and gloo's threads, which
        inherit it, are held to the rank's core."""
        if not self._joined:
            world_of.join(self.backend, self._store, self.world.rank, self.world.size, self.timeout_s)
            self._joined = True
        if not plan.executions:
            plan.executions = plan.bind()

    @contextmanager
    def _naming(self, doing: str) -> Iterator[None]:
        """RuntimeError, torch's word for everything, becomes InvalidRun with the rank that is missing."""
        try:
            yield
        except RuntimeError as error:
            where = f"torch:{self.backend}: rank {self.world.rank} in {doing}"
            why = world_of.first_line(error)
            silent = world_of.silent(self._store, self.world.rank, self.world.size)
            if not silent:
                raise InvalidRun(f"{where}: {why}") from error
            who = "rank " + ", ".join(map(str, silent))
            raise InvalidRun(f"{where}: {who} is gone, or does not answer: {why}") from error

    def probe(self, case: Case) -> tuple[str, float] | None:
        """None: what bounds a socket of the loopback device is not measured."""
        return None

    def variant(self, plan: Prepared) -> dict[str, str]:
        inside = plan.case.workload in operations.ONLY_IN_PLACE or plan.case.in_place
        return {"buffers": "in place"} if inside else {}

    def describe(self) -> dict[str, str]:
        return {
            "torch": str(torch.__version__),
            "transport": "gloo: TCP over the loopback device",
            "calls": "torch.distributed's, blocking, timed by a loop in Python",
            "loop_ns": str(self._loop_ns),
            "threads": str(torch.get_num_threads()),
            "ranks": str(self.world.size),
        }

    def release(self, plan: Prepared) -> None:
        plan.executions.clear()
        plan.lines.clear()

    def close(self) -> None:
        world_of.leave()
        self._joined = False


def timed(calls: Sequence[operations.Call]) -> tuple[int, int]:
    """Start and end of the calls, one after the other, in ns."""
    began = time.monotonic_ns()
    for call in calls:
        call()
    return began, time.monotonic_ns()


def loop_ns() -> int:
    """What `timed` adds to an execution: the median of an empty one."""
    spans = sorted(end - began for began, end in (timed([operations.nothing]) for _ in range(LOOP_ROUNDS)))
    return max(1, round(spans[LOOP_ROUNDS // 2] / LOOP_DIGIT_NS)) * LOOP_DIGIT_NS


def _backend(option: str | None) -> str:
    """Raises UsageError for a backend that is not named, not known or not in this build of torch."""
    if option is None:
        raise UsageError("fabric torch: name the backend of torch.distributed: torch:gloo")
    if option not in Torch.options:
        raise UsageError(f"fabric torch: no backend {option!r}{suggest(option, Torch.options)}")
    if not (dist.is_available() and dist.is_gloo_available()):
        raise UsageError(f"fabric torch:{option}: this build of torch ({torch.__version__}) has no gloo")
    return option


def _vectors(case: Case, slot: Slot, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`in` and `out` of a slot as flat tensors over the same memory. Raises ValueError."""
    flat = []
    kind = NUMPY_DTYPES[case.dtype]
    for name, length in zip(("in", "out"), operations.lengths(case, kind.itemsize, rank), strict=True):
        array = slot.get(name, np.empty(0, kind))
        if not array.flags.c_contiguous or array.dtype != kind or array.size < length:
            raise ValueError(f"{case.key}: `{name}` must be {length} elements of {case.dtype} in a row")
        flat.append(tensor_of(array.reshape(-1)[:length]))
    return flat[0], flat[1]


def _calls(plan: Prepared, turns: Sequence[int]) -> list[operations.Call]:
    """The executions of a round; one that comes again, which is after all others, gets its input again."""
    calls: list[operations.Call] = []
    for at, slot in enumerate(turns):
        if at >= len(plan.executions) and plan.executions[slot].copies:
            calls.append(plan.executions[slot].restore)
        calls.append(plan.executions[slot].call)
    return calls


def _refresh(plan: Prepared, slot: int) -> None:
    """Put what this rank sends into its own cache: what nobody has changed still stands in the receiver's."""
    if plan.executions[slot].copies:
        plan.executions[slot].restore()
    elif plan.lines:
        np.add(plan.lines[slot], 0, out=plan.lines[slot])
