"""The ranks of MPI's test worlds: `mpi_ranks.py RANK-VARIABLE SIZE FOLDER BODY JSON-ARGUMENTS`.

Each leaves its answer in FOLDER, in a file named by its rank.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ranks import run_groups, run_plainly  # noqa: F401 -- bodies, too

from zbench.case import Case
from zbench.errors import Unsupported, UsageError
from zbench.fabrics.base import World
from zbench.fabrics.mpi import Mpi


def barriers(fabric: Mpi, rounds: int) -> list[list[int]]:
    """Stamps of rounds of barriers."""
    plan = fabric.prepare(Case("barrier", "byte", (0,), {"ranks": fabric.world.size}), [{}])
    stamps: list[list[int]] = fabric.run_rounds(plan, rounds).tolist()
    return stamps


def told(fabric: Mpi) -> dict[str, Any]:
    """What it says of itself, and of the floor."""
    ranks = fabric.world.size
    case = Case("allreduce", "fp32", (64,), {"ranks": ranks})
    buffers = {name: fabric.alloc((16,), "fp32") for name in ("in", "out")}
    return {
        "operations": fabric.operations(),
        "described": fabric.describe(),
        "variant": fabric.variant(fabric.prepare(case, [buffers])),
        "floor": fabric.probe(Case("pingpong", "byte", (8,), {"ranks": ranks})),
        "roof": fabric.probe(Case("allreduce", "fp32", (1 << 20,), {"ranks": ranks})),
        "unbounded": fabric.probe(Case("message_rate", "byte", (8,), {"ranks": ranks})),
    }


def refusals(fabric: Mpi, cases: list[tuple[str, str, int, dict[str, Any]]]) -> list[str]:
    """Why each case is not prepared; nothing where it is."""
    found = []
    for op, dtype, size_bytes, parameters in cases:
        case = Case(op, dtype, (size_bytes,), {"ranks": fabric.world.size, **parameters})
        small = {name: fabric.alloc((2,), "fp32") for name in ("in", "out")}
        try:
            fabric.prepare(case, [small], "ring" if op == "barrier" else None)
            found.append("")
        except (Unsupported, UsageError, ValueError) as error:
            found.append(f"{type(error).__name__}: {error}")
    return found


def main() -> None:
    variable, size, folder, body, arguments = sys.argv[1:]
    rank, ranks = int(os.environ[variable]), int(size)
    cores = sorted(os.sched_getaffinity(0))
    fabric = Mpi(World(rank, ranks, lambda mine: [mine], ranks > len(cores)))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    answer = globals()[body](fabric, *json.loads(arguments))
    (Path(folder) / str(rank)).write_text(json.dumps(answer))
    fabric.close()


if __name__ == "__main__":
    main()
