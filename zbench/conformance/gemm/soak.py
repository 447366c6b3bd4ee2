"""The same right answer for hours: exact sums over rows and columns, and one hash on every core.

Both run for `ask.soak_s`, over sizes and threads that change, so that power and heat do, too. What goes wrong
once in a million products has no other test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import count
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.compare import bits
from zbench.conformance.gemm.repeat import SHAPES, data, thread_counts
from zbench.conformance.gemm.timed import whole_numbers
from zbench.conformance.item import Item
from zbench.conformance.products import Products
from zbench.errors import Unsupported

Array = NDArray[Any]
LARGEST = 256
TILE = 16
"""Rows and columns by which a wrong place is told; about what one core computes at once."""
RETESTS = 20
"""Of a core whose hash differed: does it do so again?"""


def in_time(ask: Products) -> Iterator[int]:
    """Numbers of rounds, until the time is over; one at least."""
    until = monotonic() + ask.soak_s
    for number in count():
        if number and monotonic() >= until:
            return
        yield number


def wrong_tile(a: Array, b: Array, c: Array) -> str:
    """Where sums over C's rows and columns are not those of A and B, in int64 and to the last unit (Huang &
    Abraham 1984, "Algorithm-based fault tolerance for matrix operations"); "": nowhere."""
    wide = c.astype(np.float64)
    odd = np.argwhere(~np.isfinite(wide))
    if odd.size:
        return f"C[{odd[0][0]}, {odd[0][1]}] is {wide[tuple(odd[0])]}"
    left, right, whole = (np.trunc(each.astype(np.float64)).astype(np.int64) for each in (a, b, c))
    if (broken := np.argwhere(wide != whole)).size:
        return f"C[{broken[0][0]}, {broken[0][1]}] is no whole number"
    columns = np.flatnonzero(whole.sum(axis=0) != left.sum(axis=0) @ right)
    rows = np.flatnonzero(whole.sum(axis=1) != left @ right.sum(axis=1))
    if not columns.size and not rows.size:
        return ""
    row, column = (str(int(each[0]) // TILE) if each.size else "?" for each in (rows, columns))
    return f"sums of {rows.size} rows and {columns.size} columns are wrong, first in tile ({row}, {column})"


def exact_soak(ask: Products) -> None:
    """GE-37: threshold zero, by two checks of which each sees every single wrong element."""
    threads = [1, *thread_counts()]
    done = 0
    for number in in_time(ask):
        if not ask.attempt(f"round={number}"):
            continue
        m, n, k = (int(size) for size in ask.rng(1).integers(1, LARGEST + 1, 3))
        a, b = whole_numbers(ask, m, n, k, 2)
        try:
            c = ask.multiply(a, b, out=ask.widest, threads=threads[number % len(threads)])
        except Unsupported:
            threads = [1]
            c = ask.multiply(a, b, out=ask.widest)
        done += 1
        if wrong := wrong_tile(a, b, c):
            ask.fail(f"{m}x{n}x{k} threads={threads[number % len(threads)]}: {wrong}")
    ask.facts["rounds"] = f"{done} in {ask.soak_s:g} s"


def golden_soak(ask: Products) -> None:
    """GE-38: the hash of C, again and again and on each core; a core that differs is asked again."""
    if "D0" not in ask.declared.determinism:
        ask.lacking("D0: the same bits again are not declared")
        return
    golden: dict[int, str] = {}
    cores = sorted(os.sched_getaffinity(0)) if ask.card.memory == "host" else [-1]
    m, n, k = SHAPES[-1]
    for number in in_time(ask):
        core = cores[number % len(cores)]
        if not ask.attempt(f"data={number // len(cores) % RETESTS} core={core}"):
            continue
        draw = number // len(cores) % RETESTS
        ask.name = f"data={draw}"  # the same data on every core
        a, b = data(ask, m, n, k)
        with pinned(core):
            found = digest(ask.multiply(a, b))
            if golden.setdefault(draw, found) == found:
                continue
            again = sum(digest(ask.multiply(a, b)) != golden[draw] for _ in range(RETESTS))
        ask.name = f"data={draw} core={core}"
        ask.fail(f"hash {found}, golden {golden[draw]}; {again} of {RETESTS} retests on this core differ")
    ask.facts["rounds"] = f"{ask.tried} on {len(cores)} cores or devices in {ask.soak_s:g} s"


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """This thread on one core; -1: wherever it is."""
    before = os.sched_getaffinity(0)
    if core >= 0:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def digest(c: Array) -> str:
    return sha256(bits(c).tobytes()).hexdigest()[:16]


ITEMS = (
    Item(
        "GE-37",
        "exact sums of rows and columns, for hours",
        "Huang & Abraham 1984",
        "L5",
        exact_soak,
        families=("sporadic", "race"),
        soaks=True,
    ),
    Item(
        "GE-38",
        "one hash on every core, for hours",
        "OpenDCDiag",
        "L5",
        golden_soak,
        families=("sporadic",),
        soaks=True,
    ),
)
