"""Plans in C: what they do, and rows that name what is not there."""

from __future__ import annotations

import mmap
import os
from typing import Any

import numpy as np
import pytest

from tests.csrc.conftest import Open, together, vector
from zbench.native import cpu, shm
from zbench.native.coll import Plan
from zbench.schedules.action import Kind, Span, recv, send
from zbench.schedules.compile import ACTION, BUFFERS, SOURCE, compile_plan


@pytest.fixture
def alone() -> Any:
    """The segment of a world of one rank."""
    fd = shm.create(1, 1 << 20)
    yield shm.Segment(fd, 0, False, 5.0)
    shm.abort(fd)


def row(**fields: int) -> tuple[int, ...]:
    row = {"kind": int(Kind.COPY), "dst": BUFFERS["out"], "bytes": 8} | fields
    return tuple(row.get(name, 0) for name in ACTION.names or ())


def plan(*rows: tuple[int, ...], dtype: str = "fp32", redop: str = "sum", slots: int = 1) -> Plan:
    buffers = [{name: np.zeros(64, np.uint8) for name in BUFFERS} for _ in range(slots)]
    return Plan(np.array(list(rows), ACTION), dtype, 4, buffers, redop)


@pytest.mark.parametrize(
    "wrong",
    [
        row(bytes=65),
        row(bytes=-8),
        row(dst_offset=57),
        row(src_offset=-1),
        row(dst_offset=2**62, bytes=2**62),
        row(dst=3),
        row(src=-1),
        row(kind=9),
        row(kind=-1),
        row(kind=Kind.SEND, peer=4),
        row(kind=Kind.WAIT, peer=-1),
        row(kind=Kind.REDUCE, bytes=6),
        row(kind=SOURCE),
        row(dst=BUFFERS["in"], dst_offset=4),
        row(kind=Kind.REDUCE, src=BUFFERS["out"], src_offset=4),
    ],
)
def test_rows_that_name_what_is_not_there_are_refused(wrong: tuple[int, ...]) -> None:
    """Before anything runs: no plan reads or writes outside its buffers, or reads what it has overwritten."""
    with pytest.raises(ValueError, match="a plan of 1 rows"):
        plan(wrong)


def test_rows_that_do_not_follow_each_other_are_refused() -> None:
    """Steps in order; a source belongs to the sum before it, in its step and with its size."""
    total = row(kind=Kind.REDUCE)
    for rows in [
        (row(step=1), row(step=0)),
        (row(), row(kind=SOURCE)),
        (total, row(kind=SOURCE, step=1)),
        (total, row(kind=SOURCE, bytes=4)),
    ]:
        with pytest.raises(ValueError, match="a plan of 2 rows"):
            plan(*rows)
    plan(total, row(kind=SOURCE), row(kind=SOURCE))


def test_a_sum_does_not_read_on_where_it_writes() -> None:
    """Only its first source may be where it goes to: the others would be gone when they are wanted."""
    out = BUFFERS["out"]
    total, apart = row(kind=Kind.REDUCE, src=out), row(kind=SOURCE, src=out, src_offset=8)
    plan(total, apart, row(kind=SOURCE))
    for offset in (0, 4):
        over = row(kind=SOURCE, src=out, src_offset=offset)
        for rows in [(total, over), (total, apart, over)]:
            with pytest.raises(ValueError, match=f"a plan of {len(rows)} rows"):
                plan(*rows)


def test_a_plan_reduces_only_what_has_that_reduction() -> None:
    """Where it only moves data, any dtype will do."""
    for dtype, redop in [("byte", "sum"), ("fp32", "band"), ("bf16", "bxor")]:
        with pytest.raises(ValueError, match="a plan of 1 rows"):
            plan(row(kind=Kind.REDUCE), dtype=dtype, redop=redop)
        plan(row(), dtype=dtype, redop=redop)
    plan(row(kind=Kind.REDUCE), dtype="uint8", redop="band")
    with pytest.raises(ValueError, match="redop 'avg' is unknown"):
        plan(row(), redop="avg")


