"""Plans: bytes, offsets, hashes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zbench.schedules.action import Kind, Span, copy, recv, reduce, send, signal, wait
from zbench.schedules.compile import (
    BUFFERS,
    SOURCE,
    Partition,
    compile_plan,
    digest,
    plan_hash,
    tmp_bytes,
)
from zbench.schedules.table import ALGORITHMS, steps


@given(st.integers(1, 40), st.integers(0, 1000), st.sampled_from([1, 4, 8]))
def test_a_partition_is_even_and_covers_the_vector(blocks: int, elements: int, item_bytes: int) -> None:
    """Blocks differ by at most one element, and follow each other without gaps."""
    partition = Partition(blocks, elements, item_bytes)
    sizes = [partition.size(Span("in", block)) for block in range(blocks)]
    assert sum(sizes) == elements * item_bytes
    assert max(sizes) - min(sizes) in (0, item_bytes)
    assert [partition.offset(block) for block in range(blocks)] == [sum(sizes[:i]) for i in range(blocks)]


@given(st.integers(1, 9), st.integers(0, 99), st.integers(0, 40))
def test_blocks_beyond_the_vector_repeat_its_sizes(blocks: int, elements: int, block: int) -> None:
    """A block of `tmp` is as large as the block of the vector that it stands for."""
    partition = Partition(blocks, elements, 4)
    assert partition.size(Span("tmp", block)) == partition.size(Span("in", block % blocks))
    assert partition.offset(block + blocks) == partition.offset(block) + 4 * elements


def test_a_step_becomes_rows_with_sends_first() -> None:
    """Sends start before local work and receives, whatever their order in the step."""
    step = (recv(Span("out", 1), 2), copy(Span("out", 0), Span("in", 0)), send(Span("in", 1), 3))
    plan = compile_plan([step], Partition(2, 10, 4))
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
    plan = compile_plan([(reduce(Span("out", 0), sources),)], Partition(1, 2, 8))
    assert plan["kind"].tolist() == [Kind.REDUCE, SOURCE, SOURCE]
    assert plan["src"].tolist() == [BUFFERS["tmp"], BUFFERS["in"], BUFFERS["tmp"]]
    assert plan["src_offset"].tolist() == [0, 0, 32]
    assert tmp_bytes(plan) == 48


def test_messages_without_bytes_vanish_and_signals_stay() -> None:
    """An empty block moves nothing; a signal never had bytes."""
    step = (send(Span("in", 1), 1), recv(Span("out", 1), 1), signal(1), wait(1))
    plan = compile_plan([step], Partition(2, 1, 4))
    assert plan["kind"].tolist() == [Kind.SIGNAL, Kind.WAIT]


def test_plans_match_in_bytes_between_all_ranks() -> None:
    """What one rank's plan sends to another, the other's takes: same sizes, same order."""
    for name in ALGORITHMS["allreduce"]:
        for ranks in (2, 3, 5, 8):
            blocks = ALGORITHMS["allreduce"][name].blocks(ranks, 2)
            partition = Partition(blocks, 13, 4)
            plans = [compile_plan(steps("allreduce", name, ranks, r, 0, 2), partition) for r in range(ranks)]
            for a in range(ranks):
                for b in range(ranks):
                    sent = plans[a][(plans[a]["kind"] == Kind.SEND) & (plans[a]["peer"] == b)]
                    receives = np.isin(plans[b]["kind"], [Kind.RECV, Kind.RECV_REDUCE])
                    taken = plans[b][receives & (plans[b]["peer"] == a)]
                    assert sent["bytes"].tolist() == taken["bytes"].tolist()


def test_the_hash_names_plans_and_dtype_of_all_ranks() -> None:
    """Equal plans hash equal in every process; another dtype, size or order of ranks does not."""
    partition = Partition(4, 100, 4)
    plans = [compile_plan(steps("allreduce", "ring", 4, rank), partition) for rank in range(4)]
    name = plan_hash(digest(plan, "fp32") for plan in plans)
    assert name == plan_hash(digest(plan.copy(), "fp32") for plan in plans)
    assert name != plan_hash(digest(plan, "int32") for plan in plans)
    assert name != plan_hash(digest(plan, "fp32") for plan in reversed(plans))
    longer = [compile_plan(steps("allreduce", "ring", 4, r), Partition(4, 104, 4)) for r in range(4)]
    assert name != plan_hash(digest(plan, "fp32") for plan in longer)


def test_an_empty_schedule_is_an_empty_plan() -> None:
    """Ranks with nothing to do have a plan, too."""
    plan = compile_plan([], Partition(1, 8, 1))
    assert (len(plan), tmp_bytes(plan)) == (0, 0)
