"""Shared memory between real processes: every operation, every algorithm, and the bad days."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zbench.case import Case
from zbench.errors import InvalidRun, Unsupported, UsageError
from zbench.fabrics.base import WINDOWED, World
from zbench.fabrics.planned import BITWISE, INTEGERS, REDOPS, SUMMED
from zbench.fabrics.shm import FD_VARIABLE, Shm
from zbench.schedules.operation import OPERATIONS
from zbench.schedules.table import ALGORITHMS

RunWorld = Callable[..., list[Any]]

SIZES = [0, 8, 56, 64, 1000, 1032, 16384, 100_000, 1 << 20]
WINDOWED_SIZES = [0, 8, 56, 1000, 20_000]
"""64 messages of their own each: every path of a message, and no more bytes than that takes."""
"""Around each way to travel: in a line, in one slot, from the sender's buffer, in many slots."""
PAIRED = ["pingpong", "unidirectional", "bidirectional", "message_rate"]


LARGEST_OF_OTHERS = 200_000
OTHERS = [op for op in OPERATIONS if op not in (*PAIRED, "barrier", "bcast", "allreduce")]


def cases(op: str, ranks: int, **settings: int | str) -> list[list[Any]]:
    """(op, dtype, bytes, settings, algorithm, registered) for every size, algorithm and kind of buffer."""
    sizes = SIZES if ranks <= 2 else SIZES[:-1]
    if op in WINDOWED:
        sizes = WINDOWED_SIZES
    if op == "alltoall":
        sizes = [size // 8 * 8 * ranks for size in (0, 8, 1000, 20_000)]
    if OPERATIONS[op].sums:
        return [
            [op, dtype, size // 8 * 8, settings, name, registered]
            for name in ALGORITHMS[op]
            for dtype in ("fp32", "int64")
            for size in (sizes if dtype == "fp32" else [1000])
            for registered in (True, False)
        ]
    # Three bytes more: an odd size ends in the middle of a word.
    odd = 0 if op == "alltoall" else 3
    return [
        [op, "byte", size + odd * (size > 0), settings, name, each]
        for name in ALGORITHMS[op]
        for size in [*sizes, ranks if op == "alltoall" else 1]
        for each in (True, False)
    ]


@pytest.mark.parametrize("ranks", [1, 2, 5, 8])
def test_allreduce_adds_the_vectors_of_all_ranks(run_world: RunWorld, ranks: int) -> None:
    """Exact integers, bit by bit, on both slots, after rounds of one and of several executions."""
    assert run_world(ranks, "run_cases", cases("allreduce", ranks)) == [[]] * ranks


@pytest.mark.parametrize("ranks", [1, 2, 5])
def test_bcast_brings_the_roots_bytes_to_all_ranks(run_world: RunWorld, ranks: int) -> None:
    """The root's own `out` included, whoever it is."""
    asked = cases("bcast", ranks, root=ranks - 1)
    assert run_world(ranks, "run_cases", asked) == [[]] * ranks


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_every_collective_does_what_its_definition_says(run_world: RunWorld, ranks: int) -> None:
    """Sizes that do not divide by the ranks included; ranks without a result keep what they had."""
    asked = []
    for op in OTHERS:
        root = {"root": ranks // 2} if OPERATIONS[op].rooted else {}
        asked += [each for each in cases(op, ranks, **root) if each[2] <= LARGEST_OF_OTHERS]
    assert run_world(ranks, "run_cases", asked) == [[]] * ranks


@pytest.mark.skipif("ZBENCH_TEST_LARGE" not in os.environ, reason="takes 9 GiB: set ZBENCH_TEST_LARGE=1")
@pytest.mark.parametrize(("op", "dtype"), [("bcast", "byte"), ("allreduce", "fp32")])
def test_vectors_longer_than_31_bits_of_bytes_arrive(run_world: RunWorld, op: str, dtype: str) -> None:
    """Every element of 2 GiB and a little."""
    assert run_world(2, "large", op, dtype, (1 << 31) + 4096) == [""] * 2


@pytest.mark.parametrize("ranks", [2, 5])
def test_what_is_executed_is_the_proved_schedule(run_world: RunWorld, ranks: int) -> None:
    """SY-8: row by row, in the order of steps, with all bytes; in both buffer modes."""
    asked = []
    for op in ("barrier", "bcast", "allreduce", *OTHERS):
        root = {"root": ranks // 2} if OPERATIONS[op].rooted else {}
        asked += [each for each in cases(op, ranks, **root) if each[2] <= LARGEST_OF_OTHERS]
    assert run_world(ranks, "run_traced", asked) == [[]] * ranks


@pytest.mark.parametrize("ranks", [2, 3])
def test_every_collective_works_in_place(run_world: RunWorld, ranks: int) -> None:
    """From and to one buffer, which is put right before each round."""
    asked = []
    for op in (*OTHERS, "bcast", "allreduce"):
        dtype = "fp32" if OPERATIONS[op].sums else "byte"
        root = {"root": ranks - 1} if OPERATIONS[op].rooted else {}
        for name in ALGORITHMS[op]:
            for size in (8 * ranks, 4000 * ranks):
                if op != "alltoallv":
                    asked.append([op, dtype, size, {"inplace": "yes", **root}, name, True])
    assert run_world(ranks, "run_cases", asked) == [[]] * ranks


@pytest.mark.parametrize("ranks", [2, 4])
def test_every_dtype_is_reduced_by_every_operation(run_world: RunWorld, ranks: int) -> None:
    """By two algorithms, which combine at different places; averages of powers of two are exact."""
    asked = [
        ["allreduce", dtype, 1000, {"redop": redop}, name, True]
        for dtype in SUMMED
        for redop in REDOPS
        for name in ("direct", "ring")
        if redop not in BITWISE or dtype in INTEGERS
    ]
    assert run_world(ranks, "run_cases", asked) == [[]] * ranks


def test_a_skewed_exchange_brings_each_rank_its_share(run_world: RunWorld) -> None:
    """The first rank is asked most, some may get nothing."""
    asked = [
        ["alltoallv", "byte", size, {"skew": "zipf"}, name, True]
        for name in ALGORITHMS["alltoallv"]
        for size in (0, 3, 1000, 100_000)
    ]
    assert run_world(5, "run_cases", asked) == [[]] * 5


@pytest.mark.parametrize("ranks", [2, 3])
def test_messages_between_two_ranks_arrive(run_world: RunWorld, ranks: int) -> None:
    """Ranks beyond the pair keep what they had."""
    asked = [each for op in PAIRED for each in cases(op, ranks)]
    assert run_world(ranks, "run_cases", asked) == [[]] * ranks


@pytest.mark.parametrize("algorithm", list(ALGORITHMS["barrier"]))
@pytest.mark.parametrize("ranks", [2, 3])
def test_nobody_leaves_a_barrier_before_all_have_entered(
    run_world: RunWorld, ranks: int, algorithm: str
) -> None:
    """The clock is common on one host: the earliest leaver is no earlier than the latest to enter."""
    stamps = np.array(run_world(ranks, "early_leavers", algorithm, 10))
    assert (stamps[:, :, 1].min(axis=0) >= stamps[:, :, 0].max(axis=0)).all()


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_probes_are_told_to_all_ranks(run_world: RunWorld, ranks: int) -> None:
    """A floor in ns and a roof in B/s, the same on every rank; one rank passes no line to nobody."""
    answers = run_world(ranks, "probes")
    assert all(each == answers[0] for each in answers)
    floor, roof = answers[0]
    assert roof[0] == "B/s"
    assert roof[1] > 0
    if ranks == 1:
        assert floor is None
    else:
        assert floor[0] == "ns"
        assert floor[1] > 0


def test_nothing_appears_in_dev_shm(run_world: RunWorld) -> None:
    """The segment has no name, so nothing can be left behind."""
    before = set(Path("/dev/shm").iterdir())
    with Shm.seats(2):
        assert set(Path("/dev/shm").iterdir()) == before


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A world of one rank, in this process."""
    with Shm.seats(1) as seats:
        monkeypatch.setenv(FD_VARIABLE, seats[0].environment[FD_VARIABLE])
        fabric = Shm(World(0, 1, lambda mine: [mine]))
        yield fabric
        fabric.close()


def asked(op: str, dtype: str, size_bytes: int, ranks: int = 1) -> Case:
    return Case(op, dtype, (size_bytes,), {"ranks": ranks})


def slots(fabric: Shm, elements: int, dtype: str) -> list[dict[str, Any]]:
    return [{name: fabric.alloc((elements,), dtype) for name in ("in", "out")}]


def test_memory_comes_back_with_the_last_array(alone: Shm) -> None:
    """A place is reused only when no array looks at it any more, views included."""
    first = alone.alloc((1000,), "fp64")
    address, view = first.ctypes.data, first[10:]
    del first
    assert alone.alloc((1000,), "fp64").ctypes.data != address
    del view
    assert alone.alloc((1000,), "fp64").ctypes.data == address


def test_more_memory_than_there_is_is_refused(alone: Shm) -> None:
    """Before it is touched, and with both figures."""
    with pytest.raises(MemoryError, match=r"MiB wanted, \d+ MiB available|no \d+ bytes in one piece"):
        alone.alloc((1 << 42,), "byte")


def test_what_was_taken_is_no_longer_wanted(alone: Shm, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many small buffers, each of which takes a page, there is room for the next one."""
    monkeypatch.setattr("zbench.fabrics.shm.available_bytes", lambda: 1 << 20)
    for _ in range(100):
        alone.alloc((8,), "byte")
    with pytest.raises(MemoryError, match="2 MiB wanted, 0 MiB available"):
        alone.alloc((2 << 20,), "byte")
    alone.alloc((8,), "byte")


def test_a_read_is_a_copy(alone: Shm) -> None:
    """What was read stays when the buffer changes."""
    buffer = alone.alloc((2, 3), "int32")
    data = np.arange(6, dtype=np.int32).reshape(2, 3)
    alone.write(buffer, data)
    copy = alone.read(buffer)
    buffer.fill(0)
    assert np.array_equal(copy, data)


def test_the_variant_names_algorithm_buffers_and_plan(alone: Shm) -> None:
    """The same question has the same plan, and private buffers are told from registered ones."""
    case = asked("allreduce", "fp32", 400)
    registered = alone.variant(alone.prepare(case, slots(alone, 100, "fp32"), "ring"))
    private = [{name: np.zeros(100, np.float32) for name in ("in", "out")}]
    copied = alone.variant(alone.prepare(case, private, "ring"))
    assert (registered["algorithm"], registered["buffers"]) == ("ring", "symmetric")
    assert (copied["buffers"], copied["plan"]) == ("private", registered["plan"])
    assert len(registered["plan"]) == 12


def test_an_option_forces_the_algorithm(monkeypatch: pytest.MonkeyPatch) -> None:
    """`shm:ring` offers nothing else where there is a ring, and all that there is elsewhere."""
    with Shm.seats(1, "private+ring") as seats:
        monkeypatch.setenv(FD_VARIABLE, seats[0].environment[FD_VARIABLE])
        fabric = Shm(World(0, 1, lambda mine: [mine]), "private+ring")
        assert fabric.algorithms(asked("allreduce", "fp32", 8)) == ("ring",)
        assert sorted(fabric.algorithms(asked("bcast", "byte", 8))) == sorted(ALGORITHMS["bcast"])


def test_private_buffers_lie_in_no_shared_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the variant says so."""
    for option, told in [(None, "symmetric"), ("private", "private")]:
        with Shm.seats(1, option) as seats:
            monkeypatch.setenv(FD_VARIABLE, seats[0].environment[FD_VARIABLE])
            fabric = Shm(World(0, 1, lambda mine: [mine]), option)
            buffers = {name: fabric.alloc((2,), "fp32") for name in ("in", "out")}
            plan = fabric.prepare(asked("allreduce", "fp32", 8), [buffers])
            assert fabric.variant(plan)["buffers"] == told


def test_algorithms_name_each_once_with_the_default_first(alone: Shm) -> None:
    """Short vectors take few steps, long ones few bytes."""
    for size, first in [(8, "recursive-doubling"), (64 << 20, "ring")]:
        names = alone.algorithms(asked("allreduce", "fp32", size))
        assert names[0] == first
        assert sorted(names) == sorted(ALGORITHMS["allreduce"])


def test_wrong_options_and_worlds_are_usage_errors() -> None:
    """With the near miss; before any process is started."""
    for option in ("rign", "private+rign"):
        with pytest.raises(UsageError, match=r"no option 'rign' \(did you mean 'ring'\?\)"):
            Shm.seats(2, option).__enter__()
    for ranks in (0, 100_000):
        with pytest.raises(UsageError, match=f"{ranks} ranks"):
            Shm.seats(ranks).__enter__()


def test_a_rank_without_a_seat_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file descriptor, or one that is no segment."""
    monkeypatch.delenv(FD_VARIABLE, raising=False)
    with pytest.raises(InvalidRun, match=f"{FD_VARIABLE} is not set"):
        Shm(World(0, 1, lambda mine: [mine]))
    monkeypatch.setenv(FD_VARIABLE, "0")
    with pytest.raises(InvalidRun, match="cannot open the shared segment"):
        Shm(World(0, 1, lambda mine: [mine]))


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (asked("pingpong", "byte", 8), "pingpong needs two ranks"),
        (asked("gemm", "byte", 8), "gemm is not offered"),
        (asked("allreduce", "byte", 8), "takes fp64, fp32, .*, uint64, not byte"),
        (asked("allreduce", "fp32", 6), "whole number of elements"),
        (Case("allreduce", "fp32", (8,), {"ranks": 1, "redop": "band"}), "no such reduction of fp32"),
        (Case("allreduce", "fp32", (8,), {"ranks": 1, "redop": "mean"}), "no such reduction of fp32"),
        (Case("bcast", "byte", (8,), {"ranks": 1, "root": 1}), "no such root in a world of 1 ranks"),
        (asked("allreduce", "fp32", 8, ranks=2), "in a world of 1 ranks"),
    ],
)
def test_what_cannot_be_done_is_unsupported(alone: Shm, case: Case, words: str) -> None:
    """Said when the case is prepared, never inside a timed interval."""
    with pytest.raises(Unsupported, match=words):
        alone.prepare(case, [{}])


def test_an_unknown_algorithm_and_small_buffers_are_refused(alone: Shm) -> None:
    """The near miss is named; no byte beyond a buffer is ever read."""
    case = asked("allreduce", "fp32", 400)
    with pytest.raises(UsageError, match=r"did you mean 'rabenseifner'"):
        alone.prepare(case, slots(alone, 100, "fp32"), "rabenseifer")
    with pytest.raises(ValueError, match="'in' must have 400 bytes"):
        alone.prepare(case, slots(alone, 99, "fp32"))


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_list_tells_what_two_ranks_can_do(run_world: RunWorld, ranks: int) -> None:
    """`zbench list fabrics` starts no rank; one rank alone has nobody to send to."""
    told = {name: list(dtypes) for name, dtypes in Shm.offers.items() if ranks > 1 or name not in PAIRED}
    assert run_world(ranks, "operations") == [told] * ranks