def test_a_plan_reduces_by_its_operation(alone: shm.Segment) -> None:
    """With every instruction set, by what it was told to and not by its sum."""
    a, b = np.array([5, -3, 7, 0], np.int32), np.array([-2, 4, 7, 9], np.int32)
    rows = [
        row(kind=Kind.REDUCE, src=BUFFERS["in"], bytes=16),
        row(kind=SOURCE, src=BUFFERS["tmp"], bytes=16),
    ]
    for isa in cpu.isas():
        for redop, wanted in [("max", [5, 4, 7, 9]), ("prod", [-10, -12, 49, 0]), ("bxor", list(a ^ b))]:
            slot = {"in": a, "out": np.zeros_like(a), "tmp": b}
            Plan(np.array(rows, ACTION), "int32", 1, [slot], redop, isa).execute(alone.transport, 0)
            assert slot["out"].tolist() == wanted


def test_a_plan_without_slots_is_refused() -> None:
    """There would be nothing to run on."""
    with pytest.raises(ValueError, match="at least one slot"):
        plan(row(), slots=0)


def test_a_plan_fits_the_smallest_of_its_slots() -> None:
    """A row, and what rounds put back in place: whichever slot comes last is not read beyond its end."""
    rows = np.array([row()], ACTION)
    for sizes in [(64, 8), (8, 64)]:
        slots = [{"in": np.zeros(size, np.uint8), "out": np.zeros(64, np.uint8)} for size in sizes]
        fitting = Plan(rows, "byte", 1, slots)
        fitting.restore(56, 8)
        with pytest.raises(ValueError, match="out of range"):
            fitting.restore(0, 16)
        with pytest.raises(ValueError, match="a plan of 1 rows"):
            Plan(np.array([row(bytes=16)], ACTION), "byte", 1, slots)


def test_sums_of_many_sources_go_from_left_to_right(alone: shm.Segment) -> None:
    """(1e30 + -1e30) + 1 is 1; another order would give 0. Long enough for several pieces."""
    count = 5000
    slot = {"in": np.full(count, -1e30), "out": np.zeros(count), "tmp": np.repeat([1e30, 1.0], count)}
    size = 8 * count
    rows = [
        row(kind=Kind.REDUCE, src=BUFFERS["tmp"], bytes=size),
        row(kind=SOURCE, src=BUFFERS["in"], bytes=size),
        row(kind=SOURCE, src=BUFFERS["tmp"], src_offset=size, bytes=size),
    ]
    Plan(np.array(rows, ACTION), "fp64", 1, [slot]).execute(alone.transport, 0)
    assert np.array_equal(slot["out"], np.ones(count))


def test_rounds_take_the_slots_in_turn(alone: shm.Segment) -> None:
    """Executions i of all rounds run on slot i modulo slots."""
    slots = [{"in": np.full(8, i, np.uint8), "out": np.zeros(8, np.uint8)} for i in range(3)]
    copy = Plan(np.array([row()], ACTION), "byte", 1, slots)
    stamps = copy.run_rounds(alone.transport, 1, 2)
    assert [slot["out"][0] for slot in slots] == [0, 1, 0]
    assert stamps.shape == (1, 2)
    copy.run_rounds(alone.transport, 1, 3)
    assert [slot["out"][0] for slot in slots] == [0, 1, 2]
    assert copy.run_rounds(alone.transport, 0, 1).shape == (0, 2)
    with pytest.raises(ValueError, match="batch"):
        copy.run_rounds(alone.transport, 1, 0)
    with pytest.raises(IndexError, match="slot 3 of 3"):
        copy.execute(alone.transport, 3)


def test_senders_write_their_input_anew_before_a_round(world: Open) -> None:
    """Else it would still stand in the receiver's cache. A page of a private mapping becomes a copy of the
    file's when it is written, not when it is read: what goes to the file later does not show in it."""
    ranks, size = world(2), 3 * mmap.PAGESIZE
    steps = [(send(Span("in", 0), 1),), (recv(Span("out", 0), 0),)]
    file = os.memfd_create("inputs")
    os.ftruncate(file, size)
    inputs = [np.frombuffer(mmap.mmap(file, size, mmap.MAP_PRIVATE), np.uint8) for _ in range(2)]

    def work(rank: int) -> None:
        slot = {"in": inputs[rank], "out": np.zeros(size, np.uint8)}
        plan = Plan(compile_plan([steps[rank]], vector(1, size, 1)), "byte", 2, [slot])
        assert not inputs[rank].any()
        plan.run_rounds(ranks[rank].transport, 1, 1)

    together(2, work)
    os.pwrite(file, b"\1" * size, 0)
    os.close(file)
    sent, unsent = inputs
    assert not sent.any()
    assert unsent.all(), "a page that is only read"
