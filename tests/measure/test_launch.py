"""Real worker processes: what they say, how they die, and that nothing is left behind."""

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from zbench.case import Case
from zbench.errors import InvalidRun
from zbench.measure.launch import crew, serve
from zbench.measure.plan import Group
from zbench.subject import Subject

PLUGINS = Path(__file__).with_name("plugins")
GEMM = Case("gemm", "fp32", (64, 64, 64), {"threads": 1})
BARRIER = Case("barrier", "byte", (0,), {"ranks": 2})
CARD = Group("card", (Subject("card", "cpu"),), 1, (GEMM,))
FABRIC = Group("fabric", (Subject("fabric", "shm"),), 2, (BARRIER,))


def order(group: Group, burst_ns: int = 5_000_000, rounds_max: int = 50) -> dict[str, Any]:
    return {
        "type": "measure",
        "suite": group.suite,
        "subject": group.subject,
        "subjects": [
            {"kind": s.kind, "name": s.name, "option": s.option, "venv": s.venv} for s in group.subjects
        ],
        "ranks": group.ranks,
        "role": "measure",
        "block": 0,
        "launch": 0,
        "seed": 1,
        "burst_ns": burst_ns,
        "rounds_max": rounds_max,
        "table": {},
        "cases": [msgspec.to_builtins(case) for case in group.cases],
    }


@pytest.mark.parametrize("group", [CARD, FABRIC], ids=["card", "fabric"])
def test_a_launch_reports_its_machine_and_its_records(group: Group) -> None:
    """hello, then one burst and one record per case."""
    with crew(group) as members:
        messages = list(serve(members, order(group)))
    assert [message["type"] for message in messages] == ["hello", "burst", "record"]
    assert messages[2]["record"]["status"] == "ok"
    assert messages[2]["record"]["verification"]["passed"]
    assert all(worker.process.returncode == 0 for worker in members.workers)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Popen has no process_group before Python 3.11")
def test_ranks_share_a_session_and_no_process_group() -> None:
    """Between sessions Linux shares a CPU first, so that yielding it would not reach another rank; a group of
    its own keeps Ctrl-C from a rank, and lets it be ended with what it has started."""
    with crew(FABRIC) as members:
        pids = [worker.pid for worker in members.workers]
        assert {os.getsid(pid) for pid in pids} == {os.getsid(0)}
        assert [os.getpgid(pid) for pid in pids] == pids


class Late(selectors.DefaultSelector):
    """Sees nothing until the worker has said all and ended: a parent that was put aside before its look."""

    looked = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.looked:
            return super().select(timeout)
        (key,) = self.get_map().values()
        os.waitid(os.P_PID, key.data.process.pid, os.WEXITED | os.WNOWAIT)
        self.looked = True
        return []


def test_a_worker_that_is_done_and_ends_is_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has said before its end is read, although a look finds it ended."""
    monkeypatch.setattr(selectors, "DefaultSelector", Late)
    with crew(CARD) as members:
        messages = list(serve(members, order(CARD)))
    assert [message["type"] for message in messages] == ["hello", "burst", "record"]


def endless(group: Group) -> Iterator[tuple[Any, Any]]:
    """A launch in the middle of a burst that takes far longer than the test."""
    endless_order = order(group, burst_ns=10**11, rounds_max=10**5)
    with crew(group) as members:
        messages = serve(members, endless_order)
        for message in messages:
            if message["type"] == "burst":
                time.sleep(0.2)
                yield members, messages


@pytest.mark.parametrize("group", [CARD, FABRIC], ids=["card", "fabric"])
@pytest.mark.parametrize(
    ("sign", "told"), [(signal.SIGKILL, "was killed by SIGKILL"), (signal.SIGSTOP, "was stopped")]
)
def test_a_worker_that_is_killed_or_stopped_is_named(group: Group, sign: signal.Signals, told: str) -> None:
    """The last rank is hit; its number, its pid and what it did stand in the message."""
    pids: list[int] = []
    with pytest.raises(InvalidRun, match=rf"{told}.* during {group.cases[0].key}") as caught:
        for members, messages in endless(group):
            pids = [worker.process.pid for worker in members.workers]
            os.kill(pids[-1], sign)
            began = time.monotonic()
            list(messages)
    assert f"pid {pids[-1]}" in str(caught.value)
    assert time.monotonic() - began < 10  # bounded; the promised second is shown by a run, not a test
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


class Deaf(selectors.DefaultSelector):
    """Does not hear that a rank has ended: a parent that hears another's complaint first."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        heard = super().select(timeout)
        return [each for each in heard if each[0].data.channel.connection.recv(1, socket.MSG_PEEK)]


def test_a_rank_that_died_is_named_although_another_complains_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose library can only say that something has failed."""
    monkeypatch.setattr(selectors, "DefaultSelector", Deaf)
    monkeypatch.syspath_prepend(PLUGINS)
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS), prepend=os.pathsep)
    group = Group("fabric", (Subject("fabric", "vague.fabrics:Vague"),), 2, (BARRIER,))
    told = r"rank 0 of .* failed during .*: something has failed; rank 1 of .* \(pid \d+\) has ended$"
    with pytest.raises(InvalidRun, match=told), crew(group) as members:
        list(serve(members, order(group)))


def test_a_plug_in_that_fails_is_told() -> None:
    """Whatever it raises; the worker's own words reach the parent."""
    abstract = Subject("card", "zbench.cards.base:Card")
    group = Group("card", (abstract,), 1, (GEMM,))
    with (
        pytest.raises(InvalidRun, match=r"failed during starting: TypeError: .*abstract"),
        crew(group) as members,
    ):
        list(serve(members, order(group)))
