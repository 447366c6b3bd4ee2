"""The shared segment in C, with ranks as threads of one process: C releases Python's lock."""

from __future__ import annotations

import os
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.csrc.conftest import AREA, Open, together, vector
from zbench.native import shm
from zbench.native.coll import PeerError, Plan
from zbench.schedules.action import Kind, Span, recv, recv_reduce, send
from zbench.schedules.compile import ACTION, compile_plan
from zbench.schedules.table import ALGORITHMS, steps

HEADER = ("magic", "ranks", "data_bytes", "total_bytes")
"""The first words of a segment, of 8 bytes each."""


@pytest.mark.parametrize(
    ("count", "size", "registered"),
    [
        *product([2], [1, 8, 56, 57, 1024, 1025, 16384, 16385, 1_000_003], [True, False]),
        *product([17, 33], [1_000_003], [False]),
    ],
)
def test_messages_arrive_whole_and_in_order(world: Open, count: int, size: int, registered: bool) -> None:
    """More messages than the ring has lines, in both directions at once, on every way to travel; around large
    worlds, too, whose channels have fewer slots and lie beside each other."""
    ranks, messages = world(count), 300 if size <= 1025 else 20 if count == 2 else 2

    def work(rank: int) -> bool:
        segment = ranks[rank]
        if registered:
            area = segment.view(0, 2 * size)
            slot = {"in": area[:size], "out": area[size:]}
        else:
            slot = {name: np.empty(size, np.uint8) for name in ("in", "out")}
        sender = (rank - 1) % count
        exchange = (send(Span("in", 0), (rank + 1) % count), recv(Span("out", 0), sender))
        plan = Plan(compile_plan([exchange], vector(1, size, 1)), "byte", count, [slot])
        right = True
        for number in range(messages):
            slot["in"][:] = (np.arange(size) + 7 * number + 100 * rank) % 256
            plan.execute(segment.transport, 0)
            right &= np.array_equal(slot["out"], (np.arange(size) + 7 * number + 100 * sender) % 256)
        return right

    assert together(count, work) == [True] * count


def test_a_buffer_is_free_only_when_it_has_been_read(world: Open) -> None:
    """Its end is written over at once, where the copy of so large a message is far from."""
    ranks, size = world(2), 14 << 20

    def work(rank: int) -> list[int]:
        slot = {"in": ranks[0].view(0, size), "out": np.zeros(size, np.uint8)}
        step = [(send(Span("in", 0), 1),), (recv(Span("out", 0), 0),)][rank]
        plan, ends = Plan(compile_plan([step], vector(1, size, 1)), "byte", 2, [slot]), []
        for number in range(1, 9):
            if rank == 0:
                slot["in"][-1] = number
            plan.execute(ranks[rank].transport, 0)
            if rank == 0:
                slot["in"][-1] = 0
            ends.append(int(slot["out"][-1]))
        return ends

    assert together(2, work)[1] == [*range(1, 9)]


@pytest.mark.parametrize("registered", [True, False])
def test_several_messages_of_one_step_keep_their_order(world: Open, registered: bool) -> None:
    """First in, first out per ordered pair, whatever the way each travels, and in how many pieces."""
    ranks, lengths = world(2), [3000, 8, 700, 40_000, 40_000, 16, 2000]
    size = sum(lengths)

    def work(rank: int) -> bool:
        sent = ranks[rank].view(0, size) if registered else np.empty(size, np.uint8)
        slot = {"in": sent, "out": np.zeros(size, np.uint8)}
        slot["in"][:] = np.arange(size) % 253
        side = [Kind.SEND, Kind.RECV][rank]
        rows, at = [], 0
        for length in lengths:
            rows.append((0, side, 1 - rank, 1, at, 0, at, length))
            at += length
        Plan(np.array(rows, ACTION), "byte", 2, [slot]).execute(ranks[rank].transport, 0)
        return rank == 0 or np.array_equal(slot["out"], np.arange(size) % 253)

    assert together(2, work) == [True, True]


@pytest.mark.parametrize(("size", "messages"), [(8, 300), (1000, 40), (1_000_003, 1)])
def test_a_slow_receiver_loses_nothing(world: Open, size: int, messages: int) -> None:
    """A sender that is ahead waits for room in lines and slots; it never writes over what was not taken."""
    ranks, total = world(2), size * messages
    spans = [[Span(buffer, i) for i in range(messages)] for buffer in ("in", "out")]
    schedules = [[tuple(send(span, 1) for span in spans[0])], [(recv(span, 0),) for span in spans[1]]]

    def work(rank: int) -> bool:
        slot = {name: np.zeros(total, np.uint8) for name in ("in", "out")}
        slot["in"][:] = np.arange(total) % 251
        plan = Plan(compile_plan(schedules[rank], vector(messages, total, 1)), "byte", 2, [slot])
        time.sleep(0.1 * rank)
        plan.execute(ranks[rank].transport, 0)
        return rank == 0 or np.array_equal(slot["out"], np.arange(total) % 251)

    assert together(2, work) == [True, True]


