"""GEMM on the CPU: C = alpha op(A) op(B) + beta C, row-major, with BLAS's semantics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.dtypes import NUMPY_DTYPES, RESULTS
from zbench.native import cpu
from zbench.native._zbench import ffi, lib
from zbench.native.arguments import choice, count
from zbench.native.handle import Handle
from zbench.native.status import check

Matrix = NDArray[Any]
Slot = tuple[Matrix, Matrix, Matrix]

NUMBERS = {
    "fp64": lib.ZB_FP64,
    "fp32": lib.ZB_FP32,
    "bf16": lib.ZB_BF16,
    "fp16": lib.ZB_FP16,
    "fp8e4m3": lib.ZB_FP8E4M3,
    "fp8e5m2": lib.ZB_FP8E5M2,
    "int8": lib.ZB_INT8,
    "u8s8": lib.ZB_U8S8,
    "int32": lib.ZB_INT32,
}
DTYPES = tuple(name for name in NUMBERS if name in RESULTS)
"""What A and B may be."""
KERNELS = {"fast": lib.ZB_GEMM_FAST, "naive": lib.ZB_GEMM_NAIVE}
PATHS = {
    lib.ZB_GEMM_PATH_NAIVE: "naive",
    lib.ZB_GEMM_PATH_PACKED: "packed",
    lib.ZB_GEMM_PATH_SMALL: "small",
    lib.ZB_GEMM_PATH_THIN: "thin",
}
BLOCKS = ("mc", "kc", "nb")
WEIGHTS_ALIGNMENT = 64
"""Bytes; of prepacked weights (csrc/gemm/gemm.h)."""


class Gemm(Handle):
    """A plan for one shape, with its threads and work buffers; close it to give them back.

    op(A) is m x k, op(B) is k x n; `transa` says that A is stored as k x m, `transb` that B is
    stored as n x k. `out` is the dtype of C, by default the first of RESULTS. `batch` products
    stand in arrays of one more dimension. With `prepacked`, B is what `pack_weights` made of it.
    `kernel="naive"` is the plain C triple loop on one thread. `isa` is one of `cpu.isas()`, by
    default `cpu.isa()`. `blocks` overrides any of mc, kc, nb (elements; see csrc/gemm/gemm.h).
    Results do not depend on `threads`.

    Raises ValueError, TypeError, MemoryError, UsageError (an instruction set this CPU lacks).
    """

    def __init__(
        self,
        dtype: str,
        m: int,
        n: int,
        k: int,
        *,
        out: str | None = None,
        transa: bool = False,
        transb: bool = False,
        batch: int = 1,
        prepacked: bool = False,
        threads: int = 1,
        isa: str | None = None,
        kernel: str = "fast",
        blocks: dict[str, int] | None = None,
    ) -> None:
        for name in blocks or {}:
            choice("block size", name, BLOCKS)
        results = RESULTS[choice("dtype", dtype, DTYPES)]
        out = results[0] if out is None else choice(f"out of {dtype}", out, results)
        self._kernel = choice("kernel", kernel, KERNELS)
        self._isa = cpu.isa() if isa is None else choice("isa", isa, cpu.ISAS)
        self._threads = count("threads", threads, 1, 2**31 - 1)
        self.prepacked = bool(prepacked)
        size_m, size_n, size_k, many = count("m", m), count("n", n), count("k", k), count("batch", batch, 1)
        type_a, type_b = ("uint8", "int8") if dtype == "u8s8" else (dtype, dtype)
        self._dtypes = {"a": NUMPY_DTYPES[type_a], "b": NUMPY_DTYPES[type_b], "c": NUMPY_DTYPES[out]}
        stack = (many,) if many > 1 else ()
        self._shapes = {
            "a": (*stack, *((size_k, size_m) if transa else (size_m, size_k))),
            "b": (*stack, *((size_n, size_k) if transb else (size_k, size_n))),
            "c": (*stack, size_m, size_n),
        }
        request = ffi.new(
            "zb_gemm_request *",
            {
                "dtype": NUMBERS[dtype],
                "out": NUMBERS[out],
                "isa": cpu.ISAS[self._isa],
                "kernel": KERNELS[kernel],
                "transa": bool(transa),
                "transb": bool(transb),
                "prepacked": self.prepacked,
                "threads": threads,
                "m": size_m,
                "n": size_n,
                "k": size_k,
                "batch": many,
                "blocks": {name: count(name, size, 1) for name, size in (blocks or {}).items()},
            },
        )
        handle = ffi.new("zb_gemm **")
        check(
            lib.zb_gemm_create(request, handle),
            f"{kernel} GEMM {dtype} {m} x {n} x {k}, {threads} threads, {self._isa}",
        )
        super().__init__(ffi.gc(handle[0], lib.zb_gemm_destroy))
        self._weights_bytes = int(lib.zb_gemm_weights_bytes(handle[0]))

    @property
    def variant(self) -> dict[str, str]:
        """How the plan computes: isa of its kernel, path, tile, threads, and blocks where it packs."""
        with self._lock:
            found = lib.zb_gemm_describe(self._open())
        path = PATHS[found.path]
        names = {number: name for name, number in cpu.ISAS.items()}
        variant = {"isa": cpu.label(names[found.isa]), "kernel": path, "threads": str(self._threads)}
        if path != "naive":
            variant["tile"] = f"{found.rows}x{found.columns}"
        if path == "packed":
            variant["blocks"] = " ".join(f"{name}={getattr(found.blocks, name)}" for name in BLOCKS)
        return variant

    def weights(self) -> Matrix:
        """Room for B in the form that this plan computes with."""
        raw = np.empty(self._weights_bytes + WEIGHTS_ALIGNMENT, np.uint8)
        start = -raw.ctypes.data % WEIGHTS_ALIGNMENT
        return raw[start : start + self._weights_bytes]

    def pack_weights(self, b: Matrix, weights: Matrix | None = None) -> Matrix:
        """B in the form that this plan computes with: bytes, into `weights` where that is given.

        Raises ValueError (the plan is not `prepacked`; shape, strides), TypeError.
        """
        if not self.prepacked:
            raise ValueError("the plan takes B as it is; make it with prepacked=True")
        leading, _ = self._layout("b", b)
        weights = self.weights() if weights is None else weights
        self._check_weights(weights)
        with self._lock:
            status = lib.zb_gemm_pack_weights(
                self._open(),
                ffi.cast("void *", b.ctypes.data),
                leading,
                ffi.cast("void *", weights.ctypes.data),
            )
        check(status, "prepacking")
        return weights

    def bind(self, alpha: float, a: Matrix, b: Matrix, beta: float, c: Matrix) -> Callable[[], None]:
        """One execution on these arrays, checked now and not at each call: for products of microseconds.

        Raises TypeError (not an array of the dtype), ValueError (shape, strides, overlap).
        """
        operands = self._operands([(a, b, c)])
        alpha, beta = float(alpha), float(beta)

        def execute(*, _arrays: Slot = (a, b, c)) -> None:  # kept here: `operands` points into them
            with self._lock:
                status = lib.zb_gemm_run(self._open(), alpha, beta, operands)
            check(status, "GEMM")

        return execute

    def run(self, alpha: float, a: Matrix, b: Matrix, beta: float, c: Matrix) -> None:
        """One execution, on arrays whose rows are contiguous; writes C. Raises as `bind` does."""
        self.bind(alpha, a, b, beta, c)()

    def run_rounds(
        self,
        slots: Sequence[Slot],
        rounds: int,
        batch: int = 1,
        alpha: float = 1.0,
        beta: float = 0.0,
    ) -> NDArray[np.int64]:
        """int64 ns, shape (rounds,): `rounds` intervals of `batch` executions each.

        Execution e uses slot e % len(slots), each (A, B, C). The stamps are chained: the end of
        one round is the start of the next. Raises as `run` does.
        """
        operands = self._operands(slots)
        ns = np.zeros(count("rounds", rounds), np.int64)
        with self._lock:
            status = lib.zb_gemm_run_rounds(
                self._open(),
                float(alpha),
                float(beta),
                operands,
                len(slots),
                len(ns),
                count("batch", batch, 1),
                ffi.from_buffer("int64_t[]", ns),
            )
        check(status, "GEMM")
        return ns

    def _operands(self, slots: Sequence[Slot]) -> Any:
        """The slots as C takes them, after all checks that it relies on. Points into the arrays."""
        if not slots:
            raise ValueError("no slots")
        operands = ffi.new("zb_gemm_slot[]", len(slots))
        for operand, (a, b, c) in zip(operands, slots, strict=True):
            for name, matrix in (("a", a), ("b", b), ("c", c)):
                if name == "b" and self.prepacked:
                    self._check_weights(matrix)
                    leading, stride = 0, 0
                else:
                    leading, stride = self._layout(name, matrix)
                setattr(operand, name, ffi.cast("void *", matrix.ctypes.data))
                setattr(operand, f"ld{name}", leading)
                setattr(operand, f"stride_{name}", stride)
            if np.may_share_memory(c, a) or np.may_share_memory(c, b):
                _refuse_overlap(a, b, c)
        return operands

    def _check_weights(self, weights: Matrix) -> None:
        if not isinstance(weights, np.ndarray) or weights.dtype != np.uint8:
            raise TypeError("weights must be what pack_weights returned, a numpy array of uint8")
        if weights.shape != (self._weights_bytes,) or not weights.flags.c_contiguous:
            raise ValueError(
                f"weights must be {self._weights_bytes} contiguous bytes, as pack_weights makes them"
            )
        if weights.size and (weights.ctypes.data % WEIGHTS_ALIGNMENT or not weights.flags.writeable):
            raise ValueError(f"weights must be writeable and aligned to {WEIGHTS_ALIGNMENT} bytes")

    def _layout(self, name: str, matrix: Matrix) -> tuple[int, int]:
        """Elements from row to row and from product to product, after all checks that C relies on."""
        dtype = self._dtypes[name]
        if not isinstance(matrix, np.ndarray) or matrix.dtype != dtype:
            raise TypeError(f"{name} must be a numpy array of {dtype}")
        if matrix.shape != self._shapes[name]:
            raise ValueError(f"{name} has shape {matrix.shape}, the plan needs {self._shapes[name]}")
        if not matrix.flags.aligned or (name == "c" and not matrix.flags.writeable):
            raise ValueError(f"{name} must be aligned, and c writeable")
        rows, columns = matrix.shape[-2:]
        row, element = matrix.strides[-2:]
        size = dtype.itemsize
        # Strides of a dimension that is not walked along say nothing.
        if columns > 1 and rows > 0 and element != size:
            raise ValueError(f"{name} must have contiguous rows; its strides are {matrix.strides}")
        leading = max(1, columns)
        if rows > 1 and columns > 0:
            if row % size or row < columns * size:
                raise ValueError(
                    f"{name} has rows that overlap or run backwards; its strides are {matrix.strides}"
                )
            leading = row // size
        if matrix.ndim == 2 or matrix.size == 0:
            return int(leading), 0
        extent = ((rows - 1) * leading + columns) * size
        # Operands that are only read may be the same for all products.
        shared = name != "c" and matrix.strides[0] == 0
        if not shared and (matrix.strides[0] % size or matrix.strides[0] < extent):
            raise ValueError(f"{name} has products that overlap; its strides are {matrix.strides}")
        return int(leading), int(matrix.strides[0] // size)


def _refuse_overlap(a: Matrix, b: Matrix, c: Matrix) -> None:
    for name, matrix in (("a", a), ("b", b)):
        if np.shares_memory(c, matrix):
            raise ValueError(f"c overlaps {name}")
