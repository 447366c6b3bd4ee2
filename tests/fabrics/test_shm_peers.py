"""Real processes that die, stop, keep silent, or are in another call: what the others are told, and when."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from zbench.case import Case
from zbench.fabrics.shm import Shm

RunWorld = Callable[..., list[Any]]


def test_an_abort_by_the_parent_ends_all_waits(start_world: Callable[..., Any]) -> None:
    """A rank does not answer, the parent says so, and the others end within a second."""
    with Shm.seats(3) as seats:
        processes = start_world(seats, "wait_forever", 60)
        time.sleep(1.0)  # let the others reach the barrier; they hold whether they have or not
        Shm.abort(seats)
        began = time.monotonic()
        answers = [json.loads(process.communicate(timeout=30)[0]) for process in processes[1:]]
        took = time.monotonic() - began
        processes[0].kill()
        processes[0].communicate()
    assert answers == [f"shm: rank {rank} in barrier/byte/0/ranks=3: the parent gave up" for rank in (1, 2)]
    assert took < 5.0, "the deadline of a wait is 30 s: this was not the abort"


SOON_S = 5.0
"""The deadline of a wait is 30 s; what is found by looking at the peer is told within one second, where
nobody else needs the cores."""


def ended(processes: list[Any], after_s: float = SOON_S) -> list[str]:
    """What the ranks are told, within a while from now."""
    began = time.monotonic()
    answers = [json.loads(process.communicate(timeout=30)[0]) for process in processes]
    assert time.monotonic() - began < after_s
    return answers


@pytest.mark.parametrize("ranks", [2, 5])
def test_a_killed_rank_is_named_by_all_others(start_world: Callable[..., Any], ranks: int) -> None:
    """With nobody's help, whether it dies in a call or between two; with the call of whoever found it."""
    with Shm.seats(ranks) as seats:
        processes = start_world(seats, "barriers", [1])
        for process in processes:
            process.stderr.readline()
        time.sleep(0.3)
        processes[1].kill()
        answers = ended([process for rank, process in enumerate(processes) if rank != 1])
        processes[1].communicate()
    name = f"barrier/byte/0/ranks={ranks}"
    for each in answers:
        assert each.startswith("shm: rank ")
        assert f"call 11 ({name} by " in each or f"in {name}, call 11: " in each
        assert f"rank 1 has ended; its last was call 10 ({name} by " in each


def test_a_stopped_rank_is_named_at_the_deadline(
    start_world: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lives, and its call is known; in a world that shares cores, too."""
    monkeypatch.setenv("TEST_TIMEOUT_S", "1")
    with Shm.seats(4) as seats:
        processes = start_world(seats, "barriers", [])
        for process in processes:
            process.stderr.readline()
        processes[2].send_signal(signal.SIGSTOP)
        answers = ended([process for rank, process in enumerate(processes) if rank != 2], 10.0)
        processes[2].kill()
        processes[2].communicate()
    assert any("rank 2 did not answer within 1 s; it" in each for each in answers)
    assert all("did not answer within 1 s; it" in each and "call " in each for each in answers)


def test_a_silent_rank_is_named_at_the_deadline(run_world: RunWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any parent's help: who waits names the one that does not answer, and takes the others along."""
    monkeypatch.setenv("TEST_TIMEOUT_S", "1")
    answers = run_world(3, "wait_forever", 3)
    assert any("rank 0 did not answer within 1 s; it had begun no call" in each for each in answers[1:])
    assert all("did not answer within 1 s; it" in each for each in answers[1:])


def test_ranks_that_were_all_stopped_go_on(
    start_world: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by Ctrl-Z and fg: nobody is to blame for the time in which the waiting rank did not run, either."""
    monkeypatch.setenv("TEST_TIMEOUT_S", "2")
    with Shm.seats(2) as seats:
        processes = start_world(seats, "barriers", [])
        for process in processes:
            process.stderr.readline()
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        time.sleep(3.0)
        for process in processes:
            process.send_signal(signal.SIGCONT)
        time.sleep(1.0)
        assert [process.poll() for process in processes] == [None, None]
        processes[0].kill()
        assert "rank 0 has ended" in ended(processes[1:])[0]
        processes[0].communicate()


@pytest.mark.parametrize("ranks", [2, 5])
def test_who_waits_for_long_leaves_the_core_to_others(run_world: RunWorld, ranks: int) -> None:
    """Whether it has one of its own or shares it; a neighbour's work can only lower what it takes."""
    assert max(run_world(ranks, "cores_used", 2.0)) < 0.5


def test_a_rank_that_has_done_its_work_may_end(run_world: RunWorld) -> None:
    """Its last message arrives; only who waits for another one is told."""
    (sent,), (taken, missed) = run_world(2, "last_words")
    assert (sent, taken) == ("", "")
    assert missed.startswith("shm: rank 1 in bcast/byte/8/ranks=2, call 2: rank 0 has ended; its last was ")


OTHERS: dict[str, list[Any]] = {
    "operation": ["bcast", "byte", 4096, {}, "binomial"],
    "size": ["allreduce", "fp32", 4100, {}, "ring"],
    "a size that travels otherwise": ["allreduce", "fp32", 32, {}, "ring"],
    "dtype": ["allreduce", "int32", 4096, {}, "ring"],
    "redop": ["allreduce", "fp32", 4096, {"redop": "max"}, "ring"],
    "algorithm": ["allreduce", "fp32", 4096, {}, "recursive-doubling"],
    "no operation": ["barrier", "byte", 0, {}, None],
    "a pair": ["pingpong", "byte", 4096, {}, None],
}
"""What one rank calls while the others call the first of CALLED, and what is different about it."""
CALLED = [["allreduce", "fp32", 4096, {}, "ring"], ["bcast", "byte", 8, {"root": 1}, "direct"]]


def named(asked: list[Any], ranks: int) -> str:
    op, dtype, size_bytes, parameters, _ = asked
    return Case(op, dtype, (size_bytes,), {"ranks": ranks} | parameters).key


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize(("ranks", "rounds"), [(2, False), (2, True), (3, True)])
def test_a_call_that_differs_is_named_with_the_other(
    start_world: Callable[..., Any], what: str, ranks: int, rounds: bool
) -> None:
    """Both calls with their numbers, long before the deadline; nobody takes the result for good."""
    asked = [CALLED[0]] * (ranks - 1) + [OTHERS[what]]
    with Shm.seats(ranks) as seats:
        processes = start_world(seats, "differ", asked, rounds)
        answers = ended(processes, 30.0)
    for each in answers:
        assert (
            f"call 4 ({named(CALLED[0], ranks)} by " in each
            or f"in {named(CALLED[0], ranks)}, call 4: " in each
        )
        assert named(OTHERS[what], ranks) in each


def test_roots_that_differ_are_named_before_the_round(start_world: Callable[..., Any]) -> None:
    """Two roots that only send would never wait for each other."""
    asked = [CALLED[1], ["bcast", "byte", 8, {}, "direct"]]
    with Shm.seats(2) as seats:
        answers = ended(start_world(seats, "differ", asked, True), 30.0)
    assert all(named(call, 2) in each for each in answers for call in asked)


def test_leaving_the_seats_ends_their_ranks(start_world: Callable[..., Any]) -> None:
    """A parent that goes away leaves nobody waiting."""
    with Shm.seats(2) as seats:
        processes = start_world(seats, "wait_forever", 60)
        time.sleep(1.0)
    assert "the parent gave up" in json.loads(processes[1].communicate(timeout=30)[0])
    processes[0].kill()
    processes[0].communicate()
