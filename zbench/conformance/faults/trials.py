"""`python -m zbench.conformance.faults.trials`: the goals R1 and R2 of the fabric `shm`, by many trials.

R1: a rank is killed in the middle of operations; how long until every other one has been told, by their own
clock, which CLOCK_MONOTONIC makes the same for all processes of a host. R2: ranks that share cores four to
one go on while one of them is stopped and continued, for less than half of the deadline; nobody is blamed.
The next one is stopped when all have gone on, so that no operation is held up by two.

Ranks are forks of this process, which has no threads: a thousand worlds would take an hour to exec.
"""

from __future__ import annotations

import argparse
import json
import math
import mmap
import os
import random
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zbench.case import Case
from zbench.errors import InvalidRun
from zbench.fabrics.base import Seat, World
from zbench.fabrics.shm import FD_VARIABLE, Shm
from zbench.native import cpu

CASE_BYTES = 1 << 16
INTO_OPERATIONS_S = 0.02
"""A rank is killed at a random moment within this of the first operation that all have finished."""
ANSWER_S = 60.0
"""Longer than any deadline here: who has not answered by then hangs."""
DEADLINE_S = 2.0
"""Of a wait, where ranks are stopped; they are for less than half of it."""
LOOK_S = 0.001
"""Between two looks at how far ranks have come."""
CROWD = 4
"""Ranks for each core."""
QUANTILES = {"p50": 0.5, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True)
class Rank:
    """A forked rank, as its parent sees it."""

    pid: int
    said: int
    """The descriptor that it tells through: a line when it works, a line of JSON when it is told."""
    done: NDArray[np.int64]
    """[1]: operations that it has finished, in memory that both can see."""


@dataclass(frozen=True)
class Death:
    """One trial of R1."""

    told_s: float
    """From the kill to the last of the others."""
    named: bool
    """Whether all of them were told which rank it was."""


def deaths(trials: int, ranks: int, seed: int) -> Iterator[Death]:
    """R1, a world for each trial."""
    rng = random.Random(seed)
    for _ in range(trials):
        victim = rng.randrange(ranks)
        with world(ranks, Shm.timeout_s) as members:
            time.sleep(rng.uniform(0, INTO_OPERATIONS_S))
            killed_ns = time.monotonic_ns()
            os.kill(members[victim].pid, signal.SIGKILL)
            others = [each for rank, each in enumerate(members) if rank != victim]
            told = [json.loads(_line(each.said)) for each in others]
        told_s = max(each["at_ns"] for each in told) - killed_ns
        yield Death(told_s / 1e9, all(f"rank {victim} has ended" in each["why"] for each in told))


def false_alarms(trials: int, ranks: int, seed: int) -> Iterator[str]:
    """R2, in one world for as long as nobody is blamed: for each stop what was said, "" for nothing."""
    rng = random.Random(seed)
    left = trials
    while left:
        with world(ranks, DEADLINE_S) as members:
            for _ in range(left):
                pid = rng.choice(members).pid
                os.kill(pid, signal.SIGSTOP)
                time.sleep(rng.uniform(0, DEADLINE_S / 2))
                os.kill(pid, signal.SIGCONT)
                left -= 1
                complaint = _complaint(members)
                yield complaint
                if complaint:
                    break


def _complaint(members: Sequence[Rank]) -> str:
    """What one of them says before all have finished another operation; "" for nothing. Raises
    TimeoutError."""
    before = [int(each.done[0]) for each in members]
    until_s = time.monotonic() + ANSWER_S
    while time.monotonic() < until_s:
        if heard := select.select([each.said for each in members], [], [], LOOK_S)[0]:
            return _line(heard[0])
        if all(int(each.done[0]) > done for each, done in zip(members, before, strict=True)):
            return ""
    raise TimeoutError(f"not all ranks have gone on within {ANSWER_S:g} s")


@contextmanager
def world(ranks: int, timeout_s: float) -> Iterator[list[Rank]]:
    """Ranks that do one operation after the other until they are told not to; none outlives the block."""
    done = np.frombuffer(mmap.mmap(-1, 8 * ranks), np.int64)
    with Shm.seats(ranks) as seats:
        members: list[Rank] = []
        try:
            for rank in range(ranks):
                members.append(_fork(seats[rank], rank, timeout_s, members, done))
            for each in members:
                _line(each.said)
            yield members
        finally:
            for each in members:
                with suppress(ProcessLookupError):
                    os.kill(each.pid, signal.SIGKILL)
                os.waitpid(each.pid, 0)
                os.close(each.said)


def _fork(seat: Seat, rank: int, timeout_s: float, others: Sequence[Rank], done: NDArray[np.int64]) -> Rank:
    said, telling = os.pipe()
    own = done[rank : rank + 1]
    pid = os.fork()
    if pid:
        os.close(telling)
        return Rank(pid, said, own)
    try:
        for each in (said, *(other.said for other in others)):
            os.close(each)
        os.environ[FD_VARIABLE] = seat.environment[FD_VARIABLE]
        Shm.timeout_s = timeout_s
        crowded = len(done) > len(os.sched_getaffinity(0))
        fabric = Shm(World(rank, len(done), lambda mine: [mine], crowded))
        _work(fabric, own, lambda line: os.write(telling, line))
    finally:
        os._exit(0)


def _work(fabric: Shm, done: NDArray[np.int64], tell: Callable[[bytes], object]) -> None:
    case = Case("allreduce", "fp32", (CASE_BYTES,), {"ranks": fabric.world.size})
    slot = {name: fabric.alloc((CASE_BYTES // 4,), "fp32") for name in ("in", "out")}
    try:
        plan = fabric.prepare(case, [slot])
        fabric.execute(plan, 0)
        tell(b"works\n")
        while True:
            fabric.execute(plan, 0)
            done[0] += 1
    except InvalidRun as error:
        tell(json.dumps({"at_ns": time.monotonic_ns(), "why": str(error)}).encode() + b"\n")


def _line(fd: int) -> str:
    """What a rank tells next. Raises TimeoutError."""
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([fd], [], [], ANSWER_S)[0]:
            raise TimeoutError(f"a rank has not answered within {ANSWER_S:g} s")
        byte = os.read(fd, 1)
        if not byte:
            raise TimeoutError("a rank has ended without a word")
        line += byte
    return line.decode()


def quantile(ordered: Sequence[float], share: float) -> float:
    """The least of the values that at least this share does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def told_of_deaths(found: Sequence[Death], ranks: int, cores: int) -> str:
    """One line of R1."""
    times_ms = sorted(each.told_s * 1e3 for each in found)
    spread = ", ".join(f"{name} {quantile(times_ms, share):.1f}" for name, share in QUANTILES.items())
    named = sum(each.named for each in found)
    return f"R1 shm, {ranks} ranks on {cores} cores: {named} of {len(found)} killed ranks named; ms: {spread}"


def told_of_stops(said: Sequence[str], ranks: int, cores: int) -> str:
    """One line of R2, and what was said."""
    alarms = [each for each in said if each]
    head = f"R2 shm, {ranks} ranks on {cores} cores: {len(alarms)} false alarms in {len(said)} stops"
    return "\n".join([head, *alarms])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cores = cpu.usable_cpus()
    crowded = CROWD * cores
    for ranks in sorted({2, 3, crowded}):
        found = list(deaths(options.trials, ranks, options.seed))
        print(told_of_deaths(found, ranks, cores), flush=True)
    print(told_of_stops(list(false_alarms(options.trials, crowded, options.seed)), crowded, cores))


if __name__ == "__main__":
    main()
