"""Intel's oneMKL as a card: the PyPI wheel's library through its C interface.

Its ILP64 names (`cblas_sgemm_64`), so that no size is cut to 32 bits. Products of narrow floats are fp32, of
bytes int32: MKL has no others. `batch` is `cblas_?gemm_batch_strided`, for fp32 and fp64; for small products
its just-in-time kernels (`mkl_jit_create_sgemm`) would be another way, one call from Python for each product.
`weights=prepacked` is `cblas_*_pack` and `_compute`. Not offered: `cblas_hgemm`, which may sum in fp16, and
s8 x s8, for which there is no routine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from cffi import FFI
from numpy.typing import NDArray

from zbench.cards.base import Slot
from zbench.cards.host import aligned_empty, forced, row_step, scalars
from zbench.cards.libraries import (
    Call,
    LibraryCard,
    Plan,
    bound,
    installed,
    opened,
    pointer,
    require_operands,
    shared_library,
)
from zbench.cards.mkl_interface import (
    B_MATRIX,
    BLAS,
    FIX_OFFSET,
    INTEL_THREADS,
    PACKED,
    ROUTINES,
    ROW_MAJOR,
    TRANSPOSE,
    abbreviated,
    declarations,
    routine,
)
from zbench.case import Case
from zbench.errors import Unsupported, UsageError

PACKAGE, OPENMP, AT_LEAST = "mkl", "intel-openmp", (2025,)
"""The wheel, the threads it computes with, and the first versions whose names and files these are."""
LOADED_LATER = ("libmkl_core", "libmkl_intel_lp64", "libmkl_intel_thread")
"""What libmkl_rt opens when it is first called; it ends the process where one is missing."""
FORCED_BY = ("MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR")
"""The variables that override MKL's choice of kernels for this CPU."""


