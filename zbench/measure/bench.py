"""One case, set up on a card, a fabric or both, behind one interface that a burst can drive."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.cards.base import Card, Slot
from zbench.case import Case
from zbench.dtypes import FLOATS, NUMPY_DTYPES
from zbench.errors import InvalidRun
from zbench.fabrics.base import Fabric, Share
from zbench.native import cpu
from zbench.workloads import step, workload
from zbench.workloads.base import Answer, Array, Buffer, Finding, Workload
from zbench.workloads.messages import performed

CLOCK_AGREEMENT = 0.02
"""Back-to-back card rounds must add up to the harness' own clock within this share ..."""
CLOCK_AGREEMENT_MIN_NS = 25_000_000
"""... and of this in shorter spans: a call checks its arrays in an interpreter that is cold after a burst.
That takes 0.2 ms, and 0.4 ms where others want the cores. A process that is put aside between the two clocks
disagrees in some spans of a burst, a card that tells other times than it takes in all of them."""

Ints = NDArray[np.int64]


@dataclass
class Timing:
    """What a rank saw of a series of rounds."""

    samples_ns: Ints
    parts_ns: dict[str, Ints] = field(default_factory=dict)
    stamps_ns: Ints | None = None
    """Shape (rounds, 2), for fabrics: start and end."""


def asked_for(times: object, shape: tuple[int, ...]) -> Ints:
    """A plug-in's times, if they are what it was asked for. Raises InvalidRun."""
    if not isinstance(times, np.ndarray) or times.shape != shape or times.dtype != np.int64:
        what = f"{times.dtype} {times.shape}" if isinstance(times, np.ndarray) else type(times).__name__
        raise InvalidRun(f"run_rounds returned {what} where int64 ns of shape {shape} were asked for")
    return times


SPARE_CPUS = 0.5
"""Busy beyond the threads of a case and yet no reason to doubt it: a meter reads. A card that takes a whole
CPU more has another rate than it is said to have."""
SPIN_NS = 250_000_000
"""So long a runtime's threads may spin after their last work, for the case before (Intel's OpenMP: 0.2 s)."""


@dataclass
class Span:
    """A series of rounds without a pause, between two readings of the harness' own clock."""

    timing: Timing
    began_ns: int
    ended_ns: int
    cpus: float = 0.0
    """How many CPUs this process kept busy meanwhile."""


def threads_complaint(case: Case, spans: Sequence[Span]) -> str:
    """Why a burst computed with more threads than its case says, or an empty string."""
    cpus = min(span.cpus for span in spans)
    if "threads" not in case.parameters or cpus <= case.threads + SPARE_CPUS:
        return ""
    if spans[-1].ended_ns - spans[0].began_ns < SPIN_NS:
        return ""  # too short to tell whose threads they were
    return f"{cpus:.1f} CPUs were busy: the card does not keep to threads={case.threads}"


def joined(spans: Sequence[Span]) -> Timing:
    """The rounds of all spans, one after the other."""
    timings = [span.timing for span in spans]
    stamps = [t.stamps_ns for t in timings if t.stamps_ns is not None]
    return Timing(
        np.concatenate([t.samples_ns for t in timings]),
        {name: np.concatenate([t.parts_ns[name] for t in timings]) for name in timings[0].parts_ns},
        np.concatenate(stamps) if stamps else None,
    )


def slot_seed(seed: int, launch: int, key: str, slot: int) -> int:
    """The seed of one slot's data: fresh in each launch, the same on all ranks."""
    digest = hashlib.sha256(f"{seed}/{launch}/{key}/{slot}".encode()).digest()
    return int.from_bytes(digest[:8], "little")


def poison(shape: tuple[int, ...], dtype: str) -> Array:
    """What an output holds before the timed rounds: NaN, or bytes that no check expects."""
    kind = NUMPY_DTYPES[dtype]
    if dtype in FLOATS:
        return np.full(shape, np.nan, kind)
    return np.full(shape, -1, kind) if kind.kind == "i" else np.full(shape, 0xA5, kind)


