"""Memory whose neighbours nobody may touch, and memory of which only what is touched exists.

The idea of benchdnn's zmalloc_protect (oneDNN, tests/benchdnn/common.cpp), which guards the end alone.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAGE_BYTES = mmap.PAGESIZE
NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)
"""Linux's number, which Python tells from 3.11 on."""
PROT_NONE = 0
PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS

Array = NDArray[Any]


def guarded(shape: tuple[int, ...], dtype: np.dtype[Any], at: str, gap_bytes: int = 0) -> Array:
    """Zeros between two pages that may not be touched, `gap_bytes` from the one at the `start` or the `end`.

    Raises OSError where the system gives no such memory.
    """
    size_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    inner_bytes = max(1, -(-(size_bytes + gap_bytes) // PAGE_BYTES)) * PAGE_BYTES
    whole = mmap.mmap(-1, inner_bytes + 2 * PAGE_BYTES, PRIVATE)
    _forbid(whole, 0, PAGE_BYTES)
    _forbid(whole, PAGE_BYTES + inner_bytes, PAGE_BYTES)
    offset = gap_bytes if at == "start" else inner_bytes - size_bytes - gap_bytes
    return np.ndarray(shape, dtype, whole, PAGE_BYTES + offset)


def forbidden(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Memory that ends whoever touches it. Raises OSError."""
    size_bytes = max(1, int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
    whole = mmap.mmap(-1, -(-size_bytes // PAGE_BYTES) * PAGE_BYTES, PRIVATE)
    _forbid(whole, 0, len(whole))
    return np.ndarray(shape, dtype, whole)


def apart(shape: tuple[int, int], dtype: np.dtype[Any], row_step: int) -> Array:
    """Rows of zeros that stand `row_step` elements apart; between them nothing is reserved. Raises OSError
    where the system does not promise so many addresses."""
    size_bytes = ((shape[0] - 1) * row_step + shape[1]) * dtype.itemsize
    whole = mmap.mmap(-1, size_bytes, PRIVATE | NORESERVE)
    return np.ndarray(shape, dtype, whole, 0, (row_step * dtype.itemsize, dtype.itemsize))


def _forbid(memory: mmap.mmap, offset: int, size_bytes: int) -> None:
    """Raises OSError."""
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + offset
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(size_bytes), PROT_NONE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
