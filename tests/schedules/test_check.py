"""Every algorithm is right in every small world, and the checker sees what is wrong in one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from zbench.schedules.action import (
    Action,
    Kind,
    Span,
    Step,
    copy,
    recv,
    recv_reduce,
    reduce,
    scale,
    send,
    signal,
    wait,
)
from zbench.schedules.check import check
from zbench.schedules.mistake import HAZARD, ScheduleError
from zbench.schedules.operation import OPERATIONS
from zbench.schedules.table import ALGORITHMS, steps, world

RANKS = (*range(1, 34), 48, 49, 63, 64)
"""Each up to a power of two and one; beyond, a multiple of 16, a square, a power of two and its neighbour."""
ALL_ROOTS = 9
"""Ranks up to which every root is played; beyond, a root is root 0 by other names (`rename.rotated`)."""
CHUNKED_RANKS = 12
NAMES = [(op, name) for op, algorithms in ALGORITHMS.items() for name in algorithms]
SUMS = [(op, name) for op, name in NAMES if OPERATIONS[op].sums]

World = list[list[Step]]


def worlds(op: str, name: str, ranks_most: int = RANKS[-1]) -> Iterator[tuple[int, dict[str, int]]]:
    """(ranks, root and chunks) of what is proved."""
    algorithm = ALGORITHMS[op][name]
    for ranks in (each for each in RANKS if algorithm.least_ranks <= each <= ranks_most):
        roots = range(ranks) if OPERATIONS[op].rooted and ranks <= ALL_ROOTS else [0]
        pieces = [1, 2, 5] if algorithm.chunked and ranks <= CHUNKED_RANKS else [1]
        for root in {*roots, ranks - 1} if OPERATIONS[op].rooted else roots:
            for chunks in pieces:
                yield ranks, {"root": root, "chunks": chunks}


def proved(op: str, name: str, ranks: int, root: int, chunks: int, **settings: Any) -> object:
    blocks = ALGORITHMS[op][name].blocks(ranks, chunks)
    how = {name: value for name, value in settings.items() if name != "capacity"}
    played = world(op, name, ranks, root=root, chunks=chunks, **how)
    average = settings.get("scaling", "no") != "no"
    in_place, capacity = settings.get("in_place", False), settings.get("capacity", 0)
    return check(op, played, blocks, root, in_place, average, capacity=capacity)


def blamed(op: str, mutant: World, blocks: int, root: int = 0) -> ScheduleError:
    """What the checker says of a wrong world."""
    with pytest.raises(ScheduleError) as caught:
        check(op, mutant, blocks, root)
    return caught.value


@pytest.mark.parametrize(("op", "name"), NAMES)
def test_every_algorithm_is_right_and_costs_what_it_says(op: str, name: str) -> None:
    """Up to 64 ranks: each contribution once, no hazard, no deadlock, sums in one order where all ranks must
    get equal bits; and rounds, volume and sums are exactly those of the closed form."""
    for ranks, world_of in worlds(op, name):
        assert proved(op, name, ranks, **world_of) == ALGORITHMS[op][name].cost(ranks, world_of["chunks"])


@pytest.mark.parametrize(
    ("op", "name"), [each for each in NAMES if ALGORITHMS[each[0]][each[1]].least_ranks == 1]
)
def test_every_algorithm_is_right_in_place(op: str, name: str) -> None:
    """The operand stands in `out`, where the result will."""
    for ranks, world_of in worlds(op, name, CHUNKED_RANKS):
        proved(op, name, ranks, **world_of, in_place=True)


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("scaling", ["first", "last"])
@pytest.mark.parametrize(("op", "name"), SUMS)
def test_averages_scale_every_contribution_once(op: str, name: str, scaling: str, in_place: bool) -> None:
    """Before it is sent, or at the end."""
    for ranks, world_of in worlds(op, name, 6):
        proved(op, name, ranks, **world_of, scaling=scaling, in_place=in_place)


@pytest.mark.parametrize("capacity", [1, 3])
@pytest.mark.parametrize(("op", "name"), NAMES)
def test_a_channel_that_holds_messages_changes_nothing(op: str, name: str, capacity: int) -> None:
    """What capacity 0 proves for every other is played for two: senders run ahead, results stay."""
    for ranks, world_of in worlds(op, name, ALL_ROOTS):
        proved(op, name, ranks, **world_of, capacity=capacity)


def test_a_deadlock_that_a_channel_hides_is_seen_where_there_is_none() -> None:
    """Two ranks that both send first end where the channel holds a message, and no sooner."""
    out, own = Span("out", 0), Span("in", 0)
    mutant = [[(send(own, 1 - me),), (recv_reduce(out, own, 1 - me),)] for me in range(2)]
    blamed("allreduce", mutant, 1)
    check("allreduce", mutant, 1, capacity=1)


@pytest.mark.parametrize(("op", "name"), [each for each in NAMES if OPERATIONS[each[0]].rooted])
@pytest.mark.parametrize("ranks", [17, 24, 31, 64])
def test_a_root_is_root_0_by_other_names(op: str, name: str, ranks: int) -> None:
    """What stands for every root of a large world is played for one that no algorithm favours."""
    proved(op, name, ranks, root=ranks // 3, chunks=1)


def test_every_action_of_an_allreduce_is_needed() -> None:
    """Whichever single action is dropped, from whichever rank, the checker objects."""
    for name in ALGORITHMS["allreduce"]:
        blocks = ALGORITHMS["allreduce"][name].blocks(5, 1)
        right = world("allreduce", name, 5)
        for rank, own in enumerate(right):
            for number, step in enumerate(own):
                for i in range(len(step)):
                    mutant = [list(each) for each in right]
                    mutant[rank][number] = step[:i] + step[i + 1 :]
                    blamed("allreduce", mutant, blocks)


def test_a_dropped_receive_is_named() -> None:
    """A SEND that nobody takes is reported with its rank, step, and action."""
    mutant = world("bcast", "binomial", 4)
    assert mutant[3] == [(recv(Span("out", 0), 2),)]
    parent = mutant[3][0][0].peer
    mutant[3] = []
    error = blamed("bcast", mutant, 1)
    assert (error.rank, error.action) == (parent, send(Span("out", 0), 3))
    assert "is never matched by rank 3, which has ended" in str(error)


def test_a_deadlock_is_named() -> None:
    """Two ranks that both send first wait for ever where no buffer takes the message."""
    mutant = [
        [(send(Span("in", 0), 1),), (recv_reduce(Span("out", 0), Span("in", 0), 1),)],
        [(send(Span("in", 0), 0),), (recv_reduce(Span("out", 0), Span("in", 0), 0),)],
    ]
    error = blamed("allreduce", mutant, 1)
    assert error.step == 0
    assert error.action is not None
    assert error.action.kind is Kind.SEND
    assert "which waits, too: a deadlock" in str(error)


def test_a_doubled_contribution_is_counted() -> None:
    """A rank's data that enter a sum twice are not mistaken for all ranks' data."""
    mutant = world("allreduce", "direct", 3)
    mutant[1][1] = (reduce(Span("out", 0), (Span("tmp", 0), Span("in", 0), Span("in", 0))),)
    error = blamed("allreduce", mutant, 1)
    assert (error.rank, error.step) == (1, 1)
    assert "counts block 0 of rank 1 2 times" in str(error)


def test_a_lost_contribution_is_counted() -> None:
    """A sum that lacks a rank says which."""
    mutant = world("allreduce", "direct", 3)
    mutant[2][1] = (reduce(Span("out", 0), (Span("tmp", 1), Span("in", 0))),)
    assert "out[0] holds block 0 of rank 0 0 times instead of 1" in str(blamed("allreduce", mutant, 1))


def test_a_swapped_peer_is_caught() -> None:
    """A message to the wrong rank leaves both its receivers unmatched."""
    mutant = world("allreduce", "ring", 4)
    sent, taken = mutant[0][0]
    mutant[0][0] = (sent._replace(peer=2), taken)
    assert "is never matched" in str(blamed("allreduce", mutant, 4))


def test_a_wrong_block_is_caught() -> None:
    """Blocks may differ by an element, so a receive must take the very blocks that were sent."""
    mutant = world("allreduce", "ring", 4)
    sent, taken = mutant[1][0]
    mutant[1][0] = (sent._replace(sources=(Span("in", 3),)), taken)
    error = blamed("allreduce", mutant, 4)
    assert (error.rank, error.step) == (2, 0)
    assert "takes other blocks than SEND in[3:4] to 2 of rank 1 brings" in str(error)


def test_a_wrong_order_is_caught() -> None:
    """A rank that passes on a block before it has it reads what is not defined."""
    mutant = world("bcast", "binomial", 4)
    middle = next(rank for rank in range(1, 4) if len(mutant[rank]) == 2)
    mutant[middle].reverse()
    error = blamed("bcast", mutant, 1)
    # The rank that waits for it and the rank itself are both at fault; whichever is seen first is named.
    assert "is not defined yet" in str(error) or "deadlock" in str(error)


def test_swapped_steps_of_a_ring_are_caught() -> None:
    """Messages match in their order, so two swapped steps bring the wrong blocks."""
    mutant = world("allreduce", "ring", 4)
    mutant[2][0], mutant[2][1] = mutant[2][1], mutant[2][0]
    error = blamed("allreduce", mutant, 4)
    assert "takes other blocks" in str(error) or "is not defined yet" in str(error)


def test_a_write_over_a_read_in_one_step_is_caught() -> None:
    """Actions of a step are concurrent: none may write what another reads."""
    out = Span("out", 0)
    mutant = [
        [(copy(out, Span("in", 0)),), (send(out, 1), recv_reduce(out, Span("in", 0), 1))],
        [(copy(out, Span("in", 0)),), (send(out, 0), recv_reduce(out, Span("in", 0), 0))],
    ]
    error = blamed("allreduce", mutant, 1)
    assert (error.rank, error.step) == (0, 1)
    assert "writes what SEND out[0:1] to 1 reads in the same step" in str(error)


def test_a_read_is_not_forgotten_for_a_shorter_one() -> None:
    """What ends first of two reads says nothing of what may be written."""
    reads = copy(Span("tmp", 20, 10), Span("out", 0, 10)), copy(Span("tmp", 40), Span("out", 2))
    mutant: World = [[(*reads, copy(Span("out", 5), Span("in", 0)))]]
    assert "writes what COPY tmp[20:30] = out[0:10] reads" in str(blamed("allreduce", mutant, 10))


@pytest.mark.parametrize(
    "action",
    [
        copy(Span("out", 0, 2), Span("out", 1, 2)),
        scale(Span("out", 1, 2), Span("out", 0, 2)),
        recv_reduce(Span("out", 0, 2), Span("out", 1, 2), 1),
    ],
)
def test_an_action_that_writes_beside_what_it_reads_is_caught(action: Action) -> None:
    """In which order its elements go is the kernel's: what it has not read yet may be gone."""
    mutant: World = [[(copy(Span("out", 0, 3), Span("in", 0, 3)),), (action,)], []]
    error = blamed("allreduce", mutant, 3)
    assert (error.rank, error.step, error.rule) == (0, 1, HAZARD)
    assert f"writes what {action} reads in the same step" in str(error)


