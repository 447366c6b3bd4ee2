"""The shared segment in C: one sparse memfd, opened by every rank of a world on one host."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zbench.native._zbench import ffi, lib
from zbench.native.arguments import count
from zbench.native.coll import PeerError, Plan
from zbench.native.status import check

PAGE_BYTES: int = lib.ZB_SHM_PAGE_BYTES
"""What memory is taken and given back in."""
MAX_RANKS: int = lib.ZB_SHM_MAX_RANKS
NOBODY: int = lib.ZB_SHM_NOBODY
PARENT: int = lib.ZB_SHM_PARENT
REASONS: dict[int, str] = {
    lib.ZB_SHM_GAVE_UP: "gave up",
    lib.ZB_SHM_SILENT: "silent",
    lib.ZB_SHM_ENDED: "ended",
    lib.ZB_SHM_OTHER_CALL: "other call",
}
"""Number in C -> `Verdict.why`."""


@dataclass(frozen=True)
class Call:
    """What a rank is in: its executions counted from 1 on, and what its plan says of itself.

    0: it has executed none yet; -1: it never opened the segment.
    """

    sequence: int
    text: str


@dataclass(frozen=True)
class Verdict:
    """Why waiting has no point any more: `who` (a rank, or PARENT) found that `whom` (a rank, or NOBODY) is
    silent, ended or in another call, or gave up; and what both were in."""

    why: str
    who: int
    whom: int
    who_call: Call
    whom_call: Call
    who_then: Call | None = None
    """What `who` ran as the call of whom's number, where it has gone on to another since."""


def create(ranks: int, data_bytes: int) -> int:
    """A file descriptor of a new segment with `data_bytes` (whole pages) per rank.

    It has no name: nothing appears in /dev/shm, and it ends with its last process.
    Raises ValueError, OSError.
    """
    count("ranks", ranks, 1, MAX_RANKS)
    fd = os.memfd_create("zbench", os.MFD_CLOEXEC)
    try:
        check(lib.zb_shm_format(fd, ranks, count("data_bytes", data_bytes)), "shared segment")
    except BaseException:
        os.close(fd)
        raise
    return fd


def abort(fd: int, who: int = -1) -> None:
    """End every wait of every rank, now and later. `who` gave up: a rank, or -1, the parent."""
    check(lib.zb_shm_abort(fd, who), "abort")