class Mkl(LibraryCard):
    def __init__(self, option: str | None = None) -> None:
        if option is not None:
            raise UsageError(f"card mkl:{option}: mkl has no options")
        super().__init__(option)
        package = installed(PACKAGE, AT_LEAST, "mkl")
        for name in LOADED_LATER:
            shared_library(package, name, "mkl")
        self.ffi = FFI()
        self.ffi.cdef(declarations())
        # Opened first, so that MKL finds it wherever it was installed.
        openmp = installed(OPENMP, AT_LEAST, "mkl")
        self.openmp = opened(self.ffi, shared_library(openmp, "libiomp5", "mkl"), "mkl")
        self.lib = opened(self.ffi, shared_library(package, "libmkl_rt", "mkl"), "mkl")
        if self.lib.MKL_Set_Threading_Layer(INTEL_THREADS) != INTEL_THREADS:
            raise UsageError("card mkl: this process uses MKL with other threads than Intel's OpenMP already")
        self.lib.MKL_Set_Dynamic(0)  # as many threads as the case says, also for small products
        self.lib.MKL_Set_Num_Threads(1)
        self.no_offset = self.ffi.new("int32_t *", 0)
        self.dtypes = tuple(dtype for dtype in ROUTINES if hasattr(self.lib, routine(dtype)))
        self.saturates = "u8s8" in self.dtypes and not self._sums_bytes_exactly()

    def operations(self) -> dict[str, tuple[str, ...]]:
        return {"gemm": tuple(d for d in self.dtypes if d != "u8s8" or not self.saturates)}

    def modes(self, case: Case) -> Mapping[str, Sequence[int | str] | None]:
        offered: dict[str, Sequence[int | str] | None] = {"weights": ("plain", "prepacked")}
        if case.dtype in BLAS:
            offered["batch"] = None if case.get("weights") == "plain" else (1,)
        elif case.dtype != "u8s8":
            offered["out"] = ("fp32",)
        if case.dtype != "u8s8":
            offered |= {"alpha": None, "beta": None}
        return {**super().modes(case), **offered}

    def require(self, case: Case) -> None:
        if case.dtype == "u8s8" and self.saturates:
            raise Unsupported(
                f"MKL's u8s8 gemm is not exact with {self._isa()}: it saturates sums of 16 bits"
            )
        super().require(case)

    def prepare(self, case: Case, slots: Sequence[Slot]) -> Plan:
        self.require(case)
        require_operands(case, slots)
        self.lib.MKL_Set_Num_Threads(case.threads)  # until the next prepare: one burst at a time
        self.openmp.omp_set_num_threads(case.threads)  # bf16 and fp16 go by this one (2026.2)
        if case.get("weights") == "prepacked":
            return self._prepacked(case, slots)
        batched = int(case.get("batch")) > 1
        name = routine(case.dtype, "batch_strided" if batched else "")
        function = getattr(self.lib, name)
        calls = []
        for slot in slots:
            a, b, c = slot["a"], slot["b"], slot["c"]
            order = (ROW_MAJOR, TRANSPOSE[str(case.get("transa"))], TRANSPOSE[str(case.get("transb"))])
            calls.append(
                bound(function, *order, *self._strided(case, a, b, c))
                if batched
                else bound(function, *self._product(case, order, a, self._at(b), row_step(b), c))
            )
        return Plan(calls, routine=name, keeps=list(slots))

    def _prepacked(self, case: Case, slots: Sequence[Slot]) -> Plan:
        """B in a form of MKL's own, one copy for each slot, which `refresh` makes."""
        name = routine(case.dtype, "compute")
        function, pack, size_bytes = (
            getattr(self.lib, routine(case.dtype, kind)) for kind in ("compute", "pack", "pack_get_size")
        )
        plan = Plan([], routine=name, keeps=list(slots))
        transa, transb = TRANSPOSE[str(case.get("transa"))], TRANSPOSE[str(case.get("transb"))]
        scale = scalars(case)[:1] if case.dtype in BLAS else ()
        for slot in slots:
            a, b, c = slot["a"], slot["b"], slot["c"]
            weights = aligned_empty((size_bytes(B_MATRIX, *case.size),), "byte")
            to, ld = self._at(weights), row_step(b)
            plan.packs.append(
                bound(pack, ROW_MAJOR, B_MATRIX, transb, *case.size, *scale, self._at(b), ld, to)
            )
            order = (ROW_MAJOR, transa, PACKED)
            plan.slots.append(bound(function, *self._product(case, order, a, to, ld, c, scaled=bool(scale))))
            plan.keeps.append(weights)
        return plan

    def _product(
        self,
        case: Case,
        order: tuple[int, int, int],
        a: NDArray[Any],
        b: Any,
        ldb: int,
        c: NDArray[Any],
        scaled: bool = False,
    ) -> tuple[object, ...]:
        """The arguments of one product; `scaled`: without the factor that packing has already applied."""
        lda, ldc = row_step(a), row_step(c)
        if case.dtype == "u8s8":
            offsets = (*order, FIX_OFFSET, *case.size, 1.0, self._at(a), lda, 0, b, ldb, 0)
            return (*offsets, 0.0, self._at(c), ldc, self.no_offset)
        alpha, beta = scalars(case)
        scale = () if scaled else (alpha,)
        return (*order, *case.size, *scale, self._at(a), lda, b, ldb, beta, self._at(c), ldc)

    def _strided(self, case: Case, *operands: NDArray[Any]) -> tuple[object, ...]:
        """The arguments of a batch after the order of its operands."""
        a, b, c = ((self._at(x), row_step(x), int(x.strides[0]) // x.itemsize) for x in operands)
        alpha, beta = scalars(case)
        return (*case.size, alpha, *a, *b, beta, *c, int(case.get("batch")))

    def _at(self, array: NDArray[Any]) -> Any:
        return pointer(self.ffi, array)

    def _sums_bytes_exactly(self) -> bool:
        """Whether two products of bytes and two more are summed in 32 bits.

        Without the dot products of AVX512-VNNI or AVX-VNNI, 255 * 127 * 2 is cut to 32767 ("vpmaddubsw").
        """
        n = 64
        case = Case("gemm", "u8s8", (n, n, n))
        a, b, c = np.full((n, n), 255, np.uint8), np.full((n, n), 127, np.int8), np.zeros((n, n), np.int32)
        order = (ROW_MAJOR, TRANSPOSE["n"], TRANSPOSE["n"])
        self.lib.cblas_gemm_s8u8s32_64(*self._product(case, order, a, self._at(b), n, c))
        return bool((c == 255 * 127 * n).all())

    def _nothing(self) -> Call:
        """A product of no elements: all that a call costs besides the product."""
        at = self.ffi.NULL
        order = (ROW_MAJOR, TRANSPOSE["n"], TRANSPOSE["n"])
        return bound(self.lib.cblas_sgemm_64, *order, 0, 0, 0, 1.0, at, 1, at, 1, 0.0, at, 1)

    def _isa(self) -> str:
        """The instructions of the kernels that MKL chose here, in its own words."""
        version = self.ffi.new("MKLVersion *")
        self.lib.MKL_Get_Version(version)
        words = self.ffi.string(version.Processor).decode(errors="replace")
        return forced(abbreviated(words), FORCED_BY)

    def _version(self) -> str:
        text = self.ffi.new("char[]", 256)
        self.lib.MKL_Get_Version_String(text, len(text))
        words = self.ffi.string(text).decode(errors="replace")
        found = re.search(r"Version (\S+?)-\w+ Build (\d+)", words)
        return f"oneMKL {found[1]} build {found[2]}" if found else words

    def variant(self, plan: Plan) -> dict[str, str]:
        return {
            "library": self._version(),
            "isa": self._isa(),
            "routine": plan.routine,
            "threading": "Intel OpenMP",
        }

    def describe(self) -> dict[str, str]:
        """The library, the instructions it chose for this CPU, its threads, and what a call costs here."""
        return {
            "mkl": self._version(),
            "isa": self._isa(),
            "threading": "Intel OpenMP",
            "call_overhead_ns": self.call_overhead_ns(self._nothing()),
        }
