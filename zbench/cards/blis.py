"""BLIS as a card: the kernels inside the PyPI wheel `blis` (cython-blis), through BLIS' own typed interface.

One thread, for the wheel is built without threads; fp32 and fp64. What its extension module exports in C is
called, not its Python function `blis.py.gemm`, which costs more per call and takes the sizes of fp64 operands
from their shapes before they are transposed.

BLIS names the kernels it chose by a configuration. To choose, it counts FMA units by the processor's brand
name: a virtual machine that hides it gets `haswell` (AVX2) where there is AVX-512. BLIS 0.7, which is in
the wheels up to 1.3, computes the last column of some small fp64 products wrongly (`haswell`, A and B
transposed, n mod 6 = 5); such a record is marked wrong, as any other is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from cffi import FFI

from zbench.cards.base import Slot
from zbench.cards.host import row_step, scalars
from zbench.cards.libraries import (
    Call,
    LibraryCard,
    Plan,
    bound,
    installed,
    opened,
    pointer,
    require_operands,
)
from zbench.case import Case
from zbench.errors import Unsupported, UsageError

PACKAGE, AT_LEAST = "blis", (1, 2)
"""The wheel, and the first version for numpy 2 and every Python that zbench runs on."""
CHOSEN_BY = "BLIS_ARCH_TYPE"
"""The variable that overrides BLIS' choice of kernels; the wheels up to 1.3 do not read it."""
INTEGER_BITS = 64
"""Of dim_t and inc_t, as declared below."""
TRANSPOSE = {"n": 0, "t": 8}
"""trans_t of blis.h."""
ROUTINES = {"fp64": "bli_dgemm", "fp32": "bli_sgemm"}
REAL = {"fp64": "double", "fp32": "float"}

DECLARATIONS = """
int64_t bli_info_get_int_type_size(void);
char *bli_info_get_version_str(void);
int bli_arch_query_id(void);
char *bli_arch_string(int id);
""" + "".join(
    f"""void {name}(int transa, int transb, int64_t m, int64_t n, int64_t k,
    {REAL[dtype]} *alpha, void *a, int64_t rsa, int64_t csa, void *b, int64_t rsb, int64_t csb,
    {REAL[dtype]} *beta, void *c, int64_t rsc, int64_t csc);
"""
    for dtype, name in ROUTINES.items()
)
"""The part of blis.h that is used."""


class Blis(LibraryCard):
    def __init__(self, option: str | None = None) -> None:
        if option is not None:
            raise UsageError(f"card blis:{option}: blis has no options")
        super().__init__(option)
        self.version = installed(PACKAGE, AT_LEAST, "blis").version
        try:
            module = import_module("blis.cy")  # initialises the library inside it
        except ImportError as error:
            raise UsageError(f"card blis: {PACKAGE} {self.version} does not load: {error}") from error
        self.ffi = FFI()
        self.ffi.cdef(DECLARATIONS)
        self.lib = opened(self.ffi, Path(str(module.__file__)), "blis")
        missing = [name for name in (*ROUTINES.values(), "bli_info_get_int_type_size") if not self._has(name)]
        if missing:
            raise UsageError(f"card blis: {PACKAGE} {self.version} does not export {', '.join(missing)}")
        if self.lib.bli_info_get_int_type_size() != INTEGER_BITS:
            raise UsageError(
                f"card blis: {PACKAGE} {self.version} was built without {INTEGER_BITS}-bit integers"
            )

    def operations(self) -> dict[str, tuple[str, ...]]:
        return {"gemm": tuple(ROUTINES)}

    def modes(self, case: Case) -> Mapping[str, Sequence[int | str] | None]:
        return {**super().modes(case), "alpha": None, "beta": None}

    def prepare(self, case: Case, slots: Sequence[Slot]) -> Plan:
        self.require(case)
        if case.threads > 1:
            raise Unsupported("the blis wheel computes on one thread")
        require_operands(case, slots)
        function = getattr(self.lib, ROUTINES[case.dtype])
        alpha, beta = (self.ffi.new(f"{REAL[case.dtype]} *", x) for x in scalars(case))
        calls = []
        for slot in slots:
            a, b, c = ((pointer(self.ffi, slot[name]), row_step(slot[name]), 1) for name in "abc")
            order = TRANSPOSE[str(case.get("transa"))], TRANSPOSE[str(case.get("transb"))]
            calls.append(bound(function, *order, *case.size, alpha, *a, *b, beta, *c))
        return Plan(calls, routine=ROUTINES[case.dtype], keeps=[*slots, alpha, beta])

    def _has(self, name: str) -> bool:
        return hasattr(self.lib, name)

    def _nothing(self) -> Call:
        """A product of no elements: all that a call costs besides the product."""
        alpha, beta = (self.ffi.new("float *", x) for x in (1, 0))
        none = (self.ffi.NULL, 1, 1)
        return bound(self.lib.bli_sgemm, 0, 0, 0, 0, 0, alpha, *none, *none, beta, *none)

    def _isa(self) -> str:
        """The configuration whose kernels BLIS chose here: `haswell` is AVX2, `skx` is AVX-512."""
        if not (self._has("bli_arch_query_id") and self._has("bli_arch_string")):
            return "unknown"
        found = self._text(self.lib.bli_arch_string(self.lib.bli_arch_query_id()))
        wanted = os.environ.get(CHOSEN_BY)
        return f"{found} ({CHOSEN_BY} is {wanted})" if wanted else found

    def _library(self) -> str:
        own = (
            self._text(self.lib.bli_info_get_version_str()) if self._has("bli_info_get_version_str") else "?"
        )
        return f"BLIS {own} (wheel {self.version})"

    def _text(self, chars: Any) -> str:
        return str(self.ffi.string(chars).decode(errors="replace"))

    def variant(self, plan: Plan) -> dict[str, str]:
        return {"library": self._library(), "isa": self._isa(), "routine": plan.routine}

    def describe(self) -> dict[str, str]:
        """The library, the configuration it chose for this CPU, and what a call costs here."""
        overhead = self.call_overhead_ns(self._nothing())
        return {"blis": self._library(), "isa": self._isa(), "call_overhead_ns": overhead}
