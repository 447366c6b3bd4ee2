"""Groups of ranks that do cases of their own side by side, over shared memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zbench.case import Case
from zbench.errors import Unsupported
from zbench.fabrics.base import World, group
from zbench.fabrics.shm import FD_VARIABLE, Shm

RunWorld = Callable[..., list[Any]]


def test_a_group_numbers_its_members_in_their_own_order() -> None:
    """No members: all ranks."""
    world = World(2, 4, lambda mine: [mine])
    assert group(world, None) == (0, 1, 2, 3)
    assert group(world, (3, 2)).index(2) == 1


@pytest.mark.parametrize("members", [(0, 1), (2, 2), (2, 4), (-1, 2), ()])
def test_what_is_no_group_is_refused(members: tuple[int, ...]) -> None:
    """Without this rank, with one twice, or with one that is not there."""
    with pytest.raises(ValueError, match="no group of rank 2 in a world of 4"):
        group(World(2, 4, lambda mine: [mine]), members)


def test_pairs_side_by_side_bring_their_own_messages(run_world: RunWorld) -> None:
    """Every matching of four ranks; of five, where one rests; either of a pair may be the first."""
    for ranks, matchings in [
        (4, [[[0, 3], [2, 1]], [[3, 1], [0, 2]], [[1, 0], [2, 3]]]),
        (5, [[[4, 0], [1, 3], [2]], [[0, 1], [3], [2, 4]]]),
    ]:
        asked = [
            [
                [pair, op if len(pair) == 2 else "barrier", "byte", size if len(pair) == 2 else 0, {}]
                for pair in pairs
            ]
            for pairs in matchings
            for op, size in [("pingpong", 8), ("pingpong", 100_003), ("bidirectional", 1000)]
        ]
        assert run_world(ranks, "run_groups", asked) == [[]] * ranks


def test_groups_of_different_sizes_do_different_cases(run_world: RunWorld) -> None:
    """Roots and parts are numbered inside each; averages are over the group; in place, too."""
    average = {"redop": "avg"}
    in_place = {"inplace": "yes"}
    asked = [
        [[[3, 0, 4], "bcast", "byte", 5000, {"root": 1}], [[2, 1], "allreduce", "int64", 4000, average]],
        [[[4, 2], "allreduce", "fp32", 64, average], [[1, 0, 3], "alltoall", "byte", 3000, {}]],
        [[[0, 2], "allgather", "byte", 200_000, in_place], [[4, 1, 3], "gather", "byte", 300, in_place]],
    ]
    assert run_world(5, "run_groups", asked) == [[]] * 5


def test_a_mismatch_inside_a_group_is_told(run_world: RunWorld) -> None:
    """Both of the pair are named with what they are in, by the ranks' numbers in the world."""
    answers = run_world(4, "differ_in_group", [8, 8, 8, 16], [0] * 4)
    told = [answer for answer in answers if "rank 2 is in call" in answer or "rank 3 is in call" in answer]
    assert told
    assert all("sendrecv/byte/" in answer and "of ranks 2, 3" in answer for answer in told)


def test_groups_that_agree_do_not_suspect_each_other(run_world: RunWorld) -> None:
    """Though the pairs are in calls of different sizes."""
    for cut in range(2):
        assert run_world(4, "differ_in_group", [8, 8, 4096, 4096], [cut] * 4) == ["no error"] * 4


def test_rounds_of_different_cuts_do_not_begin(run_world: RunWorld) -> None:
    """Though each pair agrees, and none waits for a message of the other."""
    answers = run_world(4, "differ_in_group", [8, 8, 16, 16], [0, 0, 1, 1])
    assert "no error" not in answers
    assert any("of ranks 0, 1" in answer and "of ranks 2, 3" in answer for answer in answers)


def test_a_case_for_another_number_of_ranks_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pair needs two members, and a case as many as it says."""
    with Shm.seats(2) as seats:
        monkeypatch.setenv(FD_VARIABLE, seats[0].environment[FD_VARIABLE])
        fabric = Shm(World(0, 2, lambda mine: [mine]))
        with pytest.raises(Unsupported, match="needs two ranks"):
            fabric.prepare(Case("pingpong", "byte", (8,), {"ranks": 1}), [{}], None, (0,))
        with pytest.raises(Unsupported, match="in a world of 2 ranks"):
            fabric.prepare(Case("barrier", "byte", (0,), {"ranks": 1}), [{}], None, (1, 0))
        fabric.close()