def test_two_writes_in_one_step_are_caught() -> None:
    """Which of two writes to one place stays would be chance."""
    mutant: World = [
        [(send(Span("in", 0), 1), send(Span("in", 0), 1), copy(Span("out", 0), Span("in", 0)))],
        [(recv(Span("out", 0), 0), recv(Span("out", 0), 0))],
    ]
    assert "writes what RECV out[0:1] from 0 writes in the same step" in str(blamed("bcast", mutant, 1))


def test_a_written_input_is_caught() -> None:
    """`in` belongs to the caller."""
    mutant: World = [[(recv(Span("in", 0), 1),)], [(send(Span("in", 0), 0),)]]
    assert "writes its input" in str(blamed("allreduce", mutant, 1))


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (send(Span("in", 0), 0), "has no peer 0 in a world of 1"),
        (send(Span("in", 0), 7), "has no peer 7 in a world of 1"),
        (copy(Span("out", 0, 2), Span("in", 0, 2)), "reads in[1], which is not defined yet"),
        (copy(Span("out", 1), Span("in", 0)), "writes out[1:2], but only out[0:1] belongs to its result"),
        (copy(Span("out", 0), Span("tmp", 0, 2)), "are not the same blocks"),
        (copy(Span("out", -1), Span("in", 0)), "out[-1:0] is no span"),
    ],
)
def test_actions_that_cannot_be_are_caught(action: Action, words: str) -> None:
    """A peer that does not exist, oneself as a peer, and spans that do not fit."""
    assert words in str(blamed("allreduce", [[(action,)]], 1))


