"""torch.distributed between real processes: every operation, what it lacks, and the bad days."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the fabric torch is tested where torch is: pip install 'zbench[torch]'")

from tests.fabrics.conftest import GROUPS, answer, start
from zbench.case import Case
from zbench.errors import InvalidRun, Unsupported, UsageError
from zbench.fabrics.base import World
from zbench.fabrics.torch import Torch, loop_ns
from zbench.fabrics.torch_operations import (
    CUT,
    NEIGHBOURS,
    NOT_IN_PLACE,
    OFFERS,
    OPERATIONS,
    PAIRS,
    REDUCED,
    REDUCTIONS,
    WINDOWED,
    redops,
)
from zbench.fabrics.torch_world import FD_VARIABLE

SIZES = [0, 1, 8, 1003, 100_001]
"""In elements, of a part where there are parts: none, one, odd counts."""
ROOTED = ("bcast", "reduce", "gather", "scatter")


def run(ranks: int, body: str, *arguments: Any) -> list[Any]:
    with Torch.seats(ranks, "gloo") as seats:
        processes = start(seats, body, *arguments, script="torch_ranks.py")
        try:
            return [answer(process) for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.communicate()


def bytes_of(op: str, elements: int, item_bytes: int, ranks: int) -> int:
    return elements * item_bytes * (ranks if op in CUT else 1)


def skewed(ranks: int) -> list[list[Any]]:
    """What a router of experts sends."""
    return [["alltoallv", "byte", size, {"skew": "zipf"}] for size in (0, 5, 10_007)]


def moves(ranks: int) -> list[list[Any]]:
    """Everything that takes bytes, in every size, from every root, out of place and in place."""
    return [
        [op, "byte", bytes_of(op, elements, 1, ranks), {"root": root, "inplace": inplace}]
        for op in OFFERS
        if op not in (*REDUCTIONS, "barrier") and not (ranks == 1 and op in NEIGHBOURS)
        for elements in (SIZES[:-1] if op in WINDOWED else SIZES)
        for root in (range(ranks) if op in ROOTED else [0])
        for inplace in (["no"] if op in NOT_IN_PLACE else ["no", "yes"])
    ]


def reductions(ranks: int) -> list[list[Any]]:
    """Every dtype by everything it can be reduced by; of fp32 sums every size and root, also in place."""
    widths = {"fp64": 8, "int64": 8, "fp16": 2, "bf16": 2, "int8": 1, "uint8": 1}
    kinds = [
        [op, dtype, bytes_of(op, 37, widths.get(dtype, 4), ranks), {"redop": redop}]
        for op in REDUCTIONS
        for dtype in REDUCED
        for redop in redops(dtype)
    ]
    return kinds + [
        [op, "fp32", bytes_of(op, elements, 4, ranks), {"root": root, "inplace": inplace}]
        for op in REDUCTIONS
        for elements in SIZES
        for root in (range(ranks) if op == "reduce" else [0])
        for inplace in ("no", "yes")
    ]


@pytest.mark.parametrize("cases", [moves, reductions, skewed])
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_every_operation_is_right(ranks: int, cases: Callable[[int], list[list[Any]]]) -> None:
    """Bit by bit, on both slots, after rounds of one and of several executions; inputs stay as they were, and
    so does what a rank that receives nothing has."""
    assert run(ranks, "run_plainly", cases(ranks)) == [[]] * ranks


def test_groups_do_cases_of_their_own_side_by_side() -> None:
    """Numbered in their own order, each with its own root, parts and counts; who has nothing to do waits."""
    assert run(3, "run_groups", GROUPS) == [[]] * 3


@pytest.mark.parametrize("ranks", [2, 3])
def test_nobody_leaves_a_barrier_before_all_have_entered(ranks: int) -> None:
    """The clock is common on one host: the earliest leaver is no earlier than the latest to enter."""
    stamps = np.array(run(ranks, "early_leavers", None, 6))
    assert (stamps[:, :, 1].min(axis=0) >= stamps[:, :, 0].max(axis=0)).all()


def test_a_round_begins_when_all_have_ended_the_last() -> None:
    """On every rank."""
    stamps = np.array(run(3, "starts", 6))
    assert (stamps[:, 1:, 0].min(axis=0) > stamps[:, :-1, 1].max(axis=0)).all()


@pytest.mark.parametrize("how", ["dies", "hangs", "never comes"])
def test_a_rank_that_goes_missing_is_named_by_the_others(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By each that waits for it, long before the test's own deadline."""
    monkeypatch.setenv("TEST_TIMEOUT_S", "2")
    with Torch.seats(3, "gloo") as seats:
        processes = start(seats, "goes_missing", how, 60, script="torch_ranks.py")
        began = time.monotonic()
        answers = {rank: answer(processes[rank]) for rank in (0, 2)}
        took = time.monotonic() - began
        processes[1].kill()
        processes[1].communicate()
    for rank, told in answers.items():
        where = f"torch:gloo: rank {rank} in allreduce/fp32/8/ranks=3"
        assert told.startswith(f"{where}: rank 1 is gone, or does not answer")
    assert took < 55.0, "the missing rank sleeps for 60 s: nobody may wait for it to end"


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_list_tells_what_two_ranks_can_do(ranks: int) -> None:
    """`zbench list fabrics` starts no rank; one rank alone has nobody to send to."""
    told = {name: list(dtypes) for name, dtypes in OFFERS.items() if ranks > 1 or name not in NEIGHBOURS}
    for each in run(ranks, "told"):
        assert each["operations"] == told
        assert int(each["described"]["loop_ns"]) > 0
        assert each["described"]["threads"] == "1"
    assert set(told) | set(PAIRS) | set(NEIGHBOURS) == {*PAIRS, *OPERATIONS}


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A world of one rank, in this process."""
    with Torch.seats(1, "gloo") as seats:
        for name, value in seats[0].environment.items():
            monkeypatch.setenv(name, value)
        fabric = Torch(World(0, 1, lambda mine: [mine]), "gloo")
        yield fabric
        fabric.close()


def asked(op: str, dtype: str, size_bytes: int, **parameters: int | str) -> Case:
    return Case(op, dtype, (size_bytes,), {"ranks": 1, **parameters})


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (asked("pingpong", "byte", 8), "pingpong needs two ranks"),
        (asked("sendrecv", "byte", 8), "sendrecv needs two ranks"),
        (asked("scan", "fp32", 8), "scan is not offered"),
        (asked("allreduce", "byte", 8), "takes fp64, fp32, fp16, bf16, int8, uint8, int32, int64, not byte"),
        (asked("allreduce", "fp32", 6), "whole number of elements"),
        (asked("allreduce", "fp32", 8, ranks=2), "in a world of 1 ranks"),
        (asked("allreduce", "int32", 8, redop="avg"), "int32 is reduced by .*, not avg"),
        (asked("allreduce", "fp32", 8, redop="band"), "fp32 is reduced by .*, not band"),
        (asked("bcast", "byte", 8, root=1), "the root is no rank of 0 to 0"),
        (asked("alltoall", "byte", 8, inplace="yes"), "alltoall is not done in place"),
    ],
)
def test_what_cannot_be_done_is_unsupported(alone: Torch, case: Case, words: str) -> None:
    """Said when the case is prepared, never inside a timed interval."""
    with pytest.raises(Unsupported, match=words):
        alone.prepare(case, [{}])


def test_parts_that_are_not_equal_are_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's single-tensor operations take no others."""
    with Torch.seats(3, "gloo") as seats:
        monkeypatch.setenv(FD_VARIABLE, seats[0].environment[FD_VARIABLE])
        fabric = Torch(World(0, 3, lambda mine: [mine]), "gloo")
        for op in CUT:
            dtype = "fp32" if op in REDUCTIONS else "byte"
            with pytest.raises(Unsupported, match="equal parts of 3 ranks only"):
                fabric.prepare(Case(op, dtype, (16,), {"ranks": 3}), [{}])


