"""The ranks of torch's test worlds: `python torch_ranks.py RANK SIZE BODY JSON-ARGUMENTS`."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from ranks import early_leavers, run_groups, run_plainly  # noqa: F401 -- bodies, too

from zbench.case import Case
from zbench.errors import InvalidRun
from zbench.fabrics.base import World
from zbench.fabrics.torch import Torch


def asked(ranks: int, op: str, dtype: str, size_bytes: int, parameters: dict[str, Any]) -> Case:
    return Case(op, dtype, (size_bytes,), {"ranks": ranks, **parameters})


def starts(fabric: Torch, rounds: int) -> list[list[int]]:
    """Stamps of rounds of a barrier."""
    plan = fabric.prepare(asked(fabric.world.size, "barrier", "byte", 0, {}), [{}])
    return fabric.run_rounds(plan, rounds).tolist()


def goes_missing(fabric: Torch, how: str, patience_s: float) -> str:
    """Rank 1 takes part once, or never, and is gone; what the others are told."""
    plan = fabric.prepare(
        asked(fabric.world.size, "allreduce", "fp32", 8, {}),
        [{name: fabric.alloc((2,), "fp32") for name in ("in", "out")}],
    )
    if how != "never comes":
        fabric.execute(plan, 0)
    if fabric.world.rank == 1:
        if how == "dies":
            os._exit(0)
        time.sleep(patience_s)
        os._exit(0)
    try:
        fabric.run_rounds(plan, 3)
    except InvalidRun as error:
        return str(error)
    return "no error"


def told(fabric: Torch) -> dict[str, Any]:
    """What this rank can do, and what it says of itself."""
    return {"operations": fabric.operations(), "described": fabric.describe()}


def main() -> None:
    rank, size, body, arguments = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[rank % len(cores)]})
    Torch.timeout_s = float(os.environ.get("TEST_TIMEOUT_S", Torch.timeout_s))
    fabric = Torch(World(rank, size, lambda mine: [mine], size > len(cores)), "gloo")
    answer = globals()[body](fabric, *json.loads(arguments))
    fabric.close()
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
