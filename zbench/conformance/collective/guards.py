"""CO-10, CO-11: buffers at any address, and not a byte beside them."""

from __future__ import annotations

import ctypes
import mmap
import os
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.conformance.collective.oracle import REDUCTIONS
from zbench.conformance.collective.sweep import Choice, changed, operands, strayed, sweep, wrong
from zbench.conformance.collective.tails import EVERYTHING, bytes_of, whole_numbers
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks

Array = NDArray[Any]
PAGE_BYTES = mmap.PAGESIZE
PROT_NONE = 0
CANARY = 0x5C
"""What stands between a buffer and its pages' ends: neither the poison of outputs nor an operand's zero."""
SPARE = 32
"""Elements that a buffer of the fabric's own has beyond what the case needs: a vector register's worth."""
DTYPES = ("fp32", "bf16", "fp16", "int8", "byte")
"""One of each size of element, and fp16, which processors load by instructions of its own."""


def mapped(size_bytes: int) -> Array:
    """Whole pages for so many bytes, uint8, between two pages that nobody may touch: who does is ended by the
    system. Raises OSError."""
    pages = max(1, -(-size_bytes // PAGE_BYTES))
    memory = mmap.mmap(-1, (pages + 2) * PAGE_BYTES)
    whole = np.frombuffer(memory, np.uint8)
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    for page in (0, pages + 1):
        start = ctypes.c_void_p(whole.ctypes.data + page * PAGE_BYTES)
        if protect(start, ctypes.c_size_t(PAGE_BYTES), PROT_NONE) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    inside: Array = whole[PAGE_BYTES:-PAGE_BYTES]
    inside.fill(CANARY)
    return inside


@dataclass
class Fenced:
    """Lays buffers between such pages, as `Ranks.executions` asks for them."""

    at_end: bool
    """Whether a buffer ends where its pages do; else it begins there."""
    away_bytes: int = 0
    """How far from there."""
    laid: list[tuple[str, Array, slice]] = field(default_factory=list)

    def __call__(self, name: str, size_bytes: int) -> Array:
        pages = mapped(size_bytes + self.away_bytes)
        begin = len(pages) - size_bytes - self.away_bytes if self.at_end else self.away_bytes
        where = slice(begin, begin + size_bytes)
        self.laid.append((name, pages, where))
        return pages[where]

    def touched(self) -> str:
        """Which buffer has changed bytes beside it, and how far away; "": none."""
        for name, pages, where in self.laid:
            before, after = pages[: where.start], pages[where.stop :]
            for side, canaries in (("before", before[::-1]), ("behind", after)):
                if (hit := np.flatnonzero(canaries != CANARY)).size:
                    return f"byte {hit[0] + 1} {side} `{name}` was written"
        return ""


def _asked(ask: Ranks, fences: dict[str, Fenced], choices: list[Choice]) -> None:
    """Every algorithm with buffers in each of these places."""
    for each in sweep(ask, EVERYTHING, choices, DTYPES):
        case = each.case
        make = whole_numbers if case.workload in REDUCTIONS else bytes_of
        for where, fence in fences.items():
            if not ask.attempt(f"{each} {where}"):
                continue
            fence.laid.clear()
            given = operands(case, partial(make, ask, case.dtype, 0))
            for left in ask.executions(case, [given[ask.rank]], each.algorithm, lay=fence):
                ask.differs(wrong(case, given, ask.rank, left))
                if why := fence.touched():
                    ask.fail(why)


def misaligned(ask: Ranks) -> None:
    """CO-10: at any address, that of an element's own size or not, on each rank another."""
    if not ask.adopts():
        return
    p = ask.size
    aways = (1, 4, 13, 63) if ask.thorough > 1 else (1, 4, 63)
    fences = {f"+{away}": Fenced(False, away + ask.rank) for away in aways}
    _asked(ask, fences, [{"count": 8 * p}, {"count": 24 * p + 1, "root": p - 1}, {"count": 1009 * p}])


def guarded(ask: Ranks) -> None:
    """CO-11: nothing is read or written beyond either end; of buffers that the fabric takes from nobody but
    itself, nothing is written behind them."""
    p = ask.size
    choices: list[Choice] = [{"count": 4 * p}, {"count": 3 * p + 1, "root": p - 1}, {"count": 509 * p}]
    if ask.adopts():
        _asked(ask, {"at the end": Fenced(True), "at the beginning": Fenced(False)}, choices)
    for each in sweep(ask, EVERYTHING, choices, DTYPES):
        if not ask.attempt(f"{each} with room behind"):
            continue
        case = each.case
        make = whole_numbers if case.workload in REDUCTIONS else bytes_of
        given = operands(case, partial(make, ask, case.dtype, 0))
        for left in ask.executions(case, [given[ask.rank]], each.algorithm, spare=SPARE):
            ask.differs(wrong(case, given, ask.rank, left))
            if found := strayed(case, given, ask.rank, left):
                ask.fail(f"beside the result: {found}")
            ask.differs(changed(given[ask.rank], left))


ITEMS = (
    Item(
        "CO-10",
        "buffers at any address",
        "BLIS testsuite, switch for alignment; new for collectives",
        "L1",
        misaligned,
        families=("guard",),
    ),
    Item(
        "CO-11",
        "guard pages at both ends, and canaries",
        "oneDNN benchdnn zmalloc_protect; a gap in every tester of collectives",
        "L1",
        guarded,
        families=("guard", "tail"),
    ),
)