def test_buffers_that_do_not_fit_and_algorithms_are_refused(alone: Torch) -> None:
    """No byte beyond a buffer is ever read, and nothing is copied without a word."""
    case = asked("allreduce", "fp32", 400)
    for buffer in (np.zeros(99, np.float32), np.zeros(100, np.int32), np.zeros(200, np.float32)[::2]):
        with pytest.raises(ValueError, match="`in` must be 100 elements of fp32 in a row"):
            alone.prepare(case, [{"in": buffer, "out": np.zeros(100, np.float32)}])
    with pytest.raises(UsageError, match="no algorithm 'ring': gloo chooses by itself"):
        alone.prepare(case, [{}], "ring")


def test_the_variant_says_what_is_in_place(alone: Torch) -> None:
    """torch has an allreduce in place only; a reader of a comparison must know."""
    for op, dtype, parameters, buffers in [
        ("allreduce", "fp32", {}, "in place"),
        ("allgather", "byte", {}, None),
        ("allgather", "byte", {"inplace": "yes"}, "in place"),
    ]:
        slot = {name: alone.alloc((8,), dtype) for name in ("in", "out")}
        plan = alone.prepare(asked(op, dtype, 8, **parameters), [slot])
        assert alone.variant(plan).get("buffers") == buffers


def test_the_loop_costs_far_less_than_what_it_times(alone: Torch) -> None:
    """It is told in ns, above nothing."""
    assert loop_ns() % 100 == 0
    assert int(alone.describe()["loop_ns"]) >= 100
    assert alone.probe(asked("allreduce", "fp32", 8)) is None


