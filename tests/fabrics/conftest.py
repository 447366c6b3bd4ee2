"""Worlds of real, exec'd ranks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from zbench.fabrics.base import Seat
from zbench.fabrics.shm import Shm

TIMEOUT_S = 300
GROUPS: list[list[list[Any]]] = [
    [[[2, 0], "pingpong", "byte", 1000, {}], [[1], "barrier", "byte", 0, {}]],
    [[[1, 2], "unidirectional", "byte", 64, {}], [[0], "barrier", "byte", 0, {}]],
    [[[2, 1], "gather", "byte", 2000, {"root": 1}], [[0], "bcast", "byte", 8, {}]],
    [[[0, 2], "allreduce", "fp32", 64, {"redop": "max"}], [[1], "allreduce", "fp32", 64, {}]],
    [[[2, 1, 0], "alltoallv", "byte", 999, {"skew": "zipf"}]],
    [[[1, 2, 0], "scatter", "byte", 300, {"root": 2, "inplace": "yes"}]],
    [[[2, 0, 1], "reduce_scatter", "int32", 1200, {}]],
    [[[0, 2, 1], "sendrecv", "byte", 100, {}]],
]
"""Of three ranks: groups that run side by side, as `run_groups` takes them."""

Process = subprocess.Popen[str]


def start(seats: Sequence[Seat], body: str, *arguments: Any, script: str = "ranks.py") -> list[Process]:
    """One process per seat that calls `body(fabric, *arguments)` of the script."""
    ranks = Path(__file__).with_name(script)
    return [
        subprocess.Popen(
            [sys.executable, str(ranks), str(rank), str(len(seats)), body, json.dumps(arguments)],
            env=os.environ | seat.environment,
            pass_fds=seat.pass_fds,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, seat in enumerate(seats)
    ]


def answer(process: Process) -> Any:
    """What a rank answered; its own words if it failed."""
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, f"a rank ended with {process.returncode}: {err}"
    return json.loads(out)


def run(ranks: int, body: str, *arguments: Any) -> list[Any]:
    with Shm.seats(ranks) as seats:
        processes = start(seats, body, *arguments)
        try:
            return [answer(process) for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.communicate()


@pytest.fixture
def run_world() -> Callable[..., list[Any]]:
    """(ranks, body, *arguments) -> the answers of all ranks."""
    return run


@pytest.fixture
def start_world() -> Callable[..., list[Process]]:
    """(seats, body, *arguments) -> the running ranks; the caller ends them."""
    return start
