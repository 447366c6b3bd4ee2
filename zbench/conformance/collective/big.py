"""CO-19: vectors that 32 bits cannot count."""

from __future__ import annotations

import numpy as np

from zbench.case import Case
from zbench.conformance.collective.calls import Wanted, agreed, bound
from zbench.conformance.compare import equal
from zbench.conformance.item import Item
from zbench.conformance.world import Ranks
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import Unsupported, UsageError
from zbench.fabrics.memory import available_bytes

LARGE_BYTES = ((1 << 31) + 4096, (1 << 32) + 4096)
COPIES = 4
"""Vectors that a rank holds: `in`, `out`, what is written or read, and what an algorithm may take."""
SHARE = 0.75
"""Of the host's available memory that may be taken."""
PERIOD = 8191
"""Prime, so that no power of two brings the same data to two places."""
FITS = 8
WRAPS = ((1 << 32) + FITS, (1 << 35) + FITS)
"""Bytes that come to FITS where they are counted in 32 bits, or in 35. No sums: for those a fabric may take
scratch memory of the same size before it looks."""
REFUSED = (Unsupported, UsageError, ValueError, OverflowError, MemoryError)


def big(ask: Ranks) -> None:
    """A count that has wrapped is refused, the one that it would come to is not; and one that has not wrapped
    arrives whole."""
    for op in ("bcast", "allgather", "sendrecv"):
        fitting = (FITS,) if FITS % ask.size == 0 else ()  # not all libraries gather unequal parts
        for size_bytes in (*fitting, *WRAPS) if ask.offers(op, "byte") else ():
            if ask.attempt(f"{op} of {size_bytes} bytes in buffers of {FITS}"):
                case, fits = ask.case(op, "byte", size_bytes), size_bytes == FITS
                if accepted(ask, case) is not fits:
                    ask.fail(f"{case.key} is {'refused' if fits else 'prepared'} for buffers of {FITS} bytes")
    if ask.thorough < 2:
        ask.lacking("vectors of more than 2^31 bytes, which L2 sends")
        return
    for size_bytes in LARGE_BYTES:
        for op, dtype in (("bcast", "byte"), ("allreduce", "fp32")):
            wanted = COPIES * ask.size * size_bytes
            short = f"{wanted >> 30} GiB of memory" if wanted > SHARE * available_bytes() else ""
            if lack := agreed(ask, short):
                ask.lacking(f"{op} of {size_bytes} bytes: {lack}")
            elif ask.offers(op, dtype) and ask.attempt(f"{op} of {size_bytes} bytes"):
                large(ask, op, dtype, size_bytes)


def accepted(ask: Ranks, case: Case) -> bool:
    """Whether the fabric prepares it for buffers of FITS bytes, or one for each rank."""
    slot = {name: ask.fabric.alloc((max(FITS, ask.size),), case.dtype) for name in ("in", "out")}
    try:
        plan = ask.fabric.prepare(case, [slot])
    except REFUSED:
        return False
    ask.fabric.release(plan)
    return True


def large(ask: Ranks, op: str, dtype: str, size_bytes: int) -> None:
    """Every element of one call; none where the fabric says that it has none so long."""
    kind = NUMPY_DTYPES[dtype]
    call = bound(ask, Wanted(ask.case(op, dtype, size_bytes // kind.itemsize)))
    if call is None:
        ask.tried -= 1
        return
    tile = (np.arange(PERIOD) % 127).astype(kind)
    ask.fabric.write(call.slots[0]["in"], np.resize(tile * (ask.rank + 1), size_bytes // kind.itemsize))
    ask.fabric.execute(call.plan, 0)
    factor = 1 if op == "bcast" else ask.size * (ask.size + 1) // 2
    got = ask.fabric.read(call.slots[0]["out"])
    ask.fabric.release(call.plan)
    step = PERIOD << 10  # what comparing takes besides stays small
    for begin in range(0, got.size, step):
        part = got[begin : begin + step]
        if found := equal(np.resize(tile * factor, part.size), part):
            ask.fail(f"behind element {begin}: {found}")
            return


ITEMS = (
    Item(
        "CO-19",
        "counts and bytes beyond 2^31 and 2^32",
        "open-mpi/ompi#10094, openmc-dev/openmc#4037",
        "L1",
        big,
        families=("wrap", "index"),
        limit_s=600.0,
    ),
)
