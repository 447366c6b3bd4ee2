"""A plan that C owns: open until closed, one caller at a time."""

from __future__ import annotations

from threading import Lock
from typing import Any, TypeVar

from zbench.native._zbench import ffi

Self = TypeVar("Self", bound="Handle")


class Handle:
    """Holds a pointer that frees itself (`ffi.gc`); close it to give its threads and buffers back early."""

    def __init__(self, plan: Any) -> None:
        self._plan = plan
        # The C code runs without the GIL, and a plan serves one caller at a time.
        self._lock = Lock()

    def close(self) -> None:
        """End the threads and free the buffers; the plan cannot be used again."""
        with self._lock:
            if self._plan is not None:
                ffi.release(self._plan)
                self._plan = None

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> Any:
        """The pointer. Raises ValueError after `close`; call with the lock held."""
        if self._plan is None:
            raise ValueError("this plan was closed")
        return self._plan
