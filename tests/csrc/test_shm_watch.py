"""What a rank is told when its peers end, keep silent, or are in another call."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.csrc.conftest import AREA, Open, together, vector
from zbench.native import shm
from zbench.native.coll import PeerError, Plan
from zbench.native.shm import Call, Verdict
from zbench.schedules.action import Span, recv, send
from zbench.schedules.compile import compile_plan

HERE = Path(__file__).parent
COMPILER = shutil.which("cc")
EXCHANGE = [(send(Span("in", 0), 1 - rank), recv(Span("out", 0), 1 - rank)) for rank in range(2)]
WAITING = [(recv(Span("out", 0), 1 - rank),) for rank in range(2)]
"""Per rank."""


def plan_of(step: tuple[Any, ...], name: str, size: int = 8) -> tuple[Plan, NDArray[np.uint8]]:
    """One step under this name, and its output."""
    slot = {"in": np.full(size, 7, np.uint8), "out": np.zeros(size, np.uint8)}
    plan = Plan(compile_plan([step], vector(1, size, 1)), "byte", 2, [slot])
    plan.describe(name)
    return plan, slot["out"]


def told(work: Callable[[], Any]) -> str:
    """What a call that must fail is told."""
    with pytest.raises(PeerError) as error:
        work()
    return str(error.value)


@pytest.mark.parametrize("steps", [EXCHANGE, WAITING], ids=["data crosses", "nothing crosses"])
def test_ranks_in_different_calls_are_told_both(world: Open, steps: list[Any]) -> None:
    """Though the sizes agree, and long before the deadline; what the other call sent is not delivered."""
    ranks = world(2, 600.0)
    names = ["allreduce of fp32", "allreduce of int32"]

    def work(rank: int) -> tuple[str, int]:
        same, _ = plan_of(EXCHANGE[rank], "a barrier")
        same.execute(ranks[rank].transport, 0)
        plan, out = plan_of(steps[rank], names[rank])
        return told(lambda: plan.execute(ranks[rank].transport, 0)), int(out.sum())

    answers = together(2, work)
    assert {text for text, _ in answers} <= {"a peer is in another call", "a peer aborted the operation"}
    assert [total for _, total in answers] == [0, 0]
    for rank in range(2):
        verdict = ranks[rank].verdict()
        assert verdict is not None
        assert verdict.why == "other call"
        assert {verdict.who, verdict.whom} == {0, 1}
        assert verdict.who_call == Call(2, names[verdict.who])
        assert verdict.whom_call == Call(2, names[verdict.whom])


def test_a_message_is_traced_to_the_call_it_came_from(world: Open) -> None:
    """Though its sender has gone on to others since."""
    first, second = world(2, 600.0)
    for number in range(3):
        plan_of((send(Span("in", 0), 0),), f"call {number}")[0].execute(second.transport, 0)
    waiting = plan_of((recv(Span("out", 0), 1),), "something else")[0]
    assert told(lambda: waiting.execute(first.transport, 0)) == "a peer is in another call"
    assert first.verdict() == Verdict("other call", 0, 1, Call(1, "something else"), Call(1, "call 0"))


def test_who_has_only_sent_is_told_the_call_that_it_has_left(world: Open) -> None:
    """It is in the next one, which is not what differs; the other is in its first still."""
    first, second = world(2, 600.0)
    for rank, segment in enumerate((first, second)):
        plan_of((send(Span("in", 0), 1 - rank),), f"root {rank}")[0].execute(segment.transport, 0)
    barrier = plan_of(EXCHANGE[0], "a barrier")[0]
    assert told(lambda: barrier.execute(first.transport, 0)) == "a peer is in another call"
    assert first.verdict() == Verdict(
        "other call", 0, 1, Call(2, "a barrier"), Call(1, "root 1"), Call(1, "root 0")
    )


def test_a_call_that_the_peer_has_left_without_an_answer_is_an_error(world: Open) -> None:
    """The same name, but other actions; the peer finishes, and waits for the next round."""
    ranks = world(2, 600.0)

    def work(rank: int) -> str:
        plan, _ = plan_of([(), WAITING[1]][rank], "the same name")
        return told(lambda: (plan.execute(ranks[rank].transport, 0), ranks[rank].synchronize()))

    assert together(2, work) == ["a peer aborted the operation", "a peer is in another call"]
    assert ranks[1].verdict() == Verdict(
        "other call", 1, 0, Call(1, "the same name"), Call(2, "the same name")
    )


def test_rounds_of_different_plans_do_not_begin(world: Open) -> None:
    """Also where nobody would ever have waited for the other: both only send."""
    ranks = world(2, 600.0)

    def work(rank: int) -> int:
        plan, _ = plan_of((send(Span("in", 0), 1 - rank),), f"root {rank}")
        told(lambda: plan.run_rounds(ranks[rank].transport, 3, 1))
        verdict = ranks[rank].verdict()
        assert verdict is not None
        assert {verdict.who_call, verdict.whom_call} == {Call(1, "root 0"), Call(1, "root 1")}
        return rank

    assert together(2, work) == [0, 1]


@pytest.mark.parametrize("oversubscribed", [True, False])
def test_a_rank_that_has_ended_is_told_to_whoever_waits_for_it(world: Open, oversubscribed: bool) -> None:
    """What it had sent before still arrives, and nobody else is disturbed."""
    ranks = world(3, 600.0, oversubscribed)
    plan_of((send(Span("in", 0), 0),), "one message")[0].execute(ranks[1].transport, 0)
    del ranks[1]
    plan, out = plan_of((recv(Span("out", 0), 1),), "one message")
    plan.execute(ranks[0].transport, 0)
    assert out.tolist() == [7] * 8
    assert ranks[0].verdict() is None
    assert told(lambda: plan.execute(ranks[0].transport, 0)) == "a peer has ended"
    found = Verdict("ended", 0, 1, Call(2, "one message"), Call(1, "one message"))
    assert ranks[0].verdict() == found
    assert told(ranks[1].synchronize) == "a peer aborted the operation"
    assert ranks[1].verdict() == found


def test_a_peer_that_never_answers_is_named_at_the_deadline(world: Open) -> None:
    """The wait ends, and with it those of all others."""
    first, second = world(2, 0.2)
    with pytest.raises(PeerError, match="within the deadline"):
        first.synchronize()
    silent = Verdict("silent", 0, 1, Call(1, ""), Call(0, ""))
    assert first.verdict() == silent
    with pytest.raises(PeerError, match="aborted"):
        second.synchronize()
    assert second.verdict() == silent


@pytest.mark.skipif(COMPILER is None, reason="no C compiler here")
def test_nobody_is_blamed_at_the_first_look(tmp_path: Path) -> None:
    """A message may have come since the last look for one: too seldom for a world to show it."""
    program = tmp_path / "check_watch"
    words = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-I", str(HERE.parents[1] / "csrc")]
    words += ["-o", str(program), str(HERE / "check_watch.c")]
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}  # a sanitizer's
    subprocess.run([str(COMPILER), *words], env=environment, check=True)
    done = subprocess.run([str(program)], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_a_rank_that_never_came_is_told_from_one_that_is_silent() -> None:
    """Its process was not started, or did not come as far as the segment."""
    fd = shm.create(2, AREA)
    alone = shm.Segment(fd, 0, True, 0.2)
    with pytest.raises(PeerError, match="within the deadline"):
        alone.synchronize()
    assert alone.verdict() == Verdict("silent", 0, 1, Call(1, ""), Call(-1, ""))
    os.close(fd)


def test_long_names_are_cut(world: Open) -> None:
    """Not the fingerprint: names that differ only at their ends are different calls."""
    first, second = world(2, 600.0)
    plan_of((send(Span("in", 0), 0),), "x" * 500 + "0")[0].execute(second.transport, 0)
    waiting = plan_of((recv(Span("out", 0), 1),), "x" * 500 + "1")[0]
    assert told(lambda: waiting.execute(first.transport, 0)) == "a peer is in another call"
    verdict = first.verdict()
    assert verdict is not None
    assert verdict.whom_call.text == verdict.who_call.text == "x" * 127


def test_nobody_takes_the_place_of_another_rank(world: Open) -> None:
    """Two that believe to be the same rank are a launcher's mistake, told when the second one comes."""
    ranks = world(2)
    with pytest.raises(OSError, match="busy"):
        ranks[0].beside(1)
    del ranks[1]
    assert ranks[0].beside(1).ranks == 2
