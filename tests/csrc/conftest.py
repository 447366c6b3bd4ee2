"""Worlds whose ranks are threads of one process: C releases Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from zbench.native import shm
from zbench.schedules.layout import Layout, even
from zbench.schedules.operation import Who

AREA = 16 << 20

Open = Callable[..., list[shm.Segment]]


@pytest.fixture
def world() -> Iterator[Open]:
    """(ranks, timeout_s, oversubscribed) -> the segments of all ranks, whose threads yield to each other."""
    fds = []

    def opened(ranks: int, timeout_s: float = 30.0, oversubscribed: bool = True) -> list[shm.Segment]:
        fds.append(shm.create(ranks, AREA))
        first = shm.Segment(fds[-1], 0, oversubscribed, timeout_s)
        # One mapping for all, so that a thread sanitizer sees that they meet.
        return [first, *(first.beside(rank) for rank in range(1, ranks))]

    yield opened
    for fd in fds:
        shm.abort(fd)
        os.close(fd)


def together(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run `work(rank)` in one thread per rank; the first exception wins."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def vector(blocks: int, elements: int, item_bytes: int) -> Layout:
    return even("allreduce", Who(1, 0, 0), blocks, elements, item_bytes)
