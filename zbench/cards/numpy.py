"""numpy as a card: whatever BLAS this numpy has, named in the record, its threads controlled.

fp32 and fp64 only: for other dtypes numpy has no BLAS, and its loops are nobody's peer.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping, Sequence

import numpy as np
from threadpoolctl import LibController, ThreadpoolController

from zbench.cards.base import Slot
from zbench.cards.host import forced
from zbench.cards.libraries import LibraryCard, Plan, bound, require_operands
from zbench.case import Case
from zbench.errors import Unsupported, UsageError

FORCED_BY = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""The variables that override OpenBLAS' choice of kernels and of blocks for this CPU."""
CALLED = [f"{prefix}cblas_sgemm{suffix}" for prefix in ("", "scipy_") for suffix in ("", "64_", "_64")]
"""Names under which a BLAS may export the product that numpy calls."""


def own_blas() -> list[LibController]:
    """The BLAS that numpy itself is linked to, of all that this process has loaded (scipy's, MKL, ...)."""
    np.ones((2, 2)) @ np.ones((2, 2))  # a BLAS that loads itself late is here now
    name = "numpy._core._multiarray_umath" if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else ""
    core = ctypes.CDLL(sys.modules[name or "numpy.core._multiarray_umath"].__file__)
    loaded = ThreadpoolController().select(user_api="blas").lib_controllers
    return [each for each in loaded if _addresses(core) & _addresses(each.dynlib)]


def _addresses(library: ctypes.CDLL) -> set[int | None]:
    """Where the library, or what it is linked to, has the products of CALLED."""
    found = (getattr(library, name, None) for name in CALLED)
    return {ctypes.cast(function, ctypes.c_void_p).value for function in found if function is not None}


class Numpy(LibraryCard):
    def __init__(self, option: str | None = None) -> None:
        if option is not None:
            raise UsageError(f"card numpy:{option}: numpy has no options")
        super().__init__(option)
        self.blas = own_blas()

    def operations(self) -> dict[str, tuple[str, ...]]:
        return {"gemm": ("fp32", "fp64"), "copy": ("fp64",)}

    def modes(self, case: Case) -> Mapping[str, Sequence[int | str] | None]:
        return {**super().modes(case), **({"batch": None} if case.workload == "gemm" else {})}

    def prepare(self, case: Case, slots: Sequence[Slot]) -> Plan:
        self.require(case)
        if case.workload == "copy":
            if case.threads > 1:
                raise Unsupported("numpy copies on one thread")
            return Plan([bound(np.copyto, slot["out"], slot["a"]) for slot in slots], routine="copyto")
        if case.threads > 1 and not self.blas:
            raise Unsupported("this numpy's BLAS does not let its threads be set")
        require_operands(case, slots)
        for library in self.blas:  # until the next prepare: one process serves one burst at a time
            library.set_num_threads(case.threads)
        calls = []
        for slot in slots:
            a = slot["a"].swapaxes(-1, -2) if case.get("transa") == "t" else slot["a"]
            b = slot["b"].swapaxes(-1, -2) if case.get("transb") == "t" else slot["b"]
            calls.append(bound(np.matmul, a, b, slot["c"]))
        many = int(case.get("batch")) > 1
        return Plan(calls, routine="matmul, one product of the batch after the other" if many else "matmul")

    def variant(self, plan: Plan) -> dict[str, str]:
        return {**self._library(), "routine": plan.routine}

    def _library(self) -> dict[str, str]:
        if not self.blas:
            return {"numpy": np.__version__, "blas": "unknown"}
        blas = self.blas[0].info()
        name = f"{blas['internal_api']} {blas.get('version') or '?'}"
        return {
            "numpy": np.__version__,
            "blas": name,
            "isa": forced(str(blas.get("architecture") or "unknown"), FORCED_BY),
        }

    def describe(self) -> dict[str, str]:
        """The BLAS by name and version, the kernels it chose for this CPU, and what a call costs here."""
        none = np.empty((0, 0), np.float32)
        overhead = self.call_overhead_ns(bound(np.matmul, none, none, none))
        return {**self._library(), "call_overhead_ns": overhead}
