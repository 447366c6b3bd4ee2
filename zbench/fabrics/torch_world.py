"""A world of torch.distributed on one host: how its ranks find each other, and tell who is missing when
they do not."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from inspect import signature
from typing import Any

import torch.distributed as dist

from zbench.errors import InvalidRun

FD_VARIABLE = "ZBENCH_TORCH_STORE_FD"
"""An inherited file without a name, through which the ranks exchange addresses: nothing can be left behind,
and no port is guessed."""

LAST_WORD_S = 5.0
"""Within it a rank that has met an error itself has said so: gloo's connections end with their process."""
LOOK_AGAIN_S = 0.01


def store(size: int, timeout_s: float) -> Any:
    """Where the ranks of a world leave words for each other. Raises InvalidRun."""
    if FD_VARIABLE not in os.environ:
        raise InvalidRun(f"torch: {FD_VARIABLE} is not set; start the ranks on the seats of Torch.seats")
    fd = os.environ[FD_VARIABLE]
    try:
        os.fstat(int(fd))  # torch would try to open it for minutes
        found = dist.FileStore(f"/proc/self/fd/{fd}", size)
    except (OSError, ValueError, RuntimeError) as error:
        raise InvalidRun(f"torch: cannot open the ranks' meeting place: {first_line(error)}") from error
    found.set_timeout(timedelta(seconds=timeout_s))
    return found


def join(backend: str, meeting: Any, rank: int, size: int, timeout_s: float) -> None:
    """Become a rank of the default group, with all others. Raises RuntimeError."""
    timeout = timedelta(seconds=timeout_s)
    dist.init_process_group(backend, store=meeting, rank=rank, world_size=size, timeout=timeout)


ORDERED_AS_GIVEN = "sort_ranks" in signature(dist.new_group).parameters
"""Whether this torch can number the ranks of a group in another order than that of the world."""


def group(members: tuple[int, ...]) -> Any:
    """torch's group of these ranks, in this order; only they call, others make theirs. Raises RuntimeError.

    One more each time, kept until the world is left: ranks agree on its name by how many each has, so that
    none may reuse or destroy one while another does not.
    """
    order = {"sort_ranks": False} if ORDERED_AS_GIVEN else {}
    return dist.new_group(list(members), use_local_synchronization=True, **order)


def leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def silent(meeting: Any, rank: int, size: int) -> list[int]:
    """After an error: the ranks that have not met one, which are those that the others waited for.

    Leaves the world, so that whoever waits for this rank is told at once.
    """
    meeting.set(f"failed/{rank}", "1")
    leave()
    others = [each for each in range(size) if each != rank]
    deadline = time.monotonic() + LAST_WORD_S
    while True:
        missing = [each for each in others if not meeting.check([f"failed/{each}"])]
        if not missing or time.monotonic() > deadline:
            return missing
        time.sleep(LOOK_AGAIN_S)