class Bench(ABC):
    """A case that is ready to run. Raises Unsupported or MemoryError on construction."""

    max_batch: int | None = None

    def __init__(self, case: Case, rank: int, seeds: list[int]) -> None:
        self.case = case
        self.rank = rank
        self.seeds = seeds
        self.workload: Workload = workload(case.workload)
        self.slots: list[Slot] = []

    @abstractmethod
    def run(self, rounds: int, batch: int) -> Timing: ...

    @abstractmethod
    def validate(self, spans: Sequence[Span]) -> str:
        """Why the times of a burst cannot be trusted, or an empty string."""

    @abstractmethod
    def read(self, slot: int, name: str) -> Array: ...

    @abstractmethod
    def write(self, slot: int, name: str, data: Array) -> None: ...

    @abstractmethod
    def probe(self) -> tuple[str, float] | None: ...

    def clock_cost_ns(self) -> float:
        """What timing adds to a round."""
        return cpu.clock_cost_ns()

    @abstractmethod
    def variant(self) -> dict[str, str]: ...

    @abstractmethod
    def release(self) -> None: ...

    def fill(self) -> None:
        for slot, seed in enumerate(self.seeds):
            for name, data in self.workload.fill(self.case, seed, self.rank).items():
                self.write(slot, name, data)
        self.refresh()

    def refresh(self) -> None:
        """Inputs have been written."""

    def rotate(self) -> None:
        """Give each slot another's inputs: an answer that was remembered by slot is now a wrong one."""
        self.seeds.append(self.seeds.pop(0))
        self.fill()

    def poison(self) -> None:
        for name, buffer in self.workload.buffers(self.case).items():
            if buffer.output:
                data = poison(buffer.shape, buffer.dtype)
                for slot in range(len(self.slots)):
                    self.write(slot, name, data)

    def verify(self, slots: Sequence[int], rng: np.random.Generator) -> tuple[list[Finding], int]:
        """Of each of these slots what its last execution left; and how many that were."""
        return [self.check(slot, rng) for slot in slots], len(slots)

    def executions(self, rounds: int, batch: int) -> int:
        """Of a burst of so many rounds."""
        return rounds * batch

    def pairs(self, timing: Timing, share: Share) -> dict[str, Any] | None:
        """What each pair of ranks took, where the case is about pairs. All ranks call it."""
        return None

    def check(self, slot: int, rng: np.random.Generator) -> Finding:
        """Verify the outputs that the last execution on `slot` left."""
        inputs = self.workload.inputs(self.case, self.seeds[slot], self.rank)
        outputs = {
            name: self.read(slot, name)
            for name, buffer in self.workload.buffers(self.case).items()
            if buffer.output
        }
        answer = Answer(self.case, self.seeds[slot], self.rank, inputs, outputs)
        return self.workload.check(answer, rng)


def _allocated(card: Card, buffer: Buffer) -> Any:
    """Raises Unsupported, MemoryError."""
    if buffer.place == "card":
        return card.alloc(buffer.shape, buffer.dtype)
    return card.alloc_at(buffer.place, buffer.shape, buffer.dtype)


class CardBench(Bench):
    def __init__(self, card: Card, case: Case, seeds: list[int]) -> None:
        super().__init__(case, 0, seeds)
        self.card = card
        buffers = self.workload.buffers(case)
        self.slots = [{n: _allocated(card, b) for n, b in buffers.items()} for _ in seeds]
        self.plan = card.prepare(case, self.slots)
        self.fill()

    def run(self, rounds: int, batch: int) -> Timing:
        return Timing(asked_for(self.card.run_rounds(self.plan, rounds, batch), (rounds,)))

    def validate(self, spans: Sequence[Span]) -> str:
        complaints = []
        for span in spans:
            elapsed, told = span.ended_ns - span.began_ns, int(span.timing.samples_ns.sum())
            if (span.timing.samples_ns < 0).any():
                return "a round took negative time"
            if abs(elapsed - told) > CLOCK_AGREEMENT * max(elapsed, CLOCK_AGREEMENT_MIN_NS):
                complaints.append(
                    f"the rounds add up to {told / 1e6:.2f} ms, but they took {elapsed / 1e6:.2f} ms"
                )
        if len(complaints) == len(spans):
            return complaints[0]
        return threads_complaint(self.case, spans)

    def read(self, slot: int, name: str) -> Array:
        return self.card.view(self.slots[slot][name])

    def write(self, slot: int, name: str, data: Array) -> None:
        self.card.write(self.slots[slot][name], data)

    def refresh(self) -> None:
        self.card.refresh(self.plan)

    def clock_cost_ns(self) -> float:
        return self.card.clock_cost_ns()

    def probe(self) -> tuple[str, float] | None:
        return self.card.probe(self.case)

    def variant(self) -> dict[str, str]:
        return self.card.variant(self.plan)

    def release(self) -> None:
        self.card.release(self.plan)
        self.slots.clear()


def stamps_complaint(spans: Sequence[Span]) -> str:
    """Round stamps must be ordered, disjoint and inside the burst."""
    for span in spans:
        assert span.timing.stamps_ns is not None
        flat = span.timing.stamps_ns.reshape(-1)
        if (np.diff(flat) < 0).any():
            return "round stamps are out of order or overlap"
        if flat[0] < span.began_ns or flat[-1] > span.ended_ns:
            return "round stamps lie outside the burst"
    return ""