class Segment:
    """The segment as one rank sees it. `timeout_s` bounds every single wait; `oversubscribed`, the same on
    all ranks, says that they share cores.

    Raises OSError where `fd` is no segment, cannot be mapped, or has this rank already; ValueError for a rank
    that it lacks.
    """

    def __init__(self, fd: int, rank: int, oversubscribed: bool, timeout_s: float) -> None:
        out = ffi.new("zb_shm **")
        status = lib.zb_shm_open(fd, rank, oversubscribed, round(timeout_s * 1e9), out)
        check(status, f"rank {rank} of the segment in file descriptor {fd}")
        self._take(out, None, fd, rank)

    def _take(self, out: Any, owner: Segment | None, fd: int, rank: int) -> None:
        # `view` keeps self alive and self the mapping's owner, so that no mapping goes before its users.
        self._shm = ffi.gc(out[0], lib.zb_shm_close)
        self._owner = owner
        self.ranks: int = lib.zb_shm_ranks(self._shm)
        self.data_bytes: int = lib.zb_shm_data_bytes(self._shm)
        self._fd = fd
        # The data areas are the last part of the segment, one rank's behind the other's.
        self._data_start = os.fstat(fd).st_size - (self.ranks - rank) * self.data_bytes

    def beside(self, rank: int) -> Segment:
        """Another rank of this world, for a thread of this process. Raises ValueError."""
        out = ffi.new("zb_shm **")
        check(lib.zb_shm_open_beside(self._shm, rank, out), f"rank {rank} of the segment")
        other = object.__new__(Segment)
        other._take(out, self, self._fd, rank)
        return other

    @property
    def transport(self) -> Any:
        """What Plan executes over."""
        return lib.zb_shm_transport(self._shm)

    def view(self, offset: int, size_bytes: int) -> NDArray[np.uint8]:
        """Bytes of this rank's data area as an array over the segment. Raises ValueError."""
        if offset < 0 or size_bytes < 0 or offset + size_bytes > self.data_bytes:
            raise ValueError(f"{size_bytes} bytes at {offset} of {self.data_bytes}")
        start = ffi.cast("char *", lib.zb_shm_data(self._shm)) + offset
        owner = ffi.gc(start, lambda _, segment=self: None)
        return np.frombuffer(ffi.buffer(owner, size_bytes), np.uint8)

    def holds(self, array: NDArray[Any]) -> bool:
        """Whether an array lies in this rank's data area."""
        offset = array.ctypes.data - int(ffi.cast("intptr_t", lib.zb_shm_data(self._shm)))
        return offset >= 0 and offset + array.nbytes <= self.data_bytes

    def reserve(self, offset: int, size_bytes: int) -> None:
        """Take whole pages of the data area. Raises OSError where they cannot be had, which the first touch
        of a page would tell as SIGBUS."""
        os.posix_fallocate(self._fd, self._data_start + offset, size_bytes)

    def reserve_channels(self, plan: Plan) -> None:
        """Take the pages through which a plan's messages go. Raises OSError as `reserve`."""
        check(lib.zb_shm_reserve_channels(self._shm, plan.pointer), "the channels of a plan")

    def discard(self, offset: int, size_bytes: int) -> None:
        """Give whole pages of the data area back; they read as zero afterwards."""
        check(lib.zb_shm_discard(self._shm, offset, size_bytes), f"{size_bytes} bytes at {offset}")

    def intend(self, size_bytes: int) -> int:
        """Add to the bytes that ranks are about to touch; their sum over the world."""
        return int(lib.zb_shm_intend(self._shm, size_bytes))

    def synchronize(self, bystander: bool = False) -> None:
        """Return after all ranks have called it. Raises PeerError."""
        _run(lib.zb_shm_sync(self._shm, bystander))

    def probe_line(self) -> float:
        """One way of a cache line between ranks 0 and 1, ns. All ranks call it. Raises PeerError."""
        if self.ranks < 2:
            raise ValueError("one rank has nobody to pass a cache line to")
        out = ffi.new("double *")
        _run(lib.zb_shm_probe_line(self._shm, out))
        return float(out[0])

    def probe_copy(self, size_bytes: int, dst: NDArray[Any] | None, src: NDArray[Any] | None) -> float:
        """memcpy on rank 0 alone, B/s. All ranks call it; only rank 0 gives the arrays.

        Raises PeerError, ValueError.
        """
        for array in (dst, src):
            if array is not None and (array.nbytes < size_bytes or not array.flags.c_contiguous):
                raise ValueError(f"a copy of {size_bytes} bytes needs larger buffers")
        out = ffi.new("double *")
        pointers = [
            ffi.NULL if array is None else ffi.cast("void *", array.ctypes.data) for array in (dst, src)
        ]
        _run(lib.zb_shm_probe_copy(self._shm, *pointers, size_bytes, out))
        return float(out[0])

    def abort(self) -> None:
        """End every wait of every rank: this one gives up."""
        lib.zb_shm_give_up(self._shm)

    def verdict(self) -> Verdict | None:
        """What this rank found itself, else what the first to give up has found; None while all is well."""
        out = ffi.new("zb_shm_verdict *")
        lib.zb_shm_get_verdict(self._shm, out)
        if out.why == 0:
            return None
        then = _call(out.who_then) if out.who_then.sequence else None
        return Verdict(REASONS[out.why], out.who, out.whom, _call(out.who_call), _call(out.whom_call), then)


def _call(call: Any) -> Call:
    return Call(call.sequence, ffi.string(call.text).decode(errors="replace"))


def _run(status: int) -> None:
    if status != lib.ZB_OK:
        raise PeerError(status)