def test_data_and_signals_do_not_match() -> None:
    """A receive of data is not served by a signal."""
    mutant: World = [
        [(signal(1), copy(Span("out", 0), Span("in", 0)))],
        [(recv(Span("out", 0), 0),)],
    ]
    assert "meets SIGNAL to 1 of rank 0" in str(blamed("bcast", mutant, 1))


def test_a_barrier_that_lets_a_rank_go_early_is_caught() -> None:
    """One round too few in a dissemination barrier, and some rank is not waited for."""
    short = [own[:-1] for own in world("barrier", "dissemination", 5)]
    assert "may leave before rank" in str(blamed("barrier", short, 1))


@pytest.mark.parametrize("turn", [0, 1, 2])
def test_what_is_heard_in_a_step_is_told_in_the_next(turn: int) -> None:
    """A signal that is sent while another is awaited may go before that comes; whoever's turn is first."""
    released: list[list[Step]] = [
        [(wait(1),), (signal(1), signal(2))],
        [(wait(2), signal(0)), (wait(0),)],
        [(signal(1),), (wait(0),)],
    ]
    names = {rank: (rank + turn) % 3 for rank in range(3)}
    mutant: World = [[] for _ in names]
    for rank, own in enumerate(released):
        mutant[names[rank]] = [
            tuple(action._replace(peer=names[action.peer or 0]) for action in step) for step in own
        ]
    assert "may leave before rank" in str(blamed("barrier", mutant, 1))


