"""The contract of a card: one device that computes.

A vendor adds a card without touching zbench: a class with these methods, found by the entry point
`zbench.cards` or named as `package.module:Class`. Nothing special-cases a built-in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from time import perf_counter_ns
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.errors import Unsupported
from zbench.meters.base import Meter
from zbench.native import cpu

Slot = dict[str, Any]
"""One set of buffers of a case, by name ("a", "b", "c"), each as `alloc` returned it."""
HARNESS = frozenset({"threads", "ranks", "cache", "data", "together"})
"""Parameters of a case that say how it is measured: no card has or lacks a value of them."""


class Card(ABC):
    """One device that computes.

    `prepare` does all validation, so that nothing is checked inside a timed interval. The harness
    chooses the rounds, poisons the outputs and verifies them through `read`; a card never checks
    itself.
    """

    memory = "host"
    """Where buffers live; a fabric that does not take it stages through the host."""
    options: ClassVar[dict[str, str]] = {}
    """What may stand behind the name -> what it does, for `zbench list cards`; the constructor checks it."""
    declaration: ClassVar[str] = ""
    """The path of what it says of its own arithmetic (conformance/declaration.py); "": nothing, or it ships
    with zbench."""
    settling = False
    """Whether its clocks and power take seconds under load to settle, as an accelerator's do: the harness
    then loads it until its rate holds, once in each launch."""

    @classmethod
    def threaded(cls, option: str | None) -> bool:
        """Whether cases say how many host threads compute; a device of its own has none to count, and no card
        of it is made in the process that plans a run. Opens nothing."""
        return True

    @classmethod
    def siblings(cls, option: str | None) -> Sequence[str | None]:
        """The options of all cards of this kind on this host, for `--each`: each names another device."""
        return [option]

    def __init__(self, option: str | None = None) -> None:
        self.option = option

    @property
    def peers(self) -> tuple[int, ...]:
        """Numbers of the other cards of this host to which this one copies without the host between them."""
        return ()

    @property
    def last_level_cache_bytes(self) -> int:
        """Beyond twice this, buffers that take turns come from memory (`cache=cold`); 0: no cache."""
        return 0

    @abstractmethod
    def operations(self) -> dict[str, tuple[str, ...]]:
        """Workload -> dtypes that this card really has (no unnoticed upcast)."""

    def modes(self, case: Case) -> Mapping[str, Sequence[int | str] | None]:
        """Parameter -> the values this card has of it for the case's workload and dtype; None: any.

        A parameter that is not named here has its default only: `transa`, `transb`, `out`, `batch` and
        `weights` of a GEMM (workloads/gemm.py), and those of other workloads.
        """
        return {}

    def require(self, case: Case) -> None:
        """Raises Unsupported for what this card does not offer: `operations` and `modes` say what it does.

        For the first line of `prepare`.
        """
        offered = self.operations()
        if case.workload not in offered:
            raise Unsupported(f"no {case.workload} (offers: {', '.join(offered)})")
        if case.dtype not in offered[case.workload]:
            raise Unsupported(f"no {case.dtype} {case.workload} (has: {', '.join(offered[case.workload])})")
        modes = self.modes(case)
        for name in sorted((case.parameters.keys() | modes.keys()) - HARNESS):
            value = case.get(name)
            values = modes[name] if name in modes else _default(case, name)
            if values is not None and value not in values:
                has = f"has: {', '.join(map(str, values))}" if values else "has no such parameter"
                raise Unsupported(f"no {name}={value} for {case.dtype} {case.workload} ({has})")

    @abstractmethod
    def alloc(self, shape: tuple[int, ...], dtype: str) -> Any:
        """An uninitialised buffer, contiguous and row-major. Raises MemoryError."""

    def alloc_at(self, place: str | int, shape: tuple[int, ...], dtype: str) -> Any:
        """As `alloc`, for copies, elsewhere than in the card's own memory: on the `host`, there `pinned`, or
        on another card by its number (`peers`). `write` and `read` take what it returns. Raises Unsupported,
        MemoryError."""
        raise Unsupported(f"no buffers {whereabouts(place)}: it offers no copies")

    def adopt(self, array: NDArray[Any]) -> Any:
        """A buffer over memory of the caller's as it stands: whatever its alignment, the distance of its rows
        and what lies beside it. For conformance, which also puts pages there that nobody may touch. Raises
        Unsupported where the card computes in memory of its own."""
        raise Unsupported("no buffers over memory of the caller's")

    @abstractmethod
    def write(self, buffer: Any, data: NDArray[Any]) -> None: ...

    @abstractmethod
    def read(self, buffer: Any) -> NDArray[Any]:
        """A copy on the host, complete: all work enqueued before has ended."""

    def view(self, buffer: Any) -> NDArray[Any]:
        """Like `read`, for whoever looks before anything else is enqueued and changes nothing: a card of the
        host spares the copy, whose fresh pages take longer than verifying what stands in them."""
        return self.read(buffer)

    @abstractmethod
    def prepare(self, case: Case, slots: Sequence[Slot]) -> Any:
        """A plan for this case over these slots. Raises Unsupported.

        `alloc` comes first: it is asked for the buffers of every case, offered or not. The parameters
        of a GEMM stand in workloads/gemm.py; ask for them with Case.get.
        """

    def refresh(self, plan: Any) -> None:
        """Inputs have been written: bring `weights=prepacked` into whatever form the plan computes with.

        Never timed; called before the first execution and whenever inputs change.
        """

    @abstractmethod
    def enqueue(self, plan: Any, slot: int) -> None:
        """Start one execution on slot `slot`."""

    def synchronize(self) -> None:
        """Return when all that was enqueued has ended."""

    def variant(self, plan: Any) -> dict[str, str]:
        """How this plan answers: instruction set, library, algorithm."""
        return {}

    def describe(self) -> dict[str, str]:
        """What the fingerprint should say of this card: libraries and versions, device."""
        return {}

    def probe(self, case: Case) -> tuple[str, float] | None:
        """(unit, rate) of what bounds the case, measured now in a few ms; None: no probe."""
        return None

    def telemetry(self) -> Meter | None:
        """What tells power, energy, clocks and temperature while this card computes; None: nothing does.

        The contract stands in meters/base.py. Asked for once a launch; read around the timed rounds, and
        during them at its own rate.
        """
        return None

    def run_rounds(self, plan: Any, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        """int64 ns, shape (rounds,): round i ran `batch` executions on slots i*batch, ... mod slots.

        Rounds are chained (the end of one is the start of the next), so that their sum is the
        elapsed time. This default times on the host around `enqueue` and `synchronize`; it needs a
        plan that has `slots`.
        """
        slots = len(plan.slots)
        stamps = np.empty(rounds + 1, np.int64)
        self.synchronize()
        stamps[0] = perf_counter_ns()
        for i in range(rounds):
            for execution in range(i * batch, (i + 1) * batch):
                self.enqueue(plan, execution % slots)
            self.synchronize()
            stamps[i + 1] = perf_counter_ns()
        return np.diff(stamps)

    def clock_cost_ns(self) -> float:
        """What timing adds to a round, by the clock that `run_rounds` reads or a device's events. Executions
        too short for it are batched."""
        return cpu.clock_cost_ns()

    def release(self, plan: Any) -> None:
        """Give back what `prepare` took."""


def whereabouts(place: str | int) -> str:
    """A buffer's place, in words."""
    return {"host": "on the host", "pinned": "pinned on the host"}.get(str(place), f"on card {place}")


def _default(case: Case, name: str) -> tuple[int | str, ...]:
    """The value that a case has of a parameter which it does not name; empty where there is none."""
    value = case.default(name)
    return () if value is None else (value,)
