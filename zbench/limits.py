"""What a process needs before numpy is loaded: without it numpy ends the process itself."""

from __future__ import annotations

import os
import resource

from zbench.errors import ZbenchError

ADDRESS_SPACE_BYTES = 512 << 20
"""Of a process with numpy, scipy and matplotlib. With less OpenBLAS calls exit(1), which reads as NOT MET."""
BLAS_THREADS = "OPENBLAS_NUM_THREADS"

_given: dict[str, str | None] = {}


def settle() -> None:
    """Before a verb runs. Raises ZbenchError.

    This process computes nothing, so its BLAS gets no threads: where processes are rationed (`ulimit -u`, a
    container's pids) OpenBLAS sends itself a SIGINT for each thread that is denied.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < ADDRESS_SPACE_BYTES:
        raise ZbenchError(
            f"the limit on memory is {limit >> 20} MiB, too little even to start; raise it with `ulimit -v`"
        )
    _given[BLAS_THREADS] = os.environ.get(BLAS_THREADS)
    os.environ[BLAS_THREADS] = "1"


def environment() -> dict[str, str]:
    """As it was given to this process: what its workers inherit."""
    given = os.environ | _given
    return {name: value for name, value in given.items() if value is not None}