@pytest.mark.parametrize("name", list(ALGORITHMS["allreduce"]))
@pytest.mark.parametrize("ranks", [1, 2, 3, 6])
def test_allreduce_of_threads(world: Open, name: str, ranks: int) -> None:
    """The same plans as between processes, here where sanitizers see both sides."""
    segments, count = world(ranks), 5003
    algorithm = ALGORITHMS["allreduce"][name]
    chunks = 2 if algorithm.chunked else 1
    blocks = algorithm.blocks(ranks, chunks)

    def work(rank: int) -> bool:
        area = segments[rank].view(0, AREA).view(np.int64)
        slot = {"in": area[:count], "out": area[count : 2 * count], "tmp": area[2 * count :]}
        plan = compile_plan(steps("allreduce", name, ranks, rank, 0, chunks), vector(blocks, count, 8))
        bound = Plan(plan, "int64", ranks, [slot])
        right = True
        for number in range(20):
            slot["in"][:] = np.arange(count) * (rank + 1) + number
            bound.execute(segments[rank].transport, 0)
            expected = np.arange(count) * (ranks * (ranks + 1) // 2) + number * ranks
            right &= np.array_equal(slot["out"], expected)
        return right

    assert together(ranks, work) == [True] * ranks


def test_the_barrier_holds_everybody(world: Open) -> None:
    """Nobody leaves before the last has come."""
    ranks = world(3)

    def work(rank: int) -> tuple[float, float]:
        time.sleep(0.05 * rank)
        came = time.monotonic()
        ranks[rank].synchronize(bystander=rank == 1)
        return came, time.monotonic()

    for _ in range(3):
        times = np.array(together(3, work))
        assert times[:, 1].min() >= times[:, 0].max()


def test_a_message_of_another_size_is_an_error(world: Open) -> None:
    """Ranks that run different schedules are told, not served the wrong bytes."""
    for sent, taken in [(8, 16), (16, 8), (100, 101), (5000, 4999), (8, 5000)]:
        ranks = world(2, 2.0)

        def work(rank: int, sizes: tuple[int, int] = (sent, taken), ranks: Any = ranks) -> str:
            size = sizes[rank]
            own = [(send(Span("in", 0), 1),), (recv(Span("out", 0), 0),)][rank]
            slot = {name: ranks[rank].view(8192 * i, size) for i, name in enumerate(("in", "out"))}
            plan = Plan(compile_plan([own], vector(1, size, 1)), "byte", 2, [slot])
            try:
                plan.execute(ranks[rank].transport, 0)
            except PeerError as error:
                return str(error)
            return ""

        assert together(2, work)[1] == "a peer is in another call"


@pytest.mark.parametrize("told", [0, 1, 16383, 16385, 20000, -1])
def test_a_part_that_no_sender_cuts_is_not_believed(told: int) -> None:
    """A line may say anything: half an element would be added before the beginning of a vector."""
    size = 20000
    fd = shm.create(2, AREA)
    try:
        first = shm.Segment(fd, 0, True, 2.0)
        ranks = [first, first.beside(1)]

        def work(rank: int) -> Any:
            own = [send(Span("in", 0), 1), recv_reduce(Span("out", 0), Span("in", 0), 0)][rank]
            slot = {name: np.zeros(size // 2, np.uint16) for name in ("in", "out")}
            plan = Plan(compile_plan([(own,)], vector(1, size // 2, 2)), "bf16", 2, [slot])
            slot["in"][:] = 0x3F80
            try:
                plan.execute(ranks[rank].transport, 0)
            finally:
                assert rank == 0 or not slot["out"].any()

        work(0)
        line = os.pread(fd, os.fstat(fd).st_size, 0).index(struct.pack("<qq", 16384, size))
        os.pwrite(fd, struct.pack("<q", told), line)
        with pytest.raises(PeerError, match="a peer is in another call"):
            work(1)
    finally:
        shm.abort(fd)
        os.close(fd)


def test_an_abort_ends_a_wait_under_way(world: Open) -> None:
    """Long before its deadline."""
    ranks = world(2, 60.0)
    slot = {"in": np.zeros(8), "out": np.zeros(8)}
    step = (recv_reduce(Span("out", 0), Span("in", 0), 1),)
    plan = Plan(compile_plan([step], vector(1, 8, 8)), "fp64", 2, [slot])

    def wait() -> None:
        plan.execute(ranks[0].transport, 0)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait)
        time.sleep(0.1)
        ranks[1].abort()
        with pytest.raises(PeerError, match="aborted"):
            waiting.result(timeout=10)
    verdict = ranks[0].verdict()
    assert verdict is not None
    assert (verdict.why, verdict.who, verdict.whom) == ("gave up", 1, shm.NOBODY)


def test_probes_agree_on_all_ranks(world: Open) -> None:
    """One result, whoever measured it."""
    ranks = world(3)
    lines = together(3, lambda rank: ranks[rank].probe_line())
    assert lines[0] > 0
    assert lines == [lines[0]] * 3
    buffers = [ranks[0].view(0, 4096), ranks[0].view(8192, 4096)]
    rates = together(3, lambda rank: ranks[rank].probe_copy(4096, *(buffers if rank == 0 else (None, None))))
    assert rates[0] > 0
    assert rates == [rates[0]] * 3
    with pytest.raises(ValueError, match="larger buffers"):
        ranks[0].probe_copy(5000, *buffers)


def test_the_data_area_belongs_to_its_rank(world: Open) -> None:
    """Views do not overlap, pages that were given back read as zero, and a view outlives its segment."""
    ranks = world(2)
    a, b = ranks[0].view(0, AREA), ranks[1].view(0, AREA)
    a[:] = 1
    b[:] = 2
    assert (a == 1).all()
    assert ranks[0].holds(a[5:])
    assert not ranks[0].holds(b)
    page = shm.PAGE_BYTES
    ranks[0].discard(page, page)
    assert [a[page - 1], a[page], a[2 * page - 1], a[2 * page]] == [1, 0, 0, 1]
    for offset, size in [(1, page), (0, 1), (0, AREA + page), (-page, page)]:
        with pytest.raises(ValueError, match="out of range"):
            ranks[0].discard(offset, size)
    with pytest.raises(ValueError, match="bytes at"):
        ranks[0].view(1, AREA)
    ranks.clear()
    assert b[-1] == 2


def test_the_pages_of_channels_are_taken_before_they_are_touched() -> None:
    """Sparse pages that a full memory refuses would be a SIGBUS in the middle of a message."""
    fd = shm.create(3, AREA)
    segment = shm.Segment(fd, 0, True, 1.0)

    def taken(size: int, peer: int) -> int:
        before = os.fstat(fd).st_blocks
        step = (send(Span("in", 0), peer),)
        slot = {"in": np.zeros(size, np.uint8)}
        segment.reserve_channels(Plan(compile_plan([step], vector(1, size, 1)), "byte", 3, [slot]))
        return 512 * (os.fstat(fd).st_blocks - before)

    lines = taken(8, 1)
    assert lines >= 2 * 128 * 64, "the lines to and from the peer"
    assert taken(8, 1) == 0
    assert taken(100_000, 1) >= 8 * 16384, "the slots"
    assert taken(100_000, 2) >= 8 * 16384 + lines // 2
    os.close(fd)


def test_intended_bytes_add_up_over_the_world(world: Open) -> None:
    """So that two ranks do not both take the last free gigabyte."""
    first, second = world(2)
    assert first.intend(100) == 100
    assert second.intend(50) == 150
    assert first.intend(-100) == 50


def test_a_segment_has_no_name() -> None:
    """Nobody can have made it before, and nobody else finds it."""
    fd = shm.create(2, shm.PAGE_BYTES)
    try:
        assert os.readlink(f"/proc/self/fd/{fd}") == "/memfd:zbench (deleted)"
        assert not os.get_inheritable(fd)
    finally:
        os.close(fd)


@pytest.mark.parametrize("word", HEADER)
@pytest.mark.parametrize("lie", [0, 1, -1, 3, 4097, 2**31, 2**62, -(2**63)])
def test_a_header_that_lies_is_not_believed(word: str, lie: int) -> None:
    """Whatever it says, nothing beyond the end of the file is looked at; nor is it aborted."""
    fd = shm.create(2, shm.PAGE_BYTES)
    try:
        at = HEADER.index(word) * 8
        os.pwrite(fd, lie.to_bytes(8, "little", signed=True), at)
        with pytest.raises(OSError, match="rank 0 of the segment"):
            shm.Segment(fd, 0, False, 1.0)
        with pytest.raises(OSError, match="abort"):
            shm.abort(fd)
    finally:
        os.close(fd)


def test_what_is_no_segment_is_not_opened() -> None:
    """Neither another file, nor a rank or deadline that is not there."""
    for ranks, size in [(0, shm.PAGE_BYTES), (5000, shm.PAGE_BYTES), (2, 100), (2, -shm.PAGE_BYTES)]:
        with pytest.raises(ValueError, match=r"is not in|out of range"):
            shm.create(ranks, size)
    fd = os.memfd_create("other")
    try:
        with pytest.raises(OSError, match="rank 0 of the segment"):
            shm.Segment(fd, 0, False, 1.0)
        os.ftruncate(fd, 1 << 20)
        with pytest.raises(OSError, match="rank 0 of the segment"):
            shm.Segment(fd, 0, False, 1.0)
    finally:
        os.close(fd)
    fd = shm.create(2, shm.PAGE_BYTES)
    try:
        with pytest.raises(ValueError, match="out of range"):
            shm.Segment(fd, 0, False, 1.0).beside(2)
        for rank, timeout_s in [(2, 1.0), (-1, 1.0), (0, 0.0)]:
            with pytest.raises(ValueError, match="out of range"):
                shm.Segment(fd, rank, False, timeout_s)
    finally:
        os.close(fd)