class FabricBench(Bench):
    def __init__(self, fabric: Fabric, case: Case, seeds: list[int], algorithm: str | None) -> None:
        super().__init__(case, fabric.world.rank, seeds)
        self.fabric = fabric
        if case.in_place:
            self.max_batch = 1  # a second execution would find the result of the first
        buffers = self.workload.buffers(case)
        self.slots = [{n: fabric.alloc(b.shape, b.dtype) for n, b in buffers.items()} for _ in seeds]
        self.plan = self._prepare(algorithm)
        self.fill()

    def _prepare(self, algorithm: str | None) -> Any:
        return self.fabric.prepare(performed(self.case), self.slots, algorithm)

    def run(self, rounds: int, batch: int) -> Timing:
        stamps = asked_for(self.fabric.run_rounds(self.plan, rounds, batch), (rounds, 2))
        return Timing(stamps[:, 1] - stamps[:, 0], stamps_ns=stamps)

    def validate(self, spans: Sequence[Span]) -> str:
        return stamps_complaint(spans)

    def read(self, slot: int, name: str) -> Array:
        return self.fabric.read(self.slots[slot][name])

    def write(self, slot: int, name: str, data: Array) -> None:
        self.fabric.write(self.slots[slot][name], data)

    def probe(self) -> tuple[str, float] | None:
        return self.fabric.probe(performed(self.case))

    def variant(self) -> dict[str, str]:
        return self.fabric.variant(self.plan)

    def release(self) -> None:
        self.fabric.release(self.plan)
        self.slots.clear()


class StepBench(Bench):
    """A training step: the card's three GEMMs, then the fabric's allreduce of the gradients."""

    max_batch = 1  # a step is far longer than the clock, and its parts are per round

    def __init__(
        self, card: Card, fabric: Fabric, case: Case, seeds: list[int], algorithm: str | None
    ) -> None:
        super().__init__(case, fabric.world.rank, seeds)
        self.card, self.fabric = card, fabric
        buffers = self.workload.buffers(case)
        dw, gw = buffers["dw"], buffers["gw"]
        self.wires = [
            {"in": fabric.alloc(dw.shape, dw.dtype), "out": fabric.alloc(gw.shape, gw.dtype)} for _ in seeds
        ]
        # A card and a fabric that share the host's memory share the gradient's buffer, too.
        self.staged = not (card.memory in fabric.memories and isinstance(self.wires[0]["in"], np.ndarray))
        self.slots = [
            {n: card.alloc(b.shape, b.dtype) for n, b in buffers.items() if n not in ("dw", "gw")}
            | {"dw": card.alloc(dw.shape, dw.dtype) if self.staged else wire["in"]}
            for wire in self.wires
        ]
        self.plans: list[Any] = []
        for product, (a, b, c) in step.products(case).values():
            views = [{"a": slot[a], "b": slot[b], "c": slot[c]} for slot in self.slots]
            self.plans.append(card.prepare(product, views))
        self.reduction = fabric.prepare(step.allreduce(case), self.wires, algorithm)
        self.barrier = fabric.prepare(Case("barrier", "byte", (0,), {"ranks": case.ranks}), [{}])
        self.fill()

    def run(self, rounds: int, batch: int) -> Timing:
        stamps = np.empty((rounds, 3), np.int64)
        for i in range(rounds):
            slot = i % len(self.slots)
            self.fabric.execute(self.barrier, 0)
            stamps[i, 0] = perf_counter_ns()
            for plan in self.plans:
                self.card.enqueue(plan, slot)
            self.card.synchronize()
            stamps[i, 1] = perf_counter_ns()
            if self.staged:
                self.fabric.write(self.wires[slot]["in"], self.card.read(self.slots[slot]["dw"]))
            self.fabric.execute(self.reduction, slot)
            stamps[i, 2] = perf_counter_ns()
        spans = np.diff(stamps, axis=1)
        parts = {"compute": spans[:, 0], "communication": spans[:, 1]}
        return Timing(spans.sum(axis=1), parts, stamps[:, ::2].copy())

    def validate(self, spans: Sequence[Span]) -> str:
        return stamps_complaint(spans)

    def read(self, slot: int, name: str) -> Array:
        if name == "gw":
            return self.fabric.read(self.wires[slot]["out"])
        return self.card.view(self.slots[slot][name])

    def write(self, slot: int, name: str, data: Array) -> None:
        if name == "gw":
            self.fabric.write(self.wires[slot]["out"], data)
        else:
            self.card.write(self.slots[slot][name], data)

    def refresh(self) -> None:
        for plan in self.plans:
            self.card.refresh(plan)

    def probe(self) -> tuple[str, float] | None:
        return self.card.probe(next(iter(step.products(self.case).values()))[0])

    def variant(self) -> dict[str, str]:
        staging = {"staging": "host"} if self.staged else {}
        return self.card.variant(self.plans[0]) | self.fabric.variant(self.reduction) | staging

    def release(self) -> None:
        for plan in self.plans:
            self.card.release(plan)
        self.fabric.release(self.reduction)
        self.fabric.release(self.barrier)
        self.slots.clear()
        self.wires.clear()
