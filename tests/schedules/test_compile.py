"""Plans: bytes, offsets, hashes."""

from __future__ import annotations

import numpy as np
import pytest

from zbench.schedules.action import Kind, Span, copy, recv, reduce, send, signal, wait
from zbench.schedules.compile import (
    BUFFERS,
    SOURCE,
    buffer_bytes,
    compile_plan,
    digest,
    plan_hash,
)
from zbench.schedules.layout import Layout, even
from zbench.schedules.operation import OPERATIONS, Who
from zbench.schedules.table import ALGORITHMS, steps

ONE = Who(1, 0, 0)


def vector(blocks: int, elements: int, item_bytes: int) -> Layout:
    return even("allreduce", ONE, blocks, elements, item_bytes)


def test_a_step_becomes_rows_with_sends_first() -> None:
    """Sends start before local work and receives, whatever their order in the step."""
    step = (recv(Span("out", 1), 2), copy(Span("out", 0), Span("in", 0)), send(Span("in", 1), 3))
    plan = compile_plan([step], vector(2, 10, 4))
    assert plan["kind"].tolist() == [Kind.SEND, Kind.COPY, Kind.RECV]
    assert plan["peer"].tolist() == [3, -1, 2]
    assert plan[["dst", "dst_offset", "src", "src_offset", "bytes"]].tolist() == [
        (BUFFERS["in"], 0, BUFFERS["in"], 20, 20),
        (BUFFERS["out"], 0, BUFFERS["in"], 0, 20),
        (BUFFERS["out"], 20, BUFFERS["in"], 0, 20),
    ]


def test_sources_of_a_sum_follow_it_in_their_order() -> None:
    """The first source stands in the row itself, the others in rows behind it."""
    sources = (Span("tmp", 0), Span("in", 0), Span("tmp", 2))
    plan = compile_plan([(reduce(Span("out", 0), sources),)], vector(1, 2, 8))
    assert plan["kind"].tolist() == [Kind.REDUCE, SOURCE, SOURCE]
    assert plan["src"].tolist() == [BUFFERS["tmp"], BUFFERS["in"], BUFFERS["tmp"]]
    assert plan["src_offset"].tolist() == [0, 0, 32]
    assert buffer_bytes(plan, "tmp") == 48


def test_messages_without_bytes_vanish_and_signals_stay() -> None:
    """An empty block moves nothing; a signal never had bytes."""
    step = (send(Span("in", 1), 1), recv(Span("out", 1), 1), signal(1), wait(1))
    plan = compile_plan([step], vector(2, 1, 4))
    assert plan["kind"].tolist() == [Kind.SIGNAL, Kind.WAIT]


@pytest.mark.parametrize("op", [op for op in OPERATIONS if op not in ("barrier", "alltoallv")])
@pytest.mark.parametrize("in_place", [False, True])
def test_plans_match_in_bytes_between_all_ranks(op: str, in_place: bool) -> None:
    """What one rank's plan sends to another, the other's takes: same sizes, same order."""
    for name, algorithm in ALGORITHMS[op].items():
        chunks = 2 if algorithm.chunked else 1
        for ranks in (2, 3, 5, 8):
            root = ranks // 2 if OPERATIONS[op].rooted else 0
            elements = 2 * ranks if op == "alltoall" else 13
            plans = []
            for rank in range(ranks):
                own = steps(op, name, ranks, rank, root, chunks, in_place=in_place)
                layout = even(
                    op, Who(ranks, rank, root), algorithm.blocks(ranks, chunks), elements, 4, in_place
                )
                plans.append(compile_plan(own, layout))
                for side in ("in", "out"):
                    for column in ("dst", "src"):
                        rows = plans[-1][plans[-1][column] == BUFFERS[side]]
                        rows = rows[rows["bytes"] > 0]
                        if side == "in" and column == "dst":
                            rows = rows[:0]  # a row without dst says 0
                        if side == "in" and column == "src":
                            rows = rows[~np.isin(rows["kind"], [Kind.RECV])]
                        assert (rows[f"{column}_offset"] >= 0).all()
                        ends = rows[f"{column}_offset"] + rows["bytes"]
                        assert (ends <= layout.sizes[side]).all(), (name, ranks, rank, side)
            for a in range(ranks):
                for b in range(ranks):
                    sent = plans[a][(plans[a]["kind"] == Kind.SEND) & (plans[a]["peer"] == b)]
                    receives = np.isin(plans[b]["kind"], [Kind.RECV, Kind.RECV_REDUCE])
                    taken = plans[b][receives & (plans[b]["peer"] == a)]
                    assert sent["bytes"].tolist() == taken["bytes"].tolist()


def test_the_hash_names_plans_and_dtype_of_all_ranks() -> None:
    """Equal plans hash equal in every process; another dtype, size or order of ranks does not."""
    layout = vector(4, 100, 4)
    plans = [compile_plan(steps("allreduce", "ring", 4, rank), layout) for rank in range(4)]
    name = plan_hash(digest(plan, "fp32") for plan in plans)
    assert name == plan_hash(digest(plan.copy(), "fp32") for plan in plans)
    assert name != plan_hash(digest(plan, "int32") for plan in plans)
    assert name != plan_hash(digest(plan, "fp32") for plan in reversed(plans))
    longer = [compile_plan(steps("allreduce", "ring", 4, r), vector(4, 104, 4)) for r in range(4)]
    assert name != plan_hash(digest(plan, "fp32") for plan in longer)


def test_an_empty_schedule_is_an_empty_plan() -> None:
    """Ranks with nothing to do have a plan, too."""
    plan = compile_plan([], vector(1, 8, 1))
    assert (len(plan), buffer_bytes(plan, "tmp")) == (0, 0)


def test_a_buffer_is_as_large_as_what_is_read_and_written_there() -> None:
    """Not what a receive has no source for, nor a send no place: their rows say `in` from 0 on."""
    send_only = compile_plan([(send(Span("tmp", 0), 1),)], vector(1, 10, 4))
    receive_only = compile_plan([(recv(Span("out", 0), 1),)], vector(1, 10, 4))
    sizes = [[buffer_bytes(plan, name) for name in BUFFERS] for plan in (send_only, receive_only)]
    assert sizes == [[0, 0, 40], [0, 40, 0]]
