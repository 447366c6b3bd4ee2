"""The contract of a fabric: what lets ranks exchange data.

A fabric has two sides. In the parent, `seats` says how its ranks are started. In each rank an
instance prepares and runs the cases. Found by the entry point `zbench.fabrics`, or named as
`package.module:Class`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.errors import Unsupported, UsageError

Slot = dict[str, Any]

Share = Callable[[bytes], list[bytes]]
"""Untimed all-gather over the control channel: every rank's bytes, in rank order."""


WINDOWED = ("unidirectional", "bidirectional", "message_rate")
"""What sends a window of messages, each with bytes of its own: one sent twice would not travel twice."""
WINDOW_MESSAGES = 64
"""Messages in flight in a bandwidth test: OSU's window, so that figures can be laid side by side."""
WINDOW_BYTES = 16 << 20
"""... but no more bytes than this, so that a window of large messages stays short."""


def window(size_bytes: int) -> int:
    """Messages of one execution of a bandwidth or message-rate case."""
    return max(1, min(WINDOW_MESSAGES, WINDOW_BYTES // max(1, size_bytes)))


@dataclass(frozen=True)
class World:
    """All ranks of a fabric, seen from one of them."""

    rank: int
    size: int
    share: Share
    oversubscribed: bool = False
    """More ranks than cores: waiting must yield the core instead of spinning."""


def group(world: World, members: tuple[int, ...] | None) -> tuple[int, ...]:
    """The ranks that do a case: all, or these, in their own order. This one's number among them is its index.

    Raises ValueError unless they are different ranks of the world and this is one of them.
    """
    if members is None:
        return tuple(range(world.size))
    known = all(0 <= rank < world.size for rank in members)
    if not known or len(set(members)) != len(members) or world.rank not in members:
        raise ValueError(f"ranks {members} are no group of rank {world.rank} in a world of {world.size}")
    return members


def refuse_algorithm(case: Case, algorithm: str | None, library: str) -> None:
    """Raises UsageError where an algorithm is forced on a library that cannot be told."""
    if algorithm is not None:
        raise UsageError(f"{case.key}: no algorithm {algorithm!r}: {library} chooses by itself")


def as_it_stands(array: NDArray[Any], library: str) -> NDArray[Any]:
    """What `adopt` gives where every address will do. Raises Unsupported."""
    if not (array.flags.c_contiguous and array.flags.writeable):
        raise Unsupported(f"{library}: memory must be contiguous and writable")
    return array


@dataclass(frozen=True)
class Seat:
    """How one worker process is started: a command before it, its environment, inherited files."""

    prefix: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    pass_fds: tuple[int, ...] = ()
    launches: int = 0
    """Ranks that `prefix` starts by itself (mpiexec, srun). Each finds its number in `rank_variable` and
    inherits no files; they end with all else that the command has started. 0: one rank's own command."""
    rank_variable: str = ""
    scratch: str = ""
    """A directory of the launched ranks' own, gone with them however they end."""


class Fabric(ABC):
    """What lets ranks exchange data, seen from one rank."""

    memories: frozenset[str] = frozenset({"host"})
    """The memory it takes (see Card.memory)."""
    options: ClassVar[dict[str, str]] = {}
    """What may stand behind the name -> what it does, for `zbench list fabrics`; `seats` checks it."""
    offers: ClassVar[dict[str, tuple[str, ...]]] = {}
    """What `operations` answers in a world of two ranks, for `zbench list fabrics`, which starts no rank."""

    declaration: ClassVar[str] = ""
    """The path of what it says of its own arithmetic (conformance/declaration.py); "": nothing, or it ships
    with zbench."""
    schedules: ClassVar[bool] = False
    """Whether `prepare` takes an algorithm by name; a library that cannot be told runs its own choice."""

    timeout_s: float = 0.0
    """The longest that a call waits for a peer before it raises; 0: for ever."""

    groups: ClassVar[bool] = False
    """Whether `prepare` takes `members`, so that groups of ranks can do cases of their own side by side."""

    def __init__(self, world: World, option: str | None = None) -> None:
        self.world = world
        self.option = option

    @classmethod
    @contextmanager
    def seats(cls, ranks: int, option: str | None = None) -> Iterator[list[Seat]]:
        """The seats of a world, alive while the context is; nothing is left behind after it."""
        yield [Seat() for _ in range(ranks)]

    @classmethod
    def forces(cls, option: str | None) -> str:
        """The algorithm that an option names; empty: none."""
        return ""

    @abstractmethod
    def operations(self) -> dict[str, tuple[str, ...]]:
        """Workload -> dtypes."""

    @abstractmethod
    def alloc(self, shape: tuple[int, ...], dtype: str) -> Any:
        """An uninitialised host buffer this fabric can move. Raises MemoryError."""

    def adopt(self, array: NDArray[Any]) -> Any:
        """A buffer over host memory of the caller's as it stands, contiguous: whatever its alignment and what
        lies beside it. For conformance. Raises Unsupported where the fabric moves memory of its own only."""
        raise Unsupported("no buffers over memory of the caller's")

    @abstractmethod
    def write(self, buffer: Any, data: NDArray[Any]) -> None: ...

    @abstractmethod
    def read(self, buffer: Any) -> NDArray[Any]: ...

    @abstractmethod
    def prepare(
        self,
        case: Case,
        slots: Sequence[Slot],
        algorithm: str | None = None,
        members: tuple[int, ...] | None = None,
    ) -> Any:
        """A plan, the same on all ranks; `algorithm` is forced, or None for the only one there is.

        Collective in the sense that every rank calls it in the same order. Raises Unsupported.

        `members`, given only to a fabric with `groups`: the ranks of the world that do this case, which knows
        them as 0, 1, ... in this order; `case.ranks` is their number. Every rank gives its own group and its
        case; no rank is in two, and who has nothing to do is a group of one. Rounds stay common to the whole
        world: all ranks ask for as many, and those of a group for as many executions in each.
        """

    def algorithms(self, case: Case) -> tuple[str, ...]:
        """Names that `prepare` takes for this case; the first is the one without a table."""
        return ()

    def clock_ns(self) -> int:
        """The clock that `run_rounds` reads: this rank's own, which no other need share."""
        return perf_counter_ns()

    @abstractmethod
    def execute(self, plan: Any, slot: int) -> None:
        """One blocking execution, untimed. In place it may work on what stands in `out`: only `run_rounds`
        promises to put the operand there."""

    def trace(self, plan: Any, slot: int) -> NDArray[np.int64]:
        """One execution, told event by event as `schedules.trace` takes it; of a fabric with `schedules`. For
        conformance. Raises Unsupported where it keeps no account."""
        raise Unsupported("no trace of what it executes")

    @abstractmethod
    def run_rounds(self, plan: Any, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        """int64 ns, shape (rounds, 2): start and end of each round on this rank's monotonic clock.

        Rounds are synchronised at their start, ordered and disjoint. Round i runs `batch` executions on
        slots i*batch, ... mod slots; in place no more than there are slots. Before each round, untimed, a
        sender rewrites its inputs: what nobody has changed since the last time still stands in the receiver's
        cache, and nothing would travel.
        """

    @abstractmethod
    def probe(self, case: Case) -> tuple[str, float] | None:
        """(unit, value) of the floor or roof that bounds the case, measured now. All ranks call it."""

    def variant(self, plan: Any) -> dict[str, str]:
        return {}

    def describe(self) -> dict[str, str]:
        return {}

    def release(self, plan: Any) -> None:
        """Give back what `prepare` took."""

    def close(self) -> None:
        """Give back what the fabric took."""
