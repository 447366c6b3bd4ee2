"""Plans in C: typed sums, and rows that name what is not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zbench.native import shm
from zbench.native.coll import Plan, sum_into
from zbench.schedules.action import Kind
from zbench.schedules.compile import ACTION, BUFFERS, SOURCE

KINDS: dict[str, type[np.generic]] = {
    "fp32": np.float32,
    "fp64": np.float64,
    "int32": np.int32,
    "int64": np.int64,
}


@pytest.fixture
def alone() -> Any:
    """The segment of a world of one rank."""
    fd = shm.create(1, 1 << 20)
    yield shm.Segment(fd, 0, False, 5.0)
    shm.abort(fd)


@pytest.mark.parametrize("dtype", list(KINDS))
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 15, 16, 17, 1000, 4097])
def test_sums_are_exact_at_every_length(dtype: str, count: int) -> None:
    """Vector bodies and their remainders, away from any alignment."""
    rng = np.random.default_rng(count)
    a, b = (rng.integers(-1000, 1000, count + 1).astype(KINDS[dtype])[1:] for _ in range(2))
    dst = np.full(count + 1, 77, KINDS[dtype])[1:]
    sum_into(dtype, dst, a, b)
    assert np.array_equal(dst, a + b)
    sum_into(dtype, a, a, b)
    assert np.array_equal(dst, a), "the target may be an operand"


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integer_sums_wrap(dtype: str) -> None:
    """As numpy's do, and every MPI's."""
    most = np.array([np.iinfo(KINDS[dtype]).max], KINDS[dtype])
    dst = np.empty_like(most)
    sum_into(dtype, dst, most, np.ones_like(most))
    assert dst[0] == np.iinfo(KINDS[dtype]).min


def test_sums_of_what_does_not_fit_are_refused() -> None:
    """Sizes that differ, a dtype without a sum or without a name, arrays with holes."""
    four, five = np.zeros(4, np.float32), np.zeros(5, np.float32)
    with pytest.raises(ValueError, match="sizes differ"):
        sum_into("fp32", four, four, five)
    with pytest.raises(ValueError, match="out of range"):
        sum_into("byte", four, four, four)
    with pytest.raises(ValueError, match="out of range"):
        sum_into("fp64", five, five, five)
    with pytest.raises(ValueError, match="did you mean 'fp32'"):
        sum_into("fp23", four, four, four)
    with pytest.raises(ValueError, match="contiguous"):
        sum_into("fp32", np.zeros(8, np.float32)[::2], four, four)


def row(**fields: int) -> tuple[int, ...]:
    row = {"kind": int(Kind.COPY), "dst": BUFFERS["out"], "bytes": 8} | fields
    return tuple(row.get(name, 0) for name in ACTION.names or ())


def plan(*rows: tuple[int, ...], dtype: str = "fp32", size_bytes: int = 64, slots: int = 1) -> Plan:
    buffers = [{name: np.zeros(size_bytes, np.uint8) for name in BUFFERS} for _ in range(slots)]
    return Plan(np.array(list(rows), ACTION), dtype, 4, buffers)


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
        row(kind=8),
        row(kind=-1),
        row(kind=Kind.SEND, peer=4),
        row(kind=Kind.WAIT, peer=-1),
        row(kind=Kind.REDUCE, bytes=6),
        row(kind=SOURCE),
    ],
)
def test_rows_that_name_what_is_not_there_are_refused(wrong: tuple[int, ...]) -> None:
    """Before anything runs: no plan ever reads or writes outside its buffers."""
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


def test_bytes_have_no_sum() -> None:
    """A plan that adds needs a dtype that can be added."""
    with pytest.raises(ValueError, match="a plan of 1 rows"):
        plan(row(kind=Kind.REDUCE), dtype="byte")


def test_a_plan_without_slots_is_refused() -> None:
    """There would be nothing to run on."""
    with pytest.raises(ValueError, match="at least one slot"):
        plan(row(), slots=0)


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
