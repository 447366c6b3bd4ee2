"""numpy as a card: whatever BLAS this numpy has, named in the record, its threads controlled."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import ThreadpoolController

from zbench.cards.base import Slot
from zbench.cards.host import HostCard
from zbench.case import Case
from zbench.errors import Unsupported, UsageError

FORCED_BY = "OPENBLAS_CORETYPE"
"""The variable that overrides OpenBLAS' choice of kernels for this CPU."""


@dataclass
class Plan:
    case: Case
    slots: list[Slot]


class Numpy(HostCard):
    def __init__(self, option: str | None = None) -> None:
        if option is not None:
            raise UsageError(f"card numpy:{option}: numpy has no options")
        super().__init__(option)
        np.ones((2, 2)) @ np.ones((2, 2))  # loads the BLAS, so that the controller sees it
        self.controller = ThreadpoolController().select(user_api="blas")

    def operations(self) -> dict[str, tuple[str, ...]]:
        return {"gemm": ("fp32", "fp64"), "copy": ("fp64",)}

    def prepare(self, case: Case, slots: Sequence[Slot]) -> Plan:
        self.require(case)
        if case.workload == "copy" and case.threads > 1:
            raise Unsupported("numpy copies on one thread")
        if case.threads > 1 and not self.controller.lib_controllers:
            raise Unsupported("this numpy's BLAS does not let its threads be set")
        # One process serves one burst at a time, so the limit holds until the next prepare.
        self.controller.limit(limits=case.threads)
        views = [dict(slot) for slot in slots]
        if case.workload == "gemm":
            for slot in views:
                slot["a"] = slot["a"].T if case.get("transa") == "t" else slot["a"]
                slot["b"] = slot["b"].T if case.get("transb") == "t" else slot["b"]
        return Plan(case, views)

    def enqueue(self, plan: Plan, slot: int) -> None:
        buffers = plan.slots[slot]
        if plan.case.workload == "gemm":
            np.matmul(buffers["a"], buffers["b"], out=buffers["c"])
        else:
            np.copyto(buffers["out"], buffers["a"])

    def variant(self, plan: Plan) -> dict[str, str]:
        return self.describe()

    def describe(self) -> dict[str, str]:
        """The BLAS by name and version, and the kernels it chose for this CPU."""
        found = self.controller.info()
        if not found:
            return {"numpy": np.__version__, "blas": "unknown"}
        blas = found[0]
        name = f"{blas['internal_api']} {blas.get('version') or '?'}"
        isa = str(blas.get("architecture") or "unknown")
        if FORCED_BY in os.environ:
            isa += f" (forced by {FORCED_BY})"  # a peer that was told to be slow must not look slow by itself
        return {"numpy": np.__version__, "blas": name, "isa": isa}
