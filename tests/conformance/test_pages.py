"""Memory that ends whoever goes beyond it: in a process of its own, so that it can."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from zbench.conformance.pages import PAGE_BYTES, apart, forbidden, guarded

BYTE = np.dtype(np.uint8)


def ended_by(work: Callable[[], object]) -> int:
    """The signal that ended a child which did this; 0: it did it."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # no traceback of pytest's into the output
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


@pytest.mark.parametrize("size_bytes", [1, PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 1])
def test_a_byte_beyond_the_end_ends_the_process(size_bytes: int) -> None:
    """And the last byte of all does not."""
    array = guarded((size_bytes,), BYTE, "end")
    begin = array.ctypes.data
    assert ended_by(partial(ctypes.string_at, begin + size_bytes - 1, 1)) == 0
    assert ended_by(partial(ctypes.string_at, begin + size_bytes, 1)) == signal.SIGSEGV


def test_a_byte_before_the_start_ends_the_process() -> None:
    """And the first byte of all does not; a gap is as wide as it is said to be."""
    for gap_bytes in (0, 8):
        array = guarded((3, 5), np.dtype(np.float32), "start", gap_bytes)
        begin = array.ctypes.data
        assert begin % PAGE_BYTES == gap_bytes
        assert ended_by(partial(ctypes.string_at, begin - gap_bytes, 1)) == 0
        assert ended_by(partial(ctypes.string_at, begin - gap_bytes - 1, 1)) == signal.SIGSEGV


def test_forbidden_memory_may_not_even_be_read() -> None:
    """It has an address and a shape all the same."""
    array = forbidden((3, 5), np.dtype(np.float32))
    assert array.shape == (3, 5)
    assert ended_by(partial(ctypes.string_at, array.ctypes.data, 1)) == signal.SIGSEGV


def test_rows_may_be_further_apart_than_there_is_memory() -> None:
    """What lies between them is never touched: 16 GiB of addresses, four pages of memory."""
    array = apart((4, 5), np.dtype(np.float32), 1 << 30)
    array[...] = np.arange(20).reshape(4, 5)
    assert array.strides == (4 << 30, 4)
    assert array.sum() == 190
