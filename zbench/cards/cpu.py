"""The embedded default: zbench's own C kernels on the host's CPU.

`cpu` is the packed, threaded GEMM of the best instruction set here (ZBENCH_ISA forces another);
`cpu:generic` is the plain C triple loop, the baseline of "n times faster than generic C".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.cards.base import Slot
from zbench.cards.host import STREAM_KERNELS, HostCard, scalars
from zbench.case import Case
from zbench.dtypes import FLOATS, RESULTS
from zbench.errors import Unsupported, UsageError
from zbench.native import cpu, dispatch
from zbench.native.gemm import DTYPES as GEMM_DTYPES
from zbench.native.gemm import Gemm
from zbench.native.stream import Stream


@dataclass
class Plan:
    kernel: Gemm | Stream
    slots: list[Any]
    """Each slot's buffers in the order in which the kernel takes them, B prepacked where that is asked."""
    buffers: Sequence[Slot]
    """The same as they were allocated."""
    scalars: tuple[float, ...] = ()
    """alpha and beta of a product."""


class Cpu(HostCard):
    options = {"generic": "the plain C triple loop, one thread: a baseline"}

    def __init__(self, option: str | None = None) -> None:
        if option is not None and option not in self.options:
            raise UsageError(f"card cpu:{option}: the only option is 'generic'")
        super().__init__(option)
        self.isa = cpu.isa()

    def operations(self) -> dict[str, tuple[str, ...]]:
        if self.option == "generic":
            return {"gemm": GEMM_DTYPES}
        return {"gemm": GEMM_DTYPES} | dict.fromkeys(STREAM_KERNELS, ("fp64",))

    def modes(self, case: Case) -> Mapping[str, Sequence[int | str] | None]:
        if case.workload != "gemm":
            return {}
        weights = ("plain",) if self.option == "generic" or case.get("batch") != 1 else ("plain", "prepacked")
        return {
            "transa": ("n", "t"),
            "transb": ("n", "t"),
            "out": RESULTS[case.dtype],
            "batch": None,
            "weights": weights,
            "alpha": None if case.dtype in FLOATS else ("1",),
            "beta": None if case.dtype in FLOATS else ("0", "1"),
        }

    def prepare(self, case: Case, slots: Sequence[Slot]) -> Plan:
        self.require(case)
        if case.workload != "gemm":
            stream = Stream(case.workload, case.size[0] // 8, case.threads, self.isa)
            names = ("a", "b", "out") if case.workload == "triad" else ("a", "out")
            return Plan(stream, [tuple(slot[name] for name in names) for slot in slots], slots)
        if self.option == "generic" and case.threads > 1:
            raise Unsupported("generic C runs on one thread")
        gemm = self._gemm(case)
        weights = [gemm.weights() if gemm.prepacked else slot["b"] for slot in slots]
        operands = [(slot["a"], b, slot["c"]) for slot, b in zip(slots, weights, strict=True)]
        return Plan(gemm, operands, slots, scalars(case))

    def _gemm(self, case: Case) -> Gemm:
        m, n, k = case.size
        return Gemm(
            case.dtype,
            m,
            n,
            k,
            out=str(case.get("out")),
            transa=case.get("transa") == "t",
            transb=case.get("transb") == "t",
            batch=int(case.get("batch")),
            prepacked=case.get("weights") == "prepacked",
            threads=case.threads,
            isa=dispatch.isa(case.dtype),
            kernel="naive" if self.option == "generic" else "fast",
        )

    def refresh(self, plan: Plan) -> None:
        if isinstance(plan.kernel, Gemm) and plan.kernel.prepacked:
            for slot, (_, weights, _) in zip(plan.buffers, plan.slots, strict=True):
                plan.kernel.pack_weights(slot["b"], weights)

    def enqueue(self, plan: Plan, slot: int) -> None:
        plan.kernel.run_rounds([plan.slots[slot]], 1, 1, *plan.scalars)

    def run_rounds(self, plan: Plan, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        return plan.kernel.run_rounds(plan.slots, rounds, batch, *plan.scalars)

    def variant(self, plan: Plan) -> dict[str, str]:
        return plan.kernel.variant

    def describe(self) -> dict[str, str]:
        return {"isa": cpu.label(self.isa), "isas": ", ".join(cpu.label(name) for name in cpu.isas())}

    def release(self, plan: Plan) -> None:
        plan.kernel.close()
