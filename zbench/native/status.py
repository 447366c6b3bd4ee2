"""Status codes of the C code as exceptions."""

from __future__ import annotations

import os

from zbench.errors import UsageError
from zbench.native._zbench import ffi, lib


def check(status: int, what: str) -> None:
    """Return if the status is ZB_OK, else raise what it stands for; `what` says what was tried.

    Raises ValueError, MemoryError, UsageError (an instruction set this CPU lacks), TimeoutError,
    ConnectionError or OSError.
    """
    if status == lib.ZB_OK:
        return
    if status == lib.ZB_EINVAL:
        raise ValueError(f"{what}: an argument is out of range")
    if status == lib.ZB_ENOMEM:
        raise MemoryError(f"{what}: not enough memory")
    if status == lib.ZB_EISA:
        raise UsageError(f"{what}: this CPU lacks the instruction set")
    if status == lib.ZB_ETIMEDOUT:
        raise TimeoutError(f"{what}: a peer did not answer in time")
    if status == lib.ZB_EPEER:
        raise ConnectionError(f"{what}: a peer gave up")
    raise OSError(ffi.errno, f"{what}: {os.strerror(ffi.errno)}")
