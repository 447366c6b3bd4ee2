"""The embedded default: zbench's own C kernels on the host's CPU.

`cpu` is the packed, threaded GEMM of the best instruction set here (ZBENCH_ISA forces another);
`cpu:generic` is the plain C triple loop, the baseline of "n times faster than generic C".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.cards.base import Slot
from zbench.cards.host import STREAM_KERNELS, HostCard
from zbench.case import Case
from zbench.errors import Unsupported, UsageError
from zbench.native import cpu
from zbench.native.gemm import Gemm
from zbench.native.stream import Stream


@dataclass
class Plan:
    kernel: Gemm | Stream
    slots: list[Any]
    """Each slot's buffers in the order in which the kernel takes them."""


class Cpu(HostCard):
    options = {"generic": "the plain C triple loop, one thread: a baseline"}

    def __init__(self, option: str | None = None) -> None:
        if option is not None and option not in self.options:
            raise UsageError(f"card cpu:{option}: the only option is 'generic'")
        super().__init__(option)
        self.isa = cpu.isa()

    def operations(self) -> dict[str, tuple[str, ...]]:
        if self.option == "generic":
            return {"gemm": ("fp32", "fp64")}
        return {"gemm": ("fp32", "fp64")} | dict.fromkeys(STREAM_KERNELS, ("fp64",))

    def prepare(self, case: Case, slots: Sequence[Slot]) -> Plan:
        self.require(case)
        if case.workload == "gemm":
            if self.option == "generic" and case.threads > 1:
                raise Unsupported("generic C runs on one thread")
            m, n, k = case.size
            gemm = Gemm(
                case.dtype,
                m,
                n,
                k,
                transa=case.get("transa") == "t",
                transb=case.get("transb") == "t",
                threads=case.threads,
                isa=self.isa,
                kernel="naive" if self.option == "generic" else "packed",
            )
            return Plan(gemm, [(slot["a"], slot["b"], slot["c"]) for slot in slots])
        stream = Stream(case.workload, case.size[0] // 8, case.threads, self.isa)
        names = ("a", "b", "out") if case.workload == "triad" else ("a", "out")
        return Plan(stream, [tuple(slot[name] for name in names) for slot in slots])

    def enqueue(self, plan: Plan, slot: int) -> None:
        plan.kernel.run_rounds([plan.slots[slot]], 1, 1)

    def run_rounds(self, plan: Plan, rounds: int, batch: int = 1) -> NDArray[np.int64]:
        return plan.kernel.run_rounds(plan.slots, rounds, batch)

    def variant(self, plan: Plan) -> dict[str, str]:
        return plan.kernel.variant

    def describe(self) -> dict[str, str]:
        return {"isa": self.isa, "isas": " ".join(cpu.isas())}

    def release(self, plan: Plan) -> None:
        plan.kernel.close()
