"""Compiled plans in C: binding them to buffers, executing and timing them; typed reductions."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.native import cpu
from zbench.native._zbench import ffi, lib
from zbench.native.arguments import choice, count
from zbench.native.status import check

DTYPES: dict[str, int] = {
    "fp64": lib.ZB_FP64,
    "fp32": lib.ZB_FP32,
    "fp16": lib.ZB_FP16,
    "bf16": lib.ZB_BF16,
    "int8": lib.ZB_INT8,
    "uint8": lib.ZB_UINT8,
    "int32": lib.ZB_INT32,
    "uint32": lib.ZB_UINT32,
    "int64": lib.ZB_INT64,
    "uint64": lib.ZB_UINT64,
    "byte": lib.ZB_BYTE,
}
"""dtype -> its number in C. All but `byte`, which is only moved, can be reduced."""

REDOPS: dict[str, int] = {
    "sum": lib.ZB_SUM,
    "prod": lib.ZB_PROD,
    "min": lib.ZB_MIN,
    "max": lib.ZB_MAX,
    "band": lib.ZB_BAND,
    "bor": lib.ZB_BOR,
    "bxor": lib.ZB_BXOR,
}
"""Reduction -> its number in C. An average is a sum that is scaled."""

BUFFERS = ("in", "out", "tmp")


class PeerError(Exception):
    """A peer did not answer, gave up, ended, or is in another call; `status` is the C status."""

    def __init__(self, status: int) -> None:
        super().__init__(
            {
                lib.ZB_ETIMEDOUT: "a peer did not answer within the deadline",
                lib.ZB_EPEER: "a peer aborted the operation",
                lib.ZB_EGONE: "a peer has ended",
                lib.ZB_EMISMATCH: "a peer is in another call",
            }.get(status, "the call is out of range")
        )
        self.status = status


def isa(name: str | None = None) -> str:
    """The instruction set whose loops reduce where `name` is asked for (None: `cpu.isa`): it, or what it
    builds on, as AVX512_VNNI does on AVX512. Raises UsageError (this CPU lacks it), ValueError."""
    number = _isa(name)
    found = lib.zb_coll_isa(number)
    check(lib.ZB_EISA if found < 0 else lib.ZB_OK, f"reductions by {name}")
    return next(each for each, known in cpu.ISAS.items() if known == found)


def _isa(name: str | None) -> int:
    return cpu.ISAS[cpu.isa() if name is None else choice("isa", name, cpu.ISAS)]


def combine_into(
    dtype: str,
    redop: str,
    dst: NDArray[Any],
    a: NDArray[Any],
    b: NDArray[Any],
    isa: str | None = None,
) -> None:
    """dst = a (redop) b, elementwise, all contiguous and of one size; dst may be a or b.

    csrc/coll/reduce.h says what is exact, what wraps, and what a NaN does. Raises ValueError, UsageError
    (an instruction set this CPU lacks).
    """
    numbers = _isa(isa), DTYPES[choice("dtype", dtype, DTYPES)], REDOPS[choice("redop", redop, REDOPS)]
    if not dst.nbytes == a.nbytes == b.nbytes:
        raise ValueError(f"sizes differ: {dst.nbytes}, {a.nbytes} and {b.nbytes} bytes")
    pointers = [_pointer(dst, True), _pointer(a), _pointer(b)]
    status = lib.zb_coll_reduce(*numbers, *pointers, dst.nbytes)
    check(status, f"{redop} of {dst.nbytes} bytes as {dtype}")


def scale_into(dtype: str, dst: NDArray[Any], src: NDArray[Any], ranks: int, isa: str | None = None) -> None:
    """dst = src / ranks, elementwise, which makes an average of a sum; dst may be src.

    Floats are multiplied by 1 / ranks (fp16 and bf16 in fp32) and rounded; integers are truncated towards
    zero. Raises ValueError, UsageError.
    """
    numbers = _isa(isa), DTYPES[choice("dtype", dtype, DTYPES)]
    if dst.nbytes != src.nbytes:
        raise ValueError(f"sizes differ: {dst.nbytes} and {src.nbytes} bytes")
    ranks = count("ranks", ranks, 1)
    status = lib.zb_coll_scale(*numbers, _pointer(dst, True), _pointer(src), dst.nbytes, ranks)
    check(status, f"scaling {dst.nbytes} bytes as {dtype}")


def _pointer(array: NDArray[Any], writable: bool = False) -> Any:
    """Its address. Raises ValueError unless it is C-contiguous, and writable where that is asked."""
    if not array.flags.c_contiguous or (writable and not array.flags.writeable):
        raise ValueError("a buffer must be contiguous, and one that is written must be writable")
    return ffi.cast("void *", array.ctypes.data)


EVENTS_PER_ROW = 3
"""One more than a right execution has, so that a row that is done twice shows."""

OWN_MASK = (1 << 40) - 1
"""The bits of a fingerprint that tell one group's call from another's (csrc/coll/plan.h)."""


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


class Plan:
    """One rank's plan, bound to the buffers of its slots, which it keeps alive.

    `actions`: rows of the dtype of schedules.compile, shape (n,). `slots`: per slot the arrays of
    "in", "out" and "tmp"; a missing one has no bytes. `redop`: of all its reductions; `isa`: what they run
    with, None for `cpu.isa`. Raises ValueError where a row names a peer, a buffer or a byte that is not
    there, or reduces a dtype that has no such reduction; UsageError (an instruction set this CPU lacks).
    """

    def __init__(
        self,
        actions: NDArray[Any],
        dtype: str,
        ranks: int,
        slots: Sequence[dict[str, NDArray[Any]]],
        redop: str = "sum",
        isa: str | None = None,
    ) -> None:
        if actions.dtype.itemsize != ffi.sizeof("zb_coll_action") or actions.ndim != 1:
            raise ValueError(f"a plan has rows of {ffi.sizeof('zb_coll_action')} bytes")
        if not slots:
            raise ValueError("a plan needs at least one slot")
        self._slots = [dict(slot) for slot in slots]
        self.slots = len(slots)
        self.rows = len(actions)
        empty = np.empty(0, np.uint8)
        rows = [[slot.get(name, empty) for name in BUFFERS] for slot in self._slots]
        # What every slot has: a plan fits all of them or none.
        sizes = [min(row[i].nbytes for row in rows) for i in range(len(BUFFERS))]
        pointers = [_pointer(row[i], i > 0) for row in rows for i in range(len(BUFFERS))]
        out = ffi.new("zb_coll_plan **")
        status = lib.zb_coll_plan_create(
            ffi.cast("zb_coll_action *", _pointer(actions)),
            len(actions),
            _isa(isa),
            DTYPES[choice("dtype", dtype, DTYPES)],
            REDOPS[choice("redop", redop, REDOPS)],
            count("ranks", ranks, 1),
            ffi.new("void *[]", pointers),
            ffi.new("int64_t[]", sizes),
            len(slots),
            out,
        )
        check(status, f"a plan of {len(actions)} rows on {len(slots)} slots")
        self._plan = ffi.gc(out[0], lib.zb_coll_plan_destroy)

    def restore(self, offset: int, size_bytes: int) -> None:
        """For a plan that works in place: before each round this much of `in` goes to `out` from `offset` on,
        untimed. Raises ValueError where it is not there."""
        status = lib.zb_coll_plan_restore(self._plan, offset, size_bytes)
        check(status, f"{size_bytes} bytes of the input at {offset} of the output")

    @property
    def pointer(self) -> Any:
        """What the transports in C take."""
        return self._plan

    def among(self, ranks: int) -> None:
        """It is the plan of a group of so many ranks, over which its averages are. Raises ValueError."""
        check(lib.zb_coll_plan_among(self._plan, ranks), f"an average over {ranks} ranks")

    def describe(self, text: str, *details: str, meeting: str = "") -> None:
        """What this plan does, in one line for people; ranks whose texts or details differ are in different
        calls, and are told so. Those that start rounds together, each with its own group's call, say the
        same `meeting`."""
        own = _hash("\0".join((text, *details)))
        common = _hash(meeting) if meeting else own
        fingerprint = common & ~OWN_MASK | own & OWN_MASK
        lib.zb_coll_plan_describe(self._plan, fingerprint, text.encode())

    def trace(self, transport: Any, slot: int) -> NDArray[Any]:
        """One blocking execution, told event by event: int64 of shape (n, 3); the row of the plan, whether it
        begins (0) or is done (1), bytes moved by then. Raises PeerError, IndexError."""
        if not 0 <= slot < self.slots:
            raise IndexError(f"slot {slot} of {self.slots}")
        events = np.zeros((EVENTS_PER_ROW * self.rows, 3), np.int64)
        told = ffi.new("int64_t *")
        pointer = ffi.cast("zb_coll_event *", _pointer(events, True))
        status = lib.zb_coll_trace(self._plan, transport, slot, pointer, len(events), told)
        if status != lib.ZB_OK:
            raise PeerError(status)
        return events[: told[0]]

    def execute(self, transport: Any, slot: int) -> None:
        """One blocking execution. Raises PeerError, IndexError."""
        if not 0 <= slot < self.slots:
            raise IndexError(f"slot {slot} of {self.slots}")
        status = lib.zb_coll_execute(self._plan, transport, slot)
        if status != lib.ZB_OK:
            raise PeerError(status)

    def run_rounds(self, transport: Any, rounds: int, batch: int) -> NDArray[np.int64]:
        """int64 ns, shape (rounds, 2): start and end of each round of `batch` executions.

        Raises PeerError, ValueError.
        """
        count("batch", batch, 1)
        stamps = np.empty((count("rounds", rounds), 2), np.int64)
        status = lib.zb_coll_rounds(
            self._plan, transport, rounds, batch, ffi.cast("int64_t *", _pointer(stamps, True))
        )
        if status != lib.ZB_OK:
            raise PeerError(status)
        return stamps
