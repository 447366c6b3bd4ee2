"""GEMM on the CPU: C = alpha op(A) op(B) + beta C, row-major, with BLAS's semantics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.native import cpu
from zbench.native._zbench import ffi, lib
from zbench.native.arguments import choice, count
from zbench.native.handle import Handle
from zbench.native.status import check

Matrix = NDArray[Any]
Slot = tuple[Matrix, Matrix, Matrix]

DTYPES: dict[str, np.dtype[Any]] = {"fp32": np.dtype(np.float32), "fp64": np.dtype(np.float64)}
NUMBERS = {"fp32": lib.ZB_FP32, "fp64": lib.ZB_FP64}
KERNELS = {"packed": lib.ZB_GEMM_PACKED, "naive": lib.ZB_GEMM_NAIVE}
BLOCKS = ("mc", "nc", "kc", "nb")


class Gemm(Handle):
    """A plan for one shape, with its threads and work buffers; close it to give them back.

    op(A) is m x k, op(B) is k x n; `transa` says that A is stored as k x m, `transb` that B is
    stored as n x k. `kernel="naive"` is the plain C triple loop on one thread. `isa` is one of
    `cpu.isas()`, by default `cpu.isa()`. `blocks` overrides any of mc, nc, kc, nb (elements; see
    csrc/gemm/gemm.h). Results do not depend on `threads`.

    Raises ValueError, TypeError, MemoryError, UsageError (an instruction set this CPU lacks).
    """

    def __init__(
        self,
        dtype: str,
        m: int,
        n: int,
        k: int,
        *,
        transa: bool = False,
        transb: bool = False,
        threads: int = 1,
        isa: str | None = None,
        kernel: str = "packed",
        blocks: dict[str, int] | None = None,
    ) -> None:
        for name in blocks or {}:
            choice("block size", name, BLOCKS)
        self._dtype = DTYPES[choice("dtype", dtype, DTYPES)]
        self._kernel = choice("kernel", kernel, KERNELS)
        self._isa = cpu.isa() if isa is None else choice("isa", isa, cpu.ISAS)
        self._threads = count("threads", threads, 1, 2**31 - 1)
        size_m, size_n, size_k = count("m", m), count("n", n), count("k", k)
        self._shapes = {
            "a": (size_k, size_m) if transa else (size_m, size_k),
            "b": (size_n, size_k) if transb else (size_k, size_n),
            "c": (size_m, size_n),
        }
        request = ffi.new(
            "zb_gemm_request *",
            {
                "dtype": NUMBERS[dtype],
                "isa": cpu.ISAS[self._isa],
                "kernel": KERNELS[kernel],
                "transa": bool(transa),
                "transb": bool(transb),
                "threads": threads,
                "m": size_m,
                "n": size_n,
                "k": size_k,
                "blocks": {name: count(name, size, 1) for name, size in (blocks or {}).items()},
            },
        )
        out = ffi.new("zb_gemm **")
        check(
            lib.zb_gemm_create(request, out),
            f"{kernel} GEMM {dtype} {m} x {n} x {k}, {threads} threads, {self._isa}",
        )
        super().__init__(ffi.gc(out[0], lib.zb_gemm_destroy))

    @property
    def variant(self) -> dict[str, str]:
        """How the plan computes: isa, kernel, and for the packed one tile, blocks and threads."""
        if self._kernel == "naive":
            return {"isa": "portable", "kernel": "naive", "threads": "1"}
        blocks, rows, columns = ffi.new("zb_gemm_blocks *"), ffi.new("int *"), ffi.new("int *")
        with self._lock:
            lib.zb_gemm_describe(self._open(), blocks, rows, columns)
        return {
            "isa": self._isa,
            "kernel": "packed",
            "tile": f"{rows[0]}x{columns[0]}",
            "blocks": " ".join(f"{name}={getattr(blocks, name)}" for name in BLOCKS),
            "threads": str(self._threads),
        }

    def run(self, alpha: float, a: Matrix, b: Matrix, beta: float, c: Matrix) -> None:
        """One execution, on 2-D arrays whose rows are contiguous; writes C.

        Raises TypeError (not an array of the dtype), ValueError (shape, strides, overlap).
        """
        self.run_rounds([(a, b, c)], 1, 1, alpha, beta)

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
        if not slots:
            raise ValueError("no slots")
        operands = ffi.new("zb_gemm_slot[]", len(slots))
        for operand, (a, b, c) in zip(operands, slots, strict=True):
            for name, matrix in (("a", a), ("b", b), ("c", c)):
                setattr(operand, f"ld{name}", self._leading_dimension(name, matrix))
                setattr(operand, name, ffi.cast("void *", matrix.ctypes.data))
            if np.may_share_memory(c, a) or np.may_share_memory(c, b):
                _refuse_overlap(a, b, c)
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

    def _leading_dimension(self, name: str, matrix: Matrix) -> int:
        """Elements from row to row, after all checks that C relies on."""
        if not isinstance(matrix, np.ndarray) or matrix.dtype != self._dtype:
            raise TypeError(f"{name} must be a numpy array of {self._dtype}")
        rows, columns = shape = self._shapes[name]
        if matrix.shape != shape:
            raise ValueError(f"{name} has shape {matrix.shape}, the plan needs {shape}")
        if not matrix.flags.aligned or (name == "c" and not matrix.flags.writeable):
            raise ValueError(f"{name} must be aligned, and c writeable")
        row, element = matrix.strides
        size = self._dtype.itemsize
        # Strides of a dimension that is not walked along say nothing.
        if columns > 1 and rows > 0 and element != size:
            raise ValueError(f"{name} must have contiguous rows; its strides are {matrix.strides}")
        if rows <= 1 or columns == 0:
            return max(1, columns)
        if row % size or row < columns * size:
            raise ValueError(
                f"{name} has rows that overlap or run backwards; its strides are {matrix.strides}"
            )
        return int(row // size)


def _refuse_overlap(a: Matrix, b: Matrix, c: Matrix) -> None:
    for name, matrix in (("a", a), ("b", b)):
        if np.shares_memory(c, matrix):
            raise ValueError(f"c overlaps {name}")