def test_more_memory_than_there_is_is_refused(alone: Torch) -> None:
    """Before it is touched, and with both figures."""
    with pytest.raises(MemoryError, match=r"MiB wanted, \d+ MiB available"):
        alone.alloc((1 << 46,), "byte")


def test_wrong_options_and_worlds_are_usage_errors() -> None:
    """With the near miss; before any process is started."""
    with pytest.raises(UsageError, match=r"no backend 'glo' \(did you mean 'gloo'\?\)"):
        Torch.seats(2, "glo").__enter__()
    with pytest.raises(UsageError, match="name the backend"):
        Torch.seats(2).__enter__()
    for ranks in (0, 100_000):
        with pytest.raises(UsageError, match=f"{ranks} ranks"):
            Torch.seats(ranks, "gloo").__enter__()


def test_a_rank_without_a_seat_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file descriptor, or one that is not open."""
    monkeypatch.delenv(FD_VARIABLE, raising=False)
    with pytest.raises(InvalidRun, match=f"{FD_VARIABLE} is not set"):
        Torch(World(0, 1, lambda mine: [mine]), "gloo")
    monkeypatch.setenv(FD_VARIABLE, "99999")
    with pytest.raises(InvalidRun, match="cannot open the ranks' meeting place"):
        Torch(World(0, 1, lambda mine: [mine]), "gloo")


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """The ranks meet in a file without a name, which goes with the last that has it open."""
    before = len(os.listdir("/proc/self/fd"))
    with Torch.seats(2, "gloo") as seats:
        fd = int(seats[0].environment[FD_VARIABLE])
        assert os.readlink(f"/proc/self/fd/{fd}").startswith("/memfd:")
    assert len(os.listdir("/proc/self/fd")) == before


def test_it_runs_from_the_command_line_beside_another(tmp_path: Path) -> None:
    """A few cases of the smoke profile, answered by both and verified."""
    command = [sys.executable, "-m", "zbench.cli", "run", "fabric", "--profile", "smoke", "--ranks", "2"]
    command += ["--fabric", "shm", "--fabric", "torch:gloo"]
    command += ["--case", "allreduce/*/8/*", "--case", "pingpong/*/8/*"]
    done = subprocess.run([*command, "--out", "run"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode in (0, 3, 4), done.stdout + done.stderr  # 4: too busy a machine to believe clocks
    lines = (tmp_path / "run" / "records.jsonl").read_text().splitlines()
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert {record["subject"] for record in records} == {"shm", "torch:gloo"}
    assert all(record["verification"]["passed"] for record in records)