def test_a_signal_holds_nobody_back() -> None:
    """Who only signals has waited for nobody, even where the model makes it meet its receiver."""
    mutant: World = [[(signal(1),)], [(wait(0),)]]
    error = blamed("barrier", mutant, 1)
    assert (error.rank, str(error)) == (0, "rank 0: may leave before rank 1 has entered")


def test_an_unwritten_result_is_caught() -> None:
    """Nothing is not a result."""
    assert str(blamed("allreduce", [[]], 1)) == "rank 0: out[0] is never written"


def test_schedules_refuse_numbers_out_of_range() -> None:
    """A rank or root outside the world is an error and not an odd schedule."""
    for numbers in [(2, 2, 0, 1), (2, 0, 2, 1), (2, 0, 0, 0), (0, 0, 0, 1), (2, -1, 0, 1)]:
        with pytest.raises(ValueError, match="no such schedule"):
            steps("allreduce", "ring", *numbers)
    with pytest.raises(ValueError, match="no such schedule"):
        steps("alltoall", "bruck", 2, 0, 0, 2)  # it does not work in chunks


def test_two_orders_of_one_sum_are_caught() -> None:
    """Sums of floats in another order may differ in bits, and all ranks of an allreduce must agree."""
    mutant = world("allreduce", "direct", 3)
    mutant[2][1] = (reduce(Span("out", 0), (Span("in", 0), Span("tmp", 1), Span("tmp", 0))),)
    error = blamed("allreduce", mutant, 1)
    assert (error.rank, str(error)) == (
        2,
        "rank 2: out[0] is summed in another order than on rank 0, and may differ in bits",
    )


def test_operands_of_one_addition_may_change_places() -> None:
    """Addition commutes."""
    mutant = world("allreduce", "direct", 2)
    mutant[1][1] = (reduce(Span("out", 0), (Span("in", 0), Span("tmp", 0))),)
    check("allreduce", mutant, 1)


def test_a_sum_of_other_blocks_is_caught() -> None:
    """Block 0 of one rank has nothing to do with block 1 of another."""
    mutant: World = [
        [(send(Span("in", 0, 2), 1),)],
        [(recv(Span("tmp", 0, 2), 0),), (reduce(Span("out", 0), (Span("in", 0), Span("tmp", 1))),)],
    ]
    assert "adds block 1 to block 0" in str(blamed("allreduce", mutant, 2))


def test_an_average_that_is_not_scaled_is_caught() -> None:
    """And one that is scaled where a sum was asked."""
    with pytest.raises(ScheduleError, match="is not divided by the number of ranks"):
        check("allreduce", world("allreduce", "ring", 3), 3, average=True)
    with pytest.raises(ScheduleError, match="is divided by the number of ranks"):
        check("allreduce", world("allreduce", "ring", 3, scaling="first"), 3)


def test_what_belongs_to_others_is_not_written() -> None:
    """A rank that is not the root keeps its `out`, and of a reduce-scatter only the own part is there."""
    mutant = world("reduce", "binomial", 2)
    mutant[1].append((copy(Span("out", 0), Span("in", 0)),))
    assert "but only nothing belongs to its result" in str(blamed("reduce", mutant, 1))
    mutant = world("reduce_scatter", "ring", 2)
    mutant[0].append((copy(Span("out", 1), Span("in", 1)),))
    assert "but only out[0:1] belongs to its result" in str(blamed("reduce_scatter", mutant, 2))
    mutant = world("reduce_scatter", "ring", 2)
    mutant[0].insert(0, (copy(Span("out", 0, 2), Span("in", 0, 2)),))
    assert "writes out[0:2], but only out[0:1]" in str(blamed("reduce_scatter", mutant, 2))


@pytest.mark.parametrize(("op", "name"), NAMES)
def test_every_algorithm_tells_its_cost_and_source(op: str, name: str) -> None:
    """`zbench list algorithms` reads them from its docstring."""
    algorithm = ALGORITHMS[op][name]
    assert "a" in algorithm.formula
    assert algorithm.source
