"""torch as a card, on any device it knows: `torch:cpu`, `torch:cuda:1`, `torch:xpu`, `torch:npu`, ...

What is timed is what a user of torch gets, eager and without a graph: an operation that is shorter than its
launch is bound by the host, here as there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import torch
except ImportError as error:
    raise ImportError(f"{error}: pip install 'zbench[torch]'") from error

from zbench.cards import torch_copies as copies
from zbench.cards import torch_devices as devices
from zbench.cards import torch_evidence as evidence
from zbench.cards import torch_layers as layers
from zbench.cards import torch_products as products
from zbench.cards import torch_timing as timing
from zbench.cards.base import Slot, whereabouts
from zbench.cards.host import STREAM_KERNELS, HostCard
from zbench.cards.torch_buffers import DTYPES, array_of, overwrite, tensor_of
from zbench.cards.torch_errors import refusals
from zbench.case import Case
from zbench.dtypes import RESULTS
from zbench.errors import Unsupported
from zbench.native import stream

TRIAD_SCALAR = 3
"""out = a + 3 b, as the workload says."""
PROBE_CACHES = 4
"""A bandwidth probe's arrays are this many last caches long each (STREAM's run rules)."""
PROBE_ROUNDS = 8
"""The fastest counts; together a few ms."""
CLOCK_COST_ROUNDS = 200
"""Rounds in which nothing is run; together less than a ms."""

Tensors = dict[str, torch.Tensor]
Make = Callable[[Tensors], timing.Call]
"""The tensors of a slot -> its execution."""
Way = tuple[Make, dict[str, str]]
"""What computes a slot, and how that is told."""


@dataclass
class Plan:
    make: Make
    slots: list[Tensors]
    queue: timing.Queue
    told: dict[str, str]
    """How the plan answers."""
    outputs: list[int]
    """Of results that torch allocates itself: the buffers, by identity, in whose place they are read."""


class Torch(HostCard):
    """On the CPU a card of the host in everything but who computes; on a device of its own, buffers are
    tensors there and its events the clock."""

    options = devices.options()

    @classmethod
    def threaded(cls, option: str | None) -> bool:
        return bool(devices.named(option).type == "cpu")

    @classmethod
    def siblings(cls, option: str | None) -> Sequence[str | None]:
        return devices.siblings(devices.named(option)) or [option]

    def __init__(self, option: str | None = None) -> None:
        super().__init__(option)
        self.device = devices.named(option)
        self.on_host = self.device.type == "cpu"
        self.memory = "host" if self.on_host else str(self.device.type)
        self.settling = not self.on_host
        self.allocated: dict[int, tuple[Plan, int]] = {}
        """Identity of an output buffer -> the plan and slot whose last answer stands for it."""

    @cached_property
    def module(self) -> Any:
        """torch's module of this device, which is made the current one when it is first needed."""
        module = torch.get_device_module(self.device.type)
        if not self.on_host and hasattr(module, "set_device"):
            module.set_device(self.device.index)
        return module

    @cached_property
    def ring(self) -> list[timing.Event] | None:
        """The events that time; None: the host's clock does."""
        return None if self.on_host else timing.events(self.module, self.synchronize)

    @cached_property
    def dtypes(self) -> tuple[str, ...]:
        return evidence.multiplied(self.device, self.module)

    @cached_property
    def peers(self) -> tuple[int, ...]:
        return () if self.on_host else copies.peers(self.device, self.module)

    @property
    def last_level_cache_bytes(self) -> int:
        if self.on_host:
            return super().last_level_cache_bytes
        return devices.last_level_cache_bytes(devices.properties(self.device, self.module))

    def operations(self) -> dict[str, tuple[str, ...]]:
        has = {"gemm": self.dtypes} | dict.fromkeys(STREAM_KERNELS, tuple({"fp64"} & {*self.dtypes}))
        for workload in ("attention", "grouped_gemm"):
            has[workload] = tuple(dtype for dtype in self.dtypes if dtype in layers.DTYPES_OF_LAYERS)
        if not self.on_host:
            has |= dict.fromkeys(copies.COPIES, copies.DTYPES_OF_COPIES)
        return {workload: dtypes for workload, dtypes in has.items() if dtypes}

    def modes(self, case: Case) -> Mapping[str, Sequence[int | str] | None]:
        if case.workload in copies.COPIES:
            return copies.modes(case, self.peers)
        if case.workload != "gemm":
            return layers.PARAMETERS.get(case.workload, {})
        # On the CPU torch has no product of another dtype than its default (aten::mm.dtype_out, torch 2.13).
        return products.PARAMETERS | ({"out": RESULTS[case.dtype][:1]} if self.on_host else {})

    def alloc(self, shape: tuple[int, ...], dtype: str) -> Any:
        if self.on_host:
            return super().alloc(shape, dtype)
        with refusals(f"a buffer of {dtype}", self.module):
            try:
                return torch.empty(shape, dtype=DTYPES[dtype], device=self.device)
            except TypeError as error:  # a device that does not even store it
                raise Unsupported(f"{self.device} has no {dtype}: {error}") from error

    def adopt(self, array: NDArray[Any]) -> Any:
        if not self.on_host:
            raise Unsupported(f"{self.device} computes in memory of its own")
        return super().adopt(array)

    def alloc_at(self, place: str | int, shape: tuple[int, ...], dtype: str) -> Any:
        if self.on_host:
            return super().alloc_at(place, shape, dtype)
        with refusals(f"a buffer {whereabouts(place)}", self.module):
            return copies.empty(place, shape, dtype, self.device, self.peers)

    def write(self, buffer: Any, data: NDArray[Any]) -> None:
        if id(buffer) in self.allocated:  # from now on what is written here is what is read
            plan, slot = self.allocated[id(buffer)]
            plan.queue.latest[slot] = None
        if isinstance(buffer, np.ndarray):
            super().write(buffer, data)
        else:
            overwrite(buffer, data)

    def read(self, buffer: Any) -> NDArray[Any]:
        self.synchronize()
        if id(buffer) in self.allocated:
            plan, slot = self.allocated[id(buffer)]
            if (answer := plan.queue.latest[slot]) is not None:
                return array_of(answer)
        return super().read(buffer) if isinstance(buffer, np.ndarray) else array_of(buffer)

    def prepare(self, case: Case, slots: Sequence[Slot]) -> Plan:
        self.require(case)
        if not self.on_host and case.threads > 1:
            raise Unsupported(f"{case.threads} threads: {self.device} is a device of its own, without any")
        told = {"timing": "events" if self.ring else "host", "out": "preallocated"}
        if self.on_host:
            # One process serves one burst at a time, so both settings hold until the next prepare.
            torch.set_num_threads(case.threads)
            told["threads"] = str(torch.get_num_threads())
            products.require_results_of_their_own(slots)
        products.sums_of_fp32(case.dtype)
        tensors = [{name: self._tensor(buffer) for name, buffer in slot.items()} for slot in slots]
        make, how, queue = self._first_that_works(self._ways(case), tensors)
        told |= how
        if case.workload == "attention":
            told["backend"] = layers.backend(queue.calls[0])
        plan = Plan(make, tensors, queue, told, [])
        if told["out"] == "allocated":
            plan.outputs = [id(slot["c"] if "c" in slot else slot["out"]) for slot in slots]
            self.allocated |= {identity: (plan, i) for i, identity in enumerate(plan.outputs)}
        return plan

    def _tensor(self, buffer: Any) -> torch.Tensor:
        return tensor_of(buffer) if isinstance(buffer, np.ndarray) else buffer

    def _first_that_works(
        self, ways: list[Way], slots: list[Tensors]
    ) -> tuple[Make, dict[str, str], timing.Queue]:
        """One execution is run of each: an operation has limits that only itself knows. Raises Unsupported,
        MemoryError."""
        refused = Unsupported("no way")
        for make, how in ways:
            try:
                with refusals(f"torch on {self.device}", self.module):
                    queue = timing.Queue([make(slot) for slot in slots])
                    self._try(queue)
                return make, how, queue
            except Unsupported as error:
                refused = error
        raise refused

    def _try(self, queue: timing.Queue) -> None:
        """One execution. Raises Unsupported, RuntimeError."""
        with evidence.on_the_device_itself():
            try:
                for call in queue.calls[:1]:
                    call()
            except TypeError as error:  # an argument that this version does not know yet, such as out_dtype
                raise Unsupported(f"torch {torch.__version__} cannot: {error}") from error
            self.synchronize()

    def _ways(self, case: Case) -> list[Way]:
        """What can compute a slot, and how it answers; the first that works is taken. Raises Unsupported."""
        told = {"library": "torch"}
        if case.workload in STREAM_KERNELS:
            return [(partial(streamed, case.workload), told)]
        if case.workload in copies.COPIES:
            return [(partial(copies.copied, case, self.synchronize), copies.told(case))]
        if self.on_host and evidence.converted(case.dtype):
            told["products"] = "converted to fp32"
        if case.workload == "attention":
            return [(partial(layers.attention, case), told | {"out": "allocated"})]
        if case.workload == "grouped_gemm":
            grouped = partial(layers.grouped, case), told | {"experts": "grouped", "out": "allocated"}
            return [grouped, (partial(layers.looped, case), told | {"experts": "loop"})]
        if case.get("weights") == "prepacked":
            products.require_prepacking(case, self.device)
            told |= {"library": "onednn", "weights": "packed by onednn", "out": "allocated"}
            return [(partial(products.prepacked, case), told)]
        return [
            (partial(products.product, case), told | {"library": products.computed_by(case, self.device)})
        ]

    def refresh(self, plan: Plan) -> None:
        plan.queue.calls[:] = [plan.make(slot) for slot in plan.slots]

    def enqueue(self, plan: Plan, slot: int) -> None:
        plan.queue.latest[slot] = plan.queue.calls[slot]()

    def synchronize(self) -> None:
        if not self.on_host:
            self.module.synchronize()

    def run_rounds(self, plan: Plan, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        return self._timed(plan.queue, rounds, batch)

    def _timed(self, queue: timing.Queue, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        if self.ring:
            return timing.on_device(queue, rounds, batch, self.synchronize, self.ring)
        return timing.on_host(queue, rounds, batch, nothing if self.on_host else self.synchronize)

    def clock_cost_ns(self) -> float:
        """The median of rounds in which nothing is run: what events, or the loop and the clock, add."""
        return float(np.median(self._timed(timing.Queue([nothing]), CLOCK_COST_ROUNDS)))

    def probe(self, case: Case) -> tuple[str, float] | None:
        """On a device the bandwidth of its memory, for what streams. torch has no way to run nothing but
        multiplications and additions, and a GEMM is no roof of GEMMs: None for what computes."""
        if self.on_host:
            known = case.workload in STREAM_KERNELS or case.dtype in stream.DTYPES
            return super().probe(case) if known else None
        if case.workload not in STREAM_KERNELS:
            return None
        try:
            with refusals("probe", self.module):
                return "B/s", self._bandwidth(case.workload)
        except (MemoryError, Unsupported):  # the case's own buffers fill the device
            return None

    def _bandwidth(self, kernel: str) -> float:
        """In B/s: reads where the case reads, copies (2 words an element) where it writes, too."""
        elements = PROBE_CACHES * self.last_level_cache_bytes // 8
        slot = {name: torch.zeros(elements, dtype=torch.float64, device=self.device) for name in ("a", "out")}
        if kernel == "read":
            slot["out"] = slot["out"][:1]
        call = streamed("read" if kernel == "read" else "copy", slot)
        fastest_ns = int(self._timed(timing.Queue([call]), PROBE_ROUNDS).min())
        return (1 if kernel == "read" else 2) * 8 * elements / fastest_ns * 1e9

    def variant(self, plan: Plan) -> dict[str, str]:
        return plan.told

    def describe(self) -> dict[str, str]:
        return devices.build() | ({} if self.on_host else devices.described(self.device, self.module))

    def release(self, plan: Plan) -> None:
        for identity in plan.outputs:
            self.allocated.pop(identity, None)
        plan.queue.calls.clear()
        plan.queue.latest.clear()
        plan.slots.clear()
        products.sums_of_fp32("fp32")


def nothing() -> None:
    """The device's part where there is no device, and the execution whose time is all overhead."""


def streamed(kernel: str, slot: Tensors) -> timing.Call:
    """read: out[0] = sum(a). copy: out = a. triad: out = a + 3 b."""
    a, out = slot["a"], slot["out"]
    if kernel == "read":
        return partial(torch.sum, a[None], dim=1, out=out)
    if kernel == "copy":
        return partial(out.copy_, a)
    return partial(torch.add, a, slot["b"], alpha=TRIAD_SCALAR, out=out)
